"""Tests of libraries that use NEST, by plain PyNEST and with the look-alike in its place.

======== =============================================================
projects the libraries: what to install, where their tests are
places   environments and sources, and running tests in them
page     results, and ``docs/libraries.md`` made of them
======== =============================================================
"""
