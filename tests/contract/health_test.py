"""healthCheck, healthHsm, healthLive, healthReady."""

import pytest
from support import wait
from support.daemon import Installation
from support.postgres import Cluster

PATHS = ["/v1/health", "/v1/health/hsm", "/v1/health/live", "/v1/health/ready"]


def test_a_whole_service_is_healthy(api):
    body = api.get("/v1/health").json()
    assert (body["status"], body["service"]) == ("healthy", "claviger")


def test_the_hsm_is_named_with_its_sessions(api, installation):
    body = api.get("/v1/health/hsm").json()
    assert body["status"] == "ok"
    assert body["connected"] is True
    assert body["hsm_provider"]
    assert body["token_label"] == installation.token.label
    assert body["sessions"]["total"] >= 1
    assert body["sessions"]["in_use"] <= body["sessions"]["total"]
    assert body["last_ok"]


def test_a_used_vault_key_is_cached_in_the_hsm(api, vault):
    vault.put("a", "v")
    assert api.get("/v1/health/hsm").json()["cached_keks"] >= 1


def test_a_serving_node_is_alive_and_ready(api):
    assert api.get("/v1/health/live").json() == {"status": "alive"}
    assert api.get("/v1/health/ready").json() == {"status": "ready"}


@pytest.mark.parametrize("path", PATHS)
def test_health_is_public_whatever_the_token(api, path):
    for token in (None, "x", "a.b.c"):
        assert api.get(path, token=token).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_health_answers_head(api, path):
    response = api.request("HEAD", path, raw=True)
    assert response.status_code == 200
    assert response.content == b""


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_health_takes_no_other_method(api, path, method):
    response = api.request(method, path)
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


def test_health_is_not_audited(api, daemon):
    count = "SELECT count(*) FROM audit_events WHERE details LIKE '%health%' OR action LIKE '%health%'"
    for path in PATHS:
        api.get(path)
    assert daemon.psql_owner(count) == [(0,)]


@pytest.fixture
def breakable(tmp_path):
    """A daemon with a database of its own, which the test may break."""
    cluster = Cluster()
    installation = Installation(cluster, tmp_path)
    yield installation.daemon()
    installation.close()
    cluster.stop()


def not_ready(api):
    response = api.get("/v1/health/ready", timeout=5)
    return response.json()["detail"] if response.status_code == 503 else None


def assert_degraded_but_alive(api):
    assert api.get("/v1/health", timeout=5).json()["status"] == "degraded"
    assert api.get("/v1/health/live", timeout=5).status_code == 200
    assert api.get("/v1/health/hsm", timeout=5).json()["status"] == "ok"


def assert_recovers(api):
    wait.until(lambda: not_ready(api) is None, "the daemon to be ready again")
    assert api.get("/v1/health").json()["status"] == "healthy"


def test_a_node_without_its_database_says_so_and_recovers(breakable):
    api, cluster = breakable.api(), breakable.installation.cluster
    cluster.halt()
    detail = wait.until(lambda: not_ready(api), "the daemon to notice")
    assert "database" in detail
    assert_degraded_but_alive(api)
    cluster.start()
    assert_recovers(api)


def test_a_node_whose_database_hangs_says_so_and_recovers(breakable):
    api, cluster = breakable.api(), breakable.installation.cluster
    cluster.pause()
    try:
        detail = wait.until(lambda: not_ready(api), "the daemon to notice")
        assert "database" in detail
        assert_degraded_but_alive(api)
    finally:
        cluster.resume()
    assert_recovers(api)


def test_a_node_whose_schema_was_changed_says_so(breakable):
    api = breakable.api()
    breakable.psql_owner("UPDATE schema_migrations SET checksum = sha256('another')")
    detail = wait.until(lambda: not_ready(api), "the daemon to notice")
    assert "schema" in detail
