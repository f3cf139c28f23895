"""The token signing key is exchanged under running nodes, and no token is refused before its time."""

import base64
import json
import shutil
import signal
import subprocess
import threading

import pytest
import requests
from support import wait
from support.daemon import ROOT_FLAGS, Installation
from support.paths import CLAVIGERD

SETTLING = "5s"  # no node signs with a new key before; the command waits twice as long
SOON = 3  # the promise is one second; the rest is slack for a busy machine


@pytest.fixture
def own(own_cluster, tmp_path):
    installation = Installation(own_cluster, tmp_path)
    yield installation
    installation.close()


@pytest.fixture
def nodes(own):
    return [own.daemon(name, rotation__key_settling=SETTLING) for name in ("first", "second")]


class Rotation:
    """clavigerd rotate token-key as a process, which takes a quarter of an hour to end."""

    def __init__(self, installation, name="rotate"):
        self._token = installation.token
        config = installation.write_config(
            installation.directory / f"{name}.conf", rotation__key_settling=SETTLING)
        self.output = installation.directory / f"{name}.out"
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [str(CLAVIGERD), "rotate", "token-key", "--config", str(config), *ROOT_FLAGS], stdout=output,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=installation.environment())

    def said(self, text):
        assert self.process.poll() in (None, 0, -signal.SIGKILL), self.output.read_text()
        return text in self.output.read_text()

    def await_line(self, text, timeout=40):
        wait.until(lambda: self.said(text), f"{text!r} to be said", timeout)
        return self

    def kill9(self):
        self._token.kill(self.process)


@pytest.fixture
def rotate(own):
    begun = []

    def begin():
        begun.append(Rotation(own))
        return begun[-1]
    yield begin
    for rotation in begun:
        rotation.kill9()


def part(token, index):
    text = token.split(".")[index]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def kid(token):
    return part(token, 0)["kid"]


def published(node, path="/v1/.well-known/jwks.json"):
    return {key["kid"] for key in node.api().get(path).json()["keys"]}


def status(node, token):
    return node.api(token).get("/v1/auth/me").status_code


V1, V2 = "claviger-token-v1", "claviger-token-v2"


class Travellers:
    """Log in at one node and show the token at another at once, all the time."""

    def __init__(self, nodes, account):
        self.kids = []  # in the order of issue, by node
        self.faults = []
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._travel, args=(account, *pair))
                         for pair in (nodes, nodes[::-1])]
        for thread in self._threads:
            thread.start()

    def _travel(self, account, home, abroad):
        there = home.api()
        here = abroad.api()
        while not self._stopping.is_set():
            answer = there.post("/v1/auth/token", json={"email": account.email, "password": account.password})
            if answer.status_code != 200:
                self.faults.append(f"login: {answer.status_code} {answer.text}")
                continue
            token = answer.json()["access_token"]
            self.kids.append(kid(token))
            shown = here.get("/v1/auth/me", token=token)
            if shown.status_code != 200:
                self.faults.append(f"{kid(token)}: {shown.status_code} {shown.text}")

    def stop(self):
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=60)
            assert not thread.is_alive()
        assert not self.faults, self.faults[:5]


def test_no_token_is_refused_while_the_key_is_exchanged(nodes, own, rotate):
    account = nodes[0].api().signup()
    assert kid(account.token) == V1
    travellers = Travellers(nodes, account)
    rotation = rotate().await_line(f"{V2} is made")
    for node in nodes:
        wait.until(lambda: published(node) == {V1, V2}, "the new key to be published", SOON)
        assert status(node, account.token) == 200
    rotation.await_line(f"{V1} signs nothing any more")
    for node in nodes:
        assert published(node) == published(node, "/.well-known/jwks.json") == {V1, V2}
        assert status(node, account.token) == 200  # until it expires
        assert kid(node.api().post("/v1/auth/token", json={
            "email": account.email, "password": account.password}).json()["access_token"]) == V2
        assert node.api().get("/v1/auth/jwt-public-key").json()["kid"] == V2
    rotation.await_line("waiting 990 s")
    travellers.stop()
    assert {V1, V2} == set(travellers.kids)
    rotation.kill9()

    # Nodes that start now know the old key as well, and never sign with it.
    nodes[0].restart()
    assert status(nodes[0], account.token) == 200
    assert kid(account.login()) == V2
    acts = own.sql("SELECT action, details::json->>'key' FROM audit_events WHERE action LIKE 'token_key.%' ORDER BY id")
    assert acts == [("token_key.make", V2), ("token_key.withdraw", V1)]


def test_a_rotation_that_is_killed_goes_on_where_it_stood(nodes, own, rotate):
    account = nodes[0].api().signup()
    rotate().await_line("waiting 10 s").kill9()
    assert kid(account.login()) == V1  # nobody has known the new key for long enough
    rotation = rotate().await_line(f"{V2} is there already")
    assert not rotation.said("is made")
    rotation.await_line(f"{V1} signs nothing any more").kill9()
    rotation = rotate().await_line("waiting 990 s")
    assert not rotation.said("waiting 10 s") and published(nodes[0]) == {V1, V2}
    assert status(nodes[1], account.token) == 200


