"""Runs the real command line as a person would, with a home directory of its own."""

import json
import os
import subprocess
from pathlib import Path

from support.paths import CLAVIGER

TIMEOUT = 60


class Cli:
    """`home` holds the session; nothing of the caller's environment but what a shell needs gets in."""

    def __init__(self, home, url=None, ca=None):
        self.home = Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            # AddressSanitizer's allocator, too, shall overwrite what is freed.
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":max_free_fill_size=268435456:free_fill_byte=165",
        }
        if url:
            self.environment["CLAVIGER_URL"] = url
        if ca:
            self.environment["CLAVIGER_CA_FILE"] = str(ca)

    @property
    def session_file(self):
        return self.home / ".config" / "claviger" / "session.json"

    def session(self):
        return json.loads(self.session_file.read_text())

    def change_session(self, **members):
        self.session_file.write_text(json.dumps(self.session() | members))

    def expire_session(self):
        """As if it had been left alone for long."""
        self.change_session(expires_at="2020-01-01T00:00:00.000000Z")

    def popen(self, *arguments, env=None, **options):
        return subprocess.Popen([str(CLAVIGER), *map(str, arguments)], env=self.environment | (env or {}),
                                **({"start_new_session": True} | options))

    def run(self, *arguments, stdin=b"", env=None, timeout=TIMEOUT, **options):
        """Runs to the end without a terminal; output as bytes."""
        stdin = stdin.encode() if isinstance(stdin, str) else stdin
        return subprocess.run([str(CLAVIGER), *map(str, arguments)], input=stdin, env=self.environment | (env or {}),
                              capture_output=True, timeout=timeout, start_new_session=True, **options)

    def ok(self, *arguments, **options):
        """As run(), but it must succeed; returns stdout."""
        result = self.run(*arguments, **options)
        assert result.returncode == 0, result.stderr.decode()
        return result.stdout

    def fails(self, status, *arguments, **options):
        """As run(), but it must fail with this status and an empty stdout; returns stderr as text."""
        result = self.run(*arguments, **options)
        assert result.returncode == status, (result.returncode, result.stderr.decode())
        assert result.stdout == b""
        assert result.stderr.startswith(b"claviger: "), result.stderr
        return result.stderr.decode()
