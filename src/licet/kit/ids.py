"""Ids of ours: UUIDv7, made here and not by the database, so that rows can name each other before they are written."""

from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """A new UUIDv7: unique without asking anyone, and sorted by the moment it was made."""
    return UUID(bytes=uuid_utils.uuid7().bytes)


def as_id(text: str) -> UUID | None:
    """The id that a caller wrote, in the one way in which we write it; None where it can be none."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None
