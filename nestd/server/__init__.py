"""``nest-server``: starts nestd and gateway, keeps them up, stops and shows them.

It imports neither NEST nor the gateway: both are programs to it.
"""
