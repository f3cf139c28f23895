"""The refresh token in the keyring of the person's desktop, the real gnome-keyring, and what happens without one."""

import os
import pwd
import resource
import signal
import socket
import time
from pathlib import Path

import pytest
from command import Cli
from device_login import DeviceLogin, decide, log_in
from support import wait
from support.keyring import Bus, Keyring

TOKEN = "crt_"
UNUSABLE = "The keyring cannot be used"


@pytest.fixture(scope="module")
def shared_keyring():
    keyring = Keyring()
    yield keyring
    keyring.stop()


@pytest.fixture
def keyring(shared_keyring):
    """Empty for the accounts of this test."""
    return shared_keyring


@pytest.fixture
def own_keyring():
    """To be broken."""
    keyring = Keyring()
    yield keyring
    keyring.stop()


def at_desktop(cli, bus):
    cli.environment |= bus.environment
    return cli


@pytest.fixture
def desktop(stranger, keyring):
    return at_desktop(stranger, keyring)


@pytest.fixture
def kept(desktop, account):
    """Logged in, with the token in the keyring."""
    log_in(desktop, account)
    return desktop


@pytest.fixture
def fragile(stranger, own_keyring, account):
    """The same, with a keyring to be broken."""
    log_in(at_desktop(stranger, own_keyring), account)
    return stranger


