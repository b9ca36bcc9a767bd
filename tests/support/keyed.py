"""Requests with an `Idempotency-Key`, and assertions on their answers."""

from typing import Any

import httpx
from tests.support.face import Face

from licet.db.pool import Pool

ACCOUNTS = "/api/admin/accounts"
API_KEYS = "/api/admin/api-keys"


def account(**fields: Any) -> dict[str, Any]:
    """The body of a request that creates an account."""
    return {"kind": "organization", "name": "Acme", "email": "billing@acme.test", **fields}


async def post(face: Face, path: str, idempotency_key: str, body: Any, *, key: str | None = None) -> httpx.Response:
    """Sends a POST with this idempotency key, as the operator unless another API key is given."""
    return await face.post(path, key=key, json=body, headers={"Idempotency-Key": idempotency_key})


def assert_replayed(again: httpx.Response, first: httpx.Response) -> None:
    """Asserts that `again` replays `first`: the same status, body and headers, except per-request ones."""
    assert first.headers.get("idempotent-replayed") is None
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    own = {"x-request-id", "date", "idempotent-replayed"}
    assert kept_headers(again, own) == kept_headers(first, own)


def kept_headers(answer: httpx.Response, but: set[str]) -> dict[str, str]:
    return {
        name: value for name, value in answer.headers.items() if name not in but and not name.startswith("x-ratelimit-")
    }


async def count(pool: Pool, table: str) -> int:
    """How many rows a table has."""
    found: int = await pool.fetchval(f"SELECT count(*) FROM {table}")
    return found
