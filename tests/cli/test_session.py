"""Logging in and out, and the file that keeps the session."""

import json
import os
import stat

import pytest
from command import Cli

PASSWORD = "Gr0und-Water-Runs-Deep!"


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def test_login_whoami_logout(stranger, account):
    result = stranger.run("login", "--password", "--email", account.email, "--password-stdin", stdin=account.password + "\n")
    assert result.returncode == 0, result.stderr
    assert result.stdout == b"" and account.email.encode() in result.stderr
    assert account.email.encode() in stranger.ok("whoami")
    token = stranger.session()["token"]
    assert account.get("/v1/auth/me", token=token).status_code == 200

    stranger.ok("logout")
    assert not stranger.session_file.exists()
    assert account.get("/v1/auth/me", token=token).status_code == 401
    stranger.fails(3, "whoami")
    stranger.ok("logout")


def test_signup_opens_a_session(stranger):
    answer = stranger.ok("signup", "--email", "Ada.Signup@example.org", "--display-name", "Ada", "--password-stdin",
                         "--output", "json", stdin="Gr0und-water-Level!")
    assert json.loads(answer).keys() == {"url", "email", "expires_at"}
    assert b"Ada" in stranger.ok("whoami")


def test_signup_with_a_weak_password_fails_and_keeps_nothing(stranger):
    stranger.fails(1, "signup", "--email", "weak@example.org", "--password-stdin", stdin="weak")
    assert not stranger.session_file.exists()


def test_a_password_file(stranger, account, tmp_path):
    (tmp_path / "password").write_text(account.password + "\r\n")
    stranger.ok("login", "--password", "--email", account.email, "--password-file", tmp_path / "password")


def test_wrong_credentials(stranger, account):
    assert "Invalid credentials" in stranger.fails(
        3, "login", "--password", "--email", account.email, "--password-stdin", stdin="Wr0ng-water-Level!")
    assert not stranger.session_file.exists()


def test_without_a_terminal_the_password_must_be_given(stranger):
    assert "--password-file" in stranger.fails(1, "login", "--password", "--email", "a@example.org")


def test_the_session_is_readable_by_its_owner_only(stranger, account):
    previous = os.umask(0)
    try:
        stranger.ok("login", "--password", "--email", account.email, "--password-stdin", stdin=account.password)
    finally:
        os.umask(previous)
    assert mode(stranger.session_file) == 0o600
    assert mode(stranger.session_file.parent) == 0o700
    assert [path.name for path in stranger.session_file.parent.iterdir()] == ["session.json"]


def test_the_session_follows_xdg_config_home(stranger, account, tmp_path):
    env = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    stranger.ok("login", "--password", "--email", account.email, "--password-stdin", stdin=account.password, env=env)
    assert mode(tmp_path / "xdg" / "claviger" / "session.json") == 0o600
    assert not stranger.session_file.exists()


def test_url_and_ca_file_are_kept_with_the_session(cli):
    cli.environment.pop("CLAVIGER_URL")
    cli.environment.pop("CLAVIGER_CA_FILE")
    cli.ok("whoami")


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o660, 0o602])
def test_a_session_that_others_can_touch_is_refused(cli, bits):
    cli.session_file.chmod(bits)
    assert "others can read or write it" in cli.fails(1, "whoami")


def test_a_session_behind_a_link_is_refused_and_never_written_through(cli, account, tmp_path):
    elsewhere = tmp_path / "elsewhere.json"
    cli.session_file.rename(elsewhere)
    cli.session_file.symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    assert "symbolic link" in cli.fails(1, "whoami")
    cli.fails(1, "login", "--password", "--email", account.email, "--password-stdin", stdin=account.password)
    assert elsewhere.read_bytes() == before
    cli.ok("logout")
    assert elsewhere.read_bytes() == before and not cli.session_file.is_symlink()


def test_a_hard_linked_session_is_refused(cli, tmp_path):
    os.link(cli.session_file, tmp_path / "second-name")
    assert "hard links" in cli.fails(1, "whoami")


def test_a_fifo_in_place_of_the_session_does_not_hang(cli):
    cli.session_file.unlink()
    os.mkfifo(cli.session_file, 0o600)
    assert "not a regular file" in cli.fails(1, "whoami")


def test_a_directory_that_others_can_write_to_is_refused(cli, account):
    cli.session_file.parent.chmod(0o777)
    assert "others can write" in cli.fails(1, "whoami")
    assert "others can write" in cli.fails(
        1, "login", "--password", "--email", account.email, "--password-stdin", stdin=account.password)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"url":"https://x","token":"","expires_at":"x"}', "\x00" * 99])
def test_a_damaged_session_is_refused(cli, text):
    cli.session_file.write_text(text)
    assert "damaged" in cli.fails(1, "whoami")


def test_an_expired_session_says_so(cli, account):
    cli.expire_session()
    complaint = cli.fails(3, "whoami")
    assert "expired" in complaint and account.email in complaint


def test_a_token_the_server_no_longer_takes(cli, account):
    account.delete("/v1/auth/token", token=cli.session()["token"])
    complaint = cli.fails(3, "whoami")
    assert "Invalid or expired token" in complaint and "request " in complaint


def test_the_token_never_goes_to_another_server(cli, offline):
    complaint = cli.fails(3, "--url", "https://localhost:1", "whoami")
    assert "not at https://localhost:1" in complaint


def test_claviger_token_takes_precedence(cli, stranger, other_account):
    stdout = cli.ok("whoami", env={"CLAVIGER_TOKEN": other_account.token})
    assert other_account.email.encode() in stdout


def test_the_token_is_in_no_output(cli):
    token = cli.session()["token"].encode()
    for arguments in (["whoami"], ["vault", "list", "--output", "json"], ["vault", "show", "nothing"], ["logout"]):
        result = cli.run(*arguments)
        assert token not in result.stdout + result.stderr


def test_signup_by_mail(mailing, mail, address, tmp_path):
    cli = Cli(tmp_path / "home", mailing.base_url, mailing.ca)
    asked = json.loads(cli.ok("signup", "--email", address, "--password-stdin", "--output", "json", stdin=PASSWORD))
    assert asked["email"] == address and not cli.session_file.exists()
    code = mail.token(address)

    complaint = cli.fails(1, "verify-email", "--code-stdin", stdin="vfy_" + "A" * 43)
    assert "unknown, used or expired" in complaint
    opened = json.loads(cli.ok("verify-email", "--code-stdin", "--output", "json", stdin=code + "\n"))
    assert opened.keys() == {"url", "email", "expires_at"} and opened["email"] == address
    assert address.encode() in cli.ok("whoami")
    cli.fails(1, "verify-email", "--code-stdin", stdin=code)


def test_a_mailed_code_is_typed_or_in_a_file(mailing, mail, address, tmp_path):
    cli = Cli(tmp_path / "home", mailing.base_url, mailing.ca)
    told = cli.run("signup", "--email", address, "--password-stdin", stdin=PASSWORD)
    assert told.returncode == 0 and told.stdout == b"" and b"mail" in told.stderr
    file = tmp_path / "code"
    file.write_text(mail.token(address))
    cli.ok("verify-email", "--code-file", file)
    assert address.encode() in cli.ok("whoami")
    assert "--code-file" in cli.fails(1, "verify-email")
