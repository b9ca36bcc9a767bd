"""For whom a request acts, and whose things it sees."""

import httpx
from tests.factories.accounts import make_account, make_api_key
from tests.support.client import open_client
from tests.support.face import assert_error
from tests.support.serving import serve

from licet.accounts.auth import ActingAccount, SeenAccount, Writer
from licet.app import create_app
from licet.http.context import Context
from licet.kit.ids import new_id


async def test_who_is_meant(context: Context) -> None:
    app = create_app(context)

    @app.get("/seen")
    async def seen(_: Writer, account_id: SeenAccount) -> str | None:
        return str(account_id) if account_id else None

    @app.post("/acting")
    async def acting(_: Writer, account_id: ActingAccount) -> str:
        return str(account_id)

    mine = await make_account(context, external_id="mine & co")
    # Its external id reads as another's own id, which wins.
    other = await make_account(context, external_id=str(mine))
    key, operator = await make_api_key(context, mine), await make_api_key(context, None)

    async with serve(app) as url, open_client(base_url=url) as client:

        async def ask(method: str, path: str, who: str, named: str | None = None) -> httpx.Response:
            params = {} if named is None else {"accountId": named}
            return await client.request(method, path, headers={"X-API-Key": who}, params=params)

        for method, path in (("GET", "/seen"), ("POST", "/acting")):
            for named in (None, str(mine), "mine & co"):
                assert (await ask(method, path, key, named)).json() == str(mine)
            for named in (str(other), "nobody", str(new_id()), "mine"):
                assert_error(await ask(method, path, key, named), 404, "not_found")
            assert (await ask(method, path, operator, str(mine))).json() == str(mine)
            assert (await ask(method, path, operator, "mine & co")).json() == str(mine)
            assert (await ask(method, path, operator, str(other))).json() == str(other)
            assert_error(await ask(method, path, operator, "nobody"), 404, "not_found")
            assert_error(await ask(method, path, operator, ""), 422, "validation_failed")
            assert_error(await ask(method, path, operator, "x" * 256), 422, "validation_failed")
            assert_error(await ask(method, path, operator, "a\0b"), 422, "validation_failed")
        assert (await ask("GET", "/seen", operator)).json() is None
        assert_error(await ask("POST", "/acting", operator), 422, "account_required")
