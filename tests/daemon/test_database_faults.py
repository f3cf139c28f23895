"""PostgreSQL restarts, dies or stands still, while the daemon runs."""

import pytest
from support import wait
from support.secrets import vault_with_one_secret, works


@pytest.fixture
def filled(own_daemon):
    return vault_with_one_secret(own_daemon)


OUTAGES = {
    "stopped": ("halt", "start"),
    "killed": ("kill9", "start"),
    "standing still": ("pause", "resume"),
}


@pytest.mark.parametrize("name", OUTAGES)
def test_while_it_is_away_requests_get_503_and_afterwards_they_work_again(own_daemon, filled, name):
    cluster = own_daemon.installation.cluster
    away, back = OUTAGES[name]
    getattr(cluster, away)()
    try:
        for response in (filled.get("before"), filled.put("during", "lost"), filled.account.get("/v1/auth/me")):
            assert response.status_code == 503 and "value-before" not in response.text
        wait.until(lambda: own_daemon.api().get("/v1/health/ready").status_code == 503, "the daemon not to be ready")
        assert own_daemon.api().get("/v1/health/live").status_code == 200
        assert own_daemon.api().get("/v1/health/hsm").status_code == 200
    finally:
        getattr(cluster, back)()
    wait.until(lambda: works(filled), "reads to work again", timeout=60)
    wait.until(lambda: own_daemon.api().get("/v1/health/ready").status_code == 200, "the daemon to be ready")
    assert filled.put("after", "value-after").status_code == 201
    assert own_daemon.running


def test_a_quick_restart_costs_at_most_some_503s(own_daemon, filled):
    own_daemon.installation.cluster.restart()
    response = filled.get("before")
    assert response.status_code in (200, 503)
    wait.until(lambda: works(filled), "reads to work again", timeout=60)


def test_a_revoked_token_stays_dead_over_an_outage(own_daemon, filled):
    client = own_daemon.api(filled.account.login())
    assert client.get("/v1/auth/me").status_code == 200
    assert client.delete("/v1/auth/token").status_code == 204
    own_daemon.installation.cluster.restart()
    wait.until(lambda: works(filled), "reads to work again", timeout=60)
    assert client.get("/v1/auth/me").status_code == 401
