"""Limits of requests: who asks too fast is told when to come again."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.limits import address, assert_refused, statuses, unknown_email

WRONG = "Wrong-Password-1!"


def login(client, email, password=WRONG):
    return client.post("/v1/auth/token", json={"email": email, "password": password})


@pytest.fixture(scope="module")
def shaped(installation):
    daemon = installation.daemon("shaped", limits__requests_per_second=2, limits__requests_burst=20,
                                 limits__auth_requests_per_second=1, limits__auth_requests_burst=3)
    yield daemon
    assert daemon.stop() == 0


def test_who_asks_too_fast_is_429_before_authentication_and_passes_after_the_wait(shaped):
    client = shaped.api().from_address(address())
    answers = [client.get("/v1/vaults", token="nonsense") for _ in range(60)]
    assert set(statuses(answers)) == {401, 429}
    assert statuses(answers)[:20] == [401] * 20
    refused = next(answer for answer in reversed(answers) if answer.status_code == 429)
    assert_refused(refused)
    time.sleep(int(refused.headers["Retry-After"]))
    assert client.get("/v1/vaults", token="nonsense").status_code == 401
    assert shaped.api().from_address(address()).get("/v1/vaults", token="nonsense").status_code == 401


def test_public_routes_have_a_narrower_limit_and_health_has_none(shaped):
    client = shaped.api().from_address(address())
    answers = statuses(login(client, unknown_email()) for _ in range(8))
    assert answers[:3] == [401] * 3 and 429 in answers
    assert statuses(client.get("/v1/health/live") for _ in range(50)) == [200] * 50


def test_reads_that_are_answered_together_are_held_to_the_rate(shaped, account):
    vault = account.create_vault()
    assert vault.put("a", "x").status_code == 201
    client = shaped.api().from_address(address())
    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.get(vault.path("a"), token=account.token).status_code, range(120)))
    earned = 20 + 2 * (time.monotonic() - began)
    assert set(answers) == {200, 429}
    assert 20 <= answers.count(200) <= earned + 1


def test_a_flood_of_requests_has_one_record_a_minute(shaped):
    home = address()
    client = shaped.api().from_address(home)
    for _ in range(60):
        client.get("/v1/vaults", token="nonsense")
    records = shaped.psql_owner("SELECT outcome, details::json ->> 'limit' FROM audit_events"
                                f" WHERE ip_address = '{home}' AND details::json ->> 'limit' IS NOT NULL")
    assert records == [("denied", "requests")]
