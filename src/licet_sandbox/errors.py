"""Stripe's error objects, as exceptions.

StripeError               any response that is not 200
├── invalid(...)          400 invalid_request_error
├── not_found(...)        404 resource_missing (400 for an id in a parameter)
├── empty(...)            400 parameter_invalid_empty
├── unsupported(...)      400: Stripe supports it, this sandbox does not
└── card_error(...)       402; its effects (the failed payment, its events) are committed
"""

from __future__ import annotations

from typing import Any


class StripeError(Exception):
    """An error response: HTTP `status`, and Stripe's error object in `error`.

    keep: commits what was done before the error
    headers: response headers
    """

    def __init__(
        self, status: int, error: dict[str, Any], *, keep: bool = False, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(error.get("message", ""))
        self.status = status
        self.error = error
        self.keep = keep
        self.headers = headers or {}

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body: `{"error": {...}}`."""
        return {"error": self.error}


def invalid(message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> StripeError:
    """A 400 (or `status`). code: one of Stripe's, or None if Stripe gives none."""
    error: dict[str, Any] = {"type": "invalid_request_error", "message": message}
    if code is not None:
        error["code"] = code
        error["doc_url"] = f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}"
    if param is not None:
        error["param"] = param
    return StripeError(status, error)


# The names of these kinds in messages; other kinds appear under their own names.
_NOUNS = {
    "checkout.session": "checkout session",
    "payment_method": "PaymentMethod",
    "test_helpers.test_clock": "test clock",
}


def not_found(kind: str, object_id: str, *, param: str = "id", status: int = 404) -> StripeError:
    """The error for a missing object: 404 for an id in the path, 400 in a parameter, as at Stripe."""
    message = f"No such {_NOUNS.get(kind, kind)}: '{object_id}'"
    return invalid(message, param=param, code="resource_missing", status=status)


def empty(param: str) -> StripeError:
    """The error for an empty string, which means "clear it", for a parameter that cannot be cleared."""
    message = f"You passed an empty string for '{param}'. It cannot be unset; leave it out or give it a value."
    return invalid(message, param=param, code="parameter_invalid_empty")


def unsupported(what: str, *, param: str | None = None) -> StripeError:
    """The error for a feature of Stripe that this sandbox does not have."""
    return invalid(f"This sandbox does not support {what}.", param=param)


def card_error(message: str, code: str, decline_code: str | None = None, **more: Any) -> StripeError:
    """The 402 of a declined card. What was done before it is committed, as at Stripe."""
    error: dict[str, Any] = {"type": "card_error", "code": code, "message": message}
    if decline_code is not None:
        error["decline_code"] = decline_code
    error["doc_url"] = f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}"
    error.update({key: value for key, value in more.items() if value is not None})
    return StripeError(402, error, keep=True)
