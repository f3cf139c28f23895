"""Vaults bound to keys on a customer's token: on two nodes, while nodes die, and when the token fails."""

import pytest
from support import wait
from support.api import Vault
from support.customer_token import CustomerToken

SECRETS = 300
SOON = 3


@pytest.fixture(scope="module")
def person(own_installation):
    daemon = own_installation.daemon("before")
    account = daemon.api().signup()
    account.org = account.me()["org_id"]
    assert daemon.stop() == 0
    return account


@pytest.fixture(scope="module")
def token(own_installation):
    token = CustomerToken(own_installation)
    for key in ("first", "second"):
        token.make(key)
    return token


@pytest.fixture
def nodes(own_installation, person, token):
    daemons = [own_installation.daemon(name, hsm__customer_token=token.setting(person.org), rotation__secrets_per_second=100)
               for name in ("first", "second")]
    person.base_url = daemons[0].base_url
    person.token = person.login()
    yield daemons
    for daemon in daemons:
        daemon.kill9()


def at(daemon, vault):
    """The same vault, by way of another daemon."""
    return Vault(daemon.api(vault.account.token), vault.body)


def fill(account, count=SECRETS):
    vault = account.create_vault()
    for number in range(count):
        assert vault.put(f"s/{number}", f"value-{number}").status_code == 201
    return vault


def begin(vault, key):
    response = vault.account.put(vault.path() + "/customer-key", json={"token": "acme", "key": key})
    assert response.status_code == 202, response.text
    return response.json()


def row(daemon, rotation):
    return daemon.psql_owner(f"SELECT state, resealed FROM rotations WHERE id = '{rotation['id']}'")[0]


def await_done(daemon, rotation):
    wait.until(lambda: row(daemon, rotation)[0] == "done", "the rotation to be done", timeout=120)


def bound(account, count=5):
    vault = fill(account, count)
    rotation = begin(vault, "first")
    wait.until(lambda: account.get(f"/v1/rotations/{rotation['id']}").json()["state"] == "done", "it to be bound",
               timeout=60)
    return vault


def reason_at(vault):
    return vault.account.get(vault.path() + "/customer-key").json()["reason"]


def none_is_lost(vault, count=SECRETS, every=7):
    for number in range(0, count, every):
        assert vault.get(f"s/{number}").json()["value"] == f"value-{number}"


def test_kill9_of_the_node_that_binds_loses_nothing_and_the_other_goes_on(nodes, person):
    vault = fill(person)
    elsewhere = at(nodes[1], vault)
    for key in ("first", "second"):
        rotation = begin(vault, key)
        wait.until(lambda: row(nodes[1], rotation)[1] > 50, "some data keys to have moved", timeout=60)
        none_is_lost(elsewhere)
        nodes[0].kill9()
        nodes[1].psql_owner("UPDATE rotations SET lease_until = now() WHERE state = 'running'")
        none_is_lost(elsewhere)
        await_done(nodes[1], rotation)
        none_is_lost(elsewhere)
        assert nodes[1].psql_owner(f"SELECT count(*) FROM secret_versions WHERE vault_id = '{vault.id}' "
                                   "AND octet_length(sealed_dek) <> 88") == [(0,)]
        nodes[0].start()


def test_what_the_customer_takes_away_is_gone_on_every_node_within_a_second(nodes, person, token):
    vault = bound(person)
    everywhere = [vault, at(nodes[1], vault)]
    for take, give, reason in (
            (lambda: token.disable("first"), lambda: token.enable("first"), "customer_key_disabled"),
            (lambda: token.rename("first", "hidden"), lambda: token.rename("hidden", "first"), "customer_key_absent")):
        none_is_lost(vault, 5, 1)
        take()
        try:
            for place in everywhere:
                wait.until(lambda: place.get("s/0").status_code == 403, f"{reason} at each node", timeout=SOON)
                assert reason_at(place) == reason
                assert place.put("s/0", "x").status_code == 403
        finally:
            give()
        for place in everywhere:
            wait.until(lambda: place.get("s/0").status_code == 200, "the vault to be open again", timeout=10)


def test_a_token_that_is_taken_away_closes_the_vault_and_opens_it_when_it_is_back(nodes, person, token):
    vault = bound(person)
    everywhere = [vault, at(nodes[1], vault)]
    token.take_away()
    try:
        # SoftHSM does not say that a token is gone: until it starts anew its slot fails.
        for place in everywhere:
            wait.until(lambda: place.get("s/0").status_code == 503, "the vault to be closed", timeout=SOON)
            assert reason_at(place) == "customer_token_unreachable"
        nodes[1].restart()
        assert everywhere[1].get("s/0").status_code == 403
        assert reason_at(everywhere[1]) == "customer_token_absent"
    finally:
        token.bring_back()
    for node in nodes:
        node.restart()
    for place in everywhere:
        none_is_lost(place, 5, 1)


def test_a_token_that_fails_or_hangs_is_503_and_harms_no_other_vault(own_installation, person, token):
    daemon = own_installation.faulty_daemon(hsm__customer_token=token.setting(person.org), hsm__operation_timeout="1s",
                                            hsm__acquire_timeout="500ms")
    try:
        person.base_url = daemon.base_url
        person.token = person.login()
        vault = bound(person)
        plain = person.create_vault()
        plain.put("a", "b")
        # The daemon looks for its own keys only while it connects.
        for rule in ("C_FindObjectsInit error CKR_DEVICE_ERROR", "C_FindObjectsInit hang"):
            daemon.faults.set(rule)
            wait.until(lambda: vault.get("s/0").status_code == 503, "the token to be away", timeout=10)
            for _ in range(20):
                assert plain.get("a").status_code == 200
                assert vault.get("s/1").status_code == 503
            assert reason_at(vault) == "customer_token_unreachable"
            daemon.faults.clear()
            wait.until(lambda: vault.get("s/0").status_code == 200, "the token to be back", timeout=20)
        messages = [line["message"] for line in daemon.logs]
        assert messages.count("customer_token_fails") == 2 == messages.count("customer_token_serves_again")
    finally:
        daemon.faults.clear()
        daemon.kill9()


def test_a_wrong_pin_is_tried_once(own_installation, person, token):
    wrong = own_installation.directory / "wrong.pin"
    wrong.write_text("wrong-pin")
    wrong.chmod(0o600)
    setting = token.setting(person.org).rsplit(" ", 1)[0] + f" {wrong}"
    daemon = own_installation.faulty_daemon("wrong", hsm__customer_token=setting)
    try:
        person.base_url = daemon.base_url
        person.token = person.login()
        vault = person.create_vault()
        before = len(daemon.faults.logins())
        for _ in range(4):
            response = person.put(vault.path() + "/customer-key", json={"token": "acme", "key": "first"})
            assert response.status_code == 403 and "does not let this server in" in response.json()["detail"]
        assert daemon.faults.logins()[before:] == ["CKR_PIN_INCORRECT"]
    finally:
        daemon.kill9()
