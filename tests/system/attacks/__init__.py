"""Attacks from outside on real servers of an unprivileged account, with a second one beside it.

accounts            accounts of the machine that live as long as a test: a number and a home
targets             a server of an account, what must stay as it is, and what must not come out
elf                 shared objects that leave a marker where they are loaded
memory              memory of a server: what it takes, what it may, and bodies that want more
bypass              servers without the language wall, and with code in the kernel's process
written             table: calls that make NEST write where it should not
scripts.txt         table: scripts that do the same, and that read or load
walls.txt           table: Python that a script or a kernel would run if it had no wall around it
test_files          what is written, read and loaded by names
test_walls          what is left when a wall is gone
test_other_users    other accounts of the machine
test_slow_callers   slow callers, greedy ones, and those without a token
test_foreign_pages  pages of other sites, names of others, NEST Desktop's page
test_greed          calls and bodies that want more memory than there is
test_from_inside    bytes from a script's process and from a gateway; the spool
"""
