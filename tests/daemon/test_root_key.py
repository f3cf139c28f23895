"""Everything gets new keys under a new root key, whatever happens to nodes and operators, and nobody notices."""

import shutil
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import cmek, wait
from support.customer_token import CustomerToken
from support.daemon import ROOT_FLAGS, Installation
from support.load import Load
from support.mail import MailServer
from support.paths import CLAVIGERD
from support.totp import Factor

SETTLING = "1s"  # the command waits twice as long
SLOWLY = 60  # data keys and records per second
SECRETS = 40  # of each vault
V1, V2, V3 = (f"claviger-root-v{version}" for version in (1, 2, 3))
INCOMPLETE = 10


@pytest.fixture
def own(own_cluster, tmp_path):
    installation = Installation(own_cluster, tmp_path)
    yield installation
    installation.close()


def node(installation, name="first", **overrides):
    overrides = {"rotation__key_settling": SETTLING, "rotation__secrets_per_second": SLOWLY} | overrides
    return installation.daemon(name, **overrides)


@pytest.fixture
def nodes(own):
    return [node(own, name) for name in ("first", "second")]


def command(installation, *words, name="operator", **overrides):
    config = installation.write_config(installation.directory / f"{name}.conf", rotation__key_settling=SETTLING, **overrides)
    return [str(CLAVIGERD), "rotate", "root-key", *words, "--config", str(config), *ROOT_FLAGS]


def run(installation, *words, code=0, timeout=240, **overrides):
    """Runs it to its end; what it said, on either channel."""
    result = subprocess.run(command(installation, *words, **overrides), capture_output=True, text=True, timeout=timeout,
                            env=installation.environment())
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout + result.stderr


class Rotation:
    """clavigerd rotate root-key as a process."""

    def __init__(self, installation, name="rotate"):
        self._token = installation.token
        self.output = installation.directory / f"{name}.out"
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(command(installation, name=name), stdout=output, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL, env=installation.environment())

    def said(self, text):
        assert self.process.poll() in (None, 0, -signal.SIGKILL), self.output.read_text()
        return text in self.output.read_text()

    def await_line(self, text, timeout=60):
        wait.until(lambda: self.said(text), f"{text!r} to be said; it said:\n{self.output.read_text()}", timeout)
        return self

    def await_end(self, timeout=180):
        assert self.process.wait(timeout=timeout) == 0, self.output.read_text()
        return self.output.read_text()

    def kill9(self):
        self._token.kill(self.process)


@pytest.fixture
def rotate(own):
    begun = []

    def begin(name="rotate"):
        begun.append(Rotation(own, name))
        return begun[-1]
    yield begin
    for rotation in begun:
        rotation.kill9()


def fill(account, count=SECRETS):
    vault = account.create_vault()

    def write(number):
        response = account.with_token(account.token).put(vault.path(f"s/{number}"), json={"value": f"value-{number}"})
        assert response.status_code == 201, response.text
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(count)))
    return vault


def opens(daemon, vault, count=SECRETS, every=5):
    api = daemon.api(vault.account.token)
    for number in range(0, count, every):
        response = api.get(vault.path(f"s/{number}"))
        assert response.status_code == 200 and response.json()["value"] == f"value-{number}", response.text


def state(installation):
    rows = installation.sql("SELECT state FROM root_rotations ORDER BY root_version DESC LIMIT 1")
    return rows[0][0] if rows else None


def under(installation):
    """Under which roots the KEKs lie: of vaults, and of the installation."""
    return [{version for version, in installation.sql(f"SELECT DISTINCT root_version FROM {table}")}
            for table in ("vault_keks", "system_keks")]


def complete(installation, root=2):
    assert state(installation) == "done"
    vaults, system = under(installation)
    assert vaults <= {root} and system == {root}
    assert installation.sql("SELECT count(*) FROM system_keks") == [(1,)]
    assert installation.sql("SELECT count(*) FROM totp_factors WHERE kek_version <> (SELECT max(version) FROM system_keks)"
                            ) == [(0,)]


