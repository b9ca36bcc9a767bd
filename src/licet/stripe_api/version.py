"""The versions of Stripe's API and SDK that Licet uses, and those that its events may have.

An event has the API version of its webhook endpoint. Within one named release Stripe only adds fields.
Source: Stripe's documentation, "How API versioning works"; its changelog.
"""

from typing import Literal

API_VERSION = "2026-10-28.endive"
"""The version of all calls and of Licet's webhook endpoint at Stripe."""

SDK_VERSION = "16.1.0"
"""The PyPI release of `stripe` for this version."""

Layout = Literal["current", "before_basil"]
"""The layout of an event's object. 2025-03-31.basil moved most of the fields that Licet reads."""

BEFORE_BASIL = frozenset({"2022-11-15", "2023-08-16", "2023-10-16", "2024-04-10", "2024-06-20"})
"""The versions from before releases had names. In these and in `acacia`, the next one, Licet reads the same fields."""


def layout_of(api_version: str | None) -> Layout | None:
    """The layout of an event of this version; None for an unknown version."""
    version = api_version or ""
    release = version.rpartition(".")[2]
    if release == API_VERSION.rpartition(".")[2]:
        return "current"
    return "before_basil" if version in BEFORE_BASIL or release == "acacia" else None
