"""quickstart on this checkout and this build, with data and a port of its own."""

import ctypes
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from support.paths import CLAVIGERD, SOURCE
from support.ports import free_port


class Quickstart:
    def __init__(self, place):
        self.state = place / "state"
        self.port = free_port()

    def run(self, *arguments):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CLAVIGER_")}
        environment |= {"CLAVIGER_PORT": str(self.port), "CLAVIGER_QUICKSTART_STATE": str(self.state),
                        # Whoever stops it need not remember which build was started.
                        "CLAVIGER_BUILD_DIR": "/nonexistent" if arguments else str(CLAVIGERD.parent.parent)}
        return subprocess.run([str(SOURCE / "quickstart"), *arguments], env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=250)

    def ok(self, *arguments):
        result = self.run(*arguments)
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr
        return result.stdout

    @property
    def pid_file(self):
        return self.state / "clavigerd.pid"

    def serves(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def quickstart():
    # Not in tmp_path: as root, the programs run under an account that may not look into it.
    place = Path(tempfile.mkdtemp(prefix="claviger-quickstart-"))
    place.chmod(0o755)
    quickstart = Quickstart(place)
    yield quickstart
    quickstart.run("--clean")
    shutil.rmtree(place)


@pytest.fixture
def heir():
    """Orphans become children of this process, which collects none by itself: so does process 1 of many a container."""
    set_child_subreaper, prctl = 36, ctypes.CDLL(None).prctl
    assert prctl(set_child_subreaper, 1) == 0
    yield
    assert prctl(set_child_subreaper, 0) == 0


def test_from_nothing_to_a_running_vault_and_back(quickstart, heir):
    assert f"https://127.0.0.1:{quickstart.port}" in quickstart.ok()
    assert quickstart.serves()
    pid = int(quickstart.pid_file.read_text())

    assert "already running" in quickstart.ok()
    assert int(quickstart.pid_file.read_text()) == pid

    quickstart.ok("--down")
    assert not quickstart.serves() and os.waitpid(pid, os.WNOHANG) == (pid, 0)
    assert (quickstart.state / "pg" / "PG_VERSION").exists()

    quickstart.ok()
    quickstart.ok("--clean")
    assert not quickstart.serves() and not quickstart.state.exists()
    quickstart.ok("--clean")


def test_a_stale_pid_file_harms_nobody(quickstart, installation):
    """Its number may by now belong to another clavigerd."""
    bystander = installation.daemon("bystander")
    quickstart.state.mkdir(mode=0o700)
    (quickstart.state / "lock").touch()
    quickstart.pid_file.write_text(str(bystander.process.pid))
    quickstart.ok("--down")
    assert bystander.running


@pytest.mark.parametrize("command", ["--down", "--clean"])
def test_stopping_waits_for_nobody_who_is_at_work(quickstart, command):
    quickstart.state.mkdir(mode=0o700)
    lock = quickstart.state / "lock"
    holder = subprocess.Popen(["flock", str(lock), "sh", "-c", "echo held; exec cat"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    result = quickstart.run(command)
    holder.communicate(timeout=30)
    assert result.returncode == 1 and "another quickstart is at work" in result.stderr
    assert lock.exists()


@pytest.mark.parametrize("command", ["", "--down", "--clean"])
def test_a_directory_of_something_else_is_left_alone(quickstart, command):
    quickstart.state.mkdir()
    (quickstart.state / "thesis.txt").write_text("precious")
    result = quickstart.run(*command.split())
    assert result.returncode == 1 and "not made by quickstart" in result.stderr
    assert (quickstart.state / "thesis.txt").read_text() == "precious"
    (quickstart.state / "thesis.txt").unlink()


def test_a_start_that_fails_leaves_nothing_running(quickstart):
    quickstart.ok()
    quickstart.ok("--down")
    (quickstart.state / "clavigerd.running").unlink(missing_ok=True)
    (quickstart.state / "pin").write_text("not the PIN")
    result = quickstart.run()
    assert result.returncode != 0 and "PIN" in result.stderr
    assert not quickstart.serves() and not (quickstart.state / "pg" / "postmaster.pid").exists()
