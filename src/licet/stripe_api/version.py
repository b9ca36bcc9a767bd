"""The versions of Stripe's API and SDK that Licet uses, and those that its events may have.

An event has the API version of its webhook endpoint. Within one named release Stripe only adds fields.
Source: Stripe's documentation, "How API versioning works"; its changelog.
"""

import re
from typing import Literal

API_VERSION = "2026-10-28.endive"
"""The version of all calls and of Licet's webhook endpoint at Stripe."""

SDK_VERSION = "16.1.0"
"""The PyPI release of `stripe` for this version."""

Layout = Literal["current", "basil", "first_basil", "before_basil"]
"""The layout of an event's object. 2025-03-31.basil moved most of the fields that Licet reads.

In the two first versions of basil no event reports which payment paid an invoice. 2025-09-30.clover moved the coupon of
a discount. In clover, dahlia and endive, Licet reads the same fields.
"""

BEFORE_BASIL = frozenset({"2022-11-15", "2023-08-16", "2023-10-16", "2024-04-10", "2024-06-20"})
"""The versions from before releases had names. In these and in `acacia`, the next one, Licet reads the same fields."""


FIRST_BASIL = frozenset({"2025-03-31.basil", "2025-04-30.basil"})
"""The versions without the event `invoice_payment.paid`, which 2025-05-28.basil added."""

_LAYOUTS: dict[str, Layout] = {
    "acacia": "before_basil",
    "basil": "basil",
    "clover": "current",
    "dahlia": "current",
    "endive": "current",
}
"""By the name of a release. Within one release Stripe only adds fields."""

_NAMED = re.compile(r"\d{4}-\d{2}-\d{2}\.([a-z]+)", re.ASCII)


def layout_of(api_version: str | None) -> Layout | None:
    """The layout of an event of this version; None for an unknown version."""
    version = api_version or ""
    if version in BEFORE_BASIL:
        return "before_basil"
    if version in FIRST_BASIL:
        return "first_basil"
    named = _NAMED.fullmatch(version)
    return _LAYOUTS.get(named[1]) if named else None
