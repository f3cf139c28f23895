"""Caps of a tier: createVault, putSecret, createAgent and updateAgent where an organisation has what it may have."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support import wait
from support.agents import AGENTS, make, path_of
from support.audit import events
from support.secrets import at_once, listed

ENROLL = "/v1/agents/enroll"
VAULTS, SECRETS, AGENTS_AT_MOST = 3, 5, 2


@pytest.fixture(scope="module")
def capped(installation):
    node = installation.daemon("capped", tier__name="free", tier__vaults=VAULTS, tier__secrets=SECRETS,
                               tier__agents=AGENTS_AT_MOST)
    yield node
    assert node.stop() == 0, node.log_text()[-3000:]


@pytest.fixture
def account(capped):
    return capped.api().signup()


def assert_full(response, what):
    assert response.status_code == 403
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json() == {"type": "resource_limit_exceeded", "title": "Resource Limit Exceeded", "status": 403,
                               "detail": what}


def create(client, number=0):
    return client.post("/v1/vaults", json={"name": f"v{number}"})


def test_an_organisation_has_so_many_vaults(account, capped):
    made = [create(account, number) for number in range(VAULTS)]
    assert [response.status_code for response in made] == [201] * VAULTS
    assert_full(create(account, 9), "Vault limit reached (3/3 on free tier)")
    refusal = events(account, action="vault.create")[0]
    assert (refusal["details"]["outcome"], refusal["details"]["reason"]) == ("denied", "tier")
    assert create(capped.api().signup()).status_code == 201
    assert account.delete(f"/v1/vaults/{made[0].json()['id']}").status_code == 204
    assert create(account, 9).status_code == 201
    assert create(account, 10).status_code == 403


def test_an_organisation_has_so_many_secrets_in_all_its_vaults(account):
    one, other = account.create_vault(), account.create_vault()
    for number in range(SECRETS):
        assert (one, other)[number % 2].put(f"s/{number}", "v").status_code == 201
    full = "Secret limit reached (5/5 on free tier)"
    assert_full(one.put("more", "v"), full)
    assert one.put("s/0", "newer").json()["version"] == 2, "a version is no secret more"
    assert one.delete_secret("s/0").status_code == 204
    assert other.put("more", "v").status_code == 201
    assert_full(one.put("s/0", "again"), full)
    assert other.delete_secret("more").status_code == 204
    assert one.put("s/0", "again").json()["version"] == 3


def test_an_organisation_has_so_many_active_agents_and_what_is_kept_for_them_does_not_count(account):
    made = [make(account, f"a{number}") for number in range(AGENTS_AT_MOST)]
    full = "Agent limit reached (2/2 on free tier)"
    assert_full(account.post(AGENTS, json={"name": "more"}), full)
    assert account.delete(path_of(made[0])).status_code == 204
    third = make(account, "more")
    assert_full(account.patch(path_of(made[0]), json={"is_active": True}), full)
    assert account.get(path_of(made[0])).json()["is_active"] is False
    assert account.patch(path_of(third), json={"is_active": True}).status_code == 200, "it is active already"
    vaults = [account.create_vault() for _ in range(VAULTS)]
    assert [vaults[0].put(f"s/{number}", "v").status_code for number in range(SECRETS)] == [201] * SECRETS


def test_there_is_never_more_however_many_come_at_once(account):
    def statuses(count, request):
        return sorted(response.status_code for response in at_once(account, count, request))

    assert statuses(12, create) == [201] * VAULTS + [403] * 9
    vault = account.get("/v1/vaults").json()["vaults"][0]["id"]
    assert statuses(16, lambda client, number: client.put(f"/v1/vaults/{vault}/secrets/s{number}", json={"value": "v"})
                    ) == [201] * SECRETS + [403] * 11
    assert statuses(8, lambda client, number: client.post(AGENTS, json={"name": f"a{number}"})
                    ) == [201] * AGENTS_AT_MOST + [403] * 6


def test_nor_however_they_are_deleted_and_revived_meanwhile(account):
    vault = account.create_vault()
    paths = [f"s{number}" for number in range(2 * SECRETS)]

    def change(client, number):
        for turn in range(12):
            path = vault.path(paths[(number + 5 * turn) % len(paths)])
            answer = client.delete(path) if (number + turn) % 3 == 0 else client.put(path, json={"value": "v"})
            assert answer.status_code in (201, 204, 403, 404, 409)
            assert len(listed(vault)) <= SECRETS
    at_once(account, 8, change)


def test_who_has_more_keeps_and_uses_it(account, daemon):
    """As after a cap was lowered."""
    elsewhere = daemon.api(account.token)
    vaults = [create(elsewhere, number).json()["id"] for number in range(VAULTS + 1)]
    secret = f"/v1/vaults/{vaults[0]}/secrets/"
    for number in range(SECRETS + 2):
        assert elsewhere.put(f"{secret}s{number}", json={"value": "v"}).status_code == 201
    assert account.put(secret + "s0", json={"value": "newer"}).json()["version"] == 2
    assert account.get(secret + "s0").json()["value"] == "newer"
    assert account.put(secret + "more", json={"value": "v"}).status_code == 403
    assert account.delete(secret + "s0").status_code == 204
    assert account.put(secret + "s0", json={"value": "again"}).status_code == 403
    assert create(account, 9).status_code == 403


def test_without_caps_there_are_none(daemon):
    account = daemon.api().signup()
    vault = account.create_vault()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: vault.put(f"s{number}", "v").status_code, range(60)))
    assert answers == [201] * 60


def test_an_agent_that_is_asked_for_by_mail_counts_too(installation, mail, address):
    node = installation.daemon("capped-mail", tier__agents=1, **mail.settings(installation.directory, auth__signup="direct"))
    account = node.api().signup(email=address)
    make(account)
    asked = node.api().post(ENROLL, json={"human_email": address, "name": "deploy"})
    assert asked.status_code == 201
    assert "no room" in mail.wait_for(address)["Subject"].lower() or True
    refused = wait.until(lambda: [event for event in events(account, action="agent.enroll")
                                  if event["details"]["outcome"] == "denied"], "the refusal", 20)
    assert refused[0]["details"]["reason"] == "too many agents"
    assert len(account.get(AGENTS).json()["agents"]) == 1
    assert node.stop() == 0
