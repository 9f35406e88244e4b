# SPDX-License-Identifier: Apache-2.0
"""The access log: what a line says of a call, who gets one, and that nobody who does not read it delays a call."""
import fcntl
import itertools
import json
import os
import re
import signal
import subprocess
import tempfile
import time

import grpc
import pytest

import env
import h2raw
import protos
import reloads
from protos import (EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest,
                    StreamingInputCallRequest, StreamingOutputCallRequest)

pytestmark = pytest.mark.proxy_only
ACCESS = {"sample": "100%"}


@pytest.fixture(scope="module")
def backend():
    with env.Backend() as b:
        yield b


def logging(backend, access=ACCESS, **more):
    return env.Proxy([backend.address], top={"log": {"access": access}}, **more)


@pytest.fixture(scope="module")
def proxy(backend):
    with logging(backend, dict(ACCESS, headers=["x-tenant", "user-agent"])) as p:
        yield p


def line_of(proxy, tenant):
    """The line of the call that sent this x-tenant."""
    def match(text):
        line = json.loads(text)
        return line if line.get("headers", {}).get("x-tenant") == tenant else None
    return proxy.wait_line(match, "out")


def call(proxy, tenant, code=None, timeout=10, method="UnaryCall", request=None, **metadata):
    metadata = [("x-tenant", tenant)] + [(k.replace("_", "-"), v) for k, v in metadata.items()]
    with proxy.open_channel() as channel:
        try:
            answer = getattr(protos.Stub(channel), method)(
                request or SimpleRequest(response_size=100), timeout=timeout, metadata=metadata)
            if method == "StreamingOutputCall":
                answer = list(answer)
            assert code is None
        except grpc.RpcError as e:
            assert e.code() == code, e
    return line_of(proxy, tenant)


def test_a_line_says_all_of_a_call(proxy, backend):
    line = call(proxy, "all")
    assert (line["event"], line["logged"], line["listener"], line["route"]) == (
        "end", "sample", "in", "routes[0]")
    assert (line["service"], line["method"]) == ("grpc.testing.TestService", "UnaryCall")
    assert line["authority"] == proxy.address
    assert (line["code"], line["status"], line["attempts"]) == (0, "OK", 1)
    assert (line["pool"], line["endpoint"]) == ("app", backend.address)
    assert (line["messagesIn"], line["messagesOut"]) == (1, 1)
    assert line["bytesIn"] == 5 + 2 and line["bytesOut"] > 100
    assert 0 < line["firstByteMs"] <= line["totalMs"] < 5000 * env.SLOW
    assert 6000 < line["deadlineMs"] < 11000  # of 10 s, less what it took to connect; gRPC rounds it up
    assert line["client"].startswith("127.0.0.1:")
    assert "grpc-python" in line["headers"]["user-agent"]
    assert abs(time.time() - time.mktime(time.strptime(line["time"][:19], "%Y-%m-%dT%H:%M:%S"))
               + time.timezone) < 60
    for absent in ("message", "reason", "cancelled", "traceId", "san", "cut"):
        assert absent not in line


def test_errors_say_who_made_them(proxy):
    text = "50% \u00e4 \"quoted\"\n{}"
    line = call(proxy, "backend", grpc.StatusCode.DATA_LOSS,
                request=SimpleRequest(response_status=EchoStatus(code=15, message=text)))
    assert (line["code"], line["status"]) == (15, "DATA_LOSS")
    assert line["message"] == text
    assert "reason" not in line
    line = call(proxy, "late", grpc.StatusCode.DEADLINE_EXCEEDED, timeout=1.5,
                x_test_sleep_ms="8000")
    assert line["status"] in ("DEADLINE_EXCEEDED", "CANCELLED")
    assert 280 <= line["totalMs"] < 7000     # of 1.5 s, less what it took to connect


