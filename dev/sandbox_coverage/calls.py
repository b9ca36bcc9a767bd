"""Operations of the sandbox, called in this process: for real, or in a rehearsal that is rolled back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.api.coerce import coerce
from licet_sandbox.api.expand import render
from licet_sandbox.api.table import OPERATIONS
from licet_sandbox.engine import Engine
from licet_sandbox.kit.params import Params
from licet_sandbox.spec.document import Operation, document

if TYPE_CHECKING:
    from licet_sandbox.state.tx import Tx

Tree = dict[str, Any]


class Sandbox:
    """One in memory, without a server; `check` is given its traffic, as `licet_sandbox.Sandbox` gives it."""

    def __init__(self, check: Any) -> None:
        self.engine = Engine(None, "http://127.0.0.1:8081", check)
        self._check = check

    def call(self, name: str, /, *ids: str, **given: Any) -> Any:
        """Do it; the answer."""
        with self.engine.transaction() as tx:
            return self._act(tx, name, ids, given)

    def probe(self, name: str, ids: tuple[str, ...], given: Tree) -> None:
        """Run the operation and roll it back. Raises what the operation raises."""
        with self.engine.transaction() as tx, tx.rehearsal():
            self._act(tx, name, ids, given)

    def _act(self, tx: Tx, name: str, ids: tuple[str, ...], given: Tree) -> Any:
        params = Params(coerce(find(name).schema, _form(given)))
        answer = render(tx, OPERATIONS[name](tx, params, *ids), params.get("expand", []))
        params.end()
        self._check("answer", name, answer)
        return answer

    def live_through(self, seconds: int) -> None:
        """Turn the clock, and do what is due on the way."""
        until = self.engine.clock.timestamp() + seconds
        while (moment := self.engine.next_due_at()) is not None and moment <= until:
            self.engine.turn_clock(moment)
            self.engine.run_due(moment)
        self.engine.turn_clock(until)


def find(name: str) -> Operation:
    """The operation of the document with this name."""
    found = document().find_operation(*name.split(" "))
    if found is None:
        raise LookupError(name)
    return found[0]


def _form(value: Any) -> Any:
    """As a form would bring it: lists by index, everything else as text."""
    if isinstance(value, dict):
        return {key: _form(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return {str(at): _form(inner) for at, inner in enumerate(value)}
    return str(value).lower() if isinstance(value, bool) else str(value)
