# SPDX-License-Identifier: Apache-2.0
"""Connections to backends: GOAWAY, refused streams, stream limits, waiting, balancing."""
import base64
import collections
import socket
import threading
import time

import grpc
import pytest

import env
import h2raw
import load
import protos
from protos import Empty, SimpleRequest

pytestmark = pytest.mark.proxy_only
UNAVAILABLE = 14


# --- GOAWAY -------------------------------------------------------------------------------

@pytest.mark.parametrize("workers", [1, 2])
def test_backends_that_send_goaway_each_second(workers):
    options = {"grpc.max_connection_age_ms": 1000, "grpc.max_connection_age_grace_ms": 10000}
    backends = [env.Backend(name=str(i), options=options) for i in range(3)]
    try:
        with env.Proxy([b.address for b in backends], workers=workers) as proxy:
            result = load.run_calls(proxy.address, seconds=4, parallel=20, sleep_ms=3)
    finally:
        for b in backends:
            b.kill()
    assert result.failed == [] and result.ok > 500 / env.SLOW


class GoawayServer(h2raw.RawBackend):
    """Ends each connection after `limit` requests, in one of several manners. What lies
    above the last stream id is never processed; every processed call is written down."""

    def __init__(self, manner, limit=20):
        self.manner, self.limit = manner, limit
        self.processed = collections.Counter()
        self.ignored = 0
        self._guard = threading.Lock()
        super().__init__(self._serve)

    def _serve(self, conn):
        state = {"count": 0, "last": None, "pinged": None}

        def end(request):
            if state["last"] is not None and request.sid > state["last"]:
                with self._guard:
                    self.ignored += 1
                return None
            state["count"] += 1
            with self._guard:
                self.processed[request.get("x-n")] += 1
            out = (h2raw.make_headers(request.sid, h2raw.RESPONSE_FIELDS)
                   + h2raw.make_data(request.sid, h2raw.make_message(request.data[5:]))
                   + h2raw.make_headers(request.sid, [("grpc-status", "0")], True))
            if state["count"] == self.limit:
                if self.manner == "two-step":
                    out = h2raw.make_goaway(h2raw.MAX_WINDOW) + out + h2raw.make_ping(b"goaway!!")
                elif self.manner == "before-answer":
                    out = h2raw.make_goaway(request.sid) + out
                    state["last"] = request.sid
                else:
                    out += h2raw.make_goaway(request.sid, debug=b"max_age")
                    state["last"] = request.sid
            conn.send(out)
            if self.manner == "close" and state["last"] is not None:
                conn.finish()
            return None

        def frame(f):
            if (f.type == h2raw.PING and f.flags & h2raw.ACK and f.payload == b"goaway!!"):
                state["last"] = state["highest"]
                conn.send(h2raw.make_goaway(state["highest"]))
            if f.type == h2raw.HEADERS:
                state["highest"] = f.sid
        h2raw.serve(conn, on_end=end, on_frame=frame)


@pytest.mark.parametrize("manner", ["after-answer", "before-answer", "two-step", "close"])
def test_goaway_loses_no_call_and_doubles_none(manner):
    """Streams above the last id are replayed at once; the others are not repeated."""
    with GoawayServer(manner) as raw, env.Proxy([raw.address]) as proxy:
        result = load.run_raw_calls(proxy.address, calls=600, parallel=10)
    assert result.failed == []
    assert len(raw.processed) == 600 and max(raw.processed.values()) == 1
    assert raw.accepted >= 600 // raw.limit // 2


def test_goaway_with_a_lower_id_replays_the_open_call():
    """The open call is above the last id: it must come again, whole, on a new connection."""
    seen = []

    def handler(conn):
        def end(request):
            seen.append(request)
            if len(seen) == 1:
                conn.send(h2raw.make_goaway(0))
                return None
            h2raw.send_ok(request, request.data[5:])
            return None
        h2raw.serve(conn, on_end=end)
    with h2raw.RawBackend(handler) as raw, env.Proxy([raw.address]) as proxy, \
            h2raw.Client(proxy.address) as client:
        got = client.call("/s/m", b"body" * 1000, extra=[("x-k", "1"), ("x-k", "2")])
    assert got.status == 0
    assert h2raw.split_messages(got.data)[0] == [(0, b"body" * 1000)]
    first, second = seen
    assert first.conn is not second.conn and first.data == second.data
    assert first.fields == second.fields


