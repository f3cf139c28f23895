"""enableCmek, disableCmek, and what a customer-managed key does to values."""

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import cmek, people
from support.sharing import open_share, share

ABSENT = "01950000-0000-7000-8000-000000000000"
BLOB_RULE = "This vault is under a customer-managed key: value must be base64 of a blob that was sealed with it"


# Enabling and disabling.

def test_a_vault_gets_a_key_and_loses_it(account, vault, key):
    before = cmek.state(vault)
    assert before["cmek_enabled"] is False and "cmek_fingerprint" not in before
    enabled = cmek.enable(vault, key)
    assert enabled == {**before, "cmek_enabled": True, "cmek_fingerprint": key.fingerprint}
    assert cmek.state(vault) == enabled
    assert account.get("/v1/vaults").json()["vaults"] == [enabled]
    assert cmek.disable(vault) == before
    assert cmek.state(vault) == before


def test_a_fingerprint_may_be_written_in_capitals(vault, key):
    response = vault.account.post(vault.path() + "/cmek", json={"fingerprint": key.fingerprint.upper()})
    assert response.status_code == 200 and response.json()["cmek_fingerprint"] == key.fingerprint


@pytest.mark.parametrize("body", [{}, {"fingerprint": ""}, {"fingerprint": "ab" * 31}, {"fingerprint": "ab" * 33},
                                  {"fingerprint": "zz" * 32}, {"fingerprint": 7}, {"fingerprint": None}])
def test_what_is_no_fingerprint_is_refused(vault, body):
    response = vault.account.post(vault.path() + "/cmek", json=body, raw=True)
    assert response.status_code == 400
    assert cmek.state(vault)["cmek_enabled"] is False


def test_a_key_is_enabled_once_and_exchanged_only_by_rotation(vault, key, new_key):
    cmek.enable(vault, key)
    for again in (key, new_key):
        response = vault.account.post(vault.path() + "/cmek", json={"fingerprint": again.fingerprint})
        assert response.status_code == 400
    assert cmek.state(vault)["cmek_fingerprint"] == key.fingerprint


def test_what_is_not_enabled_cannot_be_disabled(vault):
    response = vault.account.delete(vault.path() + "/cmek")
    assert response.status_code == 400 and response.json()["detail"] == "This vault has no customer-managed key"


def every_operation(client, vault, key, new_key):
    yield client.post(vault.path() + "/cmek", json={"fingerprint": key.fingerprint})
    yield client.delete(vault.path() + "/cmek")
    yield cmek.rotate(vault, key, new_key, by=client)
    yield client.get(f"{vault.path()}/cmek-rotate/{ABSENT}")


def test_only_managers_of_the_vault_may(account, vault, key, new_key, colleague):
    assert {response.status_code for response in every_operation(colleague, vault, key, new_key)} == {403}
    agent = account.post("/v1/agents", json={"name": "a"}).json()["api_key"]
    assert {response.status_code for response in every_operation(account.with_token(agent), vault, key, new_key)} == {403}
    assert {response.status_code for response in every_operation(account.anonymous(), vault, key, new_key)} == {401}
    assert cmek.state(vault)["cmek_enabled"] is False


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_admins_and_owners_may(daemon, account, other_account, vault, key, new_key, role):
    chief = people.join(daemon, other_account, account, role)
    assert chief.post(vault.path() + "/cmek", json={"fingerprint": key.fingerprint}).status_code == 200
    rotation = cmek.rotate(vault, key, new_key, by=chief)
    assert rotation.status_code == 202
    assert cmek.ended(vault, rotation.json())["status"] == "completed"
    assert chief.delete(vault.path() + "/cmek").status_code == 200


def test_the_vault_of_others_is_as_absent_as_none(other_account, vault, key, new_key):
    foreign = list(every_operation(other_account, vault, key, new_key))
    vault.id = ABSENT
    absent = list(every_operation(other_account, vault, key, new_key))
    for one, other in zip(foreign, absent):
        assert one.status_code == other.status_code == 404
        assert one.json()["detail"] == other.json()["detail"] == "Vault not found"


def test_the_daemons_own_vault_has_no_such_key(account, key):
    account.post("/v1/agents", json={"name": "a"})
    own = next(vault for vault in account.get("/v1/vaults").json()["vaults"] if vault["name"] == "__agent-keys")
    response = account.post(f"/v1/vaults/{own['id']}/cmek", json={"fingerprint": key.fingerprint})
    assert response.status_code == 403
    assert account.post("/v1/agents", json={"name": "b"}).status_code == 201


