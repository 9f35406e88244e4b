# SPDX-License-Identifier: Apache-2.0
"""Backends that are killed -9 one after the other, under clients that repeat calls, and under
a proxy that does it for them.

OUTRIGGER_LONG=1   a minute instead of some seconds
"""
import json
import os
import random
import time

import pytest

import env
import load

pytestmark = pytest.mark.proxy_only

SECONDS = 60 if os.environ.get("OUTRIGGER_LONG") == "1" else 9
METHODS = [{"name": [{"service": "grpc.testing.TestService"}],
            "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.02s", "maxBackoff": "0.2s",
                            "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]
RETRY = json.dumps({"methodConfig": METHODS})


class Herd:
    """Three backends; one of them is killed each second and started again at once."""

    def __init__(self):
        self.backends = [env.Backend(name=str(i)) for i in range(3)]
        self.kills = 0

    def kill_each_second(self, seconds):
        rng, end = random.Random(7), time.monotonic() + seconds
        next_at = time.monotonic() + 1
        while next_at < end:
            time.sleep(max(next_at - time.monotonic(), 0))
            next_at += 1
            victim = rng.choice(self.backends)
            victim.kill()
            self.kills += 1
            # Returns when it listens again: never is more than one of them away.
            self.backends[self.backends.index(victim)] = env.Backend(
                listen=victim.address, name=str(self.kills))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for b in self.backends:
            if b.alive:
                b.kill()


@pytest.mark.parametrize("policy", ["round_robin"])
def test_kills_are_not_seen_by_clients_that_repeat(policy):
    with Herd() as herd, \
            env.Proxy([b.address for b in herd.backends], pool={"balance": policy},
                      workers=2) as proxy:
        result = load.run_calls(
            proxy.address, seconds=SECONDS + 20 * env.SLOW, parallel=24, sleep_ms=35,
            during=lambda: herd.kill_each_second(SECONDS),
            grpc__enable_retries=1, grpc__service_config=RETRY)
        failed_at_proxy = sum(v for k, v in proxy.counters().items() if k.startswith(
            "outrigger_calls_handled_total") and "Unavailable" in k)
    print("%d kills, %d calls, %d lost; the proxy told UNAVAILABLE %d times" % (
        herd.kills, result.ok, len(result.failed), failed_at_proxy))
    assert result.failed == []
    assert result.ok > 80 * SECONDS / env.SLOW
    assert herd.kills >= (SECONDS - 2) / 2 / env.SLOW
    assert failed_at_proxy > 0, "no call was hit: this shows nothing"


def test_kills_are_not_seen_when_the_proxy_repeats():
    """The same policy, pasted into the listener; clients repeat nothing. A kill fails a third
    of all calls at once, which is more than the budget has room for: see retryBudget."""
    with Herd() as herd, \
            env.Proxy([b.address for b in herd.backends],
                      pool={"balance": "round_robin"},
                      listener={"methodConfig": METHODS}, workers=2) as proxy:
        result = load.run_calls(
            proxy.address, seconds=SECONDS + 20 * env.SLOW, parallel=24, sleep_ms=35,
            during=lambda: herd.kill_each_second(SECONDS))
        metrics = proxy.metrics()
    print("%d kills, %d calls, %d lost; the proxy tried %d again" % (
        herd.kills, result.ok, len(result.failed), metrics["outrigger_retries_started_total"]))
    assert result.failed == []
    assert result.ok > 80 * SECONDS / env.SLOW
    assert herd.kills >= (SECONDS - 2) / 2 / env.SLOW
    assert metrics["outrigger_retries_succeeded_total"] > 0, "no call was hit: this shows nothing"
