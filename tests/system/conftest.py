"""Fixtures: a runtime directory of a test's own."""

from tests.integration.conftest import runtime

__all__ = ["runtime"]
