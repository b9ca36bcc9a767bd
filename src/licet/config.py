"""All settings: typed, read once from the environment or `.env`, with the unit in the name.

Every name has the prefix `LICET_`. Stripe's usual names `STRIPE_SECRET_KEY` and `STRIPE_WEBHOOK_SECRET` are read too;
if both `LICET_STRIPE_SECRET_KEY` and `STRIPE_SECRET_KEY` are set, the first is used (the same with `WEBHOOK_SECRET`).
Secrets are `SecretStr`, and no message quotes a value, so that no secret is printed.
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
StringList: TypeAlias = Annotated[tuple[str, ...], NoDecode]
SecretList: TypeAlias = Annotated[tuple[SecretStr, ...], NoDecode]

_STRIPE_KEY = re.compile(r"(sk|rk)_(test|live)_[A-Za-z0-9_]{3,}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?|\[[0-9a-f:]+\](:[0-9]{1,5})?")
_ORIGIN = re.compile(rf"https?://({_HOST.pattern})")
_REDIS = re.compile(r"(rediss?|valkeys?|unix)://.")


def default_data_dir() -> Path:
    """`/var/lib/licet` for root, else `licet` in the XDG data home."""
    if os.geteuid() == 0:
        return Path("/var/lib/licet")
    home = os.environ.get("XDG_DATA_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".local" / "share") / "licet"


class Settings(BaseSettings):
    """The operator's settings. `read_settings` reads them and reports all invalid ones in one message."""

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
    """0: any free port."""
    public_url: str | None = None
    """The address at which buyers and Stripe reach Licet. None: the bound address."""
    data_dir: Path = Field(default_factory=default_data_dir)
    database_url: SecretStr | None = None
    """None: the embedded server in the data directory."""

    stripe_secret_key: SecretStr | None = Field(
        None, validation_alias=AliasChoices("LICET_STRIPE_SECRET_KEY", "STRIPE_SECRET_KEY")
    )
    """None: the built-in sandbox."""
    stripe_webhook_secrets: SecretList = ()
    stripe_webhook_secret: SecretStr | None = Field(
        None, validation_alias=AliasChoices("LICET_STRIPE_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRET")
    )
    stripe_timeout_seconds: float = Field(10.0, gt=0, le=80)
    sandbox_port: int = Field(8081, ge=0, le=65535)
    sandbox_public: bool = False

    smtp_url: SecretStr | None = None
    """None: emails are stored and shown to operators, not sent."""
    mail_from: str = "Licet <licet@licet.test>"
    """The sender of emails. Required with `smtp_url`, because the default address does not exist."""
    operator_email: str | None = None

    key_prefix: str = Field("lic", pattern=r"^[a-z][a-z0-9]{0,15}$")
    secret_keys: SecretList = ()
    """Fernet keys: the first encrypts, all decrypt. Empty: a generated key in the data directory."""
    operator_key: SecretStr | None = None
    redirect_hosts: StringList = ()
    """The hosts that redirect URLs may name. Empty: any host."""

    webhooks_allow_private: StringList = ()
    """Private hosts and networks that outgoing webhooks may be sent to. Empty: none."""

    downgrade: Literal["period_end", "immediate"] = "period_end"
    """When a change to a cheaper plan takes effect."""
    app_url: str | None = None
    """The address that buyers return to if a request names none. None: Licet's own plain pages."""

    rate_limits: Literal["on", "off"] = "on"
    """off: only for load tests."""
    rate_limit_per_minute: int = Field(60, ge=1)
    """Per API key, and per IP address for requests without a valid key."""
    rate_limit_payment_per_minute: int = Field(1000, ge=1)
    """Per API key, on `/payment`."""
    rate_limit_validation_per_minute: int = Field(30, ge=1)
    rate_limit_activation_per_minute: int = Field(10, ge=1)
    """This and the validation limit count per license key and IP address."""
    rate_limit_process_per_minute: int = Field(10, ge=1)
    """Per secret of a checkout's return address, and IP address."""
    redis_url: SecretStr | None = None
    """The Redis or Valkey in which all nodes count requests together. None: each node counts in memory."""
    trusted_proxies: StringList = ()
    """Networks of proxies whose X-Forwarded-For is trusted. Empty: none."""
    cors_origins: StringList = ()
    """Origins whose pages may call the API from a browser. Empty: only the paths that are open to all origins."""
    oidc_issuer: str | None = None
    """The identity provider whose tokens are accepted, exactly as in their `iss`. None: only API keys."""
    oidc_audience: str | None = None
    """The audience that the `aud` of a token must contain."""

    log_format: Literal["json", "console"] | None = None
    """None: console if the output is a terminal, else json."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def mode(self) -> Mode:
        """The mode of the Stripe key; `sandbox` without a key."""
        if self.stripe_secret_key is None:
            return "sandbox"
        return "live" if "_live_" in self.stripe_secret_key.get_secret_value()[:8] else "test"

    @property
    def webhook_secrets(self) -> tuple[SecretStr, ...]:
        """Every accepted signing secret, from both settings."""
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
        return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must start with postgresql:// (only PostgreSQL 15 or later is supported)")
        return value

    @field_validator("stripe_secret_key")
    @classmethod
    def _stripe_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        key = value.get_secret_value()
        if key.startswith("pk_"):
            raise ValueError("is a publishable key (pk_…); set the secret key: sk_test_… or sk_live_…")
        if key.startswith("whsec_"):
            raise ValueError("is a webhook signing secret (whsec_…); set it as STRIPE_WEBHOOK_SECRET")
        if not _STRIPE_KEY.fullmatch(key):
            raise ValueError(
                "is not a Stripe key; it must start with sk_test_ or sk_live_ (restricted: rk_test_, rk_live_)"
            )
        return value

    @field_validator("stripe_webhook_secrets", "stripe_webhook_secret")
    @classmethod
    def _signing_secret(cls, value: Any) -> Any:
        for secret in value if isinstance(value, tuple) else (value,):
            if secret is not None and not secret.get_secret_value().startswith("whsec_"):
                raise ValueError("is not a webhook signing secret; it must start with whsec_")
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
                raise ValueError(f"number {number} is not a Fernet key (32 random bytes in URL-safe base64)")
        return value

    @field_validator("redirect_hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        hosts = tuple(host.lower() for host in value)
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise ValueError("must be host names separated by commas (app.example.com), no URLs and no wildcards")
        return hosts

    @field_validator("webhooks_allow_private")
    @classmethod
    def _hosts_and_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """The networks in canonical form and the names in lower case."""
        checked = []
        for item in value:
            try:
                checked.append(str(ipaddress.ip_network(item)))
            except ValueError:
                if not is_host_name(item):
                    raise ValueError(
                        "must be host names, addresses and networks separated by commas (hooks.internal, 127.0.0.1, "
                        "10.0.0.0/8), no URLs, ports or wildcards"
                    ) from None
                checked.append(item.lower())
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
            raise ValueError("must be addresses and networks separated by commas (10.0.0.0/8, fd00::/8)") from None

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        origins = tuple(origin.lower() for origin in value)
        if not all(_ORIGIN.fullmatch(origin) for origin in origins):
            raise ValueError("must be origins separated by commas (https://app.example.com), without path or wildcards")
        return origins

    @field_validator("public_url", "app_url")
    @classmethod
    def _public(cls, value: str | None) -> str | None:
        if value and not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", value):
            raise ValueError("must be an address such as https://licenses.example.com, without query or user")
        return value.rstrip("/") if value else None

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str | None) -> str | None:
        match = re.fullmatch(r"(https?)://(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?(/[^?#@\s]*)?", value or "")
        if value and (not match or (match[1] == "http" and not is_loopback(match[2]))):
            raise ValueError(
                "must be the issuer's address as in the iss of its tokens, such as https://login.example.com/ "
                "(http:// only for loopback hosts), without query or user"
            )
        return value

    @model_validator(mode="after")
    def _issuer_and_audience_go_together(self) -> "Settings":
        if self.oidc_issuer and not self.oidc_audience:
            raise ValueError(
                "LICET_OIDC_ISSUER needs LICET_OIDC_AUDIENCE, because otherwise tokens for other programs would be "
                "accepted: set it to the aud of your identity provider's tokens for Licet"
            )
        if self.oidc_audience and not self.oidc_issuer:
            raise ValueError("LICET_OIDC_AUDIENCE needs LICET_OIDC_ISSUER, the address of your identity provider")
        return self

    @model_validator(mode="after")
    def _operator_key_fits(self) -> "Settings":
        if self.operator_key is None:
            return self
        start = f"{self.key_prefix}_{'live' if self.mode == 'live' else 'test'}_"
        if not re.fullmatch(rf"{start}[A-Za-z0-9_-]{{32,}}", self.operator_key.get_secret_value()):
            raise ValueError(
                f"LICET_OPERATOR_KEY must be {start} followed by at least 32 random characters of [A-Za-z0-9_-]: "
                f"the prefix is LICET_KEY_PREFIX, the mode is that of the Stripe key ({self.mode})"
            )
        return self

    @model_validator(mode="after")
    def _sender_is_known(self) -> "Settings":
        if self.smtp_url is not None and "mail_from" not in self.model_fields_set:
            raise ValueError("LICET_SMTP_URL needs LICET_MAIL_FROM, such as Acme Billing <billing@acme.example>")
        return self

    @model_validator(mode="after")
    def _live_settings_are_complete(self) -> "Settings":
        if self.mode != "live":
            return self
        missing = [
            f"{name} ({why})"
            for name, value, why in (
                ("LICET_SECRET_KEYS", self.secret_keys, "without it the encryption key is stored beside the data"),
                ("LICET_REDIRECT_HOSTS", self.redirect_hosts, "without it buyers can be redirected to any site"),
                ("LICET_PUBLIC_URL", self.public_url, "without it emails link to this machine's own address"),
                ("STRIPE_WEBHOOK_SECRET", self.webhook_secrets, "without it no event from Stripe is accepted"),
            )
            if not value
        ]
        if missing:
            raise ValueError(f"a live Stripe key needs {'; '.join(missing)}")
        return self


def read_settings(**given: Any) -> Settings:
    """Reads the settings of the environment; values in `given`, from the command line, take precedence.

    Raises StartupError with every invalid setting.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = [
            _setting_fault(fault["loc"], fault["msg"]) for fault in error.errors(include_input=False, include_url=False)
        ]
        lines = "\n".join(f"- {fault}" for fault in faults)
        raise StartupError(f"These settings are invalid. Correct them and start again:\n{lines}") from None


def _setting_fault(location: tuple[int | str, ...], message: str) -> str:
    sentence = message.removeprefix("Value error, ")
    if not location:
        return sentence
    name = str(location[0])
    return f"{name if name.isupper() else f'LICET_{name.upper()}'} {sentence}"
