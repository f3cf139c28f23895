"""Clients of all nodes that record what they ask and are told."""

import itertools
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import requests

from support import wait
from support.device import GRANT
from support.history import EARLY, FAILED, Operation
from support.sharing import open_share, share

# A node that hangs or is cut off does not answer: the client gives up, and cannot know.
PATIENCE = 3


def insist(request, timeout=30):
    """The first answer that is not 503, which a node gives while it finds out what has happened to others."""
    def answered():
        response = request()
        return response if response.status_code != 503 else None
    return wait.until(answered, "an answer", timeout)


# By the error in a poll's answer.
REFUSALS = {None: {}, "expired_token": {"outcome": FAILED}, "authorization_pending": {"outcome": EARLY},
            "slow_down": {"outcome": EARLY}}


def redeem(history, node, login, timeout=30):
    """One poll for an approved device code."""
    return history.perform(
        Operation("spend", f"device code {login.user_code}", node.index),
        lambda: node.api().post("/v1/auth/device/token", raw=True, timeout=timeout,
                                json={"grant_type": GRANT, "device_code": login.answer["device_code"]}),
        lambda response: REFUSALS[response.json().get("error")])


def recovery_code_spends(history, nodes, factor, code, challenges, timeout=30):
    """The code by each challenge at a node of its own, at once."""
    def verify(pair):
        node, challenge = pair
        history.perform(Operation("spend", f"code {code}", node.index),
                        lambda: node.api().post("/v1/auth/mfa/verify", raw=True, timeout=timeout,
                                                json={"mfa_token": challenge, "code": code}))
    with ThreadPoolExecutor(len(nodes)) as pool:
        list(pool.map(verify, zip(nodes, challenges)))


def newest_of(response):
    return {name: response.json()[name] for name in ("version", "value")}


class Clients:
    """Threads of one account on one vault, each of its own chance, until stop()."""

    CONTENDED = ("contended/a", "contended/b", "contended/c")
    # Of what is counted there is something new every few seconds, so that its end is met again and again.
    ALLOWED, EVERY = 12, 3.0

    def __init__(self, history, nodes, account, vault, seed, periods=40):
        self._history, self._nodes, self._account, self._vault, self._seed = history, nodes, account, vault, seed
        self._stopping = threading.Event()
        self._faults = []
        self._threads = []
        self._numbers = itertools.count()
        shared = vault.put("shared", "value").json()["id"]
        self.shares = [share(account, shared, max_access_count=self.ALLOWED)["id"] for _ in range(periods)]
        self.limited = {}  # path: id
        for number in range(periods):
            path = f"limited/{number}"
            self.limited[path] = vault.put(path, "value", max_access_count=self.ALLOWED).json()["id"]
        self._begun = time.monotonic()
        for work, count in ((self._write_or_read, 6), (self._take, 2), (self._log_in, 1)):
            for number in range(count):
                chance = random.Random(f"{seed} {work.__name__} {number}")
                thread = threading.Thread(target=self._loop, args=(work, chance))
                self._threads.append(thread)
                thread.start()

    def _loop(self, work, chance):
        apis = [node.api(self._account.token) for node in self._nodes]
        while not self._stopping.is_set():
            try:
                work(chance, apis)
            except requests.RequestException:
                pass
            except BaseException as fault:
                self._faults.append(fault)
                raise
            self._stopping.wait(0.02)

    def _write_or_read(self, chance, apis):
        node = chance.randrange(len(apis))
        number = next(self._numbers)
        path = chance.choice(self.CONTENDED) if chance.random() < 0.8 else f"alone/{number}"
        if path.startswith("alone") or chance.random() < 0.4:
            value = f"value {number}"
            self._history.perform(
                Operation("write", path, node, value=value),
                lambda: apis[node].put(self._vault.path(path), json={"value": value}, raw=True, timeout=PATIENCE),
                lambda response: {"version": response.json()["version"]})
        else:
            self._history.perform(
                Operation("read", path, node),
                lambda: apis[node].get(self._vault.path(path), raw=True, timeout=PATIENCE),
                newest_of)

    def _take(self, chance, apis):
        period = min(int((time.monotonic() - self._begun) / self.EVERY), len(self.shares) - 1)
        node = chance.randrange(len(apis))
        if chance.random() < 0.5:
            key = self.shares[period]
            self._history.perform(Operation("take", key, node),
                                  lambda: open_share(self._nodes[node].api(), key, raw=True, timeout=PATIENCE))
        else:
            key = f"limited/{period}"
            self._history.perform(Operation("take", key, node),
                                  lambda: apis[node].get(self._vault.path(key), raw=True, timeout=PATIENCE))

    def _log_in(self, chance, apis):
        """A device, whose code is shown to all nodes at once."""
        asked = chance.choice(apis).anonymous().post("/v1/auth/device/code", json={"client_id": "cli"}, raw=True,
                                                     timeout=PATIENCE)
        if asked.status_code != 200:
            return
        login = SimpleNamespace(answer=asked.json(), user_code=asked.json()["user_code"])
        approved = chance.choice(apis).post("/v1/auth/device/approve", json={"user_code": login.user_code}, raw=True,
                                            timeout=PATIENCE)
        if approved.status_code != 200:
            return
        with ThreadPoolExecutor(len(self._nodes)) as pool:
            list(pool.map(lambda node: redeem(self._history, node, login, PATIENCE), self._nodes))

    def stop(self):
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=60)
            assert not thread.is_alive(), "a client still waits"
        assert not self._faults, self._faults[:3]

    def limits(self):
        return {key: self.ALLOWED for key in (*self.shares, *self.limited)}

    def counted(self, sql):
        """What the database has of each thing that is counted."""
        listed = self._account.get("/v1/shares/outbound", params={"limit": 1000}).json()["shares"]
        shares = {each["id"]: each["access_count"] for each in listed}
        secrets = dict(sql("SELECT s.path, v.access_count FROM secrets s JOIN secret_versions v ON v.secret_id = s.id"
                           f" WHERE s.vault_id = '{self._vault.id}' AND s.path LIKE 'limited/%'"))
        return {key: shares[key] for key in self.shares} | {key: secrets[key] for key in self.limited}

    def final(self, sql, node):
        """{key: {version: value}}: all versions as the database has them, the newest as the node gives it."""
        rows = sql("SELECT s.path, v.version FROM secrets s JOIN secret_versions v ON v.secret_id = s.id"
                   f" WHERE s.vault_id = '{self._vault.id}' AND s.path ~ '^(contended|alone)/' ORDER BY 1, 2")
        final = {}
        for path, version in rows:
            final.setdefault(path, {})[version] = None
        api = node.api(self._account.token)
        for path, versions in final.items():
            newest, _ = self._history.perform(Operation("read", path, node.index), lambda: api.get(self._vault.path(path)),
                                              newest_of)
            versions[newest.version] = newest.value
        return final
