# SPDX-License-Identifier: Apache-2.0
"""Each failed call is in /why, in its counter and in /tail, once, whatever filters there are: behind one that refuses,
without the filter that counts, without any; and what is refused before it is a call."""
import contextlib
import http.client
import json

import pytest

import env
import h2raw
import reloads
from test_failures import BACKENDS, KEY

pytestmark = pytest.mark.proxy_only
WATCHERS = [{"type": "metrics"}, {"type": "accessLog"}]    # tracing needs a collector
OFF = [dict(f, off=True) for f in WATCHERS]
KEYS = {"type": "apiKey", "name": "key", "keys": [KEY]}
MUTE = dict(KEYS, off=True)


def routes(extra=()):
    """Of each chain: one that refuses, one whose backend does, one that goes well."""
    out = []
    for chain, filters in (("Plain", []), ("NoMetrics", OFF[:1]), ("Nothing", OFF)):
        filters = filters + list(extra)
        for name, pool in (("Lost", "lost"), ("Gone", "gone"), ("Good", "good"), ("Late", "late")):
            out.append({"match": {"service": "%s.%s" % (chain, name)}, "to": pool, "filters": filters})
        out.append({"match": {"service": chain + ".Key"}, "to": "good",
                    "filters": [f for f in filters if f is not MUTE] + [dict(KEYS, off=False)]})
    return out


@pytest.fixture(scope="module")
def proxy():
    def half(request):    # an answer, one message, then the error
        request.conn.send(h2raw.make_headers(request.sid, h2raw.RESPONSE_FIELDS)
                          + h2raw.make_data(request.sid, h2raw.make_message(b"x"))
                          + h2raw.make_headers(request.sid, [("grpc-status", "5"), ("grpc-message", "late")], end=True))
    with contextlib.ExitStack() as stack:
        pools = {n: [stack.enter_context(h2raw.RawBackend(BACKENDS[n])).address] for n in ("good", "lost")}
        pools["late"] = [stack.enter_context(h2raw.RawBackend(lambda c: h2raw.serve(c, on_end=half))).address]
        pools["gone"] = [env.free_address()]
        # The filter that counts stands behind the one that refuses.
        yield stack.enter_context(env.Proxy(pools, routes(), listener={
            "filters": [MUTE] + WATCHERS, "limits": {"maxConcurrentStreams": 2}}, workers=1))


class Tail:
    def __init__(self, proxy, **query):
        host, port = proxy.admin.rsplit(":", 1)
        self.http = http.client.HTTPConnection(host, int(port), timeout=10 * env.SLOW)
        self.http.request("GET", "/tail?" + "&".join("%s=%s" % i for i in query.items()))
        self.answer = self.http.getresponse()
        assert self.answer.status == 200

    def line(self):
        return json.loads(self.answer.readline())

    def close(self):
        self.http.close()


def why(proxy, method, count=1):
    """The records, of which there shall be so many in a moment."""
    env.wait_until(lambda: len(asked(proxy, method)) >= count, what="the record")
    return asked(proxy, method)


def asked(proxy, method):
    return json.loads(env.ask_patiently("http://%s/why.json?method=%s" % (proxy.admin, method)))["failed"]


def failed(proxy):
    return sum(v for k, v in proxy.metrics().items() if k.startswith("outrigger_failed_calls_total"))


@pytest.mark.parametrize("chain", ["Plain", "NoMetrics", "Nothing"])
@pytest.mark.parametrize("name, code, reason", [
    ("Lost", "NotFound", ""), ("Late", "NotFound", ""), ("Gone", "Unavailable", "CONNECT_FAILED"),
    ("Key", "Unauthenticated", "API_KEY_MISSING"), ("Good", "OK", "")])
def test_once_whatever_the_chain(proxy, chain, name, code, reason):
    method = "/%s.%s/Heard" % (chain, name)
    before = failed(proxy)
    tail = Tail(proxy, method=method)
    with h2raw.Client(proxy.address) as client:
        client.call(method, b"x")
    line = tail.line()
    tail.close()
    assert ("/%s/%s" % (line["service"], line["method"]), line.get("reason", "")) == (method, reason)
    assert line["listener"] == "in" and line["client"].startswith("127.0.0.1:")
    if code == "OK":
        assert line["code"] == 0 and not asked(proxy, method) and failed(proxy) == before
        return
    found = why(proxy, method)
    assert len(found) == 1 and (found[0]["code"], found[0]["reason"]) == (code, reason)
    assert found[0]["client"] == line["client"] and found[0]["why"] and found[0]["route"]
    if name != "Key":
        assert found[0]["endpoint"] and found[0]["pool"]
    assert failed(proxy) == before + 1


