"""The demo's output, as JSON and as text: what is expected and what was found."""

import json
from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console
from rich.text import Text

from licet.demo.actions import Customers
from licet.demo.cards import format_card
from licet.demo.checks import Check, CheckFailed, FactValue, Observation
from licet.demo.client import DemoClient
from licet.demo.output import DemoResult, JsonOutput, ServedDemo, StepResult
from licet.demo.process import DemoAddresses
from licet.demo.queries import format_day, short_key
from licet.demo.scenario import STEPS
from licet.demo.steps import Step, StepRun, run_steps
from licet.demo.text_output import TextOutput

NOBODY_LISTENS = "http://127.0.0.1:1"


def license_that_is(status: str) -> Observation:
    facts = {"status": status, "expiresAt": None}
    return Observation("GET /api/licenses", 200, "license", facts, f"SHOP-····-9F3K, {status}")


@pytest.fixture
def out() -> StringIO:
    return StringIO()


def text_output(
    out: StringIO, *, width: int = 100, terminal: bool = False, secrets: Console | None = None
) -> TextOutput:
    console = Console(file=out, width=width, force_terminal=terminal, no_color=True, highlight=False)
    return TextOutput(console, secrets or console)


def step_run(out: StringIO) -> StepRun:
    return StepRun(JsonOutput(out), timeout_seconds=0.2)


def demo_result(*findings: Check, steps: int = 1, kept: str | None = None) -> DemoResult:
    return DemoResult([StepResult(1, "renewal", "A renewal", findings, 0.5)], steps, 9.87, kept)


def test_a_fact_that_differs_is_named_with_what_was_expected() -> None:
    finding = Check(license_that_is("active"), {"status": "suspended", "expiresAt": "2027-01-01T00:00:00Z"})
    assert not finding.ok
    assert [str(one) for one in finding.differences] == [
        "status: expected suspended, found active",
        "expiresAt: expected 2027-01-01T00:00:00Z, found nothing",
    ]
    assert str(CheckFailed(finding)).startswith("status: expected suspended, found active; ")


@pytest.mark.parametrize(("expected", "found"), [("", None), ("1", 1), (False, None)])
def test_what_is_expected_is_no_other_kind_of_thing(expected: FactValue, found: FactValue) -> None:
    assert not Check(Observation("GET /", 200, "it", {"it": found}, "it"), {"it": expected}).ok


def test_nothing_expected_is_as_expected_and_a_missing_fact_is_nothing() -> None:
    assert Check(license_that_is("active"), {}).ok
    assert Check(license_that_is("active"), {"gone": None}).ok
    assert not Check(license_that_is("active"), {"gone": "here"}).ok


def test_it_asks_until_it_is_as_expected(out: StringIO) -> None:
    answers = iter(["active", "active", "suspended"])
    told = step_run(out)
    answer = told.wait_for(lambda: license_that_is(next(answers)), status="suspended")
    assert answer.facts["status"] == "suspended"
    assert told.ok
    assert len(told.checks) == 1


def test_patience_ends_and_the_last_answer_counts(out: StringIO) -> None:
    told = step_run(out)
    told.wait_for(lambda: license_that_is("active"), status="suspended")
    assert not told.ok
    told.wait_for(lambda: license_that_is("active"), status="active")
    assert not told.ok


def a_step(name: str, chapter: Callable[[StepRun, DemoClient, Customers], None]) -> Step:
    return Step(name, name.capitalize(), chapter)


def test_the_story_stops_at_what_nobody_answers(out: StringIO) -> None:
    with DemoClient(DemoAddresses(NOBODY_LISTENS, NOBODY_LISTENS, "lic_test_x", "whsec_x")) as client:
        told = run_steps(STEPS, client, JsonOutput(out), timeout_seconds=0.1)
    (only,) = told
    assert not only.ok
    step = json.loads(out.getvalue())
    assert (step["step"], step["name"], step["ok"]) == (1, "purchase", False)
    (answer,) = step["answers"]
    assert answer["call"] == "POST /api/admin/accounts"
    assert (answer["expected"], answer["found"]) == ({"answer": "one"}, {"answer": "ConnectError"})


def test_the_steps_are_those_that_were_promised() -> None:
    names = [step.name for step in STEPS]
    assert len(names) == len(set(names)) == 8


