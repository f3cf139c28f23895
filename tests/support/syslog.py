"""A syslog receiver over TLS (RFC 5425) as a process of its own, so that it can be killed and hung like a real one."""

import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

from . import wait
from .paths import SOURCE
from .ports import free_port

HEADER = re.compile(r"<(\d{1,3})>1 (\S+) (\S+) clavigerd - (\S+) - ")


class SyslogReceiver:
    """Keeps the messages it has read in a file, which survives it. Wants a certificate of the installation's CA."""

    def __init__(self, installation, host="127.0.0.1"):
        self.installation = installation
        self.host = host
        self.port = free_port()
        self.path = installation.directory / f"syslog-{self.port}.received"
        self._process = None
        self.start()

    def start(self):
        tls = self.installation.tls
        words = ["-m", "support.syslog", self.host, str(self.port), str(tls), str(self.path)]
        self._process = subprocess.Popen([sys.executable, *words], cwd=SOURCE / "tests")
        wait.until(self._listens, "the syslog receiver")

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0

    def kill9(self):
        self._process.kill()
        self._process.wait(timeout=30)

    def hang(self):
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self._process.send_signal(signal.SIGCONT)

    def close(self):
        if self._process.poll() is None:
            self.kill9()

    def settings(self, **overrides):
        """Of a daemon that exports to it."""
        certificate, key = client_certificate(self.installation)
        return {"audit__syslog_server": self.host, "audit__syslog_port": self.port,
                "audit__syslog_ca_file": self.installation.ca, "audit__syslog_certificate": certificate,
                "audit__syslog_private_key": key, "audit__syslog_timeout": "2s"} | overrides

    def messages(self):
        """(priority, message id, object) of each message, in the order in which they came."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_text().splitlines():
            header = HEADER.match(line)
            assert header, line
            found.append((int(header.group(1)), header.group(4), json.loads(line[header.end():])))
        return found

    def records(self):
        return [body for _, _, body in self.messages() if body["type"] == "record"]

    def checkpoints(self):
        return [body["number"] for _, _, body in self.messages() if body["type"] == "checkpoint"]


def client_certificate(installation):
    """Paths of certificate and key, made once."""
    tls = installation.tls
    if not (tls / "client.crt").exists():
        def openssl(*words):
            subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60, cwd=tls)
        (tls / "client.ext").write_text("extendedKeyUsage=clientAuth\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=clavigerd",
                "-keyout", "client.key", "-out", "client.csr")
        openssl("x509", "-req", "-in", "client.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-set_serial", "0x77", "-days",
                "30", "-extfile", "client.ext", "-out", "client.crt")
        (tls / "client.key").chmod(0o600)
    return tls / "client.crt", tls / "client.key"


def _frames(connection):
    """Octet counting: a length, a space, that many bytes."""
    with connection.makefile("rb") as stream:
        while True:
            length = b""
            while (byte := stream.read(1)) != b" ":
                if not byte:
                    assert length == b""
                    return
                assert byte.isdigit() and len(length) < 7 and (length + byte)[:1] != b"0"
                length += byte
            message = stream.read(int(length))
            if len(message) < int(length):
                return
            yield message


def _receive(plain, context, out, lock):
    try:
        with context.wrap_socket(plain, server_side=True) as connection:
            for message in _frames(connection):
                assert b"\n" not in message
                with lock:
                    out.write(message + b"\n")
                    out.flush()
    except OSError:
        plain.close()


def _serve(host, port, tls, path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls / "server.crt", tls / "server.key")
    context.load_verify_locations(tls / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    lock = threading.Lock()
    with socket.create_server((host, port)) as listener, open(path, "ab") as out:
        while True:
            plain, _ = listener.accept()
            threading.Thread(target=_receive, args=(plain, context, out, lock), daemon=True).start()


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
