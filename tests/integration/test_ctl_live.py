# SPDX-License-Identifier: Apache-2.0
"""outriggerctl status, top and bundle beside a real proxy: what they say agrees with /stats.json, and a terminal is as it was
afterwards, however top ends."""
import codecs
import fcntl
import http.server
import io
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tarfile
import tempfile
import termios
import threading
import time
import urllib.error
import urllib.request

import pytest

import env
import protos
import reloads
from protos import SimpleRequest

CTL = env.OUTRIGGER + "ctl"
DEAD = {"name": "dead", "endpoints": ["127.0.0.1:1"], "healthCheck": {"type": "tcp", "interval": "1s"}}


def stats(proxy):
    return json.loads(env.ask_patiently("http://%s/stats.json" % proxy.admin))


@pytest.fixture(scope="module")
def proxy(backend):
    with env.Proxy([backend.address]) as p:
        with env.open_channel(p.address) as channel:
            for _ in range(5):
                assert protos.Stub(channel).UnaryCall(SimpleRequest(response_size=3), timeout=10)
        end = time.monotonic() + 20 * env.SLOW
        while not stats(p)["methods"]:      # they come with the next full second
            assert time.monotonic() < end
            time.sleep(0.1)
        yield p


def test_status_of_a_proxy_that_is_well(proxy):
    done = reloads.ctl(proxy, "status")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.endswith("\nWELL\n"), done.stdout
    assert stats(proxy)["process"]["config"]["hash"] in done.stdout
    told = json.loads(reloads.ctl(proxy, "status", "--json").stdout)
    assert (told["well"], told["problems"], told["state"]) == (True, [], "ready")
    assert [pool["name"] for pool in told["pools"]] == [pool["name"] for pool in stats(proxy)["pools"]]


def test_status_says_what_is_not_well(backend):
    with env.Proxy([backend.address]) as p:
        config = reloads.changed(p)
        config["pools"].append(DEAD)
        config["listeners"][0]["routes"].insert(0, {"match": {"path": {"prefix": "/dead"}}, "to": "dead"})
        reloads.reload(p, config)
        end = time.monotonic() + 15 * env.SLOW
        while True:
            done = reloads.ctl(p, "status")
            if done.returncode == 3 or time.monotonic() > end:
                break
            time.sleep(0.2)
        assert done.returncode == 3, done.stdout
        assert re.search(r"\nNOT WELL  pool dead: ", done.stdout) and "127.0.0.1:1  unhealthy" in done.stdout
        top = reloads.ctl(p, "top", "--once")
        assert re.search(r"\ndead +0/1 ", top.stdout) and re.search(r"\n  127.0.0.1:1  unhealthy \d+s: ", top.stdout), top.stdout


def test_nobody_there():
    for words in (["status"], ["top", "--once"], ["top", "--json"]):
        done = subprocess.run([CTL] + words + ["-a", env.free_address()], capture_output=True, text=True,
                              timeout=30 * env.SLOW)
        assert done.returncode == 1 and "cannot reach the admin port" in done.stderr, done.stderr


def test_top_once(proxy):
    done = reloads.ctl(proxy, "top", "--once")
    assert (done.returncode, done.stderr) == (0, "") and "\033" not in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.split("\n"))
    assert re.search(r"^POOL +UP +CALLS/S +OK%", done.stdout, re.M)
    assert "127.0.0.1:" in reloads.ctl(proxy, "top", "--once", "--endpoints").stdout
    assert "TestService/UnaryCall" in reloads.ctl(proxy, "top", "--once", "--methods").stdout
    assert json.loads(reloads.ctl(proxy, "top", "--json").stdout)["version"] == 1
    live = reloads.ctl(proxy, "top")
    assert live.returncode == 2 and "--once" in live.stderr


