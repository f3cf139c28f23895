"""The audit log is linked by one node at a time; whatever becomes of that one, another goes on."""

import contextlib

import pytest

from clients import insist
from support import chain, wait
from witness import address

# A node that hangs in the midst of it keeps the others waiting for database.idle_in_transaction_timeout, here 4 s.
BOUND = 30


@contextlib.contextmanager
def linking(nodes, witness, account):
    """The node that has begun to link, and can neither go on nor give up until the end."""
    with nodes[0].holding("LOCK TABLE audit_checkpoints IN SHARE MODE"):
        account.create_vault()
        yield wait.until(lambda: witness.holder_of_the_linkers_lock(nodes), "a node to link")


def kill(node):
    node.kill9()


def hang(node):
    node.pause()


def cut_off(node):
    node.host.cut("database")


@pytest.mark.parametrize("strike", [kill, hang, cut_off])
def test_another_node_links_when_the_one_that_does_is_lost(nodes, witness, trio_installation, account, strike, tmp_path):
    with linking(nodes, witness, account) as leader:
        strike(leader)
        begun = witness.now()
    others = [address(node) for node in nodes if node is not leader]
    wait.until(lambda: set(others) & set(witness.links(begun)), "another node to link", BOUND)
    wait.until(lambda: trio_installation.sql(chain.PENDING) == [(0,)], "the log to be linked", BOUND)
    assert address(leader) not in witness.links(begun)
    if strike is hang:
        leader.resume()
    leader.host.heal_all()
    if not leader.running:
        leader.start()
    leader.wait_ready()
    survivor = next(node for node in nodes if node is not leader)
    assert insist(lambda: survivor.api(account.token).post("/v1/vaults", json={"name": "after"})).status_code == 201
    chain.await_linked(trio_installation)
    assert chain.broken(trio_installation) == []
    assert '"vault.create"' in chain.verify(survivor.api(account.token), tmp_path)


def test_every_node_links_when_it_is_alone(nodes, witness, account, trio_installation):
    for node in nodes:
        for other in nodes:
            if other is not node:
                other.pause()
        try:
            begun = witness.now()
            assert insist(lambda: node.api(account.token).get("/v1/vaults")).status_code == 200
            wait.until(lambda: address(node) in witness.links(begun), "it to link", BOUND)
        finally:
            for other in nodes:
                other.resume()
    chain.await_linked(trio_installation)
    assert chain.broken(trio_installation) == []


@pytest.mark.parametrize("damage, rule", [
    ("DELETE FROM audit_links WHERE sequence = 1", "gaps"),
    ("UPDATE audit_links SET prev_event_id = event_id WHERE sequence = 2", "hang behind"),
    ("DELETE FROM audit_links WHERE (org_id, sequence) IN (SELECT org_id, max(sequence) FROM audit_links GROUP BY org_id)",
     "not linked"),
    ("DELETE FROM audit_events WHERE id IN (SELECT event_id FROM audit_links WHERE sequence = 2)", "has no record"),
    ("UPDATE audit_checkpoints SET total_records = total_records + 1", "count the links"),
    ("UPDATE audit_links SET checkpoint = 1000000 WHERE sequence = 2", "no checkpoint")])
def test_a_damaged_chain_is_seen(nodes, account, trio_installation, damage, rule):
    """In a copy of the log that nobody serves."""
    account.create_vault()
    chain.await_linked(trio_installation)
    tables = ("audit_events", "audit_links", "audit_checkpoints")

    class Copy:
        @staticmethod
        def sql(text):
            return trio_installation.sql(f"SET search_path = copied; {text}")

    trio_installation.sql("DROP SCHEMA IF EXISTS copied CASCADE; CREATE SCHEMA copied; "
                          + "; ".join(f"CREATE TABLE copied.{name} AS TABLE public.{name}" for name in tables))
    assert chain.broken(Copy) == []
    Copy.sql(damage)
    assert any(rule in fault for fault in chain.broken(Copy))
    trio_installation.sql("DROP SCHEMA copied CASCADE")
