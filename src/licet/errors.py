"""Everything that can go wrong on purpose, and how a caller sees it.

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
    `- NotReady                    503  not_ready

The code is stable and for machines, the message says what to do next; neither ever holds a secret.
Source: contract, section 1.
"""

from http import HTTPStatus
from typing import Any, ClassVar


class LicetError(Exception):
    """An error with an answer: `{"statusCode", "error", "code", "message", "details"}`."""

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
        """The one error shape."""
        return error_body(self.status, self.code, self.message, self.details)


def error_body(status: int, code: str, message: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
    """The one error shape, also for what no exception of ours stands for."""
    return {
        "statusCode": status,
        "error": HTTPStatus(status).phrase,
        "code": code,
        "message": message,
        "details": details or {},
    }


class MalformedJson(LicetError):
    """The body is not JSON, whatever its content type says."""

    status = 400
    code = "malformed_json"


class Unauthorized(LicetError):
    """No credential, or one that is not known, has ended or was revoked."""

    status = 401
    code = "unauthorized"


class InvalidSignature(Unauthorized):
    """A webhook that none of our signing secrets made, or made too long ago or ahead."""

    code = "invalid_signature"


class CardDeclined(LicetError):
    """A card was refused; `details.declineCode` says why."""

    status = 402
    code = "card_declined"


class Forbidden(LicetError):
    """The credential is good, its scope too small."""

    status = 403
    code = "forbidden"


class NotFound(LicetError):
    """There is no such thing, or it is somebody else's: the caller cannot tell which."""

    status = 404
    code = "not_found"


class Conflict(LicetError):
    """What is asked for contradicts how things stand."""

    status = 409
    code = "conflict"


class BodyTooLarge(LicetError):
    """The body is over the limit."""

    status = 413
    code = "body_too_large"


class NotJson(LicetError):
    """The content type is not JSON."""

    status = 415
    code = "unsupported_media_type"


class Unprocessable(LicetError):
    """Well-formed, and not possible."""

    status = 422
    code = "unprocessable"


class ValidationFailed(Unprocessable):
    """Fields are missing or of the wrong shape; `details.fields` is `[{field, message}]`."""

    code = "validation_failed"


class RateLimited(LicetError):
    """Too many requests; always with `retry_after_seconds`."""

    status = 429
    code = "rate_limited"


class StripeRefused(LicetError):
    """Stripe answered with an error that the caller cannot mend."""

    status = 502
    code = "stripe_error"


class StripeUnavailable(LicetError):
    """Stripe cannot be reached, is too slow or asks us to wait."""

    status = 503
    code = "stripe_unavailable"


class IdentityProviderUnavailable(LicetError):
    """The vendor's identity provider does not tell its keys, so a token cannot be checked."""

    status = 503
    code = "identity_provider_unavailable"


class NotReady(LicetError):
    """This process runs and cannot serve yet, or not now: its database is away or of another version."""

    status = 503
    code = "not_ready"
