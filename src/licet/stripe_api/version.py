"""The Stripe API that we speak: three words that are pinned together (a test holds the SDK to them)."""

API_VERSION = "2026-10-28.endive"
"""What we ask for, and what our webhook endpoint is made with."""

SDK_VERSION = "16.1.0"
"""The PyPI release of `stripe` that speaks it."""


def is_ours(api_version: str | None) -> bool:
    """Whether an event of this version has the layout that we read: within one named release Stripe only adds.

    Source: Stripe's documentation, "How API versioning works".
    """
    return api_version is not None and api_version.rpartition(".")[2] == API_VERSION.rpartition(".")[2]
