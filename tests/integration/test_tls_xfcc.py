# SPDX-License-Identifier: Apache-2.0
"""x-forwarded-client-cert: what backends hear of clients, and that nobody can pretend."""
import hashlib

import pytest
from cryptography.hazmat.primitives import serialization

import certs
import env
import protos

pytestmark = pytest.mark.proxy_only
NAME = "x-forwarded-client-cert"
CLAIM = 'Hash=00;Subject="CN=somebody else"'


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return certs.Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server(ca):
    return ca.issue("localhost", "spiffe://shop.test/proxy", name="server")


@pytest.fixture(scope="module")
def client(ca):
    return ca.issue("https://shop.test/a,b", "web.shop.test",
                    name="client")


@pytest.fixture(scope="module")
def ours(client):
    digest = hashlib.sha256(client.x509.public_bytes(serialization.Encoding.DER)).hexdigest()
    return ("By=spiffe://shop.test/proxy;Hash=%s;Subject=\"CN=client\";"
            "URI=\"https://shop.test/a,b\";DNS=web.shop.test" % digest)


def heard(proxy, backend, credentials, values, call_id):
    """The values of the header as the backend got them."""
    options = {"grpc__ssl_target_name_override": "localhost"} if credentials else {}
    with proxy.open_channel(credentials=credentials, **options) as channel:
        protos.Stub(channel).UnaryCall(
            protos.SimpleRequest(), timeout=5,
            metadata=(("x-test-id", call_id), ("x-a", "1"),
                      *((NAME, v) for v in values), ("x-b", "2")))
    metadata = backend.wait_event(call_id, "start")["metadata"]
    assert ["x-a", "1"] in metadata and ["x-b", "2"] in metadata
    return [v for k, v in metadata if k == NAME]


@pytest.mark.parametrize("mode, with_certificate, without", [
    (None, [], []),
    ("sanitize", [], []),
    ("forwardOnly", ["A", "B"], []),
    ("appendForward", ["A,B,OURS"], []),
    ("sanitizeSet", ["OURS"], []),
    ("alwaysForwardOnly", ["A", "B"], ["A", "B"]),
])
def test_modes(ca, server, client, ours, backend, mode, with_certificate, without):
    listener = {"tls": dict(server.conf(), clientCa=ca.file, clientCert="optional")}
    if mode:
        listener["forwardClientCert"] = mode
    claims = {"A": CLAIM, "B": "By=b"}

    def told(words):
        return [w.replace("A", claims["A"], 1).replace(",B,", "," + claims["B"] + ",")
                .replace("OURS", ours) if "," in w else {**claims, "OURS": ours}[w]
                for w in words]
    with env.Proxy([backend.address], listener=listener) as p:
        for i in range(2):      # the second call of a kind finds what the first made
            got = heard(p, backend, ca.credentials(client), claims.values(),
                        "%s-with-%d" % (mode, i))
            assert ",".join(got) == ",".join(told(with_certificate))
        got = heard(p, backend, ca.credentials(), claims.values(), "%s-without" % mode)
        assert ",".join(got) == ",".join(told(without))


def test_append_without_a_claim_is_ours_alone(ca, server, client, ours, backend):
    listener = {"tls": dict(server.conf(), clientCa=ca.file),
                "forwardClientCert": "appendForward"}
    with env.Proxy([backend.address], listener=listener) as p:
        assert heard(p, backend, ca.credentials(client), [], "append-none") == [ours]


def test_plain_text_takes_it_out_when_told(backend):
    with env.Proxy([backend.address]) as p:
        assert heard(p, backend, None, [CLAIM], "plain-default") == [CLAIM]
    with env.Proxy([backend.address], listener={"forwardClientCert": "sanitize"}) as p:
        assert heard(p, backend, None, [CLAIM], "plain-told") == []