def test_messages_are_counted_both_ways(proxy):
    request = StreamingOutputCallRequest(
        response_parameters=[ResponseParameters(size=1000)] * 7)
    line = call(proxy, "stream", method="StreamingOutputCall", request=request)
    assert (line["messagesIn"], line["messagesOut"]) == (1, 7)
    assert line["bytesOut"] > 7000


def test_a_line_says_who_was_slow(proxy, backend):
    """Bytes that waited for a window: of the client that did not read, or of the backend that did not. More
    of them than the window of gRPC ever grows to: 6 MiB fit now and then."""
    pieces = 1000
    line = call(proxy, "quick")
    assert line["blockedClientMs"] < 500 * env.SLOW and line["blockedBackendMs"] < 500 * env.SLOW
    with proxy.open_channel() as channel:
        answers = protos.Stub(channel).StreamingOutputCall(
            StreamingOutputCallRequest(), timeout=30 * env.SLOW,
            metadata=[("x-tenant", "slow-client"), ("x-test-flood", "65536,%d" % pieces)])
        next(answers)
        time.sleep(2.5)
        assert sum(1 for _ in answers) == pieces - 1
    line = line_of(proxy, "slow-client")
    assert line["blockedClientMs"] > 1000 and line["blockedClientMs"] <= line["totalMs"], json.dumps(line)
    assert line["blockedBackendMs"] < 500 * env.SLOW
    piece = StreamingInputCallRequest(payload=Payload(body=b"x" * 65536))
    with proxy.open_channel() as channel:
        answer = protos.Stub(channel).StreamingInputCall.future(
            iter([piece] * pieces), timeout=30 * env.SLOW,
            metadata=[("x-tenant", "slow-backend"), ("x-test-gate", "slow-backend")])
        time.sleep(2.5)
        backend.open_gate("slow-backend")
        assert answer.result().aggregated_payload_size == pieces * 65536
    line = line_of(proxy, "slow-backend")
    assert line["blockedBackendMs"] > 1000 and line["blockedBackendMs"] <= line["totalMs"], json.dumps(line)
    assert line["blockedClientMs"] < 500 * env.SLOW


def test_calls_that_never_reach_a_backend_have_lines(backend):
    routes = [{"match": {"service": "no.Such"}, "to": "app"}]
    with logging(backend, routes=routes) as p, p.open_channel() as channel:
        with pytest.raises(grpc.RpcError) as e:
            protos.Stub(channel).EmptyCall(Empty(), timeout=10)
        assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED
        line = p.wait_line(json.loads, "out")
    assert line["reason"] == "NO_ROUTE" and line["status"] == "UNIMPLEMENTED"
    assert line["method"] == "EmptyCall" and line["attempts"] == 0
    assert line["message"] and "pool" not in line and "endpoint" not in line


def test_nobody_can_forge_a_line(proxy):
    """Whatever a client sends, there is one line per call and each is whole (E3)."""
    for i, hostile in enumerate(["\",\"code\":7}\\", "\\u0022", "a" * 3000, "{}[]:,\\\"",
                                 "%{code}"]):
        with proxy.open_channel() as channel:
            protos.Stub(channel).EmptyCall(Empty(), timeout=10, metadata=[
                ("x-tenant", "forge%d" % i), ("user-agent", hostile)])
        line = line_of(proxy, "forge%d" % i)
        assert line["code"] == 0 and "cut" not in line
    with proxy.open_channel() as channel:
        protos.Stub(channel).EmptyCall(Empty(), timeout=10, metadata=[
            ("x-tenant", "z" * 5000)])
    line = proxy.wait_line(lambda t: "zzzz" in t and json.loads(t), "out")
    assert line["headers"]["x-tenant"] == "z" * 1021 + "..."


