"""A token is recognised by its signature before it is counted, so strangers at its address do not matter to it."""

import asyncio

import pytest
from tests.support.contexts import make_context
from tests.support.face import Face, assert_error
from tests.support.issuer import AUDIENCE, Issuer, ec_key
from tests.support.shop import eventually

from licet.db.pool import Pool
from licet.http.context import Context

PATH = "/api/orders"
PER_MINUTE = 5


@pytest.fixture
def context(pool: Pool, provider: Issuer) -> Context:
    return make_context(
        pool,
        oidc_issuer=provider.name,
        oidc_audience=AUDIENCE,
        rate_limits="on",
        rate_limit_per_minute=PER_MINUTE,
    )


async def use_up(face: Face, credentials: list[str | None]) -> None:
    """Sends requests with these credentials until each of them is refused for its number."""
    for credential in credentials:
        for _ in range(PER_MINUTE + 1):
            answer = await face.call("GET", PATH, key=credential)
        assert answer.status_code == 429


async def test_no_stranger_at_the_same_address_locks_out_a_new_token(face: Face, provider: Issuer) -> None:
    assert (await face.get(PATH, key=provider.token(sub="first"))).status_code == 200
    forged = provider.token(ec_key("unknown"))
    await use_up(face, [None, "lic_test_" + "x" * 40, forged])
    tokens = [provider.token(sub=f"user {number}") for number in range(25)]
    answers = await asyncio.gather(*(face.get(PATH, key=token) for token in tokens))
    assert [answer.status_code for answer in answers] == [200] * 25
    assert {answer.headers["x-ratelimit-remaining"] for answer in answers} == {str(PER_MINUTE - 1)}


async def test_all_tokens_of_a_subject_are_counted_together(face: Face, provider: Issuer) -> None:
    # The keys are read by the first of them, which is counted like the others.
    tokens = [provider.token(sub="ada", jti=str(number)) for number in range(PER_MINUTE + 1)]
    answers = [await face.get(PATH, key=token) for token in tokens]
    assert [answer.status_code for answer in answers] == [200] * PER_MINUTE + [429]
    assert (await face.get(PATH, key=provider.token(sub="eve"))).status_code == 200


async def test_what_is_no_valid_token_is_counted_with_the_wrong_keys(face: Face, provider: Issuer) -> None:
    assert (await face.get(PATH, key=provider.token())).status_code == 200
    good = provider.token(sub="eve")
    wrong = [
        good[:-8] + "AAAAAAAA",
        provider.token(aud="https://other.example.com"),
        provider.token(exp=1),
        provider.token(header={"alg": "none"}),
        provider.token(sub="\n"),
    ]
    for token in wrong:
        assert_error(await face.get(PATH, key=token), 401, "unauthorized")
    assert_error(await face.get(PATH, key=wrong[0]), 429, "rate_limited")
    assert (await face.get(PATH, key=good)).status_code == 200


async def test_keys_are_read_though_wrong_tokens_use_up_the_limit(face: Face, provider: Issuer) -> None:
    """After a start no key is known, so no token can be recognised until one request has read the keys."""
    await use_up(face, ["lic_test_" + "x" * 40])
    assert not provider.asked
    good = provider.token(sub="eve")
    assert_error(await face.get(PATH, key=good), 429, "rate_limited")

    async def accepted() -> bool:
        return (await face.get(PATH, key=good)).status_code == 200

    await eventually(accepted)
