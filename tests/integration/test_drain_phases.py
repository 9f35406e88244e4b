# SPDX-License-Identifier: Apache-2.0
"""The phases of a drain: inbound before outbound, asked for by an operator, over a time, or because the
application goes away."""
import contextlib
import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
from concurrent import futures

import grpc
import pytest

import env
import h2raw
import load
import protos
from protos import Empty

pytestmark = pytest.mark.proxy_only
CALL = "/grpc.testing.TestService/EmptyCall"
STREAM = "/grpc.testing.TestService/FullDuplexCall"
SOON = 0.9     # seconds; who comes during a drain is told to go after one
DRAINS = 1000 if os.environ.get("OUTRIGGER_LONG") == "1" else 10


def post(proxy, path):
    """(status, text) of a POST to the admin port."""
    request = urllib.request.Request("http://%s%s" % (proxy.admin, path), data=b"",
                                     method="POST")
    try:
        with urllib.request.urlopen(request, timeout=5 * env.SLOW) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def state(proxy):
    return json.loads(env.ask_patiently("http://%s/drain.json" % proxy.admin))


def ctl(proxy, *args, timeout=20):
    return subprocess.run([env.OUTRIGGER + "ctl", *args, "-a", proxy.admin],
                          capture_output=True, text=True, timeout=timeout * env.SLOW)


def ready(proxy, listener="in"):
    return proxy.metrics()['outrigger_listener_ready{listener="%s"}' % listener]


def drain(**keys):
    return {"drain": dict({"delay": "0s", "timeout": "10s"}, **keys)}


# --- inbound and outbound --------------------------------------------------------------

class App(grpc.GenericRpcHandler):
    """An application: each inbound call makes an outbound call when the test lets it."""

    def __init__(self):
        self.go_on = threading.Event()
        self.outbound = None
        self._server = grpc.server(futures.ThreadPoolExecutor(8), handlers=(self,))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self.address = "127.0.0.1:%d" % self.port
        self._server.start()

    def service(self, details):
        def unary(request, context):
            assert self.go_on.wait(20 * env.SLOW)
            if not self.outbound:
                return b""
            # On a connection of its own: the listener must still accept.
            with env.open_channel(self.outbound) as channel:
                protos.Stub(channel).EmptyCall(Empty(), timeout=10 * env.SLOW)
            return b""
        return grpc.unary_unary_rpc_method_handler(unary)

    def leave(self, grace):
        """GOAWAY to all connections, no new ones; open calls have `grace` seconds."""
        return self._server.stop(grace)


@contextlib.contextmanager
def running_app():
    app = App()
    try:
        yield app
    finally:
        app.go_on.set()
        app.leave(0).wait(10)


@pytest.mark.parametrize("workers", [1, 2])
def test_outbound_serves_until_inbound_is_done(backend, workers):
    """The application needs an outbound call to finish its inbound one."""
    with running_app() as app:
        inbound, app.outbound = env.free_address(), env.free_address()
        proxy = env.Proxy({"app": [app.address], "others": [backend.address]}, workers=workers,
                          listen=inbound, top=dict(drain(), listeners=[
                              {"name": "in", "listen": inbound, "routes": [{"to": "app"}]},
                              {"name": "out", "listen": app.outbound, "direction": "outbound",
                               "routes": [{"to": "others"}]}]))
        with h2raw.Client(inbound) as client, h2raw.Client(app.outbound) as old:
            sid = client.start_call("/a.B/C", end=False)
            client.send(h2raw.make_data(sid, h2raw.make_message(), end=True))
            assert old.call(CALL).status == 0
            client.ping()
            proxy.terminate()
            client.wait_for(lambda: client.goaway and client.goaway[0] != h2raw.MAX_WINDOW, 10)
            with pytest.raises(OSError):
                h2raw.open_socket(inbound, 2)
            assert old.call(CALL).status == 0 and old.goaway is None
            app.go_on.set()
            assert client.wait_end(sid).status == 0
            old.wait_for(lambda: old.goaway, 10)    # now it is outbound's turn
        proxy.stop()


