"""What was refunded is not credited as well: a change at once begins a period of its own, at its whole price."""

from calendar import monthrange
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from tests.support.face import assert_error
from tests.support.organization import Organization, make_organization
from tests.support.shop import Shop, open_shop

STARTER, GROWTH, SCALE, YEAR = 2900, 9900, 29900, 29000
GOOD, BAD = "4242424242424242", "4000000000000341"


@pytest_asyncio.fixture
async def acme(shop: Shop) -> Organization:
    await yearly(shop)
    return await make_organization(shop)


async def yearly(shop: Shop) -> None:
    """Put Starter on sale by the year, too."""
    product = await shop.context.pool.fetchval("SELECT stripe_product_id FROM products WHERE name = 'Starter'")
    price = {"product": product, "currency": "usd", "unit_amount": YEAR, "recurring": {"interval": "year"}}
    made = await shop.context.stripe.create("price", price)
    await shop.settle()
    await shop.context.pool.execute("UPDATE prices SET position = 9 WHERE stripe_price_id = $1", made["id"])


async def refund(acme: Organization, amount_paid: int, **part: int) -> None:
    """The newest invoice for which this was paid."""
    invoice = [one for one in await acme.invoices() if one["amountPaid"] == amount_paid][-1]
    await acme.shop.stripe("refunds", {"invoice": invoice["id"], **part})
    await acme.shop.settle()


async def refunded(acme: Organization, name: str, amount: int) -> None:
    await acme.subscribe(name)
    await acme.shop.turn(days=9)
    await refund(acme, amount)
    assert await acme.features() == []


async def credit(acme: Organization) -> int:
    customer = await acme.shop.context.stripe.retrieve("customer", (await acme.info())["customerId"])
    assert customer is not None
    return -int(customer["balance"])


async def card(acme: Organization, number: str) -> None:
    await acme.shop.stripe(f"customers/{(await acme.info())['customerId']}/card", {"card": number})
    await acme.shop.settle()


async def lasts(acme: Organization) -> int:
    """Days until the period ends."""
    ends = datetime.fromisoformat((await acme.info())["currentPeriodEnd"])
    return round((ends - acme.shop.context.now()).total_seconds() / 86400)


def days_of_a_month(acme: Organization) -> int:
    """How long a month lasts that begins today."""
    today = acme.shop.context.now().date()
    first_of_next = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    last_of_next = monthrange(first_of_next.year, first_of_next.month)[1]
    return (first_of_next.replace(day=min(today.day, last_of_next)) - today).days


async def changed(acme: Organization, name: str, interval: str = "month") -> Any:
    """Shown first, and then made as it was shown."""
    plan = await acme.plan(name, interval)
    said = await acme.done("subscription-preview", **plan)
    made = await acme.done("subscription-update", **plan, quoteId=said["quoteId"])
    assert (made["status"], made["prorationAmount"]) == (said["status"], said["prorationAmount"])
    await acme.shop.settle()
    return made


@pytest.mark.parametrize(
    ("name", "interval", "price", "days"),
    [("Scale", "month", SCALE, 30), ("Growth", "month", GROWTH, 30), ("Starter", "year", YEAR, 365)],
)
async def test_up_it_costs_the_whole_price(acme: Organization, name: str, interval: str, price: int, days: int) -> None:
    await refunded(acme, "Starter", STARTER)
    made = await changed(acme, name, interval)
    assert (made["status"], made["prorationAmount"], await credit(acme)) == ("updated", price, 0)
    assert await acme.features() != []
    assert days - 2 <= await lasts(acme) <= days + 1
    assert [one["amountPaid"] for one in await acme.invoices()] == [STARTER, price]
    # It renews as any other, a period from now on.
    await acme.shop.turn(days=await lasts(acme) + 1)
    assert [one["amountPaid"] for one in await acme.invoices()] == [STARTER, price, price]
    assert await acme.features() != []
    assert await credit(acme) == 0


async def test_without_a_quote_it_is_the_same(acme: Organization) -> None:
    await refunded(acme, "Starter", STARTER)
    assert (await acme.update("Growth"))["prorationAmount"] == GROWTH


async def test_down_it_waits_as_ever(acme: Organization) -> None:
    await refunded(acme, "Growth", GROWTH)
    assert (await changed(acme, "Starter"))["status"] == "scheduled"
    await acme.shop.turn(days=32)
    assert [one["amountPaid"] for one in await acme.invoices()] == [GROWTH, STARTER]


async def test_down_at_once_it_costs_the_whole_price_too(database: str) -> None:
    async with open_shop(database, downgrade="immediate") as shop:
        acme = await make_organization(shop)
        await refunded(acme, "Growth", GROWTH)
        made = await changed(acme, "Starter")
        assert (made["status"], made["prorationAmount"], await credit(acme)) == ("updated", STARTER, 0)
        assert "1 shop" in await acme.features()
        # What was paid for since is credited as ever.
        made = await changed(acme, "Growth")
        assert GROWTH - STARTER - 10 < made["prorationAmount"] <= GROWTH - STARTER


