"""A license that renews: extended, then suspended after a renewal that failed, then reinstated by a new card."""

from datetime import timedelta

from licet.demo import acts, cards, questions
from licet.demo.cast import Cast
from licet.demo.scene import Scene
from licet.demo.shop import Shop
from licet.demo.words import card, day
from licet.kit.times import rfc3339

_GRACE = timedelta(days=3)
"""What the example catalogue gives."""
_CHARGED_AFTER = timedelta(hours=2)
"""Stripe takes the money about an hour after a period's turn."""
_NEXT_TRY_WITHIN = timedelta(days=6)
"""A failed renewal is tried again 3, 5 and 7 days after the try before."""


def renewal(scene: Scene, shop: Shop, cast: Cast) -> None:
    """A month later."""
    ada = cast.ada
    turn = questions.period_end(shop, ada)
    scene.happens(f"The clock is turned to {day(turn)}. Stripe renews Ada's subscription and takes the money.")
    with scene.waiting("a month passes"):
        acts.turn_clock_to(shop, turn + _CHARGED_AFTER)
    scene.finds(questions.subscription(shop, ada, after=turn), status="active", renewed=True)
    scene.asks(
        lambda: questions.license_of(shop, ada),
        licenses=1,
        key=ada.license_shown,
        status="active",
        expiresAt=rfc3339(questions.period_end(shop, ada)),
    )
    scene.asks(lambda: questions.mail(shop, ada, "receipt"), mails=2, to=ada.email)


def failed_renewal(scene: Scene, shop: Shop, cast: Cast) -> None:
    """Active in its grace, suspended after it."""
    ada = cast.ada
    turn = questions.period_end(shop, ada)
    scene.happens(f"Ada's card becomes {card(cards.FAILS_AT_RENEWALS)}, on which every charge fails.")
    scene.finds(acts.change_card(shop, ada, cards.FAILS_AT_RENEWALS), last4="0341")
    scene.happens(f"The clock is turned to {day(turn)}. The renewal fails; three days of grace begin.")
    with scene.waiting("a month passes"):
        acts.turn_clock_to(shop, turn + _CHARGED_AFTER)
    scene.finds(questions.subscription(shop, ada, after=turn), status="past_due")
    scene.asks(lambda: questions.license_of(shop, ada), status="active", expiresAt=rfc3339(turn))
    scene.asks(
        lambda: questions.mail(shop, ada, "payment_failed"), mails=1, to=ada.email, status="kept", linksTo="invoice"
    )
    scene.happens(f"The clock is turned to {day(turn + _GRACE)}. The grace is over.")
    with scene.waiting("three days pass"):
        acts.turn_clock_to(shop, turn + _GRACE + _CHARGED_AFTER)
    scene.asks(
        lambda: questions.license_of(shop, ada),
        licenses=1,
        key=ada.license_shown,
        status="suspended",
        expiresAt=rfc3339(turn),
    )
    scene.asks(lambda: questions.why(shop, ada), to="suspended", reason="payment_overdue")


def new_card(scene: Scene, shop: Shop, cast: Cast) -> None:
    """Stripe's next try succeeds."""
    ada = cast.ada
    scene.happens(f"Ada gives a card that works, {card(cards.VISA)}.")
    scene.finds(acts.change_card(shop, ada, cards.VISA), last4="4242")
    next_try = acts.now(shop) + _NEXT_TRY_WITHIN
    scene.happens(f"The clock is turned to {day(next_try)}. Stripe has tried again.")
    with scene.waiting("days pass"):
        acts.turn_clock_to(shop, next_try)
    scene.asks(
        lambda: questions.license_of(shop, ada),
        licenses=1,
        key=ada.license_shown,
        status="active",
        expiresAt=rfc3339(questions.period_end(shop, ada)),
    )
    scene.asks(lambda: questions.why(shop, ada), **{"from": "suspended", "to": "active"})
    scene.asks(lambda: questions.mail(shop, ada, "receipt"), mails=3, to=ada.email)
