"""Where a request ends is never in doubt; what is in doubt is refused, and nothing after it is run."""
import threading
import time

import pytest

HOST = b"Host: x\r\n"


def get(line=b"GET /constant HTTP/1.1", fields=HOST):
    return line + b"\r\n" + fields + b"\r\n"


def post(fields, body=b""):
    return b"POST /echo HTTP/1.1\r\n" + HOST + fields + b"\r\n\r\n" + body


LENGTHS = [b"", b" ", b"-1", b"-5", b"+5", b"5abc", b"abc", b"0x5", b"5,6", b"5, 5", b"5 5", b"5;", b"5.0", b"1e3",
           b"05", b"00", b"'5'", b"\xd9\xa5", b"5\x00", b"NaN"]
LARGE = [b"5242881", b"99999999", b"999999999", b"1000000000", b"4294967296", b"21474836480", b"99999999999",
         b"18446744073709551615", b"18446744073709551621", b"9" * 400]
CODINGS = [(b"chunked", 411), (b"Chunked", 411), (b"CHUNKED", 411), (b" chunked ", 411), (b"chunked\x00", 400),
           (b"chunked, chunked", 501), (b"chunked,", 501), (b",chunked", 501), (b"gzip", 501), (b"identity", 501),
           (b"gzip, chunked", 501), (b"x", 501), (b"", 501), (b"\x0bchunked", 400), (b"chunked\x7f", 400),
           (b"chunked;q=1", 501), (b'"chunked"', 501)]
REQUEST_LINES = [
    b"GET", b"GET /", b"GET  HTTP/1.1", b"GET /  HTTP/1.1", b"GET  / HTTP/1.1", b" GET / HTTP/1.1", b"GET / HTTP/1.1 ",
    b"GET\t/ HTTP/1.1", b"GET /\tHTTP/1.1", b"get / HTTP/1.1", b"Get / HTTP/1.1", b"G\x00T / HTTP/1.1", b"GE.T / HTTP/1.1",
    b"/ HTTP/1.1", b"A" * 17 + b" / HTTP/1.1", b"GET / HTTP/1.", b"GET / HTTP/1", b"GET / HTTP/", b"GET / H", b"GET / ",
    b"GET / http/1.1", b"GET / HTTP/1.1a", b"GET / HTTP/11", b"GET / HTTP/1,1", b"GET / HTTP/01.1", b"GET / HTTP 1.1",
    b"GET / XTTP/1.1", b"GET / HTTPS/1.1", b"GET constant HTTP/1.1", b"GET xconstant HTTP/1.1", b"GET * HTTP/1.1",
    b"GET ? HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET http://x/constant HTTP/1.1", b"GET //x/constant HTTP/1.1",
    b"CONNECT x:443 HTTP/1.1", b"GET \\constant HTTP/1.1", b"GET /a#b HTTP/1.1", b"GET /a b HTTP/1.1",
    b"GET /a\x00b HTTP/1.1", b"GET /a\x7fb HTTP/1.1", b"GET /gr\xc3\xbcn HTTP/1.1", b"GET /\xff HTTP/1.1"]
TARGETS = [b"//", b"/a//b", b"/a/", b"/constant/", b"/.", b"/..", b"/a/./b", b"/a/../b", b"/%2e", b"/%2E%2E/x", b"/.%2e",
           b"/a%2F..%2Fb", b"/a%2F%2Fb", b"/%2Fa", b"/%00", b"/a%00b", b"/%0a", b"/%0d%0aX:%20y", b"/%7f", b"/%", b"/%2",
           b"/%zz", b"/%u0041", b"/%c0%af", b"/%ff", b"/%ed%a0%80", b"/a%2", b"/a?b=%00", b"/a?b=%zz", b"/a?b=1&b=2",
           b"/a?=1", b"/a?&", b"/a?b&b", b"/a?b=%ff", b"/" + b"a" * 2049, b"/a[", b"/a|b", b"/a{b}", b'/a"b', b"/a<b>",
           b"/a^b", b"/a`b", b"/a?" + b"&".join(b"p%d=1" % i for i in range(33))]
