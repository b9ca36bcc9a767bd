"""Portal configurations and sessions, through the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

if TYPE_CHECKING:
    from tests.sandbox.play import Play

RETURN = "http://127.0.0.1:9/account"
CANCEL = {"subscription_cancel": {"enabled": True}}


async def configure(play: Play, **features: Any) -> Any:
    return await play.api.billing_portal.configurations.create_async({"features": features or CANCEL})


async def refused(call: Any) -> Any:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await call
    return refusal.value


async def test_a_configuration_has_stripes_defaults_and_can_be_changed(play: Play) -> None:
    made = await configure(play)
    assert (made.active, made.is_default, made.login_page.enabled) == (True, False, False)
    assert (made.features.subscription_cancel.enabled, made.features.subscription_cancel.mode) == (
        True,
        "at_period_end",
    )
    assert not made.features.subscription_update.enabled
    given = {"features": {"invoice_history": {"enabled": True}}, "metadata": {"by": "us"}, "active": False}
    changed = await play.api.billing_portal.configurations.update_async(made.id, given)
    assert changed.features.invoice_history.enabled
    assert changed.features.subscription_cancel.enabled  # What was not named stays.
    assert changed.metadata.to_dict() == {"by": "us"}
    listed = await play.api.billing_portal.configurations.list_async({"active": False})
    assert [one.id for one in listed.data] == [made.id]
    assert (await play.api.billing_portal.configurations.retrieve_async(made.id)).id == made.id


async def test_plans_of_a_configuration_are_recurring_prices_of_their_product(play: Play) -> None:
    monthly, yearly = await play.price(900), None
    yearly = await play.api.prices.create_async(
        {"product": monthly.product, "currency": "usd", "unit_amount": 9000, "recurring": {"interval": "year"}}
    )
    once = await play.price(500, None)

    def asked(*prices: str, product: str = monthly.product) -> dict[str, Any]:
        allowed = {"enabled": True, "default_allowed_updates": ["price"]}
        return {"subscription_update": {**allowed, "products": [{"product": product, "prices": list(prices)}]}}

    made = await configure(play, **asked(monthly.id, yearly.id))
    (product,) = made.features.subscription_update.products
    assert list(product.prices) == [monthly.id, yearly.id]
    param = "features[subscription_update][products][0][prices]"
    assert (await refused(configure(play, **asked(once.id)))).param == param
    assert (await refused(configure(play, **asked("price_nothing")))).code == "resource_missing"
    assert (await refused(configure(play, **asked(monthly.id, monthly.id)))).param == param
    missing = await refused(configure(play, subscription_update={"enabled": True, "products": []}))
    assert missing.code == "parameter_missing"


@pytest.mark.parametrize(
    ("features", "param"),
    [
        ({"customer_update": {"enabled": True}}, "features[customer_update][allowed_updates]"),
        (
            {"customer_update": {"enabled": True, "allowed_updates": ["name", "tax_id"]}},
            "features[customer_update][allowed_updates]",
        ),
        (
            {"subscription_cancel": {"enabled": True, "proration_behavior": "always_invoice"}},
            "features[subscription_cancel][proration_behavior]",
        ),
        (
            {"subscription_cancel": {"enabled": True, "proration_behavior": "create_prorations"}},
            "features[subscription_cancel][proration_behavior]",
        ),
        ({"subscription_cancel": {"enabled": True, "mode": "later"}}, "features[subscription_cancel][mode]"),
        ({"nothing": {"enabled": True}}, "features[nothing]"),
    ],
)
async def test_a_configuration_that_makes_no_sense_is_refused(play: Play, features: dict[str, Any], param: str) -> None:
    assert (await refused(configure(play, **features))).param == param


async def test_a_session_needs_saved_settings_or_a_configuration(play: Play) -> None:
    customer = await play.api.customers.create_async({"email": "ada@example.com"})
    given = {"customer": customer.id, "return_url": RETURN}
    nothing = await refused(play.api.billing_portal.sessions.create_async(given))
    assert "default configuration has not been created" in str(nothing)
    saved = await play.http.post("/_sandbox/portal", json={})
    assert saved.status_code == 200, saved.text
    session = await play.api.billing_portal.sessions.create_async(given)
    assert session.configuration == saved.json()["configuration"]
    assert session.url.startswith(f"{play.url}/p/session/")
    assert (session.customer, session.return_url, session.flow) == (customer.id, RETURN, None)
    # Saved again it is the same configuration, with what is on sale by now.
    await play.price()
    again = (await play.http.post("/_sandbox/portal", json={})).json()
    assert again["configuration"] == session.configuration
    configuration = await play.api.billing_portal.configurations.retrieve_async(session.configuration)
    assert len(configuration.features.subscription_update.products) == 1


async def test_a_session_by_a_configuration_that_is_off_or_a_customer_that_is_not_there(play: Play) -> None:
    made = await configure(play)
    customer = await play.api.customers.create_async({})
    await play.api.billing_portal.configurations.update_async(made.id, {"active": False})
    off = await refused(
        play.api.billing_portal.sessions.create_async({"customer": customer.id, "configuration": made.id})
    )
    assert off.param == "configuration"
    nobody = await refused(play.api.billing_portal.sessions.create_async({"customer": "cus_nobody"}))
    assert (nobody.code, nobody.param, nobody.http_status) == ("resource_missing", "customer", 400)


async def test_flows_are_checked_against_customer_and_configuration(play: Play) -> None:
    made = await configure(play)
    subscription = await play.subscribe()
    stranger = await play.api.customers.create_async({})

    def asked(customer: str, kind: str, **more: Any) -> Any:
        flow = {"type": kind, **more}
        given = {"customer": customer, "configuration": made.id, "flow_data": flow}
        return play.api.billing_portal.sessions.create_async(given)

    named = {"subscription_cancel": {"subscription": subscription.id}}
    session = await asked(
        subscription.customer,
        "subscription_cancel",
        after_completion={"type": "redirect", "redirect": {"return_url": RETURN}},
        **named,
    )
    assert session.flow.subscription_cancel.subscription == subscription.id
    assert session.flow.after_completion.redirect.return_url == RETURN
    assert "belong" in str(await refused(asked(stranger.id, "subscription_cancel", **named)))
    off = await refused(asked(subscription.customer, "payment_method_update"))
    assert off.param == "flow_data[type]"
    assert (await refused(asked(subscription.customer, "subscription_cancel"))).code == "parameter_missing"
    await play.api.subscriptions.cancel_async(subscription.id)
    assert "ended" in str(await refused(asked(subscription.customer, "subscription_cancel", **named)))
