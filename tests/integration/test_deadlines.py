# SPDX-License-Identifier: Apache-2.0
"""Deadlines, cancel in both directions, and what the other side sees of them."""
import re
import threading
import time

import grpc
import pytest

import env
import h2raw
import protos
from protos import Empty, SimpleRequest, StreamingOutputCallRequest

TIMEOUT = 20
REACHES = int(max(600, 300 * env.SLOW))     # ms within which a call reaches a backend that is not connected yet
UNITS = {"H": 3600, "M": 60, "S": 1, "m": 1e-3, "u": 1e-6, "n": 1e-9}


def seconds_of(value):
    assert re.fullmatch(r"[0-9]{1,8}[HMSmun]", value), value
    return int(value[:-1]) * UNITS[value[-1]]


class Recorder(h2raw.RawBackend):
    """A backend that answers nothing, and keeps each request and each RST_STREAM."""

    def __init__(self, on_request=None):
        self.requests, self.resets = [], []
        self._changed = threading.Condition()
        self._on_request = on_request
        super().__init__(lambda c: h2raw.serve(c, on_request=self._take, on_rst=self._reset))

    def _take(self, request):
        if self._on_request:
            self._on_request(request)
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    def _reset(self, request):
        with self._changed:
            self.resets.append((request.path, request.rst, time.monotonic()))
            self._changed.notify_all()

    def wait(self, ready, what, timeout=10):
        with self._changed:
            assert self._changed.wait_for(lambda: ready(self), timeout * env.SLOW), what

    def wait_reset(self, path="/s/m", timeout=10):
        self.wait(lambda r: any(p == path for p, _, _ in r.resets), "no RST_STREAM", timeout)
        return [r for r in self.resets if r[0] == path][0]


@pytest.fixture
def recorder():
    with Recorder() as r:
        yield r


def route_proxy(recorder, **route):
    return env.Proxy([recorder.address], routes=[dict(to="app", **route)])


def forwarded_timeout(recorder, proxy, sent):
    """The grpc-timeout that the backend gets for the one of the client, or None."""
    before = len(recorder.requests)
    extra = [("grpc-timeout", sent)] if sent else []
    with h2raw.Client(proxy.address) as client:
        client.start_call("/s/m", extra=extra)
        recorder.wait(lambda r: len(r.requests) > before, "the request did not arrive")
    values = recorder.requests[-1].get_all("grpc-timeout")
    assert len(values) <= 1
    return values[0] if values else None


def test_client_deadline(stub, backend):
    stub.EmptyCall(Empty(), timeout=10)     # connects: the next one must reach the backend in its time
    start = time.monotonic()
    with pytest.raises(grpc.RpcError) as e:
        stub.EmptyCall(Empty(), timeout=0.6 * env.SLOW,
                       metadata=(("x-test-sleep-ms", "20000"), ("x-test-id", "late")))
    assert e.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert 0.55 * env.SLOW < time.monotonic() - start < 10 * env.SLOW
    backend.wait_event("late", "cancelled", 10)


@pytest.mark.proxy_only
@pytest.mark.parametrize("sent", ["10S", "1H", "5000m", "20000000u", "99999999H", "9999S",
                                  "3M", "99999999m"])
def test_what_remains_is_forwarded(recorder, sent):
    with env.Proxy([recorder.address]) as proxy:
        got = forwarded_timeout(recorder, proxy, sent)
    want = seconds_of(sent)
    # Never more than the client gave; less by the time in the proxy (a busy machine may stop it for seconds)
    # and one rounding step to 8 digits. The largest values may be capped at what 63 bits of nanoseconds hold.
    assert min(want, 2 ** 63 / 1e9) * 0.99 - 4 < seconds_of(got) <= want


def check_forwarded(got, seconds):
    """The value less the time in the proxy. No other value of these tests is nearer below than 5 s."""
    if seconds is None:
        assert got is None
    else:
        assert seconds - 4 < seconds_of(got) <= seconds


@pytest.mark.proxy_only
@pytest.mark.parametrize("route,sent,seconds", [
    ({}, None, None),
    ({"timeout": "15s"}, None, 15),
    ({"timeout": "15s"}, "20S", 15),
    ({"timeout": "15s"}, "5S", 5),
    ({"grpcTimeoutMax": "15s"}, "20S", 15),
    ({"grpcTimeoutMax": "15s"}, "5S", 5),
    ({"grpcTimeoutMax": "15s"}, None, None),
    ({"timeout": "10s", "grpcTimeoutMax": "15s"}, "20S", 10),
    ({"timeout": "0s"}, "20S", 20),
])
def test_route_limits_on_the_deadline(recorder, route, sent, seconds):
    with route_proxy(recorder, **route) as proxy:
        check_forwarded(forwarded_timeout(recorder, proxy, sent), seconds)


