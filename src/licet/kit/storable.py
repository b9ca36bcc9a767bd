"""Makes text of others storable: PostgreSQL refuses NUL, and no encoding has lone surrogates. Pure."""

import re
from typing import Any

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""Characters that PostgreSQL cannot store in text or jsonb."""

NUL_OR_SURROGATE_ESCAPE = re.compile(rb"\\u(?:0000|d[89a-f])", re.IGNORECASE)
"""The escapes without which no string in a JSON text in UTF-8 has an unstorable character.

A pair of surrogates, such as an emoji, and a backslash before the `u` match too, so a match is only a reason to look.
"""


def storable(text: str) -> str:
    """The text with a replacement character for each one that cannot be stored."""
    return UNSTORABLE.sub("\ufffd", text)


def storable_json(value: Any) -> Any:
    """A value from JSON with `storable` names and texts."""
    if isinstance(value, dict):
        return {storable(name): storable_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [storable_json(item) for item in value]
    return storable(value) if isinstance(value, str) else value


def one_line(text: str, max_characters: int) -> str:
    """The text in one storable line. White space and characters that do not print become one space.

    For the texts of errors, which lists and logs show. NUL and surrogates do not print.
    """
    # A part of a huge text is enough.
    printable = "".join(character if character.isprintable() else " " for character in text[: max_characters * 4])
    return " ".join(printable.split())[:max_characters]
