# SPDX-License-Identifier: Apache-2.0
"""Chains of filters with real clients: their order, what routes change, what a reload keeps, and
what clients are told by answers that no backend made. `headers` leaves a mark on what it sees."""
import grpc
import pytest

import env
import h2raw
import named
import reloads
import richerr

pytestmark = pytest.mark.proxy_only
LIMIT = {"type": "rateLimit", "rate": "3/h"}


@pytest.fixture(scope="module")
def app():
    with named.Named("app") as b:
        yield b


def mark(name, value=None, block="request", **more):
    return dict({"type": "headers", "name": name, block: {"add": {"x-by": value or name}}}, **more)


def filtered(app, *filters, routes=None, **kw):
    return env.Proxy([app.address], routes=routes,
                     listener=dict({"filters": list(filters)}, **kw))


def filters_of(proxy, filters, routes=None):
    """The config of the proxy with these filters instead."""
    config = reloads.changed(proxy)
    config["listeners"][0]["filters"] = filters
    if routes:
        config["listeners"][0]["routes"] = routes
    return config


def passed(proxy, calls=10, method="/shop.Cart/Get", **metadata):
    """How many of so many calls came to the backend. All others ran into a limit."""
    answers = [named.ask(proxy.address, method, [(k.replace("_", "-"), v) for k, v in metadata.items()])
               for _ in range(calls)]
    assert {a.code for a in answers} <= {"OK", "RESOURCE_EXHAUSTED"}
    return sum(a.code == "OK" for a in answers)


# --- order ------------------------------------------------------------------------------------


def test_requests_go_down_the_list(app):
    with filtered(app, mark("a"), mark("b"), mark("c")) as proxy:
        assert named.ask(proxy.address, "/x.Y/Z").sent["x-by"] == ["a", "b", "c"]
        reloads.reload(proxy, filters_of(proxy, [mark("c"), mark("a"), mark("b")]))
        assert named.ask(proxy.address, "/x.Y/Z").sent["x-by"] == ["c", "a", "b"]


def test_answers_go_up_the_list(app):
    last = [dict(mark(n), trailers={"set": {"x-last": n}}, request={}) for n in "abc"]
    with filtered(app, *last) as proxy:
        assert named.ask(proxy.address, "/x.Y/Z").trailers["x-last"] == "a"
        reloads.reload(proxy, filters_of(proxy, last[1:] + last[:1]))
        assert named.ask(proxy.address, "/x.Y/Z").trailers["x-last"] == "b"


def test_a_filter_sees_what_those_before_it_made_of_the_call(app):
    one_tenant = {"type": "headers", "request": {"set": {"x-tenant": "all"}}}
    by_tenant = dict(LIMIT, key="header:x-tenant")
    with filtered(app, one_tenant, by_tenant) as proxy:
        assert [passed(proxy, 2, x_tenant=t) for t in "abc"] == [2, 1, 0]
        reloads.reload(proxy, filters_of(proxy, [dict(by_tenant, rate="2/h"), one_tenant]))
        assert [passed(proxy, 2, x_tenant=t) for t in "abc"] == [2, 2, 2]


# --- listener and route -------------------------------------------------------------------------


def test_one_kind_twice_by_name_and_routes_that_change_one(app):
    routes = [{"match": {"service": "no.First"}, "to": "app",
               "filters": [{"type": "headers", "name": "first", "off": True}]},
              {"match": {"service": "own.First"}, "to": "app", "filters": [mark("first", "mine")]},
              {"match": {"service": "with.Spare"}, "to": "app", "filters": [mark("spare", "here")]},
              {"to": "app"}]
    with filtered(app, mark("first"), mark("spare", off=True), mark("second"), routes=routes) as proxy:
        def seen(service):
            return named.ask(proxy.address, "/%s/Get" % service).sent.get("x-by")
        assert seen("any.Other") == ["first", "second"]
        assert seen("no.First") == ["second"]
        assert seen("own.First") == ["mine", "second"]
        assert seen("with.Spare") == ["first", "here", "second"]     # in its place
        assert seen("any.Other") == ["first", "second"]


