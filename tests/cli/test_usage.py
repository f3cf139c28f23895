"""Help, usage errors and manual pages."""

import re
import subprocess

import pytest

from support.paths import SOURCE

COMMANDS = {
    "": "claviger",
    "signup": "claviger-login", "verify-email": "claviger-login", "login": "claviger-login", "logout": "claviger-login", "whoami": "claviger-login",
    "mfa": "claviger-mfa", "mfa status": "claviger-mfa", "mfa setup": "claviger-mfa",
    "mfa confirm": "claviger-mfa", "mfa disable": "claviger-mfa",
    "api-key": "claviger-api-key", "api-key create": "claviger-api-key", "api-key list": "claviger-api-key",
    "api-key revoke": "claviger-api-key",
    "agent": "claviger-agent", "agent create": "claviger-agent", "agent list": "claviger-agent",
    "agent show": "claviger-agent", "agent update": "claviger-agent", "agent deactivate": "claviger-agent",
    "agent rotate-key": "claviger-agent", "agent token": "claviger-agent", "agent enroll": "claviger-agent",
    "vault": "claviger-vault", "vault create": "claviger-vault", "vault list": "claviger-vault",
    "vault show": "claviger-vault", "vault delete": "claviger-vault",
    "secret": "claviger-secret", "secret put": "claviger-secret", "secret get": "claviger-secret",
    "secret export": "claviger-secret",
    "secret list": "claviger-secret", "secret describe": "claviger-secret", "secret delete": "claviger-secret",
    "policy": "claviger-policy", "policy create": "claviger-policy", "policy list": "claviger-policy",
    "policy update": "claviger-policy", "policy delete": "claviger-policy",
    "share": "claviger-share", "share create": "claviger-share", "share list": "claviger-share",
    "share accept": "claviger-share", "share open": "claviger-share", "share decline": "claviger-share",
    "share revoke": "claviger-share",
    "cmek": "claviger-cmek", "cmek keygen": "claviger-cmek", "cmek enable": "claviger-cmek",
    "cmek disable": "claviger-cmek", "cmek rotate": "claviger-cmek", "cmek status": "claviger-cmek",
    "cmek bind": "claviger-cmek", "cmek release": "claviger-cmek", "cmek bound": "claviger-cmek",
    "run": "claviger-run",
    "rotate": "claviger-rotate", "rotate vault": "claviger-rotate", "rotate list": "claviger-rotate",
    "rotate show": "claviger-rotate", "rotate pause": "claviger-rotate", "rotate resume": "claviger-rotate",
    "audit": "claviger-audit", "audit list": "claviger-audit", "audit export": "claviger-audit",
    "audit bundle": "claviger-audit", "audit verify": "claviger-audit", "audit key": "claviger-audit",
    "org": "claviger-org", "org members": "claviger-org", "org invite": "claviger-org", "org role": "claviger-org",
    "org remove": "claviger-org",
    "ip-rule": "claviger-ip-rule", "ip-rule list": "claviger-ip-rule", "ip-rule add": "claviger-ip-rule",
    "ip-rule remove": "claviger-ip-rule",
    "health": "claviger-health",
    "completion": "claviger", "version": "claviger",
}
MANUAL = SOURCE / "docs" / "man"
PAGES = sorted(MANUAL.glob("claviger*.1"))


def help_of(cli, command):
    return cli.ok(*command.split(), "--help").decode()


def options_in(text):
    """Long options at the beginning of a help line."""
    return set(re.findall(r"^  (?:-\w,)?(--[a-z-]+)", text, re.MULTILINE))


def subcommands_in(text):
    block = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, re.MULTILINE)
    return set(re.findall(r"^  ([\w-]+)", block.group(1), re.MULTILINE)) if block else set()


def manual_text(page):
    return subprocess.run(["mandoc", "-Tutf8", "-Owidth=200", str(page)], capture_output=True, check=True,
                          timeout=60).stdout.decode().replace("_\b", "")


