# SPDX-License-Identifier: Apache-2.0
"""The filter jwt with real clients: who comes through, who does not and why, what the backend gets, and keys in a file that change."""
import time

import grpc
import pytest

import env
import jwts
import named
import protos

pytestmark = pytest.mark.proxy_only
CALLS = 'outrigger_jwt_calls_total{result="%s"}'


def reason(answer):
    """The ErrorInfo of an answer of ours."""
    details = answer.trailers.get("grpc-status-details-bin", b"")
    assert b"google.rpc.ErrorInfo" in details, answer.trailers
    at = details.index(b"JWT_")
    return details[at:details.index(b"\x12", at)].decode()


@pytest.fixture(scope="module")
def backend_named():
    with named.Named("app") as b:
        yield b


@pytest.fixture(scope="module")
def keys():
    return {alg: jwts.Key(alg.lower(), alg) for alg in ("RS256", "PS256", "ES256", "EdDSA")}


@pytest.fixture(scope="module")
def key_file(tmp_path_factory, keys):
    path = tmp_path_factory.mktemp("keys") / "jwks.json"
    path.write_text(jwts.key_set(*keys.values()))
    return path


@pytest.fixture(scope="module")
def guarded(backend_named, key_file):
    jwt = {"type": "jwt", "issuer": jwts.ISSUER, "audiences": ["orders"],
           "jwks": "file:%s" % key_file, "exceptMethods": ["grpc.health.v1.Health/*"],
           "claimToHeaders": {"x-user": "sub", "x-roles": "realm_access.roles"},
           "payloadHeader": "x-claims"}
    with env.Proxy([backend_named.address], listener={"filters": [jwt]}) as p:
        yield p


def ask(proxy, metadata=(), method="/shop.Orders/Get"):
    return named.ask(proxy.address, method, metadata)


def test_tokens_of_each_algorithm_come_through(guarded, keys):
    for key in keys.values():
        for _ in range(2):
            answer = ask(guarded, jwts.bearer(key.token(sub="joe")))
            assert answer.code == "OK", (key.alg, answer.text)
            assert "authorization" not in answer.sent
            assert answer.sent["x-user"] == ["joe"]


def test_the_backend_gets_claims_that_clients_cannot_make_up(guarded, keys):
    token = keys["EdDSA"].token(sub="joe", realm_access={"roles": ["user", "buyer"]})
    answer = ask(guarded, jwts.bearer(token) + (("x-user", "admin"), ("x-claims", "e30"),
                                                ("x-other", "1")))
    assert answer.sent["x-user"] == ["joe"] and answer.sent["x-roles"] == ["user,buyer"]
    assert answer.sent["x-claims"] == [token.split(".")[1]]
    assert answer.sent["x-other"] == ["1"]


def test_refusals_have_a_code_a_reason_and_nothing_of_the_token(guarded, keys):
    key, other = keys["ES256"], jwts.Key("es256")
    now = int(time.time())
    good = key.token()
    rows = [
        ((), "JWT_MISSING"),
        ((("authorization", "Basic am9lOnNlY3JldA=="),), "JWT_MISSING"),
        (jwts.bearer("not-a-token"), "JWT_MALFORMED"),
        (jwts.bearer(good + "="), "JWT_MALFORMED"),
        (jwts.bearer(good[:-2]), "JWT_BAD_SIGNATURE"),      # 63 of 64 bytes
        (jwts.bearer(good) * 2, "JWT_TWICE"),
        (jwts.bearer("A" * 8200), "JWT_TOO_LARGE"),
        (jwts.bearer(other.token()), "JWT_BAD_SIGNATURE"),
        (jwts.bearer(key.token(header={"kid": "who"})), "JWT_UNKNOWN_KEY"),
        (jwts.bearer(key.token(header={"alg": "none"})), "JWT_BAD_ALGORITHM"),
        (jwts.bearer(key.token(header={"alg": "HS256"})), "JWT_BAD_ALGORITHM"),
        (jwts.bearer(key.token(header={"crit": ["x"]})), "JWT_UNKNOWN_EXTENSION"),
        (jwts.bearer(key.token(iss="https://evil.example")), "JWT_UNKNOWN_ISSUER"),
        (jwts.bearer(key.token(aud="stock")), "JWT_WRONG_AUDIENCE"),
        (jwts.bearer(key.token(exp=now - 100)), "JWT_EXPIRED"),
        (jwts.bearer(key.token(nbf=now + 100)), "JWT_NOT_YET_VALID"),
        (jwts.bearer(key.token(exp=None)), "JWT_NO_EXPIRY"),
        (jwts.bearer(key.token(exp="9999999999")), "JWT_MALFORMED"),
    ]
    before = guarded.metrics()
    for metadata, why in rows:
        answer = ask(guarded, metadata)
        assert answer.name is None and reason(answer) == why, (why, answer.code, answer.text)
        assert answer.code == ("PERMISSION_DENIED" if why == "JWT_WRONG_AUDIENCE" else
                               "UNAUTHENTICATED"), why
        for _, value in metadata:
            assert value.split()[-1] not in answer.text
    after = guarded.metrics()
    refused = sum(after[k] - before[k] for k in after if k.startswith("outrigger_jwt_calls_total")
                  and k not in (CALLS % "ok", CALLS % "cached", CALLS % "excepted", CALLS % "none"))
    assert refused == len(rows)
    assert not [line for line in guarded.lines() if good in line]


