"""News that comes again, in any order: everything stays as it is."""

import random
from collections import Counter
from typing import Any

from licet.demo import acts, questions
from licet.demo.answers import Answer
from licet.demo.cast import Cast
from licet.demo.scene import Scene
from licet.demo.shop import Shop

_TIMES = 3
_SEED = 7
"""The same shuffle at every telling."""
_LISTS = {"orders": "/api/orders", "licenses": "/api/licenses", "mails": "/api/admin/emails"}


def repetition(scene: Scene, shop: Shop, cast: Cast) -> None:
    """Each event of a purchase three times more, out of order; then the same news under new ids."""
    scene.asks(lambda: questions.waiting_work(shop), jobs=0, reads=0, mails=0)
    before = _everything(shop)
    shuffle = random.Random(_SEED)  # noqa: S311 - not for secrets
    events = len(cast.purchase)
    scene.happens(
        f"Stripe promises neither order nor once. The {events} events of Ada's purchase come again: "
        f"each {_TIMES} times, shuffled."
    )
    again = cast.purchase * _TIMES
    shuffle.shuffle(again)
    with scene.waiting("old news"):
        answers = Counter(acts.send_again(shop, delivery) for delivery in again)
    scene.finds(_accepted(answers), accepted=len(again), others=0)
    scene.happens("And Stripe may make two events of one change: the same news comes under new ids.")
    with scene.waiting("old news"):
        answers = Counter(acts.tell_anew(shop, delivery) for delivery in shuffle.sample(cast.purchase, events))
    scene.finds(_accepted(answers), accepted=events, others=0)
    scene.asks(lambda: questions.waiting_work(shop), jobs=0, reads=0, mails=0)
    after = _everything(shop)
    for name in (*_LISTS, "timelines"):
        scene.finds(_compared(name, before[name], after[name]), asBefore=True)
    scene.asks(lambda: questions.failed_events(shop), failed=0)


def _accepted(answers: Counter[int | None]) -> Answer:
    accepted = answers[200]
    others = answers.total() - accepted
    words = f"{accepted} deliveries, each answered with 200" if not others else f"{others} not answered with 200"
    return Answer(
        "POST /api/billing/webhooks",
        200 if not others else 0,
        "events",
        {"accepted": accepted, "others": others},
        words,
    )


def _compared(name: str, before: dict[str, Any], after: dict[str, Any]) -> Answer:
    same = before == after
    count = len(after["data"])
    call = f"GET {_LISTS.get(name, '/api/licenses/{id}/timeline')}"
    words = f"{count}, all as before" if same else "not as before"
    return Answer(call, 200, name, {"count": count, "asBefore": same}, words)


def _everything(shop: Shop) -> dict[str, dict[str, Any]]:
    """All that the operator can see, license keys and all: for comparing, not for printing."""
    whole = {"limit": 100}
    seen = {name: shop.licet(f"GET {path}", params=whole).body for name, path in _LISTS.items()}
    ids = [license["id"] for license in seen["licenses"]["data"]]
    changes = [shop.licet("GET /api/licenses/{id}/timeline", params=whole, id=id_).body["data"] for id_ in ids]
    return {**seen, "timelines": {"data": changes}}
