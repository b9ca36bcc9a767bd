"""Renders an email's text and HTML bodies from a template and its data. Values are escaped in HTML."""

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
    """What every email shows of its sender. public_url: Licet's own, without a trailing slash."""

    vendor: str
    public_url: str


@dataclass(frozen=True)
class Rendered:
    """The two bodies of an email."""

    text: str
    html: str


def render_email(template: str, data: Mapping[str, Any], branding: Branding) -> Rendered:
    """Render both bodies. Raises jinja2.TemplateNotFound, or jinja2.UndefinedError if data is missing."""
    context = {**data, "branding": branding}
    return Rendered(
        text=_environment.get_template(f"{template}.txt").render(context),
        html=_environment.get_template(f"{template}.html").render(context),
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
