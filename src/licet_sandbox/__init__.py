"""A stateful Stripe on one's own machine, spoken to by the official SDK over HTTP. It imports nothing from `licet`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from licet_sandbox.sandbox import Sandbox

__all__ = ["Sandbox"]


def __getattr__(name: str) -> Any:
    """Load `Sandbox` when it is first asked for, so that importing the package costs nothing."""
    if name == "Sandbox":
        from licet_sandbox.sandbox import Sandbox  # noqa: PLC0415  # The point of this function.

        return Sandbox
    raise AttributeError(name)
