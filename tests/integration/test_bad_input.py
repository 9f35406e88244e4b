# SPDX-License-Identifier: Apache-2.0
"""Bad input on the plain port. Each kind gets its documented answer, moves a counter, writes
at most one log line and reaches no backend, and a neighbour on the listener notices nothing.
"""
import socket
import time

import pytest

import env
import h2raw
from h2raw import request_fields

pytestmark = pytest.mark.proxy_only
INVALID_ARGUMENT, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED = 3, 4, 8
UNIMPLEMENTED, INTERNAL = 12, 13
ROUTES = [{"match": {"service": "grpc.testing.TestService"}, "to": "good"}, {"to": "rest"}]
# Long enough for a client that is not looked after for a moment, short enough to be waited for.
TOO_LONG = "%dms" % (1500 * env.SLOW)
LISTENER = {"limits": {"handshakeTimeout": TOO_LONG, "headerTimeout": TOO_LONG}}


class Recorder(h2raw.RawBackend):
    """Answers well and keeps every request."""

    def __init__(self):
        self.requests = []

        def begin(request):
            self.requests.append(request)
        super().__init__(lambda c: h2raw.serve(c, on_request=begin, on_end=h2raw.send_ok))


class Scene:
    """The proxy, its recorder, and the counters that good traffic moves."""

    def __init__(self, proxy, recorder):
        self.proxy, self.recorder = proxy, recorder
        before = proxy.counters()
        with h2raw.Client(proxy.address) as c:
            assert c.call("/good.Svc/m").status == 0
            assert c.ping()
        # Until it is known that the end of a good connection has been counted too:
        env.wait_steady(lambda: self.moved(before) and sorted(self.moved(before)), 0.3)
        self.usual = self.moved(before)
        recorder.requests.clear()

    def moved(self, before):
        now = self.proxy.counters()
        return {k for k, v in now.items() if v > before.get(k, 0)}


@pytest.fixture(scope="module")
def scene(backend):
    with Recorder() as recorder, env.Proxy(
            {"rest": [recorder.address], "good": [backend.address]}, ROUTES,
            listener=LISTENER) as proxy, env.Neighbour(proxy.address):
        yield Scene(proxy, recorder)


@pytest.fixture
def watched(scene):
    """Around one piece of bad input: counter, log, backend."""
    before, lines = scene.proxy.counters(), len(scene.proxy.lines())
    scene.recorder.requests.clear()
    yield scene
    env.wait_until(lambda: scene.moved(before) - scene.usual, 10, "a counter for this input")
    # A line may come a moment after the answer.
    env.wait_steady(lambda: len(scene.proxy.lines()), 0.05)
    new = [line for line in scene.proxy.lines()[lines:] if "lines like the next one were left out" not in line]
    assert len(new) <= 1, "more than one log line: %s" % new
    assert scene.recorder.requests == [], "it reached a backend"


def send(scene, fields, body=True):
    """One request on a fresh connection, which must live on; returns the Answer."""
    with h2raw.Client(scene.proxy.address) as client:
        sid = client.start_call("/x/y", fields, end=not body)
        if body:
            client.send(h2raw.make_data(sid, h2raw.make_message(b"x"), end=True))
        got = client.wait_end(sid, 3)
        assert client.ping(), "the connection ended: %s" % (client.goaway,)
        assert client.call("/grpc.testing.TestService/EmptyCall").status == 0
    return got


def check_rejected(got, statuses=(INTERNAL,)):
    """A stream that is rejected: RST_STREAM(PROTOCOL_ERROR), or an error answer."""
    assert not got.data_frames or got.get(":status") == "400"
    assert (got.rst == h2raw.PROTOCOL_ERROR or got.status in statuses
            or got.get(":status") == "400"), (got.blocks, got.rst)


# --- requests with an answer of their own -------------------------------------------------

@pytest.mark.parametrize("value", ["text/plain", "application/json", "application/grpc-web",
                                   "application/grpcx", "application/grp", "", None])
