# SPDX-License-Identifier: Apache-2.0
"""A new process takes the place of the running one: nobody is refused, no call is lost."""
import json
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

import pytest

import env
import h2raw
import load
import protos
from protos import Empty, ResponseParameters, StreamingOutputCallRequest

pytestmark = pytest.mark.proxy_only
CALL = "/grpc.testing.TestService/EmptyCall"
# Without a retry policy in the service config only what a client never sent is sent again:
# grpcio fails a call with "GOAWAY received" that it gave to a connection and had not sent yet.
TRANSPARENT = 1
UPGRADES = 100 if os.environ.get("OUTRIGGER_LONG") == "1" else 5


class Chain:
    """A config, and the processes that serve it one after the other."""

    def __init__(self, folder, backends, listeners=None, started=True, **top):
        self.started = started
        self.socket = str(folder / "up.sock")
        self.path = str(folder / "outrigger.json")
        self.address, self.admin = env.free_address(), env.free_address()
        self.config = {
            "version": 1, "workers": env.WORKERS, "admin": {"listen": self.admin},
            "drain": {"delay": "0s", "timeout": "20s"}, "upgrade": {"socket": self.socket},
            "listeners": listeners or [{"name": "in", "listen": self.address,
                                        "routes": [{"to": "app"}]}],
            "pools": [{"name": "app", "endpoints": list(backends)}]}
        self.config.update(top)
        self.write()
        self.now, self.all = None, []

    def write(self, path=None, **keys):
        with open(path or self.path, "w") as f:
            json.dump(dict(self.config, **keys), f)

    def spawn(self, path=None, **kw):
        process = env.Process([env.OUTRIGGER, "-c", path or self.path], **kw)
        self.all.append(process)
        return process

    def upgrade(self, **kw):
        """Returns the process that leaves, when the new one has told it."""
        old, self.now = self.now, self.spawn(**kw)
        self.now.wait_line(lambda line: re.search(r"\bready\b", line), "err", 10)
        if old:
            old.wait_line(lambda line: "another process serves" in line, "err", 10)
        return old

    def __enter__(self):
        if self.started:
            self.upgrade()
        return self

    def __exit__(self, kind, value, trace):
        for process in self.all:
            if process is self.now and process.alive:
                process.proc.send_signal(signal.SIGTERM)
            try:
                code = process.wait_exit(15)
            except subprocess.TimeoutExpired:
                process.kill()
                code = "no end"
            text = "\n".join(process.lines())
            if kind is None and not getattr(process, "may_fail", False):
                assert code == 0 and "Sanitizer" not in text, (code, text[-3000:])


class Fresh:
    """Calls on new connections, one after the other, to each address: who is refused is seen."""

    def __init__(self, *addresses):
        self.addresses, self.good, self.bad = addresses, 0, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._stop.is_set():
            for address in self.addresses:
                try:
                    with h2raw.Client(address) as client:
                        assert client.call(CALL).status == 0
                    self.good += 1
                except Exception as e:
                    self.bad.append((address, repr(e)))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            env.wait_until(lambda: self.good > 20 or self.bad, 20, "calls on new connections")
        self._stop.set()
        self._thread.join(20)
        if kind is None:
            assert self.bad == [], (self.good, self.bad[:5])


def test_upgrades_under_load(tmp_path, backend):
    with Chain(tmp_path, [backend.address]) as chain:
        def upgrades():
            for _ in range(UPGRADES):
                old = chain.upgrade()
                assert old.wait_exit(25) == 0
                time.sleep(0.05)    # the pace, not a wait for anything
        with Fresh(chain.address):
            result = load.run_calls(chain.address, seconds=60 + 3 * UPGRADES, parallel=20,
                                    sleep_ms=3, during=upgrades,
                                    grpc__enable_retries=TRANSPARENT)
    assert result.failed == [] and result.ok > 100 * UPGRADES / 2


