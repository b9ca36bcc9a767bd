"""How many deliveries are on their way to one endpoint: a machine that is slow holds up nobody else."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

AT_ONCE = 4
"""To one endpoint, from one worker."""

AFTER_SILENCE = 1
"""Where nobody answered the last time, it is tried with one."""


class Places:
    """The places that are taken. Whoever finds none leaves its delivery as it is: it stays due."""

    def __init__(self) -> None:
        self._taken: Counter[UUID] = Counter()

    @contextmanager
    def one(self, endpoint_id: UUID, *, unreachable: int) -> Iterator[bool]:
        """A place for as long as the block lasts; False where there is none."""
        if self._taken[endpoint_id] >= (AFTER_SILENCE if unreachable else AT_ONCE):
            yield False
            return
        self._taken[endpoint_id] += 1
        try:
            yield True
        finally:
            self._taken[endpoint_id] -= 1
            if not self._taken[endpoint_id]:
                del self._taken[endpoint_id]
