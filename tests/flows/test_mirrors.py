"""Cards and planned changes, as they happen at Stripe: mirrored, so that lists and answers need not ask."""

from typing import Any

from tests.support.shop import Shop


async def rows(shop: Shop, query: str, *given: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await shop.context.pool.fetch(query, *given)]


async def defaults(shop: Shop) -> tuple[Any, Any]:
    """(the customer's, its subscription's) default payment method."""
    (found,) = await rows(
        shop,
        """
        SELECT customers.stripe_default_payment_method_id, subscriptions.stripe_default_payment_method_id
        FROM customers JOIN subscriptions USING (stripe_customer_id)
        """,
    )
    return found[0], found[1]


async def cards(shop: Shop, account: str) -> list[tuple[Any, ...]]:
    """(brand, last4, id) of each card of the account, the newest first."""
    return await rows(
        shop,
        """
        SELECT brand, last4, stripe_payment_method_id FROM payment_methods
        WHERE account_id = $1 ORDER BY created_at DESC, stripe_payment_method_id
        """,
        account,
    )


async def test_the_cards_of_a_customer(shop: Shop) -> None:
    account, other = await shop.make_account(), await shop.make_account("grace@example.com")
    await shop.buy(account, "Shopify Connector")
    await shop.settle()
    ((brand, last4, first),) = await cards(shop, account)
    assert (brand, last4) == ("visa", "4242")
    assert (await defaults(shop))[1] == first
    assert await cards(shop, other) == []

    customer = await shop.context.pool.fetchval("SELECT stripe_customer_id FROM accounts WHERE id = $1", account)
    await shop.stripe(f"customers/{customer}/card", {"card": "5555555555554444"})
    await shop.settle()
    found = {(brand, last4): id_ for brand, last4, id_ in await cards(shop, account)}
    assert set(found) == {("visa", "4242"), ("mastercard", "4444")}
    second = found["mastercard", "4444"]
    assert await defaults(shop) == (second, second)

    await shop.context.stripe.update("payment_method", second, {"card": {"exp_month": 1, "exp_year": 2044}})
    await shop.settle()
    ((month, year),) = await rows(
        shop, "SELECT exp_month, exp_year FROM payment_methods WHERE stripe_payment_method_id = $1", second
    )
    assert (month, year) == (1, 2044)

    await shop.context.stripe.calls.call("post", f"/v1/payment_methods/{second}/detach")
    await shop.settle()
    assert [id_ for _, _, id_ in await cards(shop, account)] == [first]
    assert await defaults(shop) == (None, None)


async def test_a_customer_that_is_deleted_has_none(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    await shop.settle()
    customer = await shop.context.pool.fetchval("SELECT stripe_customer_id FROM accounts WHERE id = $1", account)
    await shop.context.stripe.delete("customer", customer)
    await shop.settle()
    assert await cards(shop, account) == []
    assert (await shop.license(account))["status"] == "revoked"


async def plan_downgrade(shop: Shop) -> tuple[str, str, str, str]:
    """Growth was bought, and Starter waits for its period's end: (subscription, schedule, price now, price then)."""
    await shop.buy(await shop.make_account(), "Growth")
    await shop.settle()
    ((subscription,),) = await rows(shop, "SELECT stripe_subscription_id FROM subscriptions")
    now, then = [(await shop.product(name))["prices"][0]["id"] for name in ("Growth", "Starter")]
    schedule = await shop.context.stripe.create("subscription_schedule", {"from_subscription": subscription})
    (current,) = schedule["phases"]
    times = {"start_date": current["start_date"], "end_date": current["end_date"]}
    month = {"duration": {"interval": "month", "interval_count": 1}}
    phases = [
        {"items": [{"price": now, "quantity": 1}], **times},
        {"items": [{"price": then, "quantity": 1}], **month},
    ]
    await shop.context.stripe.update("subscription_schedule", schedule["id"], {"phases": phases})
    await shop.settle()
    return subscription, schedule["id"], now, then


SCHEDULES = "SELECT stripe_subscription_id, status FROM subscription_schedules"


async def test_a_downgrade_that_waits_and_is_released(shop: Shop) -> None:
    subscription, schedule, now, then = await plan_downgrade(shop)
    assert await rows(shop, SCHEDULES) == [(subscription, "active")]
    assert await rows(shop, "SELECT stripe_schedule_id FROM subscriptions") == [(schedule,)]
    planned = await rows(
        shop, "SELECT phase, stripe_price_id, quantity, starts_at FROM subscription_schedule_items ORDER BY phase"
    )
    assert [one[:3] for one in planned] == [(0, now, 1), (1, then, 1)]
    # What waits takes effect when the period ends.
    ((period_ends,),) = await rows(shop, "SELECT current_period_end_at FROM subscription_items")
    assert planned[1][3] == period_ends

    await shop.context.stripe.calls.call("post", f"/v1/subscription_schedules/{schedule}/release")
    await shop.settle()
    assert await rows(shop, SCHEDULES) == [(subscription, "released")]
    assert await rows(shop, "SELECT stripe_schedule_id FROM subscriptions") == [(None,)]
    await shop.turn(days=32)
    assert await rows(shop, "SELECT stripe_price_id FROM subscription_items") == [(now,)]


async def test_a_downgrade_takes_place_when_its_time_has_come(shop: Shop) -> None:
    subscription, _, _, then = await plan_downgrade(shop)
    await shop.turn(days=32)
    assert await rows(shop, "SELECT stripe_price_id FROM subscription_items") == [(then,)]
    assert await rows(shop, SCHEDULES) == [(subscription, "active")]
    await shop.turn(days=32)
    assert await rows(shop, SCHEDULES) == [(subscription, "released")]
    assert await rows(shop, "SELECT stripe_schedule_id FROM subscriptions") == [(None,)]


async def test_a_cancelled_schedule_takes_its_subscription_along(shop: Shop) -> None:
    subscription, schedule, _, _ = await plan_downgrade(shop)
    await shop.context.stripe.calls.call("post", f"/v1/subscription_schedules/{schedule}/cancel")
    await shop.settle()
    assert await rows(shop, SCHEDULES) == [(subscription, "canceled")]
    assert await rows(shop, "SELECT status FROM subscriptions") == [("canceled",)]
