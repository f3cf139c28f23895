"""Rules that a machine can check; docs/CONTRIBUTING.md gives the reasons."""

import re
import shutil
import subprocess

from sources import ROOT, all_files, code, lines_matching, product_code, read, report

SECRETS_LIVE_HERE = ("hsm/", "crypto/", "api/")
# Comparisons that tell by their time, copies without a bound, randomness that can be guessed, shells.
BANNED = r"(?<![\w.>:])(std::)?(memcmp|strn?cmp|v?sprintf|strn?cpy|strn?cat|gets|s?rand|random|alloca|system|popen|atoi)\s*\("


def test_dangerous_functions_are_not_called_where_secrets_live():
    calls = [line for path in product_code() if str(path).startswith(SECRETS_LIVE_HERE)
             for line in lines_matching(path, BANNED)]
    assert not calls, report(calls)


def test_headers_are_guarded_and_open_no_namespace():
    faults = []
    for path in code():
        if path.suffix != ".h":
            continue
        if "#pragma once" not in read(path):
            faults.append(f"{path}: no #pragma once")
        faults += lines_matching(path, r"^\s*using namespace")
    assert not faults, report(faults)


def test_nothing_is_left_for_later():
    marks = [line for path in code() for line in lines_matching(path, r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b", read(path))]
    assert not marks, report(marks)


def test_no_test_is_switched_off():
    pattern = r"doctest::(skip|may_fail|should_fail)|pytest\.(skip|mark\.(skip|skipif|xfail))|\bGTEST_SKIP\b"
    tests = [path for path in all_files() if path.parts[0] == "tests" and path.suffix in (".py", ".cc")]
    marks = [line for path in tests if path.name != "test_style.py" for line in lines_matching(path, pattern, read(path))]
    assert not marks, report(marks)


def test_the_code_is_formatted():
    result = subprocess.run(["clang-format-14", "--dry-run", "--Werror", *map(str, code())], cwd=ROOT,
                            capture_output=True, text=True, timeout=300)
    places = sorted({line for line in result.stderr.splitlines() if "error: code should be" in line})
    assert result.returncode == 0, report(places)


def _shell_scripts():
    for path in all_files():
        if path.suffix == ".sh" or (not path.suffix and read(path).startswith(("#!/usr/bin/env bash", "#!/bin/sh",
                                                                               "#!/bin/bash"))):
            yield path


def test_shell_scripts_are_clean():
    scripts = list(map(str, _shell_scripts()))
    assert "quickstart" in scripts and "run-tests" in scripts
    result = subprocess.run(["shellcheck", *scripts], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout


def test_manual_pages_are_well_formed():
    pages = [path for path in all_files() if path.parts[:2] == ("docs", "man")]
    assert pages and shutil.which("mandoc")
    result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *map(str, pages)], cwd=ROOT,
                            capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout


def test_the_project_stands_alone():
    """No path of the machine it was written on, no word of how the writing was organised."""
    word, farm = "wo" "rk", "fa" "rm"
    pattern = rf"(?<![\w.])/{word}/|(?<![\w.])/{farm}/|\.\./shared|helper sess" r"ion|this sess" r"ion's helper"
    lines = [line for path in all_files() if path.suffix not in (".png", ".ico")
             for line in lines_matching(path, pattern, read(path))]
    assert not lines, report(lines)