# --- REFUSED_STREAM -----------------------------------------------------------------------

def refuse(request):
    request.conn.send(h2raw.make_rst(request.sid, h2raw.REFUSED_STREAM))


def echo(request):
    h2raw.send_ok(request, request.data[5:])


def test_one_of_three_backends_refuses_every_stream():
    with h2raw.RawBackend(lambda c: h2raw.serve(c, on_end=refuse)) as bad, \
            h2raw.RawBackend(lambda c: h2raw.serve(c, on_end=echo)) as one, \
            h2raw.RawBackend(lambda c: h2raw.serve(c, on_end=echo)) as two, \
            env.Proxy([one.address, bad.address, two.address]) as proxy:
        result = load.run_raw_calls(proxy.address, calls=300, parallel=10)
    assert result.failed == [] and bad.accepted > 0


def test_refused_call_is_replayed_whole():
    """Headers, message and half-close come again, without any of our own retry marks."""
    seen = []

    def end(request):
        seen.append(request)
        (refuse if len(seen) == 1 else echo)(request)
    with h2raw.RawBackend(lambda c: h2raw.serve(c, on_end=end)) as raw, \
            env.Proxy([raw.address]) as proxy, h2raw.Client(proxy.address) as client:
        got = client.call("/s/m", bytes(30000), extra=[("x-a-bin", "AQI")])
    assert got.status == 0 and len(seen) == 2
    assert seen[0].data == seen[1].data and len(seen[0].data) == 30005
    assert seen[0].fields == seen[1].fields
    assert seen[1].get("grpc-previous-rpc-attempts") is None


def test_refused_by_everybody_is_unavailable():
    seen = []

    def end(request):
        seen.append(request)
        refuse(request)
    with h2raw.RawBackend(lambda c: h2raw.serve(c, on_end=end)) as raw, \
            env.Proxy([raw.address]) as proxy, h2raw.Client(proxy.address) as client:
        got = client.call("/s/m")
    assert got.trailers_only and got.status == UNAVAILABLE and 1 <= len(seen) <= 3


def test_refused_after_more_than_the_replay_copy():
    """What was not kept cannot be replayed: UNAVAILABLE, not half a request elsewhere."""
    seen = []

    def frame_of(conn):
        def request(r):
            seen.append(r)

        def frame(f):
            if f.type == h2raw.DATA and seen and len(seen[-1].data) > 100000:
                conn.send(h2raw.make_rst(f.sid, h2raw.REFUSED_STREAM))
                seen[-1].data = b""
        h2raw.serve(conn, on_request=request, on_frame=frame)
    with h2raw.RawBackend(frame_of) as raw, env.Proxy([raw.address]) as proxy, \
            proxy.open_channel(grpc__enable_retries=0) as channel:
        with pytest.raises(grpc.RpcError) as e:
            protos.Stub(channel).UnaryCall(
                SimpleRequest(payload=protos.payload_of(400000)), timeout=10 * env.SLOW)
    assert e.value.code() == grpc.StatusCode.UNAVAILABLE and len(seen) == 1


# --- stream limits and waiting ------------------------------------------------------------

class LimitServer(h2raw.RawBackend):
    """Holds calls until release(); counts how many are open at once on a connection."""

    def __init__(self, limit, hold=False):
        self.limit, self.most, self.total = limit, 0, 0
        self._open = threading.Event()
        self._guard = threading.Condition()
        if not hold:
            self._open.set()
        super().__init__(self._serve)

    def release(self):
        self._open.set()

    def wait_total(self, count):
        with self._guard:
            assert self._guard.wait_for(lambda: self.total >= count, 10 * env.SLOW)

    def _serve(self, conn):
        now = [0]
        send_lock = threading.Lock()

        def answer(request):
            self._open.wait(30 * env.SLOW)
            with send_lock:
                # Counted down before the answer goes out: after it the peer may be faster.
                with self._guard:
                    now[0] -= 1
                h2raw.send_ok(request)

        def end(request):
            with self._guard:
                now[0] += 1
                self.total += 1
                self.most = max(self.most, now[0])
                self._guard.notify_all()
            if self._open.is_set():
                answer(request)
            else:
                threading.Thread(target=answer, args=(request,), daemon=True).start()
        h2raw.serve(conn, on_end=end, settings=(
            {} if self.limit is None else {h2raw.S_MAX_STREAMS: self.limit}))