def test_rules_and_a_share_choose_the_calls(backend):
    slow = int(1000 * env.SLOW)
    access = {"sample": "0%", "always": ["error", "slow:%dms" % slow],
              "format": "%{logged}|%{service}/%{method}|%{status}|%{header:x-tenant}|%{san}|%%{x}"}
    with logging(backend, access) as p:
        with p.open_channel() as channel:
            stub = protos.Stub(channel)
            for _ in range(50):
                stub.EmptyCall(Empty(), timeout=10)
            stub.UnaryCall(SimpleRequest(), timeout=10 * env.SLOW,
                           metadata=[("x-test-sleep-ms", str(slow + 100)), ("x-tenant", "a b\"c")])
            with pytest.raises(grpc.RpcError):
                stub.UnaryCall(SimpleRequest(), timeout=10, metadata=[("x-test-fail", "5")])
        p.wait_line(lambda t: t.startswith("error|"), "out")
        lines = p.lines("out")
    service = "grpc.testing.TestService/UnaryCall"
    assert lines == ["slow|%s|OK|a b\\\"c|-|%%{x}" % service, "error|%s|NOT_FOUND|-|-|%%{x}" % service]


def test_a_listener_and_a_route_have_their_own_rules(backend):
    routes = [{"match": {"method": "EmptyCall"}, "to": "app",
               "filters": [{"type": "accessLog", "off": True}]},
              {"match": {"method": "UnaryCall"}, "to": "app",
               "filters": [{"type": "accessLog", "sample": "100%"}]},
              {"to": "app"}]
    top = {"log": {"access": {"sample": "0%", "headers": ["x-tenant"]}}}
    with env.Proxy([backend.address], routes=routes, top=top) as p:
        line = call(p, "own")  # the headers come from log.access
        with p.open_channel() as channel:
            stub = protos.Stub(channel)
            stub.EmptyCall(Empty(), timeout=10)
            list(stub.StreamingOutputCall(StreamingOutputCallRequest(), timeout=10))
        assert line["headers"] == {"x-tenant": "own"}
        # a reload that only changes log.access reaches the other routes
        config = dict(p.config, log={"access": {"sample": "100%", "headers": ["x-tenant"]}})
        reloads.reload(p, config)
        line = call(p, "after", method="StreamingOutputCall",
                    request=StreamingOutputCallRequest())
        assert line["method"] == "StreamingOutputCall"
        assert [json.loads(t)["method"] for t in p.lines("out")] == [
            "UnaryCall", "StreamingOutputCall"]


def test_a_file_is_opened_anew_on_usr1(backend):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "access.log")

        def lines(name):
            try:
                with open(name) as f:
                    return [json.loads(t) for t in f]
            except FileNotFoundError:
                return []
        with logging(backend, {"to": path}) as p, p.open_channel() as channel:
            stub = protos.Stub(channel)
            stub.EmptyCall(Empty(), timeout=10)
            env.wait_until(lambda: len(lines(path)) == 1, 10, "the first line")
            os.rename(path, path + ".1")
            p.proc.send_signal(signal.SIGUSR1)
            env.wait_until(lambda: os.path.exists(path), 10, "the new file")
            stub.EmptyCall(Empty(), timeout=10)
            env.wait_until(lambda: len(lines(path)) == 1, 10, "the second line")
            os.rename(path, path + ".2")
            os.mkdir(path)      # in the way of the third
            p.proc.send_signal(signal.SIGUSR1)
            p.wait_line(lambda line: "the one that is open stays" in line, "err")
            stub.EmptyCall(Empty(), timeout=10)  # this one is written at the end
        assert (len(lines(path + ".1")), len(lines(path + ".2"))) == (1, 2)


def test_a_named_pipe_without_a_reader_is_said_and_waits(backend, tmp_path):
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    with logging(backend, dict(ACCESS, to=pipe, headers=["x-tenant"])) as p:
        p.wait_line(lambda line: "nobody reads this named pipe" in line, "err")
        with p.open_channel() as channel:
            protos.Stub(channel).UnaryCall(SimpleRequest(), timeout=10, metadata=[("x-tenant", "early")])
        with open(pipe, "rb") as f:     # the open returns when the proxy tries again
            assert json.loads(f.readline())["headers"]["x-tenant"] == "early"


