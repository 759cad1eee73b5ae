"""Master on rank 0: takes commands, has the ranks execute them, and answers.

loop          polls the socket, makes events of messages, carries out instructions
state         the state machine: events in, instructions out
events        what may happen, and which event may follow what
instructions  what the state has the loop do
courses       courses of several steps, as generators
execution     courses of a command, a batch, a script
slicing       courses of a simulation, in slices, and how long slices are
rank_answers  courses that make one value of the ranks' answers
live_spikes   courses that publish what watched recorders record
activity      content of the status file, and events about commands
queue         commands that wait, and early cancels
reply_cache   answers, and those kept for gateways whose link was cut
"""
