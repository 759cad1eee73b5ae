"""Headers about bodies that are sent in parts, as they are over the limit of one request."""

from __future__ import annotations

#: In a request: name of the body whose parts were sent before.
PARTS_HEADER = "X-Body-Parts"
#: In the refusal of a body that is too large: bytes of one request, and of a body in parts.
LIMIT_HEADER = "NEST-Body-Limit"
PARTS_LIMIT_HEADER = "NEST-Parts-Limit"
