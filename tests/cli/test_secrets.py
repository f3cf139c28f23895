"""secret put, get, list, describe and delete."""

import json
import os
import stat

import pytest

VALUES = {
    "text": b"correct horse battery staple",
    "line end": b"with a line end\n",
    "line ends": b"\r\n\n\r\n",
    "utf-8": "Schlüssel Ω 🔑 \u2028".encode(),
    "controls": bytes(range(1, 32)),
    "quotes": b"\"'\\${x}`id`$(id)%s%n",
    "nul": b"a\0b",
    "binary": bytes(range(256)) * 3,
    "not utf-8": b"\xff\xfe\xc0\x80",
    "looks like base64": b"aGVsbG8=",
    "one byte": b"x",
    "large": os.urandom(1_500_000),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_the_exact_bytes_come_back(cli, vault, value, tmp_path):
    cli.ok("secret", "put", vault.name, "a/b", stdin=value)
    assert cli.ok("secret", "get", vault.name, "a/b") == value
    (tmp_path / "in").write_bytes(value)
    cli.ok("secret", "put", vault.id, "from-file", "--file", tmp_path / "in")
    cli.ok("secret", "get", vault.id, "from-file", "--file", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == value


def test_trim_newline_takes_one_line_end(cli, vault):
    for given, kept in ((b"x\n", b"x"), (b"x\r\n", b"x"), (b"x\n\n", b"x\n"), (b"x", b"x")):
        cli.ok("secret", "put", vault.name, "t", "--trim-newline", stdin=given)
        assert cli.ok("secret", "get", vault.name, "t") == kept


def test_an_empty_value_is_refused(cli, vault):
    assert "empty" in cli.fails(1, "secret", "put", vault.name, "t", stdin=b"")
    assert "empty" in cli.fails(1, "secret", "put", vault.name, "t", "--trim-newline", stdin=b"\n")


def test_a_value_over_the_limit_is_refused(cli, vault):
    assert "5242880" in cli.fails(1, "secret", "put", vault.name, "t", stdin=b"x" * (5 * 1024 * 1024 + 1))
    # It fits the client's bound, but not the server's once it is JSON.
    assert "HTTP 413" in cli.fails(1, "secret", "put", vault.name, "t", stdin=b"\n" * (5 * 1024 * 1024))


def test_versions_types_and_metadata(cli, vault):
    first = json.loads(cli.ok("secret", "put", vault.name, "db/password", "--type", "password", "--metadata",
                              '{"owner":"ops","n":1}', "--output", "json", stdin="one"))
    second = json.loads(cli.ok("secret", "put", vault.name, "db/password", "--output", "json", stdin="two"))
    assert (first["version"], second["version"]) == (1, 2)
    assert first["id"] == second["id"]
    assert first["metadata"] == {"owner": "ops", "n": 1}
    assert second["type"] == "password"
    assert "value" not in first
    answer = json.loads(cli.ok("secret", "get", vault.name, "db/password", "--output", "json"))
    assert answer["value"] == "two" and answer["version"] == 2


def test_a_binary_value_keeps_the_other_metadata(cli, vault):
    cli.ok("secret", "put", vault.name, "b", "--metadata", '{"owner":"ops"}', stdin=b"\xff")
    described = json.loads(cli.ok("secret", "describe", vault.name, "b", "--output", "json"))
    assert described["metadata"] == {"owner": "ops", "claviger_encoding": "base64"}


def test_list_and_describe(cli, vault):
    for path in ("app/a", "app/b", "apple", "other"):
        vault.put(path, "hidden-value")
    assert cli.ok("secret", "list", vault.name, "--prefix", "app/", "--paths-only") == b"app/a\napp/b\n"
    assert cli.ok("secret", "list", vault.name, "--paths-only").split() == [b"app/a", b"app/b", b"apple", b"other"]
    for output in ("text", "json"):
        listed = cli.ok("secret", "list", vault.name, "--output", output)
        described = cli.ok("secret", "describe", vault.name, "app/a", "--output", output)
        assert b"app/a" in listed and b"app/a" in described
        assert b"hidden-value" not in listed + described
    cli.fails(4, "secret", "describe", vault.name, "app")


def test_describing_uses_up_no_read(cli, vault):
    cli.ok("secret", "put", vault.name, "once", "--max-reads", "1", stdin="x")
    cli.ok("secret", "describe", vault.name, "once")
    assert cli.ok("secret", "get", vault.name, "once") == b"x"
    assert "HTTP 410" in cli.fails(4, "secret", "get", vault.name, "once")


def test_expiry(cli, vault):
    put = json.loads(cli.ok("secret", "put", vault.name, "e", "--expires-in", "24h", "--output", "json", stdin="x"))
    assert put["expires_at"] > put["created_at"]
    at = "2096-01-02T03:04:05.000000Z"
    put = json.loads(cli.ok("secret", "put", vault.name, "e", "--expires-at", at, "--output", "json", stdin="x"))
    assert put["expires_at"] == at
    cli.fails(1, "secret", "put", vault.name, "e", "--expires-at", "2020-01-01T00:00:00Z", stdin="x")


def test_delete(cli, vault):
    vault.put("gone", "x")
    assert "--yes" in cli.fails(2, "secret", "delete", vault.name, "gone")
    cli.ok("secret", "delete", vault.name, "gone", "--yes")
    cli.fails(4, "secret", "get", vault.name, "gone")
    cli.fails(4, "secret", "delete", vault.name, "gone", "--yes")
    cli.fails(4, "secret", "get", vault.name, "never")


def test_the_output_file_is_private_and_whole_or_absent(cli, vault, tmp_path):
    vault.put("s", "new")
    out = tmp_path / "out"
    out.write_text("old")
    out.chmod(0o644)
    cli.ok("secret", "get", vault.name, "s", "--file", out)
    assert out.read_text() == "new"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    cli.fails(4, "secret", "get", vault.name, "absent", "--file", tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


def test_links_and_devices_are_not_replaced(cli, vault, tmp_path):
    vault.put("s", "new")
    target = tmp_path / "target"
    target.write_text("old")
    (tmp_path / "link").symlink_to(target)
    os.mkfifo(tmp_path / "fifo")
    for name in ("link", "fifo"):
        assert "not a regular file" in cli.fails(1, "secret", "get", vault.name, "s", "--file", tmp_path / name)
    assert target.read_text() == "old" and (tmp_path / "link").is_symlink()


def test_a_value_never_comes_from_or_goes_to_the_command_line(cli, vault):
    process = cli.popen("secret", "put", vault.name, "s", stdin=-1, stdout=-1, stderr=-1)
    process.stdin.write(b"canary-in-stdin")
    process.stdin.flush()
    with open(f"/proc/{process.pid}/cmdline", "rb") as arguments:
        assert b"canary" not in arguments.read()
    process.communicate(timeout=60)
    assert process.returncode == 0
