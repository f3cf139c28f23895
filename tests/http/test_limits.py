"""Connections, descriptors and memory are bounded, and what is full recovers."""
import json
import time

import pytest

from server import BIG, Client, pattern, small_window


def test_an_address_has_its_own_limit(serve):
    server = serve("--max-per-address=4")
    first = [server.connect() for _ in range(4)]
    for client in first:
        assert client.get("/constant").status == 200
    assert server.connect().rest() == b""
    other = Client(server.socket(source=("127.0.0.2", 0)))
    assert other.get("/constant").status == 200
    first[0].close()
    for _ in range(200):
        client = server.connect()
        try:
            assert client.get("/constant").status == 200
            break
        except (EOFError, ConnectionError):
            time.sleep(0.02)
    else:
        pytest.fail("the place that became free was not given away")
    assert json.loads(other.get("/stats").body)["refused_connections_total"] >= 1


def test_connections_beyond_the_limit_wait_and_are_served_when_others_end(serve):
    server = serve("--max-connections=8")
    first = [server.connect() for _ in range(8)]
    for client in first:
        assert client.get("/constant").status == 200
    waiting = [server.connect().send(b"GET /constant HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(4)]
    server.assert_rests_while(lambda: first[0].get("/constant"))
    for client in waiting:
        assert client.silent()
    for client in first[1:6]:
        client.close()
    for client in waiting:
        assert client.answer().body == b"constant"


def test_running_out_of_descriptors_neither_spins_nor_stops_what_runs(serve):
    server = serve("--descriptors=40")
    clients = [server.connect() for _ in range(60)]
    for client in clients[:5]:
        assert client.get("/constant").status == 200
    server.assert_rests_while(lambda: clients[0].get("/token/x"))
    last = clients[-1].send(b"GET /constant HTTP/1.1\r\nHost: x\r\n\r\n")
    assert last.silent()
    for client in clients[:40]:
        client.close()
    assert last.answer().body == b"constant"
    assert server.connect().get("/constant").body == b"constant"


def test_large_bodies_share_one_budget(serve):
    server = serve("--max-buffered=1000000")
    large = b"x" * 600000
    first = server.connect()
    first.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 600000\r\n\r\n" + large[:-1])
    server.await_stats(lambda s: s["connections"] == 2)
    second = server.connect()
    second.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 600000\r\n\r\n")
    answer = second.answer()
    assert answer.status == 503 and answer.headers["Retry-After"] == "1"
    assert server.connect().request("POST", "/echo", large[:60000]).status == 200
    assert first.send(b"x").answer().body == large
    assert server.connect().request("POST", "/echo", large).body == large


def test_large_answers_share_one_budget_until_they_are_read(serve):
    server = serve("--max-buffered-answers=7000000")
    slow = small_window(server).send(f"GET /big/{BIG} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).begin()
    other = server.connect()
    refused = other.get(f"/big/{BIG}")
    assert refused.status == 503 and refused.headers["Retry-After"] == "1"
    assert "abcdefghij" not in refused.body.decode()
    assert other.get("/big/60000").status == 200
    assert other.request("HEAD", f"/big/{BIG}").status == 200
    assert slow.answer().body == pattern(BIG)
    assert other.get(f"/big/{BIG}").body == pattern(BIG)


def test_the_room_of_an_answer_nobody_takes_any_more_is_given_back(serve):
    server = serve("--max-buffered-answers=7000000")
    slow = small_window(server).send(f"GET /big/{BIG} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).begin()
    other = server.connect()
    assert other.get(f"/big/{BIG}").status == 503
    slow.vanish()
    server.await_stats(lambda s: s["connections"] == 2)
    assert other.get(f"/big/{BIG}").body == pattern(BIG)


def test_a_declared_length_alone_costs_no_memory(serve):
    server = serve("--max-buffered=100000000000")

    def resident():
        with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096
    before = resident()
    clients = [server.connect() for _ in range(200)]
    for client in clients:
        client.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5242880\r\n\r\n")
    server.await_stats(lambda s: s["connections"] == 201)
    assert resident() - before < 100_000_000
