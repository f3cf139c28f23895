"""api-key create, list and revoke, and a key in the environment in place of a login."""

import json
import re


def test_the_life_of_a_key(cli, stranger, account):
    created = cli.run("api-key", "create", "backup", "--scope", "a", "--scope", "b", "--expires-in", "90d")
    assert created.returncode == 0, created.stderr
    key = created.stdout.decode().removesuffix("\n")
    assert re.fullmatch("1ck_[A-Za-z0-9_-]{43}", key)
    assert b"not shown again" in created.stderr and key.encode() not in created.stderr

    shown = cli.ok("api-key", "list").decode()
    assert "backup" in shown and key[:12] in shown and "active" in shown and key not in shown
    described = json.loads(cli.ok("api-key", "list", "--output", "json"))["keys"][0]
    assert described["scopes"] == ["a", "b"] and "expires_at" in described

    cli.ok("logout")
    with_key = {"CLAVIGER_API_KEY": key}
    assert account.email.encode() in stranger.ok("whoami", env=with_key)
    revoked = stranger.run("api-key", "revoke", "backup", "--yes", env=with_key)
    assert revoked.returncode == 0 and revoked.stdout == b""
    assert "Invalid or expired token" in stranger.fails(3, "whoami", env=with_key)


def test_json_carries_the_key_and_what_is_known_of_it(cli):
    answer = json.loads(cli.ok("api-key", "create", "ci", "--output", "json"))
    assert answer["key"]["name"] == "ci" and answer["api_key"].startswith(answer["key"]["key_prefix"])


def test_a_token_in_the_environment_goes_before_a_key(cli, account, other_account):
    key = other_account.post("/v1/auth/api-keys", json={"name": "k"}).json()["api_key"]
    env = {"CLAVIGER_API_KEY": key}
    assert other_account.email.encode() in cli.ok("whoami", env=env)
    assert account.email.encode() in cli.ok("whoami", env=env | {"CLAVIGER_TOKEN": account.token})


def test_a_name_that_several_keys_have_must_be_told_by_id(cli):
    first = json.loads(cli.ok("api-key", "create", "twin", "--output", "json"))["key"]["id"]
    cli.ok("api-key", "create", "twin")
    assert "give the id" in cli.fails(1, "api-key", "revoke", "twin", "--yes")
    assert json.loads(cli.ok("api-key", "revoke", first, "--yes", "--output", "json")) == {"revoked": first}
    cli.ok("api-key", "revoke", "twin", "--yes")
    cli.fails(4, "api-key", "revoke", "twin", "--yes")


def test_revoking_needs_a_confirmation(cli):
    cli.ok("api-key", "create", "kept")
    assert "--yes" in cli.fails(2, "api-key", "revoke", "kept", stdin="yes\n")
    assert "active" in cli.ok("api-key", "list").decode()


def test_times_that_make_no_sense(cli):
    for times in (["--expires-in", "soon"], ["--expires-at", "2030-01-01T00:00:00Z", "--expires-in", "1d"]):
        assert cli.run("api-key", "create", "k", *times).returncode == 2
    cli.fails(1, "api-key", "create", "k", "--expires-at", "2020-01-01T00:00:00Z")
