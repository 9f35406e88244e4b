# SPDX-License-Identifier: Apache-2.0
"""The filters that limit: rateLimit, messageRate, concurrencyLimit and doomedCall, with real clients."""
import concurrent.futures
import contextlib
import json
import os
import shutil
import subprocess
import time

import grpc
import pytest

import env
import load
import protos

pytestmark = pytest.mark.proxy_only
OK = grpc.StatusCode.OK


def limited(backend, *filters, **kw):
    return env.Proxy([backend.address], listener=dict({"filters": list(filters)},
                                                      **kw.pop("listener", {})), **kw)


def ask(stub, *metadata, timeout=20, **fields):
    """(code, text, trailers) of one unary call."""
    call = stub.UnaryCall.future(protos.SimpleRequest(**fields), timeout=timeout,
                                 metadata=metadata)
    return call.code(), call.details(), dict(call.trailing_metadata())


def passes(stub, *metadata, calls=10):
    return sum(ask(stub, *metadata)[0] is OK for _ in range(calls))


@contextlib.contextmanager
def counting_backend():
    if not shutil.which("h2load") or not os.path.exists(env.Counter.PATH):
        pytest.skip("needs h2load (nghttp2-client) and tests/bench/bench_backend")
    backend = env.Counter()
    try:
        yield backend
    finally:
        backend.served()


@contextlib.contextmanager
def h2load(*args):
    """Runs beside the body of the with statement, which waits for its end."""
    with load.message_file() as body:
        p = subprocess.Popen(["h2load", *args, "-d", body, "-H", "content-type: application/grpc",
                              "-H", "te: trailers"], stdout=subprocess.DEVNULL)
        try:
            yield
            assert p.wait(60 * env.SLOW) == 0
        finally:
            p.kill()
            p.wait()


# --- rateLimit ------------------------------------------------------------------------------

def test_a_thousand_a_second_for_ten_seconds_on_two_workers():
    seconds = 10 if not env.SANITIZED else 3

    def served():
        """Calls, refused ones, and between which times that was counted."""
        before = time.monotonic()
        metrics = proxy.metrics()
        return (metrics['outrigger_calls_handled_total{grpc_code="OK"}'],
                metrics['outrigger_rate_limit_total{result="refused"}'],
                before, time.monotonic())

    def served_all():
        """When nothing is left in the bucket: that is what a refusal says."""
        before = served()[1]
        return env.wait_until(lambda: (lambda now: now if now[1] > before + 100 else None)(served()), 20)

    # The burst is what the bucket keeps while a busy machine lets nobody ask: no token is lost within a second or two.
    with counting_backend() as backend, \
            limited(backend, {"type": "rateLimit", "rate": "1000/s", "burst": 2000},
                    workers=2) as proxy, \
            h2load("-c4", "-m1", "-D%d" % (seconds + 4), "http://%s/bench/Unary" % proxy.address):
        ok, refused, *begin = served_all()
        time.sleep(seconds)
        ok_then, refused_then, *end = served_all()
    least, most = (ok_then - ok) / (end[1] - begin[0]), (ok_then - ok) / (end[0] - begin[1])
    print("%.1f to %.1f a second; %d were refused" % (least, most, refused_then - refused))
    assert least <= 1000 + 10 * env.SLOW and most >= 1000 - 10 * env.SLOW, (least, most)
    assert most - least < 200 * env.SLOW, "the pages came too late to say anything"
    assert refused_then - refused > seconds * 100


def test_a_refusal_tells_what_ran_out_and_when_it_is_back(backend):
    limit = {"type": "rateLimit", "key": ["header:x-tenant"], "rate": "2/m", "burst": 2,
             "pushback": True, "headers": True}
    with limited(backend, limit) as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        assert passes(stub, ("x-tenant", "a"), calls=2) == 2
        code, text, trailers = ask(stub, ("x-tenant", "a"))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert text == "over the rate limit of 2/m (listener in, key header:x-tenant)"
        details = trailers["grpc-status-details-bin"]
        assert b"RATE_LIMITED" in details and b"google.rpc.RetryInfo" in details
        assert b"google.rpc.QuotaFailure" in details
        assert b"listener in, key header:x-tenant" in details
        assert 25000 < int(trailers["grpc-retry-pushback-ms"]) <= 30000
        assert trailers["x-ratelimit-limit"] == "2"
        assert trailers["x-ratelimit-remaining"] == "0"
        assert 55 <= int(trailers["x-ratelimit-reset"]) <= 60
        # The others are not touched.
        assert passes(stub, ("x-tenant", "b")) == 2
        assert passes(stub) == 2
        assert passes(stub, ("x-tenant", "a")) == 0


