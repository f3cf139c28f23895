"""devicePage, cliVerifyPage, deviceSignIn, deviceSecondFactor, deviceCheck, deviceDecision: a person decides about a
device login, in a browser without scripts."""

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from support import wait
from support.browser_form import EVIL, Browser, alert, at_confirmation
from support.device import Login, approve, reasons
from support.totp import Factor


# The way through

@pytest.mark.parametrize("path", ["/device", "/cli/verify"])
def test_a_person_signs_in_types_the_code_and_approves(browser, account, login, path):
    browser.sign_in(account, path)
    page = browser.send(user_code=login.user_code)
    for fact in (login.user_code, "cli", "laptop", "127.0.0.1", "python-requests", account.email, "90 days"):
        assert fact in page.text, fact
    done = browser.send(decision="approve", matches="yes")
    assert (done.status_code, "You approved" in done.text) == (200, True)
    assert login.poll()["email"] == account.email


def test_a_person_denies(browser, account, login):
    done = at_confirmation(browser, account, login).send(decision="deny")
    assert "You denied" in done.text
    assert login.poll() == {"error": "access_denied"}


def test_the_page_that_shipped_command_lines_open_fills_in_the_code(browser, account, login):
    browser.open(f"/cli/verify?code={login.user_code.lower()}")
    browser.send(email=account.email, password=account.password)
    assert browser.form()[1]["user_code"] == login.user_code


@pytest.mark.parametrize("code", ["", "x", EVIL, "//evil.example", "https://evil.example/", "ABCD-EFGH"])
def test_what_is_no_code_fills_in_nothing(browser, account, code):
    page = browser.open("/device?code=" + requests.utils.quote(code, safe=""))
    assert browser.form()[1]["user_code"] == ""
    assert "evil" not in page.text
    response = browser.send(follow=False, email=account.email, password=account.password)
    assert response.headers["Location"] == "/device"


def test_a_second_factor_is_asked_for_at_each_approval(browser, daemon, account, api, login):
    factor = Factor(account, daemon)
    browser.open(f"/device?code={login.user_code}")
    page = browser.send(email=account.email, password=account.password)
    assert "Second factor" in page.text and "Signed in" not in page.text
    assert browser.send(code="000000").status_code == 403 and alert(browser.page)
    browser.send(code=factor.code())
    browser.send()
    assert browser.send(decision="approve", matches="yes").status_code == 200
    assert "access_token" in login.poll()
    browser.open()
    assert browser.form()[0] == "/device/sign-in"


def test_an_unfinished_sign_in_opens_no_session(browser, daemon, account, login):
    Factor(account, daemon)
    browser.open()
    browser.send(email=account.email, password=account.password)
    token = browser.form()[1]["form_token"]
    response = browser._request("POST", "/device/check", data={"form_token": token, "user_code": login.user_code})
    assert response.status_code == 403 and "not signed in" in response.text


def test_a_dead_challenge_leads_back_to_the_sign_in(browser, daemon, account):
    factor = Factor(account, daemon)
    browser.open()
    browser.send(email=account.email, password=account.password)
    for _ in range(5):
        assert browser.send(code="wrong").status_code == 403
    assert browser.send(code=factor.code()).status_code == 403
    assert browser.form()[0] == "/device/sign-in"


# What needs saying and proving

def test_an_approval_wants_the_code_to_be_confirmed(browser, account, login):
    at_confirmation(browser, account, login)
    for matches in ("", "no", "on"):
        page = browser.send(decision="approve", matches=matches)
        assert page.status_code == 400 and alert(page)
    assert login.poll() == {"error": "authorization_pending"}
    assert browser.send(decision="approve", matches="yes").status_code == 200


@pytest.mark.parametrize("decision", ["", "maybe", "Approve", "approved"])
def test_a_form_without_a_decision_decides_nothing(browser, account, login, decision):
    at_confirmation(browser, account, login)
    assert browser.send(decision=decision, matches="yes").status_code == 400
    assert login.poll() == {"error": "authorization_pending"}


def test_a_session_decides_once(browser, account, api, daemon, login):
    other = Login(api, daemon)
    at_confirmation(browser, account, login)
    cookie, (_, fields) = browser.cookie, browser.form()
    browser.send(decision="approve", matches="yes")
    browser.cookie = cookie
    answer = browser._request("POST", "/device/decision", data=fields | {
        "user_code": other.user_code, "decision": "approve", "matches": "yes"})
    assert answer.status_code == 403
    assert other.poll() == {"error": "authorization_pending"}


