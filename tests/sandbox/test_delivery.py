"""Webhooks: signed, by type, in order, retried."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import pytest
import stripe
from tests.sandbox.play import DAY, Play, Receiver

from licet_sandbox.events.outcomes import BACKOFF_SECONDS


async def test_signed_and_by_type(play: Play, receiver: Receiver) -> None:
    endpoint = await play.endpoint(receiver, "product.created", "checkout.session.completed")
    assert endpoint.secret.startswith("whsec_")
    again = await play.api.webhook_endpoints.retrieve_async(endpoint.id)
    assert "secret" not in again
    await play.buy()
    assert receiver.types == ["product.created", "checkout.session.completed"]
    raw, header = receiver.signed[-1]
    event = stripe.StripeClient("sk_test_x").construct_event(raw, header, endpoint.secret)
    assert (event.api_version, event.data.object.object) == ("2026-10-28.endive", "checkout.session")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(raw.decode() + " ", header, endpoint.secret)
    stored = await play.api.events.retrieve_async(event.id)
    assert stored.pending_webhooks == 0
    assert stored.data.object.to_dict() == event.data.object.to_dict()


async def test_every_event_once_before_the_answer(play: Play, receiver: Receiver) -> None:
    await play.endpoint(receiver)
    subscription = await play.subscribe()
    # A few go at the same time, so they may overtake each other.
    made = await play.events(upcoming=True)
    assert sorted(body["id"] for body in receiver.bodies) == sorted(event.id for event in made)
    # During an advance the receiver lives at the time of each event.
    ages = []

    async def note(body: dict[str, object]) -> None:
        ages.append(play.sandbox.now().timestamp() - float(str(body["created"])))

    receiver.hook = note
    turned = []

    async def on_turn() -> None:
        turned.append((play.sandbox.now().timestamp(), len(receiver.bodies)))

    play.sandbox.on_clock_advanced(on_turn)
    end = subscription["items"].data[0].current_period_end
    await play.advance(40 * DAY)
    assert len(ages) == len(receiver.bodies) - len(made)
    assert all(0 <= age < 5 for age in ages)
    moments = [moment for moment, _ in turned]
    assert moments == sorted(moments)
    # Announced a week before, drafted, charged an hour later, and where it was turned to.
    assert [round(moment - end) for moment in moments[:3]] == [-7 * DAY, 0, 3600]
    assert receiver.types[len(made)] == "invoice.upcoming"
    assert [seen for _, seen in turned] == sorted(seen for _, seen in turned)
    assert turned[-1][1] == len(receiver.bodies)


async def test_retried_until_it_is_taken(play: Play, receiver: Receiver) -> None:
    await play.endpoint(receiver, "product.created")
    receiver.answers = [500, 302]
    await play.api.products.create_async({"name": "T"})
    await play.advance(0)
    [delivery] = (await play.http.get("/_sandbox/deliveries")).json()["data"]
    assert (delivery["state"], delivery["attempts"], delivery["answers"][0]["status"]) == ("pending", 1, 500)
    event = (await play.events())[-1]
    assert event.pending_webhooks == 1
    undelivered = await play.api.events.list_async({"delivery_success": False})
    assert [entry.id for entry in undelivered.data] == [event.id]
    await play.advance(3600)
    assert len(receiver.bodies) == 3
    assert len({body["id"] for body in receiver.bodies}) == 1
    [delivery] = (await play.http.get("/_sandbox/deliveries")).json()["data"]
    assert (delivery["state"], [answer["status"] for answer in delivery["answers"]]) == ("delivered", [500, 302, 200])
    assert (delivery["eventType"], delivery["url"]) == ("product.created", receiver.url)
    assert (await play.api.events.list_async({"delivery_success": False})).data == []


async def test_given_up_after_three_days(play: Play, receiver: Receiver) -> None:
    await play.endpoint(receiver, "product.created")
    receiver.answers = [500] * 100
    await play.api.products.create_async({"name": "T"})
    await play.advance(4 * DAY)
    [delivery] = (await play.http.get("/_sandbox/deliveries")).json()["data"]
    assert (delivery["state"], len(receiver.bodies)) == ("failed", 12)
    tried = [datetime.fromisoformat(answer["at"]).timestamp() for answer in delivery["answers"]]
    assert [later - earlier for earlier, later in pairwise(tried)] == pytest.approx(BACKOFF_SECONDS, abs=5)
    receiver.answers = []
    again = await play.http.post(f"/_sandbox/deliveries/{delivery['id']}/resend")
    assert again.json()["state"] == "delivered"
    assert len(receiver.bodies) == 13
    assert (await play.http.post("/_sandbox/deliveries/999/resend")).status_code == 404


async def test_what_was_sent_by_endpoint_event_and_state(play: Play, receiver: Receiver) -> None:
    products = await play.endpoint(receiver, "product.created")
    given = {"url": receiver.url, "enabled_events": ["product.created", "price.created"]}
    both = await play.api.webhook_endpoints.create_async(given)
    receiver.endpoint = None
    receiver.answers = [500]
    await play.price()
    await play.advance(0)

    async def sent(**query: str | int) -> list[tuple[str, str]]:
        answer = await play.http.get("/_sandbox/deliveries", params=query)
        assert answer.status_code == 200, answer.text
        return [(entry["eventType"], entry["endpointId"]) for entry in answer.json()["data"]]

    assert await sent() == [
        ("price.created", both.id),
        ("product.created", both.id),
        ("product.created", products.id),
    ]
    assert await sent(endpoint=products.id) == [("product.created", products.id)]
    assert await sent(limit=1) == [("price.created", both.id)]
    assert len(await sent(state="pending")) == 1
    assert len(await sent(state="delivered")) == 2
    price_created = (await play.events())[-1]
    assert await sent(event=price_created.id) == [("price.created", both.id)]
    for wrong in ({"state": "lost"}, {"limit": "many"}, {"nonsense": "1"}):
        answer = await play.http.get("/_sandbox/deliveries", params=wrong)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, *wrong)


async def test_endpoints_that_go(play: Play, receiver: Receiver) -> None:
    endpoint = await play.endpoint(receiver)
    await play.api.webhook_endpoints.update_async(endpoint.id, {"disabled": True})
    await play.buy()
    assert receiver.bodies == []
    await play.api.webhook_endpoints.update_async(endpoint.id, {"disabled": False, "enabled_events": ["price.created"]})
    await play.price()
    await receiver.until(1)
    receiver.answers = [500]
    await play.price()
    await receiver.until(2)
    await play.api.webhook_endpoints.delete_async(endpoint.id)
    await play.advance(3600)
    assert receiver.types == ["price.created"] * 2
    states = [entry["state"] for entry in (await play.http.get("/_sandbox/deliveries")).json()["data"]]
    assert states == ["canceled", "delivered"]


async def test_creation_of_an_endpoint_is_replayed_with_its_secret(play: Play, receiver: Receiver) -> None:
    given = {"url": receiver.url, "enabled_events": ["*"]}
    first, again = [await play.api.webhook_endpoints.create_async(given, {"idempotency_key": "k"}) for _ in range(2)]
    assert (first.id, first.secret) == (again.id, again.secret)


@pytest.mark.parametrize(
    "given",
    [
        {"url": "ftp://example.com", "enabled_events": ["*"]},
        {"url": "https://example.com", "enabled_events": []},
        {"url": "https://example.com", "enabled_events": ["no.such"]},
        {"url": "https://example.com", "enabled_events": ["*", "product.created"]},
        {"url": "https://example.com", "enabled_events": ["*"], "api_version": "2020-08-27"},
    ],
)
async def test_endpoints_that_are_none(play: Play, given: dict[str, object]) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.webhook_endpoints.create_async(given)
