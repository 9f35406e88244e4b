# SPDX-License-Identifier: Apache-2.0
"""Who may ask for a reload and how, the file that is watched, the guard that goes back."""
import json
import os
import signal
import socket
import subprocess
import threading

import grpc
import pytest

import env
import protos
import reloads
from protos import Empty, SimpleRequest
from reloads import ask, changed, reload

pytestmark = pytest.mark.proxy_only


@pytest.fixture(scope="module")
def backend():
    with env.Backend() as b:
        yield b


@pytest.fixture
def proxy(backend):
    with env.Proxy([backend.address]) as p:
        yield p


def version(proxy):
    return reloads.status(proxy)["config"]["version"]


def other(proxy, i=0):
    config = changed(proxy)
    config["listeners"][0]["limits"] = {"maxConcurrentStreams": 500 + i}
    return config


def test_only_a_post_that_means_this_port_reloads(proxy):
    reloads.write(proxy._path, other(proxy))
    port = proxy.admin.rsplit(":", 1)[1]
    for wrong in ({"Host": "evil.example"}, {"Host": "evil.example:" + port},
                  {"Host": "127.0.0.1.evil.example:" + port}, {"Host": "localhost.evil.example"},
                  {"Origin": "http://evil.example"}, {"Origin": "null"},
                  {"Origin": "http://localhost"}, {"Origin": "http://127.0.0.1"},
                  {"Origin": "https://" + proxy.admin}, {"Origin": "http://localhost:" + port},
                  {"Host": "evil.example", "Origin": "http://evil.example"}):
        status, text = ask(proxy, **wrong)
        assert status == 403 and text.startswith("refused: "), (wrong, status, text)
    for method in ("GET", "PUT", "DELETE"):
        assert ask(proxy, method)[0] == 405
    assert ask(proxy, "POST", "/metrics")[0] == 405
    assert version(proxy) == 1
    for i, right in enumerate(({}, {"Host": "localhost:" + port}, {"Host": "localhost"},
                               {"Origin": "http://" + proxy.admin},
                               {"Host": "localhost:8000", "Origin": "http://localhost:8000"})):
        reloads.write(proxy._path, other(proxy, i))
        env.wait_until(lambda: ask(proxy, **right)[0] != 503)
        assert version(proxy) == 2 + i


def test_outriggerctl_reloads_and_prints_what_is_wrong(proxy):
    reloads.write(proxy._path, other(proxy))
    done = reloads.ctl(proxy, "reload")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ("config 2 is in force: pools +0 -0 ~0, listeners +0 -0 ~1, "
                           "routes of 0 listeners\n")
    reloads.write(proxy._path, json.dumps(other(proxy)).replace('"to"', '"too"'))
    refused = reloads.ctl(proxy, "reload")
    assert refused.returncode == 1 and refused.stdout == ""
    assert 'unknown key "too"' in refused.stderr and "E0107" in refused.stderr
    told = reloads.ctl(proxy, "config")
    assert told.returncode == 0 and told.stdout.startswith("config 2, hash ")
    assert "last reload: refused" in told.stdout and 'unknown key "too"' in told.stdout
    config = json.loads(reloads.ctl(proxy, "config", "--json").stdout)["config"]
    assert config["version"] == 2
    # The hash of status, top and the page is here as well, so that they can be compared.
    shown = json.loads(reloads.ctl(proxy, "status", "--json").stdout)["configHash"]
    assert config["fileHash"] == shown and "(its file: %s)" % shown in told.stdout
    os.unlink(proxy._path)
    gone = reloads.ctl(proxy, "reload")
    assert gone.returncode == 1 and "cannot be read" in gone.stderr


