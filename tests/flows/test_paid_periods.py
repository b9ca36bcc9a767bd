"""What was paid for is there as long as it was paid for, however Stripe bills it: a year in a month's place, a period
after one that was given back."""

import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from tests.features.actions.test_overdue_invoices import yearly
from tests.flows.test_order import events_of, told
from tests.support.depth import examples
from tests.support.organization import Organization, make_organization
from tests.support.shop import Shop, open_shop

BAD = "4000000000000341"
STARTER, GROWTH, SCALE = 2900, 9900, 29900
LAYOUTS = ("2026-10-28.endive", "2024-12-18.acacia")


@pytest_asyncio.fixture(params=LAYOUTS)
async def acme(request: pytest.FixtureRequest, database: str) -> AsyncIterator[Organization]:
    """The organisation, told of in today's layout and in the one before; Starter is sold by the year, too."""
    async with open_shop(database, webhooks_version=request.param) as shop:
        await yearly(shop, "Starter")
        yield await make_organization(shop)


async def buy(acme: Organization, *names: str) -> None:
    """These, by the month, in one subscription."""
    items = [{"productId": (await acme.shop.product(name))["id"], "quantity": 1} for name in names]
    body = {"items": items, "successUrl": "https://acme.example/", "cancelUrl": "https://acme.example/"}
    made = await acme.shop.api("POST", "/api/billing/checkout", key=acme.key, json=body)
    assert made.status_code == 201, made.text
    assert (await acme.shop.pay(made.json()["sessionId"])).status_code == 200
    await acme.shop.settle()


async def refund(acme: Organization, what: str) -> None:
    """Give an invoice back in full: its only one for a `create`, or for an `update`."""
    found = [one async for one in acme.shop.context.stripe.list_all("invoice")]
    (invoice,) = [one["id"] for one in found if one["billing_reason"] == f"subscription_{what}"]
    await acme.shop.stripe("refunds", {"invoice": invoice})
    await acme.shop.settle()


async def to_a_year(acme: Organization) -> None:
    changed = await acme.update("Starter", "year")
    assert changed["status"] == "updated"
    assert changed["prorationAmount"] > STARTER
    await acme.shop.settle()


async def change_at_stripe(shop: Shop, price: str, number: int = 0, **more: Any) -> None:
    """Another price for an item of the only subscription, charged at once: as a vendor's own hand does it."""
    (subscription,) = [one async for one in shop.context.stripe.list_all("subscription")]
    item = subscription["items"]["data"][number]["id"]
    params = {"items": [{"id": item, "price": price}], "proration_behavior": "always_invoice", **more}
    await shop.context.stripe.update("subscription", subscription["id"], params)
    await shop.settle()


async def price_of(shop: Shop, name: str, interval: str) -> str:
    found: str = await shop.context.pool.fetchval(
        "SELECT stripe_price_id FROM prices JOIN products USING (stripe_product_id) WHERE name = $1 AND interval = $2",
        name,
        interval,
    )
    return found


async def period_end(acme: Organization, product: str) -> datetime:
    """When the item of a product is billed next."""
    found: datetime = await acme.shop.context.pool.fetchval(
        "SELECT current_period_end_at FROM subscription_items JOIN products USING (stripe_product_id) WHERE name = $1",
        product,
    )
    return found


async def turn_to(acme: Organization, moment: datetime) -> None:
    await acme.shop.turn(seconds=(moment - acme.shop.context.now()).total_seconds())


@pytest.mark.parametrize("beside", [(), ("Shopify Connector",)])
async def test_a_year_in_a_months_place_is_there_all_year(acme: Organization, beside: tuple[str, ...]) -> None:
    await buy(acme, "Starter", *beside)
    await acme.shop.turn(days=3)
    features = await acme.features()
    await to_a_year(acme)
    assert await period_end(acme, "Starter") - acme.shop.context.now() > timedelta(days=360)
    for _ in range(4):
        await acme.shop.turn(days=85)
        assert await acme.features() == features
    # What goes on by the month is paid by the month.
    for license in await acme.shop.licenses(acme.id):
        left = datetime.fromisoformat(license["expiresAt"]) - acme.shop.context.now()
        assert timedelta() < left < timedelta(days=32)


async def test_and_no_longer(acme: Organization) -> None:
    await buy(acme, "Starter")
    await to_a_year(acme)
    over, customer = await period_end(acme, "Starter"), (await acme.info())["customerId"]
    await acme.shop.stripe(f"customers/{customer}/card", {"card": BAD})
    await turn_to(acme, over + timedelta(days=2))
    assert (await acme.info())["subscriptionStatus"] == "past_due"
    assert await acme.features() != []
    # The days of grace are over.
    await turn_to(acme, over + timedelta(days=3, hours=1))
    assert (await acme.info())["subscriptionStatus"] == "past_due"
    assert await acme.features() == []


