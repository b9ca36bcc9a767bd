"""`licet up` with an identity provider: what it refuses to start with, and that it lets in by the real time."""

from pathlib import Path

from tests.support.client import open_client
from tests.support.issuer import AUDIENCE, Issuer
from tests.support.running import environment, refused, running


def test_an_issuer_without_an_audience_refuses_to_start(tmp_path: Path) -> None:
    said = refused(tmp_path / "data", env=environment(LICET_OIDC_ISSUER="https://login.example.com"))
    assert "LICET_OIDC_AUDIENCE" in said
    assert not (tmp_path / "data").exists()


async def test_tokens_hold_by_the_real_time(provider: Issuer, tmp_path: Path) -> None:
    """Whatever the sandbox's clock was turned to."""
    env = environment(LICET_OIDC_ISSUER=provider.name, LICET_OIDC_AUDIENCE=AUDIENCE)
    with running(tmp_path / "data", env=env) as up:
        async with open_client(trust_env=False) as client:
            turned = await client.post(
                f"{up.ready['sandboxUrl']}/_sandbox/clock/advance", json={"seconds": 86400 * 400}
            )
            assert turned.status_code == 200
            answer = await client.get(f"{up.url}/api/orders", headers={"Authorization": f"Bearer {provider.token()}"})
            assert answer.status_code == 200, answer.text
