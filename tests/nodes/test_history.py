"""The judges themselves, on histories written by hand."""

import pytest

from support.history import (EARLY, FAILED, OK, UNKNOWN, History, Operation, lost, misnumbered, overspent, spent_twice, stale,
                             surprises, unaudited)


def write(version, value, at=0.0, until=None, outcome=OK, **members):
    return Operation("write", "s", invoked=at, answered=at + 1 if until is None else until, outcome=outcome,
                     value=value, version=version, **members)


def read(version, value, at=0.0, until=None, outcome=OK, **members):
    return Operation("read", "s", invoked=at, answered=at + 1 if until is None else until, outcome=outcome,
                     value=value, version=version, **members)


def unknown(value, at=0.0):
    return Operation("write", "s", invoked=at, value=value)


def take(outcome, key="c"):
    return Operation("take", key, outcome=outcome)


def spend(outcome, node=0):
    return Operation("spend", "t", node=node, outcome=outcome)


GOOD = [write(1, "a", 0), write(2, "b", 2), unknown("c", 4), unknown("never", 5), write(None, "no", 6, outcome=FAILED)]
FINAL = {"s": {1: "a", 2: "b", 3: "c"}}


def test_a_good_history_is_good():
    reads = [read(1, "a", 1.5), read(2, "b", 2.5), read(3, "c", 9)]
    assert lost(GOOD, FINAL) == misnumbered(GOOD, FINAL) == stale(GOOD + reads) == []


def test_older_versions_need_only_be_there():
    assert not lost(GOOD, {"s": {1: None, 2: None, 3: "c"}}) and not misnumbered(GOOD, {"s": {1: None, 2: None, 3: "c"}})
    assert lost(GOOD, {"s": {1: None, 3: "c"}})
    assert lost(GOOD, {"s": {1: None, 2: None}})  # the newest can be read


@pytest.mark.parametrize("final", [{}, {"s": {}}, {"s": {1: "a"}}, {"s": {1: "a", 2: "other"}}, {"s": {1: "b", 2: "a"}}])
def test_an_acknowledged_write_that_is_not_there_is_lost(final):
    assert lost(GOOD, final)


@pytest.mark.parametrize("final", [
    {2: "b", 3: "c"}, {1: "a", 2: "b", 4: "c"}, {1: "a", 2: "b", 3: "no"}, {1: "a", 2: "b", 3: "of nobody"},
    {1: "a", 2: "b", 3: "c", 4: "c"}, {1: None, 2: None, 3: None, 4: None, 5: "c"}],
    ids=["begins late", "gap", "of a refused write", "of nobody", "applied twice", "more than were written"])
def test_versions_that_nobody_can_have_made_are_found(final):
    assert misnumbered(GOOD, {"s": final})


def test_a_version_that_was_given_twice_is_found():
    assert misnumbered([write(1, "a"), write(1, "b")], {"s": {1: "b"}})


@pytest.mark.parametrize("operation", [
    read(1, "a", 3.5), read(None, None, 1.5, outcome=FAILED, status=404), read(2, "a", 9), read(3, "c", 2),
    read(9, "of nobody", 9), read(2, "no", 9)],
    ids=["older than acknowledged", "absent after it was written", "value of another version", "not yet written",
         "of nobody", "of a refused write"])
def test_a_read_of_what_was_not_current_is_stale(operation):
    assert stale([*GOOD, operation])


def test_a_read_that_goes_back_behind_another_is_stale():
    """Also where the write itself was never acknowledged."""
    writes = [write(1, "a", 0), unknown("b", 2)]
    assert stale([*writes, read(2, "b", 3), read(1, "a", 5)])
    assert not stale([*writes, read(2, "b", 3), read(1, "a", 3.5)])  # they overlap


def test_a_read_beside_a_write_may_see_either():
    writes = [write(1, "a", 0), write(2, "b", 2, until=10)]
    assert not stale([*writes, read(1, "a", 3), read(2, "b", 5)])
    assert not stale([*writes, read(None, None, 0.5, outcome=FAILED, status=404)])


def test_refused_and_unanswered_reads_say_nothing():
    assert not stale([*GOOD, read(None, None, 9, outcome=UNKNOWN), read(None, None, 9, outcome=FAILED, status=403)])


def test_counters_are_never_overspent_and_forget_nothing():
    takes = [take(OK), take(OK), take(UNKNOWN), take(FAILED)]
    assert not overspent(takes, {"c": 2}, {"c": 2})
    assert not overspent(takes, {"c": 3}, {"c": 3})
    assert overspent(takes, {"c": 1}, {"c": 1})  # given more often than allowed
    assert overspent(takes, {"c": 2}, {"c": 3})  # counted beyond what is allowed
    assert overspent(takes, {"c": 9}, {"c": 1})  # one is forgotten
    assert overspent(takes, {"c": 9}, {"c": 4})  # one is counted that nobody took
    assert not overspent([], {"c": 1}, {"c": 0})


def test_what_is_single_is_accepted_once():
    assert not spent_twice([spend(OK), spend(FAILED), spend(UNKNOWN)])
    assert not spent_twice([spend(UNKNOWN), spend(UNKNOWN)])
    assert "nodes [0, 2]" in spent_twice([spend(OK), spend(OK, 2)])[0]


def test_every_answer_but_503_is_recorded():
    answered = [read(1, "a", status=200, request_id="1"), read(None, None, outcome=FAILED, status=404, request_id="2"),
                read(None, None, outcome=UNKNOWN, status=503, request_id="3"), unknown("b")]
    answered.append(Operation("spend", "t", outcome=EARLY, status=200, request_id="4"))
    assert not unaudited(answered, {"1", "2"})
    assert len(unaudited(answered, {"1"})) == len(unaudited(answered, {"2", "3"})) == 1
    assert unaudited([read(1, "a", status=200)], {"1"})


def test_an_unexpected_answer_is_a_surprise():
    answers = [read(1, "a", status=200), read(None, None, outcome=FAILED, status=500), unknown("b")]
    assert not surprises(answers, {"read": {200, 500}, "write": set()})
    assert surprises(answers, {"read": {200}, "write": set()})


class Answer:
    def __init__(self, status):
        self.status_code, self.headers = status, {"X-Request-Id": "id"}


@pytest.mark.parametrize("status, outcome", [(200, OK), (201, OK), (404, FAILED), (500, FAILED), (503, UNKNOWN)])
def test_a_status_becomes_an_outcome(status, outcome):
    history = History()
    operation, _ = history.perform(Operation("read", "s"), lambda: Answer(status), lambda response: {"version": 1})
    assert history.of("read") == [operation] and operation.outcome == outcome
    assert (operation.version, operation.request_id) == (1 if outcome == OK else None, "id")
    assert operation.invoked <= operation.answered


def test_a_good_status_may_be_a_refusal_all_the_same():
    operation, _ = History().perform(Operation("spend", "t"), lambda: Answer(200), lambda response: {"outcome": FAILED})
    assert operation.outcome == FAILED
