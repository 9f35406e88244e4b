# SPDX-License-Identifier: Apache-2.0
"""The parts that every benchmark here needs: cores, processes, proxies, one h2load run.

Nothing here prints, and nothing decides what is good: see run.py and instr.py."""

import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

CORES = sorted(os.sched_getaffinity(0))
LOAD_CORES = {CORES[0]}
PROXY_CORES = {CORES[1]} if len(CORES) > 1 else {CORES[0]}
MIB = 1 << 20
FLAGS = ["-H", "content-type: application/grpc", "-H", "te: trailers"]
# A "-64k" peer is the same program with 64 KiB I/O buffers. That makes large messages
# much cheaper for it and costs it memory, so it is a row of its own, for the bulk shapes.
PEERS = ("nghttpx", "haproxy", "nginx", "haproxy-64k", "nginx-64k")


class LabError(Exception):
    """Something a person must fix; the text says what to do."""


def raise_file_limit():
    """1,000 connections and nginx's one connection per stream need many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def message_file(folder, size):
    """A gRPC message of `size` bytes with its 5-byte prefix, as h2load -d wants it."""
    path = os.path.join(folder, "message-%d" % size)
    if not os.path.exists(path):
        with open(path, "wb") as f:
            f.write(b"\0" + struct.pack(">I", size) + b"x" * size)
    return path


class Tls:
    """One P-256 certificate for the proxies and the backend, for 127.0.0.1 and localhost.
    The backend and h2load know one cipher, so nobody can choose a cheaper one."""

    CIPHER = "TLS_AES_128_GCM_SHA256"

    def __init__(self, folder):
        self.cert = os.path.join(folder, "cert.pem")
        self.key = os.path.join(folder, "key.pem")
        self.both = os.path.join(folder, "both.pem")
        got = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
             "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", self.key, "-out", self.cert], capture_output=True, text=True)
        if got.returncode != 0:
            raise LabError("openssl could not make a certificate: " + got.stderr.strip())
        with open(self.both, "w") as out:
            for path in (self.cert, self.key):
                with open(path) as f:
                    out.write(f.read())


# --- processes ---------------------------------------------------------------

class Process:
    """A program that we started, pinned to cores, with everything it forks."""

    def __init__(self, argv, cores, log_path, env=None):
        self.argv = argv
        self.log_path = log_path
        with open(log_path, "ab") as log:
            self.popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                preexec_fn=lambda: os.sched_setaffinity(0, cores))

    def pids(self):
        """Our child and its descendants. A dead one is simply not listed."""
        parents = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open("/proc/%s/stat" % name) as f:
                        parents[int(name)] = int(f.read().rsplit(")", 1)[1].split()[1])
                except OSError:
                    pass
        tree = [self.popen.pid] if self.popen.pid in parents else []
        for pid in tree:
            tree += [p for p, parent in parents.items() if parent == pid]
        return tree

    def cpu_ns(self):
        """CPU time of the tree so far. Threads that ended meanwhile are not in it."""
        total = 0
        for pid in self.pids():
            try:
                for task in os.listdir("/proc/%d/task" % pid):
                    total += task_cpu_ns("/proc/%d/task/%s" % (pid, task))
            except OSError:
                pass
        return total

    def memory(self):
        """Resident bytes now and at the highest moment. A tree of several processes is
        counted by proportional share, so that pages they share count once."""
        pids = self.pids()
        now = peak = 0
        for pid in pids:
            with open("/proc/%d/status" % pid) as f:
                fields = dict(line.split(":", 1) for line in f if ":" in line)
            now += kib(fields["VmRSS"])
            peak += kib(fields["VmHWM"])
        if len(pids) > 1:
            share = 0
            for pid in pids:
                with open("/proc/%d/smaps_rollup" % pid) as f:
                    share += sum(kib(x.split(":")[1]) for x in f if x.startswith("Pss:"))
            peak -= now - share
            now = share
        return now, peak

    def stop(self):
        """TERM for the root, then KILL for what is still there, always by pid."""
        tree = self.pids()
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(3)
            except subprocess.TimeoutExpired:
                self.popen.terminate()
        for _ in range(20):
            self.popen.poll()
            if not any(os.path.exists("/proc/%d" % p) for p in tree):
                break
            time.sleep(0.05)
        else:
            for pid in tree:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
        self.popen.wait()

    def log_tail(self):
        with open(self.log_path, errors="replace") as f:
            return "".join(f.readlines()[-8:]).strip()


def kib(text):
    return int(text.split()[0]) * 1024


def task_cpu_ns(task):
    try:
        with open(task + "/schedstat") as f:
            return int(f.read().split()[0])
    except (OSError, ValueError, IndexError):
        with open(task + "/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 10**9 // os.sysconf("SC_CLK_TCK")


def cpu_ticks(cores):
    """{busy, steal, all} clock ticks of some cores since boot."""
    out = {"busy": 0, "steal": 0, "all": 0}
    with open("/proc/stat") as f:
        for line in f:
            name, *values = line.split()
            if re.fullmatch(r"cpu\d+", name) and int(name[3:]) in cores:
                user, nice, system, idle, wait, irq, soft, steal = map(int, values[:8])
                out["busy"] += user + nice + system + irq + soft
                out["steal"] += steal
                out["all"] += sum((user, nice, system, idle, wait, irq, soft, steal))
    return out


# --- backend and proxies -------------------------------------------------------

class Backend(Process):
    def __init__(self, program, folder, cores=None, tls=None):
        if not os.access(program, os.X_OK):
            raise LabError("The benchmark backend %s is missing; build it with "
                           "`make tests/bench/bench_backend`." % program)
        log = os.path.join(folder, "backend.log")
        super().__init__([program, "-n", "100", "-p", "0"] +
                         (["-t", tls.both] if tls else []), cores or LOAD_CORES, log)
        for _ in range(100):
            with open(log) as f:
                words = f.read().split()
            if len(words) == 2:
                self.port = int(words[1])
                return
            if self.popen.poll() is not None:
                break
            time.sleep(0.02)
        self.stop()
        raise LabError("The benchmark backend did not start: " + self.log_tail())


class Proxy:
    """One proxy under test: how to configure it, and the running process if any."""

    def __init__(self, name, kind, program):
        self.name, self.kind, self.program = name, kind, program
        self.bulk_only = name.endswith("-64k")
        self.process = None
        self.port = None
        self.tls = None  # a Tls: on both sides

    def command(self, folder, backend_port, wide):
        """Writes its configuration; how to start it."""
        return WRITERS[self.kind](self.program, folder, self.port, backend_port, wide,
                                  self.tls)

    def start(self, folder, backend_port, wide=False, wrapper=None, env=None):
        """Start on a free port and wait until it accepts. `wide` = room for 10,000
        upstream connections (only nginx pays for that in advance)."""
        folder = os.path.join(folder, self.name)
        os.makedirs(folder, exist_ok=True)
        for _ in range(3):
            self.port = free_port()
            argv = self.command(folder, backend_port, wide)
            self.process = Process((wrapper or []) + argv, PROXY_CORES,
                                   os.path.join(folder, "log"), env)
            if self._accepts(60 if wrapper else 10):
                return
            self.stop()
        raise LabError("%s did not start. The end of its log:\n%s" %
                       (self.name, Process.log_tail(self._last)))

    def _accepts(self, seconds):
        self._last = self.process
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.popen.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                time.sleep(0.02)
        return False

    def stop(self):
        if self.process is not None:
            self.process.stop()
            self.process = None

    def version(self):
        flags = {"outrigger": "-V", "nghttpx": "--version"}
        flag = flags.get(self.kind, "-v")
        try:
            got = subprocess.run([self.program, flag], capture_output=True, text=True,
                                 timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return "?"
        return ((got.stdout + got.stderr).strip().splitlines() or ["?"])[0]


def write(path, text):
    with open(path, "w") as f:
        f.write(text)
    return path


def write_outrigger(program, folder, port, backend_port, wide, tls):
    """Limits are the defaults; a deadline and the counters are on."""
    down = up = ""
    if tls:
        down = '"tls": { "cert": "%s", "key": "%s" },\n                   ' % (tls.cert,
                                                                           tls.key)
        up = ', "tls": { "ca": "%s", "serverName": "localhost" }' % tls.cert
    conf = write(os.path.join(folder, "outrigger.conf"), """{ "version": 1,
  "workers": 1,
  "admin": { "listen": "127.0.0.1:%d" },
  "log": { "level": "warn" },
  "listeners": [ { "name": "in", "listen": "127.0.0.1:%d",
                   %s"routes": [ { "name": "all", "to": "app", "timeout": "10m" } ] } ],
  "pools": [ { "name": "app", "endpoints": ["127.0.0.1:%d"]%s } ] }
