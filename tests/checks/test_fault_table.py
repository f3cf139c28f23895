"""Each row of the table of faults in docs/OPERATIONS.md is held to its tests, which are named here."""

import re

import pytest
from sources import read

HSM = "tests/keys/test_hsm_faults.py"
KEY_PROCESS = "tests/keys/test_key_process.py"
KEY_UNIT = "tests/keys/test_key_unit.py"
CUSTOMER = "tests/daemon/test_customer_tokens.py"
DATABASE = "tests/daemon/test_database_faults.py"
SIGNALS = "tests/daemon/test_signals.py"
MAIL = "tests/daemon/test_mail.py"
TAMPERING = "tests/contract/secret_tampering_test.py"

# How a row begins: the tests, each as "file: name", or the beginning of a name.
TESTS = {
    "HSM session or key handles lost": [
        f"{HSM}: test_lost_sessions_and_a_lost_login_mend_themselves",
        "tests/hsm/faults_test.cc: One failure of any curable class is not seen by the caller",
        "tests/hsm/faults_test.cc: Lost sessions, a lost login and a finalised module are restored",
        "tests/hsm/every_call_test.cc: Whatever call fails",
    ],
    "token removed, HSM unreachable": [
        f"{HSM}: test_while_it_is_away_requests_get_503_and_afterwards_they_work_again",
        "tests/hsm/faults_test.cc: A token that goes away and comes back is found again",
    ],
    "a key process crashes, is killed or hangs": [
        f"{KEY_PROCESS}: test_a_killed_key_process_costs_the_requests_in_flight_and_no_pin",
        f"{KEY_PROCESS}: test_a_stopped_key_process_is_replaced",
        f"{KEY_PROCESS}: test_two_key_processes_share_the_vaults",
    ],
    "the process that starts key processes is killed": [
        f"{KEY_PROCESS}: test_without_its_starter_the_daemon_ends_in_order_and_says_so",
    ],
    "`/v1/health/ready`: `hsm: the token lacks the newest root key`": [
        "tests/keys/test_rekey.py: test_a_node_that_lacks_the_next_token_is_not_ready_once_it_is_in_use",
    ],
    "a token of our label comes back with other keys": [
        f"{HSM}: test_another_token_in_its_place_is_not_used",
        "tests/hsm/kinship_test.cc: A copy of our token from before the newest root was made is not used",
        "tests/hsm/kinship_test.cc: Another root under the name of the one that was there is not used",
    ],
    "the keeper of key processes away": [
        f"{KEY_UNIT}: test_without_the_keeper_a_daemon_serves_until_a_key_process_ends",
        f"{KEY_UNIT}: test_a_keeper_that_comes_later_is_waited_for",
    ],
    "the first of several tokens away": [
        "tests/hsm/kinship_test.cc: Of two tokens with the same keys the next one serves while the first is away",
    ],
    "HSM slow": [
        f"{HSM}: test_a_slow_one_is_waited_for_and_one_that_takes_too_long_is_503",
        "tests/hsm/every_call_test.cc: Calls that take their time are waited for as long as is configured",
    ],
    "HSM hangs": [f"{HSM}: test_while_it_is_away_requests_get_503_and_afterwards_they_work_again"],
    "HSM hangs while the daemon stops": [f"{HSM}: test_it_ends_in_order_although_calls_hang_inside"],
    "wrong PIN": [
        "tests/daemon/test_startup.py: test_a_wrong_pin_is_tried_exactly_once",
        f"{HSM}: test_a_pin_changed_behind_our_back_costs_one_attempt",
        f"{KEY_PROCESS}: test_a_pin_refused_once_is_not_tried_by_the_next_key_process",
    ],
    "a customer's token away or hanging": [
        f"{CUSTOMER}: test_a_token_that_is_taken_away_closes_the_vault_and_opens_it_when_it_is_back",
        f"{CUSTOMER}: test_a_token_that_fails_or_hangs_is_503_and_harms_no_other_vault",
        f"{CUSTOMER}: test_what_the_customer_takes_away_is_gone_on_every_node_within_a_second",
    ],
    "PostgreSQL restarted, killed, unreachable": [
        f"{DATABASE}: test_while_it_is_away_requests_get_503_and_afterwards_they_work_again",
        f"{DATABASE}: test_a_quick_restart_costs_at_most_some_503s",
    ],
    "the OpenID provider is away": [
        "tests/contract/oidc_test.py: test_a_provider_that_is_away_keeps_nobody_out_whose_key_is_known",
    ],
    "PostgreSQL hangs": [f"{DATABASE}: test_while_it_is_away_requests_get_503_and_afterwards_they_work_again"],
    "a receiver of the audit log away, or hangs": [
        "tests/daemon/test_export.py: test_a_dead_or_hanging_receiver_slows_no_request",
        "tests/daemon/test_export.py: test_a_receiver_that_is_killed_again_and_again_loses_nothing",
    ],
    "mail server away, hangs, or not to be trusted": [
        f"{MAIL}: test_mail_waits_for_a_server_that_is_down",
        f"{MAIL}: test_a_hanging_server_holds_up_nothing_but_its_mail",
        f"{MAIL}: test_a_certificate_that_is_not_trusted_gets_no_mail",
    ],
    "audit disk full": ["tests/daemon/test_audit_disk.py: test_no_value_leaves_while_the_audit_log_cannot_be_written"],
    "a row edited or moved": [
        f"{TAMPERING}: test_a_seal_moved_from_another_secret_does_not_open",
        f"{TAMPERING}: test_a_seal_with_one_bit_changed_does_not_open",
        f"{TAMPERING}: test_a_vault_key_moved_from_another_vault_is_refused",
    ],
    "SIGTERM under load": [f"{SIGNALS}: test_sigterm_under_load_loses_no_answer"],
    "`kill -9`": [f"{SIGNALS}: test_kill9_under_load_loses_no_acknowledged_write_and_no_audit_record"],
    "file descriptors exhausted": [
        "tests/http/test_limits.py: test_running_out_of_descriptors_neither_spins_nor_stops_what_runs",
        "tests/http/test_limits.py: test_connections_beyond_the_limit_wait_and_are_served_when_others_end",
    ],
    "all workers busy": [
        "tests/unit/api/pipeline_work_pool_test.cc: a work pool refuses at once when its queue is full",
        "tests/unit/api/pipeline_work_pool_test.cc: a full batch pool refuses at once",
    ],
}


def _rows():
    table = read("docs/OPERATIONS.md").partition("\n| fault |")[2].partition("\n\n")[0]
    return [line.split("|")[1].strip() for line in table.splitlines()[2:]]


def _tests_in(path):
    text = read(path)
    if path.endswith(".py"):
        return re.findall(r"^def (test_\w+)", text, re.MULTILINE)
    # A long name is split over lines.
    return [re.sub(r'"\s*"', "", name) for name in
            re.findall(r'^TEST_CASE(?:_FIXTURE)?\((?:\w+,\s*)?"((?:[^"\\]|\\.|"\s+")*)"\)', text, re.MULTILINE)]


def test_every_row_has_its_tests():
    rows = _rows()
    assert len(rows) > 10
    # The longest beginning counts: "HSM hangs while ..." is a row of its own.
    named = [max((name for name in TESTS if row.startswith(name)), key=len, default=row) for row in rows]
    assert sorted(named) == sorted(TESTS)


@pytest.mark.parametrize("test", sorted({test for tests in TESTS.values() for test in tests}))
def test_every_test_that_is_named_is_there(test):
    path, name = test.split(": ", 1)
    assert any(each.startswith(name) for each in _tests_in(path)), _tests_in(path)
