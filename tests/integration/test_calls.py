# SPDX-License-Identifier: Apache-2.0
"""Single calls through the proxy: metadata, status, deadlines, cancel, sizes, sockets."""
import socket
import threading

import grpc
import pytest

import env
import h2raw
import protos
from protos import (Empty, ResponseParameters, SimpleRequest, StreamingInputCallRequest,
                    StreamingOutputCallRequest, payload_of)

TIMEOUT = 20 * env.SLOW
UNARY = "/grpc.testing.TestService/UnaryCall"


# --- metadata -----------------------------------------------------------------------------

def test_metadata_to_backend(stub, backend):
    sent = [("x-test-id", "md"), ("x-a", "1"), ("x-b-bin", b"\x00\xff,\x01"), ("x-a", "2"),
            ("x-a", "a, b"), ("x-empty", ""), ("x-_.-9", "~ !\"#$%&'()*+;<=>?@[]^`{|}"),
            ("x-b-bin", b""), ("x-b-bin", bytes(range(256)))]
    stub.EmptyCall(Empty(), metadata=sent, timeout=TIMEOUT)
    got = backend.wait_event("md", "start")["metadata"]
    for name in {n for n, _ in sent}:
        want = [v.decode("latin-1") if isinstance(v, bytes) else v
                for n, v in sent if n == name]
        assert [v for n, v in got if n == name] == want, name


def test_space_around_metadata(stub, backend):
    """grpcio sends it. The second call's fields come from the tables of HPACK."""
    for name in ("md-space-1", "md-space-2"):
        stub.EmptyCall(Empty(), timeout=TIMEOUT, metadata=[("x-test-id", name), ("x-a", "v "), ("x-b", "  v w"), ("x-c", "  ")])
        got = dict(backend.wait_event(name, "start")["metadata"])
        # A hop may strip it, as this proxy does, but must not refuse it.
        assert [got[n].strip(" ") for n in ("x-a", "x-b", "x-c")] == ["v", "v w", ""]
        assert env.DIRECT or [got[n] for n in ("x-a", "x-b", "x-c")] == ["v", "v w", ""]


@pytest.mark.parametrize("kind", ["unary", "stream"])
def test_metadata_to_client(stub, kind):
    sent = [("x-echo-i-a", "1"), ("x-echo-t-a", "9"), ("x-echo-i-b-bin", b"\x00\x01"),
            ("x-echo-i-a", "2"), ("x-echo-t-b-bin", b"\xff"), ("x-echo-t-a", "8"),
            ("x-echo-t-b-bin", bytes(range(256)))]
    if kind == "unary":
        _, call = stub.EmptyCall.with_call(Empty(), metadata=sent, timeout=TIMEOUT)
    else:
        call = stub.FullDuplexCall(iter(()), metadata=sent, timeout=TIMEOUT)
        assert list(call) == []
    first = [(k, v) for k, v in call.initial_metadata() if k.startswith("x-echo")]
    last = [(k, v) for k, v in call.trailing_metadata() if k.startswith("x-echo")]
    for block, prefix in ((first, "x-echo-i-"), (last, "x-echo-t-")):
        for name in ("a", "b-bin"):
            assert [v for k, v in block if k == prefix + name] == \
                [v for k, v in sent if k == prefix + name]
        assert all(k.startswith(prefix) for k, _ in block)


def test_headers_arrive_before_the_first_message(stub, backend):
    """Response headers are passed at once, not held until there is DATA."""
    call = stub.StreamingOutputCall(StreamingOutputCallRequest(), timeout=TIMEOUT, metadata=(
        ("x-test-flush", "1"), ("x-echo-i-x", "early"), ("x-test-gate", "headers")))
    assert ("x-echo-i-x", "early") in [tuple(m) for m in call.initial_metadata()]
    assert not call.done()
    backend.open_gate("headers")
    assert list(call) == [] and call.code() == grpc.StatusCode.OK


def test_seven_kib_of_metadata_both_ways(stub):
    big = "v" * 7000
    _, call = stub.EmptyCall.with_call(Empty(), metadata=[("x-echo-i-big", big)],
                                       timeout=TIMEOUT)
    assert dict(call.initial_metadata())["x-echo-i-big"] == big


