"""Calls operations of a sandbox in this process, and commits or rolls back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.api.coerce import coerce
from licet_sandbox.api.expand import render_response
from licet_sandbox.api.table import OPERATIONS
from licet_sandbox.engine import Engine
from licet_sandbox.kit.params import Params
from licet_sandbox.spec.document import Operation, document

if TYPE_CHECKING:
    from licet_sandbox.state.tx import Tx

Tree = dict[str, Any]


class Sandbox:
    """An in-memory sandbox without a server. check: called with its traffic, as in `Sandbox`."""

    def __init__(self, check: Any) -> None:
        self.engine = Engine(None, "http://127.0.0.1:8081", check)
        self._check = check

    def call(self, name: str, /, *ids: str, **given: Any) -> Any:
        """Call an operation and commit; returns the response body."""
        with self.engine.transaction() as tx:
            return self._act(tx, name, ids, given)

    def probe(self, name: str, ids: tuple[str, ...], given: Tree) -> None:
        """Call an operation and roll back. Raises its StripeError."""
        with self.engine.transaction() as tx, tx.rehearsal():
            self._act(tx, name, ids, given)

    def _act(self, tx: Tx, name: str, ids: tuple[str, ...], given: Tree) -> Any:
        params = Params(coerce(find(name).schema, _form(given)))
        answer = render_response(tx, OPERATIONS[name](tx, params, *ids), params.get("expand", []))
        params.end()
        self._check("answer", name, answer)
        return answer

    def advance(self, seconds: int) -> None:
        """Advance the clock, and run what is due until then."""
        until = self.engine.clock.timestamp() + seconds
        while (moment := self.engine.next_due_at()) is not None and moment <= until:
            self.engine.advance_clock(moment)
            self.engine.run_due(moment)
        self.engine.advance_clock(until)


def find(name: str) -> Operation:
    """The operation of the document with this name."""
    found = document().find_operation(*name.split(" "))
    if found is None:
        raise LookupError(name)
    return found[0]


def _form(value: Any) -> Any:
    """The value as a parsed form: lists by index, everything else as text."""
    if isinstance(value, dict):
        return {key: _form(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return {str(at): _form(inner) for at, inner in enumerate(value)}
    return str(value).lower() if isinstance(value, bool) else str(value)
