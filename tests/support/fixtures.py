"""What a black-box test may ask for."""

import secrets

import pytest

from .daemon import Installation
from .mail import MailServer
from .people import join
from .postgres import Cluster


@pytest.fixture(scope="session")
def cluster():
    """PostgreSQL for the whole run. Tests that break it make one of their own."""
    cluster = Cluster()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def installation(cluster, tmp_path_factory):
    """Database, token and certificate, initialised and migrated."""
    installation = Installation(cluster, tmp_path_factory.mktemp("claviger"))
    yield installation
    installation.close()


@pytest.fixture(scope="session")
def shared_daemon(installation):
    daemon = installation.daemon()
    yield daemon
    if daemon.running:
        assert daemon.stop() == 0, daemon.log_text()[-3000:]


@pytest.fixture
def daemon(shared_daemon):
    """The real daemon: base_url, ca, config_path, restart(), kill9(), logs, psql_owner(sql). Always running."""
    if not shared_daemon.running:
        shared_daemon.start()
    return shared_daemon


@pytest.fixture
def api(daemon):
    """A client without a token; api.signup() makes an account."""
    return daemon.api()


@pytest.fixture
def account(api):
    """A person, owner of an organisation."""
    return api.signup()


@pytest.fixture
def other_account(api):
    """A person of another organisation."""
    return api.signup()


@pytest.fixture
def colleague(daemon, api, account):
    """A plain member of the organisation of `account`; `id` is theirs."""
    person = join(daemon, api.signup(), account)
    person.id = person.me()["id"]
    return person


@pytest.fixture
def vault(account):
    """A vault of `account`."""
    return account.create_vault()


@pytest.fixture
def address():
    """An e-mail address that nobody has used."""
    return f"{secrets.token_hex(8)}@example.org"


@pytest.fixture(scope="module")
def mail(installation):
    """A mail server."""
    server = MailServer(installation)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def proxied(installation):
    """A daemon that lets its peer name the client, as a proxy would."""
    node = installation.daemon("proxied", http__trusted_proxies="127.0.0.1")
    yield node
    assert node.stop() == 0, node.log_text()[-3000:]


@pytest.fixture(scope="module")
def mailing(installation, mail):
    """A daemon that sends its mail there, and whose signup is by mail."""
    node = installation.daemon("mailing", **mail.settings(installation.directory))
    yield node
    assert node.stop() == 0, node.log_text()[-3000:]


@pytest.fixture(scope="module")
def own_cluster():
    """PostgreSQL for one file of tests, to be broken."""
    cluster = Cluster()
    yield cluster
    cluster.resume()
    cluster.stop()


@pytest.fixture(scope="module")
def own_installation(own_cluster, tmp_path_factory):
    installation = Installation(own_cluster, tmp_path_factory.mktemp("own"))
    yield installation
    installation.close()


@pytest.fixture
def own_daemon(own_installation):
    """A daemon that a test may kill; a fresh process for each test."""
    daemon = own_installation.daemon("own")
    yield daemon
    daemon.kill9()
