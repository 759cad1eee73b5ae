"""Plots of PyNEST's modules, drawn from any object with PyNEST's interface.

drawing     late import of matplotlib
layers      spatial layers
masks       masks of connection rules
network     the graph of a network
nodes       node ids in the forms in which callers give them
raster      spikes
traces      membrane potentials
recordings  text files that recorders write
"""
