"""Lists and `expand[]`, whatever the resource: every parameter of the document works, or is refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe
from tests.sandbox.conftest import KEY

from licet_sandbox.api.table import OPERATIONS
from licet_sandbox.spec.document import document

if TYPE_CHECKING:
    from tests.sandbox.play import Play

AUTH = {"Authorization": f"Bearer {KEY}"}
CURSORS = {"limit", "starting_after", "ending_before", "expand", "page"}
LISTS = sorted(
    name.removeprefix("GET ")
    for name in OPERATIONS
    if name.startswith("GET ") and "limit" in document().find_operation(*name.split(" "))[0].schema["properties"]  # type: ignore[index]
)
QUERY = {"query": "metadata['a']:null"}

# Without them a list is none.
NEEDED = {
    "/v1/entitlements/active_entitlements": "customer",
    "/v1/subscription_items": "subscription",
}
# What Stripe has and this sandbox has not.
REFUSED = {
    ("attach_to_self", "true"): "intents of the account itself",
    ("customer_account", "x"): "accounts as customers",
    ("payment[type]", "payment_record"): "payments that were made elsewhere",
    ("payment_link", "x"): "payment links",
}


async def world(play: Play) -> dict[str, str]:
    """Something of everything that can be listed; the id of each, by the name that parameters and paths give it."""
    api = play.api
    subscription = await play.subscribe()
    price = subscription["items"].data[0].price
    invoice = await api.invoices.retrieve_async(subscription.latest_invoice, {"expand": ["payments"]})
    intent = invoice.payments.data[0].payment.payment_intent
    charge = (await api.charges.list_async({"payment_intent": intent})).data[0]
    await api.refunds.create_async({"charge": charge.id, "amount": 1})
    coupon = await api.coupons.create_async({"percent_off": 10})
    await api.promotion_codes.create_async({"promotion": {"type": "coupon", "coupon": coupon.id}})
    feature = await api.entitlements.features.create_async({"lookup_key": "f", "name": "F"})
    await api.products.features.create_async(price.product, {"entitlement_feature": feature.id})
    await api.invoice_items.create_async({"customer": subscription.customer, "amount": 5, "currency": "usd"})
    await api.subscription_schedules.create_async({"from_subscription": subscription.id})
    session = (await api.checkout.sessions.list_async()).data[0]
    return {
        "charge": charge.id,
        "coupon": coupon.id,
        "customer": subscription.customer,
        "invoice": invoice.id,
        "payment_intent": intent,
        "plan": price.id,
        "price": price.id,
        "product": price.product,
        "session": session.id,
        "subscription": subscription.id,
        "test_clock": (await api.test_helpers.test_clocks.create_async({"frozen_time": 1})).id,
    }


def values_of(name: str, schema: dict[str, Any], known: dict[str, str]) -> list[dict[str, str]]:
    """Ways to give this parameter, as form fields."""
    if name in known:
        return [{name: known[name]}]
    found = []
    for variant in schema.get("anyOf", [schema]):
        kind, fields = variant.get("type"), variant.get("properties", {})
        if "enum" in variant:
            found += [{name: value} for value in variant["enum"]]
        elif kind == "boolean":
            found += [{name: "true"}, {name: "false"}]
        elif kind == "integer":
            found.append({name: "1700000000"})
        elif kind == "array":
            found.append({f"{name}[0]": "x"})
        elif kind == "object":
            whole = {
                f"{name}[{inner}]": values_of(inner, spec, known)[0][inner]
                for inner, spec in fields.items()
                if inner in variant.get("required", [])
            }
            found += [
                {**whole, f"{name}[{inner}]": next(iter(one.values()))}
                for inner, spec in fields.items()
                for one in values_of(inner, spec, known)
            ]
        else:
            found.append({name: "x"})
    return found


def fill(path: str, known: dict[str, str]) -> str:
    return path.format(**known) if "{" in path else path


async def get(play: Play, path: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = await play.http.get(path, params=asked, headers=AUTH)
    return answer.status_code, answer.json()


async def test_every_parameter_of_every_list(play: Play) -> None:
    known = await world(play)
    refused: set[Any] = set()
    for path in LISTS:
        found = document().find_operation("GET", path)
        assert found is not None
        base = dict(QUERY) if path.endswith("/search") else {}
        if path in NEEDED:
            base[NEEDED[path]] = known[NEEDED[path]]
        for name, schema in found[0].schema["properties"].items():
            if name in CURSORS or name == "query":
                continue
            for asked in values_of(name, schema, known):
                status, body = await get(play, fill(path, known), base | asked)
                if status == 200:
                    continue
                error = body["error"]
                assert (status, error["type"]) == (400, "invalid_request_error"), (path, asked, error)
                assert error["param"].partition("[")[0] == name, (path, asked, error)
                if error.get("code") != "parameter_missing":
                    refused.update(asked.items() & REFUSED.keys() or [(path, asked)])
    assert refused == REFUSED.keys()


@pytest.mark.parametrize("path", LISTS)
async def test_pages_of_every_list(play: Play, path: str) -> None:
    known = await world(play)
    base = dict(QUERY) if path.endswith("/search") else {}
    if path in NEEDED:
        base[NEEDED[path]] = known[NEEDED[path]]
    path = fill(path, known)
    for limit, bound in (("0", "1"), ("101", "100"), ("-1", "1")):
        status, body = await get(play, path, base | {"limit": limit})
        assert (status, body["error"]["param"]) == (400, "limit")
        assert bound in body["error"]["message"]
    status, body = await get(play, path, base | {"limit": "x"})
    assert (status, body["error"]["code"]) == (400, "parameter_invalid_integer")
    status, whole = await get(play, path, base | {"limit": "100"})
    assert (status, whole["has_more"], whole["url"]) == (200, False, path)
    if path.endswith("/search"):
        return
    ids = [entry["id"] for entry in whole["data"]]
    for cursor in ("starting_after", "ending_before"):
        for wrong in ("nothing", known["test_clock"] if "test_clocks" not in path else known["price"]):
            status, body = await get(play, path, base | {cursor: wrong})
            assert (status, body["error"]["code"], body["error"]["param"]) == (400, "resource_missing", cursor)
        status, one = await get(play, path, base | {"limit": "1"} | ({cursor: ids[0]} if ids else {}))
        assert status == 200
        if cursor == "ending_before" and ids:
            assert (one["data"], one["has_more"]) == ([], False)
    if ids:
        status, body = await get(play, path, base | {"starting_after": ids[0], "ending_before": ids[0]})
        assert (status, body["error"]["code"]) == (400, "parameters_exclusive")


async def test_whole_lists_come_page_by_page(play: Play) -> None:
    made = [(await play.api.customers.create_async({"name": str(at)})).id for at in range(5)][::-1]
    pages = [made[:2], made[2:4], made[4:]]
    after: dict[str, str] = {}
    for at, expected in enumerate(pages):
        page = await play.api.customers.list_async({"limit": 2, **after})
        assert ([one.id for one in page.data], page.has_more) == (expected, at < 2)
        after = {"starting_after": expected[-1]}
    before = {"ending_before": made[-1]}
    page = await play.api.customers.list_async({"limit": 2, **before})
    assert ([one.id for one in page.data], page.has_more) == (made[2:4], True)
    page = await play.api.customers.list_async({"limit": 2, "ending_before": made[2]})
    assert ([one.id for one in page.data], page.has_more) == (made[:2], False)
    # What is deleted meanwhile still marks its place.
    await play.api.customers.delete_async(made[1])
    page = await play.api.customers.list_async({"limit": 2, "starting_after": made[1]})
    assert [one.id for one in page.data] == made[2:4]
    assert made[1] not in [one.id for one in (await play.api.customers.list_async()).data]


@pytest.mark.parametrize(
    ("resource", "by"),
    [
        ("charges", {"customer": "cus_nobody"}),
        ("charges", {"payment_intent": "pi_nothing"}),
        ("invoices", {"subscription": "sub_nothing"}),
        ("subscriptions", {"customer": "cus_nobody"}),
        ("refunds", {"charge": "ch_nothing"}),
        ("prices", {"product": "prod_nothing"}),
        ("invoice_items", {"invoice": "in_nothing"}),
        ("customers", {"test_clock": "clock_nothing"}),
    ],
)
async def test_lists_of_nothing_that_is_there(play: Play, resource: str, by: dict[str, str]) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await getattr(play.api, resource).list_async(by)
    error = refusal.value
    assert (error.http_status, error.code, error.param) == (400, "resource_missing", next(iter(by)))


async def test_filters_keep_what_they_say(play: Play) -> None:
    api = play.api
    mine, other = await play.subscribe(), await play.subscribe()
    await api.subscriptions.cancel_async(other.id)
    price = mine["items"].data[0].price.id
    end = mine["items"].data[0].current_period_end
    for by, expected in (
        ({}, [mine.id]),
        ({"status": "all"}, [other.id, mine.id]),
        ({"status": "canceled"}, [other.id]),
        ({"status": "ended"}, [other.id]),
        ({"status": "active"}, [mine.id]),
        ({"price": price}, [mine.id]),
        ({"customer": mine.customer}, [mine.id]),
        ({"current_period_end": {"gt": end}}, []),
        ({"current_period_end": {"lte": end}}, [mine.id]),
        ({"automatic_tax": {"enabled": False}}, [mine.id]),
        ({"automatic_tax": {"enabled": True}}, []),
        ({"collection_method": "send_invoice"}, []),
    ):
        assert [one.id for one in (await api.subscriptions.list_async(by)).data] == expected, by
    assert [one.id for one in (await api.customers.list_async({"email": "nobody@example.com"})).data] == []
    invoices = (await api.invoices.list_async({"subscription": mine.id, "status": "paid"})).data
    assert [one.id for one in invoices] == [mine.latest_invoice]
    assert (await api.invoices.list_async({"status": "open"})).data == []


async def test_expanding_four_levels(play: Play) -> None:
    subscription = await play.subscribe()
    listed = await play.api.subscriptions.list_async({"expand": ["data.latest_invoice.customer"]})
    assert listed.data[0].latest_invoice.customer.id == subscription.customer
    deep = ["data.customer.subscriptions.data", "data.default_payment_method.customer"]
    listed = await play.api.subscriptions.list_async({"expand": deep})
    assert listed.data[0].customer.subscriptions.data[0].id == subscription.id
    assert listed.data[0].default_payment_method.customer.id == subscription.customer
    updated = await play.api.subscriptions.update_async(
        subscription.id, {"metadata": {"a": "b"}, "expand": ["customer.invoice_settings.default_payment_method"]}
    )
    assert updated.customer.object == "customer"
    for wrong in (
        "data.customer.subscriptions.data.customer",
        "customer",
        "data.status",
        "data.customer.name",
        "data.x",
    ):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await play.api.subscriptions.list_async({"expand": [wrong]})
        assert (refusal.value.http_status, refusal.value.param) == (400, "expand")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": "Bearer pk_test_1234567890"}, 401, "secret_key_required"),
        ({"Authorization": "Bearer rk_test_1234567890"}, 401, None),
        ({"Authorization": "Bearer sk_live_1234567890"}, 401, None),
        ({**AUTH, "Stripe-Account": "acct_other"}, 403, "account_invalid"),
        ({**AUTH, "Stripe-Context": "acct_other/acct_more"}, 403, "account_invalid"),
        ({**AUTH, "Stripe-Version": "2024-04-10"}, 400, None),
    ],
)
async def test_whom_it_answers(play: Play, headers: dict[str, str], status: int, code: str | None) -> None:
    answer = await play.http.get("/v1/customers", headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error.get("code")) == (status, "invalid_request_error", code)
    own = (await play.http.get("/v1/account", headers=AUTH)).json()["id"]
    answer = await play.http.get("/v1/customers", headers={**AUTH, "Stripe-Account": own})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ("name=T&active=yes", "active", None),
        ("name=T&active=", "active", "parameter_invalid_empty"),
        ("name=T&type=", "type", "parameter_invalid_empty"),
        ("name=T&images=x", "images", None),
        ("name=T&images[a]=x", "images", None),
        ("name=T&metadata=x", "metadata", None),
        ("name[a]=T", "name", None),
        (
            "name=T&default_price_data[currency]=usd&default_price_data[unit_amount]=1.5",
            "default_price_data[unit_amount]",
            "parameter_invalid_integer",
        ),
        (
            "name=T&default_price_data[currency]=usd&default_price_data[unit_amount_decimal]=x",
            "default_price_data[unit_amount_decimal]",
            None,
        ),
        ("name=T&colour=red&size=2", "colour", "parameter_unknown"),
        ("name=T&default_price_data[unit_amount]=1", "default_price_data[currency]", "parameter_missing"),
    ],
)
async def test_types(play: Play, body: str, param: str, code: str | None) -> None:
    headers = {**AUTH, "Content-Type": "application/x-www-form-urlencoded"}
    answer = await play.http.post("/v1/products", content=body, headers=headers)
    error = answer.json()["error"]
    found = (answer.status_code, error["type"], error["param"], error.get("code"))
    assert found == (400, "invalid_request_error", param, code)


async def test_both_ways_to_write_arrays(play: Play) -> None:
    headers = {**AUTH, "Content-Type": "application/x-www-form-urlencoded"}
    for body in ("name=T&images[]=a&images[]=b", "name=T&images[0]=a&images[1]=b", "name=T&images[5]=b&images[2]=a"):
        answer = await play.http.post("/v1/products", content=body, headers=headers)
        assert answer.json()["images"] == ["a", "b"]
    cleared = await play.http.post(f"/v1/products/{answer.json()['id']}", content="images=", headers=headers)
    assert cleared.json()["images"] == []
