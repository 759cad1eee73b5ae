"""Security: who may connect, and with what.

curve_keys   keys of gateways for ``tcp://``
local_token  access tokens that are accepted, and that of a server that the same user runs
"""
