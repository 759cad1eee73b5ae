"""Logging: lines of one form from all programs.

lines       lines as ``key=value`` or JSON, and settings
context     HTTP request that a thread works for
forwarding  handler that publishes lines as events
"""
