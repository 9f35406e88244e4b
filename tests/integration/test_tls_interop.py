# SPDX-License-Identifier: Apache-2.0
"""Other TLS libraries' clients against our side of TLS (tests/lib/tls_probe.c): openssl s_client and
gnutls-cli agree with it on who is let in and who is refused. Certificates are made by openssl here."""
import contextlib
import json
import os
import shutil
import subprocess

import pytest

import env

PROBE = os.path.join(os.path.dirname(env.OUTRIGGER), "tests", "lib", "tls_probe")
CLIENTS = ["openssl", "gnutls"]


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


class Files:
    """ca, other_ca; server; good, wrong (another CA), expired, alone (self-signed), foreign (a SAN that is
    not allowed), mail (for e-mail only): a .crt and a .key each."""

    def __init__(self, place):
        self.place = place
        self._ca("ca")
        self._ca("other_ca")
        self._make("server", "DNS:server.example,IP:127.0.0.1")
        self._make("shop", "DNS:*.shop.example", key="rsa")
        self._make("good", "URI:spiffe://td/web")
        self._make("wrong", "URI:spiffe://td/web", by="other_ca")
        self._make("expired", "URI:spiffe://td/web", days=-1)
        self._make("alone", "URI:spiffe://td/web", by=None)
        self._make("foreign", "URI:spiffe://td/other")
        self._make("mail", "URI:spiffe://td/web", more="extendedKeyUsage=emailProtection")

    def __getattr__(self, name):
        base, _, kind = name.rpartition("_")
        return str(self.place / ("%s.%s" % (base, kind)))

    def _key(self, name, kind="ec"):
        how = ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else \
            ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        openssl("genpkey", "-algorithm", *how, "-out", self.place / (name + ".key"))
        os.chmod(self.place / (name + ".key"), 0o600)

    def _ca(self, name):
        self._key(name)
        openssl("req", "-x509", "-new", "-key", self.place / (name + ".key"), "-subj", "/CN=" + name,
                "-days", "30", "-addext", "keyUsage=keyCertSign,cRLSign", "-out",
                self.place / (name + ".crt"))

    def _make(self, name, san, by="ca", days=20, key="ec", more=""):
        self._key(name, key)
        request = self.place / (name + ".csr")
        extensions = self.place / (name + ".ext")
        extensions.write_text("subjectAltName=%s\nkeyUsage=digitalSignature\n%s\n" % (san, more))
        openssl("req", "-new", "-key", self.place / (name + ".key"), "-subj", "/CN=" + name, "-out", request)
        signer = ["-CA", self.place / (by + ".crt"), "-CAkey", self.place / (by + ".key"),
                  "-CAcreateserial"] if by else ["-signkey", self.place / (name + ".key")]
        openssl("x509", "-req", "-in", request, "-days", days, "-extfile", extensions, *signer,
                "-out", self.place / (name + ".crt"))


