"""What is overdue is paid before a change of plan that gives credit for it: shown in its quote, and first of all."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio
from tests.support.face import assert_error
from tests.support.organization import Organization, make_organization
from tests.support.shop import Shop, open_shop
from tests.support.stripe_proxy import Answer, stripe_error

GOOD, BAD = "4242424242424242", "4000000000000341"
STARTER, GROWTH, SCALE = 2900, 9900, 29900
YEAR = 99000
DOWN = Answer(500, stripe_error("Down."), {"stripe-should-retry": "false"})


@pytest_asyncio.fixture
async def acme(shop: Shop) -> Organization:
    return await make_organization(shop)


async def card(acme: Organization, number: str) -> None:
    customer = (await acme.info())["customerId"]
    await acme.shop.stripe(f"customers/{customer}/card", {"card": number})
    await acme.shop.settle()


async def overdue(acme: Organization, name: str = "Starter", then: str = GOOD) -> str:
    """Subscribed, with a renewal that was refused; the card is changed afterwards. The subscription's id."""
    await acme.subscribe(name)
    await card(acme, BAD)
    await acme.shop.turn(days=31, hours=2)
    assert (await acme.info())["subscriptionStatus"] == "past_due"
    await card(acme, then)
    subscription_id: str = (await acme.subscriptions())[0]["id"]
    return subscription_id


async def billed(acme: Organization) -> list[tuple[str, int]]:
    """(status, amount due) of each invoice, the oldest first."""
    return [(one["status"], one["amountDue"]) for one in await acme.invoices()]


async def credit(acme: Organization) -> int:
    """What Stripe holds for the customer, in minor units."""
    customer = await acme.shop.context.stripe.retrieve("customer", (await acme.info())["customerId"])
    assert customer is not None
    return -int(customer["balance"])


async def open_invoice(acme: Organization) -> str:
    (invoice,) = [one["id"] for one in await acme.invoices() if one["status"] == "open"]
    return str(invoice)


async def yearly(shop: Shop, name: str) -> None:
    """Put a plan on sale by the year, too."""
    product = await shop.context.pool.fetchval("SELECT stripe_product_id FROM products WHERE name = $1", name)
    price = {"product": product, "currency": "usd", "unit_amount": YEAR, "recurring": {"interval": "year"}}
    made = await shop.context.stripe.create("price", price)
    await shop.settle()
    await shop.context.pool.execute("UPDATE prices SET position = 9 WHERE stripe_price_id = $1", made["id"])


async def test_it_is_paid_first_and_shown_first(acme: Organization) -> None:
    await overdue(acme)
    growth = await acme.plan("Growth")
    said = await acme.done("subscription-preview", **growth)
    change = said["prorationAmount"] - STARTER
    assert GROWTH - STARTER - 500 < change <= GROWTH - STARTER
    # Looking pays nothing.
    assert await billed(acme) == [("paid", STARTER), ("open", STARTER)]
    changed = await acme.update("Growth", quoteId=said["quoteId"])
    assert (changed["status"], changed["prorationAmount"]) == ("updated", said["prorationAmount"])
    expected = [("paid", STARTER), ("paid", STARTER), ("paid", change)]
    # At once, before any event.
    assert await billed(acme) == expected
    info = await acme.info()
    assert (info["subscriptionStatus"], info["activePriceId"]) == ("active", growth["priceId"])
    assert "5 shops" in await acme.features()
    await acme.shop.settle()
    assert (await billed(acme), await credit(acme)) == (expected, 0)
    assert (await acme.update("Growth"))["status"] == "unchanged"
    assert await billed(acme) == expected


async def test_a_year_that_nobody_paid_for_buys_nothing(acme: Organization) -> None:
    await yearly(acme.shop, "Growth")
    await acme.subscribe("Growth", "year")
    await card(acme, BAD)
    await acme.shop.turn(days=366, hours=2)
    scale = await acme.plan("Scale")
    said = await acme.done("subscription-preview", **scale)
    assert said["prorationAmount"] == YEAR
    # With a card that does not pay, there is nothing to be had for it.
    before = (await acme.subscriptions(), await billed(acme), await acme.features())
    for body in (scale, {**scale, "quoteId": said["quoteId"]}):
        assert_error(await acme.ask("subscription-update", **body), 402, "card_declined")
    await acme.shop.settle()
    assert (await acme.subscriptions(), await billed(acme), await acme.features()) == before
    assert await credit(acme) == 0
    # Once it is paid, its rest is a credit like any other.
    await card(acme, GOOD)
    said = await acme.done("subscription-preview", **scale)
    assert (await acme.update("Scale", quoteId=said["quoteId"]))["prorationAmount"] == said["prorationAmount"] == YEAR
    assert [one["amountPaid"] for one in await acme.invoices()] == [YEAR, YEAR, 0]
    assert YEAR - SCALE - 500 < await credit(acme) <= YEAR - SCALE


