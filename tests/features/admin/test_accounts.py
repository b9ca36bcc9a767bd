"""Operators make and see accounts."""

import asyncio
from typing import Any

from tests.factories.accounts import make_account, make_api_key
from tests.support.face import Face, assert_error, fields_of

from licet.kit.ids import new_id

PATH = "/api/admin/accounts"


def account(**fields: Any) -> dict[str, Any]:
    return {"kind": "organization", "name": "Acme", "email": "billing@acme.test", **fields}


async def change(face: Face, account_id: str, **fields: Any) -> Any:
    return await face.call("PATCH", f"{PATH}/{account_id}", key=face.operator_key, json=fields)


async def test_an_account_is_made_shown_and_changed(face: Face) -> None:
    answer = await face.post(PATH, json=account(externalId="acme-1"))
    assert answer.status_code == 201
    made = answer.json()
    assert list(made) == ["id", "kind", "name", "email", "externalId", "customerId", "createdAt"]
    assert made["createdAt"].endswith("Z")
    assert made["customerId"] is None
    assert (await face.get(f"{PATH}/{made['id']}")).json() == made

    changed = (await change(face, made["id"], name="Acme Inc.", externalId=None)).json()
    assert changed == {**made, "name": "Acme Inc.", "externalId": None}
    assert (await change(face, made["id"])).json() == changed
    changed = (await change(face, made["id"], kind="user", email="New@Acme.Test", externalId="Ümläut/ 1")).json()
    assert (changed["kind"], changed["email"], changed["externalId"]) == ("user", "New@acme.test", "Ümläut/ 1")
    assert (await face.get(f"{PATH}/{made['id']}")).json() == changed


async def test_an_external_id_is_one_accounts_alone(face: Face) -> None:
    answers = await asyncio.gather(*(face.post(PATH, json=account(externalId="one")) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    other = (await face.post(PATH, json=account(externalId="two"))).json()
    assert_error(await change(face, other["id"], externalId="one"), 409, "external_id_taken")
    assert (await change(face, other["id"], externalId="two")).status_code == 200


MISFITS: list[tuple[dict[str, Any], list[str]]] = [
    ({"kind": "team"}, ["kind"]),
    ({"kind": None}, ["kind"]),
    ({"name": ""}, ["name"]),
    ({"name": "  "}, ["name"]),
    ({"name": "x" * 201}, ["name"]),
    ({"name": 5}, ["name"]),
    ({"email": "nobody"}, ["email"]),
    ({"email": "a@b@c"}, ["email"]),
    ({"email": "a@example.com\r\nBcc: b@example.com"}, ["email"]),
    ({"email": f"{'x' * 300}@example.com"}, ["email"]),
    ({"email": None}, ["email"]),
    ({"externalId": ""}, ["externalId"]),
    ({"externalId": "x" * 256}, ["externalId"]),
    ({"externalId": 7}, ["externalId"]),
    ({"external_id": "x"}, ["external_id"]),
    ({"id": "x"}, ["id"]),
]


async def test_what_does_not_fit(face: Face) -> None:
    for fields, wrong in MISFITS:
        assert fields_of(await face.post(PATH, json=account(**fields))) == wrong
        there = await make_account(face.context)
        assert fields_of(await change(face, str(there), **fields)) == wrong


async def test_what_is_missing(face: Face) -> None:
    assert fields_of(await face.post(PATH, json={})) == ["kind", "name", "email"]


async def test_who_is_not_there(face: Face) -> None:
    for account_id in (str(new_id()), "x", "acme", "1", "00000000000000000000000000000000", "%2e%2e"):
        assert_error(await face.get(f"{PATH}/{account_id}"), 404, "not_found")
        assert_error(await change(face, account_id, name="A"), 404, "not_found")


async def test_filters(face: Face) -> None:
    await face.post(PATH, json=account(email="a@acme.test", externalId="a"))
    await face.post(PATH, json=account(kind="user", email="b@acme.test", externalId="b"))

    async def found(query: str) -> list[str]:
        return [one["externalId"] for one in (await face.get(f"{PATH}?{query}")).json()["data"]]

    assert await found("") == ["b", "a"]
    assert await found("kind=user") == ["b"]
    assert await found("email=a@acme.test") == ["a"]
    assert await found("externalId=b&kind=user") == ["b"]
    assert await found("externalId=b&kind=organization") == []
    assert fields_of(await face.get(f"{PATH}?kind=team")) == ["kind"]


async def test_for_operators_alone(face: Face) -> None:
    key = await make_api_key(face.context, await make_account(face.context), "read", "write")
    for path in ("accounts", "api-keys", "events", "emails"):
        assert_error(await face.get(f"/api/admin/{path}", key=key), 403, "forbidden")
        assert_error(await face.get(f"/api/admin/{path}/{new_id()}", key=key), 405 if path == "api-keys" else 403,
                     "method_not_allowed" if path == "api-keys" else "forbidden")  # fmt: skip
    for path in (PATH, "/api/admin/api-keys", "/api/admin/events/evt_1/replay"):
        assert_error(await face.post(path, key=key, json={}), 403, "forbidden")
    assert_error(await face.call("DELETE", f"/api/admin/api-keys/{new_id()}", key=key), 403, "forbidden")
