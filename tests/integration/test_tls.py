# SPDX-License-Identifier: Apache-2.0
"""TLS on both sides: who gets in, who does not, and what the log and the counters say."""
import contextlib
import os
import re
import socket
import ssl
import subprocess

import grpc
import pytest

import certs
import env
import h2raw
import protos

pytestmark = pytest.mark.proxy_only
HANDSHAKES = 'outrigger_tls_handshakes_total{side="%s",result="%s"}'


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return certs.Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return certs.Authority(tmp_path_factory.mktemp("stranger"), "stranger-ca")


@pytest.fixture(scope="module")
def server(ca):
    return ca.issue("localhost", "127.0.0.1", name="server")


@pytest.fixture(scope="module")
def client(ca):
    return ca.issue("spiffe://shop.test/ns/a/sa/web", "web.shop.test", name="client")


@pytest.fixture(scope="module")
def secure_backend(server, ca):
    with env.Backend(more=["--tls", "%s,%s,%s" % (server.cert, server.key, ca.file)]) as b:
        yield b


def call(proxy, credentials=None, name=None, timeout=5, **metadata):
    options = {"grpc__ssl_target_name_override": name} if name else {}
    with proxy.open_channel(credentials=credentials, **options) as channel:
        return protos.Stub(channel).UnaryCall(
            protos.SimpleRequest(response_size=100), timeout=timeout,
            metadata=tuple(metadata.items()))


def count(proxy, side, result):
    return proxy.metrics()[HANDSHAKES % (side, result)]


def check_refused(proxy, side, reason, pattern, act):
    """act() makes a handshake fail: the counter of this reason moves, and only that one; the
    log says why in words. (Down: reason= is in the line, too.)"""
    before = {k: v for k, v in proxy.metrics().items() if "tls_handshakes" in k}
    lines = len(proxy.lines())
    result = act()
    env.wait_until(lambda: count(proxy, side, reason) > before[HANDSHAKES % (side, reason)],
                   5, "a counted handshake; the log: %s" % proxy.lines()[lines:])
    moved = {k for k, v in proxy.metrics().items() if "tls_handshakes" in k and v > before[k]}
    assert moved == {HANDSHAKES % (side, reason)}
    wanted = "reason=" + reason if side == "down" else "backend cannot be used"
    env.wait_until(lambda: any(wanted in t and re.search(pattern, t) for t in proxy.lines()[lines:]), 5, "the line of it")
    return result


# --- both sides ---------------------------------------------------------------------------


def test_calls_pass_with_tls_on_both_sides_and_the_backend_hears_https(
        secure_backend, ca, server, client):
    tls = {"tls": dict(client.conf(), ca=ca.file)}
    with env.Proxy([secure_backend.address], pool=tls, listener={"tls": server.conf()}) as p:
        assert len(call(p, ca.credentials()).payload.body) == 100
        with p.open_channel(credentials=ca.credentials()) as channel:
            stub = protos.Stub(channel)
            body = protos.Payload(body=b"x" * 3_000_000)
            answer = stub.UnaryCall(protos.SimpleRequest(payload=body, response_size=2_000_000),
                                    timeout=20)
            assert len(answer.payload.body) == 2_000_000
            requests = (protos.StreamingOutputCallRequest(
                response_parameters=[protos.ResponseParameters(size=n)]) for n in (1, 70000, 9))
            sizes = [len(r.payload.body) for r in stub.FullDuplexCall(requests, timeout=20)]
            assert sizes == [1, 70000, 9]
        assert count(p, "down", "ok") == 2
        assert 1 <= count(p, "up", "ok") <= env.WORKERS


def test_a_pool_with_tls_sends_the_scheme_https(ca, server):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.cert, server.key)
    context.set_alpn_protocols(["h2"])
    schemes = []

    def handler(conn):
        conn.sock = context.wrap_socket(conn.sock, server_side=True)
        h2raw.serve(conn, on_request=lambda r: schemes.append(r.get(":scheme")),
                    on_end=h2raw.send_ok)
    with h2raw.RawBackend(handler) as backend, \
            env.Proxy([backend.address], pool={"tls": {"ca": ca.file}}) as p, \
            h2raw.Client(p.address) as c:
        sid = c.start_call("/s/m")
        c.send(h2raw.make_data(sid, h2raw.make_message(), end=True))
        c.wait_for(lambda: c.answers[sid].ended, 5)
        assert c.answers[sid].status == 0
        assert schemes == ["https"]


