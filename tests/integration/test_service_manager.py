# SPDX-License-Identifier: Apache-2.0
"""What systemd would see: notifications, the watchdog, and sockets that it opened before."""
import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

import env
import h2raw

pytestmark = pytest.mark.proxy_only
CALL = "/grpc.testing.TestService/EmptyCall"


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind("\0" + path[1:] if path.startswith("@") else path)
        self.env = {"NOTIFY_SOCKET": path}
        self.said = []

    def wait(self, word, timeout=10):
        """The next message that has a line which begins with `word`."""
        end = time.monotonic() + timeout * env.SLOW
        while True:
            self.sock.settimeout(max(0.01, end - time.monotonic()))
            text = self.sock.recv(4096).decode()
            self.said.append(text)
            if any(line.startswith(word) for line in text.split("\n")):
                return text

    def count(self, word, seconds):
        """How many messages with that line come in this time."""
        end, n = time.monotonic() + seconds, 0
        while True:
            try:
                self.wait(word, max(0.001, (end - time.monotonic()) / env.SLOW))
                n += 1
            except socket.timeout:
                return n

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()


def start(tmp_path, backend, listen, environ=None, pass_fds=(), prefix=(), **top):
    """A process of its own, since the environment and the descriptors matter."""
    path = tmp_path / "outrigger.json"
    listens = listen if isinstance(listen, list) else [listen]
    path.write_text(json.dumps(dict({
        "version": 1, "workers": 1, "admin": "off", "drain": {"delay": "0s", "timeout": "5s"},
        "listeners": [{"name": "l%d" % i, "listen": a, "routes": [{"to": "app"}]}
                      for i, a in enumerate(listens)],
        "pools": [{"name": "app", "endpoints": [backend.address]}]}, **top)))
    return env.Process([*prefix, env.OUTRIGGER, "-c", str(path)],
                       env=dict(os.environ, **(environ or {})), pass_fds=pass_fds)


def end(process):
    if process.alive:
        process.proc.send_signal(signal.SIGTERM)
    assert process.wait_exit(15) == 0, process.lines()[-10:]


def wait_ready(process):
    process.wait_line(lambda line: re.search(r"\bready\b", line), "err")


@pytest.mark.parametrize("abstract", [False, True])
def test_ready_reloading_and_stopping_are_told(tmp_path, backend, abstract):
    name = "@outrigger-test-%d" % os.getpid() if abstract else str(tmp_path / "notify")
    with Manager(name) as manager:
        process = start(tmp_path, backend, env.free_address(), manager.env)
        text = manager.wait("READY=1")
        assert "MAINPID" not in text and "STATUS=serving" in text
        assert any(re.search(r"\bready\b", line) for line in process.lines()) or \
            wait_ready(process) is None
        before = time.clock_gettime(time.CLOCK_MONOTONIC)
        process.proc.send_signal(signal.SIGHUP)
        text = manager.wait("RELOADING=1")
        at = int(re.search(r"MONOTONIC_USEC=(\d+)", text).group(1)) / 1e6
        assert before <= at <= time.clock_gettime(time.CLOCK_MONOTONIC)
        manager.wait("READY=1")
        (tmp_path / "outrigger.json").write_text("{")
        process.proc.send_signal(signal.SIGHUP)
        manager.wait("RELOADING=1")
        assert "refused" in manager.wait("READY=1")
        process.proc.send_signal(signal.SIGTERM)
        assert "STATUS=draining" in manager.wait("STOPPING=1")
        end(process)
        assert not any("WATCHDOG" in text for text in manager.said)


PTRACE_ATTACH, PTRACE_DETACH, WALL = 16, 17, 0x40000000


def last_thread(pid):
    """The one that was made last, as numbers begin again at pid_max."""
    with open("/proc/sys/kernel/pid_max", encoding="ascii") as f:
        most = int(f.read())
    return max(map(int, os.listdir("/proc/%d/task" % pid)), key=lambda tid: (tid - pid) % most)


class StuckThread:
    """Stops one thread of a process, as a bug would."""

    def __init__(self, tid):
        self.tid, self.libc = tid, ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p,
                                     ctypes.c_void_p]
        if self.libc.ptrace(PTRACE_ATTACH, tid, None, None) != 0:
            pytest.skip("threads cannot be stopped here: " + os.strerror(ctypes.get_errno()))
        os.waitpid(tid, WALL)

    def release(self):
        self.libc.ptrace(PTRACE_DETACH, self.tid, None, None)


def test_the_watchdog_is_pinged_until_a_worker_hangs(tmp_path, backend):
    with Manager(str(tmp_path / "notify")) as manager:
        process = start(tmp_path, backend, env.free_address(),
                        dict(manager.env, WATCHDOG_USEC="400000"), workers=2)
        manager.wait("READY=1")
        for _ in range(4):
            manager.wait("WATCHDOG=1", 1)
        stuck = StuckThread(last_thread(process.proc.pid))
        try:
            while manager.count("WATCHDOG=1", 0.01):    # those before it
                pass
            # One ping may be on its way, and one more question was answered before.
            assert manager.count("WATCHDOG=1", 1.5) <= 2
            assert manager.count("WATCHDOG=1", 1) == 0
            process.wait_line(lambda line: "a worker does not answer" in line, "err")
        finally:
            stuck.release()
        manager.wait("WATCHDOG=1", 2)
        end(process)


