"""The Stripe API that we speak: three words that are pinned together (a test holds the SDK to them)."""

API_VERSION = "2026-10-28.endive"
"""What we ask for, and what our webhook endpoint is made with."""

SDK_VERSION = "16.1.0"
"""The PyPI release of `stripe` that speaks it."""
