# SPDX-License-Identifier: Apache-2.0
"""One table of all kinds of failures. For each, four voices say the same: what the client is told, what /why says, the
line of the access log, and the counters. Only the operator's voices name addresses."""
import contextlib
import glob
import json
import os
import re
import subprocess
import time
import urllib.request

import pytest

import env
import h2raw
import jwts
import reloads
import richerr

pytestmark = pytest.mark.proxy_only
SOURCES = os.path.join(env.HERE, "..", "..", "src")
CODES = {1: "Canceled", 2: "Unknown", 3: "InvalidArgument", 4: "DeadlineExceeded", 5: "NotFound",
         7: "PermissionDenied", 8: "ResourceExhausted", 10: "Aborted", 12: "Unimplemented", 13: "Internal",
         14: "Unavailable", 16: "Unauthenticated"}
GOOD = h2raw.RESPONSE_FIELDS


# --- backends that do one thing ---------------------------------------------------------------

def answering(make, close=False):
    """A backend that sends make(sid) to each request; it may leave right after."""
    def end(request):
        request.conn.send(make(request.sid))
        return False if close else None
    return lambda conn: h2raw.serve(conn, on_end=end)


BACKENDS = {
    "good": lambda c: h2raw.serve(c, on_end=h2raw.send_ok),
    "silent": lambda c: h2raw.serve(c),
    "reset": answering(lambda sid: h2raw.make_rst(sid, 2)),
    "refusing": answering(lambda sid: h2raw.make_rst(sid, 7)),
    "leaving": answering(lambda sid: h2raw.make_goaway(0), close=True),
    "crashing": answering(lambda sid: h2raw.make_headers(sid, GOOD), close=True),
    "web": answering(lambda sid: h2raw.make_headers(
        sid, [(":status", "502"), ("content-type", "text/html")], end=True)),
    "mute": answering(lambda sid: h2raw.make_headers(sid, GOOD) + h2raw.make_data(sid, end=True)),
    "illegal": answering(lambda sid: h2raw.make_headers(sid, GOOD + [("x-bad", "a\nb")])),
    "greeting": lambda c: h2raw.serve(c, settings={3: 0}),
    "rude": lambda c: h2raw.serve(c, on_end=lambda r: c.send(h2raw.make_frame(0, 0, 0, b"x"))),
    "long": answering(lambda sid: h2raw.make_headers(sid, GOOD + [("x-big", "b" * 20000)])),
    "big": answering(lambda sid: h2raw.make_headers(sid, GOOD) + h2raw.make_data(sid, h2raw.make_message(bytes(2000)))),
    "trailers": answering(lambda sid: h2raw.make_headers(sid, GOOD) + h2raw.make_headers(sid, [("x-a", "b")], end=True)),
    # An authorization service: CheckResponse with a status of PERMISSION_DENIED.
    "judge": answering(lambda sid: h2raw.make_headers(sid, GOOD)
                       + h2raw.make_data(sid, h2raw.make_message(b"\x0a\x02\x08\x07"))
                       + h2raw.make_headers(sid, [("grpc-status", "0")], end=True)),
    "lost": answering(lambda sid: h2raw.make_headers(
        sid, GOOD + [("grpc-status", "5"), ("grpc-message", "no such order %E2%82%AC")], end=True)),
}
KEY = {"client": "mobile", "sha256": "57d419be43e536f6ecfa7f54599e9050db0eca72598b456400601ae346403973"}
SIGNER = jwts.Key("k", "ES256")
RBAC = {"type": "rbac", "rules": [{"name": "secret", "action": "allow", "paths": "no.Body/*"}]}
RETRY = {"maxAttempts": 2, "initialBackoff": "1ms", "maxBackoff": "1ms", "backoffMultiplier": 1,
         "retryableStatusCodes": ["ABORTED"], "perTryTimeout": "150ms"}
