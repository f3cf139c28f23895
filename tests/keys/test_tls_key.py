"""The HTTPS key lives in the token: clients connect, certificates are exchanged, and the HSM may be away."""

import base64
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest
from cryptography import x509
from support import wait
from support.daemon import Installation
from support.tls_key import NAMES, URI, TlsKey


@pytest.fixture(scope="module")
def own(own_cluster, tmp_path_factory):
    installation = Installation(own_cluster, tmp_path_factory.mktemp("tls"))
    yield installation
    installation.close()


@pytest.fixture(scope="module")
def tls(own):
    return TlsKey(own).certify()


@pytest.fixture(scope="module")
def served(own, tls):
    daemon = own.daemon("served", **tls.settings())
    yield daemon
    daemon.kill9()


def context(daemon):
    return ssl.create_default_context(cafile=daemon.ca)


def connect(daemon, settings=None, timeout=20):
    sock = socket.create_connection(("127.0.0.1", daemon.port), timeout=timeout)
    return (settings or context(daemon)).wrap_socket(sock, server_hostname="localhost")


def presented(daemon):
    """The certificate that a new connection gets."""
    with connect(daemon) as tls:
        return tls.getpeercert(binary_form=True)


def der(path):
    return ssl.PEM_cert_to_DER_cert(path.read_text())


def get(tls, path="/v1/health/live"):
    tls.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return tls.recv(65536)


def uri_file(path, uri):
    """As pkcs11-provider writes it."""
    def element(tag, value):
        length = bytes([len(value)]) if len(value) < 128 else bytes([0x81, len(value)])
        return bytes([tag]) + length + value
    text = base64.encodebytes(element(0x30, element(0x1A, b"PKCS#11 Provider URI v1.0") + element(0x0C, uri.encode())))
    path.write_text(f"-----BEGIN PKCS#11 PROVIDER URI-----\n{text.decode()}-----END PKCS#11 PROVIDER URI-----\n")
    path.chmod(0o600)
    return path


def test_a_request_names_the_server_and_is_signed_by_the_key(tls):
    result = tls.run("request", *NAMES, "--dns", "*.vault.example")
    request = x509.load_pem_x509_csr(result.stdout.encode())
    assert request.is_signature_valid
    assert result.stderr == "for the key claviger-tls-v1\n"
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "*.vault.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    usage = request.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical and usage.value.digital_signature and not usage.value.key_cert_sign
    assert request.subject.rfc4514_string() == "CN=localhost"


@pytest.mark.parametrize("words", [[], ["--dns", ""], ["--dns", "a,DNS:b"], ["--dns", "a b"], ["--dns", "a..b"],
                                   ["--dns", "-a"], ["--dns", "*"], ["--dns", "x" * 64], ["--ip", "localhost"],
                                   ["--ip", "127.0.0.1/8"]])
def test_a_request_for_what_is_no_name_is_refused(tls, words):
    result = tls.run("request", "--new-key", *words)
    assert result.returncode == 2 and result.stdout == "", result.stderr


def test_its_words_go_with_no_other_command(own):
    result = own.run("check-config", "--dns", "localhost")
    assert result.returncode == 2 and "tls request" in result.stderr


@pytest.mark.parametrize("version, curve", [("1.2", "X25519:P-256"), ("1.2", "P-256"), ("1.2", "P-384:P-256"),
                                            ("1.3", "X25519"), ("1.3", "P-256"), ("1.3", "P-384")])
def test_curl_and_openssl_connect(served, version, curve):
    url = f"https://localhost:{served.port}/v1/health/live"
    result = subprocess.run(["curl", "-sS", "--noproxy", "*", "--cacert", str(served.ca), f"--tlsv{version}", "--tls-max",
                             version, "--curves", curve, url], capture_output=True, text=True, timeout=30)
    assert result.returncode == 0 and '"alive"' in result.stdout, result.stderr + result.stdout
    result = subprocess.run(
        ["openssl", "s_client", "-connect", f"localhost:{served.port}", "-CAfile", str(served.ca), "-verify_return_error",
         "-verify_hostname", "localhost", f"-tls{version.replace('.', '_')}", "-groups", curve], input="",
        capture_output=True, text=True, timeout=30)
    assert result.returncode == 0 and "Verification: OK" in result.stdout, result.stdout + result.stderr
    assert "Peer signing digest: SHA256" in result.stdout


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_python_connects_and_resumes(served, version):
    settings = context(served)
    settings.minimum_version = settings.maximum_version = version
    with connect(served, settings) as tls:
        assert b"200 OK" in get(tls)
        session = tls.session
    sock = socket.create_connection(("127.0.0.1", served.port), timeout=20)
    with settings.wrap_socket(sock, server_hostname="localhost", session=session) as tls:
        assert b"200 OK" in get(tls) and tls.session_reused


def test_no_other_digest_is_signed(served):
    """A client of TLS 1.2 that takes nothing else gets no connection, and harms nobody."""
    result = subprocess.run(["openssl", "s_client", "-connect", f"localhost:{served.port}", "-tls1_2", "-sigalgs",
                             "ECDSA+SHA384"], input="", capture_output=True, text=True, timeout=30)
    assert result.returncode != 0
    assert b"200 OK" in get(connect(served))


