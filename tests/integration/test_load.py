# SPDX-License-Identifier: Apache-2.0
"""Many calls, many streams, big floods against readers that do not read, and server death."""
import asyncio
import threading

import grpc
import pytest

import env
import h2raw
import protos
from protos import (Empty, ResponseParameters, SimpleRequest, StreamingInputCallRequest,
                    StreamingOutputCallRequest, payload_of)

TIMEOUT = 60 * env.SLOW
MIB = 2 ** 20
DOWNLOAD = "/grpc.testing.TestService/StreamingOutputCall"
UPLOAD = "/grpc.testing.TestService/StreamingInputCall"


def test_ten_thousand_calls_hundred_at_a_time(proxy):
    async def run():
        async with proxy.open_channel(aio=True) as channel:
            stub = protos.Stub(channel)
            left = iter(range(10000))
            done = [0]

            async def worker():
                for n in left:
                    size = n % 1000
                    got = await stub.UnaryCall(SimpleRequest(response_size=size), timeout=30 * env.SLOW)
                    assert len(got.payload.body) == size
                    done[0] += 1
            await asyncio.gather(*[worker() for _ in range(100)])
            return done[0]
    assert asyncio.run(run()) == 10000
    if not env.DIRECT:
        env.wait_until(lambda: proxy.gauge("outrigger_calls_in_flight") == 0, what="the end of all calls")


def test_thousand_streams_open_at_once(proxy):
    """All are open before the first one ends, and each carries its own messages."""
    async def run():
        async with proxy.open_channel(aio=True) as channel:
            stub = protos.Stub(channel)
            calls = [stub.FullDuplexCall(timeout=TIMEOUT) for _ in range(1000)]

            async def exchange(call, size):
                await call.write(StreamingOutputCallRequest(
                    response_parameters=[ResponseParameters(size=size)]))
                assert len((await call.read()).payload.body) == size
            await asyncio.gather(*[exchange(c, i) for i, c in enumerate(calls)])
            if not env.DIRECT:
                assert proxy.gauge("outrigger_calls_in_flight") == 1000
            await asyncio.gather(*[exchange(c, 1000 - i) for i, c in enumerate(calls)])
            for call in calls:
                await call.done_writing()
            return await asyncio.gather(*[c.code() for c in calls])
    assert set(asyncio.run(run())) == {grpc.StatusCode.OK}


# --- nothing to do ------------------------------------------------------------------------

@pytest.mark.proxy_only
def test_idle_process_is_small(backend):
    """Without TLS in the config OpenSSL must not have been woken up: that alone is 2 MiB. Of the
    pages of files the kernel maps as many as it likes (5.5 to 6 MiB), so the whole has room."""
    with env.Proxy([backend.address]) as proxy:
        own, whole = proxy.rss("RssAnon") / MIB, proxy.rss() / MIB
        assert env.SANITIZED or own < 2.5, "%.1f MiB of its own" % own
        assert env.SANITIZED or whole < 8, "%.1f MiB" % whole


# --- readers that do not read -------------------------------------------------------------

def test_client_does_not_read_its_socket(backend):
    """The client opens the largest windows and reads nothing: only the proxy's own bounds
    are left between it and a backend that pushes 256 MiB. Then it reads, and all is there."""
    flood = [("x-test-flood", "65536,4096"), ("x-test-id", "push")]
    with env.Proxy([backend.address]) as proxy, h2raw.Client(
            proxy.address, {h2raw.S_WINDOW: h2raw.MAX_WINDOW},
            h2raw.MAX_WINDOW - 65535, rcvbuf=65536) as client:
        assert client.call(DOWNLOAD).status == 0
        before = None if env.DIRECT else proxy.memory()
        client.credit = False
        sid = client.start_call(DOWNLOAD, extra=flood)
        client.send(h2raw.make_data(sid, h2raw.make_message(), end=True))
        backend.wait_event("push", "progress")
        sent = env.wait_steady(lambda: backend.progress("push"))
        assert sent * 65536 < 64 * MIB, "the backend was not stopped"
        if not env.DIRECT:
            proxy.check_growth(before, 24)
            with env.Neighbour(proxy.address):
                pass
        total = [0]

        def drained():
            a = client.answers[sid]
            total[0] += len(a.data)
            a.data = b""
            return a.ended or a.rst is not None
        client.wait_for(drained, 60)
        assert client.answers[sid].status == 0
        assert total[0] >= 4096 * 65536


