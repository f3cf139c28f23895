"""The HSM is gone, hangs, forgets us or changes its PIN, while the daemon runs."""

import os
import shutil
import signal

import pytest
from support import wait
from support.key_process import key_processes
from support.secrets import vault_with_one_secret, works


@pytest.fixture
def faulty(own_installation):
    daemon = own_installation.faulty_daemon(hsm__probe_interval="100ms", hsm__operation_timeout="2s",
                                            hsm__acquire_timeout="500ms")
    yield daemon
    daemon.faults.clear()
    daemon.kill9()


@pytest.fixture
def filled(faulty):
    return vault_with_one_secret(faulty)


def hsm_status(daemon):
    """Whatever the HSM does, health answers from what was seen last: within a second."""
    response = daemon.api().get("/v1/health/hsm", timeout=1)
    assert response.status_code == 200
    return response.json()["status"]


def empty(directory):
    """Although a process may be writing there."""
    def emptied():
        for each in directory.iterdir():
            shutil.rmtree(each, ignore_errors=True)
        return not any(directory.iterdir())
    wait.until(emptied, "the directory to be empty")


@pytest.mark.parametrize("rule", [
    "* error CKR_DEVICE_ERROR", "* error CKR_TOKEN_NOT_PRESENT", "* error CKR_DEVICE_REMOVED", "* hang"])
def test_while_it_is_away_requests_get_503_and_afterwards_they_work_again(faulty, filled, rule):
    pid = faulty.process.pid
    faulty.faults.set(rule)
    response = filled.get("before")
    assert response.status_code == 503 and "value-before" not in response.text
    assert response.headers["Retry-After"]
    assert filled.put("during", "lost").status_code == 503
    wait.until(lambda: hsm_status(faulty) != "ok", "the probe to notice")
    wait.until(lambda: faulty.api().get("/v1/health/ready").status_code == 503, "the daemon not to be ready")
    assert faulty.api().get("/v1/health/live").status_code == 200

    faulty.faults.clear()
    wait.until(lambda: works(filled), "reads to work again", timeout=90)
    wait.until(lambda: hsm_status(faulty) == "ok", "the probe to be content")
    assert filled.get("during").status_code == 404
    assert filled.put("after", "value-after").status_code == 201
    assert faulty.running and faulty.process.pid == pid


def test_it_ends_in_order_although_calls_hang_inside(faulty, filled):
    faulty.faults.set("* hang")
    assert filled.get("before").status_code == 503
    assert faulty.stop() == 0
    assert faulty.logs[-1]["message"] == "hsm_module_hangs_at_shutdown"


def test_a_slow_one_is_waited_for_and_one_that_takes_too_long_is_503(own_installation):
    daemon = own_installation.faulty_daemon("slow", hsm__operation_timeout="2s")
    try:
        vault = vault_with_one_secret(daemon)
        daemon.faults.set("C_Decrypt delay 300")
        assert works(vault)
        daemon.faults.set("C_Decrypt delay 4000")
        assert vault.get("before").status_code == 503
        assert daemon.api().get("/v1/health/live").status_code == 200
        daemon.faults.clear()
        wait.until(lambda: works(vault), "reads to work again", timeout=60)
    finally:
        daemon.kill9()


@pytest.mark.parametrize("action", ["do close-sessions", "do logout"])
def test_lost_sessions_and_a_lost_login_mend_themselves(faulty, filled, action):
    logins = len(faulty.faults.logins())
    faulty.faults.set(action)
    wait.until(lambda: works(filled), "reads to work again", timeout=60)
    assert filled.put("after", "value-after").status_code == 201
    codes = faulty.faults.logins()[logins:]
    assert "CKR_PIN_INCORRECT" not in codes


def test_a_pin_changed_behind_our_back_costs_one_attempt(faulty, filled):
    token = faulty.installation.token
    token.pin_file.write_text("not-the-pin-any-more")
    try:
        before = len(faulty.faults.logins())
        faulty.faults.set("do logout")
        wait.until(lambda: filled.get("before", raw=True).status_code == 503, "the lost login to be noticed")
        wait.until(lambda: "CKR_PIN_INCORRECT" in faulty.faults.logins()[before:], "the one attempt")
        for _ in range(20):
            assert filled.get("before").status_code == 503
        assert faulty.faults.logins()[before:].count("CKR_PIN_INCORRECT") == 1
    finally:
        token.pin_file.write_text(token.pin)


def test_what_is_answered_while_it_comes_and_goes_is_true(faulty, filled):
    """No write is acknowledged and lost, no read is wrong."""
    acknowledged = {}
    for round_number in range(6):
        faulty.faults.set(*(["* error CKR_DEVICE_ERROR"] if round_number % 2 else []))
        for number in range(5):
            path, value = f"round/{round_number}/{number}", f"value-{round_number}-{number}"
            if filled.put(path, value).status_code == 201:
                acknowledged[path] = value
    faulty.faults.clear()
    wait.until(lambda: works(filled), "reads to work again", timeout=90)
    assert acknowledged
    for path, value in acknowledged.items():
        assert filled.get(path).json()["value"] == value


@pytest.mark.parametrize("how", ["reconnects", "is replaced"])
def test_another_token_in_its_place_is_not_used(faulty, filled, tmp_path, how):
    installation = faulty.installation
    tokens, ours = installation.token.tokens, tmp_path / "ours"
    # The directory itself stays: it is all that the key process may write to.
    shutil.copytree(tokens, ours)
    empty(tokens)
    try:
        installation.token.initialize()
        assert installation.run("init").returncode == 0
        if how == "reconnects":
            faulty.faults.set("do logout")
        else:
            os.kill(key_processes(faulty)[0], signal.SIGKILL)
        wait.until(lambda: "other keys than before" in faulty.api().get("/v1/health/hsm").json().get("last_error", ""),
                   "health to tell why", 60)
        assert hsm_status(faulty) == "unavailable"
        assert filled.get("before").status_code == 503 and filled.put("during", "lost").status_code == 503
    finally:
        empty(tokens)
        shutil.copytree(ours, tokens, dirs_exist_ok=True)
    wait.until(lambda: works(filled), "reads to work again", timeout=60)
    assert filled.get("during").status_code == 404
