"""cmek keygen, enable, disable, rotate and status; secret put, get and export, and run, with --cmek-key-file."""

import base64
import json
import os
import re
import stat

import pytest
from support import cmek, wait
from terminal import Terminal


@pytest.fixture
def key_file(cli, tmp_path):
    path = tmp_path / "key"
    cli.ok("cmek", "keygen", path)
    return path


@pytest.fixture
def new_key_file(cli, tmp_path):
    path = tmp_path / "new-key"
    cli.ok("cmek", "keygen", path)
    return path


def key_in(path):
    """The key as a client of other make would read it."""
    return cmek.Key(base64.b64decode(path.read_text().rstrip("\n"), validate=True))


@pytest.fixture
def sealed(cli, vault, key_file):
    cli.ok("cmek", "enable", vault.name, "--key-file", key_file)
    return vault


def test_a_key_is_made_in_a_file_of_its_own(offline, tmp_path):
    path = tmp_path / "key"
    made = json.loads(offline.ok("cmek", "keygen", path, "--output", "json"))
    assert made == {"file": str(path), "fingerprint": key_in(path).fingerprint}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    offline.fails(1, "cmek", "keygen", path)
    assert path.read_bytes() == before
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    offline.fails(1, "cmek", "keygen", link)
    assert not (tmp_path / "elsewhere").exists()


def test_a_key_can_go_to_standard_output(offline):
    result = offline.run("cmek", "keygen", "-")
    assert result.returncode == 0
    key = cmek.Key(base64.b64decode(result.stdout.rstrip(b"\n"), validate=True))
    assert key.fingerprint in result.stderr.decode() and key.text not in result.stderr.decode()


def test_enable_status_and_disable(cli, vault, key_file):
    fingerprint = key_in(key_file).fingerprint
    assert "none" in cli.ok("cmek", "status", vault.name).decode()
    enabled = json.loads(cli.ok("cmek", "enable", vault.name, "--key-file", key_file, "--output", "json"))
    assert (enabled["cmek_enabled"], enabled["cmek_fingerprint"]) == (True, fingerprint)
    shown = cli.ok("cmek", "status", vault.id).decode()
    assert "enabled" in shown and fingerprint in shown
    assert fingerprint in cli.ok("vault", "show", vault.name).decode()
    cli.fails(1, "cmek", "enable", vault.name, "--key-file", key_file)
    refused = cli.run("cmek", "disable", vault.name)
    assert refused.returncode == 2
    assert json.loads(cli.ok("cmek", "disable", vault.name, "--yes", "--output", "json"))["cmek_enabled"] is False
    cli.fails(1, "cmek", "disable", vault.name, "--yes")
    cli.ok("cmek", "enable", vault.name, "--fingerprint", fingerprint.upper())
    assert vault.account.get(vault.path()).json()["cmek_fingerprint"] == fingerprint


def test_a_value_is_sealed_before_it_leaves_and_opened_after_it_came(cli, sealed, key_file):
    key = key_in(key_file)
    cli.ok("secret", "put", sealed.name, "db/password", "--cmek-key-file", key_file, stdin="swordfish")
    stored = sealed.get("db/password").json()
    assert stored["cmek_encrypted"] is True and key.open(stored["value"]) == "swordfish"
    assert cli.ok("secret", "get", sealed.name, "db/password", "--cmek-key-file", key_file) == b"swordfish"
    told = json.loads(cli.ok("secret", "get", sealed.name, "db/password", "--cmek-key-file", key_file, "--output", "json"))
    assert told == {**stored, "value": "swordfish"}

    # And what another client sealed.
    sealed.put("other", key.seal("from elsewhere"))
    assert cli.ok("secret", "get", sealed.id, "other", "--cmek-key-file", key_file) == b"from elsewhere"


def test_any_bytes_survive(cli, sealed, key_file, tmp_path):
    value = os.urandom(100_000) + b"\0\n"
    cli.ok("secret", "put", sealed.name, "file", "--cmek-key-file", key_file, stdin=value)
    assert cli.ok("secret", "get", sealed.name, "file", "--cmek-key-file", key_file) == value
    copy = tmp_path / "copy"
    about = json.loads(cli.ok("secret", "get", sealed.name, "file", "--cmek-key-file", key_file, "--file", copy,
                              "--output", "json"))
    assert copy.read_bytes() == value and about["metadata"] == {}
    assert "not text" in cli.fails(1, "secret", "get", sealed.name, "file", "--cmek-key-file", key_file, "--output", "json")


