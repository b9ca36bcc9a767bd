"""Operators make and end API keys."""

from datetime import timedelta
from typing import Any

from tests.factories.accounts import make_account, make_api_key
from tests.support.face import Face, assert_error, fields_of

from licet.accounts.keys import hash_key
from licet.kit.ids import new_id
from licet.kit.times import rfc3339, wall_now

PATH = "/api/admin/api-keys"


async def test_a_key_of_an_account(face: Face) -> None:
    account = await make_account(face.context, external_id="acme")
    expires_at = rfc3339(wall_now() + timedelta(days=1))
    for named in (str(account), "acme"):
        answer = await face.post(
            PATH, json={"name": "CI", "scopes": ["write", "read"], "accountId": named, "expiresAt": expires_at}
        )
        assert answer.status_code == 201
        assert answer.headers["cache-control"] == "no-store"
        made = answer.json()
        key = made.pop("key")
        assert made == {
            "id": made["id"],
            "name": "CI",
            "scopes": ["read", "write"],
            "accountId": str(account),
            "createdAt": made["createdAt"],
            "expiresAt": expires_at,
            "lastUsedAt": None,
            "revokedAt": None,
        }
        assert (await face.get("/api/orders", key=key)).status_code == 200
        assert (await face.get(PATH)).json()["data"][0] == made
        assert await face.context.pool.fetchval("SELECT count(*) FROM api_keys WHERE key_hash = $1", hash_key(key)) == 1


async def test_an_operators_key(face: Face) -> None:
    answer = await face.post(PATH, json={"name": "ops", "scopes": ["admin"]})
    assert answer.status_code == 201
    assert answer.json()["accountId"] is None
    assert answer.json()["expiresAt"] is None
    assert (await face.get(PATH, key=answer.json()["key"])).status_code == 200


async def test_the_key_is_shown_once(face: Face) -> None:
    key = (await face.post(PATH, json={"name": "ops", "scopes": ["admin"]})).json()["key"]
    listed = await face.get(PATH)
    assert key not in listed.text
    assert '"key"' not in listed.text


MISFITS: list[tuple[dict[str, Any], list[str]]] = [
    ({"scopes": ["admin"], "accountId": "acme"}, ["accountId"]),
    ({"scopes": ["read", "admin"], "accountId": "acme"}, ["accountId"]),
    ({"scopes": ["read"]}, ["accountId"]),
    ({"scopes": []}, ["scopes"]),
    ({"scopes": "admin"}, ["scopes"]),
    ({"scopes": ["root"]}, ["scopes[0]"]),
    ({"scopes": [None]}, ["scopes[0]"]),
    ({"scopes": ["read"] * 4, "accountId": "acme"}, ["scopes"]),
    ({"scopes": ["admin"], "name": ""}, ["name"]),
    ({"scopes": ["admin"], "expiresAt": "2020-01-01T00:00:00Z"}, ["expiresAt"]),
    ({"scopes": ["admin"], "expiresAt": "2099-01-01T00:00:00"}, ["expiresAt"]),
    ({"scopes": ["admin"], "expiresAt": "2099-02-30T00:00:00Z"}, ["expiresAt"]),
    ({"scopes": ["admin"], "expiresAt": "2099-01-01"}, ["expiresAt"]),
    ({"scopes": ["admin"], "expiresAt": "tomorrow"}, ["expiresAt"]),
    ({"scopes": ["admin"], "expiresAt": 4102444800}, ["expiresAt"]),
    ({"scopes": ["admin"], "expiresAt": "9999-12-31T23:59:59-14:00"}, ["expiresAt"]),
    ({"scopes": ["admin"], "expiresAt": "0001-01-01T00:00:00+14:00"}, ["expiresAt"]),
    ({"scopes": ["admin"], "key": "lic_test_mine"}, ["key"]),
]


async def test_what_does_not_fit(face: Face) -> None:
    await make_account(face.context, external_id="acme")
    for fields, wrong in MISFITS:
        assert fields_of(await face.post(PATH, json={"name": "n", **fields})) == wrong


async def test_a_time_in_another_zone_is_the_same_time(face: Face) -> None:
    answer = await face.post(PATH, json={"name": "n", "scopes": ["admin"], "expiresAt": "2099-01-01t02:00:00.5+02:00"})
    assert answer.json()["expiresAt"] == "2099-01-01T00:00:00Z"


async def test_for_an_account_that_is_not_there(face: Face) -> None:
    for named in (str(new_id()), "nobody"):
        answer = await face.post(PATH, json={"name": "n", "scopes": ["read"], "accountId": named})
        assert_error(answer, 404, "not_found")


async def test_a_key_is_revoked(face: Face) -> None:
    account = await make_account(face.context)
    key = await make_api_key(face.context, account)
    (made,) = (await face.get(f"{PATH}?accountId={account}")).json()["data"]
    for _ in range(2):
        answer = await face.call("DELETE", f"{PATH}/{made['id']}", key=face.operator_key)
        assert (answer.status_code, answer.content) == (204, b"")
    assert_error(await face.get("/api/orders", key=key), 401, "unauthorized")
    (listed,) = (await face.get(f"{PATH}?accountId={account}")).json()["data"]
    assert listed["revokedAt"] is not None
    for key_id in (str(new_id()), "x"):
        assert_error(await face.call("DELETE", f"{PATH}/{key_id}", key=face.operator_key), 404, "not_found")
