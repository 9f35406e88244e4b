# SPDX-License-Identifier: Apache-2.0
"""The command itself: without a file, with a bad file, with the admin port off, the demo."""
import json
import os
import re
import signal
import subprocess
import time

import grpc
import pytest

import env
import protos
from protos import SimpleRequest

pytestmark = pytest.mark.proxy_only


def run(*args, text=None):
    return subprocess.run([env.OUTRIGGER] + list(args), input=text, capture_output=True,
                          text=True, timeout=20 * env.SLOW)


def ctl(*args, text=None):
    return subprocess.run([env.OUTRIGGER + "ctl"] + list(args), input=text, capture_output=True,
                          text=True, timeout=20 * env.SLOW)


def write_config(tmp_path, text):
    path = os.path.join(tmp_path, "c.json")
    with open(path, "w") as f:
        f.write(text)
    return path


SMALLEST = """{ "version": 1, // the smallest file
  "listeners": [{ "listen": "%s", "routes": [{ "to": "app" }] }],
  "pools": [{ "name": "app", "endpoints": ["127.0.0.1:50051"], }] }
"""


class Command(env.Process):
    """The proxy, started by hand."""

    def __init__(self, *args):
        super().__init__([env.OUTRIGGER] + list(args))

    def __enter__(self):
        self.wait_line(lambda line: re.search(r"\bready\b", line), "err")
        return self

    def __exit__(self, kind, value, trace):
        if self.alive:
            self.proc.send_signal(signal.SIGTERM)
        try:
            code = self.wait_exit()
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        assert kind or code == 0, self.lines()


def test_the_config_of_the_demo_is_printed_and_good():
    for words in (("--demo", "--print-config"), ("--print-config", "--demo")):
        printed = run(*words, "--workers", "3")
        assert printed.returncode == 0, printed.stderr
        assert '"name": "demo"' in printed.stdout and '"workers": 3' in printed.stdout
        checked = run("-t", "-c", "-", text=printed.stdout)
        assert (checked.returncode, checked.stderr) == (0, "")
        assert checked.stdout == "<stdin> is good: 1 listener, 1 route, 1 pool\n"


@pytest.mark.parametrize("change", [
    {"filters": [{"type": "rbac", "policy": {"name": "p", "allow_rules": [{"name": "all"}]}}]},
    {"filters": [{"type": "jwt", "providers": [
        {"issuer": "a", "audiences": ["x"], "jwks": "https://127.0.0.1:1/j"},
        {"issuer": "b", "audiences": ["x"], "jwks": "https://127.0.0.1:1/k", "forward": True}]}]},
    {"listen": "[::1]:18080"}], ids=["rbac", "jwt", "families"])
def test_what_is_printed_can_be_loaded_again(change):
    routes = [{"to": "app"}]
    config = {"version": 1, "listeners": [dict({"listen": "127.0.0.1:18081", "routes": routes}, **change),
                                          {"listen": "0.0.0.0:18080", "routes": routes}],
              "pools": [{"name": "app", "endpoints": ["127.0.0.1:50051"]}]}
    printed = run("--print-config", "-c", "-", text=json.dumps(config))
    assert printed.returncode == 0, printed.stderr
    again = run("--print-config", "-c", "-", text=printed.stdout)
    assert (again.returncode, again.stderr, again.stdout) == (0, "", printed.stdout)


def cpu_seconds(pid):
    total = 0
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, thread), encoding="ascii") as f:
            total += int(f.read().split()[0]) / 1e9
    return total


def test_closed_standard_streams(backend):
    """A shell's <&- >&- 2>&-: no line of the log may end in a pipe or a connection that got such a number."""
    listen = env.free_address()
    p = subprocess.Popen(["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", env.OUTRIGGER, "--listen", listen, "--backend",
                          backend.address, "--workers", "1", "--admin", "off"])
    try:
        with env.open_channel(listen) as channel:
            assert protos.Stub(channel).UnaryCall(SimpleRequest(response_size=3), timeout=20 * env.SLOW, wait_for_ready=True)
        before = cpu_seconds(p.pid)
        time.sleep(1)
        assert cpu_seconds(p.pid) - before < 0.5, "it does nothing, so it may use no time"
        for fd in range(3):
            assert os.readlink("/proc/%d/fd/%d" % (p.pid, fd)) == "/dev/null"
    finally:
        p.terminate()
        assert p.wait(20 * env.SLOW) == 0


def test_without_a_file(backend):
    listen, admin = env.free_address(), env.free_address()
    with Command("--listen", listen, "--backend", backend.address, "--workers", "1",
                 "--admin", admin), env.open_channel(listen) as channel:
        assert protos.Stub(channel).UnaryCall(SimpleRequest(response_size=3), timeout=10)


def test_config_from_stdin_and_check(tmp_path):
    path = write_config(tmp_path, SMALLEST % env.free_address())
    assert run("-t", "-c", path).returncode == 0
    assert run("-t", "-c", "-", text=SMALLEST % env.free_address()).returncode == 0


@pytest.mark.parametrize("old,new,hint", [
    ('"routes"', '"rutes"', "routes"), ('"version": 1', '"version": 9', "version"),
    ('"to": "app"', '"to": "apq"', "app"), ('"endpoints"', '"endpoint"', "endpoints"),
    ('[{ "to"', '[ "to"', ""), ('127.0.0.1:50051', '127.0.0.1:port', "")])
