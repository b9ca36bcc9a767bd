"""The requests: every read endpoint, first and deep pages, and lists filtered by what is rare."""

from dataclasses import dataclass
from typing import Literal, get_args

from licet.db.connection import Connection
from licet.outbox.store import EventName

from .fill import ACCOUNT_KEY, HEAVY_KEY, OPERATOR_KEY

KEYS = {"account": ACCOUNT_KEY, "account of 1,000 licenses": HEAVY_KEY, "operator": OPERATOR_KEY, "anybody": None}


@dataclass(frozen=True)
class Asked:
    """name: the path as the contract has it. page: the first, the last, or the one in the middle."""

    who: str
    name: str
    path: str
    page: Literal["first", "middle", "last"] = "first"

    def number(self, pages: int) -> int:
        """Which page it is, of so many."""
        return {"first": 1, "middle": max(1, pages // 2), "last": max(1, pages)}[self.page]

    @property
    def key(self) -> str | None:
        return KEYS[self.who]


_LISTS = ("/api/billing/subscriptions", "/api/billing/invoices", "/api/orders", "/api/licenses")
_PAGES: tuple[Literal["first", "middle", "last"], ...] = ("first", "middle", "last")
_OF_ONE = ("/api/billing/payment-methods", "/api/portal/billing", "/api/entitlements")
_OF_OPERATORS = ("/api/admin/accounts", "/api/admin/api-keys", "/api/admin/events", "/api/admin/emails")
_NARROWED = (
    "/api/billing/subscriptions?status=unpaid",
    "/api/billing/invoices?status=open",
    "/api/orders?status=refunded",
    "/api/licenses?status=suspended",
    "/api/admin/accounts?kind=organization",
    "/api/admin/accounts?email=account7@example.com",
    "/api/admin/events?outcome=waiting",
    "/api/admin/events?type=charge.refunded",
    "/api/admin/emails?template=refund",
    "/api/admin/emails?to=account7@example.com",
)


async def everything(conn: Connection) -> list[Asked]:
    """One account's own things, those of the account with very many licenses, and everybody's."""
    account = await conn.fetchval("SELECT account_id FROM api_keys WHERE key_hash = sha256($1)", ACCOUNT_KEY.encode())
    product = await conn.fetchval("SELECT id FROM products ORDER BY id LIMIT 1")
    return [
        Asked("anybody", "/api/products", "/api/products"),
        *(Asked("account", path, path) for path in (*_LISTS, *_OF_ONE)),
        *await _single_ones(conn, "account", account),
        *(Asked("account of 1,000 licenses", path, path) for path in ("/api/licenses", "/api/portal/billing")),
        Asked("account of 1,000 licenses", "/api/licenses", "/api/licenses", "middle"),
        *(Asked("operator", path, path, page) for path in (*_LISTS, *_OF_OPERATORS) for page in _PAGES),
        *(Asked("operator", path, path) for path in _NARROWED),
        Asked("operator", "/api/licenses?productId=", f"/api/licenses?productId={product}"),
        *(Asked("operator", f"{path}?accountId=", f"{path}?accountId={account}") for path in (*_LISTS, *_OF_ONE)),
        *await _single_ones(conn, "operator", account),
        Asked("operator", "/api/admin/accounts/{id}", f"/api/admin/accounts/{account}"),
        Asked("operator", "/api/admin/events/{id}", "/api/admin/events/evt_7"),
        *await _webhooks_out(conn),
    ]


async def _webhooks_out(conn: Connection) -> list[Asked]:
    """Webhook endpoints, the deliveries of the one that hears every event and one of each event."""
    all_, one = "/api/webhook-endpoints", "/api/webhook-endpoints/{id}"
    endpoint = await conn.fetchval("SELECT id FROM webhook_endpoints WHERE '*' = ANY (events)")
    rows = await conn.fetch(
        """
        SELECT event, delivery.id FROM unnest($2::text[]) AS event, LATERAL (
            SELECT deliveries.id FROM outgoing_events AS happened JOIN deliveries ON event_id = happened.id
            WHERE happened.event = event.event AND endpoint_id = $1 LIMIT 1
        ) AS delivery
        """,
        endpoint,
        list(get_args(EventName)),
    )
    to_one = f"{all_}/{endpoint}"
    return [
        Asked("operator", all_, all_),
        Asked("operator", one, to_one),
        *(Asked("operator", f"{one}/deliveries", f"{to_one}/deliveries", page) for page in _PAGES),
        Asked("operator", f"{one}/deliveries?status=failed", f"{to_one}/deliveries?status=failed"),
        *(
            Asked("operator", f"{one}/deliveries/{{deliveryId}} of {row['event']}", f"{to_one}/deliveries/{row['id']}")
            for row in rows
        ),
    ]


async def _single_ones(conn: Connection, who: str, account: object) -> list[Asked]:
    row = await conn.fetchrow(
        """
        SELECT (SELECT stripe_subscription_id FROM subscriptions WHERE account_id = $1 LIMIT 1) AS subscription,
               (SELECT stripe_invoice_id FROM invoices WHERE account_id = $1 LIMIT 1) AS invoice,
               (SELECT id FROM orders WHERE account_id = $1 LIMIT 1) AS "order",
               (SELECT id FROM licenses WHERE account_id = $1 LIMIT 1) AS license
        """,
        account,
    )
    assert row is not None
    paths = {
        "/api/billing/subscriptions/{id}": "subscription",
        "/api/billing/invoices/{id}": "invoice",
        "/api/orders/{id}": "order",
        "/api/licenses/{id}": "license",
        "/api/licenses/{id}/timeline": "license",
    }
    return [Asked(who, name, name.replace("{id}", str(row[column]))) for name, column in paths.items()]