def test_hard_stop_ends_inbound_and_outbound(backend):
    inbound, outbound = env.free_address(), env.free_address()
    routes = [{"to": "app"}]
    proxy = env.Proxy([backend.address], listen=inbound, top=dict(
        drain(timeout="500ms"), listeners=[
            {"name": "in", "listen": inbound, "routes": routes},
            {"name": "out", "listen": outbound, "direction": "outbound", "routes": routes}]))
    with h2raw.Client(inbound) as a, h2raw.Client(outbound) as b:
        sids = [c.start_call(STREAM) for c in (a, b)]
        a.ping(), b.ping()
        proxy.terminate()
        for client, sid in zip((a, b), sids):
            got = client.wait_end(sid, 10)
            assert got.status == 14 and "shutting down" in got.get("grpc-message")
    proxy.stop()


# --- spread ------------------------------------------------------------------------------

def test_goaways_are_spread_and_new_clients_served_meanwhile(backend):
    proxy = env.Proxy([backend.address], top=drain(spread="2s"))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(h2raw.Client(proxy.address)) for _ in range(12)]
        held = clients[0].start_call(STREAM)
        for c in clients:
            c.ping()
        start = time.monotonic()
        proxy.terminate()
        env.wait_until(lambda: any("draining: GOAWAY" in line for line in proxy.lines()), 5)
        with h2raw.Client(proxy.address) as late:
            assert late.call(CALL).status == 0

        def told():
            for c in clients:
                with contextlib.suppress(Exception):
                    c.wait_for(lambda: True, 0.01)
                    c.step(0.001)
            return [c for c in clients if c.goaway]
        at = {}

        def all_told():
            for c in told():
                at.setdefault(c, time.monotonic() - start)
            return len(at) == len(clients)
        env.wait_until(all_told, 10, "GOAWAY for all")
        times = sorted(at.values())
        assert times[-1] - times[0] > 0.3, times
        assert times[-1] < 4 * env.SLOW, times      # two seconds, and room for a machine that is busy
        clients[0].send(h2raw.make_data(held, end=True))
        assert clients[0].wait_end(held).status == 0
    proxy.stop()


# --- an operator's drain -------------------------------------------------------------------

@pytest.mark.parametrize("workers", [1, 2])
def test_drain_and_undrain_by_the_admin_port(backend, workers):
    with env.Proxy([backend.address], workers=workers, top=drain()) as proxy:
        with h2raw.Client(proxy.address) as client:
            assert client.call(CALL).status == 0 and ready(proxy) == 1
            status, text = post(proxy, "/undrain")
            assert status == 422 and "nothing to undo" in text
            assert post(proxy, "/drain")[0] == 200
            client.wait_for(lambda: client.closed, 10)
            assert client.goaway[1] == h2raw.NO_ERROR
        env.wait_until(lambda: state(proxy)["inbound_connections"] == 0, 10)
        assert ready(proxy) == 0 and proxy.gauge("outrigger_drain_state") == 2
        assert state(proxy)["state"] == "goaway" and not state(proxy)["ready"]
        # New clients are served, and told to go soon.
        begun = time.monotonic()
        with h2raw.Client(proxy.address) as client:
            assert client.call(CALL).status == 0 and (client.goaway is None or time.monotonic() - begun > SOON)
            client.wait_for(lambda: client.closed, 5)
            assert client.goaway
        # Taken back: who comes now stays.
        begun = time.monotonic()
        with h2raw.Client(proxy.address) as before:
            before.ping()
            assert post(proxy, "/undrain")[0] == 200
            stays = time.monotonic() - begun < SOON
            assert ready(proxy) == 1 and proxy.gauge("outrigger_drain_state") == 0
            with h2raw.Client(proxy.address) as client:
                time.sleep(2.2)     # longer than who comes during a drain may stay
                assert client.call(CALL).status == 0 and client.goaway is None
                assert not stays or before.call(CALL).status == 0 and before.goaway is None


def test_outbound_clients_are_not_part_of_an_operators_drain(backend):
    inbound, outbound = env.free_address(), env.free_address()
    routes = [{"to": "app"}]
    with env.Proxy([backend.address], listen=inbound, top=dict(drain(), listeners=[
            {"name": "in", "listen": inbound, "routes": routes},
            {"name": "out", "listen": outbound, "direction": "outbound",
             "routes": routes}])) as proxy:
        with h2raw.Client(inbound) as a, h2raw.Client(outbound) as b:
            a.ping(), b.ping()
            out = ctl(proxy, "drain")
            assert out.returncode == 0 and "no inbound connection is left" in out.stdout
            a.wait_for(lambda: a.closed, 5)
            assert b.call(CALL).status == 0 and b.goaway is None
            assert ready(proxy, "out") == 1 and ready(proxy, "in") == 0


