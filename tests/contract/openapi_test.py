"""docs/openapi.yaml, the route table and the served document are one."""

import json
import re

import pytest
from support import openapi

METHODS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture(scope="module")
def routes(installation):
    """The program's own route table."""
    printed = installation.run("routes", "--output", "json")
    assert printed.returncode == 0, printed.stderr
    return json.loads(printed.stdout)


def template(pattern):
    return pattern.replace("...}", "}")


def test_every_route_is_described_and_every_description_is_a_route(routes):
    table = {(route["method"], template(route["pattern"]), route["operationId"]) for route in routes}
    described = {(method, path, operation["operationId"]) for method, path, operation in openapi.operations()}
    assert table == described


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for _, _, operation in openapi.operations()]
    assert len(ids) == len(set(ids))


def test_the_document_says_which_routes_are_public(routes):
    public = {route["operationId"] for route in routes if route["auth"] == "none"}
    described = {operation["operationId"] for _, _, operation in openapi.operations() if operation.get("security") == []}
    assert public == described


# Public routes by which somebody proves who they are, or that they know a passphrase.
PROVING = {"login", "mfaVerify", "apiKeyToken", "agentToken", "googleAuth", "accessShare", "revealShare"}


def test_every_route_that_takes_a_token_may_answer_401(routes):
    for route in routes:
        operation = openapi.document()["paths"][template(route["pattern"])][route["method"].lower()]
        assert ("401" in operation["responses"]) == (route["auth"] != "none" or route["operationId"] in PROVING)
        if route["auth"] == "user":
            assert "403" in operation["responses"], route


def test_every_access_to_what_is_not_public_is_audited(routes):
    for route in routes:
        if route["auth"] != "none":
            assert re.fullmatch(r"[a-z_]+\.[a-z_]+", route["action"]), route


def answers_of(operation):
    """The types of its successes."""
    return {kind for status, response in operation["responses"].items() if int(status) < 400
            for kind in openapi.resolve(response).get("content", {})}


def test_every_refusal_is_a_problem_body():
    for _, _, operation in openapi.operations():
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                content = set(openapi.resolve(response)["content"])
                # Pages refuse people in HTML, unless the request never came so far.
                allowed = [{"application/problem+json"}]
                if operation["tags"] == ["Pages"] or "text/html" in answers_of(operation):
                    allowed.append({"text/html", "application/problem+json"})
                assert content in allowed, (operation["operationId"], status)


def test_every_operation_may_answer_500_and_503():
    for _, _, operation in openapi.operations():
        assert {"400", "413", "500", "503"} <= set(operation["responses"]), operation["operationId"]


def test_every_parameter_of_a_path_is_described():
    for path, item in openapi.document()["paths"].items():
        named = set(re.findall(r"\{([^}]+)\}", path))
        described = {openapi.resolve(parameter)["name"] for parameter in item.get("parameters", [])}
        assert named == described, path


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_leads_somewhere_and_nothing_is_left_over():
    used = set(references(openapi.document()))
    components = {f"#/components/{kind}/{name}" for kind, members in openapi.document()["components"].items()
                  if kind != "securitySchemes" for name in members}
    assert used == components


def test_the_served_document_is_the_one_in_the_source(api):
    response = api.get("/v1/openapi.yaml")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("application/yaml")
    assert response.content == openapi.DOCUMENT.read_bytes()


OPEN_DOCUMENTS = [path for method, path, operation in openapi.operations()
                  if method == "GET" and operation.get("security") == [] and "{" not in path]


@pytest.mark.parametrize("path", OPEN_DOCUMENTS)
def test_what_is_open_to_all_is_served_to_all_and_refuses_what_it_has_no_use_for(api, path):
    assert api.get(path).status_code == 200
    assert api.get(path, data=b" " * (64 * 1024 + 1)).status_code == 413
    assert api.get(path, params={"a": "\0"}).status_code == 400


def test_the_version_is_the_programs(api):
    assert api.get("/v1/health").json()["version"] == openapi.document()["info"]["version"]


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v2/vaults", "/v1/vaultsx", "/v1/openapi.json", "/v1/audit",
                                  "/V1/vaults", "/v1/health/unknown", "/admin", "/.env", "/metrics"])
def test_what_is_not_described_does_not_exist(api, account, path):
    for client in (api, account):
        response = client.get(path, raw=True)
        assert response.status_code in (400, 404), path
        assert response.headers["Content-Type"] == "application/problem+json"


def test_every_described_path_refuses_the_methods_it_does_not_describe(account):
    for path, item in openapi.document()["paths"].items():
        target = path.replace("{vault_id}", "01950000-0000-7000-8000-000000000000").replace("{path}", "a")
        target = target.replace("{user_code}", "BCDF-GHJK")
        for method in METHODS - set(item):
            response = account.request(method.upper(), target, raw=True)
            assert response.status_code == 405, (method, path)
            allowed = {name.strip().lower() for name in response.headers["Allow"].split(",")}
            assert allowed & METHODS == set(item) & METHODS, (method, path)
