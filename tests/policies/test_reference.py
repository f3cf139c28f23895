"""The daemon's decisions and those of the reference (tests/support/policies.py) are the same, whatever is asked."""

import json
import os
import random
import subprocess
import sys
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import policies as reference  # noqa: E402

WORDS = ["a", "b", "ab", "abc", "prod", "prod-db", "key", "x-key", "A", "-", "_"]
PATTERN_WORDS = WORDS + ["*", "*", "**", "**", "a*", "*b", "prod-*", "*-key", "a*c", "p*-*b"]
# Nobody sends these to a secret that exists, but anybody can ask for them.
ODD_SEGMENTS = ["", "*", "**", "a*", ".", "..", "a b", "ü", "a\n", "%2F"]
ADDRESSES = [None, "192.0.2.7", "192.0.2.200", "10.1.2.3", "::ffff:10.1.2.3", "2001:db8::7", "2001:db8:1::1", "::1"]
NETWORKS = ["192.0.2.7", "192.0.2.0/25", "10.0.0.0/8", "2001:db8::/48", "2001:db8::7", "0.0.0.0/0", "::/0"]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe"]
ROUNDS, QUESTIONS = 250, 60


def ids(draw, count):
    return [str(uuid.UUID(int=draw.getrandbits(128))) for _ in range(count)]


def path(draw):
    segments = [draw.choice(WORDS) for _ in range(draw.randint(1, 5))]
    if draw.random() < 0.1:
        segments[draw.randrange(len(segments))] = draw.choice(ODD_SEGMENTS)
    return "/".join(segments)


def pattern(draw):
    return "/".join(draw.choice(PATTERN_WORDS) for _ in range(draw.randint(1, 5)))


def full_hour(draw):
    """Often about a change of the clocks."""
    return datetime(2026, draw.choice([1, 3, 3, 4, 10, 10, 11]), draw.randint(1, 30), draw.randint(0, 23),
                    tzinfo=timezone.utc)


def moment(draw, times):
    """Often at the very edge of something."""
    return draw.choice(times) + draw.choice([timedelta(), timedelta(), timedelta(microseconds=-1),
                                             timedelta(minutes=draw.randint(-90, 90))])


def window(draw, times):
    made = {}
    hours = [time.hour for time in times] * 4 + list(range(24))
    begin = draw.choice(hours)
    end = draw.choice([hour for hour in hours if hour != begin])
    if draw.random() < 0.7:
        made.update({"after": f"{begin:02}:00"} if draw.random() < 0.5 else {"start_hour": begin})
    if draw.random() < 0.7 or not made:
        end = end or 24  # at midnight only where it does not begin there
        made.update({"before": f"{end:02}:00"} if draw.random() < 0.5 else {"end_hour": end})
    if draw.random() < 0.4:
        made["days_of_week"] = draw.sample(range(7), draw.randint(1, 6))
    if draw.random() < 0.7:
        made["timezone"] = draw.choice(ZONES)
    return made


def conditions(draw, times):
    made = {}
    if draw.random() < 0.2:
        made["ip_allowlist"] = draw.sample(NETWORKS, draw.randint(1, 3))
    if draw.random() < 0.25:
        made["time_window"] = window(draw, times)
    return made


def policy(draw, principals, times):
    principal_type, principal_id = draw.choice(principals)
    return {"principal_type": principal_type, "principal_id": principal_id, "pattern": pattern(draw),
            "permissions": draw.sample(["read", "write", "delete"], draw.randint(1, 3)), "conditions": conditions(draw, times),
            "expires_at": draw.choice(times) if draw.random() < 0.2 else None}


def question(draw, vault, principals, others, times):
    principal_type, principal_id = draw.choice(principals + [(vault["created_by_type"], vault["created_by"])])
    agent = principal_type == "agent"
    return {"org": draw.choice([vault["org"]] * 20 + others[:1]), "type": principal_type, "id": principal_id,
            "vaults": draw.choice([[]] * 8 + [[vault["id"]], others, [*others, vault["id"]]]) if agent else [],
            "scopes": [pattern(draw) for _ in range(draw.randint(0, 4))] + draw.sample(["vaults:read", "/", "a**"], 1)
            if agent and draw.random() < 0.3 else None,
            "address": draw.choice(ADDRESSES), "time": moment(draw, times),
            "permission": draw.choice(["read", "read", "write", "delete", "list"]), "path": path(draw)}


def printable(value):
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


class Daemon:
    def __init__(self):
        self.process = subprocess.Popen([os.environ["CLAVIGER_DECIDE"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def decide(self, vault, policies, questions):
        self.process.stdin.write(json.dumps(
            {"vault": vault, "policies": policies, "questions": questions}, default=printable) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def daemon():
    daemon = Daemon()
    yield daemon
    daemon.process.stdin.close()
    assert daemon.process.wait(timeout=20) == 0


def scenario(seed):
    draw = random.Random(seed)
    org, vault_id, creator, *others = ids(draw, 8)
    vault = {"org": org, "id": vault_id, "created_by_type": draw.choice(["user", "agent"]), "created_by": creator}
    principals = [(kind, one) for one in others[:3] for kind in ("user", "agent")]
    times = [full_hour(draw) for _ in range(3)]
    policies = [policy(draw, principals, times) for _ in range(draw.choice([0, 1, 3, 10, 100]))]
    return vault, policies, [question(draw, vault, principals, others[3:], times) for _ in range(QUESTIONS)]


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_both_decide_alike(daemon, seed):
    vault, policies, questions = scenario(seed)
    expected = [reference.decide(vault, policies, one, one["time"]) for one in questions]
    answers = daemon.decide(vault, policies, questions)
    for one, here, there in zip(questions, answers, expected):
        assert here == there, json.dumps({"vault": vault, "question": one, "policies": policies}, default=printable)
    # A list shows exactly what may be read by who may list.
    shown = daemon.decide(vault, policies, [{**one, "permission": "show"} for one in questions])
    readable = [reference.decide(vault, policies, {**one, "permission": "read"}, one["time"]) for one in questions]
    for one, show, read in zip(questions, shown, readable):
        if read not in ("not_found", "vault_binding"):
            assert (show == "yes") == (read == "yes"), json.dumps(one, default=printable)


def test_the_questions_meet_every_answer():
    """Or the property above would say little."""
    seen = set()
    for seed in range(50):
        vault, policies, questions = scenario(seed)
        seen |= {(reference.decide(vault, policies, one, one["time"]), one["permission"]) for one in questions}
    for answer in ("yes", "not_found", "vault_binding", "no_policy"):
        assert {(answer, permission) for permission in ("read", "write", "delete", "list")} <= seen
    assert ("token_scope", "read") in seen
