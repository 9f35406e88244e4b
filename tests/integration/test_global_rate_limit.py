# SPDX-License-Identifier: Apache-2.0
"""globalRateLimit with a rate limit service of grpcio, and with a real Redis: within and over the limit, and every way in which the two can fail."""
import contextlib
import json
import socket
import subprocess
import threading
import time

import grpc
import pytest

import env
import outside
import protos
import redisd
import reloads
from outside import RateLimitResponse
from protos import Empty

pytestmark = pytest.mark.proxy_only
TIMEOUT = 20
OK, OVER = 1, 2
TENANT = {"key": "tenant", "from": "header:x-tenant"}


def limited(backend, pools=(), **settings):
    settings.setdefault("domain", "edge")
    settings.setdefault("timeout", "%dms" % (1000 * env.SLOW))
    return env.Proxy(dict({"app": [backend.address]}, **dict(pools)),
                     listener={"filters": [dict({"type": "globalRateLimit"}, **settings)]})


def with_service(backend, address, **settings):
    settings.setdefault("descriptors", [{"entries": [TENANT]}])
    return limited(backend, {"rls": [address]}, pool="rls", **settings)


def code_of(stub, tenant="t"):
    try:
        stub.EmptyCall(Empty(), metadata=(("x-tenant", tenant),), timeout=TIMEOUT)
        return grpc.StatusCode.OK
    except grpc.RpcError as e:
        return e.code()


def answer(code, **limit):
    m = RateLimitResponse(overall_code=code)
    if limit:
        status = m.statuses.add(code=code, limit_remaining=limit.get("left", 0))
        status.current_limit.requests_per_unit = limit["per"]
        status.current_limit.unit = 1
        status.duration_until_reset.seconds = limit.get("reset", 1)
    return m


class Counting:
    """Answers as a service that allows so many calls of each tenant."""

    def __init__(self, per):
        self.per, self.seen, self.lock = per, {}, threading.Lock()

    def __call__(self, request, context):
        value = request.descriptors[0].entries[0].value
        with self.lock:
            n = self.seen[value] = self.seen.get(value, 0) + request.hits_addend
        return answer(OK if n <= self.per else OVER, per=self.per, left=max(0, self.per - n), reset=42)


@pytest.fixture(scope="module")
def service():
    with outside.rls(Counting(5)) as s:
        yield s


@pytest.fixture(scope="module")
def proxy(backend, service):
    with with_service(backend, service.address, headers=True, pushback=True) as p:
        yield p


@pytest.fixture
def stub(proxy, service):
    service.answer = Counting(5)
    service.asked.clear()
    with proxy.open_channel() as channel:
        yield protos.Stub(channel)


# --- the service ----------------------------------------------------------------------------

def test_service_counts_and_over_is_refused(stub, service):
    codes = [code_of(stub) for _ in range(8)]
    assert codes == [grpc.StatusCode.OK] * 5 + [grpc.StatusCode.RESOURCE_EXHAUSTED] * 3
    assert code_of(stub, "other") == grpc.StatusCode.OK
    request = service.asked[0]
    assert (request.domain, request.hits_addend) == ("edge", 1)
    assert [(e.key, e.value) for e in request.descriptors[0].entries] == [("tenant", "t")]


def test_refusal_says_when_to_come_back(stub, service):
    service.answer = lambda request, context: answer(OVER, per=5, reset=42)
    with pytest.raises(grpc.RpcError) as e:
        stub.EmptyCall(Empty(), metadata=(("x-tenant", "t"),), timeout=TIMEOUT)
    assert e.value.details() == "over the rate limit of domain edge"
    trailers = dict(e.value.initial_metadata() or ())
    trailers.update(e.value.trailing_metadata())
    assert trailers["grpc-retry-pushback-ms"] == "42000" and trailers["x-envoy-ratelimited"] == "true"
    assert trailers["x-ratelimit-limit"] == "5, 5;w=1" and trailers["x-ratelimit-reset"] == "42"
    status = outside.status_of(e.value)
    assert outside.reasons(status) == ["RATE_LIMITED"]
    assert any(outside.Any.FromString(d).type_url.endswith("google.rpc.RetryInfo") for d in status.details)


def test_call_without_descriptors_is_not_asked_about(stub, service):
    stub.EmptyCall(Empty(), timeout=TIMEOUT)
    assert service.asked == []


