# SPDX-License-Identifier: Apache-2.0
"""Keepalive both ways, too many PINGs, and how long a client's connection may live."""
import os
import signal
import threading
import time

import grpc
import pytest

import env
import h2raw
import load
import protos
from protos import SimpleRequest, StreamingOutputCallRequest

pytestmark = pytest.mark.proxy_only
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
STRIKES = "outrigger_ping_strikes_total"
CLOSED = "outrigger_too_many_pings_closed_total"


def pings(side):
    return 'outrigger_keepalive_pings_total{side="%s"}' % side


def timeouts(side):
    return 'outrigger_keepalive_timeouts_total{side="%s"}' % side


# A grpcio client that PINGs as fast as it is told; without the last two its own brakes hold.
EAGER = {"grpc__keepalive_time_ms": 200, "grpc__keepalive_timeout_ms": 5000,
         "grpc__http2__max_pings_without_data": 0,
         "grpc__http2__min_time_between_pings_ms": 100}


# --- clients that send PINGs ------------------------------------------------------------------

def test_eager_client_gets_too_many_pings(backend):
    with env.Proxy([backend.address]) as proxy, proxy.open_channel(**EAGER) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            protos.Stub(channel).UnaryCall(SimpleRequest(), timeout=15 * env.SLOW,
                                           metadata=(("x-test-sleep-ms", "14000"),))
        assert caught.value.code() == UNAVAILABLE
        line = proxy.wait_line(lambda l: l if "too_many_pings" in l else None, "err")
        assert "127.0.0.1:" in line and "keepalive.minClientInterval" in line
        assert proxy.metrics()[CLOSED] >= 1


def test_eager_client_is_welcome_where_it_is_permitted(backend):
    listener = {"keepalive": {"minClientInterval": "10ms", "permitWithoutCalls": True}}
    with env.Proxy([backend.address], listener=listener) as proxy, proxy.open_channel(
            grpc__keepalive_permit_without_calls=1, **EAGER) as channel:
        stub = protos.Stub(channel)
        stub.UnaryCall(SimpleRequest(), timeout=10, metadata=(("x-test-sleep-ms", "2000"),))
        time.sleep(1)
        stub.UnaryCall(SimpleRequest(), timeout=10)
        metrics = proxy.metrics()
        assert metrics[CLOSED] == 0 and metrics["outrigger_connections_accepted_total"] == 1


def test_idle_eager_client_gets_too_many_pings(backend):
    """minClientInterval alone does not permit PINGs without calls."""
    with env.Proxy([backend.address], listener={"keepalive": {"minClientInterval": "10ms"}}) \
            as proxy, h2raw.Client(proxy.address) as client:
        for _ in range(3):
            assert client.ping()
        client.send(h2raw.make_ping())
        assert not client.wait_for(lambda: False)
        assert client.goaway[1:] == (h2raw.ENHANCE_YOUR_CALM, b"too_many_pings")
        assert proxy.metrics()[CLOSED] == 1


def test_clients_that_measure_the_bandwidth_are_not_hit(backend):
    """grpcio sends a PING each time that data comes in: streams of all shapes, 8 at a time."""
    def download(stub):
        got = stub.StreamingOutputCall(StreamingOutputCallRequest(), timeout=60,
                                       metadata=(("x-test-flood", "20000,300"),))
        assert sum(1 for _ in got) == 300

    def converse(stub):
        def ask():
            for size in (1, 60000, 31, 200000, 5) * 6:
                request = StreamingOutputCallRequest(payload=protos.payload_of(100))
                request.response_parameters.add(size=size)
                yield request
        assert sum(1 for _ in stub.FullDuplexCall(ask(), timeout=60)) == 30

    def unary(stub):
        for size in (10, 100000, 2000000) * 5:
            stub.UnaryCall(SimpleRequest(response_size=size), timeout=60)

    def run(address, faults):
        try:
            with env.open_channel(address) as channel:
                stub = protos.Stub(channel)
                for job in (download, converse, unary):
                    job(stub)
        except Exception as e:
            faults.append(e)

    with env.Proxy([backend.address]) as proxy:
        faults = []
        threads = [threading.Thread(target=run, args=(proxy.address, faults)) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)
        assert not faults
        metrics = proxy.metrics()
        assert metrics[CLOSED] == 0
        assert metrics[STRIKES] <= 8    # far from three per connection
        assert metrics["outrigger_connections_accepted_total"] == 8


