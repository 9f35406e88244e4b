# SPDX-License-Identifier: Apache-2.0
"""Metrics that are pushed to a collector: they are those of /metrics, and a collector that is slow, dead or wrong costs nothing else."""
import re
import subprocess
import time

import grpc
import pytest

import collector
import env
import named
import protos
import reloads
from protos import Empty, SimpleRequest

NO_CURL = env.DIRECT or "libcurl none" in subprocess.run([env.OUTRIGGER, "-VV"], text=True,
                                                        capture_output=True).stdout
pytestmark = pytest.mark.proxy_only
PUSHES = 'outrigger_metric_pushes_total{result="%s"}'
METHOD = {"grpc_type": "unknown", "grpc_service": "grpc.testing.TestService",
          "grpc_method": "UnaryCall"}


@pytest.fixture(scope="module")
def backend():
    with env.Backend() as b:
        yield b


def pushing(backend, address, **keys):
    push = dict({"otlp": address, "interval": "1s", "names": "prometheus"}, **keys)
    return env.Proxy([backend.address], top={
        "metrics": {"push": push}, "node": {"service": "orders", "id": "pod-1"}})


def calls(proxy, n=1):
    with proxy.open_channel() as channel:
        for _ in range(n):
            protos.Stub(channel).UnaryCall(SimpleRequest(), timeout=10)


def key(name, **labels):
    return (name, tuple(sorted(labels.items())))


@pytest.mark.parametrize("kind", [collector.MetricsCollector, pytest.param(
    collector.HttpMetricsCollector, marks=pytest.mark.skipif(NO_CURL, reason="no libcurl"))])
def test_what_is_pushed_is_what_metrics_shows(backend, kind):
    with kind() as sink:
        with pushing(backend, sink.address) as proxy:
            calls(proxy, 7)
            with proxy.open_channel() as channel, pytest.raises(grpc.RpcError):
                protos.Stub(channel).UnaryCall(SimpleRequest(), timeout=10,
                                               metadata=[("x-test-fail", "5")])
            handled = key("grpc_server_handled_total", grpc_code="OK", **METHOD)
            env.wait_until(lambda: handled in sink.newest(), 10, "a push")
            shown = proxy.metrics()
        # The last push is made when the process ends.
        got = sink.newest()
    started = got[key("grpc_server_started_total", **METHOD)]
    assert (started.value, started.kind) == (8, "sum")
    assert got[handled].value == 7
    assert got[key("grpc_server_handled_total", grpc_code="NotFound", **METHOD)].value == 1
    assert started.resource["service.name"] == "orders"
    assert started.resource["service.instance.id"] == "pod-1"
    assert abs(started.time / 1e9 - time.time()) < 60 and started.start < started.time
    times = got[key("grpc_server_handling_seconds", **METHOD)]
    assert (times.kind, times.unit, times.count) == ("histogram", "s", 8)
    assert sum(times.buckets) == 8 and len(times.buckets) == len(times.bounds) + 1 == 42
    assert times.bounds == sorted(times.bounds) and 0 < times.sum < 80 * env.SLOW
    flying = got[key("outrigger_calls_in_flight")]
    assert (flying.kind, flying.value, flying.start) == ("gauge", 0, 0) and flying.help
    # Every series of the page is there.
    series = {name.split("{")[0] for name in shown}
    series = {re.sub("_(bucket|sum|count)$", "", n) if n.endswith(("_bucket", "_sum", "_count"))
              and n.startswith("grpc_") else n for n in series}
    missing = series - {p.name for p in got.values()}
    assert not missing, missing


def test_calls_have_the_names_of_opentelemetry(backend):
    """The same attributes as spans have; everything else is called as on /metrics."""
    with collector.MetricsCollector() as sink, pushing(backend, sink.address, names="opentelemetry") as proxy:
        calls(proxy, 3)
        with proxy.open_channel() as channel, pytest.raises(grpc.RpcError):
            protos.Stub(channel).UnaryCall(SimpleRequest(), timeout=10, metadata=[("x-test-fail", "5")])
        method = {"rpc.system.name": "grpc", "rpc.method": "grpc.testing.TestService/UnaryCall"}
        missing = key("grpc_server_handled_total", **method, **{"rpc.status_code": "NOT_FOUND"})
        env.wait_until(lambda: missing in sink.newest(), 10, "a push")
        got = sink.newest()
        # One for each worker that had a client.
        connections = proxy.metrics()['outrigger_pool_connections{pool="app"}']
    assert got[missing].value == 1
    assert got[key("grpc_server_handled_total", **method, **{"rpc.status_code": "OK"})].value == 3
    for name, more in (("rpc.server.call.duration", {}), ("rpc.client.call.duration", {"outrigger.pool": "app"})):
        times = got[key(name, **method, **more)]
        assert (times.kind, times.unit, times.count) == ("histogram", "s", 4)
    assert got[key("outrigger_pool_connections", pool="app")].value == connections >= 1
    assert not any("grpc_type" in p.labels or "grpc_method" in p.labels for p in got.values())