LIES = {
    "garbage": lambda request, context: b"\xff\xfegarbage",
    "unknown": lambda request, context: RateLimitResponse(overall_code=0),
    "huge": lambda request, context: b"\x22\x80\x80\x05" + b"x" * 81920,
    "own error": lambda request, context: context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "oops"),
    "slow": lambda request, context: time.sleep(2.0 * env.SLOW) or answer(OVER),
}


@pytest.mark.parametrize("lie", LIES)
def test_failing_service_lets_calls_go_on(stub, service, lie, proxy):
    before = proxy.metrics()['outrigger_global_rate_limit_total{result="failed_open"}']
    service.answer = LIES[lie]
    assert code_of(stub) == grpc.StatusCode.OK
    assert proxy.metrics()['outrigger_global_rate_limit_total{result="failed_open"}'] == before + 1


def test_dead_service_refuses_when_asked_to(backend):
    with with_service(backend, env.free_address(), failureModeDeny=True) as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        assert {code_of(stub) for _ in range(50)} == {grpc.StatusCode.UNAVAILABLE}
        assert proxy.metrics()['outrigger_global_rate_limit_total{result="error"}'] == 50


# --- Redis ----------------------------------------------------------------------------------

needs_redis = pytest.mark.skipif(
    "hiredis none" in subprocess.run([env.OUTRIGGER, "-VV"], capture_output=True, text=True).stdout
    if not env.DIRECT else True, reason="this build has no hiredis")


def with_redis(backend, address, rate="5/m", burst=0, **settings):
    return limited(backend, redis=address, descriptors=[{"entries": [TENANT], "rate": rate, "burst": burst}], **settings)


@needs_redis
def test_redis_keeps_the_limit_by_key(backend):
    with redisd.Redis() as redis, with_redis(backend, redis.address) as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        assert [code_of(stub) for _ in range(7)] == [grpc.StatusCode.OK] * 5 + [grpc.StatusCode.RESOURCE_EXHAUSTED] * 2
        assert code_of(stub, "other") == grpc.StatusCode.OK
        with pytest.raises(grpc.RpcError) as e:
            stub.EmptyCall(Empty(), metadata=(("x-tenant", "t"),), timeout=TIMEOUT)
        assert outside.reasons(outside.status_of(e.value)) == ["RATE_LIMITED"]
        assert sorted(redis.cli("keys", "*").split()) == ["outrigger:edge:5/m:tenant=other", "outrigger:edge:5/m:tenant=t"]
        assert 0 < int(redis.cli("pttl", "outrigger:edge:5/m:tenant=t")) <= 60001
        # another proxy, another connection: the same limit
        with with_redis(backend, redis.address) as second, second.open_channel() as other:
            assert code_of(protos.Stub(other)) == grpc.StatusCode.RESOURCE_EXHAUSTED
        redis.cli("script", "flush")
        assert code_of(stub) in (grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED)
        assert code_of(stub) == grpc.StatusCode.RESOURCE_EXHAUSTED


@needs_redis
def test_two_proxies_share_a_rate_within_three_percent(backend):
    # The burst is what the bucket keeps while a busy machine lets nobody ask: no token is lost within two seconds.
    rate, burst, seconds, patient = 200, 400, 6, {"timeout": "5s"}
    with redisd.Redis() as redis, with_redis(backend, redis.address, "%d/s" % rate, burst, **patient) as one, \
            with_redis(backend, redis.address, "%d/s" % rate, burst, **patient) as two, contextlib.ExitStack() as channels:
        # all are connected, and the bucket is full again
        stubs = [protos.Stub(channels.enter_context(proxy.open_channel())) for proxy in (one, two)]
        for stub in stubs:
            code_of(stub)
        time.sleep(0.1)
        counts = []
        empty = [0]     # when the bucket was last known to be
        begun = time.monotonic()

        def load(stub):
            passed = refused = 0
            while time.monotonic() - begun < seconds:
                calls = [stub.EmptyCall.future(Empty(), metadata=(("x-tenant", "t"),), timeout=TIMEOUT)
                         for _ in range(10)]
                asked = time.monotonic() - begun
                for call in calls:
                    code = call.code()
                    assert code in (grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED)
                    if code != grpc.StatusCode.OK:
                        empty[0] = max(empty[0], asked)
                    passed += code == grpc.StatusCode.OK
                    refused += code != grpc.StatusCode.OK
            counts.append((passed, refused))

        threads = [threading.Thread(target=load, args=(stub,)) for stub in stubs]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        took = time.monotonic() - begun
        passed, refused = (sum(column) for column in zip(*counts))
        least, most = (burst + rate * t for t in (empty[0], took))
        assert refused > 0.1 * passed and empty[0] > 0.9 * seconds, "too little load to say anything: %s" % counts
        assert 0.97 * least <= passed <= 1.03 * most, (passed, least, most)
        for proxy in (one, two):
            assert proxy.metrics()['outrigger_global_rate_limit_total{result="failed_open"}'] == 0


