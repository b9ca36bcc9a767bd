"""Versions of the sandbox's file: an older file is migrated when it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

# The statements that migrate version n to n + 1, at index n. The version of a file is its `PRAGMA user_version`.
_STEPS = (
    (
        "ALTER TABLE deliveries ADD COLUMN body TEXT",
        "ALTER TABLE deliveries ADD COLUMN faults TEXT NOT NULL DEFAULT '[]'",
        "UPDATE deliveries SET state = CASE WHEN attempts = 0 THEN 'queued' ELSE 'waiting' END WHERE state = 'pending'",
        "DROP INDEX IF EXISTS deliveries_pending",
        "UPDATE meta SET value = value -> '$.settings' WHERE key = 'faults'",
    ),
    (
        "ALTER TABLE objects ADD COLUMN clock TEXT",
        "ALTER TABLE due ADD COLUMN clock TEXT",
        "DROP INDEX IF EXISTS due_at",
    ),
    (
        "CREATE TABLE parts (id TEXT PRIMARY KEY, whole TEXT NOT NULL) WITHOUT ROWID",
        "INSERT INTO parts SELECT value ->> '$.id', objects.id FROM objects, json_each(objects.json, '$.items.data')"
        " WHERE kind = 'subscription'",
        "DROP INDEX IF EXISTS deliveries_endpoint",
    ),
)


class FileRefused(Exception):
    """The file cannot be used; the message says what to do."""


def migrate_file(db: sqlite3.Connection, schema: str) -> None:
    """Creates the tables of a new file, or migrates an older one, in one transaction."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(_STEPS):
        raise FileRefused(
            f"This file has version {version}, and this sandbox knows versions up to {len(_STEPS)}. Use the later "
            "sandbox that wrote it, or another file."
        )
    old = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'deliveries'").fetchone() is not None
    steps = [statement for step in _STEPS[version:] for statement in step] if old else []
    db.executescript(";\n".join(["BEGIN", *steps, schema, f"PRAGMA user_version = {len(_STEPS)}", "COMMIT"]))