FIELDS = [
    (b"", 400), (HOST + HOST, 400), (HOST + b"Host: y\r\n", 400), (b"host: x\r\nHOST: x\r\n", 400), (b"Host:\r\n", 400),
    (b"Host: a b\r\n", 400), (b"Host: a/b\r\n", 400), (b"Host: u@h\r\n", 400), (b"Host : x\r\n", 400),
    (HOST + b"NoColon\r\n", 400), (HOST + b": v\r\n", 400), (HOST + b"A : v\r\n", 400), (HOST + b"A\t: v\r\n", 400),
    (HOST + b"A B: v\r\n", 400), (HOST + b" A: v\r\n", 400), (b" " + HOST, 400), (HOST + b"A: b\r\n c\r\n", 400),
    (HOST + b"A: b\r\n\tc\r\n", 400), (HOST + b"A: b\x00c\r\n", 400), (HOST + b"A\x00: b\r\n", 400),
    (HOST + b"A: b\x01\r\n", 400), (HOST + b"A: \x7f\r\n", 400), (HOST + b"A: \xff\r\n", 400), (HOST + b"\xc3\xa4: b\r\n", 400),
    (HOST + b"A: b\rc\r\n", 400), (HOST + b"A: b\nC: d\r\n", 400), (HOST + b"A: b\r\r\n", 400), (HOST + b"A: b\n", 400),
    (HOST + b"(A): b\r\n", 400), (HOST + b"{A}: b\r\n", 400), (HOST + b"A@: b\r\n", 400),
    (HOST + b"Expect: 200-ok\r\n", 417), (HOST + b"Expect:\r\n", 417), (HOST + b"Expect: 100-continue, x\r\n", 417),
    (HOST + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n", 400),
    (HOST + b"A: b\r\n" * 101, 431), (HOST + b"A: " + b"b" * 17000 + b"\r\n", 431), (HOST + b"A" * 17000 + b": b\r\n", 431)]

BATTERY = (
    [(post(b"Content-Length: " + value), 400) for value in LENGTHS]
    + [(post(b"Content-Length: " + value), 413) for value in LARGE]
    + [(post(b"Transfer-Encoding: " + value), status) for value, status in CODINGS]
    + [(get(line), 400) for line in REQUEST_LINES]
    + [(get(b"GET " + target + b" HTTP/1.1"), 400) for target in TARGETS]
    + [(get(fields=fields), status) for fields, status in FIELDS]
    + [(post(b"Content-Length: 5\r\nContent-Length: 5", b"hello"), 400),
       (post(b"Content-Length: 5\r\nContent-Length: 6", b"hello"), 400),
       (post(b"Content-Length: 5\r\ncontent-length: 5", b"hello"), 400),
       (post(b"Content-Length : 5", b"hello"), 400),
       (post(b"Content-Length\t: 5", b"hello"), 400),
       (post(b"Content-Length: 5\r\n 6", b"hello"), 400),
       (post(b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"), 400),
       (post(b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"0\r\n\r\n"), 400),
       (post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"), 400),
       (post(b"Transfer-Encoding : chunked", b"0\r\n\r\n"), 400),
       (post(b"Transfer-Encoding:\x0bchunked", b"0\r\n\r\n"), 400),
       (post(b"Transfer-Encoding:\r\n chunked", b"0\r\n\r\n"), 400),
       (b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
       (get(b"GET /" + b"a" * 4096 + b" HTTP/1.1"), 414), (b"GET /" + b"a" * 20000, 414), (b"A" * 20000, 414),
       (get(b"GET / HTTP/2.0"), 505), (get(b"GET / HTTP/0.9"), 505), (get(b"GET / HTTP/1.2"), 505),
       (get(b"GET / HTTP/9.9"), 505), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
       (b"GET / HTTP/1.1\n\n", 400), (b"GET / HTTP/1.1\nHost: x\n\n", 400), (b"GET / HTTP/1.1\rHost: x\r\r", 400),
       (b"\r\n" + get(), 400), (b"\n" + get(), 400), (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
       (b"\x00", 400), (b"\xff" * 64, 400), (b"GET / HTTP/1.1\r\nHost: x\r\n\n", 400), (b"5\r\nhello\r\n0\r\n\r\n", 400)])


def test_battery_is_large():
    assert len(BATTERY) > 150


def test_each_malformed_request_gets_its_status_and_ends_the_connection(serve):
    server = serve()
    wrong = []
    before = server.stats()["handled"]
    for data, expected in BATTERY:
        client = server.connect()
        # What follows must not be read as a request.
        client.send(data + get())
        answer = client.answer()
        if answer.status != expected or answer.headers["Connection"] != "close" or client.rest() != b"":
            wrong.append((data[:80], answer.status, expected))
        assert answer.headers["Content-Type"] == "application/problem+json"
        client.close()
    assert wrong == []
    assert server.stats()["handled"] == before + 1  # the statistics themselves


def test_each_malformed_request_is_refused_alike_byte_by_byte(serve):
    server = serve()
    for data, expected in BATTERY[:: 7]:
        if len(data) > 300:
            continue
        client = server.connect()
        try:
            for i in range(len(data)):
                client.send(data[i:i + 1])
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before its end
        assert client.answer().status == expected, data


def test_a_malformed_request_after_good_ones_is_refused_in_its_turn(serve):
    client = serve().connect()
    client.send(get() + post(b"Content-Length: 5", b"hello") + post(b"Content-Length: x") + get())
    assert client.answer().body == b"constant"
    assert client.answer().body == b"hello"
    assert client.answer().status == 400
    assert client.rest() == b""


def test_good_requests_that_look_odd_are_served(serve):
    server = serve()
    odd = [get(fields=b"hOsT: x\r\n"), get(fields=b"Host:x\r\n"), get(fields=b"Host:\t x \t\r\n"),
           get(b"GET /constant?a=b&c HTTP/1.1"), get(fields=HOST + b"Upgrade: h2c\r\nConnection: Upgrade\r\n"),
           get(fields=HOST + b"Accept: text/html, */*; q=.2, *; q=.2\r\n"), get(fields=HOST + b"Cookie: x\r\n"),
           get(fields=HOST + b"Cache-Control: No-Cache, odd\r\n"), get(fields=b"Host: a:\r\n"),
           get(fields=HOST + b"A:\r\n"), get(fields=HOST + b"A: \xc3\xa4\r\n"), get(fields=HOST + b"X: 1\r\nX: 2\r\n"),
           get(b"GET /%63onstant HTTP/1.1"), get(fields=HOST + b"A: b\r\n" * 99)]
    client = server.connect()
    for data in odd:
        assert client.send(data).answer().body == b"constant", data


def test_a_chunk_split_inside_its_line_end_is_refused_and_hangs_nobody(serve):
    """CR and LF of a chunk in two segments sent the library's parser into an endless loop."""
    server = serve("--io-threads=1")
    for _ in range(4):
        client = server.connect()
        client.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r")
        time.sleep(0.02)  # two segments, not a wait for a state
        client.send(b"\n0\r\n\r\n")
        assert client.answer().status == 411
        assert client.rest() == b""
    other = server.connect()
    server.assert_rests_while(lambda: other.get("/constant"))


@pytest.mark.parametrize("inner_first", [False, True])
def test_a_body_that_is_too_large_is_never_read_as_requests(serve, inner_first):
    """After 413 the library went on parsing, and ran what it found inside the body."""
    server = serve()
    before = server.stats()["handled"]
    inner = get(b"GET /echo/smuggled HTTP/1.1")
    body = (inner if inner_first else b"") + b"x" * 50 + inner * 20
    client = server.connect()
    client.send(b"POST /bodylimit/40 HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    client.send(inner)
    assert client.answer().status == 413
    assert client.rest() == b""
    assert server.stats()["handled"] == before + 1


def test_a_refusal_reaches_a_client_that_is_still_sending(serve):
    """Closing at once would reset the connection, and the answer with it."""
    client = serve().connect()
    client.send(b"POST /bodylimit/40 HTTP/1.1\r\n" + HOST + b"Content-Length: 5000000\r\n\r\n")
    for _ in range(50):
        client.send(b"x" * 60000)
    assert client.answer().status == 413
    assert client.rest() == b""


def test_bodies_are_whole_after_a_refused_one(serve):
    server = serve()
    server.connect().send(b"POST /bodylimit/40 HTTP/1.1\r\n" + HOST + b"Content-Length: 73140\r\n\r\n" + b"x" * 40)
    body = bytes(range(256)) * 300
    assert server.connect().request("POST", "/echo", body).body == body


def test_a_pipelined_burst_is_answered_in_order(serve):
    """The library answered only the first request of a segment."""
    client = serve().connect()
    many = [f"/token/{i}" if i % 3 else "/slow/1" for i in range(300)]
    client.send(b"".join(get(f"GET {target} HTTP/1.1".encode()) for target in many))
    for i, target in enumerate(many):
        assert client.answer().body == (str(i).encode() if i % 3 else b"slow"), target


def test_a_pipeline_longer_than_any_buffer_is_answered_whole(serve):
    """Input beyond a bound waits in the kernel until its turn."""
    server = serve()
    client = server.connect()
    count = 20000
    sender = threading.Thread(target=client.send, args=(get() * count,))
    sender.start()
    for _ in range(count):
        assert client.answer().body == b"constant"
    sender.join()


def test_continue_is_sent_to_a_client_that_waits(serve):
    server = serve()
    client = server.connect()
    client.send(b"POST /echo HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert client.answer().status == 100
    assert client.send(b"hello").answer().body == b"hello"
    client.send(b"POST /bodylimit/1 HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert client.answer().status == 413


def test_heads_have_their_bodies_length_and_no_body(serve):
    client = serve().connect()
    answer = client.request("HEAD", "/big/1000")
    assert answer.headers["Content-Length"] == "1000"
    assert client.get("/constant").body == b"constant"


def test_no_content_has_no_length(serve):
    client = serve().connect()
    answer = client.get("/empty")
    assert answer.status == 204 and "Content-Length" not in answer.headers
    assert client.get("/constant").body == b"constant"


def test_close_and_http_1_0_end_the_connection(serve):
    server = serve()
    for data in (get(fields=HOST + b"Connection: close\r\n"), get(b"GET /constant HTTP/1.0", b""),
                 get(b"GET /constant HTTP/1.0", HOST + b"Connection: keep-alive\r\n")):
        client = server.connect()
        answer = client.send(data).answer()
        assert answer.body == b"constant" and answer.headers["Connection"] == "close"
        assert client.rest() == b""


def test_segments_and_query_reach_the_handler_decoded_once(serve):
    client = serve().connect()
    answer = client.get("/echo/a%2Fb%252F%20c;d?q=a+b%2B&e=%C3%A4")
    assert answer.headers["X-Segments"] == '["echo","a/b%2F c;d"]'
    assert answer.headers["X-Query"].encode("latin-1").decode() == '[["q","a b+"],["e","ä"]]'


def test_every_answer_has_its_own_id_and_is_not_for_caches(serve):
    client = serve().connect()
    ids = set()
    for target in ("/constant", "/none", "/constant", "/drop"):
        headers = client.get(target).headers
        ids.add(headers["X-Request-Id"])
        assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Date"].endswith(" GMT")
    assert len(ids) == 4
