"""listSecrets, and what secrets show to whom they do not concern."""

import pytest
from support.secrets import listed, write

ABSENT = "01950000-0000-7000-8000-000000000000"


# -- list

@pytest.fixture
def stocked(vault):
    for path in ("api-keys/b", "api-keys/a", "api-keys2", "API", "db/password", "z"):
        vault.put(path, f"value of {path}")
    return vault


def test_a_list_is_sorted_and_has_no_values(stocked):
    secrets = listed(stocked)
    assert [secret["path"] for secret in secrets] == ["API", "api-keys/a", "api-keys/b", "api-keys2", "db/password", "z"]
    assert all("value" not in secret for secret in secrets)


@pytest.mark.parametrize("prefix,paths", [
    ("", ["API", "api-keys/a", "api-keys/b", "api-keys2", "db/password", "z"]),
    ("api-keys", ["api-keys/a", "api-keys/b", "api-keys2"]),
    ("api-keys/", ["api-keys/a", "api-keys/b"]),
    ("api-keys/a", ["api-keys/a"]),
    ("api-keys/a/", []),
    ("A", ["API"]),
    ("z", ["z"]),
    ("zz", []),
    ("/", []),
    ("%", []), ("_", []), ("*", []), ("api-keys/_", []), ("ü", []), ("'", []), ("\ufeff", []),
    ("a" * 600, []),
])
def test_a_prefix_is_plain_text(stocked, prefix, paths):
    assert [secret["path"] for secret in listed(stocked, prefix=prefix)] == paths


def test_a_list_shows_the_newest_version(stocked):
    stocked.put("db/password", "new", metadata={"note": "second"})
    secret = listed(stocked, prefix="db/")[0]
    assert (secret["version"], secret["metadata"]) == (2, {"note": "second"})


def test_a_long_list_goes_on_at_its_link(stocked):
    seen, target = [], stocked.path() + "/secrets?limit=2&prefix=api"
    while target:
        response = stocked.account.get(target)
        seen += [secret["path"] for secret in response.json()["secrets"]]
        target = response.links.get("next", {}).get("url")
    assert seen == ["api-keys/a", "api-keys/b", "api-keys2"]


def test_a_list_ends_before_it_grows_too_large(vault):
    """300 times 15 KiB of metadata are more than 4 MiB: the rest is behind the link, and nothing is lost."""
    metadata = {"filler": "x" * 15000}
    for number in range(300):
        assert write(vault, f"s{number:03}", {"value": "v", "metadata": metadata}).status_code == 201
    response = vault.account.get(vault.path() + "/secrets")
    assert len(response.content) < 5 * 1024 * 1024
    first = response.json()["secrets"]
    rest = vault.account.get(response.links["next"]["url"]).json()["secrets"]
    assert [secret["path"] for secret in first + rest] == [f"s{number:03}" for number in range(300)]


def test_a_list_has_at_most_10000_secrets_and_goes_on(account, vault, daemon):
    first = vault.put("s", "v").json()["id"]
    daemon.psql_owner(
        "INSERT INTO secrets SELECT org_id, vault_id, gen_random_uuid(), 's/' || to_char(n, 'FM00000'), 1, NULL, "
        f"created_at FROM secrets, generate_series(1, 12000) n WHERE id = '{first}'")
    daemon.psql_owner(
        "INSERT INTO secret_versions SELECT s.org_id, s.vault_id, s.id, 1, type, metadata, expires_at, max_access_count, "
        "access_count, created_by_type, created_by, r.created_at, kek_version, sealed_dek, ciphertext "
        f"FROM secrets s, (SELECT * FROM secret_versions WHERE secret_id = '{first}' OFFSET 0) r "
        f"WHERE s.vault_id = '{vault.id}' AND s.id <> '{first}'")
    response = account.get(vault.path() + "/secrets")
    page = [secret["path"] for secret in response.json()["secrets"]]
    last = account.get(response.links["next"]["url"])
    rest = [secret["path"] for secret in last.json()["secrets"]]
    assert (len(page), len(rest)) == (10000, 2001)
    assert page + rest == ["s"] + [f"s/{number:05}" for number in range(1, 12001)]
    assert "next" not in last.links


@pytest.mark.parametrize("query", ["limit=ten", "limit=", "after=a%20b", "after=%C3%BC"])
def test_malformed_paging_is_refused(vault, query):
    assert vault.account.get(f"{vault.path()}/secrets?{query}").status_code == 400


def test_an_empty_vault_has_an_empty_list(vault):
    assert vault.account.get(vault.path() + "/secrets").json() == {"secrets": []}


# -- permission

def test_a_colleague_is_refused_whether_or_not_the_path_exists(vault, colleague):
    vault.put("a", "canary")
    answers = set()
    for path in ("a", "never-written", "not.a.path"):
        response = colleague.get(vault.path(path))
        assert response.status_code == 403
        answers.add(response.content)
        assert colleague.delete(vault.path(path)).status_code == 403
    assert len(answers) == 1
    for path in ("a", "never-written"):
        assert colleague.put(vault.path(path), json={"value": "v"}).status_code == 403
    assert vault.get("a").json()["value"] == "canary"


def test_a_colleague_gets_an_empty_list(stocked, colleague):
    assert colleague.get(stocked.path() + "/secrets").json() == {"secrets": []}


def test_another_organisation_learns_nothing(stocked, other_account):
    for method, path, body in [("GET", "db/password", None), ("DELETE", "db/password", None),
                               ("PUT", "db/password", {"value": "v"})]:
        response = other_account.request(method, stocked.path(path), json=body)
        absent = other_account.request(method, f"/v1/vaults/{ABSENT}/secrets/{path}", json=body)
        assert (response.status_code, response.content) == (absent.status_code, absent.content)
        assert response.status_code == 404
    assert stocked.get("db/password").json()["value"] == "value of db/password"


@pytest.mark.parametrize("method,suffix", [("GET", "/secrets"), ("GET", "/secrets/a"), ("PUT", "/secrets/a"),
                                           ("DELETE", "/secrets/a"), ("POST", "/secrets/a/rotate")])
def test_without_a_token_there_is_nothing(api, vault, method, suffix):
    response = api.request(method, vault.path() + suffix, json={"value": "v"} if method == "PUT" else None)
    assert response.status_code == 401
