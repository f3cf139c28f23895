"""The end: every request that was begun is answered, and nothing new is begun."""
import concurrent.futures
import signal
import time

import pytest


def ask_until_closed(server, target):
    """How many answers came before the server went."""
    answers = 0
    try:
        while True:
            client = server.connect()
            for _ in range(20):
                client.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                answer = client.answer()
                assert answer.status == 200
                answers += 1
                if answer.headers["Connection"] == "close":
                    break
            client.close()
    except (OSError, EOFError):
        return answers


@pytest.mark.parametrize("secure", [False, True])
def test_draining_under_load_loses_no_answer(serve, identity, secure):
    server = serve("--io-threads=2", tls=identity if secure else None)
    targets = ["/constant", "/token/x", "/slow/3", "/slow/30", "/big/200000"] * 2
    with concurrent.futures.ThreadPoolExecutor(len(targets)) as pool:
        jobs = [pool.submit(ask_until_closed, server, target) for target in targets]
        server.await_stats(lambda s: s["handled"] > 300)
        statistics = server.handled_by_statistics
        server.signal(signal.SIGTERM)
        line = server.line().split()
        answers = sum(job.result() for job in jobs)
    assert line[:2] == ["drained", "1"]
    assert int(line[3]) == answers + statistics


def test_an_answer_in_flight_is_delivered_and_idle_connections_end(serve):
    server = serve()
    idle = server.connect()
    idle.get("/constant")
    slow = server.connect().send(b"GET /slow/700 HTTP/1.1\r\nHost: x\r\n\r\n")
    half = server.connect().send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel")
    server.await_stats(lambda s: s["in_flight"] == 2 and s["connections"] == 4)
    server.signal(signal.SIGTERM)
    assert idle.rest() == b""
    with pytest.raises(OSError):
        for _ in range(500):
            server.socket().close()
            time.sleep(0.01)
    answer = half.send(b"lo").answer()
    assert answer.body == b"hello" and answer.headers["Connection"] == "close"
    answer = slow.answer()
    assert answer.body == b"slow" and answer.headers["Connection"] == "close"
    assert slow.rest() == b"" and half.rest() == b""
    for client in (idle, slow, half):
        client.close()
    assert server.line().startswith("drained 1")


def test_a_request_that_does_not_arrive_during_the_drain_is_told_so(serve):
    server = serve()
    half = server.connect().send(b"GET /constant HT")
    server.await_stats(lambda s: s["connections"] == 2)
    server.signal(signal.SIGTERM)
    assert half.answer().status == 503
    assert half.rest() == b""
    half.close()
    assert server.line().startswith("drained 1")


def test_a_drain_ends_at_its_deadline(serve):
    server = serve("--drain-ms=400")
    server.connect().send(b"GET /slow/60000 HTTP/1.1\r\nHost: x\r\n\r\n")
    server.await_stats(lambda s: s["in_flight"] == 2)
    server.signal(signal.SIGTERM)
    assert server.line().startswith("drained 0")