def test_names_and_types_that_are_not_there_change_nothing(app):
    with filtered(app, mark("first"), LIMIT) as proxy:
        def refused(filters, own=None):
            return reloads.reload(proxy, filters_of(
                proxy, filters, [dict({"to": "app"}, **({"filters": own} if own else {}))]), 422)
        text = refused([mark("first")], [mark("frist")])
        assert "E0303" in text and 'called "first"' in text
        text = refused([LIMIT], [{"type": "rateLimit", "name": "rateLimt", "rate": "1/s"}])
        assert "E0303" in text and "rateLimit" in text
        assert "E0304" in refused([mark("first")], [dict(LIMIT, name="first")])
        assert "E0301" in refused([mark("first"), mark("first")])
        text = refused(["rateLimt"])
        assert "rateLimit" in text
        assert named.ask(proxy.address, "/x.Y/Z").sent["x-by"] == ["first"]


# --- reload -----------------------------------------------------------------------------------


def test_a_bucket_stays_empty_over_a_reload_and_a_new_rate_has_a_new_one(app):
    other = {"match": {"service": "shop.Stock"}, "to": "app"}
    with filtered(app, LIMIT, routes=[other, {"to": "app"}]) as proxy:
        assert passed(proxy) == 3
        for changed in ([mark("new"), LIMIT], [LIMIT, mark("new")]):
            reloads.reload(proxy, filters_of(
                proxy, changed, [dict(other, timeout="9s"), dict(other, match={"service": "a.B"}),
                                 {"to": "app"}]))
            assert passed(proxy) == 0
        reloads.reload(proxy, filters_of(proxy, [dict(LIMIT, rate="5/h")]))
        assert passed(proxy) == 5
        reloads.reload(proxy, filters_of(proxy, []))
        assert passed(proxy) == 10
        reloads.reload(proxy, filters_of(proxy, [LIMIT]))     # it was gone: this is another one
        assert passed(proxy) == 3


def test_a_route_with_its_own_rate_keeps_its_bucket_too(app):
    routes = [{"name": "paid", "match": {"service": "shop.Cart"}, "to": "app",
               "filters": [dict(LIMIT, rate="4/h")]}, {"to": "app"}]
    with filtered(app, LIMIT, routes=routes) as proxy:
        assert passed(proxy) == 4 and passed(proxy, method="/a.B/C") == 3
        reloads.reload(proxy, filters_of(proxy, [LIMIT], [dict(routes[0], timeout="9s"), routes[1]]))
        assert passed(proxy) == 0 and passed(proxy, method="/a.B/C") == 0


# --- answers without messages -------------------------------------------------------------------


def answer_of(blocks, edits):
    """What a raw client gets when the backend sends these header blocks and nothing else."""
    def send(request):
        request.conn.send(b"".join(h2raw.make_headers(request.sid, b, b is blocks[-1])
                                   for b in blocks))
    with h2raw.RawBackend(lambda c: h2raw.serve(c, on_end=send)) as backend, \
            env.Proxy([backend.address], listener={"filters": [edits, "requestId"]}) as proxy, \
            h2raw.Client(proxy.address) as client:
        return client.call("/s.S/m", b"x")


@pytest.mark.parametrize("blocks, sizes", [
    ([h2raw.RESPONSE_FIELDS + [("grpc-status", "5"), ("x-gone", "1")]], (1, 1)),
    ([h2raw.RESPONSE_FIELDS + [("x-gone", "1")], [("grpc-status", "5"), ("x-gone", "1")]], (2, 1))])