@pytest.mark.proxy_only
@pytest.mark.parametrize("policy,route,sent,seconds", [
    ({"default": "10s"}, {}, None, 10),
    ({"default": "10s"}, {"timeout": "20s"}, None, 20),
    ({"default": "10s"}, {}, "20S", 20),
    ({"max": "10s"}, {}, "20S", 10),
    ({"max": "10s"}, {"timeout": "20s"}, None, 10),
    ({"max": "10s"}, {}, None, None),
    ({"reserve": "5s"}, {}, "15S", 10),
    ({"reserve": "5s"}, {"timeout": "20s"}, None, 20),
    ({"required": True}, {}, "10S", 10),
    ({"max": "10s"}, {"filters": [{"type": "deadline", "off": True}]}, "20S", 20),
    ({"max": "10s"}, {"filters": [{"type": "deadline", "max": "5s"}]}, "20S", 5)])
def test_a_policy_only_makes_the_time_shorter(recorder, policy, route, sent, seconds):
    with env.Proxy([recorder.address], routes=[dict(to="app", **route)],
                   listener={"filters": [dict(type="deadline", **policy)]}) as proxy:
        check_forwarded(forwarded_timeout(recorder, proxy, sent), seconds)


@pytest.mark.proxy_only
def test_a_policy_ends_calls_without_a_deadline_and_answers_before_the_clients_clock(recorder):
    policy = {"type": "deadline", "default": "300ms", "reserve": "7700ms"}
    with env.Proxy([recorder.address], listener={"filters": [policy]}) as proxy, \
            proxy.open_channel() as channel:
        for timeout in (None, 8):
            start = time.monotonic()
            with pytest.raises(grpc.RpcError) as e:
                protos.Stub(channel).EmptyCall(Empty(), timeout=timeout)
            assert e.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            assert "the deadline passed" in e.value.details()     # ours: the client's own says something else
            assert 0.25 < time.monotonic() - start < 7.5
        assert proxy.metrics()["outrigger_deadlines_given_total"] == 1


@pytest.mark.proxy_only
def test_a_policy_can_ask_for_a_deadline(backend):
    with env.Proxy([backend.address], listener={"filters": [{"type": "deadline", "required": True}]},
                   ) as proxy, proxy.open_channel() as channel:
        with pytest.raises(grpc.RpcError) as e:
            protos.Stub(channel).EmptyCall(Empty())
        assert e.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "set one in the client" in e.value.details()
        assert b"DEADLINE_REQUIRED" in dict(e.value.trailing_metadata())["grpc-status-details-bin"]
        protos.Stub(channel).EmptyCall(Empty(), timeout=10)
        assert proxy.metrics()["outrigger_deadlines_missing_total"] == 1


@pytest.mark.proxy_only
@pytest.mark.parametrize("route,sent", [({"timeout": "%dms" % REACHES}, None),
                                        ({"grpcTimeoutMax": "%dms" % REACHES}, "20S"), ({}, "%dm" % REACHES)])
def test_deadline_of_the_proxy(recorder, route, sent):
    """DEADLINE_EXCEEDED as Trailers-Only to the client, CANCEL to the backend."""
    with route_proxy(recorder, **route) as proxy, h2raw.Client(proxy.address) as client:
        start = time.monotonic()
        sid = client.start_call("/s/m", extra=[("grpc-timeout", sent)] if sent else [])
        client.send(h2raw.make_data(sid, h2raw.make_message(b"x"), end=True))
        got = client.wait_end(sid)
        took = time.monotonic() - start
        assert got.trailers_only and got.status == 4, got.blocks
        assert got.get(":status") == "200" and got.get("content-type") == "application/grpc"
        # The reset goes out with the answer. Seconds are room for a busy machine; without a deadline nothing would end.
        assert got.get("grpc-message") and REACHES / 1000 - 0.02 < took < 8
        _, code, when = recorder.wait_reset()
        assert code == h2raw.CANCEL and when - start - took < 4
        # The connection goes on.
        assert client.ping()


@pytest.mark.proxy_only
@pytest.mark.parametrize("body,status,reset", [
    (b"", 4, None), (h2raw.make_message(b"abc"), 4, None),
    (h2raw.make_message(b"abc")[:6], None, h2raw.CANCEL)],
    ids=["after-headers", "after-message", "mid-message"])