# By name; off but for the route that shows it.
FILTERS = {n: dict(f, name=n) for n, f in {
    "key": {"type": "apiKey", "keys": [KEY]}, "rbac": RBAC,
    "rate": {"type": "rateLimit", "rate": "1/h"}, "deadline": {"type": "deadline", "required": True},
    "authz": {"type": "extAuthz", "pool": "judge", "timeout": "5s"}, "authzgone": {"type": "extAuthz", "pool": "gone", "timeout": "5s"},
    "shared": {"type": "globalRateLimit", "pool": "gone", "domain": "d", "timeout": "5s", "failureModeDeny": True,
               "descriptors": [{"entries": [{"key": "tenant", "value": "all"}]}]},
    "perkey": {"type": "rateLimit", "rate": "1/h", "key": ["header:x-tenant"], "missing": "refuse"},
    "messages": {"type": "messageRate", "rate": "1/h", "over": "refuse"},
    "token": {"type": "jwt", "issuer": jwts.ISSUER, "audiences": ["orders"], "jwks": jwts.key_set(SIGNER), "requiredClaims": {"scope": "x"}},
    "concurrency": {"type": "concurrencyLimit", "max": 1},
    "fault": {"type": "fault", "abort": {"code": "ABORTED", "message": "on purpose", "percent": "100%"}},
}.items()}


def route(service, to, on=None, **more):
    if on:
        more["filters"] = [FILTERS[on]]
    return dict({"match": {"service": service}, "to": to}, **more)


ROUTES = ([route("to." + name.title(), name) for name in BACKENDS] + [
    route("late.Greeting", "greeting", timeout="1s"),
    route("limit.Answer", "big", limits={"maxResponseMessageBytes": "1KiB"}),
    route("limit.Waiting", "crowded"),
    route("edit.Much", "good", requestHeaders={"set": {"x-a": "%{header:x-long}" * 30}}),
    route("auth.Outside", "good", "authz"), route("auth.Gone", "good", "authzgone"), route("auth.Token", "good", "token"),
    route("limit.Shared", "good", "shared"), route("limit.PerKey", "good", "perkey"), route("limit.Messages", "good", "messages"),
    {"match": {"service": "by.Route"}, "status": {"code": "PERMISSION_DENIED", "message": "not here"}},
    route("to.Gone", "gone"),
    route("to.Mixed", {"pool": "mixed", "subset": {"version": "v2"}}),
    route("to.Label", {"pool": "good", "subset": {"version": "v9"}}),
    route("to.Late", "silent", timeout="%dms" % (1000 * env.SLOW)),
    route("to.Slow", "silent", retryPolicy=RETRY),
    route("limit.Route", "silent", limits={"maxConcurrentRequests": 1}),
    route("limit.Pool", "narrow"),
    route("limit.Queue", "busy"),
    route("limit.Size", "good", limits={"maxRequestMessageBytes": "10B"}),
    route("auth.Key", "good", "key"), route("auth.Rbac", "good", "rbac"),
    route("limit.Rate", "good", "rate"), route("limit.Calls", "silent", "concurrency"),
    route("need.Deadline", "good", "deadline"), route("by.Fault", "good", "fault"),
])


class Scene:
    def __init__(self, proxy, backends):
        self.proxy, self.backends = proxy, backends

    def address(self, pool):
        first = next(p["endpoints"][0] for p in self.proxy.config["pools"] if p["name"] == pool)
        return first if isinstance(first, str) else first["target"]

    def why(self, **query):
        text = "&".join("%s=%s" % (k, urllib.request.quote(str(v))) for k, v in query.items())
        return json.loads(env.ask_patiently("http://%s/why.json?%s" % (self.proxy.admin, text)))["failed"]

    def line(self, method):
        """The access line of the call."""
        def match(text):
            line = json.loads(text)
            name = "/%s/%s" % (line["service"], line["method"]) if "service" in line else line.get("method")
            return line if name == method else None
        return self.proxy.wait_line(match, "out")


