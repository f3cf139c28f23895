"""A login that waits for its approval, and who decides about it."""

import re

SHOWN = re.compile(rb"\b([BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4})\b")


class DeviceLogin:
    """`claviger login` that waits; `code` is what it shows."""

    def __init__(self, cli, *arguments, **options):
        self.process = cli.popen("login", *arguments, stdout=-1, stderr=-1, stdin=-1, **options)
        self.shown = b""
        while b"Ctrl-C" not in self.shown:
            line = self.process.stderr.readline()
            assert line, self.shown
            self.shown += line
        self.code = SHOWN.search(self.shown).group(1).decode()

    def end(self, timeout=60):
        stdout, stderr = self.process.communicate(timeout=timeout)
        return self.process.returncode, stdout, stderr


def decide(account, login, verb="approve"):
    assert account.post(f"/v1/auth/device/{verb}", json={"user_code": login.code}).status_code == 200


def log_in(cli, account, *arguments, **options):
    """From its beginning to its end; returns stderr."""
    login = DeviceLogin(cli, *arguments, **options)
    decide(account, login)
    status, _, stderr = login.end()
    assert status == 0, stderr
    return stderr.decode()
