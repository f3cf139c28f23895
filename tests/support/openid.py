"""A real OpenID provider on loopback, and a person who signs in there with a browser."""

import json
import re
import secrets
import subprocess
import urllib.parse

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from support.paths import SOURCE
from support.ports import free_port

MODULES = SOURCE / "build" / "node" / "oidc"
CALLBACK = "https://client.invalid/callback"


def _number(value, size=None):
    return encode(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def encode(data):
    import base64
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def new_key(algorithm):
    """A private JWK."""
    jwk = {"kid": f"{algorithm}-{secrets.token_hex(4)}", "use": "sig", "alg": algorithm}
    if algorithm in ("RS256", "PS256"):
        numbers = rsa.generate_private_key(65537, 2048).private_numbers()
        public = numbers.public_numbers
        return jwk | {"kty": "RSA", "n": _number(public.n), "e": _number(public.e), "d": _number(numbers.d),
                      "p": _number(numbers.p), "q": _number(numbers.q), "dp": _number(numbers.dmp1),
                      "dq": _number(numbers.dmq1), "qi": _number(numbers.iqmp)}
    if algorithm == "ES256":
        numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()
        public = numbers.public_numbers
        return jwk | {"kty": "EC", "crv": "P-256", "x": _number(public.x, 32), "y": _number(public.y, 32),
                      "d": _number(numbers.private_value, 32)}
    key = ed25519.Ed25519PrivateKey.generate()
    raw = serialization.Encoding.Raw
    return jwk | {"kty": "OKP", "crv": "Ed25519",
                  "x": encode(key.public_key().public_bytes(raw, serialization.PublicFormat.Raw)),
                  "d": encode(key.private_bytes(raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()))}


class OpenIdProvider:
    """oidc-provider, with one client for each signing algorithm: its id is the algorithm in lower case."""

    ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")

    def __init__(self, directory, tls):
        assert (MODULES / "installed").exists(), "run scripts/node-modules first"
        self.directory = directory
        self.tls = tls
        self.port = free_port()
        self.issuer = f"https://localhost:{self.port}"
        self.accounts = {}
        self.keys = [new_key(algorithm) for algorithm in self.ALGORITHMS]
        self.process = None
        self.start()

    def start(self):
        config = self.directory / "provider.json"
        self._write_accounts()
        config.write_text(json.dumps({
            "issuer": self.issuer, "port": self.port, "modules": str(MODULES),
            "certificate": str(self.tls / "server.crt"), "private_key": str(self.tls / "server.key"),
            "accounts": str(self.directory / "accounts.json"), "jwks": {"keys": self.keys},
            "clients": [{"client_id": algorithm.lower(), "id_token_signed_response_alg": algorithm,
                         "client_secret": "s" * 32, "grant_types": ["implicit"], "response_types": ["id_token"],
                         "redirect_uris": [CALLBACK]} for algorithm in (*self.ALGORITHMS, "HS256")]}))
        with open(self.directory / "provider.log", "ab") as log:
            self.process = subprocess.Popen(["node", str(SOURCE / "tests/oidc/provider.mjs"), str(config)],
                                            stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout.readline() == "serving\n", (self.directory / "provider.log").read_text()[-2000:]

    def stop(self):
        self.process.kill()
        self.process.wait(timeout=30)
        self.process.stdout.close()

    def rotate(self):
        """New keys only, as after a leak."""
        self.stop()
        self.keys = [new_key(algorithm) for algorithm in self.ALGORITHMS]
        self.start()

    def add(self, subject=None, **claims):
        """An account at the provider; returns its subject."""
        subject = subject or secrets.token_hex(8)
        self.accounts[subject] = {"email": f"{subject}@example.org", "email_verified": True, "name": "Ada"} | claims
        self._write_accounts()
        return subject

    def _write_accounts(self):
        (self.directory / "accounts.json").write_text(json.dumps(self.accounts))

    def id_token(self, subject, client="rs256"):
        """What the provider gives the client when that person signs in: through its own pages."""
        browser = requests.Session()
        browser.verify = str(self.tls / "ca.crt")
        browser.trust_env = False
        query = urllib.parse.urlencode({"client_id": client, "response_type": "id_token", "redirect_uri": CALLBACK,
                                        "scope": "openid email profile", "nonce": secrets.token_hex(8)})
        url, form = f"{self.issuer}/auth?{query}", None
        for _ in range(12):
            response = browser.request("POST" if form else "GET", url, data=form, allow_redirects=False, timeout=30)
            form = None
            if response.is_redirect:
                url = urllib.parse.urljoin(url, response.headers["Location"])
                if url.startswith(CALLBACK):
                    return urllib.parse.parse_qs(urllib.parse.urlsplit(url).fragment)["id_token"][0]
                continue
            assert response.status_code == 200, response.text[-2000:]
            prompt = re.search(r'name="prompt" value="(\w+)"', response.text).group(1)
            form = {"prompt": prompt} | ({"login": subject, "password": "x"} if prompt == "login" else {})
        raise AssertionError("the provider asks for ever")