def test_many_connect_at_once(served):
    """More than there are threads that wait for signatures."""
    failures = []

    def some():
        for _ in range(5):
            try:
                with connect(served) as tls:
                    assert b"200 OK" in get(tls)
            except Exception as error:  # noqa: BLE001
                failures.append(error)

    threads = [threading.Thread(target=some) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize("uri", [URI, "pkcs11:object=claviger-tls-v1;type=private;id=claviger-tls-v1"])
def test_a_file_may_name_the_key(own, tls, tmp_path, uri):
    daemon = own.daemon("file", **tls.settings(uri_file(tmp_path / "key.pem", uri)))
    try:
        assert presented(daemon) == der(tls.certificate)
    finally:
        daemon.kill9()


@pytest.mark.parametrize("uri, says", [
    ("pkcs11:object=claviger-tls?pin-value=1234", "hsm.pin_file"),
    ("pkcs11:object=claviger-tls?module-path=/lib/x.so", "token, serial, object, id and type only"),
    ("pkcs11:object=claviger-tls;type=cert", "does not name a private key"),
    ("pkcs11:object", "not a PKCS#11 URI")])
def test_a_uri_that_says_too_much_or_nothing_is_refused(own, tls, uri, says):
    result = own.run("run", **tls.settings(uri))
    assert result.returncode == 3 and says in result.stderr


@pytest.mark.parametrize("uri, says", [
    ("pkcs11:object=claviger-tls-v9", "holds no key"),
    ("pkcs11:token=another;object=claviger-tls", "another token"),
    ("pkcs11:object=claviger-audit-v1", "holds no key"),
    ("pkcs11:object=claviger-token-v1", "does not belong to the certificate")])
def test_a_uri_of_another_key_is_refused(own, tls, uri, says):
    result = own.run("run", **tls.settings(uri))
    assert result.returncode == 7 and says in result.stderr


def test_the_certificate_is_exchanged_under_traffic_and_old_keys_destroyed(own, tmp_path):
    tls = TlsKey(own, "exchanged").certify()
    daemon = own.daemon("exchanged", **tls.settings())
    stop = threading.Event()
    failures, seen = [], set()

    def connect_on_and_on():
        while not stop.is_set():
            try:
                with connect(daemon) as connection:
                    assert b"200 OK" in get(connection)
                    seen.add(connection.getpeercert(binary_form=True))
            except Exception as error:  # noqa: BLE001
                failures.append(error)

    threads = [threading.Thread(target=connect_on_and_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        first = der(tls.certificate)
        wait.until(lambda: seen == {first}, "the first certificate")
        with connect(daemon) as kept:
            shutil.copy(tls.certificate, tmp_path / "first.crt")
            tls.certify("--new-key")
            second = der(tls.certificate)
            assert second != first and presented(daemon) == first
            daemon.signal(signal.SIGHUP)
            wait.until(lambda: presented(daemon) == second, "the second certificate")
            assert b"200 OK" in get(kept)  # connections of before live on

        # Of somebody else's key: the one in use stays.
        shutil.copy(own.tls / "server.crt", tls.certificate)
        daemon.signal(signal.SIGHUP)
        wait.until(lambda: "does not belong to the certificate" in daemon.log_text(), "the refusal")
        assert presented(daemon) == second

        # Back to the first, whose key is still there; and for good to the second.
        shutil.copy(tmp_path / "first.crt", tls.certificate)
        daemon.signal(signal.SIGHUP)
        wait.until(lambda: presented(daemon) == first, "the first certificate again")
        tls.certificate.write_text(ssl.DER_cert_to_PEM_cert(second))
        daemon.signal(signal.SIGHUP)
        wait.until(lambda: presented(daemon) == second, "the second certificate again")
        result = tls.run("destroy-old")
        assert result.stdout == "claviger-tls-v1 is gone\nclaviger-tls-v2 signs\n", result.stderr
        assert tls.run("destroy-old").stdout == "claviger-tls-v2 signs\n"
        shutil.copy(tmp_path / "first.crt", tls.certificate)
        daemon.signal(signal.SIGHUP)
        wait.until(lambda: daemon.log_text().count("does not belong to the certificate") == 2, "the second refusal")
        assert tls.run("destroy-old").returncode == 3
        assert presented(daemon) == second
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        daemon.kill9()
    assert not failures
    assert seen == {first, second}
    assert own.sql("SELECT action, details::json->>'key' FROM audit_events WHERE action LIKE 'tls_key%' ORDER BY id") == [
        ("tls_key.make", "claviger-tls-v2"), ("tls_key.destroy", "claviger-tls-v1")]


def test_while_the_hsm_hangs_handshakes_end_and_connections_live_on(own):
    tls = TlsKey(own, "away").certify()
    daemon = own.faulty_daemon(**tls.settings(), hsm__operation_timeout="2s", http__handshake_timeout="1s")
    try:
        with connect(daemon) as kept:
            daemon.faults.set("* hang")
            begun = time.monotonic()
            # More than there are threads that wait for signatures.
            socks = [socket.create_connection(("127.0.0.1", daemon.port), timeout=20) for _ in range(12)]
            waiting = [context(daemon).wrap_socket(sock, server_hostname="localhost", do_handshake_on_connect=False)
                       for sock in socks]
            threads = [threading.Thread(target=lambda each=each: pytest.raises(OSError, each.do_handshake))
                       for each in waiting]
            for thread in threads:
                thread.start()
            assert b"200 OK" in get(kept)
            for thread in threads:
                thread.join()
            assert time.monotonic() - begun < 8
            assert b"200 OK" in get(kept)
            wait.until(lambda: b"unavailable" in get(kept, "/v1/health/hsm"), "health to say so")
            daemon.faults.clear()
            wait.until(lambda: b'"ok"' in get(kept, "/v1/health/hsm"), "the HSM to come back", timeout=40)
        assert b"200 OK" in get(connect(daemon))
    finally:
        daemon.kill9()


def test_without_the_hsm_there_is_no_start(own, tls):
    module = own.run("run", **tls.settings(), hsm__module="/nonexistent.so", process__startup_wait="1s")
    assert module.returncode == 4, module.stderr
    assert os.path.exists(tls.certificate)
