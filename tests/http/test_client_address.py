"""Whom a request is said to be from, and what forged headers cannot do."""
import socket

import pytest

from server import Client

FORGED = "X-Forwarded-For: 203.0.113.9\r\n"


def client_of(client, headers=""):
    return client.get("/echo", headers).headers["X-Client"]


@pytest.mark.parametrize("headers", [
    FORGED, FORGED + FORGED, "X-Forwarded-For: nonsense\r\n", "Forwarded: for=203.0.113.9\r\n",
    "X-Real-IP: 203.0.113.9\r\n", "X-Forwarded-For:\r\n"])
@pytest.mark.parametrize("flags", [(), ("--trust=192.0.2.1",), ("--trust=unix",), ("--trust=::1",)])
def test_a_client_that_is_no_trusted_proxy_cannot_name_itself(serve, flags, headers):
    assert client_of(serve(*flags).connect(), headers) == "127.0.0.1"


def test_a_trusted_proxy_names_its_client(serve):
    client = serve("--trust=127.0.0.0/8", "--trust=10.0.0.0/8").connect()
    assert client_of(client) == "127.0.0.1"
    assert client_of(client, FORGED) == "203.0.113.9"
    assert client_of(client, "x-forwarded-for: 127.0.0.1, 203.0.113.9 , 10.0.0.4\r\n") == "203.0.113.9"
    assert client_of(client, "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.9\r\n") == "203.0.113.9"
    assert client_of(client, "X-Forwarded-For: ::ffff:203.0.113.9\r\n") == "203.0.113.9"
    assert client_of(client, "Forwarded: for=203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\n") == "127.0.0.1"


def test_a_request_speaks_only_for_itself(serve):
    """The next request of the same connection may be another client's."""
    client = serve("--trust=127.0.0.1").connect()
    assert [client_of(client, headers) for headers in (FORGED, "", "X-Forwarded-For: 192.0.2.7\r\n")] == [
        "203.0.113.9", "127.0.0.1", "192.0.2.7"]


@pytest.mark.parametrize("value", ["", "unknown", "203.0.113.9:80", "[::1]", "203.0.113.9,", "1,2", "a" * 4000,
                                   ", ".join(["203.0.113.9"] * 33)])
def test_a_proxy_that_says_nonsense_is_refused(serve, value):
    server = serve("--trust=127.0.0.1")
    answer = server.connect().get("/echo", f"X-Forwarded-For: {value}\r\n")
    assert answer.status == 400 and b"X-Forwarded-For" in answer.body
    assert client_of(server.connect(), FORGED) == "203.0.113.9"


def test_the_body_of_a_refused_request_is_no_request(serve):
    client = serve("--trust=127.0.0.1").connect()
    smuggled = b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"
    assert client.request("POST", "/echo", smuggled, "X-Forwarded-For: ?\r\n").status == 400
    assert client.rest() == b""


def test_a_proxy_on_a_unix_socket_is_trusted_by_name(serve, tmp_path):
    def ask(server, headers):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(server.addresses[0].removeprefix("unix:"))
        return client_of(Client(sock), headers)
    for flags, expected in (((), "unix"), (("--trust=127.0.0.1",), "unix"), (("--trust=unix",), "203.0.113.9")):
        server = serve(*flags, listen=f"unix:{tmp_path}/{len(flags)}{expected}")
        assert ask(server, "") == "unix"
        assert ask(server, FORGED) == expected


def test_a_mapped_peer_is_trusted_as_ipv4(serve):
    server = serve("--trust=127.0.0.1", listen="[::]:0")
    client = Client(socket.create_connection(("127.0.0.1", server.endpoint[1]), timeout=20))
    assert client_of(client, FORGED) == "203.0.113.9"
