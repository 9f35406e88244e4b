# SPDX-License-Identifier: Apache-2.0
"""Ends of processes: backends that are killed, the proxy that gets SIGTERM."""
import signal
import threading
import time

import grpc
import pytest

import env
import h2raw
import load
import protos
from protos import (Empty, ResponseParameters, StreamingOutputCallRequest)

pytestmark = pytest.mark.proxy_only


@pytest.mark.parametrize("workers", [1, 2])
def test_one_of_three_backends_is_killed_each_second(workers):
    """Only a call that a dead backend may have seen can fail, and only as UNAVAILABLE.
    What starts while that backend is down or back again never fails."""
    addresses = [env.free_address() for _ in range(3)]
    backends = [env.Backend(a) for a in addresses]
    kills = []

    def kill_some():
        for turn in range(4):
            time.sleep(0.5)     # the pace of the chaos, not a wait for anything
            begun = time.monotonic()
            backends[turn % 3].kill()
            kills.append((begun, time.monotonic()))
            time.sleep(0.5)
            backends[turn % 3] = env.Backend(addresses[turn % 3])
    try:
        with env.Proxy(addresses, workers=workers) as proxy:
            result = load.run_calls(proxy.address, seconds=60, parallel=20, sleep_ms=3,
                                    during=kill_some)
    finally:
        for b in backends:
            b.kill()
    assert result.ok > 500 / env.SLOW
    assert {f.status for f in result.failed} <= {grpc.StatusCode.UNAVAILABLE}, result.failed[:3]
    # Each kill can hit at most the calls that are open at that moment.
    assert len(result.failed) <= 20 * len(kills), len(result.failed)
    late = [f for f in result.failed
            if not any(f.start <= dead + 0.25 * env.SLOW and f.end >= begun for begun, dead in kills)]
    assert late == [], "calls that no dead backend had: %s" % late[:3]


def test_sigterm_drains_one_of_two_proxies_under_load(backend):
    """A real client with both addresses and round_robin loses nothing."""
    drain = {"drain": {"delay": "300ms", "timeout": "10s"}}
    with env.Proxy([backend.address], top=drain) as stays:
        goes = env.Proxy([backend.address], top=drain)
        target = "ipv4:%s,%s" % (stays.address, goes.address)

        def drain_one():
            env.wait_until(lambda: goes.gauge("outrigger_calls_in_flight") > 0,
                           what="load on the proxy that will go")
            time.sleep(0.5)     # some load before
            goes.stop()
            time.sleep(0.5)     # and some after
        result = load.run_calls(target, seconds=60, parallel=30, sleep_ms=5, during=drain_one,
                                grpc__enable_retries=1, grpc__service_config=load.ROUND_ROBIN)
    assert result.failed == [] and result.ok > 300 / env.SLOW


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_sigterm_counts_however_early(workers):
    """Sent the moment the log says "ready", before the first turn of the loop."""
    for _ in range(12):
        env.Proxy([env.free_address()], workers=workers).stop()


def test_open_stream_ends_well_during_the_drain(backend):
    proxy = env.Proxy([backend.address], top={"drain": {"delay": "0s", "timeout": "20s"}})
    go_on = threading.Event()

    def requests():
        yield StreamingOutputCallRequest(response_parameters=[ResponseParameters(size=5)])
        go_on.wait(20 * env.SLOW)
        yield StreamingOutputCallRequest(response_parameters=[ResponseParameters(size=6)])
    with proxy.open_channel() as channel:
        call = protos.Stub(channel).FullDuplexCall(requests(), timeout=20 * env.SLOW)
        assert len(next(call).payload.body) == 5
        with h2raw.Client(proxy.address) as watch:
            assert watch.ping()
            proxy.terminate()
            watch.wait_for(lambda: watch.goaway, 10)    # now the drain has begun
        go_on.set()
        assert [len(a.payload.body) for a in call] == [6]
        assert call.code() == grpc.StatusCode.OK
        start = time.monotonic()
        proxy.stop()
        assert time.monotonic() - start < 10 * env.SLOW, "ready to end, but it waited"      # for drain.timeout: 20 s


