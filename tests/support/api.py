"""HTTP clients of the daemon. Every answer is held to docs/openapi.yaml unless `raw=True`."""

import secrets
import socket
import ssl
from urllib.parse import quote, urlsplit

import requests

from . import openapi

TIMEOUT = 30


class _From(requests.adapters.HTTPAdapter):
    """Connections from another address of this machine."""

    def __init__(self, address):
        self.address = address
        super().__init__()

    def init_poolmanager(self, *arguments, **named):
        super().init_poolmanager(*arguments, source_address=(self.address, 0), **named)


class Api:
    """Requests to one daemon, with a token or without."""

    def __init__(self, base_url, ca, token=None):
        self.base_url = base_url
        self.ca = str(ca)
        self.token = token
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = self.ca

    def request(self, method, path, *, raw=False, token=None, headers=None, timeout=TIMEOUT, **arguments):
        headers = dict(headers or {})
        bearer = token if token is not None else self.token
        if bearer:
            headers.setdefault("Authorization", f"Bearer {bearer}")
        response = self.session.request(
            method, self.base_url + path, headers=headers, timeout=timeout, allow_redirects=False, **arguments)
        if not raw:
            openapi.check(method, response)
        return response

    def get(self, path, **arguments):
        return self.request("GET", path, **arguments)

    def post(self, path, json=None, **arguments):
        return self.request("POST", path, json=json, **arguments)

    def put(self, path, json=None, **arguments):
        return self.request("PUT", path, json=json, **arguments)

    def patch(self, path, json=None, **arguments):
        return self.request("PATCH", path, json=json, **arguments)

    def delete(self, path, **arguments):
        return self.request("DELETE", path, **arguments)

    def anonymous(self):
        return Api(self.base_url, self.ca)

    def with_token(self, token):
        return Api(self.base_url, self.ca, token)

    def from_address(self, address):
        """The same daemon without a token, reached from another address: "127.0.0.2"."""
        client = self.anonymous()
        client.session.mount("https://", _From(address))
        return client

    def signup(self, email=None, password=None, **members):
        """A new account in an organisation of its own."""
        email = email or f"{secrets.token_hex(8)}@example.org"
        password = password or f"Gr0und-{secrets.token_hex(8)}-Water!"
        response = self.anonymous().post("/v1/auth/signup", json={"email": email, "password": password, **members})
        assert response.status_code == 200, response.text
        return Account(self.base_url, self.ca, response.json()["access_token"], email, password)

    def me(self):
        """The person whose token this is."""
        return self.get("/v1/auth/me").json()

    def exchange(self, request, timeout=TIMEOUT):
        """Sends these very bytes on a fresh connection; returns all bytes until the server closes."""
        address = urlsplit(self.base_url)
        context = ssl.create_default_context(cafile=self.ca)
        received = b""
        with socket.create_connection((address.hostname, address.port), timeout=timeout) as plain:
            with context.wrap_socket(plain, server_hostname=address.hostname) as connection:
                connection.sendall(request)
                while block := connection.recv(65536):
                    received += block
        return received


class Account(Api):
    """A signed-up person; requests carry their token."""

    def __init__(self, base_url, ca, token, email, password):
        super().__init__(base_url, ca, token)
        self.email = email
        self.password = password

    def login(self, password=None):
        """A further token of the same person."""
        response = self.anonymous().post(
            "/v1/auth/token", json={"email": self.email, "password": password or self.password})
        assert response.status_code == 200, response.text
        return response.json()["access_token"]

    def create_vault(self, name=None, **members):
        response = self.post("/v1/vaults", json={"name": name or f"vault-{secrets.token_hex(6)}", **members})
        assert response.status_code == 201, response.text
        return Vault(self, response.json())


class Vault:
    """A vault of one account."""

    def __init__(self, account, body):
        self.account = account
        self.body = body
        self.id = body["id"]
        self.name = body["name"]

    def path(self, secret=None):
        base = f"/v1/vaults/{self.id}"
        return base if secret is None else f"{base}/secrets/{quote(secret)}"

    def put(self, secret, value, **members):
        arguments = {name: members.pop(name) for name in ("raw", "timeout") if name in members}
        return self.account.put(self.path(secret), json={"type": "password", "value": value, **members}, **arguments)

    def get(self, secret, **arguments):
        return self.account.get(self.path(secret), **arguments)

    def delete_secret(self, secret, **arguments):
        return self.account.delete(self.path(secret), **arguments)
