"""A SoftHSM token of its own, in a directory."""

import os
import secrets
import shutil
import subprocess
import time

LABEL = "claviger-test"


class Token:
    """`environment` is what a process needs to see the token; `pin_file` holds its PIN."""

    def __init__(self, directory, label=LABEL):
        self.directory = directory
        self.label = label
        self.pin = secrets.token_hex(8)
        self.pin_file = directory / "pin"
        self.configuration = directory / "softhsm2.conf"
        self.tokens = directory / "tokens"
        self._make()

    @property
    def environment(self):
        return {"SOFTHSM2_CONF": str(self.configuration)}

    def _make(self):
        self.tokens.mkdir(parents=True, mode=0o700)
        self.configuration.write_text(
            f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
        self.pin_file.write_text(self.pin)
        self.pin_file.chmod(0o600)
        self.initialize()
        [self._file] = self.tokens.glob("*/token.object")
        self._copy = self.directory / "token.object"
        shutil.copy(self._file, self._copy)

    def initialize(self):
        """A fresh token of our label and PIN in the directory."""
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", self.label, "--pin", self.pin,
             "--so-pin", secrets.token_hex(8)],
            env=os.environ | self.environment, check=True, capture_output=True, timeout=30)

    def kill(self, process):
        """SIGKILL. SoftHSM empties its token's file before it writes it, at each login: a process that is killed
        then takes the token with it, as no HSM does. The file is put back."""
        process.kill()
        process.wait(timeout=30)
        for _ in range(20):  # another process may be writing it just now
            if not self._file.exists() or self._file.stat().st_size > 0:
                return
            time.sleep(0.01)
        shutil.copy(self._copy, self._copy.with_suffix(".new"))
        self._copy.with_suffix(".new").replace(self._file)