@pytest.fixture(scope="module")
def scene():
    with contextlib.ExitStack() as stack:
        backends = {n: stack.enter_context(h2raw.RawBackend(h)) for n, h in BACKENDS.items()}
        pools = {n: [b.address] for n, b in backends.items()}
        pools["mixed"] = [{"target": env.free_address(), "labels": {"version": "v2"}},
                          {"target": backends["good"].address, "labels": {"version": "v1"}}]
        pools.update(gone=[env.free_address()], narrow=[backends["silent"].address],
                     crowded=[backends["greeting"].address],
                     busy=[backends["silent"].address])
        proxy = env.Proxy(pools, ROUTES, listener={"filters": [dict(f, off=True) for f in FILTERS.values()],
                                    "limits": {"maxHeaderBytes": "4KiB"}},
                          top={"log": {"access": {"always": ["error"]}}}, workers=1)
        for pool in proxy.config["pools"]:
            pool["limits"] = {"narrow": {"maxConcurrentRequests": 1}, "long": {"maxHeaderBytes": "16KiB"}, "busy": {
                "maxRequestsPerEndpoint": 1, "pendingTimeout": "%dms" % (1000 * env.SLOW)}, "crowded": {"maxPendingRequests": 1}}.get(pool["name"], {})
        stack.enter_context(proxy)
        reloads.reload(proxy, proxy.config)
        yield Scene(proxy, backends)


# --- kinds ------------------------------------------------------------------------------------

class Kind:
    """service: where the call goes; its method is its own. code, reason, and what the message must have.
    hold: a call of the same service that does not end stands before it. moved: a counter beside the one by reason.
    pool: whose endpoint the operator sees. The rest: how the request is; data: all of its body."""

    def __init__(self, name, service, code, reason, message, moved=None, pool="", hold=0, body=b"x", http=None, path=None,
                 extra=(), data=None, **fields):
        self.name, self.service, self.code, self.reason = name, service, code, reason
        self.message, self.moved, self.pool, self.hold = message, moved, pool, hold
        self.body, self.http, self.fields, self.extra, self.data = body, http, fields, extra, data
        self.method = path or "/%s/%s" % (service, name.title().replace(" ", ""))


