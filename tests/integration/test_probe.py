# SPDX-License-Identifier: Apache-2.0
"""The probe port: what Kubernetes, a load balancer and Prometheus hear, over both protocols."""
import concurrent.futures
import contextlib
import gzip
import http.client
import os
import pathlib
import queue
import re
import socket
import subprocess
import threading
import time
import urllib.request

import grpc
import pytest

import env
import load
import protos
import reloads
from test_service_manager import StuckThread, last_thread
from test_upgrade import Chain

pytestmark = pytest.mark.proxy_only
HEALTH = "/grpc.health.v1.Health/"
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
CHECKED = {"healthCheck": {"type": "grpc", "interval": "100ms", "timeout": "1s",
                           "unhealthyAfter": 1, "healthyAfter": 1}}


class Probed(env.Proxy):
    """A proxy with a probe port."""

    def __init__(self, backends, probe=None, top=None, **kw):
        self.probe = env.free_address()
        super().__init__(backends, top=dict({"probe": dict({"listen": self.probe},
                                                           **(probe or {}))}, **(top or {})), **kw)

    def ask(self, path, method="GET"):
        """Status and text over HTTP/1.1."""
        return ask(self.probe, path, method)[:2]

    def status(self, path):
        return self.ask(path)[0]

    def check(self, service, **kw):
        with env.open_channel(self.probe) as channel:
            return check(channel, service, **kw)


def ask(address, path, method="GET"):
    host, port = address.rsplit(":", 1)
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=10)) as c:
        c.request(method, path)
        answer = c.getresponse()
        return answer.status, answer.read().decode(), dict(answer.getheaders())


def check(channel, service, timeout=10):
    method = channel.unary_unary(
        HEALTH + "Check", request_serializer=protos.HealthCheckRequest.SerializeToString,
        response_deserializer=protos.HealthCheckResponse.FromString)
    return method(protos.HealthCheckRequest(service=service), timeout=timeout).status


def code_of(channel, service):
    with pytest.raises(grpc.RpcError) as e:
        check(channel, service)
    return e.value.code()


def varint(data):
    value = shift = 0
    for i, byte in enumerate(data):
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, data[i + 1:]
    raise AssertionError("no varint")


def fields(data):
    """(number, value) of a message of varints and strings."""
    while data:
        tag, data = varint(data)
        value, data = varint(data)
        if tag & 7 == 2:
            value, data = data[:value], data[value:]
        yield tag >> 3, value


def service_list(channel):
    """{service: status} of List, which Debian's health.proto does not have yet (gRFC A90)."""
    answer = channel.unary_unary(HEALTH + "List")(b"", timeout=10)
    out = {}
    for _, entry in fields(answer):
        row = dict(fields(entry))
        out[row.get(1, b"").decode()] = dict(fields(row.get(2, b""))).get(1, 0)
    return out


class Watch:
    """What a Watch says, as it comes."""

    def __init__(self, channel, service):
        self._news = queue.Queue()
        method = channel.unary_stream(
            HEALTH + "Watch", request_serializer=protos.HealthCheckRequest.SerializeToString,
            response_deserializer=protos.HealthCheckResponse.FromString)
        self._call = method(protos.HealthCheckRequest(service=service))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            for answer in self._call:
                self._news.put(answer.status)
        except grpc.RpcError as e:
            self._news.put(e.code())

    def next(self, timeout=10):
        return self._news.get(timeout=timeout * env.SLOW)

    def silent(self):
        return self._news.empty()

    def cancel(self):
        self._call.cancel()


