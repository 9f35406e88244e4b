# SPDX-License-Identifier: Apache-2.0
"""The four interop cases that look at the compressed-flag of each message.

Both ends are raw: the client sets the flag per message, and the backend here is a small
TestService that checks the flag against expect_compressed, which grpcio cannot do.
"""
import gzip

import grpc
import pytest

import env
import h2raw
import protos

SERVICE = "/grpc.testing.TestService/"
GZIP_FIELDS = [(":status", "200"), ("content-type", "application/grpc"),
               ("grpc-encoding", "gzip"), ("grpc-accept-encoding", "identity, gzip")]
TRUE, FALSE = protos.BoolValue(value=True), protos.BoolValue(value=False)
INVALID_ARGUMENT = 3


def open_message(flag, body):
    return gzip.decompress(body) if flag else body


def close_message(message, compressed):
    body = message.SerializeToString()
    return h2raw.make_message(gzip.compress(body) if compressed else body, int(compressed))


def answer(request):
    """One finished request to the answer bytes, or to None when a flag is not as expected."""
    messages, rest = h2raw.split_messages(request.data)
    assert rest == b""
    method = request.path.rsplit("/", 1)[1]
    if method == "UnaryCall":
        flag, body = messages[0]
        ask = protos.SimpleRequest.FromString(open_message(flag, body))
        if ask.HasField("expect_compressed") and ask.expect_compressed.value != bool(flag):
            return None
        return close_message(protos.SimpleResponse(
            payload=protos.payload_of(ask.response_size)), ask.response_compressed.value)
    if method == "StreamingInputCall":
        total = 0
        for flag, body in messages:
            ask = protos.StreamingInputCallRequest.FromString(open_message(flag, body))
            if ask.HasField("expect_compressed") and ask.expect_compressed.value != bool(flag):
                return None
            total += len(ask.payload.body)
        return close_message(protos.StreamingInputCallResponse(
            aggregated_payload_size=total), False)
    ask = protos.StreamingOutputCallRequest.FromString(open_message(*messages[0]))
    return b"".join(close_message(protos.StreamingOutputCallResponse(
        payload=protos.payload_of(p.size)), p.compressed.value)
        for p in ask.response_parameters)


def end_request(request):
    body = answer(request)
    if body is None:
        request.conn.send(h2raw.make_headers(request.sid, h2raw.RESPONSE_FIELDS + [
            ("grpc-status", str(INVALID_ARGUMENT))], end=True))
        return
    # A backend may not send more than the peer's window; these answers fit 64 KiB, being
    # zeros, except for the largest uncompressed one, which the windows are opened for.
    request.conn.send(h2raw.make_headers(request.sid, GZIP_FIELDS)
                      + h2raw.make_data(request.sid, body)
                      + h2raw.make_headers(request.sid, [("grpc-status", "0")], end=True))


@pytest.fixture(scope="module")
def flags_proxy():
    def handler(conn):
        h2raw.serve(conn, on_end=end_request)
    with h2raw.RawBackend(handler) as raw, env.Proxy(
            [raw.address], pool={"connections": {"streamWindow": "1MiB"}}) as proxy:
        yield proxy


def call(proxy, method, *messages):
    """messages: (message, compressed) pairs. Returns (grpc-status, [(flag, bytes)])."""
    with h2raw.Client(proxy.address) as client:
        sid = client.start_call(SERVICE + method, extra=[
            ("grpc-encoding", "gzip"), ("grpc-accept-encoding", "identity, gzip")])
        for message, compressed in messages:
            client.send(h2raw.make_data(sid, close_message(message, compressed)))
        client.send(h2raw.make_data(sid, end=True))
        got = client.wait_end(sid)
        out, rest = h2raw.split_messages(got.data)
        assert rest == b""
        if out:
            assert got.get("grpc-encoding") == "gzip"
            assert got.get("grpc-accept-encoding") == "identity, gzip"
        return got.status, out


def simple(**kw):
    return protos.SimpleRequest(response_size=3141, payload=protos.payload_of(27182), **kw)


def test_client_compressed_unary(flags_proxy):
    probe = simple(expect_compressed=TRUE)
    assert call(flags_proxy, "UnaryCall", (probe, False))[0] == INVALID_ARGUMENT
    for expect, compressed in ((TRUE, True), (FALSE, False)):
        status, out = call(flags_proxy, "UnaryCall",
                           (simple(expect_compressed=expect), compressed))
        assert status == 0
        got = protos.SimpleResponse.FromString(open_message(*out[0]))
        assert len(got.payload.body) == 3141


def test_server_compressed_unary(flags_proxy):
    for ask, flag in ((TRUE, 1), (FALSE, 0)):
        status, out = call(flags_proxy, "UnaryCall", (simple(response_compressed=ask), False))
        assert status == 0 and [f for f, _ in out] == [flag]
        got = protos.SimpleResponse.FromString(open_message(*out[0]))
        assert len(got.payload.body) == 3141


def upload(size, expect):
    return protos.StreamingInputCallRequest(payload=protos.payload_of(size),
                                            expect_compressed=expect)


def test_client_compressed_streaming(flags_proxy):
    probe = upload(27182, TRUE)
    assert call(flags_proxy, "StreamingInputCall", (probe, False))[0] == INVALID_ARGUMENT
    status, out = call(flags_proxy, "StreamingInputCall",
                       (upload(27182, TRUE), True), (upload(45904, FALSE), False))
    assert status == 0
    got = protos.StreamingInputCallResponse.FromString(open_message(*out[0]))
    assert got.aggregated_payload_size == 73086


def test_server_compressed_streaming(flags_proxy):
    ask = protos.StreamingOutputCallRequest(response_parameters=[
        protos.ResponseParameters(size=31415, compressed=TRUE),
        protos.ResponseParameters(size=92653, compressed=FALSE)])
    status, out = call(flags_proxy, "StreamingOutputCall", (ask, False))
    assert status == 0 and [f for f, _ in out] == [1, 0]
    sizes = [len(protos.StreamingOutputCallResponse.FromString(open_message(f, b)).payload.body)
             for f, b in out]
    assert sizes == [31415, 92653]


@pytest.mark.parametrize("algorithm", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_grpcio_compression(stub, algorithm):
    """Real peers on both ends: whatever they agree on arrives."""
    ask = protos.SimpleRequest(response_size=100000, payload=protos.payload_of(200000))
    got = stub.UnaryCall(ask, compression=algorithm, timeout=10)
    assert len(got.payload.body) == 100000