def test_upgrade_with_several_listeners(tmp_path, backend):
    """TCP, a free port chosen by the kernel, a unix socket, and the admin port."""
    path = str(tmp_path / "in.sock")
    tcp = env.free_address()
    listeners = [{"name": "tcp", "listen": tcp, "routes": [{"to": "app"}]},
                 {"name": "any", "listen": "127.0.0.1:0", "routes": [{"to": "app"}]},
                 {"name": "unix", "listen": "unix:" + path, "direction": "outbound",
                  "routes": [{"to": "app"}]}]

    def any_port(process):
        return process.wait_line(
            lambda line: re.search(r"listening listener=any address=(\S+)", line), "err").group(1)
    with Chain(tmp_path, [backend.address], listeners) as chain:
        first = any_port(chain.now)
        with Fresh(tcp, first, "unix:" + path):
            for _ in range(3):
                pid = chain.now.proc.pid
                old = chain.upgrade()
                assert any_port(chain.now) == first
                assert old.wait_exit(25) == 0
                chain.now.wait_line(lambda line: "drains" in line and "pid=%d" % pid in line, "err")
                with h2raw.Client("unix:" + path) as client:
                    assert client.call(CALL).status == 0, "the leaving process took the file along"
                page = subprocess.run([env.OUTRIGGER + "ctl", "pools", "-a", chain.admin],
                                      capture_output=True, text=True, timeout=10)
                assert page.returncode == 0, page.stderr
        assert stat.S_IMODE(os.stat(chain.socket).st_mode) == 0o600
    assert not os.path.exists(path) and not os.path.exists(chain.socket)


def test_streams_end_well_across_an_upgrade(tmp_path, backend):
    go_on = threading.Event()

    def requests():
        yield StreamingOutputCallRequest(response_parameters=[ResponseParameters(size=5)])
        go_on.wait(20)
        yield StreamingOutputCallRequest(response_parameters=[ResponseParameters(size=6)])
    with Chain(tmp_path, [backend.address]) as chain, \
            env.open_channel(chain.address) as channel:
        call = protos.Stub(channel).FullDuplexCall(requests(), timeout=20)
        assert len(next(call).payload.body) == 5
        old = chain.upgrade()
        with env.open_channel(chain.address) as other:
            protos.Stub(other).EmptyCall(Empty(), timeout=10)
        assert old.alive
        go_on.set()
        assert [len(a.payload.body) for a in call] == [6]
        assert old.wait_exit(15) == 0


def test_a_bad_new_config_changes_nothing(tmp_path, backend):
    with Chain(tmp_path, [backend.address]) as chain, Fresh(chain.address):
        bad = str(tmp_path / "bad.json")
        chain.write(bad, pools=[])
        new = chain.spawn(bad)
        new.may_fail = True
        assert new.wait_exit(10) == 1
        # Good as a file, but one address cannot be had: it fails after it got the sockets.
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen(1)
            busy = "127.0.0.1:%d" % taken.getsockname()[1]
            chain.write(bad, listeners=chain.config["listeners"] + [
                {"name": "busy", "listen": busy, "routes": [{"to": "app"}]}])
            new = chain.spawn(bad)
            new.may_fail = True
            assert new.wait_exit(10) == 1
        chain.now.wait_line(lambda line: "went away before it served" in line, "err")
        assert chain.now.alive
        chain.upgrade()     # and the next one can do it


def test_a_failed_start_leaves_unix_sockets_alone(tmp_path, backend):
    """It has the sockets, but their files are still those of the process that serves on."""
    path, admin = str(tmp_path / "in.sock"), str(tmp_path / "admin.sock")
    listeners = [{"name": "unix", "listen": "unix:" + path, "routes": [{"to": "app"}]}]
    with Chain(tmp_path, [backend.address], listeners,
               admin={"listen": "unix:" + admin}) as chain, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        busy = "127.0.0.1:%d" % taken.getsockname()[1]
        bad = str(tmp_path / "bad.json")
        for keys in ({"admin": {"listen": busy}},
                     {"listeners": listeners + [{"name": "busy", "listen": busy,
                                                 "routes": [{"to": "app"}]}]}):
            chain.write(bad, **keys)
            new = chain.spawn(bad)
            new.may_fail = True
            assert new.wait_exit(10) == 1
            assert os.path.exists(path) and os.path.exists(admin), keys
        for _ in range(2):
            with h2raw.Client("unix:" + path) as client:
                assert client.call(CALL).status == 0
            page = subprocess.run([env.OUTRIGGER + "ctl", "pools", "-a", "unix:" + admin],
                                  capture_output=True, text=True, timeout=10)
            assert page.returncode == 0, page.stderr
            assert chain.upgrade().wait_exit(25) == 0
        assert os.path.exists(path) and os.path.exists(admin)
    assert not os.path.exists(path) and not os.path.exists(admin)


