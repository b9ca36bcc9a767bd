"""What a customer pays with: added in three ways, made the default, used for what is overdue, and taken away."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from tests.features.actions.test_cancel_and_resume import subscribed
from tests.support.face import assert_error, fields_of
from tests.support.shop import Shop
from tests.support.stripe_proxy import Answer, stripe_error

PATH = "/api/billing/payment-methods"
URLS = {"successUrl": "https://shop.example/saved", "cancelUrl": "https://shop.example/account"}


async def listed(shop: Shop, account: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await shop.get(PATH, accountId=account)
    return found


def default_of(methods: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in methods if one["isDefault"]]


async def add(shop: Shop, account: str, body: Mapping[str, Any] | None, **more: Any) -> httpx.Response:
    given: dict[str, Any] = {} if body is None else {"json": body}
    return await shop.api("POST", PATH, params={"accountId": account}, **given, **more)


async def default_at_stripe(shop: Shop, account: str) -> set[str]:
    """The defaults of the account's customer and of each of its subscriptions."""
    customer_id = (await shop.get(f"/api/admin/accounts/{account}"))["customerId"]
    stripe = shop.context.stripe
    customer = await stripe.retrieve("customer", customer_id)
    assert customer is not None
    subscriptions = [one async for one in stripe.list_all("subscription", customer=customer_id)]
    return {customer["invoice_settings"]["default_payment_method"]} | {
        one["default_payment_method"] for one in subscriptions
    }


async def test_what_was_bought_with(shop: Shop) -> None:
    account, _ = await subscribed(shop, "Shopify Connector")
    (card,) = await listed(shop, account)
    assert card["id"].startswith("pm_")
    assert card["expiryYear"] > 2026
    assert card == {
        "id": card["id"],
        "type": "card",
        "brand": "visa",
        "last4": "4242",
        "expiryMonth": 12,
        "expiryYear": card["expiryYear"],
        "isDefault": True,
    }
    assert await listed(shop, await shop.make_account("eve@example.com")) == []


async def test_what_stripe_js_collected(shop: Shop) -> None:
    account, _ = await subscribed(shop, "Shopify Connector")
    answer = await add(shop, account, {"paymentMethodId": "pm_card_mastercard"})
    assert answer.status_code == 201, answer.text
    added = answer.json()
    assert (added["brand"], added["isDefault"]) == ("mastercard", False)
    assert added in await listed(shop, account)
    # Again, by its own id: it stays as it is.
    again = await add(shop, account, {"paymentMethodId": added["id"]})
    assert (again.status_code, again.json()) == (201, added)
    await shop.settle()
    assert len(await listed(shop, account)) == 2


async def test_added_as_the_default(shop: Shop) -> None:
    account, _ = await subscribed(shop, "Shopify Connector")
    answer = await add(shop, account, {"paymentMethodId": "pm_card_mastercard", "setDefault": True})
    assert (answer.status_code, answer.json()["isDefault"]) == (201, True)
    assert await default_at_stripe(shop, account) == {answer.json()["id"]}
    assert default_of(await listed(shop, account)) == [answer.json()["id"]]


async def test_a_setup_intent_for_stripe_js(shop: Shop) -> None:
    account = await shop.make_account()
    bodies: tuple[dict[str, Any] | None, ...] = ({}, None)
    for body in bodies:
        answer = await add(shop, account, body)
        assert answer.status_code == 201, answer.text
        assert set(answer.json()) == {"setupIntentId", "clientSecret"}
        assert answer.json()["clientSecret"].startswith(answer.json()["setupIntentId"] + "_secret_")
    intent = await shop.context.stripe.retrieve("setup_intent", answer.json()["setupIntentId"])
    assert intent is not None
    # The customer was made for it.
    assert intent["customer"] == (await shop.get(f"/api/admin/accounts/{account}"))["customerId"]
    assert intent["usage"] == "off_session"
    await shop.context.stripe.act("setup_intent", intent["id"], "confirm", {"payment_method": "pm_card_visa"})
    await shop.settle()
    assert [one["last4"] for one in await listed(shop, account)] == ["4242"]


async def test_a_hosted_page(shop: Shop) -> None:
    account = await shop.make_account()
    answer = await add(shop, account, URLS)
    assert answer.status_code == 201, answer.text
    assert set(answer.json()) == {"url"}
    session_id = answer.json()["url"].rsplit("/", 1)[-1]
    assert (await shop.pay(session_id, "5555555555554444")).json()["redirectTo"] == URLS["successUrl"]
    await shop.settle()
    assert [one["brand"] for one in await listed(shop, account)] == ["mastercard"]
    # Nothing was bought.
    assert (await shop.get("/api/orders", accountId=account))["data"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"paymentMethodId": "pm_1", **URLS}, "body"),
        ({"successUrl": "https://shop.example"}, "body"),
        ({"setDefault": True}, "body"),
        ({"paymentMethodId": "cus_1"}, "paymentMethodId"),
        ({"paymentMethodId": "pm_1/../../customers"}, "paymentMethodId"),
        ({"paymentMethodId": "pm_1", "setDefault": "yes"}, "setDefault"),
        ({"paymentMethod": "pm_1"}, "paymentMethod"),
    ],
)
async def test_what_does_not_fit(shop: Shop, body: dict[str, Any], field: str) -> None:
    account = await shop.make_account()
    assert fields_of(await add(shop, account, body)) == [field]


