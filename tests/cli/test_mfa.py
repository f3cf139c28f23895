"""mfa status, setup, confirm, disable, and a login that is asked for a code."""

import json
import re

import pytest
import zbar
from support.totp import Factor, code_of, current_step
from terminal import Terminal

# Which of the two modules of a character are light.
HALF_BLOCKS = {"█": (True, True), "▀": (True, False), "▄": (False, True), " ": (False, False)}
SCALE, MARGIN = 4, 4  # pixels a module; modules


@pytest.fixture
def factor(account, daemon):
    """Of the account that `cli` is logged in as."""
    return Factor(account, daemon)


def modules(drawing):
    """The rows of modules of a drawing of half blocks, True for light ones."""
    rows = []
    for line in drawing:
        upper, lower = zip(*(HALF_BLOCKS[character] for character in line))
        rows += [upper, lower]
    return rows


def scanned(rows):
    """What a camera reads."""
    side = len(rows[0]) + 2 * MARGIN
    blank = [True] * side
    padded = [blank] * MARGIN + [[True] * MARGIN + list(row) + [True] * MARGIN for row in rows] + [blank] * MARGIN
    pixels = b"".join(bytes(255 if light else 0 for light in row for _ in range(SCALE)) * SCALE for row in padded)
    image = zbar.Image(side * SCALE, len(padded) * SCALE, "Y800", pixels)
    zbar.ImageScanner().scan(image)
    return [symbol.data for symbol in image]


def test_the_status_is_shown(cli, daemon, account):
    assert cli.ok("mfa", "status") == b"second factor: not enabled\n"
    Factor(account, daemon)
    assert cli.ok("mfa", "status") == b"second factor: enabled\n"
    assert json.loads(cli.ok("mfa", "status", "--output", "json")) == {"enabled": True}


def test_at_a_terminal_the_qr_code_is_scanned_and_the_code_typed(cli, account):
    terminal = Terminal(cli, "mfa", "setup")
    terminal.wait_for(b"Code: ")
    shown = terminal.output.decode()
    drawing = re.findall(r"\x1b\[40;97m([█▀▄ ]+)\x1b\[0m", shown)
    assert len(drawing) <= 24
    secret = re.search(r"secret: ([A-Z2-7]{32})\r\n", shown).group(1)
    uri, = scanned(modules(drawing))
    assert uri == f"otpauth://totp/Claviger:{account.email.replace('@', '%40')}?secret={secret}&issuer=Claviger"
    assert account.me()["totp_enabled"] is False
    terminal.type(code_of(secret, current_step()) + "\n")
    assert terminal.end() == 0, terminal.output
    assert len(set(re.findall(rb"^([a-z2-7]{5}-[a-z2-7]{5})\r$", terminal.output, re.MULTILINE))) == 8
    assert account.me()["totp_enabled"] is True


def test_a_uri_is_printed_on_request(cli):
    terminal = Terminal(cli, "mfa", "setup", "--no-qr")
    terminal.wait_for(b"Code: ")
    assert re.search(rb"^otpauth://totp/\S+\r$", terminal.output, re.MULTILINE)
    assert b"\x1b" not in terminal.output and "█".encode() not in terminal.output
    terminal.type("000\n")
    assert terminal.end() == 1


@pytest.mark.parametrize("from_file", [True, False])
def test_without_a_terminal_it_takes_two_commands(cli, account, tmp_path, from_file):
    uri = cli.ok("mfa", "setup")
    assert re.fullmatch(rb"otpauth://totp/\S+\n", uri)
    secret = re.search(rb"secret=(\w+)", uri).group(1).decode()
    cli.fails(1, "mfa", "confirm", "--code-stdin", stdin="12345")
    code = code_of(secret, current_step())
    (tmp_path / "code").write_text(code + "\n")
    codes = (cli.ok("mfa", "confirm", "--code-file", tmp_path / "code") if from_file
             else cli.ok("mfa", "confirm", "--code-stdin", stdin=code + "\n"))
    assert len(set(re.findall(rb"^[a-z2-7]{5}-[a-z2-7]{5}$", codes, re.MULTILINE))) == len(codes.splitlines()) == 8
    assert account.me()["totp_enabled"] is True


def test_setup_in_json(cli, account):
    setup = json.loads(cli.ok("--output", "json", "mfa", "setup"))
    code = code_of(setup["secret"], current_step())
    confirmed = json.loads(cli.ok("--output", "json", "mfa", "confirm", "--code-stdin", stdin=code))
    assert len(confirmed["recovery_codes"]) == 8
    assert account.me()["totp_enabled"] is True
    cli.fails(1, "mfa", "setup")


@pytest.mark.parametrize("kind", ["code", "recovery code"])
def test_a_login_asks_for_the_code(stranger, account, factor, kind):
    terminal = Terminal(stranger, "login", "--password", "--email", account.email)
    terminal.wait_for(b"Password: ")
    terminal.type(account.password + "\n")
    terminal.wait_for(b"Code: ")
    terminal.type((factor.code() if kind == "code" else factor.recovery_codes[0]) + "\n")
    assert terminal.end() == 0, terminal.output
    stranger.ok("whoami")


def test_a_login_takes_password_and_code_from_files(stranger, account, factor, tmp_path):
    for name, text in (("password", account.password), ("code", factor.code())):
        (tmp_path / name).write_text(text + "\n")
    stranger.ok("login", "--password", "--email", account.email, "--password-file", tmp_path / "password",
                "--code-stdin", stdin=factor.recovery_codes[0])
    stranger.ok("logout")
    stranger.ok("login", "--password", "--email", account.email, "--password-stdin", "--code-file", tmp_path / "code",
                stdin=account.password)
    stranger.ok("whoami")


def test_a_wrong_code_opens_no_session(stranger, account, factor, tmp_path):
    (tmp_path / "password").write_text(account.password)
    complaint = stranger.fails(3, "login", "--password", "--email", account.email, "--password-file", tmp_path / "password",
                               "--code-stdin", stdin=factor.wrong_code())
    assert "Invalid code" in complaint
    assert not stranger.session_file.exists()
    # Where nobody can be asked, it says how else.
    complaint = stranger.fails(1, "login", "--password", "--email", account.email, "--password-stdin", stdin=account.password)
    assert "--code-file" in complaint


@pytest.mark.parametrize("proof", ["code", "recovery code", "password"])
def test_the_factor_is_disabled(cli, account, factor, proof):
    if proof == "password":
        stdout = cli.ok("mfa", "disable", "--password-stdin", stdin=account.password)
    else:
        code = factor.code() if proof == "code" else factor.recovery_codes[0]
        stdout = cli.ok("mfa", "disable", "--code-stdin", stdin=code)
    assert stdout == b""
    assert account.me()["totp_enabled"] is False


def test_the_password_is_asked_for_on_request(cli, account, factor):
    terminal = Terminal(cli, "--output", "json", "mfa", "disable", "--with-password")
    terminal.wait_for(b"Password: ")
    assert not terminal.echoes()
    terminal.type(account.password + "\n")
    assert terminal.end() == 0, terminal.output
    assert b'"enabled": false' in terminal.output
    assert account.me()["totp_enabled"] is False


def test_a_wrong_proof_disables_nothing(cli, account, factor):
    cli.fails(1, "mfa", "disable", "--code-stdin", stdin=factor.wrong_code())
    cli.fails(1, "mfa", "disable", "--password-stdin", stdin="Wrong-Password-1!")
    assert account.me()["totp_enabled"] is True