KINDS = [
    Kind("no route", "no.Such", 12, "NO_ROUTE", "no route of listener in matches", "outrigger_no_route_total"),
    Kind("status of the route", "by.Route", 7, "ROUTE_STATUS", "not here", "outrigger_route_status_total"),
    Kind("no endpoint", "to.Label", 14, "NO_ENDPOINT", "pool good: .*version"),
    Kind("connect refused", "to.Gone", 14, "CONNECT_FAILED", "pool gone: .*Connection refused",
         "outrigger_upstream_connect_failures_total", "gone"),
    Kind("connect refused in a subset", "to.Mixed", 14, "CONNECT_FAILED", "pool mixed, subset version=v2: .*Connection refused",
         "outrigger_upstream_connect_failures_total", "mixed"),
    Kind("timeout", "to.Late", 4, "DEADLINE", "the deadline passed while the backend", "outrigger_deadlines_total", "silent"),
    Kind("timeout of the client", "to.Silent", 4, "DEADLINE", "the deadline passed while the backend",
         "outrigger_deadlines_total", "silent", grpc_timeout="500m"),
    Kind("per try timeout", "to.Slow", 4, "TRY_TIMEOUT", "perTryTimeout", pool="silent"),
    Kind("reset", "to.Reset", 13, "UPSTREAM_RESET", "pool reset: it reset the stream with HTTP/2 code 2 .INTERNAL_ERROR.", pool="reset"),
    Kind("refused", "to.Refusing", 14, "UPSTREAM_REFUSED", "pool refusing: .*refused", pool="refusing"),
    Kind("goaway", "to.Leaving", 14, "UPSTREAM_REFUSED", "pool leaving: .*went away", "outrigger_goaway_received_total",
         "leaving"),
    Kind("connection lost", "to.Crashing", 14, "UPSTREAM_LOST", "pool crashing: ", "outrigger_upstream_connections_lost_total",
         "crashing"),
    Kind("not grpc", "to.Web", 14, "NOT_GRPC", "pool web answered HTTP 502", "outrigger_status_synthesized_total", "web"),
    Kind("no status", "to.Mute", 2, "NO_STATUS", "pool mute", "outrigger_status_synthesized_total", "mute"),
    Kind("illegal answer", "to.Illegal", 13, "BAD_RESPONSE", "pool illegal sent an illegal", pool="illegal"),
    Kind("backend says so", "to.Lost", 5, "", "no such order \u20ac", pool="lost"),
    Kind("limit of a route", "limit.Route", 14, "ROUTE_LIMIT", "maxConcurrentRequests", "outrigger_route_limit_total", hold=1),
    Kind("limit of a pool", "limit.Pool", 14, "POOL_LIMIT", "pool narrow: limits.maxConcurrentRequests",
         'outrigger_pool_limit_total{limit="maxConcurrentRequests"}', hold=1),
    Kind("waited too long", "limit.Queue", 14, "QUEUE_FULL", "pool busy: .*limits.pendingTimeout", "outrigger_pending_timeouts_total",
         hold=1),
    Kind("message too large", "limit.Size", 8, "MESSAGE_TOO_LARGE", "maxRequestMessageBytes",
         "outrigger_messages_too_large_total", "good", body=bytes(100)),
    Kind("no key", "auth.Key", 16, "API_KEY_MISSING", "", 'outrigger_api_keys_total{result="missing"}'),
    Kind("unknown key", "auth.Key", 16, "API_KEY_UNKNOWN", "", 'outrigger_api_keys_total{result="unknown"}', x_api_key="guess"),
    Kind("not allowed", "auth.Rbac", 7, "RBAC_DENIED", "", 'outrigger_rbac_total{result="denied"}'),
    Kind("rate", "limit.Rate", 8, "RATE_LIMITED", "", 'outrigger_rate_limit_total{result="refused"}', hold=1),
    Kind("concurrency", "limit.Calls", 14, "CONCURRENCY_LIMIT", "", "outrigger_concurrency_limit_refused_total", hold=1),
    Kind("no deadline", "need.Deadline", 3, "DEADLINE_REQUIRED", "", "outrigger_deadlines_missing_total"),
    Kind("fault", "by.Fault", 10, "FAULT_ABORT", "on purpose", 'outrigger_faults_total{kind="abort"}'),
    Kind("bad timeout", "to.Good", 13, "BAD_REQUEST", "malformed grpc-timeout",
         'outrigger_bad_requests_total{reason="grpc_timeout"}', grpc_timeout="1x"),
    Kind("headers too large", "to.Good", 8, "HEADERS_TOO_LARGE", "maxHeaderBytes",
         'outrigger_bad_requests_total{reason="headers_too_large"}', x_big="b" * 6000),
    Kind("bad path", "", 12, "BAD_REQUEST", "path is not /service/method", 'outrigger_bad_requests_total{reason="path"}', path="/bad"),
    Kind("bad method", "to.Good", 13, "BAD_REQUEST", "method POST", 'outrigger_bad_requests_total{reason="method"}', http="405",
         __method="PUT"),
    Kind("bad scheme", "to.Good", 13, "BAD_REQUEST", ":scheme must be", 'outrigger_bad_requests_total{reason="headers"}',
         __scheme="ftp"),
    Kind("bad authority", "to.Good", 13, "BAD_REQUEST", ":authority is not a host", 'outrigger_bad_requests_total{reason="headers"}',
         __authority="a@b"),
    Kind("bad header", "to.Good", 13, "BAD_REQUEST", "illegal name or value", 'outrigger_bad_requests_total{reason="headers"}',
         x_bad="a\nb"),
    Kind("time was over", "to.Good", 4, "DEADLINE", "had passed when the call arrived", "outrigger_deadlines_total", grpc_timeout="1n"),
    Kind("no time for a stream", "late.Greeting", 4, "DEADLINE", "before a backend got the call; pool greeting: .*MAX_CONCURRENT_STREAMS",
         "outrigger_deadlines_total"),
    Kind("queue is full", "limit.Waiting", 14, "QUEUE_FULL", "limits.maxPendingRequests .1. reached", "outrigger_pending_overflow_total", hold=1),
    Kind("answer too large", "limit.Answer", 8, "MESSAGE_TOO_LARGE", "maxResponseMessageBytes", "outrigger_messages_too_large_total", "big"),
    Kind("headers of the answer", "to.Long", 8, "BAD_RESPONSE", "pool long are too large", pool="long"),
    Kind("broken frames", "to.Rude", 13, "BAD_RESPONSE", "broke the HTTP/2 rules: DATA on stream 0", "outrigger_upstream_connections_lost_total",
         "rude"),
    Kind("trailers say nothing", "to.Trailers", 2, "NO_STATUS", "trailers without a grpc-status", "outrigger_status_synthesized_total",
         "trailers"),
    Kind("edits too long", "edit.Much", 13, "EDIT_FAILED", "requestHeaders of route", "outrigger_header_edits_failed_total", x_long="b" * 3000),
    Kind("two keys", "auth.Key", 3, "HEADER_TWICE", "may come only once|more than once|twice",
         extra=[("x-api-key", "a"), ("x-api-key", "b")]),
    Kind("authorization says no", "auth.Outside", 7, "AUTHZ_DENIED", ""),
    Kind("no authorization", "auth.Gone", 7, "AUTHZ_UNAVAILABLE", "authorization service .pool gone."),
    Kind("no token", "auth.Token", 16, "JWT_MISSING", "needs a token", 'outrigger_jwt_calls_total{result="missing"}'),
    Kind("token lacks a claim", "auth.Token", 16, "JWT_CLAIM_MISSING", "lacks a claim", 'outrigger_jwt_calls_total{result="claim"}',
         extra=jwts.bearer(SIGNER.token())),
    Kind("no word of the rate service", "limit.Shared", 14, "RATE_SERVICE_UNAVAILABLE", ""),
    Kind("no key of the rate", "limit.PerKey", 3, "RATE_KEY_MISSING", "x-tenant"),
    Kind("messages too fast", "limit.Messages", 8, "MESSAGE_RATE", "", pool="good", data=h2raw.make_message(b"a") * 3),
    Kind("bad content type", "to.Good", 3, "BAD_REQUEST", "content-type must be application/grpc",
         'outrigger_bad_requests_total{reason="content_type"}', http="415", content_type="text/html"),
]


