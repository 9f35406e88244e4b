# SPDX-License-Identifier: Apache-2.0
"""extAuthz with an authorization service of grpcio: allowed, denied, and every way in which the service can fail."""
import threading
import time

import grpc
import pytest

import env
import outside
import protos
from outside import allowed, denied
from protos import Empty, StreamingOutputCallRequest, payload_of

pytestmark = pytest.mark.proxy_only
TIMEOUT = 20
TOKEN = (("authorization", "Bearer t"),)


def guarded(backend, service, **settings):
    """A proxy whose calls are judged by the service; those of /grpc.testing.UnimplementedService are not."""
    return env.Proxy({"app": [backend.address], "authz": [service]},
                     routes=[{"match": {"service": "grpc.testing.UnimplementedService"}, "to": "app",
                              "filters": [{"type": "extAuthz", "off": True}]}, {"to": "app"}],
                     listener={"filters": [dict({"type": "extAuthz", "pool": "authz"}, **settings)]})


@pytest.fixture(scope="module")
def service():
    with outside.authz() as s:
        yield s


@pytest.fixture(scope="module")
def proxy(backend, service):
    with guarded(backend, service.address, timeout="10s") as p:
        yield p


@pytest.fixture
def stub(proxy, service):
    service.answer = lambda request, context: allowed()
    service.asked.clear()
    with proxy.open_channel() as channel:
        yield protos.Stub(channel)


def refused(stub, metadata=()):
    with pytest.raises(grpc.RpcError) as e:
        stub.EmptyCall(Empty(), metadata=metadata, timeout=TIMEOUT)
    return e.value


def started(backend, call_id):
    return [e for e in backend.events(call_id) if e["ev"] == "start"]


# --- yes and no -----------------------------------------------------------------------------

def test_allowed_call_has_the_edits_of_the_service(stub, service, backend, proxy):
    service.answer = lambda request, context: allowed(
        {"X-User": "ann", "grpc-timeout": "1n", "host": "evil", ":path": "/evil"}, ["x-token", "te"],
        {"x-policy": "p1"})
    _, call = stub.EmptyCall.with_call(
        Empty(), metadata=(("x-test-id", "yes"), ("x-user", "mallory"), ("x-token", "t"),
                           ("x-list", "a"), ("x-list", "b")), timeout=TIMEOUT)
    got = dict(backend.wait_event("yes", "start")["metadata"])     # its report may come after the answer
    assert got["x-user"] == "ann" and "x-token" not in got
    assert dict(call.initial_metadata())["x-policy"] == "p1"
    attributes = service.asked[0].attributes
    assert attributes.source.address.socket_address.address == "127.0.0.1"
    assert attributes.destination.address.socket_address.port_value == int(proxy.address.split(":")[1])
    http = attributes.request.http
    assert (http.method, http.path, http.protocol) == ("POST", "/grpc.testing.TestService/EmptyCall", "HTTP/2")
    headers = outside.headers_of(service.asked[0])
    assert headers["x-list"] == "a,b" and headers[":path"] == http.path
    assert abs(attributes.request.time.seconds - time.time()) < 60


def test_denied_call_never_reaches_the_backend(stub, service, backend):
    service.answer = lambda request, context: denied(
        7, 401, "log in first", {"WWW-Authenticate": "Bearer"}, [outside.error_info("NO_TOKEN")])
    error = refused(stub, (("x-test-id", "no"),))
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED and error.details() == "log in first"
    both = dict(error.initial_metadata() or ())
    both.update(error.trailing_metadata())
    assert both["www-authenticate"] == "Bearer"
    status = outside.status_of(error)
    assert status.code == 16 and "NO_TOKEN" in outside.reasons(status)
    assert not started(backend, "no")


@pytest.mark.parametrize("code,http,want", [
    (7, 403, "PERMISSION_DENIED"), (7, 0, "PERMISSION_DENIED"), (8, 429, "RESOURCE_EXHAUSTED"),
    (16, 0, "UNAUTHENTICATED"), (7, 503, "UNAVAILABLE"), (99, 0, "PERMISSION_DENIED")])
def test_codes_are_mapped(stub, service, code, http, want):
    service.answer = lambda request, context: denied(code, http)
    assert refused(stub).code() == grpc.StatusCode[want]


def test_body_waits_for_the_answer(stub, service):
    """Messages that come while the service thinks are all passed on, in order, once it said yes."""
    go = threading.Event()
    service.answer = lambda request, context: go.wait(10) and allowed()

    def requests():
        for n in range(50):
            yield StreamingOutputCallRequest(payload=payload_of(b"%d" % n * 500),
                                             response_parameters=[{"size": n + 1}])
            if n == 30:
                env.wait_until(lambda: service.asked)
                go.set()

    sizes = [len(r.payload.body) for r in stub.FullDuplexCall(requests(), timeout=TIMEOUT)]
    assert sizes == list(range(1, 51))


def test_cancel_of_the_client_cancels_the_question(service, backend):
    gone = threading.Event()
    asked = threading.Event()

    def answer(request, context):
        context.add_callback(gone.set)
        asked.set()
        gone.wait(20)
        return allowed()

    service.answer = answer
    # Nothing but the cancel ends this question while the test looks.
    with guarded(backend, service.address, timeout="60s") as proxy, proxy.open_channel() as channel:
        call = protos.Stub(channel).EmptyCall.future(Empty(), timeout=60)
        assert asked.wait(10)
        assert not gone.wait(0.5)
        call.cancel()
        assert gone.wait(8)


