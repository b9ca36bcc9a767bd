"""Operators see the mails that were sent or kept."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.factories.accounts import make_account
from tests.factories.catalog import make_product
from tests.factories.licenses import make_license
from tests.factories.orders import make_order
from tests.support.face import Face, assert_error

from licet.kit.ids import new_id
from licet.mail.store import queue_email

PATH = "/api/admin/emails"


async def queue(face: Face, account_id: UUID, *, template: str, to: str, about: Any = None, age: int = 0) -> None:
    async with face.context.pool.acquire() as conn, conn.transaction():
        await queue_email(
            conn,
            template=template,
            fact=f"{template} {to}",
            to=to,
            account_id=account_id,
            subject="Your licenses",
            about=about or {},
            now=face.context.now() - timedelta(hours=age),
        )


async def test_a_mail_with_what_it_says_and_no_key_kept_in_it(face: Face) -> None:
    account = await make_account(face.context)
    product = await make_product(face.context, interval=None)
    order = await make_order(face.context, account, [product])
    made = await make_license(face.context, order, product)
    await queue(face, account, template="welcome", to="buyer@example.com", about={"orderId": str(order.id)})

    (listed,) = (await face.get(PATH)).json()["data"]
    assert listed == {
        "id": listed["id"],
        "to": "buyer@example.com",
        "template": "welcome",
        "subject": "Your licenses",
        "status": "queued",
        "accountId": str(account),
        "createdAt": listed["createdAt"],
        "sentAt": None,
        "error": None,
    }
    answer = await face.get(f"{PATH}/{listed['id']}")
    mail = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert {name: mail[name] for name in listed} == listed
    assert made.key in mail["text"]
    assert made.key in mail["html"]
    assert mail["html"].lstrip().startswith("<")
    row = await face.context.pool.fetchrow("SELECT * FROM emails")
    assert row is not None
    assert made.key not in str(dict(row))


async def test_the_newest_first_and_filters(face: Face) -> None:
    one, two = await make_account(face.context, external_id="one"), await make_account(face.context)
    await queue(face, one, template="welcome", to="a@example.com", age=3)
    await queue(face, two, template="receipt", to="b@example.com", age=1)
    await queue(face, one, template="receipt", to="a@example.com", age=2)

    async def found(query: str) -> list[tuple[str, str]]:
        return [(one["template"], one["to"]) for one in (await face.get(f"{PATH}?{query}")).json()["data"]]

    assert await found("") == [
        ("receipt", "b@example.com"),
        ("receipt", "a@example.com"),
        ("welcome", "a@example.com"),
    ]
    assert await found("template=welcome") == [("welcome", "a@example.com")]
    assert await found("to=b@example.com") == [("receipt", "b@example.com")]
    assert await found("accountId=one&template=receipt") == [("receipt", "a@example.com")]


async def test_what_is_not_there(face: Face) -> None:
    for email_id in (str(new_id()), "x"):
        assert_error(await face.get(f"{PATH}/{email_id}"), 404, "not_found")
