"""A person at a terminal: runs the command line on a pseudo-terminal."""

import contextlib
import ctypes
import os
import pty
import select
import termios
import time

from support import wait
from support.paths import CLAVIGER


class Terminal:
    def __init__(self, cli, *arguments):
        self.output = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(str(CLAVIGER), ["claviger", *map(str, arguments)], cli.environment)

    def wait_for(self, text, timeout=60):
        deadline = time.monotonic() + timeout
        while text not in self.output:
            assert time.monotonic() < deadline, f"no {text!r} in {self.output!r}"
            assert self._read(1), f"ended without {text!r}: {self.output!r}"

    def _read(self, seconds):
        """False once the other side has closed."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            block = os.read(self.fd, 65536)
        except OSError:
            return False
        self.output += block
        return bool(block)

    def _name(self):
        buffer = ctypes.create_string_buffer(64)
        assert ctypes.CDLL(None).ptsname_r(self.fd, buffer, 64) == 0
        return buffer.value

    def type(self, text):
        os.write(self.fd, text.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    @contextlib.contextmanager
    def kept_open(self):
        """The terminal outlives the program."""
        other_side = os.open(self._name(), os.O_RDWR | os.O_NOCTTY)
        try:
            yield
        finally:
            os.close(other_side)

    def wait(self):
        """The exit status as subprocess tells it: -n for signal n."""
        _, status = wait.until(lambda: (ended := os.waitpid(self.pid, os.WNOHANG))[0] and ended, "it to end", 60)
        return os.waitstatus_to_exitcode(status)

    def end(self, timeout=60):
        """Reads to the end; returns the exit status."""
        deadline = time.monotonic() + timeout
        while self._read(1):
            assert time.monotonic() < deadline, self.output
        os.close(self.fd)
        return self.wait()
