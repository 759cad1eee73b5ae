"""OpenAPI document of the server.

decorate    ``described``: what the document says of a route, written beside the route
document    the document, made of the routes and of the kernel's interface
components  parameters, headers and replies that operations share
schemas     JSON Schemas of arguments, jobs and errors
"""