def test_health_checks_and_names_of_targets_use_tls(ca, tmp_path):
    pair = ca.issue("localhost", name="only-localhost")
    with env.Backend(more=["--tls", pair.cert + "," + pair.key], health="check,watch") as b:
        port = b.address.rsplit(":", 1)[1]
        pool = {"tls": {"ca": ca.file}, "healthCheck": {"type": "grpc", "interval": "100ms"}}
        with env.Proxy(["localhost:" + port], pool=pool) as p:
            env.wait_until(lambda: p.pools()["app"]["endpoints"][0]["check"].get("good"), 5)
            assert len(call(p).payload.body) == 100
        # The same backend by its address: the certificate is for localhost only.
        with env.Proxy(["127.0.0.1:" + port], pool=pool) as p:
            env.wait_until(lambda: p.pools()["app"]["endpoints"][0]["check"].get("done"), 5)
            check = p.pools()["app"]["endpoints"][0]["check"]
            assert not check["good"] and "127.0.0.1" in check["text"], check


def test_the_example_of_mtls_runs(ca, tmp_path):
    """conf/mtls.json with files of ours, a client that is allowed and one that is not."""
    own = ca.issue("app.shop.example", name="example")
    own.save(str(tmp_path / "tls.crt"), str(tmp_path / "tls.key"))
    certs.write(str(tmp_path / "ca.crt"), ca.pem)
    listen = env.free_address()
    conf = os.path.join(env.HERE, "../../conf/mtls.json")
    with env.Backend(more=["--tls", ",".join((own.cert, own.key, ca.file))]) as backend:
        proxy = env.Process([env.OUTRIGGER, "-c", conf], env=dict(
            os.environ, CERTS=str(tmp_path), LISTEN=listen, BACKEND=backend.address))
        try:
            proxy.wait_line(lambda t: " ready " in t, "err")
            for name in ("spiffe://shop.example/web", "a.clients.shop.example"):
                with env.open_channel(listen, credentials=ca.credentials(ca.issue(name)),
                                      grpc__ssl_target_name_override="app.shop.example") as ch:
                    protos.Stub(ch).UnaryCall(protos.SimpleRequest(), timeout=5)
            got = certs.try_handshake(listen, certs.client_context(
                ca, ca.issue("spiffe://shop.example/webs")), "app.shop.example")
            assert isinstance(got, str), got
        finally:
            proxy.kill()


# --- client certificates ------------------------------------------------------------------


def test_client_certificates_off_optional_required(backend, ca, stranger, server, client):
    def listener(mode):
        return {"tls": dict(server.conf(), **({"clientCa": ca.file, "clientCert": mode}
                                              if mode != "off" else {}))}
    other = stranger.issue("web.shop.test", name="other")
    with env.Proxy([backend.address], listener=listener("off")) as p:
        call(p, ca.credentials())
        call(p, ca.credentials(other))
    with env.Proxy([backend.address], listener=listener("optional")) as p:
        call(p, ca.credentials())
        call(p, ca.credentials(client))
        check_refused(p, "down", "unknown_ca", "not signed by a CA in", lambda: certs.try_handshake(
            p.address, certs.client_context(ca, other)))
    with env.Proxy([backend.address], listener=listener("require")) as p:
        call(p, ca.credentials(client))
        check_refused(p, "down", "no_certificate", "certificate", lambda: certs.try_handshake(
            p.address, certs.client_context(ca)))


def test_bad_client_certificates_are_refused_with_the_reason(
        backend, ca, stranger, server, client):
    revoked = ca.issue("web.shop.test", name="revoked")
    cases = [
        ("expired", "expired", ca.issue("web.shop.test", begin=-30, days=10)),
        ("not_yet_valid", "not valid yet", ca.issue("web.shop.test", begin=5)),
        ("self_signed", "self-signed|signed by itself",
         ca.issue("web.shop.test", self_signed=True)),
        ("unknown_ca", "not signed by a CA in", stranger.issue("web.shop.test")),
        ("purpose", "server|purpose", ca.issue("web.shop.test", purposes=["server"])),
        ("san", "evil.test", ca.issue("evil.test")),
        ("san", "spiffe", ca.issue("spiffe://shop.test.evil/ns/a")),
        ("revoked", "revoked", revoked),
    ]
    tls = dict(server.conf(), clientCa=ca.file, clientCert="require", crl=ca.revoke(revoked),
               allowSan=["web.shop.test", {"prefix": "spiffe://shop.test/", "type": "uri"}])
    with env.Proxy([backend.address], listener={"tls": tls}) as p:
        call(p, ca.credentials(client))
        for reason, words, pair in cases:
            got = check_refused(p, "down", reason, words, lambda: certs.try_handshake(
                p.address, certs.client_context(ca, pair)))
            assert isinstance(got, str), (reason, got)
        call(p, ca.credentials(client))