def test_methods_can_be_left_out(guarded):
    with guarded.open_channel() as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check",
                                    protos.HealthCheckRequest.SerializeToString,
                                    protos.HealthCheckResponse.FromString)
        assert check(protos.HealthCheckRequest(), timeout=5).status == 1


def test_memory_of_tokens_has_an_owner(guarded, keys):
    def kept():
        metrics = guarded.metrics()
        assert metrics['outrigger_memory_bytes{owner="jwt_cache"}'] == metrics["outrigger_jwt_cache_bytes"]
        return metrics["outrigger_jwt_cache_bytes"]
    before = kept()
    token = keys["RS256"].token(jti="a token of its own")
    assert ask(guarded, jwts.bearer(token)).code == "OK"
    assert kept() > before + len(token)


def test_a_token_is_verified_once(guarded, keys):
    token = keys["RS256"].token(jti="once")
    before = guarded.metrics()
    with guarded.open_channel() as channel:
        for _ in range(20):
            assert named.Answer(channel, "/shop.Orders/Get", jwts.bearer(token)).code == "OK"
    after = guarded.metrics()
    assert after[CALLS % "ok"] - before[CALLS % "ok"] == 1
    assert after[CALLS % "cached"] - before[CALLS % "cached"] == 19


def test_streams_too(backend, key_file, keys):
    jwt = {"type": "jwt", "issuer": jwts.ISSUER, "audiences": "orders",
           "jwks": "file:%s" % key_file, "forward": True}
    token = keys["EdDSA"].token()
    with env.Proxy([backend.address], listener={"filters": [jwt]}) as p, p.open_channel() as c:
        stub = protos.Stub(c)
        requests = [protos.StreamingOutputCallRequest(
            response_parameters=[protos.ResponseParameters(size=1000)]) for _ in range(20)]
        answers = list(stub.FullDuplexCall(iter(requests), timeout=10,
                                           metadata=jwts.bearer(token)))
        assert [len(a.payload.body) for a in answers] == [1000] * 20
        with pytest.raises(grpc.RpcError) as e:
            list(stub.FullDuplexCall(iter(requests), timeout=10))
        assert e.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_keys_in_a_file_change_under_the_proxy(backend_named, tmp_path):
    old, new = jwts.Key("old", "EdDSA"), jwts.Key("new", "EdDSA")
    path = tmp_path / "jwks.json"

    def put(text):
        (tmp_path / "next").write_text(text)
        (tmp_path / "next").rename(path)

    put(jwts.key_set(old))
    jwt = {"type": "jwt", "issuer": jwts.ISSUER, "audiences": "orders", "jwks": "file:%s" % path}
    with env.Proxy([backend_named.address], listener={"filters": [jwt]}) as p:
        token, next_token = old.token(), new.token()
        assert ask(p, jwts.bearer(token)).code == "OK"
        assert reason(ask(p, jwts.bearer(next_token))) == "JWT_UNKNOWN_KEY"
        put(jwts.key_set(old, new))
        env.wait_until(lambda: ask(p, jwts.bearer(next_token)).code == "OK", 5, "the new key")
        assert ask(p, jwts.bearer(token)).code == "OK"
        put('{"keys": [')                                   # half a file changes nothing
        env.wait_until(lambda: p.gauge("outrigger_jwks_bad") == 1, 5, "the bad file")
        assert ask(p, jwts.bearer(token)).code == "OK"
        put(jwts.key_set(new))                              # the old key is taken back
        env.wait_until(lambda: ask(p, jwts.bearer(token)).code == "UNAUTHENTICATED", 5,
                       "the old key to go")
        assert ask(p, jwts.bearer(next_token)).code == "OK"
        assert p.gauge("outrigger_jwks_bad") == 0


def test_a_route_can_leave_the_filter_out(backend_named, key_file, keys):
    jwt = {"type": "jwt", "issuer": jwts.ISSUER, "audiences": "orders",
           "jwks": "file:%s" % key_file}
    routes = [{"match": {"service": "shop.Open"}, "to": "app",
               "filters": [{"type": "jwt", "off": True}]}, {"to": "app"}]
    with env.Proxy([backend_named.address], routes=routes, listener={"filters": [jwt]}) as p:
        assert ask(p, method="/shop.Open/Get").code == "OK"
        assert ask(p).code == "UNAUTHENTICATED"
        assert ask(p, jwts.bearer(keys["ES256"].token())).code == "OK"