# --- a service that fails -------------------------------------------------------------------

LIES = {
    "garbage": lambda request, context: b"\xff\xfe\x00garbage",
    "empty": lambda request, context: b"",
    "huge": lambda request, context: allowed({"x-user": "a" * 70000}),
    "many headers": lambda request, context: allowed({"x-%d" % n: "v" for n in range(300)}),
    "illegal value": lambda request, context: allowed({"x-user": "a\r\nb"}),
    "own error": lambda request, context: context.abort(grpc.StatusCode.INTERNAL, "oops"),
    "unauthenticated itself": lambda request, context: context.abort(grpc.StatusCode.UNAUTHENTICATED, ""),
    "says error": lambda request, context: outside.CheckResponse(
        error_response={"status": {"code": 503}}),
}


@pytest.mark.parametrize("lie", LIES)
def test_lying_service_refuses(stub, service, backend, lie):
    service.answer = LIES[lie]
    error = refused(stub, (("x-test-id", "lie " + lie),))
    assert error.code() == grpc.StatusCode.PERMISSION_DENIED
    assert error.details() == "the authorization service (pool authz) gave no answer"
    assert outside.reasons(outside.status_of(error)) == ["AUTHZ_UNAVAILABLE"]
    assert not started(backend, "lie " + lie)


def test_slow_service_refuses_in_time_and_neighbours_pass(service, backend):
    go = threading.Event()
    service.answer = lambda request, context: go.wait(10) and allowed()
    with guarded(backend, service.address, timeout="%dms" % (300 * env.SLOW)) as proxy, \
            proxy.open_channel() as guarded_channel, proxy.open_channel() as channel:
        try:
            begun = time.monotonic()
            calls = [protos.Stub(guarded_channel).EmptyCall.future(
                Empty(), metadata=(("x-test-id", "slow"),), timeout=TIMEOUT) for _ in range(10)]
            call = channel.unary_unary("/grpc.testing.UnimplementedService/UnimplementedCall")  # the route without the filter
            for _ in range(10):
                with pytest.raises(grpc.RpcError) as e:
                    call(b"", timeout=TIMEOUT)
                assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED
            for c in calls:
                assert c.exception().code() == grpc.StatusCode.PERMISSION_DENIED
            assert 0.25 < time.monotonic() - begun < 3 * env.SLOW
            assert not started(backend, "slow")
        finally:
            go.set()


def test_dead_service_refuses_all_and_may_come_back(backend):
    address = env.free_address()
    with guarded(backend, address, timeout="%dms" % (200 * env.SLOW)) as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        calls = [stub.EmptyCall.future(Empty(), metadata=(("x-test-id", "dead"),), timeout=TIMEOUT)
                 for _ in range(200)]
        codes = {c.exception().code() for c in calls}
        assert codes == {grpc.StatusCode.PERMISSION_DENIED}
        assert not started(backend, "dead")
        proxy.wait_line(lambda line: "authorization service gave no answer" in line, "err")
        metrics = proxy.metrics()
        assert metrics['outrigger_ext_authz_total{result="error"}'] == 200
        assert metrics['outrigger_ext_authz_total{result="allowed"}'] == 0
        with outside.authz(listen=address):
            def passes():
                try:
                    return stub.EmptyCall(Empty(), timeout=TIMEOUT) is not None
                except grpc.RpcError:
                    return False
            env.wait_until(passes)


def test_failure_mode_lets_through(backend):
    with guarded(backend, env.free_address(), failureModeAllow=True, failureModeAllowHeader=True) as proxy, \
            proxy.open_channel() as channel:
        protos.Stub(channel).EmptyCall(Empty(), metadata=(("x-test-id", "open"),), timeout=TIMEOUT)
        got = dict(backend.wait_event("open", "start")["metadata"])
        assert got["x-envoy-auth-failure-mode-allowed"] == "true"
        assert proxy.metrics()['outrigger_ext_authz_total{result="failed_open"}'] == 1


# --- cache ----------------------------------------------------------------------------------

def test_answers_are_kept(backend, service):
    service.answer = lambda request, context: (
        allowed({"x-user": "ann"}) if outside.headers_of(request)["authorization"] == "Bearer t"
        else denied(16))
    service.asked.clear()
    cache = {"key": ["header:authorization", "path"], "ttl": "1m", "deniedTtl": "1m"}
    with guarded(backend, service.address, cache=cache, timeout="10s") as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        stub.EmptyCall(Empty(), metadata=TOKEN, timeout=TIMEOUT)
        first = len(service.asked)
        for n in range(20):
            stub.EmptyCall(Empty(), metadata=TOKEN + (("x-test-id", "kept"),), timeout=TIMEOUT)
            assert refused(stub, (("authorization", "Bearer u"),)).code() == grpc.StatusCode.UNAUTHENTICATED
        assert first == 1 and len(service.asked) == 2
        assert all(dict(e["metadata"])["x-user"] == "ann" for e in started(backend, "kept"))
