"""verifyEmailPage, verifyEmailAtPage: the page for the code of a mail."""

import re

import pytest
from support.browser_form import EVIL, Browser, alert, assert_hardened


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
