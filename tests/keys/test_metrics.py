"""What monitoring and the log say of an outage of the HSM."""

import os
import signal

from support import wait
from support.key_process import key_processes


def sample(daemon, start):
    """The value of the one sample that begins so."""
    [line] = [line for line in daemon.api().get("/v1/metrics").text.splitlines() if line.startswith(start)]
    return float(line.rpartition(" ")[2])


def lines(daemon, message):
    return [line for line in daemon.logs if line["message"] == message]


def test_an_outage_is_one_alert_however_many_requests_meet_it(own_installation):
    faulty = own_installation.faulty_daemon(hsm__probe_interval="100ms", hsm__operation_timeout="2s")
    vault = faulty.api().signup().create_vault()
    assert vault.put("a", "v").status_code == 201
    before = sample(faulty, 'hsm_operations_total{outcome="unavailable",verb="open_dek"}')
    faulty.faults.set("* error CKR_DEVICE_ERROR")
    wait.until(lambda: sample(faulty, 'hsm_state{state="unavailable"}') == 1, "the outage to be seen")
    for _ in range(30):
        assert vault.get("a").status_code == 503
    assert sample(faulty, 'hsm_operations_total{outcome="unavailable",verb="open_dek"}') >= before + 30
    assert sample(faulty, 'hsm_state{state="ok"}') == 0 and sample(faulty, "claviger_ready") == 0
    faulty.faults.clear()
    wait.until(lambda: vault.get("a", raw=True).status_code == 200, "reads to work again", timeout=60)
    wait.until(lambda: sample(faulty, 'hsm_state{state="ok"}') == 1, "the recovery to be seen")
    assert sample(faulty, "hsm_connections_total") == 2

    alerts = [line["message"] for line in faulty.logs if line["level"] == "error"]
    assert alerts == ["hsm_unavailable"] and len(lines(faulty, "hsm_recovered")) == 1
    [told] = lines(faulty, "request failed")
    assert (told["level"], told["status"], told["left_out"]) == ("warn", "503", "0")


def test_a_key_process_that_was_replaced_is_counted(own_installation):
    daemon = own_installation.daemon()
    assert sample(daemon, 'hsm_key_process_starts_total{seat="0"}') == 1
    [process] = key_processes(daemon)
    os.kill(process, signal.SIGKILL)
    wait.until(lambda: sample(daemon, 'hsm_key_process_starts_total{seat="0"}') == 2, "another one")
    assert sample(daemon, 'hsm_key_process_serving{seat="0"}') == 1
