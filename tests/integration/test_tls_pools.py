# SPDX-License-Identifier: Apache-2.0
"""TLS to backends: whom a pool trusts, by which name, and what a call hears when it does not."""
import re
import socket
import ssl
import subprocess

import grpc
import pytest

import certs
import env
import protos

pytestmark = pytest.mark.proxy_only
HANDSHAKES = 'outrigger_tls_handshakes_total{side="up",result="%s"}'


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return certs.Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return certs.Authority(tmp_path_factory.mktemp("stranger"), "stranger-ca")


@pytest.fixture(scope="module")
def named(ca):
    """A backend whose certificate is for app.shop.test and a SPIFFE ID, not for 127.0.0.1."""
    pair = ca.issue("app.shop.test", "spiffe://shop.test/ns/a/sa/app", name="app")
    with env.Backend(more=["--tls", pair.cert + "," + pair.key]) as b:
        b.pair = pair
        yield b


def call(proxy, timeout=5):
    with proxy.open_channel() as channel:
        return protos.Stub(channel).UnaryCall(protos.SimpleRequest(response_size=100),
                                              timeout=timeout)


def check_refused(target, tls, reason, words):
    """A call to this target fails with UNAVAILABLE and these words in its text, in the log too;
    handshakes that failed are counted under this reason and no other."""
    with env.Proxy([target], pool={"tls": tls}) as p:
        with pytest.raises(grpc.RpcError) as e:
            call(p)
        assert e.value.code() == grpc.StatusCode.UNAVAILABLE
        assert re.search(words, e.value.details()), e.value.details()
        line = p.wait_line(lambda t: "backend cannot be used" in t and t, "err")
        assert re.search(words, line), line
        counts = {k: v for k, v in p.metrics().items() if "tls_handshakes" in k and v}
        assert set(counts) == {HANDSHAKES % reason}, counts


def test_the_name_is_checked_and_server_name_sets_it(named, ca):
    check_refused(named.address, {"ca": ca.file}, "name", "127.0.0.1")
    check_refused(named.address, {"ca": ca.file, "serverName": "other.shop.test"}, "name",
                  "other.shop.test")
    with env.Proxy([named.address], pool={"tls": {"ca": ca.file,
                                                  "serverName": "app.shop.test"}}) as p:
        assert len(call(p).payload.body) == 100


def test_match_san_takes_the_place_of_the_name(named, ca):
    def tls(*san):
        return {"ca": ca.file, "matchSan": list(san)}
    with env.Proxy([named.address], pool={"tls": tls("spiffe://shop.test/ns/a/sa/app")}) as p:
        assert len(call(p).payload.body) == 100
    with env.Proxy([named.address],
                   pool={"tls": tls({"prefix": "spiffe://shop.test/ns/a/", "type": "uri"})}) as p:
        assert len(call(p).payload.body) == 100
    check_refused(named.address, tls("spiffe://shop.test/ns/a/sa/ap"), "san", "matchSan")


def test_pins_and_revocation(named, ca):
    good = {"ca": ca.file, "serverName": "app.shop.test"}
    with env.Proxy([named.address], pool={"tls": dict(good, pins=[named.pair.pin()])}) as p:
        assert len(call(p).payload.body) == 100
    check_refused(named.address, dict(good, pins=[ca.issue("x.test").pin()]), "pin", "pin")
    with env.Proxy([named.address], pool={"tls": dict(good, crl=ca.revoke())}) as p:
        assert len(call(p).payload.body) == 100
    check_refused(named.address, dict(good, crl=ca.revoke(named.pair)), "revoked", "revoked")


def test_skipping_the_check_is_possible_and_loud(named):
    with env.Proxy([named.address], pool={"tls": {"insecureSkipVerify": True}}) as p:
        assert len(call(p).payload.body) == 100
        assert p.gauge("outrigger_tls_insecure_pools") == 1
        p.wait_line(lambda t: "insecureSkipVerify is on" in t and "pool app" in t, "err")


@pytest.mark.parametrize("reason, words, how", [
    ("expired", "expired", dict(begin=-30, days=10)),
    ("not_yet_valid", "not valid yet", dict(begin=5)),
    ("self_signed", "self-signed|signed by itself", dict(self_signed=True)),
    ("purpose", "not made for servers", dict(purposes=["client"])),
])
def test_bad_certificates_of_backends(ca, reason, words, how):
    with certs.Server(ca.issue("127.0.0.1", **how)) as server:
        check_refused(server.address, {"ca": ca.file}, reason, words)


