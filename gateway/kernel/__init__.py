"""Connection to the kernel.

client       ``KernelClient``: sends tasks to the kernel and waits for their answers
pending      ``PendingRequests``: the requests whose callers wait, and how many may
notices      ``NoticeSender``: messages whose answers are not awaited
leases       ``LeaseNotices``: signs of life of clients, passed on
client_disconnect  ``ClientDisconnect``: limit to a wait, the caller's hang-up
interface    ``KernelInterface``: the names that can be called, as a kernel describes them
status       ``KernelStatus``: what the kernel's files show without asking the kernel
"""
