"""Events of kernel and gateway, for any number of readers.

hub           ``EventHub``: receives events, keeps the newest, streams them to readers
spike_cursor  ``SpikeCursor``: how far one reader has the spikes of each recorder
readers       ``EventReaders``: how many readers there are, and may be
"""
