"""What was billed, and a customer's dashboard: the same whether Stripe is there or not."""

from datetime import timedelta
from typing import Any

import pytest
from tests.features.actions.test_cancel_and_resume import subscribed
from tests.features.actions.test_payment_methods import overdue
from tests.flows.test_refunds import payment_of
from tests.support.face import assert_error
from tests.support.shop import Shop
from tests.support.stripe_proxy import Answer, stripe_error

from licet.kit.times import rfc3339

INVOICES = "/api/billing/invoices"


async def board(shop: Shop, account: str) -> dict[str, Any]:
    found: dict[str, Any] = await shop.get("/api/portal/billing", accountId=account)
    return found


async def test_invoices(shop: Shop) -> None:
    account, subscription = await subscribed(shop, "Shopify Connector")
    await shop.turn(seconds=2)
    await shop.buy(account, "Data Migrator")
    await shop.turn(days=32)
    found = await shop.get(INVOICES, accountId=account)
    renewal, once, first = found["data"]
    assert found["meta"] == {"total": 3, "page": 1, "limit": 20, "totalPages": 1}
    assert (renewal["amountPaid"], once["amountPaid"], first["amountPaid"]) == (14900, 49900, 14900)
    assert [one["subscriptionId"] for one in found["data"]] == [subscription, None, subscription]
    assert set(first) == {
        "id", "number", "status", "amountDue", "amountPaid", "currency", "createdAt", "periodStart", "periodEnd",
        "subscriptionId", "hostedInvoiceUrl", "invoicePdf",
    }  # fmt: skip
    one = await shop.get(f"{INVOICES}/{first['id']}")
    lines = one.pop("lines")
    assert one == first
    (line,) = lines
    assert (line["amount"], line["quantity"], line["proration"]) == (14900, 1, False)
    assert line["productId"] == (await shop.product("Shopify Connector"))["id"]
    for link in (first["hostedInvoiceUrl"], first["invoicePdf"]):
        assert (await shop.client.get(link)).status_code == 200
    assert (await shop.get(INVOICES, accountId=account, subscriptionId=subscription))["meta"]["total"] == 2
    assert (await shop.get(INVOICES, accountId=account, status="open"))["data"] == []


async def test_an_invoice_that_we_lack_is_asked_for_and_kept(shop: Shop) -> None:
    account, _ = await subscribed(shop, "Shopify Connector")
    other = await shop.make_account("eve@example.com")
    key = (
        await shop.api("POST", "/api/admin/api-keys", json={"name": "eve", "scopes": ["read"], "accountId": other})
    ).json()["key"]
    customer = (await shop.get(f"/api/admin/accounts/{account}"))["customerId"]
    await shop.stripe("faults", {"drop": 1})
    made = await shop.context.stripe.create(
        "invoice", {"customer": customer, "pending_invoice_items_behavior": "exclude"}
    )
    await shop.stripe("faults", {})
    path = f"{INVOICES}/{made['id']}"
    assert_error(await shop.api("GET", path, key=key), 404, "not_found")
    assert await shop.context.pool.fetchval("SELECT count(*) FROM invoices") == 1
    shop.between.always["GET", f"/v1/invoices/{made['id']}"] = Answer(
        500, stripe_error(), {"stripe-should-retry": "false"}
    )
    assert_error(await shop.api("GET", path), 503, "stripe_unavailable")
    shop.between.always["GET", f"/v1/invoices/{made['id']}"] = Answer(401, stripe_error())
    assert_error(await shop.api("GET", path), 502, "stripe_error")
    shop.between.always.clear()
    found = await shop.get(path)
    assert (found["id"], found["status"], found["lines"]) == (made["id"], "draft", [])
    asked = len(shop.between.seen)
    assert await shop.get(path) == found
    assert_error(await shop.api("GET", path, key=key), 404, "not_found")
    assert len(shop.between.seen) == asked
    assert (await shop.get(INVOICES, accountId=account))["meta"]["total"] == 2
    for nothing in ("in_nobody", "in_", "x", "in_..%2f..%2fcustomers"):
        assert_error(await shop.api("GET", f"{INVOICES}/{nothing}"), 404, "not_found")


async def test_all_in_one_call(shop: Shop) -> None:
    account, subscription = await subscribed(shop, "Shopify Connector", quantity=2)
    await shop.buy(account, "Data Migrator")
    await shop.settle()
    found = await board(shop, account)
    shown = await shop.get(f"/api/billing/subscriptions/{subscription}")
    assert found["account"] == await shop.get(f"/api/admin/accounts/{account}")
    assert found["subscriptions"] == (await shop.get("/api/billing/subscriptions", accountId=account))["data"]
    assert found["licenses"] == (await shop.get("/api/licenses", accountId=account))["data"]
    assert found["recentInvoices"] == (await shop.get(INVOICES, accountId=account))["data"]
    assert found["paymentMethods"] == await shop.get("/api/billing/payment-methods", accountId=account)
    assert found["nextCharge"] == {"amount": 29800, "currency": "usd", "at": shown["currentPeriodEnd"]}
    month = rfc3339(shop.context.now())[:7]
    assert found["spendByMonth"] == [{"month": month, "amount": 29800 + 49900, "currency": "usd"}]
    key = (
        await shop.api("POST", "/api/admin/api-keys", json={"name": "ada", "scopes": ["read"], "accountId": account})
    ).json()["key"]
    assert await shop.get("/api/portal/billing", key=key) == found
    shop.between.always["GET", "/v1/invoices"] = Answer(500, stripe_error())
    asked = len(shop.between.seen)
    assert await board(shop, account) == found
    assert len(shop.between.seen) == asked
    assert_error(await shop.api("GET", "/api/portal/billing"), 422, "account_required")


