"""An HTTPS key that lives in the token, and certificates for it."""

import shutil
import subprocess

from .daemon import ROOT_FLAGS, START_TIMEOUT
from .paths import CLAVIGERD, SOURCE

URI = "pkcs11:object=claviger-tls"
NAMES = ("--dns", "localhost", "--ip", "127.0.0.1", "--ip", "::1")


class TlsKey:
    """A directory with the installation's authority and a certificate of it for the key in the token."""

    def __init__(self, installation, name="tls-key"):
        self.installation = installation
        self.directory = installation.directory / name
        self.directory.mkdir()
        for file in ("ca.crt", "ca.key"):
            shutil.copy(installation.tls / file, self.directory / file)
        self.certificate = self.directory / "server.crt"
        self.request = self.directory / "server.csr"

    def run(self, *words):
        """`clavigerd tls WORDS`."""
        config = self.installation.write_config(self.directory / "tls.conf", http__certificate=self.certificate)
        return subprocess.run([str(CLAVIGERD), "tls", *words, "--config", str(config), *ROOT_FLAGS], text=True,
                              capture_output=True, timeout=START_TIMEOUT, env=self.installation.environment())

    def certify(self, *flags):
        """Has a certificate made for the newest key, or with --new-key for a newer one."""
        result = self.run("request", *NAMES, *flags)
        assert result.returncode == 0, result.stderr
        self.request.write_text(result.stdout)
        subprocess.run([str(SOURCE / "scripts" / "dev-ca"), str(self.directory), str(self.request)], check=True,
                       timeout=60)
        return self

    def settings(self, key=URI):
        return {"http__certificate": self.certificate, "http__private_key": key}
