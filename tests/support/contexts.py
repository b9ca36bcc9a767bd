"""Settings and contexts for tests, on the test's database."""

from typing import Any

from cryptography.fernet import Fernet
from tests.support.patience import PATIENCE_SECONDS

from licet.config import Settings
from licet.db.keyring import Keyring
from licet.db.pool import Pool
from licet.http.context import Context
from licet.kit.times import Now, wall_now
from licet.stripe_api.client import StripeApi

NOBODY_LISTENS = "http://127.0.0.1:1"


def make_settings(**given: Any) -> Settings:
    """The default settings with these changes, regardless of a `.env` file.

    Rate limits are off, because a test sends more requests in a second than a caller may in a minute. A test about
    the limits passes `rate_limits="on"`.
    """
    # pydantic-settings takes `_env_file`; its plugin for mypy, which would say so, is not used.
    return Settings(_env_file=None, **{"rate_limits": "off"} | given)  # type: ignore[call-arg]


def make_context(pool: Pool, *, now: Now = wall_now, stripe_url: str = NOBODY_LISTENS, **settings: Any) -> Context:
    """A context over `pool`. A test that calls Stripe passes `stripe_url` and closes `context.stripe`."""
    return Context(
        settings=make_settings(**settings),
        pool=pool,
        now=now,
        stripe=StripeApi("sk_test_123", base_url=stripe_url, timeout_seconds=PATIENCE_SECONDS),
        keyring=Keyring([Fernet.generate_key().decode()]),
    )