def test_an_answer_of_headers_only_passes_the_filters_once(blocks, sizes):
    edits = {"type": "headers", "response": {"add": {"x-head": "1"}, "remove": ["x-gone"]},
             "trailers": {"add": {"x-trail": "1"}, "remove": ["x-gone"]}}
    got = answer_of(blocks, edits)
    assert got.status == 5 and (len(got.blocks), got.ended) == (sizes[0], True)
    assert got.trailers_only == (sizes[0] == 1)
    assert got.get_all("x-head") == ["1"] and got.get_all("x-trail") == ["1"]
    assert ("x-head", "1") in got.blocks[0] and ("x-trail", "1") in got.blocks[-1]
    assert not got.get_all("x-gone") and len(got.get_all("x-request-id")) == 1


def test_what_the_proxy_answers_itself_carries_the_id(app):
    routes = [{"match": {"service": "own.Status"}, "status": {"code": "ABORTED"}},
              {"match": {"service": "too.Late"}, "to": "silent", "timeout": "200ms"},
              {"match": {"service": "no.Backend"}, "to": "dead"}, {"to": "app"}]
    with h2raw.RawBackend(h2raw.serve) as silent, \
            env.Proxy({"app": [app.address], "silent": [silent.address],
                       "dead": [env.free_address()]}, routes=routes,
                      listener={"filters": ["requestId", dict(LIMIT, key="service", rate="1/h")]}
                      ) as proxy, h2raw.Client(proxy.address) as client:
        ids = set()
        for service, status in (("own.Status", 10), ("too.Late", 4), ("no.Backend", 14),
                                ("any.Other", 0), ("any.Other", 8)):
            got = client.call("/%s/Get" % service, b"x")
            assert got.status == status and len(got.get_all("x-request-id")) == 1, got.blocks
            ids.add(got.get("x-request-id"))
        assert len(ids) == 5
        # Nobody asked the filters for a call that no route takes, or that is none.
        got = client.call("/nix", b"x")
        assert got.status == 12 and not got.get_all("x-request-id")


# --- what clients are told ----------------------------------------------------------------------


@pytest.mark.parametrize("knob", ["off", "short", "full"])
def test_rich_errors_as_a_client_reads_them(app, knob):
    routes = [{"name": "dead", "match": {"service": "no.Backend"}, "to": "dead"},
              {"match": {"service": "shop.Cart"}, "to": "app"}]
    dead = env.free_address()
    with env.Proxy({"app": [app.address], "dead": [dead]}, routes=routes,
                   listener={"errorDetails": knob, "filters": [dict(LIMIT, key="service", rate="3/m")]}) as proxy:
        def rich(method, code):
            answer = named.ask(proxy.address, method)
            assert answer.code == code.name
            got = richerr.of(answer.trailers)
            assert (got is None) == (knob == "off")
            assert dead not in answer.text      # the text is for everybody
            if got:
                assert got.code == code.value[0] and got.message == answer.text
                assert got.domain == "outrigger"
            return got
        limited = [named.ask(proxy.address, "/shop.Cart/Get").code for _ in range(3)]
        assert limited == ["OK"] * 3
        limited = rich("/shop.Cart/Get", grpc.StatusCode.RESOURCE_EXHAUSTED)
        lost = rich("/no.Backend/Get", grpc.StatusCode.UNAVAILABLE)
        unknown = rich("/no.Route/Get", grpc.StatusCode.UNIMPLEMENTED)
    if knob == "off":
        return
    assert limited.reason == "RATE_LIMITED" and 0 < limited.retry_s <= 20
    assert limited.quota == ["listener in, key service"]
    assert lost.reason == "CONNECT_FAILED" and lost.quota is None
    assert unknown.reason == "NO_ROUTE" and unknown.retry_s is None
    if knob == "short":
        assert not (limited.metadata or lost.metadata or unknown.metadata)
    else:
        assert limited.metadata["listener"] == "in" and limited.metadata["route"] == "routes[1]"
        assert lost.metadata == {"listener": "in", "route": "dead", "pool": "dead", "backend": dead}
        assert unknown.metadata == {"listener": "in"}
