"""The oracle: the same requests to servers on 1, 2 and 4 ranks, whose replies have to be equal.

With the same number of virtual processes NEST computes the same however many ranks they are
spread over, so equal replies are the test of merging. ``sequences`` has what is asked,
``asking`` compares, ``known`` lists where NEST itself differs, ``python -m
tests.acceptance.oracle`` runs all and writes ``docs/oracle.md``.
"""
