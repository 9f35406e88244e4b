# SPDX-License-Identifier: Apache-2.0
"""Pages of the admin port about the process: the log's level, the config in force, and the names that Envoy's scripts know."""
import contextlib
import http.client
import json
import os
import socket
import stat
import subprocess

import pytest

import env
import reloads

pytestmark = pytest.mark.proxy_only


@pytest.fixture(scope="module")
def proxy():
    health = {"type": "grpc", "metadata": {"authorization": "Bearer abc123", "x-check": "us"}}
    redis = {"type": "globalRateLimit", "domain": "d", "descriptors": [{"entries": ["method"], "rate": "5/s"}],
             "redis": {"address": "127.0.0.1:1", "user": "joe", "password": "hunter2"}}
    edits = {"set": {"x-api-key": "topsecret", "x-other": "who knows"}}
    with env.Proxy([env.free_address()], pool={"healthCheck": health}, listener={"filters": [redis]},
                   routes=[{"to": "app", "requestHeaders": edits}]) as p:
        yield p


def get(proxy, path):
    return reloads.ask(proxy, "GET", path)


def ask(proxy, method, path):
    """Status, headers and text; again while large pages are refused, as a busy machine has it."""
    def done():
        got = ask_once(proxy, method, path)
        return None if got[0] == 503 and "Retry-After" in got[1] else got
    return env.wait_until(done, what="a page that is not refused")


def ask_once(proxy, method, path):
    host, port = proxy.admin.rsplit(":", 1)
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=10)) as c:
        c.request(method, path)
        answer = c.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()


def level(proxy):
    return get(proxy, "/log-level")[1].strip()


# --- the log's level --------------------------------------------------------------------------

def test_a_level_for_a_while_goes_back_by_itself(proxy):
    assert level(proxy) == "info"
    status, text = reloads.ask(proxy, path="/log-level?level=trace&for=%ds" % (2 * env.SLOW))    # debug, as Envoy says it
    assert status == 200 and text.startswith("debug for ") and "then info again" in text
    assert level(proxy).startswith("debug for ")
    env.wait_until(lambda: level(proxy) == "info", what="the level of before")
    proxy.wait_line(lambda t: "the log is back at its own level" in t, "err")


def test_a_level_holds_until_another_comes(proxy):
    assert reloads.ask(proxy, path="/log-level?level=debug") == (200, "debug\n")
    assert reloads.ask(proxy, path="/log-level?level=error&for=1h")[1].startswith("error for ")
    assert reloads.ask(proxy, path="/logging?level=warning") == (200, "warn\n")
    assert reloads.ask(proxy, path="/log-level?level=info&for=5m") == (200, "info\n")


def test_a_reload_ends_what_was_set(proxy):
    reloads.ask(proxy, path="/log-level?level=debug&for=1h")
    reloads.reload(proxy, reloads.changed(proxy, log={"level": "warn"}))
    assert level(proxy) == "warn"
    reloads.reload(proxy, proxy.config)
    assert level(proxy) == "info"


@pytest.mark.parametrize("query, word", [
    ("", "say which"), ("?for=5m", "say which"), ("?level=loud", "error, warn, info or debug"),
    ("?level=debug&for=soon", "from 1s to 24h"), ("?level=debug&for=25h", "from 1s to 24h"),
    ("?level=debug&for=10ms", "from 1s to 24h"), ("?loud=1", "known are"), ("?level", "key=value")])
def test_what_is_no_level_is_refused_and_changes_nothing(proxy, query, word):
    status, text = reloads.ask(proxy, path="/log-level" + query)
    assert status == 422 and word in text
    assert level(proxy) == "info"


def test_only_who_means_this_port_may_set_it(proxy):
    assert reloads.ask(proxy, path="/log-level?level=debug", Host="evil.example:1")[0] == 403
    assert reloads.ask(proxy, path="/logging?level=debug", Origin="http://evil.example")[0] == 403
    assert reloads.ask(proxy, "GET", "/quitquitquit")[0] == 405
    assert level(proxy) == "info" and proxy.alive


def test_pages_of_the_web_may_not_read_here(proxy):
    for path in ("/", "/config", "/why", "/stats.json", "/tail"):
        assert reloads.ask(proxy, "GET", path, Host="evil.example:1")[0] == 403
    assert reloads.ask(proxy, "GET", "/pools", Origin="http://evil.example")[0] == 403
    assert reloads.ask(proxy, "GET", "/pools", Sec_Fetch_Site="cross-site")[0] == 403
    assert reloads.ask(proxy, "GET", "/metrics", Host="evil.example:1")[0] == 200   # a scraper by another name


def test_outriggerctl_log_level(proxy):
    def ctl(*args):
        got = subprocess.run([os.path.join(os.path.dirname(env.OUTRIGGER), "outriggerctl"), "log-level", "-a", proxy.admin, *args],
                             capture_output=True, text=True, timeout=20 * env.SLOW, check=False)
        return got.returncode, got.stdout, got.stderr
    assert ctl("debug", "--for", "1h")[:2] == (0, "debug for 1h, then info again\n")
    assert ctl()[1].startswith("debug for 59m")
    assert ctl("info") == (0, "info\n", "") and ctl() == (0, "info\n", "")
    assert ctl("--for", "5m")[0] == 2
    code, _, err = ctl("debug", "--for", "soon")
    assert code == 2 and "from 1s to 24h" in err


