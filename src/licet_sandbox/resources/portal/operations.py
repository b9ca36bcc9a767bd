"""Runs operations of the API on behalf of a customer in the portal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.kit.params import Params

if TYPE_CHECKING:
    from collections.abc import Callable

    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def run_operation(operation: Callable[[Tx, Params, str], Obj], tx: Tx, given: dict[str, Any], object_id: str) -> None:
    """Runs an operation of the API. Raises its errors, and 400 for a parameter that it did not read."""
    params = Params(given)
    operation(tx, params, object_id)
    params.end()