def lease_ends(installation):
    """As if the time had passed."""
    for table in ("root_rotations", "rotations"):
        installation.sql(f"UPDATE {table} SET lease_until = now() WHERE state = 'running'")


class Logins:
    """Somebody with a second factor logs in here and there, all the time."""

    def __init__(self, account, factor, daemons):
        self.count = 0
        self.faults = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(factor, daemons))
        self._thread.start()

    def _work(self, factor, daemons):
        while not self._stopping.is_set():
            home, abroad = (daemons[(self.count + n) % len(daemons)].api() for n in (0, 1))
            response = factor.verify(factor.code(), factor.challenge(api=home), api=abroad)
            if response.status_code == 200:
                self.count += 1
            else:
                self.faults.append(response.text)

    def stop(self):
        self._stopping.set()
        self._thread.join(timeout=60)
        assert not self._thread.is_alive() and not self.faults, self.faults[:5]


def test_everything_comes_under_the_new_root_while_people_work(own, nodes, rotate):
    account = nodes[0].api().signup()
    factor = Factor(account, nodes[0])
    vaults = [fill(account) for _ in range(3)]
    sealed = account.create_vault()  # whose values clients seal
    key = cmek.Key()
    cmek.enable(sealed, key)
    blob = key.seal("mine")
    assert sealed.put("s", blob).status_code == 201
    load = Load(account)
    logins = Logins(account, factor, nodes)
    made = []
    try:
        rotation = rotate().await_line(f"{V2} is made").await_line("has begun")
        while rotation.process.poll() is None:
            # A vault of each node, which must not come under the old root.
            for daemon in nodes:
                response = daemon.api(account.token).post("/v1/vaults", json={"name": f"new-{len(made)}"})
                assert response.status_code == 201, response.text
                made.append(response.json()["id"])
            for vault in vaults:
                opens(nodes[len(made) % 2], vault)
        said = rotation.await_end()
    finally:
        logins.stop()
        load.stop()
    assert f"everything lies under {V2}" in said and f"{V1}" not in said.split("has begun")[1]
    assert not load.unanswered and not load.refused and logins.count > 3 and made
    complete(own)
    ids = ", ".join(f"'{each}'" for each in made)
    assert own.sql(f"SELECT DISTINCT root_version FROM vault_keks WHERE vault_id IN ({ids})") == [(2,)]
    assert own.sql(f"SELECT count(*) FROM rotations WHERE vault_id IN ({ids})") == [(0,)]

    # Nothing needs the old one any more: neither nodes that run nor such that start.
    said = run(own, "destroy-old")
    assert f"{V1} is destroyed" in said
    for daemon in nodes:
        assert daemon.api().get("/v1/health/hsm").json()["status"] == "ok"
    nodes[1].restart()
    load.acknowledged_writes_are_readable(account)
    for daemon in nodes:
        for vault in vaults:
            opens(daemon, vault, every=1)
        response = daemon.api(account.token).get(sealed.path("s"))
        assert key.open(response.json()["value"]) == "mine"
        assert factor.verify(factor.code(), api=daemon.api()).status_code == 200
    assert "hsm_unavailable" not in nodes[0].log_text() + nodes[1].log_text()
    assert "there is no root key older" in run(own, "destroy-old")
    actions = [action for action, in own.sql(
        "SELECT DISTINCT action FROM audit_events WHERE action LIKE 'root_key.%' ORDER BY 1")]
    assert actions == ["root_key.begin", "root_key.destroy", "root_key.finish", "root_key.make", "root_key.reseal",
                       "root_key.system_kek"]


def test_mails_that_wait_come_all_the_same(own):
    mail = MailServer(own)
    try:
        daemon = node(own, **mail.settings(own.directory, auth__signup="direct"))
        account = daemon.api().signup()
        mail.stop()
        for number in range(3):  # each is told of by mail
            assert account.post("/v1/auth/api-keys", json={"name": f"key-{number}"}).status_code == 201
        run(own)
        complete(own)
        assert own.sql("SELECT count(*) FROM outbox WHERE kek_version = 2") == [(3,)]
        run(own, "destroy-old")
        mail.start()
        own.sql("UPDATE outbox SET next_attempt_at = now()")
        mail.wait_for(account.email, count=3, timeout=60)
    finally:
        mail.stop()


