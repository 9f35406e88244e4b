# SPDX-License-Identifier: Apache-2.0
"""Files of conf/ about filters, and about TLS: what stands in them is true. The others are in test_examples.py."""
import json

import certs
import env
import jwts
import named
import outside
from examples import Example


class Observe(Example):
    file = "observe.json"

    def prepare(self):
        import collector
        self.collector = collector.Collector()
        self.closers.append(lambda: self.collector.__exit__())
        self.replace = {'"127.0.0.1:50051"': '"%s"' % self.named("app").address,
                        "dns:///otel-collector.obs:4317": self.collector.address}
        self.environment = {"POD_NAME": "pod-7"}

    def check(self):
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        for service in ("shop.Payments", "shop.Ping", "shop.Cart"):
            self.call("/%s/Ask" % service,
                      ("traceparent", "00-%s-00f067aa0ba902b7-01" % trace))
        line = self.proxy.wait_line(json.loads, "out")
        assert (line["service"], line["logged"], line["traceId"]) == (
            "shop.Payments", "sample", trace)
        assert "user-agent" in line["headers"]
        spans = self.collector.wait(4, 20)
        assert {s.name for s in spans} == {"shop.Payments/Ask", "shop.Cart/Ask"}
        assert {s.resource["service.instance.id"] for s in spans} == {"pod-7"}


class RateLimit(Example):
    file = "rate-limit.json"

    def prepare(self):
        self.replace = {'"127.0.0.1:50051"': '"%s"' % self.named("app").address,
                        '"burst": 200': '"burst": 5', '"100/s"': '"5/m"'}

    def passes(self, method, *metadata):
        codes = [named.ask(self.listen, method, metadata, "a.example").code for _ in range(8)]
        assert set(codes) <= {"OK", "RESOURCE_EXHAUSTED"}, codes
        return codes.count("OK")

    def check(self):
        for service in ("shop.Admin/Show", "shop.Reports/Get", "shop.Cart/Get"):
            assert self.call("/" + service, ("x-tenant", "first")).name == "app"
        assert self.passes("/shop.Cart/Get", ("x-tenant", "a")) == 5
        assert self.passes("/shop.Cart/Get", ("x-tenant", "b")) == 5
        assert self.passes("/shop.Reports/Get", ("x-tenant", "a")) == 5
        assert self.passes("/shop.Reports/Sum", ("x-tenant", "a")) == 5
        assert self.passes("/shop.Admin/Show") == 8


class Access(Example):
    file = "access.json"

    def prepare(self):
        self.replace = {'"127.0.0.1:50051"': '"%s"' % self.named("app").address}

    def code(self, method, *metadata):
        return named.ask(self.listen, method, metadata, "a.example").code

    def check(self):
        mobile, batch = ("x-api-key", "mobile-key"), ("x-api-key", "batch-key")
        got = self.call("/shop.Cart/Put", mobile, ("x-tenant", "a"))
        assert got.sent["x-client"] == ["mobile"] and "x-api-key" not in got.sent
        assert self.code("/shop.Cart/Put") == "UNAUTHENTICATED"
        assert self.code("/shop.Cart/Put", mobile) == "PERMISSION_DENIED"
        assert self.code("/shop.Cart/Put", batch) == "PERMISSION_DENIED"
        assert self.code("/shop.Cart/List", batch) == "OK"
        assert self.code("/shop.Admin/Get", batch) == "OK"      # from here


class Fault(Example):
    file = "fault.json"

    def prepare(self):
        self.replace = {'"127.0.0.1:50051"': '"%s"' % self.named("app").address,
                        '"percent": "1%"': '"percent": "50%"'}

    def check(self):
        test = ("x-test", "1"), ("x-outrigger-fault-abort-grpc-request", "8")
        assert named.ask(self.listen, "/shop.Cart/Get", test).code == "RESOURCE_EXHAUSTED"
        assert self.call("/shop.Cart/Get", test[0]).name == "app"
        assert {self.call("/shop.Payment/Pay").name for _ in range(20)} == {"app"}
        codes = [named.ask(self.listen, "/shop.Cart/Get").code for _ in range(30)]
        assert set(codes) == {"OK", "UNAVAILABLE"}
        self.taken.add(2)


