"""The disk of the audit log is full: nothing is answered that is not recorded."""

import os
import subprocess

import pytest
from support import wait

MEGABYTE = 1024 * 1024


def move_log(installation, space):
    """Every month of it."""
    parts = installation.sql("SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'audit_events'::regclass")
    for part, in parts:
        installation.cluster.sql(f"ALTER TABLE {part} SET TABLESPACE {space}", database=installation.database)


class SmallDisk:
    """The audit table on a file system of a few megabytes. Needs the right to mount."""

    def __init__(self, daemon, directory):
        self._daemon = daemon
        self._filler = directory / "filler"
        account = daemon.installation.cluster.account
        space = directory / "space"
        space.mkdir()
        os.chown(space, account.pw_uid, account.pw_gid)
        cluster = daemon.installation.cluster
        cluster.sql(f"CREATE TABLESPACE small LOCATION '{space}'")
        move_log(daemon.installation, "small")

    def fill(self):
        with open(self._filler, "wb") as filler:
            try:
                while True:
                    filler.write(b"\0" * MEGABYTE)
                    filler.flush()
            except OSError:
                pass

    def empty(self):
        self._filler.unlink()


class NoSpaceTrigger:
    """The error of a full disk, raised by the database itself."""

    def __init__(self, daemon):
        self._daemon = daemon
        daemon.psql_owner("CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS"
                          " $$BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END$$")

    def fill(self):
        self._daemon.psql_owner("CREATE TRIGGER no_space BEFORE INSERT ON audit_events EXECUTE FUNCTION no_space()")

    def empty(self):
        self._daemon.psql_owner("DROP TRIGGER no_space ON audit_events")


@pytest.fixture
def disk(own_daemon):
    """A real small disk where it can be mounted, else the trigger."""
    # Below the cluster's directory, which PostgreSQL's account can reach.
    mount_point = own_daemon.installation.cluster.directory / "small-disk"
    mount_point.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(mount_point)], capture_output=True).returncode == 0
    yield SmallDisk(own_daemon, mount_point) if mounted else NoSpaceTrigger(own_daemon)
    if mounted:
        own_daemon.kill9()
        move_log(own_daemon.installation, "pg_default")
        own_daemon.installation.cluster.sql("DROP TABLESPACE small")
        subprocess.run(["umount", str(mount_point)], check=True)


def recorded(daemon):
    return {identifier for identifier, in daemon.psql_owner("SELECT request_id FROM audit_events")}


def test_no_value_leaves_while_the_audit_log_cannot_be_written(own_daemon, disk):
    vault = own_daemon.api().signup().create_vault()
    value = "value-that-must-stay"
    assert vault.put("before", value).status_code == 201
    disk.fill()
    answers = []

    def refused():
        # A table's last page may still have room for some records: those reads are answered, and recorded.
        answers.append(vault.get("before"))
        return answers[-1].status_code == 503

    wait.until(refused, "reads to be refused", timeout=60, interval=0)
    assert value not in answers[-1].text
    ready = own_daemon.api().get("/v1/health/ready")
    assert ready.status_code == 503 and "audit: records cannot be committed" in ready.text
    put = vault.put("during", "lost")
    assert put.status_code == 503
    disk.empty()

    wait.until(lambda: vault.get("before").status_code == 200, "reads to work again", timeout=60)
    assert own_daemon.api().get("/v1/health/ready").status_code == 200
    assert vault.get("during").status_code == 404
    assert vault.put("after", "value-after").status_code == 201
    answered = {answer.headers["X-Request-Id"] for answer in answers if answer.status_code == 200}
    assert answered <= recorded(own_daemon)
    assert own_daemon.running
