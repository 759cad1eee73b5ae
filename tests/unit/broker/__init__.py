"""Tests of the file broker, in this process."""