# --- peers that are dead ----------------------------------------------------------------------

def test_stopped_backend_is_noticed():
    """time 10 s (up to 15 % later) and timeout 1 s; the next call goes to the other one."""
    pool = {"keepalive": {"time": "10s", "timeout": "1s"}, "balance": {"policy": "pick_first", "happyEyeballsDelay": "2s"},
            "connections": {"settingsTimeout": "3s"}}
    with env.Backend(name="dead") as dead, env.Backend(name="good") as good, \
            env.Proxy([dead.address, good.address], pool=pool) as proxy, \
            proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        call = stub.UnaryCall.future(SimpleRequest(), timeout=60, metadata=(
            ("x-test-sleep-ms", "50000"), ("x-test-id", "slow")))
        dead.wait_event("slow", "start")
        begin = time.monotonic()
        os.kill(dead.proc.pid, signal.SIGSTOP)
        try:
            assert call.exception(timeout=50).code() == UNAVAILABLE
            took = time.monotonic() - begin
            assert "keepalive PING" in call.details()
            # at most 11.5 and 1 s; nothing else ends the call within 50 s, so the rest is room for a busy machine
            assert 9.5 < took < 20 * env.SLOW
            assert proxy.metrics()[timeouts("up")] == 1
            stub.UnaryCall(SimpleRequest(), timeout=20, wait_for_ready=True)
        finally:
            os.kill(dead.proc.pid, signal.SIGCONT)


def test_dead_client_is_noticed_and_its_call_cancelled(backend):
    keepalive = {"time": "%dms" % (2000 * env.SLOW), "timeout": "%dms" % (300 * env.SLOW)}
    with env.Proxy([backend.address], listener={"keepalive": keepalive}) as proxy, \
            h2raw.Client(proxy.address) as client:
        assert client.call("/grpc.testing.TestService/UnaryCall").status == 0   # the backend is connected
        sid = client.start_call("/grpc.testing.TestService/UnaryCall", end=False, extra=[
            ("x-test-id", "dead-client"), ("x-test-sleep-ms", "30000")])
        client.send(h2raw.make_data(sid, h2raw.make_message(), end=True))
        backend.wait_event("dead-client", "start")
        assert client.ping()    # from here on it reads and says nothing
        begin = time.monotonic()
        backend.wait_event("dead-client", "cancelled")
        assert 0.9 < time.monotonic() - begin < 9 * env.SLOW    # by itself the call takes 30 s
        line = proxy.wait_line(lambda l: l if "keepalive PING" in l else None, "err")
        assert "127.0.0.1:" in line
        metrics = proxy.metrics()
        assert metrics[timeouts("down")] == 1 and metrics[pings("down")] == 1


def test_clients_that_answer_stay(backend):
    keepalive = {"time": "1s", "timeout": "2s"}      # who never answers is gone before the call ends
    with env.Proxy([backend.address], listener={"keepalive": keepalive}) as proxy, \
            proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        stub.UnaryCall(SimpleRequest(), timeout=20, metadata=(("x-test-sleep-ms", "5000"),))
        metrics = proxy.metrics()
        assert metrics[pings("down")] >= 2 and metrics[timeouts("down")] == 0
        assert metrics["outrigger_connections_accepted_total"] == 1


