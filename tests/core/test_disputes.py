"""What disputes mean for licenses, word by word. Source: contract, section 4."""

from collections.abc import Sequence

import pytest

from licet.licenses.disputes import Dispute, worst_dispute
from licet_sandbox.spec.document import document

BY_STATUS: dict[str, Dispute] = {
    "needs_response": "open",
    "under_review": "open",
    "appeal_needs_response": "open",
    "appeal_under_review": "open",
    "won": "won",
    "lost": "lost",
    "warning_needs_response": "none",
    "warning_under_review": "none",
    "warning_closed": "none",
    "prevented": "none",
}
TO_COME: dict[str, Dispute] = {"appeal_of_a_kind_to_come": "open", "a_status_to_come": "none"}


@pytest.mark.parametrize(("status", "counts"), [*BY_STATUS.items(), *TO_COME.items()])
def test_each_status(status: str, counts: Dispute) -> None:
    assert worst_dispute([status]) == counts


def test_every_status_that_stripe_names_is_in_the_table() -> None:
    described = document().schemas["dispute"]["properties"]["status"]["enum"]
    assert set(described) == set(BY_STATUS)


@pytest.mark.parametrize(
    ("statuses", "counts"),
    [
        ([], "none"),
        (["won", "needs_response"], "open"),
        (["needs_response", "lost", "won"], "lost"),
        (["warning_closed", "won"], "won"),
        (["a_status_to_come", "lost"], "lost"),
    ],
)
def test_the_gravest_of_several_counts(statuses: Sequence[str], counts: Dispute) -> None:
    assert worst_dispute(statuses) == counts