async def test_a_card_that_pays_what_is_overdue_and_not_the_change(acme: Organization) -> None:
    subscription_id = await overdue(acme)
    declined = {"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds", "message": "No."}
    acme.shop.between.script["POST", f"/v1/subscriptions/{subscription_id}"] = [Answer(402, {"error": declined})]
    starter, growth = await acme.plan("Starter"), await acme.plan("Growth")
    assert_error(await acme.ask("subscription-update", **growth), 402, "card_declined")
    info = await acme.info()
    assert (info["subscriptionStatus"], info["activePriceId"]) == ("active", starter["priceId"])
    assert await billed(acme) == [("paid", STARTER)] * 2
    changed = await acme.update("Growth")
    assert changed["prorationAmount"] == (await acme.invoices())[-1]["amountPaid"] < GROWTH


async def test_the_second_renewal_is_paid_too(acme: Organization) -> None:
    """Of several that are open each is paid, and a subscription that gave up trying comes back."""
    await acme.shop.stripe("dunning", {"afterRetries": "past_due", "retryDays": [1]})
    await overdue(acme, then=BAD)
    await acme.shop.turn(days=32)
    await card(acme, GOOD)
    assert (await acme.info())["subscriptionStatus"] == "past_due"
    assert await billed(acme) == [("paid", STARTER), ("open", STARTER), ("open", STARTER)]
    said = await acme.done("subscription-preview", **await acme.plan("Growth"))
    changed = await acme.update("Growth", quoteId=said["quoteId"])
    paid = [one["amountPaid"] for one in await acme.invoices()]
    assert paid[:3] == [STARTER] * 3
    assert changed["prorationAmount"] == said["prorationAmount"] == sum(paid[1:])


async def given_up(acme: Organization, **later: float) -> None:
    """A renewal was refused for the last time, and then so much time passed; the card is good again."""
    await acme.shop.stripe("dunning", {"afterRetries": "unpaid", "retryDays": [1]})
    await acme.subscribe("Starter")
    await card(acme, BAD)
    await acme.shop.turn(days=33)
    await acme.shop.turn(**later)
    await card(acme, GOOD)
    assert (await acme.info())["subscriptionStatus"] == "unpaid"


async def test_unpaid_it_comes_back(acme: Organization) -> None:
    await given_up(acme, days=1)
    said = await acme.done("subscription-preview", **await acme.plan("Growth"))
    changed = await acme.update("Growth", quoteId=said["quoteId"])
    assert changed["prorationAmount"] == said["prorationAmount"] > STARTER
    assert (await acme.info())["subscriptionStatus"] == "active"
    assert [one["amountPaid"] for one in await acme.invoices()][:2] == [STARTER] * 2


async def test_unpaid_with_newer_drafts_nothing_is_paid_in_vain(acme: Organization) -> None:
    await given_up(acme, days=31)
    before = await billed(acme)
    assert [status for status, _ in before] == ["paid", "open", "draft"]
    growth = await acme.plan("Growth")
    for verb in ("subscription-preview", "subscription-update"):
        error = assert_error(await acme.ask(verb, **growth), 409, "payment_overdue")
        assert error["details"]["subscriptionStatus"] == "unpaid"
    assert (await billed(acme), await credit(acme)) == (before, 0)
    # What costs nothing can be done all the same, and so can what the message says.
    assert (await acme.update("Starter"))["status"] == "unchanged"
    assert await acme.done("subscription-cancel", immediately=True) == {}
    await acme.subscribe("Growth")
    assert "5 shops" in await acme.features()


