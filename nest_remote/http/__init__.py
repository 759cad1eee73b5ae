"""The way to a server over HTTP.

connection  connections that are kept, requests and replies
reply       what a server answers
lease       lease on what this process holds in the kernel
transport   operations as requests, values from replies
programs    scripts as the server takes them
parts       bodies over the limit, sent in parts
too_large   the error for arguments that are too large
"""
