# SPDX-License-Identifier: Apache-2.0
"""contrib/prometheus and contrib/grafana: the alerts come when they should, and a real Prometheus that scrapes a proxy under load gets
data for each expression of alerts and dashboard. Without Debian's prometheus package all of this is skipped."""
import json
import os
import re
import shutil
import subprocess
import sys
import threading

import grpc
import pytest

import certs
import env
import protos

TOP = os.path.abspath(os.path.join(env.HERE, "..", ".."))
FOLDER = os.path.join(TOP, "contrib", "prometheus")
DASHBOARD = os.path.join(TOP, "contrib", "grafana", "outrigger.json")
CHECK = os.path.join(FOLDER, "check_expressions.py")
pytestmark = [pytest.mark.proxy_only, pytest.mark.skipif(
    not (shutil.which("promtool") and shutil.which("prometheus")),
    reason="needs prometheus and promtool: apt-get install --no-install-recommends prometheus")]


def promtool(*args):
    return subprocess.run(["promtool", *args], cwd=FOLDER, capture_output=True, text=True, check=False, timeout=60)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


class Load(threading.Thread):
    """Good calls and broken ones, until it is told to stop."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.over, self.broken = address, threading.Event(), 0

    def run(self):
        with env.open_channel(self.address) as channel:
            stub = protos.Stub(channel)
            while not self.over.wait(0.02):
                stub.UnaryCall(protos.SimpleRequest(response_size=100), timeout=10)
                try:
                    stub.UnaryCall(protos.SimpleRequest(response_status=protos.EchoStatus(code=14)), timeout=10)
                except grpc.RpcError:
                    self.broken += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.over.set()
        self.join(20)


@pytest.fixture(scope="module")
def busy(backend, tmp_path_factory):
    """A proxy with a certificate, under load."""
    pair = certs.Authority(tmp_path_factory.mktemp("ca")).issue("localhost", name="tls")
    tls = {"name": "tls", "listen": env.free_address(), "tls": {"cert": pair.cert, "key": pair.key},
           "routes": [{"to": "app"}]}
    address = env.free_address()
    plain = {"name": "in", "listen": address, "routes": [{"to": "app"}]}
    with env.Proxy([backend.address], listen=address, top={"listeners": [plain, tls]}) as proxy, \
            Load(address) as load:
        env.wait_until(lambda: load.broken > 2, 20, "a broken call")
        yield proxy


def check(target, **files):
    return subprocess.run([sys.executable, CHECK, "--strict", "--target", target, "--port", str(env.free_port()),
                           *["--%s=%s" % pair for pair in files.items()]],
                          capture_output=True, text=True, check=False, timeout=150)


def test_the_alerts_pass_their_tests():
    done = promtool("check", "rules", "alerts.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    done = promtool("test", "rules", "alerts.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    names = re.findall(r"- alert: (\w+)", read(FOLDER + "/alerts.yml"))
    tests = read(FOLDER + "/alerts.test.yml")
    assert len(names) > 10
    for name in names:      # each is tested both ways
        assert "alertname: %s, exp_alerts: []" % name in tests
        assert re.search(r"alertname: %s\n\s+exp_alerts:\n\s+- exp_labels" % name, tests), name


def test_every_expression_returns_data_from_a_proxy_under_load(busy):
    done = check(busy.admin)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all are good" in done.stdout


def test_the_check_finds_what_is_wrong(busy, tmp_path):
    """A metric that is not there, a label that no series has, a slip of the pen in an alert."""
    dashboard = json.loads(read(DASHBOARD))
    graphs = [p for p in dashboard["panels"] if p.get("targets")]
    graphs[0]["targets"][0]["expr"] = "sum(rate(outrigger_cals_started_total[$__rate_interval]))"
    graphs[1]["targets"][0]["expr"] = 'outrigger_calls_handled_total{code="OK"}'
    path = tmp_path / "dashboard.json"
    path.write_text(json.dumps(dashboard))
    alerts = tmp_path / "alerts.yml"
    alerts.write_text(read(FOLDER + "/alerts.yml").replace("outrigger_pool_panic", "outrigger_pool_panics"))
    done = check(busy.admin, dashboard=path, alerts=alerts)
    assert done.returncode == 1
    assert "the target has no outrigger_cals_started_total" in done.stdout
    assert "'%s' returns nothing" % graphs[1]["title"] in done.stdout
    assert "alert 'OutriggerPanic': the target has no outrigger_pool_panics" in done.stdout
    assert done.stdout.count("\n") == 4, done.stdout
    graphs[0]["targets"][0]["expr"] = "sum(rate(outrigger_calls_started_total[5m])"
    path.write_text(json.dumps(dashboard))
    done = check(busy.admin, dashboard=path)
    assert done.returncode == 1 and "parse" in done.stdout, done.stdout


def test_the_dashboard_can_be_imported():
    dashboard = json.loads(read(DASHBOARD))
    panels = dashboard["panels"]
    assert len({p["id"] for p in panels}) == len(panels)
    taken = set()
    for p in panels:
        at = p["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, "%s lies over another panel" % p["title"]
        taken |= cells
        # Each graph asks the Prometheus that the user chose, and only for the proxies that he chose.
        for target in p.get("targets", []):
            assert target["datasource"]["uid"] == "${datasource}"
            assert 'job=~"$job", instance=~"$instance"' in target["expr"], p["title"]
