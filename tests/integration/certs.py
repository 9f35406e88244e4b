# SPDX-License-Identifier: Apache-2.0
"""Certificates of a test, and small TLS peers that say what a handshake came to."""
import base64
import contextlib
import datetime
import ipaddress
import os
import socket
import ssl
import threading

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import env

PEM = serialization.Encoding.PEM
DAY = datetime.timedelta(days=1)
PURPOSES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _san(text):
    if text.startswith("spiffe:") or "://" in text:
        return x509.UniformResourceIdentifier(text)
    if "@" in text:
        return x509.RFC822Name(text)
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def write(path, data):
    """Puts a file in its place at once, as whoever rotates certificates should."""
    with open(path + ".new", "wb") as f:
        f.write(data)
    os.chmod(path + ".new", 0o600)
    os.rename(path + ".new", path)


class Pair:
    """A certificate and its key, as bytes and as files."""

    def __init__(self, folder, name, cert, key):
        self.x509, self.private = cert, key
        self.cert_pem = cert.public_bytes(PEM)
        self.key_pem = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption())
        self.cert = os.path.join(folder, name + ".pem")
        self.key = os.path.join(folder, name + ".key")
        self.save(self.cert, self.key)

    def save(self, cert, key):
        write(cert, self.cert_pem)
        write(key, self.key_pem)

    def conf(self):
        return {"cert": self.cert, "key": self.key}

    def pin(self):
        digest = hashes.Hash(hashes.SHA256())
        digest.update(self.x509.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
        return base64.b64encode(digest.finalize()).decode()


class Authority:
    """A CA that makes certificates in a folder."""

    def __init__(self, folder, name="test-ca"):
        self.folder, self.name, self.count = str(folder), name, 0
        self.key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.utcnow()
        self.x509 = (x509.CertificateBuilder().subject_name(_name(name)).issuer_name(_name(name))
                     .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
                     .not_valid_before(now - DAY).not_valid_after(now + 3650 * DAY)
                     .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
                     .add_extension(x509.KeyUsage(False, False, False, False, False, True, True,
                                                  False, False), True)
                     .sign(self.key, hashes.SHA256()))
        self.pem = self.x509.public_bytes(PEM)
        self.file = os.path.join(self.folder, name + ".pem")
        write(self.file, self.pem)

    def issue(self, *names, name=None, begin=-1, days=90, purposes=("server", "client"),
              self_signed=False):
        """A certificate for these names, good from `begin` to `begin` + `days` days."""
        self.count += 1
        name = name or "%s-%d" % (self.name, self.count)
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.utcnow()
        signer = key if self_signed else self.key
        cert = (x509.CertificateBuilder().subject_name(_name(name))
                .issuer_name(_name(name if self_signed else self.name))
                .public_key(key.public_key()).serial_number(x509.random_serial_number())
                .not_valid_before(now + begin * DAY).not_valid_after(now + (begin + days) * DAY)
                .add_extension(x509.SubjectAlternativeName([_san(n) for n in names]), False)
                .add_extension(x509.ExtendedKeyUsage([PURPOSES[p] for p in purposes]), False)
                .sign(signer, hashes.SHA256()))
        return Pair(self.folder, name, cert, key)

    def revoke(self, *pairs):
        """The file of a list that has these certificates."""
        now = datetime.datetime.utcnow()
        crl = (x509.CertificateRevocationListBuilder().issuer_name(self.x509.subject)
               .last_update(now - DAY).next_update(now + 30 * DAY))
        for pair in pairs:
            crl = crl.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(pair.x509.serial_number)
                .revocation_date(now - DAY).build())
        path = os.path.join(self.folder, self.name + ".crl")
        write(path, crl.sign(self.key, hashes.SHA256()).public_bytes(PEM))
        return path

    def credentials(self, pair=None):
        """For a grpcio channel."""
        if not pair:
            return grpc.ssl_channel_credentials(self.pem)
        return grpc.ssl_channel_credentials(self.pem, pair.key_pem, pair.cert_pem)


def client_context(ca, pair=None, alpn=("h2",)):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca.file)
    context.set_alpn_protocols(list(alpn))
    if pair:
        context.load_cert_chain(pair.cert, pair.key)
    return context


def try_handshake(address, context, name="localhost"):
    """The peer's certificate (as getpeercert gives it) of a connection that the server keeps
    open, else the error as text."""
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), 5 * env.SLOW) as raw, \
                context.wrap_socket(raw, server_hostname=name) as tls:
            tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
            # With TLS 1.3 the client is ready before the server has judged its certificate.
            if not tls.recv(9):
                return "closed"
            return tls.getpeercert()
    except (ssl.SSLError, OSError) as e:
        return str(e)


class Server:
    """Accepts and does the handshake, nothing else. seen: what each came to, "ok" or words."""

    def __init__(self, pair, ca=None, alpn=("h2",), tweak=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pair.cert, pair.key)
        self.context.set_alpn_protocols(list(alpn))
        if ca:
            self.context.load_verify_locations(ca.file)
            self.context.verify_mode = ssl.CERT_REQUIRED
        if tweak:
            tweak(self.context)
        self.seen = []
        self._listener = socket.create_server(("127.0.0.1", env.free_port()))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                raw, _ = self._listener.accept()
                try:
                    with self.context.wrap_socket(raw, server_side=True) as tls:
                        self.seen.append("ok")
                except (ssl.SSLError, OSError) as e:
                    self.seen.append(str(e))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._listener.close()
