"""The audit log of a whole installation: one chain for each organisation, sealed by one chain of checkpoints."""

import subprocess

from . import wait
from .paths import CLAVIGER

PENDING = "SELECT count(*) FROM audit_pending"

# Each gives the rows that break a rule.
RULES = {
    "numbers of an organisation's links have gaps":
        "SELECT org_id, count(*), min(sequence), max(sequence) FROM audit_links GROUP BY org_id"
        " HAVING min(sequence) <> 1 OR max(sequence) <> count(*)",
    "a link does not hang behind the one before it":
        "SELECT l.org_id, l.sequence FROM audit_links l LEFT JOIN audit_links b"
        " ON b.org_id = l.org_id AND b.sequence = l.sequence - 1 WHERE l.prev_event_id IS DISTINCT FROM b.event_id",
    "a record is not linked": "SELECT e.org_id, e.id, e.action FROM audit_events e LEFT JOIN audit_links l"
        " ON l.org_id = e.org_id AND l.event_id = e.id WHERE l.event_id IS NULL",
    "a link has no record": "SELECT l.org_id, l.sequence FROM audit_links l LEFT JOIN audit_events e"
        " ON e.org_id = l.org_id AND e.id = l.event_id WHERE e.id IS NULL",
    "numbers of checkpoints have gaps":
        "SELECT count(*), max(number) FROM audit_checkpoints HAVING coalesce(max(number), 0) <> count(*)",
    "a checkpoint does not count the links before it":
        "SELECT c.number, c.total_records FROM audit_checkpoints c WHERE c.total_records <>"
        " (SELECT count(*) FROM audit_links l WHERE l.checkpoint <= c.number)",
    "a link has no checkpoint": "SELECT l.org_id, l.sequence FROM audit_links l LEFT JOIN audit_checkpoints c"
        " ON c.number = l.checkpoint WHERE c.number IS NULL",
}


def await_linked(installation, timeout=60):
    """All that is on the log at some moment is linked."""
    wait.until(lambda: installation.sql(PENDING) == [(0,)], "all records to be linked", timeout)


def broken(installation):
    return [f"{rule}: {rows[:3]}" for rule, query in RULES.items() if (rows := installation.sql(query))]


def verify(account, directory):
    """Hashes and signatures of one organisation's log, as its people verify them. Returns what was exported."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(directory), "CLAVIGER_URL": account.base_url,
                   "CLAVIGER_CA_FILE": account.ca, "CLAVIGER_TOKEN": account.token}
    key, export = directory / "audit-key.jwks", directory / "export"

    def run(*words):
        result = subprocess.run([str(CLAVIGER), "audit", *map(str, words)], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=120, env=environment, start_new_session=True)
        assert result.returncode == 0, f"claviger audit {words[0]}: {result.stderr}"

    for path in (key, export):
        path.unlink(missing_ok=True)
    run("key", "--file", key)
    run("export", "--file", export)
    run("verify", export, "--public-key", key)
    return export.read_text()
