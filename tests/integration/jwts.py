# SPDX-License-Identifier: Apache-2.0
"""An issuer of tokens (JWT): keys made by the cryptography library, and a server for its JSON Web Key Set that can be slow, dead or lying."""
import base64
import http.server
import json
import ssl
import threading
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

ISSUER = "https://id.example"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(n, size=None):
    return b64(n.to_bytes(size or (n.bit_length() + 7) // 8, "big"))


class Key:
    """One key: "RS256", "PS256", "ES256" or "EdDSA"."""

    def __init__(self, kid, alg="ES256"):
        self.kid, self.alg = kid, alg
        if alg in ("RS256", "PS256"):
            self.private = rsa.generate_private_key(65537, 2048)
        elif alg == "ES256":
            self.private = ec.generate_private_key(ec.SECP256R1())
        else:
            self.private = ed25519.Ed25519PrivateKey.generate()

    def jwk(self):
        public = self.private.public_key()
        if self.alg in ("RS256", "PS256"):
            n = public.public_numbers()
            out = {"kty": "RSA", "n": _number(n.n), "e": _number(n.e)}
        elif self.alg == "ES256":
            n = public.public_numbers()
            out = {"kty": "EC", "crv": "P-256", "x": _number(n.x, 32), "y": _number(n.y, 32)}
        else:
            from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
            out = {"kty": "OKP", "crv": "Ed25519",
                   "x": b64(public.public_bytes(Encoding.Raw, PublicFormat.Raw))}
        return dict(out, kid=self.kid, use="sig", alg=self.alg)

    def sign(self, data):
        if self.alg == "RS256":
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if self.alg == "PS256":
            return self.private.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32),
                                     hashes.SHA256())
        if self.alg == "EdDSA":
            return self.private.sign(data)
        r, s = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def token(self, header=None, **claims):
        """A token that is good for a while; claims replace or add, None takes one out."""
        payload = dict({"iss": ISSUER, "aud": "orders", "exp": int(time.time()) + 300}, **claims)
        payload = {k: v for k, v in payload.items() if v is not None}
        head = dict({"alg": self.alg, "kid": self.kid}, **(header or {}))
        text = b64(json.dumps(head).encode()) + "." + b64(json.dumps(payload).encode())
        return text + "." + b64(self.sign(text.encode()))


def key_set(*keys):
    return json.dumps({"keys": [k.jwk() for k in keys]})


def bearer(token):
    return (("authorization", "Bearer " + token),)


class KeyServer:
    """GET anything gives `body` with `status`, after `delay` seconds and not before `open` is set.
    ca: of certs, then https."""

    def __init__(self, body="", ca=None):
        self.body, self.status, self.delay, self.headers = body, 200, 0, {}
        self.asked = []     # times
        self.open = threading.Event()
        self.open.set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):       # noqa: N802
                outer.asked.append(time.monotonic())
                body = outer.body.encode()
                if outer.delay:
                    outer.closing.wait(outer.delay)
                outer.open.wait()
                try:
                    self.send_response(outer.status)
                    for name, value in outer.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass

            def log_message(self, *args):
                pass

        self.closing = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        scheme = "http"
        if ca:
            pair = ca.issue("127.0.0.1", name="key-server")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.cert, pair.key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.url = "%s://127.0.0.1:%d/jwks.json" % (scheme, self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.closing.set()
        self.open.set()
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
