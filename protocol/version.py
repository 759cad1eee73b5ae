"""Versions of this distribution, and of the wire between its processes."""

from importlib.metadata import PackageNotFoundError, version

try:
    SERVER_VERSION = version("nestd")
except PackageNotFoundError:
    # A source tree that was never installed.
    SERVER_VERSION = "0+unknown"

#: Version of the frames in ``protocol/wire/frames.py``: raised whenever an old peer could misread a
#: new message.
WIRE_VERSION = 8
