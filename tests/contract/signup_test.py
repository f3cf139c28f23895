"""signup by mail, verifyEmail, and what people are told by mail."""

import json
import re

import pytest

PASSWORD = "Gr0und-Water-Runs-Deep!"
NEW_PASSWORD = "Still-Water-Runs-Deeper-7!"
DEAD = "The code is unknown, used or expired"


def ask(node, email, password=PASSWORD, **members):
    return node.api().post("/v1/auth/signup", json={"email": email, "password": password, **members})


def verify(node, token):
    return node.api().post("/v1/auth/verify-email", json={"token": token})


def login(node, email, password=PASSWORD):
    return node.api().post("/v1/auth/token", json={"email": email, "password": password})


def test_an_account_begins_with_the_code_of_the_mail(mailing, mail, address):
    response = ask(mailing, address.upper(), display_name="Ann")
    assert response.status_code == 200
    assert set(response.json()) == {"email", "message"} and response.json()["email"] == address
    assert login(mailing, address).status_code == 401

    answer = verify(mailing, mail.token(address))
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "token_type", "expires_in"}
    me = mailing.api(answer.json()["access_token"]).get("/v1/auth/me").json()
    assert (me["email"], me["display_name"], me["role"], me["email_verified"]) == (address, "Ann", "owner", True)
    assert login(mailing, address).status_code == 200
    assert "is ready" in mail.wait_for(address, 2).get_payload()


def test_the_mail_is_correct_and_says_who_asked(mailing, mail, address):
    ask(mailing, address, display_name="Visit http://evil.example now")
    message = mail.wait_for(address)
    assert message["To"] == f"<{address}>" and message["From"] == "Claviger <vault@example.org>"
    assert message["Auto-Submitted"] == "auto-generated" and message["Message-ID"].endswith("@example.org>")
    assert not message.defects
    text = message.get_payload()
    assert "127.0.0.1" in text and "https://vault.example.org" in text and "evil" not in text


def test_a_code_counts_once(mailing, mail, address):
    ask(mailing, address)
    token = mail.token(address)
    assert verify(mailing, token).status_code == 200
    again = verify(mailing, token)
    assert (again.status_code, again.json()["detail"]) == (400, DEAD)


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": None}, {"token": 7}, {"token": ["x"]},
                                  {"token": "x" * 257}, [], "x"], ids=lambda body: json.dumps(body)[:30])
def test_what_is_no_code(mailing, body):
    assert mailing.api().post("/v1/auth/verify-email", json=body).status_code == 400


@pytest.mark.parametrize(
    "token", ["x", "vfy_", "vfy_" + "A" * 43, "mfa_" + "A" * 43, "vfy_" + "A" * 42 + "\n"], ids=repr)
def test_an_unknown_code_gets_one_answer(mailing, token):
    answer = verify(mailing, token)
    assert (answer.status_code, answer.json()["detail"]) == (400, DEAD)


def test_an_expired_code_gets_the_same_answer(mailing, mail, address):
    ask(mailing, address)
    token = mail.token(address)
    mailing.psql_owner(f"UPDATE pending_signups SET expires_at = now() WHERE email = '{address}'")
    answer = verify(mailing, token)
    assert (answer.status_code, answer.json()["detail"]) == (400, DEAD)


def test_asking_again_makes_the_older_code_void(mailing, mail, address):
    ask(mailing, address)
    first = mail.token(address)
    ask(mailing, address, NEW_PASSWORD)
    second = mail.token(address, 2)
    assert verify(mailing, first).status_code == 400
    assert verify(mailing, second).status_code == 200
    assert login(mailing, address, NEW_PASSWORD).status_code == 200


def test_an_address_gets_three_mails_an_hour(mailing, mail, address):
    answers = [ask(mailing, address) for _ in range(5)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert mailing.psql_owner(f"SELECT hour_mails FROM pending_signups WHERE email = '{address}'") == [(3,)]
    assert verify(mailing, mail.token(address, 3)).status_code == 200


def test_a_known_address_gets_the_same_answer_and_another_mail(mailing, mail, address):
    ask(mailing, address)
    assert verify(mailing, mail.token(address)).status_code == 200
    mail.wait_for(address, 2)
    known, unknown = ask(mailing, address, NEW_PASSWORD), ask(mailing, "x" + address, NEW_PASSWORD)
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content.replace(b"x" + address.encode(),
                                                                                              address.encode()))
    headers = [{name.lower() for name in answer.headers} for answer in (known, unknown)]
    assert headers[0] == headers[1]
    assert "already" in mail.wait_for(address, 3)["Subject"]
    assert login(mailing, address, NEW_PASSWORD).status_code == 401
    assert login(mailing, address).status_code == 200


