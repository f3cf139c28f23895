"""The keys are held by a process of their own, which may die, hang, or be slow to start."""

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support import wait
from support.key_process import Stopped, gone, key_processes, mapped_files, open_files, starter, unended_logins
from support.load import Load
from support.paths import FAULT_MODULE, SOFTHSM_MODULE
from support.secrets import vault_with_one_secret, works


@pytest.fixture
def faulty(own_installation, request):
    """With a log of its own."""
    daemon = own_installation.faulty_daemon(re.sub(r"\W+", "-", request.node.name), hsm__operation_timeout="2s", hsm__acquire_timeout="500ms")
    yield daemon
    daemon.faults.clear()
    daemon.kill9()


@pytest.fixture
def filled(faulty):
    return vault_with_one_secret(faulty)


def key_process(daemon):
    return key_processes(daemon)[0]


def cached_keks(daemon):
    return daemon.api().get("/v1/health/hsm").json()["cached_keks"]


def messages(daemon):
    return [line["message"] for line in daemon.logs]


def await_starts(daemon, count):
    """So many further key processes have come to load the module."""
    before = len(daemon.faults.calls("C_Initialize"))
    wait.until(lambda: len(daemon.faults.calls("C_Initialize")) >= before + count, "more starts", timeout=60)


def refused_pins(daemon, since=0):
    return daemon.faults.logins()[since:].count("CKR_PIN_INCORRECT")


def test_the_daemon_has_no_module_and_its_key_process_has_no_listener_and_no_database(faulty, filled):
    modules = {str(SOFTHSM_MODULE), str(FAULT_MODULE)}
    modules |= {os.path.realpath(module) for module in modules}
    for pid in (faulty.process.pid, starter(faulty)):
        assert not modules & mapped_files(pid)
    child = key_process(faulty)
    assert modules & mapped_files(child)
    sockets = [target for target in open_files(child) if "socket:" in target]
    assert len(sockets) == 1, sockets


def test_the_daemon_does_not_hold_the_ledger(faulty):
    def holds(pid):
        return any("claviger-ledger" in target for target in open_files(pid))
    assert not holds(faulty.process.pid)
    assert holds(starter(faulty)) and holds(key_process(faulty))


def test_every_process_leaves_no_core_and_cannot_be_traced(faulty):
    for pid in (starter(faulty), key_process(faulty)):
        core = next(line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if "core file" in line)
        assert core.split()[4:6] == ["0", "0"]
        assert os.stat(f"/proc/{pid}/environ").st_uid == 0
        assert "NOTIFY_SOCKET" not in Path(f"/proc/{pid}/environ").read_text(errors="replace") or pid == starter(faulty)


def test_a_killed_key_process_costs_the_requests_in_flight_and_no_pin(faulty, filled):
    load = Load(filled.account, threads=4)
    try:
        logins = len(faulty.faults.logins())
        for _ in range(3):
            wait.until(lambda: len(load.acknowledged) > 20, "the load to run")
            before = key_process(faulty)
            os.kill(before, signal.SIGKILL)
            killed_at = time.monotonic()
            wait.until(lambda: key_processes(faulty) not in ([], [before]), "another one")
            wait.until(lambda: works(filled), "it to serve")
            assert time.monotonic() - killed_at < 10
            wait.until(lambda: len(load.acknowledged) > 20, "the load to go on")
    finally:
        load.stop()
    assert not load.faults
    # At most what each thread had under way: a write or a read, at each death.
    assert len(load.refused) <= 3 * 4
    assert refused_pins(faulty, logins) == 0
    assert messages(faulty).count("key_process_lost") == 3
    assert messages(faulty).count("key_process_serves_again") == 3
    assert faulty.running


def test_what_comes_while_the_next_one_starts_waits_for_it(faulty, filled):
    """The start takes a second; nothing was in flight when the one before died."""
    faulty.faults.set("C_Initialize delay 1000")
    os.kill(key_process(faulty), signal.SIGKILL)
    wait.until(lambda: "key_process_lost" in messages(faulty), "the death to be seen")
    response = filled.get("before", raw=True)
    assert response.status_code == 200, response.text


def test_a_stopped_key_process_is_replaced(faulty, filled):
    pid = faulty.process.pid
    before = key_process(faulty)
    with Stopped(before):
        begun = time.monotonic()
        assert filled.get("before").status_code == 503
        assert time.monotonic() - begun < 10
        wait.until(lambda: gone(before), "it to be killed")
        wait.until(lambda: works(filled), "another one to serve", timeout=30)
    assert faulty.api().get("/v1/health/hsm").json()["status"] == "ok"
    assert faulty.process.pid == pid and faulty.running
    assert any(line["message"] == "key_process_lost" and line["why"] == "it hangs" for line in faulty.logs)


