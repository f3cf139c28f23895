"""Every answer reaches the client that asked, and no other; no connection is forgotten."""
import concurrent.futures
import itertools
import os
import random
import socket
import threading
import time

import pytest

from server import HAMMER_SECONDS


def hammer(workers):
    """Runs the functions side by side until time is up; the first failure is raised."""
    end = time.monotonic() + HAMMER_SECONDS
    with concurrent.futures.ThreadPoolExecutor(len(workers)) as pool:
        jobs = [pool.submit(worker, lambda: time.monotonic() < end) for worker in workers]
        return [job.result() for job in jobs]


def vanisher(server, target):
    """Asks and is gone before the answer; its descriptor number goes to the next client."""
    def run(go_on):
        while go_on():
            try:
                client = server.connect()
                client.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                if random.random() < 0.5:
                    time.sleep(random.random() * 0.01)
                client.vanish()
            except OSError:
                pass
    return run


def checker(server):
    """Fresh and kept connections: nothing unasked, and every answer is the one asked for."""
    def run(go_on):
        count = 0
        while go_on():
            client = server.connect()
            assert client.silent()
            for _ in range(random.choice([1, 1, 3])):
                token = os.urandom(12).hex()
                assert client.get(f"/token/{token}").body.decode() == token
                count += 1
            assert client.silent()
            client.close()
        return count
    return run


@pytest.mark.parametrize("io_threads", [1, 2])
def test_answers_for_vanished_clients_reach_nobody(serve, io_threads):
    server = serve(f"--io-threads={io_threads}")
    vanishers = [vanisher(server, target) for target in ("/slow/5", "/token/stolen", "/constant", "/slow/1")]
    counts = hammer(vanishers + [checker(server)] * 3)
    assert sum(count or 0 for count in counts) > 0
    assert server.await_stats(lambda s: s["in_flight"] == 1)["dropped_answers_total"] > 0


def test_answers_for_vanished_clients_reach_nobody_under_tls(serve, identity):
    server = serve(tls=identity)
    hammer([vanisher(server, "/slow/3"), vanisher(server, "/token/stolen"), checker(server), checker(server)])


def test_answers_from_other_threads_survive_disconnecting_clients(serve):
    """Sending from another thread while the connection goes away crashed the library's own writer."""
    server = serve("--io-threads=2")
    hammer([vanisher(server, "/token/x")] * 6)
    assert server.connect().get("/constant").body == b"constant"
    stats = server.await_stats(lambda s: s["connections"] == 1)
    assert stats["in_flight"] == 1 and stats["alive"]


def test_large_answers_to_vanishing_clients_are_dropped_whole(serve):
    server = serve()
    hammer([vanisher(server, "/big/3000000")] * 2 + [checker(server)])
    server.await_stats(lambda s: s["connections"] == 1)


def test_every_connection_of_a_burst_is_served(serve):
    """A lost wake-up leaves one fresh connection waiting until other traffic comes."""
    server = serve("--io-threads=2")
    rounds = itertools.count()

    def burst(go_on):
        while go_on():
            next(rounds)
            clients = [server.connect() for _ in range(24)]
            for client in clients:
                client.send(b"GET /constant HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            for client in clients:
                assert client.answer().body == b"constant"
                client.close()
    hammer([burst])
    assert next(rounds) > 3


def test_every_kept_connection_gets_each_answer_in_lock_step(serve):
    server = serve("--io-threads=2")
    barrier = threading.Barrier(16)

    def kept(_):
        client = server.connect()
        for i in range(100):
            barrier.wait(20)
            assert client.get(f"/token/{i}").body == str(i).encode()
        client.close()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(kept, range(16)))


def test_a_client_that_closes_its_sending_side_is_still_answered(serve):
    server = serve()
    for target in ("/constant", "/slow/50"):
        client = server.connect()
        client.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        client.sock.shutdown(socket.SHUT_WR)
        assert client.answer().status == 200
        assert client.rest() == b""