def test_both_are_recorded_alike_but_for_whose_log_they_are_in(mailing, mail, address):
    ask(mailing, address)
    assert verify(mailing, mail.token(address)).status_code == 200
    ask(mailing, address)
    rows = mailing.psql_owner(
        "SELECT e.action, e.outcome, e.actor_type FROM audit_events e JOIN users u ON u.org_id = e.org_id"
        f" WHERE u.email = '{address}' ORDER BY e.id")
    assert rows == [("auth.verify_email", "success", "user"), ("auth.signup", "success", "anonymous")]


@pytest.mark.parametrize("email", ["a@b.c\r\nBcc: eve@example.org", "a@b.c\nX: y", "a@b.c>", "<a@b.c>", "a@b.c, d@e.f",
                                   "a b@c.d", "\"a\"@b.c", "a@b.c\x00", "a@b.c%0d%0aBcc:x"], ids=repr)
def test_no_header_comes_in_by_an_address(mailing, mail, email):
    assert ask(mailing, email).status_code == 400
    asked = r"SELECT count(*) FROM pending_signups WHERE email !~ '^\w+@example\.org$'"
    assert mailing.psql_owner(asked) == [(0,)]
    assert all(re.fullmatch(r"\w+@example\.org", recipient) for recipient, _ in mail.accepted)


def test_a_weak_password_gets_no_mail(mailing, address):
    assert ask(mailing, address, "short").status_code == 400
    assert mailing.psql_owner(f"SELECT count(*) FROM pending_signups WHERE email = '{address}'") == [(0,)]


def test_refused_passwords_are_refused_wherever_one_is_chosen(installation, mail, account, address, tmp_path):
    blocklist = tmp_path / "refused"
    blocklist.write_text(f"something else\n{NEW_PASSWORD.lower()}\n")
    settings = {"password__blocklist_file": blocklist}
    changing = {"current_password": account.password, "new_password": NEW_PASSWORD}
    for name, more in (("refusing", {}), ("refusing-mail", mail.settings(installation.directory))):
        node = installation.daemon(name, **settings | more)
        changed = node.api(account.token).post("/v1/auth/change-password", json=changing)
        for answer in (ask(node, address, NEW_PASSWORD), changed):
            assert (answer.status_code, "list of refused" in answer.json()["detail"]) == (400, True)
        assert ask(node, address).status_code == 200
        assert node.stop() == 0


def test_a_change_of_password_is_told(mailing, mail, address):
    ask(mailing, address)
    token = verify(mailing, mail.token(address)).json()["access_token"]
    mail.wait_for(address, 2)
    changed = mailing.api(token).post("/v1/auth/change-password",
                                      json={"current_password": PASSWORD, "new_password": NEW_PASSWORD})
    assert changed.status_code == 200
    told = mail.wait_for(address, 3)
    assert told["Subject"] == "Your password was changed"
    assert not re.search(re.escape(PASSWORD) + "|" + re.escape(NEW_PASSWORD), told.as_string())


def test_new_keys_are_told_ten_an_hour_at_most(mailing, mail, address):
    ask(mailing, address)
    account = mailing.api(verify(mailing, mail.token(address)).json()["access_token"])

    def make():
        return account.post("/v1/auth/api-keys", json={"name": "Visit http://evil.example now"}).json()

    mail.wait_for(address, 2)
    keys = [make() for _ in range(11)]
    mailing.psql_owner("UPDATE api_keys SET created_at = created_at - interval '1 hour'"
                       f" WHERE user_id = '{account.get('/v1/auth/me').json()['id']}'")
    untold = keys.pop()
    keys.append(make())
    mail.wait_for(address, 13)
    assert not any(untold["key"]["id"] in told.get_payload() for told in mail.to(address))
    for told, made in zip(sorted(mail.to(address)[2:], key=lambda told: told["Message-ID"]), keys, strict=True):
        assert told["Subject"] == "A new API key"
        text = told.get_payload()
        assert made["key"]["id"] in text and "127.0.0.1" in text and address in text
        assert "evil" not in text and made["api_key"][4:12] not in text


