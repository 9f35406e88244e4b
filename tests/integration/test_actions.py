# SPDX-License-Identifier: Apache-2.0
"""What routes do with calls beside passing them on, seen by grpcio at both ends."""
import os
import shutil
import signal
import socket
import subprocess

import grpc
import pytest

import certs
import env
import load
import protos
import reloads
from protos import (Empty, SimpleRequest, StreamingOutputCallRequest, ResponseParameters,
                    payload_of)

pytestmark = pytest.mark.proxy_only
TIMEOUT = 20
CALLS = 20000 if not env.SANITIZED else 2000


def route(backend, **keys):
    """A proxy with one route to this backend."""
    return env.Proxy([backend.address], routes=[dict({"name": "r", "to": "app"}, **keys)])


def metadata_of(backend, call_id):
    got = backend.wait_event(call_id, "start")["metadata"]
    return {name: [v for n, v in got if n == name] for name, _ in got}


# --- header edits ---------------------------------------------------------------------------

EDITS = {
    "requestHeaders": {
        "remove": ["x-secret"],
        "set": {"x-user": "%{header:x-user}@%{listener}", "x-key-bin": "AAEC"},
        "add": {"x-multi": "2", "x-path": "%{service}/%{method}", "x-nobody": "%{san}"}},
    "responseHeaders": {"set": {"x-pool": "%{pool}"}, "remove": ["x-echo-i-gone"]},
    "responseTrailers": {"set": {"x-route": "%{route}"}, "remove": ["x-echo-t-gone"]}}


@pytest.fixture(scope="module")
def edited(backend):
    with route(backend, **EDITS) as proxy:
        yield proxy


@pytest.mark.parametrize("kind", ["unary", "stream"])
def test_edits_are_seen_at_both_ends(edited, backend, kind):
    sent = (("x-test-id", "edit-" + kind), ("x-secret", "1"), ("x-user", "ann"), ("x-multi", "1"),
            ("x-echo-i-gone", "1"), ("x-echo-i-kept", "1"), ("x-echo-t-gone", "1"),
            ("x-echo-t-kept", "1"))
    with edited.open_channel() as channel:
        stub = protos.Stub(channel)
        if kind == "unary":
            _, call = stub.EmptyCall.with_call(Empty(), metadata=sent, timeout=TIMEOUT)
        else:
            call = stub.FullDuplexCall(iter(()), metadata=sent, timeout=TIMEOUT)
            assert list(call) == []
    got = metadata_of(backend, "edit-" + kind)
    assert "x-secret" not in got and "x-nobody" not in got
    assert got["x-user"] == ["ann@in"] and got["x-multi"] == ["1", "2"]
    assert got["x-key-bin"] == ["\0\1\2"]
    assert got["x-path"][0].startswith("grpc.testing.TestService/")
    first, last = dict(call.initial_metadata()), dict(call.trailing_metadata())
    assert first["x-pool"] == "app" and first["x-echo-i-kept"] == "1"
    assert last["x-route"] == "r" and last["x-echo-t-kept"] == "1"
    assert "x-echo-i-gone" not in first and "x-echo-t-gone" not in last


def test_both_edits_on_an_error_of_one_block(edited):
    with edited.open_channel() as channel, pytest.raises(grpc.RpcError) as e:
        protos.Stub(channel).EmptyCall(Empty(), metadata=(("x-test-fail", "5"),),
                                       timeout=TIMEOUT)
    assert e.value.code() == grpc.StatusCode.NOT_FOUND
    both = dict(e.value.initial_metadata() or ())
    both.update(e.value.trailing_metadata())
    assert both["x-pool"] == "app" and both["x-route"] == "r"


def test_edits_on_an_answer_of_the_proxy():
    with env.Proxy([env.free_address()], routes=[dict({"to": "app"}, **EDITS)]) as proxy, \
            proxy.open_channel() as channel, pytest.raises(grpc.RpcError) as e:
        protos.Stub(channel).EmptyCall(Empty(), timeout=TIMEOUT)
    assert e.value.code() == grpc.StatusCode.UNAVAILABLE
    assert dict(e.value.trailing_metadata())["x-route"] == "routes[0]"


