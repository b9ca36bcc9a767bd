"""The Billing API as it is promised: every path, body and answer to the letter, no field more and none less."""

import json
import re
from typing import Any

import httpx
import pytest_asyncio
from tests.support.face import assert_error
from tests.support.shop import Shop
from tests.support.signing import signed

from licet.kit.times import wall_now

PAGE = {"total", "page", "limit", "totalPages"}
SUBSCRIPTION = {"id", "status", "currentPeriodStart", "currentPeriodEnd", "cancelAtPeriodEnd", "items"}
SUBSCRIPTION_ITEM = {"productId", "productName", "price", "currency", "interval", "quantity"}
SUBSCRIPTION_IN_FULL = SUBSCRIPTION | {"licenses", "latestInvoice", "cancelAt", "canceledAt", "trialEnd", "quantity"}
INVOICE = {
    "id", "number", "status", "amountDue", "amountPaid", "currency", "createdAt", "periodStart", "periodEnd",
    "subscriptionId", "hostedInvoiceUrl", "invoicePdf",
}  # fmt: skip
METHOD = {"id", "type", "brand", "last4", "expiryMonth", "expiryYear", "isDefault"}
ORDER = {
    "id", "status", "amount", "amountRefunded", "currency", "createdAt", "subscriptionId", "items", "licenses",
}  # fmt: skip
PRODUCT = {"id", "name", "description", "features", "prices"}
LICENSE = {
    "id", "key", "productId", "productName", "status", "activationsCount", "activationsLimit", "expiresAt",
    "createdAt", "subscriptionId", "orderId", "entitlements",
}  # fmt: skip
DASHBOARD = {
    "account", "subscriptions", "licenses", "nextCharge", "recentInvoices", "paymentMethods", "spendByMonth",
}  # fmt: skip

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Customer:
    """An account that asks with its own key."""

    def __init__(self, shop: Shop, account: str, key: str) -> None:
        self.shop = shop
        self.account = account
        self.key = key

    async def ask(self, method: str, path: str, status: int, **given: Any) -> Any:
        """The JSON of an answer with this status; None where it has no body."""
        answer = await self.shop.api(method, path, key=self.key, **given)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def page(self, path: str) -> list[dict[str, Any]]:
        """What a list holds, which must come as `{data, meta}`."""
        found = await self.ask("GET", path, 200)
        assert set(found) == {"data", "meta"}
        assert set(found["meta"]) == PAGE
        data: list[dict[str, Any]] = found["data"]
        return data

    async def refused(self, method: str, path: str, status: int, code: str, **given: Any) -> dict[str, Any]:
        return assert_error(await self.shop.api(method, path, key=self.key, **given), status, code)

    async def cart(self, *names: str, **more: Any) -> dict[str, Any]:
        """The body of a checkout, each of its fields given."""
        products = [await self.shop.product(name) for name in names]
        return {
            "items": [{"productId": one["id"], "quantity": 1, "priceId": one["prices"][0]["id"]} for one in products],
            "successUrl": f"{self.shop.url}/healthz?session={{CHECKOUT_SESSION_ID}}",
            "cancelUrl": f"{self.shop.url}/healthz?back",
            **more,
        }


@pytest_asyncio.fixture
async def nobody_yet(shop: Shop) -> Customer:
    """A customer that has bought nothing."""
    account = await shop.make_account()
    asked = {"name": "Ada", "scopes": ["read", "write"], "accountId": account}
    made = await shop.api("POST", "/api/admin/api-keys", json=asked)
    return Customer(shop, account, made.json()["key"])


@pytest_asyncio.fixture
async def customer(nobody_yet: Customer) -> Customer:
    """A customer with a subscription and something bought once."""
    await nobody_yet.shop.buy(nobody_yet.account, "Shopify Connector", "Data Migrator")
    await nobody_yet.shop.settle()
    return nobody_yet


def assert_all(found: list[dict[str, Any]], fields: set[str]) -> None:
    assert found
    for one in found:
        assert set(one) == fields