def test_it_survives_kill9_of_all_nodes_at_every_step(own, rotate):
    daemon = node(own, rotation__secrets_per_second=20)
    account = daemon.api().signup()
    people = [daemon.api().signup() for _ in range(15)]
    factors = [Factor(person, daemon) for person in people]
    vaults = [fill(account, 20) for _ in range(7)]  # a second each: some are left at the last death
    rotation = rotate().await_line(f"{V2} is made")
    daemon.kill9()
    rotation.await_line("has begun")

    def resealed():
        return own.sql("SELECT count(*) FROM totp_factors WHERE kek_version = 2")[0][0]

    def done():
        return own.sql("SELECT count(DISTINCT vault_id) FROM vault_keks WHERE root_version = 2")[0][0]
    deaths = 1
    for reached in (lambda: state(own) == "running", lambda: under(own)[1] == {1, 2}, lambda: resealed() > 0,
                    lambda: resealed() == len(factors), lambda: done() > 0, lambda: done() > 2):
        lease_ends(own)
        daemon.start()
        wait.until(reached, "the next step", timeout=60)
        daemon.kill9()
        deaths += 1
        assert state(own) == "running"
    lease_ends(own)
    daemon.start()
    rotation.await_end()
    complete(own)
    run(own, "destroy-old")
    for vault in vaults:
        opens(daemon, vault, 20, 1)
    for person, factor in zip(people[:4], factors):
        person.base_url = daemon.base_url
        assert factor.verify(factor.code()).status_code == 200
    assert own.sql("SELECT records_resealed FROM root_rotations") == [(len(factors),)]


def test_the_other_node_goes_on_by_itself_when_one_dies(own, rotate):
    first = node(own, "first", rotation__secrets_per_second=5)
    account = first.api().signup()
    factors = [Factor(first.api().signup(), first) for _ in range(12)]
    vault = fill(account, 10)
    rotation = rotate().await_line("has begun")
    wait.until(lambda: own.sql("SELECT count(*) FROM totp_factors WHERE kek_version = 2")[0][0] > 0, "it to be under way", 60)
    second = node(own, "second")
    first.kill9()
    assert own.sql("SELECT count(*) FROM totp_factors WHERE kek_version = 1")[0][0] > 0
    rotation.await_end()  # after the lease of 30 seconds
    complete(own)
    opens(second, vault, 10, 1)
    assert len(factors) == own.sql("SELECT records_resealed FROM root_rotations")[0][0]


def test_an_operator_that_is_killed_goes_on_where_it_stood(own, nodes, rotate):
    vault = fill(nodes[0].api().signup())
    rotate().await_line(f"{V2} is made").kill9()
    assert state(own) is None and under(own)[0] == {1}
    rotation = rotate().await_line(f"{V2} is there already").await_line("has begun")
    assert not rotation.said("is made")
    rotation.kill9()
    # The nodes need nobody for it.
    wait.until(lambda: state(own) == "done", "the rotation", 90)
    rotation = rotate("third")
    assert f"{V3} is made" in rotation.await_end()
    complete(own, 3)
    opens(nodes[1], vault)


def test_two_operators_at_once_make_one_root(own, nodes, rotate):
    vault = fill(nodes[0].api().signup())
    first = rotate().await_line(f"{V2} is made")
    second = rotate("other").await_line(f"{V2} is there already")
    for rotation in (first, second):
        assert f"everything lies under {V2}" in rotation.await_end()
    complete(own)
    opens(nodes[0], vault)


