"""Which tokens open, and which do not, however they were put together."""

import json
from collections.abc import Callable
from time import time
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from tests.factories.accounts import make_account, make_api_key
from tests.support.face import Face, assert_error
from tests.support.issuer import AUDIENCE, Issuer, assemble, b64, ec_key, hmac_of, rsa_key

from licet.oidc.provider import MAX_TOKEN_CHARACTERS, IdentityProvider

PATH = "/api/orders"


async def test_both_algorithms_in_both_headers(face: Face, provider: Issuer) -> None:
    for key in (rsa_key(), ec_key()):
        token = provider.token(key)
        for headers in (
            {"Authorization": f"Bearer {token}"},
            {"X-API-Key": token},
            {"Authorization": f"Bearer {token}", "X-API-Key": token},
        ):
            assert (await face.call("GET", PATH, headers=headers)).status_code == 200


async def test_two_different_credentials(face: Face, provider: Issuer) -> None:
    token = provider.token()
    key = await make_api_key(face.context, await make_account(face.context))
    for other in (key, face.operator_key, provider.token(sub="grace")):
        headers = {"Authorization": f"Bearer {token}", "X-API-Key": other}
        assert_error(await face.call("GET", PATH, headers=headers), 401, "unauthorized")


GOOD: list[tuple[str, Callable[[Issuer], str]]] = [
    ("several audiences, ours among them", lambda p: p.token(aud=["https://other.example", AUDIENCE], azp="an-app")),
    ("one audience in a list", lambda p: p.token(aud=[AUDIENCE])),
    ("for another authorised party", lambda p: p.token(azp="an-app")),
    ("an access token", lambda p: p.token(header={"typ": "at+jwt"})),
    ("no type", lambda p: p.token(header={"typ": None})),
    ("expired within the skew", lambda p: p.token(exp=int(time()) - 20)),
    ("clocks apart within the skew", lambda p: p.token(iat=int(time()) + 30, nbf=int(time()) + 30)),
    ("no iat", lambda p: p.token(iat=None)),
    ("a subject of 255 characters", lambda p: p.token(sub="a" * 255)),
    ("a claim of its own", lambda p: p.token(groups=["x" * 100] * 50)),
]


async def test_good_ones(face: Face, provider: Issuer) -> None:
    for what, make in GOOD:
        assert (await face.get(PATH, key=make(provider))).status_code == 200, what


def _tampered(provider: Issuer) -> str:
    head, _, signature = provider.token().split(".")
    return f"{head}.{b64(json.dumps(provider.claims(sub='grace')).encode())}.{signature}"


def _by_hmac(provider: Issuer, secret: bytes, kid: str = "rsa-1") -> str:
    return assemble({"alg": "HS256", "kid": kid, "typ": "JWT"}, provider.claims(), hmac_of(secret))


def _headed(header: bytes) -> str:
    return f"{b64(header)}.{b64(b'{}')}.{b64(b'x')}"


def _by_pss(provider: Issuer) -> str:
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    key = rsa_key().private
    assert isinstance(key, RSAPrivateKey)
    return assemble({"alg": "PS256", "kid": "rsa-1"}, provider.claims(), lambda m: key.sign(m, pss, hashes.SHA256()))