def decoded(text):
    return urllib.request.unquote(text or "")


def check_told(kind, got):
    """What the client got. Returns the message."""
    if kind.http:
        assert got.get(":status") == kind.http
        message = got.data.decode()
    else:
        assert got.status == kind.code, (got.blocks, got.rst)
        message = decoded(got.get("grpc-message"))
    assert re.search(kind.message, message), message
    assert "127.0.0.1" not in message, "clients are not told addresses"
    if kind.reason and not kind.http:
        rich = richerr.of({richerr.TRAILER: env.binary(got.get(richerr.TRAILER))})
        assert (rich.reason, rich.code, rich.message) == (kind.reason, kind.code, message)
    return message.rstrip("\n")


def check_why(scene, kind, message, method):
    found = env.wait_until(lambda: scene.why(method=method), what="the record")
    assert len(found) == 1, found
    why = found[0]
    assert (why["method"], why["reason"]) == (method, kind.reason)
    assert why["code"] == CODES[kind.code]
    assert message in why["why"] and why["message"].rstrip("\n") == message
    assert bool(why["advice"]) == bool(kind.reason)
    if kind.pool:
        assert why["endpoint"] == scene.address(kind.pool) and why["pool"]
        assert why["endpoint"] in why["why"]
    else:
        assert why["endpoint"] == ""
    assert 0 <= why["ageMs"] < 30000 and 0 <= why["ms"] < 20000


def check_line(scene, kind, message, method):
    line = scene.line(method)
    assert line["code"] == kind.code and line.get("reason", "") == kind.reason
    assert line.get("message", "").rstrip("\n") == message
    if kind.pool:
        assert line["endpoint"] == scene.address(kind.pool)


def by_reason(kind):
    return 'outrigger_failed_calls_total{reason="%s"}' % (kind.reason or "BACKEND_STATUS")


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_all_voices_agree(scene, kind):
    before = scene.proxy.metrics()
    with h2raw.Client(scene.proxy.address) as client, h2raw.Client(scene.proxy.address) as holder:
        for _ in range(kind.hold):
            first = holder.start_call("/%s/Hold" % kind.service, end=True)
            if kind.name == "rate":
                holder.wait_end(first)
            else:
                holder.ping()
                time.sleep(0.05)    # it is with its backend, or waits
        sid = client.start_call(kind.method, extra=kind.extra, **kind.fields)
        client.send(h2raw.make_data(sid, kind.data or h2raw.make_message(kind.body), end=True))
        got = client.wait_end(sid)
        message = check_told(kind, got)
        check_line(scene, kind, message, kind.method)
        check_why(scene, kind, message, kind.method)
        code = 'outrigger_calls_handled_total{grpc_code="%s"}' % CODES[kind.code]
        env.wait_until(lambda: scene.proxy.metrics()[code] > before[code], what="the count of the code")
        after = scene.proxy.metrics()
        assert after[by_reason(kind)] == before.get(by_reason(kind), 0) + 1
        assert after[code] == before[code] + 1
        if kind.moved:
            assert after[kind.moved] >= before[kind.moved] + 1