# --- status -------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["unary", "stream"])
@pytest.mark.parametrize("code", range(1, 17))
def test_status(stub, code, kind):
    details = b"\x08" + bytes([code]) + b"\x12\x04text\xff\x00"
    metadata = [("x-test-fail", str(code)), ("x-test-details-bin", details),
                ("x-echo-t-x", "y")]
    with pytest.raises(grpc.RpcError) as e:
        if kind == "unary":
            stub.EmptyCall(Empty(), metadata=metadata, timeout=TIMEOUT)
        else:
            list(stub.StreamingOutputCall(StreamingOutputCallRequest(), metadata=metadata,
                                          timeout=TIMEOUT))
    assert e.value.code().value[0] == code
    assert e.value.details() == "test status message"
    trailing = dict(e.value.trailing_metadata())
    assert trailing["grpc-status-details-bin"] == details
    assert trailing["x-echo-t-x"] == "y"


MESSAGES = {"percent": "100% é %41 %zz %", "controls": "".join(map(chr, range(1, 32))) + "\x7f",
            "unicode": "☺ 😈 \u0800\uffff", "spaces": "  two  ", "empty": "",
            "long": "x" * 5000}


@pytest.mark.parametrize("name", MESSAGES)
def test_grpc_message(stub, name):
    text = MESSAGES[name]
    with pytest.raises(grpc.RpcError) as e:
        stub.UnaryCall(SimpleRequest(response_status=protos.EchoStatus(code=9, message=text)),
                       timeout=TIMEOUT)
    assert e.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    # A hop may strip spaces at the ends of a value, but must not refuse it.
    assert e.value.details().strip(" ") == text.strip(" ")


def test_status_after_messages(stub):
    call = stub.FullDuplexCall(iter([
        StreamingOutputCallRequest(response_parameters=[ResponseParameters(size=100)] * 3),
        StreamingOutputCallRequest(response_status=protos.EchoStatus(code=10, message="x"))]),
        timeout=TIMEOUT)
    got = []
    with pytest.raises(grpc.RpcError):
        for answer in call:
            got.append(len(answer.payload.body))
    assert got == [100] * 3 and call.code() == grpc.StatusCode.ABORTED


@pytest.mark.parametrize("message", ["100%25 %C3%A9", "bad %zz escape %", "%FF%fe"])
def test_trailers_only_passes_as_it_is(message):
    """One HEADERS frame stays one, and no byte of grpc-message changes."""
    def refuse(request):
        request.conn.send(h2raw.make_headers(request.sid, h2raw.RESPONSE_FIELDS + [
            ("grpc-status", "7"), ("grpc-message", message), ("x-k", "1"), ("x-k", "2")], True))

    with h2raw.RawBackend(lambda c: h2raw.serve(c, on_end=refuse)) as raw, \
            env.Proxy([raw.address]) as proxy, h2raw.Client(proxy.address) as client:
        got = client.call("/s/m")
    assert got.trailers_only and got.status == 7
    assert got.get("grpc-message") == message and got.get_all("x-k") == ["1", "2"]


# --- what the backend sees ----------------------------------------------------------------

def test_request_fields_at_the_backend():
    seen = []

    def end(request):
        seen.append(request)
        h2raw.send_ok(request)
    extra = [("user-agent", "grpc-test/1"), ("x-raw-bin", "AQ, not/base64=!"),
             ("grpc-future-thing", "kept"), ("x-dup", "1"), ("grpc-timeout", "5S"),
             ("x-dup", "2"), ("http2-settings", "AAMAAABk"), ("grpc-accept-encoding", "identity,gzip"), ("x-obs", b"\xc3\xa9")]
    with h2raw.RawBackend(lambda c: h2raw.serve(c, on_end=end)) as raw, \
            env.Proxy([raw.address]) as proxy, h2raw.Client(proxy.address) as client:
        assert client.call("/pkg.Svc/Method", authority="some.host:1234", extra=extra,
                           content_type="application/grpc+proto").status == 0
    got = seen[0]
    assert got.path == "/pkg.Svc/Method" and got.get(":method") == "POST"
    assert got.get(":scheme") == "http" and got.get(":authority") == "some.host:1234"
    assert got.get("te") == "trailers" and got.get_all("content-type") == [
        "application/grpc+proto"]
    assert got.get("x-raw-bin") == "AQ, not/base64=!" and got.get("grpc-future-thing") == "kept"
    assert got.get_all("x-dup") == ["1", "2"] and got.get("user-agent") == "grpc-test/1"
    assert got.get("grpc-accept-encoding") == "identity,gzip" and got.get("host") is None
    assert got.get("x-obs") == "\xc3\xa9" and got.get("http2-settings") is None
    assert h2raw.split_messages(got.data) == ([(0, b"")], b"")
    names = [n for n, _ in got.fields]
    assert [n for n in names if n.startswith(":")] == names[:4]