def test_check_names_the_place(tmp_path, old, new, hint):
    path = write_config(tmp_path, (SMALLEST % "127.0.0.1:1").replace(old, new))
    got = run("-t", "-c", path)
    text = got.stdout + got.stderr
    assert got.returncode == 1
    assert re.search(r"c\.json:\d+:\d+", text) and hint in text, text


def test_the_versions_of_all_libraries_are_shown():
    lines = run("-VV").stdout.splitlines()
    assert {"jansson", "libyaml", "nghttp2", "libevent", "protobuf-c", "c-ares", "pcre2",
            "openssl", "hiredis", "libcurl", "compiler"} <= {line.split()[0] for line in lines}


def has_yaml():
    return "libyaml none" not in run("-VV").stdout


def test_check_for_ci_jobs(tmp_path):
    """outriggerctl check is outrigger --check by another name."""
    bad = write_config(tmp_path, (SMALLEST % "127.0.0.1:1").replace('"routes"', '"rutes"'))
    got = ctl("check", "--json", bad)
    answer = json.loads(got.stdout)
    assert (got.returncode, got.stderr, answer["good"]) == (1, "", False)
    assert {k: v for k, v in answer["problems"][0].items() if k != "message"} == {
        "file": bad, "line": 2, "column": 44, "endLine": 2, "endColumn": 51,
        "severity": "error", "code": "E0107", "suggestion": "routes"}
    assert run("--check", "--format=json", "-c", bad).stdout == got.stdout
    assert ctl("check", bad).stderr == run("-t", "-c", bad).stderr != ""

    warns = write_config(tmp_path, (SMALLEST % "127.0.0.1:1").replace(
        '"routes": [', '"routes": [{ "to": "app" }, '))
    assert ctl("check", warns).returncode == 0
    assert ctl("check", "--strict", warns).returncode == 1
    good = json.loads(ctl("check", "--json", "-", text=SMALLEST % "127.0.0.1:1").stdout)
    assert (good["good"], good["problems"]) == (True, [])
    assert ctl("check").returncode == 2
    assert ctl("check", "--no-such-option", warns).returncode == 2


def test_yaml_file_and_stdin(tmp_path, backend):
    if not has_yaml():
        pytest.skip("built without libyaml")
    listen = env.free_address()
    text = ("version: 1 # a note\nadmin: 'off'\nlisteners:\n  - listen: %s\n    routes:\n"
            "      - to: app\npools:\n  - name: app\n    endpoints: [\"%s\"]\n" % (listen, backend.address))
    path = os.path.join(tmp_path, "c.yaml")
    with open(path, "w") as f:
        f.write(text)
    with Command("-c", path), env.open_channel(listen) as channel:
        assert protos.Stub(channel).UnaryCall(SimpleRequest(response_size=3), timeout=10)
    checked = run("-t", "-c", "-", text=text)
    assert (checked.returncode, checked.stderr) == (0, "")
    got = run("-t", "-c", "-", text=text.replace("to: app", "to: apq"))
    assert got.returncode == 1
    assert '<stdin>:6:13: error: there is no pool "apq"; did you mean "app"? [E0201]' in got.stderr


def test_bad_usage_exits_2():
    assert run("--no-such-option").returncode == 2
    assert run("-c").returncode == 2


def test_listen_address_in_use(backend):
    with env.Proxy([backend.address]) as proxy:
        got = run("--listen", proxy.address, "--backend", backend.address, "--admin", "off")
    assert got.returncode not in (0, None) and got.returncode < 128
    assert proxy.address in got.stderr
    assert got.stderr.strip().endswith('choose another address"')


def test_admin_address_in_use(backend):
    """Two on one host: the default address of the second one is taken."""
    with env.Proxy([backend.address]) as proxy:
        got = run("--listen", "127.0.0.1:0", "--backend", backend.address, "--admin", proxy.admin)
    assert got.returncode == 1
    assert "admin port" in got.stderr and 'why="the address is in use; stop the other' in got.stderr


def test_admin_off_and_json_log(backend):
    with env.Proxy([backend.address], top={
            "admin": {"listen": "off"}, "log": {"format": "json", "level": "debug"}}) as proxy, \
            proxy.open_channel() as channel:
        assert protos.Stub(channel).UnaryCall(SimpleRequest(response_size=3), timeout=10)
        for line in proxy.lines():
            assert isinstance(json.loads(line), dict), line


def test_stats_and_metrics_pages(proxy, stub):
    stub.UnaryCall(SimpleRequest(response_size=3), timeout=10)
    assert isinstance(json.loads(env.ask_patiently("http://%s/stats.json" % proxy.admin)), dict)
    values = proxy.metrics()
    assert 'outrigger_connections{side="down"}' in values
    assert 'outrigger_connections{side="up"}' in values
    assert values['outrigger_connections{side="up"}'] >= 1
    for name in ("outrigger_calls_in_flight", "outrigger_buffered_bytes"):
        assert any(k.split("{")[0] == name for k in values), name
    assert all(v >= 0 for v in values.values())


def test_many_starts_and_stops(backend):
    """A signal at any moment of the start still ends it well."""
    for n in range(10):
        p = env.Proxy([backend.address], workers=2)
        with p.open_channel() as channel:
            future = protos.Stub(channel).UnaryCall.future(SimpleRequest(), timeout=10)
            p.terminate()
            assert future.code() in (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE)
        p.stop()
