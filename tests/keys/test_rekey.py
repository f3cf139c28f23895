"""An installation moves to another token while people work, whatever happens to nodes and operators."""

import base64
import json
import shutil
import subprocess
import threading

import pytest
from support import next_token, wait
from support.customer_token import CustomerToken
from support.daemon import ROOT_FLAGS, Installation
from support.key_process import key_processes, mapped_files
from support.load import Load
from support.next_token import NextToken, Rekey
from support.paths import CLAVIGER, CLAVIGERD, SOFTHSM_MODULE
from support.sharing import open_share, share
from support.tls_key import TlsKey
from support.totp import Factor

SETTLING = "1s"  # the command waits twice as long
SECRETS = 20
CONFIG, HSM, INCOMPLETE, UNVERIFIED = 3, 4, 10, 11
KEYS = {"rotation__key_settling": SETTLING}


@pytest.fixture
def own(own_cluster, tmp_path):
    installation = Installation(own_cluster, tmp_path)
    yield installation
    installation.close()


@pytest.fixture
def token(own):
    return NextToken(own)


def run(own, token, *words, **options):
    return next_token.run(own, token, *words, **KEYS | options)


@pytest.fixture
def rekey(own, token):
    begun = []

    def begin(*words, name="rekey", **overrides):
        begun.append(Rekey(own, token, *words, name=name, **KEYS | overrides))
        return begun[-1]
    yield begin
    for each in begun:
        each.kill9()


def node(own, name="first", **overrides):
    return own.daemon(name, **KEYS | overrides)


def configure(own, daemon, **overrides):
    """The node gets another configuration, and restarts."""
    own.write_config(daemon.config_path, daemon.port, process__state_directory=daemon.state, **KEYS | overrides)
    daemon.restart()


def kill9(daemon, token):
    daemon.kill9()
    token.mend()


def fill(account, count=SECRETS):
    vault = account.create_vault()
    for number in range(count):
        assert vault.put(f"s/{number}", f"value-{number}").status_code == 201
    return vault


def opens(daemon, vault, count=SECRETS, every=1, token=None):
    api = daemon.api(token or vault.account.token)
    for number in range(0, count, every):
        response = api.get(vault.path(f"s/{number}"))
        assert response.status_code == 200 and response.json()["value"] == f"value-{number}", response.text


def under(own):
    """Under which roots the KEKs lie: of vaults, and of the installation."""
    return [{version for version, in own.sql(f"SELECT DISTINCT root_version FROM {table}")}
            for table in ("vault_keks", "system_keks")]


def complete(own, said, root=2):
    assert "complete: the token 'claviger-next' alone opens everything" in said and "verified" in said
    vaults, system = under(own)
    assert vaults <= {root} and system == {root}


def kid_of(token):
    head = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]


class Visitors:
    """People who log in here, with a second factor or without, and are known there; without a pause."""

    def __init__(self, account, factor, daemons):
        self.kids = set()
        self.count = 0
        self.faults = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(account, factor, daemons))
        self._thread.start()

    def _work(self, account, factor, daemons):
        while not self._stopping.is_set():
            home, abroad = (daemons[(self.count + n) % len(daemons)].api() for n in (0, 1))
            self.count += 1
            try:
                self._visit(account, factor, home, abroad)
            except Exception as fault:  # pylint: disable=broad-except
                self.faults.append(repr(fault))

    def _visit(self, account, factor, home, abroad):
        response = home.post("/v1/auth/token", json={"email": account.email, "password": account.password})
        assert response.status_code == 200, response.text
        token = response.json()["access_token"]
        self.kids.add(kid_of(token))
        for api in (abroad, home):
            assert api.get("/v1/auth/me", token=token).status_code == 200
            assert kid_of(token) in {key["kid"] for key in api.get("/.well-known/jwks.json").json()["keys"]}
        response = factor.verify(factor.code(), factor.challenge(api=home), api=abroad)
        assert response.status_code == 200, response.text

    def stop(self):
        self._stopping.set()
        self._thread.join(timeout=90)
        assert not self._thread.is_alive() and not self.faults, self.faults[:5]


