# SPDX-License-Identifier: Apache-2.0
"""GET /tail: calls as they end, for who looks, without a word in the configured log."""
import http.client
import json
import os
import socket
import subprocess
import threading

import grpc
import pytest

import env
import h2raw
import protos
import reloads

pytestmark = pytest.mark.proxy_only
CTL = os.path.join(os.path.dirname(env.OUTRIGGER), "outriggerctl")


@pytest.fixture(scope="module")
def proxy(backend):
    routes = [{"match": {"service": "grpc.testing.TestService"}, "to": "app"}]
    with env.Proxy([backend.address], routes=routes) as p:
        yield p


class Tail:
    """A viewer over HTTP/1.1; lines as objects."""

    def __init__(self, proxy, query=""):
        self.http = http.client.HTTPConnection(proxy.admin, timeout=10 * env.SLOW)
        self.http.request("GET", "/tail" + query)
        self.answer = self.http.getresponse()
        self.status = self.answer.status

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.answer.close()   # it owns the socket: the proxy closes behind the answer
        self.http.close()

    def line(self):
        text = self.answer.readline()
        return json.loads(text) if text else None


def ok(proxy, calls=1):
    with proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        for _ in range(calls):
            stub.UnaryCall(protos.SimpleRequest(response_size=10), timeout=10)


def missing(proxy):
    with h2raw.Client(proxy.address) as c:
        assert c.call("/no.Such/Method").status == 12



def test_a_tail_that_is_over_leaves_no_connection_behind(proxy):
    with socket.create_connection(proxy.admin.rsplit(":", 1), timeout=10 * env.SLOW) as s:
        s.sendall(b"GET /tail?n=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert s.recv(4096).startswith(b"HTTP/1.1 200 ")
        ok(proxy)
        while s.recv(4096):
            pass      # until the proxy closes

def test_calls_are_seen_as_they_end(proxy, backend):
    with Tail(proxy) as t:
        assert t.status == 200 and t.answer.getheader("Content-Type") == "application/x-ndjson"
        ok(proxy)
        line = t.line()
        assert (line["service"], line["method"]) == ("grpc.testing.TestService", "UnaryCall")
        assert (line["status"], line["pool"], line["endpoint"]) == ("OK", "app", backend.address)
        assert line["event"] == "end" and line["totalMs"] > 0
        missing(proxy)
        line = t.line()
        assert (line["method"], line["reason"]) == ("Method", "NO_ROUTE") and line["message"]
    assert not proxy.lines("out"), "the log itself is off"


def test_a_viewer_chooses(proxy):
    with Tail(proxy, "?code=error&method=no.Such") as errors, Tail(proxy, "?method=Unary&n=2") as two:
        ok(proxy, 5)
        missing(proxy)
        assert errors.line()["reason"] == "NO_ROUTE"
        assert [two.line()["method"], two.line()["method"]] == ["UnaryCall"] * 2
        assert two.line() is None, "n lines, then the end"


@pytest.mark.parametrize("query, word", [
    ("?code=loud", "gRPC code"), ("?slow=x", "slow is a time"), ("?n=0", "1 or more"), ("?n=-1", "1 or more"),
    ("?colour=red", "known are"), ("?pool=" + "a" * 200, "too long"), ("?x", "key=value")])
def test_what_is_no_question_is_refused(proxy, query, word):
    status, text = reloads.ask(proxy, "GET", "/tail" + query)
    assert status == 400 and word in text


def test_four_may_look_and_places_come_back(proxy):
    viewers = [Tail(proxy) for _ in range(4)]
    try:
        status, text = reloads.ask(proxy, "GET", "/tail")
        assert status == 503 and "4 viewers" in text and "/why" in text
    finally:
        for v in viewers:
            v.close()

    def again():
        with Tail(proxy, "?n=1") as t:
            return t.status == 200
    env.wait_until(again, what="a free place")
    assert reloads.ask(proxy, "POST", "/tail")[0] == 405


def test_who_does_not_read_loses_lines_and_nothing_else(proxy):
    """The viewer's socket is full; calls go on as before, and in the end he hears how much he missed."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    host, port = proxy.admin.split(":")
    sock.connect((host, int(port)))
    sock.settimeout(10 * env.SLOW)
    try:
        sock.sendall(b"GET /tail HTTP/1.0\r\nHost: localhost\r\n\r\n")
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(100)
        with h2raw.Client(proxy.address) as c:
            name = "/no.Such/" + "m" * 900
            for _ in range(60):     # of 2 KB and more each: more than the kernel and the page keep
                sids = [c.start_call(name, end=True) for _ in range(50)]
                for sid in sids:
                    c.wait_end(sid)
        ok(proxy)       # nobody else noticed
        text, reads = b"", 0
        while b'"event":"dropped"' not in text[-70000:]:
            more = sock.recv(65536)
            assert more, "sent away before he was told"
            text, reads = text + more, reads + 1
            if reads % 7 == 0:      # he is told with the next line
                missing(proxy)
    finally:
        sock.close()


def test_a_viewer_does_not_keep_the_process(backend):
    with env.Proxy([backend.address]) as p:
        t = Tail(p)
        threading.Timer(0.3, p.terminate).start()
        assert t.line() is None
        t.http.close()


def test_grpc_errors_of_backends_are_quoted(proxy):
    with Tail(proxy, "?code=DataLoss") as t:
        with proxy.open_channel() as channel, pytest.raises(grpc.RpcError):
            protos.Stub(channel).UnaryCall(protos.SimpleRequest(
                response_status=protos.EchoStatus(code=15, message="gone")), timeout=10)
        line = t.line()
        assert line["message"] == "gone" and "reason" not in line


# --- outriggerctl -----------------------------------------------------------------------------

def test_outriggerctl_tail(proxy):
    p = env.Process([CTL, "tail", "-a", proxy.admin, "--code", "error", "-n", "1"])
    try:
        def over():
            missing(proxy)
            return not p.alive
        env.wait_until(over, what="the line")
        assert p.wait_exit() == 0
        assert json.loads(p.lines("out")[0])["reason"] == "NO_ROUTE" and len(p.lines("out")) == 1
    finally:
        p.kill()


@pytest.mark.parametrize("args, code, word", [
    (["--code", "loud"], 2, "gRPC code"), (["--colour"], 2, "colour"), (["-a", "nonsense"], 2, "nonsense"),
    (["-a", "127.0.0.1:1"], 1, "cannot reach the admin port")])
def test_outriggerctl_tail_says_what_is_wrong(proxy, args, code, word):
    if "-a" not in args:
        args = args + ["-a", proxy.admin]
    got = subprocess.run([CTL, "tail", *args], capture_output=True, text=True, timeout=20 * env.SLOW, check=False)
    assert got.returncode == code and word in got.stderr, (got.returncode, got.stderr)
    assert not got.stdout
