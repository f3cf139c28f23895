"""putSecret, getSecret, deleteSecret, rotateSecret."""

import secrets as random
from datetime import datetime, timedelta, timezone

import pytest
from support import wait
from support.audit import events
from support.secrets import at_once, listed, write

TYPES = ["generic", "password", "api_key", "private_key", "certificate", "file", "note", "ssh_key", "env_bundle", "env"]
BODY_LIMIT = 5 * 1024 * 1024


def after(**delta):
    return (datetime.now(timezone.utc) + timedelta(**delta)).isoformat()


# -- write and read

def test_a_secret_reads_back_as_it_was_written(account, vault):
    expires_at = after(hours=1)
    metadata = {"owner": "ops", "nested": {"list": [1, 2.5, None, True, "ü"]}, "big": 9007199254740993}
    written = write(vault, "db/main/password", {"value": "s3cret", "type": "password", "metadata": metadata,
                                                "expires_at": expires_at, "max_access_count": 5,
                                                "rotation_policy": {"days": 30}, "unknown": [1]})
    assert written.status_code == 201
    about = written.json()
    assert about["path"] == "db/main/password"
    assert about["version"] == 1
    assert about["metadata"] == metadata
    assert datetime.fromisoformat(about["expires_at"]) == datetime.fromisoformat(expires_at)
    read = vault.get("db/main/password")
    assert read.status_code == 200
    assert read.json() == about | {"value": "s3cret", "created_by": f"user:{account.me()['id']}",
                                   "cmek_encrypted": False}


def test_a_value_alone_is_enough(vault):
    body = write(vault, "a", {"value": "v"}).json()
    assert body["type"] == "generic"
    assert body["metadata"] == {}
    assert "expires_at" not in body


@pytest.mark.parametrize("value", ["x", " ", "\x00", "a\x00b", "\n\r\t", "ü", "🔑", "\u202e", "\ufeff", "\\\"/", "{}",
                                   "'; DROP TABLE secrets; --", "\x7f\x1b[31m", "x" * 70000])
def test_any_text_survives(vault, value):
    assert vault.put("a", value).status_code == 201
    assert vault.get("a").json()["value"] == value


@pytest.mark.parametrize("kind", TYPES)
def test_the_ten_types_are_kept(vault, kind):
    assert write(vault, "a", {"value": "v", "type": kind}).json()["type"] == kind
    assert vault.get("a").json()["type"] == kind


def test_a_version_without_type_has_that_of_the_version_before(vault):
    write(vault, "a", {"value": "v", "type": "ssh_key"})
    assert write(vault, "a", {"value": "w"}).json()["type"] == "ssh_key"
    assert write(vault, "a", {"value": "x", "type": "note"}).json()["type"] == "note"
    assert vault.get("a").json()["type"] == "note"


def test_every_write_is_a_version_of_the_same_secret(vault):
    bodies = [vault.put("a", f"value {number}").json() for number in range(1, 6)]
    assert [body["version"] for body in bodies] == [1, 2, 3, 4, 5]
    assert len({body["id"] for body in bodies}) == 1
    assert vault.get("a").json()["value"] == "value 5"


def test_old_versions_stay_stored(vault, daemon):
    secret_id = [vault.put("a", "v").json()["id"] for _ in range(3)][0]
    assert daemon.psql_owner(
        f"SELECT array_agg(version ORDER BY version) FROM secret_versions WHERE secret_id = '{secret_id}'") == [([1, 2, 3],)]


def test_paths_are_case_sensitive(vault):
    vault.put("Key", "upper")
    vault.put("key", "lower")
    assert vault.get("Key").json()["value"] == "upper"
    assert vault.get("key").json()["value"] == "lower"


def test_the_same_path_in_two_vaults_is_two_secrets(account):
    one, two = account.create_vault(), account.create_vault()
    assert one.put("a", "one").json()["id"] != two.put("a", "two").json()["id"]
    assert one.get("a").json()["value"] == "one"


