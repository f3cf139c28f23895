"""Key processes as a service of their own: `clavigerd keep-keys`, also under another account than the daemon's."""

import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest
from support import key_process, next_token, wait
from support.daemon import ROOT_FLAGS, Installation
from support.next_token import NextToken
from support.paths import CLAVIGERD, SANITIZED

INCOMPLETE = 10
KEY_SIDE = ("hsm.module", "hsm.token_label", "hsm.pin_file", "hsm.write_path")


class Keeper:
    """`clavigerd keep-keys` on the token of an installation."""

    def __init__(self, installation, name, flags=ROOT_FLAGS, **overrides):
        self.installation = installation
        self.flags = flags
        self.directory = installation.directory / f"{name}.keys"
        self.directory.mkdir(mode=0o750)
        self.socket = self.directory / "socket"
        self.log = self.directory / "log"
        self.config = installation.write_config(self.directory / "keys.conf", hsm__key_process_socket=self.socket,
                                                database__conninfo=None, database__owner_conninfo=None, **overrides)

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(CLAVIGERD), "keep-keys", "--config", str(self.config), *self.flags],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.installation.environment())
        wait.until(lambda: self.socket.exists() or self.process.poll() is not None, "the socket")
        assert self.process.poll() is None, self.log.read_text()
        return self

    def key_processes(self):
        return key_process.named("clavigerd-keys", self.process.pid)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


def without_keys(keeper, **overrides):
    """What the daemon's configuration then has of the HSM."""
    return {name.replace(".", "__"): None for name in KEY_SIDE} | {"hsm__key_process_socket": keeper.socket} | overrides


@pytest.fixture
def keeper(own_installation, request):
    keeper = Keeper(own_installation, f"keeper-{abs(hash(request.node.name))}").start()
    yield keeper
    keeper.stop()


@pytest.fixture
def daemon(own_installation, keeper):
    daemon = own_installation.daemon(keeper.directory.name, **without_keys(keeper))
    yield daemon
    daemon.kill9()


def test_the_daemon_serves_by_key_processes_that_it_did_not_start(daemon, keeper):
    vault = daemon.api().signup().create_vault()
    assert vault.put("a", "b").status_code == 201
    assert vault.get("a").json()["value"] == "b"
    assert key_process.starter(daemon) is None
    assert len(keeper.key_processes()) == 1


def test_a_key_process_that_dies_is_replaced_and_its_end_told(daemon, keeper):
    vault = daemon.api().signup().create_vault()
    assert vault.put("a", "b").status_code == 201
    os.kill(keeper.key_processes()[0], signal.SIGKILL)
    wait.until(lambda: "key_process_serves_again" in [line["message"] for line in daemon.logs], "the next one", 30)
    assert next(line for line in daemon.logs if line["message"] == "key_process_serves_again")["before"] == "by signal 9"
    assert vault.get("a").json()["value"] == "b"


def test_a_daemon_that_restarts_finds_the_keeper_and_the_keeper_ends_what_was_there(daemon, keeper):
    before = keeper.key_processes()
    daemon.restart()
    assert len(keeper.key_processes()) == 1 and keeper.key_processes() != before


def test_without_the_keeper_a_daemon_serves_until_a_key_process_ends(daemon, keeper):
    vault = daemon.api().signup().create_vault()
    assert vault.put("a", "b").status_code == 201
    orphan, = keeper.key_processes()
    keeper.process.kill()
    keeper.process.wait()
    for _ in range(20):
        assert vault.get("a").json()["value"] == "b"
    os.kill(orphan, signal.SIGKILL)
    wait.until(lambda: vault.get("a", raw=True).status_code == 503, "its end to be noticed", 30)
    keeper.start()
    wait.until(lambda: vault.get("a", raw=True).status_code == 200, "the daemon to connect", 60)
    assert keeper.key_processes() != [orphan]


def test_a_keeper_that_comes_later_is_waited_for(own_installation):
    keeper = Keeper(own_installation, "late")
    daemon = own_installation.daemon("late", start=False, **without_keys(keeper, process__startup_wait="60s"))
    try:
        daemon.start(ready=False)
        wait.until(lambda: "waiting at start" in [line["message"] for line in daemon.logs], "it to wait")
        keeper.start()
        daemon.wait_ready()
    finally:
        daemon.kill9()
        keeper.stop()


def ask(path, question):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as channel:
        channel.settimeout(30)
        channel.connect(str(path))
        try:
            if question is not None:
                channel.send(question)
            return channel.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            return b""