@pytest.mark.parametrize("per_endpoint", [1, 4])
def test_backend_with_one_stream_and_ten_parallel_calls(per_endpoint):
    with LimitServer(1) as raw, env.Proxy([raw.address], pool={
            "connections": {"perEndpoint": per_endpoint}}) as proxy:
        result = load.run_raw_calls(proxy.address, calls=200, parallel=10)
        assert result.failed == [] and raw.total == 200
        assert raw.most == 1 and raw.accepted <= per_endpoint


def start_held(client, count):
    return [client.start_call("/s/m", end=True) for _ in range(count)]


@pytest.mark.parametrize("limit,calls,connections", [(None, 50, 1), (2, 6, 3), (10, 10, 1)])
def test_a_further_connection_only_when_the_stream_limit_is_full(limit, calls, connections):
    with LimitServer(limit, hold=True) as raw, env.Proxy([raw.address]) as proxy, \
            h2raw.Client(proxy.address) as client:
        sids = start_held(client, calls)
        raw.wait_total(calls)
        assert raw.accepted == connections
        raw.release()
        assert [client.wait_end(sid).status for sid in sids] == [0] * calls


def test_pending_timeout():
    with LimitServer(1, hold=True) as raw, env.Proxy([raw.address], pool={
            "connections": {"perEndpoint": 1},
            "limits": {"pendingTimeout": "%dms" % (400 * env.SLOW)}}) as proxy, \
            h2raw.Client(proxy.address) as client:
        held = start_held(client, 1)[0]
        raw.wait_total(1)
        start = time.monotonic()
        got = client.wait_end(start_held(client, 1)[0])
        assert got.trailers_only and got.status == UNAVAILABLE and got.get("grpc-message")
        assert 0.35 < time.monotonic() - start < 8      # nothing else ends it
        raw.release()
        assert client.wait_end(held).status == 0


def test_pending_queue_full():
    with LimitServer(1, hold=True) as raw, env.Proxy([raw.address], pool={
            "connections": {"perEndpoint": 1},
            "limits": {"maxPendingRequests": 5, "pendingTimeout": "20s"}}) as proxy, \
            h2raw.Client(proxy.address) as client:
        first = start_held(client, 1)
        raw.wait_total(1)
        waiting = start_held(client, 5)
        client.ping()
        got = client.wait_end(start_held(client, 1)[0], 10)     # long before pendingTimeout
        assert got.trailers_only and got.status == UNAVAILABLE
        raw.release()
        assert [client.wait_end(sid).status for sid in first + waiting] == [0] * 6


def test_backend_that_allows_no_stream_at_all():
    with LimitServer(0) as raw, env.Proxy([raw.address], pool={
            "limits": {"pendingTimeout": "%dms" % (400 * env.SLOW)}}) as proxy, \
            h2raw.Client(proxy.address) as client:
        got = client.call("/s/m", timeout=10)
    assert got.trailers_only and got.status == UNAVAILABLE and raw.total == 0


def test_connect_refused_names_the_endpoint_only_where_it_may():
    nobody = env.free_address()
    with env.Proxy([nobody], listener={"errorDetails": "full"}) as proxy, \
            h2raw.Client(proxy.address) as client:
        start = time.monotonic()
        for _ in range(3):
            got = client.call("/s/m", timeout=10)
            assert got.trailers_only and got.status == UNAVAILABLE
            assert "refused" in got.get("grpc-message") and nobody not in got.get("grpc-message"), got.blocks
            details = base64.b64decode(got.get("grpc-status-details-bin") + "==")
            assert b"CONNECT_FAILED" in details and nobody.encode() in details
        proxy.wait_line(lambda t: "backend cannot be used" in t and nobody in t, "err")
        assert time.monotonic() - start < 3 * env.SLOW


