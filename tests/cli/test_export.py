"""secret export: what is written is what its readers read, whatever the values hold; what cannot be written is refused."""

import json
import os
import stat
import subprocess

import dotenv
import pytest

CANARY = "canary-5b1d0e"
HOSTILE = {
    "PLAIN": "plain",
    "SPACE": " ",
    "SPACES": "  two before, two after  ",
    "SINGLE": "it's",
    "ONLY_QUOTES": "'" * 3,
    "QUOTED": "'quoted'",
    "DOUBLE": 'say "no"',
    "COMMAND": "$(touch /tmp/claviger-was-here) `id` ${HOME} $HOME",
    "BACKSLASH": "a\\b\\n\\\\",
    "ENDS_ESCAPED": "ends with \\",
    "LINES": "first\nsecond\n\nlast\n",
    "BREAKS_OUT": "'; touch /tmp/claviger-was-here; '",
    "COMMENT": "# no comment #",
    "EQUALS": "=a=b=",
    "CONTROL": "tab\there, bell\a, escape \x1b[31m, delete \x7f",
    "RETURN": "carriage\rreturn\r\n",
    "UNICODE": "ключ 鍵 🔑 \u2028 \u202e",
    "LONG": "x" * 70_000,
    "JSON": '{"a": ["\\u0000", null]}',
}
SHELLS = ["sh", "bash", "dash", "bash --posix"]


def path_of(name):
    return "h/" + name.lower().replace("_", "-")


def chosen(names):
    return [f"--secret={name}={path_of(name)}" for name in names]


@pytest.fixture
def hostile(vault):
    for name, value in HOSTILE.items():
        vault.put(path_of(name), value)
    return vault


