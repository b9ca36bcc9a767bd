"""The phases of a subscription schedule: their ends, the current and the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.periods import period_end

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj

_MONTH = {"interval": "month", "interval_count": 1}


def phase_end(anchor: int, start: int, interval: str, count: int) -> int:
    """The end of a phase of this many intervals, in epoch seconds.

    A phase that starts on the 31st ends on the last day of a shorter month, as billing periods do.

    anchor: the billing cycle's; it counts if the phase starts a whole number of months after it
    """
    if interval in {"day", "week"}:
        return period_end(start, start, {"interval": interval, "interval_count": count})
    begin = anchor if start > anchor and period_end(anchor, start - 1, _MONTH) == start else start
    end = start
    for _ in range(12 * count if interval == "year" else count):
        end = period_end(begin, end, _MONTH)
    return end


def current_phase_index(schedule: Obj) -> int | None:
    """The index of the current phase, or None."""
    current = schedule["current_phase"]
    if current is None:
        return None
    return next(at for at, phase in enumerate(schedule["phases"]) if phase["start_date"] == current["start_date"])


def next_phase(schedule: Obj) -> Obj | None:
    """The phase after the current one, or the first one before the start; or None."""
    current = current_phase_index(schedule)
    rest: list[Any] = schedule["phases"][0 if current is None else current + 1 :]
    return rest[0] if rest else None


def is_last(schedule: Obj, phase: Obj) -> bool:
    """True if this is the last phase."""
    return bool(schedule["phases"][-1]["start_date"] == phase["start_date"])
