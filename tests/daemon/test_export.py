"""The audit log, as it is sealed, to a syslog receiver and to a file: nothing lost, whatever dies."""

import itertools
import json
import os
import stat

import pytest
from support import wait
from support.daemon import Installation
from support.syslog import SyslogReceiver


@pytest.fixture
def own(cluster, tmp_path):
    installation = Installation(cluster, tmp_path)
    yield installation
    installation.close()


@pytest.fixture
def receiver(own):
    receiver = SyslogReceiver(own)
    yield receiver
    receiver.close()


def sealed(installation):
    """Every sealed record's id, once nothing waits to be sealed."""
    wait.until(lambda: installation.sql("SELECT count(*) FROM audit_pending") == [(0,)], "all to be sealed")
    return {identifier for identifier, in installation.sql("SELECT event_id::text FROM audit_links")}


def ids(records):
    return [record["id"] for record in records]


def work(daemon, requests=5):
    account = daemon.api().signup()
    for _ in range(requests):
        account.get("/v1/vaults")
    return account


def lag(daemon, name):
    return next(each for each in daemon.api().get("/v1/health").json()["audit_exports"] if each["name"] == name)


def confirmed(installation, name):
    return (installation.sql(f"SELECT checkpoint FROM audit_exports WHERE name = '{name}'") or [(0,)])[0][0]


# Syslog

def test_every_sealed_record_arrives_once_over_tls(own, receiver):
    daemon = own.daemon(**receiver.settings())
    account = work(daemon)
    account.create_vault().put("db/password", "syslog-canary-value")
    expected = sealed(own)
    wait.until(lambda: set(ids(receiver.records())) >= expected, "all records")
    assert len(receiver.records()) == len(set(ids(receiver.records())))
    assert b"syslog-canary-value" not in receiver.path.read_bytes()
    priority, action, record = next(each for each in receiver.messages() if each[2].get("action") == "secret.write")
    assert (priority, action) == (13 * 8 + 6, "secret.write")
    row = own.sql(f"SELECT sequence, encode(integrity_hash, 'hex') FROM audit_links WHERE event_id = '{record['id']}'")
    assert (record["sequence"], record["integrity_hash"]) == row[0]
    # Checkpoints come too: a witness outside of the database.
    assert receiver.checkpoints() == sorted(receiver.checkpoints()) and 1 in receiver.checkpoints()
    newest = own.sql("SELECT max(number) FROM audit_checkpoints")[0][0]
    wait.until(lambda: confirmed(own, "syslog") >= newest, "the position to follow", timeout=30)
    assert lag(daemon, "syslog") | {"behind_checkpoints": 0, "behind_seconds": 0} == {
        "name": "syslog", "sending": True, "behind_checkpoints": 0, "behind_seconds": 0}
    assert daemon.stop() == 0


def test_a_refusal_has_a_severity_of_its_own(own, receiver):
    daemon = own.daemon(**receiver.settings())
    daemon.api("not-a-token").get("/v1/vaults")
    refused = wait.until(lambda: [each for each in receiver.messages() if each[1] == "auth.failure"], "the refusal")
    assert refused[0][0] == 13 * 8 + 4 and refused[0][2]["outcome"] == "denied"


def test_a_receiver_that_is_killed_again_and_again_loses_nothing(own, receiver):
    daemon = own.daemon(**receiver.settings())
    for _ in range(4):
        work(daemon, 8)
        wait.until(lambda: receiver.records(), "something to arrive")
        receiver.kill9()
        work(daemon, 3)
        receiver.start()
    expected = sealed(own)
    wait.until(lambda: set(ids(receiver.records())) >= expected, "all records", timeout=60)
    assert daemon.stop() == 0


def test_what_a_receiver_had_not_read_when_it_died_comes_again(own, receiver):
    daemon = own.daemon(**receiver.settings())
    work(daemon)
    wait.until(lambda: receiver.records(), "something to arrive")
    receiver.hang()  # its kernel goes on taking
    before = own.sql("SELECT max(number) FROM audit_checkpoints")[0][0]
    work(daemon, 3)
    wait.until(lambda: own.sql("SELECT max(number) FROM audit_checkpoints")[0][0] > before, "more to be sealed")
    receiver.kill9()
    receiver.start()
    expected = sealed(own)
    wait.until(lambda: set(ids(receiver.records())) >= expected, "all records", timeout=60)


def test_a_dead_or_hanging_receiver_slows_no_request(own, receiver):
    daemon = own.daemon(**receiver.settings())
    work(daemon)
    receiver.hang()
    account = work(daemon, 50)
    receiver.kill9()
    for _ in range(50):
        assert account.get("/v1/vaults").status_code == 200
    behind = wait.until(lambda: (found := lag(daemon, "syslog"))["behind_checkpoints"] > 0 and found, "the lag to show")
    assert behind["sending"]
    wait.until(lambda: any(line["message"] == "the audit log cannot be exported; it waits" for line in daemon.logs),
               "the outage to be told")
    assert daemon.api().get("/v1/health/ready").status_code == 200
    receiver.start()
    wait.until(lambda: any(line["message"] == "the audit log is exported again" for line in daemon.logs),
               "the end of the outage to be told", timeout=60)
    assert sum(line["message"] == "the audit log cannot be exported; it waits" for line in daemon.logs) == 1
    assert daemon.stop() == 0


