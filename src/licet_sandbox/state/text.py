"""Objects as compact JSON text: most of the sandbox's file is events.

With orjson, because a renewal writes and reads about twenty objects each, and encoding would take most of its time.
"""

from __future__ import annotations

from typing import Any

import orjson

# Reads what `encode` wrote, and parts of it that SQLite returns.
decode = orjson.loads


def encode(value: Any) -> str:
    """Compact JSON, with the keys in their order, in UTF-8."""
    return orjson.dumps(value).decode()
