"""The echo server as a child process, and a raw HTTP client that hides nothing."""
import http.client
import io
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import time

BINARY = os.environ["CLAVIGER_ECHO_SERVER"]
# Seconds for each of the tests that hammer; a soak sets more.
HAMMER_SECONDS = float(os.environ.get("CLAVIGER_HTTP_SOAK_SECONDS", "2"))
PATIENCE = 20  # no answer takes this long; only a hang does
BIG = 6_000_000  # bytes of a large answer


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


class Client:
    """One connection; bytes in, answers out."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(PATIENCE)
        self.waiting = b""

    def send(self, data):
        self.sock.sendall(data)
        return self

    def request(self, method, target, body=None, headers=""):
        length = "" if body is None else f"Content-Length: {len(body)}\r\n"
        head = f"{method} {target} HTTP/1.1\r\nHost: test\r\n{length}{headers}\r\n"
        self.send(head.encode() + (body or b""))
        return self.answer(head_only=method == "HEAD")

    def get(self, target, headers=""):
        return self.request("GET", target, headers=headers)

    def _more(self):
        data = self.sock.recv(65536)
        if not data:
            raise EOFError(f"closed after {self.waiting[:200]!r}")
        self.waiting += data

    def begin(self):
        """Waits for the first bytes of an answer."""
        self._more()
        return self

    def answer(self, head_only=False):
        while b"\r\n\r\n" not in self.waiting:
            self._more()
        head, self.waiting = self.waiting.split(b"\r\n\r\n", 1)
        status_line, _, fields = head.partition(b"\r\n")
        version, status, _ = status_line.decode().split(" ", 2)
        assert version == "HTTP/1.1"
        headers = http.client.parse_headers(io.BytesIO(fields + b"\r\n\r\n"))
        length = 0 if head_only else int(headers.get("Content-Length", "0"))
        chunks, have = [self.waiting], len(self.waiting)
        while have < length:
            data = self.sock.recv(1 << 18)
            if not data:
                raise EOFError(f"closed after {have} of {length} bytes")
            chunks.append(data)
            have += len(data)
        whole = b"".join(chunks)
        self.waiting = whole[length:]
        return Answer(int(status), headers, whole[:length])

    def rest(self):
        """All bytes until the server closes, with what came before a reset."""
        data = self.waiting
        try:
            while chunk := self.sock.recv(65536):
                data += chunk
        except (ConnectionResetError, ssl.SSLError):
            pass
        return data

    def silent(self):
        """True if the server has sent nothing that was not asked for."""
        self.sock.setblocking(False)
        try:
            return not self.waiting and self.sock.recv(1) is None
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        finally:
            self.sock.settimeout(PATIENCE)

    def vanish(self):
        """Resets the connection, so that its descriptor number is free at once."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()


class EchoServer:
    def __init__(self, *flags, tls=None, listen="127.0.0.1:0", pass_fds=(), expect_failure=False):
        self.handled_by_statistics = 0
        kind = "--tls" if tls else "--plain"
        self.tls = tls
        listeners = [f"{kind}={listen}"] if listen is not None else []
        self.process = subprocess.Popen([BINARY, *listeners, *(tls.flags if tls else ()), *flags], text=True,
                                        stdout=subprocess.PIPE, pass_fds=pass_fds)
        word, _, rest = self.process.stdout.readline().strip().partition(" ")
        if expect_failure:
            assert word == "failed", f"the server started: {rest}"
            assert self.process.wait(PATIENCE) == 1
            self.failure = rest
            return
        assert word == "ready", rest
        self.failure = None
        self.addresses = rest.split(" ")

    @property
    def endpoint(self):
        host, _, port = self.addresses[0].rpartition(":")
        return host.strip("[]"), int(port)

    def socket(self, source=None):
        """A connected socket, without TLS in any case."""
        return socket.create_connection(self.endpoint, timeout=PATIENCE, source_address=source)

    def wrap(self, sock, **settings):
        context = ssl.create_default_context(cafile=self.tls.cert)
        for name, value in settings.items():
            setattr(context, name, value)
        return context.wrap_socket(sock, server_hostname="localhost")

    def connect(self):
        return Client(self.wrap(self.socket()) if self.tls else self.socket())

    def stats(self):
        client = self.connect()
        try:
            self.handled_by_statistics += 1
            return json.loads(client.get("/stats").body)
        finally:
            client.close()

    def await_stats(self, condition):
        end = time.monotonic() + PATIENCE
        while not condition(stats := self.stats()):
            assert time.monotonic() < end, stats
            time.sleep(0.02)
        return stats

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def assert_rests_while(self, ask, seconds=1.2):
        """Requests now and then need next to no processor time; a thread that spins needs all it can get. The
        share is small because a loaded machine gives a spinning thread little."""
        cpu, begin = self.cpu_seconds(), time.monotonic()
        while time.monotonic() - begin < seconds:
            assert ask().status == 200
            time.sleep(0.1)
        used, wall = self.cpu_seconds() - cpu, time.monotonic() - begin
        assert used < 0.1 * wall, f"{used:.2f} s of processor time in {wall:.2f} s"

    def signal(self, number):
        self.process.send_signal(number)

    def line(self):
        return self.process.stdout.readline().strip()

    def check_and_stop(self):
        if self.failure is not None:
            return
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.stdout.close()
        assert self.process.wait() == 0, "the server crashed or had to be killed"


def pattern(size):
    """The body of /big/{size}."""
    return (b"abcdefghijklmnopqrstuvw" * (size // 23 + 1))[:size]


def small_window(server, size=8192):
    """A connection whose receiving side holds little, so that the server soon cannot send."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    sock.settimeout(PATIENCE)
    sock.connect(server.endpoint)
    return Client(server.wrap(sock) if server.tls else sock)
