"""The settings: where they are read, what is refused and how it is said."""

import base64
import os
from pathlib import Path

import pytest

from licet.config import Settings, read_settings
from licet.startup_error import StartupError

FERNET = base64.urlsafe_b64encode(b"k" * 32).decode()
LIVE = {
    "STRIPE_SECRET_KEY": "sk_live_51abcdef",
    "STRIPE_WEBHOOK_SECRET": "whsec_a",
    "LICET_SECRET_KEYS": FERNET,
    "LICET_REDIRECT_HOSTS": "app.example.com",
    "LICET_PUBLIC_URL": "https://licenses.example.com/",
}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith(("LICET_", "STRIPE_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def refused(**values: object) -> str:
    with pytest.raises(StartupError) as caught:
        read_settings(**values)
    return str(caught.value)


def test_nothing_set_is_play() -> None:
    settings = read_settings()
    assert (settings.mode, settings.host, settings.port, settings.sandbox_port) == ("sandbox", "127.0.0.1", 8080, 8081)
    assert settings.data_dir.is_absolute()


@pytest.mark.parametrize(
    ("key", "mode"),
    [("sk_test_1a2", "test"), ("rk_test_1a2", "test"), ("sk_live_1a2", "live"), ("rk_live_1a2", "live")],
)
def test_the_stripe_key_says_the_mode(monkeypatch: pytest.MonkeyPatch, key: str, mode: str) -> None:
    given(monkeypatch, **LIVE | {"STRIPE_SECRET_KEY": key})
    assert read_settings().mode == mode


def test_ours_counts_before_stripes_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, STRIPE_SECRET_KEY="sk_test_theirs", LICET_STRIPE_SECRET_KEY="sk_test_ours")
    key = read_settings().stripe_secret_key
    assert key is not None
    assert key.get_secret_value() == "sk_test_ours"


def test_every_webhook_secret_is_believed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, LICET_STRIPE_WEBHOOK_SECRETS="whsec_new, whsec_old", STRIPE_WEBHOOK_SECRET="whsec_old")
    assert [secret.get_secret_value() for secret in read_settings().webhook_secrets] == ["whsec_new", "whsec_old"]


def test_the_dotenv_file_is_read_and_the_command_line_wins(tmp_path: Path) -> None:
    tmp_path.joinpath(".env").write_text("LICET_PORT=9001\nLICET_SANDBOX_PORT=9002\nSTRIPE_SECRET_KEY=sk_test_file\n")
    settings = read_settings(port=0, sandbox_port=None)
    assert (settings.port, settings.sandbox_port, settings.mode) == (0, 9002, "test")


def test_live_with_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, **LIVE)
    settings = read_settings()
    assert (settings.mode, settings.public_url) == ("live", "https://licenses.example.com")


