# SPDX-License-Identifier: Apache-2.0
"""Backends that break the whole connection: garbage, silence, frames out of order.

Each is the only endpoint of its pool. Every call to it ends with a grpc-status within two
seconds, again and again, and a neighbour on another pool of the same proxy lives.
"""
import struct
import time

import pytest

import env
import h2raw

pytestmark = pytest.mark.proxy_only
INTERNAL, UNAVAILABLE = 13, 14
FRAME = h2raw.make_frame
GOOD = h2raw.RESPONSE_FIELDS


def at_connect(data):
    """Send `data` as the first bytes, then wait for the other side to leave."""
    def handler(conn):
        conn.send(data)
        while conn.read_bytes(1):
            pass
    return handler


def at_request(make, close=False, settings=None):
    """A good start; make(sid) is sent when a request has come, and again for each."""
    def handler(conn):
        def end(request):
            conn.send(make(request.sid))
            return False if close else None
        h2raw.serve(conn, on_end=end, settings=settings)
    return handler


def close_at_once(conn):
    del conn


def close_after_preface(conn):
    conn.read_bytes(len(h2raw.PREFACE))


def stall(conn):
    while conn.read_bytes(1):
        pass


def goaway_at_start(conn):
    """Each new connection says goodbye before anything was asked."""
    conn.read_bytes(len(h2raw.PREFACE))
    conn.send(h2raw.make_settings() + h2raw.make_goaway(0))
    while conn.read_frame():
        pass


def rising_goaway(sid):
    return h2raw.make_goaway(1) + h2raw.make_goaway(sid + 200, 1)


def half_block(sid):
    """A header block that a DATA frame cuts in two."""
    block = h2raw.make_block(GOOD)
    return FRAME(h2raw.HEADERS, 0, sid, block[:5]) + h2raw.make_data(sid, b"x")


def push_promise(sid):
    return FRAME(h2raw.PUSH_PROMISE, h2raw.END_HEADERS, sid,
                 struct.pack(">I", 2) + h2raw.make_block(h2raw.request_fields("/a/b")))


def flood_data(sid):
    """32 MiB, with no regard to any window."""
    return h2raw.make_headers(sid, GOOD) + h2raw.make_data(
        sid, h2raw.make_message(bytes(2 ** 25)))


def unfinished_head(sid):
    """A header block without an end."""
    part = h2raw.make_block([("x-" + "n" * 50, "v" * 16000)])
    return FRAME(h2raw.HEADERS, 0, sid, h2raw.make_block(GOOD)) + FRAME(
        h2raw.CONTINUATION, 0, sid, part) * 2000


