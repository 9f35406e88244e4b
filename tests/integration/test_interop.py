# SPDX-License-Identifier: Apache-2.0
"""The interop cases of the gRPC project that need no cloud, over grpc.testing.TestService.

The cases that look at the compressed-flag of single messages are in test_compression.py:
grpcio shows that flag to nobody.
"""
import asyncio
import base64
import queue
import struct
import time

import grpc
import pytest

import env
import h2raw
import protos
from protos import (EchoStatus, Empty, ResponseParameters, SimpleRequest,
                    StreamingInputCallRequest, StreamingOutputCallRequest, payload_of)

REQUEST_SIZES = (27182, 8, 1828, 45904)
RESPONSE_SIZES = (31415, 9, 2653, 58979)
LARGE = SimpleRequest(response_size=314159, payload=payload_of(271828))
TIMEOUT = 20 * env.SLOW
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"


class Requests:
    """A request stream that is fed while the call runs."""

    def __init__(self, *first):
        self._queue = queue.Queue()
        for item in first:
            self.send(item)

    def send(self, item):
        self._queue.put(item)

    def close(self):
        self._queue.put(None)

    def __iter__(self):
        return iter(self._queue.get, None)


def duplex_request(i):
    return StreamingOutputCallRequest(
        response_parameters=[ResponseParameters(size=RESPONSE_SIZES[i])],
        payload=payload_of(REQUEST_SIZES[i]))


def test_empty_unary(stub):
    answer, call = stub.EmptyCall.with_call(Empty(), timeout=TIMEOUT)
    assert answer == Empty() and call.code() == grpc.StatusCode.OK


def test_large_unary(stub):
    answer = stub.UnaryCall(LARGE, timeout=TIMEOUT)
    assert answer.payload.body == bytes(314159)


def test_client_streaming(stub):
    answer = stub.StreamingInputCall(
        (StreamingInputCallRequest(payload=payload_of(n)) for n in REQUEST_SIZES),
        timeout=TIMEOUT)
    assert answer.aggregated_payload_size == 74922


def test_server_streaming(stub):
    request = StreamingOutputCallRequest(
        response_parameters=[ResponseParameters(size=n) for n in RESPONSE_SIZES])
    answers = list(stub.StreamingOutputCall(request, timeout=TIMEOUT))
    assert tuple(len(a.payload.body) for a in answers) == RESPONSE_SIZES


def test_ping_pong(stub):
    requests = Requests()
    call = stub.FullDuplexCall(iter(requests), timeout=TIMEOUT)
    for i, size in enumerate(RESPONSE_SIZES):
        requests.send(duplex_request(i))
        assert len(next(call).payload.body) == size
    requests.close()
    assert list(call) == [] and call.code() == grpc.StatusCode.OK


def test_empty_stream(stub):
    call = stub.FullDuplexCall(iter(()), timeout=TIMEOUT)
    assert list(call) == [] and call.code() == grpc.StatusCode.OK


