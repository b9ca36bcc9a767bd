"""The story for people: colours and a spinner in a terminal, plain lines anywhere else."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from licet.demo.answers import Finding
from licet.demo.invitation import CARDS, Invitation
from licet.demo.teller import Outcome, Told
from licet.demo.words import card

_INDENT = 3
_SUBJECT_WIDTH = 10
_PLACE_WIDTH = 17
_WIDE = 100
"""From this many columns on there is room for what was asked, to the right of what was found."""


class TellerInWords:
    """Writes to a Rich console, which knows whether a person watches.

    aside: where keys are said, which a file that catches the story must not catch.
    """

    def __init__(self, console: Console, aside: Console) -> None:
        self._console = console
        self._aside = aside

    def opens(self) -> None:
        """What is to come."""
        self._line(Text("From a purchase to a license, and what can befall it", style="bold"), indent=0)
        self._line(
            Text(
                "PostgreSQL, a Stripe sandbox, the API and its worker run for real, in a directory of their own. "
                "No account, no network. Dates are the story's: its clock is turned.",
                style="dim",
            )
        )

    def begins(self, number: int, title: str) -> None:
        """A heading."""
        self._console.print()
        self._line(Text.assemble((f"{number}. ", "cyan"), (title, "bold")), indent=0)

    def says(self, sentence: str) -> None:
        """A sentence."""
        self._line(Text(sentence))

    def finds(self, finding: Finding) -> None:
        """A line: as expected or not, about what, what was found; and where it was asked for, if there is room."""
        answer = finding.answer
        line = Text.assemble(self._mark(finding.ok), " ", (answer.subject.ljust(_SUBJECT_WIDTH), "dim"), answer.words)
        asked = Text(f"{answer.call} → {answer.status}", style="dim")
        if not self._console.is_terminal:
            line.append_text(Text("  [").append_text(asked).append("]"))
        elif self._console.width >= _WIDE:
            room = self._console.width - _INDENT - line.cell_len - asked.cell_len
            if room > 1:
                line.append(" " * room).append_text(asked)
        self._line(line, hanging=_SUBJECT_WIDTH + 2)
        for difference in finding.differences:
            self._line(Text(str(difference), style="red"), indent=_INDENT + _SUBJECT_WIDTH + 2)

    def ends(self, told: Told) -> None:
        """Each line has been said already."""

    def invites(self, invitation: Invitation) -> None:
        """What to open, and with what."""
        for name, value in _places(invitation):
            self._aside.print(Text.assemble((name.ljust(_PLACE_WIDTH), "bold"), value), soft_wrap=True)
        self._aside.print(Text("It stays until Ctrl-C (or SIGTERM).", style="dim"), soft_wrap=True)

    def closes(self, outcome: Outcome) -> None:
        """How it went, and what to do next."""
        self._console.print()
        words = _how_it_went(outcome)
        self._line(Text.assemble(self._mark(outcome.ok), " ", (words, "bold")), indent=0, hanging=2)
        left = f"Everything is still in {outcome.kept}." if outcome.kept else "Nothing is left behind."
        self._line(Text(left, style="dim"), indent=2)
        self._console.print()
        for command, does in _next(outcome):
            self._line(Text.assemble((command, "cyan"), "  ", does), indent=2)

    @contextmanager
    def waiting(self, words: str) -> Iterator[None]:
        """A spinner, in a terminal."""
        with self._console.status(Text(words, style="dim"), spinner="dots"):
            yield

    def _mark(self, ok: bool) -> tuple[str, str]:
        """With its style. Where nothing but ASCII can be written, a letter."""
        ascii_only = self._console.options.ascii_only
        if ok:
            return "+" if ascii_only else "✓", "green"
        return "x" if ascii_only else "✗", "bold red"

    def _line(self, text: Text, *, indent: int = _INDENT, hanging: int = 0) -> None:
        """Wrapped to the terminal and indented, further by `hanging` from its second line on; elsewhere one line."""
        if not self._console.is_terminal:
            self._console.print(Text(" " * indent).append_text(text), soft_wrap=True)
            return
        room = self._console.width - indent
        lines = [text] if text.cell_len <= room else text.wrap(self._console, max(room - hanging, 20))
        for number, line in enumerate(lines):
            line.rstrip()
            self._console.print(Text(" " * (indent + hanging * bool(number))).append_text(line), no_wrap=True)


def _places(invitation: Invitation) -> Iterator[tuple[str, str]]:
    """What to call each, and where it is."""
    yield "API, to try out", invitation.docs_url
    yield "Operator's key", invitation.operator_key
    yield f"{invitation.customer}'s key", invitation.account_key
    yield "To pay by hand", invitation.checkout_url
    for number, outcome in CARDS.items():
        yield "", f"{card(number)} {outcome}"
    yield "Stripe's portal", invitation.portal_url
    yield "", "opens within five minutes; POST /api/billing/portal-session makes another"
    yield "An invoice", invitation.invoice_url
    yield "The mails", f'curl -H "Authorization: Bearer {invitation.operator_key}" {invitation.emails_url}'


def _how_it_went(outcome: Outcome) -> str:
    if outcome.ok:
        return f"All {outcome.steps} steps went as expected, in {outcome.seconds:.1f} s."
    wrong = outcome.told[-1]
    rest = " What comes after it stands on it, and was not told." if len(outcome.told) < outcome.steps else ""
    return f"Step {wrong.number}, “{wrong.title}”, did not go as expected.{rest}"


def _next(outcome: Outcome) -> list[tuple[str, str]]:
    """Where to go from here: commands, and what each does."""
    if outcome.kept:
        go_on = [(f"licet up --data-dir {outcome.kept}", "goes on where the story ended")]
    elif outcome.ok:
        go_on = [("licet up", "runs all of it for you, and stays (in a checkout: make up)")]
    else:
        go_on = [("licet demo --data-dir DIR", "keeps database and log for you to look at")]
    return [*go_on, ("licet --help", "says what else there is")]
