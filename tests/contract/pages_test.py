"""devicePage, cliVerifyPage, deviceSignIn, deviceSecondFactor, deviceCheck, deviceDecision, getPageStyle: the pages at
which a person decides about a device login; verifyEmailPage, verifyEmailAtPage: the page for the code of a mail. All as
a browser without scripts meets them."""

import re
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from support import wait
from support.browser_form import Browser
from support.device import Login, approve, reasons
from support.totp import Factor

POSTS = ["/device/sign-in", "/device/second-factor", "/device/check", "/device/decision", "/verify-email"]
CSP = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(1)>&lt;'"


@pytest.fixture
def browser(daemon):
    return Browser(daemon)


@pytest.fixture
def login(api, daemon):
    return Login(api, daemon, device_name="laptop")


def alert(page):
    found = re.search(r'<p role="alert" class="problem"><strong>Error:</strong> (.*)</p>', page.text)
    return found and found.group(1)


def at_confirmation(browser, account, login, **arguments):
    browser.sign_in(account, f"/device?code={login.user_code}", **arguments)
    page = browser.send()
    assert page.status_code == 200 and "Let this device log in?" in page.text, page.text
    return browser


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
    # As long seconds as a slow machine may want.
    daemon.psql_owner("UPDATE users SET tokens_valid_from = date_trunc('second', now()) + interval '5 min' "
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


# Other sites

@pytest.mark.parametrize("path", POSTS)
def test_a_form_needs_the_cookie_and_its_token(browser, account, login, path):
    at_confirmation(browser, account, login)
    token = browser.form()[1]["form_token"]
    stranger = Browser(browser.daemon)
    stranger.open()
    data = {"user_code": login.user_code, "decision": "approve", "matches": "yes", "email": account.email,
            "password": account.password, "mfa_token": "x", "code": "1"}
    cookies = {"its own": browser.cookie, "another's": stranger.cookie, "none": None, "malformed": "x"}
    tokens = {"right": token, "another's": stranger.form()[1]["form_token"], "none": None, "empty": "", "half": token[:20]}
    for whose, cookie in cookies.items():
        for which, value in tokens.items():
            if (whose, which) in (("its own", "right"), ("another's", "another's")):
                continue
            browser.cookie = cookie
            answer = browser._request("POST", path, data=data | ({} if value is None else {"form_token": value}))
            assert answer.status_code == 403, (whose, which)
    assert login.poll() == {"error": "authorization_pending"}


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
                                     {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": None, "Origin": "https://evil.example"},
                                     {"Sec-Fetch-Site": None, "Origin": "https://127.0.0.1"}], ids=str)
def test_a_form_from_another_origin_is_refused_whatever_it_holds(browser, account, login, headers):
    at_confirmation(browser, account, login)
    assert browser.send(decision="approve", matches="yes", headers=headers).status_code == 403
    assert login.poll() == {"error": "authorization_pending"}


@pytest.mark.parametrize("origin", ["null", "own", None])
def test_a_browser_that_says_less_may_still_send(browser, account, login, origin):
    at_confirmation(browser, account, login)
    origin = browser.daemon.base_url if origin == "own" else origin
    assert browser.send(decision="deny", headers={"Sec-Fetch-Site": None, "Origin": origin}).status_code == 200


def test_nobody_can_be_signed_in_to_a_strangers_account(browser, other_account):
    """Login CSRF: the attacker has a cookie and a token of their own, the victim's browser another cookie."""
    attacker = Browser(browser.daemon)
    attacker.open()
    token = attacker.form()[1]["form_token"]
    browser.open()
    answer = browser._request("POST", "/device/sign-in", data={
        "form_token": token, "email": other_account.email, "password": other_account.password})
    assert answer.status_code == 403
    assert ("denied", "the form's token is wrong") in reasons(browser.daemon)


def test_signing_in_changes_the_cookie(browser, account):
    browser.open()
    before = browser.cookie
    browser.sign_in(account)
    assert browser.cookie != before


@pytest.mark.parametrize("cookie", ["{0}; __Host-claviger={0}", "x; __Host-claviger={0}"])
def test_two_cookies_are_none(browser, account, login, cookie):
    at_confirmation(browser, account, login)
    browser.cookie = cookie.format(browser.cookie)
    assert browser.send(decision="approve", matches="yes").status_code == 403


def test_cookies_of_others_do_not_matter(browser, account, login):
    at_confirmation(browser, account, login)
    browser.cookie = f"{browser.cookie}; theme=dark; a=b=c; x"
    assert browser.send(decision="deny").status_code == 200


def test_a_token_of_the_api_is_no_session(browser, account, login):
    browser.open()
    token = browser.form()[1]["form_token"]
    answer = browser._request("POST", "/device/check", data={"form_token": token, "user_code": login.user_code},
                              headers={"Authorization": f"Bearer {account.token}"})
    assert answer.status_code == 403