def test_while_it_hangs_its_node_hears_of_what_others_change(own_installation):
    """Each time with a vault's keys to forget, for which nobody waits. Were the feed not fresh, each request with an
    API key would need the HSM."""
    here, there = own_installation.daemon("here"), own_installation.daemon("there", hsm__operation_timeout="60s")
    try:
        account = here.api().signup()
        before = 1  # the installation's own
        wait.until(lambda: cached_keks(there) == before, "it to tell of the key")
        vaults = [account.create_vault() for _ in range(3)]
        for vault in vaults:
            assert vault.put("a", "b").status_code == 201
            assert there.api(account.token).get(vault.path("a")).json()["value"] == "b"
        wait.until(lambda: cached_keks(there) == before + len(vaults), "it to tell of the keys")
        key = account.post("/v1/auth/api-keys", json={"name": "key"}).json()["api_key"]
        login = {"email": account.email, "password": account.password}
        tokens = [here.api().post("/v1/auth/token", json=login).json()["access_token"] for _ in vaults]

        def status(credential):
            return there.api(credential).get("/v1/auth/me", raw=True, timeout=5).status_code

        assert {status(credential) for credential in (key, *tokens)} == {200}
        with Stopped(key_process(there)):
            for vault, token in zip(vaults, tokens):
                assert account.delete(vault.path()).status_code == 204
                assert here.api(token).delete("/v1/auth/token").status_code == 204
                wait.until(lambda: status(token) == 401, "the token to be refused", timeout=3)
                assert status(key) == 200
        wait.until(lambda: cached_keks(there) == before, "it to forget the keys")
        assert "key_process_lost" not in messages(there)
    finally:
        here.kill9()
        there.kill9()


def test_health_says_so_while_it_is_away(faulty, filled):
    faulty.faults.set("C_Initialize error CKR_DEVICE_ERROR")
    os.kill(key_process(faulty), signal.SIGKILL)

    def status():
        return faulty.api().get("/v1/health/hsm", timeout=2).json()["status"]

    wait.until(lambda: status() == "unavailable", "health to say so")
    wait.until(lambda: faulty.api().get("/v1/health/ready").status_code == 503, "it not to be ready")
    assert faulty.api().get("/v1/health/live").status_code == 200
    wait.until(lambda: "key_process_does_not_start" in messages(faulty), "the line in the log")
    begun = time.monotonic()
    assert filled.get("before").status_code == 503
    assert time.monotonic() - begun < 2
    faulty.faults.clear()
    wait.until(lambda: works(filled), "it to serve", timeout=60)
    wait.until(lambda: status() == "ok", "health to be good")
    assert messages(faulty).count("key_process_does_not_start") == 1


def test_a_pin_refused_once_is_not_tried_by_the_next_key_process(faulty, filled):
    token = faulty.installation.token
    token.pin_file.write_text("not-the-pin-any-more")
    try:
        before = len(faulty.faults.logins())
        os.kill(key_process(faulty), signal.SIGKILL)
        wait.until(lambda: refused_pins(faulty, before) == 1, "the one try")
        wait.until(lambda: filled.get("before", raw=True).status_code == 503, "requests to be refused")
        await_starts(faulty, 2)
        assert refused_pins(faulty, before) == 1
    finally:
        token.pin_file.write_text(token.pin)


def test_key_processes_killed_while_they_log_in_do_not_try_for_ever(faulty, filled):
    """Each login hangs, and whoever hangs there is killed. The second may be the last one."""
    faulty.faults.set("C_Login hang")
    victim = key_process(faulty)
    for _ in range(2):
        unended = unended_logins(faulty)
        os.kill(victim, signal.SIGKILL)
        wait.until(lambda: unended_logins(faulty) == unended + 1, "the next one to log in", timeout=60)
        victim = key_process(faulty)
    logins = len(faulty.faults.logins())
    os.kill(victim, signal.SIGKILL)
    faulty.faults.clear()
    await_starts(faulty, 2)
    assert len(faulty.faults.logins()) == logins
    assert filled.get("before").status_code == 503
    faulty.restart()
    assert works(filled)


def test_what_it_refuses_to_sign_is_told_with_the_request_of_the_audit_log(faulty, filled):
    """A key process that has another issuer in its configuration takes no token of the daemon's."""
    text = faulty.config_path.read_text()
    assert "[auth]\n" in text
    faulty.config_path.write_text(text.replace("[auth]\n", "[auth]\nissuer = https://elsewhere.example\n"))
    os.kill(key_process(faulty), signal.SIGKILL)
    wait.until(lambda: "key_process_serves_again" in messages(faulty), "the next one")
    account = filled.account
    response = faulty.api().post("/v1/auth/token", json={"email": account.email, "password": account.password}, raw=True)
    assert response.status_code == 500
    identifier = response.headers["X-Request-Id"]
    line = next(line for line in faulty.logs if line["message"] == "key_request_refused")
    assert line["request_id"] == identifier and "iss" in line["cause"]
    rows = faulty.psql_owner(f"SELECT action, outcome FROM audit_events WHERE request_id = '{identifier}'")
    assert rows and all(outcome == "failed" for _, outcome in rows)
    assert works(filled)


