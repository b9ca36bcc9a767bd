"""Objects as text, as short as JSON can be: most of the sandbox's file is events."""

from __future__ import annotations

import json

# Our objects hold no circles.
encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode
