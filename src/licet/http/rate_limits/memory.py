"""Counts requests in the memory of one process."""

from licet.kit.times import wall_now

MAX_WINDOWS = 100_000
"""Some 20 MB. Beyond this number the window that ends first is removed, so that memory is bounded."""


class MemoryWindows:
    """One window for each name, which begins with its first request.

    All windows have the same length, so they end in the order in which they began, and only the first few must be
    checked to remove ended ones. The in-memory storage of the package `limits` checks all of them at each request.
    """

    def __init__(self, most: int = MAX_WINDOWS) -> None:
        self._most = most
        self._windows: dict[str, tuple[float, int]] = {}

    def __len__(self) -> int:
        return len(self._windows)

    async def add(self, name: str, amount: int, seconds: int) -> tuple[int, float]:
        """Adds to a window, and begins it if there is none. Returns its count and its end in Unix seconds."""
        now = wall_now().timestamp()
        self._forget_ended(now)
        # After the clock was set back, an old window ends too late. It is replaced, so that it refuses no requests.
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