def test_hup_reloads_and_many_of_them_do_no_harm(proxy):
    reloads.write(proxy._path, other(proxy))
    proxy.proc.send_signal(signal.SIGHUP)
    env.wait_until(lambda: version(proxy) == 2)
    for i in range(200):
        reloads.write(proxy._path, other(proxy, i))
        proxy.proc.send_signal(signal.SIGHUP)
    last = other(proxy, 1000)
    reloads.write(proxy._path, last)
    proxy.proc.send_signal(signal.SIGHUP)
    env.wait_until(lambda: reload(proxy, last).startswith("nothing changed"), 10)
    assert proxy.gauge("outrigger_configs_alive") == 1
    with proxy.open_channel() as channel:
        protos.Stub(channel).EmptyCall(Empty(), timeout=5)


def test_askers_that_go_away_before_the_answer_do_no_harm(proxy):
    host, port = proxy.admin.rsplit(":", 1)
    for i in range(50):
        reloads.write(proxy._path, other(proxy, i))
        with socket.create_connection((host, int(port))) as s:
            s.sendall(b"POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
                      b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    reload(proxy, proxy.config)
    assert proxy.alive and proxy.gauge("outrigger_configs_alive") == 1


def test_what_needs_a_restart_is_said_and_stays(proxy):
    config = changed(proxy, workers=7, admin={"listen": env.free_address()},
                     limits={"maxConnections": 77}, upgrade={"socket": "/run/none.sock"})
    told = reload(proxy, config)
    again = reload(proxy, config)
    assert "nothing changed" in again
    for key in ("workers", "admin.listen", "limits.maxConnections", "upgrade.socket"):
        assert "%s changed, which needs a restart" % key in told
        assert "%s changed, which needs a restart" % key in again
    assert "restart" not in reload(proxy, proxy.config)


def test_log_level_changes_with_the_config(proxy):
    reload(proxy, changed(proxy, log={"level": "debug"}))
    proxy.wait_line(lambda line: "all workers have the config" in line, "err")
    reload(proxy, changed(proxy, log={"level": "error"}))
    lines = len(proxy.lines())
    reload(proxy, proxy.config)
    assert not [line for line in proxy.lines()[lines:] if " debug " in line]


def test_stdin_cannot_be_read_again(proxy, tmp_path):
    config = changed(proxy, admin={"listen": env.free_address()})
    config["listeners"][0]["listen"] = env.free_address()
    watched = dict(config, watch=True)
    told = subprocess.run([env.OUTRIGGER, "-t", "-c", "-"], input=json.dumps(watched),
                          capture_output=True, text=True, timeout=30)
    assert told.returncode == 1 and "E0290" in told.stderr
    run = env.Process([env.OUTRIGGER, "-c", "-"])
    try:
        run.proc.stdin.write(json.dumps(config).encode())
        run.proc.stdin.close()
        run.wait_line(lambda line: " ready" in line, "err")
        run.proc.send_signal(signal.SIGHUP)
        run.wait_line(lambda line: "standard input, which cannot be read again" in line, "err")
        assert run.alive
    finally:
        run.proc.stdin = open(os.devnull)
        run.kill()


# --- watch ----------------------------------------------------------------------------

def test_a_configmap_that_is_swapped_is_loaded(backend, tmp_path):
    """..data is a symlink to a dated folder; the file is a symlink through it."""
    def put(name, config):
        (tmp_path / name).mkdir()
        (tmp_path / name / "outrigger.json").write_text(config)
        os.symlink(name, tmp_path / "..new")
        os.rename(tmp_path / "..new", tmp_path / "..data")
    with env.Proxy([backend.address]) as p:
        config = changed(p, watch=True, admin={"listen": env.free_address()})
        config["listeners"][0]["listen"] = env.free_address()
    put("..1", json.dumps(config))
    os.symlink("..data/outrigger.json", tmp_path / "outrigger.json")
    run = env.Process([env.OUTRIGGER, "-c", "outrigger.json"], cwd=tmp_path)
    run.admin = config["admin"]["listen"]
    try:
        run.wait_line(lambda line: " ready" in line, "err")
        for i in range(2, 5):
            config["listeners"][0]["limits"] = {"maxConcurrentStreams": 100 + i}
            put("..%d" % i, json.dumps(config))
            env.wait_until(lambda: version(run) == i, 10, "version %d" % i)
        put("..broken", "{")
        env.wait_until(lambda: reloads.status(run)["lastReload"]["result"] == "refused", 10)
        assert version(run) == 4
        put("..same", json.dumps(dict(config, watch=False)))    # the last that is seen
        env.wait_until(lambda: version(run) == 5, 10)
        os.unlink(tmp_path / "..data")
        assert run.alive and version(run) == 5
    finally:
        run.proc.terminate()
        assert run.wait_exit() == 0


# --- guard ----------------------------------------------------------------------------

class Calls:
    """Calls at a steady pace; counts codes."""

    def __init__(self, address):
        self.channel = env.open_channel(address)
        self.codes = []
        self.repeat = reloads.Repeat(self.one, pause=0.005)

    def one(self):
        try:
            protos.Stub(self.channel).UnaryCall(SimpleRequest(), timeout=5)
            self.codes.append(grpc.StatusCode.OK)
        except grpc.RpcError as e:
            self.codes.append(e.code())

    def __enter__(self):
        self.repeat.__enter__()
        return self

    def __exit__(self, *exc):
        self.repeat.__exit__(*exc)
        self.channel.close()

    def more(self, n):
        target = len(self.codes) + n
        env.wait_until(lambda: len(self.codes) >= target, 30, "%d more calls" % n)


def test_a_guarded_reload_that_makes_calls_fail_is_taken_back(backend):
    top = {"reload": {"guard": True, "guardWindow": "30s"}}
    with env.Proxy([backend.address], top=top) as proxy, Calls(proxy.address) as calls:
        calls.more(60)
        bad = changed(proxy)
        bad["listeners"][0]["routes"] = [{"match": {"service": "other"}, "to": "app"}]
        reload(proxy, bad)
        assert proxy.gauge("outrigger_configs_alive") == 2
        env.wait_until(lambda: version(proxy) == 3, 30, "the way back")
        told = reloads.status(proxy)
        m = proxy.metrics()
        mark = len(calls.codes) + 2      # those under way had the bad config
        calls.more(30)
        assert set(calls.codes[mark:]) == {grpc.StatusCode.OK}
    assert told["lastReload"]["result"] == "rolled_back"
    assert "config 2 was taken back" in told["lastReload"]["text"]
    assert m["outrigger_configs_alive"] == 1
    assert m['outrigger_config_reloads_total{result="rolled_back"}'] == 1
    assert m["outrigger_config_last_reload_successful"] == 0
    assert calls.codes.count(grpc.StatusCode.UNIMPLEMENTED) >= 45     # it waits for 50; some of these had begun before


def test_a_guarded_reload_that_does_no_harm_stays(backend):
    top = {"reload": {"guard": True, "guardWindow": "%dms" % (3000 * env.SLOW)}}
    with env.Proxy([backend.address], top=top) as proxy, Calls(proxy.address) as calls:
        calls.more(60)
        reload(proxy, other(proxy))
        assert reloads.status(proxy)["config"]["guarded"]
        proxy.wait_line(lambda line: "has stood its time" in line, "err", 20)
        assert version(proxy) == 2 and not reloads.status(proxy)["config"]["guarded"]
        assert proxy.gauge("outrigger_configs_alive") == 1
        assert set(calls.codes) == {grpc.StatusCode.OK}


def test_a_refused_reload_does_not_end_the_guard(backend):
    """Also one that is refused late, by an address that is taken."""
    top = {"reload": {"guard": True, "guardWindow": "30s"}}
    with socket.create_server(("127.0.0.1", 0)) as holder, \
            env.Proxy([backend.address], top=top) as proxy:
        reload(proxy, other(proxy))
        taken = other(proxy)
        taken["listeners"].append({"name": "taken", "routes": [{"to": "app"}],
                                   "listen": "127.0.0.1:%d" % holder.getsockname()[1]})
        assert "in use" in reload(proxy, taken, expect=422)
        assert reloads.status(proxy)["config"]["guarded"]
        assert proxy.gauge("outrigger_configs_alive") == 2