async def test_no_such_method_and_somebody_else_s(shop: Shop) -> None:
    account, _ = await subscribed(shop, "Shopify Connector")
    other, _ = await subscribed(shop, "Shopify Connector", email="eve@example.com")
    (theirs,) = await listed(shop, other)
    for id_ in ("pm_nobody", theirs["id"]):
        assert_error(await add(shop, account, {"paymentMethodId": id_}), 422, "invalid_payment_method")
    assert len(await listed(shop, account)) == 1


async def test_a_card_that_is_refused(shop: Shop) -> None:
    account = await shop.make_account()
    answer = await add(shop, account, {"paymentMethodId": "pm_card_visa_chargeDeclinedInsufficientFunds"})
    error = assert_error(answer, 402, "card_declined")
    assert error["details"]["declineCode"] == "insufficient_funds"
    assert await listed(shop, account) == []


async def test_a_url_that_leads_elsewhere(shop: Shop) -> None:
    account = await shop.make_account()
    for field in URLS:
        error = assert_error(await add(shop, account, URLS | {field: "http://x.example"}), 422, "invalid_redirect_url")
        assert error["details"] == {"field": field}


async def test_the_same_key_adds_once(shop: Shop) -> None:
    account = await shop.make_account()
    key = {"headers": {"Idempotency-Key": "once"}}
    for body in ({}, URLS, {"paymentMethodId": "pm_card_mastercard"}):
        key["headers"]["Idempotency-Key"] += "!"
        first, again = await add(shop, account, body, **key), await add(shop, account, body, **key)
        assert first.status_code == 201, first.text
        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["idempotent-replayed"] == "true"
    assert len(await listed(shop, account)) == 1


async def test_made_the_default_of_all_that_renews(shop: Shop) -> None:
    account, _ = await subscribed(shop, "Shopify Connector")
    await shop.buy(account, "Growth")
    await shop.settle()
    added = (await add(shop, account, {"paymentMethodId": "pm_card_mastercard"})).json()
    answer = await shop.api("PATCH", f"{PATH}/{added['id']}", params={"accountId": account}, json={"setDefault": True})
    assert (answer.status_code, answer.json()) == (200, {**added, "isDefault": True})
    assert await default_at_stripe(shop, account) == {added["id"]}
    await shop.settle()
    assert default_of(await listed(shop, account)) == [added["id"]]


async def overdue(shop: Shop) -> tuple[str, str]:
    """An account whose renewal was refused: (account, subscription)."""
    account, subscription = await subscribed(shop, "Shopify Connector")
    customer = (await shop.get(f"/api/admin/accounts/{account}"))["customerId"]
    await shop.stripe(f"customers/{customer}/card", {"card": "4000000000000341"})
    await shop.turn(days=31, hours=2)
    found = await shop.get(f"/api/billing/subscriptions/{subscription}")
    assert (found["status"], found["latestInvoice"]["status"]) == ("past_due", "open")
    return account, subscription


async def test_a_subscription_that_ended_unheard_of_is_no_hindrance(shop: Shop) -> None:
    account, subscription = await subscribed(shop, "Shopify Connector")
    added = (await add(shop, account, {"paymentMethodId": "pm_card_mastercard"})).json()
    await shop.stripe("faults", {"drop": 1})
    await shop.context.stripe.delete("subscription", subscription)
    answer = await shop.api("PATCH", f"{PATH}/{added['id']}", params={"accountId": account}, json={"setDefault": True})
    assert (answer.status_code, answer.json()["isDefault"]) == (200, True)
    shown = await shop.get(f"/api/billing/subscriptions/{subscription}")
    assert shown["status"] == "canceled"


@pytest.mark.parametrize("pay", [True, False])
async def test_what_is_overdue_is_paid_when_asked_for(shop: Shop, pay: bool) -> None:
    account, subscription = await overdue(shop)
    added = (await add(shop, account, {"paymentMethodId": "pm_card_mastercard"})).json()
    body = {"setDefault": True, **({"payOpenInvoices": True} if pay else {})}
    answer = await shop.api("PATCH", f"{PATH}/{added['id']}", params={"accountId": account}, json=body)
    assert answer.status_code == 200, answer.text
    found = await shop.get(f"/api/billing/subscriptions/{subscription}")
    assert found["latestInvoice"]["status"] == ("paid" if pay else "open")
    await shop.settle()
    found = await shop.get(f"/api/billing/subscriptions/{subscription}")
    assert found["status"] == ("active" if pay else "past_due")
    assert len(await shop.emails("receipt")) == (2 if pay else 1)


async def test_refused_once_more_it_is_the_default_all_the_same(shop: Shop) -> None:
    account, subscription = await overdue(shop)
    bad = (await add(shop, account, {"paymentMethodId": "pm_card_chargeCustomerFail"})).json()
    body = {"setDefault": True, "payOpenInvoices": True}
    answer = await shop.api("PATCH", f"{PATH}/{bad['id']}", params={"accountId": account}, json=body)
    assert_error(answer, 402, "card_declined")
    assert await default_at_stripe(shop, account) == {bad["id"]}
    assert (await shop.get(f"/api/billing/subscriptions/{subscription}"))["status"] == "past_due"


