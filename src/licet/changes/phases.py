"""A phase of a Stripe schedule, said again: an update replaces all of them, and one has nothing but what it is told."""

from typing import Any

from licet.kit.stripe_objects import StripeObject, id_of

_DISCOUNTS = ("coupon", "discount", "promotion_code")


def current_phase(schedule: StripeObject) -> StripeObject:
    """The one that holds now; the first, where it has not begun."""
    began = (schedule.get("current_phase") or schedule["phases"][0])["start_date"]
    phase: StripeObject = next(phase for phase in schedule["phases"] if phase["start_date"] == began)
    return phase


def kept(phase: StripeObject) -> dict[str, Any]:
    """The parameters that leave it as it is, its start and end aside."""
    return {
        "items": [_item(item) for item in phase["items"]],
        "proration_behavior": "none",
        **given(
            discounts=discounts_of(phase),
            metadata=phase.get("metadata"),
            trial_end=phase.get("trial_end"),
            description=phase.get("description"),
            collection_method=phase.get("collection_method"),
            default_payment_method=id_of(phase.get("default_payment_method")),
            default_tax_rates=[id_of(rate) for rate in phase.get("default_tax_rates") or []],
        ),
    }


def discounts_of(of: StripeObject) -> list[dict[str, Any]]:
    """Of a phase, or of an item in it."""
    return [{name: id_of(one[name]) for name in _DISCOUNTS if one.get(name)} for one in of.get("discounts") or []]


def given(**fields: Any) -> dict[str, Any]:
    """Those that say something: an empty value would take away what there is."""
    return {name: value for name, value in fields.items() if value}


def _item(item: StripeObject) -> dict[str, Any]:
    return {
        "price": id_of(item["price"]),
        "quantity": item.get("quantity", 1),
        **given(
            metadata=item.get("metadata"),
            discounts=discounts_of(item),
            tax_rates=[id_of(rate) for rate in item.get("tax_rates") or []],
        ),
    }