def test_another_processs_watchdog_is_not_pinged(tmp_path, backend):
    with Manager(str(tmp_path / "notify")) as manager:
        process = start(tmp_path, backend, env.free_address(),
                        dict(manager.env, WATCHDOG_USEC="100000", WATCHDOG_PID="1"))
        manager.wait("READY=1")
        assert manager.count("WATCHDOG=1", 0.5) == 0
        end(process)


def test_a_manager_that_is_gone_does_no_harm(tmp_path, backend):
    process = start(tmp_path, backend, env.free_address(),
                    {"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "10000"})
    wait_ready(process)
    process.wait_line(lambda line: "service manager cannot be told" in line, "err")
    end(process)


# --- socket activation ------------------------------------------------------------------

# Puts the sockets at 3, 4 ..., sets LISTEN_PID to itself and becomes the program.
ACTIVATE = """
import os, sys
fds = [int(f) for f in sys.argv[1].split(",")]
high = [os.dup(f) for f in fds]
high = [h if h > 20 else os.dup2(h, 40 + i) for i, h in enumerate(high)]
for i, h in enumerate(high):
    os.dup2(h, 3 + i, inheritable=True)
os.environ["LISTEN_PID"] = str(os.getpid() + int(sys.argv[2]))
os.environ["LISTEN_FDS"] = str(len(fds))
if sys.argv[3]:
    os.environ["LISTEN_FDNAMES"] = sys.argv[3]
os.execv(sys.argv[4], sys.argv[4:])
"""


def activate(tmp_path, backend, listen, sockets, names="", wrong_pid=0, **kw):
    fds = [s.fileno() for s in sockets]
    prefix = [sys.executable, "-c", ACTIVATE, ",".join(map(str, fds)), str(wrong_pid), names]
    return start(tmp_path, backend, listen, pass_fds=fds, prefix=prefix, **kw)


def listening(path=None):
    sock = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
    sock.bind(path or ("127.0.0.1", 0))
    sock.listen(64)
    return sock


def address_of(sock):
    return "127.0.0.1:%d" % sock.getsockname()[1]


def test_sockets_are_found_by_name_and_by_address(tmp_path, backend):
    path = str(tmp_path / "in.sock")
    with listening() as a, listening() as b, listening(path) as c:
        with h2raw.open_socket(address_of(a)) as early:     # waits in the queue
            process = activate(tmp_path, backend, ["fd:grpc", address_of(b), "unix:" + path],
                               [a, b, c], "grpc::in")
            wait_ready(process)
            for address in address_of(a), address_of(b), "unix:" + path:
                with h2raw.Client(address) as client:
                    assert client.call(CALL).status == 0
            early.sendall(h2raw.PREFACE + h2raw.make_settings())
            assert early.recv(9)    # it was served: our SETTINGS come back
        assert not any("inherited" in line for line in process.lines())
        end(process)
        assert os.path.exists(path), "the file is systemd's"
        # The sockets still listen: who connects now waits for the next process.
        with h2raw.open_socket(address_of(a)):
            pass


def test_an_unused_socket_is_warned_of(tmp_path, backend):
    with listening() as a:
        process = activate(tmp_path, backend, env.free_address(), [a])
        process.wait_line(lambda line: "inherited socket is closed" in line
                          and address_of(a) in line, "err")
        wait_ready(process)
        end(process)


def test_a_name_that_is_not_there_ends_the_start(tmp_path, backend):
    with listening() as a:
        process = activate(tmp_path, backend, "fd:grpc", [a], "http")
        assert process.wait_exit(10) == 1
        assert any("fd:grpc" in line and "no socket of that name" in line
                   for line in process.lines()), process.lines()


def test_sockets_for_another_process_are_left_alone(tmp_path, backend):
    with listening() as a:
        process = activate(tmp_path, backend, env.free_address(), [a], wrong_pid=1)
        wait_ready(process)
        assert not any("inherited" in line for line in process.lines())
        end(process)


def test_nonsense_in_the_environment_is_told(tmp_path, backend):
    process = start(tmp_path, backend, env.free_address(),
                    {"LISTEN_PID": "me", "LISTEN_FDS": "1"})
    process.wait_line(lambda line: "LISTEN_PID is not a number" in line, "err")
    wait_ready(process)
    end(process)


def test_the_admin_port_and_an_upgrade_work_with_inherited_sockets(tmp_path, backend):
    with listening() as a, listening() as admin:
        top = {"admin": {"listen": address_of(admin)},
               "upgrade": {"socket": str(tmp_path / "up.sock")}}
        first = activate(tmp_path, backend, "fd:grpc", [a, admin], "grpc:admin", **top)
        wait_ready(first)
        second = start(tmp_path, backend, "fd:grpc", **top)     # not by the manager
        wait_ready(second)
        assert first.wait_exit(15) == 0
        with h2raw.Client(address_of(a)) as client:
            assert client.call(CALL).status == 0
        out = subprocess.run([env.OUTRIGGER + "ctl", "pools", "-a", address_of(admin)],
                             capture_output=True, text=True, timeout=10)
        assert out.returncode == 0
        end(second)
