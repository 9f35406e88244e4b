# SPDX-License-Identifier: Apache-2.0
"""The processes of a test: the proxy, gRPC backends, and what to ask them.

OUTRIGGER                 the binary (default: ./outrigger in the current folder)
OUTRIGGER_TEST_DIRECT=1   no proxy at all: checks the tests themselves
"""
import base64
import contextlib
import fcntl
import json
import os
import random
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import urllib.error
import urllib.request

import grpc
import pytest

import protos

HERE = os.path.dirname(os.path.abspath(__file__))
OUTRIGGER = os.path.abspath(os.environ.get("OUTRIGGER", "./outrigger"))
DIRECT = os.environ.get("OUTRIGGER_TEST_DIRECT") == "1"


def _is_sanitized(path):
    try:
        with open(path, "rb") as f:
            return bool(re.search(rb"__(asan|tsan|ubsan)_", f.read()))
    except OSError:
        return False


# Under a sanitizer everything takes longer, so limits of time are stretched; and freed memory
# is kept for a while, so limits of memory say nothing.
SANITIZED = _is_sanitized(OUTRIGGER)
SLOW = float(os.environ.get("OUTRIGGER_TEST_SLOWDOWN", "4" if SANITIZED else "1"))
# make check-tsan sets 2, so that what workers share is really shared.
WORKERS = int(os.environ.get("OUTRIGGER_TEST_WORKERS", "1"))
_REPORT = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:|LeakSanitizer")

_used_ports = set()
PORT_LOW, PORT_HIGH = map(int, os.environ.get("OUTRIGGER_TEST_PORTS", "10240-32000").split("-"))


def free_port():
    """A port that nobody listens on, below the range from which the kernel takes the ports
    of outgoing connections: else one of those could grab it before its owner binds. Test runs
    side by side have ranges of their own (lanes.py, contrib/test), for the same reason."""
    while True:
        port = random.randint(PORT_LOW, PORT_HIGH)
        if port in _used_ports:
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        _used_ports.add(port)
        return port


def free_address():
    return "127.0.0.1:%d" % free_port()


def wait_until(ready, timeout=10, what="the condition"):
    """Poll ready() until it gives a true value, and return that."""
    end = time.monotonic() + timeout * SLOW
    while True:
        value = ready()
        if value:
            return value
        assert time.monotonic() < end, "%s did not come true within %s s" % (what, timeout)
        time.sleep(0.01)


def open_patiently(request):
    """(headers, body) of a URL or Request; the admin port of a busy machine may refuse pages for a moment (503)."""
    def ask():
        try:
            with urllib.request.urlopen(request, timeout=5 * SLOW) as answer:
                return answer.headers, answer.read()
        except urllib.error.HTTPError as e:
            if e.code != 503:
                raise
            return None
    return wait_until(ask, what="an answer of the admin port")


def ask_patiently(url):
    """The text of GET url, as above."""
    return open_patiently(url)[1].decode()


def wait_steady(read, quiet=0.7, timeout=30):
    """Poll read() until its value has not changed for `quiet` seconds; returns the value."""
    end = time.monotonic() + timeout * SLOW
    value, since = read(), time.monotonic()
    while time.monotonic() - since < quiet * SLOW:
        assert time.monotonic() < end, "still moving after %s s: %s" % (timeout, value)
        time.sleep(0.02)
        now = read()
        if now != value:
            value, since = now, time.monotonic()
    return value


