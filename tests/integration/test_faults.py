# SPDX-License-Identifier: Apache-2.0
"""The filters fault and headers with real clients."""
import concurrent.futures
import time

import grpc
import pytest

import env
import named

pytestmark = pytest.mark.proxy_only


@pytest.fixture(scope="module")
def app():
    with named.Named("app") as b:
        yield b


def filtered(app, *filters, **kw):
    return env.Proxy([app.address], listener=dict(filters=list(filters)), **kw)


def ask(proxy, method="/shop.Cart/Get", *metadata, **options):
    """(answer, seconds)"""
    begin = time.monotonic()
    answer = named.ask(proxy.address, method, metadata, **options)
    return answer, time.monotonic() - begin


# --- fault ----------------------------------------------------------------------------------

def test_a_delay_and_what_ends_it_early(app):
    # Long enough that a busy machine does not sleep through it: the test looks at what happens meanwhile.
    with filtered(app, {"type": "fault", "delay": {"duration": "2s"}}) as proxy:
        answer, took = ask(proxy)
        assert answer.name == "app" and took >= 2
        before = app.calls
        # The deadline is the client's, not the fault's.
        answer, took = ask(proxy, timeout=0.1)
        assert answer.code == "DEADLINE_EXCEEDED" and took < 1.9 * env.SLOW
        with proxy.open_channel() as channel:
            call = channel.unary_unary("/shop.Cart/Get").future(b"", timeout=10)
            env.wait_until(lambda: proxy.metrics()["outrigger_faults_active"] == 1)
            call.cancel()
            env.wait_until(lambda: proxy.metrics()["outrigger_faults_active"] == 0)
        assert app.calls == before
        # What the client sends meanwhile is not lost.
        with proxy.open_channel() as channel:
            answer = named.Answer(channel, "/shop.Cart/Get", body=b"x" * 300000)
        assert answer.name == "app"


def test_aborts_and_their_texts(app):
    abort = {"code": "RESOURCE_EXHAUSTED", "message": "100 % of the disk"}
    routes = [{"match": {"service": "shop.Ok"}, "to": "app",
               "filters": [{"type": "fault", "abort": {"code": "OK"}}]},
              {"match": {"service": "shop.Off"}, "to": "app",
               "filters": [{"type": "fault", "off": True}]},
              {"to": "app"}]
    with filtered(app, {"type": "fault", "abort": abort}, routes=routes) as proxy:
        before = app.calls
        answer, _ = ask(proxy)
        assert (answer.code, answer.text) == ("RESOURCE_EXHAUSTED", "100 % of the disk")
        assert b"FAULT_ABORT" in answer.trailers["grpc-status-details-bin"]
        with proxy.open_channel() as channel:
            call = channel.unary_stream("/shop.Ok/Get")(b"", timeout=5)
            assert list(call) == [] and call.code() is grpc.StatusCode.OK
        assert app.calls == before
        assert ask(proxy, "/shop.Off/Get")[0].name == "app"
        assert proxy.metrics()['outrigger_faults_total{kind="abort"}'] == 2


def test_a_share_of_the_calls_is_touched(app):
    fault = {"type": "fault", "abort": {"code": "UNAVAILABLE", "percent": "20%"}}
    with filtered(app, fault) as proxy, proxy.open_channel() as channel:
        codes = [named.Answer(channel, "/shop.Cart/Get").code for _ in range(300)]
    assert set(codes) == {"OK", "UNAVAILABLE"}
    assert 25 <= codes.count("UNAVAILABLE") <= 100       # 60


def test_no_more_faults_at_a_time_than_allowed(app):
    fault = {"type": "fault", "delay": {"duration": "500ms"}, "maxActive": 2}
    with filtered(app, fault, workers=2) as proxy, \
            concurrent.futures.ThreadPoolExecutor(8) as pool:
        slow = [took >= 0.5 for answer, took in pool.map(lambda _: ask(proxy), range(8))]
        counted = proxy.metrics()
    delays = counted['outrigger_faults_total{kind="delay"}']
    assert counted["outrigger_faults_over_limit_total"] == 8 - delays
    assert 2 <= delays < 8 and sum(slow) >= 2