def test_the_database_never_sees_a_value(vault, daemon):
    canary = f"canary-{random.token_hex(16)}"
    vault.put("a", canary)
    vault.get("a")
    found = daemon.psql_owner(f"SELECT count(*) FROM secret_versions WHERE position('{canary}'::bytea IN ciphertext) > 0 "
                              f"OR position('{canary}'::bytea IN sealed_dek) > 0 OR metadata LIKE '%{canary}%'")
    assert found == [(0,)]
    assert daemon.psql_owner(f"SELECT count(*) FROM audit_events WHERE audit_events::text LIKE '%{canary}%'") == [(0,)]
    assert canary not in daemon.log_text()


def test_equal_values_are_stored_unequal(vault, daemon):
    for path in ("a", "b"):
        vault.put(path, "the same")
    rows = daemon.psql_owner(f"SELECT ciphertext, sealed_dek FROM secret_versions WHERE vault_id = '{vault.id}'")
    assert bytes(rows[0][0]) != bytes(rows[1][0])
    assert bytes(rows[0][1]) != bytes(rows[1][1])


# -- refused writes

@pytest.mark.parametrize("body", [
    {}, {"value": ""}, {"value": None}, {"value": 7}, {"value": ["v"]}, {"value": {"v": 1}}, {"value": True},
    {"value": "v", "type": "secret"}, {"value": "v", "type": ""}, {"value": "v", "type": 7},
    {"value": "v", "metadata": []}, {"value": "v", "metadata": "m"}, {"value": "v", "metadata": {"m": "x" * 16384}},
    {"value": "v", "expires_at": "2020-01-01T00:00:00Z"}, {"value": "v", "expires_at": "soon"},
    {"value": "v", "expires_at": 1900000000}, {"value": "v", "expires_at": "2100-01-01T00:00:00"},
    {"value": "v", "max_access_count": -1}, {"value": "v", "max_access_count": 2**31},
    {"value": "v", "max_access_count": 1.5}, {"value": "v", "max_access_count": "1"},
])
def test_a_bad_body_is_refused_and_nothing_is_written(vault, body):
    response = write(vault, "a", body)
    assert response.status_code == 400
    assert vault.get("a").status_code == 404


def test_a_refused_write_leaves_the_version_before(vault):
    vault.put("a", "good")
    write(vault, "a", {"value": ""})
    read = vault.get("a").json()
    assert (read["value"], read["version"]) == ("good", 1)


@pytest.mark.parametrize("member", ["metadata", "expires_at", "type", "max_access_count"])
def test_null_counts_as_absent(vault, member):
    assert write(vault, "a", {"value": "v", member: None}).status_code == 201


def body_of(size):
    """A body of exactly `size` bytes, and its value."""
    frame = b'{"value":""}'
    value = "v" * (size - len(frame))
    return b'{"value":"' + value.encode() + b'"}', value


def test_a_body_of_5_mib_makes_the_round_trip(account, vault):
    body, value = body_of(BODY_LIMIT)
    assert account.put(vault.path("a"), data=body).status_code == 201
    read = vault.get("a")
    assert read.status_code == 200
    assert read.json()["value"] == value


def test_a_body_of_one_byte_more_is_too_large(account, vault):
    body, _ = body_of(BODY_LIMIT + 1)
    assert account.put(vault.path("a"), data=body).status_code == 413
    assert vault.get("a").status_code == 404


def test_only_a_write_of_a_secret_may_be_large(account):
    assert account.post("/v1/vaults", data=b'{"name":"n"}' + b" " * 65536).status_code == 413


# -- deletion

def test_a_deleted_secret_is_gone_until_it_is_written_again(vault):
    first = vault.put("a", "v").json()
    vault.put("a", "w")
    response = vault.delete_secret("a")
    assert (response.status_code, response.content) == (204, b"")
    assert vault.get("a").status_code == 410
    assert listed(vault) == []
    assert vault.delete_secret("a").status_code == 404
    again = vault.put("a", "x").json()
    assert (again["version"], again["id"]) == (3, first["id"])
    assert vault.get("a").json()["value"] == "x"
    assert [secret["path"] for secret in listed(vault)] == ["a"]
    assert vault.delete_secret("a").status_code == 204


