"""getMetrics."""

import re

import pytest
from support.daemon import Installation

SAMPLE = re.compile(r'(\w+)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'(\w+)="([^"]*)"')


def read(api):
    """The samples: {(name, label, ...): value}, with the labels' values in the order of their names."""
    response = api.get("/v1/metrics", raw=True)
    assert response.status_code == 200, response.text
    samples = {}
    for line in response.text.splitlines():
        if not line.startswith("#"):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            samples[(name, *(value for _, value in sorted(LABEL.findall(labels or ""))))] = float(value)
    return samples


def operations(api, verb, outcome="ok"):
    return read(api)[("hsm_operations_total", outcome, verb)]


def test_it_is_the_text_of_prometheus(api):
    response = api.get("/v1/metrics")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = response.text.splitlines()
    for name in ("hsm_state", "hsm_operations_total", "hsm_operation_seconds"):
        kinds = [line for line in lines if line.startswith(f"# TYPE {name} ")]
        assert len(kinds) == 1 and any(line.startswith(f"# HELP {name} ") for line in lines)


def test_it_tells_what_health_tells(api):
    hsm, samples = api.get("/v1/health/hsm").json(), read(api)
    assert [samples[("hsm_state", state)] for state in ("ok", "degraded", "unavailable")] == [1, 0, 0]
    assert samples[("hsm_sessions",)] >= 1
    assert samples[("hsm_connections_total",)] == hsm["generation"]
    assert samples[("claviger_ready",)] == 1
    assert samples[("claviger_build_info", api.get("/v1/health").json()["version"])] == 1


def test_every_key_process_is_there(api):
    samples = read(api)
    assert samples[("hsm_key_process_serving", "0")] == 1
    assert samples[("hsm_key_process_starts_total", "0")] == 1
    assert ("hsm_key_process_serving", "1") not in samples


@pytest.mark.parametrize("verb", ["sign_token", "generate_kek"])
def test_what_is_asked_of_the_hsm_is_counted_and_timed(api, verb):
    before, counted = read(api), operations(api, verb)
    api.signup().create_vault()
    after = read(api)
    assert operations(api, verb) > counted
    timed = ("hsm_operation_seconds_count", verb)
    assert after[timed] > before.get(timed, 0)
    assert after[("hsm_operation_seconds_sum", verb)] > before[("hsm_operation_seconds_sum", verb)]


def test_secrets_are_counted_each_however_many_are_read_together(api, vault):
    def opened():
        return operations(api, "open_dek") + operations(api, "open_deks")
    vault.put("a", "v")
    before = opened()
    for _ in range(5):
        assert vault.get("a").status_code == 200
    assert opened() == before + 5


def test_only_those_it_names_may_read_it(api):
    elsewhere = api.from_address("127.0.0.2")
    response = elsewhere.get("/v1/metrics")
    assert response.status_code == 403 and "hsm_" not in response.text
    assert response.json()["detail"] == "This address may not read the metrics"
    assert elsewhere.get("/v1/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 403


def test_nobody_may_unless_somebody_is_named(cluster, tmp_path):
    own = Installation(cluster, tmp_path)
    try:
        assert own.daemon(metrics__readers=None).api().get("/v1/metrics").status_code == 403
    finally:
        own.close()


def test_no_label_comes_from_outside(api, vault):
    vault.put("a-path-of-somebody", "v")
    assert vault.get("a-path-of-somebody").status_code == 200
    text = api.get("/v1/metrics").text
    assert "a-path-of-somebody" not in text and vault.id not in text
