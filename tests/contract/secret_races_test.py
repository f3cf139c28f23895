"""Secrets that many read and write at once."""

import secrets as random
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.audit import events
from support.secrets import at_once


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
