"""Limits of guesses, with numbers small enough to reach. Every test comes from addresses of its own."""

import random
import time

import pytest
from support.browser_form import Browser
from support.device import Login
from support.limits import PER_ACCOUNT, PER_ADDRESS, PER_FAMILIAR, address, assert_refused, statuses, unknown_email
from support.totp import Factor

WRONG = "Wrong-Password-1!"


def login(client, email, password=WRONG):
    return client.post("/v1/auth/token", json={"email": email, "password": password})


@pytest.fixture(scope="module")
def limited(installation):
    daemon = installation.daemon(
        "limited", limits__guesses_per_address=PER_ADDRESS, limits__guesses_per_account=PER_ACCOUNT,
        limits__guesses_per_familiar=PER_FAMILIAR)
    yield daemon
    assert daemon.stop() == 0


@pytest.fixture
def api(limited):
    return limited.api()


@pytest.fixture
def factor(account, daemon):
    return Factor(account, daemon)


@pytest.fixture
def attacker(api):
    return api.from_address(address())


# Guesses

def test_guesses_beyond_the_account_s_budget_are_429_and_the_right_one_is_not_looked_at(account, attacker):
    assert statuses(login(attacker, account.email) for _ in range(PER_ACCOUNT)) == [401] * PER_ACCOUNT
    assert_refused(login(attacker, account.email))
    assert_refused(login(attacker, account.email, account.password))


def test_an_unknown_account_behaves_exactly_as_a_known_one(account, api):
    answers = []
    for email in (account.email, unknown_email()):
        client = api.from_address(address())
        answers.append([(response.status_code, response.content, {name.lower() for name in response.headers})
                        for response in (login(client, email) for _ in range(PER_ACCOUNT + 2))])
    assert answers[0] == answers[1]
    assert [answer[0] for answer in answers[0]] == [401] * PER_ACCOUNT + [429] * 2


def test_spellings_of_one_address_share_its_budget(account, api):
    name, domain = account.email.split("@")
    spellings = [account.email, account.email.upper(), f"{name.upper()}@{domain}", f"{name}@{domain.title()}"]
    assert len(spellings) == PER_ACCOUNT
    assert statuses(login(api.from_address(address()), spelling) for spelling in spellings) == [401] * PER_ACCOUNT
    for spelling in spellings:
        assert_refused(login(api.from_address(address()), spelling))


def test_an_address_s_guesses_end_whatever_it_tries(attacker, api):
    tries = [unknown_email() for _ in range(PER_ADDRESS - 2)] + ["no address", " a@b.c"]
    assert statuses(login(attacker, email) for email in tries) == [401] * PER_ADDRESS
    assert_refused(login(attacker, unknown_email()))
    assert login(api.from_address(address()), unknown_email()).status_code == 401


def test_right_passwords_cost_nothing(account, api):
    home = api.from_address(address())
    for _ in range(2 * PER_ADDRESS):
        assert login(home, account.email, account.password).status_code == 200


def test_the_owner_logs_in_from_a_familiar_address_while_an_attacker_hammers(account, api):
    home = api.from_address(address())
    assert login(home, account.email, account.password).status_code == 200
    for _ in range(3):
        hammered = [login(api.from_address(address()), account.email) for _ in range(PER_ACCOUNT + 1)]
        assert hammered[-1].status_code == 429
        assert login(home, account.email, account.password).status_code == 200
    assert_refused(login(api.from_address(address()), account.email, account.password))


def test_a_familiar_address_has_a_budget_too(account, api):
    home = api.from_address(address())
    assert login(home, account.email, account.password).status_code == 200
    assert statuses(login(home, account.email) for _ in range(PER_FAMILIAR)) == [401] * PER_FAMILIAR
    assert_refused(login(home, account.email, account.password))
    assert login(api.from_address(address()), account.email, account.password).status_code == 200


