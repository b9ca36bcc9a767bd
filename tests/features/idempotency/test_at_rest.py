"""What lies in the database says nothing to whoever takes it: no key, no body, no answer, no secret."""

from dataclasses import replace

from cryptography.fernet import Fernet
from tests.support.contexts import make_context
from tests.support.face import Face
from tests.support.keyed import ACCOUNTS, API_KEYS, account, assert_replayed, post

from licet.db.keyring import Keyring


async def everything(face: Face) -> str:
    """Every table as text, bytes as letters too, as in a dump."""
    pool = face.context.pool
    tables = await pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = [row for table in tables for row in await pool.fetch(f"SELECT * FROM {table[0]}")]
    return "\n".join(
        value.decode("latin-1") if isinstance(value, bytes) else str(value) for row in rows for value in row.values()
    )


async def test_the_answer_is_encrypted(face: Face) -> None:
    key = "a-key-that-is-nowhere"
    made = await post(face, ACCOUNTS, key, account(name="A Name Unlike Others"))
    (row,) = await face.context.pool.fetch("SELECT * FROM idempotency_keys")
    assert row["account_id"] is None
    assert "A Name Unlike Others" in face.context.keyring.decrypt(row["answer"])
    assert str(row["made_id"]) == made.json()["id"]
    raw = b"".join(value for value in row.values() if isinstance(value, bytes))
    assert b"A Name" not in raw
    assert b"acme.test" not in raw
    assert key not in await everything(face)


async def test_no_secret_that_was_shown_once_is_kept(face: Face) -> None:
    answer = await post(face, API_KEYS, "k", {"name": "ops", "scopes": ["admin"]})
    kept = await everything(face)
    assert answer.json()["id"] in kept
    assert answer.json()["key"] not in kept
    assert face.operator_key not in kept
    (row,) = await face.context.pool.fetch("SELECT status, answer FROM idempotency_keys")
    assert tuple(row) == (201, None)


async def test_an_answer_outlives_a_change_of_keys(face: Face) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    before = make_context(face.context.pool)
    face.app.state.context = replace(before, keyring=Keyring([old]))
    first = await post(face, ACCOUNTS, "k", account())
    face.app.state.context = replace(before, keyring=Keyring([new, old]))
    assert_replayed(await post(face, ACCOUNTS, "k", account()), first)