def test_a_daemon_that_is_killed_loses_nothing(own, receiver):
    daemon = own.daemon(**receiver.settings())
    for _ in range(3):
        work(daemon, 5)
        daemon.kill9()
        daemon.start()
    expected = sealed(own)
    wait.until(lambda: set(ids(receiver.records())) >= expected, "all records", timeout=60)


def test_another_node_goes_on_when_the_sending_one_ends(own, receiver):
    first = own.daemon("first", **receiver.settings())
    work(first)
    wait.until(lambda: receiver.records(), "something to arrive")
    second = own.daemon("second", **receiver.settings())
    assert [lag(node, "syslog")["sending"] for node in (first, second)] == [True, False]
    assert first.stop() == 0
    work(second)
    expected = sealed(own)
    wait.until(lambda: set(ids(receiver.records())) >= expected, "all records", timeout=60)
    assert lag(second, "syslog")["sending"]


@pytest.mark.parametrize("trust", ["server", "client", "name"])
def test_without_trust_nothing_is_sent(own, trust):
    receiver = SyslogReceiver(own, "127.0.0.2" if trust == "name" else "127.0.0.1")  # the certificate is for 127.0.0.1
    settings = receiver.settings()
    if trust == "server":
        settings["audit__syslog_ca_file"] = None
    elif trust == "client":
        settings |= {"audit__syslog_certificate": None, "audit__syslog_private_key": None}
    daemon = own.daemon(**settings)
    work(daemon)
    sealed(own)
    wait.until(lambda: any(line["message"] == "the audit log cannot be exported; it waits" for line in daemon.logs),
               "the failure to be told", timeout=40)
    assert receiver.records() == [] and confirmed(own, "syslog") == 0
    receiver.close()


# The file

@pytest.fixture
def directory(tmp_path):
    directory = tmp_path / "export"
    directory.mkdir(mode=0o700)
    return directory


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_file_has_every_record_and_can_be_rotated(own, directory):
    daemon = own.daemon(audit__file_directory=directory)
    path = directory / "audit.ndjson"
    work(daemon)
    expected = sealed(own)
    wait.until(lambda: path.exists() and set(ids(r for r in lines(path) if r["type"] == "record")) >= expected, "all records")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.rename(directory / "audit.ndjson.1")
    daemon.signal(1)
    wait.until(lambda: any(line["message"] == "certificate reloaded" for line in daemon.logs), "the reload")
    work(daemon)
    expected = sealed(own)

    def both():
        found = lines(directory / "audit.ndjson.1") + (lines(path) if path.exists() else [])
        return found if set(ids(r for r in found if r["type"] == "record")) >= expected else None

    found = wait.until(both, "all records")
    assert path.exists()
    records = [each for each in found if each["type"] == "record"]
    assert len(records) == len(set(ids(records)))
    # In the order of each chain, so that nothing can have been left out unseen.
    by_org = sorted(records, key=lambda record: record["org_id"])
    for _, chain in itertools.groupby(by_org, key=lambda record: record["org_id"]):
        assert [record["sequence"] for record in chain] == list(range(1, 1 + sum(
            record["org_id"] == _ for record in records)))
    assert daemon.stop() == 0


def test_a_daemon_that_is_killed_repeats_at_most(own, directory):
    daemon = own.daemon(audit__file_directory=directory)
    for _ in range(3):
        work(daemon)
        daemon.kill9()
        daemon.start()
    expected = sealed(own)
    path = directory / "audit.ndjson"
    wait.until(lambda: set(ids(r for r in lines(path) if r["type"] == "record")) >= expected, "all records", timeout=60)


@pytest.mark.parametrize("harm", ["absent", "open", "link"])
def test_a_place_that_is_not_the_daemons_own_is_refused_at_start(own, directory, harm):
    if harm == "absent":
        directory.rmdir()
    elif harm == "open":
        directory.chmod(0o777)
    else:
        os.symlink("/etc/passwd", directory / "audit.ndjson")
    refused = own.run("run", audit__file_directory=directory)
    assert refused.returncode == 3
    assert str(directory) in refused.stderr or "audit.ndjson" in refused.stderr


@pytest.mark.parametrize("wrong", [
    {"audit__syslog_certificate": "x"}, {"audit__syslog_private_key": "x"}, {"audit__syslog_ca_file": "x"},
    {"audit__syslog_server": "host:6514/path"}, {"audit__syslog_server": "a b"}])
def test_settings_that_make_no_sense(own, wrong):
    refused = own.run("check-config", **wrong)
    assert refused.returncode == 3 and "audit.syslog" in refused.stderr
