"""Lists that the server gives in pages: every page counts, and nothing but its pages."""

import itertools
import json

import pytest

from command import Cli
from fault_server import fault_server, whole

FILLER = {"filler": "x" * 15_000}


@pytest.fixture
def long_vault(vault):
    """300 times 15 KiB of metadata are more than the 4 MiB of one page."""
    for number in range(300):
        assert vault.put(f"app/s{number:03}", f"value {number}", metadata=FILLER).status_code == 201
    assert "next" in vault.account.get(vault.path() + "/secrets").links
    return vault


def test_secrets_beyond_the_first_page_are_seen(cli, long_vault):
    paths = [f"app/s{number:03}" for number in range(300)]
    assert cli.ok("secret", "list", long_vault.name, "--paths-only").decode().split() == paths
    listed = json.loads(cli.ok("secret", "list", long_vault.name, "--output", "json"))
    assert [secret["path"] for secret in listed["secrets"]] == paths
    environment = cli.ok("run", "--vault", long_vault.name, "--prefix", "app", "--", "env").decode().splitlines()
    assert {f"S{number:03}=value {number}" for number in range(300)} <= set(environment)


def test_vaults_beyond_the_first_page_are_seen(cli, account, vault, daemon):
    daemon.psql_owner(
        "INSERT INTO vaults SELECT org_id, gen_random_uuid(), 'many ' || n, '', created_by_type, created_by, kek_version, "
        f"created_at FROM vaults, generate_series(1, 10500) n WHERE id = '{vault.id}'")
    assert "next" in account.get("/v1/vaults").links
    names = cli.ok("vault", "list", "--names-only").decode().splitlines()
    assert sorted(names) == sorted([vault.name] + [f"many {n}" for n in range(1, 10501)])
    last = account.get(account.get("/v1/vaults").links["next"]["url"]).json()["vaults"][-1]
    assert json.loads(cli.ok("vault", "show", last["name"], "--output", "json")) == last


@pytest.fixture
def server(tmp_path):
    with fault_server(tmp_path) as server:
        yield server


@pytest.fixture
def liar(server, tmp_path):
    """A command line whose server answers as the test says."""
    cli = Cli(tmp_path / "home", server.url, server.ca)
    cli.environment["CLAVIGER_TOKEN"] = "canary-token-51b2"
    return cli


def page(link):
    return whole(b'{"vaults":[{"name":"a","id":"x"}]}', headers=b"Link: " + link + b"\r\n")


class Pages:
    """The answers, one a request; the last again and again."""

    def __init__(self, *answers):
        self.answers = itertools.chain(answers, itertools.repeat(answers[-1]))

    def __iter__(self):
        yield next(self.answers)


@pytest.mark.parametrize("link", [
    b'</v1/vaults?after=1>; rel="next"', b"</v1/vaults?after=1>;rel=next", b'</v1/vaults?after=1>; REL="prev next"',
    b'</a>; title="x, <y>; rel=\\"next\\""; rel=prev, </v1/vaults?after=1>; rel="next"',
    b'</a>; rel=prev\r\nLink: </v1/vaults?after=1>; rel="next"'])
def test_a_link_leads_to_the_next_page(liar, server, link):
    server.answer = Pages(page(link), page(b'</v1/vaults>; rel="prev"'))
    assert liar.ok("vault", "list", "--names-only") == b"a\na\n"
    assert server.requests[1].startswith(b"GET /v1/vaults?after=1 HTTP/1.1\r\n")


@pytest.mark.parametrize("link", [
    b"https://elsewhere.example/v1/vaults?after=1", b"//elsewhere.example/v1/vaults?after=1", b"/v1/auth/me?after=1",
    b"/v1/vaults/../auth/me?after=1", b"@elsewhere.example/v1/vaults", b".elsewhere.example/v1/vaults", b"/v1/vaults",
    b"?after=1", b"http:/v1/vaults?after=1"])
def test_a_link_that_leads_elsewhere_is_refused(liar, server, link):
    server.answer = page(b"<" + link + b'>; rel="next"')
    assert "leads elsewhere" in liar.fails(1, "vault", "list")
    assert len(server.requests) == 1


@pytest.mark.parametrize("link", [
    b"x", b"</v1/vaults?after=1", b'</v1/vaults?after=1>; rel="next', b"</v1/vaults?after=1>; ; rel=next",
    b"</v1/vaults?after=1> rel=next", b"</v1/vaults?after=" + b"1" * 9000 + b">; rel=next"])
def test_a_link_that_makes_no_sense_is_refused(liar, server, link):
    server.answer = page(link)
    assert "makes no sense" in liar.fails(1, "vault", "list")


def test_a_list_without_end_ends(liar, server):
    one, two = (page(b"</v1/vaults?after=%d>; rel=next" % number) for number in (1, 2))
    server.answer = Pages(*[one, two] * 600)
    assert "1000 pages" in liar.fails(1, "vault", "list")
    assert len(server.requests) == 1000