""" % (free_port(), port, down, backend_port, up))
    return [program, "-c", conf]


def write_nghttpx(program, folder, port, backend_port, wide, tls):
    """--conf and --errorlog-file: else Debian's own config and a closed stderr get in.
    With TLS: full records from the start, as the others make them."""
    secure = [tls.key, tls.cert, "--cacert=" + tls.cert,
              "--tls-dyn-rec-warmup-threshold=0"] if tls else []
    return [program, "--conf=/dev/null", "--workers=1", "--single-thread",
            "--single-process", "--errorlog-file=" + os.path.join(folder, "error.log"),
            "--frontend=127.0.0.1,%d%s" % (port, "" if tls else ";no-tls"),
            "--backend=127.0.0.1,%d;;proto=h2%s" %
            (backend_port, ";tls;sni=localhost" if tls else ""),
            "--frontend-http2-max-concurrent-streams=1000",
            "--backend-http2-max-concurrent-streams=1000",
            "--frontend-http2-window-size=1M", "--backend-http2-window-size=1M",
            "--frontend-http2-connection-window-size=16M",
            "--frontend-http2-read-timeout=1h", "--backend-read-timeout=1h",
            "--stream-write-timeout=1h", "--no-via", "--no-add-x-forwarded-proto",
            "--no-location-rewrite", "--no-server-push"] + secure


def write_haproxy(program, folder, port, backend_port, wide, tls, extra=""):
    down, up = "proto h2", "proto h2"
    if tls:
        down = "ssl crt %s alpn h2" % tls.both
        up = "ssl verify required ca-file %s sni str(localhost) alpn h2" % tls.cert
    conf = write(os.path.join(folder, "haproxy.cfg"), """global
