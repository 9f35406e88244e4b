# SPDX-License-Identifier: Apache-2.0
"""GET /stats.json and GET /events: the figures are those of the calls that were made, and viewers cost nothing, however slow they are."""
import contextlib
import http.client
import json
import re
import socket
import time
import urllib.error
import urllib.request

import grpc
import pytest

import env
import protos
import reloads
from protos import Empty, SimpleRequest

pytestmark = pytest.mark.proxy_only
SERVICE = "/grpc.testing.TestService/"
CALLS = 200


@pytest.fixture(scope="module")
def backend():
    with env.Backend() as b:
        yield b


def stats(proxy):
    return json.loads(env.ask_patiently("http://%s/stats.json" % proxy.admin))


def when(proxy, true, timeout=10):
    """The first answer of which true(answer) is true."""
    def look():
        answer = stats(proxy)
        return answer if true(answer) else None
    return env.wait_until(look, timeout, "what /stats.json should say")


def named(rows, name, key="name"):
    return next(row for row in rows if row[key] == name)


def full_seconds(answer):
    return min(10, len(answer["now"]["line"]))


class Viewer:
    """Reads /events."""

    def __init__(self, proxy):
        host, port = proxy.admin.split(":")
        self.connection = http.client.HTTPConnection(host, int(port), timeout=10 * env.SLOW)
        self.connection.request("GET", "/events")
        self.answer = self.connection.getresponse()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.answer.close()
        self.connection.close()

    def next(self):
        assert self.answer.readline() == b"event: stats\n"
        data = self.answer.readline()
        assert data.startswith(b"data: {") and self.answer.readline() == b"\n"
        return json.loads(data[len(b"data: "):])


# --- figures --------------------------------------------------------------------------


ROUTES = [{"name": "split", "match": {"method": "EmptyCall"},
           "to": [{"pool": "app", "weight": 3}, {"pool": "more", "weight": 1}]},
          {"name": "no", "match": {"method": "UnimplementedCall"},
           "status": {"code": "PERMISSION_DENIED", "message": "not here"}},
          {"to": "app"}]


def make_calls(proxy):
    with proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        for _ in range(CALLS):
            stub.EmptyCall(Empty(), timeout=10)
        for _ in range(20):
            stub.UnaryCall(SimpleRequest(), timeout=10, metadata=[("x-test-sleep-ms", "20")])
        for _ in range(10):
            with pytest.raises(grpc.RpcError):
                stub.UnaryCall(SimpleRequest(), timeout=10, metadata=[("x-test-fail", "5")])
        for _ in range(5):
            with pytest.raises(grpc.RpcError):
                channel.unary_unary(SERVICE + "UnimplementedCall")(b"", timeout=10)


