# SPDX-License-Identifier: Apache-2.0
"""An operator asks "why", and the sentence names the true cause and where to look: DNS, ports, TLS, peers that are no
gRPC servers or do not keep to its rules, limits on both sides, and time that went by elsewhere."""
import contextlib
import json
import re
import urllib.request

import pytest

import certs
import env
import h2raw
from h2frames import make_frame
from test_failures import BACKENDS, answering

pytestmark = pytest.mark.proxy_only
GOOD = h2raw.RESPONSE_FIELDS


def http1(conn):
    conn.sock.recv(100)
    conn.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def hangs_up(conn):
    conn.sock.recv(1)


def greets_only(conn):
    """Reads what comes and says nothing."""
    while conn.sock.recv(4096):
        pass


def garbage(conn):
    conn.sock.recv(24)
    conn.send(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    conn.sock.recv(4096)


def tls_alert(conn):
    """What OpenSSL says to a client that does not begin with a handshake."""
    conn.sock.recv(24)
    conn.send(bytes([0x15, 3, 1, 0, 2, 2, 70]))


def no_streams(conn):
    h2raw.serve(conn, settings={3: 0})


def web(status, kind="text/html", body=b"<html>"):
    return answering(lambda sid: h2raw.make_headers(sid, [(":status", status), ("content-type", kind)])
                     + h2raw.make_data(sid, body, end=True))


def trailers(*fields, body=h2raw.make_message(b"x")):
    return answering(lambda sid: h2raw.make_headers(sid, GOOD) + h2raw.make_data(sid, body)
                     + h2raw.make_headers(sid, list(fields), end=True))


def rst(code):
    return answering(lambda sid: h2raw.make_rst(sid, code))


def goaway(code, text):
    def end(request):
        request.conn.send(h2raw.make_goaway(0, code, text))
        return False
    return lambda conn: h2raw.serve(conn, on_end=end)


def breaks_frames(conn):
    """Answers with a frame that HTTP/2 does not allow: DATA on stream 0."""
    h2raw.serve(conn, on_end=lambda r: r.conn.send(make_frame(0, 0, 0, b"x")))


def stops_reading(conn):
    """Opens no window."""
    conn.read_bytes(24)
    conn.send(h2raw.make_settings({4: 100}))
    while conn.read_frame():
        pass


RAW = {
    "http1": http1, "hangup": hangs_up, "mute": greets_only, "ssh": garbage, "alert": tls_alert, "nostreams": no_streams,
    "web502": web("502"), "web404": web("404"), "web200": web("200"), "web503": web("503", "application/json"),
    "grpcweb": web("200", "application/grpc-web"), "http401": web("401"), "http429": web("429"),
    "nostatus": trailers(("x-a", "b")),
    "rst_enhance": rst(11), "rst_internal": rst(2), "rst_cancel": rst(8), "rst_inadequate": rst(12), "rst_refused": rst(7),
    "goaway_calm": goaway(11, b"too_many_pings"), "goaway_err": goaway(2, b"boom"),
    "frames": breaks_frames, "stalls": stops_reading,
    "bighead": answering(lambda sid: h2raw.make_headers(sid, GOOD + [("x-big", "b" * 20000)])),
    "bigmsg": trailers(("grpc-status", "0"), body=h2raw.make_message(bytes(2000))),
    "aborts": answering(lambda sid: h2raw.make_headers(sid, GOOD + [("grpc-status", "10"), ("grpc-message", "again")], end=True)),
    "silent": BACKENDS["silent"], "good": BACKENDS["good"],
}
TRY = {"maxAttempts": 3, "initialBackoff": "1ms", "maxBackoff": "1ms", "backoffMultiplier": 1, "retryableStatusCodes": ["ABORTED"]}
HEDGE = {"maxAttempts": 2, "hedgingDelay": "1ms", "nonFatalStatusCodes": ["ABORTED"]}
JUDGE = {"type": "extAuthz", "pool": "silent", "timeout": "10s"}
ROUTE_KEYS = {
    "late.good": {"timeout": "1s", "filters": [JUDGE]},
    "late.silent": {"timeout": "1s"}, "late.stalls": {"timeout": "1s"}, "late.nostreams": {"timeout": "1s"},
    "late.mute2": {"timeout": "1s"}, "late.endless": {"timeout": "1s"}, "late.greedy": {"timeout": "1s"},
    "x.bigmsg": {"limits": {"maxResponseMessageBytes": "1KiB"}},
    "try.aborts": {"retryPolicy": TRY}, "hedge.aborts": {"hedgingPolicy": HEDGE},
}


def endless(request):
    """Answers with more than the client's window takes."""
    request.conn.send(h2raw.make_headers(request.sid, GOOD)
                      + h2raw.make_data(request.sid, h2raw.make_message(bytes(20000)) + h2raw.make_message(bytes(20000))))


RAW["endless"] = lambda conn: h2raw.serve(conn, on_end=endless)
RAW["mute2"] = greets_only


def greedy(conn):
    """The same, and takes nothing of the request."""
    conn.read_bytes(24)
    conn.send(h2raw.make_settings({4: 100}))
    while True:
        frame = conn.read_frame()
        if frame is None:
            return
        if frame.type == h2raw.HEADERS:
            endless(h2raw.Request(conn, frame.sid, conn.read_header_block(frame)))


RAW["greedy"] = greedy


class Place:
    def __init__(self, proxy, addresses):
        self.proxy, self.addresses = proxy, addresses

    def _failed(self, method):
        return json.loads(env.ask_patiently("http://%s/why.json?method=%s" % (self.proxy.admin, method)))["failed"]

    def why(self, method):
        """The record of the call, which comes a moment after its answer."""
        return env.wait_until(lambda: self._failed(method), what="the record")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    ca = certs.Authority(tmp_path_factory.mktemp("ca"))
    stranger = certs.Authority(tmp_path_factory.mktemp("stranger"), "stranger-ca")
    with contextlib.ExitStack() as stack:
        targets = {n: stack.enter_context(h2raw.RawBackend(h)).address for n, h in RAW.items()}
        keys = {n: {} for n in targets}

        def tls(name, pair, pool=True, **kw):
            targets[name] = stack.enter_context(certs.Server(pair, **kw)).address
            keys[name] = {"tls": {"ca": ca.file}} if pool else {}
        tls("tlsname", ca.issue("other.test"))
        tls("tlsold", ca.issue("127.0.0.1", begin=-30, days=10))
        tls("tlsalpn", ca.issue("127.0.0.1"), alpn=["http/1.1"])
        tls("tlsca", stranger.issue("127.0.0.1"))
        tls("wantstls", ca.issue("127.0.0.1"), pool=False)
        targets["sick"] = targets["web404"]
        keys["sick"] = {"healthCheck": {"type": "grpc", "interval": "100ms", "unhealthyAfter": 1, "panicThreshold": "0%", "initialJitter": "0s", "unimplementedIsHealthy": False}}
        targets.update(tlsplain=targets["good"], refused=env.free_address(), nodns="dns:///no-such-name.invalid:50051")
        keys.update(tlsplain={"tls": {"ca": ca.file}}, refused={}, nodns={"dns": {"servers": [env.free_address()], "timeout": "200ms", "tries": 1}},    # nobody is there
                    bighead={"limits": {"maxHeaderBytes": "16KiB"}},
                    nostreams={"limits": {"pendingTimeout": "2s"}, "connections": {"perEndpoint": 1}})
        pools = []
        for name, target in targets.items():
            pool = dict({"name": name, "endpoints": [target], "backoff": {"baseInterval": "50ms", "maxInterval": "200ms"}},
                        **keys[name])
            pool["connections"] = dict({"settingsTimeout": "400ms" if name == "mute" else "10s"}, **pool.get("connections", {}))
            pools.append(pool)
        routes = [dict({"match": {"service": kind + "." + n}, "to": n}, **ROUTE_KEYS.get(kind + "." + n, {}))
                  for kind in ("x", "late", "try", "hedge") for n in targets]
        proxy = stack.enter_context(env.Proxy({"x": ["127.0.0.1:1"]}, routes, workers=1,
                                              listener={"filters": [dict(JUDGE, off=True)]}, top={
            "pools": pools, "log": {"access": {"always": ["error"]}}}))
        yield Place(proxy, targets)


# Where the call goes, its code, the reason, and the cause in the sentence.
CAUSES = [
    ("x.refused", "Unavailable", "CONNECT_FAILED", "Connection refused"),
    ("x.http1", "Unavailable", "CONNECT_FAILED", r'does not speak HTTP/2: its first bytes were "HTTP/1.1 400 Bad Request"'),
    ("x.ssh", "Unavailable", "CONNECT_FAILED", 'its first bytes were "SSH-2.0'),
    ("x.hangup", "Unavailable", "CONNECT_FAILED", 'the peer closed the connection; .* wants TLS .*no "tls"'),
    ("x.mute", "Unavailable", "CONNECT_FAILED", "no HTTP/2 SETTINGS came in time"),
    ("x.nodns", "Unavailable", "NO_ENDPOINT", "no endpoints of dns:///no-such-name.invalid:50051 are known"),
    ("x.tlsname", "Unavailable", "CONNECT_FAILED", "certificate is not for 127.0.0.1; it is for other.test"),
    ("x.tlsold", "Unavailable", "CONNECT_FAILED", "certificate has expired"),
    ("x.tlsalpn", "Unavailable", "CONNECT_FAILED", r"does not offer HTTP/2 \(ALPN h2\)"),
    ("x.tlsca", "Unavailable", "CONNECT_FAILED", "not signed by a CA in "),
    ("x.tlsplain", "Unavailable", "CONNECT_FAILED", "TLS handshake"),
    ("x.wantstls", "Unavailable", "CONNECT_FAILED", 'wants TLS|give the pool "tls"'),
    ("x.alert", "Unavailable", "CONNECT_FAILED", 'it answers with an alert of TLS: give the pool "tls"'),
    ("x.nostreams", "Unavailable", "QUEUE_FULL",
     r"limits.pendingTimeout \(2000 ms\); 1 connection open, all full with up to 0 calls each \(MAX_CONCURRENT_STREAMS"),
    ("late.nostreams", "DeadlineExceeded", "DEADLINE", "before a backend got the call; pool nostreams: .*MAX_CONCURRENT_STREAMS"),
    ("late.mute2", "DeadlineExceeded", "DEADLINE", "before a backend got the call; pool mute2: no connection was ready .*connecting now"),
    ("late.silent", "DeadlineExceeded", "DEADLINE", "while the backend was working on the call"),
    ("late.stalls", "DeadlineExceeded", "DEADLINE", "while the backend did not read the request"),
    ("late.good", "DeadlineExceeded", "DEADLINE", "while the filter extAuthz was waiting"),
    ("x.sick", "Unavailable", "NO_ENDPOINT", "pool sick: .*; of 1 endpoint: 1 unhealthy by its health check"),
    ("x.web502", "Unavailable", "NOT_GRPC", "answered HTTP 502, content-type text/html: not gRPC"),
    ("x.web503", "Unavailable", "NOT_GRPC", "answered HTTP 503, content-type application/json"),
    ("x.web404", "Unimplemented", "NOT_GRPC", "answered HTTP 404"),
    ("x.web200", "Unknown", "NOT_GRPC", "answered HTTP 200, content-type text/html"),
    ("x.http401", "Unauthenticated", "NOT_GRPC", "answered HTTP 401"),
    ("x.http429", "Unavailable", "NOT_GRPC", "answered HTTP 429"),
    ("x.grpcweb", "Unknown", "NOT_GRPC", "content-type application/grpc-web"),
    ("x.nostatus", "Unknown", "NO_STATUS", "sent trailers without a grpc-status"),
    ("x.rst_enhance", "ResourceExhausted", "UPSTREAM_RESET", r"code 11 \(ENHANCE_YOUR_CALM\)"),
    ("x.rst_internal", "Internal", "UPSTREAM_RESET", r"code 2 \(INTERNAL_ERROR\)"),
    ("x.rst_cancel", "Canceled", "UPSTREAM_RESET", r"code 8 \(CANCEL\)"),
    ("x.rst_inadequate", "PermissionDenied", "UPSTREAM_RESET", r"code 12 \(INADEQUATE_SECURITY\)"),
    ("x.rst_refused", "Unavailable", "UPSTREAM_REFUSED", "refused the stream .*after 3 attempts"),
    ("x.goaway_calm", "Unavailable", "UPSTREAM_REFUSED", r"GOAWAY with HTTP/2 code 11 \(ENHANCE_YOUR_CALM\)"),
    ("x.goaway_err", "Unavailable", "UPSTREAM_REFUSED", r"GOAWAY with HTTP/2 code 2 \(INTERNAL_ERROR\)"),
    ("x.frames", "Internal", "BAD_RESPONSE", "broke the HTTP/2 rules: DATA on stream 0"),
    ("x.bighead", "ResourceExhausted", "BAD_RESPONSE", "headers of a backend of pool bighead are too large"),
    ("x.bigmsg", "ResourceExhausted", "MESSAGE_TOO_LARGE", r"\(2000 vs. 1024 bytes\): maxResponseMessageBytes"),
    ("x.aborts", "Aborted", "", "answered Aborted: again$"),
    ("try.aborts", "Aborted", "", "answered Aborted: again, after 3 attempts"),
    ("hedge.aborts", "Aborted", "", "answered Aborted: again, after 2 attempts"),
]
NO_ADDRESS = ("x.nodns", "late.good", "x.sick", "x.nostreams", "late.nostreams", "late.mute2")     # nobody was reached, or which one is not the point


@pytest.mark.parametrize("service, code, reason, cause", CAUSES, ids=[c[0] for c in CAUSES])
def test_the_cause_is_named(place, service, code, reason, cause):
    method = "/%s/Why" % service
    with h2raw.Client(place.proxy.address) as client:
        got = client.call(method, b"y" * (30000 if service == "late.stalls" else 1), timeout=10)
    told = urllib.request.unquote(got.get("grpc-message") or "")
    assert "127.0.0.1:" not in told and "boom" not in told
    found, = place.why(method)
    assert (found["code"], found["reason"]) == (code, reason), found
    assert re.search(cause, found["why"]), found["why"]
    assert "\n" not in found["why"] and len(found["why"]) < 500
    assert bool(found["advice"]) == bool(reason)
    if service in NO_ADDRESS:
        assert not found["endpoint"]
    else:
        address = place.addresses[service.split(".")[1]]
        assert found["endpoint"] == address and address in found["why"]


# --- who was slow ----------------------------------------------------------------------------

def line_of(proxy, method):
    def match(text):
        line = json.loads(text)
        return line if "/%s/%s" % (line.get("service"), line.get("method")) == method else None
    return proxy.wait_line(match, "out")


def test_a_client_that_does_not_read(place):
    """The deadline passes while the answer waits for its window: the line says who was slow, and counts what went on."""
    method = "/late.endless/Slow"
    with h2raw.Client(place.proxy.address, settings={4: 1000}) as client:
        client.credit = False
        deadlines = "outrigger_deadlines_total"
        before = place.proxy.metrics()[deadlines]
        sid = client.start_call(method)
        client.send(h2raw.make_data(sid, h2raw.make_message(b"x"), end=True))
        client.wait_for(lambda: len(client.answers[sid].data) >= 1000)
        env.wait_until(lambda: place.proxy.metrics()[deadlines] > before, what="the deadline")
    line = line_of(place.proxy, method)
    assert (line["code"], line["reason"]) == (4, "DEADLINE")
    assert line["blockedClientMs"] >= 200 and line["blockedBackendMs"] < line["blockedClientMs"] / 2, line
    assert (line["messagesIn"], line["messagesOut"]) == (1, 2)
    found, = place.why(method)
    assert "while the client did not read the answer" in found["why"]
    assert found["endpoint"] == place.addresses["endless"]


def test_a_backend_that_does_not_read(place):
    method = "/late.stalls/Slow"
    with h2raw.Client(place.proxy.address) as client:
        client.call(method, bytes(30000), timeout=10)
    line = line_of(place.proxy, method)
    assert (line["code"], line["reason"]) == (4, "DEADLINE")
    assert line["blockedBackendMs"] >= 100 and line["blockedClientMs"] < line["blockedBackendMs"] / 2, line
    assert (line["messagesIn"], line["messagesOut"], line["bytesIn"]) == (1, 0, 30005)


def test_the_wait_for_both_sides_ends_with_the_deadline(place):
    """Neither side reads, and nobody has to read for the call to end."""
    method = "/late.greedy/Later"
    with h2raw.Client(place.proxy.address, settings={4: 1000}) as client:
        client.credit = False
        sid = client.start_call(method)
        client.send(h2raw.make_data(sid, h2raw.make_message(bytes(30000))))
        client.wait_for(lambda: len(client.answers[sid].data) >= 1000)
        client.wait_for(lambda: client.answers[sid].rst is not None)
        assert client.answers[sid].rst == h2raw.CANCEL
        line = line_of(place.proxy, method)
    assert (line["code"], line["reason"]) == (4, "DEADLINE"), line
    assert 200 <= line["blockedBackendMs"] <= line["totalMs"], line
    assert 200 <= line["blockedClientMs"] <= line["totalMs"], line
