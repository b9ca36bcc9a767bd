"""The same key and the same request: one thing made, and its first answer again; anything else is told apart."""

from datetime import timedelta
from typing import Any

import pytest
from tests.factories.accounts import make_account, make_api_key
from tests.support.face import Face, assert_error, fields_of
from tests.support.keyed import ACCOUNTS, API_KEYS, account, assert_replayed, count, post

from licet.idempotency import once
from licet.kit.times import wall_now


async def test_the_first_answer_is_given_again(face: Face) -> None:
    first = await post(face, ACCOUNTS, "k", account(name="Ümläut\u2028 & Söhne"))
    assert first.status_code == 201
    for _ in range(2):
        assert_replayed(await post(face, ACCOUNTS, "k", account(name="Ümläut\u2028 & Söhne")), first)
    assert await count(face.context.pool, "accounts") == 1


async def test_it_stays_as_it_was_whatever_came_of_it(face: Face) -> None:
    first = await post(face, ACCOUNTS, "k", account())
    path = f"{ACCOUNTS}/{first.json()['id']}"
    await face.call("PATCH", path, key=face.operator_key, json={"name": "Other"})
    assert_replayed(await post(face, ACCOUNTS, "k", account()), first)
    assert (await face.get(path)).json()["name"] == "Other"


async def test_without_a_key_nothing_is_kept(face: Face) -> None:
    answers = [await face.post(ACCOUNTS, json=account()) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]
    assert await count(face.context.pool, "idempotency_keys") == 0


async def test_the_same_json_written_otherwise_is_the_same(face: Face) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    bodies = (
        '{"kind":"user","name":"Ada","email":"ada@example.com"}',
        '{ "email": "ada@example.com",\n "name": "\\u0041da", "kind": "user" }',
    )
    first, again = [await face.post(ACCOUNTS, content=body, headers=headers) for body in bodies]
    assert_replayed(again, first)


async def test_another_body_is_refused(face: Face) -> None:
    await post(face, ACCOUNTS, "k", account())
    for body in (account(name="Other"), account(externalId="x")):
        assert_error(await post(face, ACCOUNTS, "k", body), 422, "idempotency_key_reused")
    assert await count(face.context.pool, "accounts") == 1


async def test_another_query_is_refused(face: Face) -> None:
    owner = await make_account(face.context, external_id="acme")
    cart = {"items": [], "successUrl": "https://shop.example/ok", "cancelUrl": "https://shop.example/no"}
    first = await post(face, f"/api/billing/checkout?accountId={owner}", "k", cart)
    assert_error(first, 422, "empty_cart")
    assert_replayed(await post(face, f"/api/billing/checkout?accountId={owner}", "k", cart), first)
    # The same account by its other name is another query.
    again = await post(face, "/api/billing/checkout?accountId=acme", "k", cart)
    assert_error(again, 422, "idempotency_key_reused")


async def test_a_refusal_is_given_again(face: Face) -> None:
    taken = await face.post(ACCOUNTS, json=account(externalId="acme"))
    first = await post(face, ACCOUNTS, "k", account(externalId="acme"))
    assert_error(first, 409, "external_id_taken")
    await face.call("PATCH", f"{ACCOUNTS}/{taken.json()['id']}", key=face.operator_key, json={"externalId": None})
    assert_replayed(await post(face, ACCOUNTS, "k", account(externalId="acme")), first)
    assert (await post(face, ACCOUNTS, "k2", account(externalId="acme"))).status_code == 201


async def test_what_does_not_even_fit_leaves_the_key_free(face: Face) -> None:
    assert fields_of(await post(face, ACCOUNTS, "k", account(kind="team"))) == ["kind"]
    assert_error(await face.post(ACCOUNTS, content="{", headers=MALFORMED), 400, "malformed_json")
    assert_error(await post(face, ACCOUNTS, "k", account(), key="lic_test_" + "x" * 40), 401, "unauthorized")
    reader = await make_api_key(face.context, await make_account(face.context), "read")
    assert_error(await post(face, ACCOUNTS, "k", account(), key=reader), 403, "forbidden")
    assert await count(face.context.pool, "idempotency_keys") == 0
    first = await post(face, ACCOUNTS, "k", account())
    assert (first.status_code, first.headers.get("idempotent-replayed")) == (201, None)


