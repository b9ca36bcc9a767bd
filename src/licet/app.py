"""Wires everything together. The only module that imports all features."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI

from licet.accounts.last_used import LastUsed
from licet.actions.plans.undo_duplicate import duplicate_plan_jobs
from licet.actions.subscriptions.cancel import cancellation_jobs
from licet.actions.subscriptions.restore_cancellation import restore_cancellation_jobs
from licet.actions.subscriptions.schedule_release import schedule_release_jobs
from licet.admin.routes import router as admin
from licet.billing.checkout import router as checkout
from licet.billing.customer_portal import router as customer_portal
from licet.billing.entitlements import router as entitlements
from licet.billing.invoices import router as invoices
from licet.billing.orders import router as orders
from licet.billing.payment_methods import router as payment_methods
from licet.billing.subscriptions import router as subscriptions
from licet.catalog.routes import router as products
from licet.config import Settings
from licet.dashboard.routes import router as dashboard
from licet.emails import mailer_of
from licet.http.context import Context
from licet.http.openapi.document import DESCRIPTION, TAGS
from licet.http.rate_limits.limiter import limiter_of
from licet.http.setup import add_conventions
from licet.idempotency.jobs import idempotency_jobs
from licet.licenses.routes import router as licenses
from licet.mail.jobs import email_jobs
from licet.outgoing_webhooks.delivery_routes import router as deliveries
from licet.outgoing_webhooks.endpoint_routes import router as webhook_endpoints
from licet.outgoing_webhooks.jobs import delivery_jobs
from licet.outgoing_webhooks.payloads import openapi
from licet.outgoing_webhooks.transport.allowed_targets import AllowedTargets
from licet.outgoing_webhooks.transport.sender import WebhookSender
from licet.payments.checkout import router as plan_checkout
from licet.payments.customers import router as plan_customers
from licet.payments.html_errors import HtmlErrors
from licet.payments.plans import router as plans
from licet.payments.return_pages import router as return_pages
from licet.payments.update import router as plan_updates
from licet.queue.jobs import Job
from licet.refulfil.jobs import refulfil_jobs
from licet.stripe_events.event_types import EVENT_TYPES
from licet.stripe_events.jobs import stripe_event_jobs
from licet.stripe_events.routes import router as stripe_events

if TYPE_CHECKING:
    from licet.oidc.provider import IdentityProvider

ROUTERS = (
    stripe_events,
    checkout,
    subscriptions,
    invoices,
    payment_methods,
    customer_portal,
    dashboard,
    products,
    orders,
    licenses,
    entitlements,
    plans,
    plan_checkout,
    plan_updates,
    plan_customers,
    return_pages,
    admin,
    webhook_endpoints,
    deliveries,
)


def create_app(context: Context) -> FastAPI:
    """Builds the HTTP application with all routes."""
    limiter = limiter_of(context.settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with app.state.last_used.writing_periodically(context.pool):
            try:
                yield
            finally:
                if limiter is not None:
                    await limiter.counter.close()

    app = FastAPI(
        title="Licet",
        version=version("licet"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        # A redirect would use the Host header. An address with an extra slash is a 404.
        redirect_slashes=False,
        lifespan=lifespan,
        openapi_tags=TAGS,
        # Not `include_router`, which builds each route again, at the first request.
        routes=[route for router in ROUTERS for route in router.routes],
    )
    app.state.context = context
    app.state.last_used = LastUsed()
    app.state.webhooks = openapi.webhooks()
    app.state.identity_provider = _identity_provider(context.settings)
    add_conventions(app, context.settings, limiter)
    app.add_middleware(HtmlErrors)
    return app


def _identity_provider(settings: Settings) -> "IdentityProvider | None":
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    from licet.oidc.provider import IdentityProvider  # noqa: PLC0415 - imported only if a provider is configured

    return IdentityProvider(settings.oidc_issuer, settings.oidc_audience)


def jobs(context: Context) -> Sequence[Job]:
    """The jobs of the main worker: everything except emails and deliveries."""
    return [
        *stripe_event_jobs(context),
        *refulfil_jobs(context),
        *idempotency_jobs(context),
        *cancellation_jobs(context),
        *duplicate_plan_jobs(context),
        *schedule_release_jobs(context),
        *restore_cancellation_jobs(context),
    ]


def mail_worker_jobs(context: Context) -> Sequence[Job]:
    """The jobs of the mail worker, which sends emails."""
    return email_jobs(mailer_of(context))


@asynccontextmanager
async def delivery_worker_jobs(context: Context) -> AsyncIterator[Sequence[Job]]:
    """The jobs of the delivery worker, which sends outgoing webhooks."""
    async with WebhookSender(AllowedTargets.parse(context.settings.webhooks_allow_private)) as sender:
        yield delivery_jobs(context, sender)


def webhook_events() -> Sequence[str]:
    """The types of Stripe's events that Licet's webhook endpoint subscribes to."""
    return sorted(EVENT_TYPES)