METADATA = (("x-grpc-test-echo-initial", "test_initial_metadata_value"),
            ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"))


def check_custom_metadata(call):
    assert dict(call.initial_metadata())["x-grpc-test-echo-initial"] == METADATA[0][1]
    assert dict(call.trailing_metadata())["x-grpc-test-echo-trailing-bin"] == METADATA[1][1]
    assert "x-grpc-test-echo-trailing-bin" not in dict(call.initial_metadata())


def test_custom_metadata_unary(stub):
    _, call = stub.UnaryCall.with_call(LARGE, metadata=METADATA, timeout=TIMEOUT)
    check_custom_metadata(call)


def test_custom_metadata_duplex(stub):
    call = stub.FullDuplexCall(iter([duplex_request(0)]), metadata=METADATA, timeout=TIMEOUT)
    assert len(list(call)) == 1
    check_custom_metadata(call)


@pytest.mark.parametrize("text", ["test status message", SPECIAL], ids=["plain", "special"])
@pytest.mark.parametrize("kind", ["unary", "duplex"])
def test_status_code_and_message(stub, kind, text):
    status = EchoStatus(code=2, message=text)
    with pytest.raises(grpc.RpcError) as e:
        if kind == "unary":
            stub.UnaryCall(SimpleRequest(response_status=status), timeout=TIMEOUT)
        else:
            list(stub.FullDuplexCall(
                iter([StreamingOutputCallRequest(response_status=status)]), timeout=TIMEOUT))
    assert e.value.code() == grpc.StatusCode.UNKNOWN
    assert e.value.details() == text


def test_unimplemented_method(stub):
    with pytest.raises(grpc.RpcError) as e:
        stub.UnimplementedCall(Empty(), timeout=TIMEOUT)
    assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_unimplemented_service(proxy):
    with proxy.open_channel() as channel:
        stub = protos.Stub(channel, "grpc.testing.UnimplementedService")
        with pytest.raises(grpc.RpcError) as e:
            stub.UnimplementedCall(Empty(), timeout=TIMEOUT)
    assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_cancel_after_begin(stub, backend):
    requests = Requests()
    call = stub.StreamingInputCall.future(iter(requests), timeout=TIMEOUT,
                                          metadata=(("x-test-id", "after-begin"),
                                                    ("x-test-linger-ms", "4000")))
    backend.wait_event("after-begin", "start")
    call.cancel()
    requests.close()
    assert call.code() == grpc.StatusCode.CANCELLED
    backend.wait_event("after-begin", "cancelled", 5)


def test_cancel_after_first_response(stub, backend):
    requests = Requests(duplex_request(0))
    call = stub.FullDuplexCall(iter(requests), timeout=TIMEOUT,
                               metadata=(("x-test-id", "after-first"),
                                         ("x-test-linger-ms", "4000")))
    assert len(next(call).payload.body) == RESPONSE_SIZES[0]
    call.cancel()
    with pytest.raises(grpc.RpcError):
        next(call)
    requests.close()
    assert call.code() == grpc.StatusCode.CANCELLED
    backend.wait_event("after-first", "cancelled", 5)


def test_timeout_on_sleeping_server(stub):
    requests = Requests(StreamingOutputCallRequest(payload=payload_of(27182)))
    call = stub.FullDuplexCall(iter(requests), timeout=0.001)
    with pytest.raises(grpc.RpcError):
        list(call)
    requests.close()
    assert call.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_concurrent_large_unary(proxy):
    async def run():
        async with proxy.open_channel(aio=True) as channel:
            stub = protos.Stub(channel)

            async def one():
                return len((await stub.UnaryCall(LARGE, timeout=60 * env.SLOW)).payload.body)
            return await asyncio.gather(*[one() for _ in range(1000)])
    assert set(asyncio.run(run())) == {314159}


def test_rpc_soak(stub):
    slow = 0
    for _ in range(200):
        start = time.monotonic()
        assert len(stub.UnaryCall(LARGE, timeout=TIMEOUT).payload.body) == 314159
        slow += time.monotonic() - start > 1 * env.SLOW
    assert slow <= 2    # others make load beside it


def test_channel_soak(proxy):
    for _ in range(50):
        with proxy.open_channel() as channel:
            assert len(protos.Stub(channel).UnaryCall(LARGE, timeout=TIMEOUT).payload.body)


# The second endpoint is not tried because the first one has a busy machine.
PATIENT_FIRST = {"policy": "pick_first", "happyEyeballsDelay": "2s"}


def test_pick_first_unary():
    with env.Backend(name="a") as a, env.Backend(name="b") as b:
        with env.Proxy([a.address, b.address], pool={"balance": PATIENT_FIRST}) as proxy, \
                proxy.open_channel() as channel:
            stub = protos.Stub(channel)
            names = [stub.UnaryCall(SimpleRequest(fill_server_id=True), timeout=TIMEOUT)
                     .server_id for _ in range(100)]
    assert names == ["a"] * 100


# OrcaLoadReport { cpu_utilization = 1, mem_utilization = 2 }, both double.
LOAD = b"\x09" + struct.pack("<d", 0.8210) + b"\x11" + struct.pack("<d", 0.5847)


def test_orca_per_rpc(proxy):
    """With a raw client, since grpcio takes this trailer away before anybody sees it."""
    with h2raw.Client(proxy.address) as client:
        report = base64.b64encode(LOAD).decode()
        answer = client.call("/grpc.testing.TestService/UnaryCall",
                             extra=[("x-test-load-bin", report)])
    assert answer.status == 0
    assert env.binary(dict(answer.blocks[-1])["endpoint-load-metrics-bin"]) == LOAD


def test_orca_oob(proxy):
    with proxy.open_channel() as channel:
        call = channel.unary_stream("/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics")
        assert list(call(LOAD, timeout=TIMEOUT)) == [LOAD, LOAD + LOAD]


def test_per_rpc_creds(stub, backend):
    stub.EmptyCall(Empty(), timeout=TIMEOUT, metadata=(
        ("authorization", "Bearer abc.def.ghi"), ("x-test-id", "creds")))
    got = backend.wait_event("creds", "start")["metadata"]
    assert ["authorization", "Bearer abc.def.ghi"] in got