def test_faults_by_header_only_when_told(app):
    asked = {"type": "fault", "byHeader": True, "delay": {"max": "200ms"}, "abort": {}}
    deaf = {"type": "fault", "abort": {"code": "ABORTED", "percent": "0%"}}
    grpc_code = ("x-envoy-fault-abort-grpc-request", "8")
    http_code = ("x-envoy-fault-abort-request", "503")
    delay = ("x-outrigger-fault-delay-request", "30000")
    with filtered(app, asked) as proxy:
        assert ask(proxy)[0].name == "app"
        assert ask(proxy, "/shop.Cart/Get", grpc_code)[0].code == "RESOURCE_EXHAUSTED"
        assert ask(proxy, "/shop.Cart/Get", http_code)[0].code == "UNAVAILABLE"
        answer, took = ask(proxy, "/shop.Cart/Get", delay)
        assert answer.name == "app" and 0.2 <= took < 10 and delay[0] not in answer.sent
        none = ("x-envoy-fault-abort-request-percentage", "0")
        answer, _ = ask(proxy, "/shop.Cart/Get", grpc_code, none)
        assert answer.name == "app" and not any("fault" in name for name in answer.sent)
        for bad in ("x", "", "-1", "17", "8 8"):
            answer, _ = ask(proxy, "/shop.Cart/Get", (grpc_code[0], bad))
            assert answer.name == "app" and grpc_code[0] not in answer.sent
    with filtered(app, deaf) as proxy:
        answer, took = ask(proxy, "/shop.Cart/Get", grpc_code, delay)
        assert answer.name == "app" and not any("fault" in name for name in answer.sent)


# --- headers --------------------------------------------------------------------------------

def test_headers_of_request_answer_and_trailers(app):
    edits = {"type": "headers",
             "request": {"set": {"x-via": "%{listener} %{service}/%{method}", "x-id": "%{requestId}"},
                         "add": {"x-from": "%{peer}"}, "remove": ["x-debug"]},
             "response": {"set": {"x-served-by": "%{listener}"}},
             "trailers": {"remove": ["x-internal-cost"], "set": {"x-asked": "%{header:x-q}"}}}
    with filtered(app, "requestId", edits) as proxy, proxy.open_channel() as channel:
        method = channel.unary_unary("/shop.Cart/Get")
        raw, call = method.with_call(b"", timeout=5, metadata=(
            ("x-debug", "1"), ("x-q", "?"), ("x-via", "me"), ("x-from", "me")))
        told = {}
        for key, value in named.json.loads(raw)["metadata"]:
            told.setdefault(key, []).append(value)
        assert told["x-via"] == ["in shop.Cart/Get"] and "x-debug" not in told
        assert told["x-id"] == told["x-request-id"]
        assert told["x-from"][0] == "me" and told["x-from"][1].startswith("127.0.0.1:")
        initial, trailing = dict(call.initial_metadata()), dict(call.trailing_metadata())
        assert initial["x-served-by"] == "in"
        assert trailing["x-asked"] == "?" and "x-internal-cost" not in trailing


def test_an_answer_of_the_proxy_has_the_headers_of_the_answer(app):
    with filtered(app, {"type": "headers", "response": {"set": {"x-served-by": "%{listener}"}}},
                  {"type": "fault", "abort": {"code": "ABORTED"}}) as proxy, \
            proxy.open_channel() as channel:
        with pytest.raises(grpc.RpcError) as error:
            channel.unary_unary("/shop.Cart/Get")(b"", timeout=5)
        told = dict(error.value.initial_metadata()) | dict(error.value.trailing_metadata())
        assert error.value.code() is grpc.StatusCode.ABORTED and told["x-served-by"] == "in"


def test_an_edited_request_may_take_another_route(app):
    with named.Named("vip") as vip:
        edits = {"type": "headers", "rematch": True,
                 "request": {"set": {"x-tier": "%{header:x-user}"}}}
        routes = [{"match": {"headers": {"x-tier": "ann"}}, "to": "vip"}, {"to": "app"}]
        with env.Proxy({"app": [app.address], "vip": [vip.address]}, routes=routes,
                       listener={"filters": [edits]}) as proxy:
            assert ask(proxy, "/shop.Cart/Get", ("x-user", "ann"))[0].name == "vip"
            assert ask(proxy, "/shop.Cart/Get", ("x-user", "bob"))[0].name == "app"
            # The client's own word does not count.
            assert ask(proxy, "/shop.Cart/Get", ("x-tier", "ann"))[0].name == "app"


def test_a_filter_that_cannot_do_its_work_costs_one_call(app, backend):
    edits = {"type": "headers", "request": {"set": {"x-copy": "%{header:x-big}"}}}
    routes = [{"match": {"path": {"prefix": "/shop."}}, "to": "app"}, {"to": "test"}]
    with env.Proxy({"app": [app.address], "test": [backend.address]}, routes=routes,
                   listener={"filters": [edits]}) as proxy, \
            env.Neighbour(proxy.address) as neighbour:
        answer, _ = ask(proxy, "/shop.Cart/Get", ("x-big", "b" * 9000))
        assert answer.code == "INTERNAL" and answer.text.startswith("filter headers ")
        assert b"FILTER_FAILED" in answer.trailers["grpc-status-details-bin"]
        assert ask(proxy, "/shop.Cart/Get", ("x-big", "b"))[0].sent["x-copy"] == ["b"]
        assert proxy.metrics()["outrigger_filters_failed_total"] == 1
        neighbour.wait_more()