class Process:
    """A child process with its stderr and stdout lines kept."""

    def __init__(self, args, **kw):
        self._lines = {"out": [], "err": []}
        self._taken = {"out": 0, "err": 0}      # bytes that were read
        self._changed = threading.Condition()
        self.proc = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, **kw)
        self._pipes = {"out": self.proc.stdout, "err": self.proc.stderr}
        self._readers = [threading.Thread(target=self._read, args=(f, n), daemon=True)
                         for n, f in self._pipes.items()]
        for reader in self._readers:
            reader.start()

    def _read(self, pipe, name):
        rest, data = b"", True
        readable = select.poll()
        readable.register(pipe, select.POLLIN)
        while data:
            readable.poll()
            with self._changed:     # around both, so that no byte is neither in the pipe nor in the list
                if pipe.closed:     # somebody else holds its other end
                    return
                data = os.read(pipe.fileno(), 65536)
                *whole, rest = (rest + data).split(b"\n")
                if rest and not data:
                    whole.append(rest)
                self._lines[name] += [raw.decode("utf-8", "replace") for raw in whole]
                self._taken[name] += len(data)
                self._changed.notify_all()

    @contextlib.contextmanager
    def unread(self):
        """Meanwhile nobody reads what the process writes: its pipes fill."""
        with self._changed:
            yield

    def lines(self, name="err"):
        """All that it has written so far, also what our thread has not read yet: on a busy machine the effect of
        something is often seen before the line that was written earlier."""
        with self._changed:
            if not self._pipes[name].closed:
                left = fcntl.ioctl(self._pipes[name].fileno(), termios.FIONREAD, struct.pack("i", 0))
                until = self._taken[name] + struct.unpack("i", left)[0]
                self._changed.wait_for(lambda: self._taken[name] >= until, 10 * SLOW)
            return list(self._lines[name])

    def wait_line(self, match, name, timeout=10):
        """The first line for which match(line) gives a true value: that value."""
        end = time.monotonic() + timeout * SLOW
        seen = 0
        with self._changed:
            while True:
                lines = self._lines[name]
                while seen < len(lines):
                    found = match(lines[seen])
                    seen += 1
                    if found:
                        return found
                left = end - time.monotonic()
                assert left > 0, "no such line within %s s; got: %s" % (timeout, lines[-20:])
                # Its last words may still be in the other pipe, and the message must have them.
                assert self.proc.poll() is None or any(r.is_alive() for r in self._readers), \
                    "process ended (%s): %s" % (self.proc.poll(), self._lines["err"][-20:])
                self._changed.wait(min(left, 0.2))

    def wait_exit(self, timeout=15):
        self.proc.wait(timeout * SLOW)
        for reader in self._readers:
            reader.join(5 * SLOW)
        for pipe in (self.proc.stdin, self.proc.stdout, self.proc.stderr):
            pipe.close()
        return self.proc.returncode

    @property
    def alive(self):
        return self.proc.poll() is None

    def kill(self):
        if self.alive:
            self.proc.kill()
        self.wait_exit()


class Backend(Process):
    """A grpcio TestService in a subprocess; see backend_main.py for what calls can ask."""

    def __init__(self, listen=None, name="backend", options=(), more=(), health=""):
        self.address = listen or free_address()
        args = [sys.executable, os.path.join(HERE, "backend_main.py"), "--listen",
                self.address, *more]
        if name:
            args += ["--name", name]
        for key, value in dict(options).items():
            args += ["--option", "%s=%d" % (key, value)]
        if health:
            args += ["--health", health]
        env = dict(os.environ, PYTHONPATH=HERE, GRPC_VERBOSITY="ERROR")
        super().__init__(args, env=env)
        self.wait_line(lambda line: '"listening"' in line, "out", 60)   # grpcio needs seconds of a busy machine

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.kill()

    def wait_event(self, call_id, ev, timeout=10):
        """The report `ev` of the call that sent x-test-id."""
        def match(line):
            fields = json.loads(line)
            return fields if (fields.get("id"), fields["ev"]) == (call_id, ev) else None
        return self.wait_line(match, "out", timeout)

    def events(self, call_id):
        return [f for f in map(json.loads, self.lines("out")) if f.get("id") == call_id]

    def progress(self, call_id):
        """How many messages x-test-flood has sent so far."""
        for line in reversed(self.lines("out")):
            fields = json.loads(line)
            if fields.get("id") == call_id and fields["ev"] == "progress":
                return fields["count"]
        return 0

    def control(self, method, text):
        """Tell the backend to behave otherwise, past the proxy."""
        with open_channel(self.address) as channel:
            return channel.unary_unary("/outrigger.test.Control/" + method)(
                text.encode(), timeout=10 * SLOW).decode()

    def open_gate(self, name):
        with open_channel(self.address) as channel:
            channel.unary_unary("/outrigger.test.Control/Open")(name.encode(), timeout=10 * SLOW)


