"""signup, login, revokeToken, refreshToken, changePassword, getMe, updateMe, deleteMe, the published keys."""

import base64
import hashlib
import hmac
import json
import secrets
import uuid

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from support import routes, wait

PASSWORD = "Gr0und-Water-Runs-Deep!"
NEW_PASSWORD = "Still-Water-Runs-Deeper-7!"
REFUSAL = "Invalid or expired token"
# The order of Ed25519's group: adding it to S gives a second text for one signature.
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493

WITH_BODY = [
    ("POST", "/v1/auth/signup"),
    ("POST", "/v1/auth/token"),
    ("POST", "/v1/auth/change-password"),
    ("PATCH", "/v1/auth/me"),
    ("DELETE", "/v1/auth/me"),
]


def encode(data):
    if not isinstance(data, bytes):
        data = json.dumps(data, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parts(token):
    """Header, claims and signature of a token."""
    header, claims, signature = token.split(".")
    return json.loads(decode(header)), json.loads(decode(claims)), decode(signature)


def public_key(api):
    return decode(api.get("/v1/auth/jwt-public-key").json()["public_key_base64url"])


def forge(header, claims, key):
    signed = f"{encode(header)}.{encode(claims)}"
    return f"{signed}.{encode(key.sign(signed.encode()))}"


def assert_dead(client):
    response = client.get("/v1/auth/me")
    assert response.status_code == 401
    assert response.json()["detail"] == REFUSAL
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


# Signup

def test_signup_makes_an_owner_and_logs_them_in(api):
    response = api.post("/v1/auth/signup", json={"email": "New.Person@Example.org", "password": PASSWORD})
    body = response.json()
    assert response.status_code == 200
    assert body["email"] == "new.person@example.org"
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    profile = api.with_token(body["access_token"]).get("/v1/auth/me").json()
    assert (profile["email"], profile["role"], profile["auth_method"]) == ("new.person@example.org", "owner", "email")
    assert profile["display_name"] == "new.person"


def test_signup_keeps_the_display_name(api):
    assert api.signup(display_name="Zoë ✓").me()["display_name"] == "Zoë ✓"


def test_signup_of_a_taken_address_is_409_in_any_case(api, account):
    for email in (account.email, account.email.upper()):
        assert api.post("/v1/auth/signup", json={"email": email, "password": PASSWORD}).status_code == 409
    assert account.login()


@pytest.mark.parametrize("body", [
    {}, {"email": "a@b.c"}, {"password": PASSWORD}, {"email": None, "password": PASSWORD},
    {"email": "no-address", "password": PASSWORD}, {"email": "a b@c.d", "password": PASSWORD},
    {"email": " a@b.c", "password": PASSWORD}, {"email": "a@b.c\n", "password": PASSWORD},
    {"email": "ä@b.c", "password": PASSWORD}, {"email": "a@b.c", "password": "short"},
    {"email": "a@b.c", "password": "x" * 1025}, {"email": "a@b.c", "password": 123456789012},
    {"email": ["a@b.c"], "password": PASSWORD}, {"email": "a@" + "b" * 300, "password": PASSWORD},
    {"email": "a@b.c", "password": PASSWORD, "display_name": ""},
    {"email": "a@b.c", "password": PASSWORD, "display_name": "a\nb"},
    {"email": "a@b.c", "password": PASSWORD, "display_name": "x" * 256},
], ids=lambda body: json.dumps(body)[:60])
def test_signup_refuses_what_breaks_a_rule(api, daemon, body):
    assert api.post("/v1/auth/signup", json=body).status_code == 400
    assert daemon.psql_owner("SELECT count(*) FROM users WHERE email LIKE 'a@b%'") == [(0,)]


# Login

def test_login_gives_a_token_in_exactly_three_members(account):
    response = account.anonymous().post(
        "/v1/auth/token", json={"email": account.email.upper(), "password": account.password, "unknown": 1})
    assert response.status_code == 200
    assert set(response.json()) == {"access_token", "token_type", "expires_in"}


def test_a_token_says_what_the_documentation_says(api, account):
    header, claims, signature = parts(account.token)
    assert (header["alg"], header["typ"]) == ("EdDSA", "JWT")
    me = account.me()
    assert claims["sub"] == f"user:{me['id']}"
    assert claims["org"] == me["org_id"]
    assert claims["scopes"] == ["*"]
    assert 0 < claims["exp"] - claims["iat"] <= 900
    Ed25519PublicKey.from_public_bytes(public_key(api)).verify(
        signature, account.token.rsplit(".", 1)[0].encode())


def test_wrong_password_and_unknown_user_get_the_same_answer(account):
    attempts = [(account.email, "Wrong-Password-1!"), (f"{secrets.token_hex(8)}@example.org", account.password),
                ("not an address", account.password), (account.email + " ", account.password)]
    answers = []
    for email, password in attempts:
        response = account.anonymous().post("/v1/auth/token", json={"email": email, "password": password})
        headers = {name.lower() for name in response.headers}
        answers.append((response.status_code, response.content, headers))
    assert answers[0][0] == 401
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("body", [{}, {"email": "a@b.c"}, {"password": "x"}, {"username": "a@b.c", "password": "x"},
                                  {"email": 1, "password": "x"}, {"email": "a@b.c", "password": ""},
                                  {"email": "a@b.c", "password": None}], ids=str)
def test_login_without_its_members_is_400(api, body):
    assert api.post("/v1/auth/token", json=body).status_code == 400


def test_sql_in_credentials_is_only_text(api):
    for text in ("' OR '1'='1", "a@b.c'; DROP TABLE users; --", "\\'; --"):
        assert api.post("/v1/auth/token", json={"email": text, "password": text}).status_code == 401


# Revocation

@pytest.mark.parametrize(("method", "path"), routes.authenticated(), ids=str)
def test_a_revoked_token_is_dead_at_once_on_every_route(account, vault, method, path):
    vault.put("a", "value")
    token = account.login()
    client = account.with_token(token)
    assert client.get("/v1/auth/me").status_code == 200
    assert client.delete("/v1/auth/token").status_code == 204
    response = client.request(method, routes.fill(path, vault.id), json={})
    assert (response.status_code, response.json()["detail"]) == (401, REFUSAL)


def test_revocation_leaves_other_tokens_alone(account):
    client = account.with_token(account.login())
    assert client.delete("/v1/auth/token").status_code == 204
    assert_dead(client)
    assert account.get("/v1/auth/me").status_code == 200


def test_revocation_survives_a_restart(daemon, account):
    client = account.with_token(account.login())
    assert client.delete("/v1/auth/token").status_code == 204
    daemon.restart()
    assert_dead(client)


def test_another_node_sees_a_revocation(installation, daemon, account):
    node = installation.daemon("second-node")
    try:
        token = account.login()
        there = node.api(token)
        assert there.get("/v1/auth/me").status_code == 200
        assert account.with_token(token).delete("/v1/auth/token").status_code == 204
        wait.until(lambda: there.get("/v1/auth/me").status_code == 401, "the second node to refuse the token")
    finally:
        assert node.stop() == 0


# Refresh

@pytest.mark.parametrize("body", [None, b"", b"{}", b"not json", b'{"refresh_token":"x"}'], ids=str)
def test_refresh_is_always_400(api, body):
    response = api.request("POST", "/v1/auth/refresh", data=body)
    assert response.status_code == 400
    assert response.json()["detail"] == "Refresh tokens not yet implemented"


# Change of password

def test_a_new_password_replaces_the_old_one_and_kills_all_tokens(account):
    second = account.with_token(account.login())
    response = account.post("/v1/auth/change-password",
                            json={"current_password": account.password, "new_password": NEW_PASSWORD})
    assert (response.status_code, response.json()) == (200, {"message": "Password changed successfully"})
    assert_dead(account)
    assert_dead(second)
    old = account.anonymous().post("/v1/auth/token", json={"email": account.email, "password": account.password})
    assert old.status_code == 401
    # At once, within the same second.
    assert account.with_token(account.login(NEW_PASSWORD)).get("/v1/auth/me").status_code == 200


def test_a_wrong_current_password_changes_nothing(account):
    response = account.post("/v1/auth/change-password",
                            json={"current_password": "Wrong-Password-1!", "new_password": NEW_PASSWORD})
    assert (response.status_code, response.json()["detail"]) == (401, "Invalid credentials")
    assert account.get("/v1/auth/me").status_code == 200
    assert account.login()


@pytest.mark.parametrize("new_password", ["short", "", None, 7, "x" * 1025], ids=lambda value: str(value)[:10])
def test_a_weak_new_password_changes_nothing(account, new_password):
    response = account.post("/v1/auth/change-password",
                            json={"current_password": account.password, "new_password": new_password})
    assert response.status_code == 400
    assert account.login()


# The own account

def test_a_profile_changes_where_asked(account):
    before = account.me()
    assert account.patch("/v1/auth/me", json={"display_name": "Zoë", "role": "admin", "id": "x"}).status_code == 200
    assert account.patch("/v1/auth/me", json={"marketing_emails": True}).status_code == 200
    assert account.me() == {**before, "display_name": "Zoë", "marketing_emails": True}


def test_an_empty_patch_changes_nothing(account):
    before = account.me()
    for body in (b"", b"{}", b"{}\n"):
        assert account.request("PATCH", "/v1/auth/me", data=body).json() == before


@pytest.mark.parametrize("body", [{"display_name": ""}, {"display_name": 1}, {"display_name": "a\x00b"},
                                  {"display_name": "x" * 256}, {"marketing_emails": "yes"}], ids=str)
def test_a_wrong_patch_is_400(account, body):
    before = account.me()
    assert account.patch("/v1/auth/me", json=body).status_code == 400
    assert account.me() == before


@pytest.mark.parametrize("member", ["confirmation", "confirm"])
def test_deleting_the_account_removes_all_and_kills_its_tokens(account, vault, daemon, member):
    vault.put("a", "value")
    org = account.me()["org_id"]
    second = account.with_token(account.login())
    assert second.get("/v1/auth/me").status_code == 200
    assert account.delete("/v1/auth/me", json={member: "DELETE MY ACCOUNT"}).status_code == 204
    assert_dead(account)
    assert_dead(second)
    login = account.anonymous().post("/v1/auth/token", json={"email": account.email, "password": account.password})
    assert login.status_code == 401
    for table in ("users", "vaults", "vault_keks", "secrets", "secret_versions"):
        assert daemon.psql_owner(f"SELECT count(*) FROM {table} WHERE org_id = '{org}'") == [(0,)]
    deleted = daemon.psql_owner(f"SELECT count(*) FROM audit_events WHERE org_id = '{org}' AND action = 'user.delete'")
    assert deleted == [(1,)]


@pytest.mark.parametrize("body", [None, {}, {"confirmation": "delete my account"}, {"confirmation": True}], ids=str)
def test_deleting_needs_the_exact_words(account, body):
    assert account.delete("/v1/auth/me", json=body).status_code == 400
    assert account.get("/v1/auth/me").status_code == 200


# The published keys

def test_the_published_keys_are_one_key_in_several_forms(api):
    key = api.get("/v1/auth/jwt-public-key").json()
    key_set = api.get("/v1/.well-known/jwks.json").json()
    assert api.get("/.well-known/jwks.json").json() == key_set
    newest = key_set["keys"][0]
    assert (newest["kid"], newest["alg"], newest["kty"], newest["crv"]) == (key["kid"], "EdDSA", "OKP", "Ed25519")
    raw = decode(newest["x"])
    assert base64.b64decode(key["public_key_base64"]) == raw
    pem = serialization.load_pem_public_key(key["public_key_pem"].encode())
    assert pem.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw) == raw
    assert "d" not in newest


