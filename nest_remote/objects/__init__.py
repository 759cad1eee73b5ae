"""Classes of PyNEST's objects, which stand for objects in the kernel.

handles       what all of them have in common
nodes         NodeCollection
synapses      SynapseCollection, CollocatedSynapses
parameters    Parameter, Mask
layers        positions of spatial layers
compartments  compartments and receptors of neurons
"""
