# SPDX-License-Identifier: Apache-2.0
"""Keys of tokens from a URL whose server is slow, dead, lying, or has other keys now: calls are right or refused, never let through, and their neighbours do not notice."""
import concurrent.futures
import os
import subprocess
import time

import pytest

import certs
import env
import jwts
import named
from test_jwt import reason

READS = 'outrigger_jwks_reads_total{result="%s"}'
NO_CURL = env.DIRECT or "libcurl none" in subprocess.run([env.OUTRIGGER, "-VV"], text=True,
                                                        capture_output=True).stdout
pytestmark = [pytest.mark.proxy_only,
              pytest.mark.skipif(NO_CURL, reason="built without libcurl, or it is not here")]


@pytest.fixture(scope="module")
def app():
    with named.Named("app") as b:
        yield b


@pytest.fixture(scope="module")
def keys():
    return [jwts.Key(kid, "EdDSA") for kid in "abc"]


def jwt_filter(jwks, **more):
    return dict({"type": "jwt", "issuer": jwts.ISSUER, "audiences": "orders", "jwks": jwks,
                 "exceptMethods": ["shop.Open/*"]}, **more)


def open_proxy(app, jwks, **more):
    return env.Proxy([app.address], listener={"filters": [jwt_filter(jwks)]}, **more)


def ask(proxy, token=None, method="/shop.Orders/Get", timeout=10):
    return named.ask(proxy.address, method, jwts.bearer(token) if token else (), timeout=timeout)


def test_keys_rotate_and_no_call_is_refused(app, keys):
    a, b, c = keys
    with jwts.KeyServer(jwts.key_set(a)) as server, open_proxy(app, server.url) as p:
        assert ask(p, a.token()).code == "OK"
        assert len(server.asked) == 1
        server.body = jwts.key_set(a, b)
        assert ask(p, b.token()).code == "OK"          # it waited for the new set
        assert ask(p, a.token()).code == "OK"
        assert len(server.asked) == 2
        # The next new name has to wait 30 s for its fetch; made-up names never make more.
        server.body = jwts.key_set(b, c)
        with p.open_channel() as channel:
            for i in range(300):
                answer = named.Answer(channel, "/shop.Orders/Get",
                                      jwts.bearer(c.token(header={"kid": "made-up-%d" % i})))
                assert reason(answer) == "JWT_UNKNOWN_KEY"
        assert reason(ask(p, c.token())) == "JWT_UNKNOWN_KEY"
        assert len(server.asked) == 2
        assert p.metrics()["outrigger_jwt_waited_total"] >= 1


def test_calls_wait_for_a_slow_first_answer_and_others_do_not(app, keys):
    server = jwts.KeyServer(jwts.key_set(keys[0]))
    server.open.clear()
    with server, concurrent.futures.ThreadPoolExecutor(1) as pool, \
            open_proxy(app, {"from": server.url, "timeout": "60s"}) as p:
        waits = pool.submit(ask, p, keys[0].token(), timeout=30 * env.SLOW)
        env.wait_until(lambda: p.metrics()["outrigger_jwt_waited_total"] == 1, 5, "the call that waits")
        env.wait_until(lambda: server.asked, what="the question for the keys")
        assert ask(p, method="/shop.Open/Get").code == "OK"
        assert reason(ask(p)) == "JWT_MISSING"
        assert reason(ask(p, "x.y.z")) == "JWT_MALFORMED"
        assert not waits.done() and len(server.asked) == 1
        server.open.set()
        assert waits.result().code == "OK"


def test_a_call_that_waits_ends_at_its_deadline(app, keys):
    server = jwts.KeyServer(jwts.key_set(keys[0]))
    server.delay = 30
    with server:
        with open_proxy(app, {"from": server.url, "timeout": "%ds" % (2 * env.SLOW)}) as p:
            assert ask(p, keys[0].token(), timeout=0.3).code == "DEADLINE_EXCEEDED"
            answer = ask(p, keys[0].token(), timeout=10 * env.SLOW)      # until the fetch is given up, which is sooner than its deadline
            assert reason(answer) == "JWT_NO_KEYS" and answer.code == "UNAUTHENTICATED"
            assert ask(p, method="/shop.Open/Get").code == "OK"
            p.wait_line(lambda line: "no complete answer within %d ms" % (2000 * env.SLOW) in line, "err")
            start = time.monotonic()
        assert time.monotonic() - start < 10 * env.SLOW     # and the proxy ends while one is under way