@pytest.mark.parametrize("name", sorted(set(LIVE) - {"STRIPE_SECRET_KEY"}))
def test_live_without_one_of_them_says_which(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    given(monkeypatch, **{key: value for key, value in LIVE.items() if key != name})
    assert name in refused()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("STRIPE_SECRET_KEY", "pk_live_hidden", "publishable"),
        ("STRIPE_SECRET_KEY", "whsec_hidden", "STRIPE_WEBHOOK_SECRET"),
        ("STRIPE_SECRET_KEY", "hidden", "not a Stripe key"),
        ("STRIPE_WEBHOOK_SECRET", "hidden", "whsec_"),
        ("LICET_SECRET_KEYS", f"{FERNET},hidden", "number 2"),
        ("LICET_DATABASE_URL", "mysql://u:hidden@h/d", "postgresql://"),
        ("LICET_REDIRECT_HOSTS", "https://hidden.example", "host names"),
        ("LICET_PUBLIC_URL", "hidden", "https://"),
        ("LICET_RATE_LIMITS", "hidden", "'on' or 'off'"),
        ("LICET_RATE_LIMIT_PER_MINUTE", "0", "LICET_RATE_LIMIT_PER_MINUTE"),
        ("LICET_REDIS_URL", "http://:hidden@h", "redis://"),
        ("LICET_TRUSTED_PROXIES", "10.0.0.0/8,hidden", "networks"),
        ("LICET_TRUSTED_PROXIES", "10.0.0.7/8", "networks"),
        ("LICET_WEBHOOKS_ALLOW_PRIVATE", "https://hidden.example", "no URLs"),
        ("LICET_WEBHOOKS_ALLOW_PRIVATE", "10.0.0.0/8,hidden:8080", "no URLs, ports"),
        ("LICET_WEBHOOKS_ALLOW_PRIVATE", "*.hidden.example", "wildcards"),
        ("LICET_WEBHOOKS_ALLOW_PRIVATE", "10.0.0.7/8", "networks"),
        ("LICET_WEBHOOKS_ALLOW_PRIVATE", "127.1", "networks"),
        ("LICET_WEBHOOKS_ALLOW_PRIVATE", "[::1]", "networks"),
        ("LICET_CORS_ORIGINS", "*", "origins"),
        ("LICET_CORS_ORIGINS", "https://hidden.example/", "origins"),
        ("LICET_PORT", "hidden", "LICET_PORT"),
        ("LICET_KEY_PREFIX", "Hid_den", "LICET_KEY_PREFIX"),
        ("LICET_OIDC_ISSUER", "hidden", "https://"),
        ("LICET_OIDC_ISSUER", "http://hidden.example.com", "https://"),
        ("LICET_OIDC_ISSUER", "https://user:hidden@login.example.com", "https://"),
        ("LICET_OIDC_ISSUER", "https://login.example.com/?hidden", "https://"),
        ("LICET_OIDC_ISSUER", "https://hidden.example.com", "LICET_OIDC_AUDIENCE"),
        ("LICET_OIDC_AUDIENCE", "hidden", "LICET_OIDC_ISSUER"),
        ("LICET_OPERATOR_KEY", "hidden", "lic_test_"),
        ("LICET_OPERATOR_KEY", "lic_test_" + "x" * 31, "32"),
        ("LICET_OPERATOR_KEY", "lic_live_" + "x" * 32, "sandbox"),
    ],
)
def test_what_is_refused_names_the_setting_and_never_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    given(monkeypatch, **{name: value})
    said = refused()
    assert name.removeprefix("LICET_") in said
    assert words in said
    assert value not in said
    assert "hidden" not in said


def test_proxies_and_origins_are_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    given(
        monkeypatch,
        LICET_TRUSTED_PROXIES="10.0.0.0/8, 192.0.2.1,fd00::/8",
        LICET_CORS_ORIGINS="https://App.example.com,http://localhost:3000, http://[::1]:80",
    )
    settings = read_settings()
    assert settings.trusted_proxies == ("10.0.0.0/8", "192.0.2.1/32", "fd00::/8")
    assert settings.cors_origins == ("https://app.example.com", "http://localhost:3000", "http://[::1]:80")


def test_private_targets_of_webhooks_are_hosts_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().webhooks_allow_private == ()
    given(monkeypatch, LICET_WEBHOOKS_ALLOW_PRIVATE="127.0.0.1, Hooks.internal,10.0.0.0/8, FD00::/8,my_service")
    assert read_settings().webhooks_allow_private == (
        "127.0.0.1/32",
        "hooks.internal",
        "10.0.0.0/8",
        "fd00::/8",
        "my_service",
    )


@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.example.com",
        "https://login.example.com/",
        "https://login.example.com:8443/realms/acme",
        "http://127.0.0.1:9400",
        "http://localhost:9400/",
        "http://[::1]:9400",
    ],
)
def test_an_issuer_is_taken_letter_for_letter(monkeypatch: pytest.MonkeyPatch, issuer: str) -> None:
    given(monkeypatch, LICET_OIDC_ISSUER=issuer, LICET_OIDC_AUDIENCE="licet")
    settings = read_settings()
    assert (settings.oidc_issuer, settings.oidc_audience) == (issuer, "licet")


def test_secrets_do_not_print(monkeypatch: pytest.MonkeyPatch) -> None:
    given(
        monkeypatch,
        **LIVE,
        LICET_OPERATOR_KEY="lic_live_" + "x" * 32,
        LICET_SMTP_URL="smtp://u:pw@h",
        LICET_REDIS_URL="redis://u:pw@h",
        LICET_MAIL_FROM="a@b.example",
    )
    shown = repr(read_settings()) + str(read_settings()) + read_settings().model_dump_json()
    for secret in ("51abcdef", "whsec_a", FERNET, "x" * 32, "pw@h"):
        assert secret not in shown


def test_every_setting_has_one_home() -> None:
    assert not [name for name in Settings.model_fields if name.startswith("licet")]
