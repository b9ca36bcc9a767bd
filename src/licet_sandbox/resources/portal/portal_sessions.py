"""Portal sessions: a short-lived URL at which one customer manages their billing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.errors import invalid
from licet_sandbox.ids import new_id
from licet_sandbox.kit.fields import web_address_of
from licet_sandbox.resources.portal.flows import read_flow

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_NO_DEFAULT = (
    "No configuration provided and your test mode default configuration has not been created. Provide a configuration "
    "or create your default by saving your customer portal settings: here, POST /_sandbox/portal."
)


def create(tx: Tx, p: Params) -> Obj:
    """Create a session. Its `url` expires after 5 minutes unless opened, then an hour after the last use."""
    for name in ("customer_account", "on_behalf_of"):
        p.refuse(name)
    customer = tx.named("customer", p.need("customer"), "customer")
    configuration = _configuration(tx, p)
    session_id = new_id("billing_portal.session")
    return tx.create(
        "billing_portal.session",
        "billing_portal.session.created",
        id=session_id,
        configuration=configuration["id"],
        customer=customer["id"],
        flow=read_flow(tx, p, customer, configuration),
        locale=p.text("locale"),
        return_url=web_address_of(p, "return_url") or configuration["default_return_url"],
        url=f"{tx.host.base_url}/p/session/{session_id}",
        _={"used_at": None},
        **_after_expiration(p.sub("after_expiration")),
    )


def _after_expiration(given: Params) -> Obj:
    """Whether and until when the customer can log in to the expired session."""
    if not given:
        return {}
    login = given.sub("customer_login")
    return {
        "after_expiration": {
            "type": given.need("type"),
            "customer_login": {"expires_at": login.get("expires_at")},
        }
    }


def _configuration(tx: Tx, p: Params) -> Obj:
    named = p.text("configuration")
    if named is None:
        found = tx.select("billing_portal.configuration", "json ->> '$.is_default'")
        if not found:
            raise invalid(_NO_DEFAULT)
        return found[-1]
    configuration = tx.named("billing_portal.configuration", named, "configuration")
    if not configuration["active"]:
        raise invalid(f"The configuration {named} is not active.", param="configuration")
    return configuration
