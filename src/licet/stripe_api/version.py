"""The Stripe API that we speak: three words that are pinned together (a test holds the SDK to them).

And the versions in which events may come, which are their endpoint's. Within one named release Stripe only adds.
Source: Stripe's documentation, "How API versioning works"; its changelog.
"""

from typing import Literal

API_VERSION = "2026-10-28.endive"
"""What we ask for, and what our webhook endpoint is made with."""

SDK_VERSION = "16.1.0"
"""The PyPI release of `stripe` that speaks it."""

Layout = Literal["ours", "before_basil"]
"""Where an event's object has its fields. 2025-03-31.basil moved most of those that we read."""

BEFORE_BASIL = frozenset({"2022-11-15", "2023-08-16", "2023-10-16", "2024-04-10", "2024-06-20"})
"""Versions from when releases had no names, alike in all that we read. `acacia` is the name of those that follow."""


def layout_of(api_version: str | None) -> Layout | None:
    """The layout of an event of this version; None for one that we do not know."""
    version = api_version or ""
    release = version.rpartition(".")[2]
    if release == API_VERSION.rpartition(".")[2]:
        return "ours"
    return "before_basil" if version in BEFORE_BASIL or release == "acacia" else None