def test_the_figures_are_those_of_the_calls(backend):
    total = CALLS + 35
    with env.Backend() as second:
        pools = {"app": [backend.address], "more": [second.address]}
        with env.Proxy(pools, routes=ROUTES, workers=2) as proxy:
            make_calls(proxy)
            got = when(proxy, lambda a: sum(a["now"]["line"]) == total)
            metrics = proxy.metrics()
    # Calls: the same in all that counts them.
    codes = {c["code"]: c["lastMinute"] for c in got["codes"]}
    assert codes == {"OK": CALLS + 20, "NotFound": 10, "PermissionDenied": 5}
    for code, n in codes.items():
        assert n == sum(v for k, v in metrics.items() if k.startswith("grpc_server_handled_total")
                        and 'grpc_code="%s"' % code in k)
    now, seconds = got["now"], full_seconds(got)
    if len(now["line"]) <= 10:      # else the first calls may be older than the window
        assert now["callsPerS"] == pytest.approx(total / seconds, abs=0.01)
        assert now["okShare"] == pytest.approx((CALLS + 20) / total, abs=0.001)
        assert 0 < now["p50Ms"] <= now["p95Ms"] <= now["p99Ms"] < 10000
        unary = named(got["methods"], SERVICE + "UnaryCall", "method")
        assert unary["callsPerS"] == pytest.approx(30 / seconds, abs=0.01)
        assert unary["okShare"] == pytest.approx(20 / 30, abs=0.001)
        assert unary["p99Ms"] > 16      # the bucket of 20 ms begins there
        for pool in got["pools"]:
            ends = sum(e["callsPerS"] for e in pool["endpoints"])
            assert pool["callsPerS"] == pytest.approx(ends, abs=0.02)
        app = named(got["pools"], "app")
        assert app["okShare"] < 1 and app["p99Ms"] > 16
    assert 0 <= now["cpuShare"] <= 1 and now["rssBytes"] > 1e6 and now["loopLagMs"] >= 0
    assert got["process"]["workers"] == 2
    # Routes.
    split, no, rest = got["routes"]
    assert (split["name"], split["hits"], split["match"]) == ("split", CALLS, "method EmptyCall")
    assert (no["hits"], no["to"]) == (5, [])
    assert (rest["name"], rest["hits"]) == ("routes[2]", 30)
    assert rest["to"] == [{"pool": "app", "subset": "", "setShare": 1, "realShare": 1}]
    app, more = split["to"]
    assert (app["setShare"], more["setShare"]) == (0.75, 0.25)
    calls = {p["name"]: sum(e["calls"] for e in p["endpoints"]) for p in got["pools"]}
    assert more["realShare"] == pytest.approx(calls["more"] / CALLS, abs=0.001)
    assert app["realShare"] + more["realShare"] == pytest.approx(1)
    assert 0.05 < more["realShare"] < 0.5
    # What was there before is still there.
    assert named(got["metrics"], "outrigger_calls_started_total")["value"] == total
    assert {f["code"] for f in got["failed"]} == {"NotFound", "PermissionDenied"}
    assert got["failed"][0]["method"] == SERVICE + "UnimplementedCall"


def test_without_the_filter_metrics_the_plain_counts_are_left(backend):
    routes = [{"to": "app", "filters": [{"type": "metrics", "off": True}]}]
    with env.Proxy([backend.address], routes=routes) as proxy:
        with proxy.open_channel() as channel:
            for _ in range(10):
                protos.Stub(channel).EmptyCall(Empty(), timeout=10)
        got = when(proxy, lambda a: sum(a["now"]["line"]) == 10)
    assert got["codes"] == [{"code": "OK", "lastMinute": 10, "last5Minutes": 10}]
    assert got["methods"] == []
    app = got["pools"][0]
    assert got["now"]["okShare"] == 1 and app["okShare"] == 1
    assert [got["now"]["p50Ms"], app["p50Ms"], app["p99Ms"]] == [None, None, None]
    assert sum(app["line"]) == 10
    assert got["routes"][0]["hits"] == 10


def test_retries_count_for_their_pool(backend):
    retry = {"maxAttempts": 3, "initialBackoff": "1ms", "maxBackoff": "1ms", "backoffMultiplier": 1,
             "retryableStatusCodes": ["ABORTED"]}
    pools = {"app": [backend.address], "quiet": [backend.address]}
    with env.Proxy(pools, routes=[{"to": "app", "retryPolicy": retry}]) as proxy:
        with proxy.open_channel(grpc__enable_retries=0) as channel:
            for _ in range(10):
                with pytest.raises(grpc.RpcError):
                    protos.Stub(channel).UnaryCall(SimpleRequest(), timeout=10,
                                                   metadata=[("x-test-fail", "10")])
        got = when(proxy, lambda a: sum(a["now"]["line"]) == 10)
    app, quiet = got["pools"]
    seconds = full_seconds(got)
    assert sum(app["line"]) == 30       # attempts
    assert got["now"]["okShare"] == 0 and app["okShare"] == 0
    for rate in (got["now"]["retriesPerS"], app["retriesPerS"]):
        assert rate == pytest.approx(20 / seconds, abs=0.01)
    assert (quiet["retriesPerS"], quiet["okShare"], sum(quiet["line"])) == (0, None, 0)


