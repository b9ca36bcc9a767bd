"""Every read is along indexes: no table that grows is read or sorted as a whole, and no query stands in a loop.

What is read are the rows of `benchmarks/reads.py`, which asks the same over many more of them.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from benchmarks.reading.asked import Asked, everything
from benchmarks.reading.fill import OPERATOR_KEY, fill
from benchmarks.reading.queries import Query, noted
from tests.support.face import Face

from licet.db.connection import Connection

CATALOGUE = {"products", "prices"}
"""As large as somebody has written it."""

OF_AN_ENDPOINT = "/api/webhook-endpoints/01900000-0001-7009-8000-000000000001"

LISTS = [
    ("/api/billing/subscriptions", "subscriptions_created"),
    ("/api/billing/subscriptions?status=all", "subscriptions_created"),
    ("/api/billing/subscriptions?status=unpaid", "subscriptions_status"),
    ("/api/billing/subscriptions?status=all&accountId=customer-1", "subscriptions_account"),
    ("/api/billing/invoices", "invoices_created"),
    ("/api/billing/invoices?status=open", "invoices_status"),
    ("/api/billing/invoices?accountId=customer-1", "invoices_account"),
    ("/api/orders", "orders_created"),
    ("/api/orders?status=refunded", "orders_status"),
    ("/api/orders?accountId=customer-1", "orders_account"),
    ("/api/licenses", "licenses_created"),
    ("/api/licenses?productId=01900000-0001-7001-8000-000000000001", "licenses_product"),
    ("/api/licenses?accountId=customer-1", "licenses_account"),
    ("/api/admin/accounts", "accounts_pkey"),
    ("/api/admin/accounts?kind=organization", "accounts_kind"),
    ("/api/admin/accounts?email=account7@example.com", "accounts_email"),
    ("/api/admin/api-keys", "api_keys_pkey"),
    ("/api/admin/api-keys?accountId=customer-1", "api_keys_account"),
    ("/api/admin/events", "events_received"),
    ("/api/admin/events?outcome=waiting", "events_outcome"),
    ("/api/admin/events?type=charge.refunded", "events_type"),
    ("/api/admin/emails", "emails_created"),
    ("/api/admin/emails?template=refund", "emails_template"),
    ("/api/admin/emails?to=account7@example.com", "emails_to"),
    ("/api/admin/emails?accountId=customer-1", "emails_account"),
    ("/api/webhook-endpoints", "webhook_endpoints_created"),
    (f"{OF_AN_ENDPOINT}/deliveries", "deliveries_endpoint"),
    (f"{OF_AN_ENDPOINT}/deliveries?status=failed", "deliveries_status"),
]


@pytest_asyncio.fixture
async def filled(face: Face) -> AsyncIterator[Face]:
    async with face.context.pool.acquire() as conn:
        await fill(conn, face.context.keyring, 500, lambda _: None)
    yield face


async def queries_of(face: Face, path: str, key: str | None) -> list[Query]:
    async with noted(face.context.pool) as queries:
        answer = await face.call("GET", path, key=key)
    assert answer.status_code == 200, answer.text
    return queries


async def plan_of(conn: Connection, query: Query, *without: str) -> dict[str, Any]:
    # Through tables of a few rows the planner looks as a whole, also to join them; what it cannot do otherwise it does
    # all the same.
    async with conn.transaction():
        for way in ("seqscan", "hashjoin", "mergejoin", *without):
            await conn.execute(f"SET LOCAL enable_{way} = off")
        ((found,),) = await conn.fetch(f"EXPLAIN (FORMAT JSON) {query.sql}", *query.arguments)
    plan: dict[str, Any] = found[0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A node of a plan, and all that stand below it."""
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def of_type(plan: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [node for node in nodes(plan) if node["Node Type"] == name]


async def test_a_page_is_read_in_its_order_along_an_index_and_what_comes_before_it_in_the_index_alone(
    filled: Face,
) -> None:
    for path, index in LISTS:
        queries = await queries_of(filled, path, OPERATOR_KEY)
        (page,) = [query for query in queries if "LIMIT 20" in query.sql]
        async with filled.context.pool.acquire() as conn:
            plan = await plan_of(conn, page, "sort", "bitmapscan")
        (limit,) = of_type(plan, "Limit")
        (walk,) = limit["Plans"]
        assert (walk["Node Type"], walk["Index Name"]) == ("Index Only Scan", index), f"{path}\n{json.dumps(plan)}"


async def every_request(face: Face) -> list[Asked]:
    async with face.context.pool.acquire() as conn:
        return await everything(conn)


async def test_every_query_of_every_read_is_along_an_index(filled: Face) -> None:
    asked = await every_request(filled)
    seen = {query.sql: query for one in asked for query in await queries_of(filled, one.path, one.key)}
    assert len(seen) > 40
    async with filled.context.pool.acquire() as conn:
        for query in seen.values():
            plan = await plan_of(conn, query)
            assert whole_tables(query, plan) == set(), f"{query.sql}\n{json.dumps(plan, indent=1)}"


async def test_no_read_is_left_out(filled: Face) -> None:
    asked = {re.split("[? ]", one.name)[0] for one in await every_request(filled)}
    reads = {path for path, does in filled.app.openapi()["paths"].items() if "get" in does and path.startswith("/api/")}
    # A mail is written anew from what it is about, by the reads of whatever that is.
    assert reads - asked == {"/api/admin/emails/{id}"}


def whole_tables(query: Query, plan: dict[str, Any]) -> set[str]:
    """Which tables a query reads as a whole. Up to the end of a page it may walk, and it may count in an index."""
    counts = query.sql.startswith("SELECT count(*) FROM")
    walked = [id(node) for limit in of_type(plan, "Limit") for node in limit["Plans"] if "Index Name" in node]
    return {
        node["Relation Name"]
        for node in nodes(plan)
        if "Relation Name" in node
        and node["Relation Name"] not in CATALOGUE
        and "Index Cond" not in node
        and node["Node Type"] != "Bitmap Heap Scan"  # its index scans stand below it
        and id(node) not in walked
        and not (counts and node["Node Type"] == "Index Only Scan")
    }


@pytest.mark.parametrize(
    ("sql", "whole"),
    [
        ("SELECT id FROM licenses WHERE activations_limit = 3", {"licenses"}),
        ("SELECT id FROM licenses ORDER BY created_at DESC, id LIMIT 20", set()),
        ("SELECT id FROM licenses ORDER BY expires_at LIMIT 20", {"licenses"}),
        ("SELECT count(*) FROM licenses WHERE activations_limit = 3", {"licenses"}),
        ("SELECT count(*) FROM licenses", set()),
    ],
)
async def test_what_counts_as_whole(filled: Face, sql: str, whole: set[str]) -> None:
    query = Query(sql, ())
    async with filled.context.pool.acquire() as conn:
        assert whole_tables(query, await plan_of(conn, query)) == whole


async def test_a_thousand_licenses_take_as_many_queries_as_a_few(filled: Face) -> None:
    asked = await every_request(filled)
    few = {one.path: one for one in asked if one.who == "account" and one.path == one.name}
    many = [one for one in asked if one.who == "account of 1,000 licenses"]
    for one in many:
        body = (await filled.call("GET", one.path, key=one.key)).json()
        assert len(body["licenses"]) > 1000 if "licenses" in body else body["meta"]["total"] > 1000
        fewer = await queries_of(filled, one.path, few[one.path].key)
        assert len(await queries_of(filled, one.path, one.key)) == len(fewer), one.path


async def test_behind_the_last_page_nothing_is_read(filled: Face) -> None:
    queries = await queries_of(filled, "/api/admin/events?page=1000000", OPERATOR_KEY)
    assert [query.short for query in queries if "events" in query.sql] == ["SELECT count(*) FROM events"]


async def test_a_key_is_found_by_its_hash(filled: Face) -> None:
    (query,) = [one for one in await queries_of(filled, "/api/orders", OPERATOR_KEY) if "FROM api_keys" in one.sql]
    async with filled.context.pool.acquire() as conn:
        assert (await plan_of(conn, query))["Index Name"] == "api_keys_key_hash_key"