class working:
    """Clients that write and read at this node, and are never refused."""

    def __init__(self, account, daemon):
        account.base_url = daemon.base_url
        self.account = account

    def __enter__(self):
        self.load = Load(self.account)
        return self.load

    def __exit__(self, *_):
        self.load.stop()
        assert self.load.acknowledged and not self.load.refused and not self.load.unanswered


class Person:
    """The command line of one person."""

    def __init__(self, daemon, directory):
        self.account = daemon.api().signup()
        self.directory = directory
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(directory), "CLAVIGER_URL": daemon.base_url,
                            "CLAVIGER_CA_FILE": str(daemon.ca)}
        self.ok("login", "--password", "--email", self.account.email, "--password-stdin", stdin=self.account.password)

    def ok(self, *words, stdin=""):
        result = subprocess.run([str(CLAVIGER), *words], input=stdin, capture_output=True, text=True, timeout=120,
                                env=self.environment, start_new_session=True)
        assert result.returncode == 0, result.stderr
        return result.stdout


def verify(own, code=0, **overrides):
    result = own.run("verify", *ROOT_FLAGS, timeout=120, **overrides)
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_everything_moves_while_people_work(own, token, rekey, tmp_path):
    nodes = [node(own, name) for name in ("first", "second")]
    account, visitor = nodes[0].api().signup(), nodes[0].api().signup()
    person = Person(nodes[0], tmp_path)
    pinned = tmp_path / "pinned.jwks"
    person.ok("audit", "key", "--file", str(pinned))
    factor = Factor(nodes[0].api().signup(), nodes[0])
    vaults = [fill(account) for _ in range(3)]
    key = account.post("/v1/auth/api-keys", json={"name": "key"}).json()["api_key"]
    shared = account.get(vaults[0].path("s/1")).json()["id"]
    link = share(account, shared)["id"]

    said = run(own, token, code=INCOMPLETE)
    assert "claviger-root-v2 and its other keys are made" in said and "--nodes-ready" in said
    assert "the keys on the token 'claviger-next' are made" in run(own, token, "status")
    assert under(own) == [{1}, {1}]
    for daemon, other in (nodes, reversed(nodes)):
        with working(account, other):
            configure(own, daemon, **token.beside)
    visitors = Visitors(visitor, factor, nodes)
    made = []
    try:
        with working(account, nodes[0]) as load:
            moving = rekey("--nodes-ready").await_line("the nodes begin to use both tokens")
            while moving.process.poll() is None:
                for daemon in nodes:
                    response = daemon.api(account.token).post("/v1/vaults", json={"name": f"new-{len(made)}"})
                    assert response.status_code == 201, response.text
                    made.append(response.json()["id"])
                    assert daemon.api(key).get("/v1/vaults").status_code == 200
                    opens(daemon, vaults[len(made) % 3], every=4)
                    assert open_share(daemon.api(), link).status_code == 200
            said = moving.await_end(code=INCOMPLETE)
    finally:
        visitors.stop()
    # What moves when it is used has moved; the rest is named.
    assert "1 share links" in said and "recovery codes" in said and "API keys" not in said
    complete(own, run(own, token, "--drop-unused"))
    assert visitors.kids == {"claviger-token-v1", "claviger-token-v2"} and visitors.count > 3
    sealers = [kid for kid, in own.sql("SELECT DISTINCT kid FROM audit_checkpoints ORDER BY 1")]
    assert sealers == ["claviger-audit-v1", "claviger-audit-v2"]
    assert own.sql("SELECT DISTINCT lookup_version FROM api_keys") == [(2,)]
    old_login = account.token

    for daemon, other in (nodes, reversed(nodes)):
        with working(account, other):
            configure(own, daemon, **token.alone)
    shutil.rmtree(token.before)
    for daemon in nodes:
        daemon.restart()
    for daemon in nodes:
        assert daemon.api().get("/v1/health/hsm").json()["status"] == "ok"
        for vault in vaults:
            opens(daemon, vault, token=old_login)
        assert daemon.api(key).get("/v1/vaults").status_code == 200
    account.base_url = nodes[1].base_url
    account.token = account.login()
    load.acknowledged_writes_are_readable(account)
    assert factor.verify(factor.code(), api=nodes[1].api()).status_code == 200
    person.ok("vault", "create", "afterwards")
    wait.until(lambda: own.sql("SELECT count(*) FROM audit_pending") == [(0,)], "the log to be sealed")
    person.ok("audit", "export", "--file", str(tmp_path / "export"))
    verdict = person.ok("audit", "verify", str(tmp_path / "export"), "--public-key", str(pinned))
    assert "verified" in verdict and "claviger-audit-v2" in verdict
    assert verify(own, **token.alone).splitlines()[-1] == "verified"
    actions = [action for action, in own.sql("SELECT DISTINCT action FROM audit_events WHERE action LIKE 'rekey.%' ORDER BY 1")]
    assert actions == ["rekey.begin", "rekey.complete", "rekey.make"]