class Counter(Process):
    """A C backend (tests/bench) that answers /bench/Unary and counts."""

    PATH = os.path.join(os.path.dirname(OUTRIGGER), "tests/bench/bench_backend")

    def __init__(self):
        super().__init__([self.PATH])
        port = self.wait_line(lambda line: re.match(r"port (\d+)", line), "out", 10).group(1)
        self.address = "127.0.0.1:" + port

    def reset(self):
        self.proc.send_signal(signal.SIGUSR1)
        self.wait_line(lambda line: line == "reset", "out", 10)

    def served(self):
        """Ends it: how many requests it answered."""
        self.proc.terminate()
        self.wait_exit()
        return int(self.lines("out")[-1].split()[1])


CHANNEL_OPTIONS = {"grpc.max_send_message_length": -1, "grpc.max_receive_message_length": -1,
                   "grpc.use_local_subchannel_pool": 1, "grpc.enable_http_proxy": 0}


def open_channel(address, aio=False, credentials=None, **options):
    """A channel with a connection of its own, with TLS when there are credentials. Dots in
    option names are written as __."""
    merged = dict(CHANNEL_OPTIONS, **{k.replace("__", "."): v for k, v in options.items()})
    where = grpc.aio if aio else grpc
    if credentials:
        return where.secure_channel(address, credentials, options=list(merged.items()))
    return where.insecure_channel(address, options=list(merged.items()))


