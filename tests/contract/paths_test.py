"""Hostile request targets, on every method of a secret's path."""

import pytest
from support import raw_http

METHODS = ["GET", "PUT", "DELETE", "POST"]
BODY = b'{"value":"v"}'

# Refused by HTTP before anything is looked up.
MALFORMED = [
    b".", b"..", b"a/.", b"a/..", b"a/./b", b"a/../b", b"./a", b"../a", b"../../secrets/a",
    b"/a", b"a//b", b"a/", b"//", b"a///b",
    b"%2e", b"%2e%2e", b"a/%2e%2e/b", b"a/%2E./b", b".%2e/a", b"%2e%2e%2fa", b"a%2f..%2fb",
    b"a%2f", b"%2fa", b"a%2f%2fb", b"a/%2fb", b"a%2F/b",
    b"%00", b"a%00", b"a%00b", b"a/%00/b", b"%0d%0a", b"a%0d%0aX-Injected:%20yes", b"a%0ab", b"a%09b", b"a%1fb", b"a%7fb",
    b"%ff", b"a%c3", b"%c0%ae%c0%ae", b"%c0%af", b"%ed%a0%80", b"%f8%88%80%80%80", b"%f4%90%80%80",
    b"a%", b"a%2", b"a%zz", b"a%u0041", b"a\x01b", b"a\x7fb", b"a\xc3\xa4b", b"a\xffb", b"a\\..\\b%00",
    b"a|b", b"a\"b", b"a<b", b"a^b", b"a`b", b"a{b}", b"a\\b",
]
# Well-formed targets that no secret can have: 400 to a write, 404 to everything else.
IMPOSSIBLE = [
    b"a.b", b"...", b"a..b", b"a%20b", b"-a", b"a-", b"_a", b"a_", b"a%2Bb", b"a+b", b"*", b"a*", b"a/*", b"**",
    b"%C3%A4", b"a%C3%A4b", b"%E2%80%AE", b"%EF%BB%BFa", b"a%3Fb", b"a%23b", b"a%5Cb", b"a:b", b"a;b", b"a@b", b"a,b",
    b"~a", b"%7Ea", b"a'b", b"a%22b", b"a%3Cb", b"$a", b"a%7Cb",
    # Decoded once and only once: these contain a percent sign, not a slash, a dot or a NUL.
    b"a%252Fb", b"%252e%252e", b"a%2500", b"%25",
    b"a" * 513, b"a/" * 256 + b"bc",
]


@pytest.fixture
def guarded(vault):
    """A vault with secrets that a confused path could reach."""
    for path in ("a", "b", "secrets/a", "a/b"):
        vault.put(path, f"canary of {path}")
    return vault


def target(vault, path):
    return f"/v1/vaults/{vault.id}/secrets/".encode() + path


def send(vault, method, path):
    return raw_http.send(vault.account, method, target(vault, path), BODY if method == "PUT" else b"")


def assert_untouched(vault):
    listed = vault.account.get(vault.path() + "/secrets").json()["secrets"]
    assert [(secret["path"], secret["version"]) for secret in listed] == [
        ("a", 1), ("a/b", 1), ("b", 1), ("secrets/a", 1)]


@pytest.mark.parametrize("method", METHODS)
def test_malformed_targets_get_400_on_every_method(guarded, method):
    for path in MALFORMED:
        answer = send(guarded, method, path)
        assert answer.status == 400, (method, path, answer)
        assert b"canary" not in answer.body
        assert "x-injected" not in answer.headers
    assert_untouched(guarded)


def test_paths_that_no_secret_can_have_are_refused_when_written(guarded):
    for path in IMPOSSIBLE:
        answer = send(guarded, "PUT", path)
        assert answer.status == 400, (path, answer)
        assert b"letters, digits" in answer.body, (path, answer)
    assert_untouched(guarded)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_paths_that_no_secret_can_have_are_not_found(guarded, method):
    expected = send(guarded, method, b"never/written").body
    for path in IMPOSSIBLE:
        answer = send(guarded, method, path)
        assert (answer.status, answer.body) == (404, expected), (method, path, answer)
    assert_untouched(guarded)


def test_paths_that_no_secret_can_have_cannot_be_posted_to(guarded):
    for path in IMPOSSIBLE:
        assert send(guarded, "POST", path).status == 405, path


@pytest.mark.parametrize("written,read", [(b"x/y/z", b"x%2Fy%2Fz"), (b"x%2Fy%2Fz", b"x/y/z"), (b"x%2fy/z", b"x/y%2Fz"),
                                          (b"x/y/z", b"%78/%79/%7A"), (b"%78%2F%79%2F%7a", b"x/y/z")])
def test_an_encoded_slash_is_a_slash(vault, written, read):
    assert raw_http.send(vault.account, "PUT", target(vault, written), BODY).status == 201
    answer = send(vault, "GET", read)
    assert answer.status == 200
    assert answer.json()["path"] == "x/y/z"
    assert send(vault, "PUT", read).json()["version"] == 2
    assert send(vault, "DELETE", read).status == 204
    assert send(vault, "GET", written).status == 410


def test_an_encoded_slash_is_a_slash_nowhere_else(guarded):
    for path in (f"/v1/vaults%2F{guarded.id}", f"/v1/vaults/{guarded.id}%2Fsecrets/a", f"/v1/vaults/{guarded.id}%2Fsecrets",
                 "/v1%2Fvaults", f"/v1/vaults/x%2F{guarded.id}"):
        assert raw_http.send(guarded.account, "GET", path).status == 404, path


@pytest.mark.parametrize("length,status", [(512, 201), (513, 400)])
def test_a_path_has_at_most_512_characters(vault, length, status):
    assert vault.put("p" * length, "v").status_code == status


@pytest.mark.parametrize("path", ["A", "0", "OPENAI_KEY", "a-b_c/D9", "a/-b", "a-/b", "a/_/b", "secrets", "v1/vaults"])
def test_good_paths_are_taken_as_they_are(vault, path):
    assert vault.put(path, "v").json()["path"] == path
    assert vault.get(path).json()["path"] == path


def test_a_query_is_not_part_of_the_path(guarded):
    assert guarded.account.get(guarded.path("a") + "?path=b&x=%2F..").json()["path"] == "a"


@pytest.mark.parametrize("form", ["https://claviger.test{}", "{}#fragment", "v1/vaults", "*", "//claviger.test{}", "\\v1"])
def test_targets_that_are_not_a_path_get_400(guarded, form):
    answer = raw_http.send(guarded.account, "GET", form.format(f"/v1/vaults/{guarded.id}/secrets/a"))
    assert answer.status == 400
    assert b"canary" not in answer.body


def test_a_refusal_never_repeats_the_target(guarded):
    for method in METHODS:
        for path in (b"canary..", b"canary%00", b"canary.x", b"%63anary//"):
            assert b"canary" not in send(guarded, method, path).body
