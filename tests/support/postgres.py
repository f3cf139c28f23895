"""A private PostgreSQL 15 cluster: Unix socket and peer authentication; over a network only where a test says so."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg2

from . import wait
from .paths import SOURCE

BIN = Path("/usr/lib/postgresql/15/bin")
SUPERUSER = "postgres"
OWNER = "claviger_owner"
APP = "claviger_app"
ROLES = SOURCE / "packaging" / "postgresql" / "roles.sql"


def _unprivileged():
    """PostgreSQL refuses to run as root: as root it runs as the account that Debian's package made."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


class Listening(NamedTuple):
    """At one address, over TLS, for the runtime role with its password, from one network."""

    address: str
    clients: str
    certificate: Path
    key: Path


class Cluster:
    """Started at once; stop() stops it and removes its files."""

    def __init__(self, settings=None, listening=None):
        self.account = _unprivileged()
        # A socket's path has 107 bytes at most, so not under pytest's long temporary names.
        self.directory = Path(tempfile.mkdtemp(prefix="claviger-pg-", dir="/tmp"))
        self.data = self.directory / "data"
        self.socket_directory = self.directory
        self.log = self.directory / "log"
        self._databases = 0
        self._process = None
        if self.account:
            os.chown(self.directory, self.account.pw_uid, self.account.pw_gid)
            # A daemon of root's comes by its account alone: it drops what lets root through everywhere.
            self.directory.chmod(0o711)
        self._initialise(settings or {})
        if listening:
            self._listen(listening)
        self.start()

    def _run(self, *command, **arguments):
        if self.account:
            command = ("setpriv", "--reuid", str(self.account.pw_uid), "--regid", str(self.account.pw_gid),
                       "--clear-groups", *command)
        return subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=120, **arguments)

    def _initialise(self, settings):
        self._run(str(BIN / "initdb"), "-D", str(self.data), "-U", SUPERUSER, "-A", "peer", "-E", "UTF8",
                  "--locale=C.UTF-8", "--no-sync")
        values = {
            "listen_addresses": "''",
            "unix_socket_directories": f"'{self.socket_directory}'",
            "max_connections": "200",
            # A crash of the machine may lose this cluster; a crash of a process may not, and that is what tests do.
            "fsync": "off",
            **settings,
        }
        with open(self.data / "postgresql.conf", "a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in values.items())
        (self.data / "pg_hba.conf").write_text("local all all peer map=claviger\n")
        ours = {"root", "postgres", pwd.getpwuid(os.geteuid()).pw_name}
        (self.data / "pg_ident.conf").write_text("".join(
            f"claviger {system} {role}\n" for system in sorted(ours) for role in (SUPERUSER, OWNER, APP)))

    def _listen(self, listening):
        for source, name in ((listening.certificate, "server.crt"), (listening.key, "server.key")):
            shutil.copy(source, self.data / name)
            (self.data / name).chmod(0o600)
            if self.account:
                os.chown(self.data / name, self.account.pw_uid, self.account.pw_gid)
        with open(self.data / "postgresql.conf", "a") as file:
            file.write(f"listen_addresses = '{listening.address}'\nssl = on\n")
        with open(self.data / "pg_hba.conf", "a") as file:
            file.write(f"hostssl all {APP} {listening.clients} scram-sha-256\n")

    def start(self):
        command = [str(BIN / "postgres"), "-D", str(self.data)]
        if self.account:
            command = ["setpriv", "--reuid", str(self.account.pw_uid), "--regid", str(self.account.pw_gid),
                       "--clear-groups", *command]
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
        wait.until(self._answers, "PostgreSQL to accept connections", timeout=60)

    def _answers(self):
        assert self._process.poll() is None, f"PostgreSQL ended: {self.log.read_text()[-2000:]}"
        try:
            psycopg2.connect(self.conninfo(SUPERUSER, "postgres"), connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def conninfo(self, role, database):
        return f"host={self.socket_directory} dbname={database} user={role}"

    def sql(self, text, role=SUPERUSER, database="postgres"):
        """Runs one statement; returns its rows, or None."""
        connection = psycopg2.connect(self.conninfo(role, database), connect_timeout=5)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(text)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    @contextmanager
    def holding(self, text, database):
        """In a transaction that keeps the statement's locks until the end; yields what counts who waits for a lock."""
        connection = psycopg2.connect(self.conninfo(SUPERUSER, database), connect_timeout=5)
        try:
            connection.cursor().execute(text)
            yield lambda: self.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
                                   f"datname = '{database}'")[0][0]
        finally:
            connection.close()

    def create_database(self):
        """A fresh database with the roles and privileges of a real installation; returns its name."""
        self._databases += 1
        name = f"claviger_{self._databases}"
        subprocess.run(["psql", "-X", "-q", "-v", f"database={name}", "-f", str(ROLES), "-d",
                        self.conninfo(SUPERUSER, "postgres")], check=True, capture_output=True, timeout=60)
        return name

    def dump(self, database):
        """Everything in a database, as pg_dump writes it."""
        return subprocess.run(["pg_dump", "-d", self.conninfo(SUPERUSER, database)], check=True, capture_output=True,
                              timeout=120).stdout

    def _signal_all(self, number):
        """To the postmaster and all its children."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for pid in [str(self._process.pid), *children]:
            try:
                os.kill(int(pid), number)
            except ProcessLookupError:
                pass

    def pause(self):
        """Connections stay open and nobody answers."""
        self._signal_all(signal.SIGSTOP)

    def resume(self):
        self._signal_all(signal.SIGCONT)

    def halt(self):
        """Stops and breaks all connections ("fast" shutdown)."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=60)

    def kill9(self):
        self._signal_all(signal.SIGKILL)
        self._process.wait(timeout=60)

    def restart(self):
        self.halt()
        self.start()

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=60)
        shutil.rmtree(self.directory, ignore_errors=True)