def test_a_program_hears_how_it_ended(out: StringIO) -> None:
    good = Check(license_that_is("active"), {"status": "active"})
    bad = Check(license_that_is("active"), {"status": "revoked"})
    for found, steps, ok in ((good, 1, True), (good, 2, False), (bad, 1, False)):
        ended = demo_result(found, steps=steps, kept="/kept")
        assert ended.ok is ok
        JsonOutput(out).finished(ended)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["ok"] for line in lines] == [True, False, False]
    assert lines[0] == {"ok": True, "told": 1, "steps": 1, "seconds": 9.87, "kept": "/kept"}


def test_a_person_sees_what_was_expected(out: StringIO) -> None:
    output = text_output(out)
    bad = Check(license_that_is("active"), {"status": "revoked"})
    output.step_started(1, "A renewal")
    output.check_made(bad)
    output.finished(demo_result(bad, steps=3))
    assert out.getvalue().splitlines() == [
        "",
        "1. A renewal",
        "   ✗ license   SHOP-····-9F3K, active  [GET /api/licenses → 200]",
        "               status: expected revoked, found active",
        "",
        "✗ Step 1, “A renewal”, did not go as expected. The steps after it depend on it and were not run.",
        "  Nothing is left behind.",
        "",
        "  licet demo --data-dir DIR  keeps the database and the log, to find the cause",
        "  licet --help  lists all commands",
    ]


@pytest.mark.parametrize("width", [40, 80, 100, 160])
def test_a_terminal_s_width_is_kept_to(out: StringIO, width: int) -> None:
    output = text_output(out, width=width, terminal=True)
    output.started()
    output.step_started(1, "A renewal")
    output.describe("Ada buys the Shopify Connector, and pays with a card that works wherever it is shown.")
    words = "SHOP-····-····-····-9F3K, active, paid through 21 Jan 2027"
    output.check_made(Check(Observation("GET /api/licenses", 200, "license", {}, words), {}))
    output.finished(demo_result(Check(license_that_is("active"), {}), kept="/somewhere"))
    said = Text.from_ansi(out.getvalue()).plain
    assert [line for line in said.splitlines() if len(line) > width] == []
    assert ("GET /api/licenses → 200" in said) is (width >= 100)


def test_without_unicode_a_letter_marks_each_line() -> None:
    class Latin(StringIO):
        encoding = "latin-1"

    out = Latin()
    output = text_output(out)
    output.check_made(Check(license_that_is("active"), {"status": "active"}))
    output.check_made(Check(license_that_is("active"), {"status": "revoked"}))
    assert [line.split()[0] for line in out.getvalue().splitlines()] == ["+", "x", "status:"]


SERVED = ServedDemo(
    url="http://licet",
    sandbox_url="http://stripe",
    customer="Ada",
    checkout_url="http://stripe/c/pay/cs_1",
    portal_url="http://stripe/p/session/1",
    invoice_url="http://stripe/i/1",
    operator_key="lic_test_operator",
    account_key="lic_test_ada",
)


def test_a_program_is_told_where_everything_is(out: StringIO) -> None:
    JsonOutput(out).serving(SERVED)
    said = json.loads(out.getvalue())
    assert (said["docsUrl"], said["emailsUrl"]) == ("http://licet/docs", "http://licet/api/admin/emails")
    assert (said["operatorKey"], said["accountKey"]) == ("lic_test_operator", "lic_test_ada")
    assert said["cards"]["4242424242424242"] == "succeeds"
    assert {"url", "sandboxUrl", "checkoutUrl", "portalUrl", "invoiceUrl"} <= set(said)


def test_a_person_is_told_where_everything_is_and_no_key_gets_into_the_story(out: StringIO) -> None:
    beside = StringIO()
    output = text_output(out, secrets=Console(file=beside, width=40))
    output.describe("The story.")
    output.serving(SERVED)
    assert out.getvalue() == "   The story.\n"
    lines = beside.getvalue().splitlines()
    assert "Ada's key        lic_test_ada" in lines
    assert "Payment page     http://stripe/c/pay/cs_1" in lines
    assert "                 4242 4242 4242 4242 succeeds" in lines
    assert lines[-1] == "The demo runs until Ctrl-C or SIGTERM."


def test_an_invitation_shows_no_secret_by_accident() -> None:
    assert "lic_test" not in repr(SERVED)
    assert "cs_1" not in repr(SERVED)


def test_words() -> None:
    assert short_key("SHOP-7K2M-9QXD-3VTN-9F3K") == "SHOP-····-····-····-9F3K"
    assert format_card("4242424242424242") == "4242 4242 4242 4242"
    assert format_day("2027-01-05T23:59:59Z") == "5 Jan 2027"
