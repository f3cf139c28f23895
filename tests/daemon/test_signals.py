"""How clavigerd ends, and what survives it."""

import os
import signal
import socket
import subprocess
import threading

import pytest
import requests
from support import wait
from support.load import Load
from support.paths import SOURCE


def busy(load, writes=40):
    wait.until(lambda: len(load.acknowledged) >= writes and load.read_ids, "the load to run", timeout=60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_ends_it_in_order(own_daemon, number):
    own_daemon.signal(number)
    assert own_daemon.process.wait(timeout=60) == 0
    assert own_daemon.logs[-1]["message"] == "stopped"


def test_sigterm_under_load_loses_no_answer(own_daemon):
    account = own_daemon.api().signup()
    load = Load(account)
    busy(load)
    assert own_daemon.stop() == 0
    load.stop()
    assert not any("cut off" in line["message"] for line in own_daemon.logs)
    own_daemon.start()
    load.acknowledged_writes_are_readable(account)
    # What was carried out was answered: a write without an answer never happened.
    happened = load.existing_paths(own_daemon)
    assert not happened & load.unanswered
    assert load.read_ids <= load.audited_request_ids(own_daemon)


def test_kill9_under_load_loses_no_acknowledged_write_and_no_audit_record(own_daemon):
    account = own_daemon.api().signup()
    load = Load(account)
    busy(load)
    own_daemon.kill9()
    load.stop()
    own_daemon.start()
    load.acknowledged_writes_are_readable(account)
    assert load.existing_paths(own_daemon) <= set(load.acknowledged) | load.unanswered
    assert load.read_ids <= load.audited_request_ids(own_daemon)


def test_sighup_takes_a_new_certificate_and_keeps_a_good_one(own_daemon):
    tls = own_daemon.installation.tls
    key = (tls / "server.key").read_bytes()
    (tls / "server.crt").unlink()
    subprocess.run([str(SOURCE / "scripts" / "dev-ca"), str(tls)], check=True, timeout=60)
    own_daemon.signal(signal.SIGHUP)
    wait.until(lambda: "certificate reloaded" in own_daemon.log_text(), "the certificate to be read again")
    assert (tls / "server.key").read_bytes() != key
    assert own_daemon.api().get("/v1/health/live").status_code == 200

    good = (tls / "server.crt").read_bytes()
    (tls / "server.crt").write_text("not a certificate")
    try:
        own_daemon.signal(signal.SIGHUP)
        wait.until(lambda: "certificate not reloaded" in own_daemon.log_text(), "the refusal of the bad certificate")
        assert own_daemon.api().get("/v1/health/live").status_code == 200
    finally:
        (tls / "server.crt").write_bytes(good)


@pytest.fixture
def service_manager(tmp_path):
    """systemd's end of the notification socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(30)
        yield end


def test_systemd_is_told_of_readiness_life_and_end(own_installation, service_manager):
    daemon = own_installation.daemon("notifying", {"NOTIFY_SOCKET": service_manager.getsockname(),
                                                   "WATCHDOG_USEC": "200000"})
    messages = []

    def heard(word):
        messages.append(service_manager.recv(4096).decode())
        return any(word in message for message in messages)

    wait.until(lambda: heard("READY=1"), "READY=1")
    wait.until(lambda: heard("WATCHDOG=1"), "WATCHDOG=1")
    daemon.signal(signal.SIGTERM)
    wait.until(lambda: heard("STOPPING=1"), "STOPPING=1")
    assert daemon.process.wait(timeout=60) == 0


def test_it_leaves_no_core_and_cannot_be_traced_by_its_account(own_daemon):
    limits = open(f"/proc/{own_daemon.process.pid}/limits").read()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    # Not dumpable: its files below /proc belong to root, whoever runs it.
    assert os.stat(f"/proc/{own_daemon.process.pid}/environ").st_uid == 0


def test_a_full_queue_does_not_hold_up_the_stop(own_installation):
    """Each of these reads takes seconds in the HSM; run one after another they outlast the patience of stop()."""
    daemon = own_installation.faulty_daemon("queueing", workers__threads=1, workers__queue=30, http__job_timeout="5m",
                                            process__drain_timeout="100ms", hsm__operation_timeout="10s")
    vault = daemon.api().signup().create_vault()
    assert vault.put("slow", "value").status_code == 201
    daemon.faults.set("C_Decrypt delay 3000")
    refused = threading.Event()

    def read():
        try:
            if vault.get("slow", raw=True, timeout=120).status_code == 503:
                refused.set()
        except requests.RequestException:
            pass  # cut off by the stop

    readers = [threading.Thread(target=read) for _ in range(40)]
    for reader in readers:
        reader.start()
    assert refused.wait(60), "the queue never became full"
    try:
        assert daemon.stop() == 0
    finally:
        daemon.kill9()
        for reader in readers:
            reader.join()