def test_the_name_in_the_certificate_replaces_what_the_client_says(backend, tmp_path):
    ca = certs.Authority(tmp_path)
    server = ca.issue("localhost", "127.0.0.1", name="server")
    web = ca.issue("spiffe://shop.test/ns/a/sa/web", "web.shop.test", name="web")
    tls = {"cert": server.cert, "key": server.key, "clientCa": ca.file, "clientCert": "require"}
    with env.Proxy([backend.address], listener={"tls": tls}, routes=[
            {"to": "app", "requestHeaders": {"set": {"x-user": "%{san}"}}}]) as proxy, \
            proxy.open_channel(credentials=ca.credentials(web),
                               grpc__ssl_target_name_override="localhost") as channel:
        protos.Stub(channel).EmptyCall(Empty(), timeout=TIMEOUT, metadata=(
            ("x-user", "admin"), ("x-test-id", "san")))
    assert metadata_of(backend, "san")["x-user"] == ["spiffe://shop.test/ns/a/sa/web"]


# --- status -----------------------------------------------------------------------------------

def test_a_route_answers_by_itself(backend):
    routes = [{"match": {"method": "EmptyCall"},
               "status": {"code": "PERMISSION_DENIED", "message": "no %{method} today é"}},
              {"match": {"method": "UnaryCall"}, "status": "5"},
              {"to": "app"}]
    with env.Proxy([backend.address], routes=routes) as proxy, \
            proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        with pytest.raises(grpc.RpcError) as e:
            stub.EmptyCall(Empty(), timeout=TIMEOUT)
        assert e.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert e.value.details() == "no EmptyCall today é"
        with pytest.raises(grpc.RpcError) as e:
            stub.UnaryCall(SimpleRequest(), timeout=TIMEOUT)
        assert (e.value.code(), e.value.details()) == (grpc.StatusCode.NOT_FOUND, "")
        assert list(stub.FullDuplexCall(iter(()), timeout=TIMEOUT)) == []
        assert proxy.metrics()["outrigger_route_status_total"] == 2


# --- split ------------------------------------------------------------------------------------

def test_a_split_of_95_to_5():
    if not shutil.which("h2load") or not os.path.exists(env.Counter.PATH):
        pytest.skip("needs h2load (nghttp2-client) and tests/bench/bench_backend")
    backends = [env.Counter(), env.Counter()]
    try:
        with env.Proxy({"app": [backends[0].address], "canary": [backends[1].address]},
                       routes=[{"to": [{"pool": "app", "weight": 95},
                                       {"pool": "canary", "weight": 5}]}]) as proxy, \
                load.message_file() as body:
            done = subprocess.run(
                ["h2load", "-n%d" % CALLS, "-c2", "-m10", "-d", body,
                 "-H", "content-type: application/grpc", "-H", "te: trailers",
                 "http://%s/bench/Unary" % proxy.address],
                capture_output=True, text=True, timeout=120 * env.SLOW)
            assert "%d succeeded" % CALLS in done.stdout, done.stdout
    finally:
        got = [b.served() for b in backends]
    assert sum(got) == CALLS
    # 5 % of 20,000 has a standard deviation of 0.15 points: this is more than five of them.
    assert abs(got[1] / CALLS - 0.05) < (0.008 if CALLS > 10000 else 0.03), got


def test_a_sticky_split(backend):
    with env.Backend() as other, \
            env.Proxy({"app": [backend.address], "canary": [other.address]},
                      routes=[{"to": ["app", "canary"], "splitBy": {"header": "x-user"}}]) \
            as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        for i in range(60):
            stub.EmptyCall(Empty(), timeout=TIMEOUT, metadata=(
                ("x-user", "user-%d" % (i % 12)), ("x-test-id", "sticky-%d" % (i % 12))))

        def starts(b, i):
            return sum(f["ev"] == "start" for f in b.events("sticky-%d" % i))

        env.wait_until(lambda: sum(starts(b, i) for b in (backend, other)
                                   for i in range(12)) == 60, what="the last report")
        counts = [(starts(backend, i), starts(other, i)) for i in range(12)]
    assert set(counts) == {(5, 0), (0, 5)}, counts


# --- mirror -----------------------------------------------------------------------------------

def mirrored(backend, mirror_address, **keys):
    return env.Proxy({"app": [backend.address], "canary": [mirror_address]},
                     routes=[{"to": "app", "mirror": dict({"pool": "canary"}, **keys)}])


