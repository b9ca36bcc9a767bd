"""A purchase that a customer's credit paid a part of: in full is all that was paid, not the total."""

from typing import Any

import pytest
from tests.factories.accounts import make_account
from tests.factories.catalog import Product, make_product
from tests.factories.orders import make_order
from tests.support.face import Face
from tests.support.stripe_events import AT, event, example, send_event, webhook_context

from licet.db.pool import Pool
from licet.http.context import Context

MONTH = 2_592_000
PAID, CREDIT = 4900, 10000


@pytest.fixture
def context(pool: Pool) -> Context:
    """Tools that believe what the test signs."""
    return webhook_context(pool)


def subscription(product: Product) -> dict[str, Any]:
    made = example("subscription", id="sub_1", customer="cus_1", cancel_at=None, cancel_at_period_end=False)
    (item,) = made["items"]["data"]
    price = {**item["price"], "id": product.stripe_price_id, "product": product.stripe_product_id}
    period = {"current_period_start": AT, "current_period_end": AT + 100 * MONTH}
    made["items"]["data"] = [{**item, "id": "si_1", "price": price, **period}]
    return made


def invoice(product: Product) -> dict[str, Any]:
    made = example(
        "invoice",
        id="in_1",
        customer="cus_1",
        status="paid",
        billing_reason="subscription_cycle",
        total=PAID + CREDIT,
        amount_due=PAID,
        amount_paid=PAID,
        starting_balance=-CREDIT,
    )
    made["parent"] = {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}}
    (line,) = made["lines"]["data"]
    details = {"proration": False, "subscription": "sub_1", "subscription_item": "si_1"}
    line |= {
        "parent": {"type": "subscription_item_details", "subscription_item_details": details},
        "period": {"start": AT, "end": AT + 100 * MONTH},
    }
    return made


def payment(invoice_id: str) -> dict[str, Any]:
    paid_by = {"type": "payment_intent", "payment_intent": "pi_1"}
    given = {"id": "inpay_1", "object": "invoice_payment", "invoice": invoice_id, "payment": paid_by}
    return {**given, "status": "paid", "amount_paid": PAID, "currency": "usd"}


def refund(number: int, amount: int) -> dict[str, Any]:
    given = {"id": f"re_{number}", "charge": "ch_1", "payment_intent": "pi_1", "amount": amount, "currency": "usd"}
    return example("refund", **given, status="succeeded")


async def test_a_renewal(face: Face) -> None:
    product = await make_product(face.context)
    await send_event(face.client, event("customer.subscription.created", subscription(product)))
    await send_event(face.client, event("invoice.paid", invoice(product)))
    await send_event(face.client, event("invoice_payment.paid", payment("in_1")))
    found = []
    for number, amount in enumerate((PAID - 1, 1)):
        await send_event(face.client, event("refund.created", refund(number, amount), after=number))
        found.append(await face.context.pool.fetchval("SELECT status FROM licenses"))
    assert found == ["active", "revoked"]


async def test_an_order(face: Face) -> None:
    product = await make_product(face.context, interval=None)
    order = await make_order(face.context, await make_account(face.context), [product])
    await face.context.pool.execute(
        "UPDATE checkout_sessions SET stripe_payment_intent_id = 'pi_1', stripe_invoice_id = 'in_1'"
    )
    await send_event(face.client, event("invoice.paid", invoice(product) | {"parent": None}))
    await send_event(face.client, event("invoice_payment.paid", payment("in_1")))
    found = []
    for number, amount in enumerate((PAID - 1, 1)):
        await send_event(face.client, event("refund.created", refund(number, amount), after=number))
        shown = (await face.get(f"/api/orders/{order.id}")).json()
        found.append((shown["status"], [license["status"] for license in shown["licenses"]]))
    assert found == [("partially_refunded", ["active"]), ("refunded", ["revoked"])]
