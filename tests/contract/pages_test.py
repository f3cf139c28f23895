"""What holds of every page, getPageStyle among them: who may send its forms, and what it forbids."""

import re

import pytest
from support.browser_form import EVIL, Browser, assert_hardened, at_confirmation
from support.device import Login, reasons

POSTS = ["/device/sign-in", "/device/second-factor", "/device/check", "/device/decision", "/verify-email"]


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