async def test_removed(shop: Shop) -> None:
    account, _ = await subscribed(shop, "Shopify Connector")
    (card,) = await listed(shop, account)
    added = (await add(shop, account, {"paymentMethodId": "pm_card_mastercard"})).json()
    params: dict[str, Any] = {"params": {"accountId": account}}
    assert_error(await shop.api("DELETE", f"{PATH}/{card['id']}", **params), 400, "default_payment_method_in_use")
    answer = await shop.api("DELETE", f"{PATH}/{added['id']}", **params)
    assert (answer.status_code, answer.content) == (204, b"")
    assert await listed(shop, account) == [card]
    assert_error(await shop.api("DELETE", f"{PATH}/{added['id']}", **params), 404, "not_found")
    await shop.settle()
    assert await listed(shop, account) == [card]


async def test_twenty_remove_it_at_once(shop: Shop) -> None:
    account, _ = await subscribed(shop, "Shopify Connector")
    added = (await add(shop, account, {"paymentMethodId": "pm_card_mastercard"})).json()
    path, params = f"{PATH}/{added['id']}", {"accountId": account}
    answers = await asyncio.gather(*(shop.api("DELETE", path, params=params) for _ in range(20)))
    # Whoever came after it was gone finds nothing.
    assert {answer.status_code for answer in answers} <= {204, 404}
    assert 204 in {answer.status_code for answer in answers}


async def test_removed_once_nothing_renews(shop: Shop) -> None:
    account, subscription = await subscribed(shop, "Shopify Connector")
    (card,) = await listed(shop, account)
    await shop.api("POST", f"/api/billing/subscriptions/{subscription}/cancel")
    params: dict[str, Any] = {"params": {"accountId": account}}
    # It has not ended yet.
    assert_error(await shop.api("DELETE", f"{PATH}/{card['id']}", **params), 400, "default_payment_method_in_use")
    await shop.api("POST", f"/api/billing/subscriptions/{subscription}/cancel", json={"cancelAtPeriodEnd": False})
    assert (await shop.api("DELETE", f"{PATH}/{card['id']}", **params)).status_code == 204


async def test_somebody_else_s_is_not_there(shop: Shop) -> None:
    account, _ = await subscribed(shop, "Shopify Connector")
    other, _ = await subscribed(shop, "Shopify Connector", email="eve@example.com")
    (theirs,) = await listed(shop, other)
    writes = len(shop.between.writes())
    for id_ in (theirs["id"], "pm_nobody", "%2e%2e"):
        given: dict[str, Any] = {"params": {"accountId": account}}
        assert_error(await shop.api("DELETE", f"{PATH}/{id_}", **given), 404, "not_found")
        given["json"] = {"setDefault": True}
        assert_error(await shop.api("PATCH", f"{PATH}/{id_}", **given), 404, "not_found")
    assert len(shop.between.writes()) == writes


async def test_stripe_refuses_and_stripe_is_away(shop: Shop) -> None:
    account, _ = await subscribed(shop, "Shopify Connector")
    (card,) = await listed(shop, account)
    added = (await add(shop, account, {"paymentMethodId": "pm_card_mastercard"})).json()
    no_retry = {"stripe-should-retry": "false"}
    for said, status, code in (
        (Answer(401, stripe_error("Bad key."), no_retry), 502, "stripe_error"),
        (Answer(500, stripe_error("Down."), no_retry), 503, "stripe_unavailable"),
    ):
        for path in ("setup_intents", "checkout/sessions", f"payment_methods/{added['id']}/detach"):
            shop.between.always["POST", f"/v1/{path}"] = said
        shop.between.always["POST", f"/v1/payment_methods/{card['id']}/attach"] = said
        customer = (await shop.get(f"/api/admin/accounts/{account}"))["customerId"]
        shop.between.always["POST", f"/v1/customers/{customer}"] = said
        params: dict[str, Any] = {"params": {"accountId": account}}
        for body in ({}, URLS, {"paymentMethodId": card["id"]}):
            assert_error(await add(shop, account, body), status, code)
        assert_error(await shop.api("DELETE", f"{PATH}/{added['id']}", **params), status, code)
        made_default = await shop.api("PATCH", f"{PATH}/{added['id']}", json={"setDefault": True}, **params)
        assert_error(made_default, status, code)
    shop.between.always.clear()
    assert default_of(await listed(shop, account)) == [card["id"]]


async def test_an_operator_names_the_account(shop: Shop) -> None:
    for method, path, body in (
        ("GET", PATH, None),
        ("POST", PATH, {}),
        ("PATCH", f"{PATH}/pm_1", {"setDefault": True}),
        ("DELETE", f"{PATH}/pm_1", None),
    ):
        given: dict[str, Any] = {} if body is None else {"json": body}
        assert_error(await shop.api(method, path, **given), 422, "account_required")
