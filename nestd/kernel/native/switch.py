"""Switch for all access to NEST's memory, on unless ``NESTD_NATIVE=off``.

A process has one NEST, so there is one switch. ``nestd/ranks/startup.py`` sets the switch on every
rank, before the kernel is made.
"""

from __future__ import annotations

#: Whether NEST's memory may be read and written.
is_on = True
