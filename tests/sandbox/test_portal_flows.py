"""Deep links: a session that goes straight to one step, and where the customer goes after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe
from tests.sandbox.test_pages import Outline
from tests.sandbox.test_portal_plans import plans, price_of
from tests.sandbox.visits import ALL, CARD, RETURN, update_feature, visit

if TYPE_CHECKING:
    from tests.sandbox.play import Play
    from tests.sandbox.visits import PortalVisit

BACK = "https://shop.example/thanks?done=1"
AFTER = {
    "redirect": {"type": "redirect", "redirect": {"return_url": BACK}},
    "hosted_confirmation": {"type": "hosted_confirmation", "hosted_confirmation": {"custom_message": "Ta & <b>bye"}},
    "portal_homepage": {"type": "portal_homepage"},
}


async def begin(play: Play, customer: str, kind: str, features: Any = None, **details: Any) -> PortalVisit:
    flow = {"type": kind, "after_completion": AFTER[details.pop("after", "portal_homepage")]}
    if details:
        flow[kind] = details
    return await visit(play, customer, features, flow_data=flow)


@pytest.mark.parametrize("after", [*AFTER])
@pytest.mark.parametrize(
    "kind", ["customer_update", "payment_method_update", "subscription_cancel", "subscription_pause"]
)
async def test_straight_to_the_step_and_then_on(play: Play, kind: str, after: str) -> None:
    subscription = await play.subscribe()
    about = {"subscription": subscription.id} if kind.startswith("subscription") else {}
    portal = await begin(play, subscription.customer, kind, after=after, **about)
    step = {
        "customer_update": "/details",
        "payment_method_update": "/cards/add",
        "subscription_cancel": f"/subscriptions/{subscription.id}/cancel",
        "subscription_pause": f"/subscriptions/{subscription.id}/pause",
    }[kind]
    assert (await portal.get()).headers["location"] == portal.path + step
    page = await portal.get(step)
    # The rest of the portal is out of sight until it is done.
    assert Outline(page.text).links == [RETURN]
    typed = CARD if kind == "payment_method_update" else {"name": "Ada"} if kind == "customer_update" else {}
    done = await portal.post(step, **typed)
    wanted = {"redirect": BACK, "hosted_confirmation": f"{portal.path}/done", "portal_homepage": portal.path}[after]
    assert done.headers["location"] == wanted
    if after == "hosted_confirmation":
        assert "Ta &amp; &lt;b&gt;bye" in (await portal.get("/done")).text
    assert (await portal.get()).status_code == 200
    # Sent twice, it leads to the same place.
    assert (await portal.post(step, **typed)).headers["location"] == wanted


@pytest.mark.parametrize("kind", ["subscription_update", "subscription_update_confirm"])
@pytest.mark.parametrize("asks", [False, True])
async def test_to_another_plan(play: Play, kind: str, asks: bool) -> None:
    small, big = await plans(play)
    subscription = await play.subscribe(price=small)
    if asks:
        await play.change_card(subscription.customer, "4000002760003184")
    features = {**ALL, "subscription_update": update_feature(small, big)}
    details: dict[str, Any] = {"subscription": subscription.id}
    if kind.endswith("confirm"):
        details["items"] = [{"id": subscription["items"].data[0].id, "price": big.id, "quantity": 1}]
    portal = await begin(play, subscription.customer, kind, features, after="redirect", **details)
    at = f"/subscriptions/{subscription.id}"
    confirm = f"{at}/confirm?price={big.id}&quantity=1"
    step = confirm if kind.endswith("confirm") else f"{at}/change"
    assert (await portal.get()).headers["location"] == portal.path + step
    assert (await portal.get(step)).status_code == 200
    assert "Due today" in (await portal.get(confirm)).text
    answer = await portal.post(f"{at}/confirm", price=big.id, quantity="1")
    if asks:
        assert answer.headers["location"] == f"{portal.path}{at}/3ds"
        answer = await portal.post(f"{at}/3ds", outcome="complete")
    assert answer.headers["location"] == BACK
    assert price_of(await portal.subscription(subscription.id)) == (big.id, 1)


async def test_a_coupon_comes_with_the_plan(play: Play) -> None:
    small, big = await plans(play)
    coupon = await play.api.coupons.create_async({"percent_off": 100, "duration": "once"})
    subscription = await play.subscribe(price=small)
    features = {**ALL, "subscription_update": update_feature(small, big)}
    item = {"id": subscription["items"].data[0].id, "price": big.id}
    details = {"subscription": subscription.id, "items": [item], "discounts": [{"coupon": coupon.id}]}
    portal = await begin(play, subscription.customer, "subscription_update_confirm", features, **details)
    assert portal.session.flow.subscription_update_confirm.discounts[0].coupon == coupon.id
    page = await portal.get((await portal.get()).headers["location"].removeprefix(portal.path))
    assert "<td>$0.00</td>" in page.text
    await portal.posted(f"/subscriptions/{subscription.id}/confirm", price=big.id, quantity="1")
    assert price_of(await portal.subscription(subscription.id)) == (big.id, 1)
    assert (await play.api.coupons.retrieve_async(coupon.id)).times_redeemed == 1


@pytest.mark.parametrize("stays", [True, False])
async def test_an_offer_to_whoever_is_about_to_cancel(play: Play, stays: bool) -> None:
    coupon = await play.api.coupons.create_async({"percent_off": 25, "duration": "repeating", "duration_in_months": 3})
    subscription = await play.subscribe()
    retention = {"type": "coupon_offer", "coupon_offer": {"coupon": coupon.id}}
    details = {"subscription": subscription.id, "retention": retention}
    portal = await begin(play, subscription.customer, "subscription_cancel", after="redirect", **details)
    assert portal.session.flow.subscription_cancel.retention.coupon_offer.coupon == coupon.id
    at = f"/subscriptions/{subscription.id}"
    page = await portal.get(f"{at}/cancel")
    assert "Keep your subscription and get 25% off for 3 months." in page.text
    for _ in range(2):
        answer = await portal.post(f"{at}/offer" if stays else f"{at}/cancel")
        assert answer.headers["location"] == BACK
    after = await portal.subscription(subscription.id)
    assert (after.cancel_at is None, len(after.discounts)) == (stays, 1 if stays else 0)
    plain = await visit(play, subscription.customer)
    assert (await plain.post(f"{at}/offer")).status_code == 404


async def refused(call: Any) -> Any:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await call
    return refusal.value


async def test_flows_that_make_no_sense(play: Play) -> None:
    small, big = await plans(play)
    other = await play.price(1)
    subscription = await play.subscribe(price=small)
    features = {**ALL, "subscription_update": update_feature(small, big)}
    item = {"id": subscription["items"].data[0].id}

    async def of(kind: str, **details: Any) -> tuple[str, str | None]:
        error = await refused(begin(play, subscription.customer, kind, features, **details))
        return error.param, error.code

    confirm, about = "subscription_update_confirm", {"subscription": subscription.id}
    at = f"flow_data[{confirm}]"
    assert (await of(confirm, **about, items=[{**item, "price": other.id}]))[0] == f"{at}[items][0][price]"
    assert (await of(confirm, **about, items=[{**item, "quantity": 7}]))[0] == f"{at}[items][0][quantity]"
    assert (await of(confirm, **about, items=[{"id": "si_none"}])) == (f"{at}[items][0][id]", "resource_missing")
    assert (await of(confirm, **about, items=[item], discounts=[{"coupon": "none"}]))[1] == "resource_missing"
    assert (await of(confirm, **about, items=[item], discounts=[{"coupon": ""}]))[1] == "parameter_missing"
    two = [{"coupon": "one"}, {"coupon": "two"}]
    assert (await of(confirm, **about, items=[item], discounts=two))[0] == f"{at}[discounts]"
    retention = {"type": "coupon_offer", "coupon_offer": {"coupon": "none"}}
    param = "flow_data[subscription_cancel][retention][coupon_offer][coupon]"
    assert (await of("subscription_cancel", **about, retention=retention)) == (param, "resource_missing")
    back = "flow_data[after_completion][redirect]"
    for after, param in (
        ({"type": "portal_homepage", "redirect": {"return_url": BACK}}, back),
        ({"type": "redirect", "redirect": {"return_url": "shop"}}, f"{back}[return_url]"),
        ({"type": "redirect"}, f"{back}[return_url]"),
    ):
        flow: dict[str, Any] = {"type": "customer_update", "after_completion": after}
        assert (await refused(visit(play, subscription.customer, flow_data=flow))).param == param
    flow = {"type": "customer_update", "subscription_cancel": about}
    wrong = await refused(visit(play, subscription.customer, flow_data=flow))
    assert wrong.param == "flow_data[subscription_cancel]"
    wrong = await refused(visit(play, subscription.customer, return_url="javascript:alert(1)"))
    assert (wrong.param, wrong.code) == ("return_url", "url_invalid")
    assert (await refused(visit(play, subscription.customer, on_behalf_of="acct_1"))).param == "on_behalf_of"
