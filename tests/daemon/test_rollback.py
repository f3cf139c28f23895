"""A database that was set back to an older state is noticed, at the start and while the daemon runs."""

import os
import stat

import pytest
from support import wait
from support.daemon import Installation

SET_BACK = 9


@pytest.fixture
def own(cluster, tmp_path):
    installation = Installation(cluster, tmp_path)
    yield installation
    installation.close()


def newest(installation):
    return installation.sql("SELECT coalesce(max(number), 0) FROM audit_checkpoints")[0][0]


def grow(daemon):
    """A further checkpoint."""
    before = newest(daemon.installation)
    daemon.api().signup()
    wait.until(lambda: newest(daemon.installation) > before, "a checkpoint")


def set_back(installation):
    """Takes the newest checkpoint away, as the restore of a backup would."""
    number = newest(installation)
    for table, column in (("audit_links", "checkpoint"), ("audit_leaves", "checkpoint"), ("audit_checkpoints", "number")):
        installation.sql(f"DELETE FROM {table} WHERE {column} = {number}")


def mark(daemon):
    return (daemon.state / "audit-checkpoint").read_text()


def test_a_daemon_does_not_start_on_a_database_that_was_set_back_until_somebody_accepts_it(own):
    daemon = own.daemon()
    grow(daemon)
    grow(daemon)
    assert daemon.stop() == 0
    seen = newest(own)
    assert f" {seen}:" in mark(daemon)
    assert stat.S_IMODE(os.stat(daemon.state / "audit-checkpoint").st_mode) == 0o600
    set_back(own)

    refused = own.run("run", config=daemon.config_path)
    assert refused.returncode == SET_BACK
    assert f"checkpoint {seen}:" in refused.stderr and f"its newest is {seen - 1}:" in refused.stderr

    accepted = own.run("accept-database", "--allow-root", config=daemon.config_path)
    assert accepted.returncode == 0, accepted.stderr
    assert f"seen before: {seen}:" in accepted.stdout and f"accepted:    {seen - 1}:" in accepted.stdout
    daemon.start()
    grow(daemon)
    assert daemon.stop() == 0
    details = own.sql("SELECT org_id, actor_type, details FROM audit_events WHERE action = 'audit.accept_database'")
    assert len(details) == 1 and details[0][1] == "system" and f'"seen":"{seen}:' in details[0][2]


def test_another_history_of_the_same_length_is_noticed(own):
    daemon = own.daemon()
    grow(daemon)
    assert daemon.stop() == 0
    number = newest(own)
    own.sql(f"UPDATE audit_checkpoints SET total_records = total_records + 1 WHERE number = {number}")
    assert own.run("run", config=daemon.config_path).returncode == SET_BACK


def test_a_running_daemon_links_nothing_more_and_is_not_ready_until_the_database_is_whole(own):
    daemon = own.daemon()
    grow(daemon)
    grow(daemon)
    wait.until(lambda: own.sql("SELECT count(*) FROM audit_pending") == [(0,)], "all to be linked")
    number = newest(own)
    own.sql(f"CREATE TABLE kept AS SELECT * FROM audit_checkpoints WHERE number = {number}")
    own.sql(f"CREATE TABLE kept_leaves AS SELECT * FROM audit_leaves WHERE checkpoint = {number}")
    own.sql(f"DELETE FROM audit_leaves WHERE checkpoint = {number}")
    own.sql(f"DELETE FROM audit_checkpoints WHERE number = {number}")

    def reasons():
        answer = daemon.api().get("/v1/health/ready")
        return answer.json()["detail"] if answer.status_code == 503 else ""

    wait.until(lambda: "audit: the database was set back" in reasons(), "the daemon to notice")
    daemon.api().signup()
    assert newest(own) == number - 1
    own.sql("INSERT INTO audit_checkpoints SELECT * FROM kept")
    own.sql("INSERT INTO audit_leaves SELECT * FROM kept_leaves")
    wait.until(lambda: reasons() == "", "the daemon to be ready again")
    wait.until(lambda: newest(own) > number, "linking to go on")
    messages = [line["message"] for line in daemon.logs]
    assert messages.count("the database was set back") == 1
    assert messages.count("the database has caught up with what was seen of it") == 1
    assert daemon.stop() == 0


def test_after_kill_9_the_mark_is_seconds_old_at_most(own):
    daemon = own.daemon()
    grow(daemon)
    wait.until(lambda: (daemon.state / "audit-checkpoint").exists(), "the mark")
    daemon.kill9()
    daemon.start()
    assert daemon.stop() == 0


@pytest.mark.parametrize("harm", ["open", "malformed", "link", "directory"])
def test_a_mark_that_others_could_have_written_is_refused(own, harm):
    daemon = own.daemon()
    grow(daemon)
    assert daemon.stop() == 0
    path = daemon.state / "audit-checkpoint"
    if harm == "open":
        path.chmod(0o644)
    elif harm == "malformed":
        path.write_text("claviger/audit-mark/1 0:\n")
    elif harm == "link":
        path.rename(daemon.state / "elsewhere")
        path.symlink_to("elsewhere")
    else:
        daemon.state.chmod(0o777)
    refused = own.run("run", config=daemon.config_path)
    assert refused.returncode == 3 and str(daemon.state) in refused.stderr


def test_without_a_state_directory_the_log_says_what_is_missing(own):
    daemon = own.daemon("stateless", process__state_directory=None)
    assert daemon.stop() == 0
    assert any("process.state_directory" in line["message"] for line in daemon.logs)
    refused = own.run("accept-database", "--allow-root", config=daemon.config_path)
    assert refused.returncode == 3 and "process.state_directory" in refused.stderr


def test_systemds_directory_is_used_where_none_is_set(own, tmp_path):
    directory = tmp_path / "from-systemd"
    directory.mkdir(mode=0o700)
    daemon = own.daemon("service", environment={"STATE_DIRECTORY": str(directory)}, process__state_directory=None)
    grow(daemon)
    assert daemon.stop() == 0
    assert (directory / "audit-checkpoint").exists()
