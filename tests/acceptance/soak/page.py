"""``docs/soak.md``, but for what was found."""

HEAD = """\
# Soak and chaos

What becomes of a server that random clients use and abuse while things go wrong, tried by
`scripts/soak`, which writes this page from what it has found. It takes `--minutes`, 5 if not
given, for each of `--ranks`, 1 and 2 if not given; hours and days are as good. `--no-faults`
has clients only; `--fuzz` sends random bytes and mutated messages instead, in a few minutes.
All choices come from `--seed`, which is printed; what they meet depends on the machine. If
something does not hold, the exit code is 1, and each case is named. What the server promises is
in [operations](operations.md#when-something-fails); other long tests are in [long
runs](long-runs.md).
"""

#: Of each part its title, and what is tried and promised.
PARTS = {
    "calm": (
        "Without faults",
        """\
Eight clients do one thing after the other, at random: they look, call, make mistakes, run
scripts (some of which want too much memory), simulate, ask for jobs and cancel some of them,
for simulations without an end, for jobs too large for a small disk, read events, read slowly,
hang up, stall, and send garbage as HTTP and to nestd's ROUTER and PUB sockets. Everything that
was sent, and each job that was accepted, has to have exactly one outcome: an answer, a refusal
with its reason where it was wrong, 503 `QueueFull`, cancelled where the client asked for that,
or given up by the client itself. No other 5xx, and no connection lost. Of each neuron asked for
it is known in the end whether it was made, which has to be what was answered, and never twice.""",
    ),
    "soak": (
        "With faults",
        """\
The same, while one fault follows the other. Beside the above there may be an error with its
reason, or a connection lost, only where a fault of a kind that explains it happened in that
time. After each round there are as many processes as after the first, the same files, no more
than 32 MiB more memory and 24 more open files of all processes of one kind; after `stop` there
is no process and no file.""",
    ),
    "faults": (
        "Faults",
        """\
Each fault, and the time from its beginning until `/readyz` says 200: for what is stopped, or
has too little room, that includes the 0.5 to 2 s that it lasts, and for kernels the time that
the supervisor waits before it starts one that died soon before. A gateway that is replaced
answers meanwhile.""",
    ),
    "fuzz": (
        "Random bytes and mutated messages",
        """\
Random bytes as messages, as subscriptions, and as streams with and without ZeroMQ's handshake,
and real messages with one to three random changes, to the ROUTER and PUB sockets of a nestd and
to the SUB socket of a gateway. Each message to ROUTER has to be answered by a message, the
kernel has to be the same, with its network, a reader of events has to hear on, and no process
may have grown by more than 8 MiB since a tenth of it (the gateway: a half).""",
    ),
}
