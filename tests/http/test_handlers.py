"""Whatever a handler does, its client gets one answer, and nothing of ours leaks into it."""
import json

import pytest


@pytest.mark.parametrize("target", ["/drop", "/throw", "/throw42", "/badheader"])
def test_a_handler_that_fails_gives_a_plain_500(serve, target):
    client = serve().connect()
    answer = client.get(target)
    assert answer.status == 500
    assert json.loads(answer.body) == {"type": "about:blank", "title": "Internal Server Error", "status": 500,
                                       "detail": "An internal error occurred"}
    assert "X-Injected" not in answer.headers
    assert client.get("/constant").body == b"constant"


def test_a_handler_that_does_not_answer_in_time_gives_503_and_its_late_answer_is_dropped(serve):
    server = serve("--job-ms=300")
    client = server.connect()
    answer = client.get("/slow/1200")
    assert answer.status == 503 and answer.headers["Retry-After"] == "1"
    assert client.rest() == b""
    assert server.await_stats(lambda s: s["dropped_answers_total"] == 1)["in_flight"] == 1


def test_a_response_above_the_limit_is_not_sent(serve):
    client = serve("--max-response=1000").connect()
    assert client.get("/big/1000").status == 200
    assert client.get("/big/1001").status == 500


def test_the_loops_report_that_they_live(serve):
    assert serve().stats()["alive"]