# For the invited only

@pytest.fixture(scope="module")
def closed(installation, mail):
    """A daemon whose signup is closed, but which sends mail."""
    node = installation.daemon("closed-by-mail", **mail.settings(installation.directory, auth__signup="closed"))
    yield node
    assert node.stop() == 0, node.log_text()[-3000:]


def invite(closed, account, email, role="member"):
    answer = closed.api(account.token).post("/v1/org/invite", json={"email": email, "role": role})
    assert answer.status_code == 200, answer.text


def test_who_is_invited_signs_up_where_signup_is_closed(closed, account, mail, address):
    invite(closed, account, address, "admin")
    mail.wait_for(address)
    assert ask(closed, address).status_code == 200
    answer = verify(closed, mail.token(address, 2))
    me = closed.api(answer.json()["access_token"]).get("/v1/auth/me").json()
    assert (me["org_id"], me["role"], me["email_verified"]) == (account.me()["org_id"], "admin", True)
    rows = closed.psql_owner(
        "SELECT action, outcome, details::json ->> 'joined_as' FROM audit_events"
        f" WHERE org_id = '{me['org_id']}' AND actor_id = '{me['id']}' ORDER BY id LIMIT 1")
    assert rows == [("auth.verify_email", "success", "admin")]


def test_the_closed_answer_does_not_tell_who_is_invited(closed, account, mail, address):
    invited, uninvited, known = "in" + address, "out" + address, account.email
    invite(closed, account, invited)
    mail.wait_for(invited)
    answers = [ask(closed, email) for email in (invited, uninvited, known)]
    assert {answer.status_code for answer in answers} == {200}
    seen = [(answer.json() | {"email": ""}, {name.lower() for name in answer.headers}) for answer in answers]
    assert seen[0] == seen[1] == seen[2] and "invited" in answers[0].json()["message"]
    mail.wait_for(invited, 2)
    waiting = f"SELECT count(*) FROM outbox WHERE recipient IN ('{uninvited}', '{known}')"
    assert closed.psql_owner(waiting) == [(0,)] and not mail.to(uninvited) and not mail.to(known)
    rows = closed.psql_owner("SELECT outcome, details::json ->> 'reason' FROM audit_events"
                             " WHERE action = 'auth.signup' AND actor_type = 'anonymous' ORDER BY id DESC LIMIT 3")
    assert rows == [("denied", "not invited"), ("denied", "not invited"), ("success", None)]


def test_a_full_outbox_does_not_tell_either(closed, account, mail, address):
    invite(closed, account, address)
    mail.wait_for(address)
    closed.psql_owner("INSERT INTO outbox (id, recipient, sealed, kek_version, next_attempt_at, created_at)"
                      " SELECT gen_random_uuid(), 'nobody@example.org', decode(repeat('00', 61), 'hex'), 1,"
                      " now() + interval '1 hour', now() FROM generate_series(1, 10000)")
    try:
        assert [ask(closed, email).status_code for email in (address, "x" + address)] == [503, 503]
    finally:
        closed.psql_owner("DELETE FROM outbox WHERE recipient = 'nobody@example.org'")


@pytest.mark.parametrize("how", ["withdrawn", "of a time when signup was open"])
def test_a_code_without_an_invitation_is_dead_where_signup_is_closed(closed, mailing, account, mail, address, how):
    if how == "withdrawn":
        invite(closed, account, address)
        mail.wait_for(address)
        ask(closed, address)
        code = mail.token(address, 2)
        closed.psql_owner(f"DELETE FROM invitations WHERE email = '{address}'")
    else:
        ask(mailing, address)
        code = mail.token(address)
    answer = verify(closed, code)
    assert (answer.status_code, answer.json()["detail"]) == (400, DEAD)
    assert closed.psql_owner(f"SELECT count(*) FROM users WHERE email = '{address}'") == [(0,)]


def test_where_signup_is_not_by_mail_no_code_is_known(api):
    assert api.post("/v1/auth/verify-email", json={"token": "vfy_" + "A" * 43}).status_code == 400
