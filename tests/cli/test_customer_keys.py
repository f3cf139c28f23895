"""cmek bind, release and bound."""

import json

import pytest
from support import wait
from support.customer_token import CustomerToken

from command import Cli


@pytest.fixture(scope="module")
def person(shared_daemon):
    return shared_daemon.api().signup()


@pytest.fixture(scope="module")
def token(installation):
    token = CustomerToken(installation, "cli token")
    token.make("first key")
    return token


@pytest.fixture(scope="module")
def node(installation, person, token):
    node = installation.daemon("customer-cli", hsm__customer_token=token.setting(person.me()["org_id"]))
    yield node
    node.kill9()


@pytest.fixture
def cli(node, person, tmp_path):
    cli = Cli(tmp_path / "home", node.base_url, node.ca)
    cli.ok("login", "--password", "--email", person.email, "--password-stdin", stdin=person.password)
    return cli


@pytest.fixture
def vault(node, person):
    person.base_url = node.base_url
    return person.create_vault()


def bind(cli, vault, *options):
    return cli.ok("cmek", "bind", vault.name, "--token", "cli token", "--key", "first key", *options)


def test_a_vault_is_bound_shown_and_released(cli, vault, token):
    vault.put("a", "b")
    cli.fails(4, "cmek", "bound", vault.name)
    shown = bind(cli, vault, "--watch").decode()
    assert "bound" in shown and "first key" in shown and "yes" in shown
    status = json.loads(cli.ok("cmek", "bound", vault.id, "--output", "json"))
    assert (status["state"], status["usable"], status["token"]) == ("bound", True, "cli token")
    token.disable("first key")
    try:
        wait.until(lambda: "no: customer_key_disabled" in cli.ok("cmek", "bound", vault.name).decode(), "it to be closed")
        refused = cli.run("secret", "get", vault.name, "a")
        assert refused.returncode == 5 and b"disabled" in refused.stderr
    finally:
        token.enable("first key")
    wait.until(lambda: vault.get("a").status_code == 200, "it to be open again")
    asked = cli.run("cmek", "release", vault.name)
    assert asked.returncode == 2 and b"--yes" in asked.stderr
    released = json.loads(cli.ok("cmek", "release", vault.name, "--yes", "--watch", "--output", "json"))
    assert released == {"vault_id": vault.id, "state": "released"}
    assert cli.ok("secret", "get", vault.name, "a") == b"b"


def test_without_watch_the_rotation_is_named(cli, vault):
    rotation = json.loads(bind(cli, vault, "--output", "json"))
    assert rotation["vault_id"] == vault.id
    assert "done" in cli.ok("rotate", "show", rotation["id"], "--watch").decode()


def test_what_is_not_there_is_refused(cli, vault):
    cli.fails(5, "cmek", "bind", vault.name, "--token", "cli token", "--key", "nowhere")
    cli.fails(1, "cmek", "bind", vault.name, "--token", "nowhere", "--key", "first key")
    assert cli.run("cmek", "bind", vault.name, "--token", "cli token").returncode == 2
    cli.fails(4, "cmek", "release", vault.name, "--yes")
