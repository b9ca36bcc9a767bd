"""Copies Stripe refunds and disputes into the database.

The refunded amount is the sum of the refunds that did not fail, never the total that the charge reports. A dispute is
not a refund: the buyer's bank withdraws the money, and the dispute's status decides what happens to licenses.
"""

from licet.db.connection import Connection
from licet.kit.affected import Affected, ids
from licet.kit.stripe_objects import StripeObject, id_of
from licet.kit.times import from_epoch
from licet.kit.versions import Version

FAILED_REFUND_STATUSES = ("failed", "canceled")
"""Statuses of refunds that returned no money."""


async def mirror_refund(conn: Connection, refund: StripeObject, _version: Version) -> Affected:
    """Insert or update a refund. Its payment links it to the purchase."""
    charge_id, payment_intent_id = id_of(refund.get("charge")), id_of(refund.get("payment_intent"))
    await conn.execute(
        """
        INSERT INTO refunds (stripe_refund_id, stripe_charge_id, stripe_payment_intent_id, amount, currency, status,
                             created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (stripe_refund_id) DO UPDATE SET
            stripe_charge_id = excluded.stripe_charge_id, amount = excluded.amount, status = excluded.status,
            stripe_payment_intent_id = excluded.stripe_payment_intent_id
        """,
        refund["id"],
        charge_id,
        payment_intent_id,
        refund["amount"],
        refund["currency"],
        refund.get("status") or "succeeded",
        from_epoch(refund["created"]),
    )
    return Affected(payment_intents=ids(payment_intent_id), charges=ids(charge_id))


async def mirror_charge(conn: Connection, charge: StripeObject, _version: Version) -> Affected:
    """Compare the charge's `amount_refunded` with its mirrored refunds; request a read if they differ."""
    known: int = await conn.fetchval(
        "SELECT coalesce(sum(amount), 0)::bigint FROM refunds WHERE stripe_charge_id = $1 AND status <> ALL ($2)",
        charge["id"],
        FAILED_REFUND_STATUSES,
    )
    settled = known == charge["amount_refunded"]
    return Affected(
        payment_intents=ids(id_of(charge.get("payment_intent"))),
        charges=ids(charge["id"]),
        reads=frozenset() if settled else frozenset({("charge.refunds", charge["id"])}),
    )


async def mirror_dispute(conn: Connection, dispute: StripeObject, _version: Version) -> Affected:
    """Insert or update a dispute. Its payment links it to the purchase."""
    charge_id, payment_intent_id = id_of(dispute["charge"]), id_of(dispute.get("payment_intent"))
    await conn.execute(
        """
        INSERT INTO disputes (stripe_dispute_id, stripe_charge_id, stripe_payment_intent_id, amount, currency, status,
                              created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (stripe_dispute_id) DO UPDATE SET amount = excluded.amount, status = excluded.status
        """,
        dispute["id"],
        charge_id,
        payment_intent_id,
        dispute["amount"],
        dispute["currency"],
        dispute["status"],
        from_epoch(dispute["created"]),
    )
    return Affected(payment_intents=ids(payment_intent_id), charges=ids(charge_id))
