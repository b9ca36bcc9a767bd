"""JSON as we read it: what two readers could understand differently is refused."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.face import Face, assert_error, fields_of

from licet.errors import MalformedJson, ValidationFailed
from licet.http.json_body import MAX_DEPTH, parse_json

JSON = {"content-type": "application/json"}


MALFORMED = [
    b"{",
    b"{'kind': 'user'}",
    b'{"kind": "user",}',
    b'{"kind": "user"} x',
    b'{"kind": NaN}',
    b'{"kind": -Infinity}',
    b'{"kind": 1e999}',
    b'{"kind": ' + b"9" * 5000 + b"}",
    b'{"kind": "user", "kind": "organization"}',
    b'{"a": {"b": 1, "b": 2}}',
    b'{"kind": "\xff"}',
    b'{"kind": "\x00"}',
    b'{"kind": "a\nb"}',
    b'\xef\xbb\xbf{"kind": "user"}',
    '{"kind": "user"}'.encode("utf-16"),
    b"[" * 100_000,
    b"[" * 500 + b"]" * 500,
    b'{"a":' * 200_000,
    b"   ",
]


async def test_malformed(face: Face) -> None:
    for body in MALFORMED:
        answer = await face.post("/api/admin/accounts", content=body, headers=JSON)
        assert_error(answer, 400, "malformed_json")
        assert len(answer.text) < 400


async def test_text_that_cannot_be_stored(face: Face) -> None:
    for text in ("\\u0000", "a\\u0000b", "\\ud800", "\\udfff", "x\\udc00y", "\\ud800\\ud800"):
        body = f'{{"kind": "user", "name": "{text}", "email": "a@example.com"}}'
        assert fields_of(await face.post("/api/admin/accounts", content=body.encode(), headers=JSON)) == ["name"]
        body = f'{{"kind": "user", "name": "A", "email": "a@example.com", "{text}": 1}}'
        assert fields_of(await face.post("/api/admin/accounts", content=body.encode(), headers=JSON)) == ["body"]


async def test_a_whole_surrogate_pair_is_a_character(face: Face) -> None:
    body = b'{"kind": "user", "name": "\\ud83d\\ude00", "email": "a@example.com"}'
    answer = await face.post("/api/admin/accounts", content=body, headers=JSON)
    assert answer.json()["name"] == "\U0001f600"


def test_where_the_text_stands() -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse_json(b'{"items": [{}, {"metadata": {"a": ["\\u0000"]}}]}')
    assert caught.value.details["fields"][0]["field"] == "items[1].metadata.a[0]"


def test_an_integer_may_be_written_with_a_point() -> None:
    found = parse_json(b"[30.0, 3e1, -0.0, 30.5, 1e300]")
    assert found == [30, 30, 0, 30.5, 1e300]
    assert [type(one) for one in found] == [int, int, int, float, float]


def test_how_deep() -> None:
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(MalformedJson):
        parse_json(b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(ANY_JSON)
def test_what_is_json_is_read_as_it_is_unless_it_cannot_be_stored(value: object) -> None:
    raw = json.dumps(value).encode()
    if "\\u0000" in raw.decode():
        with pytest.raises(ValidationFailed):
            parse_json(raw)
    else:
        assert parse_json(raw) == value


@given(st.binary(max_size=60))
def test_nothing_else_ever_comes_out(raw: bytes) -> None:
    with suppress(MalformedJson, ValidationFailed):
        parse_json(raw)
