"""mfaStatus, mfaSetup, mfaVerifySetup, mfaVerify, mfaDisable, and what a login answers where a factor is enabled."""

import json
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from support import routes
from support.paths import SOURCE
from support.totp import Factor, code_of, current_step

DEAD = "Invalid or expired token"
WRONG = "Invalid code"
NEW_PASSWORD = "Still-Water-Runs-Deeper-7!"
# Neither six ASCII digits nor a recovery code.
SHAPES = ["12345", "1234567", "12 456", " 12345", "12345 ", "12345a", "+12345", "١٢٣٤٥٦", "１２３４５６", "abcde-fg23",
          "abcde-fg239", "abcde fg234", "' OR 1=1"]


@pytest.fixture
def factor(account, daemon):
    return Factor(account, daemon)


def refused(response, detail, status=401):
    assert (response.status_code, response.json()["detail"]) == (status, detail)


def records(daemon, account, action):
    """Outcome and details of the account's audit records of that action, oldest first."""
    rows = daemon.psql_owner("SELECT outcome, details FROM audit_events WHERE resource_id = "
                             f"'{account.me()['id']}' AND action = '{action}' ORDER BY id")
    return [(outcome, json.loads(details)) for outcome, details in rows]


# Setup

def test_a_factor_is_set_up_enabled_and_seen(account):
    assert account.get("/v1/auth/mfa/status").json() == {"enabled": False}
    setup = account.post("/v1/auth/mfa/setup").json()
    assert account.get("/v1/auth/mfa/status").json() == {"enabled": False}
    assert account.me()["totp_enabled"] is False
    assert account.login()
    response = account.post("/v1/auth/mfa/verify-setup", json={"code": code_of(setup["secret"], current_step())})
    assert response.status_code == 200
    assert len(set(response.json()["recovery_codes"])) == 8
    assert account.get("/v1/auth/mfa/status").json() == {"enabled": True}
    assert account.me()["totp_enabled"] is True


def test_the_uri_is_what_authenticator_apps_read(account):
    setup = account.post("/v1/auth/mfa/setup").json()
    uri = urlsplit(setup["otpauth_uri"])
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", f"/Claviger:{account.email}")
    assert parse_qs(uri.query) == {"secret": [setup["secret"]], "issuer": ["Claviger"]}


def test_a_second_setup_replaces_the_first_until_one_is_enabled(account):
    first, second = (account.post("/v1/auth/mfa/setup").json()["secret"] for _ in range(2))
    assert first != second
    step = current_step()
    assert account.post("/v1/auth/mfa/verify-setup", json={"code": code_of(first, step)}).status_code == 400
    assert account.post("/v1/auth/mfa/verify-setup", json={"code": code_of(second, step)}).status_code == 200
    assert account.post("/v1/auth/mfa/setup").status_code == 400
    again = account.post("/v1/auth/mfa/verify-setup", json={"code": code_of(second, step + 1)})
    assert again.status_code == 400


@pytest.mark.parametrize("body", [None, {}, {"code": ""}, {"code": 123456}, {"code": None}, {"code": "1" * 65},
                                  *({"code": shape} for shape in SHAPES)], ids=str)
def test_what_is_no_code_enables_nothing(account, body):
    account.post("/v1/auth/mfa/setup")
    assert account.post("/v1/auth/mfa/verify-setup", json=body).status_code == 400
    assert account.get("/v1/auth/mfa/status").json() == {"enabled": False}


def test_without_a_setup_there_is_nothing_to_enable(account):
    assert account.post("/v1/auth/mfa/verify-setup", json={"code": "123456"}).status_code == 400


# Login

def test_a_login_answers_with_a_challenge_in_exactly_its_members(account, factor):
    response = account.anonymous().post("/v1/auth/token", json={"email": account.email, "password": account.password})
    body = response.json()
    assert response.status_code == 200
    assert body.pop("mfa_token")
    assert body == {"mfa_required": True, "access_token": "", "token_type": "Bearer", "expires_in": 300}


def test_a_code_finishes_the_login_once(account, factor):
    mfa_token = factor.challenge()
    response = factor.verify(factor.code(), mfa_token)
    assert response.status_code == 200
    assert set(response.json()) == {"access_token", "token_type", "expires_in"}
    assert account.with_token(response.json()["access_token"]).get("/v1/auth/me").json() == account.me()
    refused(factor.verify(factor.code(), mfa_token), DEAD)