@pytest.mark.proxy_only
def test_what_belongs_to_the_hop_stays_there_in_answers():
    hop = [("te", "trailers"), ("host", "h"), ("http2-settings", "AAMAAABk"), ("x-k", "1")]

    def end(request):
        request.conn.send(h2raw.make_headers(request.sid, h2raw.RESPONSE_FIELDS + hop)
                          + h2raw.make_headers(request.sid, [("grpc-status", "0")] + hop, True))
    with h2raw.RawBackend(lambda c: h2raw.serve(c, on_end=end)) as raw, \
            env.Proxy([raw.address]) as proxy, h2raw.Client(proxy.address) as client:
        got = client.call("/pkg.Svc/Method")
    assert got.status == 0
    assert got.blocks == [h2raw.RESPONSE_FIELDS + [("x-k", "1")],
                          [("grpc-status", "0"), ("x-k", "1")]]


@pytest.mark.proxy_only
def test_half_close_behind_the_headers_stays_a_frame_of_its_own():
    """HEADERS and an empty DATA with END_STREAM must not become HEADERS with END_STREAM:
    grpc-go's server never answers the latter, though HTTP/2 means the same by both."""
    frames = []

    def handler(conn):
        h2raw.serve(conn, on_end=h2raw.send_ok, on_frame=lambda f: frames.append(
            (f.type, f.flags & h2raw.END_STREAM)) if f.sid else None)
    with h2raw.RawBackend(handler) as raw, env.Proxy([raw.address]) as proxy, \
            h2raw.Client(proxy.address) as client:
        sid = client.next_sid()
        client.send(h2raw.make_headers(sid, h2raw.request_fields("/s/m"))
                    + h2raw.make_data(sid, b"", end=True))
        assert client.wait_end(sid).status == 0
    assert frames == [(h2raw.HEADERS, 0), (h2raw.DATA, h2raw.END_STREAM)]


# --- sizes --------------------------------------------------------------------------------

@pytest.mark.parametrize("mib", [0, 4, 64, 100])
def test_message_size(stub, mib):
    size = mib * 2 ** 20
    got = stub.UnaryCall(SimpleRequest(response_size=size, payload=payload_of(size)),
                         timeout=120 * env.SLOW)
    assert len(got.payload.body) == size


def test_zero_byte_messages_keep_their_number(stub):
    sent = (StreamingInputCallRequest() for _ in range(500))
    assert stub.StreamingInputCall(sent, timeout=TIMEOUT).aggregated_payload_size == 0
    ask = StreamingOutputCallRequest(response_parameters=[ResponseParameters(size=0)] * 500)
    assert len(list(stub.StreamingOutputCall(ask, timeout=TIMEOUT))) == 500


def test_message_cut_in_single_bytes(proxy):
    """DATA frames have nothing to do with message borders."""
    body = h2raw.make_message(SimpleRequest(response_size=10).SerializeToString())
    with h2raw.Client(proxy.address) as client:
        sid = client.start_call(UNARY)
        for i in range(len(body)):
            client.send(h2raw.make_data(sid, body[i:i + 1]) + h2raw.make_data(sid, b""))
        client.send(h2raw.make_data(sid, end=True))
        got = client.wait_end(sid)
    assert got.status == 0 and len(h2raw.split_messages(got.data)[0]) == 1


# --- early answers ------------------------------------------------------------------------

def test_early_response_while_the_client_uploads(stub, proxy):
    """The answer comes although the client never stops sending, and nothing stalls after."""
    stop = threading.Event()
    sent = [0]

    def uploads():
        while not stop.is_set():
            sent[0] += 1
            yield StreamingInputCallRequest(payload=payload_of(65536))
    try:
        got = stub.StreamingInputCall(uploads(), timeout=TIMEOUT,
                                      metadata=(("x-test-early", "3"),))
        assert got.aggregated_payload_size == 3 * 65536
    finally:
        stop.set()
    assert len(stub.UnaryCall(SimpleRequest(response_size=10 ** 6, payload=payload_of(10 ** 6)),
                              timeout=TIMEOUT).payload.body) == 10 ** 6


@pytest.mark.proxy_only
def test_early_response_is_followed_by_rst_no_error(proxy):
    with h2raw.Client(proxy.address) as client:
        sid = client.start_call("/grpc.testing.TestService/StreamingInputCall",
                                extra=[("x-test-fail", "9")])
        client.send(h2raw.make_data(sid, h2raw.make_message(b"")))
        got = client.wait_end(sid)
        assert got.status == 9 and got.rst is None
        client.wait_for(lambda: got.after_end)
        assert got.after_end == [h2raw.NO_ERROR]
        assert client.call(UNARY).status == 0


