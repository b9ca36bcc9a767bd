"""`/openapi.json` tells of every event: when it comes, its headers, its body and an example; so does the guide."""

import json
import re
from pathlib import Path
from typing import Any, Literal, get_args
from uuid import UUID

import httpx
import jsonschema_rs
import pytest
from fastapi import FastAPI
from playwright.async_api import expect
from tests.support.browser import open_page
from tests.support.client import open_client
from tests.support.face import Face

from licet.app import create_app
from licet.http.context import Context
from licet.http.openapi.webhooks import Webhook, add_webhooks
from licet.http.shapes import EXAMPLE_ID, ResponseBody
from licet.kit.times import wall_now
from licet.outbox.store import EventName
from licet.outgoing_webhooks.payloads.events import OutgoingEventBody
from licet.outgoing_webhooks.payloads.openapi import webhooks
from licet.outgoing_webhooks.payloads.registry import encode
from licet.outgoing_webhooks.transport.signing import new_secret, signed_headers

EVENTS = get_args(EventName)
GUIDE = Path(__file__).parents[3] / "docs" / "webhooks.md"


@pytest.fixture
def document(context: Context) -> dict[str, Any]:
    return create_app(context).openapi()


def test_every_event_is_there_with_when_it_comes(document: dict[str, Any]) -> None:
    told = document["webhooks"]
    assert list(told) == list(EVENTS)
    tags = {tag["name"] for tag in document["tags"]}
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    for event in EVENTS:
        assert list(told[event]) == ["post"]
        operation = told[event]["post"]
        assert operation["summary"]
        assert operation["description"].startswith(operation["summary"])
        assert set(operation["tags"]) <= tags
        ids.append(operation["operationId"])
        assert set(operation["responses"]) == {"2XX", "410", "default"}
    assert len(ids) == len(set(ids))


def test_every_body_is_described_and_its_example_fits(document: dict[str, Any]) -> None:
    for event, item in document["webhooks"].items():
        body = item["post"]["requestBody"]
        assert body["required"] is True
        content = body["content"]["application/json"]
        fits = jsonschema_rs.validator_for(
            {**content["schema"], "components": document["components"]}, validate_formats=True
        )
        example = content["example"]
        fits.validate(example)
        assert list(example) == ["id", "event", "createdAt", "data"]
        assert example["event"] == event
        assert not fits.is_valid({**example, "event": "invoice.voided"})
        assert not fits.is_valid({**example, "data": {}})
        if event.startswith("license."):
            change = example["data"]["change"]
            assert list(change) == ["from", "to", "at", "because"]
            # What the example says has just happened is what its license is.
            assert (change["to"], change["from"] is None) == (example["data"]["status"], event == "license.issued")


def test_the_headers_are_those_that_are_sent(document: dict[str, Any]) -> None:
    some_id = UUID(EXAMPLE_ID)
    for event, item in document["webhooks"].items():
        sent = signed_headers(
            event_id=some_id, delivery_id=some_id, event=event, body=b"{}", secrets=["whsec_MTIz"], at=wall_now()
        )
        described = {one["name"].lower(): one for one in item["post"]["parameters"]}
        # These two say nothing of the event.
        assert set(described) == set(sent) - {"content-type", "user-agent"}
        for name, one in described.items():
            assert (one["in"], one["required"]) == ("header", True)
            assert one["description"]
            fits = jsonschema_rs.validator_for(one["schema"], validate_formats=True)
            fits.validate(one["example"])
            fits.validate(sent[name])


def test_an_invoice_is_described_once(document: dict[str, Any]) -> None:
    """What an event shares with the API has one schema, under the same public name."""
    schemas = document["components"]["schemas"]
    assert {*schemas["Invoice"]["properties"], "accountId"} == set(schemas["InvoicePaid"]["properties"])
    assert {*schemas["License"]["properties"], "accountId", "change"} == set(schemas["ChangedLicense"]["properties"])
    (item,) = [one["items"] for name, one in schemas["ChangedSubscription"]["properties"].items() if name == "items"]
    assert item == {"$ref": "#/components/schemas/SubscriptionItem"}


def test_an_application_without_events() -> None:
    document: dict[str, Any] = {"components": {"schemas": {}}}
    add_webhooks(document, [])
    assert document == {"components": {"schemas": {}}, "webhooks": {}}


def test_two_bodies_of_one_name() -> None:
    """A schema never takes another one's place unseen."""

    class Meta(ResponseBody):
        event: Literal["meta"]

    document: dict[str, Any] = {"components": {"schemas": {"Meta": {"type": "string"}}}}
    with pytest.raises(ValueError, match="two bodies are called Meta"):
        add_webhooks(document, [Webhook("meta", Meta, {})])


def test_every_event_has_a_body_of_its_own() -> None:
    assert {webhook.body for webhook in webhooks()} == set(OutgoingEventBody.__subclasses__())


def test_the_guide_tells_of_every_event() -> None:
    text = GUIDE.read_text()
    told = re.findall(r"^\| `([a-z]+\.[a-z]+)` \|", text, re.MULTILINE)
    assert told == list(EVENTS)


def test_the_guides_example_is_one(document: dict[str, Any]) -> None:
    (found,) = re.findall(r"^```json\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    example = json.loads(found)
    schema = document["webhooks"][example["event"]]["post"]["requestBody"]["content"]["application/json"]["schema"]
    fits = jsonschema_rs.validator_for({**schema, "components": document["components"]}, validate_formats=True)
    fits.validate(example)


async def test_the_guides_receiver_takes_what_is_ours_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = new_secret()
    monkeypatch.setenv("LICET_WEBHOOK_SECRET", secret)
    (program,) = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(program, "receiver", "exec"), names)
    some_id = UUID(EXAMPLE_ID)
    body = encode({"id": EXAMPLE_ID, "event": "invoice.paid", "data": {"number": "Zoë"}})
    sent = signed_headers(
        event_id=some_id,
        delivery_id=some_id,
        event="invoice.paid",
        body=body,
        secrets=[new_secret(), secret],
        at=wall_now(),
    )
    async with open_client(transport=httpx.ASGITransport(names["app"]), base_url="http://vendor") as client:
        assert (await client.post("/licet", content=body + b" ", headers=sent)).status_code == 400
        assert (await client.post("/licet", content=body)).status_code == 400
        assert names["seen"] == set()
        for _ in range(2):
            assert (await client.post("/licet", content=body, headers=sent)).status_code == 204
        assert names["seen"] == {EXAMPLE_ID}


async def test_they_are_to_be_read_in_a_browser(face: Face) -> None:
    async with open_page() as page:
        await page.goto(f"{face.url}/docs")
        event = page.locator("#operations-webhooks-on_license_revoked")
        await expect(event).to_contain_text("license.revoked")
        await event.locator(".opblock-summary-control").click()
        await expect(event).to_contain_text("webhook-signature")
        await expect(event).to_contain_text("SHOP-7K2M-9QXD-3VTN-W8RB")


def test_nothing_answers_there(context: Context) -> None:
    """They are told of, and are no routes of ours."""
    app: FastAPI = create_app(context)
    assert not [path for path in app.openapi()["paths"] if path in EVENTS]
