# SPDX-License-Identifier: Apache-2.0
"""The filters apiKey and rbac with real clients: who comes through, who does not, and what is told to whom."""
import hashlib
import json
import os

import pytest

import certs
import env
import jwts
import named

pytestmark = pytest.mark.proxy_only


def sha256(key):
    return hashlib.sha256(key.encode()).hexdigest()


def put(path, text):
    """In its place at once, as whoever rotates a file should."""
    with open(str(path) + ".new", "w") as f:
        f.write(text)
    os.rename(str(path) + ".new", str(path))


@pytest.fixture(scope="module")
def app():
    with named.Named("app") as b:
        yield b


def guarded(app, *filters, **listener):
    return env.Proxy([app.address], listener=dict(filters=list(filters), **listener))


def ask(proxy, method="/shop.Cart/Get", *metadata, **options):
    return named.ask(proxy.address, method, metadata, **options)


def refused(answer, code, reason):
    assert (answer.name, answer.code) == (None, code), (answer.code, answer.text)
    assert reason.encode() in answer.trailers["grpc-status-details-bin"]
    return answer.text


# --- apiKey ---------------------------------------------------------------------------------

def test_api_keys_of_a_file_that_changes(app, tmp_path):
    path = tmp_path / "keys"
    put(path, "# shop\n%s mobile\n%s batch\n" % (sha256("key-1"), sha256("key-2")))
    with guarded(app, {"type": "apiKey", "file": str(path), "clientHeader": "x-client",
                       "exceptMethods": "grpc.health.v1.Health/*"}) as proxy:
        good = ask(proxy, "/shop.Cart/Get", ("x-api-key", "key-1"), ("x-client", "root"))
        assert good.name == "app"
        assert good.sent["x-client"] == ["mobile"] and "x-api-key" not in good.sent
        before = app.calls
        text = refused(ask(proxy), "UNAUTHENTICATED", "API_KEY_MISSING")
        assert text == "the call has no API key; send it in the header x-api-key"
        for wrong in ("key-3", "", sha256("key-1"), "KEY-1", "x" * 5000):
            refused(ask(proxy, "/shop.Cart/Get", ("x-api-key", wrong)),
                    "UNAUTHENTICATED", "API_KEY_UNKNOWN")
        text = refused(ask(proxy, "/shop.Cart/Get", ("x-api-key", "key-1"),
                           ("x-api-key", "key-1")), "INVALID_ARGUMENT", "HEADER_TWICE")
        assert text == "the header x-api-key may come only once"
        assert app.calls == before
        with proxy.open_channel() as channel:
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            assert check(b"", timeout=5) == b"\x08\x01"

        put(path, "%s mobile\n" % sha256("key-9"))
        env.wait_until(lambda: ask(proxy, "/shop.Cart/Get", ("x-api-key", "key-9")).name)
        assert ask(proxy, "/shop.Cart/Get", ("x-api-key", "key-1")).code == "UNAUTHENTICATED"
        put(path, "%s mobile\nmy-secret batch\n" % sha256("key-1"))
        line = proxy.wait_line(lambda l: "what it said before stays" in l and l, "err")
        assert "line 2: " in line and str(path) in line and "my-secret" not in line
        assert ask(proxy, "/shop.Cart/Get", ("x-api-key", "key-9")).name == "app"
        counted = proxy.metrics()
        assert counted['outrigger_api_keys_total{result="missing"}'] == 1
        assert counted['outrigger_filter_files_total{result="read"}'] == 2
        assert counted['outrigger_filter_files_total{result="refused"}'] == 1
        assert not any("key-" in line for line in proxy.lines())


def test_a_start_without_its_keys_is_refused(app, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({
        "version": 1, "pools": [{"name": "app", "endpoints": [app.address]}],
        "listeners": [{"listen": env.free_address(), "routes": [{"to": "app"}], "filters": [
            {"type": "apiKey", "file": str(tmp_path / "nowhere")}]}]}))
    process = env.Process([env.OUTRIGGER, "-c", str(path)])
    assert process.wait_exit() == 1
    assert any("nowhere: No such file" in line and "E0372" in line for line in process.lines())


# --- rbac -----------------------------------------------------------------------------------

RULES = [
    {"name": "no-admin", "action": "deny", "paths": "shop.Admin/*",
     "not": {"headers": {"x-role": "admin"}}},
    {"name": "mobile", "action": "allow", "clients": "mobile", "source": "127.0.0.0/8"},
    {"name": "open", "action": "allow", "paths": "shop.Open/*"},
]