def test_a_route_has_a_limit_of_its_own_and_one_has_none(backend):
    routes = [{"match": {"headers": {"x-free": "1"}}, "to": "app",
               "filters": [{"type": "rateLimit", "off": True}]},
              {"match": {"headers": {"x-paid": "1"}}, "to": "app",
               "filters": [{"type": "rateLimit", "rate": "5/m"}]},
              {"to": "app"}]
    with limited(backend, {"type": "rateLimit", "rate": "3/m"}, routes=routes) as proxy, \
            proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        assert passes(stub) == 3
        assert passes(stub, ("x-paid", "1")) == 5
        assert passes(stub, ("x-free", "1")) == 10


def test_each_connection_has_a_bucket(backend):
    with limited(backend, {"type": "rateLimit", "rate": "3/m", "key": "connection"},
                 workers=2) as proxy:
        for _ in range(4):
            with proxy.open_channel() as channel:
                assert passes(protos.Stub(channel)) == 3


def test_a_flood_of_keys_costs_no_memory_and_gets_no_more(tmp_path):
    keys = 100000 if not env.SANITIZED else 20000
    uris = tmp_path / "uris"
    with counting_backend() as backend, \
            limited(backend, {"type": "rateLimit", "rate": "1/h", "burst": 1, "key": "path"},
                    workers=2) as proxy:
        uris.write_text("".join("http://%s/key%d/X\n" % (proxy.address, i) for i in range(keys)))
        with h2load("-c1", "-m20", "-n2000", "http://%s/bench/Unary" % proxy.address):
            pass
        before, was = proxy.memory(), proxy.counters()
        with h2load("-c1", "-m20", "-n%d" % keys, "-i", str(uris)):
            pass
        now = proxy.counters()
        proxy.check_growth(before, 4)
        got = proxy.metrics()["outrigger_rate_limit_keys"]
        assert proxy.metrics()['outrigger_memory_bytes{owner="rate_limit"}'] == 44 * got

    def grown(name):
        return now[name] - was[name]
    assert got == 10000
    assert grown("outrigger_rate_limit_overflow_total") == keys - 9999
    # Each key that has a bucket passed once, all others together once.
    assert grown('outrigger_rate_limit_total{result="refused"}') == keys - 9999 - 1
    # One series for all keys: what peers send is no label.
    by_key = {k: v for k, v in now.items() if k.startswith("outrigger_ratelimited_total")}
    assert len(by_key) == 2
    assert [v for k, v in by_key.items() if 'result="refused"' in k] == [now['outrigger_rate_limit_total{result="refused"}']]
    assert all('key="' in k and 'scope="listener in"' in k for k in by_key)


@pytest.mark.parametrize("limit, says", [
    ({"type": "rateLimit", "rate": "100"}, "100/s"),
    ({"type": "rateLimit", "rate": "100/s", "key": ["x-tenant"]}, "write header:NAME"),
    ({"type": "rateLimit", "rate": "100/s", "messages": "5/s"}, "messageRate"),
    ({"type": "concurrencyLimit", "max": 2, "adaptive": {}}, "at least adaptive.min"),
    ({"type": "doomedCall", "probe": "200%"}, "probe"),
])
def test_settings_that_cannot_be_are_refused_with_a_sentence(tmp_path, limit, says):
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"version": 1, "pools": [
        {"name": "app", "endpoints": ["127.0.0.1:1"]}], "listeners": [
            {"name": "in", "listen": "127.0.0.1:1", "filters": [limit],
             "routes": [{"to": "app"}]}]}))
    done = subprocess.run([env.OUTRIGGER, "-t", "-c", str(path)], capture_output=True, text=True,
                          timeout=20 * env.SLOW)
    assert done.returncode != 0 and says in done.stdout + done.stderr, done.stderr


# --- messageRate ----------------------------------------------------------------------------