# What is sent

def test_the_cookie_is_for_this_host_over_tls_and_no_script(browser, account):
    page = browser.open()
    attributes = page.headers["Set-Cookie"].split("; ")
    assert re.fullmatch(r"__Host-claviger=pgc_[A-Za-z0-9_-]{43}", attributes[0])
    assert set(attributes[1:]) == {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"}
    assert "Set-Cookie" not in browser.open().headers


def assert_hardened(page, shows=""):
    headers = page.headers
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Content-Security-Policy"] == CSP
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    text = page.text.replace(shows, "") if shows else page.text
    assert not re.search(r"<script|<style|\son\w+=|\sstyle=|javascript:|https?://", text)
    assert re.search(r'<html lang="en">', text) and "width=device-width" in text
    assert ("<title>Error: " in text) == (page.status_code >= 400)
    named = set(re.findall(r'<label for="([\w-]+)"', text))
    assert named == set(re.findall(r'<input id="([\w-]+)"', text))


def test_every_page_forbids_what_it_does_not_need(browser, account, login):
    pages = [browser.open()]
    pages.append(browser.send(email=account.email, password="Wrong-Password-1!"))
    at_confirmation(browser, account, login)
    pages += [browser.page, browser.send(decision="deny"), browser._request("POST", "/device/check", data="form_token=x")]
    for page in pages:
        assert_hardened(page)


def test_what_a_device_says_of_itself_is_text(browser, account, api, daemon):
    login = Login(api, daemon, device_name=EVIL[:64])
    api.session.headers["User-Agent"] = EVIL + "\u202e"
    evil = Login(api, daemon)
    evil.api.session.headers["User-Agent"] = EVIL
    response = evil.api.session.post(daemon.base_url + "/v1/auth/device/code", json={
        "client_id": "cli", "device_name": EVIL[:64]})
    at_confirmation(browser, account, type("Code", (), {"user_code": response.json()["user_code"]}))
    assert "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&amp;lt;&#39;" in browser.page.text
    assert "<script" not in browser.page.text and "<img" not in browser.page.text
    assert login.user_code


def test_what_was_typed_comes_back_as_text(browser, account):
    browser.open()
    page = browser.send(email=EVIL, password="x")
    assert "<script" not in page.text and "&lt;script&gt;" in page.text
    browser.sign_in(account)
    page = browser.send(user_code=EVIL[:64])
    assert page.status_code == 404 and "<script" not in page.text and "&lt;script&gt;" in page.text


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", ["form_token", "form_token=%", "form_token=%zz", "form_token=a&form_token=b", "Form=a",
                                  "form_token=%00", "form_token=%0a", "form_token=%ff", "a" * 33 + "=", "=x", "&",
                                  "&".join(f"{chr(97 + i)}=1" for i in range(17)), "x=" + "y" * 2049], ids=lambda b: b[:30])
