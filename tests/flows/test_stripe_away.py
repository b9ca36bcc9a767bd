"""Stripe is down, slow or refuses: what stands in our mirror is served all the same, and the rest says so."""

from contextlib import nullcontext
from typing import Any

import httpx
import pytest
from tests.features.actions.test_cancel_and_resume import subscribed
from tests.support.face import assert_error
from tests.support.shop import Shop
from tests.support.stripe_proxy import NEVER, Answer, short_stripe_timeout, stripe_error

NO_RETRY = {"stripe-should-retry": "false"}
DOWN = Answer(503, stripe_error("Down."), NO_RETRY)
SLOW = Answer(200, seconds=NEVER)
BUSY = Answer(429, stripe_error("Slow down."), {"retry-after": "17", **NO_RETRY})
REFUSES = Answer(403, stripe_error("This key may not."), NO_RETRY)
BROKEN = Answer(200, "<html>proxy error</html>", {"content-type": "text/html", **NO_RETRY})

URLS = {"successUrl": "https://shop.example/thanks", "cancelUrl": "https://shop.example/back"}

READS = (
    "/api/billing/subscriptions",
    "/api/billing/subscriptions/{subscription}",
    "/api/billing/invoices",
    "/api/billing/invoices/{invoice}",
    "/api/billing/payment-methods",
    "/api/portal/billing",
    "/api/orders",
    "/api/licenses",
    "/api/products",
)

ASKS: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "checkout": ("POST", "/api/billing/checkout", {"items": [{"productId": "{product}", "quantity": 1}], **URLS}),
    "cancel": ("POST", "/api/billing/subscriptions/{subscription}/cancel", None),
    "resume": ("POST", "/api/billing/subscriptions/{ending}/resume", None),
    "an invoice we lack": ("GET", "/api/billing/invoices/in_unheard_of", None),
    "attach": ("POST", "/api/billing/payment-methods", {"paymentMethodId": "{card}"}),
    "setup intent": ("POST", "/api/billing/payment-methods", {}),
    "setup page": ("POST", "/api/billing/payment-methods", URLS),
    "default": ("PATCH", "/api/billing/payment-methods/{card}", {"setDefault": True}),
    "remove": ("DELETE", "/api/billing/payment-methods/{other_card}", None),
    "portal": ("POST", "/api/billing/portal-session", {"returnUrl": "https://shop.example/"}),
    # The last one: what was decided stands, and the end follows by itself.
    "cancel at once": ("POST", "/api/billing/subscriptions/{subscription}/cancel", {"cancelAtPeriodEnd": False}),
}


def filled(template: Any, names: dict[str, str]) -> Any:
    """The template with the names in it, however deep."""
    if isinstance(template, str):
        return template.format(**names) if "{" in template else template
    if isinstance(template, dict):
        return {key: filled(value, names) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(one, names) for one in template]
    return template


async def names_of(shop: Shop) -> tuple[str, dict[str, str]]:
    """An account that has something of everything, and the ids of it."""
    account, subscription = await subscribed(shop, "Shopify Connector")
    await shop.buy(account, "Growth")
    await shop.settle()
    found = (await shop.get("/api/billing/subscriptions", accountId=account))["data"]
    ending = next(one["id"] for one in found if one["id"] != subscription)
    await shop.api("POST", f"/api/billing/subscriptions/{ending}/cancel")
    path = f"/api/billing/payment-methods?accountId={account}"
    other = (await shop.api("POST", path, json={"paymentMethodId": "pm_card_mastercard"})).json()["id"]
    methods = await shop.get("/api/billing/payment-methods", accountId=account)
    invoices = (await shop.get("/api/billing/invoices", accountId=account))["data"]
    return account, {
        "subscription": subscription,
        "ending": ending,
        "card": next(one["id"] for one in methods if one["isDefault"]),
        "other_card": other,
        "invoice": invoices[0]["id"],
        "product": (await shop.product("Data Migrator"))["id"],
    }


async def read(shop: Shop, path: str, account: str) -> Any:
    """What an operator reads for an account; the products on sale are the same for everybody."""
    return await (shop.get(path) if path == "/api/products" else shop.get(path, accountId=account))


async def ask(shop: Shop, account: str, names: dict[str, str], what: str) -> httpx.Response:
    method, path, body = ASKS[what]
    given = {} if body is None else {"json": filled(body, names)}
    return await shop.api(method, path.format(**names), params={"accountId": account}, **given)


@pytest.mark.parametrize("said", [DOWN, SLOW, BUSY, BROKEN], ids=["down", "slow", "busy", "broken"])
async def test_unavailable(shop: Shop, said: Answer) -> None:
    account, names = await names_of(shop)
    before = {path: await read(shop, path.format(**names), account) for path in READS}
    shop.between.everything = said
    for what in ASKS:
        if said is SLOW:
            # One of a kind is slow enough: each takes all its tries.
            shop.between.everything = said if what in ("checkout", "cancel at once") else DOWN
        with short_stripe_timeout(shop.context.stripe) if shop.between.everything is SLOW else nullcontext():
            answer = await ask(shop, account, names, what)
        assert_error(answer, 503, "stripe_unavailable")
        assert int(answer.headers["retry-after"]) == (17 if said is BUSY else 5)
        if what != "cancel at once":
            for path in READS:
                assert await read(shop, path.format(**names), account) == before[path], (what, path)
    licenses = await shop.licenses(account)
    assert {one["status"] for one in licenses} == {"suspended"}


async def test_refused(shop: Shop) -> None:
    account, names = await names_of(shop)
    before = {path: await read(shop, path.format(**names), account) for path in READS}
    shop.between.everything = REFUSES
    for what in ASKS:
        error = assert_error(await ask(shop, account, names, what), 502, "stripe_error")
        assert error["details"]["stripeRequestId"] == "req_scripted"
        assert "sk_test" not in str(error)
        for path in READS:
            assert await read(shop, path.format(**names), account) == before[path], (what, path)


async def test_there_again_everything_goes_through(shop: Shop) -> None:
    account, names = await names_of(shop)
    shop.between.everything = DOWN
    for what in ASKS:
        assert (await ask(shop, account, names, what)).status_code == 503
    shop.between.everything = None
    for what in ASKS:
        answer = await ask(shop, account, names, what)
        expected = {"an invoice we lack": 404, "remove": 204, "cancel": 200, "resume": 200, "default": 200}
        # What was decided to end at once may have ended meanwhile: either way it is what was asked for.
        assert answer.status_code == expected.get(what, 200 if what == "cancel at once" else 201), (what, answer.text)
