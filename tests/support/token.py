"""A SoftHSM token of its own, in a directory."""

import os
import secrets
import subprocess

LABEL = "claviger-test"


class Token:
    """`environment` is what a process needs to see the token; `pin_file` holds its PIN."""

    def __init__(self, directory, label=LABEL):
        self.directory = directory
        self.label = label
        self.pin = secrets.token_hex(8)
        self.pin_file = directory / "pin"
        self.configuration = directory / "softhsm2.conf"
        self._make()

    @property
    def environment(self):
        return {"SOFTHSM2_CONF": str(self.configuration)}

    def _make(self):
        tokens = self.directory / "tokens"
        tokens.mkdir(parents=True, mode=0o700)
        self.configuration.write_text(
            f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
        self.pin_file.write_text(self.pin)
        self.pin_file.chmod(0o600)
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", self.label, "--pin", self.pin,
             "--so-pin", secrets.token_hex(8)],
            env=os.environ | self.environment, check=True, capture_output=True, timeout=30)
