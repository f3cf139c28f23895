"""Shares between two daemons: nothing of them is cached, and guesses are counted together."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.sharing import accept, open_share, outbound, share

PER_ACCOUNT = 5


@pytest.fixture
def nodes(own_installation):
    daemons = [own_installation.daemon(name, limits__guesses_per_account=PER_ACCOUNT) for name in ("first", "second")]
    yield daemons
    for daemon in daemons:
        daemon.kill9()


@pytest.fixture
def account(nodes):
    return nodes[0].api().signup()


@pytest.fixture
def secret(account):
    return account.create_vault().put("a", "value").json()["id"]


def test_what_one_node_does_the_other_knows_at_once(nodes, account, secret):
    elsewhere = nodes[1].api(account.token)
    name = share(account, secret, "user", recipient_id=account.me()["id"])["id"]
    assert accept(elsewhere, name).status_code == 204
    assert [open_share(client, name).json()["access_count"] for client in (account, elsewhere)] == [1, 2]
    assert elsewhere.delete(f"/v1/share/{name}").status_code == 204
    assert open_share(account, name).status_code == 404


def test_a_link_stands_for_the_same_on_both(nodes, account, secret):
    name = share(account, secret)["id"]
    assert {item["id"] for node in nodes for item in outbound(node.api(account.token))} == {name}
    nodes[1].restart()
    assert open_share(nodes[1].api(), name).status_code == 200


def test_both_together_open_a_share_as_often_as_it_says(nodes, account, secret):
    name = share(account, secret, max_access_count=9)["id"]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda n: open_share(nodes[n % 2].api(), name).status_code, range(40)))
    assert (answers.count(200), answers.count(410)) == (9, 31)


def test_both_together_let_a_passphrase_be_guessed_as_often_as_the_budget_says(nodes, account, secret):
    name = share(account, secret, passphrase="open-sesame")["id"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(
            lambda n: open_share(nodes[n % 2].api().from_address(f"127.6.0.{n + 1}"), name, f"guess-{n}").status_code,
            range(24)))
    assert (answers.count(401), answers.count(429)) == (PER_ACCOUNT, 24 - PER_ACCOUNT)
    nodes[0].restart()
    assert open_share(nodes[0].api(), name, "open-sesame").status_code == 429
