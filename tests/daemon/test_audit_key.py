"""The key of the audit log is exchanged under running nodes, and whoever holds the first one can verify all."""

import contextlib
import json
import subprocess
import threading

import pytest
from support import wait
from support.daemon import ROOT_FLAGS, Installation
from support.paths import CLAVIGER, CLAVIGERD

SETTLING = "3s"
UNVERIFIED = 7
V1, V2 = "claviger-audit-v1", "claviger-audit-v2"


@pytest.fixture
def own(own_cluster, tmp_path):
    installation = Installation(own_cluster, tmp_path)
    yield installation
    installation.close()


@pytest.fixture
def nodes(own):
    return [own.daemon(name, rotation__key_settling=SETTLING) for name in ("first", "second")]


def rotation(installation):
    config = installation.write_config(installation.directory / "rotate.conf", rotation__key_settling=SETTLING)
    return [str(CLAVIGERD), "rotate", "audit-key", "--config", str(config), *ROOT_FLAGS]


def rotate(installation, code=0):
    result = subprocess.run(rotation(installation), capture_output=True, text=True, timeout=240,
                            env=installation.environment())
    assert result.returncode == code, result.stderr
    return result.stdout + result.stderr


class Person:
    """The command line of one person on one node."""

    def __init__(self, node, directory):
        self.account = node.api().signup()
        self.directory = directory
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(directory), "CLAVIGER_URL": node.base_url,
                            "CLAVIGER_CA_FILE": str(node.ca)}
        self.ok("login", "--password", "--email", self.account.email, "--password-stdin",
                stdin=self.account.password)

    def run(self, *words, stdin=""):
        return subprocess.run([str(CLAVIGER), *words], input=stdin, capture_output=True, text=True, timeout=120,
                              env=self.environment, start_new_session=True)

    def ok(self, *words, **options):
        result = self.run(*words, **options)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def export(self, name="export"):
        path = self.directory / name
        path.unlink(missing_ok=True)
        self.ok("audit", "export", "--file", str(path))
        return path


def sealers(installation):
    """The keys of the checkpoints in their order, each named once for as long as it signs on."""
    kids = [kid for kid, in installation.sql("SELECT kid FROM audit_checkpoints ORDER BY number")]
    return [kid for kid, before in zip(kids, [None, *kids]) if kid != before]


@contextlib.contextmanager
def traffic(vault):
    """Writes and reads all the time; the statuses of the answers."""
    statuses, ended = set(), threading.Event()

    def run():
        while not ended.is_set():
            statuses.add(vault.put("busy", "value").status_code)
            statuses.add(vault.get("busy").status_code)
            ended.wait(0.02)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield statuses
    finally:
        ended.set()
        thread.join(timeout=60)


def test_the_first_key_verifies_an_export_that_spans_the_exchange(nodes, own, tmp_path):
    person = Person(nodes[0], tmp_path)
    pinned = tmp_path / "pinned.jwks"
    person.ok("audit", "key", "--file", str(pinned))
    wait.until(lambda: sealers(own) == [V1], "a checkpoint")
    before = person.export("before")
    with traffic(person.account.create_vault()) as statuses:
        said = rotate(own)
    assert statuses == {200, 201}
    assert f"{V2} is made" in said and f"{V1} signs nothing any more" in said and said.endswith("done\n")
    assert sealers(own) == [V1, V2]
    person.account.create_vault()
    wait.until(lambda: person.export().read_text().count("vault.create") == 2, "the vault to be sealed")

    export = person.export()
    verdict = person.ok("audit", "verify", str(export), "--public-key", str(pinned))
    assert "verified" in verdict and V2 in verdict
    assert person.run("audit", "verify", str(before), "--public-key", str(pinned)).returncode == 0
    for node in nodes:
        keys = node.api().get("/v1/audit/keys").json()["keys"]
        assert {key["kid"] for key in keys} == {V1, V2}
    # Evidence over the exchange takes both keys, and the log that the first one verifies tells them.
    bundle, both = tmp_path / "bundle", tmp_path / "both.jwks"
    person.ok("audit", "bundle", "--from", "2020-01-01T00:00:00Z", "-o", str(bundle))
    assert person.run("audit", "verify", str(bundle), "--public-key", str(pinned)).returncode == UNVERIFIED
    person.ok("audit", "verify", str(export), "--public-key", str(pinned), "--save-keys", str(both))
    published = json.loads(person.ok("audit", "key"))["keys"]
    assert json.loads(both.read_text())["keys"] == sorted(published, key=lambda key: key["kid"])
    assert V2 in person.ok("audit", "verify", str(bundle), "--public-key", str(both))
    assert "Only an export" in person.run("audit", "verify", str(bundle), "--public-key", str(both), "--save-keys",
                                          str(tmp_path / "none")).stderr
    assert person.run("audit", "verify", str(export), "--public-key", str(both)).returncode == 0
    acts = own.sql("SELECT DISTINCT action, details::json->>'key' FROM audit_events WHERE action LIKE 'audit_key.%'")
    assert sorted(acts) == [("audit_key.await", V2), ("audit_key.make", V2), ("audit_key.withdraw", V1)]

    # A second exchange, verified by the same first key. Evidence from before it does not need the third one.
    until = person.account.get("/v1/audit/events", params={"limit": 1}).json()["events"][0]["created_at"]
    rotate(own)
    person.ok("audit", "bundle", "--from", "2020-01-01T00:00:00Z", "--to", until, "-o", str(bundle))
    person.ok("audit", "verify", str(bundle), "--public-key", str(both))
    assert sealers(own) == [V1, V2, "claviger-audit-v3"]
    assert "claviger-audit-v3" in person.ok("audit", "verify", str(person.export()), "--public-key", str(pinned))


