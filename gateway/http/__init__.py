"""HTTP of the gateway: what every request goes through, whatever it asks for.

authentication  who may call: by the token, or without one by what a request shows
cors            which web pages may call: origins
bodies          bodies of requests: whole, or the reason why not
parts           bodies that come in parts, as they are over the limit of one request
arguments       arguments of calls, from a body or from the query string
delivery        how a caller wants the answer: waiting, as a job, under which name
replies         results as JSON or MessagePack
errors          errors as replies
compression     compressed bodies of large replies
request_log     request ids, the request timer, log lines about requests
metrics         measurements for Prometheus
"""