@pytest.mark.parametrize("question", [b"nonsense", struct.pack("@QIxxxx", 1, 1), None], ids=["nonsense", "seat", "nothing"])
def test_who_asks_for_no_key_process_that_there_is_gets_none(daemon, keeper, question):
    before = keeper.key_processes()
    assert ask(keeper.socket, question) == b""
    assert keeper.key_processes() == before
    assert keeper.process.poll() is None


def test_a_directory_that_is_open_to_others_is_refused(own_installation):
    keeper = Keeper(own_installation, "open")
    keeper.directory.chmod(0o755)
    with pytest.raises(AssertionError, match="closed to others"):
        keeper.start()
    assert keeper.process.returncode == 7


@pytest.fixture
def two_accounts(own_cluster):
    """An installation whose keys belong to one account and whose daemon runs under another, where root tests."""
    # Where accounts other than ours come to.
    directory = Path(tempfile.mkdtemp(prefix="claviger-accounts-", dir="/tmp"))
    directory.chmod(0o755)
    installation = Installation(own_cluster, directory)
    yield installation
    installation.close()
    shutil.rmtree(directory)


def give(account, *paths):
    entry = pwd.getpwnam(account)
    for path in paths:
        for each in (path, *(path.rglob("*") if path.is_dir() else ())):
            os.chown(each, entry.pw_uid, entry.pw_gid)


def identity(pid):
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    facts = dict(line.split(":", 1) for line in status if ":" in line)
    return facts["Uid"].split(), facts["Gid"].split(), facts["Groups"].split(), int(facts["CapEff"], 16), int(facts["CapPrm"], 16)


def test_started_as_root_each_becomes_its_account_and_neither_is_the_other(two_accounts):
    installation = two_accounts
    root = os.geteuid() == 0
    ours = pwd.getpwuid(os.geteuid()).pw_name
    api, keys = ("postgres", "nobody") if root else (ours, ours)  # the first may use the test's database
    keeper = Keeper(installation, "two", ["--account", keys] if root else [], hsm__key_process_peer=api)
    keeper.directory.chmod(0o750)
    give(keys, keeper.directory, installation.token.tokens, installation.token.pin_file, installation.token.configuration)
    os.chown(keeper.directory, pwd.getpwnam(keys).pw_uid, pwd.getpwnam(api).pw_gid)
    daemon = installation.daemon("two", start=False, **without_keys(keeper, hsm__key_process_peer=keys))
    give(api, daemon.config_path, daemon.state, installation.tls)
    try:
        keeper.start()
        daemon.start(flags=["--account", api] if root else [])
        vault = daemon.api().signup().create_vault()
        assert vault.put("a", "b").status_code == 201
        for account, pids in ((api, [daemon.process.pid]), (keys, [keeper.process.pid, *keeper.key_processes()])):
            entry = pwd.getpwnam(account)
            for pid in pids:
                users, groups, further, effective, permitted = identity(pid)
                assert (set(users), set(groups)) == ({str(entry.pw_uid)}, {str(entry.pw_gid)})
                assert not (root and further)
                assert SANITIZED or effective == permitted == 0
        if root:  # who is neither of the two
            assert ask(keeper.socket, struct.pack("@QIxxxx", 1, 0)) == b""
            assert "channel_refused" in keeper.log.read_text()
    finally:
        daemon.kill9()
        keeper.stop()


def test_a_move_to_another_token_takes_a_second_keeper(own_cluster, tmp_path):
    own = Installation(own_cluster, tmp_path)
    token = NextToken(own)
    settling = {"rotation__key_settling": "1s"}
    old = Keeper(own, "old", **settling).start()
    keepers = [old]
    try:
        daemon = own.daemon(**without_keys(old, **settling))
        vault = daemon.api().signup().create_vault()
        assert vault.put("a", "b").status_code == 201
        next_token.run(own, token, code=INCOMPLETE, **settling)
        keepers.append(Keeper(own, "next", **token.alone, **settling).start())
        both = without_keys(old, hsm__next_key_process_socket=keepers[1].socket, **settling)
        own.write_config(daemon.config_path, daemon.port, process__state_directory=daemon.state, **both)
        daemon.restart()
        assert [len(keeper.key_processes()) for keeper in keepers] == [1, 1]
        said = next_token.run(own, token, "--nodes-ready", **settling)
        assert "verified" in said and "complete" in said
        own.write_config(daemon.config_path, daemon.port, process__state_directory=daemon.state,
                         **without_keys(keepers[1], **settling))
        daemon.restart()
        assert old.stop() == 0
        shutil.rmtree(token.before)
        assert vault.get("a").json()["value"] == "b"
    finally:
        own.close()
        for keeper in keepers:
            keeper.stop()