def stream_in(stub, messages):
    """(code, seconds) of a client stream with so many messages at once."""
    begin = time.monotonic()
    call = stub.StreamingInputCall.future(iter([protos.StreamingInputCallRequest()] * messages),
                                          timeout=20 * env.SLOW)
    return call.code(), time.monotonic() - begin


def test_a_stream_with_too_many_messages_is_held_back_or_ended(backend):
    routes = [{"match": {"method": "UnaryCall"}, "to": "app",
               "filters": [{"type": "messageRate", "off": True}]}, {"to": "app"}]
    with limited(backend, {"type": "messageRate", "rate": "40/s", "burst": 10},
                 routes=routes) as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        assert stream_in(stub, 10)[0] is OK
        assert proxy.counters()["outrigger_message_rate_held_total"] == 0
        code, took = stream_in(stub, 30)
        assert code is OK and took >= 0.5
        assert proxy.counters()["outrigger_message_rate_held_total"] >= 1
        assert ask(stub)[0] is OK
    with limited(backend, {"type": "messageRate", "rate": "40/s", "burst": 10,
                           "over": "refuse"}) as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        assert stream_in(stub, 10)[0] is OK
        assert stream_in(stub, 100)[0] is grpc.StatusCode.RESOURCE_EXHAUSTED


# --- concurrencyLimit -----------------------------------------------------------------------

def test_calls_above_a_fixed_number_are_refused(backend):
    with limited(backend, {"type": "concurrencyLimit", "max": 3}, workers=2) as proxy, \
            contextlib.ExitStack() as stack:
        stubs = [protos.Stub(stack.enter_context(proxy.open_channel())) for _ in range(4)]
        assert all(ask(s)[0] is OK for s in stubs)
        env.wait_until(lambda: proxy.gauge("outrigger_concurrency_limit_in_flight") == 0, what="the end of all calls")
        sleep = ("x-test-sleep-ms", str(int(700 * env.SLOW)))
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            done = list(pool.map(lambda i: ask(stubs[i % 4], sleep),
                                 range(10)))
        refused = [d for d in done if d[0] is grpc.StatusCode.UNAVAILABLE]
        assert len(refused) == 7, done
        assert "3 calls are going on" in refused[0][1]
        assert b"CONCURRENCY_LIMIT" in refused[0][2]["grpc-status-details-bin"]
        env.wait_until(lambda: proxy.gauge("outrigger_concurrency_limit_in_flight") == 0, what="the end of all calls")
        assert all(ask(s)[0] is OK for s in stubs)
        assert proxy.gauge("outrigger_concurrency_limit") == 3
        env.wait_until(lambda: proxy.gauge("outrigger_concurrency_limit_in_flight") == 0, what="the end of all calls")


def test_an_adaptive_limit_grows_and_shrinks_with_the_time_that_calls_take(backend):
    with limited(backend, {"type": "concurrencyLimit", "max": 50, "adaptive": {
            "minRttRequests": 5, "update": "50ms"}}) as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)

        def limit_after(ms):
            assert ask(stub, ("x-test-sleep-ms", str(ms)))[0] is OK
            return proxy.gauge("outrigger_concurrency_limit")
        assert limit_after(20) == 3
        env.wait_until(lambda: limit_after(20) >= 20)
        env.wait_until(lambda: limit_after(200) < 10)


# --- doomedCall -----------------------------------------------------------------------------

def test_a_call_that_cannot_end_in_time_reaches_no_backend(backend):
    with limited(backend, {"type": "doomedCall", "minSamples": 5, "probe": "0%"}) as proxy, \
            proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        slow = [stub.UnaryCall.future(protos.SimpleRequest(), timeout=20, metadata=[("x-test-sleep-ms", "3000")])
                for _ in range(5)]
        assert {call.code() for call in slow} == {OK}
        code, text, _ = ask(stub, ("x-test-id", "doomed"), timeout=2)
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED and "not started" in text
        assert not backend.events("doomed")
        assert ask(stub, timeout=20)[0] is OK
        counters = proxy.counters()
        assert counters["outrigger_doomed_calls_refused_total"] == 1
        assert 0.1 < counters["outrigger_doomed_calls_saved_seconds_total"] <= 2.01
