"""Another token of SoftHSM's, to which an installation moves, and the command that moves it."""

import os
import secrets
import shutil
import signal
import subprocess

from . import wait
from .daemon import ROOT_FLAGS
from .paths import CLAVIGERD, SOFTHSM_MODULE


class NextToken:
    def __init__(self, installation, label="claviger-next", module=SOFTHSM_MODULE):
        self.label = label
        self.module = module
        self.pin_file = installation.directory / f"{label}.pin"
        self.pin_file.write_text(secrets.token_hex(8))
        self.pin_file.chmod(0o600)
        tokens = installation.token.tokens
        before = set(tokens.iterdir())
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", self.pin_file.read_text(),
                        "--so-pin", secrets.token_hex(8)], env=os.environ | installation.token.environment, check=True,
                       capture_output=True, timeout=30)
        self.directory, = set(tokens.iterdir()) - before
        self.before, = before  # the directory of the old token
        self._file = self.directory / "token.object"
        self._copy = installation.directory / f"{label}.object"
        shutil.copy(self._file, self._copy)

    @property
    def name(self):
        """As --to has it."""
        return f"{self.module}/{self.label}"

    @property
    def beside(self):
        """Settings of a node that has both."""
        module = {"hsm__next_module": self.module} if self.module != SOFTHSM_MODULE else {}
        return {"hsm__next_token_label": self.label, "hsm__next_pin_file": self.pin_file} | module

    @property
    def alone(self):
        return {"hsm__module": self.module, "hsm__token_label": self.label, "hsm__pin_file": self.pin_file}

    def mend(self):
        """After a SIGKILL: as Token.kill does for the old one."""
        if self._file.stat().st_size == 0:
            shutil.copy(self._copy, self._copy.with_suffix(".new"))
            self._copy.with_suffix(".new").replace(self._file)


class Rekey:
    """clavigerd rekey as a process."""

    def __init__(self, installation, token, *words, name="rekey", **overrides):
        self._old, self._next = installation.token, token
        self.output = installation.directory / f"{name}.out"
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(command(installation, token, *words, name=name, **overrides), stdout=output,
                                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                            env=installation.environment())

    def said(self, text):
        assert self.process.poll() in (None, 0, -signal.SIGKILL), self.output.read_text()
        return text in self.output.read_text()

    def await_line(self, text, timeout=90):
        wait.until(lambda: self.said(text), f"{text!r} to be said", timeout)
        return self

    def await_end(self, timeout=300, code=0):
        assert self.process.wait(timeout=timeout) == code, self.output.read_text()
        return self.output.read_text()

    def kill9(self):
        self._old.kill(self.process)
        self._next.mend()


def command(installation, token, *words, name="operator", to=None, **overrides):
    verb = ["rekey", *(word for word in words if not word.startswith("-"))]
    flags = [word for word in words if word.startswith("-")]
    config = installation.write_config(installation.directory / f"{name}.conf", **overrides)
    return [str(CLAVIGERD), *verb, "--config", str(config), "--to", to or token.name, "--pin-file", str(token.pin_file),
            *flags, *ROOT_FLAGS]


def run(installation, token, *words, code=0, timeout=300, **overrides):
    """Runs it to its end; what it said, on either channel."""
    result = subprocess.run(command(installation, token, *words, **overrides), capture_output=True, text=True,
                            timeout=timeout, env=installation.environment())
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout + result.stderr
