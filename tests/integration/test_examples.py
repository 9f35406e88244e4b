# SPDX-License-Identifier: Apache-2.0
"""Every file in conf/ is good, fits the schema, and does what its comments say: it runs with its
ports and targets replaced, and a real call per route gets the promised answer.

An example is a class below, or in examples_filters.py, with its file name in `file`; a file without one fails the test."""
import collections
import json
import os
import re
import subprocess
import sys

import pytest

import env
import examples_filters  # noqa: F401  its classes are found below
import k8s_server
import named
from examples import CONF, TOP, Example, plain_json, read

sys.path.insert(0, os.path.join(TOP, "tests", "unit", "main"))

import test_schema  # noqa: E402

pytestmark = pytest.mark.proxy_only
NOT_A_CONFIG = {"endpoints.json"}      # pools-file.json reads it


class Minimal(Example):
    file = "minimal.json"
    listens = '":8080"'

    def prepare(self):
        self.replace = {'"127.0.0.1:50051"': '"%s"' % self.named("app").address}

    def check(self):
        assert self.call("/any.Service/Method").name == "app"


class MinimalYaml(Minimal):
    file = "minimal.yaml"
    listens = ":8080"


class Full(Example):
    file = "full.json"

    def prepare(self):
        self.replace = {'"127.0.0.1:9901"': '"%s"' % self.admin,
                        '"127.0.0.1:50051"': '"%s"' % self.named("app").address}

    def check(self):
        assert self.call("/any.Service/Method").name == "app"


class Canary(Example):
    file = "canary.json"

    def prepare(self):
        for name, old in (("v1", "50051"), ("v2", "50052"), ("shop", "50061"), ("next", "50062")):
            self.replace['"127.0.0.1:%s"' % old] = '"%s"' % self.named(name).address

    def check(self):
        gone = self.call("/shop.Legacy/Get")
        assert (gone.code, gone.text) == ("UNIMPLEMENTED", "shop.Legacy is gone; use shop.Stock")
        sides = collections.Counter()
        for i in range(200):
            user = ("x-user", "user-%d" % i)
            name = self.call("/shop.Stock/Get", user).name
            assert i % 10 or self.call("/shop.Stock/Put", user).name == name
            sides[name] += 1
        assert 1 <= sides["v2"] <= 30, sides       # 10
        for _ in range(200):
            shop = self.call("/shop.Cart/Get", ("x-debug", "1"))
        assert shop.name == "shop" and shop.sent["x-route"] == ["shop"]
        assert shop.sent["x-forwarded-for"][0].startswith("127.0.0.1")
        assert "x-debug" not in shop.sent and "x-internal-cost" not in shop.trailers
        env.wait_until(lambda: 2 <= self.backends["next"].calls <= 60)     # 20 copies


class VersionRouting(Example):
    file = "version-routing.json"

    def prepare(self):
        for name, old in (("v1", "50051"), ("v2", "50052")):
            self.replace['"127.0.0.1:%s"' % old] = '"%s"' % self.named(name).address

    def check(self):
        assert self.call("/shop.v1.Cart/Get", ("x-version", "v1")).name == "v1"
        assert self.call("/shop.v1.Cart/Get", ("x-version", "v2")).name == "v2"
        assert self.call("/shop.v2.Cart/Get").name == "v2"
        assert self.call("/shop.v1.Cart/Get", host="x.beta.example:8080").name == "v2"
        sides = collections.Counter(self.call("/shop.v1.Cart/Get", ("x-user", "u%d" % i)).name
                                    for i in range(100))
        assert 1 <= sides["v2"] <= 30, sides       # 10


class PoolsHealth(Example):
    file = "pools-health.json"

    def prepare(self):
        for i in (5, 6, 7):
            self.replace['"10.0.0.%d:50051"' % i] = '"%s"' % self.named("b%d" % i).address
        self.replace['"interval": "5s"'] = '"interval": "50ms"'

    def check(self):
        self.wait_usable("shop", 3)
        assert 25 < self.call("/shop.Cart/Get", timeout=100).left <= 30       # grpcTimeoutMax
        seen = {self.call("/shop.Cart/Get").name for _ in range(60)}
        assert seen == {"b5", "b6", "b7"}
        self.backends["b6"].serving = False
        self.wait_usable("shop", 2)
        assert {self.call("/shop.Cart/Get").name for _ in range(40)} == {"b5", "b7"}


