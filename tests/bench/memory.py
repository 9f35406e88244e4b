# SPDX-License-Identifier: Apache-2.0
"""Resident memory of a fresh proxy: idle, per idle client connection, per quiet stream.

A small raw HTTP/2 client: it needs no header decoder, only frames."""

import selectors
import socket
import ssl
import struct
import time

import lab

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
ACK = END_STREAM = 1
END_HEADERS = 4
REST_S = 1.0      # until a proxy is at rest
REST_TLS_S = 3.0  # buffers of records that nobody uses may go after a while


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + \
        struct.pack(">I", stream) + payload


def text(value):
    return bytes((len(value),)) + value.encode()


def request_block(path, authority, tls):
    """:method POST, :scheme, :path, :authority, content-type, te as HPACK literals
    that touch no table, so that each stream costs both sides the same."""
    return ((b"\x83\x87\x04" if tls else b"\x83\x86\x04") + text(path) + b"\x01" + text(authority) +
            b"\x0f\x10" + text("application/grpc") + b"\x00" + text("te") +
            text("trailers"))


def client_context(tls):
    context = ssl.create_default_context(cafile=tls.cert)
    context.set_alpn_protocols(["h2"])
    return context


class Client:
    """One raw connection. Counts response headers; answers SETTINGS and PING."""

    def __init__(self, port, tls=None):
        self.tls = tls
        self.authority = "127.0.0.1:%d" % port
        self.sock = socket.create_connection(("127.0.0.1", port), 5)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.sock = client_context(tls).wrap_socket(self.sock,
                                                        server_hostname="localhost")
        self.rest = b""
        self.settings = self.answers = 0
        self.next_stream = 1
        self.sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))

    def open_streams(self, count, path):
        """Requests whose sending side stays open, as a client stream that is quiet."""
        block = request_block(path, self.authority, self.tls)
        out = b""
        for _ in range(count):
            out += frame(HEADERS, END_HEADERS, self.next_stream, block)
            self.next_stream += 2
        self.sock.sendall(out)

    def read(self):
        """What is there, all whole frames in it."""
        got = self.sock.recv(65536)
        while self.tls and self.sock.pending():
            got += self.sock.recv(65536)
        if not got:
            raise lab.LabError("The proxy closed a quiet connection.")
        self.rest += got
        while len(self.rest) >= 9:
            size = int.from_bytes(self.rest[:3], "big")
            if len(self.rest) < 9 + size:
                return
            self.on_frame(self.rest[3], self.rest[4], self.rest[9:9 + size])
            self.rest = self.rest[9 + size:]

    def on_frame(self, kind, flags, payload):
        if kind == SETTINGS and not flags & ACK:
            self.settings += 1
            self.sock.sendall(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.sock.sendall(frame(PING, ACK, 0, payload))
        elif kind == HEADERS:
            if flags & END_STREAM:
                raise lab.LabError("The proxy ended a stream that should stay open.")
            self.answers += 1
        elif kind in (RST_STREAM, GOAWAY):
            raise lab.LabError("The proxy reset a quiet stream or connection "
                               "(frame type %d, %s)." % (kind, payload.hex()))

    def wait(self, done, seconds=10):
        end = time.monotonic() + seconds
        while not done(self):
            left = end - time.monotonic()
            if left <= 0:
                raise lab.LabError("The proxy did not answer a quiet client in %d s." %
                                   seconds)
            self.sock.settimeout(left)
            try:
                self.read()
            except socket.timeout:
                pass


def settle(clients, seconds):
    """Keep answering for a while, so that the proxy is really at rest."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.sock, selectors.EVENT_READ, client)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for key, _ in selector.select(0.05):
                key.data.read()


def measure_idle(proxy, conns):
    """(idle bytes, bytes per idle connection); the proxy must be fresh."""
    clients = []
    try:
        settle(clients, 0.5)
        before, _ = proxy.process.memory()
        for _ in range(conns):
            client = Client(proxy.port, proxy.tls)
            clients.append(client)
            client.wait(lambda c: c.settings > 0)
        settle(clients, REST_TLS_S if proxy.tls else REST_S)
        after, _ = proxy.process.memory()
        return before, (after - before) / conns
    finally:
        for client in clients:
            client.sock.close()


def measure_streams(proxy, conns, streams):
    """Bytes per open quiet stream pair. The connections exist before the first figure, so
    only streams are in the difference. Each stream has response headers: it is real."""
    clients = []
    try:
        for _ in range(conns):
            client = Client(proxy.port, proxy.tls)
            clients.append(client)
            client.open_streams(1, "/bench/Watch")
            client.wait(lambda c: c.answers == 1)
        settle(clients, REST_TLS_S if proxy.tls else REST_S / 2)
        before, _ = proxy.process.memory()
        for client in clients:
            client.open_streams(streams, "/bench/Watch")
            client.wait(lambda c: c.answers == 1 + streams)
        settle(clients, REST_TLS_S if proxy.tls else REST_S)
        after, _ = proxy.process.memory()
        return (after - before) / (conns * streams)
    finally:
        for client in clients:
            client.sock.close()