async def test_a_year_paid_after_a_refunded_month(acme: Organization) -> None:
    await buy(acme, "Starter")
    features = await acme.features()
    await refund(acme, "create")
    assert await acme.features() == []
    await to_a_year(acme)
    assert await acme.features() == features
    await acme.shop.turn(days=200)
    assert await acme.features() == features


async def test_what_goes_on_beside_that_year_was_not_paid_for_again(acme: Organization) -> None:
    """Somebody changes the plan alone at Stripe, and leaves the rest of the subscription as it was billed."""
    await buy(acme, "Starter", "Shopify Connector")
    starter = (await acme.shop.product("Starter"))["features"]
    await refund(acme, "create")
    await change_at_stripe(acme.shop, await price_of(acme.shop, "Starter", "year"))
    assert await acme.features() == starter
    assert (await acme.shop.license(acme.id))["status"] == "revoked"
    # Its renewal is paid for.
    await acme.shop.turn(days=32)
    assert set(starter) < set(await acme.features())
    assert (await acme.shop.license(acme.id))["status"] == "active"


async def test_a_refunded_year_changes_amounts_only(acme: Organization) -> None:
    await buy(acme, "Starter")
    await to_a_year(acme)
    await refund(acme, "update")
    assert await acme.features() != []
    # The month was paid for, and nothing more.
    await acme.shop.turn(days=35)
    assert await acme.features() == []


async def test_both_refunded(acme: Organization) -> None:
    await buy(acme, "Starter")
    await refund(acme, "create")
    await to_a_year(acme)
    assert await acme.features() != []
    await refund(acme, "update")
    assert await acme.features() == []


async def test_a_change_within_a_refunded_month_is_paid_for_itself(acme: Organization) -> None:
    """Somebody changes it at Stripe, and only the difference is paid: what it paid for is there."""
    await buy(acme, "Starter")
    await refund(acme, "create")
    await change_at_stripe(acme.shop, await price_of(acme.shop, "Growth", "month"))
    assert all(one["amountDue"] < GROWTH for one in await acme.invoices())
    assert await acme.features() == (await acme.shop.product("Growth"))["features"]
    await acme.shop.turn(days=32)
    assert await acme.features() == (await acme.shop.product("Growth"))["features"]


async def test_a_new_period_after_a_refunded_one(acme: Organization) -> None:
    """Charged in full from now on, it is for all that is in the subscription."""
    await buy(acme, "Starter", "Shopify Connector")
    await refund(acme, "create")
    await acme.shop.turn(days=3)
    now: dict[str, Any] = {"billing_cycle_anchor": {"type": "now"}, "proration_behavior": "none"}
    await change_at_stripe(acme.shop, await price_of(acme.shop, "Growth", "month"), **now)
    growth = (await acme.shop.product("Growth"))["features"]
    assert set(growth) < set(await acme.features())
    license = await acme.shop.license(acme.id)
    assert license["status"] == "active"
    left = datetime.fromisoformat(license["expiresAt"]) - acme.shop.context.now()
    assert timedelta(days=27) < left < timedelta(days=32)


async def test_an_upgrade_after_everything_was_refunded(acme: Organization) -> None:
    await buy(acme, "Starter")
    assert (await acme.update("Growth"))["prorationAmount"] > 0
    await refund(acme, "update")
    assert await acme.features() == (await acme.shop.product("Growth"))["features"]
    await refund(acme, "create")
    assert await acme.features() == []
    assert (await acme.update("Scale"))["prorationAmount"] == SCALE
    await acme.shop.settle()
    scale = (await acme.shop.product("Scale"))["features"]
    assert await acme.features() == scale
    await acme.shop.turn(days=32)
    assert await acme.features() == scale


async def test_a_license_for_a_year(acme: Organization) -> None:
    await buy(acme, "Shopify Connector")
    await acme.shop.turn(days=3)
    await change_at_stripe(acme.shop, await price_of(acme.shop, "Shopify Connector", "year"))
    license = await acme.shop.license(acme.id)
    assert datetime.fromisoformat(license["expiresAt"]) == await period_end(acme, "Shopify Connector")
    assert datetime.fromisoformat(license["expiresAt"]) - acme.shop.context.now() > timedelta(days=360)
    await acme.shop.turn(days=100)
    assert (await acme.shop.license(acme.id))["status"] == "active"


