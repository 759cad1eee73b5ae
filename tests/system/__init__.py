"""One machine, with more than Python: root, systemd, other accounts, curl, jq, node."""
