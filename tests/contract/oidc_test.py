"""googleAuth: sign-in with accounts of a real OpenID provider."""

import base64
import concurrent.futures
import json
import secrets

import pytest
from support import wait
from support.openid import OpenIdProvider, encode
from support.totp import Factor

REFUSAL = "Invalid or expired token"
ROUTE = "/v1/auth/google"


@pytest.fixture(scope="module")
def provider(installation, tmp_path_factory):
    provider = OpenIdProvider(tmp_path_factory.mktemp("provider"), installation.tls)
    yield provider
    provider.stop()


def settings(provider, **overrides):
    return {"oidc__issuer": provider.issuer, "oidc__client_id": ["rs256", "es256", "eddsa"],
            "oidc__ca_file": provider.tls / "ca.crt", "oidc__signup": "true"} | overrides


@pytest.fixture(scope="module")
def open_daemon(installation, provider):
    """Whoever signs in at the provider gets an account."""
    daemon = installation.daemon("oidc", **settings(provider))
    yield daemon
    assert daemon.stop() == 0


@pytest.fixture
def door(open_daemon):
    return open_daemon.api()


def sign_in(api, id_token):
    return api.post(ROUTE, json={"id_token": id_token})


def token_of(api, id_token):
    response = sign_in(api, id_token)
    assert response.status_code == 200, response.text
    assert set(response.json()) == {"access_token", "token_type", "expires_in"}
    return response.json()["access_token"]


def profile_of(api, id_token):
    return api.get("/v1/auth/me", token=token_of(api, id_token)).json()


def assert_forbidden(response, words):
    assert response.status_code == 403 and words in response.json()["detail"], response.text


def events(api, token, **filters):
    return api.get("/v1/audit/events", params=filters, token=token).json()["events"]


@pytest.mark.parametrize("algorithm", ["rs256", "es256", "eddsa"])
def test_the_first_sign_in_makes_an_account_and_the_next_finds_it(provider, door, algorithm):
    subject = provider.add(name="Ada Lovelace")
    profile = profile_of(door, provider.id_token(subject, algorithm))
    assert profile["email"] == f"{subject}@example.org" and profile["display_name"] == "Ada Lovelace"
    assert (profile["auth_method"], profile["role"], profile["email_verified"]) == ("google", "owner", True)
    again = token_of(door, provider.id_token(subject, algorithm))
    assert door.get("/v1/auth/me", token=again).json()["id"] == profile["id"]
    recorded = [(event["action"], event["details"].get("method")) for event in events(door, again)
                if event["action"] in ("auth.signup", "auth.success")]
    assert sorted(recorded) == [("auth.signup", "oidc"), ("auth.success", "oidc")]


def test_a_provider_that_is_not_configured_is_said_so(api):
    response = sign_in(api, "x.y.z")
    assert response.status_code == 400 and "not configured" in response.json()["detail"]


@pytest.mark.parametrize("body", [{}, {"id_token": ""}, {"id_token": 7}, {"id_token": "x" * 16385}, []])
def test_what_is_no_request_is_refused(door, body):
    assert door.post(ROUTE, json=body).status_code == 400


@pytest.mark.parametrize("client", ["ps256", "hs256"])
def test_tokens_of_other_algorithms_are_refused(provider, door, client):
    response = sign_in(door, provider.id_token(provider.add(), client))
    assert response.status_code == 401 and response.json()["detail"] == REFUSAL


def test_a_token_for_another_client_is_refused(installation, provider):
    daemon = installation.daemon("other-client", **settings(provider, oidc__client_id=["es256"]))
    response = sign_in(daemon.api(), provider.id_token(provider.add(), "rs256"))
    assert response.status_code == 401 and response.json()["detail"] == REFUSAL
    assert daemon.stop() == 0


def test_a_forged_token_gets_the_one_refusal(provider, door, open_daemon):
    subject = provider.add()
    genuine = provider.id_token(subject)
    header, claims, signature = genuine.split(".")
    other = provider.id_token(provider.add()).split(".")
    decoded = json.loads(base64.urlsafe_b64decode(header + "=="))
    kid = {"kid": decoded["kid"]}
    forged = [f"{encode(json.dumps({'alg': 'none'} | kid).encode())}.{claims}.",
              f"{encode(json.dumps({'alg': 'HS256'} | kid).encode())}.{claims}.{signature}",
              f"{encode(json.dumps(decoded | {'kid': 'no-such-key'}).encode())}.{claims}.{signature}",
              f"{header}.{other[1]}.{signature}", f"{header}.{claims}.{other[2]}", f"{header}.{claims}",
              f"{header}.{claims}.{signature}=", f"{genuine}.", genuine[:-4], "..", "x"]
    for token in forged:
        response = sign_in(door, token)
        assert (response.status_code, response.json()["detail"]) == (401, REFUSAL), token
    assert signature not in open_daemon.log_text() and claims not in open_daemon.log_text()


def test_an_id_token_is_no_access_token_and_an_access_token_no_id_token(provider, door):
    id_token = provider.id_token(provider.add())
    token = token_of(door, id_token)
    assert door.get("/v1/auth/me", token=id_token).status_code == 401
    assert sign_in(door, token).status_code == 401


