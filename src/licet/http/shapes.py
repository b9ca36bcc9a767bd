"""What bodies look like: camelCase outside, snake_case inside; strict about what comes, exact about what goes."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

import email_validator
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from licet.kit.times import rfc3339

T = TypeVar("T")

EXAMPLE_ID = "0193a1b2-7c3d-7e4f-8a5b-123456789abc"
"""An id of ours, as it stands in examples."""

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


class RequestBody(BaseModel):
    """A body that a caller sends. A field we do not know is refused (a typing error must not pass unseen), and so is a
    number in quotes."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=False,
        extra="forbid",
        strict=True,
        frozen=True,
    )


class ResponseBody(BaseModel):
    """A body that we send, made with our own names."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_alias=False,
        validate_by_name=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
    )


def _read_time(value: Any) -> datetime:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("must be a time with its zone, such as 2027-01-31T12:00:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is no time that exists") from None


def _read_email(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be an e-mail address")  # noqa: TRY004 - pydantic reports ValueErrors alone
    try:
        # Whether it can be delivered is for the mail server to find out; a company's own .local or .test is an address.
        found = email_validator.validate_email(
            value, check_deliverability=False, globally_deliverable=False, test_environment=True
        )
    except email_validator.EmailNotValidError as error:
        raise ValueError(f"must be an e-mail address: {error}") from None
    return found.normalized


Moment = Annotated[
    datetime,
    BeforeValidator(_read_time),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2027-01-31T12:00:00Z"]}),
]
"""A time that a caller gives: RFC 3339 with its zone. Becomes aware UTC."""

At = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2027-01-31T12:00:00Z"]}),
]
"""A time that we show: RFC 3339 in UTC, to the second."""

EmailAddress = Annotated[
    str,
    BeforeValidator(_read_email),
    WithJsonSchema({"type": "string", "format": "email", "examples": ["ada@example.com"]}),
]
"""An e-mail address, normalised."""

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Field(examples=["Ada Lovelace"]),
]
"""A line of text for people."""

OwnName = Annotated[str, StringConstraints(min_length=1, max_length=255)]
"""A name that the caller made up for one of its own things, kept as it is."""


def _not_null(value: Any) -> Any:
    if value is None:
        raise ValueError("may be left out, but not be null")
    return value


class _WithoutNull:
    """For the description, which would have null beside what the field takes."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        shown = dict(handler(core))
        taken, _null = shown.pop("anyOf")
        return {**shown, **taken}


MayBeLeftOut = Annotated[T | None, BeforeValidator(_not_null), _WithoutNull()]
"""A field of a change: left out (None, the default) it stays as it is. Null is refused."""


class Meta(ResponseBody):
    """Which page of how many."""

    total: int = Field(examples=[1])
    page: int = Field(examples=[1])
    limit: int = Field(examples=[20])
    total_pages: int = Field(examples=[1])


class ListResponse(ResponseBody, Generic[T]):
    """A page of a list, the newest first."""

    data: list[T]
    meta: Meta

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """The schema's name in `/openapi.json`: `InvoiceList` for a list of `Invoice`."""
        return f"{params[0].__name__}List"