def plain(text):
    return re.sub(".\b", "", text)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(offline, command):
    text = help_of(offline, command)
    assert f"Usage: claviger {command}".strip() in text
    assert "--help" in text


def test_the_list_of_commands_is_complete(offline):
    found = {""}
    for command in subcommands_in(help_of(offline, "")):
        found |= {command} | {f"{command} {name}" for name in subcommands_in(help_of(offline, command))}
    assert found == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_and_subcommand_of_the_help_is_in_the_manual(offline, command):
    text = help_of(offline, command)
    page = plain(manual_text(MANUAL / f"{COMMANDS[command]}.1"))
    assert options_in(text)
    for option in options_in(text):
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", page), f"{option} of '{command}'"
    for name in subcommands_in(text):
        assert re.search(rf"\b{name}\b", page), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_manual_pages_are_well_formed(page):
    result = subprocess.run(["mandoc", "-Tlint", "-Wwarning", str(page)], capture_output=True, timeout=60, text=True)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("arguments", [
    [], ["nonsense"], ["vault"], ["vault", "nonsense"], ["vault", "create"], ["login", "--password"], ["run", "--", "true"],
    ["--output", "xml", "version"], ["--timeout", "0", "health"], ["--timeout", "x", "health"],
    ["secret", "put", "v", "p", "--metadata", "[1]"], ["secret", "put", "v", "p", "--metadata", "{"],
    ["secret", "put", "v", "p", "--expires-in", "5"], ["secret", "put", "v", "p", "--expires-in", "0h"],
    ["secret", "put", "v", "p", "--expires-at", "tomorrow"], ["secret", "put", "v", "p", "--max-reads", "0"],
    ["secret", "put", "v", "p", "--expires-in", "1h", "--expires-at", "2030-01-01T00:00:00Z"],
    ["secret", "put", "v", "p", "--type", "nonsense"], ["secret", "put", "v", "p", "the-value"],
    ["secret", "get", "v", "../p"], ["secret", "get", "v", "a//b"], ["secret", "get", "v", ""],
    ["run", "--vault", "v", "--secret", "NAME", "--", "true"],
    ["run", "--vault", "v", "--secret", "A=b", "--prefix", "c", "--", "true"], ["run", "--vault", "v"],
    ["audit", "verify", "file"], ["audit", "verify", "f", "--public-key", "k", "--expect-checkpoint", "1"],
    ["audit", "verify", "f", "--public-key", "k", "--org", "mine"], ["completion", "tcsh"],
    ["login", "--password", "--email", "a@b.c", "--password", "x"], ["login", "--email", "a@b.c"],
    ["login", "--password-stdin"], ["login", "--code-stdin"], ["login", "--password", "--email", "a@b.c", "--no-qr"],
    ["login", "--password", "--email", "a@b.c", "--no-keyring"],
    ["login", "--password", "--email", "a@b.c", "--password-stdin", "--password-file", "x"],
    ["login", "--password", "--email", "a@b.c", "--password-stdin", "--code-stdin"], ["mfa"], ["mfa", "confirm", "123456"],
    ["mfa", "confirm", "--code-stdin", "--code-file", "x"], ["mfa", "disable", "--code-stdin", "--password-stdin"],
], ids=" ".join)
def test_wrong_usage_is_refused_with_status_2(offline, arguments):
    result = offline.run(*arguments)
    assert result.returncode == 2, result.stderr
    assert result.stdout == b"" and result.stderr


def test_version(offline):
    assert re.fullmatch(rb"claviger \d+\.\d+\.\d+\n", offline.ok("version"))
    assert offline.ok("--version") == offline.ok("version")
    assert b'"version"' in offline.ok("--output", "json", "version")
    assert b'"version"' in offline.ok("version", "--output", "json")


def test_a_full_disk_under_stdout_is_an_error(offline):
    with open("/dev/full", "wb") as full:
        process = offline.popen("version", stdout=full, stderr=-1)
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"Cannot write" in complaint
