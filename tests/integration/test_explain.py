# SPDX-License-Identifier: Apache-2.0
"""outriggerctl explain-call: what it says agrees with where real calls go."""
import collections
import json
import random
import re
import urllib.error
import urllib.parse
import urllib.request

import pytest

import env
import named
import reloads

pytestmark = pytest.mark.proxy_only

SERVICES = ["shop.Cart", "shop.Stock", "shop.v2.Cart", "bank.Pay"]
METHODS = ["Get", "Put"]
HOSTS = ["a.example", "b.example", "x.b.example"]
HEADERS = ["x-version", "x-user", "x-beta"]
VALUES = ["v1", "v2", "12", ""]
CHECK = {"type": "grpc", "interval": "50ms", "unhealthyAfter": 1, "timeout": "%ds" % (5 * env.SLOW)}


@pytest.fixture(scope="module")
def backends():
    made = [named.Named("b%d" % i) for i in range(4)]
    yield made
    for b in made:
        b.server.stop(None).wait(5)


@pytest.fixture(scope="module")
def names(backends):
    return {b.address: b.name for b in backends}


# --- random routes ----------------------------------------------------------------------------


def random_header(rng):
    kind = rng.choice(["exact", "prefix", "contains", "present", "oneOf", "regex", "range"])
    value = {"exact": rng.choice(VALUES[:3]), "prefix": "v", "contains": "1",
             "present": rng.random() < 0.5, "oneOf": ["v1", "12"], "regex": "v[0-9]",
             "range": {"from": 10, "to": 20}}[kind]
    match = {kind: value}
    if kind != "present" and rng.random() < 0.3:
        match["invert"] = True
    return match


def random_match(rng):
    match = {}
    if rng.random() < 0.5:
        match["service"] = rng.choice(SERVICES)
        if rng.random() < 0.5:
            match["method"] = rng.choice(METHODS)
    elif rng.random() < 0.4:
        match["path"] = {"prefix": "/shop." + rng.choice(["", "v2."])}
    if rng.random() < 0.3:
        match["hosts"] = [rng.choice(["a.example", "*.b.example", "b.example"])]
    if rng.random() < 0.6:
        match["headers"] = {rng.choice(HEADERS): random_header(rng)}
    return match if len(match) > 1 else random_match(rng)    # else the first one takes it all


def random_route(rng):
    route = {"match": random_match(rng)}
    kind = rng.random()
    if kind < 0.1:
        route["status"] = {"code": rng.choice(["ABORTED", "NOT_FOUND"])}
    elif kind < 0.5:
        route["to"] = {"pool": "app", "subset": {"version": rng.choice(["v1", "v2", "v9"])}}
    elif kind < 0.8:
        route["to"] = [{"pool": "app", "subset": {"version": v}, "weight": rng.choice([0, 1, 5])}
                       for v in ("v1", "v2")] + [{"pool": "app", "weight": 1}]
        route["splitBy"] = {"header": "x-user"}
    else:
        route["to"] = "app"
    return route


def random_calls(rng, n):
    for _ in range(n):
        metadata = [(h, rng.choice(VALUES)) for h in HEADERS if rng.random() < 0.5]
        yield ("/%s/%s" % (rng.choice(SERVICES), rng.choice(METHODS)), metadata,
               rng.choice(HOSTS))


@pytest.mark.parametrize("seed", range(6))
def test_real_calls_go_where_it_says(backends, names, seed):
    rng = random.Random(seed)
    ends = [{"target": b.address, "labels": {"version": "v%d" % (1 + i % 2)}}
            for i, b in enumerate(backends)]
    sick = backends[seed % 4]
    sick.serving = False
    seen = collections.Counter()
    try:
        with env.Proxy({"app": ends}, routes=[random_route(rng) for _ in range(15)],
                       pool={"healthCheck": CHECK}) as proxy:
            env.wait_until(lambda: proxy.endpoints()[sick.address]["state"] == "unhealthy"
                           and sum(e["usable"] for e in proxy.endpoints().values()) == 3)
            for method, metadata, host in random_calls(rng, 150):
                told = named.explain(proxy.admin, method, metadata, host)
                answer = named.ask(proxy.address, method, metadata, host)
                named.check_agrees(told, answer, names)
                assert answer.name != sick.name
                seen[told["route"]["index"] if told["route"] else "none"] += 1
    finally:
        sick.serving = True
    assert len(seen) > 6, seen