def test_the_next_token_may_be_behind_another_module(own, tmp_path):
    token = NextToken(own, module=shutil.copy(SOFTHSM_MODULE, tmp_path / "another-module.so"))
    daemon = node(own)
    vault = fill(daemon.api().signup(), 3)
    run(own, token, code=INCOMPLETE)
    configure(own, daemon, **token.beside)
    complete(own, run(own, token, "--nodes-ready"))
    configure(own, daemon, **token.alone)
    shutil.rmtree(token.before)
    daemon.restart()
    opens(daemon, vault, 3)
    assert str(token.module) in mapped_files(key_processes(daemon)[0])


def test_an_operator_and_a_node_that_are_killed_at_any_step_go_on(own, token, rekey):
    nodes = [node(own, name, rotation__secrets_per_second=20) for name in ("first", "second")]
    account = nodes[0].api().signup()
    vaults = [fill(account) for _ in range(4)]
    run(own, token, code=INCOMPLETE)
    for daemon in nodes:
        configure(own, daemon, rotation__secrets_per_second=20, **token.beside)
    for number, line in enumerate(("the nodes begin", "every node knows the keys", "has begun")):
        rekey("--nodes-ready", name=f"killed-{number}").await_line(line).kill9()
    kill9(nodes[0], token)
    wait.until(lambda: 2 in under(own)[0], "the other node to go on", 120)
    nodes[0].start()
    rekey(name="seal").await_line("has sealed the log", timeout=180).kill9()
    said = rekey(name="last").await_end()
    complete(own, said)
    assert "is made" not in said and "has begun" not in said
    complete(own, run(own, token))  # and again
    for daemon in nodes:
        configure(own, daemon, **token.alone)
        for vault in vaults:
            opens(daemon, vault, every=3)


def test_what_cannot_be_moved_to_is_refused(own, token):
    in_use = f"{token.name.rpartition('/')[0]}/{own.token.label}"
    assert "--to names the token that is in use" in run(own, token, code=CONFIG, to=in_use)
    assert "--to is MODULE/TOKEN" in run(own, token, code=CONFIG, to="claviger-next")
    assert "hsm.key_processes must not be 0" in run(own, token, code=CONFIG, hsm__key_processes=0)

    stranger = own.run("init", config=own.write_config(own.directory / "stranger.conf", **token.alone))
    assert stranger.returncode == 0, stranger.stderr
    said = run(own, token, code=HSM)
    assert "holds keys of another installation" in said or "holds a key of another installation" in said
    assert own.sql("SELECT count(*) FROM root_rotations") == [(0,)]


def test_nodes_that_nobody_calls_ready_are_not_used(own, token):
    daemon = node(own)
    vault = fill(daemon.api().signup(), 3)
    assert "restart one after another" in run(own, token, code=INCOMPLETE)
    assert "nobody has said so" in run(own, token, code=INCOMPLETE)
    assert under(own) == [{1}, {1}]
    opens(daemon, vault, 3)


