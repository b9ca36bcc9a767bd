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
    """A license there is, and the unit it stands for. A spare one is not wanted at present."""

    license_id: UUID
    product_id: UUID
    group: str
    n: int
    spare: bool = False


@dataclass(frozen=True)
class Placed:
    """What a unit shall be: `license_id` is None for one to be made, `wanted` None for a spare."""

    license_id: UUID | None
    group: str
    n: int
    wanted: Wanted | None


def place(units: Sequence[Unit], wanted: Iterable[Wanted]) -> list[Placed]:
    """Give each wanted unit a license that is there, or a new place; what is left over is spare, the highest n first.

    A license in use goes before a spare one, then one of the very product before one of its group, then a low n before
    a high one: what a customer has activated stays, whatever lies unused beside it.
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
    homeless = list(wanted)
    for spare in (False, True):
        for same_product in (True, False):
            homeless, found = _match(free, homeless, spare=spare, same_product=same_product)
            placed += [Placed(unit.license_id, group, unit.n, want) for unit, want in found]
    next_n = max((unit.n for unit in units), default=-1) + 1
    for want in homeless:
        placed.append(Placed(None, group, next_n, want))
        next_n += 1
    return placed + [Placed(unit.license_id, group, unit.n, None) for unit in free]


def _match(
    free: list[Unit], wanted: list[Wanted], *, spare: bool, same_product: bool
) -> tuple[list[Wanted], list[tuple[Unit, Wanted]]]:
    """(what is still wanted, what found a license): those that are taken leave `free`."""
    left: list[Wanted] = []
    found: list[tuple[Unit, Wanted]] = []
    for want in wanted:
        fits = (
            unit for unit in free if unit.spare == spare and (not same_product or unit.product_id == want.product_id)
        )
        unit = next(fits, None)
        if unit is None:
            left.append(want)
        else:
            free.remove(unit)
            found.append((unit, want))
    return left, found
