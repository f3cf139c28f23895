"""rotate vault, list, show, pause and resume."""

import json

import pytest
from support import wait
from terminal import Terminal


@pytest.fixture
def filled(vault):
    for number in range(5):
        assert vault.put(f"s/{number}", "v").status_code == 201
    return vault


def rotation_of(output):
    return json.loads(output)


def test_the_life_of_a_rotation(cli, filled, daemon):
    assert rotation_of(cli.ok("rotate", "list", "--output", "json")) == {"rotations": []}
    done = rotation_of(cli.ok("rotate", "vault", filled.name, "--watch", "--output", "json"))
    assert (done["state"], done["resealed"], done["key_version"], done["vault_id"]) == ("done", 5, 2, filled.id)
    assert rotation_of(cli.ok("rotate", "show", done["id"], "--output", "json")) == done
    assert rotation_of(cli.ok("rotate", "list", "--output", "json")) == {"rotations": [done]}
    table = cli.ok("rotate", "list").decode().splitlines()
    assert table[0].split() == ["ID", "VAULT", "STATE", "MOVED", "KEY", "CREATED"]
    assert done["id"] in table[1] and "5/5" in table[1] and "done" in table[1]
    shown = cli.ok("rotate", "show", done["id"]).decode()
    assert "every data key lies under the new key" in shown and "5 of 5" in shown
    cli.fails(1, "rotate", "pause", done["id"])

    daemon.psql_owner(f"UPDATE rotations SET state = 'paused', finished_at = NULL WHERE id = '{done['id']}'")
    assert "claviger rotate resume" in cli.ok("rotate", "pause", done["id"]).decode()
    watched = cli.run("rotate", "show", done["id"], "--watch", "--output", "json")
    assert watched.returncode == 1 and rotation_of(watched.stdout)["state"] == "paused"
    assert "not done" in cli.fails(1, "rotate", "vault", filled.id)
    resumed = rotation_of(cli.ok("rotate", "resume", done["id"], "--watch", "--output", "json"))
    assert resumed["state"] == "done"


def test_a_failed_rotation_says_what_to_do(cli, filled, daemon):
    edit = ("UPDATE secret_versions SET sealed_dek = set_byte(sealed_dek, 20, get_byte(sealed_dek, 20) # 1) "
            f"WHERE vault_id = '{filled.id}'")
    daemon.psql_owner(edit)
    failed = cli.run("rotate", "vault", filled.name, "--watch")
    assert failed.returncode == 1
    assert b"does not open" in failed.stdout and b"none is lost" in failed.stdout
    daemon.psql_owner(edit)
    rotation = rotation_of(cli.ok("rotate", "list", "--output", "json"))["rotations"][0]["id"]
    assert b"done" in cli.ok("rotate", "resume", rotation, "--watch")


def test_without_watching_it_begins_in_the_background(cli, filled, account):
    begun = rotation_of(cli.ok("rotate", "vault", filled.name, "--output", "json"))
    wait.until(lambda: account.get(f"/v1/rotations/{begun['id']}").json()["state"] == "done", "the rotation")


def test_on_a_terminal_a_bar_shows_how_far_it_is(cli, filled):
    terminal = Terminal(cli, "rotate", "vault", filled.name, "--watch")
    terminal.wait_for(b"[##############################] 5/5 done")
    assert terminal.end() == 0, terminal.output
    assert b"every data key" in terminal.output


def test_what_is_no_rotation(cli):
    cli.fails(4, "rotate", "vault", "no-such-vault")
    for verb in ("show", "pause", "resume"):
        cli.fails(4, "rotate", verb, "no-id")
    assert cli.run("rotate").returncode == 2
    assert cli.run("rotate", "vault").returncode == 2