def test_bundle(backend, tmp_path):
    with env.Proxy([backend.address]) as p:
        config = reloads.changed(p)
        config["listeners"][0]["routes"].insert(0, {
            "match": {"path": {"prefix": "/x"}}, "to": "app", "requestHeaders": {"set": {"x-api-key": "very-secret"}}})
        reloads.reload(p, config)
        path = os.path.join(tmp_path, "b.tar")
        done = reloads.ctl(p, "bundle", "-o", path)
        assert (done.returncode, done.stderr) == (0, "") and "MISSING" not in done.stdout, done.stdout + done.stderr
        assert os.stat(path).st_mode & 0o777 == 0o600
        with tarfile.open(path) as tar:
            texts = {os.path.basename(m.name): tar.extractfile(m).read().decode() for m in tar.getmembers()}
            assert len({os.path.dirname(m.name) for m in tar.getmembers()}) == 1
        assert all(name in done.stdout and name in texts["README.txt"] for name in texts if name != "README.txt")
        assert json.loads(texts["config.json"])["pools"] and "x-api-key" in texts["config.json"]
        assert not [name for name, text in texts.items() if "very-secret" in text]
        assert json.loads(texts["stats.json"])["metrics"] and "outrigger_calls" in texts["metrics.txt"]
        assert texts["version.txt"].startswith("outrigger ") and "pool app" in texts["pools.txt"]
        listed = subprocess.run(["tar", "tf", path], capture_output=True, text=True, timeout=20 * env.SLOW)
        assert (listed.returncode, listed.stderr, len(listed.stdout.split())) == (0, "", len(texts))

        again = reloads.ctl(p, "bundle", "-o", path)
        assert again.returncode == 1 and "name another one" in again.stderr
        streamed = subprocess.run([CTL, "bundle", "-o", "-", "-a", p.admin], capture_output=True, timeout=30 * env.SLOW)
        assert streamed.returncode == 0 and b"stats.json" in streamed.stderr
        with tarfile.open(fileobj=io.BytesIO(streamed.stdout)) as tar:
            assert len(tar.getmembers()) == len(texts)
        full = reloads.ctl(p, "bundle", "-o", "/dev/full/x")
        assert full.returncode == 1 and "cannot be made" in full.stderr
    gone = reloads.ctl(p, "bundle", "-o", os.path.join(tmp_path, "c.tar"))
    assert gone.returncode == 1 and "cannot reach" in gone.stderr and not os.path.exists(os.path.join(tmp_path, "c.tar"))


@pytest.fixture
def backends():
    made = [env.Backend(name=str(i)) for i in range(3)]
    yield made
    for b in made:
        b.kill()


def test_an_endpoint_that_is_disabled(backends):
    """Two of three are taken out, which would be a panic if they counted; a reload that makes the pool anew changes nothing."""
    one, two, _ = addresses = [b.address for b in backends]

    def served(p):
        with env.open_channel(p.address) as channel:
            names = [protos.Stub(channel).UnaryCall(SimpleRequest(fill_server_id=True), timeout=10 * env.SLOW).server_id
                     for _ in range(12)]
        return [names.count(str(i)) for i in range(3)]

    def all_serve(p):       # a connection may need a moment
        end = time.monotonic() + 20 * env.SLOW
        while not all(served(p)) and time.monotonic() < end:
            pass
        return time.monotonic() < end

    with env.Proxy(addresses) as p:
        assert all_serve(p)
        for address in (one, two):
            done = reloads.ctl(p, "endpoint", "disable", "app", address)
            assert (done.returncode, done.stdout) == (0, "%s of the pool app is now disabled\n" % address), done.stderr
        # A worker hears of it a moment later.
        env.wait_until(lambda: served(p) == [0, 0, 12])
        assert reloads.ctl(p, "pools").stdout.count(" disabled ") >= 2
        config = reloads.changed(p)
        config["pools"][0]["connections"] = {"connectTimeout": "3s"}
        reloads.reload(p, config)
        assert served(p) == [0, 0, 12]
        assert "1 of 3 endpoints are usable, 2 disabled by an operator" in reloads.ctl(p, "status").stdout
        for address in (one, two):
            assert reloads.ctl(p, "endpoint", "enable", "app", address).returncode == 0
        assert all_serve(p)
        for words, code, part in (
                (["disable", "ap", one], 1, 'there is no pool "ap"; did you mean "app"?'),
                (["disable", "app", "127.0.0.1:1"], 1, "the pool app has no endpoint"),
                (["remove", "app", one], 2, "disable or enable comes first"),
                (["disable", "app"], 2, "something is missing")):
            done = reloads.ctl(p, "endpoint", *words)
            assert done.returncode == code and part in done.stderr, done.stderr
        request = urllib.request.Request("http://%s/endpoint?do=disable&pool=app" % p.admin, method="POST")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10 * env.SLOW)
        assert refused.value.code == 422 and "say what and where" in refused.value.read().decode()