# --- who may ask, and how ---------------------------------------------------------------------

def test_each_path_takes_its_methods_only(proxy):
    lines = [line.split(None, 2) for line in get(proxy, "/help")[1].splitlines() if line.startswith(("  GET", "  POST"))]
    paths = {path for _, path, _ in lines}    # each with a sentence, or the line above would not unpack
    assert {"/", "/metrics", "/events", "/drain", "/log-level", "/livez", "/quitquitquit"} <= paths
    for path in paths:
        takes = {method for method, other, _ in lines if other == path}
        if takes == {"GET"} and path not in ("/events", "/tail"):
            assert ask(proxy, "POST", path)[0] == 405 and ask(proxy, "GET", path)[0] in (200, 400, 422)
        elif takes == {"POST"}:
            assert ask(proxy, "GET", path)[0] == 405 and "use POST" in ask(proxy, "GET", path)[2]
        for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"):
            status, headers, text = ask(proxy, method, path)
            assert status == (200 if method == "OPTIONS" else 405) and "<" not in text
            allow = set(headers["Allow"].split(", "))
            assert takes <= allow <= takes | {"HEAD"} and ("HEAD" in allow) == ("GET" in takes and path not in ("/events", "/tail"))


def test_head_is_get_without_the_body(proxy):
    for path in ("/", "/pools", "/config", "/log-level", "/livez", "/?plain"):
        status, headers, text = ask(proxy, "HEAD", path)
        assert status == 200 and text == "" and int(headers["Content-Length"]) > 2
    host, port = proxy.admin.rsplit(":", 1)
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=10)) as c:
        for method in ("HEAD", "GET", "HEAD", "GET"):    # nothing is left over on the connection
            c.request(method, "/config")
            answer = c.getresponse()
            length, body = int(answer.getheader("Content-Length")), answer.read()
            assert len(body) == (length if method == "GET" else 0) and length > 100
    assert ask(proxy, "HEAD", "/nosuch")[0] == 404 and ask(proxy, "HEAD", "/tail")[0] == 405


def test_a_path_that_is_not_there_gets_a_hint(proxy):
    for method in ("GET", "POST", "PUT"):
        status, _, text = ask(proxy, method, "/metric")
        assert status == 404 and "there is no /metric here; did you mean /metrics?" in text and "/help" in text
    status, _, text = ask(proxy, "GET", "/%1b<script>" + "x" * 300)
    assert status == 404 and len(text) < 200 and "\x1b" not in text


def test_one_pool_of_several(backend):
    with env.Proxy({"app": [backend.address], "stock": [backend.address]}, routes=[{"to": "app"}]) as p:
        assert [x["name"] for x in json.loads(get(p, "/pools.json")[1])["pools"]] == ["app", "stock"]
        assert [x["name"] for x in json.loads(get(p, "/pools.json?pool=stock")[1])["pools"]] == ["stock"]
        assert [x["name"] for x in json.loads(get(p, "/clusters?format=json&pool=app")[1])["pools"]] == ["app"]
        assert get(p, "/pools")[1].count("pool ") == 2
        assert get(p, "/pools?pool=stock")[1].startswith("pool stock ") and get(p, "/pools?pool=stock")[1].count("pool ") == 1
        assert get(p, "/pools?pool=stok") == (404, 'there is no pool "stok"; did you mean "stock"?\n')
        assert get(p, "/pools.json?pool=%1b%ff")[0] == 404 and "\x1b" not in get(p, "/pools?pool=%1b")[1]
        for bad in ("x=1", "pool", "pool=%zz", "pool=stock&x=1"):
            status, text = get(p, "/pools.json?" + bad)
            assert status == 422 and len(text.splitlines()) == 1 and not text.startswith("{")


def test_a_forwarded_port_is_this_port(proxy):
    for host in ("localhost:18000", "127.0.0.1:18000", "[::1]:18000", "localhost"):
        assert reloads.ask(proxy, "GET", "/pools", Host=host)[0] == 200
        assert reloads.ask(proxy, path="/undrain", Host=host, Origin="http://" + host)[0] == 422   # it serves
        assert reloads.ask(proxy, path="/undrain", Host=host, Origin="http://localhost:3000")[0] == 403
    assert reloads.ask(proxy, path="/undrain", Sec_Fetch_Site="cross-site")[0] == 403


def test_probes_on_the_admin_port(proxy):
    for path in ("/livez", "/readyz", "/startupz", "/live"):
        assert get(proxy, path) == (200, "ok\n")


