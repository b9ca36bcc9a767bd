"""Every setting: typed, read once from the environment or `.env`, unit in the name.

All are prefixed `LICET_`; Stripe's own `STRIPE_SECRET_KEY` and `STRIPE_WEBHOOK_SECRET` are read too, and where both are
set, ours counts. Secrets are `SecretStr`, and no message quotes a value, so that none is ever printed.
"""

import base64
import binascii
import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from licet.kit.hosts import is_host_name
from licet.kit.loopback import is_loopback
from licet.startup_error import StartupError

Mode: TypeAlias = Literal["sandbox", "test", "live"]
Words: TypeAlias = Annotated[tuple[str, ...], NoDecode]
Secrets: TypeAlias = Annotated[tuple[SecretStr, ...], NoDecode]

_STRIPE_KEY = re.compile(r"(sk|rk)_(test|live)_[A-Za-z0-9_]{3,}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?|\[[0-9a-f:]+\](:[0-9]{1,5})?")
_ORIGIN = re.compile(rf"https?://({_HOST.pattern})")
_REDIS = re.compile(r"(rediss?|valkeys?|unix)://.")


def default_data_dir() -> Path:
    """`/var/lib/licet` for root; else `licet` in the XDG data home."""
    if os.geteuid() == 0:
        return Path("/var/lib/licet")
    home = os.environ.get("XDG_DATA_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".local" / "share") / "licet"


class Settings(BaseSettings):
    """What the operator decides. Read with `read_settings`, which turns what is wrong into one clear message."""

    model_config = SettingsConfigDict(
        env_prefix="LICET_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    """0 takes a free one."""
    public_url: str | None = None
    """Where buyers and Stripe reach us; None: the bound address."""
    data_dir: Path = Field(default_factory=default_data_dir)
    database_url: SecretStr | None = None
    """None: the embedded server in the data directory."""

    stripe_secret_key: SecretStr | None = Field(
        None, validation_alias=AliasChoices("LICET_STRIPE_SECRET_KEY", "STRIPE_SECRET_KEY")
    )
    """None: the built-in sandbox."""
    stripe_webhook_secrets: Secrets = ()
    stripe_webhook_secret: SecretStr | None = Field(
        None, validation_alias=AliasChoices("LICET_STRIPE_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRET")
    )
    stripe_timeout_seconds: float = Field(10.0, gt=0, le=80)
    sandbox_port: int = Field(8081, ge=0, le=65535)
    sandbox_public: bool = False

    smtp_url: SecretStr | None = None
    """None: mails are kept and shown, not sent."""
    mail_from: str = "Licet <licet@licet.test>"
    """Needed with a mail server: the address that is there without one exists nowhere."""
    operator_email: str | None = None

    key_prefix: str = Field("lic", pattern=r"^[a-z][a-z0-9]{0,15}$")
    secret_keys: Secrets = ()
    """Fernet keys: the first encrypts, all decrypt. Empty: one of our own in the data directory."""
    operator_key: SecretStr | None = None
    redirect_hosts: Words = ()
    """Hosts that a caller's URLs may name; empty: any."""

    webhooks_allow_private: Words = ()
    """Hosts and networks that outgoing webhooks may go to although they are private; empty: none."""

    downgrade: Literal["period_end", "immediate"] = "period_end"
    """When a smaller plan takes the place of a larger one."""
    app_url: str | None = None
    """Where a buyer goes back to when a caller names no address; None: plain pages of ours."""

    rate_limits: Literal["on", "off"] = "on"
    """off: for load tests alone."""
    rate_limit_per_minute: int = Field(60, ge=1)
    """For each key, and for each address of those who send none or a wrong one."""
    rate_limit_payment_per_minute: int = Field(1000, ge=1)
    """For each key, on `/payment`."""
    rate_limit_validation_per_minute: int = Field(30, ge=1)
    rate_limit_activation_per_minute: int = Field(10, ge=1)
    """These two for each license key and address."""
    rate_limit_process_per_minute: int = Field(10, ge=1)
    """For each secret that a buyer comes back with, and address."""
    redis_url: SecretStr | None = None
    """Where several nodes count together: Redis or Valkey. None: each counts in its own memory."""
    trusted_proxies: Words = ()
    """Networks whose X-Forwarded-For is believed; empty: nobody's."""
    cors_origins: Words = ()
    """Whose pages may call the API from a browser; empty: nobody's, but for what is open to all."""
    oidc_issuer: str | None = None
    """The identity provider whose tokens are accepted beside API keys, exactly as their `iss` says it; None: none."""
    oidc_audience: str | None = None
    """What the `aud` of such a token must name."""

    log_format: Literal["json", "console"] | None = None
    """None: console on a terminal, else json."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def mode(self) -> Mode:
        """What the Stripe key says; without one it is play."""
        if self.stripe_secret_key is None:
            return "sandbox"
        return "live" if "_live_" in self.stripe_secret_key.get_secret_value()[:8] else "test"

    @property
    def webhook_secrets(self) -> tuple[SecretStr, ...]:
        """Every signing secret that is believed, from both settings."""
        single = () if self.stripe_webhook_secret is None else (self.stripe_webhook_secret,)
        return tuple(dict.fromkeys((*self.stripe_webhook_secrets, *single)))

    @field_validator(
        "stripe_webhook_secrets",
        "secret_keys",
        "redirect_hosts",
        "webhooks_allow_private",
        "trusted_proxies",
        "cors_origins",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must start with postgresql:// (PostgreSQL 15 or later is the one database there is)")
        return value

    @field_validator("stripe_secret_key")
    @classmethod
    def _stripe_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        key = value.get_secret_value()
        if key.startswith("pk_"):
            raise ValueError("is a publishable key (pk_…); the secret key is needed: sk_test_… or sk_live_…")
        if key.startswith("whsec_"):
            raise ValueError("is a webhook signing secret (whsec_…), which belongs in STRIPE_WEBHOOK_SECRET")
        if not _STRIPE_KEY.fullmatch(key):
            raise ValueError("has the wrong shape; a secret key reads sk_test_… or sk_live_… (restricted: rk_…)")
        return value

    @field_validator("stripe_webhook_secrets", "stripe_webhook_secret")
    @classmethod
    def _signing_secret(cls, value: Any) -> Any:
        for secret in value if isinstance(value, tuple) else (value,):
            if secret is not None and not secret.get_secret_value().startswith("whsec_"):
                raise ValueError("has the wrong shape; a webhook signing secret reads whsec_…")
        return value

    @field_validator("secret_keys")
    @classmethod
    def _fernet(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for number, key in enumerate(value, 1):
            try:
                raw = base64.urlsafe_b64decode(key.get_secret_value())
            except (binascii.Error, ValueError):
                raw = b""
            if len(raw) != 32:
                raise ValueError(f"number {number} is no Fernet key (32 random bytes in URL-safe base64)")
        return value

    @field_validator("redirect_hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        hosts = tuple(host.lower() for host in value)
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise ValueError("takes host names separated by commas (app.example.com), no URLs and no wildcards")
        return hosts

    @field_validator("webhooks_allow_private")
    @classmethod
    def _hosts_and_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Networks in their usual form, names in lower case."""
        checked = []
        for word in value:
            try:
                checked.append(str(ipaddress.ip_network(word)))
            except ValueError:
                if not is_host_name(word):
                    raise ValueError(
                        "takes host names, addresses and networks separated by commas (hooks.internal, 127.0.0.1, "
                        "10.0.0.0/8), no URLs, ports and wildcards"
                    ) from None
                checked.append(word.lower())
        return tuple(checked)

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not _REDIS.match(value.get_secret_value()):
            raise ValueError("must start with redis://, rediss:// (TLS), valkey://, valkeys:// or unix:// (a socket)")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(ipaddress.ip_network(network)) for network in value)
        except ValueError:
            raise ValueError("takes addresses and networks separated by commas (10.0.0.0/8, fd00::/8)") from None

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        origins = tuple(origin.lower() for origin in value)
        if not all(_ORIGIN.fullmatch(origin) for origin in origins):
            raise ValueError("takes origins separated by commas (https://app.example.com), without path and wildcards")
        return origins

    @field_validator("public_url", "app_url")
    @classmethod
    def _public(cls, value: str | None) -> str | None:
        if value and not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", value):
            raise ValueError("must be an address such as https://licenses.example.com, with no query or user in it")
        return value.rstrip("/") if value else None

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str | None) -> str | None:
        found = re.fullmatch(r"(https?)://(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?(/[^?#@\s]*)?", value or "")
        if value and (not found or (found[1] == "http" and not is_loopback(found[2]))):
            raise ValueError(
                "must be the issuer's address as its tokens name it, such as https://login.example.com/ "
                "(http:// for this machine's own hosts alone), with no query or user in it"
            )
        return value

    @model_validator(mode="after")
    def _issuer_and_audience_go_together(self) -> "Settings":
        if self.oidc_issuer and not self.oidc_audience:
            raise ValueError(
                "LICET_OIDC_ISSUER needs LICET_OIDC_AUDIENCE, else a token made for any other program would open this "
                "one: set it to what your identity provider writes into the aud of tokens for Licet"
            )
        if self.oidc_audience and not self.oidc_issuer:
            raise ValueError("LICET_OIDC_AUDIENCE needs LICET_OIDC_ISSUER, the address of your identity provider")
        return self

    @model_validator(mode="after")
    def _operator_key_fits(self) -> "Settings":
        if self.operator_key is None:
            return self
        wanted = f"{self.key_prefix}_{'live' if self.mode == 'live' else 'test'}_"
        if not re.fullmatch(rf"{wanted}[A-Za-z0-9_-]{{32,}}", self.operator_key.get_secret_value()):
            raise ValueError(
                f"LICET_OPERATOR_KEY must read {wanted} and then at least 32 random characters of [A-Za-z0-9_-]: "
                f"the prefix is LICET_KEY_PREFIX, the mode that of the Stripe key ({self.mode})"
            )
        return self

    @model_validator(mode="after")
    def _sender_is_known(self) -> "Settings":
        if self.smtp_url is not None and "mail_from" not in self.model_fields_set:
            raise ValueError("LICET_SMTP_URL needs LICET_MAIL_FROM, such as Acme Billing <billing@acme.example>")
        return self

    @model_validator(mode="after")
    def _live_is_in_earnest(self) -> "Settings":
        if self.mode != "live":
            return self
        missing = [
            f"{name} ({why})"
            for name, given, why in (
                ("LICET_SECRET_KEYS", self.secret_keys, "else license keys are encrypted by a key lying beside them"),
                ("LICET_REDIRECT_HOSTS", self.redirect_hosts, "else buyers can be sent to anybody's site"),
                ("LICET_PUBLIC_URL", self.public_url, "else mails link to this machine's own address"),
                ("STRIPE_WEBHOOK_SECRET", self.webhook_secrets, "else no event from Stripe can be believed"),
            )
            if not given
        ]
        if missing:
            raise ValueError(f"a live Stripe key needs {'; '.join(missing)}")
        return self


def read_settings(**given: Any) -> Settings:
    """The environment's settings, with what the command line gave before them. Raises StartupError with each fault."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = [_said(fault["loc"], fault["msg"]) for fault in error.errors(include_input=False, include_url=False)]
        raise StartupError("The settings do not hold:\n" + "\n".join(f"- {fault}" for fault in faults)) from None


def _said(where: tuple[int | str, ...], message: str) -> str:
    words = message.removeprefix("Value error, ")
    if not where:
        return words
    name = str(where[0])
    return f"{name if name.isupper() else f'LICET_{name.upper()}'} {words}"
