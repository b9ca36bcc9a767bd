"""When two requests are the same one, and which answers are kept."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from licet.idempotency.core import KeyedRequest, is_stored

ACCOUNT = UUID("01900000-0000-7000-8000-000000000001")
REQUEST = KeyedRequest("key-1", "key:1", ACCOUNT, "POST", "/api/billing/checkout", "", {"a": 1, "b": [True, None]})


@pytest.mark.parametrize(
    "other",
    [
        {"key": "key-2"},
        {"caller": "key:2"},
        {"caller": "oidc:1"},
        {"acting_for": None},
        {"acting_for": UUID("01900000-0000-7000-8000-000000000002")},
        {"method": "PUT"},
        {"path": "/api/billing/portal-session"},
    ],
)
def test_a_key_is_scoped(other: dict[str, Any]) -> None:
    assert replace(REQUEST, **other).hash != REQUEST.hash


def test_what_is_asked_is_no_part_of_the_scope() -> None:
    assert replace(REQUEST, body={}, query="x=1").hash == REQUEST.hash


def test_parts_of_the_scope_do_not_run_into_each_other() -> None:
    one = replace(REQUEST, path="/a", key="b/c")
    assert one.hash != replace(REQUEST, path="/a/b", key="/c").hash
    assert one.hash != replace(REQUEST, path='/a", "b', key="/c").hash


def test_the_same_json_is_the_same_request() -> None:
    assert replace(REQUEST, body={"b": [True, None], "a": 1}).fingerprint == REQUEST.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        {"body": {"a": 1, "b": [None, True]}},
        {"body": {"a": "1", "b": [True, None]}},
        {"body": {"a": 1, "b": [1, None]}},
        {"body": {"a": 1}},
        {"body": None},
        {"query": "accountId=acme"},
    ],
)
def test_anything_else_is_another_request(other: dict[str, Any]) -> None:
    assert replace(REQUEST, **other).fingerprint != REQUEST.fingerprint


def test_a_fingerprint_cannot_be_guessed_without_the_key() -> None:
    assert replace(REQUEST, key="key-2").fingerprint != REQUEST.fingerprint


@pytest.mark.parametrize("status", [200, 201, 202, 400, 402, 404, 409, 413, 422])
def test_what_would_be_said_again_is_kept(status: int) -> None:
    assert is_stored(status)


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 502, 503])
def test_what_may_pass_is_not(status: int) -> None:
    assert not is_stored(status)
