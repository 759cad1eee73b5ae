"""Connection to the kernel.

client       ``KernelClient``: sends tasks to the kernel and waits for their answers
pending      ``PendingRequests``: the requests whose callers wait, and how many may
notices      ``NoticeSender``: messages whose answers are not awaited
channel      ``Channel``: one ZeroMQ socket to one kernel, which notices the kernel's death
pool         ``ChannelPool``: idle channels, and new ones after a network was cut
leases       ``LeaseNotices``: signs of life of clients, passed on
deadline     limits to a wait for an answer: a time, or the caller's hang-up
interface    ``KernelInterface``: the names that can be called, as a kernel describes them
status       ``KernelStatus``: what the kernel's files show without asking the kernel
exit_reason  ``ExitReasons``: why kernels have ended
"""
