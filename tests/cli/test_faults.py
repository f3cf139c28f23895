"""Servers that misbehave, lie or are not there: a clear sentence and a status, never a hang, a crash or a leak."""

import socket

import pytest

from command import Cli
from fault_server import KIB, OK, fault_server, whole

TOKEN = "canary-token-51b2"


@pytest.fixture
def server(tmp_path):
    with fault_server(tmp_path) as server:
        yield server


@pytest.fixture
def cli(server, tmp_path):
    cli = Cli(tmp_path / "home", server.url, server.ca)
    cli.environment["CLAVIGER_TOKEN"] = TOKEN
    return cli


def fails(cli, status, *arguments, **options):
    complaint = cli.fails(status, *(arguments or ("vault", "list")), **options)
    assert TOKEN not in complaint
    return complaint


@pytest.mark.parametrize("body", [
    b"", b"garbage", b"{", b"[]", b"null", b'"text"', b"<html>", b"\xff\xfe", b'{"vaults":1}', b'{"vaults":[1]}', b"{}",
    b'{"vaults":[],"vaults":[]}', b"[" * 100_000, b'{"vaults":' + b"[" * 1000 + b"]" * 1000 + b"}",
])
def test_answers_that_make_no_sense(cli, server, body):
    server.answer = whole(body)
    fails(cli, 1)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"value":1}', b'{"value":"canary-value"}', b'{"value":"canary-value"'])
@pytest.mark.parametrize("command", [("secret", "get"), ("run",)])
def test_half_a_secret_is_not_shown(cli, server, body, command):
    server.answer = whole(body)
    vault = "0199b0a0-0000-7000-8000-000000000001"
    arguments = (["secret", "get", vault, "p"] if command[0] == "secret"
                 else ["run", "--vault", vault, "--secret", "A=p", "--", "true"])
    assert "canary" not in fails(cli, 1, *arguments)


def test_a_truncated_body(cli, server):
    server.answer = OK + b"Content-Length: 1000\r\n\r\n" + b'{"vaults":['
    assert "broke off" in fails(cli, 6)


def test_a_connection_closed_without_an_answer(cli, server):
    server.answer = b""
    assert "broke off" in fails(cli, 6)


def test_no_http_at_all(cli, server):
    server.answer = b"SSH-2.0-OpenSSH\r\n"
    fails(cli, 6)


def test_a_body_over_the_bound_announced_or_not(cli, server):
    server.answer = [OK + b"Content-Length: 17825792\r\n\r\n"] + [KIB] * 17 * 1024
    assert "16 MiB" in fails(cli, 1)
    server.answer = [OK + b"\r\n"] + [KIB] * 17 * 1024
    assert "16 MiB" in fails(cli, 1)


def test_a_server_that_never_finishes(cli, server):
    server.hold.set()
    server.answer = OK + b"Content-Length: 1000\r\n\r\n{"
    assert "time limit (1 s)" in fails(cli, 6, "--timeout", "1", "vault", "list")


def test_a_server_that_never_speaks(cli):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        fails(cli, 6, "--timeout", "1", "--url", url, "vault", "list")


def test_nobody_there(cli, server):
    server.close()
    assert "Cannot reach" in fails(cli, 6)


def test_an_authority_that_is_not_trusted(cli, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    with fault_server(other) as stranger:
        assert "not trusted" in fails(cli, 6, "--ca-file", str(stranger.ca), "vault", "list")
    cli.environment.pop("CLAVIGER_CA_FILE")
    complaint = fails(cli, 6)
    assert "not trusted" in complaint and "--ca-file" in complaint


def test_a_certificate_for_another_name(cli, server):
    # The certificate names 127.0.0.1, not this address of the same machine.
    fails(cli, 6, "--url", f"https://127.0.0.2:{server.port}", "vault", "list")
    assert server.requests == []


def test_a_ca_file_that_is_none(cli, tmp_path):
    (tmp_path / "empty").write_text("")
    for name in ("empty", "absent"):
        assert "CA file" in fails(cli, 6, "--ca-file", str(tmp_path / name), "vault", "list")


def test_redirects_are_not_followed(cli, server, tmp_path):
    (tmp_path / "o").mkdir()
    with fault_server(tmp_path / "o") as elsewhere:
        server.answer = whole(b"", b"307 Temporary Redirect", b"Location: %s/v1/vaults\r\n" % elsewhere.url.encode())
        assert "redirects" in fails(cli, 1)
        assert elsewhere.requests == []


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"])
def test_proxy_variables_are_not_used(cli, server, name):
    server.answer = whole(b'{"vaults":[]}')
    cli.ok("vault", "list", env={name: "http://127.0.0.1:1", "no_proxy": ""})


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "ftp://127.0.0.1", "file:///etc/passwd", "https://u:p@127.0.0.1",
                                 "https://127.0.0.1/?a=b", "https://127.0.0.1/#x", "nonsense://", "https://", " "])
def test_urls_that_are_refused(cli, url):
    fails(cli, 1, "--url", url, "vault", "list")


