"""What the letter about an endpoint that was disabled says, read from its id when it is sent or shown."""

from typing import Any
from uuid import UUID

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.errors import NotFound


async def gather_endpoint_disabled(conn: Connection, _: Keyring, about: dict[str, Any]) -> dict[str, Any]:
    """`{url, endpoint_id, disabled_because, failing_since, status, error}`, for an operator. about: `{"endpointId"}`.

    status and error: of the last attempt that failed. disabled_because: None where it was enabled again since.
    Raises NotFound for one that was deleted.
    """
    row = await conn.fetchrow(
        """
        SELECT endpoint.url, endpoint.id AS endpoint_id, endpoint.disabled_because, endpoint.failing_since,
               last.response_status AS status, last.error
        FROM webhook_endpoints AS endpoint
        LEFT JOIN LATERAL (
            SELECT response_status, error FROM deliveries
            WHERE endpoint_id = endpoint.id AND status = 'failed' AND attempts > 0
            ORDER BY created_at DESC, id LIMIT 1
        ) AS last ON true
        WHERE endpoint.id = $1
        """,
        UUID(about["endpointId"]),
    )
    if row is None:
        raise NotFound("The webhook endpoint was deleted.")
    # Whoever needs a token in an address puts it into the query.
    return {**row, "url": row["url"].split("?")[0]}
