# SPDX-License-Identifier: Apache-2.0
"""Metrics of calls: what is counted, under which names, and that strangers cannot make series."""
import gzip
import time
import urllib.request

import grpc
import pytest

import env
import protos
import reloads
from protos import Empty, SimpleRequest
from test_metrics_page import cpu_ms

pytestmark = pytest.mark.proxy_only
SERVICE = "grpc.testing.TestService"


@pytest.fixture(scope="module")
def backend():
    with env.Backend() as b:
        yield b


@pytest.fixture
def proxy(backend):
    with env.Proxy([backend.address]) as p:
        yield p


def series(metric, method, service=SERVICE, **labels):
    names = ['grpc_type="unknown"', 'grpc_service="%s"' % service, 'grpc_method="%s"' % method]
    names += ['%s="%s"' % pair for pair in labels.items()]
    return "%s{%s}" % (metric, ",".join(names))


def test_calls_and_attempts_are_counted(proxy):
    with proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        for _ in range(5):
            stub.EmptyCall(Empty(), timeout=10)
        with pytest.raises(grpc.RpcError):
            stub.UnaryCall(SimpleRequest(), timeout=10, metadata=[("x-test-fail", "5")])
        talk = reloads.Talk(channel)
        talk.say()
        talk.say()
        metrics = proxy.metrics()
        # a stream counts when it has begun
        assert metrics[series("grpc_server_started_total", "FullDuplexCall")] == 1
        assert series("grpc_server_handled_total", "FullDuplexCall", grpc_code="OK") not in metrics
        talk.end()
    ended = series("grpc_server_handled_total", "FullDuplexCall", grpc_code="OK")
    env.wait_until(lambda: proxy.metrics().get(ended) == 1, what="the end of the stream")
    metrics = proxy.metrics()
    for side, more in (("server", {}), ("client", {"pool": "app"})):
        def value(name, method, **labels):
            return metrics[series("grpc_%s_%s" % (side, name), method, **dict(more, **labels))]
        assert value("started_total", "EmptyCall") == 5
        assert value("handled_total", "EmptyCall", grpc_code="OK") == 5
        assert value("handled_total", "UnaryCall", grpc_code="NotFound") == 1
        assert value("handling_seconds_count", "EmptyCall") == 5
        assert value("handling_seconds_bucket", "EmptyCall", le="+Inf") == 5
        assert 0 < value("handling_seconds_sum", "EmptyCall") < 60
        assert value("msg_received_total", "FullDuplexCall") == 2
        assert value("msg_sent_total", "FullDuplexCall") == 2


def test_attempts_that_only_waited_have_an_end(backend):
    """By the deadline, by the client's cancel, by perTryTimeout: none of them ever had a connection."""
    retry = {"maxAttempts": 2, "initialBackoff": "10ms", "maxBackoff": "10ms", "backoffMultiplier": 1, "perTryTimeout": "300ms",
             "retryableStatusCodes": ["DEADLINE_EXCEEDED"]}
    config = {"methodConfig": [{"name": [{"service": SERVICE, "method": "UnaryCall"}], "retryPolicy": retry},
                               {"name": [{"service": SERVICE, "method": "EmptyCall"}], "timeout": "300ms"}]}
    pool = {"limits": {"maxRequestsPerEndpoint": 1, "pendingTimeout": "60s"}}
    ways = {"EmptyCall": ("DeadlineExceeded", 3), "UnaryCall": ("DeadlineExceeded", 2), "StreamingInputCall": ("Canceled", 1)}

    with env.Proxy([backend.address], pool=pool, listener=config, workers=1) as proxy, \
            proxy.open_channel(grpc__enable_retries=0) as channel:
        stub = protos.Stub(channel)
        stub.EmptyCall(Empty(), timeout=10 * env.SLOW)      # their names are known now
        stub.UnaryCall(SimpleRequest(), timeout=10 * env.SLOW)
        stub.StreamingInputCall(iter([]), timeout=10 * env.SLOW)
        talk = reloads.Talk(channel)
        talk.say()
        cancelled = stub.StreamingInputCall.future(iter([]), timeout=60)
        calls = [stub.EmptyCall.future(Empty(), timeout=60) for _ in range(3)]
        calls.append(stub.UnaryCall.future(SimpleRequest(), timeout=60))
        env.wait_until(lambda: proxy.metrics()["outrigger_pending_requests"] == 1 and all(c.done() for c in calls), 20)
        cancelled.cancel()

        def ends(method):
            code, n = ways[method]
            m = proxy.metrics()
            assert m[series("grpc_client_started_total", method, pool="app")] == n + 1
            assert m[series("grpc_client_handled_total", method, pool="app", grpc_code="OK")] == 1
            return m.get(series("grpc_client_handled_total", method, pool="app", grpc_code=code)) == n
        for method in ways:
            env.wait_until(lambda: ends(method), 10, method)
        talk.end()


