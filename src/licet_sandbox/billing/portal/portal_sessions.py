"""A customer in a portal session: how long it is open, and what it allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from licet_sandbox.errors import StripeError, invalid, not_found

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_OPEN_WITHIN_SECONDS = 5 * 60
_IDLE_SECONDS = 3600


class SessionExpiredError(StripeError):
    """410: the session has expired. login: the customer can log in again."""

    def __init__(self, session: Obj, *, login: bool) -> None:
        super().__init__(410, {"type": "invalid_request_error", "message": "This session has expired."})
        self.session = session
        self.login = login


@dataclass(frozen=True)
class Visit:
    """A session with its configuration and its customer."""

    session: Obj
    configuration: Obj
    customer: Obj

    @property
    def path(self) -> str:
        """The path of this session's pages."""
        return f"/p/session/{self.session['id']}"

    @property
    def flow(self) -> Obj | None:
        """The flow of this session until it is completed, or None."""
        flow: Obj | None = self.session["flow"]
        return None if self.session["_"].get("flow_done") else flow

    def allows(self, feature: str) -> bool:
        """True if the configuration enables this feature."""
        return bool(self.configuration["features"][feature]["enabled"])

    def feature(self, name: str) -> Obj:
        """The configuration's settings of a feature; 403 if it is not enabled."""
        if not self.allows(name):
            raise invalid("The shop does not offer this here.", status=403)
        feature: Obj = self.configuration["features"][name]
        return feature

    def own(self, tx: Tx, kind: str, object_id: str) -> Obj:
        """The customer's object with this id; 404 for none, and for another customer's."""
        found = tx.get(kind, object_id)
        if found["customer"] != self.customer["id"]:
            raise not_found(kind, object_id)
        return found


def open_visit(tx: Tx, session_id: str) -> Visit:
    """Opens a session, which extends it by an hour; 404 for an unknown one, 410 for an expired one.

    Sessions expire by the sandbox's clock, also those of customers on a test clock.
    """
    session = tx.get("billing_portal.session", session_id)
    if not _alive(tx, session):
        raise SessionExpiredError(session, login=_may_log_in(tx, session))
    return _enter(tx, session)


def log_in(tx: Tx, session_id: str, email: str) -> Visit:
    """Opens an expired session again for its customer.

    Stripe sends a code by email; here the right email address is enough.
    """
    session = tx.get("billing_portal.session", session_id)
    if not _may_log_in(tx, session):
        raise SessionExpiredError(session, login=False)
    known = tx.get("customer", session["customer"])["email"] or ""
    if not known or known.lower() != email.strip().lower():
        raise invalid("This is not the e-mail address that the shop knows.", param="email")
    return _enter(tx, session)


def _enter(tx: Tx, session: Obj) -> Visit:
    session["_"]["used_at"] = tx.sandbox_now
    tx.save(session)
    configuration = tx.get("billing_portal.configuration", session["configuration"])
    return Visit(session, configuration, tx.get("customer", session["customer"]))


def _alive(tx: Tx, session: Obj) -> bool:
    used_at = session["_"]["used_at"]
    if used_at is None:
        return bool(tx.sandbox_now <= session["created"] + _OPEN_WITHIN_SECONDS)
    return bool(tx.sandbox_now <= used_at + _IDLE_SECONDS)


def _may_log_in(tx: Tx, session: Obj) -> bool:
    after = session.get("after_expiration")
    if after is None:
        return False
    until = after["customer_login"]["expires_at"]
    return until is None or tx.sandbox_now <= until


def complete_step(tx: Tx, visit: Visit, kind: str, subscription_id: str | None = None) -> str:
    """Completes a step; returns the URL that the customer goes to next.

    If the step belongs to the session's flow, that is the flow's URL; else the first page of the portal.
    """
    flow = visit.session["flow"]
    if flow is None or not _is_step(flow, kind, subscription_id):
        return visit.path
    visit.session["_"]["flow_done"] = True
    tx.save(visit.session)
    after = flow["after_completion"]
    if after["type"] == "redirect":
        return str(after["redirect"]["return_url"])
    return f"{visit.path}/done" if after["type"] == "hosted_confirmation" else visit.path


def _is_step(flow: Obj, kind: str, subscription_id: str | None) -> bool:
    """True if this is the step of the flow. Choosing a plan and confirming it are the same step."""
    details = flow.get(flow["type"]) or {}
    same_kind = flow["type"].removesuffix("_confirm") == kind
    return bool(same_kind and details.get("subscription") == subscription_id)
