"""Customer-managed keys as a client holds them, made independently of the product's code."""

import base64
import hashlib
import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from . import wait

FORMAT = b"\x01"


class Key:
    """AES-256-GCM without additional data: base64 of 0x01, IV, ciphertext and tag."""

    def __init__(self, raw=None):
        self.raw = raw or secrets.token_bytes(32)

    @property
    def fingerprint(self):
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def text(self):
        return base64.b64encode(self.raw).decode()

    def seal(self, value):
        iv = secrets.token_bytes(12)
        data = value.encode() if isinstance(value, str) else value
        return base64.b64encode(FORMAT + iv + AESGCM(self.raw).encrypt(iv, data, None)).decode()

    def open(self, blob):
        data = base64.b64decode(blob, validate=True)
        assert data[:1] == FORMAT
        return AESGCM(self.raw).decrypt(data[1:13], data[13:], None).decode()


def enable(vault, key):
    response = vault.account.post(vault.path() + "/cmek", json={"fingerprint": key.fingerprint})
    assert response.status_code == 200, response.text
    return response.json()


def disable(vault):
    response = vault.account.delete(vault.path() + "/cmek")
    assert response.status_code == 200, response.text
    return response.json()


def state(vault, client=None):
    return (client or vault.account).get(vault.path()).json()


def fingerprints(daemon, vault):
    """Path, version and fingerprint of every version, in hexadecimal; None: the value is the client's own."""
    return daemon.psql_owner(
        "SELECT s.path, r.version, encode(r.cmek_fingerprint, 'hex') FROM secret_versions r JOIN secrets s "
        f"ON s.id = r.secret_id WHERE r.vault_id = '{vault.id}' ORDER BY s.path, r.version")


def rotate(vault, old, new, by=None, **arguments):
    """The answer to a request to exchange `old` for `new`."""
    return (by or vault.account).post(vault.path() + "/cmek-rotate", json={"new_fingerprint": new.fingerprint},
                                      headers={"x-cmek-old-key": old.text, "X-CMEK-New-Key": new.text}, **arguments)


def started(vault, old, new):
    response = rotate(vault, old, new)
    assert response.status_code == 202, response.text
    assert response.json()["status"] in ("running", "completed")
    return response.json()


def job(vault, rotation):
    response = vault.account.get(f"{vault.path()}/cmek-rotate/{rotation['id']}")
    assert response.status_code == 200, response.text
    return response.json()


def ended(vault, rotation, timeout=60):
    return wait.until(lambda: (now := job(vault, rotation))["status"] != "running" and now, "the rotation to end",
                      timeout=timeout)


def rotated(vault, old, new):
    """A rotation from beginning to end, as clients do it: they ask as long as it is `running`."""
    return ended(vault, started(vault, old, new))
