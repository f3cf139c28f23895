"""What clients asked, where, when, and what they were told; and judges, who return what is wrong with it.

An operation is "ok" if it was answered as done, "failed" if it was answered as refused, and "unknown" if there was no
answer, or 503: then it may have been done, may be done later, or never. "early" is a poll that is told to come again.
"""

import threading
import time
from dataclasses import dataclass, field, replace

import requests

OK, FAILED, UNKNOWN, EARLY = "ok", "failed", "unknown", "early"
# What was not answered may happen at any later time.
NEVER = float("inf")


@dataclass(frozen=True)
class Operation:
    """`kind`: "write" and "read" of the secret `key`, "take" of something counted, "spend" of something single."""

    kind: str
    key: str
    node: int = 0
    invoked: float = 0.0
    answered: float = NEVER
    outcome: str = UNKNOWN
    value: str | None = None
    version: int | None = None
    status: int | None = None
    request_id: str | None = None


@dataclass
class History:
    """Of many threads."""

    operations: list = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def perform(self, operation, request, read=lambda response: {}):
        """Sends it, and records what came of it. `read` finds in a good answer what the operation lacks, and its
        outcome if that is not ok. Returns the operation as recorded and the response."""
        begun = replace(operation, invoked=time.monotonic())
        response = None
        try:
            response = request()
        except requests.RequestException:
            ended = begun
        else:
            ended = replace(begun, answered=time.monotonic(), status=response.status_code,
                            request_id=response.headers.get("X-Request-Id"))
            if 200 <= response.status_code < 300:
                ended = replace(ended, **{"outcome": OK} | read(response))
            elif response.status_code != 503:
                ended = replace(ended, outcome=FAILED)
        with self._lock:
            self.operations.append(ended)
        return ended, response

    def of(self, kind):
        with self._lock:
            return [operation for operation in self.operations if operation.kind == kind]


def by_key(operations):
    groups = {}
    for operation in operations:
        groups.setdefault(operation.key, []).append(operation)
    return groups


def lost(writes, final):
    """Every acknowledged write is there. `final`: {key: {version: value}} after all is healed; a value is None if the
    version is there and nobody can read it any more, for there are newer ones."""
    faults = []
    for write in (write for write in writes if write.outcome == OK):
        versions = final.get(write.key, {})
        kept = versions.get(write.version)
        hidden = kept is None and write.version in versions and write.version < max(versions)
        if kept != write.value and not hidden:
            faults.append(f"{write.key}: version {write.version} was acknowledged as {write.value!r} and is {kept!r}")
    return faults


def misnumbered(writes, final):
    """Versions have no gap, each was given once, no more of them than writes, and each is what somebody wrote, once."""
    faults = []
    writes = by_key(writes)
    for key, versions in final.items():
        made = [write for write in writes.get(key, []) if write.outcome != FAILED]
        if sorted(versions) != list(range(1, len(versions) + 1)):
            faults.append(f"{key}: versions {sorted(versions)}")
        given = [write.version for write in made if write.outcome == OK]
        faults += [f"{key}: version {version} was given twice" for version in sorted(set(given))
                   if given.count(version) > 1]
        if len(versions) > len(made):
            faults.append(f"{key}: {len(versions)} versions of {len(made)} writes")
        wanted = {write.value for write in made}
        kept = [value for value in versions.values() if value is not None]
        faults += [f"{key}: {value!r} is there and was not written" for value in kept if value not in wanted]
        faults += [f"{key}: {value!r} was written once and is there twice" for value in sorted(set(kept))
                   if kept.count(value) > 1]
    return faults


def _reaches_back(read, writes, reads):
    """What was known before the read began, and is newer than what it saw; 0 stands for "there is none"."""
    seen = read.version or 0
    for earlier in (*writes, *reads):
        if earlier.outcome == OK and earlier.answered < read.invoked and earlier.version > seen:
            return earlier
    return None


def stale(operations):
    """A read sees a value that was current at some moment between its question and its answer: nothing older than what
    was acknowledged or read before it began, and nothing that was not yet written."""
    faults = []
    for key, group in by_key(operations).items():
        writes = [operation for operation in group if operation.kind == "write"]
        reads = [operation for operation in group if operation.kind == "read"]
        for read in reads:
            absent = read.outcome == FAILED and read.status == 404
            if read.outcome != OK and not absent:
                continue
            if earlier := _reaches_back(read, writes, reads):
                faults.append(f"{key}: node {read.node} read version {read.version} after version {earlier.version} was"
                              f" {'written' if earlier.kind == 'write' else 'read'} at node {earlier.node}")
            if not absent and not any(
                    write.value == read.value and write.invoked < read.answered and write.outcome != FAILED
                    and write.version in (None, read.version) for write in writes):
                faults.append(f"{key}: node {read.node} read {read.value!r} as version {read.version}, which nobody"
                              " had written")
    return faults


def overspent(takes, limits, counted):
    """No more than allowed, and none forgotten. `counted`: {key: what the database says}."""
    faults = []
    takes = by_key(takes)
    for key, limit in limits.items():
        outcomes = [take.outcome for take in takes.get(key, [])]
        done, perhaps = outcomes.count(OK), outcomes.count(UNKNOWN)
        if done > limit or counted[key] > limit:
            faults.append(f"{key}: {done} were given, {counted[key]} counted, {limit} allowed")
        if not done <= counted[key] <= done + perhaps:
            faults.append(f"{key}: {done} were given, {perhaps} more perhaps, {counted[key]} counted")
    return faults


def spent_twice(spends):
    return [f"{key} was accepted {count} times by nodes {sorted(spend.node for spend in group if spend.outcome == OK)}"
            for key, group in by_key(spends).items()
            if (count := sum(spend.outcome == OK for spend in group)) > 1]


def unaudited(operations, recorded):
    """`recorded`: the request ids on the audit log. 503 tells nothing, and that it is early is no event."""
    return [f"{operation.kind} of {operation.key} at node {operation.node}: {operation.status} is not on the audit log"
            for operation in operations if operation.status not in (None, 503) and operation.outcome != EARLY
            and operation.request_id not in recorded]


def surprises(operations, expected):
    """Answers of statuses that the test does not expect. `expected`: {kind: set of statuses}."""
    return [f"{operation.kind} of {operation.key} at node {operation.node}: {operation.status}"
            for operation in operations
            if operation.status is not None and operation.status not in expected[operation.kind]]
