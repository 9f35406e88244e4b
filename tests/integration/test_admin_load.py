# SPDX-License-Identifier: Apache-2.0
"""Overload of the admin port: many connections, many requests, requests that never end. Who asks a small question is
answered soon all the same, and calls do not notice."""
import http.client
import os
import socket
import threading
import time
import urllib.error

import grpc
import pytest

import env
import protos

pytestmark = pytest.mark.proxy_only
POOLS = 60      # so that /metrics and /pools.json are pages of some size


@pytest.fixture(scope="module")
def proxy(backend):
    pools = {"app": [backend.address]}
    for i in range(POOLS):
        pools["pool-%d" % i] = ["10.255.0.%d:1" % n for n in range(1, 41)]
    with env.Proxy(pools) as p:
        yield p


def connect(proxy):
    host, port = proxy.admin.split(":")
    return socket.create_connection((host, int(port)), timeout=10 * env.SLOW)


def ask(proxy, path="/why"):
    """(status, seconds) of one question on a connection of its own."""
    begin = time.monotonic()
    c = http.client.HTTPConnection(proxy.admin, timeout=10 * env.SLOW)
    try:
        c.request("GET", path)
        answer = c.getresponse()
        answer.read()
        return answer.status, time.monotonic() - begin
    finally:
        c.close()


def counter(proxy, name):
    """/metrics is a large page, which may be refused for a moment."""
    def read():
        try:
            return proxy.metrics()
        except urllib.error.HTTPError as e:
            assert e.code == 503
            return None
    return env.wait_until(read, what="/metrics")[name]


def median(values):
    return sorted(values)[len(values) // 2]


class Crowd:
    """Threads that ask for large pages again and again, as fast as they are answered."""

    def __init__(self, proxy, threads):
        self.proxy, self.statuses = proxy, []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]

    def run(self):
        while not self.stop.is_set():
            try:
                with connect(self.proxy) as s:
                    # One write, one look: all of the work is the proxy's.
                    while not self.stop.is_set():
                        s.sendall(b"GET /pools.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
                        head = s.recv(65536)
                        if not head:
                            break
                        self.statuses.append(int(head.split(b" ", 2)[1]))
                        size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                        left = size - (len(head) - head.index(b"\r\n\r\n") - 4)
                        while left > 0:
                            more = s.recv(1 << 20)
                            if not more:
                                break
                            left -= len(more)
            except OSError:
                pass    # made room for somebody

    def __enter__(self):
        for t in self.threads:
            t.start()
        env.wait_until(lambda: len(self.statuses) > 50, what="the load")
        return self

    def __exit__(self, *exc):
        self.stop.set()
        for t in self.threads:
            t.join(10)


def test_small_questions_are_answered_while_large_ones_crowd(proxy):
    with env.Neighbour(proxy.address) as neighbour, Crowd(proxy, 50) as crowd:
        took = []
        for path in ("/why", "/ready", "/log-level") * 8:
            status, seconds = ask(proxy, path)
            assert status == 200
            took.append(seconds)
        neighbour.wait_more(20)
        assert set(crowd.statuses) == {200, 503}
    # The clients of this test share two processors with the proxy: the median is what it owes.
    assert median(took) < 0.1 * env.SLOW, took
    assert ask(proxy, "/pools.json")[0] in (200, 503)
    env.wait_until(lambda: ask(proxy, "/metrics")[0] == 200, what="a large page")


class Askers:
    """gRPC clients of the admin port that want the largest answer it has, eight times at once each."""

    def __init__(self, proxy, n):
        self.codes, self.stop = set(), threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(proxy,), daemon=True) for _ in range(n)]

    def run(self, proxy):
        with env.open_channel(proxy.admin) as channel:
            ask_top = channel.unary_unary("/grpc.channelz.v1.Channelz/GetTopChannels")
            while not self.stop.is_set():
                calls = [ask_top.future(b"", timeout=10 * env.SLOW) for _ in range(8)]
                self.codes |= {c.code() for c in calls}

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *exc):
        self.stop.set()
        for t in self.threads:
            t.join(10 * env.SLOW)


def test_grpc_clients_share_the_budget_of_time():
    with env.Proxy(["127.1.%d.%d:9" % (i // 250, i % 250 + 1) for i in range(10000)]) as p:
        with Askers(p, 4) as askers:
            env.wait_until(lambda: grpc.StatusCode.RESOURCE_EXHAUSTED in askers.codes, 20, "a refusal")
            took = [ask(p, "/livez") for _ in range(11)]
        assert {status for status, _ in took} == {200}
        assert median([seconds for _, seconds in took]) < 0.5 * env.SLOW, took
        assert grpc.StatusCode.OK in askers.codes
        assert counter(p, "outrigger_admin_requests_refused_total") > 0


def test_many_connections_make_room(proxy, backend):
    before = counter(proxy, "outrigger_admin_connections_ended_total")
    quiet = []
    try:
        for i in range(300):
            s = connect(proxy)
            if i % 3 == 1:
                s.sendall(b"GET /why HTTP/1.1\r\nHost:")      # and never the rest
            elif i % 3 == 2:
                s.sendall(b"GET /why HTTP/1.1\r\nHost: localhost\r\n\r\n")
            quiet.append(s)
            if i % 50 == 49:
                status, seconds = ask(proxy)
                assert status == 200 and seconds < 1 * env.SLOW
        with proxy.open_channel() as channel:
            protos.Stub(channel).UnaryCall(protos.SimpleRequest(response_size=10), timeout=10)
        assert counter(proxy, "outrigger_admin_connections_ended_total") >= before + 300 - 64 - 10
        fds = len(os.listdir("/proc/%d/fd" % proxy.proc.pid))
        assert fds < 64 + 60, fds
    finally:
        for s in quiet:
            s.close()
    env.wait_until(lambda: ask(proxy)[1] < 0.1 * env.SLOW, what="a quick answer")


def test_viewers_stay_when_others_make_room(proxy):
    """A stream is not silent because nothing happens."""
    tail = connect(proxy)
    quiet = []
    try:
        tail.sendall(b"GET /tail?n=1 HTTP/1.0\r\n\r\n")
        assert b"200" in tail.recv(100)
        quiet = [connect(proxy) for _ in range(150)]
        assert ask(proxy)[0] == 200
        with proxy.open_channel() as channel:
            protos.Stub(channel).UnaryCall(protos.SimpleRequest(response_size=10), timeout=10)
        text = b""
        while b"UnaryCall" not in text:
            more = tail.recv(65536)
            assert more, "the viewer was sent away"
            text += more
    finally:
        for s in quiet + [tail]:
            s.close()


def test_answers_that_nobody_reads_are_bounded(proxy):
    before = proxy.memory()
    socks = []
    try:
        for _ in range(200):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            host, port = proxy.admin.split(":")
            s.connect((host, int(port)))
            s.sendall(b"GET /pools.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
            socks.append(s)
        assert ask(proxy)[0] == 200
        proxy.check_growth(before, 160)
    finally:
        for s in socks:
            s.close()


@pytest.mark.parametrize("request_bytes, status", [
    (b"GET / HTTP/1.1\r\nx: " + b"a" * 20000 + b"\r\n\r\n", b" 400 "),
    (b"POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n", b" 413 "),
    (b"DELETE /why HTTP/1.1\r\nHost: localhost\r\n\r\n", b" 405 ")])
def test_sizes_of_requests_are_bounded(proxy, request_bytes, status):
    with connect(proxy) as s:
        s.sendall(request_bytes)
        got = s.recv(1000)
        assert status in got or (not got and status != b" 501 "), got
    assert ask(proxy)[0] == 200