# --- what it says ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def proxy(backends):
    a, b = backends[:2]
    ends = [{"target": a.address, "labels": {"version": "v1"}},
            {"target": b.address, "labels": {"version": "v2"}}]
    routes = [{"name": "beta", "match": {"headers": {"x-beta": "yes"}},
               "to": {"pool": "app", "subset": {"version": "v2"}}},
              {"match": {"service": "shop.Cart", "san": "spiffe://shop/web"}, "to": "app"},
              {"match": {"service": "shop.Cart"}, "timeout": "9s", "splitBy": {"header": "x-user"},
               "to": [{"pool": "app", "subset": {"version": "v1"}, "weight": 80},
                      {"pool": "app", "subset": {"version": "v2"}, "weight": 20}]},
              {"match": {"service": "gone.Away"}, "status": {"code": "NOT_FOUND", "message": "away"}}]
    with env.Proxy({"app": ends}, routes=routes) as p:
        yield p


def ctl(proxy, *words):
    done = reloads.ctl(proxy, "explain-call", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_sticky_choice_is_the_one_of_real_calls(proxy, names):
    sides = collections.Counter()
    for i in range(60):
        user = [("x-user", "u%d" % i)]
        told = named.explain(proxy.admin, "/shop.Cart/Get", user)
        assert told["target"] in (0, 1)
        assert [t["percent"] for t in told["route"]["targets"]] == [80, 20]
        yes = [e["address"] for p in told["pools"] for e in p["endpoints"] if e["mayGet"]]
        assert len(yes) == 1
        assert named.ask(proxy.address, "/shop.Cart/Get", user).name == names[yes[0]]
        sides[told["target"]] += 1
    assert sides[0] > sides[1] > 0


def test_people_read_why(proxy, backends):
    text = ctl(proxy, "--method", "/shop.Cart/Get", "--header", "X-User=ann", "--authority", "h:1")
    assert "/shop.Cart/Get to listener in (%s), config 1\n" % proxy.address in text
    assert "takes routes[2] of 4: pool app with version=v1 (80 %), pool app with version=v2 (20 %)," in text
    assert "this call takes, by header x-user: pool app with version=v" in text
    assert "timeout: 9s\n" in text
    assert 'routes[0] "beta": header x-beta is missing\n' in text
    assert "routes[1]: the client has no verified certificate\n" in text
    assert "  no   %s  its label version is " % backends[0].address in text or \
        "  no   %s  its label version is " % backends[1].address in text
    text = ctl(proxy, "--method", "/shop.Cart/Get", "--san", "spiffe://shop/web")
    assert "takes routes[1] of 4: pool app\n" in text and "2 of 2 endpoints may get the call" in text
    text = ctl(proxy, "--method", "/gone.Away/Get")
    assert "takes routes[3] of 4: answers NOT_FOUND: away\n" in text
    text = ctl(proxy, "--method", "/nobody.Knows/Get")
    assert "no route fits: the call ends with UNIMPLEMENTED\npassed over: 4 routes\n" in text


def test_json_is_the_same_for_scripts(proxy):
    told = json.loads(ctl(proxy, "--method", "/shop.Cart/Get", "--json", "--listener", "in"))
    assert told == named.explain(proxy.admin, "/shop.Cart/Get")
    assert told["version"] == 1 and told["listener"] == "in" and told["target"] is None
    assert told["timeLimitUs"] == 9000000 and told["skipped"] == 2
    assert [s["index"] for s in told["skippedLast"]] == [0, 1]
    told = json.loads(ctl(proxy, "--method", "/nobody.Knows/Get", "--json"))
    assert told["route"] is None and told["answer"] == "UNIMPLEMENTED" and told["pools"] == []


def test_the_routes_of_each_listener(proxy):
    told = reloads.ctl(proxy, "routes")
    assert told.returncode == 0 and told.stdout.startswith(
        "listener in (%s): 4 routes\n" % proxy.address)
    assert '  routes[0] "beta": header x-beta -> pool app with version=v2\n' in told.stdout
    listener = json.loads(reloads.ctl(proxy, "routes", "--json").stdout)["listeners"][0]
    assert [len(r["targets"]) for r in listener["routes"]] == [1, 1, 2, 0]
    assert listener["routes"][2]["targets"][0]["weight"] == 80


def test_the_filters_of_the_call(backends):
    limit = {"type": "rateLimit", "name": "burst", "rate": "5/s"}
    routes = [{"match": {"service": "b.B"}, "to": "app",
               "filters": [dict(limit, rate="9/s"), {"type": "requestId", "off": True}]},
              {"to": "app"}]
    with env.Proxy([backends[0].address], routes=routes, listener={"filters": ["requestId", limit]}) as p:
        text = ctl(p, "--method", "/b.B/Get")
        assert "    requestId: off, says the route\n    burst (rateLimit): with settings of the route\n" in text
        told = [f for f in named.explain(p.admin, "/c.C/Get")["route"]["filters"]
                if f["source"] != "default"]
        assert told == [
            {"name": "requestId", "type": "requestId", "off": False, "source": "listener", "idle": False},
            {"name": "burst", "type": "rateLimit", "off": False, "source": "listener", "idle": False}]
        assert "    filters: [requestId off], burst (rateLimit) with settings of the route\n" in \
            re.sub("filters: .*(?=.requestId off)", "filters: ", reloads.ctl(p, "routes").stdout)
        listener = json.loads(reloads.ctl(p, "routes", "--json").stdout)["listeners"][0]
        assert [f["off"] for f in listener["routes"][0]["filters"] if f["source"] != "default"] == [True, False]
        assert [f["off"] for f in listener["filters"] if f["source"] != "default"] == [False, False]


def test_a_reload_is_seen(backends, names):
    a, b = backends[:2]
    with env.Proxy({"one": [a.address], "two": [b.address]}) as p:
        assert named.explain(p.admin, "/x.Y/Z")["pools"][0]["name"] == "one"
        config = reloads.changed(p)
        config["listeners"][0]["routes"] = [{"to": "two"}]
        reloads.reload(p, config)
        told = named.explain(p.admin, "/x.Y/Z")
        assert told["config"] == 2 and told["pools"][0]["name"] == "two"
        named.check_agrees(told, named.ask(p.address, "/x.Y/Z"), names)


# --- what is wrong -------------------------------------------------------------------------------


def status_of(proxy, query, path="/explain-call", method="GET"):
    request = urllib.request.Request("http://%s%s?%s" % (proxy.admin, path, query), method=method)
    try:
        return 200, env.open_patiently(request)[1].decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


@pytest.mark.parametrize("query", [
    "", "method=", "method=shop", "method=/a.B/C&header=x", "method=/a.B/C&header=%00=1",
    "method=/a.B/C&header=:path=/x", "method=/a.B/C&" + "&".join(["header=a=b"] * 70),
    "method=/a.B/C&authority=a%20b", "method=/a.B/C&unknown=1", "method=/a.B/C%", "x"])
def test_bad_questions_get_a_sentence(proxy, query):
    status, text = status_of(proxy, query)
    assert status == 400 and len(text) > 10 and text.endswith("\n"), (status, text)
    assert status_of(proxy, query, "/explain-call.json")[0] == 400


def test_an_unknown_listener_and_other_methods(proxy):
    status, text = status_of(proxy, "method=/a.B/C&listener=nix")
    assert status == 422 and text == "there is no such listener; there is: in\n"
    assert status_of(proxy, "method=/a.B/C", method="POST")[0] == 405
    assert status_of(proxy, "method=/a.B/" + "a" * 20000)[0] in (400, 413, 414)
    assert proxy.alive and status_of(proxy, "method=/shop.Cart/C")[0] == 200


@pytest.mark.parametrize("words, part", [
    ([], "say which method"),
    (["--method", "nix"], "must look like /pkg.Service/Method"),
    (["--method", "/a.B/C", "--header", "x"], "a header is NAME=VALUE"),
    (["--method", "/a.B/C", "--listener", "b"], "there is: in"),
    (["--method", "/a.B/C", "more"], 'what is "more"'), (["--nix"], "unknown option --nix"),
    (["--method", "/a.B/C", "--header", "x=" + "a" * 9000], "too much")])
def test_outriggerctl_says_what_is_wrong(proxy, words, part):
    done = reloads.ctl(proxy, "explain-call", *words)
    assert done.returncode == 2 and done.stdout == "" and part in done.stderr, done.stderr


def test_several_listeners_must_be_named(backends):
    other = {"name": "other", "listen": env.free_address(), "routes": [{"to": "app"}]}
    with env.Proxy([backends[0].address]) as p:
        config = reloads.changed(p)
        config["listeners"].append(other)
        reloads.reload(p, config)
        status, text = status_of(p, "method=/a.B/C")
        assert status == 422 and text == "which listener is meant; there is: in, other\n"
        assert named.explain(p.admin, "/a.B/C", listener="other")["listener"] == "other"