def test_names_of_strangers_are_one_series(proxy):
    with proxy.open_channel() as channel:
        for i in range(300):
            with pytest.raises(grpc.RpcError):
                channel.unary_unary("/no.Such%d/Method%d" % (i, i))(b"", timeout=10)
    others = series("grpc_server_started_total", "_OTHER", "_OTHER")
    env.wait_until(lambda: proxy.metrics().get(others, 0) >= 300, what="the end of the last call")
    metrics = proxy.metrics()
    assert metrics[others] == 300
    assert not any("no.Such" in key for key in metrics)


def test_they_can_be_switched_off(backend):
    routes = [{"match": {"method": "EmptyCall"}, "to": "app",
               "filters": [{"type": "metrics", "off": True}]}, {"to": "app"}]
    top = {"metrics": {"histogram": "none"}}
    with env.Proxy([backend.address], routes=routes, top=top) as proxy:
        with proxy.open_channel() as channel:
            stub = protos.Stub(channel)
            stub.EmptyCall(Empty(), timeout=10)
            stub.UnaryCall(SimpleRequest(), timeout=10)
        metrics = proxy.metrics()
    assert metrics[series("grpc_server_started_total", "UnaryCall")] == 1
    assert series("grpc_server_started_total", "EmptyCall") not in metrics
    assert not any("handling_seconds" in key for key in metrics)


def test_the_text_is_what_prometheus_reads(proxy):
    """Each metric has its HELP and TYPE once, before its series, which stand together."""
    with proxy.open_channel() as channel:
        protos.Stub(channel).EmptyCall(Empty(), timeout=10)
    text = env.ask_patiently("http://%s/metrics" % proxy.admin)
    seen, current, kinds = set(), None, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:4]
            assert name not in seen, name
            seen.add(name)
            current, kinds[name] = name, kind
        elif not line.startswith("#"):
            name = line.split("{")[0].split(" ")[0]
            if kinds.get(current) == "histogram":
                name = name.rsplit("_", 1)[0] if name.startswith(current + "_") else name
            assert name == current, line
    assert {"grpc_server_started_total", "grpc_client_handling_seconds"} <= seen


def test_the_scrape_of_many_methods_is_quick():
    """500 methods on 20 endpoints (their names come from a backend that answers all), as Prometheus asks for it."""
    class Any(grpc.GenericRpcHandler):
        def service(self, details):
            return grpc.unary_unary_rpc_method_handler(lambda request, context: b"")

    import concurrent.futures
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=(Any(),))
    addresses = [env.free_address() for _ in range(20)]
    for address in addresses:
        assert server.add_insecure_port(address)
    server.start()

    def scrape():
        """Bytes, and ms of processor time of the main thread. Not at once after the other: the admin port refuses too much work."""
        time.sleep(0.2)
        request = urllib.request.Request("http://%s/metrics" % proxy.admin, headers={
            "Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "gzip"})
        before = cpu_ms(proxy)[0]
        text = env.open_patiently(request)[1]
        return len(gzip.decompress(text)), cpu_ms(proxy)[0] - before
    try:
        with env.Proxy(addresses) as proxy, proxy.open_channel() as channel:
            done = [channel.unary_unary("/many.Service%d/Method%d" % (i // 10, i)).future(
                b"", timeout=20) for i in range(500)]
            for call in done:
                call.result()
            sizes, took = zip(*(scrape() for _ in range(6)))
            assert min(sizes) > 3000000
            # 16 ms on a quiet machine, 10 of them for gzip; not the time that others had the processor
            assert 1 < min(took) < 80 * env.SLOW, took
    finally:
        server.stop(None).wait(5)
