"""Stripe's search query language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

if TYPE_CHECKING:
    from tests.sandbox.play import Play


async def found(resource: Any, query: str, **more: Any) -> list[str]:
    page = await resource.search_async({"query": query, **more})
    return [one.name or one.id for one in page.data]


async def people(play: Play) -> None:
    for name, email, plan in (
        ("Ada", "ada@example.com", "pro"),
        ("Bob", "bob@example.org", "free"),
        ('Cy "the" Lo', None, "pro"),
    ):
        given = {"name": name, "metadata": {"plan": plan, "its key": "x"}} | ({"email": email} if email else {})
        await play.api.customers.create_async(given)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ('email:"ADA@example.com"', ["Ada"]),
        ("email:'ada@example.com'", ["Ada"]),
        ('email~"example"', ["Bob", "Ada"]),
        ("email:null", ['Cy "the" Lo']),
        ("-email:null", ["Bob", "Ada"]),
        ('-email:"ada@example.com"', ['Cy "the" Lo', "Bob"]),
        ('metadata["plan"]:"pro"', ['Cy "the" Lo', "Ada"]),
        ("metadata['plan']:'pro' AND name:'Ada'", ["Ada"]),
        ("metadata['plan']:'pro' name:'Ada'", ["Ada"]),
        ('name:"Ada" OR name:"Bob"', ["Bob", "Ada"]),
        ('metadata["its key"]:"x" AND -metadata["plan"]:"pro"', ["Bob"]),
        ('name:"Cy \\"the\\" Lo"', ['Cy "the" Lo']),
        ("metadata['nothing']:null AND name:'Bob'", ["Bob"]),
        ("created>0 AND created<9999999999", ['Cy "the" Lo', "Bob", "Ada"]),
        ("created<=5", []),
        ('name:"\'; DROP TABLE objects; --"', []),
    ],
)
async def test_queries(play: Play, query: str, names: list[str]) -> None:
    await people(play)
    assert await found(play.api.customers, query) == names


@pytest.mark.parametrize("key", ["$price", "$.plan", "$[", "a.b", "0", 'say "so"', "back\\slash", "é"])
async def test_keys_of_metadata_are_no_paths(play: Play, key: str) -> None:
    await people(play)
    metadata = {} if "[" in key else {key: "its value"}
    await play.api.customers.create_async({"name": "Dee", "metadata": metadata})
    written = key.replace("\\", "\\\\").replace('"', '\\"')
    assert await found(play.api.customers, f'metadata["{written}"]:"its value"') == ["Dee"] * len(metadata)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "name",
        'colour:"red"',
        'name:"Ada" AND',
        'name:"Ada" AND email:"a" OR phone:"1"',
        'name~"Ad"',
        'name>"Ada"',
        "created:soon",
        'name:"Ada',
        "id:'1'",
        "email~null",
        " ".join(["created>0"] * 11),
    ],
)
async def test_queries_that_cannot_be_read(play: Play, query: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await play.api.customers.search_async({"query": query})
    assert (refusal.value.http_status, refusal.value.param) == (400, "query")


async def test_pages_and_counts(play: Play) -> None:
    for _ in range(5):
        await play.api.products.create_async({"name": "Thing"})
    asked = {"query": "active:'true' AND name~'thin'", "limit": 2, "expand": ["total_count"]}
    page = await play.api.products.search_async(asked)
    assert (len(page.data), page.has_more, page.total_count) == (2, True, 5)
    everything = [one.id async for one in page.auto_paging_iter()]
    assert len(set(everything)) == 5
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.products.search_async({"query": "active:'true'", "page": "elsewhere"})


async def test_every_resource_that_can_be_searched(play: Play) -> None:
    subscription = await play.subscribe()
    bought = await play.buy()
    api = play.api
    assert await ids(api.subscriptions, 'status:"active"') == [subscription.id]
    assert await ids(api.invoices, f'customer:"{subscription.customer}" AND total>0') == [subscription.latest_invoice]
    assert await ids(api.invoices, f'subscription:"{subscription.id}"') == [subscription.latest_invoice]
    assert len(await ids(api.invoices, "last_finalization_error_code:null AND -total:0")) == 1
    assert await ids(api.payment_intents, "amount:5000") == [bought.payment_intent]
    charges = await api.charges.search_async(
        {"query": 'payment_method_details.card.last4:"4242" AND -refunded:"true" AND amount=5000'.replace("=", ":")}
    )
    assert [one.amount for one in charges.data] == [5000]
    assert len(await ids(api.prices, "type:'recurring' AND active:'true'")) == 1


async def ids(resource: Any, query: str) -> list[str]:
    return [one.id for one in (await resource.search_async({"query": query})).data]


async def test_what_lives_by_test_clocks_is_found_too(play: Play) -> None:
    at = await play.api.test_helpers.test_clocks.create_async({"frozen_time": 1_700_000_000})
    made = await play.api.customers.create_async({"name": "Adele", "test_clock": at.id})
    assert await ids(play.api.customers, 'name:"adele"') == [made.id]
