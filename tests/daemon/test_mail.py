"""The outbox and its mail server: no mail is lost, none comes from two nodes, none goes in clear."""

import re
import secrets

import pytest
from support import wait
from support.mail import PASSWORD as MAIL_PASSWORD
from support.mail import MailServer
from support.ports import free_port

PASSWORD = "Gr0und-Water-Runs-Deep!"
WAITS = "mail cannot be delivered; it waits"
AGAIN = "mail is delivered again"
GIVEN_UP = "a mail is given up"


@pytest.fixture
def mail(own_installation):
    server = MailServer(own_installation)
    yield server
    server.stop()


@pytest.fixture
def node(own_installation, mail):
    daemon = own_installation.daemon("mailing", **mail.settings(own_installation.directory))
    daemon.log_path.write_text("")
    yield daemon
    daemon.kill9()
    own_installation.sql("TRUNCATE outbox")


def ask(node, email=None):
    """Asks for an account; returns the address."""
    email = email or f"{secrets.token_hex(8)}@example.org"
    answer = node.api().post("/v1/auth/signup", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return email


def logged(node, message):
    return [line for line in node.logs if line.get("message") == message or line.get("msg") == message]


def wait_logged(node, message):
    return wait.until(lambda: logged(node, message), f"the log to say {message!r}")


def outbox(node, what="count(*)"):
    return node.psql_owner(f"SELECT {what} FROM outbox")


def test_mail_waits_for_a_server_that_is_down(node, mail):
    mail.stop()
    addresses = [ask(node) for _ in range(3)]
    wait_logged(node, WAITS)
    assert node.api().get("/v1/health/ready").status_code == 200
    mail.start()
    for address in addresses:
        mail.token(address)
    wait_logged(node, AGAIN)
    assert len(logged(node, WAITS)) == 1
    wait.until(lambda: outbox(node) == [(0,)], "the outbox to be empty")


def test_no_mail_is_lost_when_the_daemon_dies_between_commit_and_delivery(node, mail):
    mail.stop()
    addresses = [ask(node) for _ in range(5)]
    node.kill9()
    mail.start()
    node.start()
    tokens = [mail.token(address) for address in addresses]
    wait.until(lambda: outbox(node) == [(0,)], "the outbox to be empty")
    assert all(len(mail.to(address)) == 1 for address in addresses)
    assert node.api().post("/v1/auth/verify-email", json={"token": tokens[0]}).status_code == 200


def test_a_daemon_that_dies_while_it_sends_sends_the_same_mail_again(node, mail):
    mail.hold()
    address = ask(node)
    mail.wait_for(address)  # taken, but not yet acknowledged
    node.kill9()
    mail.release()
    node.start()
    mail.wait_for(address, 2, timeout=60)
    wait.until(lambda: outbox(node) == [(0,)], "the outbox to be empty")
    first, second = mail.to(address)
    assert first["Message-ID"] == second["Message-ID"] and first.get_payload() == second.get_payload()


@pytest.mark.parametrize("answer", ["451 try later", "421 closing", "452 full"])
def test_what_fails_for_now_is_sent_later(node, mail, answer):
    mail.answers = [answer, answer]
    address = ask(node)
    mail.token(address)
    assert mail.attempts == 3
    assert len(mail.to(address)) == 1


def test_a_recipient_who_is_refused_for_now_is_tried_later(node, mail):
    mail.rcpt_answers = ["450 greylisted"]
    address = ask(node)
    mail.token(address)


@pytest.mark.parametrize("where", ["answers", "rcpt_answers"])
def test_what_is_refused_for_good_is_told_once_and_not_tried_again(node, mail, where):
    setattr(mail, where, ["550 no such user here"])
    address = ask(node)
    told = wait_logged(node, GIVEN_UP)
    assert len(told) == 1 and "550" in str(told) and address not in str(told) and "no such user" not in str(told)
    assert outbox(node, "recipient, sealed IS NULL, attempts, refusal LIKE '%550%'") == [(address, True, 1, True)]
    other = ask(node)
    mail.token(other)
    assert not mail.to(address)
    assert not logged(node, WAITS)


def test_a_wrong_password_at_the_mail_server_loses_no_mail(own_installation, mail):
    settings = mail.settings(own_installation.directory)
    settings["mail__password_file"].write_text("wrong")
    node = own_installation.daemon("wrong-login", **settings)
    try:
        address = ask(node)
        told = wait_logged(node, WAITS)
        assert "535" in str(told) and MAIL_PASSWORD not in node.log_text()
        mail.settings(own_installation.directory)  # the right one again
        node.restart()
        mail.token(address)
    finally:
        node.kill9()


@pytest.mark.parametrize("overrides", [{"mail__ca_file": None}, {"mail__server": "127.0.0.2"}],
                         ids=["unknown authority", "another name"])
def test_a_certificate_that_is_not_trusted_gets_no_mail(own_installation, mail, overrides):
    if "mail__server" in overrides:
        mail.stop()
        mail.hostname = "127.0.0.2"
        mail.start()
    node = own_installation.daemon("suspicious", **mail.settings(own_installation.directory, **overrides))
    try:
        ask(node)
        wait_logged(node, WAITS)
        assert mail.attempts == 0 and mail.logins == 0
    finally:
        node.kill9()
        own_installation.sql("TRUNCATE outbox")


def test_a_server_without_tls_gets_neither_mail_nor_password(own_installation):
    plain = MailServer(own_installation, starttls=False, login=False)
    with_login = MailServer(own_installation)
    node = own_installation.daemon("strict", **with_login.settings(own_installation.directory, mail__port=plain.port))
    try:
        ask(node)
        wait_logged(node, WAITS)
        assert plain.attempts == 0
    finally:
        node.kill9()
        plain.stop()
        with_login.stop()
        own_installation.sql("TRUNCATE outbox")


@pytest.mark.parametrize("kind", ["tls", "none"])
def test_other_ways_to_the_server(own_installation, kind):
    server = MailServer(own_installation, starttls=False, tls=kind == "tls", login=kind == "tls")
    node = own_installation.daemon(f"by-{kind}", **server.settings(own_installation.directory, mail__security=kind))
    try:
        server.token(ask(node))
    finally:
        node.kill9()
        server.stop()


def test_a_hanging_server_holds_up_nothing_but_its_mail(own_installation, mail):
    mail.hold()
    node = own_installation.daemon("patient", **mail.settings(own_installation.directory, mail__timeout="60s"))
    try:
        address = ask(node)
        mail.wait_for(address)
        assert node.api().get("/v1/health/ready").status_code == 200
        # Stopping breaks the delivery off rather than wait out its minute.
        assert node.stop(timeout=30) == 0
    finally:
        mail.release()
        node.kill9()
        own_installation.sql("TRUNCATE outbox")


def test_two_nodes_send_each_mail_once(own_installation, mail):
    nodes = [own_installation.daemon(name, **mail.settings(own_installation.directory)) for name in ("one", "two")]
    try:
        mail.stop()
        addresses = [ask(nodes[i % 2]) for i in range(12)]
        mail.start()
        for address in addresses:
            mail.token(address)
        wait.until(lambda: outbox(nodes[0]) == [(0,)], "the outbox to be empty")
        assert [len(mail.to(address)) for address in addresses] == [1] * 12
        token = mail.token(addresses[0])
        answers = [node.api().post("/v1/auth/verify-email", json={"token": token}).status_code for node in nodes]
        assert answers == [200, 400]
    finally:
        for node in nodes:
            node.kill9()


def test_two_nodes_make_each_agent_that_was_asked_for_once_and_none_is_lost_when_they_die(own_installation, mail):
    settings = mail.settings(own_installation.directory, auth__signup="direct", limits__enroll_window="1ms")
    nodes = [own_installation.daemon(name, **settings) for name in ("five", "six")]
    people = [nodes[0].api().signup() for _ in range(6)]
    try:
        for number, person in enumerate(people):
            asked = nodes[number % 2].api().post("/v1/agents/enroll", json={"human_email": person.email, "name": "a"})
            assert asked.status_code == 201
        for node in nodes:
            node.kill9()
        own_installation.sql("UPDATE enrollments SET next_attempt_at = now()")  # or what was claimed waits half a minute
        for node in nodes:
            node.start()
        for person in people:
            text = mail.wait_for(person.email).get_payload()
            [agent] = person.get("/v1/agents").json()["agents"]
            assert agent["id"] in text and len(mail.to(person.email)) == 1
    finally:
        for node in nodes:
            node.kill9()


def test_a_mail_that_one_node_is_sending_is_not_taken_by_the_other(own_installation, mail):
    settings = mail.settings(own_installation.directory, mail__timeout="60s")
    nodes = [own_installation.daemon(name, **settings) for name in ("three", "four")]
    try:
        mail.hold()
        first = ask(nodes[0])
        mail.wait_for(first)
        # The free node looks for mail, and finds only this one.
        second = ask(nodes[0])
        mail.wait_for(second)
        mail.release()
        wait.until(lambda: outbox(nodes[0]) == [(0,)], "the outbox to be empty")
        assert [len(mail.to(address)) for address in (first, second)] == [1, 1]
    finally:
        mail.release()
        for node in nodes:
            node.kill9()


def test_nothing_secret_is_in_log_or_database(node, mail):
    person = ask(node)
    token = mail.token(person)
    assert node.api().post("/v1/auth/verify-email", json={"token": token}).status_code == 200
    mail.wait_for(person, 2)
    assert node.api().post("/v1/agents/enroll", json={"human_email": person, "name": "a"}).status_code == 201
    key = re.search(r"ocv_[\w-]{43}", mail.wait_for(person, 3).get_payload()).group()
    mail.stop()
    waiting = ask(node)
    wait_logged(node, WAITS)
    dump = node.installation.cluster.dump(node.installation.database)
    assert waiting.encode() in dump
    for secret in (token, token[4:], key[4:], MAIL_PASSWORD, PASSWORD):
        assert secret.encode() not in dump and secret not in node.log_text()


@pytest.mark.parametrize(("overrides", "word"), [
    ({"mail__server": None}, "mail.server"),
    ({"mail__from": "Vault <vault@example.org>"}, "mail.from"),
    ({"mail__from": None}, "mail.from"),
    ({"http__public_url": None}, "http.public_url"),
    ({"mail__user": None}, "mail.user"),
    ({"mail__server": "host/path"}, "mail.server"),
    ({"mail__server": "mail.example.org", "mail__security": "none"}, "mail.security"),
    ({"mail__security": "maybe"}, "mail.security"),
    ({"mail__password_file": "/nonexistent"}, "password file"),
], ids=str)
def test_what_a_daemon_does_not_start_with(own_installation, mail, overrides, word):
    result = own_installation.run("run", **mail.settings(own_installation.directory, **overrides))
    assert result.returncode == 3 and word in result.stderr


def test_an_open_password_file_is_refused(own_installation, mail):
    settings = mail.settings(own_installation.directory)
    settings["mail__password_file"].chmod(0o640)
    result = own_installation.run("run", **settings)
    assert result.returncode == 3 and "chmod 600" in result.stderr
