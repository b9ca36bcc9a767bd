"""Every answer has a request id, and every log line of the request."""

import pytest
from structlog.testing import capture_logs
from tests.support.face import Face


async def test_a_good_one_is_kept(face: Face) -> None:
    for given in ("a", "A-b_c.9", "x" * 64):
        answer = await face.call("GET", "/healthz", headers={"X-Request-Id": given})
        assert answer.headers["x-request-id"] == given


async def test_another_is_replaced(face: Face) -> None:
    given: str | bytes
    for given in ("", "x" * 65, "a b", "a/b", "a\tb", b"\xfcnder", "a;b", "../x", "%0d%0aSet-Cookie:x"):
        answer = await face.call("GET", "/healthz", headers={"X-Request-Id": given})
        assert answer.status_code == 200
        assert len(answer.headers["x-request-id"]) == 36
        assert answer.headers.get_list("x-request-id") == [answer.headers["x-request-id"]]


async def test_each_gets_another(face: Face) -> None:
    made = {(await face.call("GET", "/healthz")).headers["x-request-id"] for _ in range(5)}
    assert len(made) == 5


async def test_one_line_for_each_request_without_its_query(face: Face) -> None:
    with capture_logs() as lines:
        await face.call("GET", "/healthz?token=very-secret", headers={"X-Request-Id": "mine"})
    (line,) = [line for line in lines if line["event"] == "request"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/healthz", 200)
    assert line["duration_ms"] >= 0
    assert "very-secret" not in str(lines)


async def test_an_authenticated_request_says_by_which_key_never_the_key(
    face: Face, capsys: pytest.CaptureFixture[str]
) -> None:
    await face.get("/api/orders", headers={"X-Request-Id": "mine"})
    written = capsys.readouterr().out
    assert '"request_id": "mine"' in written
    assert face.operator_key not in written
