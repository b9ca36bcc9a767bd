"""The table of event types and its page."""

import re
from pathlib import Path

from licet.stripe_events.event_types import EVENT_TYPES

PAGE = Path(__file__).parents[3] / "docs" / "stripe-events.md"


def test_the_page_names_every_type_and_when_it_is_sent() -> None:
    rows = re.findall(r"^\| `([a-z_.]+\.[a-z_.]+)` \| ([^|]+) \|", PAGE.read_text(), re.MULTILINE)
    assert dict(rows) == {name: event_type.when for name, event_type in EVENT_TYPES.items()}