def test_deadline_after_the_response_began(body, status, reset):
    """Trailers between two messages; in the middle of one only a reset is right."""
    def begin(request):
        request.conn.send(h2raw.make_headers(request.sid, h2raw.RESPONSE_FIELDS)
                          + (h2raw.make_data(request.sid, body) if body else b""))
    with Recorder(begin) as recorder, route_proxy(recorder, timeout="%dms" % REACHES) as proxy, \
            h2raw.Client(proxy.address) as client:
        sid = client.start_call("/s/m", end=True)
        got = client.wait_end(sid)
        assert (got.status, got.rst) == (status, reset)
        assert got.data == body
        assert recorder.wait_reset()[1] == h2raw.CANCEL


@pytest.mark.proxy_only
@pytest.mark.parametrize("value", ["0S", "0n", "00000000m"])
def test_a_deadline_that_is_over_never_reaches_a_backend(recorder, value):
    with env.Proxy([recorder.address]) as proxy, h2raw.Client(proxy.address) as client:
        got = client.call("/s/m", extra=[("grpc-timeout", value)])
        assert got.trailers_only and got.status == 4
        assert recorder.requests == []


@pytest.mark.proxy_only
def test_deadline_while_the_backend_does_not_even_connect():
    """The deadline covers waiting for a connection too."""
    hold = threading.Event()
    with h2raw.RawBackend(lambda c: hold.wait(30)) as raw, env.Proxy([raw.address]) as proxy, \
            h2raw.Client(proxy.address) as client:
        start = time.monotonic()
        got = client.call("/s/m", extra=[("grpc-timeout", "300m")])
        hold.set()
        assert got.status == 4 and 0.28 < time.monotonic() - start < 8


# --- cancel -------------------------------------------------------------------------------

@pytest.mark.proxy_only
@pytest.mark.parametrize("how", ["rst", "close", "half-closed"])
def test_a_clients_cancel_reaches_the_backend(recorder, how):
    with env.Proxy([recorder.address]) as proxy:
        client = h2raw.Client(proxy.address)
        sid = client.start_call("/s/m", end=how == "half-closed")
        recorder.wait(lambda r: r.requests, "no request")
        start = time.monotonic()
        if how == "close":
            client.conn.close()
        else:
            client.send(h2raw.make_rst(sid, h2raw.CANCEL))
        _, code, when = recorder.wait_reset()
        client.conn.close()
        assert code == h2raw.CANCEL and when - start < 5    # nothing else ends the call


@pytest.mark.proxy_only
def test_cancel_while_the_call_waits_in_the_queue():
    """Backend with one stream: a cancelled waiting call never reaches it."""
    seen = []
    first = []

    def begin(request):
        first.append(request)
        seen.append(request.path)
    with h2raw.RawBackend(lambda c: h2raw.serve(
            c, on_request=begin, settings={h2raw.S_MAX_STREAMS: 1})) as raw, \
            env.Proxy([raw.address], pool={"connections": {"perEndpoint": 1},
                                           "limits": {"pendingTimeout": "20s"}}) as proxy, \
            h2raw.Client(proxy.address) as client:
        one = client.start_call("/s/one", end=True)
        env.wait_until(lambda: seen == ["/s/one"])
        two = client.start_call("/s/two", end=True)
        client.ping()
        client.send(h2raw.make_rst(two, h2raw.CANCEL))
        three = client.start_call("/s/three", end=True)
        client.ping()
        h2raw.send_ok(first[0])
        assert client.wait_end(one).status == 0
        env.wait_until(lambda: len(seen) == 2)
        h2raw.send_ok(first[1])
        assert client.wait_end(three).status == 0
    assert seen == ["/s/one", "/s/three"]


def test_a_backends_cancel_reaches_the_client(proxy, backend):
    """The server ends a running stream with CANCELLED; the client sees just that."""
    with proxy.open_channel() as channel:
        with pytest.raises(grpc.RpcError) as e:
            list(protos.Stub(channel).FullDuplexCall(
                iter([StreamingOutputCallRequest()]), timeout=TIMEOUT,
                metadata=(("x-test-fail", "1"), ("x-test-text", "gone"))))
    assert (e.value.code(), e.value.details()) == (grpc.StatusCode.CANCELLED, "gone")


def test_a_thousand_cancels_leave_nothing_behind(proxy, stub):
    for n in range(1000):
        call = stub.EmptyCall.future(Empty(), timeout=TIMEOUT,
                                     metadata=(("x-test-sleep-ms", "30000"),))
        call.cancel()
        assert call.code() == grpc.StatusCode.CANCELLED
    assert stub.UnaryCall(SimpleRequest(response_size=5), timeout=TIMEOUT)
    if not env.DIRECT:
        env.wait_until(lambda: proxy.gauge("outrigger_calls_in_flight") == 0, 10,
                       "no call in flight")
