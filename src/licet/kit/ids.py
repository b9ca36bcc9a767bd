"""Ids of ours: UUIDv7, made here and not by the database, so that rows can name each other before they are written."""

from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """A new UUIDv7: unique without asking anyone, and sorted by the moment it was made."""
    return UUID(bytes=uuid_utils.uuid7().bytes)
