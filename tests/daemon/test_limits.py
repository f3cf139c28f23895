"""Guesses are counted for all nodes together, over restarts, and under fire."""

import threading

import pytest
from support import wait

PER_ACCOUNT = 5
WRONG = "Wrong-Password-1!"


@pytest.fixture
def nodes(own_installation):
    daemons = [own_installation.daemon(name, limits__guesses_per_account=PER_ACCOUNT) for name in ("first", "second")]
    yield daemons
    for daemon in daemons:
        daemon.kill9()


def login(node, email, password=WRONG, address="127.8.0.1"):
    return node.api().from_address(address).post("/v1/auth/token", json={"email": email, "password": password})


def guesses(pairs):
    return [login(node, email).status_code for node, email in pairs]


def test_two_nodes_share_a_budget_and_a_restart_keeps_it(nodes):
    email = nodes[0].api().signup().email
    assert guesses([(nodes[n % 2], email) for n in range(PER_ACCOUNT)]) == [401] * PER_ACCOUNT
    assert guesses([(nodes[0], email), (nodes[1], email)]) == [429] * 2
    nodes[0].restart()
    assert guesses([(nodes[0], email)]) == [429]


def test_of_parallel_guesses_on_two_nodes_exactly_the_budget_is_looked_at(nodes):
    email = nodes[0].api().signup().email
    answers = []
    threads = [threading.Thread(target=lambda n=n: answers.append(login(nodes[n % 2], email).status_code))
               for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert (answers.count(401), answers.count(429)) == (PER_ACCOUNT, 24 - PER_ACCOUNT), answers


def test_the_owner_logs_in_on_either_node_while_many_addresses_hammer_the_account(nodes):
    account = nodes[0].api().signup()
    assert login(nodes[0], account.email, account.password).status_code == 200
    stopping = threading.Event()

    def hammer(n):
        while not stopping.is_set():
            login(nodes[n % 2], account.email, address=f"127.8.1.{n + 1}")

    threads = [threading.Thread(target=hammer, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    try:
        for n in range(10):
            assert login(nodes[n % 2], account.email, account.password).status_code == 200
    finally:
        stopping.set()
        for thread in threads:
            thread.join(timeout=60)
    assert login(nodes[0], account.email, account.password, address="127.8.2.1").status_code == 429


def test_nobody_guesses_while_the_database_cannot_count(nodes, own_cluster):
    email = nodes[0].api().signup().email
    own_cluster.pause()
    try:
        assert login(nodes[0], email).status_code == 503
    finally:
        own_cluster.resume()
    wait.until(lambda: login(nodes[0], email).status_code == 401, "the database to be used again")
