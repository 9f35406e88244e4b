# SPDX-License-Identifier: Apache-2.0
"""Which route a call takes: conf/version-routing.json with real backends, and each kind of match
through the whole program."""
import collections
import concurrent.futures
import json
import os
import subprocess
import sys
import time

import grpc
import pytest

import certs
import env
import reloads

pytestmark = pytest.mark.proxy_only

TOP = os.path.join(env.HERE, "..", "..")
EXAMPLE = os.path.join(TOP, "conf", "version-routing.json")
TOOL = os.path.join(TOP, "contrib", "try-routing.py")


class Named(grpc.GenericRpcHandler):
    """A backend that answers every call with its name."""

    def __init__(self, name):
        self._handler = grpc.unary_unary_rpc_method_handler(lambda request, context: name.encode())
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        self.server.add_generic_rpc_handlers((self,))
        self.address = env.free_address()
        assert self.server.add_insecure_port(self.address)
        self.server.start()

    def service(self, details):
        return self._handler


@pytest.fixture(scope="module")
def backends():
    made = {name: Named(name) for name in ("v1", "v2")}
    yield {name: b.address for name, b in made.items()}
    for b in made.values():
        b.server.stop(None)


def ask(proxy, method="shop.v1.Cart/Get", metadata=(), host=None, n=1, **options):
    """Counts of the names that answered; a failure counts under its code."""
    if host:
        options["grpc.default_authority"] = host
    seen = collections.Counter()
    with proxy.open_channel(**options) as channel:
        call = channel.unary_unary("/" + method)
        for _ in range(n):
            try:
                seen[call(b"", metadata=metadata, timeout=5).decode()] += 1
            except grpc.RpcError as e:
                seen[e.code().name] += 1
    return dict(seen)


# --- the example ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def example(backends):
    """The shipped file with other ports, as --print-config reads it."""
    text = subprocess.run([env.OUTRIGGER, "-c", EXAMPLE, "--print-config"], check=True,
                          stdout=subprocess.PIPE).stdout
    conf = json.loads(text)
    for endpoint in conf["pools"][0]["endpoints"]:
        endpoint["target"] = backends[endpoint["labels"]["version"]]
    address = env.free_address()
    conf["listeners"][0]["listen"] = address
    top = {"listeners": conf["listeners"], "pools": conf["pools"]}
    with env.Proxy([], top=top, listen=address) as proxy:
        yield proxy


def test_who_asks_for_a_version_gets_it(example):
    assert ask(example, metadata=[("x-version", "v1")], n=20) == {"v1": 20}
    assert ask(example, metadata=[("x-version", "v2")], n=20) == {"v2": 20}
    # The order of the file decides, also against the routes below.
    assert ask(example, "shop.v2.Cart/Get", [("x-version", "v1")], n=5) == {"v1": 5}


def test_the_new_package_is_in_the_new_version(example):
    assert ask(example, "shop.v2.Cart/Get", n=20) == {"v2": 20}
    assert ask(example, "shop.v2.Stock/List", n=5) == {"v2": 5}


def test_the_beta_host_leads_to_the_new_version(example):
    for host in ("beta.example", "BETA.example:8080", "a.b.beta.example:1"):
        assert ask(example, host=host, n=10) == {"v2": 10}


def test_the_canary_gets_one_call_in_ten(example):
    seen = ask(example, n=1000)
    assert sum(seen.values()) == 1000 and set(seen) == {"v1", "v2"}
    assert 50 <= seen["v2"] <= 160     # 100, and more than five times the deviation


def test_the_canary_keeps_the_calls_of_a_user_together(example):
    sides = collections.Counter()
    for i in range(200):
        seen = ask(example, metadata=[("x-user", "user-%d" % i)], n=3)
        assert list(seen.values()) == [3]
        sides.update(seen)
    assert 0 < sides["v2"] < sides["v1"]


def test_an_unknown_version_is_like_none(example):
    seen = ask(example, metadata=[("x-version", "v3"), ("x-user", "ann")], n=5)
    assert list(seen.values()) == [5]