def test_a_cancel_says_whose_it_was(scene):
    before = scene.proxy.metrics()
    kind = Kind("cancel", "to.Silent", 1, "CLIENT_CANCEL", "")
    with h2raw.Client(scene.proxy.address) as client:
        sid = client.start_call("/to.Silent/Cancel", end=True)
        client.ping()
        time.sleep(0.05)
        client.send(h2raw.make_rst(sid, 8))
        client.ping()
    line = scene.line("/to.Silent/Cancel")
    assert (line["code"], line["reason"], line["cancelled"]) == (1, "CLIENT_CANCEL", True)
    why, = env.wait_until(lambda: scene.why(method="/to.Silent/Cancel"), what="the record")
    assert why["cancelled"] and why["why"].startswith("the client gave the call up after ")
    assert scene.address("silent") in why["why"]
    after = scene.proxy.metrics()
    assert after[by_reason(kind)] == before.get(by_reason(kind), 0) + 1
    assert after["outrigger_calls_cancelled_total"] == before["outrigger_calls_cancelled_total"] + 1


# --- the page ---------------------------------------------------------------------------------

def test_questions_to_the_page(scene):
    def count(**query):
        return len(scene.why(**query))
    assert count(reason="no_route") == 1
    assert count(code="NotFound") == count(code="NOT_FOUND") == count(code=5) == 1
    assert count(pool="lost") == count(endpoint=scene.address("lost")) == 1
    assert count(n=2) == 2 and count(listener="no such") == 0
    for bad, word in (("code=what", "gRPC code"), ("n=0", "from 1 to 1000"), ("colour=red", "known are"),
                      ("code", "key=value"), ("code=%zz", "%XX"), ("method=" + "a" * 8000, "too long")):
        status, text = reloads.ask(scene.proxy, "GET", "/why?" + bad)
        assert status == 400 and word in text, (bad, text)
    status, text = reloads.ask(scene.proxy, "GET", "/why?reason=NO_ROUTE")
    assert status == 200 and "1 of the last" in text and "NO_ROUTE  /no.Such/NoRoute" in text
    assert "what to do: " in text and "explain-call" in text
    assert "fits" in reloads.ask(scene.proxy, "GET", "/why?method=nobody")[1]


def test_outriggerctl_why(scene):
    def ctl(*args):
        return subprocess.run([os.path.join(os.path.dirname(env.OUTRIGGER), "outriggerctl"), "why", "-a", scene.proxy.admin, *args],
                              capture_output=True, text=True, timeout=20 * env.SLOW, check=False)
    got = ctl("--reason", "NO_ROUTE", "-n", "1")
    assert got.returncode == 0 and "NO_ROUTE  /no.Such/NoRoute" in got.stdout and "what to do" in got.stdout
    assert json.loads(ctl("--json", "--pool", "lost").stdout)["failed"][0]["code"] == "NotFound"
    got = ctl("--code", "loud")
    assert got.returncode == 2 and "gRPC code" in got.stderr and not got.stdout


def test_stats_have_the_last_ones(scene):
    failed = json.loads(env.ask_patiently("http://%s/stats.json" % scene.proxy.admin))["failed"]
    assert 0 < len(failed) <= 20
    assert set(failed[0]) == {"time", "ageMs", "count", "firstAgeMs", "method", "code", "reason", "why", "pool", "endpoint", "ms", "traceId"}
    assert [f["time"] for f in failed] == sorted((f["time"] for f in failed), reverse=True)


