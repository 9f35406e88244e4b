#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""contrib/prometheus/check_expressions.py --target 127.0.0.1:9901 - are the alerts and the dashboard true?

A Prometheus of our own (free port, temporary folder) scrapes the metrics of a running outrigger for a few seconds. Then, for
every expression of alerts.yml and of the dashboard:
  - it parses (promtool check rules), and Prometheus can compute it;
  - each metric in it is one that the target has;
  - it returns data. Of an alert that is what it compares, since it should not fire.
The target must see calls meanwhile, some of which break (outrigger --demo does that), else expressions for these return nothing. Metrics of
what it does not use (TLS) are left out and told, or with --strict a fault.

Status: 0 all is well, 1 something is not, 77 there is no prometheus or promtool (Debian: prometheus). The service of that package
is not used and may be stopped."""
import argparse
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
# What Grafana would put in; a window with a few scrapes in it.
VARIABLES = {"$__rate_interval": "10s", "$job": ".*", "$instance": ".*"}
WORDS = set("and or unless by without on ignoring group_left group_right bool offset inf nan".split())
# What a target without TLS does not have.
OPTIONAL = {"outrigger_tls_certificate_not_after_timestamp_seconds"}
SUFFIXES = "_bucket", "_count", "_sum"


def dashboard_expressions(path):
    """[(title of the panel, expression)]"""
    with open(path, encoding="utf-8") as f:
        panels = json.load(f)["panels"]
    found = []
    for panel in panels:
        for target in panel.get("targets", []):
            text = target["expr"]
            for name, value in VARIABLES.items():
                text = text.replace(name, value)
            if "$" in text:
                sys.exit("panel %s: this script does not know the variable in %s" % (panel["title"], text))
            found.append((panel["title"], text))
    return found


def metrics_in(expression):
    """The names of metrics in it."""
    text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", text)
    return {name for name in re.findall(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()", text) if name.lower() not in WORDS}


def unfiring(expression):
    """The same with comparisons that say 0 or 1 and leave out nothing: data whenever there is something to compare."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"|\{[^}]*\}', lambda m: "\0" * len(m.group()), expression)
    out, at = [], 0
    for found in re.finditer(r"==|!=|<=|>=|<|>", bare):
        out += [expression[at:found.end()], " bool"]
        at = found.end()
    return "".join(out) + expression[at:]


def families(target):
    """The names that the target has, with those of the series of histograms."""
    with urllib.request.urlopen("http://%s/metrics" % target, timeout=10) as answer:
        kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", answer.read().decode(), re.M))
    return set(kinds) | {n + s for n, kind in kinds.items() if kind == "histogram" for s in SUFFIXES}


class Prometheus:
    """A process of its own, that scrapes one target and loads our rules."""

    def __init__(self, folder, options):
        self.folder = folder
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", options.port))
            self.address = "127.0.0.1:%d" % s.getsockname()[1]
        with open(folder + "/prometheus.yml", "w", encoding="utf-8") as f:
            json.dump({"global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "1s"},
                       "rule_files": [os.path.abspath(options.alerts)],
                       "scrape_configs": [{"job_name": "outrigger", "static_configs": [{"targets": [options.target]}]}]}, f)
        self.log = open(folder + "/log", "wb")
        self.process = subprocess.Popen(
            ["prometheus", "--config.file=%s/prometheus.yml" % folder, "--storage.tsdb.path=%s/data" % folder,
             "--web.listen-address=" + self.address], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)

    def ask(self, path, **query):
        url = "http://%s/api/v1/%s?%s" % (self.address, path, urllib.parse.urlencode(query))
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as e:
            raise ValueError(json.load(e).get("error", str(e))) from None

    def series(self, expression):
        """How many it returns."""
        found = self.ask("query", query=expression)
        return 1 if found["resultType"] == "scalar" else len(found["result"])

    def wait_series(self, expression, seconds=5):
        """The same; again while it is none, since one scrape that comes too late empties all until the next."""
        end = time.monotonic() + seconds
        while True:
            found = self.series(expression)
            if found or time.monotonic() > end:
                return found
            time.sleep(0.2)

    def wait_scrapes(self, count, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError, ValueError):
                done = self.ask("query", query="sum(count_over_time(up[1h]) and on() (up == 1))")["result"]
                if done and float(done[0]["value"][1]) >= count:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        with open(self.folder + "/log", encoding="utf-8") as f:
            sys.exit("prometheus has not scraped the target %d times:\n%s" % (count, f.read()[-3000:]))

    def alerts(self):
        """[(name, expression)], read by Prometheus itself."""
        return [(rule["name"], rule["query"]) for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


def check_syntax(folder, expressions):
    """promtool on all of them, as recording rules."""
    path = folder + "/dashboard.yml"
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"groups": [{"name": "dashboard", "rules": [
            {"record": "panel:%d" % i, "expr": text} for i, (_, text) in enumerate(expressions)]}]}, f)
    return subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, check=False)


def problems(prometheus, known, what, expressions, strict):
    """Yields a line for each thing that is wrong."""
    for title, text in expressions:
        unknown = sorted(metrics_in(text) - known)
        if unknown and not strict and OPTIONAL.issuperset(unknown):
            print("left out: %s '%s', since the target has no %s" % (what, title, ", ".join(unknown)))
            continue
        if unknown:
            yield "%s '%s': the target has no %s" % (what, title, ", ".join(unknown))
            continue
        try:
            series = prometheus.wait_series(unfiring(text) if what == "alert" else text)
        except ValueError as e:
            yield "%s '%s': %s" % (what, title, e)
            continue
        if not series:
            yield "%s '%s' returns nothing: %s" % (what, title, text)


def check(folder, options):
    panels = dashboard_expressions(options.dashboard)
    syntax = check_syntax(folder, panels)
    if syntax.returncode:
        return [syntax.stderr.strip()]
    prometheus = Prometheus(folder, options)
    try:
        prometheus.wait_scrapes(options.scrapes)
        known, alerts = families(options.target), prometheus.alerts()
        found = [line for what, expressions in (("alert", alerts), ("panel", panels))
                 for line in problems(prometheus, known, what, expressions, options.strict)]
    finally:
        prometheus.close()
    print("%d alerts and %d expressions of the dashboard" % (len(alerts), len(panels)))
    return found


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("--target", default="127.0.0.1:9901", help="where /metrics is (%(default)s)")
    options.add_argument("--scrapes", type=int, default=6, help="how often before the questions (%(default)s)")
    options.add_argument("--port", type=int, default=0, help="where Prometheus listens meanwhile (0: any free port)")
    options.add_argument("--strict", action="store_true", help="nothing is left out")
    options.add_argument("--alerts", default=HERE + "/alerts.yml")
    options.add_argument("--dashboard", default=os.path.normpath(HERE + "/../grafana/outrigger.json"))
    options = options.parse_args()
    for tool in ("prometheus", "promtool"):
        if not shutil.which(tool):
            print("skipped: no %s: apt-get install --no-install-recommends prometheus" % tool)
            sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="outrigger-prometheus-") as folder:
        found = check(folder, options)
    print("\n".join(found) or "all are good")
    if any("returns nothing" in line for line in found):
        print("What asks for failed calls returns nothing while no call fails: try it with outrigger --demo.", file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