class Server(env.Process):
    def __init__(self, place, **tls):
        conf = place / ("probe-%s.json" % env.free_port())
        conf.write_text(json.dumps({"tls": tls}))
        self._told = 0
        super().__init__([PROBE, str(conf)])
        self.port = int(self.tell()["listen"].rpartition(":")[2])

    def tell(self):
        """What it says next."""
        env.wait_until(lambda: len(self.lines("out")) > self._told or not self.alive, 10,
                       "a line of the probe")
        assert self.alive, self.lines("err")
        self._told += 1
        return json.loads(self.lines("out")[self._told - 1])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    for tool in ("openssl", "gnutls-cli"):
        assert shutil.which(tool), "%s is missing: install openssl and gnutls-bin" % tool
    return Files(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def serve(files):
    running = []

    def start(**tls):
        tls = dict(dict(cert=files.server_crt, key=files.server_key), **tls)
        running.append(Server(files.place, **tls))
        return running[-1]

    yield start
    for server in running:
        server.kill()


def openssl_client(files, port, version=None, alpn="h2", cert=None, sni="server.example", ca="ca",
                   ciphers=None):
    args = ["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-quiet", "-no_ign_eof",
            "-verify_return_error", "-CAfile", getattr(files, ca + "_crt"), "-servername", sni,
            "-verify_hostname", sni]
    if version:
        args.append("-tls" + version.replace(".", "_"))
    if version in ("1", "1.1"):
        args += ["-cipher", "ALL:@SECLEVEL=0"]
    if ciphers:
        args += ["-cipher", ciphers["openssl"]]
    if alpn:
        args += ["-alpn", alpn]
    if cert:
        args += ["-cert", getattr(files, cert + "_crt"), "-key", getattr(files, cert + "_key")]
    return args


def gnutls_client(files, port, version=None, alpn="h2", cert=None, sni="server.example", ca="ca",
                  ciphers=None):
    priority = "NORMAL"
    if version:
        priority = "NORMAL:-VERS-ALL:+VERS-TLS" + (version if "." in version else version + ".0")
    if version in ("1", "1.1"):
        priority = priority.replace("NORMAL", "LEGACY")
    if ciphers:
        priority += ciphers["gnutls"]
    args = ["gnutls-cli", "--port", str(port), "127.0.0.1", "--x509cafile", getattr(files, ca + "_crt"),
            "--sni-hostname", sni, "--verify-hostname", sni, "--priority", priority, "--logfile",
            os.devnull]
    if alpn:
        args += ["--alpn", alpn]
    if cert:
        args += ["--x509certfile", getattr(files, cert + "_crt"), "--x509keyfile",
                 getattr(files, cert + "_key")]
    return args


def visit(client, server, files, **how):
    """Says hello; what the server tells and what the client got back."""
    make = openssl_client if client == "openssl" else gnutls_client
    process = subprocess.Popen(make(files, server.port, **how), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        with contextlib.suppress(BrokenPipeError):      # who was refused may be gone; what it said is still there
            process.stdin.write(b"hello\n")
            process.stdin.flush()
        told = server.tell()
        got = b""
        while told["ok"] and b"hello" not in got:
            piece = os.read(process.stdout.fileno(), 4096)
            if not piece:
                break
            got += piece
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.wait(10 * env.SLOW)
        return told, got + process.stdout.read() + process.stderr.read()
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_client_is_served(client, version, serve, files):
    server = serve()
    told, got = visit(client, server, files, version=version)
    assert told["ok"], told
    assert told["version"] == "TLSv" + version
    assert told["sni"] == "server.example"
    assert b"hello" in got


@pytest.mark.parametrize("client", CLIENTS)
def test_the_name_chooses_an_rsa_certificate(client, serve, files):
    server = serve(certificates=[{"cert": files.shop_crt, "key": files.shop_key}])
    told, got = visit(client, server, files, sni="a.shop.example")
    assert told["ok"] and b"hello" in got, (told, got)
    told, got = visit(client, server, files, sni="server.example")
    assert told["ok"] and b"hello" in got, (told, got)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_with_a_certificate_has_a_name(client, serve, files):
    server = serve(clientCa=files.ca_crt, allowSan=["spiffe://td/web"])
    for version in ("1.2", "1.3"):
        told, got = visit(client, server, files, version=version, cert="good")
        assert told["ok"] and told["subject"] == "CN=good", told
        assert b"hello" in got


REFUSED = [
    # what the client does, refusal, part of the reason
    (dict(alpn=None), "alpn", "offers no protocol"),
    (dict(alpn="http/1.1"), "alpn", "offers only http/1.1"),
    (dict(version="1.1"), "version", "neither TLS 1.2 nor 1.3"),
    (dict(version="1"), "version", "neither TLS 1.2 nor 1.3"),
    (dict(version="1.2", ciphers={"openssl": "AES128-SHA", "gnutls": ":-KX-ALL:+RSA:-CIPHER-ALL:+AES-128-CBC"}),
     "cipher", "no cipher suite"),
    (dict(ca="other_ca"), "by_peer", "the client"),
]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("how, refusal, why", REFUSED, ids=[str(r[0]) for r in REFUSED])
def test_a_client_is_refused(client, how, refusal, why, serve, files):
    server = serve()
    told, _ = visit(client, server, files, **how)
    # GnuTLS closes without an alert when it does not like a certificate
    assert told.get("refusal") in (refusal, "closed" if refusal == "by_peer" else refusal), told
    assert why in told["why"]
    told, got = visit(client, server, files)
    assert told["ok"] and b"hello" in got  # and others are served


NOT_LET_IN = [
    (None, "no_certificate", "requires one"),
    ("wrong", "unknown_ca", "not signed by a CA in"),
    ("alone", "self_signed", "self-signed"),
    ("expired", "expired", "has expired"),
    ("foreign", "san", "its names are spiffe://td/other"),
    ("mail", "purpose", "not made for clients"),
]


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("cert, refusal, why", NOT_LET_IN, ids=[str(n[0]) for n in NOT_LET_IN])
def test_a_certificate_is_refused(client, version, cert, refusal, why, serve, files):
    server = serve(clientCa=files.ca_crt, allowSan=["spiffe://td/web"])
    told, got = visit(client, server, files, version=version, cert=cert)
    # GnuTLS sends no certificate that the CAs we name did not sign.
    held_back = client == "gnutls" and cert in ("wrong", "alone")
    if held_back and told["refusal"] == "no_certificate":
        return
    assert told.get("refusal") == refusal, told
    assert why in told["why"]
    assert b"hello" not in got