def test_the_mirror_gets_a_copy_and_its_answer_is_thrown_away(backend):
    with env.Backend() as canary, mirrored(backend, canary.address) as proxy, \
            proxy.open_channel() as channel:
        answer, call = protos.Stub(channel).UnaryCall.with_call(
            SimpleRequest(response_size=100, payload=payload_of(50000)), timeout=TIMEOUT,
            metadata=(("x-test-id", "copy"), ("x-user", "ann")))
        assert len(answer.payload.body) == 100 and call.code() == grpc.StatusCode.OK
        copy = metadata_of(canary, "copy")
        assert copy["x-outrigger-mirror"] == ["1"] and copy["x-user"] == ["ann"]
        canary.wait_event("copy", "end")
        assert "x-outrigger-mirror" not in metadata_of(backend, "copy")
        env.wait_until(lambda: proxy.gauge("outrigger_mirrors_in_flight") == 0, what="its end")
        assert proxy.metrics()["outrigger_mirrors_total"] == 1
        assert proxy.metrics()["outrigger_mirrors_failed_total"] == 0


def test_a_cancelled_call_cancels_its_copy(backend):
    with env.Backend() as canary, mirrored(backend, canary.address) as proxy, \
            proxy.open_channel() as channel:
        call = protos.Stub(channel).UnaryCall.future(SimpleRequest(), metadata=(
            ("x-test-id", "mcancel"), ("x-test-sleep-ms", "20000")))
        canary.wait_event("mcancel", "start")
        call.cancel()
        canary.wait_event("mcancel", "cancelled")


def good_calls(proxy, count=30, size=20000):
    with proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        for _ in range(count):
            answer = stub.UnaryCall(SimpleRequest(response_size=size,
                                                  payload=payload_of(size)), timeout=5 * env.SLOW)
            assert len(answer.payload.body) == size


def test_calls_do_not_notice_a_dead_mirror(backend):
    with mirrored(backend, env.free_address()) as proxy:
        good_calls(proxy)
        env.wait_until(lambda: proxy.gauge("outrigger_mirrors_in_flight") == 0, what="their end")
        assert proxy.metrics()["outrigger_mirrors_failed_total"] == 30


def test_calls_do_not_notice_a_mirror_that_says_nothing(backend):
    """It accepts connections, and that is all: copies wait in the queue of the pool."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        with mirrored(backend, "127.0.0.1:%d" % silent.getsockname()[1]) as proxy:
            good_calls(proxy)


def test_calls_do_not_notice_a_mirror_that_stands_still(backend):
    with env.Backend() as canary, mirrored(backend, canary.address) as proxy:
        good_calls(proxy, 1)
        canary.proc.send_signal(signal.SIGSTOP)
        try:
            good_calls(proxy, 60, 100000)      # 6 MB of requests
        finally:
            canary.proc.send_signal(signal.SIGCONT)
        env.wait_until(lambda: proxy.gauge("outrigger_mirrors_in_flight") == 0, 40, "their end")


def test_a_long_upload_drops_a_slow_copy(backend):
    with env.Backend() as canary, mirrored(backend, canary.address, maxBuffer="64KiB") as proxy:
        good_calls(proxy, 1)
        canary.proc.send_signal(signal.SIGSTOP)
        try:
            # More than the sockets of the kernel and the window of the canary take.
            with proxy.open_channel() as channel:
                protos.Stub(channel).UnaryCall(SimpleRequest(payload=payload_of(20000000)),
                                               timeout=TIMEOUT * env.SLOW)
            env.wait_until(lambda: proxy.metrics()["outrigger_mirrors_dropped_total"] == 1,
                           what="the end of the copy")
        finally:
            canary.proc.send_signal(signal.SIGCONT)


# --- limits -----------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def limited(backend):
    with route(backend, limits={"maxRequestMessageBytes": "100KB",
                                "maxResponseMessageBytes": "100KB"}) as proxy:
        yield proxy


def test_a_request_message_over_the_limit(limited):
    with limited.open_channel() as channel:
        stub = protos.Stub(channel)
        stub.UnaryCall(SimpleRequest(payload=payload_of(99000)), timeout=TIMEOUT)
        with pytest.raises(grpc.RpcError) as e:
            stub.UnaryCall(SimpleRequest(payload=payload_of(5000000)), timeout=TIMEOUT)
    assert e.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "vs. 100000 bytes" in e.value.details() and "route r" in e.value.details()


def test_a_response_message_over_the_limit(limited):
    with limited.open_channel() as channel:
        stub = protos.Stub(channel)
        assert len(stub.UnaryCall(SimpleRequest(response_size=99000),
                                  timeout=TIMEOUT).payload.body) == 99000
        with pytest.raises(grpc.RpcError) as e:
            stub.UnaryCall(SimpleRequest(response_size=200000), timeout=TIMEOUT)
    assert e.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "response message larger than max" in e.value.details()


def test_a_limit_for_all_routes_of_a_listener(backend):
    """A route's own limit takes its place, for its direction only."""
    routes = [{"name": "own", "match": {"headers": {"x-own": "1"}}, "to": "app",
               "limits": {"maxRequestMessageBytes": "1MB"}}, {"name": "r", "to": "app"}]
    with env.Proxy([backend.address], routes=routes,
                   listener={"limits": {"maxMessageBytes": "100KB"}}) as proxy, \
            proxy.open_channel() as channel:
        def code_of(up, down, **metadata):
            try:
                protos.Stub(channel).UnaryCall(
                    SimpleRequest(payload=payload_of(up), response_size=down),
                    timeout=TIMEOUT, metadata=[("x-" + k, v) for k, v in metadata.items()])
            except grpc.RpcError as e:
                assert "vs. 100000 bytes): maxMessageBytes of listener" in e.details()
                return e.code()
            return grpc.StatusCode.OK
        assert code_of(99000, 99000) == grpc.StatusCode.OK
        assert code_of(200000, 1) == code_of(1, 200000) == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert code_of(200000, 1, own="1") == grpc.StatusCode.OK
        assert code_of(1, 200000, own="1") == grpc.StatusCode.RESOURCE_EXHAUSTED
        config = reloads.changed(proxy)
        config["listeners"][0]["limits"]["maxMessageBytes"] = "1MB"
        reloads.reload(proxy, config)
        assert code_of(200000, 200000) == grpc.StatusCode.OK


