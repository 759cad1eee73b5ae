"""Classes of PyNEST's objects, which stand for objects in the kernel.

handles       what all of them have in common
nodes         NodeCollection
known_nodes   what its ids tell, without asking the kernel
composition   its parts, by which it is joined and printed
synapses      SynapseCollection, CollocatedSynapses
found_connections  what is known of the connections that one call has found
parameters    Parameter, Mask
layers        positions of spatial layers
compartments  compartments and receptors of neurons
"""
