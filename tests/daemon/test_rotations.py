"""A rotation goes on whatever happens to the node that works on it, and nobody notices."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import wait
from support.load import Load

SLOWLY = 400  # data keys per second: a rotation of SECRETS takes some seconds
SECRETS = 2000


@pytest.fixture
def slow_daemon(own_installation):
    daemon = own_installation.daemon("slow", rotation__secrets_per_second=SLOWLY)
    yield daemon
    daemon.kill9()


def fill(account, count=SECRETS):
    vault = account.create_vault()

    def write(numbers):
        client = account.with_token(account.token)
        for number in numbers:
            assert client.put(vault.path(f"s/{number}"), json={"value": f"value-{number}"}).status_code == 201
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, (range(first, count, 8) for first in range(8))))
    return vault


def start(vault):
    response = vault.account.post(vault.path() + "/rotations")
    assert response.status_code == 201, response.text
    return response.json()["id"]


def row(daemon, rotation):
    """What the database says of it; works while no daemon does."""
    return daemon.psql_owner(
        f"SELECT state, key_version IS NOT NULL, resealed FROM rotations WHERE id = '{rotation}'")[0]


def await_done(daemon, rotation, timeout=90):
    wait.until(lambda: row(daemon, rotation)[0] == "done", "the rotation to be done", timeout)


def complete(daemon, vault, key, values=SECRETS, account=None):
    """The vault has one key, and opens."""
    assert daemon.psql_owner(f"SELECT version FROM vault_keks WHERE vault_id = '{vault.id}'") == [(key,)]
    assert daemon.psql_owner(
        f"SELECT count(*) FROM secret_versions WHERE vault_id = '{vault.id}' AND kek_version <> {key}") == [(0,)]
    client = daemon.api((account or vault.account).token)
    for number in range(0, values, 7):
        response = client.get(vault.path(f"s/{number}"))
        assert response.status_code == 200 and response.json()["value"] == f"value-{number}"


def lease_ends(daemon):
    """As if the time had passed."""
    daemon.psql_owner("UPDATE rotations SET lease_until = now() WHERE state = 'running'")


def test_it_survives_kill9_at_every_step(slow_daemon):
    daemon = slow_daemon
    account = daemon.api().signup()
    vault = fill(account)
    rotation = start(vault)
    daemon.kill9()  # before, or just when, it is taken
    deaths = 1
    for share in (0, 0.2, 0.5, 0.8, 0.99):
        lease_ends(daemon)
        daemon.start()
        wait.until(lambda: row(daemon, rotation)[1] and row(daemon, rotation)[2] >= share * SECRETS,
                   f"{share} of the data keys to be moved", timeout=60)
        if row(daemon, rotation)[0] == "done":
            break
        daemon.kill9()
        deaths += 1
        assert row(daemon, rotation)[0] == "running"
        assert daemon.psql_owner(f"SELECT count(*) FROM vault_keks WHERE vault_id = '{vault.id}'") == [(2,)]
    assert deaths >= 4
    lease_ends(daemon)
    if not daemon.running:
        daemon.start()
    await_done(daemon, rotation)
    complete(daemon, vault, 2)
    assert row(daemon, rotation)[2] == SECRETS


def test_reads_and_writes_go_on_without_an_error(slow_daemon):
    account = slow_daemon.api().signup()
    vault = fill(account, 1000)
    load = Load(account)
    try:
        wait.until(lambda: len(load.acknowledged) >= 50, "the load to run", timeout=60)
        rotations = [start(vault), start(load.vault)]

        def read(number):
            response = account.with_token(account.token).get(vault.path(f"s/{number}"), timeout=60)
            return response.status_code == 200 and response.json()["value"] == f"value-{number}"
        with ThreadPoolExecutor(4) as pool:
            while any(row(slow_daemon, rotation)[0] != "done" for rotation in rotations):
                assert all(pool.map(read, range(0, 1000, 25)))
    finally:
        load.stop()
    assert not load.unanswered and not load.refused
    load.acknowledged_writes_are_readable(account)
    complete(slow_daemon, vault, 2, 1000)


def test_the_other_node_goes_on_by_itself_when_one_dies(own_installation):
    first = own_installation.daemon("first", rotation__secrets_per_second=100)
    second = own_installation.daemon("second", start=False)
    try:
        account = first.api().signup()
        vault = fill(account, 500)
        rotation = start(vault)
        wait.until(lambda: row(first, rotation)[2] > 0, "the rotation to be under way", timeout=30)
        second.start()
        first.kill9()
        assert row(first, rotation)[0] == "running"
        await_done(second, rotation)
        complete(second, vault, 2, 500)
        assert row(second, rotation)[2] == 500
    finally:
        first.kill9()
        second.kill9()


def test_a_node_that_stops_hands_over_at_once(own_installation):
    first = own_installation.daemon("first", rotation__secrets_per_second=50)
    second = own_installation.daemon("second", start=False)
    try:
        vault = fill(first.api().signup(), 500)
        rotation = start(vault)
        wait.until(lambda: row(first, rotation)[2] > 0, "the rotation to be under way", timeout=30)
        assert first.stop() == 0
        assert own_installation.sql("SELECT count(*) FROM rotations WHERE lease_until > now()") == [(0,)]
        second.start()
        await_done(second, rotation)
        complete(second, vault, 2, 500)
    finally:
        first.kill9()
        second.kill9()


def test_two_nodes_rotate_two_vaults_at_once(own_installation):
    nodes = [own_installation.daemon(name) for name in ("first", "second")]
    try:
        account = nodes[0].api().signup()
        vaults = [fill(account, 300) for _ in range(2)]
        rotations = [nodes[n].api(account.token).post(vaults[n].path() + "/rotations").json()["id"] for n in range(2)]
        for rotation, vault in zip(rotations, vaults):
            await_done(nodes[0], rotation)
            complete(nodes[1], vault, 2, 300)
    finally:
        for node in nodes:
            node.kill9()


@pytest.mark.parametrize("rule", ["* error CKR_DEVICE_ERROR", "* error CKR_SESSION_HANDLE_INVALID",
                                  "* error CKR_TOKEN_NOT_PRESENT"])
def test_it_waits_for_an_hsm_that_is_away(own_installation, rule):
    daemon = own_installation.faulty_daemon(rule.split()[-1], hsm__probe_interval="100ms",
                                            rotation__secrets_per_second=100)
    try:
        vault = fill(daemon.api().signup(), 400)
        rotation = start(vault)
        wait.until(lambda: row(daemon, rotation)[2] > 0, "the rotation to be under way", timeout=30)
        daemon.faults.set(rule)
        wait.until(lambda: "rotation cannot go on" in daemon.log_text(), "the rotation to notice", timeout=60)
        assert row(daemon, rotation)[0] == "running"
        daemon.faults.clear()
        await_done(daemon, rotation, timeout=120)
        wait.until(lambda: "rotation goes on again" in daemon.log_text(), "the line that comes after it")
        complete(daemon, vault, 2, 400)
    finally:
        daemon.faults.clear()
        daemon.kill9()


def test_a_vault_with_an_old_key_is_rotated_by_itself(own_installation, own_daemon):
    vault = fill(own_daemon.api().signup(), 10)
    own_daemon.psql_owner(f"UPDATE vault_keks SET created_at = now() - interval '40 days' WHERE vault_id = '{vault.id}'")
    own_daemon.restart()
    assert own_daemon.psql_owner(f"SELECT count(*) FROM rotations WHERE vault_id = '{vault.id}'") == [(0,)]
    scheduled = own_installation.daemon("scheduled", rotation__vault_days=30)
    try:
        wait.until(lambda: own_daemon.psql_owner(
            f"SELECT 1 FROM rotations WHERE vault_id = '{vault.id}' AND state = 'done' AND requested_by = 'schedule'"),
            "a rotation that nobody asked for", timeout=60)
        complete(scheduled, vault, 2, 10)
    finally:
        scheduled.kill9()


@pytest.mark.parametrize("moment", ["before", "during"])
def test_a_backup_from_before_or_during_a_rotation_is_whole(own_installation, slow_daemon, moment):
    cluster = own_installation.cluster
    account = slow_daemon.api().signup()
    vault = fill(account, 500)
    dump = cluster.dump(own_installation.database) if moment == "before" else None
    rotation = start(vault)
    if moment == "during":
        wait.until(lambda: row(slow_daemon, rotation)[2] > 0, "the rotation to be under way", timeout=30)
        dump = cluster.dump(own_installation.database)
    await_done(slow_daemon, rotation)
    slow_daemon.kill9()

    database = cluster.create_database()
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", cluster.conninfo("postgres", database)],
                   input=dump, check=True, capture_output=True, timeout=120)
    restored = own_installation.daemon("restored", database__conninfo=cluster.conninfo("claviger_app", database))
    try:
        client = restored.api(account.token)
        for number in range(0, 500, 7):
            assert client.get(vault.path(f"s/{number}")).json()["value"] == f"value-{number}"
        if moment == "before":
            rotation = client.post(vault.path() + "/rotations").json()["id"]
        wait.until(lambda: client.get(f"/v1/rotations/{rotation}").json()["state"] == "done", "the rotation", timeout=90)
        for number in range(0, 500, 7):
            assert client.get(vault.path(f"s/{number}")).json()["value"] == f"value-{number}"
    finally:
        restored.kill9()
