"""Duplicate plans that are undone (`second_plans`), for the job that does it and its email."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.queue.store import DueTable

DUPLICATE_PLANS = DueTable("second_plans", key=("stripe_subscription_id",))


@dataclass(frozen=True)
class ToReturn:
    """What was paid for the undone products, in minor units of `currency`, and how it is returned.

    refund_amount: refunded. credit_amount: returned as the customer's credit. They can be less than `paid_amount`: a
    part may have been refunded before, and a disputed payment cannot be refunded.
    stripe_invoice_id: of the purchase; None if it had no invoice.
    """

    stripe_invoice_id: str | None
    currency: str
    paid_amount: int
    refund_amount: int
    credit_amount: int


@dataclass(frozen=True)
class PlanToUndo:
    """A duplicate plan that is not undone yet.

    products: Stripe's ids. to_return: None until that is decided.
    """

    stripe_subscription_id: str
    kept_subscription_id: str
    account_id: UUID
    products: frozenset[str]
    to_return: ToReturn | None


async def find_to_undo(conn: Connection, stripe_subscription_id: str) -> PlanToUndo | None:
    """A duplicate that is not undone yet, else None."""
    row = await conn.fetchrow(
        """
        SELECT second.kept_subscription_id, subscription.account_id, second.purchase_invoice_id, second.currency,
               second.paid_amount, second.refund_amount, second.credit_amount,
               coalesce(nullif(second.stripe_product_ids, '{}'), ARRAY(
                   SELECT item.stripe_product_id
                   FROM subscription_items AS item JOIN products AS product USING (stripe_product_id)
                   WHERE item.stripe_subscription_id = $1 AND product.kind = 'plan')) AS products
        FROM second_plans AS second JOIN subscriptions AS subscription USING (stripe_subscription_id)
        WHERE stripe_subscription_id = $1 AND second.due_at IS NOT NULL
        """,
        stripe_subscription_id,
    )
    if row is None:
        return None
    to_return = ToReturn(
        row["purchase_invoice_id"], row["currency"], row["paid_amount"], row["refund_amount"], row["credit_amount"]
    )
    return PlanToUndo(
        stripe_subscription_id,
        row["kept_subscription_id"],
        row["account_id"],
        frozenset(row["products"]),
        None if row["paid_amount"] is None else to_return,
    )


async def find_purchase_session(conn: Connection, stripe_subscription_id: str) -> str | None:
    """The id of Licet's session that seems to have bought the subscription. Stripe tells whether it did."""
    session_id: str | None = await conn.fetchval(
        """
        SELECT session.stripe_session_id
        FROM subscriptions AS subscription
        LEFT JOIN mirrors ON mirrors.stripe_id = subscription.stripe_subscription_id
        JOIN checkout_sessions AS session ON session.made_here AND (
            session.stripe_subscription_id = subscription.stripe_subscription_id
            OR session.order_id::text = mirrors.object -> 'metadata' ->> 'licet_order_id')
        WHERE subscription.stripe_subscription_id = $1
        ORDER BY session.stripe_subscription_id = subscription.stripe_subscription_id DESC NULLS LAST LIMIT 1
        """,
        stripe_subscription_id,
    )
    return session_id


async def delete_duplicate_plan(conn: Connection, stripe_subscription_id: str, *, compare_again: bool) -> None:
    """The plan stays. compare_again: with the other plans, because the one that it duplicated has ended."""
    await conn.execute("DELETE FROM second_plans WHERE stripe_subscription_id = $1", stripe_subscription_id)
    if compare_again:
        await conn.execute(
            "UPDATE subscriptions SET compared = false WHERE stripe_subscription_id = $1", stripe_subscription_id
        )


async def write_decision(
    conn: Connection, stripe_subscription_id: str, to_return: ToReturn, *, subscription_continues: bool
) -> None:
    """Store what will be undone and returned, before Stripe is asked to."""
    await conn.execute(
        """
        UPDATE second_plans SET
            purchase_invoice_id = $2, currency = $3, paid_amount = $4, refund_amount = $5, credit_amount = $6,
            subscription_continues = $7
        WHERE stripe_subscription_id = $1
        """,
        stripe_subscription_id,
        to_return.stripe_invoice_id,
        to_return.currency,
        to_return.paid_amount,
        to_return.refund_amount,
        to_return.credit_amount,
        subscription_continues,
    )


async def write_undone(conn: Connection, stripe_subscription_id: str, *, refund_amount: int) -> None:
    """Store that the duplicate is undone, and what was refunded: there is no more work due."""
    await conn.execute(
        "UPDATE second_plans SET due_at = NULL, refund_amount = $2 WHERE stripe_subscription_id = $1",
        stripe_subscription_id,
        refund_amount,
    )


async def find_for_email(conn: Connection, stripe_subscription_id: str) -> asyncpg.Record | None:
    """What the operator's email shows: the account, both subscriptions, the plans' names, the amounts.

    `{name, account_id, undone, kept, plan, continues, currency, paid, refunded, credited}`; paid is null if it is not
    known, for a duplicate that an earlier version of Licet undid.
    """
    return await conn.fetchrow(
        """
        SELECT account.name, account.id AS account_id, second.stripe_subscription_id AS undone,
               second.kept_subscription_id AS kept, second.subscription_continues AS continues, second.currency,
               second.paid_amount AS paid, second.refund_amount AS refunded, second.credit_amount AS credited,
               (SELECT string_agg(product.name, ', ' ORDER BY product.name) FROM products AS product
                WHERE product.stripe_product_id = ANY (second.stripe_product_ids)) AS plan
        FROM second_plans AS second
        JOIN subscriptions AS subscription USING (stripe_subscription_id)
        JOIN accounts AS account ON account.id = subscription.account_id
        WHERE second.stripe_subscription_id = $1
        """,
        stripe_subscription_id,
    )
