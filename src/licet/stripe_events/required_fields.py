"""The fields without which a Stripe object cannot be mirrored. A table and no I/O.

An event's object that lacks one of them is read from Stripe. A field may be missing because the API version is older
than the field, because Stripe's description allows null, or because somebody else wrote the event.
Source: Stripe's OpenAPI description; the mirrors, which read these fields.
"""

from collections.abc import Mapping
from typing import Any

from licet.kit.stripe_objects import StripeObject

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "checkout.session": ("mode", "status", "payment_status", "created", "expires_at"),
    "invoice": (
        "status",
        "currency",
        "total",
        "amount_due",
        "amount_paid",
        "attempt_count",
        "created",
        "period_start",
        "period_end",
        "lines.data[].id",
        "lines.data[].amount",
        "lines.data[].currency",
        "lines.data[].period.start",
        "lines.data[].period.end",
    ),
    "invoice_payment": ("invoice", "status", "currency", "payment"),
    "subscription": (
        "customer",
        "status",
        "cancel_at_period_end",
        "created",
        "items.data[].id",
        "items.data[].quantity?",
        "items.data[].current_period_start",
        "items.data[].current_period_end",
        "items.data[].price.id",
        "items.data[].price.product",
        "items.data[].price.currency",
        "items.data[].price.recurring.interval",
        "items.data[].price.recurring.interval_count",
    ),
    "subscription_schedule": (
        "customer",
        "status",
        "end_behavior",
        "created",
        "phases[].start_date",
        "phases[].end_date",
        "phases[].items[].price",
        "phases[].items[].quantity?",
    ),
    "charge": ("amount_refunded",),
    "refund": ("amount", "currency", "created"),
    "dispute": ("charge", "amount", "currency", "status", "created"),
    "payment_method": ("type", "created", "customer|null"),
    "product": ("name", "active"),
    "price": ("product", "active", "currency"),
}
"""By kind of object, the paths of these fields. `[]` is each entry of a list.

`|null`: the field may be null, but not missing. `?`: it may be missing, but not null.
"""


def missing_field(kind: str, obj: StripeObject) -> str | None:
    """The first of the required fields that the object lacks, as a path; None if it has them all."""
    lacking = next((path for path in REQUIRED.get(kind, ()) if not _has(obj, path.split("."))), None)
    return None if lacking is None else lacking.removesuffix("?").removesuffix("|null")


def _has(value: Any, path: list[str]) -> bool:
    if not path:
        return value is not None
    if not isinstance(value, dict):
        return False
    name = path[0].removesuffix("[]").removesuffix("?").removesuffix("|null")
    if path[0].endswith("?") and name not in value:
        return True
    if path[0].endswith("|null"):
        return name in value
    found = value.get(name)
    if path[0].endswith("[]"):
        return isinstance(found, list) and all(_has(item, path[1:]) for item in found)
    return _has(found, path[1:])