def environment_in(shell, script, path):
    """What a program started by the shell sees, in bytes."""
    done = subprocess.run([*shell.split(), "-c", script, "sh", str(path)], env={"PATH": os.environ["PATH"]},
                          capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    return dict(entry.split(b"=", 1) for entry in done.stdout.split(b"\0") if entry)


def as_docker_reads(text):
    """The rules of `docker run --env-file`: lines; white space before a name goes; empty lines and comments go; the
    name ends at the first '='; the rest is the value as it stands."""
    variables = {}
    for number, line in enumerate(text.split(b"\n")):
        assert len(line) < 64 * 1024, "Docker's line scanner gives up"
        line = line.removesuffix(b"\r").decode()  # of what is not UTF-8 the whole file is refused
        if number == 0:
            line = line.removeprefix("\ufeff")
        line = line.lstrip(" \t\n\v\f\r\u0085\u00a0")
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        assert name and not any(character.isspace() for character in name)
        assert equals, "Docker would take the value from its own environment"
        variables[name] = value
    return variables


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("form, script", [("shell", '. "$1"; exec env -0'), ("dotenv", 'set -a; . "$1"; exec env -0')])
def test_shells_read_back_what_was_stored(cli, hostile, tmp_path, shell, form, script):
    file = tmp_path / "secrets"
    cli.ok("secret", "export", hostile.name, "--prefix", "h", "--format", form, "--file", file)
    found = environment_in(shell, script, file)
    assert {name: found.get(name.encode()) for name in HOSTILE} == {n: v.encode() for n, v in HOSTILE.items()}
    assert not os.path.exists("/tmp/claviger-was-here")


def test_shell_output_can_be_evaluated(cli, hostile, tmp_path):
    file = tmp_path / "secrets"
    file.write_bytes(cli.ok("secret", "export", hostile.name, "--prefix", "h", "--format", "shell"))
    found = environment_in("dash", 'eval "$(cat "$1")"; exec env -0', file)
    assert found[b"BREAKS_OUT"] == HOSTILE["BREAKS_OUT"].encode()


def test_other_readers_of_dotenv_agree_but_for_those_that_are_named(cli, hostile, tmp_path):
    file = tmp_path / "secrets"
    done = cli.run("secret", "export", hostile.name, "--prefix", "h", "--file", file)
    assert done.returncode == 0
    remarks = [line for line in done.stderr.decode().splitlines() if line.startswith("The value of ")]
    named = {remark.split()[3] for remark in remarks}
    assert named == {name for name, value in HOSTILE.items() if set(value) & set("'\\\r")}
    others = {name: value for name, value in HOSTILE.items() if name not in named}
    assert len(others) > 5
    clean = tmp_path / "clean"
    cli.ok("secret", "export", hostile.name, *chosen(others), "--file", clean)
    assert dict(dotenv.dotenv_values(clean, interpolate=False)) == others


@pytest.mark.parametrize("asked", [["--format", "json"], ["--output", "json"]], ids=" ".join)
def test_json_reads_back_and_is_laid_out_as_that_of_all_commands(cli, hostile, asked):
    text = cli.ok("secret", "export", hostile.name, "--prefix", "h", *asked)
    assert json.loads(text) == HOSTILE
    assert text.decode() == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"


def test_docker_reads_back_what_its_file_can_hold(cli, hostile):
    possible = {name: value for name, value in HOSTILE.items()
                if not set(value) & set("\r\n") and len(value) < 60_000}
    text = cli.ok("secret", "export", hostile.name, "--format", "docker", *chosen(possible))
    assert as_docker_reads(text) == possible


@pytest.mark.parametrize("name, said", [("LINES", "has a line end"), ("RETURN", "has a line end"), ("LONG", "is too long")])
def test_docker_is_not_given_what_it_would_read_otherwise(cli, hostile, tmp_path, name, said):
    file = tmp_path / "secrets"
    complaint = cli.fails(1, "secret", "export", hostile.name, "--format", "docker", *chosen(["PLAIN", name]), "--file", file)
    assert f"The value of {name} {said}" in complaint and HOSTILE[name] not in complaint
    assert not file.exists()


@pytest.mark.parametrize("form", ["dotenv", "shell", "docker"])
def test_a_nul_byte_is_refused(cli, vault, form):
    cli.ok("secret", "put", vault.name, "binary", stdin=b"a\0" + CANARY.encode())
    complaint = cli.fails(1, "secret", "export", vault.name, "--format", form)
    assert "BINARY has a NUL byte" in complaint and CANARY not in complaint


@pytest.mark.parametrize("form", ["docker", "json"])
def test_what_is_no_text_is_refused_where_only_text_can_be(cli, vault, form):
    cli.ok("secret", "put", vault.name, "binary", stdin=b"\xff\xfe" + CANARY.encode())
    complaint = cli.fails(1, "secret", "export", vault.name, "--format", form)
    assert "BINARY is not UTF-8 text" in complaint and CANARY not in complaint


def test_shells_get_bytes_as_they_are(cli, vault, tmp_path):
    cli.ok("secret", "put", vault.name, "binary", stdin=b"\xff'\xfe\n")
    file = tmp_path / "secrets"
    cli.ok("secret", "export", vault.name, "--format", "shell", "--file", file)
    assert environment_in("bash", '. "$1"; exec env -0', file)[b"BINARY"] == b"\xff'\xfe\n"


@pytest.mark.parametrize("name", ["A B", "A;id", "1A", "", "A\nB", "$(id)", "A'", "LD_PRELOAD", "PATH"])
def test_names_that_do_more_than_name_are_refused(cli, vault, name):
    vault.put("one", CANARY)
    complaint = cli.fails(1, "secret", "export", vault.name, "--secret", f"{name}=one")
    assert CANARY not in complaint


def test_names_that_come_from_paths_are_refused_as_well(cli, vault):
    vault.put("ld/preload", CANARY)
    assert "LD_PRELOAD changes how programs run" in cli.fails(1, "secret", "export", vault.name)
    assert CANARY.encode() in cli.ok("secret", "export", vault.name, "--allow-unsafe-names")


def test_the_file_is_private_and_appears_whole(cli, vault, tmp_path):
    vault.put("one", CANARY)
    file = tmp_path / "secrets"
    assert cli.ok("secret", "export", vault.name, "--file", file) == b""
    assert file.read_text() == f"ONE='{CANARY}'\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_one_secret_that_cannot_be_read_leaves_nothing(cli, vault, tmp_path):
    vault.put("one", CANARY)
    vault.put("once", "spent", max_access_count=1)
    vault.get("once")
    file = tmp_path / "secrets"
    done = cli.run("secret", "export", vault.name, "--file", file)
    assert done.returncode != 0 and b"Cannot read once" in done.stderr
    assert done.stdout == b"" and CANARY.encode() not in done.stderr
    assert not file.exists()


def test_an_unknown_format_is_a_usage_error(cli, vault):
    assert cli.run("secret", "export", vault.name, "--format", "yaml").returncode == 2
