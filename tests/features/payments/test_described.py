"""What `/openapi.json` shows of the Payments API's refusals is what they look like."""

from typing import Any

from tests.support.organization import Organization, make_organization
from tests.support.shop import Shop

URL = "http://shop.example/"
"""Not https."""


def examples(document: dict[str, Any], verb: str) -> dict[str, Any]:
    """Each failure that is shown for a call, by its code."""
    answers = document["paths"][f"/payment/{verb}"]["post"]["responses"]
    return {
        code: one["value"]
        for status, answer in answers.items()
        if int(status) >= 400
        for code, one in answer["content"]["application/json"]["examples"].items()
    }


async def test_each_refusal_has_the_details_that_are_shown(shop: Shop) -> None:
    acme, fresh = await make_organization(shop), await make_organization(shop, "fresh")
    await acme.subscribe("Starter")
    growth = await acme.plan("Growth")
    in_euros = await price_in_euros(shop, growth)
    document = (await shop.client.get(f"{shop.url}/openapi.json")).json()
    cases: list[tuple[Organization, str, dict[str, str], str]] = [
        (acme, "subscription-checkout", growth, "subscription_exists"),
        (fresh, "subscription-checkout", {**growth, "successUrl": URL}, "invalid_redirect_url"),
        (fresh, "customer-portal", {"returnUrl": URL}, "invalid_redirect_url"),
        *(
            (whose, verb, body, code)
            for whose, verb in (
                (fresh, "subscription-checkout"),
                (acme, "subscription-update"),
                (acme, "subscription-preview"),
            )
            for body, code in (
                ({**growth, "productId": "prod_nobody"}, "invalid_product"),
                ({**growth, "priceId": "price_nobody"}, "invalid_price"),
            )
        ),
        (acme, "subscription-update", {**growth, "priceId": in_euros}, "mixed_currencies"),
        (acme, "subscription-preview", {**growth, "priceId": in_euros}, "mixed_currencies"),
    ]
    for whose, verb, body, code in cases:
        refused = (await whose.ask(verb, **body)).json()
        shown = examples(document, verb)[code]
        assert (refused["code"], refused["statusCode"]) == (code, shown["statusCode"]), refused
        assert set(refused["details"]) == set(shown["details"]), (verb, code)


async def test_looking_charges_nothing(shop: Shop) -> None:
    document = (await shop.client.get(f"{shop.url}/openapi.json")).json()
    assert "card_declined" in examples(document, "subscription-update")
    assert "card_declined" not in examples(document, "subscription-preview")
    acme = await make_organization(shop)
    await acme.subscribe("Starter")
    customer = (await acme.info())["customerId"]
    await shop.stripe(f"customers/{customer}/card", {"card": "4000000000000341"})
    shown = await acme.done("subscription-preview", **await acme.plan("Growth"))
    assert shown["prorationAmount"] > 0
    assert len(await acme.invoices()) == 1


async def price_in_euros(shop: Shop, plan: dict[str, str]) -> str:
    """Another price of the plan, as a catalogue file with two currencies would have it."""
    price = {
        "product": plan["productId"],
        "unit_amount": 8900,
        "currency": "eur",
        "recurring": {"interval": "month"},
        "lookup_key": "euros",
    }
    made = await shop.context.stripe.create("price", price)
    await shop.settle()
    await shop.context.pool.execute("UPDATE prices SET position = 9 WHERE stripe_price_id = $1", made["id"])
    price_id: str = made["id"]
    return price_id