async def test_a_key_in_either_header(customer: Customer) -> None:
    assert re.fullmatch(r"lic_test_.{32,}", customer.key)
    for headers in ({"Authorization": f"Bearer {customer.key}"}, {"X-API-Key": customer.key}):
        answer = await customer.shop.client.get(f"{customer.shop.url}/api/billing/subscriptions", headers=headers)
        assert answer.status_code == 200


async def test_times_and_money(customer: Customer) -> None:
    (subscription,) = await customer.page("/api/billing/subscriptions")
    (item,) = subscription["items"]
    assert (item["price"], item["currency"]) == (14900, "usd")
    assert MOMENT.fullmatch(subscription["currentPeriodEnd"])
    assert MOMENT.fullmatch((await customer.page("/api/orders"))[0]["createdAt"])


async def test_errors(nobody_yet: Customer) -> None:
    found = await nobody_yet.refused("POST", CHECKOUT, 422, "empty_cart", json=await nobody_yet.cart())
    assert {name: found[name] for name in ("statusCode", "error", "code")} == {
        "statusCode": 422,
        "error": "Unprocessable Entity",
        "code": "empty_cart",
    }
    cart = await nobody_yet.cart("Shopify Connector")
    cart["items"][0]["quantity"] = 0
    found = await nobody_yet.refused("POST", CHECKOUT, 422, "validation_failed", json=cart)
    ((fault),) = found["details"]["fields"]
    assert (set(fault), fault["field"]) == ({"field", "message"}, "items[0].quantity")


CHECKOUT = "/api/billing/checkout"


async def test_pages(customer: Customer) -> None:
    found = await customer.ask("GET", "/api/billing/invoices?page=1&limit=20", 200)
    assert found["meta"] == {"total": 1, "page": 1, "limit": 20, "totalPages": 1}
    assert (await customer.ask("GET", "/api/billing/invoices?limit=100", 200))["meta"]["limit"] == 100
    await customer.refused("GET", "/api/billing/invoices?limit=101", 422, "validation_failed")


async def test_the_same_key_again(customer: Customer) -> None:
    cart = await customer.cart("Data Migrator")
    under = {"headers": {"Idempotency-Key": "k" * 255}}
    first = await customer.shop.api("POST", CHECKOUT, key=customer.key, json=cart, **under)
    again = await customer.shop.api("POST", CHECKOUT, key=customer.key, json=cart, **under)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    other = cart | {"cancelUrl": "https://shop.example/other"}
    await customer.refused("POST", CHECKOUT, 422, "idempotency_key_reused", json=other, **under)
    too_long = {"headers": {"Idempotency-Key": "k" * 256}}
    await customer.refused("POST", CHECKOUT, 422, "validation_failed", json=cart, **too_long)


async def test_each_answer_has_an_id(customer: Customer) -> None:
    for given, kept in (("a.B_c-9", True), ("x" * 64, True), ("x" * 65, False), ("not one", False)):
        answer = await customer.shop.api("GET", "/api/orders", headers={"X-Request-Id": given})
        assert (answer.headers["x-request-id"] == given) == kept
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", answer.headers["x-request-id"])


async def test_checkout(nobody_yet: Customer) -> None:
    shop = nobody_yet.shop
    coupon = await shop.context.stripe.create("coupon", {"percent_off": 10, "duration": "once"})
    promotion = {"promotion": {"type": "coupon", "coupon": coupon["id"]}, "code": "SPRING"}
    await shop.context.stripe.create("promotion_code", promotion)
    cart = await nobody_yet.cart(
        "Shopify Connector", "Data Migrator", promotionCode="SPRING", metadata={"campaign": "spring"}
    )
    found = await nobody_yet.ask("POST", CHECKOUT, 201, json=cart)
    assert set(found) == {"sessionId", "url"}
    assert found["url"].startswith("http")
    session = await shop.context.stripe.retrieve("checkout.session", found["sessionId"])
    assert session is not None
    # It reaches Stripe untouched.
    assert session["success_url"].endswith("{CHECKOUT_SESSION_ID}")
    # Nothing is issued here.
    assert await nobody_yet.page("/api/licenses") == []
    assert (await shop.pay(found["sessionId"])).status_code == 200
    await shop.settle()
    assert len(await nobody_yet.page("/api/licenses")) == 2


