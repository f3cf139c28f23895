"""login by a device code: what it shows, how it waits, how it ends, and the session that renews itself."""

import json
import signal
import time

import pytest
from command import Cli
from device_login import DeviceLogin, decide, log_in
from fault_server import fault_server, whole
from support import wait
from terminal import Terminal


@pytest.fixture
def renewing(stranger, account):
    """Logged in by a device code."""
    log_in(stranger, account)
    return stranger


def test_a_login_shows_code_and_link_and_ends_with_the_approval(stranger, account, daemon):
    login = DeviceLogin(stranger)
    assert f"{daemon.base_url}/device\n".encode() in login.shown
    assert f"{daemon.base_url}/device?code={login.code}".encode() in login.shown
    decide(account, login)
    status, stdout, stderr = login.end()
    assert (status, stdout) == (0, b""), stderr
    assert account.email.encode() in stderr
    assert account.email.encode() in stranger.ok("whoami")
    assert stranger.session()["refresh_token"].startswith("crt_")


def test_the_result_as_json(stranger, account):
    login = DeviceLogin(stranger, "--output", "json")
    decide(account, login)
    status, stdout, _ = login.end()
    assert status == 0 and json.loads(stdout).keys() == {"url", "email", "expires_at"}


def test_a_denied_login_keeps_nothing(stranger, account):
    login = DeviceLogin(stranger)
    decide(account, login, "deny")
    status, stdout, stderr = login.end()
    assert (status, stdout) == (5, b"") and b"denied" in stderr
    assert not stranger.session_file.exists()


def test_an_expired_code_ends_the_wait(stranger, daemon):
    login = DeviceLogin(stranger)
    daemon.psql_owner("UPDATE device_codes SET expires_at = now()")
    status, _, stderr = login.end()
    assert status == 3 and b"expired" in stderr


def test_ctrl_c_gives_up(stranger):
    terminal = Terminal(stranger, "login", "--no-qr")
    terminal.wait_for(b"Ctrl-C")
    terminal.type("\x03")
    assert terminal.end() == -signal.SIGINT
    assert not stranger.session_file.exists()


def test_a_terminal_shows_a_qr_code_of_the_link(stranger, daemon):
    terminal = Terminal(stranger, "login")
    terminal.wait_for(b"Ctrl-C")
    assert "█".encode() in terminal.output or "▀".encode() in terminal.output
    terminal.type("\x03")
    terminal.end()


def test_a_login_survives_a_server_that_goes_and_comes(installation, tmp_path):
    daemon = installation.daemon("restarting")
    account = daemon.api().signup()
    login = DeviceLogin(Cli(tmp_path / "home", daemon.base_url, daemon.ca))
    assert daemon.stop() == 0
    while b"cannot be reached" not in (line := login.process.stderr.readline()):
        assert line
    daemon.start()
    decide(account, login)
    assert login.end(120)[0] == 0
    assert daemon.stop() == 0


def test_slow_down_is_obeyed(offline, tmp_path):
    with fault_server(tmp_path) as server:
        cli = Cli(tmp_path / "home", server.url, server.ca)
        server.answer = whole(json.dumps({"device_code": "dvc_x", "user_code": "BCDF-GHJK", "expires_in": 600, "interval": 1,
                                          "verification_uri": f"{server.url}/device"}).encode())
        login = DeviceLogin(cli)
        server.answer = whole(b'{"error": "slow_down"}')
        wait.until(lambda: len(server.requests) == 2, "the first poll", 30)
        began = time.monotonic()
        server.answer = whole(b'{"error": "access_denied"}')
        status, _, _ = login.end()
        assert status == 5 and time.monotonic() - began >= 5.5


@pytest.mark.parametrize("answer", [b"{}", b'{"error": 7}', b'{"error": "nonsense"}', b'{"access_token": "x"}', b"[]"])
def test_an_answer_without_sense_ends_the_login(tmp_path, answer):
    with fault_server(tmp_path) as server:
        cli = Cli(tmp_path / "home", server.url, server.ca)
        server.answer = whole(b'{"device_code": "dvc_x", "user_code": "BCDF-GHJK", "verification_uri": "https://x/device",'
                              b' "interval": 1}')
        login = DeviceLogin(cli)
        server.answer = whole(answer)
        status, stdout, _ = login.end()
        assert status == 1 and stdout == b"" and not cli.session_file.exists()


@pytest.mark.parametrize("member", [{"user_code": "\x1b[2J"}, {"verification_uri": "https://x/\x1b]0;evil\x07"},
                                    {"user_code": "BCDF-GHJK\u202e"}])
def test_what_could_move_the_cursor_is_not_shown(tmp_path, member):
    with fault_server(tmp_path) as server:
        cli = Cli(tmp_path / "home", server.url, server.ca)
        server.answer = whole(json.dumps({"device_code": "dvc_x", "user_code": "BCDF-GHJK",
                                          "verification_uri": "https://x/device"} | member).encode())
        assert "\x1b" not in cli.fails(1, "login")


# The session that renews itself

def test_a_session_renews_itself_when_it_is_used(renewing, account):
    before = renewing.session()
    renewing.expire_session()
    assert account.email.encode() in renewing.ok("whoami")
    after = renewing.session()
    assert after["token"] != before["token"] and after["refresh_token"] != before["refresh_token"]
    assert renewing.ok("whoami") and renewing.session() == after


def test_many_commands_at_once_renew_once(renewing, daemon, account):
    renewing.expire_session()
    processes = [renewing.popen("whoami", stdout=-1, stderr=-1) for _ in range(6)]
    assert [process.wait(60) for process in processes] == [0] * 6
    assert daemon.psql_owner("SELECT rotations FROM refresh_families WHERE user_id = "
                             f"'{account.me()['id']}'") == [(1,)]


def test_a_lost_answer_does_not_end_the_session(renewing):
    renewing.expire_session()
    old = renewing.session()
    renewing.ok("whoami")
    # As if the process had been killed before it wrote the file.
    renewing.change_session(**old)
    renewing.ok("whoami")


def test_a_session_that_cannot_be_renewed_any_more_says_so(renewing, account):
    account.post("/v1/auth/change-password", json={"current_password": account.password,
                                                   "new_password": "Still-Water-Runs-Deeper-7!"})
    renewing.expire_session()
    complaint = renewing.fails(3, "whoami")
    assert "claviger login" in complaint and "refresh_token" not in renewing.session()


def test_without_the_server_a_good_token_is_used_on(renewing):
    renewing.change_session(expires_at="2020-01-01T00:00:00.000000Z", url="https://127.0.0.1:1")
    assert renewing.run("--url", "https://127.0.0.1:1", "whoami").returncode == 6


def test_logging_out_ends_it_on_the_server(renewing, api):
    session = renewing.session()
    renewing.expire_session()
    renewing.ok("logout")
    assert not renewing.session_file.exists()
    for token in (session["refresh_token"],):
        answer = api.post("/v1/auth/device/token", json={"grant_type": "refresh_token", "refresh_token": token})
        assert answer.json() == {"error": "invalid_grant"}


def test_no_token_is_in_any_output(renewing):
    session = renewing.session()
    for arguments in (["whoami"], ["vault", "list", "--output", "json"], ["logout"]):
        result = renewing.run(*arguments)
        for secret in (session["token"], session["refresh_token"]):
            assert secret.encode() not in result.stdout + result.stderr