def test_a_node_that_lacks_the_next_token_is_not_ready_once_it_is_in_use(own, token, rekey):
    both, lacking = node(own, "both"), node(own, "lacking")
    run(own, token, code=INCOMPLETE)
    configure(own, both, **token.beside)
    vault = fill(both.api().signup(), 3)
    rekey("--nodes-ready").await_end()
    response = lacking.api().get("/v1/health/ready", raw=True)
    assert response.status_code == 503 and "the token lacks the newest root key" in response.text
    # Yet what the others sign it can verify.
    assert lacking.api(vault.account.login()).get("/v1/auth/me").status_code == 200
    assert both.api().get("/v1/health/ready").status_code == 200


def test_a_move_needs_key_processes_and_a_whole_configuration(own, token):
    for overrides, why in ((token.beside | {"hsm__key_processes": 0}, "need key processes"),
                           ({"hsm__next_token_label": token.label}, "hsm.next_pin_file is missing"),
                           ({"hsm__next_pin_file": token.pin_file}, "hsm.next_token_label is missing"),
                           (token.beside | {"hsm__next_token_label": own.token.label}, "names the token that")):
        result = own.run("check-config", config=own.write_config(own.directory / "check.conf", **overrides))
        assert result.returncode == CONFIG and why in result.stderr
    config = own.write_config(own.directory / "check.conf", **token.beside)
    for what in ("token-key", "audit-key", "root-key"):
        result = subprocess.run([str(CLAVIGERD), "rotate", what, "--config", str(config), *ROOT_FLAGS], text=True,
                                capture_output=True, timeout=60, env=own.environment())
        assert result.returncode == CONFIG and "moves to another token" in result.stderr
    assert "moves to another token" in verify(own, code=CONFIG, **token.beside)


def test_a_vault_whose_customers_token_is_away_waits_and_is_named(own, token, rekey):
    daemon = node(own, "before")
    account = daemon.api().signup()
    customer = CustomerToken(own)
    customer.make("key")
    setting = customer.setting(account.me()["org_id"])
    configure(own, daemon, hsm__customer_token=setting)
    bound, other = fill(account, 5), fill(account, 5)
    response = account.put(bound.path() + "/customer-key", json={"token": "acme", "key": "key"})
    assert response.status_code == 202
    wait.until(lambda: account.get(f"/v1/rotations/{response.json()['id']}").json()["state"] == "done", "it to be bound", 60)
    run(own, token, code=INCOMPLETE)
    configure(own, daemon, **token.beside)  # the customer's token is not among those it reaches
    moving = rekey("--nodes-ready").await_line(f"vault {bound.id}", timeout=180)
    assert moving.said("bound to the token 'acme'") and moving.said("waits for a node that reaches its token")
    assert own.sql(f"SELECT DISTINCT root_version FROM vault_keks WHERE vault_id = '{other.id}'") == [(2,)]
    configure(own, daemon, hsm__customer_token=setting, **token.beside)
    # The proof needs that token as well.
    assert moving.process.wait(timeout=300) == UNVERIFIED
    complete(own, run(own, token, hsm__customer_token=setting))
    configure(own, daemon, hsm__customer_token=setting, **token.alone)
    opens(daemon, bound, 5)
    opens(daemon, other, 5)


def test_a_certificate_of_the_old_tokens_key_holds_it_up(own, token):
    tls = TlsKey(own).certify()
    daemon = node(own, **tls.settings("pkcs11:object=claviger-tls-v1"))
    run(own, token, code=INCOMPLETE)
    configure(own, daemon, **tls.settings("pkcs11:object=claviger-tls-v1"), **token.beside)
    said = run(own, token, "--nodes-ready", code=INCOMPLETE, **tls.settings())
    assert "http.certificate is for a key that the token" in said and "claviger-tls-v2" in said
    newer = TlsKey(own, "next-tls").certify("--of-next-token", f"--hsm.next_token_label={token.label}",
                                             f"--hsm.next_pin_file={token.pin_file}")
    settings = newer.settings("pkcs11:object=claviger-tls-v2")
    configure(own, daemon, **settings, **token.beside)
    complete(own, run(own, token, **settings))
    configure(own, daemon, **settings, **token.alone)