def test_a_large_page_goes_in_several_requests():
    """Hundreds of histograms on both sides; together they are what the page has, each once per push."""
    methods = 130
    with named.Named("many") as many, collector.MetricsCollector() as sink:
        with pushing(many, sink.address, interval="1h") as proxy:
            for i in range(methods):
                assert named.ask(proxy.address, "/shop.Many/Method%03d" % i).code == "OK"
    # The last push, when the process ended. One may have come before: the first is at a random moment of the hour.
    begin = max(i for i, p in enumerate(sink.spans) if p.key == sink.spans[0].key)
    times = [p for p in sink.spans[begin:] if p.name == "grpc_server_handling_seconds"]
    assert len(times) == len({p.key for p in times}) == methods
    assert all(p.count == 1 and sum(p.buckets) == 1 for p in times)
    assert len(sink.batches) > 1


def test_a_collector_that_does_not_take_them(backend):
    answers = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INVALID_ARGUMENT]
    with collector.MetricsCollector(answers, rejected=3) as sink:
        with pushing(backend, sink.address) as proxy:
            env.wait_until(lambda: proxy.metrics()[PUSHES % "ok"] >= 1, 15, "a good push")
            metrics = proxy.metrics()
            said = [t for t in proxy.lines() if "does not take metrics" in t]
    assert metrics[PUSHES % "failed"] == 2 and len(said) == 1
    assert metrics['outrigger_metric_points_total{result="refused"}'] % 3 == 0
    assert metrics['outrigger_metric_points_total{result="refused"}'] > 0
    assert metrics['outrigger_metric_points_total{result="taken"}'] > 100


def test_a_dead_collector_costs_nothing(backend):
    with pushing(backend, env.free_address(), timeout="500ms") as proxy:
        with proxy.open_channel() as channel:
            stub = protos.Stub(channel)
            stub.EmptyCall(Empty(), timeout=10)
            before = proxy.memory()
            took = []
            for _ in range(500):
                begun = time.monotonic()
                stub.EmptyCall(Empty(), timeout=10)
                took.append(time.monotonic() - begun)
            env.wait_until(lambda: proxy.metrics()[PUSHES % "failed"] >= 1, 15, "a failure")
            assert sorted(took)[250] < 0.02 * env.SLOW
            proxy.check_growth(before, 4)
        begun = time.monotonic()
    assert time.monotonic() - begun < 8 * env.SLOW


def test_a_reload_sends_elsewhere(backend):
    with collector.MetricsCollector() as old, collector.MetricsCollector() as new:
        with pushing(backend, old.address) as proxy:
            env.wait_until(lambda: old.spans, 10, "a push")
            push = {"otlp": new.address, "interval": "1s"}
            reloads.reload(proxy, dict(proxy.config, metrics={"push": push}))
            env.wait_until(lambda: new.spans, 10, "a push elsewhere")
            seen = len(old.batches)
            reloads.reload(proxy, dict(proxy.config, metrics={}))
            asked = len(new.batches) + 1  # one may be under way
            time.sleep(1.5)
            assert len(old.batches) == seen and len(new.batches) <= asked


@pytest.mark.skipif(NO_CURL, reason="no libcurl")
def test_a_collector_that_asks_for_a_pause_gets_it(backend):
    with collector.HttpMetricsCollector([(429, {"Retry-After": "4"})]) as sink:
        with pushing(backend, sink.address) as proxy:
            env.wait_until(lambda: sink.refused == 1, 10, "the first push")
            env.wait_until(lambda: sink.spans, 20, "the next one")
            assert time.monotonic() - sink.refused_at[0] > 3
            metrics = proxy.metrics()
    assert metrics[PUSHES % "skipped"] >= 2 and metrics[PUSHES % "failed"] == 1