def test_calls_of_one_kind_are_told_once(scene):
    """With their number, and the newest of them; also when other filters of the question are set."""
    with h2raw.Client(scene.proxy.address) as client:
        for i in range(1, 1013):
            client.call("/to.Lost/Often", b"x", extra=[("x-n", str(i))])
    env.wait_until(lambda: [f["count"] for f in scene.why(method="/to.Lost/Often")] == [1012], what="the count")
    why, = scene.why(method="/to.Lost/Often", pool="lost", code="NotFound", endpoint=scene.address("lost"), listener="in", n=5)
    assert why["count"] == 1012 and why["firstAgeMs"] >= why["ageMs"] >= 0
    done = reloads.ctl(scene.proxy, "why", "--method", "/to.Lost/Often")
    assert done.returncode == 0 and done.stdout.startswith("1012 of the last ") and "of calls of one kind, the newest" in done.stdout
    assert re.search(r" s ago  x 1,012 in \d+\.\d s  NotFound  /to.Lost/Often\n", done.stdout), done.stdout
    assert [f["count"] for f in json.loads(env.ask_patiently("http://%s/stats.json" % scene.proxy.admin))["failed"] if f["method"] == "/to.Lost/Often"] == [1012]


def test_hostile_texts_stay_text(scene):
    with h2raw.Client(scene.proxy.address) as client:
        client.call("/no.Such/%s" % ("\"<b>%1b[2J" + "z" * 600))
    env.wait_until(lambda: scene.why(method="<b>"), what="the record")
    why, = scene.why(method="<b>")
    assert len(why["method"]) == 255 and why["reason"] == "BAD_REQUEST"


def read(*path):
    with open(os.path.join(SOURCES, *path), encoding="utf-8") as f:
        return f.read()


def words_of_sources():
    """{name in C: word}"""
    defines = re.compile(r'#define (REASON_\w+)\s*(?:\\\n)?\s*"(\w+)"')
    words = dict(defines.findall(read("grpc", "reason.h")))
    for path in glob.glob(os.path.join(SOURCES, "filter", "*.c")):
        text = read(path)
        words.update(defines.findall(text))
        words.update((w, w) for w in re.findall(r'\.reason = "(\w+)"', text))
        words.update((w, w) for w in re.findall(r'\{ "(JWT_\w+)"', text))
    return words


def advices(words):
    """{word: advice} of why_advice.c"""
    rows = re.findall(r'\{ (REASON_\w+|"\w+"),\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\}', read("admin", "why_advice.c"))
    return {words.get(n, n.strip('"')): "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text)).replace('\\"', '"')
            for n, text in rows}


def test_no_word_is_forgotten():
    """Each has an advice, a row of docs/reasons.md that says the same, counters that exist, and a test."""
    words = words_of_sources()
    known = set(words.values())
    assert len(known) > 50 and {"NO_ROUTE", "AUTHZ_DENIED", "JWT_EXPIRED"} <= known
    advice = advices(words)
    assert set(advice) == known, set(advice) ^ known
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \| (.*?) ?\|$", read("..", "docs", "reasons.md"), re.M)
    assert {r[0]: r[3] for r in rows} == advice
    families = read("..", "docs", "metrics.md")
    for row in rows:
        for name in re.findall(r"`(\w+)`", row[4]):
            assert "`%s`" % name in families, (row[0], name)
    # Some need a clock, a full memory or a broken filter: unit tests have those.
    tests = "".join(read(p) for p in glob.glob(os.path.join(env.HERE, "..", "**", "*.[cp]*"), recursive=True)
                    if p.endswith((".c", ".py")))
    provoked = {k.reason for k in KINDS}
    untested = [w for w in known - provoked if not re.search(r'"%s"' % w, tests)]
    assert not untested
    # And the counter by reason has room for all of them, with BACKEND_STATUS and OTHER.
    room = int(re.search(r"FAILED_REASONS_MAX = (\d+)", read("obs", "failed_log.h")).group(1))
    assert len(known) + 2 <= room


def test_the_end_of_a_drain_says_so(scene):
    """The listener goes; a call that does not end is ended. The last test: nobody listens there any more."""
    config = reloads.changed(scene.proxy, drain={"delay": "0s", "timeout": "200ms"})
    config["listeners"][0]["listen"] = env.free_address()
    kind = Kind("drain", "to.Silent", 14, "DRAIN", "taken out of the config")
    with h2raw.Client(scene.proxy.address) as client:
        sid = client.start_call("/to.Silent/Drain", end=True)
        client.ping()
        reloads.reload(scene.proxy, config)
        got = client.wait_end(sid)
    message = check_told(kind, got)
    check_line(scene, kind, message, "/to.Silent/Drain")
    kind.pool = "silent"
    check_why(scene, kind, message, "/to.Silent/Drain")
