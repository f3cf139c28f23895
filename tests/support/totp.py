"""A second factor as its owner has it: an authenticator app, played by oathtool."""

import subprocess
import time

STEP = 30


def code_of(secret, step):
    """The code of a step of 30 seconds since 1970."""
    return subprocess.run(["oathtool", "--totp", "--base32", "--now", f"@{step * STEP}", "-"], input=secret, text=True,
                          capture_output=True, check=True, timeout=60).stdout.strip()


def current_step():
    return int(time.time()) // STEP


class Factor:
    """The enabled factor of an account. Every code it gives is new to the server, and counts for half a minute."""

    def __init__(self, account, daemon):
        self.account = account
        self.daemon = daemon
        self.setup = account.post("/v1/auth/mfa/setup").json()
        self.secret = self.setup["secret"]
        self.last_step = 0
        response = account.post("/v1/auth/mfa/verify-setup", json={"code": self.code()})
        assert response.status_code == 200, response.text
        self.recovery_codes = response.json()["recovery_codes"]

    def code(self):
        """Two of them are at hand at any time; for more the server is made to forget what it accepted."""
        step = max(current_step(), self.last_step + 1)
        if step > current_step() + 1:
            self.daemon.psql_owner("UPDATE totp_factors SET last_step = 0"
                                   f" WHERE user_id = '{self.account.me()['id']}'")
            step = current_step()
        self.last_step = step
        return code_of(self.secret, step)

    def wrong_code(self):
        now = current_step()
        near = {code_of(self.secret, step) for step in range(now - 2, now + 3)}
        return next(code for code in ("000000", "000001", "000002", "000003", "000004", "000005") if code not in near)

    def challenge(self, password=None, api=None):
        """The mfa_token of a fresh login."""
        response = (api or self.account.anonymous()).post(
            "/v1/auth/token", json={"email": self.account.email, "password": password or self.account.password})
        assert response.status_code == 200, response.text
        return response.json()["mfa_token"]

    def verify(self, code, mfa_token=None, api=None):
        return (api or self.account.anonymous()).post(
            "/v1/auth/mfa/verify", json={"mfa_token": mfa_token or self.challenge(), "code": code})