def test_two_step_goaway(backend):
    """GOAWAY(2^31-1) and a PING; a stream from before our ack is served; then the real id."""
    proxy = env.Proxy([backend.address], top={"drain": {"delay": "0s", "timeout": "10s"}})
    with h2raw.Client(proxy.address) as client:
        assert client.call("/grpc.testing.TestService/EmptyCall").status == 0
        held = client.start_call("/grpc.testing.TestService/FullDuplexCall")
        client.ping()
        proxy.terminate()
        client.wait_for(lambda: client.goaway, 10)
        assert client.goaway[:2] == (h2raw.MAX_WINDOW, h2raw.NO_ERROR)
        late = client.start_call("/grpc.testing.TestService/EmptyCall")
        client.send(h2raw.make_data(late, h2raw.make_message(), end=True))
        assert client.wait_end(late).status == 0
        client.wait_for(lambda: client.goaway[0] != h2raw.MAX_WINDOW, 10)
        assert client.goaway[:2] == (late, h2raw.NO_ERROR)
        assert not client.closed
        client.send(h2raw.make_data(held, end=True))
        assert client.wait_end(held).status == 0
        client.wait_for(lambda: client.closed, 10)
    proxy.stop()


def test_drain_timeout_ends_open_streams_unavailable(backend):
    proxy = env.Proxy([backend.address], top={"drain": {"delay": "0s", "timeout": "400ms"}})
    with h2raw.Client(proxy.address) as client:
        sid = client.start_call("/grpc.testing.TestService/FullDuplexCall")
        client.ping()
        proxy.terminate()
        got = client.wait_end(sid, 10)
        assert got.status == 14 and got.get("grpc-message")
    proxy.stop()


def test_drain_delay_still_accepts(backend):
    """Between SIGTERM and the GOAWAY new connections are still served."""
    proxy = env.Proxy([backend.address], top={"drain": {"delay": "%dms" % (1500 * env.SLOW), "timeout": "5s"}})
    with h2raw.Client(proxy.address) as old:
        assert old.ping()
        proxy.terminate()
        with h2raw.Client(proxy.address) as new:
            assert new.call("/grpc.testing.TestService/EmptyCall").status == 0
        old.wait_for(lambda: old.goaway, 10)
    proxy.stop()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGQUIT"])
def test_second_signal_ends_at_once(backend, name):
    number = getattr(signal, name)
    proxy = env.Proxy([backend.address], top={"drain": {"delay": "0s", "timeout": "60s"}})
    with h2raw.Client(proxy.address) as client:
        sid = client.start_call("/grpc.testing.TestService/FullDuplexCall")
        client.ping()
        proxy.proc.send_signal(number)
        proxy.asked = True
        client.wait_for(lambda: client.goaway, 10)
        assert proxy.alive
        proxy.proc.send_signal(number)
        start = time.monotonic()
        env.wait_until(lambda: not proxy.alive, 10, "the end")
        assert time.monotonic() - start < 8 * env.SLOW      # drain.timeout is a minute
        client.wait_for(lambda: client.closed, 5)
        got = client.answers[sid]
        assert got.status == 14 if got.ended else got.status is None
    proxy.stop()


def test_idle_proxy_ends_at_once(backend):
    """Idle client connections do not hold it up."""
    proxy = env.Proxy([backend.address], top={"drain": {"delay": "0s", "timeout": "30s"}})
    with proxy.open_channel() as channel:
        protos.Stub(channel).EmptyCall(Empty(), timeout=10 * env.SLOW)
        start = time.monotonic()
        proxy.stop()
        assert time.monotonic() - start < 10 * env.SLOW     # drain.timeout: 30 s


def test_no_new_connection_after_the_drain_began(backend):
    proxy = env.Proxy([backend.address], top={"drain": {"delay": "0s", "timeout": "10s"}})
    with h2raw.Client(proxy.address) as client:
        sid = client.start_call("/grpc.testing.TestService/FullDuplexCall")
        client.ping()
        proxy.terminate()
        client.wait_for(lambda: client.goaway and client.goaway[0] != h2raw.MAX_WINDOW, 10)
        with pytest.raises(OSError):
            h2raw.open_socket(proxy.address, 2)
        client.send(h2raw.make_data(sid, end=True))
        assert client.wait_end(sid).status == 0
    proxy.stop()