async def test_carts_that_are_refused(nobody_yet: Customer) -> None:
    connector = await nobody_yet.shop.product("Shopify Connector")
    monthly, yearly = connector["prices"]
    mixed = await nobody_yet.cart("Shopify Connector")
    mixed["items"] = [
        {"productId": connector["id"], "quantity": 1, "priceId": price["id"]} for price in (monthly, yearly)
    ]
    unknown = await nobody_yet.cart()
    unknown["items"] = [{"productId": "0193a1b2-7c3d-7e4f-8a5b-123456789abc", "quantity": 1}]
    many = await nobody_yet.cart("Data Migrator")
    many["items"] = [{**many["items"][0], "quantity": 60}] * 2
    for cart, code in (
        (await nobody_yet.cart(), "empty_cart"),
        (unknown, "invalid_product"),
        (mixed, "mixed_intervals"),
        (many, "validation_failed"),
        (await nobody_yet.cart("Data Migrator", promotionCode="NONE"), "invalid_promotion_code"),
        (await nobody_yet.cart("Data Migrator", successUrl="http://shop.example"), "invalid_redirect_url"),
    ):
        found = await nobody_yet.refused("POST", CHECKOUT, 422, code, json=cart)
        if code == "invalid_product":
            assert found["details"]["productId"] == unknown["items"][0]["productId"]


async def test_a_plan_is_subscribed_to_once(nobody_yet: Customer) -> None:
    await nobody_yet.shop.buy(nobody_yet.account, "Growth")
    await nobody_yet.shop.settle()
    await nobody_yet.refused("POST", CHECKOUT, 409, "already_subscribed", json=await nobody_yet.cart("Growth"))
    await nobody_yet.ask("POST", CHECKOUT, 201, json=await nobody_yet.cart("Data Migrator"))


async def test_subscriptions(customer: Customer) -> None:
    path = "/api/billing/subscriptions"
    found = await customer.page(path)
    assert_all(found, SUBSCRIPTION)
    assert_all(found[0]["items"], SUBSCRIPTION_ITEM)
    one = await customer.ask("GET", f"{path}/{found[0]['id']}", 200)
    assert set(one) == SUBSCRIPTION_IN_FULL
    assert {name: one[name] for name in SUBSCRIPTION} == found[0]
    assert_all(one["licenses"], LICENSE)
    assert set(one["latestInvoice"]) == INVOICE
    await customer.refused("GET", f"{path}/sub_nobody", 404, "not_found")


async def test_cancel_and_resume(customer: Customer) -> None:
    path = "/api/billing/subscriptions"
    (found,) = await customer.page(path)
    one = f"{path}/{found['id']}"
    for given in ({}, {"json": {"cancelAtPeriodEnd": True}}):
        ending = await customer.ask("POST", f"{one}/cancel", 200, **given)
        assert (set(ending), ending["cancelAtPeriodEnd"]) == (SUBSCRIPTION_IN_FULL, True)
        # Asking for what is already so changes nothing.
        assert await customer.ask("POST", f"{one}/cancel", 200, **given) == ending
        staying = await customer.ask("POST", f"{one}/resume", 200)
        assert (set(staying), staying["cancelAtPeriodEnd"]) == (SUBSCRIPTION_IN_FULL, False)
        assert await customer.ask("POST", f"{one}/resume", 200) == staying
    ended = await customer.ask("POST", f"{one}/cancel", 200, json={"cancelAtPeriodEnd": False})
    assert {license["status"] for license in ended["licenses"]} <= {"suspended", "revoked"}
    await customer.shop.settle()
    await customer.refused("POST", f"{one}/resume", 409, "subscription_ended")
    # The list leaves out what has ended.
    assert await customer.page(path) == []
    for status in ("all", "canceled"):
        assert [row["status"] for row in await customer.page(f"{path}?status={status}")] == ["canceled"]
    assert await customer.page(f"{path}?status=active") == []