@pytest.mark.parametrize("status, code", [
    (b"400 Bad Request", 1), (b"401 Unauthorized", 3), (b"403 Forbidden", 5), (b"404 Not Found", 4),
    (b"405 Method Not Allowed", 1), (b"409 Conflict", 1), (b"410 Gone", 4), (b"413 Content Too Large", 1),
    (b"429 Too Many Requests", 6), (b"500 Internal Server Error", 1), (b"502 Bad Gateway", 6),
    (b"503 Service Unavailable", 6), (b"599 Odd", 1),
])
def test_each_status_has_its_exit_code_and_shows_detail_and_request(cli, server, status, code):
    server.answer = whole(b'{"type":"about:blank","title":"T","status":1,"detail":"The reason"}', status,
                          b"X-Request-Id: 0199-request\r\nRetry-After: 7\r\n")
    complaint = fails(cli, code)
    assert "The reason" in complaint and "0199-request" in complaint and status[:3].decode() in complaint


def test_a_refusal_without_a_problem_body(cli, server):
    server.answer = whole(b"<html>", b"503 Service Unavailable")
    assert "HTTP 503" in fails(cli, 6)


def test_the_servers_text_cannot_control_the_terminal(cli, server):
    server.answer = whole(b'{"vaults":[{"name":"a\\u001b[2Jb\\nc\\u009bd","id":"x"}]}')
    for arguments in (["vault", "list"], ["vault", "list", "--names-only"]):
        shown = cli.ok(*arguments)
        assert b"\x1b" not in shown and "\u009b" not in shown.decode() and b"a\\x1b[2Jb\\x0ac\\xc2\\x9bd" in shown
    server.answer = whole(b'{"detail":"\\u001b]0;title\\u0007"}', b"400 Bad Request", b"X-Request-Id: \x1b[31m\r\n")
    assert "\x1b" not in fails(cli, 1)


def test_logout_removes_the_session_even_when_the_server_is_away(server, tmp_path):
    server.answer = whole(b'{"access_token":"canary-token","token_type":"Bearer","expires_in":900}')
    cli = Cli(tmp_path / "home", server.url, server.ca)
    cli.ok("login", "--password", "--email", "ada@example.org", "--password-stdin", stdin="x")
    server.close()
    result = cli.run("logout", "--output", "json")
    assert result.returncode == 0
    assert b'"revoked": false' in result.stdout and b"removed here" in result.stderr
    assert b"canary" not in result.stdout + result.stderr
    assert not cli.session_file.exists()


@pytest.mark.parametrize("body", [
    b'{"mfa_required":true,"mfa_token":"canary","access_token":"","token_type":"Bearer","expires_in":300}',
    b'{"access_token":1}', b"{}"])
def test_a_login_without_a_token_stores_nothing(server, tmp_path, body):
    server.answer = whole(body)
    cli = Cli(tmp_path / "home", server.url, server.ca)
    assert "canary" not in cli.fails(1, "login", "--password", "--email", "ada@example.org", "--password-stdin", stdin="x")
    assert not cli.session_file.exists()


def test_signup_where_the_server_sends_mail(server, tmp_path):
    server.answer = whole(b'{"message":"Check your mail","email":"ada@example.org"}')
    cli = Cli(tmp_path / "home", server.url, server.ca)
    result = cli.run("signup", "--email", "ada@example.org", "--password-stdin", stdin="x")
    assert result.returncode == 0 and b"Check your mail" in result.stderr
    assert not cli.session_file.exists()


@pytest.mark.parametrize("target, body, code", [
    ("", b'{"status":"degraded"}', 1), ("", b'{"status":"healthy"}', 0), ("", b"{}", 1),
    ("--hsm", b'{"status":"unavailable"}', 1), ("--hsm", b'{"status":"ok"}', 0)])
def test_health_tells_by_its_status(server, tmp_path, target, body, code):
    server.answer = whole(body)
    cli = Cli(tmp_path / "home", server.url, server.ca)
    assert cli.run("health", *target.split()).returncode == code
    assert server.requests[0].startswith(b"GET /v1/health/hsm" if target else b"GET /v1/health ")


def test_an_export_whose_pages_do_not_advance_ends(cli, server):
    server.answer = whole(b'{"org_id":"0199b0a0-0000-7000-8000-000000000001","checkpoints":[{"number":0}],"count":1}')
    assert "do not advance" in fails(cli, 1, "audit", "export")


def test_a_broken_export_leaves_no_file(cli, server, tmp_path):
    server.answer = whole(b'{"org_id":"0199b0a0-0000-7000-8000-000000000001"}')
    fails(cli, 1, "audit", "export", "--file", str(tmp_path / "log"))
    assert [path.name for path in tmp_path.iterdir() if "log" in path.name] == []


def test_keys_that_are_none_are_not_saved(cli, server, tmp_path):
    for body in (b'{"keys":[]}', b"{}", b'{"keys":[{"kty":"OKP"}]}'):
        server.answer = whole(body)
        fails(cli, 1, "audit", "key", "--file", str(tmp_path / "key"))
    assert not (tmp_path / "key").exists()