def test_who_waits_as_long_as_told_may_guess_again(installation, account):
    daemon = installation.daemon("impatient", limits__guess_window="24s", limits__guesses_per_account=PER_ACCOUNT)
    try:
        client = daemon.api().from_address(address())
        email = unknown_email()
        refused = next(response for response in iter(lambda: login(client, email), None) if response.status_code != 401)
        assert_refused(refused)
        time.sleep(int(refused.headers["Retry-After"]))
        assert login(client, email).status_code == 401
    finally:
        assert daemon.stop() == 0


def test_finding_out_which_addresses_have_accounts_is_a_guess(account, attacker):
    body = {"email": account.email, "password": account.password}
    tries = [attacker.post("/v1/auth/signup", json=body) for _ in range(PER_ADDRESS)]
    assert statuses(tries) == [409] * PER_ADDRESS
    assert_refused(attacker.post("/v1/auth/signup", json={**body, "email": unknown_email()}))


def test_what_breaks_a_rule_is_no_guess(account, attacker):
    for _ in range(PER_ADDRESS + 1):
        assert attacker.post("/v1/auth/signup", json={"email": account.email, "password": "short"}).status_code == 400
        assert attacker.post("/v1/auth/token", json={"email": account.email}).status_code == 400


def test_the_current_password_is_not_guessed_with_a_stolen_token(account, api):
    thief = api.from_address(address())
    body = {"current_password": WRONG, "new_password": "Still-Water-Runs-Deeper-7!"}
    tries = [thief.post("/v1/auth/change-password", json=body, token=account.token) for _ in range(PER_ACCOUNT)]
    assert statuses(tries) == [401] * PER_ACCOUNT
    assert_refused(thief.post("/v1/auth/change-password", token=account.token,
                              json={**body, "current_password": account.password}))
    assert login(api.from_address(address()), account.email, account.password).status_code == 200


def test_the_password_that_disables_a_second_factor_is_guessed_no_better(account, factor, api):
    thief = api.from_address(address())
    tries = [thief.delete("/v1/auth/mfa", json={"password": WRONG}, token=account.token) for _ in range(PER_ACCOUNT)]
    assert statuses(tries) == [400] * PER_ACCOUNT
    assert_refused(thief.delete("/v1/auth/mfa", json={"password": account.password}, token=account.token))
    assert account.get("/v1/auth/mfa/status").json() == {"enabled": True}


def test_codes_are_counted_over_all_addresses_and_the_owner_s_address_has_guesses_of_its_own(account, factor, api):
    def verify(client, code):
        challenge = login(client, account.email, account.password).json()["mfa_token"]
        return client.post("/v1/auth/mfa/verify", json={"mfa_token": challenge, "code": code})

    home = api.from_address(address())
    assert verify(home, factor.code()).status_code == 200
    tries = [verify(api.from_address(address()), factor.wrong_code()) for _ in range(PER_ACCOUNT)]
    assert statuses(tries) == [401] * PER_ACCOUNT
    assert_refused(verify(api.from_address(address()), factor.code()))
    assert verify(home, factor.code()).status_code == 200


def test_who_knows_the_password_alone_makes_no_address_familiar_and_pushes_none_out(account, factor, api):
    home = api.from_address(address())
    challenge = login(home, account.email, account.password).json()["mfa_token"]
    assert home.post("/v1/auth/mfa/verify", json={"mfa_token": challenge, "code": factor.code()}).status_code == 200
    attackers = [api.from_address(address()) for _ in range(12)]
    assert statuses(login(attacker, account.email, account.password) for attacker in attackers) == [200] * 12
    assert statuses(login(attackers[0], account.email) for _ in range(PER_ACCOUNT)) == [401] * PER_ACCOUNT
    for attacker in attackers:
        assert_refused(login(attacker, account.email))
    assert login(home, account.email, account.password).status_code == 200


