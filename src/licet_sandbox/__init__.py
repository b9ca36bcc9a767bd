"""A stateful Stripe on the local machine, for Stripe's SDK over HTTP. Imports nothing from `licet`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from licet_sandbox.sandbox import Sandbox

__all__ = ["Sandbox"]


def __getattr__(name: str) -> Any:
    """Loads `Sandbox` at its first use, so that importing the package is fast."""
    if name == "Sandbox":
        from licet_sandbox.sandbox import Sandbox  # noqa: PLC0415  # The point of this function.

        return Sandbox
    raise AttributeError(name)
