"""What gateway, daemon and clients share: messages, their wire format, errors, files."""
