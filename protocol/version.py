"""Version of this distribution."""

from importlib.metadata import PackageNotFoundError, version

try:
    SERVER_VERSION = version("nestd")
except PackageNotFoundError:
    # A source tree that was never installed.
    SERVER_VERSION = "0+unknown"