def test_methods_of_strangers_are_one_row(backend):
    with env.Proxy([backend.address]) as proxy:
        with proxy.open_channel() as channel:
            for i in range(100):
                with pytest.raises(grpc.RpcError):
                    channel.unary_unary("/no.Such/Method%d" % i)(b"", timeout=10)
        got = when(proxy, lambda a: sum(a["now"]["line"]) == 100)
    assert [m["method"] for m in got["methods"]] == ["_OTHER"]


# --- state ----------------------------------------------------------------------------


def test_reloads_and_drains_are_told(backend):
    with env.Proxy([backend.address]) as proxy:
        first = stats(proxy)["process"]
        assert (first["state"], first["stateWhy"], first["drain"]) == ("ready", "", None)
        assert first["reload"] == {"ok": True, "error": "", "ageMs": None}
        assert first["config"]["source"] == proxy._path
        assert re.fullmatch("[0-9a-f]{8}", first["config"]["hash"])
        with proxy.open_channel() as channel:
            protos.Stub(channel).EmptyCall(Empty(), timeout=10)
        reloads.reload(proxy, "{ no config", expect=422)
        refused = stats(proxy)["process"]
        assert refused["reload"]["ok"] is False and "error" in refused["reload"]["error"]
        assert "\n" not in refused["reload"]["error"] and refused["reload"]["ageMs"] >= 0
        assert refused["config"]["hash"] == first["config"]["hash"]
        # What does not touch the routes leaves their hits.
        reloads.reload(proxy, reloads.changed(proxy, drain={"delay": "0s", "timeout": "3s"}))
        again = stats(proxy)
        assert again["process"]["reload"]["ok"] is True
        assert again["process"]["config"]["hash"] != first["config"]["hash"]
        assert again["routes"][0]["hits"] == 1
        changed = reloads.changed(proxy)
        changed["listeners"][0]["routes"].insert(
            0, {"match": {"method": "Other"}, "to": "app"})
        reloads.reload(proxy, changed)
        assert [r["hits"] for r in stats(proxy)["routes"]] == [0, 0]
        assert reloads.ask(proxy, "POST", "/drain")[0] == 200
        got = when(proxy, lambda a: (a["process"]["drain"] or {}).get("phase") == "goaway")
        assert got["process"]["state"] == "draining"
        assert "an operator asked for it" in got["process"]["stateWhy"]
        assert got["process"]["drain"]["leftMs"] is None
        assert got["listeners"][0]["ready"] is False
        assert reloads.ask(proxy, "POST", "/undrain")[0] == 200
        assert stats(proxy)["process"]["state"] == "ready"