EITHER = {INTERNAL, UNAVAILABLE}
GONE = {UNAVAILABLE}
# name -> (handler, right statuses)
BACKENDS = {
    "garbage": (at_connect(bytes(range(256)) * 8), GONE),
    "zeros": (at_connect(bytes(4096)), GONE),
    "http1": (at_connect(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"), GONE),
    "tls-alert": (at_connect(b"\x15\x03\x01\x00\x02\x02\x46"), GONE),
    "ssh": (at_connect(b"SSH-2.0-OpenSSH_9.2\r\n"), GONE),
    "closes-at-once": (close_at_once, GONE),
    "closes-after-preface": (close_after_preface, GONE),
    "stalls": (stall, GONE),
    "data-as-first-frame": (at_connect(h2raw.make_data(1, b"x")), GONE),
    "settings-of-five-bytes": (at_connect(FRAME(h2raw.SETTINGS, 0, 0, b"12345")), GONE),
    "settings-with-bad-window": (at_connect(h2raw.make_settings({4: 2 ** 31})), GONE),
    "settings-on-a-stream": (at_connect(FRAME(h2raw.SETTINGS, 0, 1)), GONE),
    "goaway-at-start": (goaway_at_start, GONE),
    "closes-at-request": (at_request(lambda sid: b"", close=True), GONE),
    "closes-after-headers": (at_request(lambda s: h2raw.make_headers(s, GOOD), close=True), GONE),
    "goaway-zero": (at_request(lambda s: h2raw.make_goaway(0), close=True), GONE),
    "goaway-zero-open": (at_request(lambda s: h2raw.make_goaway(0)), GONE),
    "goaway-and-close": (at_request(lambda s: h2raw.make_goaway(s), close=True), GONE),
    "goaway-internal-error": (at_request(lambda s: h2raw.make_goaway(s, 2), close=True), EITHER),
    "goaway-calm": (at_request(lambda s: h2raw.make_goaway(
        0, h2raw.ENHANCE_YOUR_CALM, b"too_many_pings"), close=True), GONE | {8}),
    "goaway-even-id": (at_request(lambda s: h2raw.make_goaway(2, 1), close=True), EITHER),
    "goaway-rising": (at_request(rising_goaway, close=True), EITHER),
    "data-before-headers": (at_request(lambda s: h2raw.make_data(s, b"x")), EITHER),
    "answer-on-an-idle-stream": (at_request(lambda s: h2raw.make_headers(s + 100, GOOD)), EITHER),
    "answer-on-an-even-stream": (at_request(lambda s: h2raw.make_headers(2, GOOD)), EITHER),
    "bad-hpack-index": (at_request(lambda s: FRAME(h2raw.HEADERS, 4, s, b"\xff\xff\xff\x7f")),
                        EITHER),
    "bad-hpack-end": (at_request(lambda s: FRAME(h2raw.HEADERS, 4, s, b"\x00\x7f")), EITHER),
    "headers-cut-by-data": (at_request(half_block), EITHER),
    "frame-too-large": (at_request(lambda s: FRAME(h2raw.DATA, 0, s, bytes(100000))), EITHER),
    "window-zero": (at_request(lambda s: h2raw.make_window(0, 0)), EITHER),
    "window-overflow": (at_request(lambda s: h2raw.make_window(0, h2raw.MAX_WINDOW) * 2), EITHER),
    "stream-window-overflow": (at_request(
        lambda s: h2raw.make_window(s, h2raw.MAX_WINDOW) * 2), EITHER),
    "push-promise": (at_request(push_promise), EITHER),
    "rst-of-an-idle-stream": (at_request(lambda s: h2raw.make_rst(s + 100, 0)), EITHER),
    "ping-of-three-bytes": (at_request(lambda s: FRAME(h2raw.PING, 0, 0, b"abc")), EITHER),
    "headers-without-end": (at_request(unfinished_head), EITHER | {8}),
}
POOL = {"connections": {"connectTimeout": "500ms", "settingsTimeout": "500ms"},
        "limits": {"pendingTimeout": "1s"}}
ROUTES = [{"match": {"service": "grpc.testing.TestService"}, "to": "good"}, {"to": "bad"}]


def broken_proxy(raw, backend):
    return env.Proxy({"bad": [raw.address], "good": [backend.address]}, ROUTES, pool=POOL)


@pytest.mark.parametrize("name", sorted(BACKENDS))
def test_broken_connection(backend, name):
    handler, right = BACKENDS[name]
    with h2raw.RawBackend(handler) as raw, broken_proxy(raw, backend) as proxy, \
            h2raw.Client(proxy.address) as client, env.Neighbour(proxy.address):
        for _ in range(3):
            start = time.monotonic()
            got = client.call("/bad.Svc/m", b"hello", timeout=5)
            took = time.monotonic() - start
            assert got.status in right, (got.blocks, got.rst)
            assert got.get("grpc-message")
            assert took < 2 * env.SLOW, "the answer took %.1f s" % took
            if not name.startswith("closes-after-headers"):
                assert got.trailers_only
        assert client.ping()


def test_backend_that_pushes_without_window(backend):
    """The proxy takes no more than it allowed: the call ends, and the memory stays."""
    with h2raw.RawBackend(at_request(flood_data)) as raw, broken_proxy(raw, backend) as proxy, \
            h2raw.Client(proxy.address, rcvbuf=65536) as client, env.Neighbour(proxy.address):
        before = proxy.memory()
        client.credit = False
        got = client.call("/bad.Svc/m", timeout=5)
        assert got.status in EITHER | {8} or got.rst is not None
        assert got.status != 0
        proxy.check_growth(before, 16)


@pytest.mark.parametrize("kind", ["ping", "settings", "empty-data", "window", "priority"])
def test_flood_of_small_frames(backend, kind):
    """20,000 of them: the proxy may drop the backend or bear it, but stays well."""
    one = {"ping": h2raw.make_ping(), "settings": h2raw.make_settings({3: 100}),
           "window": h2raw.make_window(0, 1), "empty-data": None,
           "priority": FRAME(h2raw.PRIORITY, 0, 3, bytes(5))}[kind]

    def flood(sid):
        if kind == "empty-data":
            return h2raw.make_headers(sid, GOOD) + h2raw.make_data(sid, b"") * 20000
        return one * 20000
    with h2raw.RawBackend(at_request(lambda s: flood(s) + h2raw.make_headers(
            s, ([] if kind == "empty-data" else GOOD) + [("grpc-status", "0")], True)
            )) as raw, broken_proxy(raw, backend) as proxy, \
            h2raw.Client(proxy.address) as client, env.Neighbour(proxy.address):
        before = proxy.memory()
        got = client.call("/bad.Svc/m", timeout=5)
        assert got.ended and got.status is not None
        proxy.check_growth(before, 16)


def test_settings_are_acked_late_or_never(backend):
    """A backend that never acks our SETTINGS still gets and answers calls."""
    def handler(conn):
        conn.read_bytes(len(h2raw.PREFACE))
        conn.send(h2raw.make_settings())
        while True:
            f = conn.read_frame()
            if f is None:
                return
            if f.type == h2raw.DATA and f.flags & h2raw.END_STREAM:
                conn.send(h2raw.make_headers(f.sid, GOOD) + h2raw.make_headers(
                    f.sid, [("grpc-status", "0")], True))
    with h2raw.RawBackend(handler) as raw, broken_proxy(raw, backend) as proxy, \
            h2raw.Client(proxy.address) as client:
        assert client.call("/bad.Svc/m").status == 0


def test_one_bad_endpoint_beside_two_good_ones():
    """A pool with one broken endpoint: calls that it never took go to the others."""
    def echo(conn):
        h2raw.serve(conn, on_end=lambda r: h2raw.send_ok(r, r.data[5:]))
    for name in ("garbage", "http1", "closes-at-once", "stalls", "goaway-at-start",
                 "goaway-zero"):
        with h2raw.RawBackend(BACKENDS[name][0]) as bad, h2raw.RawBackend(echo) as one, \
                h2raw.RawBackend(echo) as two, env.Proxy(
                    [one.address, bad.address, two.address], pool=POOL) as proxy, \
                h2raw.Client(proxy.address) as client:
            for _ in range(30):
                got = client.call("/s/m", b"x", timeout=5)
                assert got.status == 0, (name, got.blocks)
