"""A logged-in command line, against the shared daemon."""

import pytest

from command import Cli


@pytest.fixture
def offline(tmp_path):
    """Without a server."""
    return Cli(tmp_path / "home")


@pytest.fixture
def stranger(daemon, tmp_path):
    """Knows the server, but is not logged in."""
    return Cli(tmp_path / "home", daemon.base_url, daemon.ca)


@pytest.fixture
def cli(stranger, account):
    """Logged in as `account`."""
    stranger.ok("login", "--password", "--email", account.email, "--password-stdin", stdin=account.password)
    return stranger
