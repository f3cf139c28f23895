"""run: what the program gets, and what its status tells."""

import os
import signal

import pytest

CANARY = "canary-7f3a9e"
PRINT_ENVIRONMENT = ("sh", "-c", "tr '\\0' '\\n' </proc/self/environ")


@pytest.fixture
def app(vault):
    """A vault with a few secrets under app/."""
    vault.put("app/db/pass-word", f"{CANARY}-db")
    vault.put("app/token", f"{CANARY}-token")
    vault.put("apple", f"{CANARY}-apple")
    return vault


def environment_of(cli, *arguments, env=None):
    lines = cli.ok("run", *arguments, "--", *PRINT_ENVIRONMENT, env=env).decode().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_names_come_from_paths(cli, app):
    found = environment_of(cli, "--vault", app.name)
    assert found["APP_DB_PASS_WORD"] == f"{CANARY}-db"
    assert found["APP_TOKEN"] == f"{CANARY}-token"
    assert found["APPLE"] == f"{CANARY}-apple"
    assert found["HOME"] == str(cli.home)


@pytest.mark.parametrize("folder", ["app", "app/"])
def test_a_prefix_is_a_folder(cli, app, folder):
    found = environment_of(cli, "--vault", app.id, "--prefix", folder)
    assert found["DB_PASS_WORD"] == f"{CANARY}-db" and found["TOKEN"] == f"{CANARY}-token"
    assert CANARY + "-apple" not in found.values()


def test_chosen_secrets_under_chosen_names(cli, app):
    found = environment_of(cli, "--vault", app.name, "--secret", "One=apple", "--secret", "_2=app/token")
    assert found["One"] == f"{CANARY}-apple" and found["_2"] == f"{CANARY}-token"
    assert f"{CANARY}-db" not in found.values()


def test_the_vault_may_come_from_the_environment(cli, app):
    assert "APPLE" in environment_of(cli, env={"CLAVIGER_VAULT": app.name})


def test_a_secret_replaces_an_inherited_variable(cli, app):
    process = cli.run("run", "--vault", app.name, "--secret", "APPLE=apple", "--", *PRINT_ENVIRONMENT,
                      env={"APPLE": "old", "APPLE2": "stays"})
    lines = process.stdout.decode().splitlines()
    assert [line for line in lines if line.startswith("APPLE=")] == [f"APPLE={CANARY}-apple"]
    assert "APPLE2=stays" in lines


def test_the_program_does_not_get_the_token(cli, app, account):
    found = environment_of(cli, "--vault", app.name, env={"CLAVIGER_TOKEN": account.token})
    assert "CLAVIGER_TOKEN" not in found and account.token not in found.values()


def test_the_program_does_not_get_the_key(cli, app, account):
    key = account.post("/v1/auth/api-keys", json={"name": "run"}).json()["api_key"]
    found = environment_of(cli, "--vault", app.name, env={"CLAVIGER_API_KEY": key})
    assert "CLAVIGER_API_KEY" not in found and key not in found.values()


def test_values_come_through_byte_for_byte(cli, vault, tmp_path):
    value = bytes(range(1, 256)) + "Ω\n".encode()
    cli.ok("secret", "put", vault.name, "raw", stdin=value)
    got = cli.ok("run", "--vault", vault.name, "--", "sh", "-c", "cat /proc/self/environ")
    assert b"\0RAW=" + value + b"\0" in b"\0" + got


def test_standard_input_and_arguments_reach_the_program(cli, app):
    assert cli.ok("run", "--vault", app.name, "--", "cat", stdin=b"through") == b"through"
    assert cli.ok("run", "--vault", app.name, "--", "printf", "%s|", "--output", "json", "--", "") == (
        b"--output|json|--||")


@pytest.mark.parametrize("status", [0, 1, 3, 77, 255])
def test_the_exit_status_is_the_programs(cli, app, status):
    assert cli.run("run", "--vault", app.name, "--", "sh", "-c", f"exit {status}").returncode == status


@pytest.mark.parametrize("number", [2, 6, 9, 11, 15])
def test_death_by_signal_is_128_plus_its_number(cli, app, number):
    assert cli.run("run", "--vault", app.name, "--", "sh", "-c", f"kill -{number} $$").returncode == 128 + number


def test_it_works_where_sigchld_is_ignored(cli, app):
    def ignore():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    assert cli.run("run", "--vault", app.name, "--", "sh", "-c", "exit 9", preexec_fn=ignore).returncode == 9


def must_not_run(cli, status, *arguments, program=("touch",), marker=None, **options):
    """The program is not started and no output shows a value."""
    result = cli.run("run", *arguments, "--", *program, *([str(marker)] if marker else []), **options)
    assert result.returncode == status, (result.returncode, result.stderr)
    assert CANARY.encode() not in result.stdout + result.stderr
    assert result.stdout == b"" and result.stderr.startswith(b"claviger: ")
    if marker:
        assert not marker.exists()
    return result.stderr.decode()


