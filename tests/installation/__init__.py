"""Tests of what is installed: packages of this project, and of what NEST is built into."""
