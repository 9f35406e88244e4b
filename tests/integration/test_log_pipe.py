# SPDX-License-Identifier: Apache-2.0
"""A log pipe that nobody reads (E4): no call is later than beside it, and what is left out is counted.

OUTRIGGER_LONG=1   a minute instead of some seconds, and hardly any call may be 5 ms later
"""
import os
import time

import pytest

import env
import protos
from protos import Empty

pytestmark = pytest.mark.proxy_only
LONG = os.environ.get("OUTRIGGER_LONG") == "1"
BLOCKED_S = 60 if LONG else 4


@pytest.fixture(scope="module")
def backend():
    with env.Backend() as b:
        yield b


def logging(backend):
    access = {"sample": "100%", "headers": ["x-tenant"]}
    return env.Proxy([backend.address], top={"log": {"access": access}})


def test_a_pipe_that_is_blocked_for_long_makes_no_call_late(backend):
    """Beside it, in turns, a proxy whose lines are read: what the machine does to a call happens to both."""
    pad = [("x-tenant", "p" * 900)]
    took = {"blocked": [], "read": []}
    with logging(backend) as blocked, logging(backend) as read:
        with blocked.open_channel() as one, read.open_channel() as two:
            stubs = {"blocked": protos.Stub(one), "read": protos.Stub(two)}
            for stub in stubs.values():
                stub.EmptyCall(Empty(), timeout=10)
            # Who reads the pipe of the first proxy is stopped: its writes would block from now on.
            with blocked.unread():
                end = time.monotonic() + BLOCKED_S
                while time.monotonic() < end:
                    for name, stub in stubs.items():
                        begun = time.monotonic()
                        stub.EmptyCall(Empty(), timeout=10, metadata=pad)
                        took[name].append(time.monotonic() - begun)
                calls = len(took["blocked"])
                env.wait_until(lambda: blocked.metrics()["outrigger_access_log_lines_total"] > calls, what="the line of the last call")
                metrics = blocked.metrics()
        assert metrics["outrigger_access_log_lines_total"] == calls + 1
        if calls > 1500:  # the pipe has 64 KiB, the ring a MiB
            assert metrics['outrigger_access_log_dropped_total{reason="full"}'] > 0
        usual = sorted(took["read"])[calls // 2]
        late = {name: sum(t > usual + 0.005 for t in times) for name, times in took.items()}
        # Both are counts of what the machine did at random, so they differ by chance: by less than four deviations.
        chance = 4 * sum(late.values()) ** 0.5
        if LONG:
            assert late["blocked"] <= late["read"] + calls // 1000 + chance, late
        assert late["blocked"] <= late["read"] + calls // 50 + 5 + chance, late
