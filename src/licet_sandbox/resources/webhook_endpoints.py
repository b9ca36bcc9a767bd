"""Webhook endpoints. Only the response to `create` includes the secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.errors import invalid, unsupported
from licet_sandbox.events.layouts import OLDEST, SINCE
from licet_sandbox.kit.fields import host_of, merge_metadata, metadata_of
from licet_sandbox.kit.lists import page
from licet_sandbox.spec.document import API_VERSION

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def create(tx: Tx, p: Params) -> Obj:
    """Create an endpoint. It receives events of its types from now on."""
    p.refuse("connect", False)
    version = p.get("api_version")
    if version is not None and version < OLDEST:
        raise unsupported(f"endpoints of API versions before {OLDEST}", param="api_version")
    endpoint = tx.create(
        "webhook_endpoint",
        url=_url(p.need("url")),
        enabled_events=_types(p, version),
        api_version=version,
        description=p.text("description"),
        metadata=metadata_of(p),
        status="enabled",
    )
    return {**endpoint, "secret": tx.host.webhook_secret(endpoint["id"])}


def _url(url: str) -> str:
    # Stripe refuses plain http and loopback addresses. A sandbox mostly delivers to loopback.
    if not url.lower().startswith(("http://", "https://")) or host_of(url) is None:
        raise invalid("Invalid URL: URL must be an absolute http or https address.", param="url", code="url_invalid")
    return url


def _types(p: Params, version: str | None) -> list[str]:
    """The enabled event types; 400 for a type that the endpoint's API version does not have."""
    types: list[str] = p.get("enabled_events") or []
    if not types:
        raise p.missing("enabled_events")
    if "*" in types and len(types) > 1:
        raise invalid("`*` selects all events and cannot be combined with others.", param="enabled_events")
    for at, event_type in enumerate(types):
        if (version or API_VERSION) < SINCE.get(event_type, ""):
            message = f"Events of type {event_type} require version {SINCE[event_type]}, which is later than {version}."
            raise invalid(message, param=f"enabled_events[{at}]")
    return types


def retrieve(tx: Tx, _: Params, endpoint_id: str) -> Obj:
    """Retrieve an endpoint, without its secret."""
    return tx.get("webhook_endpoint", endpoint_id)


def update(tx: Tx, p: Params, endpoint_id: str) -> Obj:
    """Update an endpoint. While it is disabled, it receives no new events and no retries."""
    endpoint = tx.get("webhook_endpoint", endpoint_id)
    if "url" in p:
        endpoint["url"] = _url(p.need("url"))
    if "enabled_events" in p:
        endpoint["enabled_events"] = _types(p, endpoint["api_version"])
    if "description" in p:
        endpoint["description"] = p.text("description")
    if "disabled" in p:
        endpoint["status"] = "disabled" if p.get("disabled") else "enabled"
    merge_metadata(endpoint, p)
    return tx.save(endpoint)


def delete(tx: Tx, _: Params, endpoint_id: str) -> Obj:
    """Delete an endpoint; its queued deliveries are not sent."""
    return tx.delete(tx.get("webhook_endpoint", endpoint_id))


def list_all(tx: Tx, p: Params) -> Obj:
    """List endpoints, newest first."""
    return page(tx, p, "webhook_endpoint", "/v1/webhook_endpoints")