BAD: list[tuple[str, Callable[[Issuer], str]]] = [
    ("unsigned", lambda p: assemble({"alg": "none", "kid": "rsa-1"}, p.claims(), lambda _: b"")),
    ("unsigned, spelt otherwise", lambda p: assemble({"alg": "nOnE", "kid": "rsa-1"}, p.claims(), lambda _: b"")),
    ("signature cut off", lambda p: p.token().rpartition(".")[0] + "."),
    ("tampered with", _tampered),
    ("HMAC with the public key's PEM", lambda p: _by_hmac(p, rsa_key().pem())),
    ("HMAC with the published key", lambda p: _by_hmac(p, json.dumps(rsa_key().published()).encode())),
    ("HMAC with nothing", lambda p: _by_hmac(p, b"")),
    ("another algorithm of the same key", _by_pss),
    ("ES256 with an RSA key", lambda p: p.token(rsa_key(), header={"alg": "ES256"})),
    ("RS256 with an EC key", lambda p: p.token(ec_key(), header={"alg": "RS256"})),
    ("a list for an algorithm", lambda p: p.token(header={"alg": ["RS256"]})),
    ("no algorithm", lambda p: p.token(header={"alg": None})),
    ("another's key under a known id", lambda p: p.token(rsa_key("stranger"), header={"kid": "rsa-1"})),
    ("an unknown key", lambda p: p.token(rsa_key("stranger"))),
    ("a number for a key id", lambda p: p.token(header={"kid": 1})),
    ("a key brought along", lambda p: p.token(rsa_key("stranger"), header={"jwk": rsa_key("stranger").published()})),
    ("an address of keys", lambda p: p.token(rsa_key("stranger"), header={"jku": "https://evil.example/keys"})),
    ("a critical extension", lambda p: p.token(header={"crit": ["exp2"], "exp2": 1})),
    ("an empty list of extensions", lambda p: p.token(header={"crit": []})),
    ("a payload that is not encoded", lambda p: p.token(header={"crit": ["b64"], "b64": False})),
    ("a logout token", lambda p: p.token(header={"typ": "logout+jwt"})),
    (
        "a logout token without a type",
        lambda p: p.token(events={"http://schemas.openid.net/event/backchannel-logout": {}}),
    ),
    ("expired", lambda p: p.token(exp=int(time()) - 120)),
    ("no exp", lambda p: p.token(exp=None)),
    ("words for exp", lambda p: p.token(exp="tomorrow")),
    ("an infinite exp", lambda p: p.token(exp=float("inf"))),
    ("no number for exp", lambda p: p.token(exp=float("nan"))),
    ("a list for exp", lambda p: p.token(exp=[1])),
    ("valid later", lambda p: p.token(nbf=int(time()) + 600)),
    ("issued in the future", lambda p: p.token(iat=int(time()) + 600)),
    ("no aud", lambda p: p.token(aud=None)),
    ("another audience", lambda p: p.token(aud="https://other.example")),
    ("other audiences", lambda p: p.token(aud=["https://other.example", AUDIENCE + "/"])),
    ("part of our audience", lambda p: p.token(aud=AUDIENCE[:-1])),
    ("an object for aud", lambda p: p.token(aud={AUDIENCE: 1})),
    ("no audience at all", lambda p: p.token(aud=[])),
    ("azp alone", lambda p: p.token(aud=None, azp=AUDIENCE)),
    ("no iss", lambda p: p.token(iss=None)),
    ("another issuer", lambda p: p.token(iss="https://evil.example/")),
    ("the issuer without its slash", lambda p: p.token(iss=p.url)),
    ("a list for iss", lambda p: p.token(iss=[p.name])),
    ("no sub", lambda p: p.token(sub=None)),
    ("an empty sub", lambda p: p.token(sub="")),
    ("a number for sub", lambda p: p.token(sub=7)),
    ("a NUL in sub", lambda p: p.token(sub="a\0b")),
    ("half of a surrogate pair in sub", lambda p: p.token(sub="\ud800")),
    ("a sub that is too long", lambda p: p.token(sub="a" * 256)),
    ("claims that are no object", lambda p: assemble({"alg": "RS256", "kid": "rsa-1"}, ["x"], rsa_key().sign)),
    ("a header that is no object", lambda p: _headed(b"[]")),
    ("a header nested too deep", lambda p: _headed(b"[" * 9000)),
    ("an endless number in the header", lambda p: _headed(b'{"alg": ' + b"9" * 9000 + b"}")),
    ("three dots of nothing", lambda p: ".."),
    ("not base64", lambda p: "a!.b!.c!"),
    ("encrypted", lambda p: p.token() + ".x.y"),
    ("too long", lambda p: p.token(filler="x" * MAX_TOKEN_CHARACTERS)),
]


