"""Limits of what sends mails and of what they hold: signup, its codes, invitations."""

import secrets

import pytest
from support.browser_form import Browser
from support.limits import PER_ADDRESS, address, assert_refused, statuses, unknown_email
from support.people import join


INVITATIONS = 3


@pytest.fixture(scope="module")
def limited_mail(installation, mail):
    daemon = installation.daemon("limited-mail", **mail.settings(
        installation.directory, limits__guesses_per_address=PER_ADDRESS,
        limits__invitations_per_organisation=INVITATIONS))
    yield daemon
    assert daemon.stop() == 0


def sign_up(client, email=None):
    email = email or unknown_email()
    return client.post("/v1/auth/signup", json={"email": email, "password": "Gr0und-Water-Runs-Deep!"})


def verify_email(client, code=None):
    code = code or "vfy_" + secrets.token_urlsafe(32)
    return client.post("/v1/auth/verify-email", json={"token": code})


def invite(client, **members):
    return client.post("/v1/org/invite", json={"email": unknown_email()} | members)


def limits_recorded(daemon, operation):
    return daemon.psql_owner("SELECT outcome, details::json ->> 'limit' FROM audit_events"
                             f" WHERE details::json ->> 'operation' = '{operation}'"
                             " AND details::json ->> 'limit' IS NOT NULL ORDER BY id")


def test_an_address_asks_for_so_many_mails(limited_mail):
    home = limited_mail.api().from_address(address())
    assert statuses(sign_up(home) for _ in range(PER_ADDRESS)) == [200] * PER_ADDRESS
    assert_refused(sign_up(home))
    assert limits_recorded(limited_mail, "signup")[-1] == ("denied", "signup by address")
    assert sign_up(limited_mail.api().from_address(address())).status_code == 200


def test_mailed_codes_are_guessed_so_often_at_api_and_page_alike(limited_mail, mail):
    email = unknown_email()
    assert sign_up(limited_mail.api().from_address(address()), email).status_code == 200
    guesser = limited_mail.api().from_address(address())
    assert statuses(verify_email(guesser) for _ in range(PER_ADDRESS)) == [400] * PER_ADDRESS
    assert_refused(verify_email(guesser))
    # Nor is the right one looked at.
    assert_refused(verify_email(guesser, mail.token(email)))
    assert limits_recorded(limited_mail, "verifyEmail") == [("denied", "mail_code by address")]
    assert verify_email(limited_mail.api().from_address(address()), mail.token(email)).status_code == 200


def test_the_page_of_mailed_codes_has_the_same_budget(limited_mail):
    browser = Browser(limited_mail)
    browser.open("/verify-email")
    for _ in range(PER_ADDRESS):
        assert browser.send(code="vfy_" + secrets.token_urlsafe(32)).status_code == 400
    answer = browser.send(code="vfy_" + secrets.token_urlsafe(32))
    assert answer.status_code == 429 and answer.headers["Content-Type"].startswith("text/html")
    assert int(answer.headers["Retry-After"]) >= 1 and "Too many attempts" in answer.text
    assert '<a href="/verify-email">' in answer.text
    assert_refused(verify_email(limited_mail.api()))


def test_what_can_be_no_mailed_code_and_right_ones_cost_nothing(limited_mail, mail):
    home = limited_mail.api().from_address(address())
    for code in ["x", "vfy_", "vfy_" + "A" * 42, "mfa_" + "A" * 43] * PER_ADDRESS:
        assert verify_email(home, code).status_code == 400
    emails = [unknown_email() for _ in range(PER_ADDRESS)]
    asking = limited_mail.api().from_address(address())
    assert statuses(sign_up(asking, email) for email in emails) == [200] * PER_ADDRESS
    assert statuses(verify_email(home, mail.token(email)) for email in emails) == [200] * PER_ADDRESS
    assert verify_email(home).status_code == 400


def test_an_organisation_invites_so_many_whoever_does_it_and_from_wherever(limited_mail, api, account):
    org = account.me()["org_id"]
    admin = join(limited_mail, api.signup(), account, "admin")
    clients = [limited_mail.api(person.token) for person in (account, admin, account)]
    assert statuses(invite(client) for client in clients) == [200] * INVITATIONS
    for client in clients:
        assert_refused(invite(client))
    records = limited_mail.psql_owner(
        f"SELECT outcome, details::json ->> 'limit' FROM audit_events WHERE org_id = '{org}'"
        " AND action = 'member.invite' ORDER BY id")
    assert records == [("success", None)] * INVITATIONS + [("denied", "invite by account")]
    assert invite(limited_mail.api(api.signup().token)).status_code == 200


def test_finding_out_by_invitations_which_addresses_have_accounts_is_counted(limited_mail, api, account, other_account):
    owner = limited_mail.api(account.token)
    tries = [invite(owner, email=other_account.email) for _ in range(INVITATIONS)]
    assert statuses(tries) == [409] * INVITATIONS
    assert_refused(invite(owner))


def test_who_may_not_invite_and_what_is_no_invitation_cost_nothing(limited_mail, api, account):
    member = limited_mail.api(join(limited_mail, api.signup(), account).token)
    owner = limited_mail.api(account.token)
    assert statuses(invite(member) for _ in range(INVITATIONS)) == [403] * INVITATIONS
    assert statuses(invite(owner, email="nobody") for _ in range(INVITATIONS)) == [400] * INVITATIONS
    assert invite(owner).status_code == 200
