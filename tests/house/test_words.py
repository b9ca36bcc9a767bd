"""Plain words: terms that usually mark a sentence which is hard to read, and the first line of every docstring.

The list is a floor, not the aim. CONTRIBUTING.md says how we write.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]

MAX_FIRST_LINE = 99

WORDS = (
    r"\bwho(m)?ever\b",
    r"(?:^|[.:;] )Who (?!can\b)\w+(?![^.]*\?)",
    r"\bof ours\b",
    r"\bnobody's\b",
    r"\bdoor\b",
    r"\berrands?\b",
    r"\bcourier\b",
    r"\bthe house\b",
    r"\bgoes for\b",
    r"\bstands?\b(?!-|alone)",
    r"\banew\b",
    r"\blest\b",
    r"\bthereof\b",
    r"\bhenceforth\b",
    r"\bwithal\b",
    r"\bin vain\b",
    r"\bin earnest\b",
    r"\bunforeseen\b",
    r"\bof old\b",
    r"\bshall\b",
    r"\bnot to be\b",
    r"\b(take|takes|taken|taking|took) (it |them )?back\b",
    r"\bgiv(e|es|ing) way\b",
    r"\b(let|lets|letting) (it |them )?(go|be)\b",
    r"\b(be)?(comes?|came) of\b",
    r"\bword of\b",
    r"\bsays? again\b",
    r"\bsee(s|n)? (\w+ )?through\b",
    r"\bsees? to\b",
    r"\bparked\b(?!`|')",
    r"\btethered\b",
    r"\b(he|his|him)\b",
)
"""Regular expressions. To allow a word in a new meaning, narrow its expression here and say why in the commit."""

_WORDS = re.compile("|".join(WORDS))

# From Python 3.12 on, an f-string is several tokens.
_PROSE = (tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING))


def written_by_us() -> list[Path]:
    found = [TREE / "README.md", TREE / "CONTRIBUTING.md", TREE / "Makefile", *(TREE / "docs").rglob("*.md")]
    for kind in ("*.py", "*.sql", "*.html", "*.txt", "*.md", "*.yaml"):
        found += (TREE / "src").rglob(kind)
    return [path for path in found if not {"static", "spec"} & set(path.parts) and "egg-info" not in str(path)]


def prose_of(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Numbered lines: of Python only comments and strings, for a name may be one of the words."""
    if path.suffix != ".py":
        yield from enumerate(text.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in _PROSE:
            yield from enumerate(token.string.splitlines(), token.start[0])


def findings_in(path: Path, text: str) -> list[str]:
    """What is to be said more plainly, one line each."""
    found = [
        f"{path}:{number}: {match[0].strip()!r} in: {line.strip()}"
        for number, line in prose_of(path, text)
        if (match := _WORDS.search(line))
    ]
    if path.suffix != ".py":
        return found
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = (ast.get_docstring(node) or "").partition("\n")[0]
            if len(first) > MAX_FIRST_LINE:
                found.append(f"{path}:{getattr(node, 'lineno', 1)}: {len(first)} characters in: {first}")
    return found


def test_the_tree_is_written_in_plain_words() -> None:
    paths = written_by_us()
    assert len(paths) > 500
    found = [finding for path in paths for finding in findings_in(path.relative_to(TREE), path.read_text())]
    assert found == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "The job goes on. Who asks twice is told so."),
        ("a.md", "A charge of ours."),
        ("a.md", "The refusal stands."),
        ("a.md", "It is settled anew."),
        ("a.py", '"""Raises what Stripe\'s door raises."""\n'),
        ("a.py", "x = 1  # lest it runs every second\n"),
        ("a.py", f'"""{"long " * 20}."""\n'),
        ("a.py", f'def f() -> None:\n    """{"long " * 20}.\n\n    More.\n    """\n'),
    ],
)
def test_the_check_finds(name: str, text: str) -> None:
    assert len(findings_in(Path(name), text)) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "Who can call it? An account whose key has the scope. It runs standalone."),
        ("a.py", "door = anew = 1\n"),
        ("a.py", f'"""{"x" * 99}\n\n{"more " * 40}\n"""\n'),
    ],
)
def test_the_check_leaves_alone(name: str, text: str) -> None:
    assert findings_in(Path(name), text) == []
