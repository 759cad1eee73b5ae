"""Security: who may connect, and with what.

curve_keys   keys of gateways for ``tcp://``
local_token  access token of a server that the same user runs
"""
