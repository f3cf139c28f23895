"""Documents that repeat what the program knows must say the same."""

import re
import subprocess
import sys

from sources import ROOT, read

sys.path.insert(0, str(ROOT / "tests"))
from support import openapi, routes  # noqa: E402
from support.paths import CLAVIGERD  # noqa: E402


def _clavigerd(*arguments):
    return subprocess.run([str(CLAVIGERD), *arguments], check=True, capture_output=True, text=True, timeout=60,
                          env={"PATH": "/usr/bin:/bin"}).stdout


def _defaults(tmp_path):
    """Every configuration key with its default, as check-config prints them."""
    empty = tmp_path / "empty.conf"
    empty.touch(mode=0o600)
    return _parse_ini(_clavigerd("check-config", "--config", str(empty)))


def _parse_ini(text):
    section, values = "", {}
    for line in text.splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line.strip()):
            section = match.group(1) + "."
        elif match := re.fullmatch(r"(\w+) ?= ?(.*)", line.strip()):
            values[section + match.group(1)] = match.group(2)
    return values


def test_the_route_table_is_the_openapi_document():
    ours = {(route["method"], route["pattern"].replace("...}", "}"), route["operationId"]) for route in routes.table()}
    documented = {(method, template, operation["operationId"]) for method, template, operation in openapi.operations()}
    assert ours == documented, f"\nonly routed: {ours - documented}\nonly documented: {documented - ours}"


def test_the_document_says_of_every_route_whether_it_needs_a_token():
    documented = {operation["operationId"]: operation.get("security", openapi.document().get("security", []))
                  for _, _, operation in openapi.operations()}
    wrong = [route["operationId"] for route in routes.table()
             if (route["auth"] != "none") != bool(documented[route["operationId"]])]
    assert not wrong


def test_every_configuration_key_is_explained_with_its_default(tmp_path):
    explained = dict(re.findall(r"^\| `([\w.]+)` \| (.*?) \|", read("docs/CONFIGURATION.md"), re.MULTILINE))
    defaults = _defaults(tmp_path)
    named = {key: "" if value in ("none", "-") else value.strip("`") for key, value in explained.items()}
    # A repeatable key without a value prints no line.
    listed = {key: value for key, value in named.items() if key in defaults or value}
    assert listed == defaults


def test_the_sample_configuration_shows_every_key_with_its_default(tmp_path):
    sample = re.sub(r"^#(?=\w+ ?=)", "", read("packaging/clavigerd.conf"), flags=re.MULTILINE)
    shown = _parse_ini(sample)
    defaults = _defaults(tmp_path)
    assert set(defaults) <= set(shown), set(defaults) - set(shown)
    commented = {match.group(1) for match in re.finditer(r"^#(\w+) ?=", read("packaging/clavigerd.conf"), re.MULTILINE)}
    differing = {key for key, value in defaults.items()
                 if key.split(".")[-1] in commented and value and shown[key] != value}
    assert not differing


def test_the_sample_configuration_is_accepted(tmp_path):
    sample = tmp_path / "clavigerd.conf"
    sample.write_text(read("packaging/clavigerd.conf"))
    sample.chmod(0o600)
    _clavigerd("check-config", "--config", str(sample))


def test_exit_codes_of_clavigerd_are_in_its_manual():
    codes = dict(re.findall(r"k(\w+) = (\d+),", read("daemon/exit_code.h")))
    manual = read("docs/man/clavigerd.8")
    missing = [name for name, number in codes.items() if f"\n.It {number}\n" not in manual]
    assert not missing, missing