def test_content_type(watched, value):
    got = send(watched, request_fields("/a.B/c", content_type=value))
    assert got.get(":status") == "415" and got.status == INVALID_ARGUMENT
    assert got.data and got.ended


@pytest.mark.parametrize("value", ["GET", "PUT", "HEAD", "OPTIONS", "post", "DELETE", "PATCH"])
def test_method(watched, value):
    got = send(watched, request_fields("/a.B/c", __method=value))
    assert got.get(":status") == "405" and got.get("allow") == "POST" and got.ended
    assert got.status == INTERNAL
    assert bool(got.data) == (value != "HEAD")    # its answer has no content (RFC 9110 9.3.2)


PATHS = ["/", "//", "/a", "/a/", "//b", "/a//b", "//a/b", "/a/b/c", "/a/b/", "/a/../b", "/a/b%2f",
         "/a%2fb", "/a/b;x", "/a/b?q=1", "/a/b#f", "/a\\b/c", "/a b/c", "/a/b ", "/a:b/c",
         "/a@b/c", "/a,b/c", "/~/b"]


@pytest.mark.parametrize("path", PATHS)
def test_path(watched, path):
    got = send(watched, request_fields(path))
    assert got.rst == h2raw.PROTOCOL_ERROR or (
        got.trailers_only and got.status == UNIMPLEMENTED), (got.blocks, got.rst)
    if not set(path) & set(" #\\"):
        assert got.status == UNIMPLEMENTED, "a legal :path value deserves a gRPC answer"


@pytest.mark.parametrize("path", ["", "a/b", "*", b"/\xc3\xa9/m", b"/a/\x80", b"/a/\x00b",
                                  b"/a/b\r\n", "http://h/a/b"])
def test_path_that_is_not_one(watched, path):
    check_rejected(send(watched, request_fields(path)), (UNIMPLEMENTED, INTERNAL))


def test_no_route(backend):
    routes = [{"match": {"service": "a.B"}, "to": "app"}]
    with env.Proxy([backend.address], routes) as proxy, h2raw.Client(proxy.address) as client:
        before = proxy.counters()
        got = client.call("/a.C/m")
        assert got.trailers_only and got.status == UNIMPLEMENTED and got.get("grpc-message")
        assert any(v > before.get(k, 0) for k, v in proxy.counters().items())


@pytest.mark.parametrize("value", ["", "1", "S", "1s", "-1S", "123456789S", "1.5S", "+1S", "1SS",
                                   "1 S", "0x1S", "1h", "S1", "٣S", "99999999999999999999m"])
def test_grpc_timeout(watched, value):
    got = send(watched, request_fields("/a.B/c", extra=[("grpc-timeout", value)]))
    assert got.trailers_only and got.status == INTERNAL, (got.blocks, got.rst)
    assert "grpc-timeout" in got.get("grpc-message")


def test_grpc_timeout_twice(watched):
    check_rejected(send(watched, request_fields("/a.B/c", extra=[
        ("grpc-timeout", "1S"), ("grpc-timeout", "2S")])))


@pytest.mark.parametrize("value", ["0S", "0n"])
def test_grpc_timeout_that_is_over(watched, value):
    got = send(watched, request_fields("/a.B/c", extra=[("grpc-timeout", value)]))
    assert got.trailers_only and got.status == DEADLINE_EXCEEDED


@pytest.mark.parametrize("extra", [[("x-big", "v" * 20000)], [("x-big", "v" * 60000)],
                                   [("x-%d" % i, "v") for i in range(200)],
                                   [("x-%d" % i, "v" * 400) for i in range(50)]],
                         ids=["20k", "60k", "200-fields", "50x400"])
def test_oversized_headers(watched, extra):
    got = send(watched, request_fields("/a.B/c", extra=extra))
    assert got.trailers_only and got.status == RESOURCE_EXHAUSTED, (got.blocks, got.rst)
    assert got.get("grpc-message")


# --- malformed requests -------------------------------------------------------------------

