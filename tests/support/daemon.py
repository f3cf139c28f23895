"""clavigerd as a process, and the installation (database, token, certificate) it serves."""

import json
import os
import signal
import subprocess
from pathlib import Path

import requests

from . import key_process, wait
from .api import Api
from .faults import Faults
from .paths import CLAVIGERD, FAULT_MODULE, SOFTHSM_MODULE, SOURCE
from .ports import free_port
from .postgres import APP, OWNER
from .token import Token

# Sanitizer builds start and stop slowly.
START_TIMEOUT = 60
STOP_TIMEOUT = 60
ROOT_FLAGS = ["--allow-root"] if os.geteuid() == 0 else []


def clean_environment():
    """Ours without keys that would leak into the daemon's configuration."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CLAVIGER_")}


class Installation:
    """A database, a token and a certificate: what one or more daemons share."""

    def __init__(self, cluster, directory, prepare=True):
        self.cluster = cluster
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.database = cluster.create_database()
        self.token = Token(self.directory)
        self.tls = self.directory / "tls"
        self._daemons = []
        subprocess.run([str(SOURCE / "scripts" / "dev-ca"), str(self.tls)], check=True, capture_output=True, timeout=60)
        self.ca = self.tls / "ca.crt"
        if prepare:
            for command in ("init", "migrate"):
                result = self.run(command)
                assert result.returncode == 0, f"clavigerd {command}: {result.stderr}"

    def settings(self, port=0, **overrides):
        """Keys and values; an override of None removes its key. Dots are written as double underscores."""
        values = {
            "auth.signup": "direct",
            "log.level": "debug",
            "metrics.readers": "127.0.0.1",
            "process.startup_wait": "5s",
            "http.listen": f"127.0.0.1:{port}",
            "http.certificate": self.tls / "server.crt",
            "http.private_key": self.tls / "server.key",
            "database.conninfo": self.cluster.conninfo(APP, self.database),
            "database.owner_conninfo": self.cluster.conninfo(OWNER, self.database),
            "hsm.module": SOFTHSM_MODULE,
            "hsm.token_label": self.token.label,
            "hsm.pin_file": self.token.pin_file,
            "hsm.write_path": [self.token.tokens],
            "password.memory_kib": 8192,
            "password.passes": 1,
            # All tests of a run come from one address and log in all the time.
            "limits.requests_per_second": 100000,
            "limits.requests_burst": 100000,
            "limits.auth_requests_per_second": 100000,
            "limits.auth_requests_burst": 100000,
            "limits.guesses_per_address": 1000000,
            "limits.guesses_per_account": 1000,
            "limits.guesses_per_familiar": 1000,
            "limits.guesses_in_all": 1000000,
            "limits.invitations_per_organisation": 1000000,
            "limits.shares_per_minute": 0,
        }
        values |= {name.replace("__", "."): value for name, value in overrides.items()}
        return {name: value for name, value in values.items() if value is not None}

    def write_config(self, path, port=0, **overrides):
        sections = {}
        for name, value in self.settings(port, **overrides).items():
            section, _, key = name.rpartition(".")
            sections.setdefault(section, []).extend(
                f"{key} = {each}" for each in (value if isinstance(value, list) else [value]))
        # Keys without a section must come first.
        text = "".join((f"[{section}]\n" if section else "") + "\n".join(lines) + "\n"
                       for section, lines in sorted(sections.items()))
        path.write_text(text)
        path.chmod(0o600)
        return path

    def environment(self, extra=None):
        return clean_environment() | self.token.environment | (extra or {})

    def run(self, command, *flags, config=None, environment=None, timeout=START_TIMEOUT, **overrides):
        """Runs one subcommand to its end; returns the completed process with text output."""
        path = config or self.write_config(self.directory / f"{command}.conf", **overrides)
        root = ROOT_FLAGS if command in ("run", "init") else []
        return subprocess.run([str(CLAVIGERD), command, "--config", str(path), *root, *flags], capture_output=True,
                              text=True, timeout=timeout, env=self.environment(environment))

    def daemon(self, name="daemon", environment=None, start=True, host=None, **overrides):
        """A further daemon on this installation, stopped with it; `host`: where (support/network.py), if not here."""
        daemon = Daemon(self, name, environment, overrides, host)
        self._daemons.append(daemon)
        if start:
            daemon.start()
        return daemon

    def faulty_daemon(self, name="faulty", start=True, **overrides):
        """A daemon on the fault module; its `faults` sets and clears them."""
        directory = self.directory / f"{name}.faults"
        directory.mkdir(exist_ok=True)
        faults = Faults(directory / "rules")
        overrides = {"hsm__write_path": [self.token.tokens, directory]} | overrides
        daemon = self.daemon(name, faults.environment, start, hsm__module=FAULT_MODULE, **overrides)
        daemon.faults = faults
        return daemon

    def sql(self, text, role=OWNER):
        return self.cluster.sql(text, role, self.database)

    def close(self):
        for daemon in self._daemons:
            daemon.kill9()


class Daemon:
    """One clavigerd on a port of its own, which it keeps over restarts."""

    def __init__(self, installation, name, environment, overrides, host=None):
        self.installation = installation
        self.ca = installation.ca
        self.host = host
        self.port = free_port()
        address = f"{host.address if host else '127.0.0.1'}:{self.port}"
        self.base_url = f"https://{address}"
        self.state = installation.directory / f"{name}.state"
        self.state.mkdir(mode=0o700, exist_ok=True)
        overrides = {"process__state_directory": self.state, "http__listen": address} | overrides
        self.log_path = installation.directory / f"{name}.log"
        self.config_path = installation.write_config(
            installation.directory / f"{name}.conf", self.port, **overrides)
        self._environment = environment
        self.process = None

    def start(self, ready=True, flags=ROOT_FLAGS):
        command = [str(CLAVIGERD), "run", "--config", str(self.config_path), *flags]
        if self.host:
            command = [*self.host.enter(), *command]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.installation.environment(self._environment))
        if ready:
            self.wait_ready()

    def wait_ready(self, timeout=START_TIMEOUT):
        wait.until(self._is_ready, f"{self.base_url} to be ready; its log:\n{self.log_text()[-3000:]}", timeout)

    def _is_ready(self):
        assert self.process.poll() is None, f"clavigerd ended with {self.process.returncode}:\n{self.log_text()[-3000:]}"
        try:
            return self.api().get("/v1/health/ready", raw=True, timeout=5).status_code == 200
        except requests.RequestException:
            return False

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def pause(self):
        """SIGSTOP; returns when none of its threads runs any more."""
        self.signal(signal.SIGSTOP)

        def stopped():
            try:
                return all(task.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "T"
                           for task in Path(f"/proc/{self.process.pid}/task").iterdir())
            except (FileNotFoundError, ProcessLookupError):  # a thread that ends
                return False
        wait.until(stopped, "it to stop")

    def resume(self):
        self.signal(signal.SIGCONT)

    def stop(self, timeout=STOP_TIMEOUT):
        """SIGTERM; returns the exit status."""
        self.signal(signal.SIGTERM)
        return self.process.wait(timeout=timeout)

    def kill9(self):
        """Returns when its key processes have ended, too: some tokens are not found while one is being let go."""
        if self.running:
            others = key_process.beside(self)
            self.installation.token.kill(self.process)
            wait.until(lambda: all(map(key_process.gone, others)), "its key processes to end", 60)

    def restart(self):
        assert self.stop() == 0, self.log_text()[-3000:]
        self.start()

    def log_text(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def logs(self):
        """The log's lines as objects; lines that are not JSON (a refusal, a sanitizer) are left out."""
        return [json.loads(line) for line in self.log_text().splitlines() if line.startswith("{")]

    def api(self, token=None):
        return Api(self.base_url, self.ca, token)

    def psql_owner(self, text):
        """Runs one statement in the daemon's database under the owner role; returns its rows, or None."""
        return self.installation.sql(text)

    def holding(self, text):
        """Keeps the locks of a statement: with daemon.holding("... FOR UPDATE") as waiting: ... waiting() == 2."""
        return self.installation.cluster.holding(text, self.installation.database)
