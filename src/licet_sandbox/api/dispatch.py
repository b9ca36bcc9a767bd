"""Dispatches requests below `/v1` to the operations of the table, and answers in Stripe's format."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from licet_sandbox.api.coerce import coerce
from licet_sandbox.api.expand import render_response
from licet_sandbox.api.form import parse_form
from licet_sandbox.api.idempotency import Idempotency, fingerprint
from licet_sandbox.api.rate import RateLimit, rate_limited
from licet_sandbox.api.requests import check_account, check_host, check_key, check_version, read_form
from licet_sandbox.api.table import OPERATIONS
from licet_sandbox.api.unanswered import AnswerLost, Cut
from licet_sandbox.errors import StripeError, invalid
from licet_sandbox.ids import new_id
from licet_sandbox.kit.params import Params
from licet_sandbox.spec.document import API_VERSION, Operation, document
from licet_sandbox.state.tx import Cause

if TYPE_CHECKING:
    from starlette.requests import Request

    from licet_sandbox.api.form import Tree
    from licet_sandbox.engine import Engine

log = logging.getLogger("licet_sandbox.api")

_INTENT_OPERATIONS = ("POST /v1/payment_intents", "POST /v1/setup_intents")


class Api:
    """Answers every request below `/v1`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idempotency = Idempotency(engine.store, engine.signer)
        self._rate = RateLimit()

    async def answer(self, request: Request) -> Response:
        """The response to a request; every failure becomes Stripe's error object."""
        request_id = new_id("request")
        headers = {"Request-Id": request_id, "Stripe-Version": API_VERSION}
        name = f"{request.method} {request.url.path}"
        try:
            status, body, more = await self._answer(request, request_id)
            headers |= more
        except AnswerLost as lost:
            log.info("%s %s is not answered", request_id, name)
            return Cut(lost.seconds)
        except StripeError as error:
            status, body = error.status, error.body
            body["error"].setdefault("request_log_url", self._log_url(request_id))
            headers |= error.headers
        except Exception:
            log.exception("%s %s failed", request_id, name)
            status, body = 500, _failure()
        if status == 409 or status >= 500:
            headers["Stripe-Should-Retry"] = "true"
        if status != 200:
            self._engine.check("answer", "error", body)
        log.info("%s %s %s", request_id, name, status)
        return Response(json.dumps(body, indent=2), status, headers, media_type="application/json")

    async def _answer(self, request: Request, request_id: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        check_host(request, self._engine.base_url)
        check_key(request)
        check_account(request, str(self._engine.store.get_meta("account")))
        check_version(request)
        form = await read_form(request)
        method, path = request.method, request.url.path
        operation, ids = _find(method, path)
        faults = self._engine.faults
        self._rate.admit(faults.settings.api_rate_limit)
        fault = faults.draw_call_fault(operation.name)
        if fault.kind is not None:
            now = self._engine.clock.timestamp()
            faults.record(now, fault="apiErrors", kind=fault.kind, operation=operation.name, requestId=request_id)
        if fault.kind == "timeout":
            raise AnswerLost(faults.settings.api_timeout_seconds)
        key = request.headers.get("idempotency-key") or None if method == "POST" else None
        fingerprint_ = fingerprint(method, path, form)
        if key is not None:
            replayed = self._idempotency.begin(key, fingerprint_)
            if replayed is not None:
                return *replayed, {"Idempotent-Replayed": "true", "Idempotency-Key": key}
        try:
            await asyncio.sleep(fault.latency_seconds)
            _fail_before(fault.kind)
            cause = Cause(request_id, key)
            status, body = 200, self._run(operation, ids, form, cause, fingerprint_)
        finally:
            if key is not None:
                self._idempotency.end(key)
            if fault.kind == "lost_answer":
                raise AnswerLost
        return status, body, {"Idempotency-Key": key} if key is not None else {}

    def _log_url(self, request_id: str) -> str:
        account = self._engine.store.get_meta("account")
        return f"https://dashboard.stripe.com/{account}/test/workbench/logs?object={request_id}"

    def _run(self, operation: Operation, ids: list[str], form: str, cause: Cause, fingerprint_: str) -> dict[str, Any]:
        given = parse_form(form)
        _check_removed_parameters(operation.name, given)
        values = coerce(operation.schema, given)
        self._engine.check("request", operation.name, values)
        params = Params(values)
        paths = params.get("expand", [])
        key = cause.idempotency_key
        try:
            with self._engine.transaction(cause) as tx:
                try:
                    body = render_response(tx, OPERATIONS[operation.name](tx, params, *ids), paths)
                except StripeError as error:
                    if error.keep and key is not None:
                        self._idempotency.keep(key, fingerprint_, error.status, error.body)
                    raise
                params.end()
                self._engine.check("answer", operation.name, body)
                if key is not None:
                    self._idempotency.keep(key, fingerprint_, 200, body)
        except StripeError as error:
            if error.status == 402 and not error.keep and key is not None:
                self._idempotency.keep(key, fingerprint_, error.status, error.body)
            raise
        except Exception:
            if key is not None:
                self._idempotency.keep(key, fingerprint_, 500, _failure())
            raise
        return body


def _failure() -> dict[str, Any]:
    return {"error": {"type": "api_error", "message": "The sandbox failed. See its log for the reason."}}


def _find(method: str, path: str) -> tuple[Operation, list[str]]:
    found = document().find_operation(method, path)
    if found is None:
        raise invalid(f"Unrecognized request URL ({method}: {path}).", status=404)
    if found[0].name not in OPERATIONS:
        message = f"Unrecognized request URL ({method}: {path}). This sandbox does not support it."
        raise invalid(message, status=404)
    return found


def _fail_before(kind: str | None) -> None:
    """Raises the faults that prevent the operation."""
    if kind in {"rate_limit", "rate_limit_retry_after"}:
        raise rate_limited(1 if kind == "rate_limit_retry_after" else None)
    if kind == "server_error":
        raise StripeError(500, {"type": "api_error", "message": "An unknown error occurred"})


def _check_removed_parameters(operation: str, given: Tree) -> None:
    """400 for `payment_method_types` of intents, which this API version removed."""
    if operation.startswith(_INTENT_OPERATIONS) and "payment_method_types" in given:
        message = (
            "The `payment_method_types` parameter is no longer supported. Leave it out, or give "
            "`allowed_payment_method_types`."
        )
        raise invalid(message, param="payment_method_types", code="payment_method_types_no_longer_supported")