def test_the_provider_s_name_decides_and_not_the_address(provider, door):
    """An address that passes to somebody else does not take the account along."""
    address = f"{secrets.token_hex(6)}@example.org"
    first = provider.add(email=address)
    owner = profile_of(door, provider.id_token(first))
    heir = provider.add(email=address)
    assert_forbidden(sign_in(door, provider.id_token(heir)), "somebody else")
    provider.add(first, email=f"new-{address}")
    profile = profile_of(door, provider.id_token(first))
    assert profile["id"] == owner["id"] and profile["email"] == address
    provider.add(first, email=address, email_verified=False)
    assert profile_of(door, provider.id_token(first))["id"] == owner["id"]


@pytest.mark.parametrize("claims", [{"email_verified": False}, {"email_verified": "true"}, {"email": None},
                                    {"email": "no address"}, {"email": "\"a b\"@example.org"}])
def test_without_a_verified_address_nobody_gets_an_account(provider, door, claims):
    response = sign_in(door, provider.id_token(provider.add(**claims)))
    assert response.status_code == 403


def test_addresses_differ_by_more_than_case(provider, door):
    address = f"{secrets.token_hex(6)}@example.org"
    profile_of(door, provider.id_token(provider.add(email=address)))
    assert_forbidden(sign_in(door, provider.id_token(provider.add(email=address.upper()))), "somebody else")


def test_a_name_that_cannot_be_shown_is_not_taken(provider, door):
    for name in ("", "x" * 256, "line\nbreak", 7):
        subject = provider.add(name=name)
        assert profile_of(door, provider.id_token(subject))["display_name"] == subject


def test_closed_signup_admits_only_whom_it_knows(installation, provider, door):
    daemon = installation.daemon("closed-oidc", **settings(provider, oidc__signup="false"))
    api = daemon.api()
    known, unknown = provider.add(), provider.add()
    owner = profile_of(door, provider.id_token(known))
    assert profile_of(api, provider.id_token(known))["id"] == owner["id"]
    before = installation.sql("SELECT count(*) FROM users")
    assert_forbidden(sign_in(api, provider.id_token(unknown)), "no account here")
    assert installation.sql("SELECT count(*) FROM users") == before
    assert daemon.stop() == 0


def test_who_is_invited_and_signs_in_here_first_joins(installation, provider, mail, account, address):
    """Though nobody else may make an account so."""
    daemon = installation.daemon("invited-oidc", **mail.settings(installation.directory),
                                 **settings(provider, oidc__signup="false"))
    api, owner = daemon.api(), daemon.api(account.token)
    assert owner.post("/v1/org/invite", json={"email": address, "role": "admin"}).status_code == 200
    mail.wait_for(address)
    unproven = provider.add(email=address, email_verified=False)
    assert_forbidden(sign_in(api, provider.id_token(unproven)), "not verified")

    subject = provider.add(email=address)
    profile = profile_of(api, provider.id_token(subject))
    assert (profile["org_id"], profile["role"], profile["auth_method"]) == (account.me()["org_id"], "admin", "google")
    told = mail.wait_for(address, 2).get_payload()
    assert f"in the organisation of {account.email}" in told
    rows = daemon.psql_owner(
        "SELECT action, outcome, details::json ->> 'method', details::json ->> 'joined_as' FROM audit_events"
        f" WHERE org_id = '{profile['org_id']}' AND actor_id = '{profile['id']}' ORDER BY id LIMIT 1")
    assert rows == [("auth.signup", "success", "oidc", "admin")]
    assert daemon.psql_owner(f"SELECT count(*) FROM invitations WHERE email = '{address}'") == [(0,)]

    other = "x" + address
    owner.post("/v1/org/invite", json={"email": other})
    daemon.psql_owner(f"UPDATE invitations SET expires_at = now() WHERE email = '{other}'")
    assert_forbidden(sign_in(api, provider.id_token(provider.add(email=other))), "no account here")
    assert daemon.stop() == 0


def test_only_addresses_of_the_named_domains_get_accounts(installation, provider):
    daemon = installation.daemon("domains", **settings(provider, oidc__email_domain=["good.example"]))
    api = daemon.api()
    name = secrets.token_hex(6)
    for domain in ("evil.example", "not-good.example", "good.example.evil.example", "sub.good.example"):
        assert_forbidden(sign_in(api, provider.id_token(provider.add(email=f"{name}@{domain}"))), "domain")
    assert profile_of(api, provider.id_token(provider.add(email=f"{name}@GOOD.example")))["email"] == f"{name}@good.example"
    assert daemon.stop() == 0


def test_an_account_is_bound_only_if_its_address_was_verified_here(provider, door, open_daemon):
    """Otherwise somebody could sign up with the address of another, and wait for them to come."""
    account = door.signup()
    subject = provider.add(email=account.email)
    assert_forbidden(sign_in(door, provider.id_token(subject)), "never verified")
    open_daemon.psql_owner(f"UPDATE users SET email_verified = true WHERE email = '{account.email}'")
    profile = profile_of(door, provider.id_token(subject))
    assert profile["id"] == account.me()["id"] and profile["auth_method"] == "email"
    assert account.login()