def test_it_is_paused_and_goes_on_and_says_how_far_it_is(own, rotate):
    daemon = node(own, rotation__secrets_per_second=5)
    assert "never rotated" in run(own, "status")
    assert "no rotation of the root key to pause" in run(own, "pause")
    account = daemon.api().signup()
    for _ in range(10):
        Factor(daemon.api().signup(), daemon)
    vault = fill(account, 10)
    rotation = rotate().await_line("has begun")
    assert "1 of 1 vaults" in run(own, "status")
    assert "paused until" in run(own, "pause")
    assert rotation.process.wait(timeout=60) == INCOMPLETE
    assert "is not complete: paused" in rotation.output.read_text()
    left = own.sql("SELECT count(*) FROM totp_factors WHERE kek_version = 1")
    assert "paused" in run(own, "status") and state(own) == "paused"
    assert own.sql("SELECT count(*) FROM totp_factors WHERE kek_version = 1") == left
    run(own)
    complete(own)
    assert f"{V2}: done" in run(own, "status")
    opens(daemon, vault, 10)


def test_a_vault_that_is_held_up_is_named_and_all_others_are_done(own, nodes):
    account = nodes[0].api().signup()
    paused, broken, fine = (fill(account, 5) for _ in range(3))
    # As if somebody had paused it before a node took it.
    own.sql("INSERT INTO rotations (org_id, id, kind, vault_id, state, requested_by, created_at, updated_at) SELECT org_id,"
            f" gen_random_uuid(), 'vault', id, 'paused', 'user:x', now(), now() FROM vaults WHERE id = '{paused.id}'")
    rotation = own.sql(f"SELECT id FROM rotations WHERE vault_id = '{paused.id}'")[0][0]
    edit = ("UPDATE secret_versions SET sealed_dek = set_byte(sealed_dek, 40, get_byte(sealed_dek, 40) # 1) "
            f"WHERE vault_id = '{broken.id}'")
    own.sql(edit)
    said = run(own, code=INCOMPLETE)
    assert f"vault {broken.id}" in said and "does not open: somebody changed its row" in said
    assert fine.id not in said
    assert own.sql(f"SELECT DISTINCT root_version FROM vault_keks WHERE vault_id = '{fine.id}'") == [(2,)]
    assert "not everything lies under" in run(own, "destroy-old", code=INCOMPLETE)
    assert f"vault {broken.id}" in run(own, "status")
    own.sql(edit)
    assert f"vault {paused.id}" in said and "was paused by those who manage it" in said
    assert account.post(f"/v1/rotations/{rotation}/resume").status_code == 200
    run(own)
    complete(own)
    opens(nodes[1], broken, 5, 1)


def test_a_vault_whose_customers_token_is_away_waits_alone(own, rotate):
    daemon = node(own, "before")
    account = daemon.api().signup()
    token = CustomerToken(own)
    token.make("key")
    setting = token.setting(account.me()["org_id"])
    assert daemon.stop() == 0
    bound_node = node(own, "bound", hsm__customer_token=setting)
    account.base_url = bound_node.base_url
    account.token = account.login()
    bound = fill(account, 5)
    response = account.put(bound.path() + "/customer-key", json={"token": "acme", "key": "key"})
    assert response.status_code == 202
    wait.until(lambda: account.get(f"/v1/rotations/{response.json()['id']}").json()["state"] == "done", "it to be bound", 60)
    others = [fill(account, 5) for _ in range(3)]
    assert bound_node.stop() == 0

    elsewhere = node(own, "elsewhere")  # knows nothing of that token
    rotation = rotate().await_line(f"vault {bound.id}", timeout=120)
    assert rotation.said("bound to the token 'acme'") and rotation.said("waits for a node that reaches its token")
    assert rotation.process.poll() is None and state(own) == "running"
    for vault in others:
        assert own.sql(f"SELECT DISTINCT root_version FROM vault_keks WHERE vault_id = '{vault.id}'") == [(2,)]
        opens(elsewhere, vault, 5)
    bound_node.start()
    rotation.await_end()
    complete(own)
    account.base_url = bound_node.base_url
    opens(bound_node, bound, 5, 1)


def test_a_second_factor_that_was_tampered_with_stops_it_and_is_named(own, nodes):
    account = nodes[0].api().signup()
    factor = Factor(account, nodes[0])
    person = account.me()["id"]
    edit = "UPDATE totp_factors SET sealed_secret = set_byte(sealed_secret, 80, get_byte(sealed_secret, 80) # 1)"
    own.sql(edit)
    said = run(own, code=INCOMPLETE)
    assert f"second factor of {person} does not open" in said
    own.sql(edit)
    run(own)
    complete(own)
    assert factor.verify(factor.code()).status_code == 200


