"""Copies Stripe payment methods into the database while they are attached to a customer."""

from licet.accounts.mirror import get_or_create_account
from licet.db.connection import Connection
from licet.kit.affected import Affected
from licet.kit.stripe_objects import StripeObject, id_of
from licet.kit.times import from_epoch
from licet.kit.versions import Version


async def mirror_payment_method(conn: Connection, method: StripeObject, version: Version) -> Affected:
    """Insert or update a payment method; delete it if it was detached.

    Which one is the default is stored with the customer and the subscriptions. A detached method names no customer,
    and Stripe never attaches it again. Methods of a deleted customer are not stored.
    """
    customer_id = id_of(method.get("customer"))
    if customer_id is None:
        await conn.execute("DELETE FROM payment_methods WHERE stripe_payment_method_id = $1", method["id"])
        return Affected()
    account_id, reads = await get_or_create_account(conn, customer_id, version.time)
    # The details are under a key named after the type: `card`, `sepa_debit`, …
    details = method.get(method["type"]) or {}
    await conn.execute(
        """
        INSERT INTO payment_methods (stripe_payment_method_id, account_id, stripe_customer_id, type, brand, last4,
                                     exp_month, exp_year, created_at)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
        WHERE NOT EXISTS (SELECT 1 FROM customers WHERE stripe_customer_id = $3 AND deleted)
        ON CONFLICT (stripe_payment_method_id) DO UPDATE SET
            brand = excluded.brand, last4 = excluded.last4, exp_month = excluded.exp_month, exp_year = excluded.exp_year
        """,
        method["id"],
        account_id,
        customer_id,
        method["type"],
        details.get("brand"),
        details.get("last4"),
        details.get("exp_month"),
        details.get("exp_year"),
        from_epoch(method["created"]),
    )
    return Affected(account_id, reads=reads)
