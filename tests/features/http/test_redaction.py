"""What looks like a secret never reaches a log line."""

import io
import json

import pytest
import structlog

from licet.kit.redact import redact, redact_secrets

RANDOM = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
SECRETS = [
    f"lic_test_{RANDOM}",
    f"lic_live_{RANDOM}",
    f"acme9_test_{RANDOM}",
    f"sk_test_{RANDOM}",
    f"sk_live_{RANDOM}",
    f"rk_live_{RANDOM}",
    f"whsec_{RANDOM}",
    f"pi_123_secret_{RANDOM}",
    "SHOP-NCXV-EGHK-HSW3-GQTK",
    "data-h3rv-5par-5ttq-8kfc",
    f"cs_test_{RANDOM}",
    f"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.{RANDOM}",
]


@pytest.mark.parametrize(
    "around", ["{}", "key {} was used", '{{"key": "{}"}}', "Bearer {}", "https://x.test/?k={}&b=1", "({})"]
)
def test_wherever_it_stands(around: str) -> None:
    for secret in SECRETS:
        cleaned = redact(around.format(secret))
        assert secret not in cleaned
        assert secret[-16:] not in cleaned
        assert "[redacted]" in cleaned


@pytest.mark.parametrize(
    "innocent",
    [
        "0193a1b2-7c3d-7e4f-8a5b-123456789abc",
        "evt_1Nabcdefghijklmnop",
        "sub_1Nabcdefghijklmnop",
        "prod_test_data",
        "2027-01-31T12:00:00Z",
        "/api/admin/api-keys",
        "postgresql://localhost/licet",
    ],
)
def test_what_is_no_secret_stays(innocent: str) -> None:
    assert redact(f"about {innocent} here") == f"about {innocent} here"


def test_addresses_lose_their_passwords() -> None:
    assert redact("postgresql://licet:hunter2!@db:5432/x") == "postgresql://licet:[redacted]@db:5432/x"
    assert redact("smtp://:pass@mail.test") == "smtp://:[redacted]@mail.test"


def test_a_line_with_everything() -> None:
    out = io.StringIO()
    log = structlog.wrap_logger(
        structlog.PrintLogger(out), processors=[redact_secrets, structlog.processors.JSONRenderer()]
    )
    try:
        json.loads(f"{{{SECRETS[0]}")
    except json.JSONDecodeError as error:
        error.add_note(f"cannot use {SECRETS[0]}")
        log.exception(
            f"failed with {SECRETS[1]}",
            authorization="Basic abc",
            headers={"X-API-Key": "plain", "accept": "json"},
            nested=[{"password": "hunter2"}, (SECRETS[3], 7)],
            count=3,
            raw=SECRETS[4].encode(),
        )
    written = out.getvalue()
    for secret in (*SECRETS, "Basic abc", "plain", "hunter2"):
        assert secret not in written
    line = json.loads(written)
    assert line["count"] == 3
    assert line["headers"]["accept"] == "json"
    assert "cannot use lic_test_[redacted]" in line["exception"]
