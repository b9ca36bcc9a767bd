"""What is promised of failures: each code with its status, explained to callers and named by a test."""

from pathlib import Path

from tests.support.errors_page import documented_codes

PROMISED = {
    # On every path
    "malformed_json": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "validation_failed": 422,
    "account_required": 422,
    "rate_limited": 429,
    "internal_error": 500,
    # Where something is made
    "idempotency_in_progress": 409,
    "idempotency_key_reused": 422,
    # Where money is at stake
    "card_declined": 402,
    "stripe_error": 502,
    "stripe_unavailable": 503,
    "invalid_signature": 401,
    "invalid_redirect_url": 422,
    "empty_cart": 422,
    "invalid_product": 422,
    "mixed_intervals": 422,
    "mixed_currencies": 422,
    "invalid_promotion_code": 422,
    "already_subscribed": 409,
    "currency_conflict": 409,
    "subscription_ended": 409,
    "default_payment_method_in_use": 400,
}
TESTS = Path(__file__).parents[2]


def test_they_are_explained_as_promised() -> None:
    page = documented_codes()
    assert {code: page.get(code) for code in PROMISED} == PROMISED


def test_each_is_named_by_a_test() -> None:
    """What that test asserts is for its reader to see; that there is none at all is seen here."""
    tests = [path for folder in ("features", "flows") for path in (TESTS / folder).rglob("test_*.py")]
    text = "".join(path.read_text() for path in tests if path.name != Path(__file__).name)
    assert [code for code in PROMISED if f'"{code}"' not in text] == []