def test_stream_that_is_not_read_does_not_stop_its_neighbours(backend):
    """grpcio reads the socket but takes no message: the stream's window stays shut. Another
    call on the same connection goes on."""
    with env.Proxy([backend.address]) as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        stuck = stub.StreamingOutputCall(StreamingOutputCallRequest(), timeout=TIMEOUT, metadata=(
            ("x-test-flood", "65536,4096"), ("x-test-id", "stuck")))
        next(stuck)
        sent = env.wait_steady(lambda: backend.progress("stuck"))
        assert sent < 1024
        for _ in range(20):
            got = stub.UnaryCall(SimpleRequest(response_size=10 ** 6, payload=payload_of(10 ** 6)),
                                 timeout=TIMEOUT)
            assert len(got.payload.body) == 10 ** 6
        assert sum(1 for _ in stuck) == 4095


def test_backend_does_not_read(backend):
    """The reverse: 256 MiB up to a handler that takes nothing until it is told to."""
    count = [0]
    message = StreamingInputCallRequest(payload=payload_of(65536))

    def uploads():
        for _ in range(4096):
            count[0] += 1
            yield message
    with env.Proxy([backend.address]) as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        stub.EmptyCall(Empty(), timeout=TIMEOUT)
        before = None if env.DIRECT else proxy.memory()
        call = stub.StreamingInputCall.future(uploads(), timeout=TIMEOUT, metadata=(
            ("x-test-gate", "upload"), ("x-test-id", "upload")))
        backend.wait_event("upload", "start")
        sent = env.wait_steady(lambda: count[0])
        assert sent * 65536 < 64 * MIB, "the client was not stopped"
        if not env.DIRECT:
            proxy.check_growth(before, 24)
        stub.UnaryCall(SimpleRequest(response_size=10 ** 6, payload=payload_of(10 ** 6)),
                       timeout=TIMEOUT)
        backend.open_gate("upload")
        assert call.result(TIMEOUT).aggregated_payload_size == 4096 * 65536


@pytest.mark.proxy_only
def test_backend_gives_no_window():
    """A backend with closed windows: the client's upload stops, and a cancel frees it all."""
    def handler(conn):
        conn.read_bytes(len(h2raw.PREFACE))
        conn.send(h2raw.make_settings({h2raw.S_WINDOW: 0}))
        while conn.read_frame():
            pass
    with h2raw.RawBackend(handler) as raw, env.Proxy([raw.address]) as proxy, \
            h2raw.Client(proxy.address) as client:
        before = proxy.memory()
        for _ in range(20):
            sid = client.start_call("/s/m")
            client.send(h2raw.make_data(sid, bytes(60000)))
        client.ping()
        proxy.check_growth(before, 16)
    # The client has gone: nothing of its bytes may stay. The exit code of stop() shows the rest.


# --- server death -------------------------------------------------------------------------

@pytest.mark.proxy_only
def test_server_death_in_the_middle(backend):
    """A stream on the dead server ends UNAVAILABLE; the one on the living goes on."""
    routes = [{"match": {"service": "grpc.testing.TestService", "method": "FullDuplexCall"},
               "to": "dies"}, {"to": "lives"}]
    doomed = env.Backend()
    with env.Proxy({"lives": [backend.address], "dies": [doomed.address]}, routes) as proxy, \
            proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        hold = threading.Event()

        def requests():
            yield StreamingOutputCallRequest(response_parameters=[ResponseParameters(size=5)])
            hold.wait(TIMEOUT)
        calls = [stub.FullDuplexCall(requests(), timeout=TIMEOUT) for _ in range(5)]
        for call in calls:
            next(call)
        try:
            with env.Neighbour(proxy.address):
                doomed.kill()
                for call in calls:
                    with pytest.raises(grpc.RpcError):
                        next(call)
                    assert call.code() == grpc.StatusCode.UNAVAILABLE, call.details()
        finally:
            hold.set()


@pytest.mark.proxy_only
def test_server_death_and_return(backend):
    """After a restart on the same port calls go through again, without a new proxy."""
    address = env.free_address()
    first = env.Backend(address)
    with env.Proxy([address]) as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        stub.EmptyCall(Empty(), timeout=TIMEOUT)
        first.kill()
        with pytest.raises(grpc.RpcError) as e:
            stub.EmptyCall(Empty(), timeout=TIMEOUT)
        assert e.value.code() == grpc.StatusCode.UNAVAILABLE
        with env.Backend(address):
            def works():
                try:
                    return stub.EmptyCall(Empty(), timeout=TIMEOUT) == Empty()
                except grpc.RpcError as e:
                    assert e.code() == grpc.StatusCode.UNAVAILABLE
            env.wait_until(works, 5, "a call after the backend's return")