def test_names_that_are_not_there_are_told(proxy):
    for words in (["why", "--pool", "ap"], ["why", "--pool", "ap", "--json"]):
        done = reloads.ctl(proxy, *words)
        assert done.returncode == 0 and 'there is no pool "ap" now; did you mean "app"?' in done.stderr, done.stderr
    done = reloads.ctl(proxy, "why", "--pool", "app", "--listener", stats(proxy)["listeners"][0]["name"])
    assert (done.returncode, done.stderr) == (0, "")
    # tail waits all the same: such a pool may come with a reload.
    p = env.Process([CTL, "tail", "-a", proxy.admin, "--listener", "nowhere"])
    try:
        env.wait_until(lambda: p.lines("err"), what="the note")
        assert 'there is no listener "nowhere" now' in p.lines("err")[0] and p.alive
    finally:
        p.kill()


def test_the_config_itself(proxy):
    done = reloads.ctl(proxy, "config", "--print")
    assert done.returncode == 0 and done.stdout == reloads.ask(proxy, "GET", "/config")[1]
    assert json.loads(done.stdout)["pools"][0]["name"] == "app"
    done = reloads.ctl(proxy, "config", "--print", "--json")
    assert done.returncode == 2 and "leave --json out" in done.stderr


def test_a_port_that_is_none_of_the_admin(proxy):
    for words in (["status"], ["config"], ["log-level", "debug"], ["reload"]):
        done = subprocess.run([CTL] + words + ["-a", proxy.address], capture_output=True, text=True, timeout=60 * env.SLOW)
        assert done.returncode == 1 and "(This port speaks HTTP/2 " in done.stderr and "is that the admin port of an outrigger?" in done.stderr, (words, done.stderr)


@pytest.mark.parametrize("words, status, code", [(["why"], 400, 2), (["why"], 403, 1), (["log-level"], 422, 2), (["log-level", "debug"], 403, 1),
                                                 (["tail"], 400, 2), (["tail"], 503, 1), (["reload"], 422, 1), (["reload"], 403, 1), (["status"], 500, 1)])
def test_an_answer_cannot_write_on_the_terminal(words, status, code):
    """Any program may listen there, and what it says may have been said to it."""
    said = b"no \x1b[2J\x1b]0;gone\x07 \xc2\x9b31m \xe2\x80\xae caf\xc3\xa9\r" + b"z" * 100000

    def serve():
        conn, _ = listener.accept()
        with conn:
            head = b""
            while b"\r\n\r\n" not in head:
                head += conn.recv(4096)
            conn.sendall(b"HTTP/1.0 %d Odd\r\n\r\n" % status + said)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        done = subprocess.run([CTL] + words + ["-a", "127.0.0.1:%d" % listener.getsockname()[1]], capture_output=True, timeout=60 * env.SLOW)
        thread.join(10 * env.SLOW)
    shown = done.stderr.decode()
    assert done.returncode == code and done.stdout == b""
    assert "no ?[2J?]0;gone?" in shown and not [c for c in shown if c != "\n" and (c < " " or "\x7f" <= c < "\xa0" or c == "\u202e")], shown[:200]
    assert len(shown) < 20000
    if status != 500:
        assert "31m ? caf\u00e9?zzz" in shown and "... and more, which is left out" in shown


