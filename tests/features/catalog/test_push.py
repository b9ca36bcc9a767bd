"""Pushing a catalogue: over a sandbox, through a proxy that counts what is written and can fail."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from tests.support.stripe_proxy import Answer, StripeProxy, stripe_error, stripe_proxy

from licet.catalog.core import Catalog, CatalogPrice
from licet.catalog.file import EXAMPLE, read_catalog
from licet.catalog.mirror import mirror_price, mirror_product
from licet.catalog.push import push_catalog
from licet.db.locks import lock
from licet.db.pool import Pool, open_pool
from licet.errors import StripeRefused, StripeUnavailable
from licet.kit.times import wall_now
from licet.kit.versions import Rank, Version
from licet.stripe_api.client import StripeApi
from licet_sandbox import Sandbox
from licet_sandbox.validation import Checker

CATALOG = read_catalog(EXAMPLE)
CONNECTOR, MIGRATOR, *PLANS = CATALOG.products


@pytest_asyncio.fixture
async def between() -> AsyncIterator[StripeProxy]:
    """What stands between us and the sandbox. All that we ask must fit Stripe's OpenAPI document."""
    checker = Checker()
    running = await Sandbox(None, validate=checker).serve()
    async with stripe_proxy(running.url) as made:
        yield made
    await running.stop()
    checker.raise_any()


@pytest_asyncio.fixture
async def stripe(between: StripeProxy) -> AsyncIterator[StripeApi]:
    """The door to it."""
    api = StripeApi("sk_test_123", base_url=between.url)
    yield api
    await api.close()


async def theirs(stripe: StripeApi, kind: str, **params: Any) -> list[dict[str, Any]]:
    """What Stripe has of a kind, oldest first."""
    return [one async for one in stripe.list_all(kind, **params)][::-1]


async def ours(pool: Pool) -> dict[str, Any]:
    """Our rows, by catalogue key: id, Stripe's id, whether it is sold, and the prices in their order."""
    rows = await pool.fetch(
        """
        SELECT catalog_key, id, stripe_product_id, active, position, ARRAY(
            SELECT (stripe_price_id, unit_amount, trial_days)::text FROM prices
            WHERE prices.stripe_product_id = products.stripe_product_id AND active AND position IS NOT NULL
            ORDER BY position) AS prices
        FROM products WHERE catalog_key IS NOT NULL ORDER BY position
        """
    )
    return {row["catalog_key"]: dict(row) for row in rows}


def with_product(catalog: Catalog, number: int, **changes: Any) -> Catalog:
    products = list(catalog.products)
    products[number] = replace(products[number], **changes)
    return Catalog(tuple(products))


async def jobs(pool: Pool) -> list[str]:
    rows = await pool.fetch("DELETE FROM refreshes WHERE kind = 'catalog.product' RETURNING stripe_id")
    return sorted(row["stripe_id"] for row in rows)


async def test_a_push_makes_products_and_prices(pool: Pool, stripe: StripeApi) -> None:
    pushed = await push_catalog(CATALOG, pool, stripe)
    assert pushed.changed == tuple(product.key for product in CATALOG.products)
    assert len(pushed.made) == 5 + 6
    assert pushed.archived == ()

    products = await theirs(stripe, "product")
    assert [(one["name"], one["active"], one["metadata"]) for one in products] == [
        (product.name, True, {"licet_product": product.key}) for product in CATALOG.products
    ]
    prices = await theirs(stripe, "price")
    assert [one["lookup_key"] for one in prices][:3] == [
        "licet:shopify-connector:month-usd",
        "licet:shopify-connector:year-usd",
        "licet:data-migrator:once-usd",
    ]
    rows = await ours(pool)
    assert list(rows) == [product.key for product in CATALOG.products]
    assert rows["shopify-connector"]["stripe_product_id"] == products[0]["id"]
    assert rows["shopify-connector"]["prices"] == [f"({prices[0]['id']},14900,0)", f"({prices[1]['id']},149000,0)"]
    assert rows["scale"]["prices"][0].endswith(",29900,14)")
    assert await jobs(pool) == sorted(str(row["id"]) for row in rows.values())


