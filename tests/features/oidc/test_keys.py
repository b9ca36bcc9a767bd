"""The provider's keys: asked for once, kept, renewed, and turned over, by a clock that the test turns."""

import asyncio

import pytest
import pytest_asyncio
from starlette.responses import JSONResponse, Response
from tests.support.face import Face, assert_error
from tests.support.issuer import AUDIENCE, DISCOVERY, KEYS, Issuer, ec_key, rsa_key

from licet.oidc.key_set import KEYS_REFRESH_SECONDS, MAX_KEYS_AGE_SECONDS, MIN_FETCH_INTERVAL_SECONDS, KeySet
from licet.oidc.provider import IdentityProvider

PATH = "/api/orders"


class Clock:
    """Seconds that go forward when told to."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def turned(face: Face, provider: Issuer, clock: Clock) -> Face:
    """The application, whose keys grow old by the test's clock."""
    face.app.state.identity_provider = IdentityProvider(provider.name, AUDIENCE, KeySet(provider.name, clock=clock))
    return face


async def status(face: Face, token: str) -> int:
    return (await face.get(PATH, key=token)).status_code


async def test_they_are_asked_for_once(turned: Face, provider: Issuer) -> None:
    assert not provider.asked
    for key in (rsa_key(), ec_key(), rsa_key()):
        assert await status(turned, provider.token(key)) == 200
    assert provider.asked == {DISCOVERY: 1, KEYS: 1}


async def test_however_many_wait_one_asks(turned: Face, provider: Issuer) -> None:
    keys = KeySet(provider.name)
    # All of them begin before the first has an answer.
    found = await asyncio.gather(*(keys.find("rsa-1", "RS256") for _ in range(20)))
    assert {key.key_id for key in found if key is not None} == {"rsa-1"}
    assert provider.asked == {DISCOVERY: 1, KEYS: 1}
    tokens = [provider.token(sub=f"user {n % 4}") for n in range(20)]
    assert await asyncio.gather(*(status(turned, token) for token in tokens)) == [200] * 20
    assert provider.asked == {DISCOVERY: 2, KEYS: 2}


async def test_a_new_key_is_found_and_the_old_one_goes(turned: Face, provider: Issuer, clock: Clock) -> None:
    old, new = provider.token(rsa_key()), provider.token(rsa_key("rsa-2"))
    assert await status(turned, old) == 200
    clock.forward(MIN_FETCH_INTERVAL_SECONDS)
    provider.keys = [rsa_key("rsa-2").published(), rsa_key().published()]
    assert (await status(turned, new), await status(turned, old)) == (200, 200)
    provider.keys = [rsa_key("rsa-2").published()]
    clock.forward(KEYS_REFRESH_SECONDS + 1)
    assert (await status(turned, new), await status(turned, old)) == (200, 401)


async def test_a_key_turned_over_under_its_old_name(turned: Face, provider: Issuer, clock: Clock) -> None:
    assert await status(turned, provider.token(rsa_key())) == 200
    provider.keys = [rsa_key("other").published(kid="rsa-1")]
    clock.forward(KEYS_REFRESH_SECONDS + 1)
    assert await status(turned, provider.token(rsa_key())) == 401
    assert await status(turned, provider.token(rsa_key("other"), header={"kid": "rsa-1"})) == 200


async def test_a_flood_of_made_up_keys_is_no_flood_of_questions(turned: Face, provider: Issuer, clock: Clock) -> None:
    made_up = [provider.token(header={"kid": f"made up {n}"}) for n in range(30)]
    assert set(await asyncio.gather(*(status(turned, token) for token in made_up))) == {401}
    assert provider.asked[KEYS] == 1
    clock.forward(MIN_FETCH_INTERVAL_SECONDS)
    assert set(await asyncio.gather(*(status(turned, token) for token in made_up))) == {401}
    assert provider.asked[KEYS] == 2
    assert await status(turned, provider.token()) == 200
    assert provider.asked[KEYS] == 2


async def test_while_the_provider_is_away_known_keys_go_on(turned: Face, provider: Issuer, clock: Clock) -> None:
    assert await status(turned, provider.token()) == 200
    provider.instead[DISCOVERY] = lambda: Response(status_code=503)
    clock.forward(KEYS_REFRESH_SECONDS + 1)
    for _ in range(3):
        assert await status(turned, provider.token()) == 200
    assert provider.asked[DISCOVERY] == 2
    clock.forward(MIN_FETCH_INTERVAL_SECONDS)
    unknown = await turned.get(PATH, key=provider.token(rsa_key("rsa-2")))
    assert_error(unknown, 503, "identity_provider_unavailable")
    clock.forward(MAX_KEYS_AGE_SECONDS)
    assert await status(turned, provider.token()) == 503
    del provider.instead[DISCOVERY]
    assert await status(turned, provider.token()) == 503
    clock.forward(MIN_FETCH_INTERVAL_SECONDS)
    assert await status(turned, provider.token()) == 200


async def test_while_one_asks_whether_a_key_still_holds_the_others_go_on(
    turned: Face, provider: Issuer, clock: Clock
) -> None:
    assert await status(turned, provider.token()) == 200
    clock.forward(KEYS_REFRESH_SECONDS + 1)
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> Response:
        asked.set()
        await go_on.wait()
        return JSONResponse({"keys": provider.keys})

    provider.instead[KEYS] = slowly
    first = asyncio.create_task(status(turned, provider.token()))
    await asked.wait()
    assert await status(turned, provider.token()) == 200
    assert not first.done()
    go_on.set()
    assert await first == 200