%s    nbthread 1
    maxconn 4000
    tune.h2.max-concurrent-streams 1000
    tune.h2.initial-window-size 1048576
defaults
    mode http
    timeout client 1h
    timeout server 1h
    timeout connect 5s
    http-reuse always
frontend in
    bind 127.0.0.1:%d %s
    default_backend app
backend app
    server a 127.0.0.1:%d %s pool-max-conn 100
""" % (extra, port, down, backend_port, up))
    return [program, "-db", "-f", conf]


def write_haproxy_64k(*args):
    return write_haproxy(*args, extra="    tune.bufsize 65536\n")


def write_nginx(program, folder, port, backend_port, wide, tls, extra=""):
    down, up = "", "grpc://app"
    if tls:
        down, up = "ssl ", "grpcs://app"
        extra += ("    ssl_certificate %s;\n    ssl_certificate_key %s;\n"
                  "    ssl_protocols TLSv1.3;\n    grpc_ssl_protocols TLSv1.3;\n"
                  "    grpc_ssl_verify on;\n    grpc_ssl_name localhost;\n"
                  "    grpc_ssl_server_name on;\n    grpc_ssl_trusted_certificate %s;\n" %
                  (tls.cert, tls.key, tls.cert))
    temp = "".join("    %s_temp_path %s/%s;\n" % (kind, folder, kind) for kind in
                   ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if os.geteuid() == 0 else ""
    conf = write(os.path.join(folder, "nginx.conf"), user + """daemon off;
worker_processes 1;
pid %s/pid;
error_log %s/error.log error;
events { worker_connections %d; }
http {
%s    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    http2_max_concurrent_streams 1000;
    client_max_body_size 0;
    grpc_read_timeout 1h;
    grpc_send_timeout 1h;
    upstream app {
        server 127.0.0.1:%d;
        keepalive 1024;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }
    server {
        listen 127.0.0.1:%d %shttp2 backlog=4096;
        location / { grpc_pass %s; }
    }
}
""" % (folder, folder, 12000 if wide else 4096, temp + extra, backend_port, port,
       down, up))
    return [program, "-p", folder, "-e", os.path.join(folder, "error.log"), "-c", conf]


def write_nginx_64k(*args):
    return write_nginx(*args, extra="    grpc_buffer_size 64k;\n"
                       "    http2_chunk_size 16k;\n    http2_body_preread_size 1m;\n")


WRITERS = {"outrigger": write_outrigger, "nghttpx": write_nghttpx,
           "haproxy": write_haproxy, "haproxy-64k": write_haproxy_64k,
           "nginx": write_nginx, "nginx-64k": write_nginx_64k}


def find_program(name):
    """Debian keeps these servers in sbin, which is not in everybody's PATH."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def find_proxies(outrigger, also=()):
    """Every proxy that exists here, ours first. `also` = more of our own binaries, as
    NAME=PATH, to compare two builds in one run."""
    found = []
    if outrigger and os.access(outrigger, os.X_OK):
        found.append(Proxy("outrigger", "outrigger", os.path.abspath(outrigger)))
    for item in also:
        name, _, path = item.partition("=")
        if not os.access(path, os.X_OK):
            raise LabError("--also %s: there is no program at that path." % item)
        found.append(Proxy(name, "outrigger", os.path.abspath(path)))
    for name in PEERS:
        path = find_program(name.split("-")[0])
        if path:
            found.append(Proxy(name, name, path))
    return found


# --- load ----------------------------------------------------------------------

class Load:
    """What h2load did in one run."""

    def __init__(self, calls, seconds, latencies_us):
        self.calls, self.seconds = calls, seconds
        self.latencies_us = latencies_us


