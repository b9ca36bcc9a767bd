"""The chapters in their order, told one after the other: what comes later stands on what came before."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from licet.demo.answers import NotAsExpected
from licet.demo.cast import Cast, assemble
from licet.demo.chapters import buying, renewing, repeating, returning
from licet.demo.scene import PATIENCE_SECONDS, Scene
from licet.demo.shop import Shop
from licet.demo.teller import Teller, Told

Chapter: TypeAlias = Callable[[Scene, Shop, Cast], None]


@dataclass(frozen=True)
class Step:
    """One step. name: for programs; it does not change with the title."""

    name: str
    title: str
    chapter: Chapter


STORY: tuple[Step, ...] = (
    Step("purchase", "A purchase becomes a license", buying.purchase),
    Step("declined", "A card is declined", buying.declined),
    Step("three_d_secure", "3D Secure", buying.three_d_secure),
    Step("renewal", "A month later, a renewal", renewing.renewal),
    Step("failed_renewal", "A renewal fails", renewing.failed_renewal),
    Step("new_card", "A new card", renewing.new_card),
    Step("refund", "A full refund", returning.refund),
    Step("repetition", "Old news, three times and out of order", repeating.repetition),
)


def tell(
    story: Sequence[Step], shop: Shop, teller: Teller, *, patience_seconds: float = PATIENCE_SECONDS
) -> list[Told]:
    """Tells the steps, up to the first that does not go as expected."""
    all_told: list[Told] = []
    cast: Cast | None = None
    for number, step in enumerate(story, 1):
        teller.begins(number, step.title)
        began = time.monotonic()
        scene = Scene(teller, patience_seconds=patience_seconds)
        try:
            cast = cast or assemble(shop)
            step.chapter(scene, shop, cast)
        except NotAsExpected as surprise:
            scene.note(surprise.finding)
        told = Told(number, step.name, step.title, scene.findings, time.monotonic() - began)
        teller.ends(told)
        all_told.append(told)
        if not told.ok:
            break
    return all_told