def test_backends_of_another_ca(ca, stranger):
    with certs.Server(stranger.issue("127.0.0.1")) as server:
        check_refused(server.address, {"ca": ca.file}, "unknown_ca", "not signed by a CA")
        check_refused(server.address, {}, "unknown_ca", "not signed by a CA")


def test_a_backend_that_wants_a_certificate(ca):
    with certs.Server(ca.issue("127.0.0.1"), ca, tweak=only_1_2) as server:
        check_refused(server.address, {"ca": ca.file}, "cipher", "wants a client certificate")
        ours = ca.issue("spiffe://shop.test/proxy", purposes=["client"])
        with env.Proxy([server.address], pool={"tls": dict(ours.conf(), ca=ca.file)}) as p:
            with pytest.raises(grpc.RpcError):
                call(p)     # that server speaks no HTTP/2, but the handshake is good
            env.wait_until(lambda: p.metrics()[HANDSHAKES % "ok"] >= 1)


def test_a_certificate_that_is_missed_after_the_handshake(ca):
    """With TLS 1.3 our side of the handshake is over when the server says no; gRPC's servers
    do not even say it."""
    pair = ca.issue("127.0.0.1")
    tls = {"tls": {"ca": ca.file}}
    with certs.Server(pair, ca) as server, env.Proxy([server.address], pool=tls) as p:
        with pytest.raises(grpc.RpcError, match="requires a client certificate"):
            call(p)
    with env.Backend(more=["--tls", ",".join((pair.cert, pair.key, ca.file))]) as backend, \
            env.Proxy([backend.address], pool=tls) as p:
        with pytest.raises(grpc.RpcError, match="wants a client certificate"):
            call(p)


def only_1_2(context):
    context.maximum_version = ssl.TLSVersion.TLSv1_2


def test_backends_without_h2(ca):
    with certs.Server(ca.issue("127.0.0.1"), alpn=["http/1.1"]) as server:
        check_refused(server.address, {"ca": ca.file}, "alpn", "HTTP/2|h2")


def test_a_backend_of_tls_1_1(ca):
    pair = ca.issue("127.0.0.1")
    address = env.free_address()
    server = subprocess.Popen(
        ["openssl", "s_server", "-accept", address.split(":")[1], "-cert", pair.cert, "-key",
         pair.key, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-quiet"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        env.wait_until(lambda: can_connect(address))
        check_refused(address, {"ca": ca.file}, "version", "1[.]2|version")
    finally:
        server.terminate()
        server.communicate()


def can_connect(address):
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
        return True
    except OSError:
        return False


def test_plain_text_behind_a_pool_with_tls(backend, ca):
    check_refused(backend.address, {"ca": ca.file}, "not_tls", "TLS")


def test_a_silent_backend_is_given_up_after_connect_timeout(ca):
    with socket.create_server(("127.0.0.1", env.free_port())) as listener:
        address = "127.0.0.1:%d" % listener.getsockname()[1]
        pool = {"tls": {"ca": ca.file}, "connections": {"connectTimeout": "300ms"}}
        with env.Proxy([address], pool=pool) as p:
            with pytest.raises(grpc.RpcError) as e:
                call(p)
            assert "handshake took too long" in e.value.details()
            assert p.metrics()[HANDSHAKES % "timeout"] >= 1


def test_sessions_with_backends_are_resumed(named, ca):
    pool = {"tls": {"ca": ca.file, "serverName": "app.shop.test"},
            "connections": {"maxRequestsPerConnection": 1}}
    with env.Proxy([named.address], pool=pool) as p:
        for _ in range(5):
            call(p)
        metrics = p.metrics()
        assert metrics['outrigger_tls_resumed_total{side="up"}'] >= 1, metrics


def test_a_unix_socket_needs_a_name(ca, tmp_path):
    pair = ca.issue("app.shop.test")
    target = "unix:" + str(tmp_path / "app.sock")
    with env.Backend(listen=target, more=["--tls", pair.cert + "," + pair.key]):
        with env.Proxy([target], pool={"tls": {"ca": ca.file,
                                               "serverName": "app.shop.test"}}) as p:
            assert len(call(p).payload.body) == 100
    with pytest.raises(AssertionError, match="E0257"):
        env.Proxy([target], pool={"tls": {"ca": ca.file}})
