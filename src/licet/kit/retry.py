"""Retry schedules: how long to wait after each failed try. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Retry:
    """A schedule of retries.

    seconds: the wait after each failed try.
    repeats: True if the last wait repeats for ever; False if one more try follows it, and then no other.
    """

    seconds: tuple[int, ...]
    repeats: bool = True

    @property
    def waits(self) -> tuple[timedelta, ...]:
        """The wait after each failed try."""
        return tuple(timedelta(seconds=seconds) for seconds in self.seconds)

    def wait(self, failures: int) -> timedelta | None:
        """The wait after a failed try; None: there is no other try.

        failures: how many tries failed before this one.
        """
        if not self.repeats and failures >= len(self.seconds):
            return None
        return self.waits[min(failures, len(self.seconds) - 1)]

    def again_at(self, now: datetime, failures: int) -> datetime | None:
        """The time of the next try after one that failed at `now`; None: there is no other try.

        failures: how many tries failed before this one.
        """
        wait = self.wait(failures)
        return None if wait is None else now + wait