def test_the_tool_of_the_readme_shows_who_answered(example):
    out = subprocess.run([sys.executable, TOOL, "ask", example.address, "shop.v1.Cart/Get", "-n",
                          "3", "-H", "x-version=v2"], check=True, stdout=subprocess.PIPE,
                         timeout=30).stdout.decode()
    assert out == "     3  v2\n"
    address = env.free_address()
    backend = env.Process([sys.executable, TOOL, "serve", address, "v9"])
    try:
        backend.wait_line(lambda line: "v9 answers" in line, "out", 60)
        out = subprocess.run([sys.executable, TOOL, "ask", address, "any.Service/Any"], check=True,
                             stdout=subprocess.PIPE, timeout=30).stdout.decode()
        assert out == "     1  v9\n"
    finally:
        backend.kill()


# --- each kind of match --------------------------------------------------------------------


@pytest.fixture(scope="module")
def matched(backends):
    """Calls that match one of the rows below go to v2, all others to v1."""
    def row(**match):
        return {"match": match, "to": {"pool": "new"}}
    routes = [
        row(headers={"x-exact": "yes"}),
        row(headers={"x-prefix": {"prefix": "beta-"}}),
        row(headers={"x-suffix": {"suffix": "@example.com"}}),
        row(headers={"x-contains": {"contains": "bot", "ignoreCase": True}}),
        row(headers={"x-one": {"oneOf": ["eu", "us"]}}),
        row(headers={"x-range": {"range": {"from": 10, "to": 20}}}),
        row(headers={"x-regex": {"regex": r"v[0-9]+(\..*)?"}}),
        row(headers={"x-present": {"present": True}}),
        row(headers={"x-not": {"exact": "old", "invert": True}}),
        row(headers={"x-key-bin": "AAH/"}),
        row(headers={"x-both-a": "1", "x-both-b": {"present": False}}),
        row(hosts=["shop.example", "*.de.shop.example"]),
        row(service="a.Service", method="Get"),
        row(path={"regex": r"/b\.[A-Z]\w*/(Get|List)"}),
        row(path={"prefix": "/c.v2."}),
        {"match": {"service": "answer.Service"},
         "status": {"code": "PERMISSION_DENIED", "message": "no"}},
        {"to": "old"},
    ]
    pools = {"old": [backends["v1"]], "new": [backends["v2"]]}
    with env.Proxy(pools, routes=routes) as proxy:
        yield proxy


YES = [
    [("x-exact", "yes")],
    [("x-prefix", "beta-7")],
    [("x-suffix", "ann@example.com")],
    [("x-contains", "GoogleBot/1")],
    [("x-one", "us")],
    [("x-range", "10")],
    [("x-range", "19")],
    [("x-regex", "v12.3")],
    [("x-present", "")],
    [("x-not", "new")],
    [("x-key-bin", b"\0\1\xff")],
    [("x-both-a", "1")],
]
NO = [
    [("x-exact", "Yes")],
    [("x-exact", "yes"), ("x-exact", "yes")],  # one header with the value "yes,yes"
    [("x-prefix", "Beta-7")],
    [("x-suffix", "ann@example.com.evil")],
    [("x-contains", "bo-t")],
    [("x-one", "usa")],
    [("x-range", "20")],
    [("x-range", "1e1")],
    [("x-regex", "xv12")],
    [("x-not", "old")],
    [("x-key-bin", b"\0\1")],
    [("x-both-a", "1"), ("x-both-b", "")],
]


@pytest.mark.parametrize("metadata", YES, ids=str)
def test_headers_that_match(matched, metadata):
    assert ask(matched, metadata=metadata) == {"v2": 1}


@pytest.mark.parametrize("metadata", NO, ids=str)
def test_headers_that_do_not_match(matched, metadata):
    assert ask(matched, metadata=metadata) == {"v1": 1}


