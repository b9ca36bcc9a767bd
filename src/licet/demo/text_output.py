"""Prints the demo as text: with colours and a spinner in a terminal, as plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from licet.demo.cards import CARD_RESULTS, format_card
from licet.demo.checks import Check
from licet.demo.output import DemoResult, ServedDemo, StepResult

_INDENT = 3
_SUBJECT_WIDTH = 10
_LABEL_WIDTH = 17
_WIDE = 100
"""From this many columns on, the request is printed to the right of what was found."""


class TextOutput:
    """Prints to a Rich console, which knows whether it is a terminal.

    secrets: the console for keys, so that a file that collects the rest of the output contains none.
    """

    def __init__(self, console: Console, secrets: Console) -> None:
        self._console = console
        self._secrets = secrets

    def started(self) -> None:
        """Prints the title and an introduction."""
        self._line(Text("From a purchase to a license, and what happens to it afterwards", style="bold"), indent=0)
        self._line(
            Text(
                "PostgreSQL, a Stripe sandbox, the API and its worker run in a directory of their own. "
                "No account and no network are needed. The demo's clock is moved forward, and its dates with it.",
                style="dim",
            )
        )

    def step_started(self, number: int, title: str) -> None:
        """Prints a heading."""
        self._console.print()
        self._line(Text.assemble((f"{number}. ", "cyan"), (title, "bold")), indent=0)

    def describe(self, sentence: str) -> None:
        """Prints the sentence."""
        self._line(Text(sentence))

    def check_made(self, check: Check) -> None:
        """Prints the subject, what was found and, if there is room, the request. Then the differences."""
        observation = check.observation
        subject = observation.subject.ljust(_SUBJECT_WIDTH)
        line = Text.assemble(self._mark(check.ok), " ", (subject, "dim"), observation.text)
        request = Text(f"{observation.call} → {observation.status}", style="dim")
        if not self._console.is_terminal:
            line.append_text(Text("  [").append_text(request).append("]"))
        elif self._console.width >= _WIDE:
            room = self._console.width - _INDENT - line.cell_len - request.cell_len
            if room > 1:
                line.append(" " * room).append_text(request)
        self._line(line, hanging=_SUBJECT_WIDTH + 2)
        for difference in check.differences:
            self._line(Text(str(difference), style="red"), indent=_INDENT + _SUBJECT_WIDTH + 2)

    def step_finished(self, result: StepResult) -> None:
        """Prints nothing. Each line was printed already."""

    def serving(self, served: ServedDemo) -> None:
        """Prints all addresses and keys."""
        for label, value in _served_lines(served):
            self._secrets.print(Text.assemble((label.ljust(_LABEL_WIDTH), "bold"), value), soft_wrap=True)
        self._secrets.print(Text("The demo runs until Ctrl-C or SIGTERM.", style="dim"), soft_wrap=True)

    def finished(self, result: DemoResult) -> None:
        """Prints the result and the commands to try next."""
        self._console.print()
        self._line(Text.assemble(self._mark(result.ok), " ", (_summary(result), "bold")), indent=0, hanging=2)
        left = f"All data is kept in {result.kept}." if result.kept else "Nothing is left behind."
        self._line(Text(left, style="dim"), indent=2)
        self._console.print()
        for command, description in _next_commands(result):
            self._line(Text.assemble((command, "cyan"), "  ", description), indent=2)

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Shows a spinner in a terminal."""
        with self._console.status(Text(text, style="dim"), spinner="dots"):
            yield

    def _mark(self, ok: bool) -> tuple[str, str]:
        """The mark of a line and its style. A letter if the output is ASCII only."""
        ascii_only = self._console.options.ascii_only
        if ok:
            return "+" if ascii_only else "✓", "green"
        return "x" if ascii_only else "✗", "bold red"

    def _line(self, text: Text, *, indent: int = _INDENT, hanging: int = 0) -> None:
        """Prints an indented line, wrapped in a terminal. hanging: further indent from its second line on."""
        if not self._console.is_terminal:
            self._console.print(Text(" " * indent).append_text(text), soft_wrap=True)
            return
        room = self._console.width - indent
        lines = [text] if text.cell_len <= room else text.wrap(self._console, max(room - hanging, 20))
        for number, line in enumerate(lines):
            line.rstrip()
            self._console.print(Text(" " * (indent + hanging * bool(number))).append_text(line), no_wrap=True)


def _served_lines(served: ServedDemo) -> Iterator[tuple[str, str]]:
    """Pairs of a label and an address, key or remark."""
    yield "API docs", served.docs_url
    yield "Operator's key", served.operator_key
    yield f"{served.customer}'s key", served.account_key
    yield "Payment page", served.checkout_url
    for number, result in CARD_RESULTS.items():
        yield "", f"{format_card(number)} {result}"
    yield "Customer portal", served.portal_url
    yield "", "valid for five minutes; POST /api/billing/portal-session creates another session"
    yield "Invoice page", served.invoice_url
    yield "Emails", f'curl -H "Authorization: Bearer {served.operator_key}" {served.emails_url}'


def _summary(result: DemoResult) -> str:
    if result.ok:
        return f"All {result.steps} steps went as expected, in {result.seconds:.1f} s."
    failed = result.results[-1]
    rest = " The steps after it depend on it and were not run." if len(result.results) < result.steps else ""
    return f"Step {failed.number}, “{failed.title}”, did not go as expected.{rest}"


def _next_commands(result: DemoResult) -> list[tuple[str, str]]:
    """Commands to try next, and what each does."""
    if result.kept:
        commands = [(f"licet up --data-dir {result.kept}", "continues with this data")]
    elif result.ok:
        commands = [("licet up", "runs the same parts for your own use (in a checkout: make up)")]
    else:
        commands = [("licet demo --data-dir DIR", "keeps the database and the log, to find the cause")]
    return [*commands, ("licet --help", "lists all commands")]