def test_the_password_is_asked_for_first_and_tells_nothing_of_the_factor(api, daemon, account):
    other = api.signup()
    Factor(other, daemon)
    answers = [api.post("/v1/auth/token", json={"email": email, "password": "Wrong-Password-1!"})
               for email in (account.email, other.email, f"{secrets.token_hex(8)}@example.org")]
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1


@pytest.mark.parametrize(("method", "path"), routes.authenticated(), ids=str)
def test_a_challenge_is_no_access_token_on_any_route(account, factor, vault, method, path):
    client = account.with_token(factor.challenge())
    refused(client.request(method, routes.fill(path, vault.id), json={}), DEAD)


def test_a_code_counts_once(factor):
    code = factor.code()
    assert factor.verify(code).status_code == 200
    refused(factor.verify(code), WRONG)


def test_the_code_that_enabled_the_factor_is_spent(factor):
    refused(factor.verify(code_of(factor.secret, factor.last_step)), WRONG)


def test_an_older_code_than_the_accepted_one_is_refused(factor):
    later = factor.code()
    earlier = code_of(factor.secret, factor.last_step - 1)
    assert factor.verify(later).status_code == 200
    refused(factor.verify(earlier), WRONG)


@pytest.mark.parametrize("decorate", ["{} ", " {}", "{}\n", "{}\t", "\u200b{}", "{}.", "0{}"], ids=repr)
def test_a_right_code_in_another_spelling_is_wrong(factor, decorate):
    code = factor.code()
    refused(factor.verify(decorate.format(code)), WRONG)
    assert factor.verify(code).status_code == 200


@pytest.mark.parametrize("code", SHAPES)
def test_what_is_no_code_is_refused(factor, code):
    refused(factor.verify(code), WRONG)


@pytest.mark.parametrize("body", [{}, {"code": "123456"}, {"mfa_token": "x"}, {"mfa_token": "x", "code": 123456},
                                  {"mfa_token": "x", "code": ""}, {"mfa_token": ["x"], "code": "123456"},
                                  {"mfa_token": "x" * 257, "code": "123456"}], ids=lambda body: str(body)[:50])
def test_a_code_without_its_members_is_400(api, body):
    assert api.post("/v1/auth/mfa/verify", json=body).status_code == 400


@pytest.mark.parametrize("token", ["x", "mfa_", "mfa_" + "A" * 43, "mfa_" + "A" * 42 + "=", "1ck_" + "A" * 43, "' OR 1=1"])
def test_an_unknown_challenge_is_refused(factor, token):
    refused(factor.verify(factor.code(), token), DEAD)


def test_an_access_token_is_no_challenge(account, factor):
    response = factor.verify(factor.code(), account.token[:256])
    refused(response, DEAD)


def test_five_tries_burn_a_challenge_and_no_other(factor):
    burnt, other = factor.challenge(), factor.challenge()
    for _ in range(5):
        refused(factor.verify("wrong", burnt), WRONG)
    code = factor.code()
    refused(factor.verify(code, burnt), DEAD)
    assert factor.verify(code, other).status_code == 200


def test_an_expired_challenge_is_refused(factor, daemon):
    mfa_token = factor.challenge()
    daemon.psql_owner("UPDATE mfa_challenges SET expires_at = now() WHERE user_id = "
                      f"'{factor.account.me()['id']}'")
    refused(factor.verify(factor.code(), mfa_token), DEAD)


# Guessing

def test_more_challenges_give_no_more_tries(account, factor):
    for _ in range(2):
        mfa_token = factor.challenge()
        for _ in range(5):
            refused(factor.verify(factor.wrong_code(), mfa_token), WRONG)
    for response in (factor.verify(factor.code()), account.delete("/v1/auth/mfa", json={"code": factor.code()})):
        refused(response, "Too many attempts; try again later", 429)
        assert 300 < int(response.headers["Retry-After"]) <= 360
    # The owner is not locked out.
    assert factor.verify(factor.recovery_codes[0]).status_code == 200