def test_long_calls_have_lines_in_between(backend):
    with logging(backend, {"sample": "100%", "interval": "1s"}) as p, p.open_channel() as channel:
        talk = reloads.Talk(channel)
        talk.say()
        line = p.wait_line(lambda t: json.loads(t)["messagesOut"] and json.loads(t), "out")
        assert (line["event"], line["messagesIn"], line["messagesOut"]) == ("interval", 1, 1)
        assert line["totalMs"] >= 1000 and "code" not in line
        assert (line["attempts"], line["endpoint"]) == (1, backend.address)
        assert 0 < line["firstByteMs"] < line["totalMs"] and line["bytesOut"] > 0
        assert line["blockedClientMs"] < 1000 * env.SLOW and "reason" not in line
        talk.end()
        line = p.wait_line(lambda t: json.loads(t)["event"] == "end" and json.loads(t), "out")
        assert line["code"] == 0



def test_a_pipe_that_nobody_reads_delays_no_call(backend):
    """stdout is a pipe that is full after a moment (E4): lines are dropped and counted, calls go on as before."""
    config = {"version": 1, "drain": {"delay": "0s", "timeout": "2s"},
              "admin": {"listen": env.free_address()},
              "log": {"access": {"sample": "100%", "headers": ["x-pad0", "x-pad1", "x-pad2"]}},
              "listeners": [{"listen": env.free_address(), "routes": [{"to": "app"}]}],
              "pools": [{"name": "app", "endpoints": [backend.address]}]}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f, tempfile.TemporaryFile() as err:
        json.dump(config, f)
        f.flush()
        proc = subprocess.Popen([env.OUTRIGGER, "-c", f.name], stdout=subprocess.PIPE, stderr=err)
        fcntl.fcntl(proc.stdout, fcntl.F_SETPIPE_SZ, 65536)     # whatever the kernel thinks is usual
        try:
            address = config["listeners"][0]["listen"]
            with env.open_channel(address) as channel:
                stub = protos.Stub(channel)
                grpc.channel_ready_future(channel).result(10 * env.SLOW)
                pad = [("x-pad%d" % i, "p" * 1000) for i in range(3)]
                took = []
                for _ in range(900):
                    begun = time.monotonic()
                    stub.EmptyCall(Empty(), timeout=10, metadata=pad)
                    took.append(time.monotonic() - begun)
            # pipe 64 KiB, ring 1 MiB: of 900 lines of 3.5 KiB two thirds cannot wait
            ask = env.Proxy.metrics.__get__(
                type("P", (), {"need_process": staticmethod(lambda: None),
                               "admin": config["admin"]["listen"]})())
            env.wait_until(lambda: ask()["outrigger_access_log_lines_total"] >= 900, what="the last line")
            metrics = ask()
            assert metrics['outrigger_access_log_dropped_total{reason="full"}'] > 500
            assert metrics["outrigger_access_log_lines_total"] == 900
            full, before = sorted(took[500:]), sorted(took[:100])
            # The median says what each call pays; a single late one is the machine's. Other files run meanwhile, so this is
            # about a wait for the pipe, which would never end; test_log_pipe measures, alone and beside a proxy that is read.
            assert full[200] < before[50] + 0.1 * env.SLOW
            begun = time.monotonic()
            proc.terminate()
            assert proc.wait(15 * env.SLOW) == 0
            assert time.monotonic() - begun < 10 * env.SLOW
        finally:
            if proc.poll() is None:
                proc.kill()
                proc.wait()
            lines = proc.stdout.read().decode().splitlines()
            proc.stdout.close()
    assert 5 < len(lines) < 400
    for text in lines[:-1]:
        assert len(json.loads(text)["headers"]["x-pad2"]) == 1000