class PoolsFile(Example):
    file = "pools-file.json"

    def prepare(self):
        self.environment = {"ZONE": "eu-1a"}
        endpoints, sock = read("endpoints.json"), "unix:%s" % (self.tmp / "g.sock")
        for i in (5, 6, 7):
            endpoints = endpoints.replace("10.0.0.%d:50051" % i, self.named("b%d" % i).address)
        self.named("spare", address=sock)
        endpoints = endpoints.replace("unix:/run/shop/grpc.sock", sock)
        path = str(self.tmp / "endpoints.json")
        with open(path, "w") as f:
            f.write(endpoints)
        self.path = path
        self.replace = {"file:///etc/outrigger/endpoints.json": "file://" + path,
                        '"10.1.0.9:50051"': '"%s"' % self.named("far").address}

    def check(self):
        self.wait_usable("shop", 5)
        assert self.call("/shop.Preview/Get").name == "b7"
        assert {self.call("/shop.Cart/Get").name for _ in range(20)} == {"b6"}     # our zone
        with open(self.path) as f:
            good = f.read()
        with open(self.path + ".new", "w") as f:
            f.write("{")                               # a bad file changes nothing
        os.rename(self.path + ".new", self.path)
        self.proxy.wait_line(lambda line: "endpoints.json" in line and " warn" in line, "err")
        assert self.call("/shop.Cart/Get").name == "b6"
        with open(self.path + ".new", "w") as f:
            f.write(re.sub(r'"127[^"]*"', '"%s"' % env.free_address(), good, count=1))
        os.rename(self.path + ".new", self.path)
        for name in ("b5", "b6", "b7"):
            self.backends[name].server.stop(None).wait(5)
        env.wait_until(lambda: named.ask(self.listen, "/shop.Cart/Get").name in ("far", "spare"))


class PoolsDns(Example):
    file = "pools-dns.json"

    def prepare(self):
        pytest.importorskip("dnslib", reason="install python3-dnslib to run this test")
        from nameserver import A, SRV, NameServer, rr
        port = env.free_port()
        shop, stock = self.named("shop"), self.named("stock")
        for i in (1, 2):
            self.named("s%d" % i, address="127.0.0.%d:%d" % (i, port))
        server = NameServer({
            ("shop.internal", A): [rr("shop.internal", A, "127.0.0.1")],
            ("session.internal", A): [rr("session.internal", A, "127.0.0.%d" % i) for i in (1, 2)],
            ("_grpc._tcp.stock.internal", SRV): [
                rr("_grpc._tcp.stock.internal", SRV,
                   (0, 1, int(stock.address.split(":")[1]), "b.stock.internal"))],
            ("b.stock.internal", A): [rr("b.stock.internal", A, "127.0.0.1")]})
        self.closers.append(server.close)
        dns = '"dns": { "servers": ["%s"] }' % server.address
        self.replace = {
            '"10.0.0.2", "10.0.0.3"': '"%s"' % server.address, "10.0.0.0/8": "127.0.0.0/8",
            "shop.internal:50051": "shop.internal:" + shop.address.split(":")[1],
            "session.internal:50051": "session.internal:%d" % port,
            '"balance": "least_request"': '"balance": "least_request", ' + dns,
            '"balance": { "policy": "ring_hash"': dns + ', "balance": { "policy": "ring_hash"'}

    def check(self):
        for pool, n in (("shop", 1), ("stock", 1), ("session", 2)):
            self.wait_usable(pool, n)
        assert self.call("/shop.Cart/Get").name == "shop"
        stock = self.call("/shop.Stock/Get")
        assert stock.name == "stock" and stock.left <= 2
        seen = set()
        for i in range(40):
            user = ("x-user-id", "u%d" % i)
            names = {self.call("/shop.Session/Get", user).name for _ in range(2)}
            assert len(names) == 1
            seen |= names
        assert seen == {"s1", "s2"}


class Retries(Example):
    file = "retries.json"

    def prepare(self):
        for name, old in (("a", "50051"), ("b", "50052")):
            self.replace['"127.0.0.1:%s"' % old] = '"%s"' % self.named(name).address

    def check(self):
        a, b = self.backends["a"], self.backends["b"]
        for method in ("/shop.Stock/Put", "/shop.Cart/Get"):
            self.call(method)
            a.fails = b.fails = 1
            tried = self.call(method)
            assert tried.code == "OK", tried.text
            assert tried.sent["grpc-previous-rpc-attempts"] == ["2"]
        assert 2 < tried.left <= 5
        a.fails = b.fails = 1
        assert named.ask(self.listen, "/shop.Cart/Put", (), "a.example").code == "UNAVAILABLE"
        a.fails = b.fails = 0
        a.fails = 1
        # Two workers, each with a turn of its own: of three calls one comes to the backend that fails, however they fall.
        found = [self.call("/shop.Search/Find") for _ in range(3)]
        assert [f.code for f in found] == ["OK", "OK", "OK"]
        assert sorted("grpc-previous-rpc-attempts" in f.sent for f in found) == [False, False, True]