def test_a_malformed_form_is_400(browser, path, body):
    browser.open()
    answer = browser._request("POST", path, data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 400


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data", "", None])
def test_only_forms_are_read(browser, path, kind):
    browser.open()
    answer = browser._request("POST", path, data=b"form_token=x", headers={"Content-Type": kind})
    assert answer.status_code == 400


@pytest.mark.parametrize("path", POSTS)
def test_a_long_form_is_413(browser, path):
    browser.open()
    assert browser._request("POST", path, data=b"a=" + b"x" * 8192, headers={
        "Content-Type": "application/x-www-form-urlencoded"}).status_code == 413


def test_looking_changes_nothing(browser, account, login):
    browser.sign_in(account, f"/device?code={login.user_code}")
    for query in ("decision=approve", "matches=yes&decision=approve", f"user_code={login.user_code}"):
        browser.open(f"/device?code={login.user_code}&{query}")
    assert login.poll() == {"error": "authorization_pending"}


def test_the_stylesheet_is_served(api):
    response = api.get("/assets/claviger.css")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/css; charset=utf-8")


def test_the_database_holds_no_cookie(browser, account, daemon):
    browser.sign_in(account)
    rows = str(daemon.psql_owner("SELECT s::text FROM page_sessions s"))
    assert browser.cookie not in rows and browser.cookie.encode().hex() not in rows


def test_a_decision_at_a_page_is_recorded_like_any_other(browser, account, login, daemon):
    at_confirmation(browser, account, login).send(decision="approve", matches="yes")
    rows = daemon.psql_owner("SELECT actor_id, outcome FROM audit_events WHERE action = 'device.approve' "
                             f"AND resource_id = '{account.me()['id']}'")
    assert rows == [(account.me()["id"], "success")]


# The code of a mail

def ask(node, email):
    asked = node.api().post("/v1/auth/signup", json={"email": email, "password": "Gr0und-Water-Runs-Deep!"})
    assert asked.status_code == 200


@pytest.fixture
def mail_browser(mailing):
    return Browser(mailing)


def test_a_person_follows_the_mail_and_pastes_the_code(mailing, mail_browser, mail, address):
    ask(mailing, address)
    text = mail.wait_for(address).get_payload()
    assert "    https://vault.example.org/verify-email\r\n" in text
    opened = mail_browser.open("/verify-email")
    done = mail_browser.send(code=f"  {mail.token(address)} ")
    assert done.status_code == 200
    assert f"The address {address} is confirmed" in done.text
    assert "<code>claviger --url https://vault.example.org login</code>" in done.text
    assert_hardened(opened)
    assert_hardened(done, shows="https://vault.example.org")
    assert "Set-Cookie" not in done.headers, "it signs nobody in"
    login = mailing.api().post("/v1/auth/token", json={"email": address, "password": "Gr0und-Water-Runs-Deep!"})
    assert login.status_code == 200
    assert mailing.psql_owner("SELECT e.outcome, e.details::json ->> 'operation' FROM audit_events e"
                              " JOIN users u ON u.org_id = e.org_id"
                              f" WHERE u.email = '{address}' AND e.action = 'auth.verify_email'") == [
        ("success", "verifyEmailAtPage")]


def test_no_mail_scanner_uses_up_a_code(mailing, mail_browser, mail, address):
    """It opens every address in the mail, and may add what it read there."""
    ask(mailing, address)
    code = mail.token(address)
    for path in ("/verify-email", "/verify-email?", f"/verify-email?code={code}", f"/verify-email?token={code}"):
        page = mail_browser.open(path)
        assert page.status_code == 200 and code not in page.text
    assert not re.search(r"https?://\S*vfy_", mail.wait_for(address).get_payload())
    assert mail_browser.send(code=code).status_code == 200


@pytest.mark.parametrize("code", ["", "x", EVIL, "vfy_" + "A" * 43, "vfy_" + "A" * 42, "mfa_" + "A" * 43, "ä" * 47], ids=repr)
def test_what_is_no_code_can_be_mended(mailing, mail_browser, mail, address, code):
    mail_browser.open("/verify-email")
    refused = mail_browser.send(code=code)
    assert (refused.status_code, "unknown, used or expired" in alert(refused)) == (400, True)
    assert_hardened(refused)
    assert mail_browser.form()[1]["code"] == ""
    ask(mailing, address)
    assert mail_browser.send(code=mail.token(address)).status_code == 200


def test_a_code_that_was_used_at_the_page_is_used(mailing, mail_browser, mail, address):
    ask(mailing, address)
    code = mail.token(address)
    mail_browser.open("/verify-email")
    token = mail_browser.form()[1]["form_token"]
    for status in (200, 400):
        answer = mail_browser._request("POST", "/verify-email", data={"form_token": token, "code": code})
        assert answer.status_code == status
    assert mailing.api().post("/v1/auth/verify-email", json={"token": code}).status_code == 400


@pytest.mark.parametrize("fault", ["no cookie", "no token", "another's token", "another site", "another type"])
def test_only_our_own_page_sends_a_code(mailing, mail_browser, mail, address, fault):
    ask(mailing, address)
    mail_browser.open("/verify-email")
    data = {"form_token": mail_browser.form()[1]["form_token"], "code": mail.token(address)}
    cookie, headers = mail_browser.cookie, {}
    if fault == "no cookie":
        mail_browser.cookie = None
    elif fault == "no token":
        del data["form_token"]
    elif fault == "another's token":
        stranger = Browser(mailing)
        stranger.open("/verify-email")
        data["form_token"] = stranger.form()[1]["form_token"]
    elif fault == "another site":
        headers["Sec-Fetch-Site"] = "cross-site"
    else:
        headers["Content-Type"] = "text/plain"
    answer = mail_browser._request("POST", "/verify-email", data=data, headers=headers)
    assert answer.status_code == (400 if fault == "another type" else 403)
    mail_browser.cookie = cookie
    mail_browser.open("/verify-email")
    assert mail_browser.send(code=data["code"]).status_code == 200


def test_the_code_is_in_no_log(mailing, mail_browser, mail, address):
    ask(mailing, address)
    code = mail.token(address)
    mail_browser.open("/verify-email")
    mail_browser.send(code=code + "x")
    mail_browser.send(code=code)
    assert code[4:] not in mailing.log_text()
    records = mailing.psql_owner("SELECT details FROM audit_events WHERE action = 'auth.verify_email'")
    assert records and not any(code[4:] in row[0] for row in records)
