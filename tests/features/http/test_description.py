"""`/openapi.json` says of each route what it answers, failures and all; and each route keeps the conventions."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from tests.support.errors_page import documented_codes
from tests.support.face import Face

from licet.app import create_app
from licet.http.context import Context
from licet.http.openapi.examples import example_of
from licet.http.rate_limits.count import RATE_LIMIT_HEADERS
from licet.http.rate_limits.rules import UNLIMITED_PATHS
from licet.http.router import StrictRoute
from licet.http.shapes import ResponseBody


@pytest.fixture
def document(context: Context) -> dict[str, Any]:
    return create_app(context).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each operation: (method, path, itself)."""
    for path, by_method in document["paths"].items():
        for method, operation in by_method.items():
            yield method.upper(), path, operation


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each body that is asked for or answered: (where, its schema and examples)."""
    for method, path, operation in operations(document):
        asked = {"asked": operation["requestBody"]} if "requestBody" in operation else {}
        for status, one in (asked | operation["responses"]).items():
            for content in one.get("content", {}).values():
                yield f"{method} {path} {status}", content


def examples_of(content: dict[str, Any]) -> list[Any]:
    alone = [content["example"]] if "example" in content else []
    return alone + [one["value"] for one in content.get("examples", {}).values()]


async def test_it_is_served(face: Face, document: dict[str, Any]) -> None:
    assert (await face.call("GET", "/openapi.json")).json() == document
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) >= UNLIMITED_PATHS


def test_nothing_of_the_framework_shows(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert not [word for word in ("ValidationError", "Successful Response", "Validation Error") if word in text]
    assert not [name for name in document["components"]["schemas"] if re.match("Listed|Shown|Asked|.*_", name)]


def test_every_operation_in_words(document: dict[str, Any]) -> None:
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    ids = []
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
        assert all(parameter["description"] for parameter in operation.get("parameters", ())), (method, path)
        assert set(operation["tags"]) <= set(tags)
        ids.append(operation["operationId"])
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", one) for one in ids)


def test_every_answer_its_headers(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            headers = set(answer["headers"])
            assert {"X-Request-Id", *RATE_LIMIT_HEADERS} <= headers, (method, path)
            assert ("Retry-After" in headers) == (status in {"429", "503"})
            assert ("WWW-Authenticate" in headers) == (status == "401")


def test_every_failure_that_a_call_may_meet(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        answers = set(operation["responses"])
        assert {"413", "422", "500"} <= answers, (method, path)
        assert ("429" in answers) == (path not in UNLIMITED_PATHS), (method, path)
        if operation.get("security"):
            assert {"401", "403", "503"} <= answers, (method, path)
        if "requestBody" in operation:
            # A webhook's body is read as bytes, whatever it is said to be.
            assert ({"400", "415"} - ({"415"} if "webhooks" in path else set())) <= answers, (method, path)
        if "{id}" in path:
            assert "404" in answers, (method, path)


def test_every_error_has_the_one_shape_and_a_code_that_is_explained(document: dict[str, Any]) -> None:
    codes = documented_codes()
    for method, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                content = answer["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Error"}, (method, path, status)
                for code, example in content["examples"].items():
                    value = example["value"]
                    assert (value["code"], value["statusCode"], codes[code]) == (code, int(status), int(status))


def test_every_body_has_an_example_and_each_fits(document: dict[str, Any]) -> None:
    checked = 0
    for where, content in bodies(document):
        schema = {**content["schema"], "components": document["components"]}
        fits = jsonschema_rs.validator_for(schema, validate_formats=True)
        examples = examples_of(content)
        assert examples, where
        for example in examples:
            fits.validate(example)
            checked += 1
        # Each of the answers that there may be is shown.
        for one in content["schema"].get("anyOf", ()):
            only = jsonschema_rs.validator_for({**one, "components": document["components"]})
            assert one == {"type": "null"} or any(only.is_valid(example) for example in examples), (where, one)
    assert checked > 300


def test_an_answer_without_a_body_is_a_204(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            assert ("content" in answer) == (status != "204"), (method, path, status)


def test_a_field_without_an_example_is_found_as_the_document_is_made() -> None:
    with pytest.raises(ValueError, match="Amount needs an example"):
        example_of({"type": "integer", "title": "Amount"}, {})


async def test_two_bodies_of_one_name(context: Context) -> None:
    app = create_app(context)

    class License(ResponseBody):
        other: bool

    @app.get("/second", summary="Another")
    async def second() -> License:
        return License(other=True)

    with pytest.raises(ValueError, match="two bodies have the same title"):
        app.openapi()


async def test_how_to_say_who_is_calling(face: Face) -> None:
    document = (await face.call("GET", "/openapi.json")).json()
    schemes = document["components"]["securitySchemes"]
    assert set(schemes) == {"bearer", "apiKey"}
    assert (schemes["bearer"]["type"], schemes["bearer"]["scheme"]) == ("http", "bearer")
    assert (schemes["apiKey"]["in"], schemes["apiKey"]["name"]) == ("header", "X-API-Key")
    for scheme in schemes.values():
        assert {"API", "JWT", "RS256", "ES256"} <= set(re.findall(r"\w+", scheme["description"]))
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if "security" in operation:
                # Either of them is enough.
                without: list[dict[str, Any]] = [{}] if path == "/readyz" else []
                assert operation["security"] == [*without, {"bearer": []}, {"apiKey": []}], path
                unavailable = operation["responses"]["503"]["content"]["application/json"]["examples"]
                assert "identity_provider_unavailable" in unavailable


async def test_the_fields_are_camel_case(face: Face) -> None:
    document = (await face.call("GET", "/openapi.json")).json()
    for schema in document["components"]["schemas"].values():
        assert not [name for name in schema.get("properties", {}) if "_" in name]


def routes_of(app: FastAPI) -> list[APIRoute]:
    found = []
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            found.append(context.original_route)
    return found


def test_every_route_with_a_body_reads_it_by_our_rules(context: Context) -> None:
    routes = routes_of(create_app(context))
    assert len(routes) > 10
    for route in routes:
        if route.body_field is not None:
            assert isinstance(route, StrictRoute), route.path