class Sidecar(Example):
    file = "sidecar.json"
    listens = '":8080"'

    def prepare(self):
        keys = str(self.tmp)
        k8s_server.make_ca(keys, "ca")
        k8s_server.make_certificate(keys, "api", "ca", "IP:127.0.0.1")
        token = self.tmp / "token"
        token.write_text("secret-1\n")
        apis = []
        for name, port_name in (("shop", "grpc"), ("stock", "other")):
            api = k8s_server.ApiServer(keys, "api", namespace="prod", service=name)
            self.closers.append(api.close)
            port = int(self.named(name).address.split(":")[1])
            api.put(k8s_server.make_slice(name + "-1", [k8s_server.endpoint("127.0.0.1")],
                                          ports=((port_name, port),)))
            apis.append('"k8s": %s' % json.dumps({
                "apiServer": "https://127.0.0.1:%d" % api.port, "tokenFile": str(token),
                "caFile": os.path.join(keys, "ca.crt")}))
        self.out = "unix:%s" % (self.tmp / "out.sock")
        stock = self.backends["stock"].address.split(":")[1]
        self.replace = {
            '"127.0.0.1:50051"': '"%s"' % self.named("cart").address,
            "unix:/run/outrigger/out.sock": self.out,
            '"healthCheck": "grpc"': '"healthCheck": "grpc", ' + apis[0],
            "stock.prod:50051": "stock.prod:" + stock,
            '"balance": { "policy"': apis[1] + ', "balance": { "policy"'}

    def check(self):
        self.wait_usable("shop", 1)
        self.wait_usable("stock", 1)
        inbound, self.listen = self.listen, self.out
        assert self.call("/shop.Cart/Get", listener="out").name == "shop"
        assert self.call("/shop.Stock/Get", listener="out").name == "stock"
        assert self.taken == {0, 1}
        self.taken, self.listen = set(), inbound
        # Whatever others call is for the application.
        assert self.call("/shop.Stock/Get", listener="in").name == "cart"
        lines = self.proxy.lines()
        assert lines and all(json.loads(line) for line in lines)       # log.format


def subclasses(cls):
    return [c for one in cls.__subclasses__() for c in [one] + subclasses(one)]


EXAMPLES = {c.file: c for c in subclasses(Example)}


def config_files():
    return [name for name in sorted(os.listdir(CONF))
            if name.endswith((".json", ".yaml")) and name not in NOT_A_CONFIG]


def test_each_example_has_a_row_here():
    assert set(config_files()) == set(EXAMPLES)
    assert sorted(os.listdir(CONF)) == sorted(set(config_files()) | NOT_A_CONFIG)


@pytest.fixture
def example(request, tmp_path):
    if request.param.endswith(".yaml") and "libyaml" not in subprocess.run(
            [env.OUTRIGGER, "-VV"], capture_output=True, text=True).stdout:
        pytest.skip("this build has no libyaml")
    made = EXAMPLES[request.param](tmp_path)
    try:
        made.prepare()
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("example", config_files(), indirect=True)
def test_it_runs_and_does_what_it_says(example):
    example.run()


@pytest.mark.parametrize("example", config_files(), indirect=True)
def test_it_is_good_and_fits_the_schema(example):
    environment = dict(os.environ, **example.environment)
    path = os.path.join(CONF, example.file)
    done = subprocess.run([env.OUTRIGGER, "--check=strict", "-c", path], env=environment,
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(os.path.join(TOP, "contrib", "outrigger.schema.json"), encoding="utf-8") as f:
        schema = json.load(f)
    printed = subprocess.run([env.OUTRIGGER, "--print-schema"], capture_output=True, check=True)
    assert json.loads(printed.stdout) == schema
    full = subprocess.run([env.OUTRIGGER, "--print-config", "-c", path], env=environment,
                          capture_output=True, check=True).stdout
    assert test_schema.faults(schema, json.loads(full)) == []
    if example.file.endswith(".json"):      # as an editor sees it
        assert test_schema.faults(schema, plain_json(read(example.file))) == []


def test_the_checker_of_the_schema_finds_faults():
    with open(os.path.join(TOP, "contrib", "outrigger.schema.json"), encoding="utf-8") as f:
        schema = json.load(f)
    bad = plain_json(read("minimal.json"))
    bad["listeners"][0]["lissten"] = 1
    assert test_schema.faults(schema, bad)
