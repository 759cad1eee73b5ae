"""Confinement of the processes that run NEST: what they can reach, by the system and not by Python.

landlock  rules of files, of TCP, and of other processes (landlock(7))
"""
