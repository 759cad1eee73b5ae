"""HTTP gateway to nestd: authenticate, parse, send a command, wait, encode the reply.

__main__  command ``python -m gateway``: settings, application, server
app       Flask application: who may call, what every reply has
services  parts of one gateway that its routes share
settings  settings, read from the environment
routes/   functions behind the addresses
server/   HTTP server: receives in a loop, answers in threads
http/     HTTP: bodies, arguments, replies, errors, logging, metrics
kernel/   connection to the kernel
jobs/     jobs: accepted, shown, awaited, cancelled
events/   events of kernel and gateway, for any number of readers
openapi/  OpenAPI document of the server
static/   files of the page
"""
