# SPDX-License-Identifier: Apache-2.0
"""Pools whose names change or fail in DNS while calls run: through the whole program.

OUTRIGGER_LONG=1   1,000 flips instead of some hundred
"""
import os
import re
import threading
import time

import grpc
import pytest

import env
import load
import protos

pytest.importorskip("dnslib", reason="install python3-dnslib to run these tests")

from nameserver import A, NXDOMAIN, SERVFAIL, SRV, NameServer, reply, rr  # noqa: E402

pytestmark = pytest.mark.proxy_only

LONG = os.environ.get("OUTRIGGER_LONG") == "1"
# A name is asked once a second at most, whatever its TTL: many names make many flips.
NAMES = 40 if LONG else 24
SECONDS = 30 if LONG else 9
FLIPS = 1000 if LONG else 150
SERVICE = "_grpc._tcp.app.example"
NAME = "app.example"
FAST = {"minTtl": "1s", "refresh": "1s", "family": "v4", "timeout": "%dms" % (200 * env.SLOW), "tries": 1}
PATIENT = {"timeout": "%ds" % (2 * env.SLOW)}     # for name servers that answer, on a machine that may be busy


class Hosts:
    """Three backend processes on one port; each has many loopback addresses of its own."""

    def __init__(self, per_process):
        self.port = env.free_port()
        self.processes = []
        try:
            for p in range(3):
                listen = ["%s:%d" % (self.ip(p, k), self.port) for k in range(per_process)]
                more = [x for a in listen[1:] for x in ("--listen", a)]
                self.processes.append(env.Backend(listen=listen[0], name=None, more=more))
        except BaseException:
            self.__exit__()
            raise

    @staticmethod
    def ip(process, k):
        return "127.0.%d.%d" % (process + 1, k + 1)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for b in self.processes:
            b.kill()


def served_by(stub):
    return stub.UnaryCall(protos.SimpleRequest(fill_server_id=True), timeout=5 * env.SLOW).server_id


def lists_applied(proxy):
    return len([line for line in proxy.lines() if "endpoints of a pool" in line])


def dns(ns, **more):
    return {"dns": dict(FAST, servers=[ns.address], **more)}


# --- changes --------------------------------------------------------------------------------

class Flipper:
    """Answers each question for one of its names with the next address of that name."""

    def __init__(self, places):
        self.places = places      # name: [ip, ...]
        self.asked = dict.fromkeys(places, 0)
        self.srv = {}             # name: [record, ...]
        self.asked_srv = 0

    def answer(self, request, tcp):
        name, rtype = str(request.q.qname).rstrip(".").lower(), request.q.qtype
        if rtype == SRV and name in self.srv:
            n, self.asked_srv = self.asked_srv, self.asked_srv + 1
            records = self.srv[name]
            return reply(request, [rr(name, SRV, records[n % len(records)], 0)])
        if rtype != A or name not in self.places:
            return reply(request, rcode=NXDOMAIN)
        n = self.asked[name]
        self.asked[name] = n + 1
        ips = self.places[name]
        return reply(request, [rr(name, A, ips[n % len(ips)], 0)])

    def flips(self):
        """Answers that differed from the one before."""
        return max(self.asked_srv - 1, 0) + sum(
            n - 1 for name, n in self.asked.items() if n and len(self.places[name]) > 1)


