"""The TLS side: silent and broken clients, versions, resumption, reload."""
import os
import shutil
import socket
import ssl
import subprocess

import pytest

import certificates
from server import Client


def test_silent_tls_clients_delay_nobody(serve, identity):
    """The library made the handshake in its accept thread: each silent client stopped it for ten seconds."""
    server = serve("--handshake-ms=60000", tls=identity)
    silent = [server.socket() for _ in range(200)]
    for sock in silent[::2]:
        sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00")  # the first bytes of a hello
    for _ in range(5):
        client = server.connect()
        assert client.get("/constant").body == b"constant"
        client.close()
    for sock in silent:
        sock.close()
    server.await_stats(lambda s: s["connections"] == 1)


def test_a_handshake_ends_at_its_deadline(serve, identity):
    server = serve("--handshake-ms=400", tls=identity)
    for first in (b"", b"\x16\x03\x01\x02\x00\x01\x00"):
        sock = server.socket()
        sock.sendall(first)
        assert Client(sock).rest() == b""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_only_tls_1_2_and_1_3_are_spoken(serve, identity):
    server = serve(tls=identity)
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        sock = server.wrap(server.socket(), maximum_version=version, minimum_version=version)
        assert sock.version() == name
        assert Client(sock).get("/constant").body == b"constant"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="(?i)protocol.version"):
        context.wrap_socket(server.socket())


@pytest.mark.parametrize("cipher", ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA256", "NULL", "aNULL"])
def test_ciphers_without_forward_secrecy_or_aead_are_refused(serve, identity, cipher):
    server = serve(tls=identity)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher + ":@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        context.wrap_socket(server.socket())


def test_http_1_1_is_negotiated_and_nothing_else(serve, identity):
    server = serve(tls=identity)

    def negotiate(protocols):
        context = ssl.create_default_context(cafile=identity.cert)
        context.set_alpn_protocols(protocols)
        return context.wrap_socket(server.socket(), server_hostname="localhost")
    assert negotiate(["h2", "http/1.1"]).selected_alpn_protocol() == "http/1.1"
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        negotiate(["h2"])


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_resume(serve, identity, version):
    server = serve(tls=identity)
    context = ssl.create_default_context(cafile=identity.cert)
    context.minimum_version = context.maximum_version = version
    first = context.wrap_socket(server.socket(), server_hostname="localhost")
    Client(first).get("/constant")
    second = context.wrap_socket(server.socket(), server_hostname="localhost", session=first.session)
    assert second.session_reused
    assert Client(second).get("/constant").body == b"constant"


def test_renegotiation_is_refused(serve, identity):
    server = serve(tls=identity)
    host, port = server.endpoint
    done = subprocess.run(["openssl", "s_client", "-connect", f"{host}:{port}", "-tls1_2"], input=b"R\n",
                          capture_output=True, timeout=20, check=False)
    assert b"RENEGOTIATING" in done.stderr and b"no renegotiation" in done.stderr


def test_garbage_instead_of_tls_ends_only_its_own_connection(serve, identity):
    server = serve(tls=identity)
    for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 100, os.urandom(500), b"\x16\x03\x01\xff\xff" + b"a" * 70000):
        sock = server.socket()
        try:
            sock.sendall(data)
        except OSError:
            pass
        Client(sock).rest()
    for _ in range(10):  # a bad record inside a session
        secure = server.wrap(server.socket())
        raw = socket.socket(fileno=os.dup(secure.fileno()))
        raw.sendall(b"\x17\x03\x03\x00\x10" + b"x" * 16)
        raw.shutdown(socket.SHUT_WR)
        Client(secure).rest()
        raw.close()
    assert server.connect().get("/constant").body == b"constant"


def test_answering_a_client_that_reset_its_session_raises_no_signal(serve, identity):
    """OpenSSL writes with write(2), which raises SIGPIPE: it ended the process."""
    server = serve(tls=identity)
    for i in range(60):
        client = server.connect()
        client.send(b"GET /big/4000000 HTTP/1.1\r\nHost: x\r\n\r\n" if i % 2 else b"GET /slow/20 HTTP/1.1\r\nHost: x\r\n\r\n")
        if i % 3:
            client.sock.recv(1000)
        client.vanish()
    server.await_stats(lambda s: s["connections"] == 1)


def test_writing_tls_to_a_unix_client_that_closed_raises_no_signal(serve, identity, tmp_path):
    """On a Unix socket the first write after the close raises it already."""
    server = serve(f"--tls=unix:{tmp_path}/s", tls=identity)
    for _ in range(60):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(20)
        sock.connect(f"{tmp_path}/s")
        client = Client(server.wrap(sock))
        client.send(b"GET /big/4000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        received = 0
        while received < 1_000_000:
            received += len(client.sock.recv(65536))
        client.close()
    server.await_stats(lambda s: s["connections"] == 1)


def test_a_request_that_ends_without_close_notify_is_not_served_twice_or_spun_on(serve, identity):
    server = serve(tls=identity)
    for _ in range(20):
        client = server.connect()
        client.send(b"GET /constant HT")
        client.sock.close()  # no close_notify
    server.await_stats(lambda s: s["connections"] == 1)
    other = server.connect()
    server.assert_rests_while(lambda: other.get("/constant"))


def test_a_new_certificate_is_taken_without_a_restart(serve, tmp_path):
    first, second = (certificates.make(tmp_path / name, name) for name in (p.name for p in folders(tmp_path, "a", "b")))
    server = serve(tls=first)
    kept = server.connect()

    def served():
        sock = socket.create_connection(server.endpoint, timeout=20)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with context.wrap_socket(sock) as secure:
            return ssl.DER_cert_to_PEM_cert(secure.getpeercert(binary_form=True))

    def pem(path):
        with open(path, encoding="ascii") as file:
            return file.read()
    assert served() == pem(first.cert)
    old = pem(first.cert)
    shutil.copyfile(second.cert, first.cert)
    server.signal(1)
    assert server.line() == "reloaded 0"  # the key does not fit the new certificate yet
    assert served() == old
    shutil.copyfile(second.key, first.key)
    server.signal(1)
    assert server.line() == "reloaded 1"
    assert served() == pem(second.cert)
    assert kept.get("/constant").body == b"constant"


def folders(parent, *names):
    for name in names:
        (parent / name).mkdir()
        yield parent / name


def test_keys_that_are_open_missing_foreign_or_encrypted_are_refused(serve, tmp_path):
    own, other = (certificates.make(folder, "x") for folder in folders(tmp_path, "own", "other"))

    def failure(cert, key):
        return serve(f"--cert={cert}", f"--key={key}", "--tls=127.0.0.1:0", listen=None, expect_failure=True).failure
    os.chmod(own.key, 0o640)
    assert "group or others have access" in failure(own.cert, own.key)
    os.chmod(own.key, 0o600)
    assert "does not belong to the certificate" in failure(own.cert, other.key)
    assert "No such file" in failure(own.cert, str(tmp_path / "none"))
    assert "certificate chain" in failure(str(tmp_path / "none"), own.key)
    encrypted = str(tmp_path / "encrypted.pem")
    subprocess.run(["openssl", "pkcs8", "-topk8", "-in", own.key, "-out", encrypted, "-passout", "pass:x"], check=True)
    os.chmod(encrypted, 0o600)
    assert "not an unencrypted PEM private key" in failure(own.cert, encrypted)
