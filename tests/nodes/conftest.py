"""Three nodes on three hosts of a network of their own, with one database and one token."""

import secrets
import subprocess

import pytest

from limits import DATA_KEYS_PER_SECOND, LIMITS
from support.daemon import Installation
from support.network import Network
from support.paths import SOURCE
from support.postgres import APP, Cluster, Listening
from witness import Witness

NODES = 3


@pytest.fixture(scope="session")
def network():
    network = Network(NODES)
    yield network
    network.close()


@pytest.fixture(scope="session")
def trio_cluster(network, tmp_path_factory):
    """PostgreSQL on the database's link."""
    directory = tmp_path_factory.mktemp("trio")
    tls = directory / "tls"
    addresses = [network.addresses["database"], *(host.address for host in network.hosts)]
    subprocess.run([str(SOURCE / "scripts" / "dev-ca"), *(word for each in addresses for word in ("--ip", each)), str(tls)],
                   check=True, capture_output=True, timeout=60)
    cluster = Cluster(listening=Listening(network.addresses["database"], str(network.subnets["database"]),
                                          tls / "server.crt", tls / "server.key"))
    cluster.files = directory
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def trio_installation(trio_cluster):
    """Its authority is the one that certified all addresses."""
    installation = Installation(trio_cluster, trio_cluster.files)
    yield installation
    installation.close()


@pytest.fixture(scope="session")
def witness(trio_installation):
    return Witness(trio_installation)


@pytest.fixture(scope="session")
def all_nodes(network, trio_installation, witness):
    """The daemons, which reach the database by TCP, verified TLS and a password in a file."""
    directory, cluster = trio_installation.directory, trio_installation.cluster
    password = secrets.token_hex(16)
    cluster.sql(f"ALTER ROLE {APP} PASSWORD '{password}'")
    passfile = directory / "passfile"
    passfile.write_text(f"*:*:*:{APP}:{password}\n")
    passfile.chmod(0o600)
    conninfo = (f"host={network.addresses['database']} dbname={trio_installation.database} user={APP} "
                f"sslrootcert={trio_installation.ca} passfile={passfile}")
    nodes = [trio_installation.daemon(f"node{index}", host=host, start=False, database__conninfo=conninfo,
                                      http__trusted_proxies=network.addresses["clients"],
                                      rotation__secrets_per_second=DATA_KEYS_PER_SECOND, **LIMITS)
             for index, host in enumerate(network.hosts)]
    for index, node in enumerate(nodes):
        node.index = index
    yield nodes
    for node in nodes:
        node.kill9()


def mend(nodes):
    """All of them are there, awake and connected."""
    for node in nodes:
        node.host.heal_all()
        if node.running:
            node.resume()
        else:
            node.start(ready=False)
    for node in nodes:
        node.wait_ready()


@pytest.fixture
def nodes(all_nodes):
    mend(all_nodes)
    yield all_nodes
    mend(all_nodes)


@pytest.fixture
def account(nodes):
    """An owner, by the first node."""
    return nodes[0].api().signup()


@pytest.fixture
def vault(account):
    return account.create_vault()