def test_a_client_with_another_key_than_the_pin_is_refused(backend, ca, server, client):
    tls = dict(server.conf(), clientCa=ca.file, clientCert="require", pins=[client.pin()])
    other = ca.issue("web.shop.test")
    with env.Proxy([backend.address], listener={"tls": tls}) as p:
        call(p, ca.credentials(client))
        check_refused(p, "down", "pin", "pin", lambda: certs.try_handshake(
            p.address, certs.client_context(ca, other)))


# --- what is not TLS 1.2 with h2 ----------------------------------------------------------


@pytest.fixture(scope="module")
def plain_proxy(backend, server):
    with env.Proxy([backend.address], listener={"tls": server.conf()}) as p:
        yield p


def s_client(address, *args, stdin=b""):
    done = subprocess.run(["openssl", "s_client", "-connect", address, *args], input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=20 * env.SLOW)
    return done.returncode, done.stdout.decode("latin-1")


def test_alpn_without_h2_is_refused(plain_proxy, ca):
    def act():
        return s_client(plain_proxy.address, "-alpn", "http/1.1", "-CAfile", ca.file)
    code, text = check_refused(plain_proxy, "down", "alpn", "h2|HTTP/2", act)
    assert code != 0 and "alert" in text


def test_tls_1_1_is_refused(plain_proxy):
    def act():
        return s_client(plain_proxy.address, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0",
                        "-alpn", "h2")
    code, text = check_refused(plain_proxy, "down", "version", "TLS 1.2|1[.]2", act)
    assert code != 0 and "protocol version" in text


def test_weak_ciphers_are_refused(plain_proxy):
    def act():
        return s_client(plain_proxy.address, "-tls1_2", "-cipher", "AES128-SHA256:AES256-SHA",
                        "-alpn", "h2")
    code, _ = check_refused(plain_proxy, "down", "cipher", "cipher", act)
    assert code != 0


