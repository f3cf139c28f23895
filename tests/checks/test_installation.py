"""What `cmake --install` puts on a machine."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from sources import ROOT, read


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The root of a machine on which only `cmake --install --prefix /usr` was run."""
    root = tmp_path_factory.mktemp("machine")
    build = os.environ.get("CLAVIGER_BUILD_DIR", str(ROOT / "build" / "release"))
    subprocess.run(["cmake", "--install", build, "--prefix", "/usr"], check=True, capture_output=True, timeout=60,
                   env={**os.environ, "DESTDIR": str(root)})
    return root


def test_the_programs_run(installed):
    for program in ("usr/sbin/clavigerd", "usr/bin/claviger"):
        version = subprocess.run([str(installed / program), "--version"], check=True, capture_output=True, text=True,
                                 timeout=60).stdout
        assert re.fullmatch(rf"{Path(program).name} \d+\.\d+\.\d+\n", version)


def test_every_page_completion_and_document_is_there(installed):
    names = {path.name for path in installed.rglob("*") if path.is_file()}
    for folder in ("docs", "docs/man", "packaging/postgresql", "packaging/systemd", "packaging/sysusers.d"):
        missing = {path.name for path in (ROOT / folder).iterdir() if path.is_file() and path.name != "CMakeLists.txt"}
        assert not missing - names
    for completion in ("bash-completion/completions/claviger", "zsh/vendor-completions/_claviger",
                       "fish/vendor_completions.d/claviger.fish"):
        assert (installed / "usr/share" / completion).is_file()


def test_the_unit_starts_what_was_installed_under_the_account_that_is_made(installed):
    unit = (installed / "usr/lib/systemd/system/clavigerd.service").read_text()
    program = re.search(r"^ExecStart=(\S+)", unit, re.MULTILINE).group(1)
    assert os.access(installed / program.lstrip("/"), os.X_OK)
    account = re.search(r"^User=(\S+)", unit, re.MULTILINE).group(1)
    made = re.findall(r"^u (\S+)", (installed / "usr/lib/sysusers.d/claviger.conf").read_text(), re.MULTILINE)
    assert made == [account]


def test_the_sandbox_of_the_unit_stays_tight():
    result = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=15",
                             str(ROOT / "packaging/systemd/clavigerd.service")], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout[-600:]


def test_the_manual_of_operations_names_what_the_unit_reads():
    read_by_unit = set(re.findall(r"^[^#\n]*(/etc/claviger/[\w.-]+)", read("packaging/systemd/clavigerd.service"), re.MULTILINE))
    assert read_by_unit
    assert not [path for path in read_by_unit if path not in read("docs/OPERATIONS.md")]