BASE = request_fields("/a.B/c")
MALFORMED = {
    "host-differs": BASE + [("host", "other.example")],
    "two-hosts": request_fields("/a.B/c", __authority=None) + [("host", "a"), ("host", "b")],
    "upper-case-name": BASE + [("X-Upper", "1")],
    "empty-name": BASE + [("", "1")],
    "space-in-name": BASE + [("x a", "1")],
    "colon-in-name": BASE + [("x:a", "1")],
    "nul-in-name": BASE + [("x\0a", "1")],
    "high-byte-in-name": BASE + [(b"x\xff", "1")],
    "nul-in-value": BASE + [("x-a", "1\x002")],
    "newline-in-value": BASE + [("x-a", "1\n2")],
    "return-in-value": BASE + [("x-a", "1\r2")],
    "escape-in-value": BASE + [("x-a", "\x1b[31m")],
    "delete-in-value": BASE + [("x-a", "\x7f")],
    "two-paths": [(":path", "/a.B/d")] + BASE,
    "two-methods": [(":method", "POST")] + BASE,
    "two-schemes": [(":scheme", "http")] + BASE,
    "two-authorities": [(":authority", "a")] + BASE,
    "late-pseudo": BASE[:2] + BASE[4:] + BASE[2:4],
    "unknown-pseudo": [(":proto", "x")] + BASE,
    "status-in-request": [(":status", "200")] + BASE,
    "no-method": request_fields("/a.B/c", __method=None),
    "no-path": request_fields(None),
    "no-scheme": request_fields("/a.B/c", __scheme=None),
    "ftp-scheme": request_fields("/a.B/c", __scheme="ftp"),
    "empty-scheme": request_fields("/a.B/c", __scheme=""),
    "connection": BASE + [("connection", "close")],
    "keep-alive": BASE + [("keep-alive", "1")],
    "proxy-connection": BASE + [("proxy-connection", "close")],
    "transfer-encoding": BASE + [("transfer-encoding", "chunked")],
    "upgrade": BASE + [("upgrade", "h2c")],
    "te-gzip": request_fields("/a.B/c", te="gzip"),
    "content-length-short": BASE + [("content-length", "3")],
    "content-length-long": BASE + [("content-length", "999999")],
    "content-length-word": BASE + [("content-length", "abc")],
    "content-length-twice": BASE + [("content-length", "6"), ("content-length", "6")],
    "authority-with-space": request_fields("/a.B/c", authority="a b"),
    "authority-with-user": request_fields("/a.B/c", authority="u@host"),
}


@pytest.mark.parametrize("name", sorted(n for n in MALFORMED if not n.startswith("content-len")))
def test_malformed_request(watched, name):
    check_rejected(send(watched, MALFORMED[name]))


@pytest.mark.parametrize("name", sorted(n for n in MALFORMED if n.startswith("content-len")))
def test_content_length_that_lies(scene, name):
    """It may have begun at a backend by the time the lie shows, but it must not succeed."""
    got = send(scene, MALFORMED[name])
    assert got.status != 0
    check_rejected(got)


# --- odd but right ------------------------------------------------------------------------

GOOD_ODD = {
    "bad-base64": [("x-k-bin", "this is %% not base64!")], "joined-bin": [("x-k-bin", "AQ,Ag==")],
    "empty-bin": [("x-k-bin", "")], "obs-text": [("x-k", b"\xe2\x98\xba\xff")],
    "inner-tab": [("x-k", "a\tb")], "empty-value": [("x-k", "")],
    "underscore": [("x_k", "1"), ("x-k", "2"), ("x.k", "3")],
    "unknown-grpc": [("grpc-whatever", "1")], "cookies": [("cookie", "a=1"), ("cookie", "b=2")],
    "content-length": [("content-length", "6")],
}


@pytest.mark.parametrize("name", sorted(GOOD_ODD))
def test_odd_but_right_passes_untouched(scene, name):
    scene.recorder.requests.clear()
    got = send(scene, request_fields("/a.B/c", extra=GOOD_ODD[name]))
    assert got.status == 0, (got.blocks, got.rst)
    seen = scene.recorder.requests[-1]     # one of the test before may come late
    for key, value in GOOD_ODD[name]:
        if key not in ("content-length", "cookie"):
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            assert seen.get_all(key) == [text]