def test_messages_before_a_large_one_arrive(limited):
    sizes = [1000, 50000, 99000, 300000]
    got = []
    with limited.open_channel() as channel, pytest.raises(grpc.RpcError) as e:
        for answer in protos.Stub(channel).StreamingOutputCall(StreamingOutputCallRequest(
                response_parameters=[ResponseParameters(size=s) for s in sizes]),
                timeout=TIMEOUT):
            got.append(len(answer.payload.body))
    assert got == sizes[:3]
    assert e.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("workers", [1, 2])
def test_concurrent_calls_of_a_route(backend, workers):
    """The limit counts over all workers."""
    ends = []
    with env.Proxy([backend.address], workers=workers, routes=[
            {"name": "slow", "to": "app", "limits": {"maxConcurrentRequests": 3}}]) as proxy:
        channels = [proxy.open_channel() for _ in range(4)]
        calls = [protos.Stub(c).UnaryCall.future(SimpleRequest(), timeout=TIMEOUT, metadata=(
            ("x-test-gate", "many-%d" % workers), ("x-test-id", "many-%d-%d" % (workers, i))))
            for i, c in enumerate(channels[:3])]
        for i in range(3):
            backend.wait_event("many-%d-%d" % (workers, i), "start")
        with pytest.raises(grpc.RpcError) as e:
            protos.Stub(channels[3]).UnaryCall(SimpleRequest(), timeout=TIMEOUT)
        assert e.value.code() == grpc.StatusCode.UNAVAILABLE
        assert "route slow has 3 calls" in e.value.details()
        backend.open_gate("many-%d" % workers)
        for call in calls:
            ends.append(call.result(TIMEOUT))
        env.wait_until(lambda: proxy.gauge("outrigger_calls_in_flight") == 0, what="their end")
        protos.Stub(channels[3]).UnaryCall(SimpleRequest(), timeout=TIMEOUT)
        for channel in channels:
            channel.close()
    assert len(ends) == 3


def test_method_config(backend):
    config = [{"name": [{"service": "grpc.testing.TestService", "method": "UnaryCall"}],
               "timeout": "1s", "maxRequestMessageBytes": 1000}]
    with env.Proxy([backend.address], listener={"methodConfig": config}) as proxy, \
            proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        with pytest.raises(grpc.RpcError) as e:
            stub.UnaryCall(SimpleRequest(payload=payload_of(2000)), timeout=TIMEOUT)
        assert e.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        with pytest.raises(grpc.RpcError) as e:
            stub.UnaryCall(SimpleRequest(), metadata=(("x-test-sleep-ms", "20000"),))
        assert e.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        stub.EmptyCall(Empty(), metadata=(("x-test-sleep-ms", "1500"),), timeout=TIMEOUT)
