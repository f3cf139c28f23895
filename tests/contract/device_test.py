"""deviceCode, deviceToken, deviceCodeStatus, deviceApprove, deviceDeny: device logins and refresh tokens."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import wait
from support.device import GRANT, Login, approve, reasons, refresh

CODE = re.compile(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}")
SHIPPED = {"access_token", "token_type", "expires_in", "email", "user_id", "org_id"}


def alive(api, tokens):
    return api.with_token(tokens["access_token"]).get("/v1/auth/me").status_code == 200


@pytest.fixture
def login(api, daemon):
    return Login(api, daemon)


@pytest.fixture
def tokens(login, account):
    return login.tokens(account)


# A login from its beginning to its end

def test_a_login_begins_with_two_codes(login, api):
    answer = login.answer
    assert set(answer) == {"device_code", "user_code", "verification_uri", "expires_in", "interval"}
    assert (answer["expires_in"], answer["interval"]) == (600, 5)
    assert CODE.fullmatch(answer["user_code"])
    assert answer["verification_uri"] == api.base_url + "/device"


def test_the_page_is_at_the_configured_place_whatever_name_the_device_used(installation):
    daemon = installation.daemon("public", http__public_url="https://vault.example.org")
    answer = daemon.api().post("/v1/auth/device/code", json={"client_id": "cli"}, headers={"Host": "evil.example"})
    assert answer.json()["verification_uri"] == "https://vault.example.org/device"
    assert daemon.stop() == 0


def test_an_approved_login_is_redeemed_once_in_the_approvers_name(login, account):
    assert login.poll() == {"error": "authorization_pending"}
    assert approve(account, login).json() == {"status": "approved"}
    tokens = login.poll()
    me = account.me()
    assert (tokens["email"], tokens["user_id"], tokens["org_id"]) == (me["email"], me["id"], me["org_id"])
    assert account.with_token(tokens["access_token"]).get("/v1/auth/me").json() == me
    assert login.poll() == {"error": "expired_token"}


def test_a_shipped_client_gets_exactly_what_it_knows(api, daemon, account):
    login = Login(api, daemon, offline=False)
    tokens = login.tokens(account)
    assert set(tokens) == SHIPPED
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)


@pytest.mark.parametrize("scope", ["", "openid", "offline", "offline_access_not", "Offline_Access", "xoffline_access"])
def test_only_offline_access_gives_a_refresh_token(api, daemon, account, scope):
    assert set(Login(api, daemon, offline=False, scope=scope).tokens(account)) == SHIPPED


def test_a_denied_login_says_so(login, account):
    assert approve(account, login, "deny").json() == {"status": "denied"}
    for _ in range(2):
        assert login.poll() == {"error": "access_denied"}


@pytest.mark.parametrize("first", ["approve", "deny"])
@pytest.mark.parametrize("second", ["approve", "deny"])
def test_a_decision_stands(login, account, other_account, first, second):
    assert approve(account, login, first).status_code == 200
    for decider in (account, other_account):
        assert approve(decider, login, second).status_code == 400
    assert ("access_token" in login.poll()) == (first == "approve")


def test_an_expired_login_is_over(login, account, daemon):
    daemon.psql_owner("UPDATE device_codes SET expires_at = now()")
    assert approve(account, login).status_code == 404
    assert account.get(f"/v1/auth/device/code/{login.user_code}").status_code == 404
    assert login.poll() == {"error": "expired_token"}


def test_an_approval_that_nobody_fetched_in_time_is_void(login, account, daemon):
    approve(account, login)
    daemon.psql_owner("UPDATE device_codes SET expires_at = now()")
    assert login.poll() == {"error": "expired_token"}


def test_one_of_many_polls_redeems(login, account):
    approve(account, login)
    login.rewind(100)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: login.poll(login.api.anonymous(), patient=False), range(12)))
    assert sum("access_token" in answer for answer in answers) == 1, answers


def test_of_two_polls_that_redeem_at_the_same_moment_one_gets_tokens(login, account, daemon):
    approve(account, login)
    with ThreadPoolExecutor(2) as pool, daemon.holding("SELECT FROM users FOR UPDATE") as waiting:
        polls = []
        for count in (1, 2):
            polls.append(pool.submit(login.poll, login.api.anonymous()))
            wait.until(lambda: waiting() == count, f"{count} to wait for the person's row")
    answers = [poll.result() for poll in polls]
    assert sum("access_token" in answer for answer in answers) == 1, answers
    assert {"error": "expired_token"} in answers


def test_one_of_many_decisions_stands(login, account):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: approve(account.with_token(account.token), login, "deny" if i % 2 else "approve"),
                                range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7


@pytest.mark.parametrize("decorate", [str.lower, lambda c: c.replace("-", ""), lambda c: f" {c.lower()} ",
                                      lambda c: c.lower().replace("-", "")])
def test_a_code_may_be_typed_in_other_ways(login, account, decorate):
    response = account.post("/v1/auth/device/approve", json={"user_code": decorate(login.user_code)})
    assert response.status_code == 200


def test_an_approval_dies_with_a_change_of_the_password(login, account):
    approve(account, login)
    change = account.post("/v1/auth/change-password", json={"current_password": account.password,
                                                           "new_password": "Still-Water-Runs-Deeper-7!"})
    assert change.status_code == 200
    assert login.poll() == {"error": "expired_token"}


def test_a_login_goes_with_the_account(login, account):
    approve(account, login)
    assert account.delete("/v1/auth/me", json={"confirmation": "DELETE MY ACCOUNT"}).status_code == 204
    assert login.poll() == {"error": "expired_token"}


def test_an_api_key_approves_nothing(login, account, api):
    key = account.post("/v1/auth/api-keys", json={"name": "robot"}).json()["api_key"]
    token = api.post("/v1/auth/api-key-token", json={"api_key": key}).json()["access_token"]
    for credential in (key, token):
        for verb in ("approve", "deny"):
            assert approve(api.with_token(credential), login, verb).status_code == 403
    assert login.poll() == {"error": "authorization_pending"}


# Polling

def test_who_polls_too_fast_is_told_to_slow_down_and_gets_through_by_obeying(login, account):
    assert login.poll() == {"error": "authorization_pending"}
    for _ in range(3):
        assert login.poll(patient=False) == {"error": "slow_down"}
    login.rewind(5 + 3 * 5 - 2)
    assert login.poll(patient=False) == {"error": "slow_down"}
    login.rewind(7)
    assert login.poll(patient=False) == {"error": "authorization_pending"}


def test_who_does_not_know_slow_down_is_told_to_wait_and_keeps_the_interval(api, daemon, account):
    login = Login(api, daemon, offline=False)
    login.poll()
    approve(account, login)
    for _ in range(5):
        assert login.poll(patient=False) == {"error": "authorization_pending"}
    login.rewind(5)
    assert set(login.poll(patient=False)) == SHIPPED


def test_polls_of_a_waiting_login_are_not_recorded(login, daemon):
    before = daemon.psql_owner("SELECT count(*) FROM audit_events")
    for patient in (True, True, False):
        login.poll(patient=patient)
    assert daemon.psql_owner("SELECT count(*) FROM audit_events") == before


# What is refused

@pytest.mark.parametrize("body", [None, {}, {"client_id": ""}, {"client_id": 7}, {"client_id": "x" * 65},
                                  {"client_id": "<b>cli</b>"}, {"client_id": "cli\n"}, {"client_id": "cli\u202e"},
                                  {"client_id": "cli", "device_name": "x" * 65},
                                  {"client_id": "cli", "device_name": "a\u202eb"}, {"client_id": "cli", "scope": 7},
                                  {"client_id": "cli", "scope": "x" * 257}], ids=str)
def test_a_malformed_beginning_is_400(api, body):
    assert api.post("/v1/auth/device/code", json=body).status_code == 400


@pytest.mark.parametrize("body", [None, {}, {"grant_type": GRANT}, {"device_code": "x"},
                                  {"grant_type": "password", "device_code": "x"},
                                  {"grant_type": GRANT, "refresh_token": "x"},
                                  {"grant_type": "refresh_token", "device_code": "x"},
                                  {"grant_type": GRANT, "device_code": ""}, {"grant_type": GRANT, "device_code": 7},
                                  {"grant_type": GRANT, "device_code": "x" * 257}], ids=str)
def test_a_malformed_poll_is_400(api, body):
    assert api.post("/v1/auth/device/token", json=body).status_code == 400


@pytest.mark.parametrize("code", ["x", "dvc_", "dvc_" + "A" * 43, "dvc_" + "A" * 42 + "=", "' OR 1=1", "BCDF-GHJK"])
def test_an_unknown_device_code_reads_as_an_expired_one(api, code):
    answer = api.post("/v1/auth/device/token", json={"grant_type": GRANT, "device_code": code})
    assert (answer.status_code, answer.json()) == (200, {"error": "expired_token"})


def test_a_user_code_is_no_device_code(login, api, account):
    approve(account, login)
    answer = api.post("/v1/auth/device/token", json={"grant_type": GRANT, "device_code": login.user_code})
    assert answer.json() == {"error": "expired_token"}


@pytest.mark.parametrize("code", ["BCDF-GHJK", "ABCD-EFGH", "BCDF-GHJ", "BCDFGHJKL", "BCD-FGHJK", "%27", "BCDF--GHJK"])
def test_unknown_user_codes_read_alike(api, account, code):
    answers = [api.get(f"/v1/auth/device/code/{code}"), account.post("/v1/auth/device/approve", json={"user_code": code}),
               account.post("/v1/auth/device/deny", json={"user_code": code})]
    assert {(answer.status_code, answer.json()["detail"]) for answer in answers} == {
        (404, "No login waits under this code")}


@pytest.mark.parametrize("body", [None, {}, {"user_code": ""}, {"user_code": 7}, {"user_code": "x" * 65}], ids=str)
@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_a_malformed_decision_is_400(account, verb, body):
    assert account.post(f"/v1/auth/device/{verb}", json=body).status_code == 400


def test_the_status_tells_no_secret(login, account, api):
    status = api.get(f"/v1/auth/device/code/{login.user_code.lower()}").json()
    assert (status["user_code"], status["status"], status["client_id"]) == (login.user_code, "pending", "cli")
    assert login.answer["device_code"] not in str(status)
    approve(account, login)
    assert api.get(f"/v1/auth/device/code/{login.user_code}").json()["status"] == "approved"


def test_the_database_holds_neither_code(login, daemon):
    rows = str(daemon.psql_owner("SELECT d::text FROM device_codes d"))
    for code in (login.user_code, login.user_code.replace("-", ""), login.answer["device_code"]):
        assert code not in rows and code.encode().hex() not in rows


def test_waiting_logins_of_one_address_are_bounded(api, daemon, account):
    daemon.psql_owner("DELETE FROM device_codes")
    login = Login(api, daemon)
    daemon.psql_owner("INSERT INTO device_codes (device_mac, user_mac, client_id, device_name, user_agent, address, offline,"
                      " created_at, expires_at, interval_seconds) SELECT sha256(n::text::bytea), sha256(n::text::bytea), "
                      "'x', '', '', '127.0.0.1', false, now(), now() + interval '1 h', 5 FROM generate_series(1, 63) n")
    assert api.post("/v1/auth/device/code", json={"client_id": "cli"}).status_code == 503
    assert "access_token" in login.tokens(account)
    daemon.psql_owner("UPDATE device_codes SET expires_at = now()")
    assert api.post("/v1/auth/device/code", json={"client_id": "cli"}).status_code == 200
    assert daemon.psql_owner("SELECT count(*) FROM device_codes")[0][0] == 1


def test_every_step_and_every_refusal_is_recorded(login, account, daemon):
    approve(account, login)
    login.poll()
    login.poll()
    assert ("denied", "unknown or expired device code") in reasons(daemon)
    rows = daemon.psql_owner("SELECT action, outcome, details FROM audit_events WHERE resource_id = "
                             f"'{account.me()['id']}' AND action IN ('device.approve', 'auth.success') ORDER BY id")
    approval = [row for row in rows if row[0] == "device.approve"]
    assert [(row[1], json.loads(row[2])["client"], json.loads(row[2])["device_address"]) for row in approval] == [
        ("success", "cli", "127.0.0.1")]
    assert any(json.loads(row[2])["operation"] == "deviceToken" for row in rows if row[0] == "auth.success")


# Refresh tokens

def test_a_refresh_gives_new_tokens_and_spends_the_old_one(tokens, api):
    again = refresh(api, tokens["refresh_token"])
    assert set(again) == SHIPPED | {"refresh_token"}
    assert again["refresh_token"] != tokens["refresh_token"] and again["access_token"] != tokens["access_token"]
    assert alive(api, again)
    assert "access_token" in refresh(api, again["refresh_token"])


def test_a_spent_token_ends_the_family_and_its_access_tokens(tokens, api, daemon):
    second = refresh(api, tokens["refresh_token"])
    third = refresh(api, second["refresh_token"])
    assert refresh(api, tokens["refresh_token"]) == {"error": "invalid_grant"}
    assert refresh(api, third["refresh_token"]) == {"error": "invalid_grant"}
    assert not any(alive(api, each) for each in (tokens, second, third))
    assert ("denied", "a spent refresh token was used: its family ends") in reasons(daemon)


def test_a_lost_answer_can_be_asked_for_again(tokens, api):
    lost = refresh(api, tokens["refresh_token"])
    again = refresh(api, tokens["refresh_token"])
    assert "access_token" in again
    assert "access_token" in refresh(api, again["refresh_token"])
    assert lost["refresh_token"] != again["refresh_token"]


def test_of_two_who_exchange_the_same_token_the_first_ends_the_family(tokens, api):
    thief = refresh(api, tokens["refresh_token"])
    owner = refresh(api, tokens["refresh_token"])
    assert refresh(api, thief["refresh_token"]) == {"error": "invalid_grant"}
    assert refresh(api, owner["refresh_token"]) == {"error": "invalid_grant"}
    assert not alive(api, thief) and not alive(api, owner)


def test_the_last_spent_token_ends_the_family_after_a_minute(tokens, api, daemon):
    second = refresh(api, tokens["refresh_token"])
    daemon.psql_owner("UPDATE refresh_families SET rotated_at = rotated_at - interval '61 s'")
    assert refresh(api, tokens["refresh_token"]) == {"error": "invalid_grant"}
    assert refresh(api, second["refresh_token"]) == {"error": "invalid_grant"}


def test_repeating_does_not_move_the_minute(tokens, api, daemon):
    refresh(api, tokens["refresh_token"])
    daemon.psql_owner("UPDATE refresh_families SET rotated_at = rotated_at - interval '50 s'")
    assert "access_token" in refresh(api, tokens["refresh_token"])
    daemon.psql_owner("UPDATE refresh_families SET rotated_at = rotated_at - interval '11 s'")
    assert refresh(api, tokens["refresh_token"]) == {"error": "invalid_grant"}


def test_of_many_exchanges_at_once_one_token_lives(tokens, api, daemon):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: refresh(api, tokens["refresh_token"]), range(8)))
    given = {answer["refresh_token"] for answer in answers if "refresh_token" in answer}
    assert len(given) == 8
    assert daemon.psql_owner("SELECT count(*) FROM refresh_families f JOIN refresh_tokens t ON t.mac = f.current_mac "
                             f"JOIN users u ON u.id = f.user_id WHERE u.email = '{answers[0]['email']}'")[0][0] == 1
    assert refresh(api, next(iter(given)))  # any of them; all but one end the family


def test_a_family_ends_with_the_log_out_of_any_of_its_tokens(tokens, api):
    second = refresh(api, tokens["refresh_token"])
    assert api.with_token(tokens["access_token"]).delete("/v1/auth/token").status_code == 204
    assert refresh(api, second["refresh_token"]) == {"error": "invalid_grant"}


def test_a_log_out_ends_no_other_family(tokens, api, daemon, account):
    other = Login(api, daemon).tokens(account)
    assert account.delete("/v1/auth/token").status_code == 204
    assert api.with_token(tokens["access_token"]).delete("/v1/auth/token").status_code == 204
    assert "access_token" in refresh(api, other["refresh_token"])


def test_a_family_ends_with_a_change_of_the_password(tokens, api, account, daemon):
    change = account.post("/v1/auth/change-password", json={"current_password": account.password,
                                                           "new_password": "Still-Water-Runs-Deeper-7!"})
    assert change.status_code == 200
    assert refresh(api, tokens["refresh_token"]) == {"error": "invalid_grant"}
    assert ("denied", "the password changed since the approval") in reasons(daemon)


def test_a_family_ends_with_the_account(tokens, api, account):
    assert account.delete("/v1/auth/me", json={"confirmation": "DELETE MY ACCOUNT"}).status_code == 204
    assert refresh(api, tokens["refresh_token"]) == {"error": "invalid_grant"}


@pytest.mark.parametrize("change", ["rotated_at = now() - interval '30 days'", "expires_at = now()", "rotations = 20000"])
def test_an_expired_refresh_token_is_dead(tokens, api, daemon, change):
    daemon.psql_owner(f"UPDATE refresh_families SET {change}")
    assert refresh(api, tokens["refresh_token"]) == {"error": "invalid_grant"}


@pytest.mark.parametrize("token", ["x", "crt_", "crt_" + "A" * 43, "dvc_" + "A" * 43, "' OR 1=1"])
def test_an_unknown_refresh_token_is_refused(api, token):
    assert refresh(api, token) == {"error": "invalid_grant"}


def test_a_person_has_32_families_at_most(api, daemon, account, tokens):
    daemon.psql_owner(
        "INSERT INTO refresh_families (org_id, id, user_id, client_id, began_at, expires_at, current_mac, rotated_at) "
        "SELECT org_id, gen_random_uuid(), user_id, 'x', began_at, expires_at, current_mac, now() + n * interval '1 s' "
        f"FROM refresh_families f, generate_series(1, 31) n WHERE user_id = '{account.me()['id']}'")
    latest = Login(api, daemon).tokens(account)
    assert daemon.psql_owner(f"SELECT count(*) FROM refresh_families WHERE user_id = '{account.me()['id']}'")[0][0] == 32
    assert refresh(api, tokens["refresh_token"]) == {"error": "invalid_grant"}
    assert "access_token" in refresh(api, latest["refresh_token"])


def test_the_database_holds_no_refresh_token(tokens, daemon):
    for table in ("refresh_families", "refresh_tokens"):
        assert tokens["refresh_token"].encode().hex() not in str(daemon.psql_owner(f"SELECT t::text FROM {table} t"))


def test_the_old_refresh_route_refuses_as_ever(tokens, api):
    for body in (None, {}, {"refresh_token": tokens["refresh_token"]}):
        response = api.post("/v1/auth/refresh", json=body)
        assert (response.status_code, response.json()["detail"]) == (400, "Refresh tokens not yet implemented")
    assert "access_token" in refresh(api, tokens["refresh_token"])
