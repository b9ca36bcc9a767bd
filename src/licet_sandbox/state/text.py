"""Objects as text, as short as JSON can be: most of the sandbox's file is events.

By orjson: a renewal writes some twenty objects and reads as many, which would be most of what Python does in it.
"""

from __future__ import annotations

from typing import Any

import orjson

# What `encode` wrote, and the parts of it that SQLite answers.
decode = orjson.loads


def encode(value: Any) -> str:
    """Keys in their order, everything in UTF-8."""
    return orjson.dumps(value).decode()