async def test_paid_and_not_back_all_the_same(acme: Organization) -> None:
    """Stripe may have its own mind about it: then it is not changed, and not credited."""
    shop = acme.shop
    subscription_id = await overdue(acme)
    was = await shop.context.stripe.retrieve("subscription", subscription_id)
    assert was is not None
    shop.between.always["GET", f"/v1/subscriptions/{subscription_id}"] = Answer(200, was)
    await shop.stripe("faults", {"drop": 1})
    assert_error(await acme.ask("subscription-update", **await acme.plan("Growth")), 409, "payment_overdue")
    assert f"POST /v1/subscriptions/{subscription_id}" not in shop.between.writes()
    assert await billed(acme) == [("paid", STARTER)] * 2


async def test_paid_at_stripe_without_our_having_heard(acme: Organization) -> None:
    shop = acme.shop
    await overdue(acme)
    quoted = await acme.done("subscription-preview", **await acme.plan("Growth"))
    await shop.stripe("faults", {"drop": 1})
    await shop.context.stripe.act("invoice", await open_invoice(acme), "pay")
    assert (await acme.info())["subscriptionStatus"] == "past_due"
    # Something else than what was shown would be charged.
    error = await acme.ask("subscription-update", **await acme.plan("Growth"), quoteId=quoted["quoteId"])
    assert_error(error, 409, "quote_expired")
    said = await acme.done("subscription-preview", **await acme.plan("Growth"))
    assert said["prorationAmount"] == quoted["prorationAmount"] - STARTER
    assert (await acme.update("Growth", quoteId=said["quoteId"]))["prorationAmount"] == said["prorationAmount"]