def test_a_unix_socket_is_for_its_user_alone(backend, tmp_path):
    path = tmp_path / "a.sock"
    old = socket.socket(socket.AF_UNIX)
    old.bind(str(path))
    old.close()     # nobody listens there any more
    with env.Proxy([backend.address], top={"admin": {"listen": "unix:%s" % path}}) as p:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_ISSOCK(path.stat().st_mode)
        c = http.client.HTTPConnection("anything")
        c.sock = socket.socket(socket.AF_UNIX)
        c.sock.connect(str(path))
        c.request("GET", "/readyz")
        assert c.getresponse().read() == b"ok\n"
        c.close()
        other = dict(p.config, listeners=[dict(p.config["listeners"][0], listen=env.free_address())])
        (tmp_path / "c.json").write_text(json.dumps(other))
        second = subprocess.run([env.OUTRIGGER, "-c", str(tmp_path / "c.json")], capture_output=True, text=True, timeout=20 * env.SLOW, check=False)
        assert second.returncode != 0 and "in use" in second.stderr and path.exists()
    assert not path.exists()


def test_a_file_in_the_place_of_a_unix_socket_stays(backend, tmp_path):
    path = tmp_path / "precious"
    path.write_text("keep")
    config = {"version": 1, "admin": {"listen": "unix:%s" % path}, "listeners": [{"listen": env.free_address(), "routes": [{"to": "app"}]}],
              "pools": [{"name": "app", "endpoints": [backend.address]}]}
    (tmp_path / "c.json").write_text(json.dumps(config))
    got = subprocess.run([env.OUTRIGGER, "-c", str(tmp_path / "c.json")], capture_output=True, text=True, timeout=20 * env.SLOW, check=False)
    assert got.returncode != 0 and "no socket is in the way" in got.stderr
    assert path.read_text() == "keep"


# --- the config -------------------------------------------------------------------------------

def test_the_config_is_shown_without_its_secrets(proxy):
    status, text = get(proxy, "/config")
    config = json.loads(text)
    assert status == 200 and config["admin"]["listen"] == proxy.admin
    assert config["listeners"][0]["limits"]     # defaults are filled in
    for secret in ("hunter2", "abc123", "topsecret"):
        assert secret not in text
    assert text.count("(redacted)") == 5    # test_secrets.py: all places
    for shown in ("joe", '"x-check": "(redacted)"', '"x-other": "(redacted)"'):
        assert shown in text


# --- Envoy's names ----------------------------------------------------------------------------

@pytest.mark.parametrize("name, ours", [("/clusters", "/pools"), ("/config_dump", "/config"), ("/certs", "/certs")])
def test_a_name_of_envoys_is_the_page_of_ours(proxy, name, ours):
    got = get(proxy, name)
    assert got[0] == 200
    if name != "/clusters":     # which has times in it
        assert got == get(proxy, ours)
    else:
        assert got[1].split()[:2] == get(proxy, ours)[1].split()[:2]


def test_metrics_and_facts_under_envoys_names(proxy):
    assert "outrigger_build_info" in get(proxy, "/stats/prometheus")[1]
    assert "/logging (/log-level)" in get(proxy, "/help")[1]
    info = json.loads(get(proxy, "/server_info")[1])
    assert info["state"] == "LIVE" and info["version"].startswith("outrigger ")
    assert get(proxy, "/listeners") == (200, "in::%s\n" % proxy.address)
    status = json.loads(get(proxy, "/listeners?format=json")[1])["listener_statuses"]
    host, port = proxy.address.rsplit(":", 1)
    assert status == [{"name": "in", "address": proxy.address,
                       "local_address": {"socket_address": {"address": host, "port_value": int(port)}}}]


def test_health_is_taken_away_and_given_back(proxy):
    assert get(proxy, "/ready") == (200, "LIVE\n")
    for down, up in (("/healthcheck/fail", "/healthcheck/ok"), ("/drain_listeners", "/undrain")):
        assert get(proxy, down)[0] == 405
        assert reloads.ask(proxy, path=down)[0] == 200
        assert get(proxy, "/ready") == (503, "DRAINING\n")
        assert reloads.ask(proxy, path=up)[0] == 200
        assert get(proxy, "/ready") == (200, "LIVE\n")


@pytest.mark.parametrize("query", ["percent=50", "graceful&percent=50", "graceful=0", "wait"])
@pytest.mark.parametrize("path", ["/drain", "/undrain", "/reload", "/quitquitquit"])
def test_an_action_does_nothing_when_it_was_asked_for_something_else(proxy, path, query):
    status, text = reloads.ask(proxy, path="%s?%s" % (path, query))
    assert status == 422 and "nothing was done" in text
    assert get(proxy, "/ready") == (200, "LIVE\n") and proxy.alive


def test_what_scripts_say_to_envoy_drains(proxy):
    assert reloads.ask(proxy, path="/drain_listeners?graceful&skip_exit&inboundonly")[0] == 200
    assert reloads.ask(proxy, path="/healthcheck/ok")[0] == 200


def test_quitquitquit_ends_it_well(backend):
    with env.Proxy([backend.address]) as p:
        p.asked = True
        status, text = reloads.ask(p, path="/quitquitquit")
        assert status == 200 and "draining" in text
        env.wait_until(lambda: not p.alive, 15, "the end")