def test_a_proxy_s_clients_are_told_apart_and_nobody_else_names_an_address(installation, account):
    daemon = installation.daemon("fronted", http__trusted_proxies="127.0.0.1", limits__guesses_per_address=PER_ADDRESS)

    def attempt(client, forwarded):
        return client.post("/v1/auth/token", json={"email": unknown_email(), "password": WRONG},
                           headers={"X-Forwarded-For": forwarded})

    try:
        front = daemon.api()
        assert statuses(attempt(front, "198.51.100.7") for _ in range(PER_ADDRESS)) == [401] * PER_ADDRESS
        assert_refused(attempt(front, "198.51.100.7"))
        assert_refused(attempt(front, "::ffff:198.51.100.7"))
        assert attempt(front, "198.51.100.8").status_code == 401
        hosts = [f"2001:db8:0:1::{n:x}" for n in range(1, PER_ADDRESS + 1)]
        assert statuses(attempt(front, host) for host in hosts) == [401] * PER_ADDRESS
        assert_refused(attempt(front, "2001:db8:0:1:ffff::1"))
        liar = daemon.api().from_address(address())
        lies = [attempt(liar, f"203.0.113.{n}") for n in range(PER_ADDRESS + 1)]
        assert statuses(lies) == [401] * PER_ADDRESS + [429]
    finally:
        assert daemon.stop() == 0


def test_a_flood_has_one_record_in_the_log_of_its_victim(account, api, limited):
    org = account.me()["org_id"]
    for _ in range(PER_ACCOUNT + 5):
        login(api.from_address(address()), account.email)
    records = limited.psql_owner(
        f"SELECT action, outcome, details::json ->> 'limit' FROM audit_events WHERE org_id = '{org}'"
        " AND details::json ->> 'operation' = 'login' ORDER BY id")
    assert records == [("auth.failure", "denied", None)] * PER_ACCOUNT + [("auth.failure", "denied", "login by account")]


def test_the_database_holds_neither_addresses_nor_accounts(account, api, limited):
    home = address()
    assert login(api.from_address(home), account.email, account.password).status_code == 200
    login(api.from_address(home), unknown_email())
    dump = limited.psql_owner("SELECT key FROM guess_budgets UNION ALL SELECT account || address FROM familiar_addresses")
    assert dump and {len(bytes(row[0])) for row in dump} == {32, 64}
    assert not any(text.encode() in bytes(row[0]) for row in dump for text in (home, account.email, "127.9"))


def user_codes(login):
    """Codes that nobody was given, written as that of `login`."""
    letters = login.user_code.replace("-", "")
    tries = {"".join(random.sample(letters * 3, 8)) for _ in range(200)} - {letters}
    return iter(tries)


def at_home(api, account):
    """The account at an address of its own."""
    client = api.from_address(address())
    client.token = account.token
    return client


def test_guesses_at_user_codes_end_wherever_they_are_typed(account, api, limited):
    login = Login(api, limited)
    codes = user_codes(login)
    guesser = at_home(api, account)
    tries = [guesser.get(f"/v1/auth/device/code/{next(codes)}") for _ in range(PER_ADDRESS - 2)]
    tries += [guesser.post(f"/v1/auth/device/{verb}", json={"user_code": next(codes)}) for verb in ("approve", "deny")]
    assert statuses(tries) == [404] * PER_ADDRESS
    assert_refused(guesser.get(f"/v1/auth/device/code/{next(codes)}"))
    # Nor is the right one looked at.
    assert_refused(guesser.post("/v1/auth/device/approve", json={"user_code": login.user_code}))
    assert api.from_address(address()).get(f"/v1/auth/device/code/{login.user_code}").json()["status"] == "pending"


def test_right_user_codes_and_what_is_none_cost_nothing(account, api, limited):
    login = Login(api, limited)
    home = at_home(api, account)
    for _ in range(PER_ADDRESS + 1):
        assert home.get(f"/v1/auth/device/code/{login.user_code}").status_code == 200
        assert home.get("/v1/auth/device/code/no-code").status_code == 404
    assert home.post("/v1/auth/device/approve", json={"user_code": login.user_code}).status_code == 200


def test_the_pages_have_the_same_budgets(account, api, limited):
    for _ in range(PER_ACCOUNT):
        login(api.from_address(address()), account.email)
    browser = Browser(limited)
    browser.open()
    answer = browser.send(email=account.email, password=account.password)
    assert answer.status_code == 429 and answer.headers["Content-Type"].startswith("text/html")
    assert int(answer.headers["Retry-After"]) >= 1 and "Too many attempts" in answer.text
