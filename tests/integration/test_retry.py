# SPDX-License-Identifier: Apache-2.0
"""retryPolicy and hedgingPolicy of the proxy, with real gRPC clients that repeat nothing themselves."""
import contextlib
import shutil
import subprocess
import threading
import time

import grpc
import pytest

import env
import load
import protos

pytestmark = pytest.mark.proxy_only

OK, UNAVAILABLE = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE
RETRY = {"maxAttempts": 3, "initialBackoff": "0.01s", "maxBackoff": "0.1s",
         "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}
HEDGE = {"maxAttempts": 2, "hedgingDelay": "60ms", "nonFatalStatusCodes": ["UNAVAILABLE"]}
FAIL = "fail %d" % UNAVAILABLE.value[0]


@contextlib.contextmanager
def pair(modes=("", ""), **route):
    """Two backends that behave like this, and a proxy that takes them in turn."""
    with env.Backend(name="a") as a, env.Backend(name="b") as b:
        for backend, mode in zip((a, b), modes):
            backend.control("Behave", mode)
        with env.Proxy([a.address, b.address], pool={"balance": "round_robin"},
                       routes=[dict({"to": "app"}, **route)]) as proxy, \
                proxy.open_channel(grpc__enable_retries=0) as channel:
            stub = protos.Stub(channel)
            stub.EmptyCall.future(protos.Empty(), timeout=1).exception()    # connects
            env.wait_until(lambda: proxy.metrics()['outrigger_connections{side="up"}'] == 2)
            yield proxy, stub, a, b


def one(stub, *metadata, timeout=20, **fields):
    call = stub.UnaryCall.future(protos.SimpleRequest(**fields), timeout=timeout,
                                 metadata=metadata)
    return call


def count_ok(stub, calls=40, *metadata):
    return sum(one(stub, *metadata).code() is OK for _ in range(calls))


def refused(proxy, reason):
    return proxy.metrics()['outrigger_retries_refused_total{reason="%s"}' % reason]


# --- retryPolicy ----------------------------------------------------------------------------

def test_a_retry_hides_what_one_backend_fails():
    with pair((FAIL, "")) as (_, stub, _, _):
        assert 10 < count_ok(stub) < 30
    with pair((FAIL, ""), retryPolicy=RETRY) as (proxy, stub, _, _):
        assert count_ok(stub) == 40
        # HEADERS and then trailers, as servers send them that flushed their headers.
        assert count_ok(stub, 20, ("x-test-flush", "1")) == 20
        metrics = proxy.metrics()
        assert metrics["outrigger_retries_started_total"] >= \
            metrics["outrigger_retries_succeeded_total"] > 15


def test_retries_are_counted_by_pool_and_by_what_became_of_them():
    def results(proxy):
        return [proxy.metrics()['outrigger_retries_total{pool="app",result="%s"}' % r]
                for r in ("ok", "failed", "refused")]
    with pair((FAIL, ""), retryPolicy=RETRY) as (proxy, stub, _, _):
        assert count_ok(stub) == 40
        # a call is counted when all of it has ended, and its client may know that first
        env.wait_until(lambda: proxy.metrics()["outrigger_calls_in_flight"] == 0, what="all ends")
        metrics = proxy.metrics()
        assert results(proxy) == [metrics["outrigger_retries_succeeded_total"], 0, 0]
        assert metrics["outrigger_retries_succeeded_total"] > 5
    with pair(retryPolicy=RETRY) as (proxy, stub, _, _):
        assert one(stub, ("x-test-fail", str(UNAVAILABLE.value[0]))).code() is UNAVAILABLE
        env.wait_until(lambda: results(proxy) == [0, 2, 1], what="two that failed, one refused")


def test_all_kinds_of_streams_are_tried_again():
    sizes = [10, 2000, 30]
    parts = [protos.ResponseParameters(size=n) for n in sizes]
    with pair((FAIL, ""), retryPolicy=RETRY) as (proxy, stub, _, _):
        for _ in range(6):
            got = stub.StreamingOutputCall(
                protos.StreamingOutputCallRequest(response_parameters=parts), timeout=20)
            assert [len(m.payload.body) for m in got] == sizes
            total = stub.StreamingInputCall(
                iter([protos.StreamingInputCallRequest(payload=protos.payload_of(n))
                      for n in sizes]), timeout=20)
            assert total.aggregated_payload_size == sum(sizes)
            got = stub.FullDuplexCall(
                iter([protos.StreamingOutputCallRequest(response_parameters=[p])
                      for p in parts]), timeout=20)
            assert [len(m.payload.body) for m in got] == sizes
        assert proxy.metrics()["outrigger_retries_succeeded_total"] >= 6


def test_the_last_answer_is_the_clients_own():
    with pair(retryPolicy=RETRY) as (proxy, stub, a, b):
        call = one(stub, ("x-test-fail", str(UNAVAILABLE.value[0])), ("x-test-id", "u"),
                   ("x-test-text", "really not"), ("x-echo-t-why", "because"),
                   ("x-test-details-bin", b"\x08\x0e\x12\x04none"))
        assert (call.code(), call.details()) == (UNAVAILABLE, "really not")
        trailers = dict(call.trailing_metadata())
        assert trailers["x-echo-t-why"] == "because"
        assert trailers["grpc-status-details-bin"] == b"\x08\x0e\x12\x04none"
        def started():
            return [e for backend in (a, b) for e in backend.events("u") if e["ev"] == "start"]
        starts = env.wait_until(lambda: len(started()) >= 3 and started(), what="three reports")
        before = sorted(dict(e["metadata"]).get("grpc-previous-rpc-attempts", "0")
                        for e in starts)
        assert before == ["0", "1", "2"]
        assert refused(proxy, "attempts") == 1
        assert proxy.metrics()["outrigger_retries_started_total"] == 2
        # Another code is passed on as it is.
        assert one(stub, ("x-test-fail", "5")).code() is grpc.StatusCode.NOT_FOUND
        assert proxy.metrics()["outrigger_retries_started_total"] == 2


def test_a_try_that_hangs_is_given_up():
    with pair(("stall", ""), retryPolicy=dict(RETRY, perTryTimeout="%dms" % (600 * env.SLOW))) \
            as (_, stub, a, _):
        for _ in range(4):
            begin = time.monotonic()
            assert one(stub).code() is OK
            assert time.monotonic() - begin < 10    # of 20
    with pair(("stall", "stall"), retryPolicy=RETRY) as (_, stub, _, _):
        assert one(stub, timeout=0.4).code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.skipif(not shutil.which("h2load"), reason="needs h2load (nghttp2-client)")
def test_no_storm_when_all_backends_fail():
    calls = 20000 if not env.SANITIZED else 4000
    failing = [env.Proxy(["127.0.0.1:1"], routes=[{"status": "UNAVAILABLE"}])
               for _ in range(2)]
    try:
        with env.Proxy([f.address for f in failing], pool={"balance": "round_robin"},
                       routes=[{"to": "app", "retryPolicy": RETRY}]) as proxy, \
                load.message_file() as body:
            subprocess.run(["h2load", "-n%d" % calls, "-c8", "-m10", "-d", body,
                            "-H", "content-type: application/grpc", "-H", "te: trailers",
                            "http://%s/a.B/C" % proxy.address], check=True,
                           stdout=subprocess.DEVNULL, timeout=120 * env.SLOW)
            seen = sum(f.metrics()["outrigger_route_status_total"] for f in failing)
            print("%d calls, %d attempts" % (calls, seen))
            assert proxy.metrics()["outrigger_retries_started_total"] == seen - calls > 0
            assert seen <= 1.2 * calls
            assert refused(proxy, "budget") > calls / 2
    finally:
        for f in failing:
            f.stop()


# --- hedgingPolicy --------------------------------------------------------------------------

def test_a_hedge_is_quicker_than_a_slow_backend():
    with env.Backend(name="slow", more=["--delay-ms", "6000"]) as slow, \
            env.Backend(name="quick") as quick, \
            env.Proxy([slow.address, quick.address], pool={"balance": "round_robin"},
                      routes=[{"to": "app", "hedgingPolicy": HEDGE}]) as proxy, \
            proxy.open_channel(grpc__enable_retries=0) as channel:
        stub = protos.Stub(channel)
        took = []
        for i in range(10):
            begin = time.monotonic()
            answer = stub.UnaryCall(protos.SimpleRequest(fill_server_id=True), timeout=20,
                                    metadata=(("x-test-id", "h%d" % i),))
            took.append(time.monotonic() - begin)
            assert answer.server_id == "quick"
        assert max(took) < 5, took      # without a hedge: 6
        metrics = proxy.metrics()
        assert metrics["outrigger_hedges_won_total"] >= 4
        assert metrics["outrigger_hedges_total"] <= 10


def test_hedges_that_lose_are_cancelled():
    with pair(hedgingPolicy=dict(HEDGE, hedgingDelay="0s")) as (_, stub, a, b):
        call = one(stub, ("x-test-id", "c"), ("x-test-gate", "g"))
        for backend in (a, b):
            backend.wait_event("c", "start")
        b.open_gate("g")
        assert call.code() is OK
        a.wait_event("c", "cancelled")
        b.wait_event("c", "end")
        assert [e["ev"] for e in b.events("c")] == ["start", "end"]


def test_hedges_of_streams_get_all_that_is_sent():
    sizes = [10, 2000, 30]
    with pair(("stall", ""), hedgingPolicy=HEDGE) as (_, stub, _, _):
        def requests():
            for n in sizes:
                yield protos.StreamingInputCallRequest(payload=protos.payload_of(n))
                time.sleep(0.05)
        for _ in range(4):
            answer = stub.StreamingInputCall(requests(), timeout=20)
            assert answer.aggregated_payload_size == sum(sizes)


# --- waitForReady ---------------------------------------------------------------------------

def test_a_call_waits_for_a_backend_that_comes_later():
    address = env.free_address()
    config = {"methodConfig": [{"name": [{"service": protos.TEST_SERVICE, "method": "UnaryCall"}],
                                "waitForReady": True}]}
    with env.Proxy([address], listener=config) as proxy, \
            proxy.open_channel(grpc__enable_retries=0) as channel:
        stub = protos.Stub(channel)
        with pytest.raises(grpc.RpcError) as e:
            stub.EmptyCall(protos.Empty(), timeout=10)     # another method
        assert e.value.code() is UNAVAILABLE
        call = one(stub)
        time.sleep(0.3)
        assert not call.done()
        assert one(stub, timeout=0.3).code() is grpc.StatusCode.DEADLINE_EXCEEDED
        done = threading.Event()
        call.add_done_callback(lambda _: done.set())
        with env.Backend(listen=address):
            assert done.wait(10 * env.SLOW)
            assert call.code() is OK
