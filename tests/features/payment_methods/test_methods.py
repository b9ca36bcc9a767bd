"""What customers pay with: kept as long as it is attached, and never brought back by an older event."""

from itertools import permutations
from typing import Any

import pytest
from tests.factories.accounts import make_account
from tests.support.face import Face
from tests.support.stripe_events import event, example, outcome_of, send_event, webhook_context

from licet.db.pool import Pool
from licet.http.context import Context
from licet.kit.times import from_epoch


@pytest.fixture
def context(pool: Pool) -> Context:
    """Tools that believe what the test signs."""
    return webhook_context(pool)


def card(**changed: Any) -> dict[str, Any]:
    return example("payment_method", **({"id": "pm_1", "customer": "cus_1"} | changed))


def detached(after: int = 0) -> dict[str, Any]:
    return event("payment_method.detached", card(customer=None), after=after, previous={"customer": "cus_1"})


async def methods(face: Face) -> list[dict[str, Any]]:
    rows = await face.context.pool.fetch("SELECT * FROM payment_methods ORDER BY stripe_payment_method_id")
    return [dict(row) for row in rows]


async def reads(face: Face) -> set[tuple[str, str]]:
    rows = await face.context.pool.fetch("SELECT kind, stripe_id FROM refreshes")
    return {(row["kind"], row["stripe_id"]) for row in rows}


@pytest.mark.parametrize("renewal", ["payment_method.updated", "payment_method.automatically_updated"])
async def test_a_card_that_was_saved_renewed_and_removed(face: Face, renewal: str) -> None:
    await send_event(face.client, event("payment_method.attached", card()))
    (found,) = await methods(face)
    account_id = found.pop("account_id")
    assert found == {
        "stripe_payment_method_id": "pm_1",
        "stripe_customer_id": "cus_1",
        "type": "card",
        "brand": "visa",
        "last4": "4242",
        "exp_month": 8,
        "exp_year": 2030,
        "created_at": from_epoch(1234567890),
    }
    renewed = card(card={"brand": "visa", "last4": "9911", "exp_month": 1, "exp_year": 2034})
    await send_event(face.client, event(renewal, renewed, after=1))
    (found,) = await methods(face)
    assert (found["last4"], found["exp_month"], found["exp_year"]) == ("9911", 1, 2034)
    assert found["account_id"] == account_id
    await send_event(face.client, detached(after=2))
    assert await methods(face) == []


@pytest.mark.parametrize(
    ("type_", "details", "brand", "last4"),
    [
        ("sepa_debit", {"last4": "3000", "bank_code": "37040044"}, None, "3000"),
        ("us_bank_account", {"last4": "6789", "bank_name": "STRIPE TEST BANK"}, None, "6789"),
        ("link", {"email": "ada@example.com"}, None, None),
        ("a_type_to_come", None, None, None),
    ],
)
async def test_other_types(
    face: Face, type_: str, details: dict[str, Any] | None, brand: str | None, last4: str | None
) -> None:
    method = card(type=type_)
    del method["card"]
    if details is not None:
        method[type_] = details
    await send_event(face.client, event("payment_method.attached", method))
    (found,) = await methods(face)
    assert (found["type"], found["brand"], found["last4"], found["exp_month"]) == (type_, brand, last4, None)


async def test_an_older_attached_does_not_bring_it_back(face: Face) -> None:
    await send_event(face.client, detached(after=10))
    older = event("payment_method.attached", card())
    await send_event(face.client, older)
    assert await outcome_of(face.context, older) == ("stale", "a newer state is stored")
    assert await methods(face) == []


async def test_all_orders_within_one_second(face: Face) -> None:
    """Detached is final, so nothing needs to be asked whatever comes first."""
    told = [
        event("payment_method.attached", card()),
        event("payment_method.updated", card(metadata={"a": "1"}), previous={"metadata": {}}),
        detached(),
    ]
    for order in permutations(told):
        for table in ("events", "mirrors", "payment_methods", "refreshes"):
            await face.context.pool.execute(f"DELETE FROM {table}")
        for one in order:
            await send_event(face.client, one)
        assert await methods(face) == []
        kinds = {kind for kind, _ in await reads(face)}
        # Only what is told before it was removed may be unclear.
        assert kinds <= {"payment_method", "customer"}
        if order[0]["type"] == "payment_method.detached":
            assert kinds == set()


async def test_two_changes_of_one_second_are_asked_about(face: Face) -> None:
    await send_event(face.client, event("payment_method.updated", card(metadata={"a": "1"})))
    await send_event(face.client, event("payment_method.updated", card(metadata={"a": "2"})))
    assert await reads(face) == {("payment_method", "pm_1"), ("customer", "cus_1")}


async def test_a_customer_that_nobody_knows_brings_an_account_along(face: Face) -> None:
    """And when the customer says whose it is, the card goes along with it."""
    await send_event(face.client, event("payment_method.attached", card()))
    (found,) = await methods(face)
    assert await reads(face) == {("customer", "cus_1")}
    account = await make_account(face.context)
    assert found["account_id"] != account
    customer = example("customer", id="cus_1", metadata={"account_id": str(account)})
    await send_event(face.client, event("customer.created", customer))
    (found,) = await methods(face)
    assert found["account_id"] == account
    ghosts = await face.context.pool.fetchval("SELECT count(*) FROM accounts WHERE made_for_customer IS NOT NULL")
    assert ghosts == 0


@pytest.mark.parametrize("first", ["the customer", "the card"])
async def test_a_deleted_customer_pays_with_nothing(face: Face, first: str) -> None:
    deleted = event("customer.deleted", example("customer", id="cus_1"), after=5)
    attached = event("payment_method.attached", card())
    for one in (deleted, attached) if first == "the customer" else (attached, deleted):
        await send_event(face.client, one)
    assert await methods(face) == []


async def test_which_one_is_the_default_stands_on_the_customer(face: Face) -> None:
    for after, default in enumerate(("pm_1", {"id": "pm_2", "object": "payment_method"}, None)):
        settings = {"default_payment_method": default}
        customer = example("customer", id="cus_1", invoice_settings=settings)
        await send_event(face.client, event("customer.updated", customer, after=after))
        found = await face.context.pool.fetchval("SELECT stripe_default_payment_method_id FROM customers")
        assert found == (default["id"] if isinstance(default, dict) else default)


async def test_which_one_is_the_default_stands_on_the_subscription(face: Face) -> None:
    for after, default in enumerate(("pm_1", None)):
        subscription = example("subscription", id="sub_1", customer="cus_1", default_payment_method=default)
        await send_event(face.client, event("customer.subscription.updated", subscription, after=after))
        found = await face.context.pool.fetchval("SELECT stripe_default_payment_method_id FROM subscriptions")
        assert found == default