def test_the_state_agrees_with_the_probes(backend):
    """A pool that readyWhen names has no usable endpoint at first."""
    probe, checked = env.free_address(), env.free_address()
    top = {"probe": {"listen": probe, "readyWhen": {"pools": ["app"]}}}
    health = {"healthCheck": {"type": "tcp", "interval": "100ms", "timeout": "1s"}}

    def readyz():
        try:
            with urllib.request.urlopen("http://%s/readyz" % probe, timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as e:
            return e.code
    reason = "calls are served, but /readyz says no: pool app has no usable endpoint"
    with env.Proxy([checked], top=top, pool=health) as proxy:
        process = stats(proxy)["process"]
        assert (process["state"], process["stateWhy"], readyz()) == ("ready", reason, 503)
        with env.Backend(listen=checked):
            when(proxy, lambda a: a["process"]["stateWhy"] == "")
            assert readyz() == 200
        when(proxy, lambda a: a["process"]["stateWhy"] == reason)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:    # a name server
        silent.bind(("127.0.0.1", 0))
        target = "dns://127.0.0.1:%d/nobody.test:80" % silent.getsockname()[1]
        with env.Proxy([target], top=top) as proxy:
            process = stats(proxy)["process"]
            assert (process["state"], process["stateWhy"]) == (
                "starting",
                "/startupz does not say yes yet: the endpoints of pool app are not known yet")


def test_pools_come_and_go(backend):
    """A pool that is new has no past, also when one of its name was there before; what stays keeps its own."""
    with env.Proxy({"stays": [backend.address], "app": [backend.address]},
                   routes=[{"match": {"method": "EmptyCall"}, "to": "stays"}, {"to": "app"}]) as proxy:
        with proxy.open_channel() as channel:
            stub = protos.Stub(channel)
            for _ in range(20):
                stub.EmptyCall(Empty(), timeout=10)
                stub.UnaryCall(SimpleRequest(), timeout=10)
            when(proxy, lambda a: [sum(p["line"]) for p in a["pools"]] == [20, 20])
            changed = reloads.changed(proxy)
            changed["pools"][1]["balance"] = {"policy": "least_request"}    # another pool
            changed["pools"].insert(0, {"name": "new", "endpoints": [backend.address]})
            reloads.reload(proxy, changed)
            got = stats(proxy)
            assert [p["name"] for p in got["pools"]] == ["new", "stays", "app"]
            for _ in range(5):
                stub.UnaryCall(SimpleRequest(), timeout=10)
            got = when(proxy, lambda a: sum(a["now"]["line"]) == 45)
    assert [sum(p["line"]) for p in got["pools"]] == [0, 20, 5]
    new, stays, app = got["pools"]
    assert new["okShare"] is None and app["okShare"] == 1
    assert app["endpoints"][0]["calls"] == 5


# --- events ---------------------------------------------------------------------------


def test_more_endpoints_than_a_second_has_time_for():
    def many(net, n):
        return ["127.%d.%d.%d:1" % (net, i // 250, 1 + i % 250) for i in range(n)]
    top = {"pools": [{"name": name, "endpoints": many(net, 5100)} for net, name in ((10, "app"), (11, "stock"))]}
    with env.Proxy({"app": [], "stock": []}, routes=[{"to": "app"}], top=top) as p:
        worst = "127.11.20.50:1"
        status, text = reloads.ask(p, path="/endpoint?do=disable&pool=stock&address=%s" % worst)
        assert status == 200, text
        pools = {x["name"]: x for x in stats(p)["pools"]}
        for pool in pools.values():
            assert pool["total"] == 5100 and len(pool["endpoints"]) == len({e["address"] for e in pool["endpoints"]}) == 5000
            assert pool["endpointsLeftOut"] == 100 and len(pool["targets"]) == 5000 and pool["targetsLeftOut"] == 100
        assert pools["stock"]["endpoints"][0]["address"] == worst and pools["stock"]["usable"] == 5099
        assert pools["app"]["endpoints"][0]["address"] == "127.10.0.1:1"
        whole = json.loads(reloads.ask(p, "GET", "/pools.json?pool=stock")[1])["pools"][0]
        assert len(whole["endpoints"]) == 5100 and "endpointsLeftOut" not in whole


def test_an_event_each_second(backend):
    with env.Proxy([backend.address]) as proxy, Viewer(proxy) as viewer:
        assert viewer.answer.getheader("Content-Type") == "text/event-stream"
        events = [viewer.next() for _ in range(3)]      # the first comes at once
        own = stats(proxy)
    assert set(own) - set(events[-1]) == {"metrics"}
    for a, b in zip(events[1:], events[2:]):
        assert len(b["now"]["line"]) - len(a["now"]["line"]) == \
            pytest.approx((b["process"]["uptimeMs"] - a["process"]["uptimeMs"]) / 1000, abs=1)
        assert len(b["now"]["line"]) > len(a["now"]["line"])
    assert events[-1]["process"]["pid"] == proxy.proc.pid
    assert events[-1]["pools"][0]["endpoints"][0]["address"] == backend.address


def test_the_ninth_viewer_is_refused(backend):
    with env.Proxy([backend.address]) as proxy, contextlib.ExitStack() as stack:
        viewers = [stack.enter_context(Viewer(proxy)) for _ in range(8)]
        with Viewer(proxy) as ninth:
            assert ninth.answer.status == 503
            assert b"8 viewers look at /events already" in ninth.answer.read()
        for viewer in viewers:      # nobody lost anything
            viewer.next()
            viewer.next()
        viewers[3].close()

        def free():
            with Viewer(proxy) as another:
                return another.answer.status == 200 and another.next()
        assert env.wait_until(free, 10, "a free place")["version"] == 1


# Each event is larger than what the kernel keeps for a connection with small buffers.
ENDPOINTS = 2500


def small_socket(proxy):
    host, port = proxy.admin.split(":")
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    s.settimeout(20 * env.SLOW)
    s.connect((host, int(port)))
    s.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return s


def read_events(s, n):
    """The first n events of a raw connection, in chunks as they came."""
    f = s.makefile("rb")
    while f.readline() not in (b"\r\n", b""):
        pass
    text = b""
    while text.count(b"\n\n") < n:
        size = int(f.readline(), 16)
        text += f.read(size)
        f.readline()
    return [json.loads(e.split(b"data: ")[1]) for e in text.split(b"\n\n")[:n]]


def test_slow_viewers_are_skipped_and_cost_no_memory():
    many = ["static:///" + ",".join("127.%d.%d.1:9" % (i, k) for k in range(100))
            for i in range(1, ENDPOINTS // 100 + 1)]
    with env.Proxy(many) as proxy, Viewer(proxy) as good:
        size = len(json.dumps(good.next()))
        assert size > 2 * 2 ** 20
        before = proxy.memory()
        slow = [small_socket(proxy) for _ in range(5)]
        try:
            for _ in range(3):
                good.next()
            # All that is kept is what is being written: one event for each, of a text or two.
            proxy.check_growth(before, 6 * size / 2 ** 20)
            first, second = read_events(slow[0], 2)
            assert second["process"]["uptimeMs"] - first["process"]["uptimeMs"] > 1500
        finally:
            for s in slow:
                s.close()
        good.next()


def test_a_viewer_may_say_what_it_likes(backend):
    """What a viewer sends is not kept, and when it goes in the middle nothing is left of it."""
    with env.Proxy([backend.address]) as proxy, Viewer(proxy) as good:
        s = small_socket(proxy)
        before = proxy.memory()
        s.setblocking(False)
        for _ in range(2000):
            with contextlib.suppress(BlockingIOError):
                s.send(b"x" * 8192)
        good.next()
        proxy.check_growth(before, 4)
        s.close()
        good.next()
        assert stats(proxy)["version"] == 1


def test_it_ends_with_viewers(backend):
    with env.Proxy([backend.address]) as proxy:     # which checks how it ends
        viewer = Viewer(proxy)
        viewer.next()
    with contextlib.suppress(ConnectionError, http.client.HTTPException):
        while viewer.answer.readline():
            pass
    viewer.close()


def test_looking_does_not_delay_calls(backend):
    """Eight viewers and many readers of /stats.json beside calls: no call fails. Readers may be told that it is too much (503)."""
    statuses = set()
    with env.Proxy([backend.address]) as proxy, contextlib.ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(Viewer(proxy))
        with env.Neighbour(proxy.address) as neighbour:
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                try:
                    with urllib.request.urlopen("http://%s/stats.json" % proxy.admin) as answer:
                        statuses.add(answer.status)
                except urllib.error.HTTPError as e:
                    statuses.add(e.code)
            neighbour.wait_more(20)
    assert statuses in ({200}, {200, 503})