async def test_pushing_twice_changes_nothing(pool: Pool, stripe: StripeApi, between: StripeProxy) -> None:
    await push_catalog(CATALOG, pool, stripe)
    before = await ours(pool)
    await jobs(pool)
    between.seen.clear()
    pushed = await push_catalog(CATALOG, pool, stripe)
    assert pushed.as_json() == {"made": [], "archived": [], "changed": [], "upToDate": True}
    assert between.writes() == []
    assert await ours(pool) == before
    assert await jobs(pool) == []


async def test_a_changed_price_is_a_new_one_and_the_old_is_archived(pool: Pool, stripe: StripeApi) -> None:
    await push_catalog(CATALOG, pool, stripe)
    old = (await ours(pool))["starter"]
    for amount in (3900, 2900, 3900):
        dearer = with_product(CATALOG, 2, prices=(replace(PLANS[0].prices[0], amount=amount),))
        pushed = await push_catalog(dearer, pool, stripe)
        assert pushed.made == ("price starter/month-usd",)
        assert len(pushed.archived) == 1
        assert pushed.changed == ("starter",)
        (price,) = await theirs(stripe, "price", product=old["stripe_product_id"], active=True)
        assert (price["unit_amount"], price["lookup_key"]) == (amount, "licet:starter:month-usd")
        new = (await ours(pool))["starter"]
        assert new["id"] == old["id"]
        assert new["prices"] == [f"({price['id']},{amount},0)"]
    everything = await theirs(stripe, "price", product=old["stripe_product_id"])
    assert [one["unit_amount"] for one in everything] == [2900, 3900, 2900, 3900]
    assert [one["lookup_key"] for one in everything[:-1]] == [None, None, None]
    assert (
        await pool.fetchval("SELECT count(*) FROM prices WHERE stripe_product_id = $1", old["stripe_product_id"]) == 4
    )


async def test_what_is_ours_alone_needs_no_call(pool: Pool, stripe: StripeApi, between: StripeProxy) -> None:
    await push_catalog(CATALOG, pool, stripe)
    await jobs(pool)
    between.seen.clear()
    changed = with_product(CATALOG, 0, license_policy={**(CONNECTOR.license_policy or {}), "activations": 5})
    trial = with_product(changed, 2, prices=(replace(PLANS[0].prices[0], trial_days=30),))
    turned = Catalog((trial.products[1], trial.products[0], *trial.products[2:]))
    pushed = await push_catalog(turned, pool, stripe)
    assert sorted(pushed.changed) == ["data-migrator", "shopify-connector", "starter"]
    assert between.writes() == []
    assert list(await ours(pool))[:2] == ["data-migrator", "shopify-connector"]
    assert len(await jobs(pool)) == 3


async def test_a_new_name_is_told_to_stripe(pool: Pool, stripe: StripeApi) -> None:
    await push_catalog(CATALOG, pool, stripe)
    renamed = with_product(CATALOG, 0, name="Connector", description=None)
    assert (await push_catalog(renamed, pool, stripe)).made == ("product shopify-connector",)
    product = (await theirs(stripe, "product"))[0]
    assert (product["name"], product["description"]) == ("Connector", None)
    assert (await push_catalog(renamed, pool, stripe)).as_json()["upToDate"]


async def test_a_price_may_move_to_the_front(pool: Pool, stripe: StripeApi, between: StripeProxy) -> None:
    await push_catalog(CATALOG, pool, stripe)
    between.seen.clear()
    before = (await ours(pool))["shopify-connector"]["prices"]
    await push_catalog(with_product(CATALOG, 0, prices=CONNECTOR.prices[::-1]), pool, stripe)
    assert (await ours(pool))["shopify-connector"]["prices"] == before[::-1]
    assert between.writes() == []