@pytest.mark.parametrize("workers", [2])
def test_names_that_flip_lose_no_call(workers):
    """Each flip takes one endpoint of the pool away and brings another, in another process;
    one of the targets is a service that changes its host."""
    each = (NAMES + 2) // 3 + 1
    places = {}
    for i in range(NAMES):
        ips = [Hosts.ip(p % 3, k) for p, k in ((i, i // 3), (i + 1, each + i // 3))]
        places["n%d.example" % i] = ips
    with Hosts(2 * each) as hosts:
        flipper = Flipper(places)
        for p in range(2):
            flipper.places["h%d.example" % p] = [Hosts.ip(p, 2 * each - 1)]
            flipper.asked["h%d.example" % p] = 0
        flipper.srv[SERVICE] = [(0, 1, hosts.port, "h%d.example" % p) for p in range(2)]
        targets = ["dns:///n%d.example.:%d" % (i, hosts.port) for i in range(NAMES)]
        with NameServer(answer=flipper.answer) as ns, \
                env.Proxy(targets + ["srv:///" + SERVICE], pool=dns(ns, **PATIENT),
                          workers=workers) as proxy:
            result = load.run_calls(proxy.address, seconds=SECONDS, parallel=24, sleep_ms=35)
            flips, applied = flipper.flips(), lists_applied(proxy)
            assert len(proxy.endpoints()) == NAMES + 1
    print("%d flips, %d lists applied, %d calls, %d lost" % (
        flips, applied, result.ok, len(result.failed)))
    assert result.failed == []
    assert result.ok > 80 * SECONDS / env.SLOW
    assert flips >= FLIPS / 2 / env.SLOW
    assert applied > flips / 10


@pytest.mark.parametrize("target", ["dns:///%s.:%%d" % NAME, "srv:///" + SERVICE])
def test_a_name_that_moves_everything_loses_no_call(target):
    """One address at a time: each flip leaves no endpoint of the list before."""
    with Hosts(1) as hosts:
        flipper = Flipper({NAME: [Hosts.ip(p, 0) for p in range(3)]})
        for p in range(3):
            flipper.places["h%d.example" % p] = [Hosts.ip(p, 0)]
            flipper.asked["h%d.example" % p] = 0
        flipper.srv[SERVICE] = [(0, 1, hosts.port, "h%d.example" % p) for p in range(3)]
        if "%d" in target:
            target %= hosts.port
        with NameServer(answer=flipper.answer) as ns, \
                env.Proxy([target], pool=dns(ns, **PATIENT), workers=2) as proxy:
            result = load.run_calls(proxy.address, seconds=4.9 if not LONG else 15,
                                    parallel=24, sleep_ms=35)
            flips, applied = flipper.flips(), lists_applied(proxy)
    print("%d flips, %d lists applied, %d calls" % (flips, applied, result.ok))
    assert result.failed == []
    assert flips >= 2 and applied >= 3


# --- failures -------------------------------------------------------------------------------

def why_lines(proxy):
    """{target: what the log says of it}"""
    out = {}
    for line in proxy.lines():
        if "known before are kept" in line:
            target = re.search(r'target="?([^" ]+)', line).group(1)
            out[target] = line
    return out


def test_dns_that_dies_takes_nothing_away():
    """Four name servers fail in four ways. Later they are back with another address, and the
    connection that fails then makes the proxy ask at once: its own wait would be longer."""
    ways = {"servfail": SERVFAIL, "nxdomain": NXDOMAIN, "silent": None, "stopped": None}
    with Hosts(len(ways)) as hosts:
        zones = {w: {(NAME, A): [rr(NAME, A, Hosts.ip(0, i), 1)]} for i, w in enumerate(ways)}
        servers = {w: NameServer(zone) for w, zone in zones.items()}
        targets = {w: "dns://%s/%s.:%d" % (s.address, NAME, hosts.port)
                   for w, s in servers.items()}
        try:
            with env.Proxy(list(targets.values()), pool={"dns": dict(FAST, refresh="10s", timeout="%dms" % (800 * env.SLOW))},
                           workers=2) as proxy:
                env.wait_until(lambda: len(proxy.endpoints()) == len(ways), 5)
                before = set(proxy.endpoints())

                def die():
                    for w, zone in zones.items():
                        zone[(NAME, A)] = ways[w]
                    servers["stopped"].close()
                    asked = servers["servfail"].seen
                    env.wait_until(lambda: len(why_lines(proxy)) == len(ways), 10)
                    # Three failures: the next question is 2.5 seconds away or more.
                    env.wait_until(lambda: asked[-1][0] - asked[-2][0] > 1.4, 10)
                result = load.run_calls(proxy.address, seconds=20 * env.SLOW, parallel=24,
                                        sleep_ms=35, during=die)
                assert result.failed == []
                assert result.ok > 200
                assert set(proxy.endpoints()) == before
                told = why_lines(proxy)
                assert "SERVFAIL for app.example" in told[targets["servfail"]]
                assert "NXDOMAIN for app.example" in told[targets["nxdomain"]]
                assert "no name server answered in time" in told[targets["silent"]]
                assert "for app.example" in told[targets["stopped"]]
                print(told[targets["stopped"]])
                servers["stopped"] = NameServer(zones["stopped"], port=servers["stopped"].port)
                for i, zone in enumerate(zones.values()):
                    zone[(NAME, A)] = [rr(NAME, A, Hosts.ip(1, i), 1)]
                hosts.processes[0].kill()
                begun = time.monotonic()

                def is_back():
                    return len([a for a in proxy.endpoints()
                                if a.startswith("127.0.2.")]) == len(ways)
                env.wait_until(is_back, 10, "the new addresses")
                took = time.monotonic() - begun
                print("the new addresses came after %.2f s" % took)
                assert took < 2.1 * env.SLOW
                with proxy.open_channel() as channel:
                    assert served_by(protos.Stub(channel)).startswith("127.0.2.")
                assert len([x for x in proxy.lines() if "target answers again" in x]) == len(ways)
        finally:
            for s in servers.values():
                s.close()


def test_on_failure_fail_ends_calls_with_the_reason():
    good = [rr(NAME, A, Hosts.ip(0, 0), 1)]
    zone = {(NAME, A): SERVFAIL}

    def failure(stub):
        try:
            served_by(stub)
            return None
        except grpc.RpcError as e:
            return e
    with Hosts(1) as hosts, NameServer(zone) as ns:
        target = "dns:///%s.:%d" % (NAME, hosts.port)
        with env.Proxy([target], pool=dns(ns, onFailure="fail", **PATIENT)) as proxy, \
                proxy.open_channel() as channel:
            stub = protos.Stub(channel)
            # The second reason is another one: the first must not be told for it.
            for rcode, word in ((SERVFAIL, "SERVFAIL"), (NXDOMAIN, "NXDOMAIN")):
                zone[(NAME, A)] = rcode
                e = env.wait_until(lambda: failure(stub), 5, "the failure " + word)
                assert e.code() == grpc.StatusCode.UNAVAILABLE
                assert "no endpoints of %s are known: %s for %s" % (target, word, NAME) \
                    in e.details(), e.details()
                assert proxy.pools()["app"]["state"] == \
                    "no endpoints are known: %s for %s" % (word, NAME)
                zone[(NAME, A)] = good
                env.wait_until(lambda: failure(stub) is None, 5, "the answer")


def test_wait_for_ready_outlasts_a_name_that_fails():
    """Before the name was ever known, and after onFailure took the endpoints away; limits.pendingTimeout is not its limit."""
    zone = {(NAME, A): NXDOMAIN}
    config = {"methodConfig": [{"name": [{"service": protos.TEST_SERVICE, "method": "UnaryCall"}], "waitForReady": True}]}
    with Hosts(1) as hosts, NameServer(zone) as ns:
        target = "dns:///%s.:%d" % (NAME, hosts.port)
        pool = dict(dns(ns, onFailure="fail", **PATIENT), limits={"pendingTimeout": "100ms"})
        with env.Proxy([target], pool=pool, listener=config) as proxy, proxy.open_channel(grpc__enable_retries=0) as channel:
            stub = protos.Stub(channel)
            for rcode, word in ((NXDOMAIN, "NXDOMAIN"), (SERVFAIL, "SERVFAIL")):
                zone[(NAME, A)] = rcode
                env.wait_until(lambda: proxy.pools()["app"]["state"].endswith("%s for %s" % (word, NAME)), 10)
                asked = len(ns.seen)
                call = stub.UnaryCall.future(protos.SimpleRequest(fill_server_id=True), timeout=30 * env.SLOW)
                # Another method, which does not wait; and one more failure of the name, at least.
                with pytest.raises(grpc.RpcError, match=word):
                    stub.EmptyCall(protos.Empty(), timeout=10 * env.SLOW)
                env.wait_until(lambda: len(ns.seen) >= asked + 2, 10)
                assert not call.done(), call
                zone[(NAME, A)] = [rr(NAME, A, Hosts.ip(0, 0), 1)]
                assert call.result().server_id


@pytest.mark.parametrize("good", [True, False], ids=["address", "servfail"])
def test_calls_wait_for_a_name_when_nobody_else_can_serve(good):
    """The second choice is there at once and refuses; of the first one, a name, nothing is known yet."""
    told = threading.Event()

    def answer(request, tcp):
        told.wait(20 * env.SLOW)
        return reply(request, [rr(NAME, A, Hosts.ip(0, 0), 1)]) if good else reply(request, rcode=SERVFAIL)
    with Hosts(1) as hosts, NameServer(answer=answer) as ns:
        first, second = "dns:///%s.:%d" % (NAME, hosts.port), {"target": env.free_address(), "priority": 1}
        pool = dict(dns(ns, timeout="%ds" % (20 * env.SLOW)), limits={"pendingTimeout": "60s"})
        with env.Proxy([first, second], pool=pool) as proxy, proxy.open_channel() as channel:
            call = protos.Stub(channel).UnaryCall.future(protos.SimpleRequest(fill_server_id=True), timeout=40 * env.SLOW)
            proxy.wait_line(lambda line: "backend cannot be used" in line and second["target"] in line, "err")
            with pytest.raises(grpc.FutureTimeoutError):
                call.result(0.3)
            told.set()
            if good:
                assert call.result().server_id
            else:
                assert call.code() == grpc.StatusCode.UNAVAILABLE and "no usable endpoint" in call.details()