def test_an_hsm_that_is_away_refuses_nothing(faulty, filled):
    account = filled.account
    faulty.faults.set("* error CKR_DEVICE_ERROR")
    for _ in range(3):
        response = faulty.api().post("/v1/auth/token", json={"email": account.email, "password": account.password}, raw=True)
        assert response.status_code == 503
    faulty.faults.clear()
    wait.until(lambda: works(filled), "it to serve", timeout=60)
    assert "key_request_refused" not in messages(faulty)


def test_two_key_processes_share_the_vaults(own_installation):
    daemon = own_installation.daemon("two", hsm__key_processes=2)
    try:
        first, second = key_processes(daemon)
        account = daemon.api().signup()
        vaults = [account.create_vault() for _ in range(6)]
        for vault in vaults:
            assert vault.put("before", "value-before").status_code == 201
        os.kill(second, signal.SIGKILL)
        # What is asked of it until its end is noticed is lost with it.
        wait.until(lambda: "key_process_lost" in messages(daemon), "its end to be noticed")
        for _ in range(5):
            assert all(works(vault) for vault in vaults)
        wait.until(lambda: len(key_processes(daemon)) == 2, "the second one")
        assert first in key_processes(daemon)
        assert all(works(vault) for vault in vaults)
    finally:
        daemon.kill9()


def test_a_busy_key_process_is_helped_by_another(own_installation):
    daemon = own_installation.faulty_daemon("busy", hsm__key_processes=2)
    try:
        vault = daemon.api().signup().create_vault()
        assert vault.put("before", "value-before").status_code == 201
        # The installation's own key and the vault's.
        wait.until(lambda: cached_keks(daemon) == 2, "each key to be in one cache")
        daemon.faults.set("C_DecryptInit delay 300")
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(lambda _: works(vault), range(16)))
        daemon.faults.clear()
        wait.until(lambda: cached_keks(daemon) == 3, "the vault's key to be in both caches")
    finally:
        daemon.kill9()


def test_without_key_processes_the_daemon_holds_the_keys(own_installation):
    daemon = own_installation.daemon("alone", hsm__key_processes=0)
    try:
        assert starter(daemon) is None
        assert os.path.realpath(SOFTHSM_MODULE) in mapped_files(daemon.process.pid)
        vault = daemon.api().signup().create_vault()
        assert vault.put("before", "value-before").status_code == 201
        assert works(vault)
    finally:
        daemon.kill9()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_to_all_processes_are_the_daemons_alone(faulty, filled, number):
    for pid in (key_process(faulty), starter(faulty)):
        os.kill(pid, number)
    assert works(filled)
    assert not gone(key_process(faulty)) and not gone(starter(faulty))


def test_without_its_starter_the_daemon_ends_in_order_and_says_so(faulty, filled):
    """Whoever keeps it running starts it again; as it was it could replace no key process."""
    pids = [key_process(faulty), starter(faulty)]
    with Stopped(pids[1]):
        assert works(filled)
    account = faulty.api().signup()
    load = Load(account)
    wait.until(lambda: load.acknowledged, "the load to begin")
    os.kill(pids[1], signal.SIGKILL)
    assert faulty.process.wait(timeout=60) == 1
    load.stop()
    told = [line for line in faulty.logs if line["level"] == "error"]
    assert [line["message"] for line in told] == ["stopping, to be started again"]
    wait.until(lambda: all(gone(pid) for pid in pids), "both to end", timeout=30)
    faulty.start()
    load.acknowledged_writes_are_readable(account)
    assert not load.existing_paths(faulty) & load.unanswered


def test_a_stop_ends_all_of_them(faulty, filled):
    pids = [key_process(faulty), starter(faulty)]
    assert faulty.stop() == 0
    assert all(gone(pid) for pid in pids)
    assert messages(faulty)[-1] == "stopped"
    assert "key_process_lost" not in messages(faulty)


def test_a_killed_daemon_leaves_nobody_behind(faulty, filled):
    pids = [key_process(faulty), starter(faulty)]
    faulty.kill9()
    wait.until(lambda: all(gone(pid) for pid in pids), "both to end", timeout=30)


def test_a_stopped_key_process_does_not_outlive_a_killed_daemon(faulty, filled):
    child = key_process(faulty)
    with Stopped(child):
        faulty.kill9()
        wait.until(lambda: gone(child), "it to be killed", timeout=60)
