"""A client that is slow or silent costs others nothing, and itself its connection."""
import threading
import time

import pytest

from server import BIG, pattern, small_window

@pytest.fixture(params=["plain", "tls"])
def kind(request, identity):
    return {"tls": identity} if request.param == "tls" else {}


@pytest.mark.parametrize("asked", [b"GET /big/5500000 HTTP/1.1\r\nHost: x\r\n\r\n",
                                   b"GET /big/60000 HTTP/1.1\r\nHost: x\r\n\r\n" * 100])
def test_clients_that_do_not_read_neither_delay_others_nor_burn_the_processor(serve, kind, asked):
    """The library sent in a busy loop until such a client read, and served nobody else on that thread."""
    server = serve("--io-threads=1", **kind)
    stuck = [small_window(server).send(asked) for _ in range(4)]
    other = server.connect()
    server.await_stats(lambda s: s["handled"] >= 5)
    server.assert_rests_while(lambda: other.get("/constant"))
    for client in stuck:
        client.close()


def test_a_client_that_takes_nothing_is_cut_off(serve, kind):
    server = serve("--write-ms=600", **kind)
    client = small_window(server).send(b"GET /big/5500000 HTTP/1.1\r\nHost: x\r\n\r\n")
    server.await_stats(lambda s: s["connections"] == 1)
    assert len(client.rest()) < 7_000_000


def test_a_large_answer_reaches_a_slow_but_steady_reader_whole(serve, kind):
    server = serve("--write-ms=600", **kind)
    client = small_window(server, 65536).send(f"GET /big/{BIG} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    received = bytearray()
    begin = time.monotonic()
    while not received.endswith(pattern(BIG)[-23:]) or len(received) < BIG:
        data = client.sock.recv(48 * 1024)
        assert data, f"cut off after {len(received)} bytes"
        received += data
        if time.monotonic() - begin < len(received) / (BIG / 2.0):  # the whole takes two seconds
            time.sleep(0.01)
    assert bytes(received).partition(b"\r\n\r\n")[2] == pattern(BIG)
    client.close()


def test_what_the_clients_side_acknowledges_counts_as_progress(serve):
    """Our own socket may stay full for longer than the limit while the client reads on."""
    server = serve("--write-ms=700")
    client = small_window(server).send(b"GET /big/550000 HTTP/1.1\r\nHost: x\r\n\r\n")
    received = 0
    while received < 550000:
        data = client.sock.recv(8192)
        assert data, f"cut off after {received} bytes"
        received += len(data)
        time.sleep(0.07)
    client.close()


def test_large_bodies_pass_both_ways(serve, kind):
    client = serve(**kind).connect()
    body = pattern(5 * 1024 * 1024)
    for _ in range(3):
        assert client.request("POST", "/echo", body).body == body


def drip(client, data):
    """Sends a byte now and then until the server has had enough."""
    def run():
        try:
            for i in range(len(data)):
                client.send(data[i:i + 1])
                time.sleep(0.05)
        except OSError:
            pass
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_a_head_that_drips_is_cut_at_its_deadline(serve):
    server = serve("--head-ms=500")
    client = server.connect()
    drip(client, b"GET /constant HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 400)
    answer = client.answer()
    assert answer.status == 408 and answer.headers["Connection"] == "close"
    client.close()


def test_a_head_that_drips_on_a_kept_connection_is_cut_too(serve):
    client = serve("--head-ms=500").connect()
    assert client.get("/constant").status == 200
    client.send(b"GET /constant HT")
    assert client.answer().status == 408
    assert client.rest() == b""


def test_a_body_that_drips_is_cut_at_its_deadline(serve):
    client = serve("--body-ms=500").connect()
    client.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 400\r\n\r\n")
    drip(client, b"a" * 400)
    assert client.answer().status == 408
    client.close()


def test_silent_and_idle_connections_end_without_an_answer(serve):
    server = serve("--head-ms=400", "--idle-ms=300")
    assert server.connect().rest() == b""
    client = server.connect()
    client.get("/constant")
    assert client.rest() == b""


def test_many_stuck_heads_and_bodies_delay_nobody(serve):
    server = serve("--io-threads=1")
    stuck = [server.connect() for _ in range(200)]
    for i, client in enumerate(stuck):
        client.send(b"GET /constant HT" if i % 2 else b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na")
    client = server.connect()
    for _ in range(200):
        assert client.get("/constant").body == b"constant"
    server.assert_rests_while(lambda: client.get("/constant"))
    assert stuck[0].send(b"12345678").answer().body == b"a12345678"
    assert stuck[1].send(b"TP/1.1\r\nHost: x\r\n\r\n").answer().body == b"constant"
