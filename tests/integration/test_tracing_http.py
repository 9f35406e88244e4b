# SPDX-License-Identifier: Apache-2.0
"""Traces over OTLP/HTTP: the collector's address is a URL. What spans say is in test_tracing.py; here is how they get there, and what a collector can do wrong."""
import json
import socket
import subprocess
import time

import pytest

import certs
import collector
import env
import protos
from protos import Empty
from test_tracing import REFUSED, call, pair, parts, tracing

NO_CURL = env.DIRECT or "libcurl none" in subprocess.run([env.OUTRIGGER, "-VV"], text=True,
                                                        capture_output=True).stdout
pytestmark = [pytest.mark.proxy_only,
              pytest.mark.skipif(NO_CURL, reason="built without libcurl, or it is not here")]


@pytest.fixture(scope="module")
def backend():
    with env.Backend() as b:
        yield b


def test_the_tree_is_the_same_over_http(backend):
    with collector.HttpCollector() as sink, tracing(backend, sink.address) as proxy:
        trace, span, _ = parts(call(proxy, backend))
        server, client = pair(sink.wait(2))
        assert (server.trace, client.trace, client.id) == (trace, trace, span)
        assert client.parent == server.id and server.resource["service.name"] == "orders"
        call(proxy, backend)
        sink.wait(4)
        env.wait_until(lambda: proxy.metrics()["outrigger_spans_exported_total"] == 4, 10,
                       "all spans counted")
        path, headers = sink.asked[0]
        assert path == "/v1/traces" and len(sink.connections) == 1
        assert headers["Content-Type"] == "application/x-protobuf"
        assert headers["User-Agent"].startswith("outrigger/") and "Expect" not in headers


def test_a_url_that_has_a_path(backend):
    with collector.HttpCollector() as sink:
        for more, path in (("/otlp/", "/otlp/v1/traces"), ("/in/v1/traces", "/in/v1/traces")):
            with tracing(backend, sink.address + more) as proxy:
                call(proxy, backend)
                env.wait_until(lambda: sink.asked and sink.asked[-1][0] == path, what="the request")


def test_a_collector_that_cannot_now_is_asked_again(backend):
    busy = [(503, {}), (429, {"Retry-After": "2"})]
    with collector.HttpCollector(busy, rejected=1) as sink:
        with tracing(backend, sink.address) as proxy:
            begun = time.monotonic()
            call(proxy, backend)
            assert len(sink.wait(2, 20)) == 2
            assert time.monotonic() - begun > 0.8 + 1.6  # ours, then what it asked for
            taken = "outrigger_spans_exported_total"
            env.wait_until(lambda: proxy.metrics()[taken] + proxy.metrics()[REFUSED] == 2, 10, "the answers")
            metrics = proxy.metrics()
    assert metrics["outrigger_trace_exports_failed_total"] == 2
    assert metrics[REFUSED] == len(sink.batches) and sink.refused == 2


def test_a_long_pause_is_kept_and_costs_no_span(backend):
    """Also one that is longer than a request is tried for without it."""
    with collector.HttpCollector([(503, {"Retry-After": "200"})]) as sink:
        with tracing(backend, sink.address) as proxy:
            call(proxy, backend)
            env.wait_until(lambda: sink.refused == 1, 10, "the request")
            call(proxy, backend)
            time.sleep(1)
            metrics = proxy.metrics()
        assert sink.refused == len(sink.asked) == 1 and sink.spans == []
    assert metrics["outrigger_trace_exports_failed_total"] == 1
    assert metrics['outrigger_spans_dropped_total{reason="export"}'] == 0
    assert metrics['outrigger_memory_bytes{owner="spans"}'] > 1000


def test_what_will_not_pass_is_not_sent_again(backend):
    """Also a redirect, which is not followed: it would carry spans to somebody else."""
    answers = [(400, {}), (307, {"Location": "http://localhost:1/v1/traces"})]
    with collector.HttpCollector(answers) as sink:
        with tracing(backend, sink.address) as proxy:
            made = 0
            while sink.refused < 2:     # once when each span of a call went in a request of its own
                call(proxy, backend)
                made += 2
                env.wait_until(lambda: proxy.metrics()[REFUSED] + len(sink.spans) == made, 10, "the answers")
            lost = proxy.metrics()[REFUSED]
            call(proxy, backend)
            assert len(sink.wait(made + 2 - lost)) == made + 2 - lost
            said = [t for t in proxy.lines() if "does not take spans" in t]
    assert sink.refused == 2 and len(said) == 1 and "400" in said[0]


def test_tls_with_names_of_both_sides(backend, tmp_path):
    ca = certs.Authority(tmp_path)
    server, ours = ca.issue("localhost", name="sink"), ca.issue("proxy", name="proxy")
    with collector.HttpCollector(tls=(server.cert, server.key), client_ca=ca.file) as sink:
        tls = {"ca": ca.file, "cert": ours.cert, "key": ours.key, "minVersion": "1.3"}
        with tracing(backend, sink.address, tls=tls) as proxy:
            call(proxy, backend)
            sink.wait(2)
    stranger = certs.Authority(tmp_path, "stranger")
    with collector.HttpCollector(tls=(server.cert, server.key)) as sink:
        with tracing(backend, sink.address, tls={"ca": stranger.file}) as proxy:
            call(proxy, backend)
            proxy.wait_line(lambda t: "does not take spans" in t and "certificate" in t, "err")
        assert sink.asked == []


def test_a_dead_or_silent_collector_costs_nothing(backend):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        for url in ("http://" + env.free_address(),
                    "http://127.0.0.1:%d" % silent.getsockname()[1]):
            with tracing(backend, url) as proxy, proxy.open_channel() as channel:
                stub = protos.Stub(channel)
                took = []
                for _ in range(300):
                    begun = time.monotonic()
                    stub.EmptyCall(Empty(), timeout=10)
                    took.append(time.monotonic() - begun)
                assert sorted(took)[150] < 0.02 * env.SLOW
                begun = time.monotonic()
            assert time.monotonic() - begun < 8 * env.SLOW  # a second for the last spans


@pytest.mark.parametrize("keys, says", [
    ({"otlp": "http://sink:4318", "tls": {}}, "https://"),
    ({"otlp": "https://sink:4318", "tls": {"serverName": "other"}}, "only ca, cert, key"),
    ({"otlp": "https://me:secret@sink:4318"}, "no password"),
    ({"otlp": "https://"}, "no host"),
])
def test_ways_that_cannot_be(tmp_path, keys, says):
    config = tmp_path / "outrigger.json"
    config.write_text(json.dumps({
        "version": 1, "tracing": keys,
        "listeners": [{"listen": "127.0.0.1:1", "routes": [{"to": "a"}]}],
        "pools": [{"name": "a", "endpoints": ["127.0.0.1:2"]}]}))
    done = subprocess.run([env.OUTRIGGER, "-t", "-c", str(config)], capture_output=True, text=True)
    assert done.returncode != 0 and says in done.stdout + done.stderr