@pytest.mark.parametrize("hello", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                                   b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"])
def test_plain_text_on_a_tls_port_is_refused(plain_proxy, hello):
    def act():
        host, port = plain_proxy.address.split(":")
        with socket.create_connection((host, int(port)), 5) as s:
            s.sendall(hello)
            with contextlib.suppress(ConnectionResetError):
                while s.recv(1000):
                    pass
    check_refused(plain_proxy, "down", "not_tls", "TLS", act)


def test_the_handshake_has_the_time_of_handshake_timeout(backend, server):
    listener = {"tls": server.conf(), "limits": {"handshakeTimeout": "300ms"}}
    with env.Proxy([backend.address], listener=listener) as p:
        host, port = p.address.split(":")
        with socket.create_connection((host, int(port)), 5) as s:
            s.settimeout(5 * env.SLOW)
            assert s.recv(10) == b""
        env.wait_until(lambda: count(p, "down", "timeout") == 1)
        p.wait_line(lambda t: "reason=timeout" in t and "handshakeTimeout" in t, "err")


def test_a_connection_that_says_nothing_is_not_worth_a_line(backend, server):
    with env.Proxy([backend.address], listener={"tls": server.conf()}) as p:
        host, port = p.address.split(":")
        socket.create_connection((host, int(port)), 5).close()
        env.wait_until(lambda: count(p, "down", "closed") == 1)
        assert not [t for t in p.lines() if "handshake" in t]


# --- SNI, other implementations, resumption -----------------------------------------------


def test_sni_picks_the_certificate(backend, ca):
    first, star, other = (ca.issue("localhost", name="first"),
                          ca.issue("*.wild.test", name="star"),
                          ca.issue("b.test", "c.wild.test", name="other"))
    tls = dict(first.conf(), certificates=[star.conf(), other.conf()])
    context = certs.client_context(ca)
    context.check_hostname = False
    with env.Proxy([backend.address], listener={"tls": tls}) as p:
        for name, cert in (("localhost", "first"), ("a.wild.test", "star"),
                           ("c.wild.test", "other"), ("b.test", "other"),
                           ("nobody.test", "first"), ("x.a.wild.test", "first")):
            got = certs.try_handshake(p.address, context, name)
            assert isinstance(got, dict), got
            assert dict(x[0] for x in got["subject"])["commonName"] == cert, name
        call(p, ca.credentials(), name="b.test")


def test_openssl_and_gnutls_agree(plain_proxy, ca):
    for version in ("-tls1_2", "-tls1_3"):
        code, text = s_client(plain_proxy.address, version, "-alpn", "h2", "-CAfile", ca.file,
                              "-servername", "localhost", "-verify_return_error",
                              "-verify_hostname", "localhost")
        assert code == 0 and "Verify return code: 0 (ok)" in text, text
        assert "ALPN protocol: h2" in text
    host, port = plain_proxy.address.split(":")
    for version in ("1.2", "1.3"):
        done = subprocess.run(
            ["gnutls-cli", "--x509cafile", ca.file, "--alpn", "h2",
             "--sni-hostname", "localhost", "--verify-hostname", "localhost", "--priority",
             "NORMAL:-VERS-ALL:+VERS-TLS" + version, "-p", port, host], input=b"",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20 * env.SLOW)
        text = done.stdout.decode()
        assert "Handshake was completed" in text, text
        assert "The certificate is trusted" in text and "h2" in text


def resumed(address, folder, *args, given=True):
    """Whether a session of the first connection is used by the second; given: it must get one at all."""
    def session():
        return os.path.exists(path) and os.path.getsize(path)
    path = str(folder / "session")
    settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    texts = []
    for way in ("-sess_out", "-sess_in"):
        where, *more = (address if isinstance(address, tuple) else (address, address))
        target = where if way == "-sess_out" else more[0]
        client = env.Process(["openssl", "s_client", "-connect", target, "-alpn", "h2",
                              "-ign_eof", way, path, *args])
        client.proc.stdin.write(settings)
        client.proc.stdin.flush()
        texts.append(client.wait_line(lambda line: line if re.match("New, |Reused, ", line) else None, "out", 20))
        if way == "-sess_out" and given:    # with TLS 1.3 it comes behind the handshake
            env.wait_until(session, what="a session")
        elif way == "-sess_out":
            with contextlib.suppress(subprocess.TimeoutExpired):
                client.proc.wait(1)
        client.kill()
        if not session():
            return False
    os.unlink(path)
    assert texts[0].startswith("New, ")
    return texts[1].startswith("Reused, ")


def resumptions(proxy, handshakes):
    """How many of that many handshakes were resumed. The client has the last word in them: it may be done before us."""
    env.wait_until(lambda: count(proxy, "down", "ok") >= handshakes, what="%d handshakes" % handshakes)
    return proxy.metrics()['outrigger_tls_resumed_total{side="down"}']


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_sessions_resume_but_not_elsewhere(backend, ca, server, client, tmp_path, version):
    other = env.free_address()
    more = {"name": "other", "listen": other, "routes": [{"to": "app"}], "tls": server.conf()}
    with env.Proxy([backend.address], listener={"tls": server.conf()}) as base:
        config = base.config
    config["listeners"].append(more)
    with env.Proxy([backend.address], top={"listeners": config["listeners"]},
                   listen=config["listeners"][0]["listen"]) as p:
        assert resumed(p.address, tmp_path, version)
        assert resumptions(p, 2) == 1
        assert not resumed((p.address, other), tmp_path, version)
        assert resumptions(p, 4) == 1
    mutual = dict(server.conf(), clientCa=ca.file, clientCert="require")
    with env.Proxy([backend.address], listener={"tls": mutual}) as p:
        assert not resumed(p.address, tmp_path, version, "-cert", client.cert, "-key",
                           client.key, given=False)
        assert resumptions(p, 1) == 0


# --- a flood ------------------------------------------------------------------------------


def test_a_flood_of_handshakes_leaves_room_for_an_honest_client(backend, ca, server):
    """600 clients that begin a handshake each do not stop calls of another connection."""
    context = certs.client_context(ca)
    with env.Proxy([backend.address], listener={"tls": server.conf()}) as p:
        with p.open_channel(credentials=ca.credentials()) as channel:
            stub = protos.Stub(channel)
            stub.UnaryCall(protos.SimpleRequest(), timeout=5)
            host, port = p.address.split(":")
            before = p.memory()
            sockets = []
            for _ in range(600):
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
                with pytest.raises(ssl.SSLWantReadError):
                    tls.do_handshake()
                s = socket.create_connection((host, int(port)), 5)
                s.sendall(outgoing.read())
                sockets.append(s)
                if len(sockets) % 20 == 0:
                    stub.UnaryCall(protos.SimpleRequest(), timeout=2 * env.SLOW)
            p.check_growth(before, 600 * 100 / 1024)
            for s in sockets:
                s.close()
            env.wait_until(lambda: count(p, "down", "closed") == 600)
            stub.UnaryCall(protos.SimpleRequest(), timeout=2)
