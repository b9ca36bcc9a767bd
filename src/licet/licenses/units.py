"""Rules: matches a subscription's licenses to the units that its items ask for.

A unit is (subscription, group, n). Its group is that of the product in the catalogue: an upgrade within a group keeps
the units and their keys. A unit that is no longer wanted is kept as unused, and is reused with the same key.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Wanted:
    """One unit that an item asks for. `limit`: of its activations; None is no limit."""

    product_id: UUID
    group: str
    item_id: str
    limit: int | None


@dataclass(frozen=True)
class Unit:
    """An existing license and its unit. unused: no item asks for it at present."""

    license_id: UUID
    product_id: UUID
    group: str
    n: int
    unused: bool = False


@dataclass(frozen=True)
class Placed:
    """A unit and its license. license_id None: issue one. wanted None: the unit is unused."""

    license_id: UUID | None
    group: str
    n: int
    wanted: Wanted | None


def place(units: Sequence[Unit], wanted: Iterable[Wanted]) -> list[Placed]:
    """Match each wanted unit to an existing license or to a new unit; units left over become unused.

    A license in use is matched before an unused one, then the same product before others of its group, then a lower n
    before a higher one: a license that a customer has activated stays in use.
    """
    by_group: dict[str, list[Wanted]] = defaultdict(list)
    for wish in wanted:
        by_group[wish.group].append(wish)
    existing: dict[str, list[Unit]] = defaultdict(list)
    for unit in sorted(units, key=lambda unit: unit.n):
        existing[unit.group].append(unit)
    placed: list[Placed] = []
    for group in sorted(by_group.keys() | existing.keys()):
        placed += _place_group(group, existing[group], by_group[group])
    return placed


def _place_group(group: str, units: list[Unit], wanted: list[Wanted]) -> list[Placed]:
    free = list(units)
    placed: list[Placed] = []
    unmatched = list(wanted)
    for unused in (False, True):
        for same_product in (True, False):
            unmatched, matches = _match(free, unmatched, unused=unused, same_product=same_product)
            placed += [Placed(unit.license_id, group, unit.n, wish) for unit, wish in matches]
    next_n = max((unit.n for unit in units), default=-1) + 1
    for wish in unmatched:
        placed.append(Placed(None, group, next_n, wish))
        next_n += 1
    return placed + [Placed(unit.license_id, group, unit.n, None) for unit in free]


def _match(
    free: list[Unit], wanted: list[Wanted], *, unused: bool, same_product: bool
) -> tuple[list[Wanted], list[tuple[Unit, Wanted]]]:
    """(still unmatched, matches). Matched units are removed from `free`."""
    unmatched: list[Wanted] = []
    matches: list[tuple[Unit, Wanted]] = []
    for wish in wanted:
        candidates = (
            unit for unit in free if unit.unused == unused and (not same_product or unit.product_id == wish.product_id)
        )
        unit = next(candidates, None)
        if unit is None:
            unmatched.append(wish)
        else:
            free.remove(unit)
            matches.append((unit, wish))
    return unmatched, matches
