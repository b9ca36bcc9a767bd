"""Template data of the email about a disabled endpoint, read when the email is sent or shown."""

from typing import Any
from uuid import UUID

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.errors import NotFound
from licet.outgoing_webhooks.endpoint_store import find_endpoint_for_email


async def gather_endpoint_disabled(conn: Connection, _: Keyring, about: dict[str, Any]) -> dict[str, Any]:
    """Return the data of the email. about: `{"endpointId"}`.

    Shape: `{url, endpoint_id, disabled_because, failing_since, status, error}`.
    status and error: of the last delivery that failed. disabled_because: None if the endpoint was enabled again.
    Raises NotFound if it was deleted.
    """
    endpoint = await find_endpoint_for_email(conn, UUID(about["endpointId"]))
    if endpoint is None:
        raise NotFound("The webhook endpoint was deleted.")
    # The query is left out, because it may contain a token.
    return {**endpoint, "url": endpoint["url"].split("?")[0]}
