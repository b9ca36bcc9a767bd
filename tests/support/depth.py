"""How many examples a search makes: a few in `make test`, all in `make test-long` (`pytest --long`)."""

import random
from collections.abc import Iterable, Sequence
from typing import TypeVar

Example = TypeVar("Example")

_long = False


def go_deep(*, long: bool) -> None:
    """Set at pytest's start, before a test module is imported."""
    global _long  # noqa: PLW0603 - one setting of the whole run
    _long = long


def examples(few: int, all_: int) -> int:
    """How many examples a search makes."""
    return all_ if _long else few


def some_of(found: Iterable[Example], few: int, seed: str) -> Sequence[Example]:
    """All of them, or so many, which are the same in every run."""
    everything = list(found)
    return everything if _long or few >= len(everything) else random.Random(seed).sample(everything, few)
