# SPDX-License-Identifier: Apache-2.0
"""A name server of the tests, on UDP and TCP, that says exactly what a test wants; and the
probe that runs one resolver against it."""
import os
import socket
import struct
import threading
import time

import dnslib

import env
import resolve_probe

A, AAAA, SRV, CNAME = 1, 28, 33, 5
SERVFAIL, NXDOMAIN, REFUSED = 2, 3, 5


def rr(name, rtype, rdata, ttl=60):
    """One record, such as rr("app.test", A, "10.0.0.1")."""
    if rtype == SRV:
        priority, weight, port, target = rdata
        data = dnslib.SRV(priority, weight, port, target)
    else:
        data = {A: dnslib.A, AAAA: dnslib.AAAA, CNAME: dnslib.CNAME}[rtype](rdata)
    return dnslib.RR(name, rtype, rdata=data, ttl=ttl)


def reply(request, records=(), rcode=0, tc=False):
    answer = request.reply()
    answer.ar = []
    answer.header.rcode = rcode
    answer.header.tc = 1 if tc else 0
    for record in records:
        answer.add_answer(record)
    return answer.pack()


class NameServer:
    """answer(request, tcp) gives bytes, a list of datagrams, or None for silence. Without one,
    `zone` is asked: {(name, type): [records] or a number as rcode or None for silence}."""

    def __init__(self, zone=None, answer=None, port=None):
        self.zone = zone if zone is not None else {}
        self.answer = answer or self._from_zone
        self.seen = []          # (time, name, type, tcp)
        self._bind(port)
        self.address = "127.0.0.1:%d" % self.port
        self._stop = False
        self._threads = [threading.Thread(target=f, daemon=True)
                         for f in (self._serve_udp, self._serve_tcp)]
        for thread in self._threads:
            thread.start()

    def _bind(self, port):
        # A killed server's port is free again at once, but a busy machine may need a moment.
        end = time.monotonic() + 5
        while True:
            self.port = port or env.free_port()
            self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._tcp = socket.socket()
            self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self._udp.bind(("127.0.0.1", self.port))
                self._tcp.bind(("127.0.0.1", self.port))
            except OSError:
                self._udp.close()
                self._tcp.close()
                assert time.monotonic() < end, "port %d stays in use" % self.port
                time.sleep(0.02)
                continue
            self._tcp.listen(16)
            for s in (self._udp, self._tcp):
                s.settimeout(0.05)
            return

    def _from_zone(self, request, tcp):
        name = str(request.q.qname).rstrip(".").lower()
        found = self.zone.get((name, request.q.qtype), "absent")
        if found is None:
            return None
        if found == "absent":
            known = any(n == name for n, _ in list(self.zone))     # tests change it
            return reply(request, rcode=0 if known else NXDOMAIN)
        if isinstance(found, int):
            return reply(request, rcode=found)
        full = reply(request, found)
        return full if tcp or len(full) <= 1232 else reply(request, tc=True)

    def _handle(self, data, tcp):
        try:
            request = dnslib.DNSRecord.parse(data)
        except dnslib.DNSError:
            return []
        name = str(request.q.qname).rstrip(".").lower()
        self.seen.append((time.monotonic(), name, request.q.qtype, tcp))
        got = self.answer(request, tcp)
        return got if isinstance(got, list) else [] if got is None else [got]

    def _serve_udp(self):
        while not self._stop:
            try:
                data, sender = self._udp.recvfrom(4096)
            except socket.timeout:
                continue
            except OSError:
                return
            for part in self._handle(data, False):
                self._udp.sendto(part, sender)

    def _serve_tcp(self):
        while not self._stop:
            try:
                conn, _ = self._tcp.accept()
            except socket.timeout:
                continue
            except OSError:
                return
            with conn:
                conn.settimeout(2)
                try:
                    while not self._stop:       # several questions may use one connection
                        size = struct.unpack("!H", conn.recv(2, socket.MSG_WAITALL))[0]
                        data = conn.recv(size, socket.MSG_WAITALL)
                        for part in self._handle(data, True):
                            conn.sendall(struct.pack("!H", len(part)) + part)
                except (OSError, struct.error):
                    pass

    def count(self, rtype=None, name=None):
        return sum(1 for _, n, t, _ in list(self.seen)
                   if (rtype is None or t == rtype) and (name is None or n == name))

    def close(self):
        self._stop = True
        for thread in self._threads:
            thread.join(5)
        self._udp.close()
        self._tcp.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Probe(resolve_probe.Probe):
    """One resolver that asks these servers; conf: what a pool has as "dns"."""

    def __init__(self, target, server=None, resolv_conf=None, hosts=None, **conf):
        servers = server if isinstance(server, list) else [server] if server else []
        if servers:
            conf["servers"] = [s if isinstance(s, str) else s.address for s in servers]
        super().__init__(target, {"dns": conf}, resolv_conf, hosts)