def test_without_the_key_the_blob_comes_as_it_is_with_a_remark(cli, sealed, key_file):
    cli.ok("secret", "put", sealed.name, "a", "--cmek-key-file", key_file, stdin="value")
    result = cli.run("secret", "get", sealed.name, "a")
    assert result.returncode == 0 and b"--cmek-key-file" in result.stderr
    assert key_in(key_file).open(result.stdout.decode()) == "value"


def test_a_plain_value_of_a_mixed_vault_is_read_with_and_without_a_key(cli, vault, key_file):
    cli.ok("secret", "put", vault.name, "plain", stdin="as it is")
    cli.ok("secret", "put", vault.name, "bytes", stdin=b"\xff\0")
    cli.ok("cmek", "enable", vault.name, "--key-file", key_file)
    for option in ([], ["--cmek-key-file", key_file]):
        assert cli.ok("secret", "get", vault.name, "plain", *option) == b"as it is"
        assert cli.ok("secret", "get", vault.name, "bytes", *option) == b"\xff\0"


def test_the_wrong_key_writes_and_opens_nothing(cli, sealed, key_file, new_key_file):
    cli.ok("secret", "put", sealed.name, "a", "--cmek-key-file", key_file, stdin="value")
    assert "not this vault's" in cli.fails(
        1, "secret", "put", sealed.name, "a", "--cmek-key-file", new_key_file, stdin="other")
    assert "another customer-managed key" in cli.fails(1, "secret", "get", sealed.name, "a", "--cmek-key-file", new_key_file)
    assert sealed.get("a").json()["version"] == 1
    both = ["--cmek-key-file", new_key_file, "--cmek-key-file", key_file]
    cli.ok("secret", "put", sealed.name, "a", *both, stdin="newer")
    assert cli.ok("secret", "get", sealed.name, "a", *both) == b"newer"


def test_to_a_vault_without_a_key_nothing_sealed_is_written(cli, vault, key_file):
    assert "no customer-managed key" in cli.fails(
        1, "secret", "put", vault.name, "a", "--cmek-key-file", key_file, stdin="value")
    assert vault.get("a").status_code == 404


def test_what_was_not_sealed_is_refused_by_the_server(cli, sealed):
    assert "sealed" in cli.fails(1, "secret", "put", sealed.name, "a", stdin="value")


def test_programs_and_exports_get_opened_values(cli, sealed, key_file):
    cli.ok("secret", "put", sealed.name, "app/token", "--cmek-key-file", key_file, stdin="swordfish")
    output = cli.ok("run", "--vault", sealed.name, "--cmek-key-file", key_file, "--", "sh", "-c", "printf %s $APP_TOKEN")
    assert output == b"swordfish"
    exported = cli.ok("secret", "export", sealed.name, "--format", "json", "--cmek-key-file", key_file)
    assert json.loads(exported) == {"APP_TOKEN": "swordfish"}
    for command in (["run", "--vault", sealed.name, "--", "true"], ["secret", "export", sealed.name]):
        refusal = cli.fails(1, *command)
        assert "app/token" in refusal and "--cmek-key-file" in refusal


def test_a_key_is_read_from_standard_input_too(cli, sealed, key_file, tmp_path):
    value = tmp_path / "value"
    value.write_text("swordfish")
    cli.ok("secret", "put", sealed.name, "a", "--file", value, "--cmek-key-file", "-", stdin=key_file.read_bytes())
    assert cli.ok("secret", "get", sealed.name, "a", "--cmek-key-file", "-", stdin=key_file.read_bytes()) == b"swordfish"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_key_that_others_may_read_is_refused(cli, sealed, key_file, mode):
    key_file.chmod(mode)
    assert "0600" in cli.fails(1, "secret", "get", sealed.name, "a", "--cmek-key-file", key_file)


@pytest.mark.parametrize("content", [b"", b"key\n", b"A" * 44 + b"\n", b"0" * 64 + b"\n", bytes(32), b"A" * 2000])
def test_what_is_no_key_is_refused_and_not_repeated(cli, vault, tmp_path, content):
    path = tmp_path / "no-key"
    path.write_bytes(content)
    path.chmod(0o600)
    refusal = cli.fails(1, "cmek", "enable", vault.name, "--key-file", path)
    assert len(content) < 3 or content[:3].decode("latin-1") * 3 not in refusal