MALFORMED = {"Idempotency-Key": "k", "Content-Type": "application/json"}


@pytest.mark.parametrize("key", ["", "x" * 256], ids=["empty", "256 characters"])
async def test_keys_that_are_none(face: Face, key: str) -> None:
    assert fields_of(await post(face, ACCOUNTS, key, account())) == ["Idempotency-Key"]
    assert await count(face.context.pool, "accounts") == 0


async def test_two_keys_are_refused(face: Face) -> None:
    headers = [("Authorization", f"Bearer {face.operator_key}"), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = await face.client.post(ACCOUNTS, json=account(), headers=headers)
    assert fields_of(answer) == ["Idempotency-Key"]


async def test_the_longest_key_and_odd_ones(face: Face) -> None:
    for key in ("x" * 255, "0", "null", 'a"b\\', "b'; DROP TABLE accounts; --", "sch\xf6n".encode("latin-1")):
        first = await face.post(ACCOUNTS, json=account(), headers={"Idempotency-Key": key})
        again = await face.post(ACCOUNTS, json=account(), headers={"Idempotency-Key": key})
        assert first.status_code == 201
        assert_replayed(again, first)
    assert await count(face.context.pool, "accounts") == 6


async def test_a_key_is_of_its_caller_and_its_path(face: Face) -> None:
    other = await make_api_key(face.context, None)
    first = await post(face, ACCOUNTS, "k", account())
    second = await post(face, ACCOUNTS, "k", account(), key=other)
    assert second.status_code == 201
    assert second.json()["id"] != first.json()["id"]
    assert (await post(face, API_KEYS, "k", {"name": "ops", "scopes": ["admin"]})).status_code == 201
    assert_replayed(await post(face, ACCOUNTS, "k", account(), key=other), second)


async def test_after_a_day_a_key_is_new(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await post(face, ACCOUNTS, "k", account())
    began = wall_now()
    monkeypatch.setattr(once, "wall_now", lambda: began + timedelta(hours=23, minutes=59))
    assert_replayed(await post(face, ACCOUNTS, "k", account()), first)
    monkeypatch.setattr(once, "wall_now", lambda: began + timedelta(hours=24, seconds=1))
    second = await post(face, ACCOUNTS, "k", account(name="Another"))
    assert second.status_code == 201
    assert second.json()["id"] != first.json()["id"]
    assert_replayed(await post(face, ACCOUNTS, "k", account(name="Another")), second)
    assert await count(face.context.pool, "idempotency_keys") == 1


async def test_an_api_key_is_not_made_twice_nor_shown_twice(face: Face) -> None:
    body: dict[str, Any] = {"name": "ops", "scopes": ["admin"]}
    first = await post(face, API_KEYS, "k", body)
    assert (first.status_code, first.headers["cache-control"]) == (201, "no-store")
    before = await count(face.context.pool, "api_keys")
    for _ in range(2):
        again = await post(face, API_KEYS, "k", body)
        details = assert_error(again, 409, "idempotency_answer_not_kept")["details"]
        assert details == {"id": first.json()["id"]}
        assert first.json()["key"] not in again.text
    assert_error(await post(face, API_KEYS, "k", {**body, "name": "x"}), 422, "idempotency_key_reused")
    assert await count(face.context.pool, "api_keys") == before
    assert (await face.call("DELETE", f"{API_KEYS}/{first.json()['id']}", key=face.operator_key)).status_code == 204


async def test_a_refused_api_key_is_refused_again(face: Face) -> None:
    body = {"name": "n", "scopes": ["read"], "accountId": "nobody"}
    first = await post(face, API_KEYS, "k", body)
    assert_error(first, 404, "not_found")
    await make_account(face.context, external_id="nobody")
    assert_replayed(await post(face, API_KEYS, "k", body), first)
