"""The way to a server over HTTP.

connection  connections that are kept, requests and replies
transport   operations as requests, values from replies
too_large   the error for arguments that are too large
"""
