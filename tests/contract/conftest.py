"""At the end of a run of this whole folder, every operation of docs/openapi.yaml must have been seen to succeed and to
refuse: a route without a test fails the run."""

from pathlib import Path

import pytest
from support import openapi

FOLDER = Path(__file__).parent


def _whole_folder(session):
    """Not with -k, -m, -x or single tests, which leave things out as they should."""
    collected = {item.path for item in session.items}
    return (session.config.stash.get(_LEFT_OUT, 0) == 0
            and not any("::" in argument for argument in session.config.args)
            and session.testscollected > 0 and not session.shouldfail and not session.shouldstop
            and not session.config.option.collectonly
            and all(path in collected for path in FOLDER.glob("*_test.py")))


_LEFT_OUT = pytest.StashKey[int]()


def pytest_deselected(items):
    for item in items:
        item.config.stash[_LEFT_OUT] = item.config.stash.get(_LEFT_OUT, 0) + 1


def pytest_sessionfinish(session, exitstatus):
    if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) or not _whole_folder(session):
        return
    session.config.stash[_UNSEEN] = list(openapi.unseen())
    if session.config.stash[_UNSEEN]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


_UNSEEN = pytest.StashKey[list]()


def pytest_terminal_summary(terminalreporter, config):
    for line in config.stash.get(_UNSEEN, []):
        terminalreporter.write_line(f"FAILED docs/openapi.yaml: {line}", red=True)