class ExtAuthz(Example):
    file = "ext-authz.json"

    def prepare(self):
        self.authz = outside.authz(self.judge)
        self.rls = outside.rls(self.count)
        self.closers += [lambda: self.authz.__exit__(), lambda: self.rls.__exit__()]
        self.replace = {'"127.0.0.1:50051"': '"%s"' % self.named("app").address,
                        '"127.0.0.1:9191"': '"%s"' % self.authz.address,
                        '"127.0.0.1:8081"': '"%s"' % self.rls.address,
                        '"timeout": "200ms"': '"timeout": "%dms"' % (500 * env.SLOW),
                        '"domain": "shop",\n        "desc': '"domain": "shop",\n        "timeout": "%dms",\n        "desc'
                        % (500 * env.SLOW)}

    @staticmethod
    def judge(request, context):
        headers = outside.headers_of(request)
        assert "te" not in headers
        if headers.get("authorization") != "Bearer ann":
            return outside.denied(16, body="who are you?")
        return outside.allowed({"x-user": "ann"})

    @staticmethod
    def count(request, context):
        over = any(e.value == "greedy" for d in request.descriptors for e in d.entries)
        return outside.RateLimitResponse(overall_code=2 if over else 1)

    def check(self):
        token = ("authorization", "Bearer ann")
        assert self.call("/shop.Login/Begin").name == "app"
        stranger = named.ask(self.listen, "/shop.Cart/Get", (), "a.example")
        assert (stranger.code, stranger.text) == ("UNAUTHENTICATED", "who are you?")
        for _ in range(5):
            assert self.call("/shop.Cart/Get", token).sent["x-user"] == ["ann"]
        assert len(self.authz.asked) <= 2 * env.WORKERS + 1      # those without a token, and one of Ann's
        greedy = named.ask(self.listen, "/shop.Cart/Get", (token, ("x-tenant", "greedy")), "a.example")
        assert greedy.code == "RESOURCE_EXHAUSTED"
        asked = self.rls.asked[-1]
        assert [[(e.key, e.value) for e in d.entries] for d in asked.descriptors] == [
            [("tenant", "greedy"), ("method", "Get")], [("generic_key", "all")]]


class Jwt(Example):
    file = "jwt-ratelimit.json"

    def prepare(self):
        self.key = jwts.Key("a")
        (self.tmp / "jwks.json").write_text(jwts.key_set(self.key))
        self.environment = {"KEYS": str(self.tmp)}
        self.replace = {'"127.0.0.1:50051"': '"%s"' % self.named("app").address,
                        '"burst": 200': '"burst": 5', '"100/s"': '"5/m"'}

    def ask(self, method="/shop.Orders/Get", more=(), **claims):
        token = self.key.token(iss="https://id.corp.example", **dict({"scope": "orders"}, **claims))
        return named.ask(self.listen, method, jwts.bearer(token) + more)

    def check(self):
        assert named.ask(self.listen, "/shop.Orders/Get").code == "UNAUTHENTICATED"
        assert self.ask(scope="stock").code == "UNAUTHENTICATED"
        assert self.ask(aud="stock").code == "PERMISSION_DENIED"
        told = self.ask(more=(("x-user", "root"),), sub="joe", realm_access={"roles": ["a", "b"]})
        assert told.sent["x-user"] == ["joe"] and told.sent["x-roles"] == ["a,b"]
        assert "authorization" not in told.sent
        assert self.ask("/shop.Admin/Show", sub="joe").code == "PERMISSION_DENIED"
        assert self.ask("/shop.Admin/Show", sub="ann",
                        realm_access={"roles": ["admin"]}).code == "OK"
        codes = [self.ask(sub="bob").code for _ in range(8)]
        assert codes.count("OK") == 5 and codes[-1] == "RESOURCE_EXHAUSTED", codes
        token = self.key.token(iss="https://id.corp.example", scope="orders", sub="eve")
        assert self.call("/shop.Orders/Get", *jwts.bearer(token)).name == "app"
        with env.open_channel(self.listen) as channel:      # the orchestrator has no token
            assert channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=5)


class Mtls(Example):
    file = "mtls.json"
    listens = None

    def prepare(self):
        ca = self.ca = certs.Authority(self.tmp)
        own = ca.issue("app.shop.example", name="own")
        own.save(str(self.tmp / "tls.crt"), str(self.tmp / "tls.key"))
        certs.write(str(self.tmp / "ca.crt"), ca.pem)
        app = self.named("app", credentials=named.grpc.ssl_server_credentials(
            [(own.key_pem, own.cert_pem)], ca.pem, True))
        self.environment = {"CERTS": str(self.tmp), "LISTEN": self.listen, "BACKEND": app.address}

    def check(self):
        for name in ("spiffe://shop.example/web", "a.clients.shop.example"):
            self.credentials = self.ca.credentials(self.ca.issue(name))
            assert self.call("/any.Service/Get", host="app.shop.example", san=name).name == "app"
        self.credentials = self.ca.credentials(self.ca.issue("spiffe://shop.example/other"))
        assert named.ask(self.listen, "/any.Service/Get", host="app.shop.example", timeout=5,
                         credentials=self.credentials).code == "UNAVAILABLE"
