"""What gateway, daemon and clients share: messages, their wire format, errors, files.

errors           tree of errors that cross a boundary between processes
http_status      HTTP status of each error
api_description  PyNEST's calls and parameters, as a kernel describes them to a gateway
body_parts       headers about bodies that are sent in parts
warned           warnings about a call, and the header that tells them
harmless_calls   names of PyNEST whose call has no effect beyond its answer
version          version of this distribution
wire/            messages, and their form on sockets, in files and in HTTP bodies
channel/         link of a gateway or a client to the kernel
runtime/         files in the runtime directory, and who may read them
security/        keys for ``tcp://``, access token of an own server
process/         environment, identity of processes, readiness, keepalive
logging/         lines of the log, and the HTTP request that they belong to
"""
