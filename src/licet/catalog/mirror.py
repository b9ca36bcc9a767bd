"""Copies Stripe products and prices into the database. License policies come from `push.py`."""

from licet.db.connection import Connection
from licet.kit.affected import Affected
from licet.kit.ids import new_id
from licet.kit.stripe_objects import StripeObject, product_of_price
from licet.kit.versions import Rank, Version


async def mirror_product(conn: Connection, product: StripeObject, version: Version) -> Affected:
    """Store a product's name, description and status. `kind` stays null if it is not in the catalogue."""
    deleted = version.rank is Rank.DELETED or bool(product.get("deleted"))
    if deleted:
        await conn.execute("UPDATE products SET active = false WHERE stripe_product_id = $1", product["id"])
        return Affected()
    await conn.execute(
        """
        INSERT INTO products (id, stripe_product_id, name, description, active) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (stripe_product_id) DO UPDATE SET
            name = excluded.name, description = excluded.description, active = excluded.active
        """,
        new_id(),
        product["id"],
        product["name"],
        product.get("description"),
        product["active"],
    )
    return Affected()


async def mirror_price(conn: Connection, price: StripeObject, version: Version) -> Affected:
    """Store a price. Its product, if not mirrored yet, gets its name from its own event."""
    if version.rank is Rank.DELETED or price.get("deleted"):
        await conn.execute("UPDATE prices SET active = false WHERE stripe_price_id = $1", price["id"])
        return Affected()
    stripe_product_id = product_of_price(price)
    await conn.execute(
        """
        INSERT INTO products (id, stripe_product_id, name, active) VALUES ($1, $2, $2, false)
        ON CONFLICT (stripe_product_id) DO NOTHING
        """,
        new_id(),
        stripe_product_id,
    )
    recurring = price.get("recurring") or {}
    await conn.execute(
        """
        INSERT INTO prices (stripe_price_id, stripe_product_id, active, currency, unit_amount, interval, interval_count,
                            lookup_key)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (stripe_price_id) DO UPDATE SET
            active = excluded.active, unit_amount = excluded.unit_amount, lookup_key = excluded.lookup_key
        """,
        price["id"],
        stripe_product_id,
        price["active"],
        price["currency"],
        price.get("unit_amount"),
        recurring.get("interval"),
        recurring.get("interval_count"),
        price.get("lookup_key"),
    )
    return Affected()
