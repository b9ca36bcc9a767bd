"""`/v1`: from an HTTP request to an operation of the table, and back in Stripe's words."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from licet_sandbox.api.coerce import coerce
from licet_sandbox.api.expand import render
from licet_sandbox.api.form import parse_form
from licet_sandbox.api.idempotency import Idempotency, fingerprint
from licet_sandbox.api.table import OPERATIONS
from licet_sandbox.errors import StripeError, invalid, unsupported
from licet_sandbox.ids import new_id
from licet_sandbox.kit.params import Params
from licet_sandbox.spec.document import API_VERSION, Operation, document
from licet_sandbox.state.tx import Cause

if TYPE_CHECKING:
    from starlette.requests import Request

    from licet_sandbox.engine import Engine

log = logging.getLogger("licet_sandbox.api")

_MAX_BODY_BYTES = 1 << 20


class Api:
    """Answers every path under `/v1`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idempotency = Idempotency(engine.store, engine.signer)

    async def answer(self, request: Request) -> Response:
        """One request, one answer; whatever goes wrong is Stripe's error object."""
        request_id = new_id("request")
        headers = {"Request-Id": request_id, "Stripe-Version": API_VERSION}
        name = f"{request.method} {request.url.path}"
        try:
            status, body, more = await self._answer(request, request_id)
            headers |= more
        except StripeError as error:
            status, body = error.status, error.body
        except Exception:
            log.exception("%s %s failed", request_id, name)
            status, body = 500, {"error": {"type": "api_error", "message": "The sandbox failed; its log says why."}}
        if status == 409 or status >= 500:
            headers["Stripe-Should-Retry"] = "true"
        if status != 200:
            self._engine.check("answer", "error", body)
        log.info("%s %s %s", request_id, name, status)
        return Response(json.dumps(body, indent=2), status, headers, media_type="application/json")

    async def _answer(self, request: Request, request_id: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        _check_key(request)
        _check_version(request)
        raw = await request.body()
        if len(raw) > _MAX_BODY_BYTES:
            raise invalid("Request body is too large.", status=413)
        form = "&".join(part for part in (request.url.query, raw.decode("utf-8", "replace")) if part)
        method, path = request.method, request.url.path
        key = request.headers.get("idempotency-key") if method == "POST" else None
        operation, ids = _find(method, path)
        if key is not None:
            replayed = self._idempotency.begin(key, method, path, form)
            if replayed is not None:
                return *replayed, {"Idempotent-Replayed": "true", "Idempotency-Key": key}
        try:
            await self._misbehave()
            cause = Cause(request_id, key)
            status, body = 200, self._run(operation, ids, form, cause, fingerprint(method, path, form))
        finally:
            if key is not None:
                self._idempotency.end(key)
        return status, body, {"Idempotency-Key": key} if key is not None else {}

    async def _misbehave(self) -> None:
        faults = self._engine.faults
        if faults.latency_seconds:
            await asyncio.sleep(faults.latency_seconds)
        error = faults.fail_call()
        if error is not None:
            raise error

    def _run(self, operation: Operation, ids: list[str], form: str, cause: Cause, print_: str) -> dict[str, Any]:
        values = coerce(operation.schema, parse_form(form))
        self._engine.check("request", operation.name, values)
        params = Params(values)
        paths = params.get("expand", [])
        key = cause.idempotency_key
        try:
            with self._engine.transaction(cause) as tx:
                try:
                    body = render(tx, OPERATIONS[operation.name](tx, params, *ids), paths)
                except StripeError as error:
                    if error.keep and key is not None:
                        self._idempotency.keep(key, print_, error.status, error.body)
                    raise
                unread = params.unread()
                if unread:
                    raise unsupported(f"the parameter `{unread[0]}`", param=unread[0])
                self._engine.check("answer", operation.name, body)
                if key is not None:
                    self._idempotency.keep(key, print_, 200, body)
        except StripeError as error:
            if error.status == 402 and not error.keep and key is not None:
                self._idempotency.keep(key, print_, error.status, error.body)
            raise
        return body


def _find(method: str, path: str) -> tuple[Operation, list[str]]:
    found = document().find_operation(method, path)
    if found is None:
        raise invalid(f"Unrecognized request URL ({method}: {path}).", status=404)
    if found[0].name not in OPERATIONS:
        message = f"Unrecognized request URL ({method}: {path}). This sandbox does not have it yet."
        raise invalid(message, status=404)
    return found


def _check_key(request: Request) -> None:
    """Any `sk_test_…` key, as a bearer token or as the user name of basic authentication."""
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
    if not key.startswith("sk_test_") or len(key) <= len("sk_test_"):
        shown = key[:8] + "*" * 8 if key.startswith("sk_live_") else "*" * 8
        raise invalid(f"Invalid API Key provided: {shown}. This sandbox takes any sk_test_… key.", status=401)


def _check_version(request: Request) -> None:
    version = request.headers.get("stripe-version", API_VERSION)
    if version != API_VERSION:
        raise invalid(f"Invalid Stripe API version: {version[:40]}. This sandbox speaks {API_VERSION} alone.")
