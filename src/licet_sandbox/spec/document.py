"""Reads Stripe's OpenAPI document: the operations and their parameters."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

API_VERSION = "2026-10-28.endive"

Schema = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """One operation of the API, such as `GET /v1/products/{id}`. schema: its parameters as a closed object."""

    method: str
    template: str
    schema: Schema

    @property
    def name(self) -> str:
        """The operation's key in the table of operations."""
        return f"{self.method} {self.template}"


class Document:
    """The OpenAPI document, its operations found by path."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self.schemas: dict[str, Schema] = content["components"]["schemas"]
        self._by_length: dict[tuple[str, int], list[tuple[list[str], Operation]]] = {}
        for template, methods in content["paths"].items():
            segments = template.strip("/").split("/")
            for method, described in methods.items():
                operation = Operation(method.upper(), template, _parameters(method, described))
                self._by_length.setdefault((method.upper(), len(segments)), []).append((segments, operation))
        for candidates in self._by_length.values():
            # `/v1/charges/search` before `/v1/charges/{charge}`.
            candidates.sort(key=lambda candidate: sum(segment.startswith("{") for segment in candidate[0]))

    def find_operation(self, method: str, path: str) -> tuple[Operation, list[str]] | None:
        """The operation of a path, and the values in the path, in order; None if there is none."""
        given = path.strip("/").split("/")
        for segments, operation in self._by_length.get((method, len(given)), []):
            pairs = list(zip(segments, given, strict=True))
            if all(segment.startswith("{") or segment == value for segment, value in pairs):
                return operation, [value for segment, value in pairs if segment.startswith("{")]
        return None


def _parameters(method: str, described: dict[str, Any]) -> Schema:
    """The query (GET) or the form (POST, DELETE) as one closed object."""
    if method != "get":
        body: Schema = described["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
        return body
    query = [parameter for parameter in described["parameters"] if parameter["in"] == "query"]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {parameter["name"]: parameter["schema"] for parameter in query},
        "required": [parameter["name"] for parameter in query if parameter.get("required")],
    }


def _load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(resources.files("licet_sandbox.spec").joinpath(name).read_bytes())
    return content


@cache
def document() -> Document:
    """The document, read at its first use (25 ms), not at import."""
    return Document(_load("openapi.json"))


@cache
def examples() -> dict[str, dict[str, Any]]:
    """Stripe's example object of each kind."""
    found: dict[str, dict[str, Any]] = _load("fixtures.json")["resources"]
    return found