def test_backend_that_never_accepts_is_given_up_in_time():
    """Its accept queue is full, so the kernel does not even answer: connectTimeout ends it."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = "127.0.0.1:%d" % deaf.getsockname()[1]
        crowd = [socket.socket() for _ in range(4)]
        for s in crowd:
            s.setblocking(False)
            s.connect_ex(deaf.getsockname())
        with env.Proxy([address], pool={"connections": {"connectTimeout": "300ms"}}) as proxy, \
                proxy.open_channel(grpc__enable_retries=0) as channel:
            began = time.monotonic()
            with pytest.raises(grpc.RpcError) as e:
                protos.Stub(channel).EmptyCall(Empty(), timeout=10 * env.SLOW)
            took = time.monotonic() - began
        for s in crowd:
            s.close()
    assert e.value.code() == grpc.StatusCode.UNAVAILABLE
    assert address not in e.value.details() and "took too long" in e.value.details()
    assert 0.25 <= took < 8     # its deadline: 10 s


def test_backend_pings_around_every_frame():
    acks = [0]

    def handler(conn):
        def frame(f):
            if f.type == h2raw.PING and f.flags & h2raw.ACK:
                acks[0] += 1
            else:
                conn.send(h2raw.make_ping(b"around!!"))

        def end(request):
            ping = h2raw.make_ping(b"between!")
            conn.send(ping + h2raw.make_headers(request.sid, h2raw.RESPONSE_FIELDS) + ping
                      + h2raw.make_data(request.sid, h2raw.make_message(b"x")) + ping
                      + h2raw.make_headers(request.sid, [("grpc-status", "0")], True) + ping)
        h2raw.serve(conn, on_frame=frame, on_end=end)
    with h2raw.RawBackend(handler) as raw, env.Proxy([raw.address]) as proxy:
        assert load.run_raw_calls(proxy.address, calls=50, parallel=5).failed == []
        env.wait_until(lambda: acks[0] >= 200, what="acks of the backend's PINGs")


# --- balancing ----------------------------------------------------------------------------

def named_backend(name):
    return h2raw.RawBackend(lambda c: h2raw.serve(
        c, on_end=lambda r: h2raw.send_ok(r, name.encode())))


def spread(address, calls, all_of=()):
    """Who served how many calls. Calls before are not counted: they let the worker of this client connect to all
    backends, until each of `all_of` has had its turn twice in a row; another client may be another worker's."""
    with h2raw.Client(address) as client:
        def one():
            got = client.call("/s/m")
            assert got.status == 0, got.blocks
            return h2raw.split_messages(got.data)[0][0][1].decode()
        last = collections.deque(maxlen=2 * len(all_of))

        def warm():
            last.append(one())
            return sorted(last) == sorted(2 * list(all_of))
        if all_of:
            env.wait_until(warm, what="connections to all")
        return collections.Counter(one() for _ in range(calls))


@pytest.mark.parametrize("balance", [None, "round_robin", {"policy": "round_robin"}])
def test_round_robin_spreads_over_three(balance):
    with named_backend("a") as a, named_backend("b") as b, named_backend("c") as c, env.Proxy(
            [a.address, b.address, c.address], pool={"balance": balance} if balance else {}) as p:
        assert spread(p.address, 300, "abc") == {"a": 100, "b": 100, "c": 100}


def test_pick_first_takes_the_first_and_then_the_next():
    first = named_backend("a")
    with named_backend("b") as b, env.Proxy([first.address, b.address],
                                            pool={"balance": "pick_first"}) as proxy:
        assert spread(proxy.address, 50) == {"a": 50}
        first.stop()
        assert spread(proxy.address, 50) == {"b": 50}


def test_static_target_and_object_target():
    with named_backend("a") as a, named_backend("b") as b, named_backend("c") as c:
        ends = ["static:///%s,%s" % (a.address, b.address), {"target": c.address}]
        with env.Proxy(ends) as proxy:
            assert spread(proxy.address, 30, "abc") == {"a": 10, "b": 10, "c": 10}


def test_round_robin_goes_round_a_dead_endpoint():
    with named_backend("a") as a, named_backend("c") as c, env.Proxy(
            [a.address, env.free_address(), c.address]) as proxy:
        got = spread(proxy.address, 100)
        assert set(got) == {"a", "c"} and min(got.values()) > 20


def test_two_workers_balance_by_call():
    backends = [env.Backend(name=n) for n in "ab"]
    try:
        with env.Proxy([b.address for b in backends], workers=2) as proxy:
            count = collections.Counter()
            for _ in range(4):
                with proxy.open_channel() as channel:
                    stub = protos.Stub(channel)
                    seen = set()    # both are connected before it counts
                    while len(seen) < 2:
                        seen.add(stub.UnaryCall(SimpleRequest(fill_server_id=True), timeout=10 * env.SLOW).server_id)
                    for _ in range(50):
                        count[stub.UnaryCall(SimpleRequest(fill_server_id=True),
                                             timeout=10 * env.SLOW).server_id] += 1
            assert min(count["a"], count["b"]) > 60
    finally:
        for b in backends:
            b.kill()
