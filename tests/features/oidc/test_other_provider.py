"""With a provider of somebody else's, in a process of its own: from its sign-in page to an account here."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from tests.support.client import open_client
from tests.support.contexts import make_context
from tests.support.patience import PATIENCE_SECONDS
from tests.support.serving import serve

from licet.app import create_app
from licet.db.pool import Pool

CLIENT, BACK = "licet-in-the-tests", "http://127.0.0.1:1/back"
USER = '{"sub": "ada", "name": "Ada", "email": "ada@example.com", "email_verified": true}'


@contextmanager
def running_provider() -> Iterator[str]:
    """Its address, which it says on stderr. Its own deprecation warnings are not ours."""
    argv = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", "0", "--user-claims", USER]
    env = {**os.environ, "NO_COLOR": "1"}
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env)
    assert process.stderr is not None
    try:
        said = ""
        for line in process.stderr:
            said += line
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                yield found[0]
                return
        raise AssertionError(f"the provider did not start:\n{said}")
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        process.stderr.close()


async def sign_in(issuer: str) -> str:
    """What a browser and a program behind it do: the identity token for Ada."""
    asked = {"client_id": CLIENT, "redirect_uri": BACK, "response_type": "code", "scope": "openid profile email"}
    async with open_client(base_url=issuer, trust_env=False) as browser:
        page = await browser.post("/oauth2/authorize", params=asked, data={"sub": "ada"})
        code = httpx.URL(page.headers["location"]).params["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
        answer = await browser.post("/oauth2/token", data=form, auth=(CLIENT, "any secret"))
        token: str = answer.raise_for_status().json()["id_token"]
        return token


async def test_an_identity_token_opens_an_account(pool: Pool) -> None:
    with running_provider() as issuer:
        token = await sign_in(issuer)
        for audience, status in ((CLIENT, 200), ("another program", 401)):
            context = make_context(pool, oidc_issuer=issuer, oidc_audience=audience)
            async with serve(create_app(context)) as url, open_client(base_url=url, trust_env=False) as client:
                answer = await client.get("/api/orders", headers={"Authorization": f"Bearer {token}"})
                assert answer.status_code == status, answer.text
        row = await pool.fetchrow("SELECT name, email, oidc_issuer, oidc_subject FROM accounts")
        assert row is not None
        assert tuple(row) == ("Ada", "ada@example.com", issuer, "ada")
