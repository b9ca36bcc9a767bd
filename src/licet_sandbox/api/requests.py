"""Checks a request's host, key, account, version and encoding before its operation runs."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from licet_sandbox.errors import invalid
from licet_sandbox.guard import is_allowed_host, is_loopback, limit_body
from licet_sandbox.spec.document import API_VERSION

if TYPE_CHECKING:
    from starlette.requests import Request

_FORM = "application/x-www-form-urlencoded"


def check_host(request: Request, base_url: str) -> None:
    """403 for an unknown host name, against DNS rebinding by a page of another site.

    A sandbox that listens beyond loopback accepts every name, because its names are not known here.
    """
    host, bound = request.headers.get("host", ""), urlsplit(base_url).hostname or ""
    if is_loopback(bound) and not is_allowed_host(host, base_url):
        raise invalid(f"This sandbox does not answer to the host {host[:200]!r}.", status=403)


def check_key(request: Request) -> None:
    """401 without an `sk_test_…` key, as a bearer token or as the user name of basic authentication."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    key = value.strip()
    if scheme.lower() == "basic":
        try:
            key = base64.b64decode(key, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            key = ""
    if not key:
        message = "You did not provide an API key. Provide it in the Authorization header: 'Authorization: Bearer KEY'."
        raise invalid(message, status=401)
    if key.startswith("pk_"):
        message = "This API call cannot be made with a publishable API key. Use a secret one: any sk_test_… key."
        raise invalid(message, code="secret_key_required", status=401)
    if key.startswith("rk_test_"):
        message = "This sandbox does not support restricted keys. Use any sk_test_… key."
        raise invalid(message, status=401)
    if not key.startswith("sk_test_") or len(key) <= len("sk_test_"):
        masked = key[:8] + "*" * 8 if key.startswith("sk_live_") else "*" * 8
        raise invalid(f"Invalid API Key provided: {masked}. This sandbox accepts any sk_test_… key.", status=401)


def check_account(request: Request, account_id: str) -> None:
    """403 if the request names another account, as Stripe answers without access to it."""
    for header in ("stripe-account", "stripe-context"):
        named = request.headers.get(header)
        if named is not None and named != account_id:
            message = (
                f"The provided key does not have access to account '{named[:60]}' (or that account does not exist). "
                f"This sandbox has one account, {account_id}."
            )
            raise invalid(message, code="account_invalid", status=403)


def check_version(request: Request) -> None:
    """400 unless the request uses the one supported API version."""
    version = request.headers.get("stripe-version", API_VERSION)
    if version != API_VERSION:
        raise invalid(f"Invalid Stripe API version: {version[:40]}. This sandbox supports only {API_VERSION}.")


async def read_form(request: Request) -> str:
    """The query and the body, joined as one form."""
    raw = await limit_body(request).body()
    kind = request.headers.get("content-type", _FORM).partition(";")[0].strip().lower()
    if raw and kind != _FORM:
        raise invalid(f"Invalid request: the content type of a POST must be {_FORM}, not {kind[:60]}.")
    try:
        body = raw.decode()
    except UnicodeDecodeError:
        raise invalid("Invalid request: its body is not UTF-8.") from None
    return "&".join(part for part in (request.url.query, body) if part)
