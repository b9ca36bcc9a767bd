"""Quotes for changes of plan: an update that names a quote charges exactly its amount, or nothing."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet.db.pool import Pool
from licet.kit.ids import new_id
from licet.plans.store import CurrentPlan


@dataclass(frozen=True)
class Quote:
    """An amount, in minor units of `currency`, for a change prorated at `proration_at`.

    Times are aware UTC.
    """

    id: UUID
    amount: int
    currency: str
    proration_at: datetime
    expires_at: datetime


async def write_quote(
    pool: Pool, plan: CurrentPlan, to_price_id: str, amount: int, currency: str, *, now: datetime, expires_at: datetime
) -> Quote:
    """Store a quote, and delete all quotes that have expired."""
    quote = Quote(new_id(), amount, currency, now, expires_at)
    await pool.execute(
        """
        WITH expired AS (DELETE FROM plan_quotes WHERE expires_at <= $9)
        INSERT INTO plan_quotes (id, stripe_subscription_id, from_price_id, to_price_id, quantity, period_end_at,
                                 amount, currency, proration_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        quote.id,
        plan.stripe_subscription_id,
        plan.place.stripe_price_id,
        to_price_id,
        plan.quantity,
        plan.period_end_at,
        amount,
        currency,
        quote.proration_at,
        quote.expires_at,
    )
    return quote


async def find_quote(pool: Pool, quote_id: UUID, plan: CurrentPlan, to_price_id: str, *, now: datetime) -> Quote | None:
    """The quote, if it is for this change, has not expired, and the subscription is as it was quoted."""
    row = await pool.fetchrow(
        """
        SELECT id, amount, currency, proration_at, expires_at FROM plan_quotes
        WHERE id = $1 AND stripe_subscription_id = $2 AND from_price_id = $3 AND to_price_id = $4 AND quantity = $5
            AND period_end_at = $6 AND expires_at > $7
        """,
        quote_id,
        plan.stripe_subscription_id,
        plan.place.stripe_price_id,
        to_price_id,
        plan.quantity,
        plan.period_end_at,
        now,
    )
    return Quote(**row) if row else None