def test_many_early_responses_leave_the_windows_open(proxy):
    """Upload bytes that nobody takes must still be credited to the connection."""
    chunk = h2raw.make_data(1, h2raw.make_message(bytes(16000)))
    with h2raw.Client(proxy.address) as client:
        for _ in range(200):
            sid = client.start_call("/grpc.testing.TestService/StreamingInputCall",
                                    extra=[("x-test-early", "0")])
            part = chunk[:5] + sid.to_bytes(4, "big") + chunk[9:16393]
            client.send(part * 3)
            assert client.wait_end(sid).status == 0
        # 200 x 48 KiB went up: far more than any connection window.
        got = client.call(UNARY, SimpleRequest(payload=payload_of(10000)).SerializeToString())
        assert got.status == 0


# --- sockets and workers ------------------------------------------------------------------

def check_all_kinds(stub):
    assert stub.UnaryCall(SimpleRequest(response_size=5000), timeout=TIMEOUT)
    assert stub.StreamingInputCall(iter([StreamingInputCallRequest(payload=payload_of(7))] * 3),
                                   timeout=TIMEOUT).aggregated_payload_size == 21
    ask = StreamingOutputCallRequest(response_parameters=[ResponseParameters(size=9)] * 3)
    assert len(list(stub.StreamingOutputCall(ask, timeout=TIMEOUT))) == 3
    assert len(list(stub.FullDuplexCall(iter([ask, ask]), timeout=TIMEOUT))) == 6


def test_unix_sockets_on_both_sides(tmp_path):
    with env.Backend("unix:%s/b.sock" % tmp_path) as b, \
            env.Proxy([b.address], listen="unix:%s/p.sock" % tmp_path) as proxy, \
            proxy.open_channel() as channel:
        check_all_kinds(protos.Stub(channel))


@pytest.mark.proxy_only
def test_a_stale_unix_socket_is_replaced(tmp_path, backend):
    """A process that was killed leaves its socket file behind."""
    path = "%s/p.sock" % tmp_path
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
    with env.Proxy([backend.address], listen="unix:" + path) as proxy, \
            proxy.open_channel() as channel:
        check_all_kinds(protos.Stub(channel))


def test_two_workers(backend):
    with env.Proxy([backend.address], workers=2) as proxy:
        channels = [proxy.open_channel() for _ in range(8)]
        try:
            calls = [protos.Stub(c).UnaryCall.future(
                SimpleRequest(response_size=1000), timeout=TIMEOUT)
                for _ in range(50) for c in channels]
            assert all(len(c.result().payload.body) == 1000 for c in calls)
            for channel in channels:
                check_all_kinds(protos.Stub(channel))
        finally:
            for channel in channels:
                channel.close()


def test_ipv6_and_wildcard_listener(backend):
    port = env.free_port()
    with env.Proxy([backend.address], listen="[::]:%d" % port):
        if env.DIRECT:
            pytest.skip("needs the proxy")
        for host in ("127.0.0.1", "[::1]"):
            with env.open_channel("%s:%d" % (host, port)) as channel:
                check_all_kinds(protos.Stub(channel))


# --- routes -------------------------------------------------------------------------------

@pytest.mark.proxy_only
def test_routes_pick_the_pool_by_service_and_method():
    def named(name):
        return lambda c: h2raw.serve(c, on_end=lambda r: h2raw.send_ok(r, name.encode()))
    with h2raw.RawBackend(named("a")) as a, h2raw.RawBackend(named("b")) as b, \
            h2raw.RawBackend(named("c")) as c:
        pools = {n: [x.address] for n, x in (("a", a), ("b", b), ("c", c))}
        routes = [{"match": {"service": "p.S", "method": "One"}, "to": "a"},
                  {"match": {"service": "p.S"}, "to": "b"},
                  {"match": {"service": "p.T"}, "to": "c"}]
        with env.Proxy(pools, routes) as proxy, h2raw.Client(proxy.address) as client:
            for path, want in (("/p.S/One", b"a"), ("/p.S/Two", b"b"), ("/p.T/One", b"c"),
                               ("/p.S/one", b"b")):
                got = client.call(path)
                assert h2raw.split_messages(got.data)[0] == [(0, want)], path
            for path in ("/p.s/One", "/p.SS/One", "/S/One"):
                got = client.call(path)
                assert got.trailers_only and got.status == 12, path
