"""HTTP server of the gateway: receives requests in one loop, answers them in threads.

Our own, for what no kept server has at once: heads and bodies that are received outside the
threads, a refusal before the body, and small calls as quick as a thread that stays with its
connection makes them (``docs/decisions/0020-heads-and-bodies-in-a-loop.md`` has the measurements).

loop        receives, hands requests to threads, sends what callers take slowly
turns       turns of callers who send little at a time
connection  one connection: what has come, what is to be sent
head        heads: found, limited, parsed
body        bodies: of a known length, or in chunks
environ     requests as WSGI applications get them
reply       answers of WSGI applications
refusal     requests that are none, or too slow: when, and what they are told
peers       connections by address, and which of them goes when there are too many
threads     threads that answer
limits      sizes, times and numbers
"""
