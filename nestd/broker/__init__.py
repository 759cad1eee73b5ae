"""File broker: process without NEST that keeps the files which processes with NEST can't reach.

client   rank 0's end
packets  packets between rank 0 and the file broker
ledger   jobs that rank 0 may work on, and what it may do to each
process  the file broker itself
"""
