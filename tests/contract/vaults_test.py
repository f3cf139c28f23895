"""createVault, listVaults, getVault, deleteVault."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import people
from support.audit import events

ABSENT = "01950000-0000-7000-8000-000000000000"
MALFORMED = ["1", "x" * 36, ABSENT[:-1], ABSENT + "0", "{" + ABSENT + "}", ABSENT.replace("-", "")]


# -- create

def test_a_new_vault_answers_with_what_it_is(account):
    me = account.me()
    response = account.post("/v1/vaults", json={"name": "production", "description": "what matters"})
    assert response.status_code == 201
    body = response.json()
    assert uuid.UUID(body["id"])
    assert body["name"] == "production"
    assert body["description"] == "what matters"
    assert body["created_by"] == me["id"]
    assert body["created_by_type"] == "user"
    assert body["cmek_enabled"] is False
    assert account.get(f"/v1/vaults/{body['id']}").json() == body


def test_every_vault_has_a_key_of_its_own(account, daemon):
    ids = [account.create_vault().id for _ in range(3)]
    rows = daemon.psql_owner(f"SELECT blob FROM vault_keks WHERE vault_id IN ('{ids[0]}', '{ids[1]}', '{ids[2]}')")
    assert len({bytes(row[0]) for row in rows}) == 3


@pytest.mark.parametrize("name", ["n", "n" * 255, "ü" * 255, "🔑" * 255, "with spaces, and \"quotes\"", "_one"])
def test_names_of_1_to_255_characters_are_taken(account, name):
    response = account.post("/v1/vaults", json={"name": name})
    assert response.status_code == 201
    assert account.get(f"/v1/vaults/{response.json()['id']}").json()["name"] == name


@pytest.mark.parametrize("name", ["", "n" * 256, "ü" * 256, "__agent-keys", "a\nb", "a\u0000b", "a\u001bb", "a\u0085b",
                                  None, 7, ["n"], {"n": 1}, True])
def test_other_names_are_refused_and_nothing_is_made(account, name):
    response = account.post("/v1/vaults", json={"name": name})
    assert response.status_code == 400
    assert account.get("/v1/vaults").json() == {"vaults": []}


@pytest.mark.parametrize("description", ["a\u0000b", "a\u0007b", "d" * 1025, 7])
def test_a_bad_description_is_refused(account, description):
    assert account.post("/v1/vaults", json={"name": "n", "description": description}).status_code == 400


def test_a_name_is_unique_in_its_organisation_only(account, other_account):
    account.create_vault("shared-name")
    assert account.post("/v1/vaults", json={"name": "shared-name"}).status_code == 409
    assert other_account.post("/v1/vaults", json={"name": "shared-name"}).status_code == 201


def test_of_many_at_once_with_one_name_one_is_made(account):
    def create(_):
        return account.with_token(account.token).post("/v1/vaults", json={"name": "contested"}).status_code
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(create, range(8)))
    assert sorted(statuses) == [201] + [409] * 7
    assert len(account.get("/v1/vaults").json()["vaults"]) == 1


# -- list

def test_a_list_has_the_organisations_vaults_in_order_of_creation(account, other_account):
    made = [account.create_vault().body for _ in range(5)]
    other_account.create_vault()
    assert account.get("/v1/vaults").json() == {"vaults": made}


def test_a_long_list_goes_on_at_its_link(account):
    made = [account.create_vault().id for _ in range(5)]
    seen, target = [], "/v1/vaults?limit=2"
    while target:
        response = account.get(target)
        seen += [vault["id"] for vault in response.json()["vaults"]]
        target = response.links.get("next", {}).get("url")
    assert seen == made


@pytest.mark.parametrize("limit,count", [("0", 1), ("-1", 1), ("99999", 3)])
def test_a_limit_out_of_range_is_clamped(account, limit, count):
    for _ in range(3):
        account.create_vault()
    assert len(account.get("/v1/vaults", params={"limit": limit}).json()["vaults"]) == count


@pytest.mark.parametrize("query", ["limit=ten", "limit=", "limit=1.5", "after=7", "after="])
def test_malformed_paging_is_refused(account, query):
    assert account.get(f"/v1/vaults?{query}").status_code == 400


# -- foreign, absent and malformed ids

@pytest.mark.parametrize("method,suffix", [("GET", ""), ("DELETE", ""), ("GET", "/secrets"), ("GET", "/secrets/a"),
                                           ("PUT", "/secrets/a"), ("DELETE", "/secrets/a"), ("GET", "/policies"),
                                           ("POST", "/policies"), ("PUT", f"/policies/{ABSENT}"),
                                           ("DELETE", f"/policies/{ABSENT}")])
def test_foreign_absent_and_malformed_ids_get_the_same_404(account, other_account, method, suffix):
    foreign = other_account.create_vault()
    foreign.put("a", "canary")
    answers = {}
    bodies = {"PUT": {"value": "v"}, "POST": {"secret_path_pattern": "**", "principal_type": "user",
                                              "principal_id": ABSENT, "permissions": ["read"]}}
    for vault_id in [foreign.id, ABSENT, *MALFORMED]:
        body = bodies.get(method)
        response = account.request(method, f"/v1/vaults/{vault_id}{suffix}", json=body)
        assert response.status_code == 404
        answers[vault_id] = response.content
    assert len(set(answers.values())) == 1, answers
    assert b"Vault not found" in answers[ABSENT]
    assert foreign.get("a").json()["value"] == "canary"


def test_an_id_may_be_written_in_upper_case(account, vault):
    assert account.get(f"/v1/vaults/{vault.id.upper()}").json() == vault.body


# -- members of the same organisation

def test_a_colleague_sees_the_vault_and_cannot_remove_it(vault, colleague):
    assert colleague.get("/v1/vaults").json() == {"vaults": [vault.body]}
    assert colleague.get(vault.path()).json() == vault.body
    assert colleague.delete(vault.path()).status_code == 403
    assert colleague.get(vault.path()).status_code == 200


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_an_admin_or_owner_may_remove_another_persons_vault(daemon, account, other_account, vault, role):
    chief = people.join(daemon, other_account, account, role)
    assert chief.delete(vault.path()).status_code == 204
    assert account.get(vault.path()).status_code == 404


# -- delete

def test_a_removed_vault_leaves_no_row_and_frees_its_name(account, vault, daemon):
    for number in range(3):
        vault.put(f"secret/{number}", "v")
        vault.put(f"secret/{number}", "w")
    vault.delete_secret("secret/0")
    response = account.delete(vault.path())
    assert response.status_code == 204
    assert response.content == b""
    for table, column in [("vaults", "id"), ("vault_keks", "vault_id"), ("secrets", "vault_id"),
                          ("secret_versions", "vault_id")]:
        assert daemon.psql_owner(f"SELECT count(*) FROM {table} WHERE {column} = '{vault.id}'") == [(0,)], table
    assert account.get(vault.path()).status_code == 404
    assert vault.get("secret/1").status_code == 404
    assert vault.put("secret/1", "v").status_code == 404
    assert account.delete(vault.path()).status_code == 404
    assert account.post("/v1/vaults", json={"name": vault.name}).status_code == 201


def test_a_vault_of_any_size_can_be_removed(account, vault, daemon):
    """More secrets than one statement removes."""
    first = vault.put("s", "v").json()["id"]
    daemon.psql_owner(
        "INSERT INTO secrets SELECT org_id, vault_id, gen_random_uuid(), 's/' || n, 1, NULL, created_at "
        f"FROM secrets, generate_series(1, 12000) n WHERE id = '{first}'")
    assert account.delete(vault.path()).status_code == 204
    assert daemon.psql_owner(f"SELECT count(*) FROM secrets WHERE vault_id = '{vault.id}'") == [(0,)]


def test_writes_that_meet_a_removal_succeed_or_find_nothing(account):
    """No 500, no row left behind, whatever the order."""
    for _ in range(3):
        vault = account.create_vault()

        def write(number):
            client = account.with_token(account.token)
            return client.put(vault.path(f"s{number}"), json={"value": "v"}).status_code
        with ThreadPoolExecutor(6) as pool:
            writes = [pool.submit(write, number) for number in range(12)]
            removed = pool.submit(lambda: account.with_token(account.token).delete(vault.path()).status_code)
            assert removed.result() == 204
            assert {one.result() for one in writes} <= {201, 404}
        assert account.get(vault.path()).status_code == 404


# -- audit

def test_making_and_removing_a_vault_is_on_record(account, vault):
    account.delete(vault.path())
    recorded = events(account, resource_id=vault.id)
    assert [event["action"] for event in recorded] == ["vault.delete", "vault.create"]
    assert {event["details"]["outcome"] for event in recorded} == {"success"}
    assert {event["actor_id"] for event in recorded} == {account.me()["id"]}


def test_a_refused_removal_is_on_record(account, vault, colleague):
    colleague.delete(vault.path())
    denied = events(account, resource_id=vault.id, action="vault.delete")
    assert [event["details"]["outcome"] for event in denied] == ["denied"]
    assert denied[0]["actor_id"] == colleague.get("/v1/auth/me").json()["id"]


# -- credentials and methods

@pytest.mark.parametrize("method,path", [("POST", "/v1/vaults"), ("GET", "/v1/vaults"), ("GET", f"/v1/vaults/{ABSENT}"),
                                         ("DELETE", f"/v1/vaults/{ABSENT}")])
@pytest.mark.parametrize("token", [None, "x", "a.b.c"])
def test_without_a_valid_token_there_is_nothing(api, method, path, token):
    response = api.request(method, path, token=token, json={"name": "n"} if method == "POST" else None)
    assert response.status_code == 401
    assert response.json()["detail"] == "Invalid or expired token"
    assert "WWW-Authenticate" in response.headers


@pytest.mark.parametrize("path,allowed", [("/v1/vaults", {"GET", "POST"}), (f"/v1/vaults/{ABSENT}", {"GET", "DELETE"})])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "PURGE"])
def test_other_methods_are_refused_with_those_allowed(account, method, path, allowed):
    response = account.request(method, path)
    assert response.status_code == 405
    assert {name.strip() for name in response.headers["Allow"].split(",")} == allowed


def test_an_empty_body_is_fine_where_none_is_needed(account, vault):
    response = account.request("GET", vault.path(), headers={"Content-Type": "application/json", "Content-Length": "0"})
    assert response.status_code == 200
