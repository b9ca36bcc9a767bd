"""When a call to Stripe is made again, and what its failures become."""

import pytest

from licet.errors import CardDeclined, LicetError, StripeRefused, StripeUnavailable
from licet.stripe_api.budget import ReadBudget
from licet.stripe_api.failures import StripeFailure, error_for, is_missing, is_replayed
from licet.stripe_api.retries import LONGEST_WAIT_SECONDS, MAX_TRIES, wait_before_retry


def wait(failure: StripeFailure, tries: int = 1, left: float = 20.0, random: float = 1.0) -> float | None:
    return wait_before_retry(failure, tries, left, lambda: random)


@pytest.mark.parametrize("status", [None, 409, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int | None) -> None:
    assert wait(StripeFailure(status, "x")) == pytest.approx(0.4)
    assert wait(StripeFailure(status, "x"), random=0.0) == pytest.approx(0.2)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
def test_what_cannot_pass_is_not(status: int) -> None:
    assert wait(StripeFailure(status, "x")) is None


def test_stripe_has_the_last_word_on_retries() -> None:
    assert wait(StripeFailure(500, "x", should_retry=False)) is None
    assert wait(StripeFailure(400, "x", should_retry=True)) is not None


def test_the_wait_doubles_and_ends() -> None:
    waits = [wait(StripeFailure(500, "x"), tries) for tries in range(1, MAX_TRIES)]
    assert waits == pytest.approx([0.4, 0.8, 1.6, 3.2])
    assert wait(StripeFailure(500, "x"), MAX_TRIES) is None
    assert max(filter(None, waits)) <= LONGEST_WAIT_SECONDS


def test_retry_after_is_kept_to_where_there_is_time() -> None:
    slow_down = StripeFailure(429, "x", retry_after_seconds=7.0)
    assert wait(slow_down, left=20) == 7.0
    assert wait(slow_down, left=7.5) is None


@pytest.mark.parametrize(
    ("failure", "kind", "words"),
    [
        (StripeFailure(402, "Your card was declined.", "card_error", "card_declined"), CardDeclined, "declined"),
        (StripeFailure(None, "it cannot be reached"), StripeUnavailable, "cannot be reached"),
        (StripeFailure(429, "x"), StripeUnavailable, "rate limit"),
        (StripeFailure(500, "x"), StripeUnavailable, "500"),
        (StripeFailure(409, "x"), StripeUnavailable, "still processing"),
        (StripeFailure(200, "<html>"), StripeUnavailable, "not valid JSON"),
        (StripeFailure(401, "Invalid API Key provided: sk_test_abcdef"), StripeRefused, "STRIPE_SECRET_KEY"),
        (StripeFailure(403, "x"), StripeRefused, "permissions"),
        (StripeFailure(400, "No such price: 'price_1'"), StripeRefused, "No such price"),
        (StripeFailure(402, "Card testing", "invalid_request_error"), StripeRefused, "Card testing"),
    ],
)
def test_each_failure_has_one_translation(failure: StripeFailure, kind: type[LicetError], words: str) -> None:
    error = error_for(failure)
    assert type(error) is kind
    assert words in error.message
    assert (error.retry_after_seconds is not None) == (kind is StripeUnavailable)


def test_stripes_own_ids_travel_in_the_details() -> None:
    error = error_for(
        StripeFailure(
            404, "x", code="resource_missing", param="customer", request_id="req_1", type="invalid_request_error"
        )
    )
    assert error.details == {
        "stripeStatus": 404,
        "stripeCode": "resource_missing",
        "stripeRequestId": "req_1",
        "param": "customer",
    }
    assert isinstance(error, StripeRefused)
    assert is_missing(error)
    assert is_missing(error, "customer")
    assert not is_missing(error, "price")
    declined = error_for(StripeFailure(402, "x", "card_error", "card_declined", "insufficient_funds"))
    assert declined.details["declineCode"] == "insufficient_funds"
    without_decline_code = error_for(StripeFailure(402, "x", "card_error", "expired_card"))
    assert without_decline_code.details["declineCode"] == "expired_card"
    assert is_replayed(error_for(StripeFailure(500, "x", replayed=True)))
    assert not is_replayed(error_for(StripeFailure(500, "x")))


@pytest.mark.parametrize(
    "secret",
    ["sk_test_4eC39HqLyjWDarjtT1zdp7dc", "rk_live_abc123def", "whsec_abcdef", "pi_1_secret_abcdefgh"],
)
def test_no_secret_is_repeated(secret: str) -> None:
    error = error_for(StripeFailure(400, f"Something about {secret} here"))
    assert secret not in error.message
    assert secret not in str(error.details)


def test_a_page_of_html_is_cut_short() -> None:
    assert len(error_for(StripeFailure(404, "<p>" * 10_000)).message) < 600


def test_the_read_budget_refills_steadily() -> None:
    at = [0.0]
    budget = ReadBudget(10, lambda: at[0])
    assert [budget.reserve() for _ in range(10)] == [0.0] * 10
    assert budget.reserve() == pytest.approx(0.1)
    assert budget.reserve() == pytest.approx(0.2)
    at[0] = 60.0
    assert [budget.reserve() for _ in range(11)] == pytest.approx([0.0] * 10 + [0.1])
