"""A desktop's keyring: the real gnome-keyring-daemon on a session bus of its own, looked into with secret-tool."""

import os
import signal
import subprocess
import tempfile
from pathlib import Path

from . import wait

PASSWORD = b"Key-Ring-0f-Tests!"
SCHEMA = "org.claviger.RefreshToken"
TIMEOUT = 30

# Debian's own would start a keyring by itself for whoever asks, and let nobody in but whose bus it is.
BUS = """<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/>
    <allow user="*"/></policy>
</busconfig>
"""


class Bus:
    """`dbus-run-session` with nobody on the bus. `account`: a passwd entry, to run as somebody else (as root only)."""

    def __init__(self, account=None):
        # The socket's path must be short, and its directory open to whom it belongs.
        self._files = tempfile.TemporaryDirectory(prefix="claviger-keyring-", dir="/tmp")
        self.directory = Path(self._files.name)
        config = self.directory / "bus.conf"
        config.write_text(BUS)
        self._as = ()
        if account:
            os.chown(self.directory, account.pw_uid, account.pw_gid)
            self._as = ("setpriv", "--reuid", str(account.pw_uid), "--regid", str(account.pw_gid), "--clear-groups")
        self._session = self._popen("dbus-run-session", f"--config-file={config}", "--", "sh", "-c",
                                    'echo "$DBUS_SESSION_BUS_ADDRESS"; exec cat', stdin=-1, stdout=-1, stderr=subprocess.DEVNULL)
        self.address = self._session.stdout.readline().decode().strip()
        assert self.address
        children = Path(f"/proc/{self._session.pid}/task/{self._session.pid}/children").read_text().split()
        self.pid = next(int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text() == "dbus-daemon\n")

    @property
    def environment(self):
        """What a program needs to find it."""
        return {"DBUS_SESSION_BUS_ADDRESS": self.address}

    def _environment(self):
        home = str(self.directory)
        return {"PATH": os.environ["PATH"], "HOME": home, "XDG_DATA_HOME": home, "XDG_RUNTIME_DIR": home, "LANG": "C.UTF-8"}

    def _popen(self, *command, **options):
        return subprocess.Popen((*self._as, *command), env=self._environment() | options.pop("env", {}), cwd="/", **options)

    def _run(self, *command, stdin=b""):
        return subprocess.run(command, env=self._environment() | self.environment, input=stdin, capture_output=True,
                              timeout=TIMEOUT)

    def pause(self):
        os.kill(self.pid, signal.SIGSTOP)

    def stop(self):
        os.kill(self.pid, signal.SIGCONT)
        self._session.stdin.close()
        self._session.wait(TIMEOUT)
        self._session.stdout.close()
        self._files.cleanup()


class Keyring(Bus):
    """Unlocked from the beginning."""

    def __init__(self, account=None):
        super().__init__(account)
        self.start()

    def start(self):
        self._daemon = self._popen("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets",
                                   f"--control-directory={self.directory}", stdin=-1, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env=self.environment)
        self._daemon.stdin.write(PASSWORD)
        self._daemon.stdin.close()
        wait.until(lambda: b"login" in self._call("ReadAlias", "string:default").stdout, "the keyring to be unlocked")

    def _call(self, method, *arguments):
        return self._run("dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.secrets",
                         "/org/freedesktop/secrets", f"org.freedesktop.Secret.Service.{method}", *arguments)

    def lookup(self, *attributes):
        """The secret of an item with these, or None."""
        return self._run("secret-tool", "lookup", *attributes).stdout.decode() or None

    def token(self, url, email):
        return self.lookup("xdg:schema", SCHEMA, "url", url, "email", email)

    def count(self):
        """Of refresh tokens."""
        return self._run("secret-tool", "search", "--all", "xdg:schema", SCHEMA).stdout.count(b"label = ")

    def remove(self, *attributes):
        """As the person would."""
        assert self._run("secret-tool", "clear", *attributes).returncode == 0

    def store(self, secret, *attributes):
        """As any other program would."""
        assert self._run("secret-tool", "store", "--label=other", *attributes, stdin=secret.encode()).returncode == 0

    def lock(self):
        assert self._call("Lock", "array:objpath:/org/freedesktop/secrets/collection/login").returncode == 0

    def pause(self):
        self._daemon.send_signal(signal.SIGSTOP)

    def kill(self):
        self._daemon.kill()
        self._daemon.wait(TIMEOUT)

    def stop(self):
        self.kill()
        super().stop()