def test_hosts_by_the_authority_of_the_client(matched):
    for host in ("shop.example", "Shop.Example.:443", "a.de.shop.example"):
        assert ask(matched, host=host) == {"v2": 1}, host
    for host in ("de.shop.example", "shop.example.org", "a.shop.example"):
        assert ask(matched, host=host) == {"v1": 1}, host


def test_paths(matched):
    for method in ("a.Service/Get", "b.Stock/List", "c.v2.Any/Thing"):
        assert ask(matched, method) == {"v2": 1}, method
    for method in ("a.Service/List", "b.Stock/Listen", "b.stock/List", "c.v1.Any/Thing"):
        assert ask(matched, method) == {"v1": 1}, method


def test_a_route_may_answer_itself(matched):
    assert ask(matched, "answer.Service/Any") == {"PERMISSION_DENIED": 1}


def test_names_in_the_certificate_of_the_client(backends, tmp_path):
    ca = certs.Authority(tmp_path)
    server = ca.issue("localhost", "127.0.0.1", name="server")
    tls = {"cert": server.cert, "key": server.key, "clientCa": ca.file, "clientCert": "optional"}
    routes = [{"match": {"san": ["spiffe://shop.test/cart", {"suffix": ".Admin.test"}]}, "to": "new"},
              {"to": "old"}]
    pools = {"old": [backends["v1"]], "new": [backends["v2"]]}
    clients = {"cart": (["spiffe://shop.test/cart"], "v2"),
               "second": (["web.test", "a.admin.test"], "v2"),
               "longer": (["spiffe://shop.test/cart2"], "v1"),
               "other": (["admin.test", "me@x.admin.test.evil"], "v1")}
    with env.Proxy(pools, routes=routes, listener={"tls": tls}) as proxy:
        for name, (sans, want) in clients.items():
            who = ca.credentials(ca.issue(*sans, name=name))
            assert ask(proxy, credentials=who, grpc__ssl_target_name_override="localhost") == \
                {want: 1}, name
        assert ask(proxy, credentials=ca.credentials(),
                   grpc__ssl_target_name_override="localhost") == {"v1": 1}


def test_a_value_that_explodes_costs_little_and_matches_nothing(backends):
    routes = [{"match": {"headers": {"x-a": {"regex": "(a+)+[bc]"}}}, "to": "new"}, {"to": "old"}]
    pools = {"old": [backends["v1"]], "new": [backends["v2"]]}
    with env.Proxy(pools, routes=routes) as proxy:
        assert ask(proxy, metadata=[("x-a", "aab")]) == {"v2": 1}
        assert ask(proxy, metadata=[("x-a", "a" * 6000)], n=50) == {"v1": 50}
        assert proxy.metrics()["outrigger_match_gave_up_total"] == 50


def test_no_route_is_unimplemented(backends):
    routes = [{"match": {"headers": {"x-a": "1"}}, "to": "app"}]
    with env.Proxy([backends["v1"]], routes=routes) as proxy:
        assert ask(proxy, metadata=[("x-a", "1")]) == {"v1": 1}
        assert ask(proxy) == {"UNIMPLEMENTED": 1}


def test_thousands_of_routes(backends):
    """The last of 5,000 is found as well as the first."""
    routes = [{"match": {"headers": {"x-user": "u%d" % i}}, "to": "new" if i % 2 else "old"}
              for i in range(5000)]
    pools = {"old": [backends["v1"]], "new": [backends["v2"]]}
    with env.Proxy(pools, routes=routes) as proxy:
        for i in (0, 1, 2500, 4998, 4999):
            assert ask(proxy, metadata=[("x-user", "u%d" % i)]) == {"v%d" % (1 + i % 2): 1}
        assert ask(proxy, metadata=[("x-user", "u5000")]) == {"UNIMPLEMENTED": 1}
        # A reload must not keep the main thread from accepting and checking for seconds.
        config = reloads.changed(proxy)
        config["listeners"][0]["routes"].reverse()
        begin = time.monotonic()
        reloads.reload(proxy, config)
        assert time.monotonic() - begin < 3 * env.SLOW     # 0.6 on a machine that is busy
