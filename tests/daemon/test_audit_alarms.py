"""Records that somebody removes, or keeps from being sealed, raise an alarm in the operators' log, once each."""

import time
import uuid

import pytest
from support import wait
from support.daemon import Installation

VANISHED = "audit records vanished before they were linked"
KEPT = "audit records were kept from being linked"
ORG = "01950000-0000-7000-8000-000000000000"


@pytest.fixture
def own(cluster, tmp_path):
    installation = Installation(cluster, tmp_path)
    yield installation
    installation.close()


@pytest.fixture
def daemon(own):
    return own.daemon()


def alarms(daemon, message):
    return [int(line["count"]) for line in daemon.logs if line["message"] == message]


def grow(daemon):
    """A further checkpoint."""
    def newest():
        return daemon.installation.sql("SELECT coalesce(max(number), 0) FROM audit_checkpoints")[0][0]
    before = newest()
    daemon.api().signup()
    wait.until(lambda: newest() > before, "a checkpoint")


def test_a_record_that_vanished_before_it_was_sealed_raises_one_alarm(own, daemon):
    grow(daemon)
    own.sql(f"INSERT INTO audit_pending (org_id, event_id) VALUES ('{ORG}', '{uuid.uuid4()}')")
    wait.until(lambda: alarms(daemon, VANISHED) == [1], "the alarm")
    grow(daemon)
    grow(daemon)
    assert alarms(daemon, VANISHED) == [1]
    own.sql(f"INSERT INTO audit_pending (org_id, event_id) VALUES ('{ORG}', '{uuid.uuid4()}')")
    wait.until(lambda: alarms(daemon, VANISHED) == [1, 2], "the second alarm")


def test_a_record_that_was_taken_out_of_the_queue_raises_an_alarm_and_is_sealed(own, daemon):
    grow(daemon)
    made = time.time() - 50 * 60
    event = uuid.UUID(f"{int(made * 1000):012x}70008000000000000001")
    own.sql("INSERT INTO audit_events (org_id, id, actor_type, actor_id, action, resource_type, resource_id, outcome,"
            f" details, ip_address, request_id, created_at) VALUES ('{ORG}', '{event}', 'user', '', 'secret.read', '',"
            f" '', 'success', '{{}}', '', '', to_timestamp({made}))")
    wait.until(lambda: alarms(daemon, KEPT) == [1], "the alarm", 60)
    wait.until(lambda: own.sql(f"SELECT 1 FROM audit_links WHERE event_id = '{event}'") == [(1,)], "it to be sealed")
    grow(daemon)
    assert alarms(daemon, KEPT) == [1]
