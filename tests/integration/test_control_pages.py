# SPDX-License-Identifier: Apache-2.0
"""Pages of the admin port about the process: the log's level, the config in force, and the names that Envoy's scripts know."""
import json
import os
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


def level(proxy):
    return get(proxy, "/log-level")[1].strip()


# --- the log's level --------------------------------------------------------------------------

def test_a_level_for_a_while_goes_back_by_itself(proxy):
    assert level(proxy) == "info"
    status, text = reloads.ask(proxy, path="/log-level?level=debug&for=2s")
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
    assert status == [{"name": "in", "address": proxy.address}]


def test_health_is_taken_away_and_given_back(proxy):
    assert get(proxy, "/ready") == (200, "LIVE\n")
    for down, up in (("/healthcheck/fail", "/healthcheck/ok"), ("/drain_listeners", "/undrain")):
        assert get(proxy, down)[0] == 405
        assert reloads.ask(proxy, path=down)[0] == 200
        assert get(proxy, "/ready") == (503, "DRAINING\n")
        assert reloads.ask(proxy, path=up)[0] == 200
        assert get(proxy, "/ready") == (200, "LIVE\n")


def test_quitquitquit_ends_it_well(backend):
    with env.Proxy([backend.address]) as p:
        p.asked = True
        status, text = reloads.ask(p, path="/quitquitquit")
        assert status == 200 and "draining" in text
        env.wait_until(lambda: not p.alive, 15, "the end")