async def test_a_product_taken_out_is_archived_and_can_come_back(pool: Pool, stripe: StripeApi) -> None:
    await push_catalog(CATALOG, pool, stripe)
    before = await ours(pool)
    less = Catalog(CATALOG.products[1:])
    pushed = await push_catalog(less, pool, stripe)
    assert pushed.archived == ("product shopify-connector",)
    assert (await theirs(stripe, "product"))[0]["active"] is False
    gone = (await ours(pool))["shopify-connector"]
    assert (gone["active"], gone["id"]) == (False, before["shopify-connector"]["id"])
    assert (await push_catalog(less, pool, stripe)).as_json()["upToDate"]

    pushed = await push_catalog(CATALOG, pool, stripe)
    assert pushed.made == ("product shopify-connector",)
    assert await ours(pool) == before
    assert len(await theirs(stripe, "product")) == 5


async def test_what_is_not_ours_is_left_alone(pool: Pool, stripe: StripeApi) -> None:
    foreign = await stripe.create("product", {"name": "By hand"})
    await push_catalog(CATALOG, pool, stripe)
    mine = (await ours(pool))["starter"]["stripe_product_id"]
    special = await stripe.create("price", {"product": mine, "currency": "usd", "unit_amount": 1})
    assert (await push_catalog(CATALOG, pool, stripe)).as_json()["upToDate"]
    for kind, stripe_id in (("product", foreign["id"]), ("price", special["id"])):
        kept = await stripe.retrieve(kind, stripe_id)
        assert kept is not None
        assert kept["active"] is True


async def test_a_price_archived_by_hand_is_made_anew(pool: Pool, stripe: StripeApi) -> None:
    await push_catalog(CATALOG, pool, stripe)
    product = (await ours(pool))["starter"]["stripe_product_id"]
    (price,) = await theirs(stripe, "price", product=product)
    await stripe.update("price", price["id"], {"active": False})
    assert (await push_catalog(CATALOG, pool, stripe)).made == ("price starter/month-usd",)
    (new,) = await theirs(stripe, "price", product=product, active=True)
    assert (await ours(pool))["starter"]["prices"] == [f"({new['id']},2900,0)"]


async def test_a_push_that_breaks_anywhere_is_healed_by_the_next(
    pool: Pool, stripe: StripeApi, between: StripeProxy
) -> None:
    for _ in range(11):
        between.loses_next_write = True
        with pytest.raises(StripeUnavailable):
            await push_catalog(CATALOG, pool, stripe)
        assert await ours(pool) == {}
    pushed = await push_catalog(CATALOG, pool, stripe)
    assert pushed.made == ()
    assert len(pushed.changed) == 5
    assert len(await theirs(stripe, "product")) == 5
    assert len(await theirs(stripe, "price")) == 6


async def test_what_could_not_be_archived_is_archived_next_time(
    pool: Pool, stripe: StripeApi, between: StripeProxy
) -> None:
    await push_catalog(CATALOG, pool, stripe)
    product = (await ours(pool))["starter"]["stripe_product_id"]
    (old,) = await theirs(stripe, "price", product=product)
    dearer = Catalog(with_product(CATALOG, 2, prices=(replace(PLANS[0].prices[0], amount=3900),)).products[1:])
    between.script["POST", f"/v1/prices/{old['id']}"] = [Answer(400, stripe_error())]
    with pytest.raises(StripeRefused):
        await push_catalog(dearer, pool, stripe)
    # What is sold here is right already; only Stripe still has the old ones.
    rows = await ours(pool)
    assert rows["starter"]["prices"][0].endswith(",3900,0)")
    assert not rows["shopify-connector"]["active"]
    pushed = await push_catalog(dearer, pool, stripe)
    assert pushed.archived == (f"price starter: {old['id']}", "product shopify-connector")
    assert pushed.changed == ()


