"""Why something changed: the Stripe event, the API call, the operator or the job."""

from dataclasses import dataclass
from typing import Any, Literal

CauseKind = Literal["stripe_event", "stripe_read", "api_call", "operator", "catalog", "time", "rule"]


@dataclass(frozen=True)
class Cause:
    """What stands in a timeline's `because`: the kind, the id by which it can be looked up, and a word on it.

    id: a Stripe event id, the id of the object that was read, a request id, a catalogue key, or for what time alone
    changed the subscription; for a rule of ours what it was applied to.
    """

    kind: CauseKind
    id: str
    detail: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The stored and shown form: `{kind, id, detail?}`."""
        shown: dict[str, Any] = {"kind": self.kind, "id": self.id}
        if self.detail is not None:
            shown["detail"] = self.detail
        return shown

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Cause":
        """The cause that `as_json` wrote."""
        return cls(stored["kind"], stored["id"], stored.get("detail"))
