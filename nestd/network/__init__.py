"""Sockets for gateways and clients, on this host and on a network.

binding            where sockets are bound: in a private directory, or on a network
zap_authenticator  process that lets in gateways with a known key, and counts all others
zap_proxy          nestd's side of that process
event_publisher    events, to the gateways that listen
callers            who has sent messages over which connection, and which of them have closed
"""