HOSTILE = ["LD_PRELOAD", "ld/library-path", "PATH", "ifs", "BASH_ENV", "bash-func", "env", "SHELLOPTS", "PYTHONPATH",
           "pythonstartup", "NODE_OPTIONS", "PERL5OPT", "RUBYOPT", "GIT_SSH_COMMAND", "git/dir", "JAVA_TOOL_OPTIONS",
           "GCONV_PATH", "HOME", "PS4", "PROMPT_COMMAND", "LESSOPEN", "EDITOR", "OPENSSL_CONF", "CLAVIGER_URL"]


@pytest.mark.parametrize("path", HOSTILE)
def test_names_that_steer_programs_are_refused(cli, vault, path, tmp_path):
    vault.put(path, CANARY)
    complaint = must_not_run(cli, 1, "--vault", vault.name, marker=tmp_path / "ran")
    assert "--allow-unsafe-names" in complaint
    vault.put("harmless", CANARY)
    name = path.upper().replace("/", "_").replace("-", "_")
    must_not_run(cli, 1, "--vault", vault.name, "--secret", f"{name}=harmless", marker=tmp_path / "ran")


def test_unsafe_names_can_be_allowed(cli, vault):
    vault.put("git/dir", "/nowhere")
    found = environment_of(cli, "--vault", vault.name, "--allow-unsafe-names")
    assert found["GIT_DIR"] == "/nowhere"


@pytest.mark.parametrize("name", ["1A", "", "A B", "A-B", "Ä", "A\nB", "BASH_FUNC_x%%", "A" * 256, "A.B"])
def test_names_no_variable_can_have_are_refused(cli, app, name, tmp_path):
    must_not_run(cli, 1, "--vault", app.name, "--secret", f"{name}=apple", marker=tmp_path / "ran")


def test_a_path_that_gives_no_name_is_refused(cli, vault, tmp_path):
    vault.put("2nd", CANARY)
    assert "--secret NAME=PATH" in must_not_run(cli, 1, "--vault", vault.name, marker=tmp_path / "ran")


def test_two_secrets_of_one_name_are_refused(cli, vault, tmp_path):
    vault.put("a/b", CANARY)
    vault.put("a-b", CANARY)
    complaint = must_not_run(cli, 1, "--vault", vault.name, marker=tmp_path / "ran")
    assert "a/b" in complaint and "a-b" in complaint and "A_B" in complaint


class TestNoValueIsShown:
    """On every path that fails after values were read."""

    def test_a_missing_secret(self, cli, app, tmp_path):
        complaint = must_not_run(cli, 4, "--vault", app.name, "--secret", "A=apple", "--secret", "B=app/none",
                                 marker=tmp_path / "ran")
        assert "app/none" in complaint

    def test_a_used_up_secret(self, cli, app, tmp_path):
        app.put("once", CANARY, max_access_count=1)
        cli.ok("secret", "get", app.name, "once")
        must_not_run(cli, 4, "--vault", app.name, marker=tmp_path / "ran")

    def test_a_nul_byte(self, cli, app, tmp_path):
        cli.ok("secret", "put", app.name, "zero", stdin=CANARY.encode() + b"\0" + CANARY.encode())
        assert "NUL" in must_not_run(cli, 1, "--vault", app.name, marker=tmp_path / "ran")

    def test_a_value_too_long_for_the_environment(self, cli, app, tmp_path):
        cli.ok("secret", "put", app.name, "z-long", stdin=CANARY.encode() * 20000)
        assert "128 KiB" in must_not_run(cli, 1, "--vault", app.name, marker=tmp_path / "ran")

    def test_base64_that_is_none(self, cli, app, tmp_path):
        app.put("zz", CANARY + "!", metadata={"claviger_encoding": "base64"})
        must_not_run(cli, 1, "--vault", app.name, marker=tmp_path / "ran")

    def test_no_such_program(self, cli, app):
        must_not_run(cli, 127, "--vault", app.name, program=("no-such-program-here",))
        must_not_run(cli, 127, "--vault", app.name, program=("/no/such/program",))

    def test_a_program_that_cannot_be_executed(self, cli, app, tmp_path):
        (tmp_path / "data").write_text("not a program")
        must_not_run(cli, 126, "--vault", app.name, program=(str(tmp_path / "data"),))
        must_not_run(cli, 126, "--vault", app.name, program=(str(tmp_path),))

    def test_an_environment_too_large_in_all(self, cli, vault):
        for number in range(24):
            vault.put(f"v{number}", CANARY + "x" * 120_000)
        must_not_run(cli, 126, "--vault", vault.name, program=("true",))

    def test_no_vault_no_secrets_no_session(self, cli, stranger, vault, tmp_path):
        must_not_run(cli, 4, "--vault", "no-such-vault", marker=tmp_path / "ran")
        must_not_run(cli, 4, "--vault", vault.name, marker=tmp_path / "ran")
        cli.ok("logout")
        must_not_run(cli, 3, "--vault", vault.name, marker=tmp_path / "ran")


def test_nothing_that_was_read_is_on_disk(cli, app):
    cli.ok("run", "--vault", app.name, "--", "true")
    for directory, _, files in os.walk(cli.home):
        for name in files:
            with open(os.path.join(directory, name), "rb") as file:
                assert CANARY.encode() not in file.read()
