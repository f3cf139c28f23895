"""run-tests itself, on a tree of its own with tiny suites."""

import shutil
import subprocess

import pytest

from sources import ROOT

SUITES = ("checks", "contract", "cli", "daemon", "nodes", "keys", "browser", "quickstart")


@pytest.fixture
def tree(tmp_path):
    shutil.copy(ROOT / "run-tests", tmp_path)
    (tmp_path / "scripts").mkdir()
    for name in ("install-dependencies", "build", "node-modules"):
        script = tmp_path / "scripts" / name
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
    (tmp_path / "build" / "release").mkdir(parents=True)
    for suite in SUITES:
        folder = tmp_path / "tests" / suite
        folder.mkdir(parents=True)
        (folder / f"test_{suite}.py").write_text(f"def test_of_{suite}():\n    assert True\n")
    return tmp_path


def run(tree, *arguments):
    return subprocess.run([str(tree / "run-tests"), *arguments], capture_output=True, text=True, timeout=120)


def test_all_suites_run_and_are_counted(tree):
    result = run(tree)
    assert (result.returncode, result.stdout.splitlines()[-1]) == (0, "8 passed, 0 failed"), result.stderr


@pytest.mark.parametrize("suite", SUITES)
def test_one_failure_fails_the_run(tree, suite):
    (tree / "tests" / suite / "test_bad.py").write_text("def test_bad():\n    assert False\n")
    result = run(tree)
    assert (result.returncode, result.stdout.splitlines()[-1]) == (1, "8 passed, 1 failed")


def test_suites_that_could_not_end_fail_the_run(tree):
    killing = "import os, signal\ndef test_bad():\n    os.kill(os.getppid(), signal.SIGKILL)\n"
    (tree / "tests" / "contract" / "test_bad.py").write_text(killing)
    result = run(tree)
    failed = {line.split()[0] for line in result.stdout.splitlines() if " FAILED " in line}
    assert (result.returncode, failed) == (1, {"contract", "keys", "browser", "quickstart"})


def test_a_pattern_that_selects_nothing_fails_the_run(tree):
    result = run(tree, "--only", "typo")
    assert result.returncode == 1 and "nothing matches typo" in result.stderr
    chosen = run(tree, "--only", "of_daemon")
    assert (chosen.returncode, chosen.stdout.splitlines()[-1]) == (0, "1 passed, 0 failed")