async def test_invoices(customer: Customer) -> None:
    found = await customer.page("/api/billing/invoices")
    assert_all(found, INVOICE)
    one = await customer.ask("GET", f"/api/billing/invoices/{found[0]['id']}", 200)
    assert set(one) == INVOICE | {"lines"}
    assert len(one["lines"]) == 2


async def test_payment_methods(customer: Customer) -> None:
    path = "/api/billing/payment-methods"
    found = await customer.ask("GET", path, 200)
    assert isinstance(found, list)
    assert_all(found, METHOD)
    added = await customer.ask("POST", path, 201, json={"paymentMethodId": "pm_card_mastercard", "setDefault": False})
    assert (set(added), added["isDefault"]) == (METHOD, False)
    assert set(await customer.ask("POST", path, 201, json={})) == {"setupIntentId", "clientSecret"}
    urls = {"successUrl": "https://shop.example/saved", "cancelUrl": "https://shop.example/me"}
    assert set(await customer.ask("POST", path, 201, json=urls)) == {"url"}
    for body in ({"setDefault": True}, {"setDefault": True, "payOpenInvoices": True}):
        changed = await customer.ask("PATCH", f"{path}/{added['id']}", 200, json=body)
        assert changed == added | {"isDefault": True}
    await customer.refused("DELETE", f"{path}/{added['id']}", 400, "default_payment_method_in_use")
    assert await customer.ask("DELETE", f"{path}/{found[0]['id']}", 204) is None
    refused = {"json": {"paymentMethodId": "pm_card_visa_chargeDeclined"}}
    declined = await customer.refused("POST", path, 402, "card_declined", **refused)
    assert declined["details"]["declineCode"] == "generic_decline"


async def test_the_portal(customer: Customer) -> None:
    body = {"returnUrl": "https://shop.example/me"}
    assert set(await customer.ask("POST", "/api/billing/portal-session", 201, json=body)) == {"url"}


async def test_the_dashboard(customer: Customer) -> None:
    found = await customer.ask("GET", "/api/portal/billing", 200)
    assert set(found) == DASHBOARD
    assert set(found["nextCharge"]) == {"amount", "currency", "at"}
    assert_all(found["spendByMonth"], {"month", "amount", "currency"})
    for part, fields in (
        ("subscriptions", SUBSCRIPTION),
        ("licenses", LICENSE),
        ("recentInvoices", INVOICE),
        ("paymentMethods", METHOD),
    ):
        assert_all(found[part], fields)


async def test_orders_licenses_and_products(customer: Customer) -> None:
    for path, fields, more in (("/api/orders", ORDER, set()), ("/api/licenses", LICENSE, {"activations"})):
        found = await customer.page(path)
        assert_all(found, fields)
        one = await customer.ask("GET", f"{path}/{found[0]['id']}", 200)
        assert set(one) == fields | more
    changes = await customer.page(f"/api/licenses/{found[0]['id']}/timeline")
    assert_all(changes, {"at", "change", "from", "to", "because"})
    # No key is needed for what can be bought.
    products = (await customer.shop.client.get(f"{customer.shop.url}/api/products")).json()
    assert set(products["meta"]) == PAGE
    assert_all(products["data"], PRODUCT)


async def test_webhooks(customer: Customer) -> None:
    event = {"id": "evt_none", "object": "event", "type": "none.of_ours", "created": 1795000000, "livemode": False}
    raw = json.dumps({**event, "api_version": None, "data": {"object": {"id": "x", "object": "x"}}}).encode()
    (secret,) = customer.shop.context.settings.webhook_secrets

    async def deliver(signature: str) -> httpx.Response:
        headers = {"Stripe-Signature": signature}
        url = f"{customer.shop.url}/api/billing/webhooks"
        return await customer.shop.client.post(url, content=raw, headers=headers)

    taken = await deliver(signed(raw, secret.get_secret_value(), wall_now()))
    assert (taken.status_code, taken.json()) == (200, {"received": True})
    assert_error(await deliver("t=1,v1=00"), 401, "invalid_signature")
