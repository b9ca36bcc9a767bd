"""A provider that is away, or publishes what must not be trusted: a clear 503, never a 500, and no way in."""

import asyncio
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from tests.factories.accounts import make_account, make_api_key
from tests.support.contexts import NOBODY_LISTENS, make_context
from tests.support.face import Face, assert_error
from tests.support.issuer import AUDIENCE, DISCOVERY, KEYS, Issuer, issuer

from licet.oidc import published
from licet.oidc.provider import IdentityProvider
from licet.oidc.published import MAX_RESPONSE_BYTES, NotPublished, fetch_keys

PATH = "/api/orders"
GOOD_KEYS = "/elsewhere"


def _answers(made: Response) -> Callable[[], Response]:
    return lambda: made


def _large() -> StreamingResponse:
    async def chunks() -> Any:
        for _ in range(64):
            yield b" " * 65536

    return StreamingResponse(chunks())


FAULTS: list[tuple[str, str, Callable[[], Response]]] = [
    (where, what, make)
    for where in (DISCOVERY, KEYS)
    for what, make in (
        ("answered 404", _answers(Response(status_code=404))),
        ("answered 500", _answers(Response(status_code=500))),
        ("answered 302", _answers(RedirectResponse(GOOD_KEYS, 302))),
        ("answered 308", _answers(RedirectResponse("https://evil.example/", 308))),
        ("with JSON", _answers(PlainTextResponse("<html>"))),
        ("with JSON", _answers(Response(b"\xff\xfe"))),
        ("with JSON", _answers(Response(b"[" * 100_000))),
        ("with JSON", _answers(Response(gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"}))),
        ("a JSON object", _answers(JSONResponse([]))),
        (f"more than {MAX_RESPONSE_BYTES} bytes", _large),
    )
]


async def test_whatever_is_wrong_it_is_told_and_nothing_is_trusted(provider: Issuer) -> None:
    provider.instead[GOOD_KEYS] = _answers(JSONResponse({"keys": provider.keys}))
    for where, what, make in FAULTS:
        provider.instead[where] = make
        with pytest.raises(NotPublished, match=what):
            await fetch_keys(provider.name)
        del provider.instead[where]
    assert provider.asked[GOOD_KEYS] == 0
    assert len(await fetch_keys(provider.name)) == 2


CONFIGURATIONS: list[tuple[str, dict[str, Any]]] = [
    ("another issuer", {"issuer": "https://evil.example/"}),
    ("another issuer", {"issuer": None}),
    ("jwks_uri", {"jwks_uri": None}),
    ("jwks_uri", {"jwks_uri": ["https://login.example.com/keys"]}),
    ("jwks_uri", {"jwks_uri": "http://login.example.com/keys"}),
    ("jwks_uri", {"jwks_uri": "http://169.254.169.254/latest"}),
    ("jwks_uri", {"jwks_uri": "http://127.0.0.1.example.com/keys"}),
    ("jwks_uri", {"jwks_uri": "http://127.0.0.1@example.com/keys"}),
    ("jwks_uri", {"jwks_uri": "file:///etc/passwd"}),
    ("cannot be reached", {"jwks_uri": "http://[::1"}),
    ("cannot be reached", {"jwks_uri": "https://"}),
    ("cannot be reached", {"jwks_uri": f"{NOBODY_LISTENS}/keys"}),
]


async def test_a_configuration_that_is_not_believed(provider: Issuer) -> None:
    for what, configuration in CONFIGURATIONS:
        provider.configuration = configuration
        with pytest.raises(NotPublished, match=what):
            await fetch_keys(provider.name)
    assert provider.asked[KEYS] == 0


async def test_an_https_issuer_never_sends_us_to_this_machine(provider: Issuer) -> None:
    configuration = {"issuer": "https://login.example.com", "jwks_uri": f"{provider.url}{KEYS}"}
    with pytest.raises(NotPublished, match="jwks_uri"):
        published._address_of_keys(configuration, "https://login.example.com")


async def test_certificates_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(NotPublished, match="FileNotFoundError"):
        await fetch_keys("https://login.example.com")


async def test_an_issuer_without_a_slash_at_its_end(provider: Issuer) -> None:
    provider.configuration = {"issuer": provider.url}
    assert len(await fetch_keys(provider.url)) == 2
    with pytest.raises(NotPublished, match="another issuer"):
        await fetch_keys(provider.name)


async def test_keys_that_are_no_list(provider: Issuer) -> None:
    unlike_lists: tuple[Any, ...] = (None, {}, "keys")
    for keys in unlike_lists:
        provider.keys = keys
        with pytest.raises(NotPublished, match="list of keys"):
            await fetch_keys(provider.name)


async def test_one_that_never_answers(provider: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "OIDC_TIMEOUT_SECONDS", 0.05)
    held = asyncio.Event()

    async def never() -> Response:
        await held.wait()
        return Response()

    provider.instead[DISCOVERY] = never
    with pytest.raises(NotPublished, match="did not answer within"):
        await fetch_keys(provider.name)
    held.set()


async def test_the_caller_hears_503_and_api_keys_go_on(face: Face, provider: Issuer) -> None:
    provider.instead[KEYS] = _answers(Response(status_code=500))
    for _ in range(3):
        answer = await face.get(PATH, key=provider.token())
        body = assert_error(answer, 503, "identity_provider_unavailable")
        assert answer.headers["retry-after"] == "10"
        assert provider.url not in json.dumps(body)
    assert provider.asked[KEYS] == 1
    key = await make_api_key(face.context, await make_account(face.context))
    assert (await face.get(PATH, key=key)).status_code == 200


async def test_an_issuer_that_is_away(face: Face) -> None:
    async with issuer() as gone:
        token = gone.token()
    face.app.state.identity_provider = IdentityProvider(gone.name, AUDIENCE)
    assert_error(await face.get(PATH, key=token), 503, "identity_provider_unavailable")


async def test_without_an_identity_provider_no_token_opens(face: Face, provider: Issuer) -> None:
    assert make_context(face.context.pool).settings.oidc_issuer is None
    face.app.state.identity_provider = None
    body = assert_error(await face.get(PATH, key=provider.token()), 401, "unauthorized")
    assert "identity provider" in body["message"]
    assert not provider.asked
