"""read < write < admin, each holding those before it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories.accounts import make_account, make_api_key
from tests.support.client import open_client
from tests.support.face import assert_error
from tests.support.serving import serve

from licet.accounts.auth import Operator, Reader, Writer
from licet.accounts.core import SCOPES, Caller, Scope, sort_scopes
from licet.app import create_app
from licet.http.context import Context
from licet.kit.ids import new_id


@pytest.mark.parametrize(("scopes", "opens"), [(["read"], 1), (["write"], 2), (["read", "write"], 2), (["admin"], 3)])
async def test_each_holds_those_before_it(context: Context, scopes: list[Scope], opens: int) -> None:
    app = create_app(context)

    @app.get("/1")
    async def reading(_: Reader) -> str:
        return "1"

    @app.get("/2")
    async def writing(_: Writer) -> str:
        return "2"

    @app.get("/3")
    async def operating(_: Operator) -> str:
        return "3"

    account = None if "admin" in scopes else await make_account(context)
    key = await make_api_key(context, account, *scopes)
    async with serve(app) as url, open_client(base_url=url, headers={"X-API-Key": key}) as client:
        for level in (1, 2, 3):
            answer = await client.get(f"/{level}")
            if level <= opens:
                assert answer.status_code == 200
            else:
                body = assert_error(answer, 403, "forbidden")
                assert SCOPES[level - 1] in body["message"]


@given(st.lists(st.sampled_from(SCOPES), min_size=1))
def test_the_largest_decides(scopes: list[Scope]) -> None:
    caller = Caller(new_id(), None, frozenset(scopes))
    largest = max(SCOPES.index(scope) for scope in scopes)
    assert [caller.may(scope) for scope in SCOPES] == [n <= largest for n in range(3)]
    assert sort_scopes(scopes) == sorted(set(scopes), key=SCOPES.index)
