"""docs/openapi.yaml as a judge of answers."""

import functools
import json
import re
from urllib.parse import urlsplit

import jsonschema
import yaml

from .paths import SOURCE

DOCUMENT = SOURCE / "docs" / "openapi.yaml"
# The only parameter that stretches over several segments.
TAIL = "{path}"
# (operationId, status) of every answer that check() found to be as promised.
seen = set()


@functools.cache
def document():
    # BaseLoader would make every number a string; the C loader keeps a large document fast.
    return yaml.load(DOCUMENT.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def operations():
    """(method, template, operation) for every row of the document."""
    for template, item in document()["paths"].items():
        for method, operation in item.items():
            if method in ("get", "put", "post", "patch", "delete", "head"):
                yield method.upper(), template, operation


def resolve(node):
    while isinstance(node, dict) and "$ref" in node:
        target = document()
        for part in node["$ref"].lstrip("#/").split("/"):
            target = target[part]
        node = target
    return node


@functools.cache
def _patterns():
    """Templates with their regular expressions; literal segments win over parameters."""
    def pattern(template):
        parts = re.split(r"(\{[^}]+\})", template)
        return re.compile("".join(
            ".+" if part == TAIL and template.endswith(TAIL) else "[^/]+" if part.startswith("{") else re.escape(part)
            for part in parts) + r"\Z")
    templates = sorted(document()["paths"], key=lambda template: template.count("{"))
    return [(template, pattern(template)) for template in templates]


def find(method, path):
    """The operation that a request means, or None."""
    for template, pattern in _patterns():
        operation = document()["paths"][template].get(method.lower())
        if operation is not None and pattern.match(path):
            return operation
    return None


def _validator(schema):
    resolver = jsonschema.RefResolver.from_schema(document())
    return jsonschema.Draft202012Validator(
        schema, resolver=resolver, format_checker=jsonschema.draft202012_format_checker)


def _check_body(schema, body, where):
    error = jsonschema.exceptions.best_match(_validator(schema).iter_errors(body))
    assert error is None, f"{where}: body breaks docs/openapi.yaml at /{'/'.join(map(str, error.path))}: {error.message}"


def _check_problem(response, where):
    """Whatever the route: a refusal is a problem body, but for pages, which people read."""
    if response.headers.get("Content-Type") == "text/html; charset=utf-8":
        assert "<p role=\"alert\"" in response.text, f"{where}: a refusal that is not announced"
        return
    assert response.headers.get("Content-Type", "").split(";")[0] == "application/problem+json", \
        f"{where}: a refusal must be application/problem+json"
    body = json.loads(response.content)
    assert body.get("status") == response.status_code, f"{where}: status member differs from the status line"
    for member in ("type", "title", "detail"):
        assert isinstance(body.get(member), str), f"{where}: problem body without {member}"


def check(method, response):
    """Fails unless the answer is one that docs/openapi.yaml promises for this request."""
    path = urlsplit(response.request.url).path
    where = f"{method} {path} -> {response.status_code}"
    if response.status_code >= 400 and method != "HEAD":
        _check_problem(response, where)
    operation = find(method, path)
    if operation is None:
        assert response.status_code in (400, 404, 405, 413), f"{where}: not a documented route"
        return
    where = f"{operation['operationId']}: {where}"
    responses = operation["responses"]
    promised = responses.get(str(response.status_code)) or responses.get(f"{response.status_code // 100}XX") \
        or responses.get("default")
    assert promised is not None, f"{where}: status is not documented"
    _check_content(method, response, resolve(promised).get("content"), where)
    seen.add((operation["operationId"], response.status_code))


def _check_content(method, response, content, where):
    if not content:
        assert response.content == b"", f"{where}: a body where none is documented"
        return
    if method == "HEAD":
        return
    kind = response.headers.get("Content-Type", "").split(";")[0].strip()
    assert kind in content, f"{where}: content type {kind!r} is not documented"
    if kind.endswith("json") and "schema" in content[kind]:
        _check_body(content[kind]["schema"], json.loads(response.content), where)


def unseen():
    """What no answer has shown: operations without a success, and those that may refuse without a refusal."""
    for _, _, operation in operations():
        name = operation["operationId"]
        for kinds, meaning in ((("2", "3"), "a success"), (("4",), "a refusal")):
            promised = any(status.startswith(kinds) for status in operation["responses"])
            if promised and not any(seen_name == name and str(status).startswith(kinds) for seen_name, status in seen):
                yield f"{name}: no answer was {meaning} ({' or '.join(kind + 'xx' for kind in kinds)})"
