"""Surroundings of a script as Python's own: how it ends, is named, forks and brings its modules.

arrival     arrival of a script: its name, arguments and files
archive     archive with the files of a program
own_modules modules of a restricted program
execution   execution of one script, from its arrival to its answer
ending      end of a script: threads, exit functions, objects and files, as at Python's exit
workers     processes that a script forks
libraries   libraries for restricted scripts, loaded with all their parts
"""
