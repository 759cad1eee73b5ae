"""Plots of PyNEST's modules, drawn from any object with PyNEST's interface.

- ``drawing``: late import of matplotlib
- ``layers``, ``masks``: spatial layers, and masks of connection rules
- ``network``: the graph of a network
- ``nodes``: node ids in the forms in which callers give them
- ``raster``, ``traces``: spikes and membrane potentials
- ``recordings``: text files that recorders write
"""
