"""A customer's dashboard: `GET /api/portal/billing`."""

from datetime import datetime

from pydantic import ConfigDict, Field

from licet.accounts.auth import ActingAccount, Reader
from licet.accounts.shown import Account
from licet.accounts.shown import shown as shown_account
from licet.accounts.store import find_account
from licet.dashboard.next_charge import find_next_charge
from licet.dashboard.store import list_spend
from licet.errors import NotFound
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.router import api_router
from licet.http.shapes import At, ResponseBody
from licet.licenses.shown import License, all_licenses
from licet.orders.invoice_store import list_newest_invoices
from licet.orders.schemas import Invoice
from licet.payment_methods.schemas import PaymentMethod, payment_method_response
from licet.payment_methods.store import list_methods
from licet.subscriptions.shown import Subscription, list_not_ended

router = api_router("/api/portal", tag="portal")

RECENT = 10
MONTHS = 12


class NextCharge(ResponseBody):
    """What is charged next, in the currency's minor unit."""

    model_config = ConfigDict(title="NextCharge")

    amount: int = Field(examples=[14900])
    currency: str = Field(examples=["usd"])
    at: At


class MonthlySpend(ResponseBody):
    """What was paid in a month, in the currency's minor unit, what was given back taken off."""

    model_config = ConfigDict(title="MonthlySpend")

    month: str = Field(examples=["2027-01"])
    amount: int = Field(examples=[14900])
    currency: str = Field(examples=["usd"])


class Dashboard(ResponseBody):
    """All that a customer's billing page shows."""

    account: Account
    subscriptions: list[Subscription] = Field(description="Those that have not ended, the newest first.")
    licenses: list[License] = Field(description="All of them, the newest first.")
    next_charge: NextCharge | None
    recent_invoices: list[Invoice] = Field(description=f"The newest {RECENT}.")
    payment_methods: list[PaymentMethod]
    spend_by_month: list[MonthlySpend] = Field(
        description=f"Of the last {MONTHS} months in which something was paid, the oldest first."
    )


@router.get(
    "/billing",
    summary="A customer's dashboard",
    responses=responses(401, 403, 404, account_required=(422, "Name the account to act for.")),
)
async def get_dashboard(ctx: Ctx, _: Reader, account_id: ActingAccount) -> Dashboard:
    """Everything in one call, from our own mirror: it is there when Stripe is not."""
    now = ctx.now()
    async with ctx.pool.acquire() as conn:
        account = await find_account(conn, account_id)
        if account is None:
            raise NotFound("There is no such account.")
        subscriptions = await list_not_ended(conn, account_id)
        licenses = await all_licenses(conn, ctx.keyring, account_id, now=now)
        invoices = await list_newest_invoices(conn, account_id, RECENT)
        methods = await list_methods(conn, account_id)
        spend = await list_spend(conn, account_id, since=_months_ago(now))
    charge = await find_next_charge(ctx, account_id)
    return Dashboard(
        account=shown_account(account),
        subscriptions=[Subscription.model_validate(one.in_short()) for one in subscriptions],
        licenses=licenses,
        next_charge=NextCharge(amount=charge.amount, currency=charge.currency, at=charge.at) if charge else None,
        recent_invoices=invoices,
        payment_methods=[payment_method_response(method) for method in methods],
        spend_by_month=[MonthlySpend(**dict(row)) for row in spend],
    )


def _months_ago(now: datetime) -> datetime:
    """The beginning of the month in which the last twelve began."""
    months = now.year * 12 + now.month - 1 - (MONTHS - 1)
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=now.tzinfo)
