"""The number of examples of a search: few in `make test`, all in `make test-long` (`--long`)."""

import random
from collections.abc import Iterable, Sequence
from typing import TypeVar

Example = TypeVar("Example")

_long = False


def set_long(*, long: bool) -> None:
    """Sets whether searches use all examples. Called before a test module is imported."""
    global _long  # noqa: PLW0603 - one setting of the whole run
    _long = long


def examples(few: int, all_: int) -> int:
    """`few`, or `all_` with `--long`."""
    return all_ if _long else few


def sample_of(found: Iterable[Example], few: int, seed: str) -> Sequence[Example]:
    """A sample of `few`, the same in every run; all of them with `--long`."""
    everything = list(found)
    return everything if _long or few >= len(everything) else random.Random(seed).sample(everything, few)
