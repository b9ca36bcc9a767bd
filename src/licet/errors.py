"""The errors that the API returns, as exceptions with their HTTP status and code.

    LicetError                     status, code, message, details
    |- MalformedJson               400  malformed_json
    |- Unauthorized                401  unauthorized
    |  `- InvalidSignature         401  invalid_signature
    |- CardDeclined                402  card_declined
    |- Forbidden                   403  forbidden
    |- NotFound                    404  not_found
    |- Conflict                    409  (its own code)
    |- BodyTooLarge                413  body_too_large
    |- NotJson                     415  unsupported_media_type
    |- Unprocessable               422  (its own code)
    |  `- ValidationFailed         422  validation_failed
    |- RateLimited                 429  rate_limited
    |- StripeRefused               502  stripe_error
    |- StripeUnavailable           503  stripe_unavailable
    |- IdentityProviderUnavailable 503  identity_provider_unavailable
    |- DatabaseUnavailable         503  database_unavailable
    `- NotReady                    503  not_ready

The code is stable and for programs. The message says what happened and what to do next. Neither contains a secret.
Source: contract, section 1.
"""

from http import HTTPStatus
from typing import Any, ClassVar


class LicetError(Exception):
    """Base of all errors with a response: `{"statusCode", "error", "code", "message", "details"}`."""

    status: ClassVar[int] = 500
    code: str = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: dict[str, Any] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details = details or {}
        self.retry_after_seconds = retry_after_seconds

    def as_json(self) -> dict[str, Any]:
        """The response body."""
        return error_body(self.status, self.code, self.message, self.details)


def error_body(status: int, code: str, message: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
    """The response body of every error, also of errors that are not a LicetError."""
    return {
        "statusCode": status,
        "error": HTTPStatus(status).phrase,
        "code": code,
        "message": message,
        "details": details or {},
    }


class MalformedJson(LicetError):
    """The body is not valid JSON."""

    status = 400
    code = "malformed_json"


class Unauthorized(LicetError):
    """The credential is missing, unknown, expired or revoked."""

    status = 401
    code = "unauthorized"


class InvalidSignature(Unauthorized):
    """The signature of a webhook matches none of the signing secrets, or its time is too far from now."""

    code = "invalid_signature"


class CardDeclined(LicetError):
    """The card was declined; `details.declineCode` is Stripe's reason."""

    status = 402
    code = "card_declined"


class Forbidden(LicetError):
    """The credential is valid, but lacks the scope that the call needs."""

    status = 403
    code = "forbidden"


class NotFound(LicetError):
    """The object does not exist or belongs to another account. The response does not tell which."""

    status = 404
    code = "not_found"


class Conflict(LicetError):
    """The request conflicts with the current state of the object."""

    status = 409
    code = "conflict"


class BodyTooLarge(LicetError):
    """The body is larger than the limit."""

    status = 413
    code = "body_too_large"


class NotJson(LicetError):
    """The content type is not JSON."""

    status = 415
    code = "unsupported_media_type"


class Unprocessable(LicetError):
    """The request is well-formed and cannot be carried out."""

    status = 422
    code = "unprocessable"


class ValidationFailed(Unprocessable):
    """Fields are missing, unknown or invalid; `details.fields` is `[{field, message}]`."""

    code = "validation_failed"


class RateLimited(LicetError):
    """The caller sent too many requests. `retry_after_seconds` is always set."""

    status = 429
    code = "rate_limited"


class StripeRefused(LicetError):
    """Stripe returned an error that the caller cannot fix."""

    status = 502
    code = "stripe_error"


class StripeUnavailable(LicetError):
    """Stripe is unreachable, too slow, or limits the rate of requests."""

    status = 503
    code = "stripe_unavailable"


class IdentityProviderUnavailable(LicetError):
    """The keys of the identity provider cannot be read, so a token cannot be verified."""

    status = 503
    code = "identity_provider_unavailable"


class DatabaseUnavailable(LicetError):
    """PostgreSQL is unreachable, does not answer in time, or takes no writes."""

    status = 503
    code = "database_unavailable"


class NotReady(LicetError):
    """The process cannot serve: the database is unusable or has the schema of another version."""

    status = 503
    code = "not_ready"