class Proxy(Process):
    """The proxy with one listener, and a pool per entry of `pools`.

    pools: {name: [targets]} (or a plain list: one pool "app"); pool: keys for every pool;
    routes: the list of the listener (default: everything to the first pool);
    listener, top: further keys. In direct mode no process runs and the address is the first
    backend's.
    """

    def __init__(self, pools, routes=None, listener=None, pool=None, top=None, workers=None,
                 listen=None):
        if not isinstance(pools, dict):
            pools = {"app": pools}
        first = next(iter(pools))
        self.address = listen or free_address()
        self.asked = False     # SIGTERM was sent
        if DIRECT:
            self.address = pools[first][0]
            self.proc = None
            return
        self.admin = free_address()
        self.config = {
            "version": 1, "workers": workers or WORKERS, "admin": {"listen": self.admin},
            "drain": {"delay": "0s", "timeout": "2s"},
            "listeners": [dict({"name": "in", "listen": self.address,
                                "routes": routes or [{"to": first}]}, **(listener or {}))],
            "pools": [dict({"name": name, "endpoints": list(ends),
                            "backoff": {"baseInterval": "50ms", "maxInterval": "200ms"}},
                           **(pool or {})) for name, ends in pools.items()]}
        self.config.update(top or {})
        handle, self._path = tempfile.mkstemp(prefix="outrigger-", suffix=".json")
        with os.fdopen(handle, "w") as f:
            json.dump(self.config, f)
        super().__init__([OUTRIGGER, "-c", self._path])
        try:
            self.wait_line(lambda line: re.search(r"\bready\b", line), "err", 30)
        except BaseException:
            self.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.proc:
            self.stop(check=kind is None)

    def terminate(self):
        """SIGTERM; stop() will then only wait, since a second signal means "now"."""
        self.need_process()
        self.asked = True
        self.proc.send_signal(signal.SIGTERM)

    def stop(self, check=True):
        """SIGTERM, then exit 0 and no report of a sanitizer, or the test fails."""
        try:
            if self.alive and not self.asked:
                self.proc.send_signal(signal.SIGTERM)
            try:
                code = self.wait_exit(15)
            except subprocess.TimeoutExpired:
                self.kill()
                code = "no end within 15 s of SIGTERM"
        finally:
            if os.path.exists(self._path):
                os.unlink(self._path)
        text = "\n".join(self.lines())
        if check or _REPORT.search(text):
            assert code == 0 and not _REPORT.search(text), "exit %s, stderr:\n%s" % (
                code, text[-6000:])
        elif code != 0:
            print("proxy exit %s, stderr:\n%s" % (code, text[-6000:]))

    @staticmethod
    def need_process():
        if DIRECT:
            pytest.skip("needs the proxy")

    def open_channel(self, aio=False, credentials=None, **options):
        return open_channel(self.address, aio, credentials, **options)

    def rss(self, kind="VmRSS"):
        """Resident bytes of the process; "RssAnon" leaves out the pages of its files."""
        self.need_process()
        with open("/proc/%d/status" % self.proc.pid) as f:
            return int(re.search(kind + r":\s+(\d+) kB", f.read()).group(1)) * 1024

    def memory(self):
        """Bytes that the process has for itself. Without pages of files, which come when code runs for the first time; and from where
        the kernel adds them up: VmRSS is counted per processor, and off by some MiB on a machine that has many."""
        self.need_process()
        with open("/proc/%d/smaps_rollup" % self.proc.pid) as f:
            return int(re.search(r"Anonymous:\s+(\d+) kB", f.read()).group(1)) * 1024

    def check_growth(self, before, mib):
        """The process has grown by less than `mib` MiB since it had `before` bytes of memory()."""
        grown = (self.memory() - before) / 2 ** 20
        assert SANITIZED or grown < mib, "the proxy grew by %.1f MiB" % grown

    def metrics(self):
        """{series: value} of GET /metrics."""
        self.need_process()
        text = ask_patiently("http://%s/metrics" % self.admin)
        out = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                series, value = line.rsplit(" ", 1)
                out[series] = float(value)
        return out

    def pools(self):
        """The pools of GET /pools.json, by name."""
        self.need_process()
        return {p["name"]: p for p in json.loads(ask_patiently("http://%s/pools.json" % self.admin))["pools"]}

    def endpoints(self, pool="app"):
        """{address: endpoint} of one pool."""
        return {e["address"]: e for e in self.pools()[pool]["endpoints"]}

    def counters(self):
        return {k: v for k, v in self.metrics().items() if k.split("{")[0].endswith("_total")}

    def gauge(self, name):
        """The sum over all series of one metric."""
        return sum(v for k, v in self.metrics().items() if k.split("{")[0] == name)


class Neighbour:
    """Good calls through the same proxy, one after the other, while something bad happens."""

    def __init__(self, address):
        self._address = address
        self.count, self.failures = 0, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        with open_channel(self._address) as channel:
            stub = protos.Stub(channel)
            while not self._stop.is_set():
                try:
                    answer = stub.UnaryCall(protos.SimpleRequest(response_size=1000), timeout=5 * SLOW)
                    assert len(answer.payload.body) == 1000
                except Exception as e:
                    self.failures.append(repr(e))
                self.count += 1
                self._stop.wait(0.005)

    def __enter__(self):
        self._thread.start()
        self.wait_more(1)
        return self

    def wait_more(self, calls=3):
        """Wait until this many further calls have ended."""
        target = self.count + calls
        wait_until(lambda: self.count >= target, 15, "a neighbour's call")

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.wait_more()
        self._stop.set()
        self._thread.join(10 * SLOW)
        if kind is None:
            assert not self.failures, "the neighbour noticed: %s" % self.failures[:3]


def binary(text):
    return base64.b64decode(text + "=" * (-len(text) % 4))