def test_client_that_did_not_look_loses_no_call(backend):
    """grpcio reads nothing while it has no call, so it acks nothing; its next call must not
    pay for that."""
    keepalive = {"time": "1s", "timeout": "300ms"}
    with env.Proxy([backend.address], listener={"keepalive": keepalive}) as proxy, \
            proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        for _ in range(3):
            stub.UnaryCall(SimpleRequest(), timeout=10)
            time.sleep(2)
        stub.UnaryCall(SimpleRequest(), timeout=10)


def test_backend_that_says_too_many_pings_gets_half_as_many():
    """The call was not seen, so it comes again; the new connection asks half as often."""
    conns = []

    def handler(conn):
        conns.append(conn)
        first = len(conns) == 1

        def end(request):
            if not first:
                h2raw.send_ok(request, request.data[5:])
                return None
            conn.send(h2raw.make_goaway(0, h2raw.ENHANCE_YOUR_CALM, b"too_many_pings"))
            return False
        h2raw.serve(conn, on_end=end)
    with h2raw.RawBackend(handler) as raw, \
            env.Proxy([raw.address], pool={"keepalive": {"time": "10s"}}) as proxy, \
            h2raw.Client(proxy.address) as client:
        assert client.call("/s/m", b"body").status == 0
        line = proxy.wait_line(lambda l: l if "too_many_pings" in l else None, "err")
        assert raw.address in line and "20000" in line


# --- age --------------------------------------------------------------------------------------

def test_age_under_load_loses_no_call(backend):
    limits = {"maxConnectionAge": "700ms", "maxConnectionAgeGrace": "20s"}
    with env.Proxy([backend.address], listener={"limits": limits}) as proxy:
        result = load.run_calls(proxy.address, seconds=6, parallel=12, sleep_ms=40,
                                grpc__enable_retries=1)
        metrics = proxy.metrics()
    assert result.failed == [] and result.ok > 200 * 6 / 2 / env.SLOW
    assert metrics["outrigger_max_age_closed_total"] >= 10 / env.SLOW


def test_requests_per_connection_under_load_lose_no_call(backend):
    with env.Proxy([backend.address], listener={"limits": {"maxRequestsPerConnection": 20}}) \
            as proxy:
        result = load.run_calls(proxy.address, seconds=4, parallel=12, sleep_ms=10,
                                grpc__enable_retries=1)
        metrics = proxy.metrics()
    assert result.failed == []
    # each connection takes 22 at most, and what was on its way when it heard of its end
    assert metrics["outrigger_max_requests_closed_total"] >= result.ok / 60


def test_grace_ends_the_call_that_stays(backend):
    limits = {"maxConnectionAge": "300ms", "maxConnectionAgeGrace": "500ms"}
    with env.Proxy([backend.address], listener={"limits": limits}) as proxy, \
            proxy.open_channel(grpc__enable_retries=0) as channel:
        begin = time.monotonic()
        with pytest.raises(grpc.RpcError) as caught:
            protos.Stub(channel).UnaryCall(SimpleRequest(), timeout=20, metadata=(
                ("x-test-sleep-ms", "15000"), ("x-test-id", "old")))
        assert caught.value.code() == UNAVAILABLE
        assert 0.7 < time.monotonic() - begin < 12    # by itself: 15 s
        backend.wait_event("old", "cancelled")


def test_goaway_says_why(backend):
    limits = {"maxConnectionAge": "300ms"}
    with env.Proxy([backend.address], listener={"limits": limits}) as proxy, \
            h2raw.Client(proxy.address) as client:
        assert not client.wait_for(lambda: False)
        assert client.goaway[1:] == (h2raw.NO_ERROR, b"max_age")
    with env.Proxy([backend.address], listener={"limits": {"idleTimeout": "300ms"}}) as proxy, \
            h2raw.Client(proxy.address) as client:
        assert not client.wait_for(lambda: False)
        assert client.goaway[1:] == (h2raw.NO_ERROR, b"max_idle")
