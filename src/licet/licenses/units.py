"""Which license stands for which unit of a subscription, when items come, go, change their quantity or product.

A unit is (subscription, group, n). Its group is the product's in the catalogue, so an upgrade within a group passes the
units on, with their keys. What is no longer wanted stays as a spare and comes back with the same key.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Wanted:
    """One unit that an item asks for. `limit`: its activations; None is without limit."""

    product_id: UUID
    group: str
    item_id: str
    limit: int | None


@dataclass(frozen=True)
class Unit:
    """A license there is, and the unit it stands for."""

    license_id: UUID
    product_id: UUID
    group: str
    n: int


@dataclass(frozen=True)
class Placed:
    """What a unit shall be: `license_id` is None for one to be made, `wanted` None for a spare."""

    license_id: UUID | None
    group: str
    n: int
    wanted: Wanted | None


def place(units: Sequence[Unit], wanted: Iterable[Wanted]) -> list[Placed]:
    """Give each wanted unit a license that is there, or a new place; what is left over is spare, the highest n first.

    A license of the very product goes before one of its group, a low n before a high one.
    """
    by_group: dict[str, list[Wanted]] = defaultdict(list)
    for want in wanted:
        by_group[want.group].append(want)
    there: dict[str, list[Unit]] = defaultdict(list)
    for unit in sorted(units, key=lambda unit: unit.n):
        there[unit.group].append(unit)
    placed: list[Placed] = []
    for group in sorted(by_group.keys() | there.keys()):
        placed += _place_group(group, there[group], by_group[group])
    return placed


def _place_group(group: str, units: list[Unit], wanted: list[Wanted]) -> list[Placed]:
    free = list(units)
    placed: list[Placed] = []
    homeless: list[Wanted] = []
    for want in wanted:
        same = next((unit for unit in free if unit.product_id == want.product_id), None)
        if same is None:
            homeless.append(want)
            continue
        free.remove(same)
        placed.append(Placed(same.license_id, group, same.n, want))
    next_n = max((unit.n for unit in units), default=-1) + 1
    for want in homeless:
        if free:
            taken = free.pop(0)
            placed.append(Placed(taken.license_id, group, taken.n, want))
        else:
            placed.append(Placed(None, group, next_n, want))
            next_n += 1
    return placed + [Placed(unit.license_id, group, unit.n, None) for unit in free]