def test_a_socket_that_one_may_not_use():
    """Also root cannot be kept out, so then another user asks."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        program, path = shutil.copy(CTL, folder), os.path.join(folder, "admin")
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)
            os.chmod(path, 0)
            s.listen(1)
            as_user = {"user": 65534, "cwd": folder} if os.geteuid() == 0 else {}
            for words in (["status"], ["tail"], ["drain"]):
                done = subprocess.run([program] + words + ["-a", "unix:" + path], capture_output=True, text=True,
                                      timeout=60 * env.SLOW, **as_user)
                assert done.returncode == 1 and "Permission denied. Ask as root, or as the user that outrigger runs as" in done.stderr, done.stderr


class Busy(http.server.BaseHTTPRequestHandler):
    """An admin port that refuses two pages at first, as one of which too much was asked; another one for good."""
    asked = []

    def do_GET(self):       # noqa: N802
        self.asked.append(self.path)
        busy = self.path == "/routes" or self.path in ("/pools", "/metrics") and self.asked.count(self.path) == 1
        self.send_response(503 if busy else 200)
        self.end_headers()
        self.wfile.write(b"too many\n" if busy else b"{}")

    def log_message(self, *args):
        pass


def test_a_bundle_asks_again_for_a_page_that_was_refused(tmp_path):
    with http.server.HTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        done = subprocess.run([CTL, "bundle", "-o", str(tmp_path / "b.tar"), "-a", "127.0.0.1:%d" % server.server_port],
                              capture_output=True, text=True, timeout=60 * env.SLOW)
        server.shutdown()
    missing = [line.split()[0] for line in done.stdout.splitlines() if "MISSING" in line]
    assert missing == ["routes.txt"] and "routes.txt          MISSING: it has too much to do just now" in done.stdout, done.stdout
    assert [Busy.asked.count(page) for page in ("/pools", "/metrics", "/config", "/routes")] == [2, 2, 1, 6]


def test_the_config_of_the_demo_cannot_be_loaded_again(tmp_path):
    admin = env.free_address()
    p = env.Process([env.OUTRIGGER, "--demo", "--listen", env.free_address(), "--admin", admin])

    def ctl(*words):
        return subprocess.run([CTL, *words, "-a", admin], capture_output=True, text=True, timeout=60 * env.SLOW)
    try:
        env.wait_until(lambda: ctl("status").returncode == 0, what="a proxy that is well")
        done = ctl("reload")
        assert done.returncode == 1 and "nothing to load again" in done.stderr and "--print-config" in done.stderr, done.stderr
        done = ctl("config")
        assert done.returncode == 0 and done.stdout.startswith("config 1, hash "), done.stdout
        assert json.loads(ctl("config", "--json").stdout)["lastReload"] == {"result": "none"}
        done = ctl("bundle", "-o", str(tmp_path / "b.tar"))
        assert done.returncode == 0 and "MISSING" not in done.stdout, done.stdout
    finally:
        p.kill()


class Terminal:
    """A terminal with top on it."""

    def __init__(self, proxy, **environment):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.proc = subprocess.Popen([CTL, "top", "-a", proxy.admin], stdin=self.slave, stdout=self.slave,
                                     stderr=self.slave, start_new_session=True,
                                     env=dict(os.environ, TERM="xterm", **environment))
        self.text = ""
        self._decode = codecs.getincrementaldecoder("utf-8")().decode    # a read may end within a character

    def wait(self, pattern):
        """Reads until the pattern is there; forgets what was before its end."""
        end = time.monotonic() + 20 * env.SLOW
        while not re.search(pattern, self.text, re.S):
            assert time.monotonic() < end, (pattern, self.text)
            if select.select([self.master], [], [], 0.2)[0]:
                self.text += self._decode(os.read(self.master, 65536))
        self.text = self.text[re.search(pattern, self.text, re.S).end():]

    def press(self, keys):
        os.write(self.master, keys.encode())

    def ends(self):
        """The exit code, when the terminal is as it was."""
        self.wait(re.escape("\033[?25h\033[?1049l"))
        code = self.proc.wait(20 * env.SLOW)
        assert termios.tcgetattr(self.slave) == self.before
        return code

    def __enter__(self):
        return self

    def __exit__(self, *what):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        os.close(self.slave)
        os.close(self.master)


def test_keys_and_a_new_size(proxy):
    with Terminal(proxy, NO_COLOR="1") as t:
        t.wait(re.escape("\033[?1049h"))
        t.wait("POOL .*q quit")
        assert termios.tcgetattr(t.slave)[3] & (termios.ECHO | termios.ICANON) == 0
        t.press("e")
        t.wait("ENDPOINT .*ENDPOINTS")
        t.press("m")
        t.wait("METHOD .*UnaryCall")
        t.press("/nothing")
        t.wait("/nothing_")
        t.press("\r")
        t.wait('0 of 1 have "nothing"')
        t.press("\033 ")
        t.wait("PAUSED")
        fcntl.ioctl(t.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 40, 0, 0))
        t.proc.send_signal(signal.SIGWINCH)
        t.wait("PAUSED  q quit  p pools  e endpoint")
        assert "\033[7m" not in t.text
        t.press("q")
        assert t.ends() == 0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGABRT])
def test_the_terminal_comes_back(proxy, signum):
    with Terminal(proxy) as t:
        t.wait("POOL")
        t.proc.send_signal(signum)
        assert t.ends() == (-signum if signum == signal.SIGABRT else 0)