def test_a_request_that_breaks_http2(proxy):
    """It has no :scheme: the stream is reset, and the access log, /why and the counters say why."""
    before = proxy.metrics()
    with h2raw.Client(proxy.address) as client:
        fields = [f for f in h2raw.request_fields("/Plain.Good/Broken") if f[0] != ":scheme"]
        sid = client.start_call("", fields=fields)
        assert client.wait_end(sid).rst == 1
    found, = why(proxy, "/Plain.Good/Broken")
    assert (found["code"], found["reason"], found["cancelled"]) == ("Internal", "BAD_REQUEST", False)
    assert "breaks the rules of HTTP/2" in found["why"] and found["advice"]
    ended = 'outrigger_calls_handled_total{grpc_code="Internal"}'
    env.wait_until(lambda: proxy.metrics()[ended] > before[ended], what="the end of the call")
    after = proxy.metrics()
    for series, more in (('outrigger_failed_calls_total{reason="BAD_REQUEST"}', 1),
                         ('outrigger_bad_requests_total{reason="headers"}', 1),
                         (ended, 1), ("outrigger_calls_cancelled_total", 0)):
        assert after[series] == before.get(series, 0) + more, series


def test_streams_over_the_limit(proxy):
    """A client that does not keep to our SETTINGS is refused before there is a call."""
    with env.Proxy({"slow": [env.free_address()]}, listener={"limits": {"maxConcurrentStreams": 2}}, workers=1) as p, \
            h2raw.RawBackend(BACKENDS["silent"]) as backend:
        p.config["pools"][0]["endpoints"] = [backend.address]
        reloads.reload(p, p.config)
        with h2raw.Client(p.address) as client:
            for _ in range(2):
                client.start_call("/a.B/C", end=True)
            sid = client.start_call("/a.B/C", end=True)
            assert client.wait_end(sid).rst == 7
            found, = why(p, "")
            assert (found["reason"], found["code"], found["listener"]) == ("STREAM_LIMIT", "Unavailable", "in")
            assert "maxConcurrentStreams" in found["why"] and "2 calls" in found["why"] and found["advice"]
            assert found["client"].startswith("127.0.0.1:")
            assert p.metrics()['outrigger_failed_calls_total{reason="STREAM_LIMIT"}'] == 1


def test_a_noisy_client_hides_nothing():
    """10,000 streams over their limit, and a thousand paths that no route takes, are two reasons among others: the pool that is gone stays in the list."""
    with h2raw.RawBackend(BACKENDS["silent"]) as backend, \
            env.Proxy({"gone": [env.free_address()], "slow": [backend.address]},
                      [{"match": {"service": "a.B"}, "to": "gone"}, {"match": {"service": "a.Slow"}, "to": "slow"}],
                      listener={"limits": {"maxConcurrentStreams": 2}}, workers=1) as p:
        with h2raw.Client(p.address) as client:
            client.call("/a.B/Dead", b"x")
            for i in range(1000):
                client.call("/no.Such/%s%d" % ("abcdefghij"[i % 10], i), b"x")
        for _ in range(25):    # a connection that does not stop is told to go
            with h2raw.Client(p.address) as client:
                sids = [client.next_sid() for _ in range(402)]
                client.send(b"".join(h2raw.make_headers(sid, h2raw.request_fields("/a.Slow/C"), True) for sid in sids))
                assert client.wait_end(sids[-1], 20).rst == 7
        found = asked(p, "&n=1000")
        assert [f["count"] for f in found if f["reason"] == "STREAM_LIMIT"] == [10000]
        dead, = [f for f in found if f["reason"] == "CONNECT_FAILED"]
        assert (dead["pool"], dead["code"], dead["method"], dead["count"]) == ("gone", "Unavailable", "/a.B/Dead", 1)
        assert [f["reason"] for f in asked(p, "&pool=gone")] == ["CONNECT_FAILED"]
        assert len(asked(p, "&reason=NO_ROUTE&n=1000")) == 64 - 2    # what of this client's paths has room
        text = reloads.ask(p, "GET", "/why?reason=STREAM_LIMIT")[1]
        assert text.startswith("10000 of the last 1") and "x 10,000 in " in text


def test_no_filters_at_all():
    """Also where no route fits."""
    with env.Proxy({"gone": [env.free_address()]}, [{"match": {"service": "a.B"}, "to": "gone"}],
                   listener={"filters": OFF}, workers=1) as p:
        with h2raw.Client(p.address) as client:
            client.call("/no.Such/Method", b"")
            client.call("/a.B/Dead", b"")
        assert [f["reason"] for f in why(p, "", 2)] == ["CONNECT_FAILED", "NO_ROUTE"]
        assert why(p, "/no.Such")[0]["why"].startswith("no route of listener in matches no.Such/Method")
