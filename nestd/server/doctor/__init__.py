"""``nest-server doctor``: checks of what a server needs, and what to do where something is wrong.

checks  the checks, one finding each
probe   program that reports what NEST, or mpi4py, can do
"""
