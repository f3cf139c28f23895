"""policy create, list, update and delete."""

import json
import uuid

import pytest


@pytest.fixture
def vault(cli):
    return json.loads(cli.ok("vault", "create", "web", "--output", "json"))


@pytest.fixture
def agent(cli):
    return json.loads(cli.ok("agent", "create", "deploy", "--output", "json"))["agent"]


def create(cli, *words):
    return json.loads(cli.ok("policy", "create", *words, "--output", "json"))


def test_the_life_of_a_policy(cli, vault, agent):
    made = create(cli, "web", "db/**", "--agent", "deploy", "--read", "--write")
    assert (made["vault_id"], made["secret_path_pattern"], made["principal_type"], made["principal_id"]) == (
        vault["id"], "db/**", "agent", agent["id"])
    assert (made["permissions"], made["conditions"]) == (["read", "write"], {})
    assert json.loads(cli.ok("policy", "list", "web", "--output", "json")) == {"policies": [made]}
    table = cli.ok("policy", "list", vault["id"]).decode().splitlines()
    assert table[0].split()[:2] == ["ID", "PATTERN"]
    assert table[1].split() == [made["id"], "db/**", f"agent:{agent['id']}", "read,write"]
    changed = json.loads(cli.ok("policy", "update", "web", made["id"], "--delete", "--output", "json"))
    assert changed == {**made, "permissions": ["delete"]}
    assert json.loads(cli.ok("policy", "delete", "web", made["id"], "--yes", "--output", "json")) == {"deleted": made["id"]}
    cli.fails(4, "policy", "delete", "web", made["id"], "--yes")
    assert json.loads(cli.ok("policy", "list", "web", "--output", "json")) == {"policies": []}


def test_conditions_and_an_end(cli, vault, agent):
    made = create(cli, "web", "**", "--agent", agent["id"], "--read", "--allow-ip", "192.0.2.0/24", "--allow-ip", "2001:db8::7",
                  "--hours", "22:00-06:00", "--days", "fri,sun", "--timezone", "Europe/Berlin", "--expires-in", "1d")
    assert made["conditions"] == {
        "ip_allowlist": ["192.0.2.0/24", "2001:db8::7"],
        "time_window": {"after": "22:00", "before": "06:00", "days_of_week": [5, 0], "timezone": "Europe/Berlin"}}
    assert made["expires_at"] > made["created_at"]
    shown = cli.ok("policy", "update", "web", made["id"], "--hours", "08:00-18:00").decode()
    assert '{"time_window":{"after":"08:00","before":"18:00"}}' in shown
    cleared = json.loads(cli.ok("policy", "update", "web", made["id"], "--no-conditions", "--no-expiry", "--output", "json"))
    assert cleared["conditions"] == {} and "expires_at" not in cleared


def test_a_person_is_named_by_address_or_id(cli, vault):
    me = json.loads(cli.ok("whoami", "--output", "json"))
    for name in (me["email"], me["id"]):
        assert create(cli, "web", "a", "--user", name, "--read")["principal_id"] == me["id"]
    stranger = str(uuid.uuid4())
    assert create(cli, "web", "a", "--user", stranger, "--read")["principal_id"] == stranger
    cli.fails(4, "policy", "create", "web", "a", "--user", "nobody@example.org", "--read")
    cli.fails(4, "policy", "create", "web", "a", "--user", "nobody", "--read")
    cli.fails(4, "policy", "create", "web", "a", "--agent", "nobody", "--read")
    cli.fails(4, "policy", "list", "nowhere")


def test_an_agent_reads_by_its_policy(cli, vault, agent):
    cli.ok("secret", "put", "web", "db/password", stdin=b"s3cret")
    key = cli.ok("agent", "rotate-key", "deploy", "--yes").decode().strip()
    environment = {"CLAVIGER_API_KEY": key}
    cli.fails(4, "secret", "get", "web", "db/password", env=environment)  # it does not even see the vault
    assert "Insufficient" in cli.fails(5, "secret", "get", vault["id"], "db/password", env=environment)
    create(cli, "web", "db/*", "--agent", "deploy", "--read")
    assert cli.ok("secret", "get", "web", "db/password", env=environment) == b"s3cret"


def test_what_is_no_policy(cli, vault, agent):
    for words in (["--agent", "deploy"], ["--read"], ["--agent", "deploy", "--user", "u", "--read"],
                  ["--agent", "deploy", "--read", "--hours", "8-18"], ["--agent", "deploy", "--read", "--days", "someday"],
                  ["--agent", "deploy", "--read", "--expires-in", "1y"]):
        assert cli.run("policy", "create", "web", "**", *words).returncode == 2, words
    cli.fails(1, "policy", "create", "web", "a//b", "--agent", "deploy", "--read")
    cli.fails(1, "policy", "create", "web", "a", "--agent", "deploy", "--read", "--hours", "08:00-25:00")
    made = create(cli, "web", "a", "--agent", "deploy", "--read")
    assert cli.run("policy", "update", "web", made["id"]).returncode == 2
    assert cli.run("policy", "update", "web", made["id"], "--no-conditions", "--hours", "08:00-18:00").returncode == 2
    assert cli.run("policy", "update", "web", made["id"], "--no-expiry", "--expires-in", "1d").returncode == 2


def test_deleting_needs_a_confirmation(cli, vault, agent):
    made = create(cli, "web", "a", "--agent", "deploy", "--read")
    assert "--yes" in cli.fails(2, "policy", "delete", "web", made["id"])
    assert made["id"].encode() in cli.ok("policy", "list", "web")