def run_h2load(folder, port, path, body, calls, conns, streams, answer_size,
               log=False, rate=None, timeout=120, headers=(), tls=None):
    """Exactly `calls` calls, checked: each must be a 200 and carry the whole message.
    The byte count matters: a proxy's own error is a 200 too, but has no message."""
    log_path = os.path.join(folder, "h2load.log")
    argv = ["h2load", "-n", str(calls), "-c", str(conns), "-m", str(streams),
            "-d", body] + FLAGS
    for header in headers:
        argv += ["-H", header]
    if log:
        argv.append("--log-file=" + log_path)
    if rate:
        argv.append("--rps=%d" % max(1, rate // conns))
    if tls:
        argv.append("--tls13-ciphers=" + tls.CIPHER)
    argv.append("http%s://127.0.0.1:%d%s" % ("s" if tls else "", port, path))
    try:
        got = subprocess.run(argv, capture_output=True, text=True, timeout=timeout,
                             preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORES))
    except subprocess.TimeoutExpired:
        raise LabError("h2load did not end within %d s: calls were lost." % timeout)
    latencies = []
    if log:
        with open(log_path) as f:
            latencies = sorted(int(line.split("\t")[2]) for line in f)
        os.unlink(log_path)
    check_h2load(got.stdout, calls, answer_size)
    if tls and "Cipher: " + tls.CIPHER not in got.stdout:
        raise LabError("The calls did not use %s:\n%s" % (tls.CIPHER, got.stdout[:400]))
    finished = re.search(r"finished in ([\d.]+)(us|ms|s)", got.stdout)
    unit = {"us": 1e-6, "ms": 1e-3, "s": 1.0}[finished.group(2)]
    return Load(calls, float(finished.group(1)) * unit, latencies)


def check_h2load(text, calls, answer_size):
    good = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", text)
    codes = re.search(r"status codes: (\d+) 2xx", text)
    data = re.search(r"\((\d+)\) data", text)
    if not (good and codes and data and "finished in" in text):
        raise LabError("h2load said nothing useful:\n" + text[-800:])
    want = calls * (answer_size + 5)
    if int(good.group(1)) != calls or int(codes.group(1)) != calls:
        raise LabError("%s of %d calls succeeded, %s were 2xx:\n%s" %
                       (good.group(1), calls, codes.group(1), text[-700:]))
    if int(data.group(1)) != want:
        raise LabError("Calls came back without their message: %s bytes of %d. Some were "
                       "answered with a gRPC error." % (data.group(1), want))


def percentile(sorted_values, share):
    if not sorted_values:
        return None
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


GRPC_CHECK = """
import sys
try:
    import grpc
except ImportError:
    sys.exit(77)
target = "127.0.0.1:" + sys.argv[1]
if len(sys.argv) > 2:
    with open(sys.argv[2], "rb") as f:
        made = grpc.secure_channel(target, grpc.ssl_channel_credentials(f.read()))
else:
    made = grpc.insecure_channel(target)
with made as channel:
    for method, size in (("Unary", 100), ("Stream", 1 << 20)):
        stub = channel.unary_unary("/bench/" + method)
        answer, call = stub.with_call(b"x" * 100, timeout=10)
        assert call.code() == grpc.StatusCode.OK, call.code()
        assert len(answer) == size, len(answer)
    try:
        channel.unary_unary("/bench/Missing")(b"", timeout=10)
        sys.exit("an unknown method was answered with OK")
    except grpc.RpcError as err:
        assert err.code() == grpc.StatusCode.UNIMPLEMENTED, err.code()
"""


def check_grpc(port, folder, tls=None):
    """h2load does not look at trailers, so: real calls by a real gRPC client when
    Debian's grpcio is there, else one raw call whose trailers are read. Says which."""
    got = subprocess.run(["/usr/bin/python3", "-c", GRPC_CHECK, str(port)] +
                         ([tls.cert] if tls else []),
                         capture_output=True, text=True, timeout=60)
    if got.returncode == 0:
        return "grpcio"
    if got.returncode != 77:
        raise LabError("A real gRPC call failed:\n" + got.stderr[-800:])
    got = subprocess.run(["nghttp", "-nv", "-d", message_file(folder, 100),
                          "-H:method: POST"] + FLAGS +
                         ["http%s://127.0.0.1:%d/bench/Unary" % ("s" if tls else "", port)],
                         capture_output=True, text=True, timeout=30)
    if "grpc-status: 0" not in got.stdout:
        raise LabError("A raw call came back without `grpc-status: 0`:\n" +
                       got.stdout[-800:])
    return "raw"


def temp_folder():
    """On /dev/shm when there is one: h2load's log must not wait for a disk."""
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix="outrigger-bench-", dir=parent)


def stop_on_signal():
    """A TERM must end what we started, as ^C does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
