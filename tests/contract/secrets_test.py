"""putSecret, getSecret, deleteSecret, listSecrets, rotateSecret."""

import secrets as random
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from support import people, wait

TYPES = ["generic", "password", "api_key", "private_key", "certificate", "file", "note", "ssh_key", "env_bundle", "env"]
BODY_LIMIT = 5 * 1024 * 1024
ABSENT = "01950000-0000-7000-8000-000000000000"


def after(**delta):
    return (datetime.now(timezone.utc) + timedelta(**delta)).isoformat()


def write(vault, path, body):
    """PUT of exactly these members (Vault.put adds a type)."""
    return vault.account.put(vault.path(path), json=body)


def listed(vault, **query):
    return vault.account.get(vault.path() + "/secrets", params=query).json()["secrets"]


def events(account, **filters):
    return account.get("/v1/audit/events", params=filters).json()["events"]


def at_once(account, count, request):
    """request(client, number) by `count` threads, each with a connection of its own."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda number: request(account.with_token(account.token), number), range(count)))


@pytest.fixture
def colleague(daemon, account, other_account):
    """A plain member of the same organisation."""
    return people.join(daemon, other_account, account)


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


# -- concurrency

def test_writers_of_one_path_get_versions_without_gaps(account, vault, daemon):
    def put(client, number):
        return client.put(vault.path("a"), json={"value": f"value {number}"})
    answers = at_once(account, 20, put)
    assert {answer.status_code for answer in answers} == {201}
    assert sorted(answer.json()["version"] for answer in answers) == list(range(1, 21))
    assert len({answer.json()["id"] for answer in answers}) == 1
    newest = next(number for number, answer in enumerate(answers) if answer.json()["version"] == 20)
    assert vault.get("a").json()["value"] == f"value {newest}"


def test_writers_on_two_nodes_get_versions_without_gaps(account, vault, installation):
    second = installation.daemon("second")

    def put(number):
        client = account.with_token(account.token) if number % 2 else second.api(account.token)
        return client.put(vault.path("a"), json={"value": f"value {number}"})
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(put, range(32)))
    assert second.stop() == 0
    written = sorted(answer.json()["version"] for answer in answers if answer.status_code == 201)
    assert written == list(range(1, len(written) + 1))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert vault.get("a").json()["version"] == len(written)


def test_a_reader_sees_whole_versions_only(account, vault):
    """Value and version belong together, whatever is written meanwhile."""
    vault.put("a", "first")
    written, read = {1: "first"}, []

    def turn(client, number):
        for round_number in range(5):
            if number % 2:
                value = f"value {number}.{round_number}"
                written[client.put(vault.path("a"), json={"value": value}).json()["version"]] = value
            else:
                body = client.get(vault.path("a")).json()
                read.append((body["version"], body["value"]))
    at_once(account, 16, turn)
    assert (len(written), len(read)) == (41, 40)
    assert len(set(read)) > 1, "no reader met a writer"
    assert all(written[version] == value for version, value in read)


@pytest.fixture
def crowded(installation):
    """A daemon that must answer many requests at a time: one thread does, and its HSM is slow."""
    daemon = installation.faulty_daemon("crowded", workers__batchers=1)
    daemon.faults.set("C_EncryptInit delay 2", "C_DecryptInit delay 2")
    yield daemon
    daemon.faults.clear()
    assert daemon.stop() == 0


class Customer:
    """One organisation: what its clients wrote and read in its vault."""

    PATHS = [f"path/{number}" for number in range(5)]

    def __init__(self, account, name):
        self.account, self.name = account, name
        self.vault = account.create_vault()
        self.written = []  # (path, version, value)
        self.read = []
        self.read_ids = []
        for path in self.PATHS:
            self.put(account, path)

    def put(self, client, path):
        # A long value now and then, which is not written with others.
        value = f"{self.name} {path} {random.token_hex(8)}" + " long" * 20000 * (random.randbelow(20) == 0)
        response = client.put(self.vault.path(path), json={"value": value})
        assert response.status_code == 201, response.text
        self.written.append((path, response.json()["version"], value))

    def get(self, client, path):
        response = client.get(self.vault.path(path))
        assert response.status_code == 200, response.text
        body = response.json()
        assert body["path"] == path
        self.read.append((path, body["version"], body["value"]))
        self.read_ids.append(response.headers["X-Request-Id"])


def test_many_clients_of_several_organisations_each_get_their_own(crowded):
    customers = [Customer(crowded.api().signup(), name) for name in ("one", "two", "three")]
    clients_each, rounds = 8, 15

    def work(number):
        customer = customers[number % len(customers)]
        other = customers[(number + 1) % len(customers)]
        client = crowded.api(customer.account.token)
        for turn in range(rounds):
            path = customer.PATHS[(number + turn) % len(customer.PATHS)]
            customer.put(client, path)
            customer.get(client, path)
            customer.get(client, customer.PATHS[turn % len(customer.PATHS)])
            if turn % 5 == number % 5:
                assert client.get(other.vault.path(path)).status_code == 404
                assert client.put(other.vault.path(path), json={"value": "v"}).status_code == 404

    with ThreadPoolExecutor(clients_each * len(customers)) as pool:
        list(pool.map(work, range(clients_each * len(customers))))

    for customer in customers:
        values = {(path, version): value for path, version, value in customer.written}
        assert len(customer.written) == len(values) == len(customer.PATHS) + clients_each * rounds
        assert len(customer.read) == 2 * clients_each * rounds
        assert all(values[path, version] == value for path, version, value in customer.read)
        for path in customer.PATHS:
            versions = [version for each, version in values if each == path]
            assert sorted(versions) == list(range(1, len(versions) + 1))
            stored = crowded.psql_owner(
                "SELECT r.version FROM secret_versions r JOIN secrets s ON s.id = r.secret_id "
                f"WHERE s.vault_id = '{customer.vault.id}' AND path = '{path}' ORDER BY r.version")
            assert [version for version, in stored] == sorted(versions)

        def recorded(action):
            return [event["details"] for event in events(customer.account, action=action, limit=1000)
                    if event["details"]["outcome"] == "success"]
        assert sorted((write["path"], write["version"]) for write in recorded("secret.write")) == sorted(values)
        assert sorted(read["request_id"] for read in recorded("secret.read")) == sorted(customer.read_ids)

    # Or there was nothing to be seen here: versions of one transaction were written together.
    ids = "', '".join(customer.vault.id for customer in customers)
    together = crowded.psql_owner(
        "SELECT count(*) FROM (SELECT count(*), count(DISTINCT vault_id) vaults FROM secret_versions "
        f"WHERE vault_id IN ('{ids}') GROUP BY xmin::text HAVING count(*) > 1) t WHERE vaults > 1")
    assert together[0][0] > 0


# -- list

@pytest.fixture
def stocked(vault):
    for path in ("api-keys/b", "api-keys/a", "api-keys2", "API", "db/password", "z"):
        vault.put(path, f"value of {path}")
    return vault


def test_a_list_is_sorted_and_has_no_values(stocked):
    secrets = listed(stocked)
    assert [secret["path"] for secret in secrets] == ["API", "api-keys/a", "api-keys/b", "api-keys2", "db/password", "z"]
    assert all("value" not in secret for secret in secrets)


@pytest.mark.parametrize("prefix,paths", [
    ("", ["API", "api-keys/a", "api-keys/b", "api-keys2", "db/password", "z"]),
    ("api-keys", ["api-keys/a", "api-keys/b", "api-keys2"]),
    ("api-keys/", ["api-keys/a", "api-keys/b"]),
    ("api-keys/a", ["api-keys/a"]),
    ("api-keys/a/", []),
    ("A", ["API"]),
    ("z", ["z"]),
    ("zz", []),
    ("/", []),
    ("%", []), ("_", []), ("*", []), ("api-keys/_", []), ("ü", []), ("'", []), ("\ufeff", []),
    ("a" * 600, []),
])
def test_a_prefix_is_plain_text(stocked, prefix, paths):
    assert [secret["path"] for secret in listed(stocked, prefix=prefix)] == paths


def test_a_list_shows_the_newest_version(stocked):
    stocked.put("db/password", "new", metadata={"note": "second"})
    secret = listed(stocked, prefix="db/")[0]
    assert (secret["version"], secret["metadata"]) == (2, {"note": "second"})


def test_a_long_list_goes_on_at_its_link(stocked):
    seen, target = [], stocked.path() + "/secrets?limit=2&prefix=api"
    while target:
        response = stocked.account.get(target)
        seen += [secret["path"] for secret in response.json()["secrets"]]
        target = response.links.get("next", {}).get("url")
    assert seen == ["api-keys/a", "api-keys/b", "api-keys2"]


def test_a_list_ends_before_it_grows_too_large(vault):
    """300 times 15 KiB of metadata are more than 4 MiB: the rest is behind the link, and nothing is lost."""
    metadata = {"filler": "x" * 15000}
    for number in range(300):
        assert write(vault, f"s{number:03}", {"value": "v", "metadata": metadata}).status_code == 201
    response = vault.account.get(vault.path() + "/secrets")
    assert len(response.content) < 5 * 1024 * 1024
    first = response.json()["secrets"]
    rest = vault.account.get(response.links["next"]["url"]).json()["secrets"]
    assert [secret["path"] for secret in first + rest] == [f"s{number:03}" for number in range(300)]


def test_a_list_has_at_most_10000_secrets_and_goes_on(account, vault, daemon):
    first = vault.put("s", "v").json()["id"]
    daemon.psql_owner(
        "INSERT INTO secrets SELECT org_id, vault_id, gen_random_uuid(), 's/' || to_char(n, 'FM00000'), 1, NULL, "
        f"created_at FROM secrets, generate_series(1, 12000) n WHERE id = '{first}'")
    daemon.psql_owner(
        "INSERT INTO secret_versions SELECT s.org_id, s.vault_id, s.id, 1, type, metadata, expires_at, max_access_count, "
        "access_count, created_by_type, created_by, r.created_at, kek_version, sealed_dek, ciphertext "
        f"FROM secrets s, (SELECT * FROM secret_versions WHERE secret_id = '{first}' OFFSET 0) r "
        f"WHERE s.vault_id = '{vault.id}' AND s.id <> '{first}'")
    response = account.get(vault.path() + "/secrets")
    page = [secret["path"] for secret in response.json()["secrets"]]
    last = account.get(response.links["next"]["url"])
    rest = [secret["path"] for secret in last.json()["secrets"]]
    assert (len(page), len(rest)) == (10000, 2001)
    assert page + rest == ["s"] + [f"s/{number:05}" for number in range(1, 12001)]
    assert "next" not in last.links


@pytest.mark.parametrize("query", ["limit=ten", "limit=", "after=a%20b", "after=%C3%BC"])
def test_malformed_paging_is_refused(vault, query):
    assert vault.account.get(f"{vault.path()}/secrets?{query}").status_code == 400


def test_an_empty_vault_has_an_empty_list(vault):
    assert vault.account.get(vault.path() + "/secrets").json() == {"secrets": []}


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


# -- permission

def test_a_colleague_is_refused_whether_or_not_the_path_exists(vault, colleague):
    vault.put("a", "canary")
    answers = set()
    for path in ("a", "never-written", "not.a.path"):
        response = colleague.get(vault.path(path))
        assert response.status_code == 403
        answers.add(response.content)
        assert colleague.delete(vault.path(path)).status_code == 403
    assert len(answers) == 1
    for path in ("a", "never-written"):
        assert colleague.put(vault.path(path), json={"value": "v"}).status_code == 403
    assert vault.get("a").json()["value"] == "canary"


def test_a_colleague_gets_an_empty_list(stocked, colleague):
    assert colleague.get(stocked.path() + "/secrets").json() == {"secrets": []}


def test_another_organisation_learns_nothing(stocked, other_account):
    for method, path, body in [("GET", "db/password", None), ("DELETE", "db/password", None),
                               ("PUT", "db/password", {"value": "v"})]:
        response = other_account.request(method, stocked.path(path), json=body)
        absent = other_account.request(method, f"/v1/vaults/{ABSENT}/secrets/{path}", json=body)
        assert (response.status_code, response.content) == (absent.status_code, absent.content)
        assert response.status_code == 404
    assert stocked.get("db/password").json()["value"] == "value of db/password"


@pytest.mark.parametrize("method,suffix", [("GET", "/secrets"), ("GET", "/secrets/a"), ("PUT", "/secrets/a"),
                                           ("DELETE", "/secrets/a"), ("POST", "/secrets/a/rotate")])
def test_without_a_token_there_is_nothing(api, vault, method, suffix):
    response = api.request(method, vault.path() + suffix, json={"value": "v"} if method == "PUT" else None)
    assert response.status_code == 401


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


# -- tampering by whoever can write to the database

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