def test_a_dead_server_lets_nobody_through_and_is_asked_again(app, keys):
    address = env.free_address()
    url = "http://%s/jwks.json" % address
    with open_proxy(app, url) as p:
        p.wait_line(lambda line: "keys of tokens cannot be read; calls that need them" in line, "err")
        assert reason(ask(p, keys[0].token())) == "JWT_NO_KEYS"
        assert ask(p, method="/shop.Open/Get").code == "OK"
        with jwts.KeyServer(jwts.key_set(keys[0])) as server:
            pass     # a port of its own: the dead one stays dead
        del server
        env.wait_until(lambda: p.metrics()[READS % "failed"] >= 2, 15, "the second try")


def test_old_keys_stay_when_the_server_lies_and_end_at_max_stale(app, keys):
    a = keys[0]
    with jwts.KeyServer(jwts.key_set(a)) as server:
        jwks = {"from": server.url, "refresh": "1s", "maxStale": "%ds" % (5 * min(env.SLOW, 2))}
        with open_proxy(app, jwks) as p:
            token = a.token()
            assert ask(p, token).code == "OK"
            server.headers = {"location": server.url + "2"}
            for server.status, server.body in ((500, jwts.key_set(keys[1])), (200, "<html>hello</html>"),
                                               (302, jwts.key_set(keys[1]))):
                before = len(server.asked)
                assert ask(p, keys[1].token()).code == "UNAUTHENTICATED"
                assert ask(p, token).code == "OK"
                env.wait_until(lambda: len(server.asked) > before, 5, "another question")
            # No lie was believed, and after maxStale not even the cache is.
            env.wait_until(lambda: ask(p, token).code == "UNAUTHENTICATED", 8, "the end of the keys")
            assert reason(ask(p, token)) == "JWT_OLD_KEYS"
            assert p.gauge("outrigger_jwks_bad") == 1
            server.status, server.body, server.headers = 200, jwts.key_set(a), {}
            env.wait_until(lambda: ask(p, token).code == "OK", 8, "keys again")
            assert p.gauge("outrigger_jwks_bad") == 0
            assert not [line for line in p.lines() if token in line]


def test_redirects_are_not_followed_and_large_answers_not_read(app, keys):
    with jwts.KeyServer(jwts.key_set(keys[0])) as good, jwts.KeyServer("") as server:
        server.status, server.headers = 302, {"location": good.url}
        with open_proxy(app, server.url) as p:
            p.wait_line(lambda line: "redirects are not followed" in line, "err")
            assert reason(ask(p, keys[0].token())) == "JWT_NO_KEYS"
            assert not good.asked
            server.status, server.headers, server.body = 200, {}, jwts.key_set(keys[0]) + " " * 262144
            p.wait_line(lambda line: "larger than 256 KiB" in line, "err", 5)


def test_https_is_verified(app, keys, tmp_path):
    ca, other = certs.Authority(tmp_path), certs.Authority(tmp_path, "other-ca")
    for authority in (ca, other):
        certs.write(str(tmp_path / (authority.name + ".crt")), authority.pem)
    with jwts.KeyServer(jwts.key_set(keys[0]), ca) as server:
        with open_proxy(app, {"from": server.url, "ca": str(tmp_path / (ca.name + ".crt"))}) as p:
            assert ask(p, keys[0].token()).code == "OK"
        with open_proxy(app, {"from": server.url,
                              "ca": str(tmp_path / (other.name + ".crt"))}) as p:
            assert reason(ask(p, keys[0].token())) == "JWT_NO_KEYS"
        wrong = server.url.replace("127.0.0.1", "localhost")      # not in the certificate
        with open_proxy(app, {"from": wrong, "ca": str(tmp_path / (ca.name + ".crt"))}) as p:
            assert reason(ask(p, keys[0].token())) == "JWT_NO_KEYS"


def test_a_reload_keeps_the_keys(app, keys):
    with jwts.KeyServer(jwts.key_set(keys[0])) as server, open_proxy(app, server.url) as p:
        assert ask(p, keys[0].token()).code == "OK"
        server.status = 500          # the server is gone when the config changes
        text = env.json.dumps(dict(p.config, listeners=[dict(
            p.config["listeners"][0],
            filters=[jwt_filter(server.url, claimToHeaders={"x-user": "sub"})])]))
        with open(p._path, "w") as f:
            f.write(text)
        p.proc.send_signal(env.signal.SIGHUP)
        env.wait_until(lambda: ask(p, keys[0].token(sub="joe")).sent.get("x-user") == ["joe"], 5,
                       "the new config")
        assert len(server.asked) == 1


def test_environment_proxies_are_not_used(app, keys, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setitem(os.environ, name, "http://127.0.0.1:1")
    monkeypatch.setitem(os.environ, "no_proxy", "")
    with jwts.KeyServer(jwts.key_set(keys[0])) as server, open_proxy(app, server.url) as p:
        assert ask(p, keys[0].token()).code == "OK"
