# SPDX-License-Identifier: Apache-2.0
"""Processes of one attack row: the proxy under test, the tools around it, and what /proc says."""
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")
MAX_STREAMS = 1024  # the default of limits.maxConcurrentStreams


class RunError(Exception):
    """The run itself broke: a tool is missing or did not start. Not a failed gate."""


def free_port():
    """Outside of what the kernel gives to outgoing connections and of what the integration tests take: both may
    go on beside us, and could have it before the proxy does."""
    while True:
        port = random.randint(8100, 10239)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def start(argv, cpu=None, nice=0, **more):
    """Starts a process, pinned to one CPU when the machine lets us."""
    def before():
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})
        if nice:
            os.nice(nice)
    try:
        return subprocess.Popen(argv, preexec_fn=before, stdin=subprocess.DEVNULL, **more)
    except OSError as e:
        raise RunError(f"Cannot start {argv[0]}: {e.strerror}. Build it first (make check).") from e


def stop(process, seconds):
    """SIGTERM, then SIGKILL after `seconds`. Returns the exit code, None when it was killed."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def wait_port(port, process, seconds=10):
    """Until the port accepts and answers with bytes that are not a refusal."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RunError(f"{process.args[0]} ended with code {process.returncode} at its start.")
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.02)
    raise RunError(f"{process.args[0]} does not accept on port {port} after {seconds} s.")


class Proxy:
    """One fresh proxy process. `log` is the file that holds its stderr."""

    def __init__(self, folder, cpu):
        self.folder, self.cpu = folder, cpu
        self.port = free_port()
        self.log = os.path.join(folder, "proxy.log")
        self.process = None

    def run(self, argv):
        with open(self.log, "wb") as log:
            self.process = start(argv, self.cpu, stdout=log, stderr=log)
        wait_port(self.port, self.process)

    def log_lines(self, offset=0):
        with open(self.log, "rb") as f:
            f.seek(offset)
            return f.read().decode("utf-8", "replace").splitlines()

    def log_size(self):
        return os.path.getsize(self.log)


class Outrigger(Proxy):
    checks_log = True
    exit_good = 0

    def start(self, path, backend_port, limits, process_limits):
        config = {
            "version": 1, "workers": 1, "admin": {"listen": "off"},
            "drain": {"delay": "0s", "timeout": "1s"}, "limits": process_limits,
            "listeners": [{"listen": f"127.0.0.1:{self.port}", "limits": limits,
                           "routes": [{"to": "app"}]}],
            "pools": [{"name": "app", "endpoints": [f"127.0.0.1:{backend_port}"]}],
        }
        file = os.path.join(self.folder, "outrigger.json")
        with open(file, "w", encoding="utf-8") as f:
            json.dump(config, f, indent=2)
        self.run([path, "-c", file])


class Nghttpx(Proxy):
    """For comparison, and to try the tools before there is anything else to attack."""
    checks_log = False
    exit_good = -signal.SIGTERM  # it does not catch the signal

    def start(self, path, backend_port, limits, process_limits):
        self.run([path, "--conf=/dev/null", "--workers=1", "--single-process",
                  f"--errorlog-file={self.folder}/nghttpx.log", "--accesslog-file=/dev/null",
                  f"--frontend=127.0.0.1,{self.port};no-tls",
                  f"--backend=127.0.0.1,{backend_port};;proto=h2",
                  f"--frontend-http2-max-concurrent-streams={MAX_STREAMS}"])


class Watch(threading.Thread):
    """Samples the resident size of a process every 20 ms."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.samples, self.over = pid, [], threading.Event()

    def rss_mib(self):
        try:
            with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
                return int(re.search(r"VmRSS:\s+(\d+) kB", f.read())[1]) / 1024
        except (OSError, TypeError):
            return 0.0  # the process is gone; the exit code says so

    def run(self):
        while not self.over.wait(0.02):
            self.samples.append(self.rss_mib())

    def finish(self):
        self.over.set()
        self.join()
        return max(self.samples, default=0.0)


def cpu_seconds(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK
    except OSError:
        return 0.0


def find_program(path):
    found = shutil.which(path)
    if not found:
        raise RunError(f"There is no program {path}. Build it, or name it with --outrigger PATH.")
    return os.path.abspath(found)
