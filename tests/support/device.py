"""A device that logs in, and what it and the person who approves it send."""

import json

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class Login:
    """A device that waits."""

    def __init__(self, api, daemon, offline=True, **members):
        self.api = api.anonymous()
        self.daemon = daemon
        if offline:
            members["scope"] = "offline_access"
        response = self.api.post("/v1/auth/device/code", json={"client_id": "cli", **members})
        assert response.status_code == 200, response.text
        self.answer = response.json()
        self.user_code = self.answer["user_code"]

    def poll(self, api=None, patient=True):
        """As a patient device: as if it had waited since its last poll."""
        if patient:
            self.rewind(100)
        response = (api or self.api).post("/v1/auth/device/token", json={
            "grant_type": GRANT, "device_code": self.answer["device_code"]})
        assert response.status_code == 200, response.text
        return response.json()

    def rewind(self, seconds):
        self.daemon.psql_owner(f"UPDATE device_codes SET polled_at = polled_at - interval '{seconds} s'")

    def tokens(self, account):
        assert approve(account, self).status_code == 200
        return self.poll()


def approve(account, login, verb="approve"):
    return account.post(f"/v1/auth/device/{verb}", json={"user_code": login.user_code})


def refresh(api, token):
    response = api.anonymous().post("/v1/auth/device/token", json={"grant_type": "refresh_token", "refresh_token": token})
    assert response.status_code == 200, response.text
    return response.json()


def reasons(daemon, action="auth.failure"):
    rows = daemon.psql_owner(f"SELECT outcome, details FROM audit_events WHERE action = '{action}' ORDER BY created_at")
    return [(outcome, json.loads(details).get("reason")) for outcome, details in rows]
