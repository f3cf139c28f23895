"""Agents and policies, as those make and feel them who may do so."""

import uuid

from .agents import claims_of
from .api import Vault

DENIED = "Insufficient permissions"
EVERYTHING = ["read", "write", "delete"]


class Agent:
    """An agent of an account's organisation: `key` is a client with its key."""

    def __init__(self, account, name="agent", **members):
        response = account.post("/v1/agents", json={"name": name, **members})
        assert response.status_code == 201, response.text
        self.id = response.json()["agent"]["id"]
        self.path = f"/v1/agents/{self.id}"
        self.key = account.with_token(response.json()["api_key"])

    def exchange(self):
        """A client with a token of now."""
        response = self.key.anonymous().post("/v1/auth/agent-token", json={"api_key": self.key.token})
        assert response.status_code == 200, response.text
        return self.key.with_token(response.json()["access_token"])

    def clients(self):
        return [self.key, self.exchange()]

    def put_secret(self, path="own/secret", value="agents-value", **members):
        """In a vault of its own; the secret's id."""
        response = make_vault(self.key, f"of-{self.id}").put(path, value, **members)
        assert response.status_code == 201, response.text
        return response.json()["id"]


def make_vault(client, name=None):
    response = client.post("/v1/vaults", json={"name": name or f"vault-{uuid.uuid4()}"})
    assert response.status_code == 201, response.text
    return Vault(client, response.json())


def scopes_of(client):
    return claims_of(client.token)["scopes"]


def body_for(principal, pattern="**", permissions=("read",), **members):
    kind, principal_id = ("agent", principal.id) if isinstance(principal, Agent) else ("user", principal)
    return {"secret_path_pattern": pattern, "principal_type": kind, "principal_id": principal_id,
            "permissions": list(permissions), **members}


def grant(vault, principal, pattern="**", permissions=("read",), by=None, **members):
    client = by or vault.account
    response = client.post(vault.path() + "/policies", json=body_for(principal, pattern, permissions, **members))
    assert response.status_code == 201, response.text
    return response.json()


def of(vault, policy):
    return f"{vault.path()}/policies/{policy['id']}"


def policies_of(vault, client=None):
    return (client or vault.account).get(vault.path() + "/policies").json()["policies"]


def listed(client, vault, **params):
    response = client.get(vault.path() + "/secrets", params=params)
    assert response.status_code == 200, response.text
    return [secret["path"] for secret in response.json()["secrets"]]


def may(client, vault, method, path):
    """Whether the answer is anything but the refusal of an absent permission."""
    body = {"value": "new"} if method == "PUT" else None
    response = client.request(method, vault.path(path), json=body)
    if response.status_code == 403:
        assert response.json()["detail"] == DENIED
    return response.status_code != 403
