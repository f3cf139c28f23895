"""Runs the echo server for one test each, and checks that it survived."""
import pytest

from server import EchoServer
import certificates


@pytest.fixture
def serve():
    """serve(*flags, tls=False, ...) starts a server; at the end each must still run and stop cleanly."""
    servers = []

    def start(*flags, **options):
        server = EchoServer(*flags, **options)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.check_and_stop()


@pytest.fixture(scope="session")
def identity(tmp_path_factory):
    """Certificate and key of a server that calls itself localhost."""
    return certificates.make(tmp_path_factory.mktemp("tls"), "localhost")