async def test_open_invoices_paid_by_many_at_once(acme: Organization) -> None:
    shop = acme.shop
    await overdue(acme)
    (method,) = [one for one in await shop.get("/api/billing/payment-methods", key=acme.key) if one["isDefault"]]
    path, body = f"/api/billing/payment-methods/{method['id']}", {"setDefault": True, "payOpenInvoices": True}
    answers = await asyncio.gather(*(shop.api("PATCH", path, key=acme.key, json=body) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert await billed(acme) == [("paid", STARTER)] * 2


async def test_a_renewal_that_failed_without_our_having_heard(acme: Organization) -> None:
    shop = acme.shop
    await acme.subscribe("Starter")
    await card(acme, BAD)
    # The period has turned; the money is taken an hour later.
    left = datetime.fromisoformat((await acme.info())["currentPeriodEnd"]) - shop.context.now()
    await shop.turn(seconds=left.total_seconds() + 60)
    await shop.stripe("faults", {"drop": 1})
    await shop.stripe("clock/advance", {"seconds": 2 * 3600})
    assert (await acme.info())["subscriptionStatus"] == "active"
    growth = await acme.plan("Growth")
    said = await acme.done("subscription-preview", **growth)
    assert said["prorationAmount"] > GROWTH - 200
    assert_error(await acme.ask("subscription-update", **growth), 402, "card_declined")
    assert await credit(acme) == 0


@pytest.mark.parametrize("quoted", [False, True])
async def test_another_call_pays_it_in_the_same_moment(acme: Organization, quoted: bool) -> None:
    """It saw the invoice open, and comes too late to pay it: an invoice is paid once."""
    shop = acme.shop
    subscription_id = await overdue(acme)
    growth = await acme.plan("Growth")
    said = await acme.done("subscription-preview", **growth)
    stripe = shop.context.stripe
    seen = [one async for one in stripe.list_all("invoice", subscription=subscription_id, status="open")]
    was = await stripe.retrieve("subscription", subscription_id)
    assert was is not None
    await stripe.act("invoice", await open_invoice(acme), "pay")
    await shop.settle()
    shop.between.script["GET", f"/v1/subscriptions/{subscription_id}"] = [Answer(200, was)]
    listed = {"object": "list", "url": "/v1/invoices", "has_more": False, "data": seen}
    shop.between.script["GET", "/v1/invoices"] = [Answer(200, listed)]
    body = {**growth, **({"quoteId": said["quoteId"]} if quoted else {})}
    answer = await acme.ask("subscription-update", **body)
    if quoted:
        assert_error(answer, 409, "quote_expired")
        assert await billed(acme) == [("paid", STARTER)] * 2
    else:
        assert (answer.status_code, answer.json()["prorationAmount"]) == (200, said["prorationAmount"] - STARTER)


@pytest.mark.parametrize("callers", [2, 20])
@pytest.mark.parametrize("quoted", [False, True])
async def test_asked_for_many_times_at_once_it_is_charged_once(acme: Organization, callers: int, quoted: bool) -> None:
    await overdue(acme)
    growth = await acme.plan("Growth")
    said = await acme.done("subscription-preview", **growth)
    body = {**growth, **({"quoteId": said["quoteId"]} if quoted else {})}
    answers = await asyncio.gather(*(acme.ask("subscription-update", **body) for _ in range(callers)))
    (made,) = [one.json() for one in answers if one.status_code == 200 and one.json()["status"] == "updated"]
    assert made["prorationAmount"] == pytest.approx(said["prorationAmount"], abs=0 if quoted else 10)
    for answer in answers:
        if answer.json() != made:
            assert (answer.json().get("status"), answer.json().get("code")) in (
                ("unchanged", None) if not quoted else (None, "quote_expired"),
            )
    await acme.shop.settle()
    paid = [one["amountPaid"] for one in await acme.invoices()]
    assert paid[:2] == [STARTER] * 2
    assert (len(paid), sum(paid[1:])) == (3, made["prorationAmount"])
    assert (await acme.info())["activePriceId"] == growth["priceId"]


async def test_the_answer_to_the_payment_is_lost(acme: Organization) -> None:
    shop = acme.shop
    await overdue(acme)
    starter, growth = await acme.plan("Starter"), await acme.plan("Growth")
    shop.between.loses_next_write = True
    assert_error(await acme.ask("subscription-update", **growth), 503, "stripe_unavailable")
    await shop.settle()
    # The period is paid for, and that is all.
    info = await acme.info()
    assert (info["subscriptionStatus"], info["activePriceId"]) == ("active", starter["priceId"])
    assert await billed(acme) == [("paid", STARTER)] * 2
    changed = await acme.update("Growth")
    assert changed["prorationAmount"] == (await acme.invoices())[-1]["amountPaid"] <= GROWTH - STARTER


@pytest.mark.parametrize(
    ("method", "path", "before"),
    [
        ("GET", "/v1/subscriptions/{subscription}", 0),
        ("GET", "/v1/invoices", 0),
        ("POST", "/v1/invoices/create_preview", 0),
        ("POST", "/v1/invoices/{invoice}/pay", 0),
        ("GET", "/v1/subscriptions/{subscription}", 1),
        ("POST", "/v1/subscriptions/{subscription}", 0),
    ],
)
async def test_stripe_goes_away_at_any_call(acme: Organization, method: str, path: str, before: int) -> None:
    """before: how many of those calls are answered first. Whatever was reached is not charged again."""
    shop = acme.shop
    subscription_id = await overdue(acme)
    growth = await acme.plan("Growth")
    said = await acme.done("subscription-preview", **growth)
    full = path.format(subscription=subscription_id, invoice=await open_invoice(acme))
    answered = [Answer(200, (await shop.context.stripe.retrieve("subscription", subscription_id)) or {})] * before
    shop.between.script[method, full] = [*answered, DOWN]
    answer = await acme.ask("subscription-update", **growth, quoteId=said["quoteId"])
    assert_error(answer, 503, "stripe_unavailable")
    assert shop.between.script[method, full] == []
    await shop.settle()
    assert (await acme.update("Growth"))["status"] == "updated"
    paid = [one["amountPaid"] for one in await acme.invoices()]
    assert paid[:2] == [STARTER] * 2
    assert (len(paid), await credit(acme)) == (3, 0)
    assert sum(paid[1:]) <= said["prorationAmount"]


async def test_down_it_waits_as_ever_and_nothing_is_paid(acme: Organization) -> None:
    await overdue(acme, "Growth")
    starter = await acme.plan("Starter")
    said = await acme.done("subscription-preview", **starter)
    changed = await acme.update("Starter", quoteId=said["quoteId"])
    assert (changed["status"], said["prorationAmount"], changed["prorationAmount"]) == ("scheduled", 0, 0)
    assert await billed(acme) == [("paid", GROWTH), ("open", GROWTH)]


async def test_an_end_that_is_scheduled_outlasts_a_refused_card(acme: Organization) -> None:
    await overdue(acme, then=BAD)
    await acme.done("subscription-cancel")
    growth = await acme.plan("Growth")
    assert_error(await acme.ask("subscription-update", **growth), 402, "card_declined")
    assert (await acme.info())["cancelAtPeriodEnd"] is True
    await card(acme, GOOD)
    assert (await acme.update("Growth"))["status"] == "updated"
    assert (await acme.info())["cancelAtPeriodEnd"] is False


async def test_in_a_trial_there_is_nothing_to_pay(database: str) -> None:
    """Nor where a smaller plan takes effect at once: it gives no credit."""
    async with open_shop(database, downgrade="immediate") as shop:
        acme = await make_organization(shop)
        await acme.subscribe("Scale")
        changed: Any = await acme.update("Growth")
        assert (changed["status"], changed["prorationAmount"]) == ("updated", 0)
        await card(acme, BAD)
        await shop.turn(days=14, hours=2)
        assert (await acme.info())["subscriptionStatus"] == "past_due"
        changed = await acme.update("Starter")
        assert (changed["status"], changed["prorationAmount"], await credit(acme)) == ("updated", 0, 0)


async def renewing(acme: Organization, name: str = "Starter") -> None:
    """Subscribed, and just renewed: the period has turned, and its invoice is a draft for about an hour."""
    await acme.subscribe(name)
    end = datetime.fromisoformat((await acme.info())["currentPeriodEnd"])
    until_then = end - acme.shop.context.now()
    await acme.shop.turn(seconds=until_then.total_seconds() + 60)
    assert (await acme.info())["subscriptionStatus"] == "active"
    assert [status for status, _ in await billed(acme)] == ["paid", "draft"]


async def test_a_renewal_that_is_still_a_draft_is_paid_first(acme: Organization) -> None:
    await renewing(acme)
    growth = await acme.plan("Growth")
    said = await acme.done("subscription-preview", **growth)
    change = said["prorationAmount"] - STARTER
    assert GROWTH - STARTER - 500 < change <= GROWTH - STARTER
    assert [status for status, _ in await billed(acme)] == ["paid", "draft"]
    changed = await acme.update("Growth", quoteId=said["quoteId"])
    assert (changed["status"], changed["prorationAmount"]) == ("updated", said["prorationAmount"])
    expected = [("paid", STARTER), ("paid", STARTER), ("paid", change)]
    assert await billed(acme) == expected
    # Its hour comes, and nothing is charged twice.
    await acme.shop.turn(hours=3)
    assert await billed(acme) == expected
    assert await credit(acme) == 0


async def test_in_that_hour_nothing_is_credited_that_nobody_pays(acme: Organization) -> None:
    await yearly(acme.shop, "Growth")
    await acme.subscribe("Growth", "year")
    await acme.shop.turn(days=364, hours=23)
    end = datetime.fromisoformat((await acme.info())["currentPeriodEnd"])
    await acme.shop.turn(seconds=(end - acme.shop.context.now()).total_seconds() + 60)
    assert [status for status, _ in await billed(acme)] == ["paid", "draft"]
    await card(acme, BAD)
    answer = await acme.ask("subscription-update", **await acme.plan("Scale"))
    assert_error(answer, 402, "card_declined")
    assert (await acme.info())["activeProductId"] == (await acme.plan("Growth"))["productId"]
    assert await credit(acme) == 0
    await card(acme, GOOD)
    changed = await acme.update("Scale")
    # The year is paid, and what is left of it is worth more than a month of the other one.
    assert changed["prorationAmount"] == YEAR
    assert YEAR - SCALE - 500 < await credit(acme) < YEAR - SCALE + 500
    assert [status for status, _ in await billed(acme)] == ["paid", "paid", "paid"]


async def test_a_draft_that_the_vendor_keeps_is_nobodys_debt(acme: Organization) -> None:
    await acme.subscribe("Starter")
    (subscription,) = await acme.subscriptions()
    pause = {"pause_collection": {"behavior": "keep_as_draft"}}
    await acme.shop.context.stripe.update("subscription", subscription["id"], pause)
    await acme.shop.turn(days=32)
    assert [status for status, _ in await billed(acme)] == ["paid", "draft"]
    await acme.shop.context.stripe.update("subscription", subscription["id"], {"pause_collection": ""})
    await acme.shop.settle()
    said = await acme.done("subscription-preview", **await acme.plan("Growth"))
    assert said["prorationAmount"] <= GROWTH - STARTER