# Attacks on tokens

def attacks(token, raw_key):
    """Names and texts of credentials that must all be refused alike."""
    header, claims, signature = parts(token)
    head, body, tail = token.split(".")
    own = Ed25519PrivateKey.generate()
    own_raw = own.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    def hmac_signed(key):
        signed = f"{encode({**header, 'alg': 'HS256'})}.{body}"
        return f"{signed}.{encode(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"

    def with_header(**members):
        return f"{encode({**header, **members})}.{body}.{tail}"

    def resigned(head_members=None, **members):
        return forge({**header, **(head_members or {})}, {**claims, **members}, own)

    s_plus_order = (int.from_bytes(signature[32:], "little") + GROUP_ORDER).to_bytes(33, "little")
    malleable = signature[:32] + s_plus_order[:32]
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    slack = tail[:-1] + alphabet[alphabet.index(tail[-1]) ^ 1]
    return {
        "alg none": f"{encode({**header, 'alg': 'none'})}.{body}.",
        "alg None": f"{encode({**header, 'alg': 'None'})}.{body}.",
        "no alg": f"{encode({k: v for k, v in header.items() if k != 'alg'})}.{body}.{tail}",
        "no signature": f"{head}.{body}.",
        "HS256 with the raw public key": hmac_signed(raw_key),
        "HS256 with its hexadecimal form": hmac_signed(raw_key.hex().encode()),
        "another algorithm": with_header(alg="ES256"),
        "signed by another key": resigned(),
        "own key in the header": resigned({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": encode(own_raw)}}),
        "jku": resigned({"jku": "https://127.0.0.1:1/keys"}),
        "jku on a good token": with_header(jku="https://127.0.0.1:1/keys"),
        "crit": with_header(crit=["exp"]),
        "unknown kid": with_header(kid="claviger-token-v999"),
        "kid as a path": resigned({"kid": "../../../../dev/null"}),
        "no kid": f"{encode({k: v for k, v in header.items() if k != 'kid'})}.{body}.{tail}",
        "another subject": f"{head}.{encode({**claims, 'sub': 'user:' + str(uuid.uuid4())})}.{tail}",
        "a longer life": f"{head}.{encode({**claims, 'exp': claims['exp'] + 1})}.{tail}",
        "expired, by another key": resigned(iat=1, nbf=1, exp=2),
        "cut by one character": token[:-1],
        "cut in half": token[:len(token) // 2],
        "flipped bit": f"{head}.{body}.{encode(flipped)}",
        "S plus the group order": f"{head}.{body}.{encode(malleable)}",
        "slack bits": f"{head}.{body}.{slack}",
        "padding": token + "==",
        "extra part": token + ".e30",
        "extra dot": token + ".",
        "leading dot": "." + token,
        "space within": f"{head}. {body}.{tail}",
        "empty parts": "..",
        "no parts": "token",
        "API key": "1ck_" + "a" * 43,
        "agent key": "ocv_" + "a" * 43,
        "long": "a" * 9000,
    }


ATTACKS = sorted(attacks(f"{encode({'alg': 'EdDSA', 'typ': 'JWT', 'kid': 'k'})}.{encode({'exp': 1})}.{'A' * 86}", b"k"))


@pytest.mark.parametrize("name", ATTACKS)
def test_every_forged_token_gets_the_same_401(api, account, name):
    response = api.get("/v1/auth/me", token=attacks(account.token, public_key(api))[name])
    assert response.status_code == 401
    body = response.json()
    assert (body["detail"], body["title"]) == (REFUSAL, "Unauthorized")
    assert account.get("/v1/auth/me").status_code == 200


@pytest.mark.parametrize("value", [None, "Bearer", "Basic YTpi", "Token {token}", "{token}", "Bearer  {token}",
                                   "Bearer {token} {token}", "Bearer {token},Bearer {token}"], ids=str)
def test_only_one_bearer_token_counts(api, account, value):
    headers = {} if value is None else {"Authorization": value.format(token=account.token)}
    response = api.get("/v1/auth/me", headers=headers)
    assert (response.status_code, response.json()["detail"]) == (401, REFUSAL)


@pytest.mark.parametrize(("method", "path"), routes.authenticated(), ids=str)
def test_every_route_wants_a_token(api, vault, method, path):
    response = api.request(method, routes.fill(path, vault.id), json={})
    assert (response.status_code, response.json()["detail"]) == (401, REFUSAL)


@pytest.mark.parametrize(("method", "path"), WITH_BODY, ids=lambda value: str(value))
def test_an_oversized_body_is_413(account, method, path):
    assert account.request(method, path, data=b" " * (64 * 1024 + 1)).status_code == 413


# What is recorded

def test_logins_are_recorded_without_what_was_typed(account, daemon):
    account.anonymous().post("/v1/auth/token", json={"email": account.email, "password": "Canary-Password-1!"})
    account.anonymous().post("/v1/auth/token", json={"email": "canary-address@example.org", "password": "Canary-2!"})
    account.login()
    org = account.me()["org_id"]
    rows = daemon.psql_owner("SELECT action, outcome, actor_type FROM audit_events "
                             f"WHERE org_id = '{org}' AND action LIKE 'auth.%' ORDER BY created_at, id")
    assert rows == [("auth.signup", "success", "user"), ("auth.failure", "denied", "anonymous"),
                    ("auth.success", "success", "user")]
    everything = daemon.installation.cluster.dump(daemon.installation.database)
    for canary in (b"Canary-Password-1!", b"canary-address", b"Canary-2!", account.password.encode(),
                   account.token.encode()):
        assert canary not in everything
        assert canary not in daemon.log_text().encode()


def test_a_refused_token_is_recorded_for_the_installation(api, daemon):
    count = ("SELECT count(*) FROM audit_events WHERE org_id = '00000000-0000-0000-0000-000000000000' "
             "AND action = 'auth.failure' AND outcome = 'denied' AND details LIKE '%\"operation\":\"getMe\"%'")
    before = daemon.psql_owner(count)[0][0]
    assert api.get("/v1/auth/me", token="x.y.z").status_code == 401
    assert daemon.psql_owner(count)[0][0] == before + 1
