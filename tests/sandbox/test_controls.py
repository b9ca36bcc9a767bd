from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.routing import Route

if TYPE_CHECKING:
    from tests.sandbox.play import Play


async def test_the_clock(play: Play) -> None:
    before = (await play.http.get("/_sandbox/clock")).json()
    assert before["now"].endswith("Z")
    assert before["offsetSeconds"] == 0
    answer = await play.http.post("/_sandbox/clock/advance", json={"to": "2100-01-01T00:00:00Z"})
    assert answer.status_code == 400
    answer = await play.http.post("/_sandbox/clock/advance", json={"seconds": 100})
    assert answer.json()["offsetSeconds"] == pytest.approx(100, abs=2)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"seconds": -1},
        {"seconds": "1"},
        {"seconds": True},
        {"seconds": 1, "to": "2100-01-01T00:00:00Z"},
        {"to": "yesterday"},
        {"to": "2027-01-01T00:00:00"},
        {"to": "2001-01-01T00:00:00Z"},
        {"seconds": 1, "more": 1},
    ],
)
async def test_turning_it_wrongly(play: Play, wrong: dict[str, object]) -> None:
    answer = await play.http.post("/_sandbox/clock/advance", json=wrong)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


async def test_bodies(play: Play) -> None:
    session = await play.session(await play.price(1000, None))
    for content in (
        b"{",
        b"[]",
        b'{"card": 1}',
        b'{"threeDS": "maybe"}',
        b'{"nonsense": 1}',
        b'{"promotionCode": "X"}',
    ):
        answer = await play.http.post(f"/_sandbox/checkout/{session.id}/pay", content=content)
        assert answer.status_code == 400, content
    assert (await play.http.post("/_sandbox/checkout/cs_none/pay", json={})).status_code == 404
    assert (await play.http.post("/_sandbox/nonsense")).status_code == 404
    assert (await play.http.get("/_sandbox/nonsense")).json()["error"]["message"]
    assert (await play.http.post(f"/_sandbox/checkout/{session.id}/pay")).status_code == 200


async def test_changing_the_card(play: Play) -> None:
    subscription = await play.subscribe()
    answer = await play.http.post(
        f"/_sandbox/customers/{subscription.customer}/card", json={"card": "4000000000000341"}
    )
    changed = answer.json()
    assert (changed["last4"], changed["subscriptions"]) == ("0341", [subscription.id])
    after = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["customer"]})
    assert after.default_payment_method == changed["paymentMethod"]
    assert after.customer.invoice_settings.default_payment_method == changed["paymentMethod"]
    path = f"/_sandbox/customers/{subscription.customer}/card"
    assert (await play.http.post(path, json={"card": "4000000000000002"})).status_code == 402
    assert (await play.http.post(path, json={})).status_code == 400
    assert (
        await play.http.post("/_sandbox/customers/cus_none/card", json={"card": "4242424242424242"})
    ).status_code == 404


async def test_reset(play: Play) -> None:
    await play.subscribe()
    await play.advance(1000)
    await play.faults(duplicate=0.5)
    now = play.sandbox.now()
    assert (await play.http.post("/_sandbox/reset")).status_code == 200
    for kind in (play.api.products, play.api.customers, play.api.subscriptions, play.api.events):
        assert (await kind.list_async()).data == []
    assert (await play.http.get("/_sandbox/faults")).json() == {}
    assert (await play.http.get("/_sandbox/deliveries")).json() == {"data": []}
    assert play.sandbox.now() >= now
    await play.subscribe()


METHODS = ("GET", "POST", "DELETE", "PUT", "PATCH")


def controls(play: Play) -> list[tuple[str, str]]:
    """Method and path of every control, for an id that nothing has."""
    found = []
    for route in play.sandbox.app.routes:
        if isinstance(route, Route) and route.path.startswith("/_sandbox/") and "{rest:path}" not in route.path:
            methods = (route.methods or set()) - {"HEAD"}
            found += [(method, route.path.replace("{id}", "1")) for method in methods]
    assert ("POST", "/_sandbox/disputes/1/close") in found
    return found


async def test_every_control_refuses_what_it_does_not_know(play: Play) -> None:
    product = (await play.price()).product
    for method, path in controls(play):
        for content in (b'{"nonsense": 1}', b"[1]", b"{", b'"text"'):
            answer = await play.http.request(method, path, content=content)
            assert (answer.status_code, bool(answer.json()["error"]["message"])) == (400, True), (method, path, content)
    assert (await play.api.products.retrieve_async(product)).id == product


async def test_every_control_has_its_method(play: Play) -> None:
    known = controls(play)
    for path in {path for _, path in known}:
        for method in METHODS:
            if (method, path) not in known:
                answer = await play.http.request(method, path)
                assert (answer.status_code, method in answer.json()["error"]["message"]) == (404, True), (method, path)


async def test_no_control_is_for_other_sites(play: Play) -> None:
    for method, path in controls(play):
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "http://["}, {"Host": "evil.example"}):
            answer = await play.http.request(method, path, headers=headers)
            assert (answer.status_code, answer.json()["error"]["type"]) == (403, "invalid_request_error"), (
                method,
                path,
            )
        if method != "GET":
            answer = await play.http.request(method, path, headers={"Sec-Fetch-Site": "cross-site"})
            assert answer.status_code == 403, (method, path)


async def test_every_control_of_one_object_says_that_it_does_not_exist(play: Play) -> None:
    bodies = {"card": {"card": "4242424242424242"}, "close": {"status": "won"}}
    paths = [path for method, path in controls(play) if method == "POST" and "/1" in path]
    assert len(paths) > 5
    for path in paths:
        answer = await play.http.post(path, json=bodies.get(path.rsplit("/", 1)[-1], {}))
        assert (answer.status_code, bool(answer.json()["error"]["message"])) == (404, True), path