def files_with(text, folder):
    return [path for path in Path(folder).rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def is_in_file(cli):
    session = cli.session()
    return session.get("refresh_token", "").startswith(TOKEN) and "refresh_token_in" not in session


# Where it lies

def test_a_login_puts_the_token_into_the_keyring_and_nowhere_else(desktop, account, daemon, keyring):
    assert "keyring" not in log_in(desktop, account)
    token = keyring.token(daemon.base_url, account.email)
    assert token.startswith(TOKEN)
    assert desktop.session()["refresh_token_in"] == "keyring" and "refresh_token" not in desktop.session()
    assert files_with(TOKEN, desktop.home) == [] and files_with(token, keyring.directory) == []


def test_a_renewal_replaces_the_token_there(kept, account, daemon, keyring):
    before, access = keyring.token(daemon.base_url, account.email), kept.session()["token"]
    held = keyring.count()
    kept.expire_session()
    assert account.email.encode() in kept.ok("whoami")
    after = keyring.token(daemon.base_url, account.email)
    assert after.startswith(TOKEN) and after != before and keyring.count() == held
    assert kept.session()["token"] != access and files_with(TOKEN, kept.home) == []


def test_many_commands_at_once_renew_once(kept, account, daemon):
    kept.expire_session()
    processes = [kept.popen("whoami", stdout=-1, stderr=-1) for _ in range(6)]
    assert [process.wait(60) for process in processes] == [0] * 6
    assert daemon.psql_owner("SELECT rotations FROM refresh_families WHERE user_id = "
                             f"'{account.me()['id']}'") == [(1,)]


def test_logging_out_removes_it(kept, account, daemon, keyring):
    kept.ok("logout")
    assert keyring.token(daemon.base_url, account.email) is None and not kept.session_file.exists()


def test_the_end_of_the_family_removes_it(kept, account, daemon, keyring):
    account.post("/v1/auth/change-password", json={"current_password": account.password,
                                                   "new_password": "Still-Water-Runs-Deeper-7!"})
    kept.expire_session()
    assert "claviger login" in kept.fails(3, "whoami")
    assert keyring.token(daemon.base_url, account.email) is None and "refresh_token_in" not in kept.session()


@pytest.mark.parametrize("options, environment", [(["--no-keyring"], {}), ([], {"CLAVIGER_NO_KEYRING": "1"})], ids=str)
def test_who_does_not_want_the_keyring_gets_the_file(desktop, account, daemon, keyring, options, environment):
    assert "keyring" not in log_in(desktop, account, *options, env=environment)
    assert is_in_file(desktop) and keyring.token(daemon.base_url, account.email) is None


# Several accounts

def test_each_account_has_a_token_of_its_own(kept, account, other_account, daemon, keyring, tmp_path):
    theirs = ("program", "another", "url", daemon.base_url, "email", account.email)
    keyring.store("of another program", *theirs)
    other = at_desktop(Cli(tmp_path / "other", daemon.base_url, daemon.ca), keyring)
    log_in(other, other_account)
    assert keyring.token(daemon.base_url, account.email) != keyring.token(daemon.base_url, other_account.email)
    kept.expire_session()
    assert account.email.encode() in kept.ok("whoami")
    other.ok("logout")
    assert keyring.token(daemon.base_url, account.email) and not keyring.token(daemon.base_url, other_account.email)
    kept.ok("logout")
    assert keyring.lookup(*theirs) == "of another program"


def test_the_login_of_another_account_removes_the_one_before(kept, account, other_account, daemon, keyring):
    log_in(kept, other_account)
    assert keyring.token(daemon.base_url, other_account.email)
    assert keyring.token(daemon.base_url, account.email) is None


def test_a_login_by_password_removes_the_one_before(kept, account, daemon, keyring):
    kept.ok("login", "--password", "--email", account.email, "--password-stdin", stdin=account.password)
    assert keyring.token(daemon.base_url, account.email) is None and "refresh_token_in" not in kept.session()


# Keyrings that cannot be used

def test_without_a_keyring_on_the_bus_the_file_is_silently_used(stranger, account):
    bus = Bus()
    try:
        assert "keyring" not in log_in(at_desktop(stranger, bus), account)
        assert is_in_file(stranger)
    finally:
        bus.stop()


def test_an_address_without_a_bus_is_none(stranger, account, tmp_path):
    stranger.environment["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={tmp_path}/bus"
    assert "keyring" not in log_in(stranger, account)
    assert is_in_file(stranger)


def test_a_locked_keyring_is_not_opened(stranger, account, own_keyring):
    own_keyring.lock()
    said = log_in(at_desktop(stranger, own_keyring), account)
    assert said.count(UNUSABLE) == 1 and "it is locked" in said and str(stranger.session_file) in said
    assert is_in_file(stranger)


def test_a_token_in_a_locked_keyring_waits_there(fragile, account, daemon, own_keyring):
    token = own_keyring.token(daemon.base_url, account.email)
    own_keyring.lock()
    fragile.ok("whoami")
    fragile.expire_session()
    complaint = fragile.fails(3, "whoami")
    assert "it is locked" in complaint and "claviger login" in complaint
    own_keyring.kill()
    assert "there is none" in fragile.fails(3, "whoami")
    own_keyring.start()
    assert own_keyring.token(daemon.base_url, account.email) == token
    fragile.ok("whoami")
    assert own_keyring.token(daemon.base_url, account.email) != token


def test_a_keyring_that_dies_while_a_session_is_renewed_gives_way_to_the_file(fragile, account, daemon, own_keyring):
    fragile.expire_session()
    with daemon.holding("SELECT FROM refresh_families FOR UPDATE") as waiting:
        process = fragile.popen("whoami", stdout=-1, stderr=-1)
        wait.until(waiting, "the exchange of the token")
        own_keyring.kill()
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0 and account.email.encode() in stdout
    assert stderr.decode().count(UNUSABLE) == 1 and is_in_file(fragile)
    fragile.expire_session()
    assert fragile.run("whoami").stderr == b""


@pytest.mark.parametrize("pause", [Keyring.pause, Bus.pause], ids=["keyring", "bus"])
def test_a_keyring_that_hangs_does_not_hang_the_login(stranger, account, own_keyring, pause):
    pause(own_keyring)
    began = time.monotonic()
    said = log_in(at_desktop(stranger, own_keyring), account)
    assert said.count(UNUSABLE) == 1 and "it does not answer" in said and is_in_file(stranger)
    assert time.monotonic() - began < 40


def test_a_bus_that_never_says_anything_does_not_hang_the_login(stranger, account, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("bus")
        listener.listen()
        stranger.environment["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=bus"
        said = log_in(stranger, account)
    assert said.count(UNUSABLE) == 1 and "it does not answer" in said and is_in_file(stranger)


def test_who_is_killed_while_the_keyring_hangs_leaves_no_lock(fragile, account, own_keyring):
    fragile.expire_session()
    own_keyring.pause()
    process = fragile.popen("whoami", stdout=-1, stderr=-1)
    wait.until(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text, "the copy that asks the keyring")
    process.kill()
    process.wait(60)
    fragile.ok("--timeout", "5", "login", "--password", "--email", account.email, "--password-stdin", stdin=account.password)


def test_the_keyring_of_somebody_else_gets_nothing(stranger, account):
    """On a bus that lets others in: others' own do not, or cannot even be reached."""
    if os.geteuid() != 0:
        stranger.environment["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/run/user/0/bus"
        log_in(stranger, account)
        assert is_in_file(stranger)
        return
    theirs = Keyring(pwd.getpwnam("postgres"))
    try:
        said = log_in(at_desktop(stranger, theirs), account)
        assert said.count(UNUSABLE) == 1 and "another user" in said
        assert is_in_file(stranger) and theirs.count() == 0
    finally:
        theirs.stop()


# Whoever is killed between the keyring and the file

def without_files():
    """The first byte that is written to a file kills."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_a_renewal_that_was_killed_before_the_file_goes_on_from_the_keyring(kept, account, daemon, keyring):
    before = keyring.token(daemon.base_url, account.email)
    kept.expire_session()
    session = kept.session()
    killed = kept.run("whoami", preexec_fn=without_files)
    assert killed.returncode == -signal.SIGXFSZ and kept.session() == session
    assert keyring.token(daemon.base_url, account.email) != before
    # Later than a minute after, so that no mercy of the server for lost answers helps.
    daemon.psql_owner("UPDATE refresh_families SET rotated_at = rotated_at - interval '10 min'")
    assert account.email.encode() in kept.ok("whoami")


def test_a_login_that_was_killed_before_the_file_leaves_the_session_before(kept, account, daemon):
    login = DeviceLogin(kept, preexec_fn=without_files)
    decide(account, login)
    assert login.end()[0] == -signal.SIGXFSZ
    kept.expire_session()
    assert account.email.encode() in kept.ok("whoami")


def test_a_first_login_that_was_killed_before_the_file_is_none(desktop, account, daemon, keyring):
    login = DeviceLogin(desktop, preexec_fn=without_files)
    decide(account, login)
    assert login.end()[0] == -signal.SIGXFSZ
    assert "claviger login" in desktop.fails(3, "whoami")
    log_in(desktop, account)
    assert account.email.encode() in desktop.ok("whoami")


def test_a_session_whose_token_is_gone_says_to_log_in_again(kept, account, daemon, keyring):
    """As a log out that was killed before it removed the file leaves it."""
    keyring.remove("url", daemon.base_url, "email", account.email)
    kept.ok("whoami")
    kept.expire_session()
    assert "claviger login" in kept.fails(3, "whoami")
    kept.ok("logout")
    assert not kept.session_file.exists()
