"""Returns a customer's dashboard: `GET /api/portal/billing`."""

from datetime import datetime

from pydantic import Field

from licet.accounts.auth import ActingAccount, Reader
from licet.accounts.schemas import Account, account_response
from licet.accounts.store import find_account
from licet.dashboard.next_charge import find_next_charge
from licet.dashboard.store import list_spend
from licet.errors import NotFound
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.router import api_router
from licet.http.shapes import At, ResponseBody
from licet.licenses.schemas import License
from licet.licenses.view_store import all_licenses
from licet.orders.invoice_store import list_newest_invoices
from licet.orders.schemas import Invoice
from licet.payment_methods.schemas import PaymentMethod, payment_method_response
from licet.payment_methods.store import list_methods
from licet.subscriptions.schemas import Subscription
from licet.subscriptions.store import list_not_ended

router = api_router("/api/portal", tag="portal")

RECENT_INVOICES = 10
SPEND_MONTHS = 12


class NextCharge(ResponseBody):
    """The next charge. The amount is in the currency's minor unit."""

    amount: int = Field(examples=[14900])
    currency: str = Field(examples=["usd"])
    at: At


class MonthlySpend(ResponseBody):
    """Payments less refunds in a month. The amount is in the currency's minor unit."""

    month: str = Field(examples=["2027-01"])
    amount: int = Field(examples=[14900])
    currency: str = Field(examples=["usd"])


class Dashboard(ResponseBody):
    """Everything that a customer's billing page shows."""

    account: Account
    subscriptions: list[Subscription] = Field(description="Subscriptions that have not ended, newest first.")
    licenses: list[License] = Field(description="All licenses, newest first.")
    next_charge: NextCharge | None
    recent_invoices: list[Invoice] = Field(description=f"The newest {RECENT_INVOICES} invoices.")
    payment_methods: list[PaymentMethod]
    spend_by_month: list[MonthlySpend] = Field(
        description=f"The months with payments among the last {SPEND_MONTHS}, oldest first."
    )


@router.get(
    "/billing",
    summary="Retrieve the dashboard",
    responses=responses(401, 403, 404, account_required=(422, "Name the account with ?accountId=.")),
)
async def get_dashboard(ctx: Ctx, _: Reader, account_id: ActingAccount) -> Dashboard:
    """Returns the dashboard from Licet's database. Works while Stripe is unavailable."""
    now = ctx.now()
    async with ctx.pool.acquire() as conn:
        account = await find_account(conn, account_id)
        if account is None:
            raise NotFound("There is no such account.")
        subscriptions = await list_not_ended(conn, account_id)
        licenses = await all_licenses(conn, ctx.keyring, account_id, now=now)
        invoices = await list_newest_invoices(conn, account_id, RECENT_INVOICES)
        methods = await list_methods(conn, account_id)
        spend = await list_spend(conn, account_id, since=_spend_since(now))
    charge = await find_next_charge(ctx, account_id)
    return Dashboard(
        account=account_response(account),
        subscriptions=[Subscription.model_validate(subscription.in_short()) for subscription in subscriptions],
        licenses=licenses,
        next_charge=NextCharge(amount=charge.amount, currency=charge.currency, at=charge.at) if charge else None,
        recent_invoices=invoices,
        payment_methods=[payment_method_response(method) for method in methods],
        spend_by_month=[MonthlySpend(**dict(row)) for row in spend],
    )


def _spend_since(now: datetime) -> datetime:
    """The first day of the oldest month in `spend_by_month`."""
    months = now.year * 12 + now.month - 1 - (SPEND_MONTHS - 1)
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=now.tzinfo)
