"""Values, passwords, tokens and the PIN go through every path, and turn up nowhere."""

import base64
import secrets
from pathlib import Path

import pytest
from support import cmek, wait
from support.customer_token import CustomerToken
from support.browser_form import Browser
from support.device import Login, approve, refresh
from support.sharing import open_share, outbound, share
from support.totp import Factor


def spellings(text):
    """How a value could lie in a dump or a log."""
    plain = text.encode()
    encoded = base64.b64encode(plain).rstrip(b"=")[:-1]
    return {plain, plain.hex().encode(), encoded, base64.urlsafe_b64encode(plain).rstrip(b"=")[:-1]}


@pytest.fixture
def canaries(own_daemon):
    """Everything secret that the daemon was ever given or made here, after a life with errors."""
    values = [f"canary-{secrets.token_hex(16)}" for _ in range(6)]
    account = own_daemon.api().signup(password=f"Pa55-{secrets.token_hex(12)}!")
    vault = account.create_vault()
    assert vault.put("db/password", values[0]).status_code == 201
    assert vault.put("db/password", values[1], metadata={"note": "public"}).status_code in (200, 201)
    assert vault.get("db/password").status_code == 200
    own_daemon.api(account.login()).get("/v1/vaults")
    key = account.post("/v1/auth/api-keys", json={"name": "k"}).json()["api_key"]
    account.get("/v1/vaults", token=key)
    account.anonymous().post("/v1/auth/api-key-token", json={"api_key": key})
    agent_key = account.post("/v1/agents", json={"name": "a"}).json()["api_key"]
    account.get("/v1/agents/me", token=agent_key)
    account.anonymous().post("/v1/auth/agent-token", json={"api_key": agent_key})
    # Refusals that saw the secret.
    account.anonymous().post("/v1/auth/api-key-token", json={"api_key": key + "A"}, raw=True)
    account.get("/v1/vaults", token=key + "A", raw=True)
    account.put(vault.path("db/other"), data='{"value": "' + values[2] + '"', raw=True)
    account.put(vault.path("db/other"), json={"value": values[3], "type": 7}, raw=True)
    account.put(vault.path("db/../other"), json={"value": values[4]}, raw=True)
    account.anonymous().put(vault.path("db/other"), json={"value": values[5]}, raw=True)
    account.anonymous().post("/v1/auth/token", json={"email": account.email, "password": values[2]}, raw=True)
    account.with_token(account.token[:-4] + "AAAA").get("/v1/vaults", raw=True)
    new_password = f"N3w-{secrets.token_hex(12)}!"
    changed = account.post("/v1/auth/change-password",
                           json={"current_password": account.password, "new_password": new_password})
    assert changed.status_code == 200
    account.token = account.login(new_password)
    assert vault.delete_secret("db/password").status_code == 204
    secrets_of_shares = shares(own_daemon, account)
    secrets_of_devices = devices(own_daemon, account, new_password)
    secrets_of_mfa = second_factor(own_daemon, account, new_password)
    secrets_of_cmek = customer_keys(account) + customer_token(own_daemon, account)
    return [*values, *secrets_of_shares, *secrets_of_devices, *secrets_of_mfa, *secrets_of_cmek, account.password, new_password, account.token,
            key, agent_key, own_daemon.installation.token.pin]


def shares(daemon, account):
    """Links and a passphrase that opened a value, here and at the page, and did not."""
    value, passphrase = (f"canary-{secrets.token_hex(16)}" for _ in range(2))
    secret = account.create_vault().put("shared", value).json()["id"]
    links = [share(account, secret, passphrase=passphrase)["id"] for _ in range(2)]
    assert open_share(daemon.api(), links[0], passphrase).status_code == 200
    assert open_share(daemon.api(), links[0], passphrase + "x").status_code == 401
    browser = Browser(daemon)
    browser.headers["Accept"] = "text/html"
    browser.open(f"/v1/share/{links[0]}")
    assert value in browser.send(passphrase=passphrase).text
    assert outbound(account)
    assert account.delete(f"/v1/share/{links[1]}").status_code == 204
    assert open_share(daemon.api(), links[1]).status_code == 404
    return [value, passphrase, *links]


def customer_keys(account):
    """Keys of the customer that were handed over, rightly and wrongly, and what lay under them."""
    vault = account.create_vault()
    old, new, wrong = cmek.Key(), cmek.Key(), cmek.Key()
    value = f"canary-{secrets.token_hex(16)}"
    cmek.enable(vault, old)
    assert vault.put("sealed", old.seal(value)).status_code == 201
    assert cmek.rotate(vault, wrong, new).status_code == 400
    account.post(vault.path() + "/cmek-rotate", data="{", raw=True,
                 headers={"x-cmek-old-key": old.text, "x-cmek-new-key": wrong.text})
    account.anonymous().post(vault.path() + "/cmek-rotate", json={"new_fingerprint": new.fingerprint}, raw=True,
                             headers={"x-cmek-old-key": old.text, "x-cmek-new-key": new.text})
    assert cmek.rotated(vault, old, new)["status"] == "completed"
    assert new.open(vault.get("sealed").json()["value"]) == value
    return [value, *(key.text for key in (old, new, wrong)), *(key.raw.hex() for key in (old, new, wrong))]


