"""Operators say where the vendor's systems listen."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from tests.factories.accounts import make_account, make_api_key
from tests.factories.deliveries import make_endpoint, publish_event
from tests.features.idempotency.test_at_rest import everything
from tests.support.face import Face, assert_error, fields_of
from tests.support.keyed import post

from licet.kit.ids import new_id
from licet.kit.times import rfc3339, wall_now
from licet.outbox.store import OutgoingEvent, publish

PATH = "/api/webhook-endpoints"
URL = "https://hooks.example.com/licet"
TROUBLE = "failing_since = now(), unreachable = 3, rests_until = now()"


async def patch(face: Face, endpoint_id: object, body: Any) -> httpx.Response:
    return await face.call("PATCH", f"{PATH}/{endpoint_id}", key=face.operator_key, json=body)


async def delete(face: Face, endpoint_id: object) -> httpx.Response:
    return await face.call("DELETE", f"{PATH}/{endpoint_id}", key=face.operator_key)


async def row_of(face: Face, endpoint_id: object) -> dict[str, Any]:
    (row,) = await face.context.pool.fetch("SELECT * FROM webhook_endpoints WHERE id = $1", UUID(str(endpoint_id)))
    return dict(row)


async def test_an_endpoint_is_made(face: Face) -> None:
    asked = {"url": URL, "events": ["invoice.paid", "license.revoked"], "description": "The shop"}
    answer = await face.post(PATH, json=asked)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    secret = made.pop("secret")
    assert made == {
        "id": made["id"],
        **asked,
        "enabled": True,
        "disabledBecause": None,
        "failingSince": None,
        "createdAt": made["createdAt"],
    }
    assert secret.startswith("whsec_")
    assert face.context.keyring.decrypt((await row_of(face, made["id"]))["secret_encrypted"]) == secret
    assert (await face.get(f"{PATH}/{made['id']}")).json() == made
    assert (await face.get(PATH)).json()["data"] == [made]


async def test_each_has_a_secret_of_its_own_which_is_shown_once_and_kept_in_the_clear_nowhere(face: Face) -> None:
    answers = [await post(face, PATH, f"k{n}", {"url": URL, "events": ["*"]}) for n in range(2)]
    ids = [answer.json()["id"] for answer in answers]
    secrets = [answer.json()["secret"] for answer in answers]
    secrets += [(await patch(face, one, {"rotateSecret": True})).json()["secret"] for one in ids]
    assert len(set(secrets)) == 4
    later = [await face.get(PATH), *[await face.get(f"{PATH}/{one}") for one in ids], await patch(face, ids[0], KEPT)]
    shown = "".join(answer.text for answer in later)
    kept = await everything(face)
    assert ids[0] in kept
    for secret in secrets:
        assert secret.removeprefix("whsec_") not in shown + kept


KEPT = {"description": "kept"}


async def test_what_may_be_left_out(face: Face) -> None:
    for more in ({}, {"description": None}):
        made = (await face.post(PATH, json={"url": URL, "events": ["*"], **more})).json()
        assert (made["events"], made["description"]) == (["*"], None)


MISFITS: list[tuple[dict[str, Any], list[str]]] = [
    ({"url": None}, ["url"]),
    ({"url": 1}, ["url"]),
    ({"events": []}, ["events"]),
    ({"events": "*"}, ["events"]),
    ({"events": None}, ["events"]),
    ({"events": ["invoice.paid"] * 2}, ["events"]),
    ({"events": ["*", "invoice.paid"]}, ["events"]),
    ({"events": ["invoice.paid"] * 21}, ["events"]),
    ({"events": ["invoice.*"]}, ["events[0]"]),
    ({"events": ["customer.created"]}, ["events[0]"]),
    ({"events": [None]}, ["events[0]"]),
    ({"description": "x" * 501}, ["description"]),
    ({"description": "\0"}, ["description"]),
    ({"secret": "whsec_mine"}, ["secret"]),
]


async def test_what_does_not_fit(face: Face) -> None:
    endpoint_id = await make_endpoint(face.context)
    for fields, wrong in MISFITS:
        assert fields_of(await face.post(PATH, json={"url": URL, "events": ["*"], **fields})) == wrong
        assert fields_of(await patch(face, endpoint_id, fields)) == wrong
    for left_out in ("url", "events"):
        body = {"url": URL, "events": ["*"]}
        del body[left_out]
        assert fields_of(await face.post(PATH, json=body)) == [left_out]
    for change, field in (
        ({}, "body"),
        ({"enabled": None}, "enabled"),
        ({"enabled": "false"}, "enabled"),
        ({"rotateSecret": None}, "rotateSecret"),
        ({"rotateSecret": False}, "rotateSecret"),
        ({"disabledBecause": "gone"}, "disabledBecause"),
    ):
        assert fields_of(await patch(face, endpoint_id, change)) == [field]


REFUSED = (
    "",
    "hooks",
    "http://hooks.example.com/licet",
    "ftp://hooks.example.com",
    "https://user:password@hooks.example.com",
    "https://127.0.0.1:8443/licet",
    "https://[::1]/licet",
    "https://localhost/licet",
    "https://10.0.0.1",
    "https://169.254.169.254/latest/meta-data",
    "https://hooks.example.com/" + "x" * 3000,
)


async def test_an_address_that_nothing_is_sent_to(face: Face) -> None:
    endpoint_id = await make_endpoint(face.context)
    before = await row_of(face, endpoint_id)
    for url in REFUSED:
        for answer in (
            await face.post(PATH, json={"url": url, "events": ["*"]}),
            await patch(face, endpoint_id, {"url": url, "description": "other"}),
        ):
            said = assert_error(answer, 422, "invalid_webhook_url")
            assert said["details"] == {"field": "url"}
    assert [dict(row) for row in await face.context.pool.fetch("SELECT * FROM webhook_endpoints")] == [before]


async def test_a_private_address_that_is_allowed(face: Face) -> None:
    settings = face.context.settings.model_copy(update={"webhooks_allow_private": ("127.0.0.1",)})
    face.app.state.context = replace(face.context, settings=settings)
    url = "http://127.0.0.1:8443/licet"
    made = await face.post(PATH, json={"url": url, "events": ["*"]})
    assert (made.status_code, made.json()["url"]) == (201, url)
    assert (await patch(face, made.json()["id"], {"url": url + "/2"})).json()["url"] == url + "/2"
    assert_error(await face.post(PATH, json={"url": "https://10.0.0.1", "events": ["*"]}), 422, "invalid_webhook_url")


async def test_fifty_are_enough_however_many_ask_at_once(face: Face) -> None:
    for _ in range(47):
        await make_endpoint(face.context)
    answers = await asyncio.gather(*(face.post(PATH, json={"url": URL, "events": ["*"]}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
    for answer in answers:
        if answer.status_code == 409:
            assert_error(answer, 409, "too_many_endpoints")
    assert (await face.get(PATH)).json()["meta"]["total"] == 50
    (last, *_) = (await face.get(PATH)).json()["data"]
    assert (await delete(face, last["id"])).status_code == 204
    assert (await face.post(PATH, json={"url": URL, "events": ["*"]})).status_code == 201


async def test_asked_again_under_the_same_key(face: Face) -> None:
    body = {"url": URL, "events": ["*"]}
    first = await post(face, PATH, "k", body)
    assert first.status_code == 201
    again = assert_error(await post(face, PATH, "k", body), 409, "idempotency_answer_not_kept")
    assert again["details"]["id"] == first.json()["id"]
    assert_error(await post(face, PATH, "k", {**body, "description": "x"}), 422, "idempotency_key_reused")
    for _ in range(2):
        assert_error(await post(face, PATH, "refused", {**body, "url": "x"}), 422, "invalid_webhook_url")
    assert (await face.get(PATH)).json()["meta"]["total"] == 1


async def test_the_list_is_paged_the_newest_first(face: Face) -> None:
    now = face.context.now()
    made = [await make_endpoint(face.context, created_at=now + timedelta(seconds=n)) for n in range(5)]
    newest = [str(one) for one in reversed(made)]
    pages = [(await face.get(f"{PATH}?limit=2&page={n}")).json() for n in (1, 2, 3, 4)]
    assert [[one["id"] for one in page["data"]] for page in pages] == [newest[:2], newest[2:4], newest[4:], []]
    assert pages[0]["meta"] == {"total": 5, "page": 1, "limit": 2, "totalPages": 3}


async def test_what_is_named_changes_and_nothing_else(face: Face) -> None:
    endpoint_id = await make_endpoint(face.context, events=["invoice.paid"])
    other = await make_endpoint(face.context)
    shown, other_row = (await face.get(f"{PATH}/{endpoint_id}")).json(), await row_of(face, other)
    for change in (
        {"url": "https://hooks.example.com/other"},
        {"events": ["*"]},
        {"description": "The shop"},
        {"description": None},
        {"url": URL, "events": ["license.issued"], "description": "All at once"},
        {"enabled": True},
    ):
        before = await row_of(face, endpoint_id)
        answer = await patch(face, endpoint_id, change)
        assert answer.status_code == 200, answer.text
        shown |= change
        assert answer.json() == {**shown, "secret": None}
        assert "cache-control" not in answer.headers
        assert (await face.get(f"{PATH}/{endpoint_id}")).json() == shown
        after = await row_of(face, endpoint_id)
        assert {name for name in before if before[name] != after[name]} <= set(change)
    assert await row_of(face, other) == other_row


async def test_a_rotated_secret(face: Face) -> None:
    context = face.context
    first = (await face.post(PATH, json={"url": URL, "events": ["*"]})).json()
    secrets = [first["secret"]]
    for _ in range(2):
        earliest = wall_now()
        answer = await patch(face, first["id"], {"rotateSecret": True})
        assert answer.headers["cache-control"] == "no-store"
        secrets.append(answer.json().pop("secret"))
        row = await row_of(face, first["id"])
        # The one before signs too for a day, and only that one.
        assert context.keyring.decrypt(row["secret_encrypted"]) == secrets[-1]
        assert context.keyring.decrypt(row["previous_secret_encrypted"]) == secrets[-2]
        assert earliest + timedelta(hours=24) <= row["previous_secret_until"] <= wall_now() + timedelta(hours=24)
    assert len(set(secrets)) == 3
    assert all(secret.startswith("whsec_") for secret in secrets)


async def test_what_is_disabled_is_told_nothing_until_it_is_enabled(face: Face) -> None:
    context = face.context
    endpoint_id = await make_endpoint(context)
    told = []
    for enabled in (False, False, True, True):
        shown = (await patch(face, endpoint_id, {"enabled": enabled})).json()
        assert (shown["enabled"], shown["disabledBecause"]) == (enabled, None if enabled else "operator")
        event = await publish_event(context)
        if enabled:
            told.append(event)
    assert {row[0] for row in await context.pool.fetch("SELECT event_id FROM deliveries")} == set(told)


async def test_disabled_twice_is_disabled_since_the_first_time(face: Face) -> None:
    endpoint_id = await make_endpoint(face.context)
    rows = []
    for _ in range(2):
        await patch(face, endpoint_id, {"enabled": False})
        rows.append(await row_of(face, endpoint_id))
    assert rows[0] == rows[1]


async def test_one_that_failed_is_enabled_as_one_that_never_did(face: Face) -> None:
    context = face.context
    for because in ("failing", "gone"):
        endpoint_id = await make_endpoint(context)
        fresh = await row_of(face, endpoint_id)
        since = context.now()
        await context.pool.execute(
            """
            UPDATE webhook_endpoints SET disabled_at = $2, disabled_because = $3, failing_since = $2, unreachable = 9,
                                         rests_until = $2 WHERE id = $1
            """,
            endpoint_id,
            since,
            because,
        )
        shown = (await face.get(f"{PATH}/{endpoint_id}")).json()
        assert (shown["enabled"], shown["disabledBecause"], shown["failingSince"]) == (False, because, rfc3339(since))
        await patch(face, endpoint_id, {"description": None})
        assert (await row_of(face, endpoint_id))["disabled_because"] == because
        await patch(face, endpoint_id, {"enabled": True})
        assert await row_of(face, endpoint_id) == fresh


async def test_that_the_old_address_failed_says_nothing_of_a_new_one(face: Face) -> None:
    endpoint_id = await make_endpoint(face.context)
    fresh = await row_of(face, endpoint_id)
    await face.context.pool.execute(f"UPDATE webhook_endpoints SET {TROUBLE}")
    troubled = await row_of(face, endpoint_id)
    await patch(face, endpoint_id, {"url": URL})
    assert await row_of(face, endpoint_id) == troubled
    await patch(face, endpoint_id, {"url": URL + "/2"})
    assert await row_of(face, endpoint_id) == {**fresh, "url": URL + "/2"}


async def test_what_is_asked_for_is_all_done_or_nothing_of_it(face: Face) -> None:
    endpoint_id = await make_endpoint(face.context)
    await face.context.pool.execute(
        "ALTER TABLE webhook_endpoints ADD CHECK (previous_secret_encrypted IS NULL OR description IS NULL)"
    )
    before = await row_of(face, endpoint_id)
    assert_error(await patch(face, endpoint_id, {"description": "x", "rotateSecret": True}), 500, "internal_error")
    assert await row_of(face, endpoint_id) == before


async def test_a_deleted_one_goes_with_its_deliveries_however_many(face: Face) -> None:
    context = face.context
    gone, stays = [await make_endpoint(context, events=["invoice.paid"]) for _ in range(2)]
    await publish_event(context, "invoice.paid")
    await context.pool.execute(
        """
        INSERT INTO deliveries (id, endpoint_id, event_id, created_at, due_at)
        SELECT gen_random_uuid(), $1, gen_random_uuid(), $2, $2 FROM generate_series(1, 10003)
        """,
        gone,
        context.now(),
    )
    answer = await delete(face, gone)
    assert (answer.status_code, answer.content) == (204, b"")
    assert_error(await face.get(f"{PATH}/{gone}"), 404, "not_found")
    assert_error(await delete(face, gone), 404, "not_found")
    assert [row[0] for row in await context.pool.fetch("SELECT id FROM webhook_endpoints")] == [stays]
    assert [row[0] for row in await context.pool.fetch("SELECT endpoint_id FROM deliveries")] == [stays]
    await publish_event(context, "invoice.paid")
    assert {row[0] for row in await context.pool.fetch("SELECT endpoint_id FROM deliveries")} == {stays}


async def test_deleted_by_two_at_once(face: Face) -> None:
    endpoint_id = await make_endpoint(face.context)
    for _ in range(20):
        await publish_event(face.context)
    answers = await asyncio.gather(*(delete(face, endpoint_id) for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {204, 404}
    assert 204 in {answer.status_code for answer in answers}
    assert await face.context.pool.fetchval("SELECT count(*) FROM deliveries") == 0


async def test_deleted_while_a_sale_tells_it_something(face: Face) -> None:
    context = face.context
    endpoint_id = await make_endpoint(context)
    async with context.pool.acquire() as conn, conn.transaction():
        await publish(conn, [OutgoingEvent("invoice.paid", "in_1", None, {"invoiceId": "in_1"})], context.now())
        # It waits for nobody: not the deletion for the sale, nor the sale for the deletion.
        assert (await delete(face, endpoint_id)).status_code == 204
        await publish(conn, [OutgoingEvent("invoice.paid", "in_2", None, {"invoiceId": "in_2"})], context.now())
    facts = [row[0] for row in await context.pool.fetch("SELECT fact FROM outgoing_events")]
    assert sorted(facts) == ["in_1", "in_2"]
    # What nobody is there for any more, nobody sees, and the job drops it when its turn comes.
    (orphan,) = await context.pool.fetch("SELECT endpoint_id, status FROM deliveries")
    assert tuple(orphan) == (endpoint_id, "pending")
    assert_error(await face.get(f"{PATH}/{endpoint_id}/deliveries"), 404, "not_found")


async def test_changed_while_it_is_deleted(face: Face) -> None:
    endpoint_id = await make_endpoint(face.context)
    answers = await asyncio.gather(
        delete(face, endpoint_id), *(patch(face, endpoint_id, {"enabled": True}) for _ in range(4))
    )
    assert answers[0].status_code == 204
    assert {answer.status_code for answer in answers[1:]} <= {200, 404}
    assert await face.context.pool.fetchval("SELECT count(*) FROM webhook_endpoints") == 0


def every_call(endpoint_id: object) -> list[tuple[str, str, dict[str, Any]]]:
    one = f"{PATH}/{endpoint_id}"
    return [
        ("POST", PATH, {"json": {"url": URL, "events": ["*"]}}),
        ("GET", PATH, {}),
        ("GET", one, {}),
        ("PATCH", one, {"json": {"enabled": False}}),
        ("DELETE", one, {}),
    ]


async def test_only_an_operator_may(face: Face) -> None:
    endpoint_id = await make_endpoint(face.context)
    before = await row_of(face, endpoint_id)
    key = await make_api_key(face.context, await make_account(face.context), "read", "write")
    for method, path, body in every_call(endpoint_id):
        assert_error(await face.call(method, path, key=key, **body), 403, "forbidden")
        assert_error(await face.call(method, path, **body), 401, "unauthorized")
    assert [dict(row) for row in await face.context.pool.fetch("SELECT * FROM webhook_endpoints")] == [before]


async def test_one_that_is_not_there(face: Face) -> None:
    for nothing in (new_id(), "x"):
        for method, path, body in every_call(nothing)[2:]:
            assert_error(await face.call(method, path, key=face.operator_key, **body), 404, "not_found")