def test_what_was_never_written_is_not_found(vault):
    assert vault.get("a").status_code == 404
    assert vault.delete_secret("a").status_code == 404


def test_of_many_deletions_at_once_one_succeeds(account, vault):
    vault.put("a", "v")
    statuses = at_once(account, 8, lambda client, _: client.delete(vault.path("a")).status_code)
    assert sorted(statuses) == [204] + [404] * 7


# -- expiry and access count

def test_a_secret_expires_and_a_new_version_revives_it(vault):
    write(vault, "a", {"value": "v", "expires_at": after(seconds=1.5)})
    assert vault.get("a").json()["value"] == "v"
    wait.until(lambda: vault.get("a").status_code == 410, "the secret to expire")
    assert [secret["path"] for secret in listed(vault)] == ["a"]
    assert "expires_at" not in write(vault, "a", {"value": "w"}).json()
    assert vault.get("a").json()["value"] == "w"


def test_a_secret_is_read_as_often_as_allowed(vault):
    write(vault, "a", {"value": "v", "max_access_count": 2})
    assert [vault.get("a").status_code for _ in range(4)] == [200, 200, 410, 410]
    assert [secret["path"] for secret in listed(vault)] == ["a"]
    write(vault, "a", {"value": "w"})
    assert [vault.get("a").status_code for _ in range(3)] == [200, 200, 200]


def test_exactly_so_many_of_20_readers_succeed(account, vault, daemon):
    secret_id = write(vault, "a", {"value": "v", "max_access_count": 7}).json()["id"]
    statuses = at_once(account, 20, lambda client, _: client.get(vault.path("a")).status_code)
    assert sorted(statuses) == [200] * 7 + [410] * 13
    assert daemon.psql_owner(f"SELECT access_count FROM secret_versions WHERE secret_id = '{secret_id}'") == [(7,)]
    outcomes = [event["details"]["outcome"] for event in events(account, resource_id=secret_id, action="secret.read")]
    assert sorted(outcomes) == ["failed"] * 13 + ["success"] * 7


def test_listing_does_not_count_as_access(vault):
    write(vault, "a", {"value": "v", "max_access_count": 1})
    for _ in range(3):
        listed(vault)
    assert vault.get("a").status_code == 200


# -- rotation

def test_rotation_is_not_implemented(vault):
    vault.put("db/password", "v")
    response = vault.account.post(vault.path("db/password/rotate"))
    assert response.status_code == 400
    assert response.json()["detail"] == "Secret rotation not yet implemented"
    assert vault.get("db/password").json()["version"] == 1


@pytest.mark.parametrize("path", ["a", "rotate", "a/rotated", "a/rotate/b"])
def test_nothing_else_can_be_posted_to(vault, path):
    response = vault.account.post(vault.path(path), json={"value": "v"})
    assert response.status_code == 405
    assert response.headers["Allow"] == "DELETE, GET, PUT"


def test_a_secret_may_be_called_rotate(vault):
    assert vault.put("a/rotate", "v").status_code == 201
    assert vault.get("a/rotate").json()["value"] == "v"


# -- audit

def test_every_access_is_on_record_with_its_place(account, vault):
    secret_id = vault.put("db/password", "canary-value").json()["id"]
    vault.get("db/password")
    vault.delete_secret("db/password")
    vault.get("db/password")
    recorded = events(account, resource_id=secret_id)
    assert [(event["action"], event["details"]["outcome"]) for event in recorded] == [
        ("secret.read", "failed"), ("secret.delete", "success"), ("secret.read", "success"), ("secret.write", "success")]
    for event in recorded:
        assert event["resource_type"] == "secret"
        assert event["details"]["vault_id"] == vault.id
        assert event["details"]["path"] == "db/password"
        assert "canary" not in str(event)
    assert [event["details"].get("version") for event in recorded] == [1, None, 1, 1]


def test_a_refused_read_is_on_record(account, vault, colleague):
    vault.put("a", "v")
    colleague.get(vault.path("a"))
    denied = [event for event in events(account, action="secret.read") if event["details"]["outcome"] == "denied"]
    assert [event["details"]["path"] for event in denied] == ["a"]