def customer_token(daemon, account):
    """The PIN of a customer's token, used and refused, and what lay under a key there."""
    token = CustomerToken(daemon.installation, f"canary-{secrets.token_hex(4)}")
    token.make("key")
    setting = f"customer_token = {token.setting(account.me()['org_id'])}"
    daemon.config_path.write_text(daemon.config_path.read_text().replace("[hsm]\n", f"[hsm]\n{setting}\n"))
    daemon.restart()
    vault = account.create_vault()
    value = f"canary-{secrets.token_hex(16)}"
    assert vault.put("bound", value).status_code == 201
    path = vault.path() + "/customer-key"
    assert account.put(path, json={"token": token.label, "key": "key"}).status_code == 202
    wait.until(lambda: account.get(path).json()["state"] == "bound", "the vault to be bound", timeout=60)
    assert vault.get("bound").json()["value"] == value
    token.disable("key")
    wait.until(lambda: vault.get("bound").status_code == 403, "the vault to be closed")
    return [value, token.pin]


def second_factor(daemon, account, password):
    """Secret, recovery codes and challenges of a second factor that was used rightly and wrongly."""
    factor = Factor(account, daemon)
    challenges = [factor.challenge(password) for _ in range(3)]
    assert factor.verify(factor.code(), challenges[0]).status_code == 200
    assert factor.verify(factor.recovery_codes[0], challenges[1]).status_code == 200
    assert factor.verify(factor.recovery_codes[0], challenges[2]).status_code == 401
    account.anonymous().post("/v1/auth/mfa/verify", raw=True,
                             data='{"mfa_token": "' + challenges[2] + '", "code": "' + factor.recovery_codes[1] + '"')
    account.delete("/v1/auth/mfa", json={"code": factor.recovery_codes[2], "password": 7}, raw=True)
    account.with_token(challenges[2]).get("/v1/vaults", raw=True)
    return [factor.secret, *factor.recovery_codes, *challenges]


def devices(daemon, account, password):
    """Codes, tokens and cookies of a device login, approved at the page, and of one that was refused."""
    account.password = password
    logins = [Login(daemon.api(), daemon) for _ in range(2)]
    browser = Browser(daemon)
    browser.open()
    cookies = [browser.cookie]
    browser.send(email=account.email, password="Wr0ng-water-Level!")
    browser.sign_in(account)
    cookies.append(browser.cookie)
    browser.send(user_code=logins[0].user_code)
    browser.send(decision="approve", matches="yes")
    first = logins[0].poll()
    second = refresh(daemon.api(), first["refresh_token"])
    third = refresh(daemon.api(), second["refresh_token"])
    refresh(daemon.api(), first["refresh_token"])
    approve(account, logins[1], "deny")
    logins[1].poll()
    return [*cookies, *(tokens[name] for tokens in (first, second, third) for name in ("refresh_token", "access_token")),
            *(login.answer["device_code"] for login in logins), *(login.user_code for login in logins)]


def found_in(data, canaries):
    return [text for text in canaries for spelling in spellings(text) if spelling in data]


def test_they_are_not_in_the_log(own_daemon, canaries):
    assert own_daemon.stop() == 0
    assert not found_in(own_daemon.log_path.read_bytes(), canaries)


def test_they_are_not_in_health(own_daemon, canaries):
    for path in ("/v1/health", "/v1/health/hsm", "/v1/health/ready", "/v1/health/live"):
        assert not found_in(own_daemon.api().get(path).content, canaries)


def test_they_are_not_in_the_audit_log(own_daemon, canaries):
    def linked():
        return own_daemon.psql_owner("SELECT count(*) FROM audit_pending")[0][0] == 0
    wait.until(linked, "the records to be linked")
    rows = own_daemon.psql_owner("SELECT * FROM audit_events")
    assert len(rows) > 10
    assert not found_in(repr(rows).encode(), canaries)


def test_they_are_not_in_a_dump_of_the_database(own_daemon, canaries):
    dump = own_daemon.installation.cluster.dump(own_daemon.installation.database)
    assert b"db/password" in dump
    assert not found_in(dump, canaries)


def test_they_are_nowhere_in_the_files_of_the_database_server(own_daemon, canaries):
    """Tables, write-ahead log, server log: statements with parameters are not logged there."""
    cluster = own_daemon.installation.cluster
    cluster.sql("CHECKPOINT")
    files = [path for path in cluster.directory.rglob("*") if path.is_file()]
    assert files
    assert not [(str(path), text) for path in files for text in found_in(path.read_bytes(), canaries)]


def test_they_are_not_in_arguments_or_environment(own_daemon, canaries):
    for name in ("cmdline", "environ"):
        try:
            data = Path(f"/proc/{own_daemon.process.pid}/{name}").read_bytes()
        except PermissionError:
            assert name == "environ"  # only root may look, which is as good
            continue
        assert not found_in(data, canaries)
