"""Shares, as clients make and use them."""

import datetime

LINK = "anyone_with_link"
VALUE = "the-shared-value"


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


def targeted(client, secret_id, recipient, kind="user", **members):
    """The id of a share with a person or an agent."""
    return share(client, secret_id, kind, recipient_id=recipient, **members)["id"]


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
