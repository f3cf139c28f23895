"""Shares, as clients make and use them."""

import datetime

LINK = "anyone_with_link"


def time_in(seconds):
    """A time from now as the API wants it."""
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.isoformat().replace("+00:00", "Z")


def ask(client, secret_id, recipient_type=LINK, seconds=3600, **members):
    """The answer to a request for a share."""
    body = {"recipient_type": recipient_type, "expires_at": time_in(seconds), **members}
    return client.post(f"/v1/secrets/{secret_id}/share", json=body)


def share(client, secret_id, recipient_type=LINK, **members):
    response = ask(client, secret_id, recipient_type, **members)
    assert response.status_code == 201, response.text
    return response.json()


def open_share(client, share_id, passphrase=None, **arguments):
    """Says that it wants JSON, as clients of the API do."""
    headers = {"Accept": "application/json"} | arguments.pop("headers", {})
    if passphrase is not None:
        headers["X-Share-Passphrase"] = passphrase
    return client.get(f"/v1/share/{share_id}", headers=headers, **arguments)


def accept(client, share_id):
    return client.post(f"/v1/shares/{share_id}/accept")


def outbound(client):
    return client.get("/v1/shares/outbound").json()["shares"]


def inbound(client):
    return client.get("/v1/shares/inbound").json()["shares"]


class Agent:
    """An agent of a person, and a client that is it."""

    def __init__(self, account, **members):
        made = account.post("/v1/agents", json={"name": "sharer", **members})
        assert made.status_code == 201, made.text
        self.id = made.json()["agent"]["id"]
        self.path = f"/v1/agents/{self.id}"
        self.client = account.with_token(made.json()["api_key"])

    def put_secret(self, path="own/secret", value="agents-value", **members):
        """In a vault of its own; the secret's id."""
        vault = self.client.post("/v1/vaults", json={"name": f"of-{self.id}"}).json()["id"]
        response = self.client.put(f"/v1/vaults/{vault}/secrets/{path}", json={"value": value, **members})
        assert response.status_code == 201, response.text
        return response.json()["id"]
