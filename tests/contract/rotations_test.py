"""rotateVault, listRotations, getRotation, pauseRotation, resumeRotation, and what a rotation does to its vault."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support import people, wait
from support.load import Load

ABSENT = "01950000-0000-7000-8000-000000000000"
ROTATIONS = "/v1/rotations"


def start(vault):
    response = vault.account.post(vault.path() + "/rotations")
    assert response.status_code == 201, response.text
    return response.json()


def current(account, rotation):
    return account.get(f"{ROTATIONS}/{rotation['id']}").json()


def await_state(account, rotation, state):
    return wait.until(lambda: (now := current(account, rotation))["state"] == state and now, f"a rotation to be {state}",
                      timeout=60)


def keys(daemon, vault):
    return [version for version, in daemon.psql_owner(
        f"SELECT version FROM vault_keks WHERE vault_id = '{vault.id}' ORDER BY version")]


def versions_under(daemon, vault, key):
    return daemon.psql_owner(
        f"SELECT count(*) FROM secret_versions WHERE vault_id = '{vault.id}' AND kek_version = {key}")[0][0]


@pytest.fixture
def filled(vault):
    """A vault with some secrets in two versions each."""
    for number in range(5):
        for value in ("old", f"value-{number}"):
            assert vault.put(f"s/{number}", value).status_code == 201
    return vault


@pytest.fixture
def paused(account, vault, daemon):
    """A rotation of `vault` that stands still, whatever its node did before."""
    rotation = start(vault)
    await_state(account, rotation, "done")
    daemon.psql_owner(f"UPDATE rotations SET state = 'paused', finished_at = NULL WHERE id = '{rotation['id']}'")
    return current(account, rotation)


def test_a_rotation_gives_the_vault_a_new_key_and_leaves_its_values_alone(account, filled, daemon):
    rotation = start(filled)
    assert rotation["kind"] == "vault" and rotation["vault_id"] == filled.id
    assert rotation["requested_by"] == f"user:{account.me()['id']}"
    done = await_state(account, rotation, "done")
    assert (done["key_version"], done["total"], done["resealed"]) == (2, 10, 10)
    assert done["created_at"] <= done["started_at"] <= done["finished_at"]
    assert keys(daemon, filled) == [2] and versions_under(daemon, filled, 2) == 10
    for number in range(5):
        assert filled.get(f"s/{number}").json()["value"] == f"value-{number}"
    assert filled.put("after", "new").status_code == 201
    assert filled.get("after").json()["value"] == "new"
    assert account.get(ROTATIONS).json() == {"rotations": [done]}


def test_a_vault_can_be_rotated_again_and_again(account, filled, daemon):
    for key in (2, 3, 4):
        assert await_state(account, start(filled), "done")["key_version"] == key
        assert keys(daemon, filled) == [key]
    assert filled.get("s/1").json()["value"] == "value-1"


def test_reads_and_writes_go_on_meanwhile(account, daemon):
    load = Load(account)
    try:
        wait.until(lambda: len(load.acknowledged) >= 50, "the load to run", timeout=60)
        for _ in range(3):
            await_state(account, start(load.vault), "done")
    finally:
        load.stop()
    assert not load.unanswered and not load.refused
    load.acknowledged_writes_are_readable(account)
    assert len(keys(daemon, load.vault)) == 1


def test_of_many_starts_at_once_no_two_succeed_unless_one_was_done_before(account, vault, daemon):
    def begin(_):
        return account.with_token(account.token).post(vault.path() + "/rotations").status_code
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(begin, range(6)))
    assert set(statuses) <= {201, 409} and 201 in statuses
    overlapping = daemon.psql_owner(
        "SELECT count(*) FROM rotations a JOIN rotations b ON a.vault_id = b.vault_id AND a.id < b.id "
        f"WHERE a.vault_id = '{vault.id}' AND (a.finished_at IS NULL OR a.finished_at > b.created_at)")
    assert overlapping == [(0,)]


def test_a_vault_has_one_rotation_at_a_time(account, vault, paused):
    response = account.post(vault.path() + "/rotations")
    assert response.status_code == 409
    assert response.json()["detail"] == "A rotation of this vault is not done yet"


def test_pause_and_resume(account, paused):
    assert account.post(f"{ROTATIONS}/{paused['id']}/pause").json() == paused
    resumed = account.post(f"{ROTATIONS}/{paused['id']}/resume")
    assert resumed.status_code == 200 and resumed.json()["state"] == "pending"
    await_state(account, paused, "done")
    for verb in ("pause", "resume"):
        response = account.post(f"{ROTATIONS}/{paused['id']}/{verb}")
        assert response.status_code == 409 and response.json()["detail"] == "The rotation is done"


def test_an_edited_row_stops_it_and_it_says_what_to_do(account, filled, daemon):
    edit = ("UPDATE secret_versions SET sealed_dek = set_byte(sealed_dek, 20, get_byte(sealed_dek, 20) # 1) "
            f"WHERE version = 1 AND secret_id = (SELECT id FROM secrets WHERE vault_id = '{filled.id}' AND path = 's/3')")
    daemon.psql_owner(edit)
    rotation = start(filled)
    failed = await_state(account, rotation, "failed")
    assert "does not open" in failed["error"] and "resume" in failed["error"]
    assert account.post(f"{ROTATIONS}/{rotation['id']}/pause").status_code == 409
    assert len(keys(daemon, filled)) == 2
    assert filled.get("s/3").json()["value"] == "value-3"
    daemon.psql_owner(edit)
    account.post(f"{ROTATIONS}/{rotation['id']}/resume")
    assert "error" not in await_state(account, rotation, "done")
    assert keys(daemon, filled) == [2]


def test_the_rotation_goes_with_its_vault(account, vault, paused):
    assert account.delete(vault.path()).status_code == 204
    assert account.get(f"{ROTATIONS}/{paused['id']}").status_code == 404


# -- who may

def test_members_and_agents_may_not(account, vault, paused, colleague, daemon):
    agent = account.post("/v1/agents", json={"name": "a"}).json()["api_key"]
    for client in (colleague, account.with_token(agent)):
        for method, path in [("POST", vault.path() + "/rotations"), ("GET", ROTATIONS),
                             ("GET", f"{ROTATIONS}/{paused['id']}"), ("POST", f"{ROTATIONS}/{paused['id']}/pause"),
                             ("POST", f"{ROTATIONS}/{paused['id']}/resume")]:
            assert client.request(method, path).status_code == 403, path
    assert current(account, paused) == paused


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_admins_and_owners_may_without_reading_the_secrets(daemon, account, other_account, filled, role):
    chief = people.join(daemon, other_account, account, role)
    assert chief.get(filled.path("s/1")).status_code == 403
    rotation = chief.post(filled.path() + "/rotations").json()
    assert await_state(chief, rotation, "done")["resealed"] == 10


@pytest.mark.parametrize("verb", ["GET ", "POST /pause", "POST /resume"])
def test_foreign_absent_and_malformed_ids_get_the_same_404(other_account, paused, verb):
    method, suffix = verb.split(" ")
    answers = {other_account.request(method, f"{ROTATIONS}/{id_}{suffix}").content for id_ in (paused["id"], ABSENT, "x")}
    assert len(answers) == 1 and b"Rotation not found" in answers.pop()
    assert other_account.get(ROTATIONS).json() == {"rotations": []}


def test_foreign_absent_and_malformed_vaults_get_the_same_404(other_account, vault):
    answers = {other_account.post(f"/v1/vaults/{id_}/rotations").content for id_ in (vault.id, ABSENT, "x")}
    assert len(answers) == 1 and b"Vault not found" in answers.pop()


@pytest.mark.parametrize("method,path", [
    ("POST", f"/v1/vaults/{ABSENT}/rotations"), ("GET", ROTATIONS), ("GET", f"{ROTATIONS}/{ABSENT}"),
    ("POST", f"{ROTATIONS}/{ABSENT}/pause"), ("POST", f"{ROTATIONS}/{ABSENT}/resume")])
def test_without_a_valid_token_there_is_nothing(api, method, path):
    assert api.request(method, path).status_code == 401


# -- lists and the log

def test_a_long_list_goes_on_at_its_link(account):
    made = [start(account.create_vault())["id"] for _ in range(5)]
    seen, target = [], f"{ROTATIONS}?limit=2"
    while target:
        response = account.get(target)
        seen += [rotation["id"] for rotation in response.json()["rotations"]]
        target = response.links.get("next", {}).get("url")
    assert seen == made


@pytest.mark.parametrize("query", ["limit=ten", "after=7", "after="])
def test_malformed_paging_is_refused(account, query):
    assert account.get(f"{ROTATIONS}?{query}").status_code == 400


def test_each_step_is_on_record(account, filled):
    rotation = start(filled)
    await_state(account, rotation, "done")
    recorded = account.get("/v1/audit/events", params={"resource_id": filled.id}).json()["events"]
    steps = [event for event in recorded if event["action"].startswith("rotation.")]
    assert [(event["action"], event["actor_type"]) for event in reversed(steps)] == [
        ("rotation.start", "user"), ("rotation.begin", "system"), ("rotation.reseal", "system"),
        ("rotation.finish", "system")]
    for event in steps:
        assert event["details"]["rotation_id"] == rotation["id"] and event["details"]["outcome"] == "success"
    assert steps[1]["details"]["resealed"] == 10 and steps[1]["details"]["request_id"] == rotation["id"]
