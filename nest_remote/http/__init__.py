"""The way to a server over HTTP.

connection  connections that are kept, requests and replies
lease       lease on what this process holds in the kernel
transport   operations as requests, values from replies
too_large   the error for arguments that are too large
"""
