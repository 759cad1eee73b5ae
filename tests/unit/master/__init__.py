"""Tests of the master, without sockets, files and clocks."""