async def test_bad_ones(face: Face, provider: Issuer) -> None:
    for what, make in BAD:
        token = make(provider)
        for headers in ({"Authorization": f"Bearer {token}"}, {"X-API-Key": token}):
            answer = await face.call("GET", PATH, headers=headers)
            assert answer.status_code == 401, (what, answer.text)
            assert_error(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"
            assert token[:40] not in answer.text or len(token) < 40
    assert await face.context.pool.fetchval("SELECT count(*) FROM accounts") == 0


KEYS_THAT_DO_NOT_COUNT: list[tuple[str, dict[str, Any]]] = [
    ("for encryption", rsa_key().published(use="enc")),
    ("for signing alone", rsa_key().published(key_ops=["sign"])),
    ("of another algorithm", rsa_key().published(alg="RS512")),
    ("of no algorithm that could be named", rsa_key().published(alg=["RS256"])),
    ("with too few bits", rsa_key("short", 1024).published(kid="rsa-1")),
    ("symmetric", {"kty": "oct", "kid": "rsa-1", "k": b64(rsa_key().pem())}),
    ("on another curve", ec_key("p384", ec.SECP384R1).published(kid="rsa-1", alg="ES256")),
    ("without its numbers", {"kty": "RSA", "kid": "rsa-1"}),
    ("with odd numbers", rsa_key().published(n="!", e=[])),
    ("of an odd type", rsa_key().published(kty=["RSA"])),
]


async def test_keys_that_do_not_count(face: Face, provider: Issuer) -> None:
    """Each stands beside a good one, which goes on counting."""
    tokens = [
        provider.token(header={"kid": "rsa-1"}),
        provider.token(rsa_key("short", 1024), header={"kid": "rsa-1"}),
        provider.token(ec_key("p384", ec.SECP384R1), header={"kid": "rsa-1"}),
        _by_hmac(provider, rsa_key().pem()),
    ]
    for what, published in KEYS_THAT_DO_NOT_COUNT:
        provider.keys = [published, "no key", ec_key().published()]
        face.app.state.identity_provider = IdentityProvider(provider.name, AUDIENCE)
        for token in tokens:
            answer = await face.get(PATH, key=token)
            assert answer.status_code == 401, (what, answer.text)
        assert (await face.get(PATH, key=provider.token(ec_key()))).status_code == 200, what


async def test_a_private_key_published_by_mistake_does_not_count(face: Face, provider: Issuer) -> None:
    key = rsa_key().private
    assert isinstance(key, RSAPrivateKey)
    numbers = key.private_numbers()
    private = {"d": b64(numbers.d.to_bytes(256, "big"))}
    provider.keys = [rsa_key().published(**private)]
    assert_error(await face.get(PATH, key=provider.token()), 401, "unauthorized")


async def test_a_token_that_names_no_key(face: Face, provider: Issuer) -> None:
    assert (await face.get(PATH, key=provider.token(header={"kid": None}))).status_code == 200


async def test_a_token_that_could_mean_two_keys(face: Face, provider: Issuer) -> None:
    provider.keys = [rsa_key().published(), rsa_key("rsa-2").published()]
    assert_error(await face.get(PATH, key=provider.token(header={"kid": None})), 401, "unauthorized")
    assert (await face.get(PATH, key=provider.token(rsa_key("rsa-2")))).status_code == 200


async def test_what_is_wrong_is_said(face: Face, provider: Issuer) -> None:
    for token, word in (
        (provider.token(exp=int(time()) - 120), "expired"),
        (provider.token(nbf=int(time()) + 600), "clock"),
        (provider.token(aud="x"), "aud"),
        (provider.token(iss="x"), "issuer"),
        (provider.token(exp=None), "exp"),
        (provider.token(rsa_key("stranger")), "key"),
        (provider.token(header={"alg": "RS512"}), "RS256 or ES256"),
    ):
        assert word in assert_error(await face.get(PATH, key=token), 401, "unauthorized")["message"]
