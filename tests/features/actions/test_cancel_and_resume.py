"""A subscription is cancelled, by whom and when, taken back, and what its licenses are meanwhile."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.support.face import assert_error
from tests.support.shop import Shop, eventually
from tests.support.stripe_proxy import Answer, stripe_error

PATH = "/api/billing/subscriptions"


async def subscribed(shop: Shop, *names: str, email: str = "ada@example.com", quantity: int = 1) -> tuple[str, str]:
    """An account with a subscription: (account, subscription)."""
    account = await shop.make_account(email)
    await shop.buy(account, *names, quantity=quantity)
    await shop.settle()
    (found,) = (await shop.get(PATH, accountId=account))["data"]
    return account, found["id"]


async def ask(shop: Shop, verb: str, subscription: str, body: dict[str, Any] | None = None) -> httpx.Response:
    given: dict[str, Any] = {} if body is None else {"json": body}
    return await shop.api("POST", f"{PATH}/{subscription}/{verb}", **given)


async def shown(shop: Shop, subscription: str) -> dict[str, Any]:
    found: dict[str, Any] = await shop.get(f"{PATH}/{subscription}")
    return found


async def at_stripe(shop: Shop, subscription: str) -> dict[str, Any]:
    found = await shop.context.stripe.retrieve("subscription", subscription)
    assert found is not None
    return found


def statuses(shown: dict[str, Any]) -> set[str]:
    return {license["status"] for license in shown["licenses"]}


@pytest.mark.parametrize("body", [None, {}, {"cancelAtPeriodEnd": True}])
async def test_with_the_period(shop: Shop, body: dict[str, Any] | None) -> None:
    _, subscription = await subscribed(shop, "Shopify Connector")
    before = await shown(shop, subscription)
    answer = await ask(shop, "cancel", subscription, body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["cancelAtPeriodEnd"] is True
    assert answer.json()["cancelAt"] == before["currentPeriodEnd"]
    assert answer.json()["canceledAt"] is not None
    # They are as they were until then.
    assert [one["status"] for one in answer.json()["licenses"]] == ["active"]
    assert (await at_stripe(shop, subscription))["cancel_at_period_end"] is True
    await shop.settle()
    assert await shown(shop, subscription) == answer.json()
    await shop.turn(days=32)
    ended = await shown(shop, subscription)
    assert (ended["status"], ended["cancelAtPeriodEnd"], ended["cancelAt"]) == ("canceled", False, None)
    assert statuses(ended) == {"revoked"}


async def test_asking_for_what_is_so_asks_stripe_nothing(shop: Shop) -> None:
    _, subscription = await subscribed(shop, "Shopify Connector")
    writes = len(shop.between.writes())
    assert (await ask(shop, "resume", subscription)).json() == await shown(shop, subscription)
    assert len(shop.between.writes()) == writes
    first = await ask(shop, "cancel", subscription)
    writes = len(shop.between.writes())
    again = await ask(shop, "cancel", subscription)
    assert (again.status_code, again.json()) == (200, first.json())
    assert len(shop.between.writes()) == writes


async def test_taken_back(shop: Shop) -> None:
    _, subscription = await subscribed(shop, "Shopify Connector")
    before = await shown(shop, subscription)
    await ask(shop, "cancel", subscription)
    answer = await ask(shop, "resume", subscription)
    assert (answer.status_code, answer.json()) == (200, before)
    assert (await at_stripe(shop, subscription))["cancel_at"] is None
    await shop.turn(days=32)
    renewed = await shown(shop, subscription)
    assert renewed["status"] == "active"
    assert renewed["currentPeriodEnd"] > before["currentPeriodEnd"]


async def test_an_end_scheduled_in_stripe_s_own_portal_shows_and_is_taken_back(shop: Shop) -> None:
    _, subscription = await subscribed(shop, "Shopify Connector")
    end = (await at_stripe(shop, subscription))["items"]["data"][0]["current_period_end"]
    await shop.context.stripe.update("subscription", subscription, {"cancel_at": end})
    await shop.settle()
    found = await shown(shop, subscription)
    assert found["cancelAtPeriodEnd"] is True
    assert found["cancelAt"] == found["currentPeriodEnd"]
    assert (await at_stripe(shop, subscription))["cancel_at_period_end"] is False
    writes = len(shop.between.writes())
    assert (await ask(shop, "cancel", subscription)).json() == found
    assert len(shop.between.writes()) == writes
    answer = await ask(shop, "resume", subscription)
    assert answer.json()["cancelAtPeriodEnd"] is False
    assert (await at_stripe(shop, subscription))["cancel_at"] is None


async def test_at_once(shop: Shop) -> None:
    account, subscription = await subscribed(shop, "Shopify Connector", quantity=3)
    answer = await ask(shop, "cancel", subscription, {"cancelAtPeriodEnd": False})
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "canceled"
    assert len(answer.json()["licenses"]) == 3
    assert statuses(answer.json()) == {"revoked"}
    await shop.settle()
    assert await shown(shop, subscription) == answer.json()
    # No money goes back.
    assert await shop.context.pool.fetchval("SELECT count(*) FROM refunds") == 0
    (order,) = (await shop.get("/api/orders", accountId=account))["data"]
    assert order["status"] == "cancelled"
    again = await ask(shop, "cancel", subscription, {"cancelAtPeriodEnd": False})
    assert (again.status_code, again.json()) == (200, answer.json())
    assert (await ask(shop, "cancel", subscription)).json() == answer.json()
    assert_error(await ask(shop, "resume", subscription), 409, "subscription_ended")


async def test_suspended_before_stripe_is_asked(shop: Shop) -> None:
    account, subscription = await subscribed(shop, "Shopify Connector")
    held = asyncio.Event()
    shop.between.script["DELETE", f"/v1/subscriptions/{subscription}"] = [Answer(502, stripe_error("Wait."), held=held)]
    asking = asyncio.create_task(ask(shop, "cancel", subscription, {"cancelAtPeriodEnd": False}))

    async def suspended() -> bool:
        return bool((await shop.license(account))["status"] == "suspended")

    await eventually(suspended)
    assert (await at_stripe(shop, subscription))["status"] == "active"
    assert not asking.done()
    held.set()
    answer = await asking
    assert (answer.status_code, statuses(answer.json())) == (200, {"revoked"})
    timeline = (await shop.get(f"/api/licenses/{answer.json()['licenses'][0]['id']}/timeline"))["data"]
    assert [(line["from"], line["to"], line["because"]["reason"]) for line in timeline[:2]] == [
        ("suspended", "revoked", "subscription_ended"),
        ("active", "suspended", "cancellation_under_way"),
    ]
    ended, suspended_first = (line["because"] for line in timeline[:2])
    asked = ("api_call", answer.headers["x-request-id"])
    assert (suspended_first["kind"], suspended_first["id"]) == asked
    # Stripe's own event may be quicker than its answer to us.
    assert (ended["kind"], ended["id"]) == asked or ended["detail"] == "customer.subscription.deleted"


async def test_undone_where_stripe_refuses(shop: Shop) -> None:
    _, subscription = await subscribed(shop, "Shopify Connector")
    before = await shown(shop, subscription)
    shop.between.script["DELETE", f"/v1/subscriptions/{subscription}"] = [Answer(400, stripe_error("Not this one."))]
    error = assert_error(await ask(shop, "cancel", subscription, {"cancelAtPeriodEnd": False}), 502, "stripe_error")
    assert error["details"]["stripeRequestId"] == "req_scripted"
    assert await shown(shop, subscription) == before
    assert await shop.context.pool.fetchval("SELECT count(*) FROM cancellations") == 0


async def test_stripe_away_it_follows_by_itself(shop: Shop) -> None:
    _, subscription = await subscribed(shop, "Shopify Connector")
    path = ("DELETE", f"/v1/subscriptions/{subscription}")
    shop.between.always[path] = Answer(503, stripe_error("Down."), {"stripe-should-retry": "false"})
    answer = await ask(shop, "cancel", subscription, {"cancelAtPeriodEnd": False})
    assert_error(answer, 503, "stripe_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    found = await shown(shop, subscription)
    assert (found["status"], statuses(found)) == ("active", {"suspended"})
    assert_error(await ask(shop, "resume", subscription), 409, "cancellation_under_way")
    del shop.between.always[path]
    await shop.turn(seconds=60)

    async def ended() -> bool:
        return bool((await shown(shop, subscription))["status"] == "canceled")

    await eventually(ended)
    assert statuses(await shown(shop, subscription)) == {"revoked"}
    assert await shop.context.pool.fetchval("SELECT count(*) FROM cancellations") == 0


async def test_done_at_stripe_and_the_answer_lost(shop: Shop) -> None:
    _, subscription = await subscribed(shop, "Shopify Connector")
    shop.between.loses_next_write = True
    assert_error(await ask(shop, "cancel", subscription, {"cancelAtPeriodEnd": False}), 503, "stripe_unavailable")
    await shop.settle()
    found = await shown(shop, subscription)
    assert (found["status"], statuses(found)) == ("canceled", {"revoked"})
    assert (await ask(shop, "cancel", subscription, {"cancelAtPeriodEnd": False})).json() == found


async def test_ended_at_stripe_without_our_having_been_told(shop: Shop) -> None:
    _, subscription = await subscribed(shop, "Shopify Connector")
    # Our endpoint is away meanwhile.
    await shop.stripe("faults", {"drop": 1})
    await shop.context.stripe.delete("subscription", subscription)
    await shop.stripe("faults", {})
    for body in (None, {"cancelAtPeriodEnd": False}):
        answer = await ask(shop, "cancel", subscription, body)
        assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
        assert statuses(answer.json()) == {"revoked"}


async def test_taken_back_too_late(shop: Shop) -> None:
    _, subscription = await subscribed(shop, "Shopify Connector")
    await ask(shop, "cancel", subscription)
    await shop.stripe("faults", {"drop": 1})
    await shop.context.stripe.delete("subscription", subscription)
    await shop.stripe("faults", {})
    assert_error(await ask(shop, "resume", subscription), 409, "subscription_ended")
    assert statuses(await shown(shop, subscription)) == {"revoked"}


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_downgrade_that_waits_is_released_first(shop: Shop, at_once: bool) -> None:
    _, subscription = await subscribed(shop, "Growth")
    starter = (await shop.product("Starter"))["prices"][0]["id"]
    stripe = shop.context.stripe
    schedule = await stripe.create("subscription_schedule", {"from_subscription": subscription})
    (phase,) = schedule["phases"]
    now = {"items": [{"price": phase["items"][0]["price"]}], "start_date": phase["start_date"]}
    now["end_date"] = phase["end_date"]
    later = {"items": [{"price": starter}], "duration": {"interval": "month"}}
    await stripe.update("subscription_schedule", schedule["id"], {"phases": [now, later]})
    await shop.settle()
    answer = await ask(shop, "cancel", subscription, {"cancelAtPeriodEnd": not at_once})
    assert answer.status_code == 200, answer.text
    released = await stripe.retrieve("subscription_schedule", schedule["id"])
    assert released is not None
    assert released["status"] == "released"
    assert answer.json()["status"] == ("canceled" if at_once else "active")
    await shop.turn(days=40)
    assert (await shown(shop, subscription))["status"] == "canceled"


async def test_twenty_at_once(shop: Shop) -> None:
    _, subscription = await subscribed(shop, "Shopify Connector")
    body = {"cancelAtPeriodEnd": False}
    answers = await asyncio.gather(*(ask(shop, "cancel", subscription, body) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["status"] for answer in answers} == {"canceled"}
    await shop.settle()
    found = await shown(shop, subscription)
    assert statuses(found) == {"revoked"}
    timeline = (await shop.get(f"/api/licenses/{found['licenses'][0]['id']}/timeline"))["data"]
    assert [line["to"] for line in timeline if line["change"] == "status"] == ["revoked", "suspended"]


async def test_another_account_s(shop: Shop) -> None:
    _, subscription = await subscribed(shop, "Shopify Connector")
    other = await shop.make_account("eve@example.com")
    made = {"name": "eve", "scopes": ["read", "write"], "accountId": other}
    key = (await shop.api("POST", "/api/admin/api-keys", json=made)).json()["key"]
    reads = {"name": "reader", "scopes": ["read"], "accountId": other}
    reader = (await shop.api("POST", "/api/admin/api-keys", json=reads)).json()["key"]
    writes = len(shop.between.writes())
    for verb in ("cancel", "resume"):
        for id_ in (subscription, "sub_nobody", "x" * 255):
            assert_error(await shop.api("POST", f"{PATH}/{id_}/{verb}", key=key), 404, "not_found")
        assert_error(await shop.api("POST", f"{PATH}/{subscription}/{verb}", key=reader), 403, "forbidden")
    assert_error(await shop.api("GET", f"{PATH}/{subscription}", key=key), 404, "not_found")
    assert (await shop.get(PATH, key=key))["data"] == []
    assert len(shop.between.writes()) == writes


async def test_told_by_mail(shop: Shop) -> None:
    _, subscription = await subscribed(shop, "Shopify Connector")
    assert await shop.emails("cancellation") == []
    await ask(shop, "cancel", subscription)
    await ask(shop, "resume", subscription)
    await ask(shop, "cancel", subscription)
    await shop.settle()
    (told,) = await shop.emails("cancellation")
    assert (told["to"], told["subject"]) == ("ada@example.com", "Your subscription will end")
    text = (await shop.get(f"/api/admin/emails/{told['id']}"))["text"]
    assert "Shopify Connector" in text
    assert "You can use it until" in text
    await shop.turn(days=32)
    assert [one["subject"] for one in await shop.emails("cancellation")] == [
        "Your subscription will end",
        "Your subscription has ended",
    ]
    text = (await shop.get(f"/api/admin/emails/{(await shop.emails('cancellation'))[1]['id']}"))["text"]
    assert "ended on" in text


async def test_a_mail_about_an_end_that_was_taken_back_says_so(shop: Shop) -> None:
    _, subscription = await subscribed(shop, "Shopify Connector")
    await ask(shop, "cancel", subscription)
    await ask(shop, "resume", subscription)
    await shop.settle()
    (told,) = await shop.emails("cancellation")
    assert "It continues unchanged" in (await shop.get(f"/api/admin/emails/{told['id']}"))["text"]
