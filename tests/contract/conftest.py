"""What the tests of several files of a noun begin with. And at the end of a run of this whole folder, every operation of
docs/openapi.yaml must have been seen to succeed and to refuse: a route without a test fails the run."""

from pathlib import Path

import pytest
from support import cmek, openapi
from support.browser_form import Browser
from support.device import Login
from support.rights import Agent
from support.sharing import VALUE, share

FOLDER = Path(__file__).parent


@pytest.fixture
def browser(daemon):
    return Browser(daemon)


@pytest.fixture
def login(api, daemon):
    """A device login that waits for somebody to decide."""
    return Login(api, daemon, device_name="laptop")


@pytest.fixture
def agent(account):
    return Agent(account)


@pytest.fixture
def filled(vault):
    """A vault with four secrets."""
    for path in ("db/password", "db/a/b", "tls/key", "app"):
        assert vault.put(path, f"value of {path}").status_code == 201
    return vault


@pytest.fixture
def secret(vault):
    """The id of the secret "db/password" of `vault`."""
    return vault.put("db/password", VALUE).json()["id"]


@pytest.fixture
def link(account, secret):
    """A share of `secret` that opens for whoever knows its link."""
    return share(account, secret)


@pytest.fixture
def key():
    """A customer-managed key."""
    return cmek.Key()


@pytest.fixture
def new_key():
    return cmek.Key()


@pytest.fixture
def sealed(vault, key):
    """A vault under `key` with three secrets, one of them in two versions."""
    cmek.enable(vault, key)
    for path, value in (("a", "old"), ("a", "value a"), ("b/c", "value b/c"), ("d", "value d")):
        assert vault.put(path, key.seal(value)).status_code == 201
    return vault


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
