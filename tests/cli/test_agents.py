"""agent create, enroll, list, show, update, deactivate, rotate-key and token."""

import json
import re

from command import Cli
from support.mail import MailServer


def test_the_life_of_an_agent(cli, stranger):
    created = cli.run("agent", "create", "deploy", "--description", "ships", "--scope", "db/**", "--expires-in", "90d")
    assert created.returncode == 0, created.stderr
    key = created.stdout.decode().removesuffix("\n")
    assert re.fullmatch("ocv_[A-Za-z0-9_-]{43}", key)
    assert b"not shown again" in created.stderr and key.encode() not in created.stderr

    assert "deploy" in cli.ok("agent", "list").decode()
    shown = json.loads(cli.ok("agent", "show", "deploy", "--output", "json"))
    assert (shown["description"], shown["scopes"]) == ("ships", ["db/**"]) and "expires_at" in shown
    assert shown["id"] in cli.ok("agent", "show", shown["id"]).decode()

    changed = json.loads(cli.ok("agent", "update", "deploy", "--name", "ship", "--token-ttl", "60", "--output", "json"))
    assert (changed["name"], changed["token_ttl_seconds"], changed["scopes"]) == ("ship", 60, ["db/**"])

    token = cli.ok("agent", "token", env={"CLAVIGER_API_KEY": key}).decode().strip()
    assert token.count(".") == 2
    for env in ({"CLAVIGER_API_KEY": key}, {"CLAVIGER_TOKEN": token}):
        cli.ok("vault", "list", env=env)

    rotated = cli.ok("agent", "rotate-key", "ship", "--yes").decode().strip()
    assert rotated.startswith("ocv_") and rotated != key
    for env in ({"CLAVIGER_API_KEY": key}, {"CLAVIGER_TOKEN": token}):
        cli.fails(3, "vault", "list", env=env)
    cli.ok("vault", "list", env={"CLAVIGER_API_KEY": rotated})

    deactivated = json.loads(cli.ok("agent", "deactivate", "ship", "--yes", "--output", "json"))
    assert deactivated == {"deactivated": shown["id"]}
    cli.fails(3, "agent", "token", env={"CLAVIGER_API_KEY": rotated})
    assert "deactivated" in cli.ok("agent", "list").decode()
    cli.ok("agent", "update", "ship", "--activate")
    cli.ok("agent", "token", env={"CLAVIGER_API_KEY": rotated})


def test_an_agent_whose_key_comes_by_mail(installation, tmp_path, account):
    mail = MailServer(installation)
    node = installation.daemon("mailing-agents-cli", **mail.settings(installation.directory))
    try:
        program = Cli(tmp_path / "program", node.base_url, node.ca)
        asked = program.run("agent", "enroll", "--email", account.email, "--name", "deploy", "--description", "ships")
        assert (asked.returncode, asked.stdout) == (0, b"") and b"mail" in asked.stderr
        key = re.search(r"\bocv_[\w-]{43}\b", mail.wait_for(account.email).get_payload()).group()
        assert program.ok("agent", "token", env={"CLAVIGER_API_KEY": key}).decode().count(".") == 2
        assert "Too many" in program.fails(6, "agent", "enroll", "--email", account.email, "--name", "deploy")
        answer = json.loads(program.ok("agent", "enroll", "--email", "nobody@example.org", "--name", "n", "--output", "json"))
        assert answer["agent_id"] == "00000000-0000-0000-0000-000000000000"
        assert program.run("agent", "enroll", "--name", "n").returncode == 2
    finally:
        node.kill9()
        mail.stop()


def test_an_agent_bound_by_the_names_of_vaults(cli, account):
    vault = account.create_vault("payments")
    made = json.loads(cli.ok("agent", "create", "bound", "--vault", "payments", "--output", "json"))
    assert made["agent"]["vault_ids"] == [vault.id]
    freed = json.loads(cli.ok("agent", "update", "bound", "--any-vault", "--output", "json"))
    assert freed["vault_ids"] == []
    cli.fails(4, "agent", "create", "lost", "--vault", "nowhere")


def test_an_agent_without_a_key_is_shown(cli):
    shown = cli.ok("agent", "create", "tls", "--auth-method", "mtls", "--client-cert-fingerprint", "ab" * 32).decode()
    assert "mtls" in shown and "ocv_" not in shown
    assert "api_key" not in json.loads(cli.ok(
        "agent", "create", "oidc", "--auth-method", "oidc_client_credentials", "--oidc-issuer", "https://id.example",
        "--oidc-client-id", "x", "--output", "json"))
    cli.fails(1, "agent", "rotate-key", "tls", "--yes")


def test_what_makes_no_sense(cli):
    cli.ok("agent", "create", "twin")
    assert "--yes" in cli.fails(1, "agent", "deactivate", "twin", stdin="yes\n")
    cli.fails(2, "agent", "update", "twin")
    cli.fails(2, "agent", "token")
    assert cli.run("agent", "create", "n", "--token-ttl", "59").returncode == 2
    cli.fails(4, "agent", "show", "nobody")
    cli.ok("agent", "create", "twin")
    assert "give the id" in cli.fails(1, "agent", "show", "twin")