def test_rules_on_methods_headers_clients_and_addresses(app):
    keys = [{"client": "mobile", "sha256": sha256("m")}, {"client": "batch", "sha256": sha256("b")}]
    with guarded(app, {"type": "apiKey", "keys": keys},
                 {"type": "rbac", "rules": RULES, "audit": "both"}) as proxy:
        m, b = ("x-api-key", "m"), ("x-api-key", "b")
        assert ask(proxy, "/shop.Cart/Get", m).name == "app"
        assert ask(proxy, "/shop.Open/Get", b).name == "app"
        assert ask(proxy, "/shop.Admin/Get", m, ("x-role", "admin")).name == "app"
        before = app.calls
        for bad in (("/shop.Cart/Get", b), ("/shop.Admin/Get", m),
                    ("/shop.Admin/Get", b, ("x-role", "admin")),
                    ("/shop.Admin/Get", m, ("x-role", "Admin")),
                    ("/shop.Admin/Get", m, ("x-role", "")),
                    ("/shop.Admin/Get", m, ("x_role", "admin"))):
            text = refused(ask(proxy, *bad), "PERMISSION_DENIED", "RBAC_DENIED")
            assert text == "this call is not allowed"
        for first, second in (("admin", "admin"), ("admin", "x"), ("x", "admin"), ("", "admin")):
            refused(ask(proxy, "/shop.Admin/Get", m, ("x-role", first), ("x-role", second)),
                    "INVALID_ARGUMENT", "HEADER_TWICE")
        assert app.calls == before
        line = proxy.wait_line(lambda l: "result=denied" in l and "client=batch" in l and l, "err")
        assert "method=/shop.Cart/Get" in line and 'rule=""' in line and "peer=127.0.0.1:" in line
        proxy.wait_line(lambda l: "result=denied" in l and "rule=no-admin" in l, "err")
        proxy.wait_line(lambda l: "result=allowed" in l and "rule=mobile" in l, "err")
        counted = proxy.metrics()
        assert counted['outrigger_rbac_total{result="allowed"}'] == 3
        assert counted['outrigger_rbac_total{result="denied"}'] == 10


