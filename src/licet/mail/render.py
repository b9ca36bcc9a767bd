"""A template and its data become a mail's two bodies. Everything in HTML is escaped; text stays as it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from licet.kit.money import format_money

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Branding:
    """What every mail says of its sender: the name it signs with, and where we are reached (no slash at the end)."""

    vendor: str
    public_url: str


@dataclass(frozen=True)
class Rendered:
    """The two bodies of one mail."""

    text: str
    html: str


def render(template: str, data: Mapping[str, Any], house: Branding) -> Rendered:
    """Both bodies. Raises jinja2.TemplateNotFound for an unknown template, UndefinedError where data is missing."""
    given = {**data, "house": house}
    return Rendered(
        text=_environment.get_template(f"{template}.txt").render(given),
        html=_environment.get_template(f"{template}.html").render(given),
    )


def _date(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y}"


def _moment(at: datetime) -> str:
    return f"{_date(at)}, {at.astimezone(UTC):%H:%M} UTC"


_environment = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_environment.filters["money"] = format_money
_environment.filters["date"] = _date
_environment.filters["moment"] = _moment