SPACED = [("te", " trailers"), ("content-length", " 6\t"), ("grpc-timeout", "\t9S "), ("host", " h.example "), ("x-a", "v  w \t"), ("x-blank", "  ")]


def test_space_around_values_is_stripped(scene):
    """It is checked, and passed on, without: as gRPC says of ASCII-Value."""
    scene.recorder.requests.clear()
    got = send(scene, request_fields("/a.B/c", te=None, authority="h.example", content_type=" application/grpc ") + SPACED)
    assert got.status == 0, (got.blocks, got.rst)
    seen = scene.recorder.requests[-1]     # one of the test before may come late
    assert seen.get_all("te") == ["trailers"] and seen.get_all("content-type") == ["application/grpc"]
    assert seen.get_all("x-a") == ["v  w"] and seen.get_all("x-blank") == [""]
    assert seen.get("grpc-timeout").strip() == seen.get("grpc-timeout") and seen.get("host") is None


def test_space_around_values_hides_nothing(watched):
    """Two hosts are two hosts, however they are written."""
    check_rejected(send(watched, request_fields("/a.B/c", authority="h.example") + [("host", " other.example")]))


@pytest.mark.parametrize("value", ["application/grpc", "application/grpc+proto",
                                   "application/grpc+json", "application/grpc;charset=utf-8"])
def test_right_content_types(scene, value):
    scene.recorder.requests.clear()
    assert send(scene, request_fields("/a.B/c", content_type=value)).status == 0
    assert scene.recorder.requests[-1].get("content-type") == value


def test_host_takes_the_place_of_authority(scene):
    for fields in (request_fields("/a.B/c", __authority=None) + [("host", "h.example")],
                   request_fields("/a.B/c", authority="h.example") + [("host", "h.example")]):
        scene.recorder.requests.clear()
        assert send(scene, fields).status == 0
        seen = scene.recorder.requests[-1]     # one of the test before may come late
        assert seen.get_all(":authority") == ["h.example"] and seen.get("host") is None


def test_headers_just_under_the_limit(scene):
    assert send(scene, request_fields("/a.B/c", extra=[("x-big", "v" * 15000)])).status == 0


def test_missing_te_is_set_for_the_backend(scene):
    scene.recorder.requests.clear()
    assert send(scene, request_fields("/a.B/c", te=None)).status == 0
    assert scene.recorder.requests[-1].get_all("te") == ["trailers"]


# --- not even HTTP/2 ----------------------------------------------------------------------

CLIENT_HELLO = bytes.fromhex(
    "16030100a5010000a10303") + bytes(32) + b"\x00\x00\x02\x13\x01\x01\x00" + bytes(120)


def read_all(sock, timeout=3):
    """All bytes until the other side closes; a TimeoutError when it does not."""
    sock.settimeout(timeout * env.SLOW)
    out = b""
    while True:
        try:
            more = sock.recv(65536)
        except ConnectionResetError:
            return out
        if not more:
            return out
        out += more


@pytest.mark.parametrize("text", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n",
                                  b"POST /a.B/c HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
                                  b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, "
                                  b"HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n"])
def test_http1(watched, text):
    with h2raw.open_socket(watched.proxy.address) as s:
        s.sendall(text)
        got = read_all(s)
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ") and body.strip(), got


@pytest.mark.parametrize("data", [CLIENT_HELLO, bytes(range(256)) * 4, b"\n", bytes(24),
                                  b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"EHLO mail\r\n"],
                         ids=["tls", "binary", "newline", "zeros", "almost-preface", "smtp"])
def test_garbage_is_closed(watched, data):
    with h2raw.open_socket(watched.proxy.address) as s:
        s.sendall(data)
        got = read_all(s)
    assert b"HTTP/1.1 200" not in got and len(got) < 1000