async def test_an_upgrade_within_it_went_back_too(acme: Organization) -> None:
    await acme.subscribe("Starter")
    upgrade = (await acme.update("Growth"))["prorationAmount"]
    await acme.shop.settle()
    await refund(acme, upgrade)
    await refund(acme, STARTER)
    assert (await changed(acme, "Scale"))["prorationAmount"] == SCALE
    assert "Unlimited shops" in await acme.features()


async def test_a_year_in_a_month_s_place_went_back(acme: Organization) -> None:
    """The month is paid for still, and the year that runs is not."""
    await acme.subscribe("Starter")
    year = (await acme.update("Starter", "year"))["prorationAmount"]
    await acme.shop.settle()
    await refund(acme, year)
    assert (await changed(acme, "Growth"))["prorationAmount"] == GROWTH
    assert (await lasts(acme), await credit(acme)) == (days_of_a_month(acme), 0)


@pytest.mark.parametrize("part", [1000, STARTER])
async def test_what_did_not_go_back_is_credited(acme: Organization, part: int) -> None:
    """In part; or the period before the one that runs."""
    await acme.subscribe("Starter")
    if part == STARTER:
        first = (await acme.invoices())[0]
        await acme.shop.turn(days=32)
        await acme.shop.stripe("refunds", {"invoice": first["id"]})
        await acme.shop.settle()
    else:
        await refund(acme, STARTER, amount=part)
    made = await changed(acme, "Growth")
    assert made["prorationAmount"] < GROWTH - STARTER + 10


async def test_refunded_after_it_was_shown(acme: Organization) -> None:
    await acme.subscribe("Starter")
    growth = await acme.plan("Growth")
    said = await acme.done("subscription-preview", **growth)
    await refund(acme, STARTER)
    assert_error(await acme.ask("subscription-update", **growth, quoteId=said["quoteId"]), 409, "quote_expired")
    assert (await changed(acme, "Growth"))["prorationAmount"] == GROWTH


async def test_a_declined_card_changes_nothing(acme: Organization) -> None:
    await refunded(acme, "Starter", STARTER)
    await card(acme, BAD)
    before = await acme.info()
    assert_error(await acme.ask("subscription-update", **await acme.plan("Growth")), 402, "card_declined")
    await acme.shop.settle()
    assert (await acme.info(), await acme.features()) == (before, [])
    await card(acme, GOOD)
    assert (await changed(acme, "Growth"))["prorationAmount"] == GROWTH


async def test_overdue_after_a_refunded_month_that_is_paid_first(acme: Organization) -> None:
    """Then the period that runs is paid for, and its rest is a credit like any other."""
    await refunded(acme, "Starter", STARTER)
    await card(acme, BAD)
    await acme.shop.turn(days=24)
    assert (await acme.info())["subscriptionStatus"] == "past_due"
    await card(acme, GOOD)
    made = await changed(acme, "Growth")
    assert GROWTH - 1000 < made["prorationAmount"] <= GROWTH
    assert [one["amountPaid"] for one in await acme.invoices()][:2] == [STARTER] * 2


async def test_in_a_trial_nothing_was_paid(acme: Organization) -> None:
    await acme.subscribe("Scale")
    assert (await changed(acme, "Starter"))["prorationAmount"] == 0
    assert (await acme.info())["subscriptionStatus"] == "trialing"


async def test_what_waits_and_what_ends_give_way(acme: Organization) -> None:
    await acme.subscribe("Growth")
    await acme.update("Starter")
    await acme.shop.settle()
    await refund(acme, GROWTH)
    assert (await changed(acme, "Scale"))["prorationAmount"] == SCALE
    await acme.done("subscription-cancel")
    await refund(acme, SCALE)
    await acme.update("Scale")
    assert (await acme.info())["cancelAtPeriodEnd"] is False
    await acme.shop.turn(days=32)
    assert sorted(one["amountPaid"] for one in await acme.invoices()) == [GROWTH, SCALE, SCALE]


async def test_what_was_bought_beside_it_went_back_with_it(acme: Organization) -> None:
    shop = acme.shop
    await shop.buy(acme.id, "Shopify Connector", "Starter")
    await shop.settle()
    await refund(acme, 14900 + STARTER)
    assert (await changed(acme, "Growth"))["prorationAmount"] == 14900 + GROWTH
    assert (await shop.license(acme.id))["status"] == "active"


async def test_what_was_bought_beside_it_and_is_paid_for_still_keeps_its_time(acme: Organization) -> None:
    """The connector by the month; the plan by the year, of which nothing went back."""
    shop = acme.shop
    await shop.buy(acme.id, "Shopify Connector", "Starter")
    await shop.settle()
    await changed(acme, "Starter", "year")
    await shop.turn(days=32)
    await refund(acme, 14900)
    made = await changed(acme, "Growth")
    # No second year is charged for, nor the connector's month again.
    assert made["prorationAmount"] == 0
    assert await credit(acme) > 10000
