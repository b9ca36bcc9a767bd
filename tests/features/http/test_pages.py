"""Pages: `?page=1&limit=20`, `{data, meta}`."""

from collections.abc import AsyncIterator
from typing import Any

from benchmarks.reading.fill import fill
from tests.factories.accounts import make_account
from tests.support.face import Face, fields_of

from licet.http.paging import MAX_PAGE

LISTS = [
    "/api/orders",
    "/api/licenses",
    "/api/admin/accounts",
    "/api/admin/api-keys",
    "/api/admin/events",
    "/api/admin/emails",
]


async def test_pages_that_cannot_be(face: Face) -> None:
    for field, value in (
        ("page", "0"),
        ("page", "-1"),
        ("page", "x"),
        ("page", ""),
        ("page", "1.5"),
        ("page", str(MAX_PAGE + 1)),
        ("page", "9223372036854775808"),
        ("page", "9" * 5000),
        ("page", "1e3"),
        ("page", "%00"),
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "-5"),
        ("limit", "9223372036854775807"),
    ):
        for path in LISTS:
            assert fields_of(await face.get(f"{path}?{field}={value}")) == [field]


async def test_a_page_behind_the_last_is_empty(face: Face) -> None:
    for path in LISTS:
        answer = await face.get(f"{path}?page={MAX_PAGE}&limit=100")
        assert answer.status_code == 200
        assert answer.json()["data"] == []
        assert answer.json()["meta"]["page"] == MAX_PAGE


async def test_pages_hold_everything_once_the_newest_first(face: Face) -> None:
    made = [str(await make_account(face.context)) for _ in range(7)]
    seen: list[str] = []
    for page in range(1, 5):
        body = (await face.get(f"/api/admin/accounts?page={page}&limit=2")).json()
        assert body["meta"] == {"total": 7, "page": page, "limit": 2, "totalPages": 4}
        seen += [account["id"] for account in body["data"]]
    assert seen == made[::-1]


async def test_whatever_the_size_of_pages_they_hold_everything_once_the_newest_first(face: Face) -> None:
    async with face.context.pool.acquire() as conn:
        await fill(conn, face.context.keyring, 100, lambda _: None)
    for path in [*LISTS, "/api/billing/subscriptions", "/api/billing/invoices"]:
        pages = [body async for body in all_pages(face, path, 100)]
        rows = [row for body in pages for row in body["data"]]
        assert len({row["id"] for row in rows}) == len(rows) == pages[0]["meta"]["total"] > 10, path
        # Our ids sort as they were made; subscriptions do not say when that was.
        order = {"/api/admin/accounts": "id", "/api/admin/api-keys": "id", "/api/admin/events": "receivedAt"}
        ages = [row[order.get(path, "createdAt")] for row in rows if path != "/api/billing/subscriptions"]
        assert ages == sorted(ages, reverse=True), path
        if len(rows) < 200:
            assert [row async for body in all_pages(face, path, 7) for row in body["data"]] == rows


async def all_pages(face: Face, path: str, limit: int) -> AsyncIterator[dict[str, Any]]:
    number, last = 0, 1
    while number < last:
        number += 1
        body = (await face.get(f"{path}?limit={limit}&page={number}")).json()
        last = body["meta"]["totalPages"]
        yield body


async def test_an_empty_list(face: Face) -> None:
    body = (await face.get("/api/orders")).json()
    assert body == {"data": [], "meta": {"total": 0, "page": 1, "limit": 20, "totalPages": 0}}