async def test_of_an_account_that_has_nothing(shop: Shop) -> None:
    account = await shop.make_account()
    found = await board(shop, account)
    assert found.pop("account")["id"] == account
    assert found == {
        "subscriptions": [],
        "licenses": [],
        "nextCharge": None,
        "recentInvoices": [],
        "paymentMethods": [],
        "spendByMonth": [],
    }


async def test_what_went_back_is_taken_off(shop: Shop) -> None:
    account, _ = await subscribed(shop, "Shopify Connector")
    await shop.stripe("refunds", {"paymentIntent": await payment_of(shop, account), "amount": 4900})
    await shop.settle()
    assert [one["amount"] for one in (await board(shop, account))["spendByMonth"]] == [10000]


async def test_a_trial_ends_before_anything_is_charged(shop: Shop) -> None:
    account, subscription = await subscribed(shop, "Scale")
    shown = await shop.get(f"/api/billing/subscriptions/{subscription}")
    assert shown["status"] == "trialing"
    assert (await board(shop, account))["nextCharge"] == {"amount": 29900, "currency": "usd", "at": shown["trialEnd"]}
    assert (await board(shop, account))["spendByMonth"] == []


async def test_nothing_more_of_what_ends(shop: Shop) -> None:
    account, subscription = await subscribed(shop, "Shopify Connector")
    await shop.api("POST", f"/api/billing/subscriptions/{subscription}/cancel")
    assert (await board(shop, account))["nextCharge"] is None
    await shop.api("POST", f"/api/billing/subscriptions/{subscription}/resume")
    assert (await board(shop, account))["nextCharge"] is not None
    await shop.context.stripe.update("subscription", subscription, {"pause_collection": {"behavior": "void"}})
    await shop.settle()
    assert (await board(shop, account))["nextCharge"] is None


async def test_what_is_tried_again(shop: Shop) -> None:
    account, _ = await overdue(shop)
    (invoice,) = [one for one in (await board(shop, account))["recentInvoices"] if one["status"] == "open"]
    charge = (await board(shop, account))["nextCharge"]
    assert (charge["amount"], charge["currency"]) == (14900, "usd")
    soon = rfc3339(shop.context.now() + timedelta(days=4))
    assert invoice["createdAt"] < charge["at"] < soon


@pytest.mark.parametrize("away", [False, True])
async def test_a_discount_is_stripe_s_to_know(shop: Shop, away: bool) -> None:
    account, subscription = await subscribed(shop, "Shopify Connector")
    coupon = await shop.context.stripe.create("coupon", {"percent_off": 50, "duration": "forever"})
    await shop.context.stripe.update("subscription", subscription, {"discounts": [{"coupon": coupon["id"]}]})
    await shop.settle()
    shown = await shop.get(f"/api/billing/subscriptions/{subscription}")
    if away:
        shop.between.always["POST", "/v1/invoices/create_preview"] = Answer(500, stripe_error())
    charge = (await board(shop, account))["nextCharge"]
    assert charge["amount"] == (14900 if away else 7450)
    assert charge["at"] == shown["currentPeriodEnd"]


async def test_the_portal(shop: Shop) -> None:
    account, _ = await subscribed(shop, "Shopify Connector")
    path = f"/api/billing/portal-session?accountId={account}"
    body = {"returnUrl": "https://shop.example/account"}
    made = []
    for _ in range(2):
        answer = await shop.api("POST", path, json=body)
        assert answer.status_code == 201, answer.text
        assert set(answer.json()) == {"url"}
        made.append(answer.json()["url"])
    assert len(set(made)) == 2
    configurations = [one async for one in shop.context.stripe.list_all("billing_portal.configuration")]
    assert len(configurations) == 1
    # Somebody takes it away in Stripe's dashboard: another is made.
    await shop.context.stripe.update("billing_portal.configuration", configurations[0]["id"], {"active": False})
    for _ in range(2):
        assert (await shop.api("POST", path, json=body)).status_code == 201
    configurations = [one async for one in shop.context.stripe.list_all("billing_portal.configuration", active=True)]
    assert len(configurations) == 1
    error = assert_error(await shop.api("POST", path, json={"returnUrl": "ftp://x"}), 422, "invalid_redirect_url")
    assert error["details"] == {"field": "returnUrl"}
    no_retry = {"stripe-should-retry": "false"}
    for said, status, code in (
        (Answer(403, stripe_error()), 502, "stripe_error"),
        (Answer(500, stripe_error(), no_retry), 503, "stripe_unavailable"),
    ):
        shop.between.always["POST", "/v1/billing_portal/sessions"] = said
        assert_error(await shop.api("POST", path, json=body), status, code)


async def test_the_portal_of_one_who_has_bought_nothing(shop: Shop) -> None:
    account = await shop.make_account()
    body = {"returnUrl": "https://shop.example/account"}
    answer = await shop.api("POST", f"/api/billing/portal-session?accountId={account}", json=body)
    assert answer.status_code == 201, answer.text
    assert (await shop.get(f"/api/admin/accounts/{account}"))["customerId"] is not None
