# SPDX-License-Identifier: Apache-2.0
"""Active checks against real grpcio servers with the real health service."""
import contextlib
import json
import socket
import subprocess
import threading
import time

import grpc
import pytest

import env
import h2raw
import protos

pytestmark = pytest.mark.proxy_only
FAST = {"interval": "200ms", "timeout": "%dms" % (150 * env.SLOW), "unhealthyAfter": 3, "healthyAfter": 2,
        "panicThreshold": "0%"}
SLOW = {"interval": "60s", "timeout": "%ds" % (5 * env.SLOW), "panicThreshold": "0%"}


def check(kind, base=FAST, **more):
    return {"healthCheck": dict(base, type=kind, **more)}


def set_health(backend, service, status):
    """Returns when the backend's Watches knew it."""
    with env.open_channel(backend.address) as channel:
        return float(channel.unary_unary("/outrigger.test.Health/Set")(
            ("%s=%s" % (service, status)).encode(), timeout=10 * env.SLOW))


def wait_state(proxy, address, *states, timeout=10):
    def ready():
        e = proxy.endpoints().get(address)
        return e if e and e["state"] in states else None
    return env.wait_until(ready, timeout, "%s becoming %s" % (address, states))


class Caller:
    """Calls all the time; notes when each began and who answered, or its code."""

    def __init__(self, address, threads=4):
        self._address, self._stop = address, threading.Event()
        self.calls = []    # (begun, server_id or StatusCode)
        self._threads = [threading.Thread(target=self._run, daemon=True)
                         for _ in range(threads)]

    def _run(self):
        with env.open_channel(self._address) as channel:
            stub = protos.Stub(channel)
            while not self._stop.is_set():
                begun = time.monotonic()
                try:
                    who = stub.UnaryCall(protos.SimpleRequest(fill_server_id=True),
                                         timeout=5 * env.SLOW).server_id
                except grpc.RpcError as e:
                    who = e.code()
                self.calls.append((begun, who))

    def __enter__(self):
        for t in self._threads:
            t.start()
        return self

    def __exit__(self, *exc):
        self._stop.set()
        for t in self._threads:
            t.join(10 * env.SLOW)

    def since(self, at):
        return [who for begun, who in self.calls if begun >= at]


class Lag:
    """How long the machine keeps somebody waiting who wants to run, at worst."""

    def __init__(self):
        self.worst, self._stop = 0, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._stop.is_set():
            begun = time.monotonic()
            time.sleep(0.002)
            self.worst = max(self.worst, time.monotonic() - begun - 0.002)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._stop.set()
        self._thread.join(10)


@contextlib.contextmanager
def two_backends(health):
    with env.Backend(name="a", health=health) as a, env.Backend(name="b", health=health) as b:
        yield a, b


def stop_and_go(a, b):
    """Whether calls to a ended 50 ms after its Watches were told. The interval is a minute: only the Watch can have told it."""
    with env.Proxy([a.address, b.address], pool=check("grpc", SLOW, service="svc")) as proxy:
        wait_state(proxy, a.address, "ready", "idle")
        wait_state(proxy, b.address, "ready", "idle")
        with Caller(proxy.address) as caller:
            env.wait_until(lambda: {"a", "b"} <= set(caller.since(0)), 20, "calls to both")
            with Lag() as lag:
                known = set_health(a, "svc", "NOT_SERVING")
                wait_state(proxy, a.address, "unhealthy")
            # The page is another thread's: when it knows, a worker that the machine holds up may not.
            sure, limit = time.monotonic() + 0.2 * env.SLOW, known + 0.05 * env.SLOW + 3 * lag.worst
            env.wait_until(lambda: len(caller.since(max(sure, limit))) >= 20, 20, "calls after the Watch")
            assert set(caller.since(max(sure, limit))) == {"b"}, caller.since(sure)
            late = set(caller.since(limit))
            back = set_health(a, "svc", "SERVING")
            env.wait_until(lambda: "a" in caller.since(back), 20, "calls to a again")
            assert set(caller.since(0)) == {"a", "b"}, "a call was lost"
        e = proxy.endpoints()[a.address]
        assert e["check"]["by"] == "Watch" and e["check"]["text"] == "SERVING"
        return late == {"b"}


def test_a_watch_stops_calls_within_50_ms():
    """A busy machine keeps all on the way waiting: the backend, the proxy, who calls. So two turns must be in time, not each; with a
    proxy of its own each, since SERVING that comes back too often is not believed at once."""
    with two_backends("watch,check") as (a, b):
        in_time = 0
        for _ in range(8):
            in_time += stop_and_go(a, b)
            if in_time == 2:
                return
        assert False, "%d of 8 turns in time" % in_time


