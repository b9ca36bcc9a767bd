"""Why something changed: the Stripe event, the API call, the operator or the job."""

from dataclasses import dataclass
from typing import Any, Literal

CauseKind = Literal["stripe_event", "stripe_read", "api_call", "operator", "catalog", "time", "rule"]


@dataclass(frozen=True)
class Cause:
    """The cause in a timeline's `because`: its kind, an id to look it up by, and an optional detail.

    id: by kind, a Stripe event id, the id of the object that was read, a request id, a catalogue key, the subscription
    that changed by time alone, or the object that a rule of Licet was applied to.
    """

    kind: CauseKind
    id: str
    detail: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The stored form, which the API returns too: `{kind, id, detail?}`."""
        fields: dict[str, Any] = {"kind": self.kind, "id": self.id}
        if self.detail is not None:
            fields["detail"] = self.detail
        return fields

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Cause":
        """The cause from its stored form."""
        return cls(stored["kind"], stored["id"], stored.get("detail"))
