"""What one node changes holds on all others within a second; a node that cannot hear of it answers nothing."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import wait
from support.rights import Agent, grant, of

# The promise is one second; the rest is slack for a busy machine.
SOON = 3
HOME = {"X-Forwarded-For": "203.0.113.7"}
OFFICE = {"X-Forwarded-For": "198.51.100.7"}


class Right:
    """Something that lets a question pass, and its end."""

    def __init__(self, account, nodes):
        self.vault = account.create_vault()
        assert self.vault.put("a", "value").status_code == 201
        self.account = account
        self.token, self.path, self.headers, self.refused = account.token, self.vault.path("a"), {}, 401
        self.prepare(nodes)

    def prepare(self, nodes):
        pass

    def ask(self, node, timeout=30, client=None):
        client = client or node.api(self.token)
        return client.get(self.path, headers=self.headers, timeout=timeout).status_code


class Token(Right):
    def end(self, node):
        assert node.api(self.token).delete("/v1/auth/token").status_code == 204


class Policy(Right):
    def prepare(self, nodes):
        agent = Agent(self.account)
        self.policy = grant(self.vault, agent)
        self.token, self.refused = agent.exchange().token, 403

    def end(self, node):
        assert node.api(self.account.token).delete(of(self.vault, self.policy)).status_code == 204


class Deletion(Right):
    def prepare(self, nodes):
        self.refused = 404

    def end(self, node):
        assert node.api(self.token).delete(self.vault.path()).status_code == 204


class IpRule(Right):
    def prepare(self, nodes):
        self.headers, self.refused = HOME, 403

    def end(self, node):
        response = node.api(self.token).post("/v1/security/ip-rules", headers=OFFICE,
                                             json={"rule_type": "deny", "cidr": "203.0.113.0/24"})
        assert response.status_code == 201


RIGHTS = [Token, Policy, Deletion, IpRule]


@pytest.mark.parametrize("kind", RIGHTS)
def test_what_ends_on_one_node_ends_on_all(nodes, account, kind):
    right = kind(account, nodes)
    for node in nodes:
        assert right.ask(node) == right.ask(node) == 200
    right.end(nodes[1])
    assert right.ask(nodes[1]) == right.refused  # there at once
    for node in nodes:
        wait.until(lambda: right.ask(node) == right.refused, f"{node.base_url} to refuse", timeout=SOON)
        assert right.ask(node) == right.refused


def test_a_node_that_cannot_hear_of_changes_trusts_nothing_and_forgets_before_it_serves_again(nodes, account):
    """While it is cut off it answers 503, and the first other answer is the refusal."""
    rights = [kind(nodes[0].api().signup(), nodes) for kind in RIGHTS]
    deaf, other = nodes[0], nodes[1]
    for right in rights:
        assert right.ask(deaf) == right.ask(deaf) == right.ask(other) == 200
    deaf.host.cut("database")
    for right in rights:
        right.end(other)
        wait.until(lambda: right.ask(other) == right.refused, "the other node to refuse", timeout=SOON)
    answers = {right: [] for right in rights}
    refused = {right: threading.Event() for right in rights}

    def ask(right):
        while not refused[right].is_set():
            answers[right].append(right.ask(deaf, timeout=60))
            if answers[right][-1] != 503:
                refused[right].set()

    threads = [threading.Thread(target=ask, args=(right,)) for right in rights]
    for thread in threads:
        thread.start()
    try:
        wait.until(lambda: all(len(each) >= 3 for each in answers.values()), "the deaf node's answers", timeout=60)
        assert {status for each in answers.values() for status in each} == {503}
    finally:
        deaf.host.heal("database")
        try:
            for right in rights:
                assert refused[right].wait(timeout=60), "the healed node serves no more"
        finally:
            for right in rights:
                refused[right].set()
            for thread in threads:
                thread.join(timeout=90)
    for right in rights:
        assert set(answers[right][:-1]) == {503} and answers[right][-1] == right.refused, type(right).__name__


def test_a_node_that_hung_answers_by_nothing_that_ended_meanwhile(nodes):
    """What was asked while it hung is the first that it sees: its change feed comes later."""
    rights = [kind(nodes[0].api().signup(), nodes) for kind in RIGHTS]
    hung, other = nodes[0], nodes[1]
    asking = [(right, hung.api(right.token)) for right in rights * 2]
    for right, client in asking:  # with a connection that is there when it hangs
        assert right.ask(hung, client=client) == right.ask(hung, client=client) == 200
    hung.pause()
    stopped = time.monotonic()
    try:
        with ThreadPoolExecutor(len(asking)) as pool:
            answers = [(right, pool.submit(right.ask, hung, 60, client)) for right, client in asking]
            for right in rights:
                right.end(other)
                wait.until(lambda: right.ask(other) == right.refused, "the other node to refuse", timeout=SOON)
            # Its caches may be trusted for one second.
            wait.until(lambda: time.monotonic() > stopped + 1.5, "its trust to end")
            assert not any(answer.done() for _, answer in answers)
            with hung.holding("LOCK TABLE change_log IN ACCESS EXCLUSIVE MODE"):
                hung.resume()
                for right, answer in answers:
                    assert answer.result(timeout=90) in (right.refused, 503), type(right).__name__
    finally:
        hung.resume()