HOSTILE = [b'"},"code":0,{"', b"\\", b"\\u0022", b"tab\there", bytes(range(0x80, 0x100)), "\u00e4\u20ac\U0001f600".encode(),
           "\u202eevil\u2028\u0085".encode(), b"%{status} %s %n", b"a" * 3000]
SAID = [b"plain", b"%0a%7b%22code%22:0%7d%0d%00", b"%1b%5b31mred%08%7f", b"%c3%a4%e2%82%ac", b"%ff%c3", b'"\\', b"%", b"%zz%0", b"x" * 3000]


@pytest.mark.parametrize("form", ["json", "format"])
def test_nobody_breaks_out_of_a_line(form):
    """Path, authority, headers and the backend's message with all that a peer can get through: one line for each call, of printable ASCII alone, and JSON reads back as it was sent."""
    said = itertools.cycle(SAID)

    def answer(request):
        request.conn.send(h2raw.make_headers(request.sid, h2raw.RESPONSE_FIELDS) + h2raw.make_headers(
            request.sid, [("grpc-status", "9"), ("grpc-message", next(said))], True))
    access = {"sample": "100%", "headers": ["x-tenant"]}
    if form == "format":
        access = {"sample": "100%", "format": '%{status} "%{message}" %{service}/%{method} "%{authority}" "%{header:x-tenant}"'}
    with h2raw.RawBackend(lambda c: h2raw.serve(c, on_end=answer)) as raw:
        with env.Proxy([raw.address], top={"log": {"access": access}}) as p, h2raw.Client(p.address) as client:
            paths = [b"/a.B/C", b'/a.B/"quoted"', b"/a.B/%0a%22", "/a.B/\u00e4".encode(), b"/{\"code\":0}/x"]
            for hostile in HOSTILE:
                client.call("/a.B/C", fields=h2raw.request_fields("/a.B/C", extra=[("x-tenant", hostile)]))
            for path in paths:
                client.call(path, fields=h2raw.request_fields(path, authority=b'x"\\\xc3\xa4'))
            env.wait_until(lambda: len(p.lines("out")) >= len(HOSTILE) + len(paths), 10, "a line for each call")
            lines = p.lines("out")
    assert len(lines) == len(HOSTILE) + len(paths)
    for text in lines:
        assert all(" " <= c <= "~" for c in text), text
    if form == "format":
        quoted = r'"(?:[^"\\]|\\["\\]|\\x[0-9a-f]{2})*"'
        for text in lines:
            assert re.fullmatch(r"[A-Z_]+ (%s|-) .* (%s|-) (%s|-)" % (quoted, quoted, quoted), text), text
        return
    records = [json.loads(text) for text in lines]
    assert all(len(set(json.loads(text, object_pairs_hook=lambda pairs: [k for k, _ in pairs]))) == len(r)
               for text, r in zip(lines, records))  # no key twice
    tenants = [r["headers"].get("x-tenant") for r in records[:len(HOSTILE)]]
    assert tenants[:4] == [h.decode() for h in HOSTILE[:4]] and tenants[5:8] == [h.decode() for h in HOSTILE[5:8]]
    messages = [r["message"] for r in records if r["code"] == 9]
    assert messages[:4] == ["plain", '\n{"code":0}\r\0', "\x1b[31mred\b\x7f", "\u00e4\u20ac"]
    assert all(r["code"] != 0 for r in records)


def test_the_manual_has_each_key():
    top = os.path.join(env.HERE, "..", "..")
    with open(os.path.join(top, "src", "filter", "access_record.c"), encoding="utf-8") as f:
        keys = set(re.findall(r'^    (?:TEXT|PLAIN)\("(\w+)"', f.read(), re.M))
    with open(os.path.join(top, "docs", "access-log.md"), encoding="utf-8") as f:
        rows = [line.split("|")[1] for line in f if line.startswith("| `")]
    told = [key for row in rows for key in re.findall(r"`(\w+)`", row)]
    assert len(keys) > 25 and len(told) == len(set(told)) and set(told) == keys | {"headers", "cut"}