def test_a_node_that_slept_through_the_beginning_writes_nothing_under_the_old_root(own, nodes, rotate):
    account = nodes[0].api().signup()
    awake, asleep = nodes
    asleep.signal(signal.SIGSTOP)
    rotate().await_line("has begun")
    answers = []

    def create():
        api = asleep.api(account.token)
        for number in range(20):
            answers.append(api.post("/v1/vaults", json={"name": f"late-{number}"}, raw=True, timeout=60).status_code)
    visitor = threading.Thread(target=create)
    visitor.start()
    asleep.signal(signal.SIGCONT)
    visitor.join(timeout=90)
    assert set(answers) <= {201, 503} and answers[-1] == 201, answers
    wait.until(lambda: state(own) == "done", "the rotation", 90)
    complete(own)


def restored(own, dump):
    cluster = own.cluster
    database = cluster.create_database()
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", cluster.conninfo("postgres", database)],
                   input=dump, check=True, capture_output=True, timeout=120)
    return {"database__conninfo": cluster.conninfo("claviger_app", database)}


def test_a_backup_from_before_opens_until_the_old_root_is_destroyed(own, nodes):
    vault = fill(nodes[0].api().signup(), 10)
    dump = own.cluster.dump(own.database)
    for root in (2, 3):
        run(own)
        complete(own, root)
    for daemon in nodes:
        assert daemon.stop() == 0
    where = restored(own, dump)
    daemon = node(own, "restored", **where)
    opens(daemon, vault, 10)
    said = run(own, **where)
    assert f"{V3} is there already" in said and f"everything lies under {V3}" in said
    opens(daemon, vault, 10)
    assert daemon.stop() == 0

    nodes[0].start()
    run(own, "destroy-old")
    opens(nodes[0], vault, 10)
    lost = own.daemon("lost", start=False, **restored(own, dump))
    lost.start(ready=False)
    assert lost.process.wait(timeout=60) == 4
    assert "they do not belong together" in lost.log_text()


def test_a_key_that_only_says_it_lies_under_the_new_root_keeps_the_old_one(own, nodes, rotate):
    vault = fill(nodes[0].api().signup(), 5)
    for daemon in nodes:
        daemon.signal(signal.SIGSTOP)
    rotation = rotate().await_line("has begun")
    own.sql("UPDATE vault_keks SET root_version = 2")
    for daemon in nodes:
        daemon.signal(signal.SIGCONT)
    rotation.await_end()
    said = run(own, "destroy-old", code=INCOMPLETE)
    assert f"of the vault {vault.id} does not open" in said and f"{V1} is destroyed" not in said
    own.sql("UPDATE vault_keks SET root_version = 1")
    assert "not everything lies under" in run(own, "destroy-old", code=INCOMPLETE)
    opens(nodes[0], vault, 5)


def test_a_token_from_before_the_rotation_is_refused(own, nodes):
    backup = own.directory / "backup"
    shutil.copytree(own.directory / "tokens", backup)
    run(own)
    for daemon in nodes:
        assert daemon.stop() == 0
    shutil.rmtree(own.directory / "tokens")
    shutil.copytree(backup, own.directory / "tokens")
    nodes[0].start(ready=False)
    assert nodes[0].process.wait(timeout=60) == 4
    assert f"keys of the database lie under {V2}, which the token does not hold" in run(own, code=4)


@pytest.mark.parametrize("missing, code", [("hsm.pin_file", 3), ("database.conninfo", 6)])
def test_what_is_missing_is_told_before_anything_is_done(own, missing, code):
    said = run(own, code=code, **{missing.replace(".", "__"): "/nowhere"})
    assert said.count("\n") == 1
    assert under(own) == [set(), {1}]


def test_without_a_node_it_says_so(own, rotate):
    rotate().await_line("no node works on it: at least one must run", timeout=60)
