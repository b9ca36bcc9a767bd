"""Which license belongs to which unit."""

from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from licet.licenses.units import Placed, Unit, Wanted, place

BASIC, PRO = UUID(int=1), UUID(int=2)


def want(product: UUID = BASIC, count: int = 1, group: str = "plans") -> list[Wanted]:
    return [Wanted(product, group, f"si_{product.int}", 3)] * count


def units(*products: UUID, group: str = "plans") -> list[Unit]:
    return [Unit(UUID(int=100 + n), product, group, n) for n, product in enumerate(products)]


def shape(placed: list[Placed]) -> list[tuple[int | None, int, int | None]]:
    return [
        (one.license_id.int if one.license_id else None, one.n, one.wanted.product_id.int if one.wanted else None)
        for one in placed
    ]


def test_units_are_numbered_from_nought() -> None:
    assert shape(place([], want(count=2))) == [(None, 0, 1), (None, 1, 1)]


def test_an_upgrade_within_a_group_keeps_the_license() -> None:
    assert shape(place(units(BASIC), want(PRO))) == [(100, 0, 2)]


def test_another_group_is_another_license() -> None:
    assert shape(place(units(BASIC), want(PRO, group="tools"))) == [(100, 0, None), (None, 0, 2)]


def test_units_become_unused_from_the_highest_and_are_reused_with_their_key() -> None:
    three = units(BASIC, BASIC, BASIC)
    assert shape(place(three, want(count=1))) == [(100, 0, 1), (101, 1, None), (102, 2, None)]
    assert shape(place(three, want(count=3))) == [(100, 0, 1), (101, 1, 1), (102, 2, 1)]


def test_the_same_product_is_matched_before_others_of_its_group() -> None:
    both = units(BASIC, PRO)
    assert shape(place(both, want(PRO))) == [(101, 1, 2), (100, 0, None)]


def test_a_license_in_use_is_matched_before_an_unused_one() -> None:
    """Two of Basic, lowered to one, upgraded, and back: the key in use stays, the other stays unused."""
    in_use, unused = units(PRO, BASIC)
    placed = place([in_use, replace(unused, unused=True)], want(BASIC))
    assert shape(placed) == [(100, 0, 1), (101, 1, None)]


@given(st.lists(st.sampled_from([BASIC, PRO]), max_size=6), st.lists(st.sampled_from([BASIC, PRO]), max_size=6))
def test_every_license_is_placed_once_and_every_wish_is_met(there: list[UUID], wished: list[UUID]) -> None:
    held = units(*there)
    placed = place(held, [one for product in wished for one in want(product)])
    assert sorted(one.license_id for one in placed if one.license_id) == sorted(unit.license_id for unit in held)
    assert sorted(one.wanted.product_id for one in placed if one.wanted) == sorted(wished)
    assert len({one.n for one in placed}) == len(placed) == max(len(there), len(wished))
