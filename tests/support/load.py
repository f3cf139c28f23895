"""Clients that write and read without pause, and remember what they were told."""

import secrets
import threading

import requests


class Load:
    """Threads of one account on one vault. A request is answered, or it ends in a connection error."""

    def __init__(self, account, threads=4):
        self.vault = account.create_vault()
        self.acknowledged = {}  # path -> value of writes that got 2xx
        self.unanswered = set()  # paths of writes whose connection ended
        self.refused = set()  # paths of writes that got 503
        self.read_ids = set()  # X-Request-Id of reads that got 200
        self.faults = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(account.with_token(account.token), number))
                         for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def _work(self, client, number):
        count = 0
        while not self._stopping.is_set():
            count += 1
            path, value = f"load/{number}/{count}", secrets.token_hex(16)
            try:
                self._write(client, path, value)
                self._read(client, path)
            except requests.RequestException:
                if self._stopping.wait(0.02):
                    return

    def _write(self, client, path, value):
        try:
            response = client.put(self.vault.path(path), json={"value": value}, raw=True, timeout=60)
        except requests.RequestException:
            with self._lock:
                self.unanswered.add(path)
            raise
        with self._lock:
            if response.status_code in (200, 201):
                self.acknowledged[path] = value
            elif response.status_code == 503:
                self.refused.add(path)
            else:
                self.faults.append(f"PUT {path}: {response.status_code} {response.text}")

    def _read(self, client, path):
        with self._lock:
            value = self.acknowledged.get(path)
        if value is None:
            return
        response = client.get(self.vault.path(path), raw=True, timeout=60)
        with self._lock:
            if response.status_code == 200 and response.json()["value"] == value:
                self.read_ids.add(response.headers["X-Request-Id"])
            elif response.status_code != 503:
                self.faults.append(f"GET {path}: {response.status_code} {response.text}")

    def stop(self):
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=90)
            assert not thread.is_alive(), "a client of the load still waits"
        assert not self.faults, self.faults[:5]

    def acknowledged_writes_are_readable(self, account):
        for path, value in self.acknowledged.items():
            response = account.get(self.vault.path(path))
            assert response.status_code == 200 and response.json()["value"] == value, f"{path} is lost"

    def existing_paths(self, daemon):
        rows = daemon.psql_owner(f"SELECT path FROM secrets WHERE vault_id = '{self.vault.id}'")
        return {path for path, in rows}

    def audited_request_ids(self, daemon):
        return {identifier for identifier, in daemon.psql_owner("SELECT request_id FROM audit_events")}