def test_no_spelling_of_a_path_gets_around_a_deny_rule(app):
    tricks = [p % s for s in ("shop.Admin/Drop",) for p in (
        "//%s", "/%s/", "/./%s", "/x/../%s", "/%s?x", "/%s#x", "/%s;x", "/%s%%20", "/%%2f%s", "/%s\\",
        "%s", "/%s/..", "/%s.", "/ %s")]
    tricks += ["/shop%2eAdmin/Drop", "/shop.Admin%2fDrop", "/SHOP.Admin/Drop", "/shop.admin/Drop",
               "/shop.Admin/DROP", "/shop.Admin\\Drop", "/shop.Admin//Drop", "/shop.Admin/x/../Drop",
               "/a/shop.Admin/Drop", "http://a/shop.Admin/Drop", "/shop.Admin/Dr%6fp", "/shop.Admin"]
    rules = [{"name": "no", "action": "deny", "paths": ["shop.Admin/Drop"]}]
    with guarded(app, {"type": "rbac", "rules": rules}) as proxy, proxy.open_channel() as channel:
        assert named.Answer(channel, "/shop.Admin/Drop").code == "PERMISSION_DENIED"
        for path in tricks:
            answer = named.Answer(channel, path)
            # Other names are other methods, which the backend does not have; the rest is no path.
            assert answer.name is None or path.count("/") == 2 and path != "/shop.Admin/Drop", path
            assert answer.name is None or set(path) <= set(
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ./"), path


def test_a_certificate_says_who_calls(app, tmp_path):
    ca = certs.Authority(tmp_path)
    server = ca.issue("localhost", name="server")
    web = ca.credentials(ca.issue("spiffe://shop.example/ns/a/web"))
    other = ca.credentials(ca.issue("spiffe://shop.example/ns/b/web"))
    tls = dict(server.conf(), clientCa=ca.file, clientCert="optional")
    rules = [{"name": "web", "action": "allow", "san": {"prefix": "spiffe://shop.example/ns/a/"}},
             {"name": "hello", "action": "allow", "paths": "shop.Hello/*", "certificate": True},
             {"name": "open", "action": "allow", "paths": "shop.Open/*"}]
    with guarded(app, {"type": "rbac", "rules": rules}, tls=tls) as proxy:
        def code(method, credentials):
            return ask(proxy, method, host="localhost", credentials=credentials).code
        assert code("/shop.Cart/Get", web) == "OK"
        assert code("/shop.Cart/Get", other) == "PERMISSION_DENIED"
        assert code("/shop.Hello/Get", other) == "OK"
        assert code("/shop.Hello/Get", ca.credentials()) == "PERMISSION_DENIED"
        assert code("/shop.Open/Get", ca.credentials()) == "OK"
        proxy.wait_line(lambda l: "result=denied" in l and
                        "principal=spiffe://shop.example/ns/b/web" in l, "err")


def test_a_policy_of_grpc_in_a_file_that_changes(app, tmp_path):
    path = tmp_path / "policy.json"
    policy = {"name": "shop",
              "deny_rules": [{"name": "debug", "request": {"paths": ["/shop.Debug/*"]}}],
              "allow_rules": [{"name": "tenants", "request": {
                  "headers": [{"key": "x-tenant", "values": ["a", "b-*"]}]}}]}
    put(path, json.dumps(policy))
    a, c = ("x-tenant", "a"), ("x-tenant", "c")
    with guarded(app, {"type": "rbac", "policyFile": str(path)}) as proxy:
        assert ask(proxy, "/shop.Cart/Get", a).code == "OK"
        assert ask(proxy, "/shop.Cart/Get", ("x-tenant", "b-7")).code == "OK"
        assert ask(proxy, "/shop.Cart/Get", c).code == "PERMISSION_DENIED"
        assert ask(proxy, "/shop.Debug/Get", a).code == "PERMISSION_DENIED"
        proxy.wait_line(lambda l: "policy=shop rule=debug" in l, "err")
        policy["allow_rules"][0]["request"]["headers"][0]["values"] = ["c"]
        put(path, json.dumps(policy))
        env.wait_until(lambda: ask(proxy, "/shop.Cart/Get", c).code == "OK")
        put(path, json.dumps(dict(policy, allow_rule=[])))
        line = proxy.wait_line(lambda l: "what it said before stays" in l and l, "err")
        assert "allow_rule" in line
        assert ask(proxy, "/shop.Cart/Get", c).code == "OK"
        assert ask(proxy, "/shop.Cart/Get", a).code == "PERMISSION_DENIED"


def test_shadow_denies_nothing_and_a_route_has_rules_of_its_own(app):
    deny = [{"name": "all", "action": "deny"}]
    routes = [{"match": {"service": "shop.Closed"}, "to": "app",
               "filters": [{"type": "rbac", "rules": deny}]}, {"to": "app"}]
    shadow = {"type": "rbac", "rules": deny, "shadow": True}
    with env.Proxy([app.address], routes=routes, listener={"filters": [shadow]}) as proxy:
        assert ask(proxy, "/shop.Cart/Get").code == "OK"
        assert ask(proxy, "/shop.Closed/Get").code == "PERMISSION_DENIED"
        proxy.wait_line(lambda l: 'result="would be denied"' in l and "rule=all" in l, "err")
        assert proxy.metrics()['outrigger_rbac_total{result="shadow_denied"}'] == 1


def test_claims_of_a_token_decide_and_are_told(app, tmp_path):
    key = jwts.Key("k1")
    path = tmp_path / "jwks.json"
    path.write_text(jwts.key_set(key))
    jwt = {"type": "jwt", "issuer": jwts.ISSUER, "audiences": ["orders"],
           "jwks": "file:" + str(path)}
    rules = [{"name": "admins", "action": "allow", "claims": {"realm_access.roles": "admin"}},
             {"name": "others", "action": "allow", "paths": "*/Get",
              "not": {"claims": {"email": {"present": False}}}}]
    edits = {"type": "headers", "request": {"set": {"x-user": "%{claim:sub}"}}}
    with guarded(app, jwt, {"type": "rbac", "rules": rules}, edits) as proxy:
        def call(method, **claims):
            return ask(proxy, method, *jwts.bearer(key.token(**claims)), ("x-user", "root"))
        admin = call("/shop.Cart/Put", sub="ann", realm_access={"roles": ["reader", "admin"]})
        assert admin.sent["x-user"] == ["ann"]
        assert call("/shop.Cart/Get", sub="bob", email="b@x").sent["x-user"] == ["bob"]
        assert "x-user" not in call("/shop.Cart/Get", email="b@x").sent
        for bad in (dict(), dict(realm_access={"roles": ["reader"]}), dict(realm_access="admin")):
            assert call("/shop.Cart/Get", **bad).code == "PERMISSION_DENIED"
        assert call("/shop.Cart/Put", email="b@x").code == "PERMISSION_DENIED"
