"""The exchange of a customer-managed key on nodes that die, stop, or lose their HSM; and on two nodes."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support import cmek, wait
from support.api import Vault

SECRETS = 600
SLOWLY = 200  # values per second: a rotation takes some seconds


@pytest.fixture
def key():
    return cmek.Key()


@pytest.fixture
def new_key():
    return cmek.Key()


def fill(account, key, count=SECRETS):
    vault = account.create_vault()
    cmek.enable(vault, key)

    def write(numbers):
        client = account.with_token(account.token)
        for number in numbers:
            response = client.put(vault.path(f"s/{number}"), json={"value": key.seal(f"value-{number}")})
            assert response.status_code == 201
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, (range(first, count, 8) for first in range(8))))
    return vault


def at(daemon, vault):
    """The same vault, by way of another daemon."""
    return Vault(daemon.api(vault.account.token), vault.body)


def row(daemon, rotation):
    return daemon.psql_owner(f"SELECT state, resealed FROM rotations WHERE id = '{rotation['id']}'")[0]


def await_progress(daemon, rotation, share):
    wait.until(lambda: row(daemon, rotation)[1] >= share * SECRETS or row(daemon, rotation)[0] != "running",
               f"{share} of the values to be exchanged", timeout=60)


def lease_ends(daemon):
    daemon.psql_owner("UPDATE rotations SET lease_until = now() WHERE state = 'running'")


def none_is_lost(vault, keys, values=SECRETS, every=7):
    for number in range(0, values, every):
        response = vault.get(f"s/{number}")
        assert response.status_code == 200
        opened = []
        for candidate in keys:
            try:
                opened.append(candidate.open(response.json()["value"]))
            except Exception:  # sealed with another key
                continue
        assert opened == [f"value-{number}"]


def test_kill9_at_every_step_loses_nothing_and_another_rotation_completes_it(own_installation, key, new_key):
    daemon = own_installation.daemon("slow", rotation__secrets_per_second=SLOWLY)
    try:
        vault = fill(daemon.api().signup(), key)
        exchanged = 0
        for share in (0, 0.1, 0.3, 0.2):
            rotation = cmek.started(vault, key, new_key)
            await_progress(daemon, rotation, share)
            daemon.kill9()
            assert row(daemon, rotation)[0] == "running"
            lease_ends(daemon)
            daemon.start()
            failed = cmek.ended(vault, rotation)
            assert failed["status"] == "failed" and "same keys" in failed["error"]
            assert failed["total_secrets"] == SECRETS - exchanged
            exchanged += failed["processed"]
            none_is_lost(vault, (key, new_key))
        done = cmek.ended(vault, cmek.started(vault, key, new_key), timeout=120)
        assert done["status"] == "completed" and done["total_secrets"] == done["processed"] == SECRETS - exchanged
        none_is_lost(vault, (new_key,))
        assert daemon.psql_owner(f"SELECT count(*) FROM secret_versions WHERE vault_id = '{vault.id}' AND "
                                 f"cmek_fingerprint <> decode('{new_key.fingerprint}', 'hex')") == [(0,)]
    finally:
        daemon.kill9()


def test_a_node_that_stops_says_so_at_once(own_installation, key, new_key):
    daemon = own_installation.daemon("slow", rotation__secrets_per_second=50)
    try:
        vault = fill(daemon.api().signup(), key, 300)
        rotation = cmek.started(vault, key, new_key)
        wait.until(lambda: row(daemon, rotation)[1] > 0, "the rotation to be under way", timeout=30)
        assert daemon.stop() == 0
        assert row(daemon, rotation)[0] == "failed"
        daemon.start()
        assert "stopped" in cmek.job(vault, rotation)["error"]
        none_is_lost(vault, (key, new_key), 300)
    finally:
        daemon.kill9()


def test_the_other_node_tells_how_it_goes_and_fails_what_is_lost(own_installation, key, new_key):
    first = own_installation.daemon("first", rotation__secrets_per_second=50)
    second = own_installation.daemon("second")
    try:
        vault = fill(first.api().signup(), key, 300)
        rotation = cmek.started(vault, key, new_key)
        elsewhere = at(second, vault)
        wait.until(lambda: cmek.job(elsewhere, rotation)["processed"] > 0, "the rotation to be under way", timeout=30)
        assert cmek.job(elsewhere, rotation)["status"] == "running"
        assert cmek.rotate(elsewhere, key, new_key).status_code == 409
        first.kill9()
        lease_ends(second)
        assert cmek.ended(elsewhere, rotation)["status"] == "failed"
        assert cmek.rotated(elsewhere, key, new_key)["status"] == "completed"
        none_is_lost(elsewhere, (new_key,), 300)
    finally:
        first.kill9()
        second.kill9()


def test_a_node_that_was_taken_for_dead_does_no_harm(own_installation, key, new_key):
    first = own_installation.daemon("first", rotation__secrets_per_second=50)
    second = own_installation.daemon("second")
    try:
        vault = fill(first.api().signup(), key, 300)
        rotation = cmek.started(vault, key, new_key)
        wait.until(lambda: row(first, rotation)[1] > 0, "the rotation to be under way", timeout=30)
        elsewhere = at(second, vault)
        # It extends its lease with each step: this must come between two.
        wait.until(lambda: lease_ends(second) or row(second, rotation)[0] == "failed", "the lease to end", timeout=60)
        assert cmek.rotated(elsewhere, key, new_key)["status"] == "completed"
        none_is_lost(elsewhere, (new_key,), 300)
        assert row(first, rotation)[0] == "failed"
    finally:
        first.kill9()
        second.kill9()


def test_it_waits_for_an_hsm_that_is_away(own_installation, key, new_key):
    daemon = own_installation.faulty_daemon(hsm__probe_interval="100ms", rotation__secrets_per_second=100)
    try:
        vault = fill(daemon.api().signup(), key, 400)
        rotation = cmek.started(vault, key, new_key)
        wait.until(lambda: row(daemon, rotation)[1] > 0, "the rotation to be under way", timeout=30)
        daemon.faults.set("* error CKR_DEVICE_ERROR")
        wait.until(lambda: vault.get("s/0").status_code == 503, "the HSM to be away", timeout=30)
        daemon.faults.clear()
        assert cmek.ended(vault, rotation, timeout=120)["status"] == "completed"
        none_is_lost(vault, (new_key,), 400)
    finally:
        daemon.faults.clear()
        daemon.kill9()


def test_so_many_run_at_once(own_installation, key, new_key):
    daemon = own_installation.daemon("narrow", cmek__rotations=1, rotation__secrets_per_second=50)
    try:
        account = daemon.api().signup()
        vaults = [fill(account, key, 100) for _ in range(2)]
        rotation = cmek.started(vaults[0], key, new_key)
        refused = cmek.rotate(vaults[1], key, new_key)
        assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0
        cmek.ended(vaults[0], rotation)
        assert cmek.rotated(vaults[1], key, new_key)["status"] == "completed"
    finally:
        daemon.kill9()
