"""Handles events about a part of another object, such as a discount: the whole is read from Stripe."""

from licet.db.connection import Connection
from licet.kit.affected import Affected
from licet.kit.stripe_objects import StripeObject, id_of
from licet.licenses.write import ChangeContext


async def read_invoice(_conn: Connection, credit_note: StripeObject, _context: ChangeContext) -> Affected:
    """A credit note changes the amounts of its invoice."""
    return _read("invoice", credit_note)


async def read_discounted(_conn: Connection, discount: StripeObject, _context: ChangeContext) -> Affected:
    """A discount belongs to a subscription, or else to a customer."""
    return _read("subscription", discount) if id_of(discount.get("subscription")) else _read("customer", discount)


def _read(kind: str, part: StripeObject) -> Affected:
    stripe_id = id_of(part.get(kind))
    if stripe_id is None:
        return Affected(ignored=f"it names no {kind}")
    return Affected(reads=frozenset({(kind, stripe_id)}))
