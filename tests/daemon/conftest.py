"""Tests here break things, so most have a cluster or an installation of their own."""

import pytest
from support.daemon import Installation
from support.postgres import Cluster


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