def test_not_serving_says_why():
    with two_backends("watch,check") as (a, b), \
            env.Proxy([a.address, b.address], pool=check("grpc", SLOW, service="svc")) as proxy:
        wait_state(proxy, a.address, "ready", "idle")
        wait_state(proxy, b.address, "ready", "idle")
        set_health(a, "svc", "NOT_SERVING")
        e = wait_state(proxy, a.address, "unhealthy")
        assert e["why"] == "Watch: NOT_SERVING"
        assert e["usable"] is False and e["sinceMs"] < 10000
        pool = proxy.pools()["app"]
        assert pool["state"] == "1 of 2 endpoints are usable" and pool["usable"] == 1
        set_health(a, "svc", "")    # SERVICE_UNKNOWN is not SERVING either
        env.wait_until(lambda: proxy.endpoints()[a.address]["check"]["text"] in
                       ("SERVICE_UNKNOWN", "NOT_FOUND: unknown service"), 5)
        assert proxy.endpoints()[a.address]["state"] == "unhealthy"


def test_unimplemented_watch_falls_back_to_check():
    with two_backends("check") as (a, b), \
            env.Proxy([a.address, b.address], pool=check("grpc", timeout=SLOW["timeout"])) as proxy:
        wait_state(proxy, a.address, "ready", "idle")
        assert proxy.endpoints()[a.address]["check"]["by"] == "Check"
        set_health(a, "", "NOT_SERVING")
        e = wait_state(proxy, a.address, "unhealthy")
        assert e["why"] == "Check failed 3 times: NOT_SERVING"
        set_health(a, "", "SERVING")
        wait_state(proxy, a.address, "ready", "idle")
        told = [line for line in proxy.lines() if "does not implement Watch" in line]
        assert len(told) == 1, "once per pool: %s" % told


def test_unknown_service_and_no_service_at_all():
    with env.Backend(name="a", health="check") as a, env.Backend(name="b") as b, \
            env.Proxy([a.address, b.address],
                      pool=check("grpc-check", dict(FAST, timeout=SLOW["timeout"]), service="other")) as proxy:
        assert wait_state(proxy, a.address, "unhealthy")["why"].startswith("Check: NOT_FOUND")
        assert wait_state(proxy, b.address,
                          "unhealthy")["why"].startswith("Check: UNIMPLEMENTED")
    with env.Backend(name="b") as b, \
            env.Proxy([b.address], pool=check("grpc", unimplementedIsHealthy=True)) as proxy:
        wait_state(proxy, b.address, "ready", "idle")


