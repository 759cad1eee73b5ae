"""Runtime directory: the files through which processes of one server find and see each other.

paths                 RuntimeDirectory: names, makes, checks and removes every file
private_files         files and sockets that only their user can use
connection_file       where a kernel listens, and what it is
status_file           what a kernel executes, and what waits
rank_activity         which ranks execute an operation
rejected_connections  numbers of connections that a kernel has rejected
data_directory        files that NEST writes for callers
data_settings         which directory that is, and its quota
job_store             spool of all jobs
stored_job            one job: request, claim, output, answer
message_file          messages in files
listening             listening sockets, at both loopback addresses or at none
"""