def test_of_many_with_one_code_one_gets_in(factor):
    for code in (factor.code(), factor.recovery_codes[0]):
        challenges = [factor.challenge() for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda token: factor.verify(code, token).status_code, challenges))
        assert sorted(answers) == [200] + [401] * 7


def test_of_many_with_one_challenge_one_gets_in(factor):
    mfa_token = factor.challenge()
    codes = [factor.code(), *factor.recovery_codes[:4]]
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda code: factor.verify(code, mfa_token).status_code, codes))
    assert sorted(answers) == [200] + [401] * 4


def test_many_guesses_at_one_moment_are_five(factor, daemon):
    mfa_token = factor.challenge()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: factor.verify("wrong", mfa_token).status_code, range(20)))
    assert answers == [401] * 20
    reasons = [details["reason"] for _, details in records(daemon, factor.account, "auth.failure")]
    assert reasons.count("neither code") == 5


# Recovery codes

def test_a_recovery_code_lets_in_once(factor):
    for code in factor.recovery_codes:
        assert factor.verify(code).status_code == 200
        refused(factor.verify(code), WRONG)


@pytest.mark.parametrize("spell", [str.upper, lambda code: code.replace("-", ""), str.title])
def test_a_recovery_code_may_be_spelt_otherwise(factor, spell):
    assert factor.verify(spell(factor.recovery_codes[0])).status_code == 200
    refused(factor.verify(factor.recovery_codes[0]), WRONG)


def test_recovery_codes_of_another_are_none(api, daemon, factor):
    other = Factor(api.signup(), daemon)
    refused(factor.verify(other.recovery_codes[0]), WRONG)
    assert other.verify(other.recovery_codes[0]).status_code == 200


# Disabling

@pytest.mark.parametrize("proof", [
    lambda factor: {"code": factor.code()},
    lambda factor: {"code": factor.recovery_codes[5]},
    lambda factor: {"password": factor.account.password},
], ids=["code", "recovery code", "password"])
def test_a_proof_disables_the_factor_and_kills_its_challenges(account, factor, proof):
    mfa_token = factor.challenge()
    assert account.delete("/v1/auth/mfa", json=proof(factor)).status_code == 204
    assert account.get("/v1/auth/mfa/status").json() == {"enabled": False}
    assert account.login()
    refused(factor.verify(code_of(factor.secret, current_step() + 1), mfa_token), DEAD)
    assert account.delete("/v1/auth/mfa", json=proof(factor)).status_code == 400


@pytest.mark.parametrize("body", [None, {}, {"code": ""}, {"password": ""}, {"code": 1}, {"code": None, "password": None},
                                  {"password": "Wrong-Password-1!"}, {"code": "abcde-fg234"}, {"code": "x"}], ids=str)
def test_without_a_right_proof_the_factor_stays(account, factor, body):
    assert account.delete("/v1/auth/mfa", json=body).status_code == 400
    assert account.get("/v1/auth/mfa/status").json() == {"enabled": True}


def test_a_wrong_code_is_not_mended_by_the_password(account, factor):
    body = {"code": factor.wrong_code(), "password": account.password}
    refused(account.delete("/v1/auth/mfa", json=body), "Invalid code or password", 400)


def test_after_disabling_the_old_secret_and_codes_are_worthless(account, daemon, factor):
    assert account.delete("/v1/auth/mfa", json={"password": account.password}).status_code == 204
    again = Factor(account, daemon)
    assert again.secret != factor.secret
    refused(again.verify(code_of(factor.secret, current_step() + 1)), WRONG)
    refused(again.verify(factor.recovery_codes[0]), WRONG)


# What a challenge dies with

def test_a_challenge_dies_with_the_password(account, factor):
    mfa_token = factor.challenge()
    changed = account.post("/v1/auth/change-password",
                           json={"current_password": account.password, "new_password": NEW_PASSWORD})
    assert changed.status_code == 200
    code = code_of(factor.secret, current_step() + 1)
    refused(factor.verify(code, mfa_token), DEAD)
    assert factor.verify(code, factor.challenge(NEW_PASSWORD)).status_code == 200


