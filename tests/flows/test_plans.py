"""An organisation subscribes, changes its plan up and down and back, and leaves: the Payments API, end to end."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from tests.support.face import assert_error, fields_of
from tests.support.organization import Organization, make_organization
from tests.support.shop import Shop, eventually, open_shop
from tests.support.stripe_proxy import Answer, stripe_error

STARTER = ["1 shop", "500 orders a month", "E-mail support"]


@pytest_asyncio.fixture
async def acme(shop: Shop) -> Organization:
    return await make_organization(shop)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_the_plans(acme: Organization) -> None:
    starter, growth, scale = await acme.plans()
    assert [starter["name"], growth["name"], scale["name"]] == ["Starter", "Growth", "Scale"]
    assert starter["features"] == STARTER
    assert starter["productId"].startswith("prod_")
    (price,) = starter["prices"]
    assert price == {
        "priceId": price["priceId"],
        "amount": 2900,
        "currency": "usd",
        "interval": "month",
        "intervalCount": 1,
        "trialDays": 0,
        "change": "subscribe",
    }
    assert scale["prices"][0]["trialDays"] == 14
    assert {(one["isCurrent"], one["currentPriceId"]) for one in (starter, growth, scale)} == {(False, None)}
    await acme.subscribe("Growth")
    starter, growth, scale = await acme.plans()
    assert [one["prices"][0]["change"] for one in (starter, growth, scale)] == ["downgrade", "same", "upgrade"]
    assert (growth["isCurrent"], growth["currentPriceId"]) == (True, growth["prices"][0]["priceId"])
    assert (starter["isCurrent"], starter["currentPriceId"]) == (False, None)


async def test_subscribed(acme: Organization) -> None:
    session = await acme.subscribe("Starter")
    (subscription,) = await acme.subscriptions()
    processed = await acme.shop.client.post(f"{acme.shop.url}/payment/subscription-process", params={"secret": session})
    plan = await acme.plan("Starter")
    assert processed.json() == {
        "status": "processed",
        "subscriptionId": subscription["id"],
        "organizationId": acme.id,
        **plan,
    }
    info = await acme.info()
    assert info == {
        "customerId": info["customerId"],
        "email": "billing@acme.example",
        "name": "Acme",
        "address": info["address"],
        "defaultCardBrand": "visa",
        "defaultCardLast4": "4242",
        "activeProductId": plan["productId"],
        "activePriceId": plan["priceId"],
        "subscriptionStatus": "active",
        "currentPeriodEnd": subscription["currentPeriodEnd"],
        "cancelAtPeriodEnd": False,
    }
    assert await acme.features() == STARTER
    error = assert_error(
        await acme.ask("subscription-checkout", **await acme.plan("Growth")), 409, "subscription_exists"
    )
    assert error["details"] == {"subscriptionId": subscription["id"]}


async def test_nothing_yet(acme: Organization) -> None:
    assert await acme.info() == {
        "customerId": None,
        "email": "billing@acme.example",
        "name": "Acme",
        "address": None,
        "defaultCardBrand": None,
        "defaultCardLast4": None,
        "activeProductId": None,
        "activePriceId": None,
        "subscriptionStatus": None,
        "currentPeriodEnd": None,
        "cancelAtPeriodEnd": None,
    }
    assert await acme.features() == []
    plan = await acme.plan("Starter")
    for verb, body in (
        ("subscription-update", plan),
        ("subscription-preview", plan),
        ("subscription-cancel", {}),
    ):
        assert_error(await acme.ask(verb, **body), 404, "no_subscription")
    assert set(await acme.done("customer-portal")) == {"url"}


async def test_up_at_once_and_paid_at_once(acme: Organization) -> None:
    await acme.subscribe("Starter")
    await acme.shop.turn(days=10)
    shown = await acme.done("subscription-preview", **await acme.plan("Growth"))
    assert shown["status"] == "updated"
    assert 0 < shown["prorationAmount"] < 9900 - 2900
    assert at(shown["expiresAt"]) - at(shown["effectiveAt"]) == timedelta(minutes=15)
    # Nothing has changed by looking.
    assert (await acme.info())["activePriceId"] == (await acme.plan("Starter"))["priceId"]
    changed = await acme.update("Growth", quoteId=shown["quoteId"])
    assert {**changed, "effectiveAt": None} == {
        "status": "updated",
        "subscriptionId": shown["subscriptionId"],
        **await acme.plan("Growth"),
        "effectiveAt": None,
        "prorationAmount": shown["prorationAmount"],
        "currency": "usd",
    }
    # At once, before any event.
    assert (await acme.info())["activePriceId"] == (await acme.plan("Growth"))["priceId"]
    assert "5 shops" in await acme.features()
    invoice = (await acme.invoices())[-1]
    assert (invoice["status"], invoice["amountPaid"]) == ("paid", shown["prorationAmount"])
    await acme.shop.settle()
    assert (await acme.invoices())[-1] == invoice
    # The same again changes nothing.
    again = await acme.update("Growth")
    assert (again["status"], again["prorationAmount"]) == ("unchanged", 0)
    assert len(await acme.invoices()) == 2


async def test_a_declined_card_changes_nothing(acme: Organization) -> None:
    shop = acme.shop
    await acme.subscribe("Growth")
    await acme.update("Starter")
    info = await acme.info()
    await shop.stripe(f"customers/{info['customerId']}/card", {"card": "4000000000000341"})
    await shop.settle()
    before = (await acme.subscriptions(), await acme.invoices(), await acme.features())
    assert_error(await acme.ask("subscription-update", **await acme.plan("Scale")), 402, "card_declined")
    await shop.settle()
    assert (await acme.subscriptions(), await acme.invoices(), await acme.features()) == before
    # What waits goes on waiting.
    await shop.stripe(f"customers/{info['customerId']}/card", {"card": "4242424242424242"})
    await shop.turn(days=32)
    assert await acme.features() == STARTER


async def test_down_when_the_period_ends(acme: Organization) -> None:
    await acme.subscribe("Growth")
    (subscription,) = await acme.subscriptions()
    shown = await acme.done("subscription-preview", **await acme.plan("Starter"))
    assert (shown["status"], shown["prorationAmount"]) == ("scheduled", 0)
    changed = await acme.update("Starter")
    assert changed == {
        "status": "scheduled",
        "subscriptionId": subscription["id"],
        **await acme.plan("Starter"),
        "effectiveAt": subscription["currentPeriodEnd"],
        "prorationAmount": 0,
        "currency": "usd",
    }
    assert "5 shops" in await acme.features()
    # Asked again it waits as before.
    writes = len(acme.shop.between.writes())
    assert await acme.update("Starter") == changed
    assert len(acme.shop.between.writes()) == writes
    await acme.shop.turn(days=32)
    assert await acme.features() == STARTER
    assert (await acme.info())["activePriceId"] == (await acme.plan("Starter"))["priceId"]
    assert [one["amountPaid"] for one in await acme.invoices()] == [9900, 2900]
    await acme.shop.turn(days=31)
    assert [one["amountPaid"] for one in await acme.invoices()] == [9900, 2900, 2900]


async def test_a_change_of_mind_before_that(acme: Organization) -> None:
    await acme.subscribe("Growth")
    await acme.update("Starter")
    back = await acme.update("Growth")
    assert (back["status"], back["prorationAmount"]) == ("unchanged", 0)
    await acme.shop.turn(days=32)
    assert [one["amountPaid"] for one in await acme.invoices()] == [9900, 9900]
    # Down again, and then up instead: what waited is dropped.
    await acme.update("Starter")
    up = await acme.update("Scale")
    assert (up["status"], up["prorationAmount"] > 0) == ("updated", True)
    await acme.shop.turn(days=32)
    assert [one["amountPaid"] for one in await acme.invoices()][-1] == 29900
    assert await acme.shop.context.pool.fetchval("SELECT count(*) FROM plan_releases") == 0


async def test_a_downgrade_may_be_set_to_take_effect_at_once(database: str) -> None:
    async with open_shop(database, downgrade="immediate") as shop:
        acme = await make_organization(shop)
        await acme.subscribe("Growth")
        changed = await acme.update("Starter")
        assert (changed["status"], changed["prorationAmount"]) == ("updated", 0)
        assert await acme.features() == STARTER


async def test_in_a_trial_nothing_is_prorated(acme: Organization) -> None:
    await acme.subscribe("Scale")
    trial_end = (await acme.info())["currentPeriodEnd"]
    for name in ("Starter", "Growth"):
        assert (await acme.done("subscription-preview", **await acme.plan(name)))["prorationAmount"] == 0
        changed = await acme.update(name)
        assert (changed["status"], changed["prorationAmount"]) == ("updated", 0)
        info = await acme.info()
        assert (info["subscriptionStatus"], info["currentPeriodEnd"]) == ("trialing", trial_end)
    assert "5 shops" in await acme.features()
    await acme.shop.turn(days=15)
    assert [one["amountPaid"] for one in await acme.invoices()][-1] == 9900


async def test_a_scheduled_cancellation_is_taken_back(acme: Organization) -> None:
    await acme.subscribe("Growth")
    for wanted, status in (("Growth", "unchanged"), ("Starter", "scheduled"), ("Scale", "updated")):
        assert await acme.done("subscription-cancel") == {}
        assert (await acme.info())["cancelAtPeriodEnd"] is True
        assert (await acme.update(wanted))["status"] == status
        assert (await acme.info())["cancelAtPeriodEnd"] is False
    await acme.shop.turn(days=32)
    assert (await acme.info())["subscriptionStatus"] == "active"


async def test_while_past_due(acme: Organization) -> None:
    shop = acme.shop
    await acme.subscribe("Starter")
    customer = (await acme.info())["customerId"]
    await shop.stripe(f"customers/{customer}/card", {"card": "4000000000000341"})
    await shop.turn(days=31, hours=2)
    assert (await acme.info())["subscriptionStatus"] == "past_due"
    # In its days of grace it may go on.
    assert await acme.features() == STARTER
    assert_error(await acme.ask("subscription-update", **await acme.plan("Growth")), 402, "card_declined")
    await shop.turn(days=4)
    assert await acme.features() == []
    await shop.stripe(f"customers/{customer}/card", {"card": "4242424242424242"})
    changed = await acme.update("Growth")
    assert changed["status"] == "updated"
    await shop.turn(days=8)
    assert (await acme.info())["subscriptionStatus"] == "active"
    assert "5 shops" in await acme.features()


async def test_cancelled(acme: Organization) -> None:
    await acme.subscribe("Starter")
    assert await acme.done("subscription-cancel") == {}
    assert await acme.features() == STARTER
    await acme.shop.turn(days=32)
    assert await acme.features() == []
    assert_error(await acme.ask("subscription-cancel"), 404, "no_subscription")
    await acme.subscribe("Growth")
    assert await acme.done("subscription-cancel", immediately=True) == {}
    assert await acme.features() == []
    assert_error(await acme.ask("subscription-update", **await acme.plan("Starter")), 404, "no_subscription")


async def test_what_a_quote_is_worth(acme: Organization) -> None:
    shop = acme.shop
    await acme.subscribe("Starter")
    growth, scale = await acme.plan("Growth"), await acme.plan("Scale")
    quote = (await acme.done("subscription-preview", **growth))["quoteId"]
    # For another price, of nobody, of somebody else.
    other = await make_organization(shop, "other")
    await other.subscribe("Starter")
    for body in ({**scale, "quoteId": quote}, {**growth, "quoteId": "x"}, {**growth, "quoteId": acme.id}):
        assert_error(await acme.ask("subscription-update", **body), 409, "quote_expired")
    assert_error(await other.ask("subscription-update", **growth, quoteId=quote), 409, "quote_expired")
    # A minute later it charges what it said, to the cent.
    amount = (await acme.done("subscription-preview", **growth))["prorationAmount"]
    said = await acme.done("subscription-preview", **growth)
    assert said["prorationAmount"] == amount
    await shop.turn(minutes=14)
    assert (await acme.update("Growth", quoteId=said["quoteId"]))["prorationAmount"] == amount
    # It was for a change from what it was then.
    assert_error(await acme.ask("subscription-update", **growth, quoteId=said["quoteId"]), 409, "quote_expired")
    late = (await acme.done("subscription-preview", **scale))["quoteId"]
    await shop.turn(minutes=15)
    assert_error(await acme.ask("subscription-update", **scale, quoteId=late), 409, "quote_expired")


async def test_a_credit_that_comes_between_makes_the_quote_void(acme: Organization) -> None:
    await acme.subscribe("Starter")
    growth = await acme.plan("Growth")
    quote = (await acme.done("subscription-preview", **growth))["quoteId"]
    customer = (await acme.info())["customerId"]
    await acme.shop.context.stripe.update("customer", customer, {"balance": -500})
    assert_error(await acme.ask("subscription-update", **growth, quoteId=quote), 409, "quote_expired")
    said = await acme.done("subscription-preview", **growth)
    assert (await acme.update("Growth", quoteId=said["quoteId"]))["prorationAmount"] == said["prorationAmount"]


@pytest.mark.parametrize("verb", ["subscription-checkout", "subscription-update", "subscription-preview"])
async def test_what_is_no_choice(acme: Organization, verb: str) -> None:
    if verb != "subscription-checkout":
        await acme.subscribe("Starter")
    growth, scale = await acme.plan("Growth"), await acme.plan("Scale")
    license = await acme.shop.product("Shopify Connector")
    cases: list[tuple[dict[str, Any], str]] = [
        ({**growth, "productId": "prod_nobody"}, "invalid_product"),
        ({**growth, "productId": license["id"]}, "invalid_product"),
        ({**growth, "priceId": scale["priceId"]}, "invalid_price"),
        ({**growth, "priceId": license["prices"][0]["id"]}, "invalid_price"),
        ({**growth, "priceId": "price_nobody"}, "invalid_price"),
    ]
    for body, code in cases:
        assert_error(await acme.ask(verb, **body), 422, code)
    await acme.shop.context.stripe.update("price", growth["priceId"], {"active": False})
    await acme.shop.settle()
    assert_error(await acme.ask(verb, **growth), 422, "invalid_product")
    for body, field in (
        ({"productId": "x"}, "priceId"),
        ({"priceId": "x"}, "productId"),
        ({"productId": "x", "priceId": 1}, "priceId"),
        ({"productId": "x", "priceId": "y", "organizationId": ""}, "organizationId"),
    ):
        assert fields_of(await acme.ask(verb, **body)) == [field]


async def test_our_own_ids_of_products_are_taken_too(acme: Organization) -> None:
    starter = await acme.plan("Starter")
    own = (await acme.shop.product("Starter"))["id"]
    url = (await acme.done("subscription-checkout", productId=own, priceId=starter["priceId"]))["url"]
    await acme.shop.pay(url.rsplit("/", 1)[-1])
    await acme.shop.settle()
    assert (await acme.info())["activePriceId"] == starter["priceId"]


async def test_whose_organisation(acme: Organization) -> None:
    shop = acme.shop
    other = await make_organization(shop, "other")
    plan = await acme.plan("Starter")
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "subscription-plans", {}),
        ("POST", "subscription-checkout", plan),
        ("POST", "subscription-update", plan),
        ("POST", "subscription-preview", plan),
        ("POST", "subscription-cancel", {}),
        ("GET", "customer-info", {}),
        ("POST", "customer-portal", {}),
    ]
    for method, verb, body in calls:
        for named, key in ((acme.name, other.key), (acme.id, other.key), ("nobody", shop.operator_key)):
            whose = {"organizationId": named}
            given: dict[str, Any] = {"params": whose} if method == "GET" else {"json": {**whose, **body}}
            assert_error(await shop.api(method, f"/payment/{verb}", key=key, **given), 404, "organization_not_found")
        given = {} if method == "GET" else {"json": body}
        assert "organizationId" in fields_of(await shop.api(method, f"/payment/{verb}", **given))
    # An operator acts for all, by either name.
    for named in (acme.name, acme.id):
        assert len(await shop.get("/payment/subscription-plans", organizationId=named)) == 3


async def test_a_key_that_may_read_changes_nothing(acme: Organization) -> None:
    shop = acme.shop
    asked = {"name": "reader", "scopes": ["read"], "accountId": acme.name}
    reader = (await shop.api("POST", "/api/admin/api-keys", json=asked)).json()["key"]
    plan = await acme.plan("Starter")
    for verb, body in (
        ("subscription-checkout", plan),
        ("subscription-update", plan),
        ("subscription-preview", plan),
        ("subscription-cancel", {}),
        ("customer-portal", {}),
    ):
        assert_error(await acme.ask(verb, key=reader, **body), 403, "forbidden")
    for path in ("subscription-plans", "customer-info"):
        await shop.get(f"/payment/{path}", key=reader, organizationId=acme.name)
        nobody = await shop.client.get(f"{shop.url}/payment/{path}", params={"organizationId": acme.name})
        assert_error(nobody, 401, "unauthorized")


async def test_twenty_sessions_all_paid_make_one_subscription(shop: Shop) -> None:
    object.__setattr__(shop.context.settings, "operator_email", "boss@vendor.example")
    acme = await make_organization(shop)
    names = ["Starter", "Growth"] * 10
    sessions = await asyncio.gather(*(acme.session(name) for name in names))
    assert len(set(sessions)) == 20
    await asyncio.gather(*(shop.pay(session) for session in sessions))

    async def undone() -> bool:
        await shop.worker.hand_over_due()
        return bool(
            await shop.context.pool.fetchval("SELECT count(*) = 19 AND bool_and(due_at IS NULL) FROM second_plans")
        )

    for _ in range(4):
        await shop.turn(seconds=30)
    await eventually(undone, 60)
    await shop.settle()
    statuses = [one["status"] for one in await acme.subscriptions()]
    assert sorted(statuses) == ["active"] + ["canceled"] * 19
    paid = sum(one["amountPaid"] for one in await acme.invoices())
    returned = await shop.context.pool.fetchval("SELECT sum(amount) FROM refunds WHERE status = 'succeeded'")
    assert paid - returned == (2900 if await acme.features() == STARTER else 9900)
    assert len(await shop.emails("duplicate_plan")) == 19


async def test_twenty_updates_at_once_charge_once(acme: Organization) -> None:
    await acme.subscribe("Starter")
    plan = await acme.plan("Growth")
    answers = await asyncio.gather(*(acme.ask("subscription-update", **plan) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    await acme.shop.settle()
    assert len(await acme.invoices()) == 2
    assert (await acme.info())["activePriceId"] == plan["priceId"]


async def test_the_same_key_starts_one_checkout(acme: Organization) -> None:
    body = {"organizationId": acme.name, **await acme.plan("Starter")}
    urls = set()
    for _ in range(2):
        answer = await acme.shop.api(
            "POST", "/payment/subscription-checkout", key=acme.key, json=body, headers={"Idempotency-Key": "once"}
        )
        assert answer.status_code == 200, answer.text
        urls.add(answer.json()["url"])
    assert len(urls) == 1


async def test_stripe_away(acme: Organization) -> None:
    await acme.subscribe("Starter")
    before = (await acme.info(), await acme.plans(), await acme.features())
    acme.shop.between.everything = Answer(500, stripe_error(), {"stripe-should-retry": "false"})
    assert (await acme.info(), await acme.plans(), await acme.features()) == before
    for verb, body in (
        ("subscription-update", await acme.plan("Growth")),
        ("subscription-preview", await acme.plan("Growth")),
        ("subscription-cancel", {}),
        ("customer-portal", {}),
    ):
        assert_error(await acme.ask(verb, **body), 503, "stripe_unavailable")
    assert (await acme.info(), await acme.plans(), await acme.features()) == before


async def releases(shop: Shop) -> int:
    found: int = await shop.context.pool.fetchval("SELECT count(*) FROM plan_releases")
    return found


async def test_up_whose_answer_is_lost_drops_what_waits_all_the_same(acme: Organization) -> None:
    shop = acme.shop
    await acme.subscribe("Growth")
    await acme.update("Starter")
    shop.between.loses_next_write = True
    assert_error(await acme.ask("subscription-update", **await acme.plan("Scale")), 503, "stripe_unavailable")
    assert await releases(shop) == 1
    await shop.settle()
    assert (await acme.info())["activePriceId"] == (await acme.plan("Scale"))["priceId"]
    # Nobody asks again: a job sees to it.
    await shop.turn(seconds=60)

    async def released() -> bool:
        return await releases(shop) == 0

    await eventually(released)
    await shop.turn(days=32)
    assert [one["amountPaid"] for one in await acme.invoices()][-1] == 29900


async def test_up_that_did_not_arrive_leaves_what_waits(acme: Organization) -> None:
    shop = acme.shop
    await acme.subscribe("Growth")
    await acme.update("Starter")
    (subscription,) = await acme.subscriptions()
    path = ("POST", f"/v1/subscriptions/{subscription['id']}")
    shop.between.always[path] = Answer(500, stripe_error(), {"stripe-should-retry": "false"})
    assert_error(await acme.ask("subscription-update", **await acme.plan("Scale")), 503, "stripe_unavailable")
    shop.between.always.clear()
    await shop.turn(seconds=60)

    async def looked_at() -> bool:
        return await releases(shop) == 0

    await eventually(looked_at)
    await shop.turn(days=32)
    assert await acme.features() == STARTER


@pytest.mark.parametrize("lost", ["/v1/subscription_schedules", "/v1/subscription_schedules/{schedule}"])
async def test_down_whose_answer_is_lost_is_completed_by_the_next_try(acme: Organization, lost: str) -> None:
    shop = acme.shop
    await acme.subscribe("Growth")
    starter = await acme.plan("Starter")
    if "{schedule}" in lost:
        # The first of the two calls goes through, and the second does not.
        failing = Answer(500, stripe_error(), {"stripe-should-retry": "false"})
        made = await shop.context.stripe.create(
            "subscription_schedule", {"from_subscription": (await acme.subscriptions())[0]["id"]}
        )
        await shop.settle()
        shop.between.script["POST", lost.format(schedule=made["id"])] = [failing]
    else:
        shop.between.loses_next_write = True
    assert_error(await acme.ask("subscription-update", **starter), 503, "stripe_unavailable")
    assert (await acme.done("subscription-update", **starter))["status"] == "scheduled"
    await shop.turn(days=32)
    assert await acme.features() == STARTER
    assert [one["amountPaid"] for one in await acme.invoices()] == [9900, 2900]


async def test_two_plans_asked_for_at_once(acme: Organization) -> None:
    await acme.subscribe("Starter")
    growth, scale = await acme.plan("Growth"), await acme.plan("Scale")
    answers = await asyncio.gather(
        *(acme.ask("subscription-update", **plan) for plan in (growth, scale, growth, scale))
    )
    assert {answer.status_code for answer in answers} == {200}
    await acme.shop.settle()
    info = await acme.info()
    (subscription,) = await acme.subscriptions()
    at_stripe = await acme.shop.context.stripe.retrieve("subscription", subscription["id"], ["customer"])
    assert at_stripe is not None
    # Whoever is first, each looks at what the one before has made of it: nobody is credited for what was just paid.
    assert info["activePriceId"] == at_stripe["items"]["data"][0]["price"]["id"] == scale["priceId"]
    assert at_stripe["customer"]["balance"] == 0
    assert sum(one["amountPaid"] for one in await acme.invoices()) == pytest.approx(29900, abs=10)


async def test_month_to_year_and_back(shop: Shop) -> None:
    """The longer of two intervals is up; back to the shorter one it goes when the year is over."""
    starter = await shop.product("Starter")
    stripe_product = await shop.context.pool.fetchval(
        "SELECT stripe_product_id FROM products WHERE id::text = $1", starter["id"]
    )
    yearly = await shop.context.stripe.create(
        "price",
        {
            "product": stripe_product,
            "currency": "usd",
            "unit_amount": 29000,
            "recurring": {"interval": "year"},
        },
    )
    await shop.settle()
    await shop.context.pool.execute("UPDATE prices SET position = 9 WHERE stripe_price_id = $1", yearly["id"])
    acme = await make_organization(shop)
    await acme.subscribe("Starter")
    prices = (await acme.plans())[0]["prices"]
    assert [price["change"] for price in prices] == ["same", "upgrade"]
    shown = await acme.done("subscription-preview", **await acme.plan("Starter", "year"))
    year = await acme.update("Starter", "year", quoteId=shown["quoteId"])
    # The unused month is taken off.
    assert year["prorationAmount"] == shown["prorationAmount"] == 29000 - 2900
    ends = at((await acme.info())["currentPeriodEnd"])
    assert 364 <= (ends - shop.context.now()).days <= 366
    back = await acme.update("Starter")
    assert (back["status"], at(back["effectiveAt"])) == ("scheduled", ends)
    await shop.turn(days=367)
    assert [one["amountPaid"] for one in await acme.invoices()][-1] == 2900
    assert (await acme.info())["activePriceId"] == prices[0]["priceId"]


async def test_features_follow_a_refund_and_a_dispute(acme: Organization) -> None:
    shop = acme.shop
    await acme.subscribe("Starter")
    payment = await shop.context.pool.fetchval("SELECT stripe_payment_intent_id FROM invoice_payments")
    dispute = await shop.stripe("disputes", {"paymentIntent": payment})
    await shop.settle()
    assert await acme.features() == []
    await shop.stripe(f"disputes/{dispute['id']}/close", {"status": "won"})
    await shop.settle()
    assert await acme.features() == STARTER
    await shop.stripe("refunds", {"paymentIntent": payment})
    await shop.settle()
    assert await acme.features() == []


async def test_entitlements_name_their_sources(acme: Organization) -> None:
    shop = acme.shop
    await acme.subscribe("Starter")
    await shop.buy(acme.id, "Data Migrator")
    await shop.settle()
    found = await shop.get("/api/entitlements", accountId=acme.name)
    assert found == await shop.get("/api/entitlements", key=acme.key)
    (subscription,) = await acme.subscriptions()
    starter, migrator = await shop.product("Starter"), await shop.product("Data Migrator")
    assert found[0] == {
        "feature": "1 shop",
        "value": True,
        "source": {"type": "plan", "id": subscription["id"], "productId": starter["id"]},
    }
    license = await shop.license(acme.id)
    assert found[-1]["source"] == {"type": "license", "id": license["id"], "productId": migrator["id"]}
    assert [one["feature"] for one in found] == [*STARTER, *migrator["features"]]
