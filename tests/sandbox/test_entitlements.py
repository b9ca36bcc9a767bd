"""Features of products, and who is entitled to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe
from tests.sandbox.play import DAY

if TYPE_CHECKING:
    from tests.sandbox.play import Play

SUMMARY = "entitlements.active_entitlement_summary.updated"


async def feature(play: Play, key: str) -> Any:
    return await play.api.entitlements.features.create_async({"lookup_key": key, "name": key.title()})


async def attach(play: Play, product: str, feature_: Any) -> Any:
    return await play.api.products.features.create_async(product, {"entitlement_feature": feature_.id})


async def held(play: Play, customer: str) -> list[str]:
    found = await play.api.entitlements.active_entitlements.list_async({"customer": customer})
    return sorted(one.lookup_key for one in found.data)


async def test_a_subscription_grants_what_its_product_has(play: Play) -> None:
    exports, seats = await feature(play, "exports"), await feature(play, "seats")
    small, large = await play.price(1000), await play.price(3000)
    await attach(play, small.product, exports)
    attached = await attach(play, large.product, seats)
    subscription = await play.subscribe(price=small)
    customer = subscription.customer
    assert await held(play, customer) == ["exports"]
    item = subscription["items"].data[0].id
    change = {"items": [{"id": item, "price": large.id}], "proration_behavior": "none"}
    await play.api.subscriptions.update_async(subscription.id, change)
    assert await held(play, customer) == ["seats"]
    # What comes to the product comes to those who have it, and goes with it.
    both = await attach(play, large.product, exports)
    assert await held(play, customer) == ["exports", "seats"]
    await play.api.products.features.delete_async(large.product, both.id)
    assert await held(play, customer) == ["seats"]
    listed = await play.api.products.features.list_async(large.product)
    assert [one.id for one in listed.data] == [attached.id]
    assert (await play.api.products.features.retrieve_async(large.product, attached.id)).id == attached.id
    await play.api.subscriptions.cancel_async(subscription.id)
    assert await held(play, customer) == []
    told = [event for event in await play.events() if event.type == SUMMARY]
    assert [sorted(one.lookup_key for one in event.data.object.entitlements.data) for event in told] == [
        ["exports"],
        ["seats"],
        ["exports", "seats"],
        ["seats"],
        [],
    ]


async def test_a_failed_renewal_keeps_them_until_the_end(play: Play) -> None:
    price = await play.price(1000)
    await attach(play, price.product, await feature(play, "exports"))
    subscription = await play.subscribe(price=price)
    await play.change_card(subscription.customer, "4000000000000341")
    await play.advance(32 * DAY)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "past_due"
    assert await held(play, subscription.customer) == ["exports"]
    await play.advance(20 * DAY)
    assert await held(play, subscription.customer) == []


async def test_features_are_changed_archived_and_refused(play: Play) -> None:
    made = await feature(play, "exports")
    features = play.api.entitlements.features
    with pytest.raises(stripe.InvalidRequestError):
        await feature(play, "exports")
    assert (await features.update_async(made.id, {"name": "Exports!", "metadata": {"a": "b"}})).name == "Exports!"
    price = await play.price()
    await attach(play, price.product, made)
    with pytest.raises(stripe.InvalidRequestError) as twice:
        await attach(play, price.product, made)
    assert twice.value.param == "entitlement_feature"
    await features.update_async(made.id, {"active": False})
    assert (await features.list_async()).data == []
    assert [one.id for one in (await features.list_async({"archived": True})).data] == [made.id]
    with pytest.raises(stripe.InvalidRequestError):
        await features.update_async(made.id, {"active": True})
    with pytest.raises(stripe.InvalidRequestError) as other:
        await play.api.products.features.retrieve_async((await play.price()).product, "prodft_nothing")
    assert other.value.http_status == 404


async def test_a_trial_grants_and_a_pause_takes_nothing(play: Play) -> None:
    price = await play.price(1000)
    await attach(play, price.product, await feature(play, "exports"))
    customer = await play.api.customers.create_async({})
    settings = {"end_behavior": {"missing_payment_method": "pause"}}
    given = {"items": [{"price": price.id}], "trial_period_days": 7, "trial_settings": settings}
    subscription = await play.api.subscriptions.create_async({"customer": customer.id, **given})
    assert await held(play, customer.id) == ["exports"]
    await play.advance(8 * DAY)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "paused"
    assert await held(play, customer.id) == ["exports"]
    await play.api.customers.delete_async(customer.id)
    assert [event.data.object.entitlements.data for event in await play.events() if event.type == SUMMARY][-1] == []


async def test_the_event_shows_the_first_page(play: Play) -> None:
    price = await play.price(1000)
    for at in range(12):
        await attach(play, price.product, await feature(play, f"feature-{at:02}"))
    subscription = await play.subscribe(price=price)
    [told] = [event.data.object for event in await play.events() if event.type == SUMMARY]
    assert (len(told.entitlements.data), told.entitlements.has_more) == (10, True)
    pages = play.api.entitlements.active_entitlements
    listed = await pages.list_async({"customer": subscription.customer, "limit": 5, "expand": ["data.feature"]})
    everything = [one async for one in listed.auto_paging_iter()]
    assert len({one.id for one in everything}) == 12
    assert {one.feature.lookup_key for one in everything} == {one.lookup_key for one in everything}
    assert (await pages.retrieve_async(everything[0].id)).lookup_key == everything[0].lookup_key
    for refused in ({}, {"customer": "cus_nobody"}):
        with pytest.raises(stripe.InvalidRequestError) as wrong:
            await pages.list_async(refused)
        assert (wrong.value.http_status, wrong.value.param) == (400, "customer")


async def test_nothing_is_told_where_nothing_changes(play: Play) -> None:
    price = await play.price(1000)
    await attach(play, price.product, await feature(play, "exports"))
    await play.subscribe(price=price)
    await play.advance(65 * DAY)
    assert (await play.types()).count(SUMMARY) == 1
