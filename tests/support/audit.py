"""The log, as an organisation reads it."""

from . import wait

ZERO = "0" * 64


def events(client, **filters):
    """Newest first."""
    response = client.get("/v1/audit/events", params=filters)
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["count"] == len(body["events"])
    return body["events"]


def pages(client, path, name, key, **parameters):
    """All elements of a paged export route."""
    elements = []
    after = 0
    while True:
        body = client.get(path, params={"after": after, **parameters}).json()
        assert body["count"] == len(body[name])
        if not body[name]:
            return elements
        elements += body[name]
        after = elements[-1][key]


def linked(client, event_id):
    """The event once the linker has linked it."""
    def find():
        return next((e for e in events(client, limit=1000) if e["id"] == event_id and "sequence" in e), None)
    return wait.until(find, "the event to be linked")