async def test_two_pushes_at_once_make_one_of_each(database: str, stripe: StripeApi) -> None:
    # Each over a pool of its own, as two processes have them.
    pools = [await open_pool(database) for _ in range(2)]
    try:
        pushed = await asyncio.gather(*(push_catalog(CATALOG, pool, stripe) for pool in pools))
        assert sorted(len(one.made) for one in pushed) == [0, 11]
        assert sorted(len(one.changed) for one in pushed) == [0, 5]
        assert len(await theirs(stripe, "product")) == 5
        assert len(await theirs(stripe, "price")) == 6
        assert len(await ours(pools[0])) == 5
    finally:
        await asyncio.gather(*(pool.close() for pool in pools))


async def mirror(pool: Pool, obj: dict[str, Any]) -> None:
    """As the webhook does it for a product's or price's event."""
    version = Version(obj, wall_now(), Rank.OTHER)
    async with pool.acquire() as conn, conn.transaction():
        await lock(conn, [obj["id"]])
        await (mirror_product if obj["object"] == "product" else mirror_price)(conn, obj, version)


async def test_events_before_between_and_after_change_nothing(pool: Pool, stripe: StripeApi, database: str) -> None:
    other = await open_pool(database)
    try:
        await push_catalog(CATALOG, other, stripe)
        before = await ours(other)
        told = [*await theirs(stripe, "price"), *await theirs(stripe, "product")]
        # As in a database that heard of everything before its own push was through.
        await pool.execute("DELETE FROM prices")
        await pool.execute("DELETE FROM products")
        for obj in told:
            await mirror(pool, obj)
        adopted = {row["stripe_product_id"]: row["id"] for row in await pool.fetch("SELECT * FROM products")}
        await asyncio.gather(push_catalog(CATALOG, pool, stripe), *(mirror(other, obj) for obj in told * 3))
        after = await ours(pool)
        assert {key: row["prices"] for key, row in after.items()} == {key: row["prices"] for key, row in before.items()}
        assert {row["stripe_product_id"]: row["id"] for row in after.values()} == adopted
        assert await pool.fetchval("SELECT count(*) FROM products") == 5
        assert await pool.fetchval("SELECT count(*) FROM prices") == 6
    finally:
        await other.close()


async def test_a_product_that_stripe_lost_is_made_anew(pool: Pool, stripe: StripeApi) -> None:
    await push_catalog(CATALOG, pool, stripe)
    old = (await ours(pool))["starter"]
    fresh = await Sandbox(None).serve()
    emptied = StripeApi("sk_test_123", base_url=fresh.url)
    try:
        assert len((await push_catalog(CATALOG, pool, emptied)).made) == 11
    finally:
        await emptied.close()
        await fresh.stop()
    new = (await ours(pool))["starter"]
    assert new["stripe_product_id"] != old["stripe_product_id"]
    # The old row keeps whatever hangs on it.
    kept = await pool.fetchrow("SELECT * FROM products WHERE id = $1", old["id"])
    assert kept is not None
    assert (kept["catalog_key"], kept["active"], kept["license_policy"]) == (None, False, None)


async def test_prices_in_other_currencies_and_rhythms(pool: Pool, stripe: StripeApi) -> None:
    prices = (
        CatalogPrice("month-usd", 100, "usd", "month", 1),
        CatalogPrice("quarter", 250, "usd", "month", 3, 14),
        CatalogPrice("once-jpy", 15000, "jpy"),
        CatalogPrice("free", 0, "usd", "week", 2),
    )
    catalog = Catalog((replace(CONNECTOR, prices=prices),))
    await push_catalog(catalog, pool, stripe)
    assert (await push_catalog(catalog, pool, stripe)).as_json()["upToDate"]
    rows = await pool.fetch(
        "SELECT currency, unit_amount, interval, interval_count, trial_days FROM prices ORDER BY position"
    )
    assert [tuple(row) for row in rows] == [
        ("usd", 100, "month", 1, 0),
        ("usd", 250, "month", 3, 14),
        ("jpy", 15000, None, None, 0),
        ("usd", 0, "week", 2, 0),
    ]
