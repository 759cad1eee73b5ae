"""Sockets on a network, for gateways of other hosts.

binding            where sockets are bound: in a private directory, or on a network
zap_authenticator  process that lets in gateways with a known key, and counts all others
zap_proxy          nestd's side of that process
"""
