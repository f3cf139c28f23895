"""Whoever can write to the database can neither read secrets nor pass one off for another."""

import uuid

import pytest
from support.audit import events
from support.secrets import write


def assert_refused(account, vault, path, secret_id, daemon, value):
    response = vault.get(path)
    assert response.status_code == 500
    assert value not in response.text
    assert response.json()["detail"] == "Stored data failed its integrity check"
    newest = events(account, resource_id=secret_id, action="secret.read")[0]
    assert newest["details"]["outcome"] == "failed"
    assert value not in daemon.log_text()


@pytest.fixture
def pair(vault):
    """Two secrets that can be read; their ids."""
    ids = [vault.put("one", "canary-one").json()["id"], vault.put("two", "canary-two").json()["id"]]
    assert vault.get("one").json()["value"] == "canary-one"
    return ids


@pytest.mark.parametrize("columns", [("ciphertext",), ("sealed_dek",), ("ciphertext", "sealed_dek")])
def test_a_seal_moved_from_another_secret_does_not_open(account, vault, daemon, pair, columns):
    assignments = ", ".join(f"{column} = b.{column}" for column in columns)
    daemon.psql_owner(f"UPDATE secret_versions a SET {assignments} FROM secret_versions b "
                      f"WHERE a.secret_id = '{pair[0]}' AND b.secret_id = '{pair[1]}'")
    assert_refused(account, vault, "one", pair[0], daemon, "canary")
    assert vault.get("two").json()["value"] == "canary-two"


@pytest.mark.parametrize("column", ["ciphertext", "sealed_dek"])
@pytest.mark.parametrize("position", ["0", "14", "octet_length({column}) - 1"])
def test_a_seal_with_one_bit_changed_does_not_open(account, vault, daemon, pair, column, position):
    position = position.format(column=column)
    daemon.psql_owner(f"UPDATE secret_versions SET {column} = set_byte({column}, {position}, "
                      f"get_byte({column}, {position}) # 1) WHERE secret_id = '{pair[0]}'")
    assert_refused(account, vault, "one", pair[0], daemon, "canary")


def rename(daemon, secret_id, path):
    daemon.psql_owner(f"UPDATE secrets SET path = '{path}' WHERE id = '{secret_id}'")


def test_two_secrets_with_swapped_paths_do_not_open(account, vault, daemon, pair):
    for secret_id, path in [(pair[0], "aside"), (pair[1], "one"), (pair[0], "two")]:
        rename(daemon, secret_id, path)
    assert_refused(account, vault, "one", pair[1], daemon, "canary")
    assert_refused(account, vault, "two", pair[0], daemon, "canary")
    for secret_id, path in [(pair[1], "aside"), (pair[0], "one"), (pair[1], "two")]:
        rename(daemon, secret_id, path)
    assert [vault.get(path).json()["value"] for path in ("one", "two")] == ["canary-one", "canary-two"]


@pytest.mark.parametrize("path", ["fresh", "One", "one/one"])
def test_a_renamed_secret_does_not_open_until_it_is_written_again(account, vault, daemon, pair, path):
    rename(daemon, pair[0], path)
    assert_refused(account, vault, path, pair[0], daemon, "canary")
    assert vault.get("one").status_code == 404
    assert vault.put(path, "canary-newer").json()["version"] == 2
    assert vault.get(path).json()["value"] == "canary-newer"


def test_a_renamed_secret_does_not_use_up_its_reads(account, vault, daemon):
    secret_id = write(vault, "a", {"value": "canary", "max_access_count": 1}).json()["id"]
    rename(daemon, secret_id, "b")
    assert_refused(account, vault, "b", secret_id, daemon, "canary")
    rename(daemon, secret_id, "a")
    assert [vault.get("a").status_code for _ in range(2)] == [200, 410]


def test_a_seal_of_another_version_does_not_open(account, vault, daemon, pair):
    vault.put("one", "canary-newer")
    daemon.psql_owner("UPDATE secret_versions a SET ciphertext = b.ciphertext, sealed_dek = b.sealed_dek "
                      f"FROM secret_versions b WHERE a.secret_id = '{pair[0]}' AND b.secret_id = '{pair[0]}' "
                      "AND a.version = 2 AND b.version = 1")
    assert_refused(account, vault, "one", pair[0], daemon, "canary")


def test_a_version_under_another_number_does_not_open(account, vault, daemon, pair):
    daemon.psql_owner(f"UPDATE secret_versions SET version = 9 WHERE secret_id = '{pair[0]}'")
    daemon.psql_owner(f"UPDATE secrets SET version = 9 WHERE id = '{pair[0]}'")
    assert_refused(account, vault, "one", pair[0], daemon, "canary")


def test_a_version_that_is_missing_is_not_passed_over(account, vault, daemon, pair):
    vault.put("one", "canary-newer")
    daemon.psql_owner(f"DELETE FROM secret_versions WHERE secret_id = '{pair[0]}' AND version = 2")
    assert_refused(account, vault, "one", pair[0], daemon, "canary")


def test_a_vault_key_moved_from_another_vault_is_refused(account, vault, daemon, pair):
    other = account.create_vault()
    daemon.psql_owner("UPDATE vault_keks a SET blob = b.blob, check_record = b.check_record FROM vault_keks b "
                      f"WHERE a.vault_id = '{vault.id}' AND b.vault_id = '{other.id}'")
    assert_refused(account, vault, "one", pair[0], daemon, "canary")
    response = vault.put("one", "canary-three")
    assert response.status_code == 500
    assert "canary" not in response.text


@pytest.mark.parametrize("column,position", [("blob", 0), ("blob", 39), ("check_record", 0), ("check_record", 43)])
def test_a_vault_key_with_one_bit_changed_is_refused(account, vault, daemon, pair, column, position):
    daemon.psql_owner(f"UPDATE vault_keks SET {column} = set_byte({column}, {position}, "
                      f"get_byte({column}, {position}) # 128) WHERE vault_id = '{vault.id}'")
    assert_refused(account, vault, "one", pair[0], daemon, "canary")


def test_a_secret_moved_to_another_vault_does_not_open(account, vault, daemon, pair):
    other = account.create_vault()
    moved = str(uuid.uuid4())
    daemon.psql_owner(
        f"INSERT INTO secrets SELECT org_id, '{other.id}', '{moved}', path, version, deleted_at, created_at FROM secrets "
        f"WHERE id = '{pair[0]}'")
    daemon.psql_owner(
        f"INSERT INTO secret_versions SELECT org_id, '{other.id}', '{moved}', version, type, metadata, expires_at, "
        "max_access_count, access_count, created_by_type, created_by, created_at, kek_version, sealed_dek, ciphertext "
        f"FROM secret_versions WHERE secret_id = '{pair[0]}' AND vault_id = '{vault.id}'")
    assert_refused(account, other, "one", moved, daemon, "canary")
    assert vault.get("one").json()["value"] == "canary-one"


@pytest.mark.parametrize("limit", [0, 5])
def test_metadata_that_is_no_longer_json_is_refused(account, vault, daemon, pair, limit):
    daemon.psql_owner(f"UPDATE secret_versions SET metadata = '{{', max_access_count = {limit} "
                      f"WHERE secret_id = '{pair[0]}'")
    assert_refused(account, vault, "one", pair[0], daemon, "canary")
    assert daemon.psql_owner(f"SELECT access_count FROM secret_versions WHERE secret_id = '{pair[0]}'") == [(0,)]
