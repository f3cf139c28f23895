"""Hostile bodies, on every route that reads one."""

import json
import re

import pytest

NAME = b'{"name":"n"'

NOT_JSON = [
    b"{", b"}", b"[", b"]", b"{]", b'{"a"}', b'{"a":}', b'{"a":1,}', b"{,}", b'{"a":1 "b":2}', b"{'a':1}", b"{a:1}",
    b'{"a":1}{"a":1}', b'{"a":1}x', b'{"a":1}\x00', b"\x00", b"nul", b"truee", b"NaN", b'{"a":NaN}', b'{"a":Infinity}',
    b'{"a":-Infinity}', b'{"a":01}', b'{"a":+1}', b'{"a":.5}', b'{"a":1.}', b'{"a":0x10}', b'{"a":1e}', b'{"a":-}',
    b'// c\n{"a":1}', b'{"a":/*c*/1}', b'{"a":"\n"}', b'{"a":"\x1f"}', b'{"a":"\\x41"}', b'{"a":"\\u12"}', b'{"a":"open}',
    b"<a/>", b"name=n", b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b'{"a":1e400}', b'{"a":-1e400}',
]
NOT_OBJECTS = [b"null", b"true", b"1", b'"text"', b"[]", b'[{"name":"n","value":"v","email":"a@example.org"}]']
BAD_UTF8 = [b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"]
LONE_SURROGATES = [b"\\ud800", b"\\udfff", b"\\ud800\\u0041", b"\\udc00\\ud800", b"\\ud800x"]


@pytest.fixture(params=["createVault", "putSecret", "signup", "login", "changePassword", "updateMe", "deleteMe"])
def route(request, account, vault):
    """(method, path, a well-formed body without its closing brace)"""
    return {
        "createVault": ("POST", "/v1/vaults", b'{"name":"n"'),
        "putSecret": ("PUT", vault.path("a"), b'{"value":"v"'),
        "signup": ("POST", "/v1/auth/signup", b'{"email":"json@example.org","password":"Gr0und-7c1f-Water!"'),
        "login": ("POST", "/v1/auth/token", b'{"email":"json@example.org","password":"Gr0und-7c1f-Water!"'),
        "changePassword": ("POST", "/v1/auth/change-password", b'{"current_password":"x","new_password":"y"'),
        "updateMe": ("PATCH", "/v1/auth/me", b'{"display_name":"n"'),
        "deleteMe": ("DELETE", "/v1/auth/me", b'{"confirmation":"no"'),
    }[request.param]


def assert_refused(account, route, body):
    response = account.request(route[0], route[1], data=body)
    assert response.status_code == 400, (body[:80], response.text)
    assert "canary" not in response.text


def test_what_is_not_json_is_refused(account, route):
    for body in NOT_JSON:
        assert_refused(account, route, body)


def test_what_is_not_an_object_is_refused(account, route):
    for body in NOT_OBJECTS:
        assert_refused(account, route, body)


def test_malformed_utf8_is_refused_wherever_it_stands(account, route):
    for sequence in BAD_UTF8:
        assert_refused(account, route, route[2] + b',"x":"' + sequence + b'"}')
        assert_refused(account, route, route[2] + b',"' + sequence + b'":1}')
        assert_refused(account, route, route[2] + b"}" + sequence)


def test_lone_surrogates_are_refused(account, route):
    for text in LONE_SURROGATES:
        assert_refused(account, route, route[2] + b',"x":"' + text + b'"}')


def test_duplicate_members_are_refused_even_if_equal_or_unknown_or_inner(account, route):
    first = re.match(rb'\{("[^"]+":"[^"]*")', route[2]).group(1)
    assert_refused(account, route, route[2] + b"," + first + b"}")
    assert_refused(account, route, route[2] + b',"x":1,"x":1}')
    assert_refused(account, route, route[2] + b',"x":{"y":1,"\\u0079":2}}')


def test_deep_nesting_is_refused(account, route):
    for depth in (17, 100, 10000):
        assert_refused(account, route, route[2] + b',"x":' + b"[" * depth + b"]" * depth + b"}")
        assert_refused(account, route, b'{"x":' * depth + b"1" + b"}" * depth)
        assert_refused(account, route, b"[" * depth)


def test_too_many_members_are_refused(account, route):
    many = ",".join(f'"m{number}":0' for number in range(2000)).encode()
    assert_refused(account, route, route[2] + b"," + many + b"}")
    assert_refused(account, route, route[2] + b',"x":[' + b"0," * 5000 + b"0]}")


def test_a_refusal_never_repeats_the_body(account, route):
    for body in (b'{"canary":canary}', b'{"canary":"canary","canary":1}', b'"canary"', b'{"x":"canary'):
        assert_refused(account, route, body)


def test_white_space_around_a_body_is_fine(account):
    response = account.post("/v1/vaults", data=b' \r\n\t{ "name" : "n" } \r\n\n')
    assert response.status_code == 201


def test_the_content_type_does_not_matter(account):
    for number, kind in enumerate(["application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded"]):
        response = account.post("/v1/vaults", data=f'{{"name":"n{number}"}}', headers={"Content-Type": kind})
        assert response.status_code == 201


@pytest.mark.parametrize("number", [b"1e308", b"-1", b"0.1", b"1E+2", b"-0", b"9223372036854775807", b"18446744073709551615"])
def test_numbers_within_range_are_json(account, number):
    assert account.post("/v1/vaults", data=NAME + b',"x":' + number + b"}").status_code == 201


@pytest.mark.parametrize("number", [b"-1", b"1.5", b"2147483648", b"9223372036854775808", b"1e10", b"1e-1", b'"1"', b"[1]", b"{}",
                                    b"true"])
def test_a_number_of_the_wrong_kind_is_refused(vault, number):
    response = vault.account.put(vault.path("a"), data=b'{"value":"v","max_access_count":' + number + b"}")
    assert response.status_code == 400


def test_escapes_mean_what_they_stand_for(vault):
    response = vault.account.put(vault.path("a"), data=b'{"\\u0076alue":"\\ud83d\\udd11\\u00fc\\/\\n\\"\\\\\\u0000"}')
    assert response.status_code == 201
    assert vault.get("a").json()["value"] == "🔑ü/\n\"\\\x00"


def test_metadata_keeps_its_meaning(vault):
    metadata = {"": 0, "a.b": [[], {}, [[1]]], "unicode": "\u2028ü🔑", "control": "\x00\x1f", "number": -1.5e-7,
                "long": 2**63 - 1, "true": True, "null": None}
    vault.put("a", "v", metadata=metadata)
    assert vault.get("a").json()["metadata"] == metadata
    listed = vault.account.get(vault.path() + "/secrets").json()["secrets"]
    assert json.dumps(listed[0]["metadata"], sort_keys=True) == json.dumps(metadata, sort_keys=True)
