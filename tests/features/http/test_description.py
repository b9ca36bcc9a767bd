"""`/openapi.json` says of each route what it answers, failures and all; and each route keeps the conventions."""

import re

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from tests.support.face import Face

from licet.app import create_app
from licet.http.context import Context
from licet.http.rate_limits.count import DESCRIBED
from licet.http.rate_limits.rules import NEVER
from licet.http.routes import StrictRoute


async def test_the_description(face: Face) -> None:
    document = (await face.call("GET", "/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) >= NEVER
    assert "HTTPValidationError" not in str(document)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answers = operation["responses"]
            assert "500" in answers, (method, path)
            assert ("429" in answers) == (path not in NEVER), (method, path)
            for status, answer in answers.items():
                assert {"X-Request-Id", *DESCRIBED} <= set(answer["headers"])
                assert ("Retry-After" in answer["headers"]) == (status in {"429", "503"})
                if int(status) < 400:
                    continue
                content = answer["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Error"}, (method, path, status)
                for code, example in content["examples"].items():
                    assert example["value"]["code"] == code
                    assert example["value"]["statusCode"] == int(status)
            if operation.get("security"):
                assert {"401", "403"} <= set(answers), (method, path)
            if "requestBody" in operation:
                assert {"400", "413", "415", "422"} <= set(answers), (method, path)
            if "{id}" in path:
                assert "404" in answers, (method, path)
            assert operation["summary"], (method, path)


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
                assert operation["security"] == [{"bearer": []}, {"apiKey": []}], path
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