def test_a_session_decides_once_also_at_the_same_moment(browser, account, api, daemon):
    logins = [Login(api, daemon) for _ in range(6)]
    at_confirmation(browser, account, logins[0])
    cookie, (_, fields) = browser.cookie, browser.form()

    def decide(login):
        mine = Browser(daemon)
        mine.cookie = cookie
        return mine._request("POST", "/device/decision", data=fields | {
            "user_code": login.user_code, "decision": "approve", "matches": "yes"}).status_code
    with ThreadPoolExecutor(6) as pool:
        with daemon.holding("SELECT FROM page_sessions FOR UPDATE") as waiting:
            answers = pool.map(decide, logins)
            wait.until(lambda: waiting() >= 2, "decisions that have found their session")
        assert sorted(answers) == [200] + [403] * 5


@pytest.mark.parametrize("change", ["expires_at = now()", "signed_in_at = signed_in_at - interval '1 day'"])
def test_an_old_session_is_no_session(browser, account, login, daemon, change):
    at_confirmation(browser, account, login)
    daemon.psql_owner(f"UPDATE page_sessions SET {change}")
    assert browser.send(decision="approve", matches="yes").status_code == 403
    assert login.poll() == {"error": "authorization_pending"}


def test_a_session_dies_with_a_change_of_the_password(browser, account, login):
    at_confirmation(browser, account, login)
    assert account.post("/v1/auth/change-password", json={"current_password": account.password,
                                                         "new_password": "Still-Water-Runs-Deeper-7!"}).status_code == 200
    assert browser.send(decision="approve", matches="yes").status_code == 403
    assert login.poll() == {"error": "authorization_pending"}


def test_an_approval_in_the_second_of_a_new_password_holds(browser, account, login, daemon):
    # As long a second as a slow machine may want. A token that is issued a minute ahead is neither signed nor accepted.
    daemon.psql_owner("UPDATE users SET tokens_valid_from = date_trunc('second', now()) + interval '50 s' "
                      f"WHERE email = '{account.email}'")
    at_confirmation(browser, account, login)
    assert browser.send(decision="approve", matches="yes").status_code == 200
    assert login.poll()["email"] == account.email


def test_a_wrong_password_and_an_unknown_address_look_alike(browser, account):
    pages = []
    for email in (account.email, f"{secrets.token_hex(4)}@example.org"):
        browser.open()
        page = browser.send(email=email, password="Wrong-Password-1!")
        assert (page.status_code, alert(page)) == (403, "Wrong e-mail address or password.")
        pages.append(page.text.replace(email, ""))
    assert pages[0] == pages[1]


def test_a_wrong_or_used_code_can_be_mended(browser, account, login):
    browser.sign_in(account)
    assert browser.send(user_code="BCDF-GHJK").status_code == 404 and "Look at it again" in alert(browser.page)
    approve(account, login, "deny")
    assert browser.send(user_code=login.user_code).status_code == 400 and "decided already" in alert(browser.page)


def test_ip_rules_hold_at_the_pages(installation):
    daemon = installation.daemon("proxied-pages", http__trusted_proxies="127.0.0.1")
    account = daemon.api().signup()
    login = Login(daemon.api(), daemon)
    at_home, at_work = Browser(daemon), Browser(daemon)
    at_home.headers |= {"X-Forwarded-For": "198.51.100.7"}
    at_work.headers |= {"X-Forwarded-For": "203.0.113.9"}
    rule = {"rule_type": "allow", "cidr": "203.0.113.9/32"}
    assert account.post("/v1/security/ip-rules", json=rule, headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 201
    at_home.sign_in(account)
    assert at_home.send(user_code=login.user_code).status_code == 403
    assert ("denied", "ip_rule") in reasons(daemon, "device.read")
    at_confirmation(at_work, account, login)
    at_work.headers |= {"X-Forwarded-For": "198.51.100.7"}
    assert at_work.send(decision="approve", matches="yes").status_code == 403
    assert login.poll() == {"error": "authorization_pending"}
    at_work.headers |= {"X-Forwarded-For": "203.0.113.9"}
    at_work.open(f"/device?code={login.user_code}")
    at_work.send()
    assert at_work.send(decision="approve", matches="yes").status_code == 200
    assert daemon.stop() == 0, daemon.log_text()[-3000:]
