"""Counting in the memory of one process."""

from licet.kit.times import wall_now

MOST_WINDOWS = 100_000
"""Some 20 MB. Beyond it the window that ends first is forgotten: memory is bounded, whoever calls."""


class Memory:
    """One window for each name, from its first request on.

    All windows are equally long, so the order in which they began is the order in which they end, and tidying up is
    looking at the first few. The memory of `limits` walks through all of them at each request.
    """

    def __init__(self, most: int = MOST_WINDOWS) -> None:
        self._most = most
        self._windows: dict[str, tuple[float, int]] = {}

    def __len__(self) -> int:
        return len(self._windows)

    async def add(self, name: str, amount: int, seconds: int) -> tuple[int, float]:
        """Adds to a window, which begins if there is none; what is in it now, and when it ends (Unix seconds)."""
        now = wall_now().timestamp()
        self._forget_ended(now)
        # A clock that was set back leaves windows that end too late behind others; nobody is held by one of those.
        ends_at, used = self._windows.get(name, (0.0, 0))
        if not now < ends_at <= now + seconds:
            self._windows.pop(name, None)
            ends_at, used = now + seconds, 0
        self._windows[name] = (ends_at, used + amount)
        if len(self._windows) > self._most:
            self._windows.pop(next(iter(self._windows)))
        return used + amount, ends_at

    def _forget_ended(self, now: float) -> None:
        while self._windows:
            first = next(iter(self._windows))
            if self._windows[first][0] > now:
                return
            del self._windows[first]
