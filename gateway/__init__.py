"""HTTP gateway to nestd: authenticate, parse, send a command, wait, encode the reply.

==================  ============================================================================
``__main__``        command ``python -m gateway``: the application under gunicorn
``app``             Flask application: who may call, what every reply has
``services``        parts of one gateway that its routes share
``settings``        settings, read from the environment
``routes/``         addresses
``http/``           HTTP: bodies, arguments, replies, errors, logging, metrics, the server
``kernel/``         connection to the kernel
``jobs/``           jobs
``events/``         events
``openapi/``        OpenAPI document
``static/``         files of the page
==================  ============================================================================
"""