def begin_upgrade(chain):
    """What a new process says first, from a process that will not finish."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(10)
    sock.connect(chain.socket)
    try:
        sock.sendall(b"outrigger-upgrade 1 hello\n")
    except BrokenPipeError:
        pass    # refused before that: the reason can be read
    answer = sock.recv(512)
    return sock, answer


def test_a_new_process_that_dies_in_the_middle_changes_nothing(tmp_path, backend):
    with Chain(tmp_path, [backend.address]) as chain, Fresh(chain.address):
        sock, answer = begin_upgrade(chain)
        assert answer == b"outrigger-upgrade 1 sockets 3\n"
        sock.sendall(b"outrigger-upgrade 1 ask 0\n")
        data, control, _, _ = sock.recvmsg(512, 1024)
        assert data == b"outrigger-upgrade 1 socket 0 shared %s\n" % chain.address.encode()
        assert len(control) == 1
        fd = int.from_bytes(control[0][2][:4], "little")
        # Meanwhile nobody else gets them.
        other, answer = begin_upgrade(chain)
        assert answer == b"outrigger-upgrade 1 no another upgrade is under way\n"
        other.close()
        new = chain.spawn()
        new.may_fail = True
        assert new.wait_exit(10) == 1
        assert any("refuses: another upgrade is under way" in line for line in new.lines())
        sock.close()
        os.close(fd)
        chain.now.wait_line(lambda line: "went away before it served" in line, "err")
        chain.upgrade()


@pytest.mark.parametrize("words", [
    b"GET / HTTP/1.1\r\n\r\n", b"outrigger-upgrade 2 hello\n", b"x" * 4096,
    b"outrigger-upgrade 1 go 1\n", b"outrigger-upgrade 1 hello\noutrigger-upgrade 1 ask 0\n",
    b"outrigger-upgrade 1 ask 99\n", b"\n\n"])
def test_nonsense_on_the_upgrade_socket_changes_nothing(tmp_path, backend, words):
    with Chain(tmp_path, [backend.address]) as chain:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(chain.socket)
            sock.sendall(words)
            try:
                assert sock.recv(512) == b""
            except ConnectionResetError:
                pass
        with h2raw.Client(chain.address) as client:
            assert client.call(CALL).status == 0
        assert chain.now.alive
        chain.upgrade()


def test_a_killed_process_leaves_a_file_that_is_replaced(tmp_path, backend):
    with Chain(tmp_path, [backend.address]) as chain:
        chain.now.may_fail = True
        chain.now.proc.kill()
        chain.now.wait_exit(10)
        assert os.path.exists(chain.socket)
        chain.now = None
        chain.upgrade()
        assert not any("upgrade" in line for line in chain.now.lines())
        chain.upgrade()


@pytest.mark.parametrize("last", [b"", b"outrigger-upgrade 1 no it is noon\n"])
def test_a_process_that_does_not_say_goodbye_is_told_of(tmp_path, backend, last):
    """It may serve beside the new one: the log must not say that it is gone."""
    with socket.socket(socket.AF_UNIX) as old, socket.socket() as tcp, \
            Chain(tmp_path, [backend.address], started=False) as chain:
        old.bind(chain.socket)
        old.listen(4)
        old.settimeout(10)
        tcp.bind(("127.0.0.1", int(chain.address.rsplit(":", 1)[1])))
        tcp.listen(4)
        new = chain.now = chain.spawn()
        session, _ = old.accept()
        with session:
            session.settimeout(10)
            assert session.recv(512) == b"outrigger-upgrade 1 hello\n"
            session.sendall(b"outrigger-upgrade 1 sockets 2\n")
            for i, (given, text) in enumerate(((tcp, chain.address),
                                               (old, "unix:" + chain.socket))):
                assert session.recv(512) == b"outrigger-upgrade 1 ask %d\n" % i
                socket.send_fds(session, [b"outrigger-upgrade 1 socket %d shared %s\n"
                                          % (i, text.encode())], [given.fileno()])
            assert session.recv(512) == b"outrigger-upgrade 1 go %d\n" % new.proc.pid
            session.sendall(last)
        line = new.wait_line(
            lambda line: line if "did not say that it leaves" in line else None, "err")
        assert ("it is noon" if last else "hung up") in line
        with h2raw.Client(chain.address) as client:
            assert client.call(CALL).status == 0


# Says hello to the socket and shows the answer, or poses as a process that runs.
OTHER_USER = """
import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.settimeout(20)
    if sys.argv[2] == "asks":
        s.connect(sys.argv[1])
        try:
            s.sendall(b"outrigger-upgrade 1 hello\\n")
            print(s.recv(512))
        except (BrokenPipeError, ConnectionResetError):
            print(b"")
    else:
        s.bind(sys.argv[1])
        s.listen(1)
        print("listening", flush=True)
        print(s.accept()[0].recv(512))