def test_http_probes_and_metrics(backend):
    with Probed([backend.address]) as proxy:
        for path in "/livez", "/readyz", "/startupz", "/readyz?verbose=1":
            assert proxy.ask(path) == (200, "ok\n")
        status, text, headers = ask(proxy.probe, "/metrics")
        assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert "\noutrigger_probe_connections 1\n" in text
        assert 'outrigger_listener_ready{listener="in"} 1\n' in text
        request = urllib.request.Request("http://%s/metrics" % proxy.probe, headers={
            "Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
            assert answer.headers["Content-Encoding"] == "gzip"
            assert gzip.decompress(answer.read()).endswith(b"# EOF\n")
        assert ask(proxy.probe, "/livez", "HEAD")[:2] == (200, "")
        assert ask(proxy.probe, "/livez", "HEAD")[2]["Content-Length"] == "3"
        assert proxy.ask("/", )[0] == 200
        status, text = proxy.ask("/healthz")
        assert status == 404 and "/readyz" in text
        # Nothing can be changed here.
        for method in "POST", "PUT", "DELETE":
            status, _, headers = ask(proxy.probe, "/livez", method)
            assert status == 405 and headers["Allow"] == "GET, HEAD"
        assert proxy.ask("/drain")[0] == 404
        assert proxy.metrics()['outrigger_probe_answers_total{result="ok"}'] >= 8


def test_one_connection_asks_many_times(backend):
    with Probed([backend.address]) as proxy:
        host, port = proxy.probe.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=10) as s:
            # Three at once, the head cut in the middle of a name; the last ends the connection.
            s.sendall(b"GET /livez HTTP/1.1\r\nHo")
            time.sleep(0.05)
            s.sendall(b"st: x\r\n\r\nGET /readyz HTTP/1.1\r\n\r\n"
                      b"GET /startupz HTTP/1.1\r\nConnection: close\r\n\r\n")
            text = b""
            while True:
                piece = s.recv(4096)
                if not piece:
                    break
                text += piece
        assert text.count(b"HTTP/1.1 200 OK\r\n") == 3 and text.count(b"\r\n\r\nok\n") == 3
        assert text.count(b"Connection: close") == 1


def test_metrics_without_an_admin_port_and_not_at_all(backend):
    with Probed([backend.address], top={"admin": "off"}) as proxy:
        status, text = proxy.ask("/metrics")
        assert status == 200 and "outrigger_build_info" in text
    with Probed([backend.address], probe={"metrics": False}) as proxy:
        assert proxy.status("/metrics") == 404 and proxy.status("/livez") == 200


def test_it_is_ready_when_its_pool_is():
    address = env.free_address()
    with Probed([address], probe={"readyWhen": {"pools": ["app"]}}, pool=CHECKED) as proxy:
        # A sidecar starts before its application: that waits for this probe.
        assert proxy.status("/startupz") == 200
        assert proxy.ask("/readyz") == (503, "pool app has no usable endpoint\n")
        assert proxy.status("/livez") == 200
        with env.open_channel(proxy.probe) as channel:
            watches = {s: Watch(channel, s) for s in ("", "readiness", "pool/app")}
            for watch in watches.values():
                assert watch.next() == NOT_SERVING
            with env.Backend(listen=address, health="watch,check"):
                for watch in watches.values():
                    assert watch.next() == SERVING
                assert proxy.ask("/readyz") == (200, "ok\n")
            for watch in watches.values():
                assert watch.next() == NOT_SERVING
            assert proxy.status("/readyz") == 503


def test_it_has_started_when_each_pool_has_an_answer(backend):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        pools = {"app": [backend.address], "named": ["dns:///name.test:1"]}
        dns = {"dns": {"servers": ["127.0.0.1:%d" % silent.getsockname()[1]],
                       "timeout": "%ds" % (3 * env.SLOW), "tries": 1}}
        with Probed(pools, pool=dns, top={"drain": {"delay": "%ds" % (3 * env.SLOW), "timeout": "2s"}}) as proxy:
            asked = proxy.ask("/startupz")
            assert asked == (503, "the endpoints of pool named are not known yet\n")
            assert proxy.status("/livez") == 200 and proxy.check("startup") == NOT_SERVING
            # Nobody answers is an answer too: calls get it as an error.
            env.wait_until(lambda: proxy.status("/startupz") == 200, 20, "the start")
            # Started stays started, whatever comes.
            proxy.terminate()
            env.wait_until(lambda: proxy.status("/readyz") == 503)
            assert proxy.status("/startupz") == 200 and proxy.check("startup") == SERVING


def test_check_watch_and_list(backend):
    pools = {"app": [backend.address], "other": [backend.address]}
    with Probed(pools) as proxy, env.open_channel(proxy.probe) as channel:
        names = ["", "liveness", "readiness", "startup", "pool/app", "pool/other"]
        for name in names:
            assert check(channel, name) == SERVING
        assert service_list(channel) == {name: SERVING for name in names}
        for name in "pool/none", "pool/", "Readiness", "readiness\0", "\0", "x" * 500:
            assert code_of(channel, name) == grpc.StatusCode.NOT_FOUND
            watch = Watch(channel, name)
            assert watch.next() == SERVICE_UNKNOWN
            watch.cancel()
            assert watch.next() == grpc.StatusCode.CANCELLED
        with pytest.raises(grpc.RpcError) as e:
            channel.unary_unary("/a.B/C")(b"", timeout=10)
        assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED
        with pytest.raises(grpc.RpcError) as e:
            channel.unary_unary(HEALTH + "Check")(b"\xff\xff", timeout=10)
        assert e.value.code() == grpc.StatusCode.INTERNAL
        with pytest.raises(grpc.RpcError) as e:
            channel.unary_unary(HEALTH + "Check")(b"x" * 5000, timeout=10)
        assert e.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_drain_is_told_before_anything_closes(backend):
    top = {"drain": {"delay": "5s", "timeout": "10s"}}
    with Probed([backend.address], top=top) as proxy, env.open_channel(proxy.probe) as channel, \
            proxy.open_channel() as calls:
        ready, live = Watch(channel, "readiness"), Watch(channel, "liveness")
        assert ready.next() == live.next() == SERVING
        stub = protos.Stub(calls)
        stub.EmptyCall(protos.Empty(), timeout=10)
        proxy.terminate()
        start = time.monotonic()
        assert ready.next() == NOT_SERVING
        assert time.monotonic() - start < 2.5 * env.SLOW    # long before the delay is over
        assert proxy.ask("/readyz") == (503, "the process drains and ends\n")
        # New connections and calls are still good: who balances may not have heard yet.
        with proxy.open_channel() as other:
            protos.Stub(other).EmptyCall(protos.Empty(), timeout=10)
        stub.EmptyCall(protos.Empty(), timeout=10)
        assert proxy.status("/livez") == 200 and live.silent()
        proxy.wait_line(lambda line: "GOAWAY" in line, "err", 10)


def test_an_operators_drain_is_taken_back(backend):
    with Probed([backend.address]) as proxy:
        reloads.ask(proxy, path="/drain")
        assert proxy.ask("/readyz") == (503, "the process drains, as an operator asked\n")
        reloads.ask(proxy, path="/undrain")
        assert proxy.status("/readyz") == 200


def test_a_worker_that_hangs(backend):
    with Probed([backend.address], probe={"stallTimeout": "2s"}, workers=2) as proxy:
        stuck = StuckThread(last_thread(proxy.proc.pid))
        try:
            env.wait_until(lambda: proxy.status("/livez") == 503, 10, "the end of life")
            assert re.fullmatch(r"worker \d hangs: its loop did not turn for 2 s\n",
                                proxy.ask("/livez")[1])
            assert proxy.status("/readyz") == 503 and proxy.check("liveness") == NOT_SERVING
        finally:
            stuck.release()
        env.wait_until(lambda: proxy.status("/livez") == 200, 10, "life again")


def test_what_a_reload_changes(backend):
    with Probed({"app": [backend.address], "dead": [env.free_address()]},
                pool=CHECKED) as proxy:
        env.wait_until(lambda: proxy.check("pool/dead") == NOT_SERVING)
        assert proxy.status("/readyz") == 200
        reloads.reload(proxy, reloads.changed(proxy, probe={
            "listen": proxy.probe, "readyWhen": {"pools": "dead"}, "metrics": False}))
        assert proxy.ask("/readyz") == (503, "pool dead has no usable endpoint\n")
        assert proxy.status("/metrics") == 404
        text = reloads.reload(proxy, reloads.changed(proxy, probe={
            "listen": env.free_address()}))
        assert "probe.listen changed, which needs a restart" in str(text)
        assert proxy.status("/readyz") == 200


def test_a_new_process_keeps_the_port(tmp_path, backend):
    probe = env.free_address()
    with Chain(tmp_path, [backend.address], probe=probe) as chain:
        with env.open_channel(probe) as channel:
            watch = Watch(channel, "readiness")
            assert watch.next() == SERVING
            stop, bad = threading.Event(), []

            def poll():
                while not stop.is_set():
                    try:
                        if ask(probe, "/readyz")[0] != 200:
                            bad.append("not ready")
                    except (OSError, http.client.HTTPException) as e:
                        bad.append(repr(e))
            poller = threading.Thread(target=poll, daemon=True)
            poller.start()
            chain.upgrade()
            # Its end, not a "not serving" of the process that goes: the client asks the new one.
            assert watch.next() == grpc.StatusCode.UNAVAILABLE
            assert check(channel, "readiness") == SERVING
            stop.set()
            poller.join(10)
            # One request may have been on its way to the old process when it let go.
            assert len(bad) <= 1 and "not ready" not in bad


def raw(address, data=b"", timeout=10):
    host, port = address.rsplit(":", 1)
    s = socket.create_connection((host, int(port)), timeout=timeout)
    if data:
        s.sendall(data)
    return s


def all_of(s):
    text = b""
    with contextlib.suppress(ConnectionResetError):
        while True:
            piece = s.recv(4096)
            if not piece:
                break
            text += piece
    return text


@pytest.mark.parametrize("data,expect", [
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b""),
    (b"GET /livez\r\n\r\n", b"HTTP/1.1 400 "),
    (b"GET  /livez HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),
    (b"GET /livez HTTP/2.0\r\n\r\n", b"HTTP/1.1 400 "),
    (b"GET /livez HTTP/1.1\r\n folded\r\n\r\n", b"HTTP/1.1 400 "),
    (b"GET /livez HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"HTTP/1.1 400 "),
    (b"GET /livez HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"HTTP/1.1 400 "),
    (b"POST /livez HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"HTTP/1.1 405 "),
    (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n", b"HTTP/1.1 431 "),
    (b"\x00\x01\x02\r\n", b"HTTP/1.1 400 "),
    (b"PRI / HTTP/1.1\r\n\r\n", b""),
])
def test_bytes_that_are_no_probe(probed, data, expect):
    with raw(probed.probe, data) as s:
        text = all_of(s)
    assert text.startswith(expect) and (expect or not text.startswith(b"HTTP/1.1 2"))
    assert probed.status("/livez") == 200


@pytest.fixture(scope="module")
def probed(backend):
    with Probed([backend.address]) as proxy:
        yield proxy


def test_nobody_can_lock_others_out(probed):
    before = probed.metrics()
    with contextlib.ExitStack() as stack:
        # Silent ones, half heads, half prefaces, and watchers on HTTP/2: three times as many as
        # there may be.
        for i in range(180):
            stack.enter_context(raw(probed.probe, (b"", b"GET /livez HT", b"PR")[i % 3]))
        channels = [stack.enter_context(env.open_channel(probed.probe)) for _ in range(8)]
        watches = [Watch(c, "liveness") for c in channels]
        for watch in watches:
            assert watch.next() == SERVING
        for _ in range(20):
            assert probed.status("/livez") == 200
            assert probed.check("readiness") == SERVING
        after = probed.metrics()
        assert after["outrigger_probe_connections"] <= 64
        full = 'outrigger_probe_connections_closed_total{reason="full"}'
        assert after[full] - before[full] >= 100
        for watch in watches:
            watch.cancel()
    env.wait_until(lambda: probed.metrics()["outrigger_probe_connections"] == 0, 20,
                   "the end of the connections")


def test_a_head_that_never_ends(probed):
    late = 'outrigger_probe_connections_closed_total{reason="timeout"}'
    before = probed.metrics()[late]
    with raw(probed.probe, b"GET /livez HTTP/1.1\r\n", timeout=20) as s:
        start = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - start < 15 * env.SLOW:
                s.sendall(b"x: y\r\n")     # each in time, all together not
                time.sleep(0.5)
        assert time.monotonic() - start < 15 * env.SLOW
    assert probed.metrics()[late] == before + 1


def test_watchers_are_counted(probed):
    with env.open_channel(probed.probe) as channel:
        # One connection has 32 streams: the rest waits in the client, whichever it is.
        watches = [Watch(channel, "liveness") for _ in range(40)]
        env.wait_until(lambda: sum(not w.silent() for w in watches) >= 32, what="32 answers")
        heard = [w.next() for w in watches if not w.silent()]
        assert heard == [SERVING] * 32
        for watch in watches:
            watch.cancel()


def test_metrics_are_paced(probed):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: probed.status("/metrics"), range(80)))
    assert set(seen) == {200, 503} and seen.count(200) >= 20
    assert probed.status("/livez") == 200


def test_probes_are_answered_under_load(backend):
    with Probed([backend.address]) as proxy:
        took = []

        def probes():
            with env.open_channel(proxy.probe) as channel:
                for _ in range(30):
                    start = time.monotonic()
                    assert proxy.status("/livez") == 200
                    assert check(channel, "readiness") == SERVING
                    took.append(time.monotonic() - start)
                    time.sleep(0.02)
        load.run_calls(proxy.address, seconds=30, parallel=40, during=probes)
        # Two probes in a Python that also makes the load.
        assert sorted(took)[len(took) // 2] < 0.5 * env.SLOW, sorted(took)


def test_what_is_wrong_with_a_config(tmp_path, backend):
    def start(**probe):
        path = tmp_path / "c.json"
        config = {"version": 1, "admin": "off", "probe": probe,
                  "listeners": [{"listen": env.free_address(), "routes": [{"to": "app"}]}],
                  "pools": [{"name": "app", "endpoints": [backend.address]}]}
        pathlib.Path(path).write_text(reloads.json.dumps(config), encoding="utf-8")
        done = subprocess.run([env.OUTRIGGER, "-c", str(path)], capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == 1
        return done.stderr

    text = start(listen=":9902", readyWhen={"pools": ["ap"]})
    assert 'there is no pool "ap"; did you mean "app"? [E0295]' in text
    assert "[E0204]" in start(listen="9902")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        text = start(listen="127.0.0.1:%d" % s.getsockname()[1])
    assert "cannot open the probe port" in text and "the address is in use" in text