async def test_back_to_a_month_the_rest_of_the_year_is_not_paid_for(acme: Organization) -> None:
    await buy(acme, "Shopify Connector")
    await change_at_stripe(acme.shop, await price_of(acme.shop, "Shopify Connector", "year"))
    await acme.shop.turn(days=40)
    await change_at_stripe(acme.shop, await price_of(acme.shop, "Shopify Connector", "month"))
    license = await acme.shop.license(acme.id)
    assert datetime.fromisoformat(license["expiresAt"]) == await period_end(acme, "Shopify Connector")
    assert datetime.fromisoformat(license["expiresAt"]) - acme.shop.context.now() < timedelta(days=32)


async def a_year_beside_a_month(acme: Organization) -> None:
    await buy(acme, "Starter", "Shopify Connector")
    await to_a_year(acme)


async def a_year_after_a_refund(acme: Organization) -> None:
    await buy(acme, "Starter", "Shopify Connector")
    await refund(acme, "create")
    await to_a_year(acme)


async def all_refunded(acme: Organization) -> None:
    await a_year_after_a_refund(acme)
    await refund(acme, "update")


@pytest.mark.parametrize("story", [a_year_beside_a_month, a_year_after_a_refund, all_refunded])
async def test_the_same_comes_of_it_in_any_order(database: str, story: Any) -> None:
    """Orders of each story's events, each of them twice; all of it happens within a few seconds."""
    async with open_shop(database) as shop:
        await yearly(shop, "Starter")
        acme = await make_organization(shop)
        await story(acme)
        features, events = await acme.features(), await events_of(shop)
        expected = await told(shop, events)
        assert await acme.features() == features
        draw = random.Random(story.__name__)
        for _ in range(examples(4, 20)):
            order = events * 2
            draw.shuffle(order)
            assert await told(shop, order) == expected, [event["type"] for event in order]
            assert await acme.features() == features


async def change_item(shop: Shop, **params: Any) -> None:
    """Changes the only item of the only subscription at Stripe, as a vendor does in the dashboard."""
    (subscription,) = [one async for one in shop.context.stripe.list_all("subscription")]
    item = {"id": subscription["items"]["data"][0]["id"]}
    item |= {name: params.pop(name) for name in ("price", "quantity") if name in params}
    await shop.context.stripe.update("subscription", subscription["id"], {"items": [item], **params})
    await shop.settle()


async def test_a_change_to_a_year_is_billed_together_with_more_units(shop: Shop) -> None:
    """The change waits for the next invoice, which then has two charges and two credits of one item."""
    ada = await shop.make_account()
    await shop.buy(ada, "Shopify Connector")
    await shop.turn(days=5)
    await change_item(shop, price=await price_of(shop, "Shopify Connector", "year"))
    await shop.turn(days=1)
    await change_item(shop, quantity=3, proration_behavior="always_invoice")
    await shop.turn(days=300)
    licenses = await shop.licenses(ada)
    assert [license["status"] for license in licenses] == ["active"] * 3
    left = {datetime.fromisoformat(license["expiresAt"]) - shop.context.now() for license in licenses}
    assert all(timedelta(days=50) < time < timedelta(days=60) for time in left)


async def test_units_of_a_year_end_with_the_month_that_replaced_it(shop: Shop) -> None:
    """The change's invoice has a charge, two credits and a whole period of one item."""
    ada = await shop.make_account()
    product = await shop.product("Shopify Connector")
    year = next(price["id"] for price in product["prices"] if price["interval"] == "year")
    body = {
        "items": [{"productId": product["id"], "priceId": year, "quantity": 1}],
        "successUrl": f"{shop.url}/healthz",
        "cancelUrl": f"{shop.url}/healthz",
    }
    session = (await shop.api("POST", f"/api/billing/checkout?accountId={ada}", json=body)).json()["sessionId"]
    assert (await shop.pay(session)).status_code == 200
    await shop.settle()
    await shop.turn(days=30)
    await change_item(shop, quantity=4)
    await shop.turn(days=30)
    month = await price_of(shop, "Shopify Connector", "month")
    await change_item(shop, price=month, quantity=8, proration_behavior="always_invoice")
    licenses = await shop.licenses(ada)
    assert [license["status"] for license in licenses] == ["active"] * 8
    left = {datetime.fromisoformat(license["expiresAt"]) - shop.context.now() for license in licenses}
    assert all(time < timedelta(days=32) for time in left)


async def test_an_upgrade_outlasts_a_refund_of_the_period_in_which_it_was_paid_for(acme: Organization) -> None:
    await acme.subscribe("Growth")
    await acme.update("Scale")
    await acme.shop.settle()
    features = await acme.features()
    await refund(acme, "create")
    assert await acme.features() == features
    assert (await acme.update("Scale"))["status"] == "unchanged"
    over = await period_end(acme, "Scale")
    customer = (await acme.info())["customerId"]
    await acme.shop.stripe(f"customers/{customer}/card", {"card": BAD})
    await turn_to(acme, over + timedelta(days=3, hours=1))
    assert await acme.features() == []