@pytest.mark.parametrize("data", [b"", h2raw.PREFACE[:10], h2raw.PREFACE],
                         ids=["nothing", "half-a-preface", "no-settings"])
def test_silence_is_closed_after_the_handshake_timeout(watched, data):
    start = time.monotonic()
    with h2raw.open_socket(watched.proxy.address) as s:
        s.sendall(data)
        read_all(s, 4)
        assert time.monotonic() - start > 0.4


def test_header_block_that_never_ends(watched):
    with h2raw.Client(watched.proxy.address) as client:
        client.ping()
        block = h2raw.make_block(BASE)
        client.send(h2raw.make_frame(h2raw.HEADERS, 0, 1, block))
        client.wait_for(lambda: client.closed, 4)


BAD_FRAMES = {
    "frame-too-large": (h2raw.make_frame(h2raw.DATA, 0, 1, bytes(100000)), {6, 1}),
    "data-on-stream-zero": (h2raw.make_frame(h2raw.DATA, 0, 0, b"x"), {1}),
    "headers-on-an-even-stream": (h2raw.make_headers(2, BASE), {1}),
    "bad-hpack": (h2raw.make_frame(h2raw.HEADERS, 5, 1, b"\xff\xff\xff\x7f"), {9}),
    "window-overflow": (h2raw.make_window(0, h2raw.MAX_WINDOW) * 2, {3}),
    "settings-of-five-bytes": (h2raw.make_frame(h2raw.SETTINGS, 0, 0, b"12345"), {6}),
    "push-promise": (h2raw.make_frame(h2raw.PUSH_PROMISE, 4, 1, b"\0\0\0\2"), {1}),
    "stray-continuation": (h2raw.make_frame(h2raw.CONTINUATION, 4, 1, b""), {1}),
    "ping-of-three-bytes": (h2raw.make_frame(h2raw.PING, 0, 0, b"abc"), {6}),
}


@pytest.mark.parametrize("name", sorted(BAD_FRAMES))
def test_bad_frame_ends_the_connection(watched, name):
    data, codes = BAD_FRAMES[name]
    with h2raw.Client(watched.proxy.address) as client:
        client.ping()
        client.send(data)
        client.wait_for(lambda: client.closed, 3)
        assert client.goaway and client.goaway[1] in codes, client.goaway


def test_a_megabyte_of_headers(watched):
    """More CONTINUATION frames than allowed: this connection ends, nothing else does."""
    with h2raw.Client(watched.proxy.address) as client:
        client.ping()
        before = watched.proxy.memory()
        sid = client.start_call("/a.B/c", extra=[("x-big", "v" * 2 ** 20)])
        client.wait_for(lambda: client.closed or client.answers[sid].ended
                        or client.answers[sid].rst is not None, 3)
        assert client.closed or client.answers[sid].status != 0
        watched.proxy.check_growth(before, 8)


def test_more_streams_than_the_limit(backend):
    """Above maxConcurrentStreams: REFUSED_STREAM, and the others are served."""
    with env.Proxy([backend.address], listener={"limits": {"maxConcurrentStreams": 10}}) as p, \
            h2raw.Client(p.address) as client:
        client.ping()
        before = p.counters()
        path = "/grpc.testing.TestService/FullDuplexCall"
        sids = [client.start_call(path) for _ in range(11)]
        assert client.wait_end(sids[10]).rst == h2raw.REFUSED_STREAM
        assert any(v > before.get(k, 0) for k, v in p.counters().items())
        for sid in sids[:10]:
            client.send(h2raw.make_data(sid, end=True))
        assert [client.wait_end(s).status for s in sids[:10]] == [0] * 10


def test_connections_that_come_and_go(scene):
    """A port scanner: no harm, no flood in the log."""
    lines = len(scene.proxy.lines())
    for _ in range(200):
        with h2raw.open_socket(scene.proxy.address) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
    assert send(scene, BASE).status == 0
    assert len(scene.proxy.lines()) - lines <= 20
