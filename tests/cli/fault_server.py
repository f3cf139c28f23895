"""An HTTPS server for the faults that the real daemon cannot produce. Each target names its fault."""

import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager, suppress

from support.paths import SOURCE

KIB = b"x" * 1024
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"


def whole(body, status=b"200 OK", headers=b""):
    return (b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\nConnection: close\r\n" + headers
            + b"Content-Length: %d\r\n\r\n" % len(body) + body)


class FaultServer:
    """Answers every request with the bytes in `answer`; then closes. `requests` holds what was asked."""

    def __init__(self, directory):
        self.answer = whole(b"{}")
        self.hold = threading.Event()  # set: hold the connection open after the answer
        self.requests = []
        tls = directory / "fault-tls"
        subprocess.run([str(SOURCE / "scripts" / "dev-ca"), str(tls)], check=True, capture_output=True, timeout=60)
        self.ca = tls / "ca.crt"
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(tls / "server.crt", tls / "server.key")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self._done = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(plain,), daemon=True).start()

    def _answer(self, plain):
        try:
            with self._context.wrap_socket(plain, server_side=True) as connection:
                connection.settimeout(60)
                self.requests.append(self._read(connection))
                for block in [self.answer] if isinstance(self.answer, bytes) else self.answer:
                    connection.sendall(block)
                if self.hold.is_set():
                    self._done.wait(60)
        except OSError:
            pass

    @staticmethod
    def _read(connection):
        received = b""
        while b"\r\n\r\n" not in received:
            block = connection.recv(65536)
            if not block:
                break
            received += block
        return received

    def close(self):
        self._done.set()
        # Closing alone would not wake the thread in accept(), which would serve one more.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def fault_server(directory):
    server = FaultServer(directory)
    try:
        yield server
    finally:
        server.close()
