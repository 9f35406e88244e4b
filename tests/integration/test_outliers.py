# SPDX-License-Identifier: Apache-2.0
"""Passive health: backends whose calls fail, or that take calls and never answer.

OUTRIGGER_LONG=1   ten times as many calls, and no allowance for noise of the machine
"""
import os
import threading
import time

import grpc
import pytest

import env
import protos

pytestmark = pytest.mark.proxy_only
LONG = os.environ.get("OUTRIGGER_LONG") == "1"
NOISE_S = 0 if LONG else 0.02 * env.SLOW
# Stretched too: what a test does while a backend is out takes longer on a slow machine.
EJECTED_MS = int(1000 * env.SLOW)
BASE = {"interval": "200ms", "baseEjectionTime": "%dms" % EJECTED_MS, "maxEjected": "50%"}


def outliers(**more):
    return {"outlierDetection": dict(BASE, **more),
            "healthCheck": {"panicThreshold": "0%"}}


class Three:
    """Three backends and a proxy in front."""

    def __init__(self, **more):
        self.backends = [env.Backend(name=n) for n in "abc"]
        self.proxy = env.Proxy([b.address for b in self.backends], pool=outliers(**more))

    def __enter__(self):
        env.wait_until(lambda: names(self.calls(12)) == {"a", "b", "c"}, what="answers of all three")
        return self

    def __exit__(self, kind, *exc):
        try:
            self.proxy.__exit__(kind, *exc)
        finally:
            for b in self.backends:
                b.kill()

    def bad(self):
        return self.proxy.endpoints()[self.backends[0].address]

    def wait_bad(self, *states, timeout=10):
        def ready():
            e = self.bad()
            return e if e["state"] in states else None
        return env.wait_until(ready, timeout, "the first backend becoming %s" % (states,))

    def calls(self, n, timeout=5 * env.SLOW, threads=4):
        """[(who or code, seconds)] of n calls."""
        out = []

        def run(count):
            with self.proxy.open_channel() as channel:
                stub = protos.Stub(channel)
                for _ in range(count):
                    begun = time.monotonic()
                    try:
                        who = stub.UnaryCall(protos.SimpleRequest(fill_server_id=True),
                                             timeout=timeout).server_id
                    except grpc.RpcError as e:
                        who = e.code()
                    out.append((who, time.monotonic() - begun))
        runners = [threading.Thread(target=run, args=(n // threads,)) for _ in range(threads)]
        for r in runners:
            r.start()
        for r in runners:
            r.join(120 * env.SLOW)
        return out


def p99(calls):
    times = sorted(seconds for _, seconds in calls)
    return times[int(len(times) * 0.99)]


def names(calls):
    return {who for who, _ in calls}


def test_errors_in_a_row_eject_and_the_backend_comes_back():
    with Three(baseEjectionTime="%dms" % (4 * EJECTED_MS)) as t:     # time for the test to look before it is over
        assert names(t.calls(60)) == {"a", "b", "c"}
        t.backends[0].control("Behave", "fail 14")
        t.calls(60)
        e = t.wait_bad("ejected")
        assert "calls in a row failed" in e["why"]
        assert e["outlier"]["ejected"] and 0 < e["outlier"]["leftMs"] <= 4 * EJECTED_MS
        assert names(t.calls(60)) == {"b", "c"}
        assert t.proxy.gauge("outrigger_endpoints_ejected") == 1
        t.backends[0].control("Behave", "")
        e = t.wait_bad("ready", "idle")
        assert e["why"] == "the ejection is over"
        assert names(t.calls(60)) == {"a", "b", "c"}
        assert t.proxy.counters()['outrigger_endpoint_ejections_total{reason="consecutive_errors"}'] == 1
        assert t.proxy.gauge("outrigger_endpoints_ejected") == 0


def test_a_stalled_backend_is_ejected_and_the_tail_is_short_again():
    """It takes calls and never answers: only deadlines tell (reliability.md G3)."""
    with Three(baseEjectionTime="30s") as t:
        t.calls(100)
        before = p99(t.calls(4000 if LONG else 400))
        t.backends[0].control("Behave", "stall")
        begun = time.monotonic()
        stuck = t.calls(60, timeout=0.3 * env.SLOW)
        assert grpc.StatusCode.DEADLINE_EXCEEDED in names(stuck)
        t.wait_bad("ejected")
        assert time.monotonic() - begun < 10 * env.SLOW
        # Who waits for a stalled backend waits for 0.3 s. Before and after are different seconds of a machine that others use.
        most, tails = max(1.3 * before + NOISE_S, 0 if LONG else 0.15 * env.SLOW), []
        # A backend that stalls delays each row of calls, a machine that is busy for a moment one of them.
        while not tails or (tails[-1] > most and len(tails) < (1 if LONG else 3)):
            after = t.calls(4000 if LONG else 400)
            assert names(after) == {"b", "c"}
            tails.append(p99(after))
        assert tails[-1] <= most, (before, tails)


def test_a_client_that_has_not_said_all_is_not_the_backends_silence():
    """A server sends its headers with its first message: an open stream at its deadline says nothing of the backend."""
    with Three(baseEjectionTime="30s") as t, t.proxy.open_channel() as channel:
        stub, silent = protos.Stub(channel), threading.Event()
        streams = [stub.FullDuplexCall(iter(lambda: silent.wait(20 * env.SLOW), True), timeout=0.5 * env.SLOW) for _ in range(45)]
        assert {s.code() for s in streams} == {grpc.StatusCode.DEADLINE_EXCEEDED}
        assert names(t.calls(60)) == {"a", "b", "c"}
        assert t.proxy.gauge("outrigger_endpoints_ejected") == 0
        silent.set()


def test_one_may_be_ejected_and_no_more_than_the_cap():
    with Three(maxEjected="10%", baseEjectionTime="30s") as t:
        for b in t.backends:
            b.control("Behave", "fail 14")
        t.calls(120)
        t.proxy.endpoints()
        states = [e["state"] for e in t.proxy.endpoints().values()]
        assert states.count("ejected") == 1, states
        assert t.proxy.counters()["outrigger_endpoint_ejections_capped_total"] > 0


def test_codes_that_are_no_failures_do_not_eject():
    with Three(statuses=["INTERNAL"]) as t:
        t.backends[0].control("Behave", "fail 14")
        t.calls(90)
        time.sleep(0.5)
        assert t.bad()["state"] == "ready"
        t.backends[0].control("Behave", "fail 13")
        t.calls(60)
        t.wait_bad("ejected")


def test_failure_percentage():
    with Three(consecutiveErrors=0, interval="1s", baseEjectionTime="30s",
               failurePercentage={"threshold": "85%", "minimumHosts": 3,
                                  "requestVolume": 10}) as t:
        t.backends[0].control("Behave", "fail 14")
        env.wait_until(lambda: t.calls(120) and t.bad()["state"] == "ejected", 15)
        assert "calls failed" in t.bad()["why"]


def test_a_breaker_lets_one_call_decide():
    with Three(consecutiveErrors=0,
               breaker={"consecutiveFailures": 5, "minWait": "300ms", "maxWait": "300ms",
                        "jitterPercent": 0}) as t:
        t.backends[0].control("Behave", "fail 14")
        t.calls(60)
        e = t.wait_bad("tripped", "on trial")
        assert "breaker: " in e["why"] and e["outlier"]["breaker"] in ("waiting", "probing")
        # While it fails, only the probe calls get there: about one per 300 ms.
        begun, failed = time.monotonic(), 0
        while time.monotonic() - begun < 2:
            failed += sum(1 for who, _ in t.calls(20, threads=2) if not isinstance(who, str))
        assert 1 <= failed <= (time.monotonic() - begun) / 0.3 + 2, failed
        t.backends[0].control("Behave", "")
        env.wait_until(lambda: "a" in names(t.calls(20, threads=2)) and
                       t.bad()["state"] == "ready", 5)
        assert names(t.calls(60)) == {"a", "b", "c"}
        assert t.proxy.counters()["outrigger_breaker_trips_total"] == 1


def test_the_check_that_turns_good_ends_an_ejection():
    with env.Backend(name="a", health="watch,check") as a, env.Backend(name="b") as b, \
            env.Proxy([a.address, b.address], pool={
                "outlierDetection": dict(BASE, baseEjectionTime="60s", maxEjectionTime="300s"),
                "healthCheck": {"type": "grpc", "unimplementedIsHealthy": True,
                                "panicThreshold": "0%"}}) as proxy:
        def state(*want):
            return env.wait_until(lambda: proxy.endpoints()[a.address]["state"] in want, 10,
                                  "a becoming %s" % (want,))

        def set_health(word):
            with env.open_channel(a.address) as channel:
                channel.unary_unary("/outrigger.test.Health/Set")(("=" + word).encode())
        state("ready", "idle")
        a.control("Behave", "fail 14")
        with proxy.open_channel() as channel:
            stub = protos.Stub(channel)
            for _ in range(30):
                try:
                    stub.EmptyCall(protos.Empty(), timeout=5 * env.SLOW)
                except grpc.RpcError:
                    pass
        state("ejected")
        set_health("NOT_SERVING")
        state("unhealthy")
        a.control("Behave", "")
        set_health("SERVING")
        state("ready", "idle")
