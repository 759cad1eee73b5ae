"""Calls of PyNEST: which there are, what they take, and how they differ here.

allow_list         names of PyNEST that can be called or read
parameters         kinds of the parameters of its calls
binding            arguments matched to parameters, and text made typed values
arguments          PyNEST's objects made of arguments
calls              functions called in place of PyNEST's own
joint_calls        calls after which no rank waits for one that raised
shared_targets     connections to volume transmitters, of which every thread has a copy
connection_checks  connection rules that NEST would never finish
fresh_settings     settings of a new kernel, which ResetKernel gives back
room               memory that calls need, checked before NEST begins
description        allow list as ``protocol/api_description.py`` describes it
"""