# Values.

def test_a_sealed_value_comes_back_untouched_and_marked(vault, key):
    cmek.enable(vault, key)
    blob = key.seal("swordfish")
    written = vault.put("db/password", blob)
    assert written.status_code == 201
    assert "cmek_encrypted" not in written.json()  # shipped clients refuse unknown members there
    read = vault.get("db/password").json()
    assert read["value"] == blob and read["cmek_encrypted"] is True
    assert key.open(read["value"]) == "swordfish"
    listed = vault.account.get(vault.path() + "/secrets").json()["secrets"]
    assert "cmek_encrypted" not in listed[0]


def test_a_vault_may_be_mixed(vault, key, daemon):
    vault.put("before", "plain")
    cmek.enable(vault, key)
    vault.put("sealed", key.seal("value"))
    vault.put("before-too", key.seal("x"))
    cmek.disable(vault)
    vault.put("after", "plain again")
    vault.put("before-too", "plain now")
    flags = {path: vault.get(path).json()["cmek_encrypted"] for path in ("before", "sealed", "after", "before-too")}
    assert flags == {"before": False, "sealed": True, "after": False, "before-too": False}
    assert vault.get("before").json()["value"] == "plain"
    assert key.open(vault.get("sealed").json()["value"]) == "value"
    assert cmek.fingerprints(daemon, vault) == [("after", 1, None), ("before", 1, None), ("before-too", 1, key.fingerprint),
                                           ("before-too", 2, None), ("sealed", 1, key.fingerprint)]


@pytest.mark.parametrize("value", [
    "plain text", "{}", "AAAA", base64.b64encode(b"\x02" + bytes(40)).decode(), base64.b64encode(b"\x01" + bytes(27)).decode(),
    base64.b64encode(b"\x01" + bytes(28)).decode() + "\n", base64.b64encode(b"\x01" + bytes(30)).decode()[:-1],
    base64.urlsafe_b64encode(b"\x01" + b"\xff" * 32).decode(), (b"\x01" + bytes(28)).hex()])
def test_what_is_no_blob_is_refused_while_the_key_is_on(sealed, value):
    response = sealed.put("e", value)
    assert response.status_code == 400 and response.json()["detail"] == BLOB_RULE
    assert sealed.get("e").status_code == 404


def test_the_smallest_blob_is_one_of_nothing(sealed, key):
    assert sealed.put("empty", key.seal("")).status_code == 201
    assert key.open(sealed.get("empty").json()["value"]) == ""


def test_many_at_once_are_held_to_the_rule_as_one_is(sealed, key):
    def write(number):
        client = sealed.account.with_token(sealed.account.token)
        value = key.seal(f"{number}") if number % 2 else f"{number}"
        return client.put(sealed.path("a"), json={"value": value}).status_code
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(write, range(32)))
    assert statuses == [400, 201] * 16
    read = sealed.get("a").json()
    assert read["version"] == 18 and read["cmek_encrypted"] is True


def test_reads_that_are_answered_together_are_marked_one_by_one(account, sealed, key):
    plain = account.create_vault()
    plain.put("p", "plain")

    def read(number):
        vault, path = (plain, "p") if number % 2 else (sealed, "d")
        return account.with_token(account.token).get(vault.path(path)).json()["cmek_encrypted"]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(read, range(64))) == [True, False] * 32


def test_what_is_shared_comes_out_sealed(api, sealed, key):
    link = share(sealed.account, sealed.get("a").json()["id"])["id"]
    assert key.open(open_share(api, link).json()["value"]) == "value a"


def test_the_check_of_values_can_be_switched_off(installation, daemon, vault, key):
    lenient = installation.daemon("lenient", cmek__check_form="false")
    try:
        cmek.enable(vault, key)
        client = lenient.api(vault.account.token)
        assert client.put(vault.path("p"), json={"value": "plain"}).status_code == 201
        assert vault.get("p").json()["cmek_encrypted"] is True
        assert vault.put("p", "plain").status_code == 400
    finally:
        lenient.kill9()


def test_the_fingerprint_is_that_of_the_bytes():
    assert cmek.Key(bytes(32)).fingerprint == hashlib.sha256(bytes(32)).hexdigest()