def test_nodes_exchange_the_key_by_themselves_if_the_rotation_never_goes_on(nodes, own, rotate):
    account = nodes[0].api().signup()
    rotate().await_line(f"{V2} is made").kill9()
    own.sql("DELETE FROM change_log")  # and nobody tells them
    for node in nodes:
        wait.until(lambda: kid(node.api().post("/v1/auth/token", json={
            "email": account.email, "password": account.password}).json()["access_token"]) == V2, f"a token of {V2}")
        assert status(node, account.token) == 200


def test_a_node_that_was_away_meanwhile_refuses_no_token(nodes, own, rotate):
    home, away = nodes
    account = home.api().signup()
    old_token = account.token
    assert status(away, old_token) == 200
    away.signal(signal.SIGSTOP)
    rotate().await_line(f"{V1} signs nothing any more")
    token = account.login()
    assert kid(token) == V2
    answers = []

    def show():
        for _ in range(50):
            try:
                answers.append(away.api(token).get("/v1/auth/me", raw=True, timeout=30).status_code)
            except requests.RequestException as error:
                answers.append(str(error))
    visitors = [threading.Thread(target=show) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    away.signal(signal.SIGCONT)
    for visitor in visitors:
        visitor.join(timeout=90)
    assert set(answers) <= {200, 503} and 200 in answers, answers
    wait.until(lambda: status(away, token) == 200, "the node to know the new key", SOON)
    assert status(away, old_token) == 200
    # Its own key was withdrawn while it slept.
    there = away.api().post("/v1/auth/token", json={"email": account.email, "password": account.password})
    assert there.status_code == 200 and kid(there.json()["access_token"]) == V2


def forged(token, **header):
    """The token with another header, its signature as it was."""
    text = json.dumps(part(token, 0) | header, separators=(",", ":"))
    return ".".join([base64.urlsafe_b64encode(text.encode()).decode().rstrip("="), *token.split(".")[1:]])


def test_a_forged_kid_is_refused_before_during_and_after(nodes, own, rotate):
    account = nodes[0].api().signup()

    def refused(token):
        for name in (V1, V2, "claviger-token-v3", "claviger-audit-v1", "claviger-token-v01", ""):
            if name != kid(token):
                assert status(nodes[0], forged(token, kid=name)) == 401, name
    refused(account.token)
    rotation = rotate().await_line(f"{V2} is made")
    wait.until(lambda: V2 in published(nodes[0]), "the new key", SOON)
    refused(account.token)
    rotation.await_line(f"{V1} signs nothing any more")
    refused(account.token)
    refused(account.login())


def test_the_token_of_a_key_that_a_restored_hsm_has_forgotten_is_refused_for_good(nodes, own, rotate):
    account = nodes[0].api().signup()
    backup = own.directory / "backup"
    shutil.copytree(own.directory / "tokens", backup)
    rotate().await_line(f"{V1} signs nothing any more").kill9()
    lost = account.login()
    assert kid(lost) == V2 and status(nodes[1], lost) == 200
    for node in nodes:
        assert node.stop() == 0
    shutil.rmtree(own.directory / "tokens")
    shutil.copytree(backup, own.directory / "tokens")
    for node in nodes:
        node.start()
        assert published(node) == {V1}
        assert status(node, lost) == 401
    # Another key of the same name does not revive it.
    rotate().await_line(f"{V1} signs nothing any more").kill9()
    assert kid(account.login()) == V2
    for node in nodes:
        assert status(node, lost) == 401


def test_two_operators_at_once_make_one_key(nodes, own, rotate):
    rotate().await_line(f"{V2} is made")
    other = Rotation(own, "other")
    try:
        other.await_line(f"{V2} is there already").await_line(f"{V1} signs nothing any more")
        assert published(nodes[0]) == {V1, V2}
    finally:
        other.kill9()


@pytest.mark.parametrize("missing, code", [("hsm.pin_file", 3), ("database.conninfo", 6)])
def test_what_is_missing_is_told_before_anything_is_done(own, missing, code):
    config = own.write_config(own.directory / "wrong.conf", **{missing.replace(".", "__"): "/nowhere"})
    result = subprocess.run([str(CLAVIGERD), "rotate", "token-key", "--config", str(config), *ROOT_FLAGS],
                            capture_output=True, text=True, timeout=60, env=own.environment())
    assert result.returncode == code and result.stderr.count("\n") == 1
    daemon = own.daemon()
    assert published(daemon) == {V1}


def test_a_rotation_of_nothing_or_of_something_else_is_not_understood(own):
    for words in (["rotate"], ["rotate", "tokens"], ["rotate", "token-key", "now"]):
        result = subprocess.run([str(CLAVIGERD), *words, "--config", "x"], capture_output=True, text=True, timeout=60)
        assert result.returncode == 2 and "unknown command" in result.stderr