def test_outriggerctl_drain_waits_or_not(backend):
    with env.Proxy([backend.address], top=drain(timeout="700ms")) as proxy:
        with h2raw.Client(proxy.address) as client:
            sid = client.start_call(STREAM)
            client.ping()
            out = ctl(proxy, "drain", "--no-wait")
            assert out.returncode == 0 and "undrain" in out.stdout
            client.wait_for(lambda: client.goaway, 10)
            out = ctl(proxy, "drain", "--wait")     # the call does not end
            assert out.returncode == 1 and "1 inbound connections are left" in out.stderr
            client.send(h2raw.make_data(sid, end=True))
            assert client.wait_end(sid).status == 0     # the drain alone cuts nothing
            client.wait_for(lambda: client.closed, 10)
        out = ctl(proxy, "drain")
        assert out.returncode == 0 and "drained" in out.stdout
        assert ctl(proxy, "undrain").returncode == 0
        out = ctl(proxy, "undrain")
        assert out.returncode == 1 and "nothing to undo" in out.stderr
        assert ctl(proxy, "undrain", "--wait").returncode == 2
        assert ctl(proxy, "drain", "--json").returncode == 2


def test_term_after_an_operators_drain_ends_at_once(backend):
    proxy = env.Proxy([backend.address], top=drain(timeout="30s"))
    with h2raw.Client(proxy.address) as client:
        client.ping()
        assert ctl(proxy, "drain").returncode == 0
    start = time.monotonic()
    proxy.stop()
    assert time.monotonic() - start < 10 * env.SLOW     # drain.timeout: 30 s


def test_undrain_is_too_late_after_term(backend):
    proxy = env.Proxy([backend.address], top=drain(delay="%dms" % (2000 + 1000 * env.SLOW)))
    proxy.terminate()
    env.wait_until(lambda: proxy.gauge("outrigger_drain_state") == 1, 5)
    for path in "/undrain", "/drain":
        status, text = post(proxy, path)
        assert status == 422 and "ending" in text
    proxy.stop()


def test_an_operators_drain_under_load_loses_nothing(backend):
    """Two proxies in turn, round_robin over both."""
    with env.Proxy([backend.address], top=drain(spread="200ms")) as a, \
            env.Proxy([backend.address], top=drain(spread="200ms")) as b:
        target = "ipv4:%s,%s" % (a.address, b.address)

        def drains():
            for turn in range(DRAINS):
                one = (a, b)[turn % 2]
                assert ctl(one, "drain", "--no-wait").returncode == 0
                time.sleep(0.4)     # the pace
                assert ctl(one, "undrain").returncode == 0
        result = load.run_calls(target, seconds=30 + DRAINS, parallel=20, sleep_ms=3,
                                during=drains, grpc__enable_retries=1,
                                grpc__service_config=load.ROUND_ROBIN)
    assert result.failed == [] and result.ok > 100 / env.SLOW


def test_rolling_pair_of_restarts_loses_nothing(backend):
    """SIGTERM and a new process at the same address, one of two at a time."""
    addresses = [env.free_address(), env.free_address()]

    def start(i):
        return env.Proxy([backend.address], listen=addresses[i],
                         top=drain(delay="100ms", spread="100ms"))
    pair = [start(0), start(1)]
    try:
        def restarts():
            env.wait_until(lambda: all(p.gauge("outrigger_connections") for p in pair), 10)
            for turn in range(DRAINS):
                i = turn % 2
                pair[i].stop()
                pair[i] = start(i)
                # All four channels of the load: one that is still waiting to connect again
                # would have no proxy at all when the other one goes.
                env.wait_until(lambda: pair[i].metrics()['outrigger_connections{side="down"}'] >= 4,
                               20, "the clients at the new process")
        result = load.run_calls("ipv4:" + ",".join(addresses), seconds=60 + 3 * DRAINS,
                                parallel=20, sleep_ms=3, during=restarts,
                                grpc__enable_retries=1,
                                grpc__service_config=load.ROUND_ROBIN,
                                grpc__initial_reconnect_backoff_ms=100,
                                grpc__min_reconnect_backoff_ms=10000,      # so long a connect may take
                                grpc__max_reconnect_backoff_ms=200)
    finally:
        for p in pair:
            p.stop()
    assert result.failed == [] and result.ok > 100 / env.SLOW


# --- the application goes away ----------------------------------------------------------------

