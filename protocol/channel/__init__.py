"""Link of a gateway, or of a client without one, to the kernel.

link            ``KernelLink``: sends a request and returns its answer, or why there is none
channel         ``Channel``: one ZeroMQ socket to one kernel, which notices the kernel's death
pool            ``ChannelPool``: idle channels, and new ones after a network was cut
deadline        limits to a wait for an answer
present_kernel  ``PresentKernel``: the kernel that the connection file names
exit_reason     ``ExitReasons``: why kernels have ended
"""
