"""Text of others: what the database and a terminal get of it."""

import re

import pytest

from licet.kit.redact import error_line
from licet.kit.storable import one_line, storable
from licet.node.logs import escape_control_characters


def test_what_cannot_be_stored_is_replaced() -> None:
    assert storable("a\x00b\ud800c\udfffd") == "a\ufffdb\ufffdc\ufffdd"
    assert storable("Grüße ✓ 😀\n\x1b") == "Grüße ✓ 😀\n\x1b"


def test_a_line() -> None:
    assert one_line(" a\r\n\tb\x00\x1b[2J\ud800 c\u202e ", 200) == "a b [2J c"
    assert one_line("x" * 1000, 10) == "x" * 10
    assert one_line("\x00" * 10**6, 10) == ""


def test_an_error_has_no_secret_also_where_it_is_cut() -> None:
    secret = "sk_test_" + "a1" * 20
    assert secret not in error_line(f"refused \x00 {secret}\n", 500)
    for length in range(10, 60):
        assert not re.search(r"sk_test_\w{8}", error_line(f"refused {secret}", length))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("/x\x1b[2J", "/x\\x1b[2J"),
        ("a\nb", "a\\nb"),
        ("a\x9b31m\u202e", "a\\x9b31m\\u202e"),
        ("Grüße ✓", "Grüße ✓"),
        (7, 7),
        (None, None),
    ],
)
def test_a_terminal_gets_no_control_characters(given: object, shown: object) -> None:
    event = {"event": given, "path": given, "a\x1b": 1}
    assert escape_control_characters(None, "info", event) == {"event": shown, "path": shown, "a\\x1b": 1}


def test_a_stack_trace_keeps_its_lines() -> None:
    assert escape_control_characters(None, "error", {"exception": "a\n\tb\x1b[2J"}) == {"exception": "a\n\tb\\x1b[2J"}