MIRROR = {"mirrorGoaway": True}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_applications_goaway_is_passed_on(workers):
    with running_app() as app, env.open_channel(app.address):
        app.go_on.set()
        with env.Proxy([app.address], listener=MIRROR, workers=workers, top=drain()) as proxy:
            with h2raw.Client(proxy.address) as client:
                assert client.call("/a.B/C").status == 0    # the pool's connection works
                client.start_call("/a.B/C")     # stays open: the application waits for it
                env.wait_until(lambda: ready(proxy) == 1 and
                               proxy.gauge("outrigger_calls_in_flight") == 1, 5)
                assert client.goaway is None
                app.leave(5)
                client.wait_for(lambda: client.goaway, 5)
                assert client.goaway[1] == h2raw.NO_ERROR
                env.wait_until(lambda: ready(proxy) == 0, 5)
                assert proxy.gauge("outrigger_drain_state") == 0
            with h2raw.Client(proxy.address) as late:   # not refused, but told soon
                late.ping()
                late.wait_for(lambda: late.goaway, 5)


def test_a_backend_that_only_renews_its_connections_is_not_leaving():
    """GOAWAY, but it accepts the next connection: max age, not an end.

    Who has no connection for two looks of the proxy (100 ms apart) may be taken for one that leaves; a busy machine needs
    that long for a connect now and then. So the test counts renewals that were quick, and only these."""
    conns, settled = [], []     # settled: when the proxy took the SETTINGS of each

    def serve(conn):
        conns.append(conn)

        def note(frame):
            if frame.type == h2raw.SETTINGS and frame.flags & h2raw.ACK:
                settled.append(time.monotonic())
        h2raw.serve(conn, on_request=h2raw.send_ok, on_frame=note)

    def looked_away(proxy):
        return sum("the application goes away" in line for line in proxy.lines())
    with h2raw.RawBackend(serve) as backend, \
            env.Proxy([backend.address], listener=MIRROR, top=drain()) as proxy:
        quick, end = 0, time.monotonic() + 20 * env.SLOW
        while quick < 3:
            assert time.monotonic() < end, "%d quick renewals of %d" % (quick, len(conns))
            env.wait_until(lambda: ready(proxy) == 1, 5)
            with h2raw.Client(proxy.address) as client:
                assert client.call("/a.B/C").status == 0
                before, begun = looked_away(proxy), time.monotonic()
                conns[-1].send(h2raw.make_goaway(0, h2raw.NO_ERROR))
                env.wait_until(lambda: client.call("/a.B/C").status == 0 and settled[-1] > begun, 10)
                time.sleep(0.4)     # long enough for the mirror to look three times
                if settled[-1] - begun > 0.05:
                    continue
                client.ping()
                assert client.goaway is None and ready(proxy) == 1 and looked_away(proxy) == before
                quick += 1


@pytest.mark.parametrize("health", ["watch,check", "check"])
def test_not_serving_is_passed_on_and_taken_back(health):
    check = {"healthCheck": {"type": "grpc", "interval": "200ms", "unhealthyAfter": 1,
                             "healthyAfter": 1, "initialJitter": "0s"}}

    def set_health(backend, status):
        with env.open_channel(backend.address) as channel:
            channel.unary_unary("/outrigger.test.Health/Set")(b"=" + status.encode(), timeout=5 * env.SLOW)
    with env.Backend(health=health) as backend, \
            env.Proxy([backend.address], listener=MIRROR, pool=check, top=drain()) as proxy:
        set_health(backend, "SERVING")
        with h2raw.Client(proxy.address) as client:
            assert client.call(CALL).status == 0 and ready(proxy) == 1
            set_health(backend, "NOT_SERVING")
            client.wait_for(lambda: client.closed, 5)
            assert client.goaway and ready(proxy) == 0
        set_health(backend, "SERVING")
        env.wait_until(lambda: ready(proxy) == 1, 5)
        with h2raw.Client(proxy.address) as client:
            time.sleep(2.2)     # longer than a client stays that comes while it is not ready
            assert client.call(CALL).status == 0 and client.goaway is None


def test_without_the_key_nothing_is_passed_on():
    with running_app() as app, env.Proxy([app.address], top=drain()) as proxy, \
            h2raw.Client(proxy.address) as client:
        app.go_on.set()
        assert client.call("/a.B/C").status == 0
        client.start_call("/a.B/C")
        app.leave(3)
        env.wait_until(lambda: proxy.gauge("outrigger_goaway_received_total") > 0, 5)
        time.sleep(0.5)     # long enough for the mirror to look five times
        client.ping()
        assert client.goaway is None and ready(proxy) == 1