@needs_redis
def test_redis_that_dies_and_comes_back(backend):
    address = env.free_address()
    with redisd.Redis(address) as redis, with_redis(backend, address) as proxy, \
            with_redis(backend, address, failureModeDeny=True) as strict, \
            proxy.open_channel() as channel, strict.open_channel() as other:
        stub, strict_stub = protos.Stub(channel), protos.Stub(other)
        assert code_of(stub) == grpc.StatusCode.OK and code_of(strict_stub) == grpc.StatusCode.OK
        redis.kill()
        assert {code_of(stub) for _ in range(50)} == {grpc.StatusCode.OK}
        assert {code_of(strict_stub) for _ in range(50)} == {grpc.StatusCode.UNAVAILABLE}
        strict.wait_line(lambda line: "connection to Redis failed or broke" in line, "err")
        with redisd.Redis(address):
            env.wait_until(lambda: code_of(strict_stub) == grpc.StatusCode.OK)
            env.wait_until(lambda: code_of(strict_stub) == grpc.StatusCode.RESOURCE_EXHAUSTED)


@needs_redis
def test_password_and_its_absence(backend):
    with redisd.Redis(password="s3cret") as redis:
        with with_redis(backend, {"address": redis.address, "password": "s3cret", "database": 3}) as proxy, \
                proxy.open_channel() as channel:
            assert {code_of(protos.Stub(channel)) for _ in range(8)} == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
        with with_redis(backend, redis.address, failureModeDeny=True) as proxy, proxy.open_channel() as channel:
            assert code_of(protos.Stub(channel)) == grpc.StatusCode.UNAVAILABLE
            proxy.wait_line(lambda line: "NOAUTH" in line, "err")


@needs_redis
def test_what_is_no_redis_harms_nobody(backend):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        said = [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"*99999999\r\n", b"$-7\r\n", b"", b":1\r\n:1\r\n:1\r\n:1\r\n",
                b"$99999999\r\n" + b"x" * 100000]

        def serve():
            while True:
                try:
                    conn, _ = listener.accept()
                except OSError:
                    return
                with conn:
                    conn.recv(65536)
                    conn.sendall(said.pop(0) if said else b"")

        threading.Thread(target=serve, daemon=True).start()
        with with_redis(backend, "127.0.0.1:%d" % listener.getsockname()[1]) as proxy, proxy.open_channel() as channel:
            stub = protos.Stub(channel)

            def all_said():
                assert code_of(stub) == grpc.StatusCode.OK
                return not said
            env.wait_until(all_said, 15)


@needs_redis
def test_connections_follow_reloads(backend):
    """One connection for each worker and filter; what a reload does not change keeps it."""
    with redisd.Redis() as redis, with_redis(backend, redis.address) as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)

        def connections():
            return [line.split()[0] for line in redis.cli("client", "list").splitlines() if "cmd=client" not in line]

        assert code_of(stub) == grpc.StatusCode.OK
        first = connections()
        assert len(first) == 1
        reloads.reload(proxy, reloads.changed(proxy, drain={"delay": "1s", "timeout": "2s"}))
        assert code_of(stub) == grpc.StatusCode.OK
        assert connections() == first
        listeners = json.loads(json.dumps(proxy.config["listeners"]))
        listeners[0]["filters"][0]["descriptors"][0]["rate"] = "7/m"
        reloads.reload(proxy, reloads.changed(proxy, listeners=listeners))
        assert code_of(stub) == grpc.StatusCode.OK
        env.wait_until(lambda: len(connections()) == 1 and connections() != first)
        assert "outrigger:edge:7/m:tenant=t" in redis.cli("keys", "*")
        listeners[0]["filters"] = []
        reloads.reload(proxy, reloads.changed(proxy, listeners=listeners))
        env.wait_until(lambda: connections() == [])
        assert code_of(stub) == grpc.StatusCode.OK