def test_a_rotation_from_begin_to_end(cli, sealed, key_file, new_key_file):
    for number in range(5):
        cli.ok("secret", "put", sealed.name, f"s/{number}", "--cmek-key-file", key_file, stdin=f"value {number}")
    rotate = ["cmek", "rotate", sealed.name, "--old-key-file", key_file, "--new-key-file", new_key_file]
    done = json.loads(cli.ok(*rotate, "--watch", "--output", "json"))
    assert (done["status"], done["total_secrets"], done["processed"]) == ("completed", 5, 5)
    assert json.loads(cli.ok("cmek", "status", sealed.name, done["id"], "--output", "json")) == done
    shown = cli.ok("cmek", "status", sealed.name, done["id"]).decode()
    assert "completed" in shown and key_in(new_key_file).fingerprint in shown
    assert cli.ok("secret", "get", sealed.name, "s/3", "--cmek-key-file", new_key_file) == b"value 3"
    cli.fails(1, "secret", "get", sealed.name, "s/3", "--cmek-key-file", key_file)
    assert "not this vault's" in cli.fails(1, *rotate)


def test_a_rotation_that_fails_says_what_to_do(cli, sealed, key_file, new_key_file):
    cli.ok("secret", "put", sealed.name, "good", "--cmek-key-file", key_file, stdin="value")
    sealed.put("bad", cmek.Key().seal("x"))
    failed = cli.run("cmek", "rotate", sealed.name, "--old-key-file", key_file, "--new-key-file", new_key_file, "--watch")
    assert failed.returncode == 1 and b"rotate again with the same keys" in failed.stdout and b"keep both" in failed.stdout
    both = ["--cmek-key-file", key_file, "--cmek-key-file", new_key_file]
    assert cli.ok("secret", "get", sealed.name, "good", *both) == b"value"
    cli.fails(1, "secret", "get", sealed.name, "bad", *both)


def test_on_a_terminal_a_bar_shows_how_far_it_is(cli, sealed, key_file, new_key_file):
    for number in range(5):
        sealed.put(f"s/{number}", key_in(key_file).seal("v"))
    bar = b"[##############################] 5/5 completed"
    terminal = Terminal(cli, "cmek", "rotate", sealed.name, "--old-key-file", key_file, "--new-key-file", new_key_file,
                        "--watch")
    terminal.wait_for(bar)
    assert terminal.end() == 0, terminal.output
    assert b"every value that can be read" in terminal.output
    name = re.search(rb"rotation:\s+([0-9a-f-]{36})", terminal.output).group(1).decode()
    again = Terminal(cli, "cmek", "status", sealed.name, name, "--watch")
    again.wait_for(bar)
    assert again.end() == 0, again.output
    quiet = Terminal(cli, "cmek", "status", sealed.name, name)
    assert quiet.end() == 0 and b"[#" not in quiet.output


def test_without_watching_it_goes_on_at_the_server(cli, sealed, key_file, new_key_file):
    begun = json.loads(cli.ok("cmek", "rotate", sealed.name, "--old-key-file", key_file, "--new-key-file", new_key_file,
                              "--output", "json"))
    assert begun["status"] == "running"
    wait.until(lambda: cmek.job(sealed, begun)["status"] == "completed", "the rotation")


def test_what_is_missing_or_unknown(cli, vault, key_file):
    cli.fails(4, "cmek", "status", "no-such-vault")
    cli.fails(4, "cmek", "status", vault.name, "no-id")
    for arguments in (["cmek"], ["cmek", "keygen"], ["cmek", "enable", vault.name], ["cmek", "rotate", vault.name],
                      ["cmek", "rotate", vault.name, "--old-key-file", key_file],
                      ["cmek", "enable", vault.name, "--key-file", key_file, "--fingerprint", "ab" * 32]):
        assert cli.run(*arguments).returncode == 2, arguments
    cli.fails(1, "cmek", "enable", vault.name, "--fingerprint", "abc")
    cli.fails(1, "cmek", "enable", vault.name, "--key-file", "/nowhere/key")
