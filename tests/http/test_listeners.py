"""Where the server listens, and what it says when it cannot."""
import os
import signal
import socket
import stat

import pytest

from server import Client


def unix_client(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(str(path))
    return Client(sock)


def test_a_unix_socket_is_served_and_removed_at_the_end(serve, tmp_path):
    path = tmp_path / "http.sock"
    server = serve(listen=f"unix:{path}")
    assert server.addresses == [f"unix:{path}"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    client = unix_client(path)
    assert client.get("/echo").headers["X-Client"] == "unix"
    assert client.get("/token/a").body == b"a"
    assert client.get("/big/3000000").status == 200
    client.close()
    server.signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    assert not path.exists()


def test_a_socket_file_is_replaced_only_if_nobody_listens(serve, tmp_path):
    path = tmp_path / "http.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.listen()
    assert "already in use" in serve(listen=f"unix:{path}", expect_failure=True).failure
    left.close()
    serve(listen=f"unix:{path}")
    assert unix_client(path).get("/constant").status == 200
    file = tmp_path / "file"
    file.write_text("precious")
    assert "not a socket" in serve(listen=f"unix:{file}", expect_failure=True).failure
    assert file.read_text() == "precious"


def test_ipv6_is_served(serve):
    server = serve(listen="[::1]:0")
    assert server.addresses[0].startswith("[::1]:")
    assert server.connect().get("/echo").headers["X-Client"] == "::1"


def test_the_ipv6_wildcard_takes_both_families_and_shows_ipv4_plainly(serve):
    server = serve(listen="[::]:0")
    port = server.endpoint[1]
    for host, shown in (("127.0.0.1", "127.0.0.1"), ("::1", "::1")):
        client = Client(socket.create_connection((host, port), timeout=20))
        assert client.get("/echo").headers["X-Client"] == shown


def test_an_inherited_socket_is_served(serve):
    listening = socket.create_server(("127.0.0.1", 0))
    listening.set_inheritable(True)
    fd = listening.fileno()
    server = serve(listen=f"fd:{fd}", pass_fds=(fd,))
    assert server.endpoint == listening.getsockname()
    assert server.connect().get("/constant").status == 200


def test_several_listeners_serve_side_by_side(serve, tmp_path, identity):
    server = serve("--plain=127.0.0.1:0", f"--plain=unix:{tmp_path}/s", tls=identity)
    assert server.connect().get("/constant").status == 200
    plain = Client(socket.create_connection(("127.0.0.1", int(server.addresses[1].split(":")[1])), timeout=20))
    assert plain.get("/constant").status == 200
    assert unix_client(tmp_path / "s").get("/constant").status == 200


def test_security_headers_follow_the_listener(serve, identity):
    assert "Strict-Transport-Security" in serve(tls=identity).connect().get("/constant").headers
    assert "Strict-Transport-Security" not in serve().connect().get("/constant").headers


@pytest.mark.parametrize("address", ["", "localhost:1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80",
                                     "[::1]", "[127.0.0.1]:80", "*:80", "unix:", "unix:relative", "unix:/" + "a" * 120,
                                     "fd:", "fd:x", "fd:0", "fd:999", "tcp:1"])
def test_an_address_that_cannot_be_is_refused_in_one_sentence(serve, address):
    failure = serve(listen=address, expect_failure=True).failure
    assert failure.startswith(f"Cannot listen on {address}: ") and "\n" not in failure


def test_what_the_system_refuses_is_said(serve, tmp_path):
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    assert "already in use" in serve(listen=f"127.0.0.1:{port}", expect_failure=True).failure
    assert "does not have the address" in serve(listen="192.0.2.1:0", expect_failure=True).failure
    assert "No such file" in serve(listen=f"unix:{tmp_path}/none/s", expect_failure=True).failure
    with socket.socket() as idle:
        idle.set_inheritable(True)
        fd = idle.fileno()
        failure = serve(listen=f"fd:{fd}", pass_fds=(fd,), expect_failure=True).failure
        assert "not a listening stream socket" in failure
    assert os.path.exists(tmp_path)


def test_a_port_can_be_taken_again_at_once(serve):
    server = serve()
    host, port = server.endpoint
    client = server.connect()
    client.get("/constant", headers="Connection: close\r\n")  # leaves TIME_WAIT with the server
    client.rest()
    server.check_and_stop()
    assert serve(listen=f"{host}:{port}").connect().get("/constant").status == 200
