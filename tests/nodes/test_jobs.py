"""A rotation whose node is lost is finished by another, and the lost one, when it comes back, changes nothing of it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from clients import insist
from limits import DATA_KEYS_PER_SECOND
from support import wait
from witness import address

SECRETS = 5 * DATA_KEYS_PER_SECOND
# The lease is 30 s; TCP gives a silent node up after as many.
LEASE = 30


def fill(vault, count=SECRETS):
    def write(first):
        client = vault.account.with_token(vault.account.token)
        for number in range(first, count, 4):
            assert client.put(vault.path(f"s/{number}"), json={"value": f"value-{number}"}).status_code == 201
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))


def state(nodes, rotation):
    return nodes[0].psql_owner(f"SELECT state, resealed FROM rotations WHERE id = '{rotation}'")[0]


def lease_ends(nodes):
    """As if the time had passed."""
    nodes[0].psql_owner("UPDATE rotations SET lease_until = now() WHERE state = 'running'")


def worker(nodes, witness, rotation, after=0):
    """The node that worked on it last, if any did since then."""
    by = witness.work(rotation, after)
    return next((node for node in nodes if by and address(node) == by[-1]), None)


def begin(nodes, witness, vault):
    """A rotation under way: its id and its node."""
    fill(vault)
    response = vault.account.post(vault.path() + "/rotations")
    assert response.status_code == 201, response.text
    rotation = response.json()["id"]
    wait.until(lambda: state(nodes, rotation)[1] > 0, "the rotation to be under way")
    return rotation, worker(nodes, witness, rotation)


def complete(node, vault, rotation):
    """The vault has one key, and opens."""
    sql = node.psql_owner
    assert sql(f"SELECT state, resealed FROM rotations WHERE id = '{rotation}'") == [("done", SECRETS)]
    assert sql(f"SELECT version FROM vault_keks WHERE vault_id = '{vault.id}'") == [(2,)]
    assert sql(f"SELECT count(*) FROM secret_versions WHERE vault_id = '{vault.id}' AND kek_version <> 2") == [(0,)]
    client = node.api(vault.account.token)
    for number in range(0, SECRETS, 9):
        assert insist(lambda: client.get(vault.path(f"s/{number}"))).json()["value"] == f"value-{number}"


def stop_between_steps(node, witness):
    """SIGSTOP while it has no transaction open: it goes on with a claim that it believes to be good."""
    def stopped():
        node.pause()
        if witness.sessions(node, "xact_start IS NOT NULL") == 0:
            return True
        node.resume()
        return False
    wait.until(stopped, "it to stop between two steps")


def test_another_node_finishes_what_a_killed_one_began(nodes, witness, vault):
    rotation, lost = begin(nodes, witness, vault)
    lost.kill9()
    assert state(nodes, rotation)[0] == "running"
    lease_ends(nodes)
    wait.until(lambda: state(nodes, rotation)[0] == "done", "another node to finish it", timeout=60)
    complete(next(node for node in nodes if node is not lost), vault, rotation)


def test_a_node_that_was_taken_for_dead_changes_nothing_when_it_goes_on(nodes, witness, vault):
    """It believes to have the work, and another node has it."""
    rotation, late = begin(nodes, witness, vault)
    stop_between_steps(late, witness)
    lease_ends(nodes)
    since = witness.now()
    heir = wait.until(lambda: worker(nodes, witness, rotation, since), "another node to take it")
    assert heir is not late
    tried, begun = witness.attempts(late), witness.now()
    late.resume()
    wait.until(lambda: witness.attempts(late) > tried, "the late node to try")
    assert state(nodes, rotation)[0] == "running", "it tried when all was done: that shows nothing"
    wait.until(lambda: state(nodes, rotation)[0] == "done", "the heir to finish it", timeout=60)
    assert set(witness.work(rotation, begun)) == {address(heir)}
    complete(late, vault, rotation)


def test_a_node_that_is_cut_off_loses_work_and_sessions_by_itself(nodes, witness, vault):
    """Nobody tells the database: the lease ends, and the server's own probes find nobody."""
    rotation, lost = begin(nodes, witness, vault)
    assert witness.sessions(lost) > 0
    lost.host.cut("database")
    since = witness.now()
    wait.until(lambda: state(nodes, rotation)[0] == "done", "another node to finish it", timeout=3 * LEASE)
    wait.until(lambda: witness.sessions(lost) == 0, "the server to end the sessions of the lost node",
               timeout=2 * LEASE)
    assert len(set(witness.work(rotation, since)) - {address(lost)}) == 1
    complete(next(node for node in nodes if node is not lost), vault, rotation)
    lost.host.heal("database")
    lost.wait_ready()
    complete(lost, vault, rotation)
