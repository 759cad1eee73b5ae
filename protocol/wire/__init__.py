"""Wire: messages, and their form on sockets, in files and in HTTP bodies.

values         values that messages carry, limits, extension types
messages       messages between gateway, nestd and its ranks
fields         messages as fields of their header, and the check of fields from outside
frames         frames of messages; version and limits of the protocol
pack           values to msgpack
unpack         msgpack to values
bounds         how many containers and values a body or message may hold
zero_copy      msgpack made and read without copying large arrays
interned_keys  keys of dicts, kept from message to message
encoder        any Python object to a value
json_form      values to JSON and back
streams        frames over a stream socket
"""