def test_a_checkpoint_that_names_the_next_key_cannot_be_edited_out(nodes, own, tmp_path):
    person = Person(nodes[0], tmp_path)
    pinned = tmp_path / "pinned.jwks"
    person.ok("audit", "key", "--file", str(pinned))
    rotate(own)
    lines = person.export().read_text().splitlines(keepends=True)
    first_of_v2 = next(n for n, line in enumerate(lines) if f'"kid":"{V2}"' in line)

    def verdict(edited):
        path = tmp_path / "edited"
        path.write_text("".join(edited))
        return person.run("audit", "verify", str(path), "--public-key", str(pinned)).returncode

    assert verdict(lines) == 0
    assert verdict(lines[:first_of_v2 - 1] + lines[first_of_v2:]) == UNVERIFIED
    assert verdict([line.replace(V2, V1) for line in lines]) == UNVERIFIED


@pytest.mark.parametrize("after", ["is made", "waiting", "await"])
def test_a_rotation_that_is_killed_is_finished_by_the_next(nodes, own, after):
    output = own.directory / "killed.out"
    with open(output, "wb") as out:
        process = subprocess.Popen(rotation(own), stdout=out, stderr=out, env=own.environment())
    def reached():
        if after == "await":
            return own.sql("SELECT count(*) FROM audit_events WHERE action = 'audit_key.await'")[0][0] > 0
        return after in output.read_text()
    wait.until(reached, "the moment", 60, interval=0.01)
    own.token.kill(process)
    nodes[0].kill9()
    said = rotate(own)
    assert f"{V2} is there already" in said and f"{V1} signs nothing any more" in said
    assert sealers(own) == [V1, V2]
    assert nodes[1].api().get("/v1/health/ready").status_code == 200


def test_nothing_is_withdrawn_while_no_node_seals(own):
    daemon = own.daemon(rotation__key_settling=SETTLING)
    daemon.api().signup()
    wait.until(lambda: sealers(own) == [V1], "a checkpoint")
    assert daemon.stop() == 0
    # Not even if somebody writes that it does.
    own.sql("INSERT INTO audit_checkpoints SELECT number + 1, previous_hash, root, total_records, created_at,"
            f" '{V2}', signature FROM audit_checkpoints ORDER BY number DESC LIMIT 1")
    process = subprocess.Popen(rotation(own), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env=own.environment())
    try:
        wait.until(lambda: own.sql("SELECT count(*) FROM audit_events WHERE action = 'audit_key.await'")[0][0] > 4,
                   "it to wait", 60)
        assert process.poll() is None and sealers(own) == [V1, V2]
        own.sql("DELETE FROM audit_checkpoints WHERE number = (SELECT max(number) FROM audit_checkpoints)")
        daemon.start()
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
    assert sealers(own) == [V1, V2]


def test_a_log_without_its_oldest_month_says_what_is_missing(own, tmp_path):
    daemon = own.daemon()
    person = Person(daemon, tmp_path)
    vault = person.account.create_vault()
    wait.until(lambda: sealers(own) == [V1], "a checkpoint")
    removed = 3
    wait.until(lambda: person.export().read_text().count('"type":"record"') > removed, "more than that to be sealed")
    whole = person.export("whole").read_text().splitlines(keepends=True)
    records = [n for n, line in enumerate(whole) if '"type":"record"' in line]
    own.sql("DELETE FROM audit_events WHERE (org_id, id) IN (SELECT org_id, event_id FROM audit_links"
            f" WHERE org_id = '{person.account.me()['org_id']}' AND sequence <= {removed})")
    refused = person.run("audit", "export", "--file", str(tmp_path / "cut"))
    assert refused.returncode == 4 and not (tmp_path / "cut").exists()
    assert f"Records 1 to {removed} are not in the database any more" in refused.stderr
    assert "claviger audit bundle --from" in refused.stderr

    # What an older command line has saved of it.
    key, cut = tmp_path / "key", tmp_path / "cut"
    person.ok("audit", "key", "--file", str(key))
    cut.write_text("".join(line for n, line in enumerate(whole) if n not in records[:removed]))
    said = person.run("audit", "verify", str(cut), "--public-key", str(key))
    assert said.returncode == UNVERIFIED and f"Record {removed + 1} stands where 1 belongs" in said.stderr

    begun = person.account.get("/v1/audit/events", params={"limit": 1}).json()["events"][0]["created_at"]
    vault.put("later", "value")
    bundle = tmp_path / "bundle"
    person.ok("audit", "bundle", "--from", begun, "-o", str(bundle))
    person.ok("audit", "verify", str(bundle), "--public-key", str(key))
    assert "secret.write" in bundle.read_text()