def test_calls_wait_for_the_first_check():
    """No health answer yet: a call neither fails nor goes there, it waits."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(8)
    address = "127.0.0.1:%d" % listener.getsockname()[1]
    try:
        with env.Proxy([address], pool=dict(check("grpc", SLOW), limits={"pendingTimeout": "60s"})) as proxy:
            assert proxy.endpoints()[address]["state"] == "unchecked"
            with proxy.open_channel() as channel:
                call = protos.Stub(channel).EmptyCall.future(protos.Empty(), timeout=3 * env.SLOW)
                env.wait_until(lambda: proxy.gauge("outrigger_pending_requests") == 1, 2.9)
                assert call.code() == grpc.StatusCode.DEADLINE_EXCEEDED
            assert proxy.endpoints()[address]["calls"] == 0
            assert proxy.pools()["app"]["panic"] is False
    finally:
        listener.close()


def test_tcp_checks():
    with env.Backend(name="a") as a, \
            env.Proxy([a.address], pool=check("tcp")) as proxy:
        wait_state(proxy, a.address, "ready", "idle")
        a.kill()
        e = wait_state(proxy, a.address, "unhealthy")
        assert e["why"] == "TCP connect failed 3 times: Connection refused"
        with env.Backend(listen=a.address, name="a"):
            wait_state(proxy, a.address, "ready", "idle")


def test_max_age_of_the_backend_is_no_failure():
    """Its server ends connections every half second with a polite GOAWAY."""
    slower = 2 if env.SLOW > 1 else 1
    with env.Backend(name="a", health="watch,check",
                     options={"grpc.max_connection_age_ms": 500 * slower,
                              "grpc.max_connection_age_grace_ms": 300 * slower}) as a, \
            env.Proxy([a.address], pool=check("grpc", base=dict(FAST, timeout="2s"))) as proxy:
        wait_state(proxy, a.address, "ready", "idle")
        with Caller(proxy.address, threads=1) as caller:
            time.sleep(3 * slower)
        assert set(caller.since(0)) == {"a"}
        counters = proxy.counters()
        assert counters["outrigger_health_check_failures_total"] == 0
        assert counters["outrigger_health_checks_total"] >= 5
        assert not [line for line in proxy.lines() if "gets no new calls" in line]


def test_a_frozen_backend_is_noticed_though_its_watch_is_open():
    """The stream stays open and nothing is reset: only silence tells."""
    frozen = threading.Event()

    def handler(conn):
        def end(request):
            if request.path.endswith("/Watch") and not frozen.is_set():
                conn.send(h2raw.make_headers(request.sid, h2raw.RESPONSE_FIELDS) +
                          h2raw.make_data(request.sid, h2raw.make_message(b"\x08\x01"),
                                          end=False))
        h2raw.serve(conn, on_end=end)
    with h2raw.RawBackend(handler) as server, \
            env.Proxy([server.address], pool=check("grpc")) as proxy:
        wait_state(proxy, server.address, "ready", "idle")
        frozen.set()
        e = wait_state(proxy, server.address, "unhealthy")
        assert "failed 3 times" in e["why"]


def test_flapping_does_not_reach_the_calls():
    with two_backends("watch,check") as (a, b), \
            env.Proxy([a.address, b.address], pool=check("grpc", SLOW, service="svc")) as proxy:
        wait_state(proxy, a.address, "ready", "idle")
        with Caller(proxy.address, threads=2) as caller:
            for i in range(30):
                set_health(a, "svc", "SERVING" if i % 2 else "NOT_SERVING")
                time.sleep(0.02)
        changes = [line for line in proxy.lines() if a.address in line and "endpoint g" in line]
        assert len(changes) <= 1 + 30 / 3, changes
        assert not [c for c in caller.since(0) if not isinstance(c, str)]


def test_outriggerctl_pools():
    ctl = env.OUTRIGGER + "ctl"
    with two_backends("watch,check") as (a, b), \
            env.Proxy([a.address, b.address], pool=check("grpc", SLOW, service="svc")) as proxy:
        set_health(b, "svc", "NOT_SERVING")
        wait_state(proxy, a.address, "ready", "idle")
        wait_state(proxy, b.address, "unhealthy")
        out = subprocess.run([ctl, "pools", "-a", proxy.admin], capture_output=True,
                             text=True, timeout=10 * env.SLOW)
        assert out.returncode == 0 and out.stderr == ""
        assert "pool app (round_robin): 1 of 2 endpoints are usable" in out.stdout
        row = next(line for line in out.stdout.splitlines() if b.address + " " in line)
        assert "unhealthy" in row
        assert "why: Watch: NOT_SERVING" in out.stdout
        out = subprocess.run([ctl, "pools", "--json", "-a", proxy.admin],
                             capture_output=True, text=True, timeout=10 * env.SLOW)
        assert '"state":"unhealthy"' in out.stdout
    out = subprocess.run([ctl, "pools", "-a", proxy.admin], capture_output=True, text=True,
                         timeout=10 * env.SLOW)
    assert out.returncode == 1 and out.stdout == ""
    assert "Is outrigger running?" in out.stderr and proxy.admin in out.stderr
    out = subprocess.run([ctl, "dance"], capture_output=True, text=True, timeout=10 * env.SLOW)
    assert out.returncode == 2 and "there is: status, top, pools" in out.stderr


def test_checks_follow_the_list_and_keep_their_verdicts(tmp_path):
    """A file names the endpoints: one that leaves is not checked any more, one that stays keeps
    what its checks said."""
    path = tmp_path / "endpoints.json"

    def write(*backends):
        new = tmp_path / "new"
        new.write_text(json.dumps([b.address for b in backends]))
        new.rename(path)
    with two_backends("watch,check") as (a, b):
        write(a, b)
        with env.Proxy(["file://%s" % path], pool=check("grpc", SLOW, service="svc")) as proxy:
            wait_state(proxy, a.address, "ready", "idle")
            set_health(b, "svc", "NOT_SERVING")
            wait_state(proxy, b.address, "unhealthy")
            checks = proxy.counters()["outrigger_health_checks_total"]
            with env.Backend(name="c", health="watch,check") as c:
                write(a, b, c)
                wait_state(proxy, c.address, "ready", "idle")
                assert proxy.endpoints()[b.address]["state"] == "unhealthy"
                # a and b had no new Watch: only c was asked.
                assert proxy.counters()["outrigger_health_checks_total"] == checks + 1
                write(b, c)
                env.wait_until(lambda: a.address not in proxy.endpoints(), 5)
                checks = proxy.counters()["outrigger_health_checks_total"]
                set_health(a, "svc", "NOT_SERVING")     # nobody listens
                set_health(b, "svc", "SERVING")
                wait_state(proxy, b.address, "ready", "idle")
                assert proxy.counters()["outrigger_health_checks_total"] == checks + 1


def test_hundreds_of_dead_endpoints_do_not_hide_a_good_one():
    with env.Backend(name="a", health="watch,check") as a:
        dead = ["127.%d.%d.1:9" % (i // 250 + 1, i % 250) for i in range(500)]
        with env.Proxy(dead[:250] + [a.address] + dead[250:],
                       pool=check("grpc", healthyAfter=1)) as proxy:
            wait_state(proxy, a.address, "ready", "idle")
            with proxy.open_channel() as channel:
                for _ in range(20):
                    protos.Stub(channel).EmptyCall(protos.Empty(), timeout=5 * env.SLOW)
            env.wait_until(lambda: all(
                e["state"] == "unhealthy" for addr, e in proxy.endpoints().items()
                if addr != a.address), 20)
            assert proxy.pools()["app"]["usable"] == 1
