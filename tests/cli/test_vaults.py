"""vault create, list, show and delete."""

import json


def test_the_life_of_a_vault(cli):
    created = json.loads(cli.ok("vault", "create", "payments", "--description", "card processor", "--output", "json"))
    assert created["name"] == "payments" and created["description"] == "card processor"
    assert b"payments" in cli.ok("vault", "list")
    assert cli.ok("vault", "list", "--names-only") == b"payments\n"
    assert json.loads(cli.ok("vault", "list", "--output", "json"))["vaults"] == [created]
    for name in ("payments", created["id"]):
        assert json.loads(cli.ok("vault", "show", name, "--output", "json")) == created
    cli.ok("vault", "delete", "payments", "--yes")
    assert cli.ok("vault", "list", "--names-only") == b""
    cli.fails(4, "vault", "show", "payments")
    cli.fails(4, "vault", "show", created["id"])


def test_names_that_look_like_commands_or_options(cli):
    for name in ("list", "vault", "run"):
        cli.ok("vault", "create", name)
        assert name.encode() in cli.ok("vault", "show", name)
    cli.ok("vault", "create", "--", "--yes")
    assert b"--yes" in cli.ok("vault", "show", "--", "--yes")


def test_a_name_beyond_ascii(cli):
    cli.ok("vault", "create", "Zürich Ω / %2F ?&#")
    assert cli.ok("vault", "list", "--names-only").decode() == "Zürich Ω / %2F ?&#\n"
    assert "Zürich" in cli.ok("vault", "show", "Zürich Ω / %2F ?&#").decode()


def test_a_name_taken_twice(cli):
    cli.ok("vault", "create", "twice")
    complaint = cli.fails(1, "vault", "create", "twice")
    assert "HTTP 409" in complaint and "request " in complaint


def test_deleting_needs_a_confirmation(cli):
    cli.ok("vault", "create", "kept")
    assert "--yes" in cli.fails(2, "vault", "delete", "kept")
    assert "--yes" in cli.fails(2, "vault", "delete", "kept", stdin="yes\n")
    cli.ok("vault", "show", "kept")


def test_another_organisations_vault_does_not_exist(cli, other_account):
    vault = other_account.create_vault()
    cli.fails(4, "vault", "show", vault.id)
    cli.fails(4, "vault", "show", vault.name)
    cli.fails(4, "vault", "delete", vault.id, "--yes")
    cli.fails(4, "secret", "get", vault.id, "a")