def test_a_challenge_dies_with_the_account_and_nothing_is_left(account, daemon, factor):
    mfa_token = factor.challenge()
    user = account.me()["id"]
    assert account.delete("/v1/auth/me", json={"confirmation": "DELETE MY ACCOUNT"}).status_code == 204
    refused(factor.verify(code_of(factor.secret, current_step() + 1), mfa_token), DEAD)
    for table in ("totp_factors", "recovery_codes", "mfa_challenges"):
        assert daemon.psql_owner(f"SELECT count(*) FROM {table} WHERE user_id = '{user}'") == [(0,)]


def test_the_operators_remedy_lets_the_password_alone_in_again(account, daemon, factor):
    manual = (SOURCE / "docs" / "OPERATIONS.md").read_text()
    remedy, = re.findall(r"```\n(DELETE FROM totp_factors .*?)```", manual, re.DOTALL)
    mfa_token = factor.challenge()
    daemon.psql_owner(remedy.replace("ada@example.com", account.email))
    assert account.login()
    refused(factor.verify(factor.recovery_codes[0], mfa_token), DEAD)


# What somebody who writes to the database gets

def test_a_secret_of_somebody_else_opens_for_nobody(api, daemon, account, factor):
    attacker = Factor(api.signup(), daemon)
    daemon.psql_owner("UPDATE totp_factors SET sealed_secret = (SELECT sealed_secret FROM totp_factors WHERE user_id ="
                      f" '{attacker.account.me()['id']}') WHERE user_id = '{account.me()['id']}'")
    assert factor.verify(code_of(attacker.secret, current_step() + 1)).status_code == 500
    assert account.delete("/v1/auth/mfa", json={"code": "123456"}).status_code == 500
    assert records(daemon, account, "auth.failure")[-1][0] == "failed"
    assert records(daemon, account, "mfa.disable")[-1][0] == "failed"


def test_an_edited_secret_opens_for_nobody(daemon, account, factor):
    daemon.psql_owner("UPDATE totp_factors SET sealed_secret = set_byte(sealed_secret, 80, get_byte(sealed_secret, 80) # 1)"
                      f" WHERE user_id = '{account.me()['id']}'")
    assert factor.verify(factor.code()).status_code == 500
    assert records(daemon, account, "auth.failure")[-1][0] == "failed"


def test_a_recovery_code_moved_to_somebody_else_is_none(api, daemon, account, factor):
    attacker = Factor(api.signup(), daemon)
    daemon.psql_owner("INSERT INTO recovery_codes SELECT org_id, user_id, mac FROM (SELECT org_id, user_id FROM"
                      f" totp_factors WHERE user_id = '{account.me()['id']}') victim, (SELECT mac FROM recovery_codes"
                      f" WHERE user_id = '{attacker.account.me()['id']}') codes")
    refused(factor.verify(attacker.recovery_codes[0]), WRONG)


# What is recorded

def test_every_step_is_recorded_with_its_reason_and_without_codes(daemon, account, factor):
    mfa_token = factor.challenge()
    wrong, right = factor.wrong_code(), factor.code()
    factor.verify(wrong, mfa_token)
    token = factor.verify(right, mfa_token).json()["access_token"]
    factor.verify(right)
    factor.verify(factor.recovery_codes[0])
    account.delete("/v1/auth/mfa", json={"code": wrong})
    account.delete("/v1/auth/mfa", json={"password": account.password})

    def told(action):
        return [(outcome, details.get("reason") or details.get("factor") or details.get("proof"))
                for outcome, details in records(daemon, account, action)]
    assert told("mfa.setup") == told("mfa.enable") == [("success", None)]
    assert told("auth.challenge") == [("success", None)] * 3
    assert told("auth.failure") == [("denied", "wrong or spent code")] * 2
    assert told("auth.success") == [("success", "totp"), ("success", "recovery_code")]
    assert told("mfa.disable") == [("failed", "wrong or spent code"), ("success", "password")]
    everything = daemon.installation.cluster.dump(daemon.installation.database)
    log = daemon.log_text().encode()
    for canary in (factor.secret, mfa_token, token, *factor.recovery_codes):
        assert canary.encode() not in everything and canary.encode() not in log


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/auth/mfa/setup"), ("POST", "/v1/auth/mfa/verify-setup"),
                                              ("POST", "/v1/auth/mfa/verify"), ("DELETE", "/v1/auth/mfa")])
def test_an_oversized_body_is_413(account, method, path):
    assert account.request(method, path, data=b" " * (64 * 1024 + 1)).status_code == 413