def test_a_second_factor_is_asked_for(provider, door, open_daemon):
    subject = provider.add()
    account = door.with_token(token_of(door, provider.id_token(subject)))
    account.me = lambda: account.get("/v1/auth/me").json()
    factor = Factor(account, open_daemon)
    response = sign_in(door, provider.id_token(subject))
    assert response.status_code == 200 and response.json()["mfa_required"] and response.json()["access_token"] == ""
    assert factor.verify(factor.wrong_code(), response.json()["mfa_token"], door).status_code == 401
    verified = factor.verify(factor.code(), response.json()["mfa_token"], door)
    assert verified.status_code == 200
    assert door.get("/v1/auth/me", token=verified.json()["access_token"]).status_code == 200
    # There is no password that could disable it.
    for password in ("", "x", "Gr0und-Water-Runs-Deep!"):
        refused = account.delete("/v1/auth/mfa", json={"password": password})
        assert refused.status_code == 400


def test_an_account_without_a_password_cannot_log_in_with_one(provider, door):
    subject = provider.add()
    token = token_of(door, provider.id_token(subject))
    for password in ("x", "Gr0und-Water-Runs-Deep!"):
        response = door.post("/v1/auth/token", json={"email": f"{subject}@example.org", "password": password})
        assert (response.status_code, response.json()["detail"]) == (401, "Invalid credentials")
    response = door.post("/v1/auth/change-password", token=token, json={
        "current_password": "x", "new_password": "Still-Water-Runs-Deeper-7!"})
    assert response.status_code == 400 and "no password" in response.json()["detail"]


def test_a_deleted_account_is_gone_and_its_owner_starts_anew(provider, door):
    subject = provider.add()
    token = token_of(door, provider.id_token(subject))
    first = door.get("/v1/auth/me", token=token).json()["id"]
    assert door.delete("/v1/auth/me", token=token, json={"confirmation": "DELETE MY ACCOUNT"}).status_code == 204
    assert door.get("/v1/auth/me", token=token).status_code == 401
    assert profile_of(door, provider.id_token(subject))["id"] != first


def test_sign_ins_at_the_same_moment_make_one_account(provider, door, open_daemon):
    subject = provider.add()
    tokens = [provider.id_token(subject, client) for client in ("rs256", "es256", "eddsa") * 3]
    with concurrent.futures.ThreadPoolExecutor(len(tokens)) as pool:
        answers = list(pool.map(lambda token: sign_in(open_daemon.api(), token), tokens))
    assert [answer.status_code for answer in answers] == [200] * len(tokens)
    ids = {door.get("/v1/auth/me", token=answer.json()["access_token"]).json()["id"] for answer in answers}
    assert len(ids) == 1


def test_a_refusal_is_in_the_log_of_the_account_it_aimed_at(provider, door):
    address = f"{secrets.token_hex(6)}@example.org"
    token = token_of(door, provider.id_token(provider.add(email=address)))
    assert sign_in(door, provider.id_token(provider.add(email=address))).status_code == 403
    refused = wait.until(lambda: events(door, token, action="auth.failure"), "the refusal to be recorded")
    assert [event["details"]["method"] for event in refused] == ["oidc"]


def test_new_keys_of_the_provider_work_when_they_are_first_used(provider, door):
    subject = provider.add()
    old = provider.id_token(subject)
    assert sign_in(door, old).status_code == 200
    provider.rotate()
    new = provider.id_token(subject)

    def accepted():
        status = sign_in(door, new).status_code
        assert status in (200, 401)  # refused while the provider was asked a moment ago
        return status == 200

    wait.until(accepted, "the new keys to be fetched", 30)
    assert sign_in(door, old).status_code == 401


def test_a_provider_that_is_away_keeps_nobody_out_whose_key_is_known(installation, provider):
    daemon = installation.daemon("outage", **settings(provider))
    api = daemon.api()
    known = provider.id_token(provider.add())
    wait.until(lambda: sign_in(api, known).status_code == 200, "the keys to be fetched")
    provider.stop()
    assert sign_in(api, known).status_code == 200
    daemon.restart()
    response = sign_in(daemon.api(), known)
    assert response.status_code == 503 and int(response.headers["Retry-After"]) > 0
    assert any("OpenID provider's keys cannot be fetched" in line["message"] for line in daemon.logs)
    provider.start()
    wait.until(lambda: sign_in(daemon.api(), known).status_code == 200, "the provider to be asked again", 30)
    assert daemon.stop() == 0


@pytest.mark.parametrize("fault", [{"oidc__ca_file": None}, {"oidc__issuer": "https://127.0.0.1:{port}"},
                                   {"oidc__issuer": "https://localhost:{port}/elsewhere"}])
def test_keys_come_from_the_provider_that_was_named_and_nobody_else(installation, provider, fault):
    fault = {name: value and value.format(port=provider.port) for name, value in fault.items()}
    daemon = installation.daemon("fault", **settings(provider, **fault))
    assert sign_in(daemon.api(), provider.id_token(provider.add())).status_code == 503
    assert daemon.stop() == 0