"""


def other_user(path, what):
    return subprocess.Popen([sys.executable, "-c", OTHER_USER, path, what], text=True, cwd="/",
                            stdout=subprocess.PIPE, user=65534, group=65534, extra_groups=[])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process of another user")
def test_another_user_neither_gets_nor_gives_sockets(backend):
    """Even where the permissions of the file and its folder would let him."""
    with tempfile.TemporaryDirectory() as folder, \
            Chain(pathlib.Path(folder), [backend.address]) as chain:
        os.chmod(folder, 0o777)
        os.chmod(chain.socket, 0o666)
        with other_user(chain.socket, "asks") as asks:
            assert asks.communicate(timeout=20)[0] == "b''\n"
        chain.now.wait_line(lambda line: "asked for by another user" in line, "err")
        fake = os.path.join(folder, "fake.sock")
        chain.write(os.path.join(folder, "fake.json"), upgrade={"socket": fake})
        with other_user(fake, "poses") as poses:
            assert poses.stdout.readline() == "listening\n"
            new = chain.spawn(os.path.join(folder, "fake.json"))
            new.may_fail = True
            assert new.wait_exit(10) == 1
            assert any("runs as another user" in line for line in new.lines())
            assert poses.communicate(timeout=20)[0] == "b''\n"     # it was told nothing
        chain.upgrade()


def test_a_stuck_process_does_not_stop_the_start_for_ever(tmp_path, backend):
    with Chain(tmp_path, [backend.address]) as chain:
        chain.now.proc.send_signal(signal.SIGSTOP)
        new = chain.spawn()
        new.may_fail = True
        try:
            assert new.wait_exit(15) == 1
        finally:
            chain.now.proc.send_signal(signal.SIGCONT)
        assert any("does not answer within 5 s" in line for line in new.lines())
        with h2raw.Client(chain.address) as client:
            assert client.call(CALL).status == 0


def test_the_leaving_process_ends_open_streams_at_its_timeout(tmp_path, backend):
    with Chain(tmp_path, [backend.address], drain={"delay": "5s", "timeout": "500ms"}) as chain:
        with h2raw.Client(chain.address) as client:
            sid = client.start_call("/grpc.testing.TestService/FullDuplexCall")
            client.ping()
            old = chain.upgrade()
            got = client.wait_end(sid, 10)
            assert got.status == 14 and got.get("grpc-message")
            assert old.wait_exit(10) == 0


def test_main_pid_is_told_by_the_new_process(tmp_path, backend):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, \
            Chain(tmp_path, [backend.address]) as chain:
        path = str(tmp_path / "notify")
        manager.bind(path)
        manager.settimeout(10)
        old = chain.upgrade(env=dict(os.environ, NOTIFY_SOCKET=path))
        said = manager.recv(4096).decode()
        assert "READY=1\nMAINPID=%d\n" % chain.now.proc.pid in said
        assert old.wait_exit(15) == 0
        first = chain.now
        chain.upgrade(env=dict(os.environ, NOTIFY_SOCKET=path))
        assert "MAINPID=%d\n" % chain.now.proc.pid in manager.recv(4096).decode()
        assert first.wait_exit(15) == 0
        # The one that left does not say STOPPING=1: the service goes on.
        manager.settimeout(0.3)
        with pytest.raises(socket.timeout):
            manager.recv(4096)
