"""Base classes and field types of request and response bodies (camelCase in JSON)."""

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
"""The id that examples use."""

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


class RequestBody(BaseModel):
    """A request body.

    Unknown fields are refused, so that a typing error is noticed, and so are numbers in quotes.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=False,
        extra="forbid",
        strict=True,
        frozen=True,
    )


class ResponseBody(BaseModel):
    """A response body. Its constructor takes the Python names."""

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
        raise ValueError("must be a time with a time zone, such as 2027-01-31T12:00:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not a time that exists") from None


def _read_email(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be an email address")  # noqa: TRY004 - pydantic reports only ValueErrors
    try:
        # Whether an address can receive mail is not checked: a company's internal .local or .test address is valid.
        checked = email_validator.validate_email(
            value, check_deliverability=False, globally_deliverable=False, test_environment=True
        )
    except email_validator.EmailNotValidError as error:
        raise ValueError(f"must be an email address: {error}") from None
    return checked.normalized


Moment = Annotated[
    datetime,
    BeforeValidator(_read_time),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2027-01-31T12:00:00Z"]}),
]
"""A time in a request: RFC 3339 with a time zone. It becomes aware UTC."""

At = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2027-01-31T12:00:00Z"]}),
]
"""A time in a response: RFC 3339 in UTC, to the second."""

EmailAddress = Annotated[
    str,
    BeforeValidator(_read_email),
    WithJsonSchema({"type": "string", "format": "email", "examples": ["ada@example.com"]}),
]
"""An email address, normalised."""

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Field(examples=["Ada Lovelace"]),
]
"""A name that people read: 1 to 200 characters, without surrounding spaces."""

OwnName = Annotated[str, StringConstraints(min_length=1, max_length=255)]
"""The caller's own identifier of something, such as an externalId. It is stored unchanged."""


def _not_null(value: Any) -> Any:
    if value is None:
        raise ValueError("must not be null; leave it out instead")
    return value


class _WithoutNull:
    """Removes null from the JSON Schema of the field."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = dict(handler(core))
        value_schema, _null = schema.pop("anyOf")
        return {**schema, **value_schema}


MayBeLeftOut = Annotated[T | None, BeforeValidator(_not_null), _WithoutNull()]
"""A field of an update. If it is left out (None, the default) the value is not changed. Null is refused."""


class Meta(ResponseBody):
    """The number of the page, and the totals of the list."""

    total: int = Field(examples=[1])
    page: int = Field(examples=[1])
    limit: int = Field(examples=[20])
    total_pages: int = Field(examples=[1])


class ListResponse(ResponseBody, Generic[T]):
    """A page of a list. The items are in `data`, the newest first."""

    data: list[T]
    meta: Meta

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """The schema's name in `/openapi.json`: `InvoiceList` for a list of `Invoice`."""
        return f"{params[0].__name__}List"
