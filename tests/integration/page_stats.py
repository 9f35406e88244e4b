# SPDX-License-Identifier: Apache-2.0
"""Made-up answers of /stats.json for the live page, and a server that gives them with the page of the real program: what a real proxy shows once in a
month, all on one screen. Run by hand, `page_stats.py ADDRESS_OF_AN_ADMIN_PORT [calm|down|busy|dead|crowd|wordy|empty]` prints where to look."""
import http.server
import json
import math
import random
import sys
import threading
import time
import urllib.request


def line(level, swing, seed, n=60):
    rng = random.Random(seed)
    return [round(max(0, level + swing * math.sin(i / 9.0 + seed) + rng.gauss(0, swing / 3)), 1) for i in range(n)]


def endpoint(address, state="ready", **more):
    e = {"address": address, "target": address, "ttlLeftMs": None, "state": state, "usable": state in ("ready", "idle", "on trial"),
         "sinceMs": None, "why": "", "weight": 1, "priority": 0, "zone": "", "labels": {}, "connections": 2,
         "inFlight": 4, "calls": 91230, "successes": 91180, "failures": 50, "localFailures": 0,
         "check": None, "outlier": None, "callsPerS": 121.7, "failuresPerS": 0.0}
    e.update(more)
    return e


def pool(name, endpoints, rate, **more):
    usable = sum(e["usable"] for e in endpoints)
    p = {"name": name, "policy": "least_request", "state": "all %d endpoints are usable" % len(endpoints), "usable": usable,
         "total": len(endpoints), "panic": False, "ejected": 0, "callsPerS": rate, "okShare": 1.0, "p50Ms": 0.9,
         "p95Ms": 2.1, "p99Ms": 4.0, "inFlight": 12, "inFlightLimit": 1000, "pending": 0, "retriesPerS": 0.0,
         "line": line(rate, rate / 8, len(name)), "targets": [], "endpoints": endpoints}
    p.update(more)
    return p


def failed(age, method, code, reason, why, **more):
    f = {"time": "2026-11-29T21:39:%06.3fZ" % (59 - age / 1000 % 59), "ageMs": age, "count": 1, "firstAgeMs": age, "method": method, "code": code,
         "reason": reason, "why": why, "pool": "stock", "endpoint": "10.2.0.14:50051", "ms": 12.4,
         "traceId": "4bf92f3577b34da6a3ce929d0e0e4736"}
    f.update(more)
    return f


def empty():
    """A proxy that has just started, with nothing configured."""
    return {
        "version": 1, "time": "2026-11-29T21:40:00.123Z",
        "process": {"version": "0.1.0", "pid": 1, "node": "local", "service": "", "state": "starting",
                    "stateWhy": "the pool app has no endpoints yet", "uptimeMs": 640, "workers": 2,
                    "config": {"hash": "5f2a91c0", "ageMs": 640, "source": "/etc/outrigger/outrigger.json"},
                    "reload": {"ok": True, "error": "", "ageMs": None}, "drain": None},
        "now": {"callsPerS": 0.0, "okShare": None, "p50Ms": None, "p95Ms": None, "p99Ms": None, "inFlight": 0, "connectionsIn": 0,
                "connectionsOut": 0, "retriesPerS": 0.0, "limitedPerS": 0.0, "deniedPerS": 0.0, "cpuShare": 0.0,
                "rssBytes": 9437184, "loopLagMs": 0.0, "line": []},
        "pools": [], "routes": [], "listeners": [], "codes": [], "methods": [], "failed": [], "certificates": [], "metrics": []}


def calm():
    """A sidecar on a good day."""
    s = empty()
    s["process"].update(node="orders-7c9f5d", service="orders", state="ready", stateWhy="", uptimeMs=273600000)
    s["process"]["config"]["ageMs"] = 720000
    s["now"].update(callsPerS=2139.6, okShare=0.99934, p50Ms=1.1, p95Ms=3.8, p99Ms=9.2, inFlight=37, connectionsIn=41, connectionsOut=12,
                    retriesPerS=0.4, limitedPerS=0.0, deniedPerS=0.0, cpuShare=0.07, rssBytes=18874368, loopLagMs=0.21,
                    line=line(2140, 260, 3))
    check = {"done": True, "good": True, "by": "grpc", "text": "SERVING", "ageMs": 2100, "goodInRow": 90, "badInRow": 0}
    s["pools"] = [
        pool("app", [endpoint("127.0.0.1:50051", check=check, callsPerS=1409.8)], 1409.8, state="its endpoint is usable", policy="round_robin"),
        pool("stock", [endpoint("10.2.0.%d:50051" % (11 + i), target="dns:///stock.shop.svc:50051", ttlLeftMs=12400, check=check, zone="eu-1" + "ab"[i % 2],
                                labels={"version": "v2" if i == 5 else "v1"}) for i in range(6)],
             729.8, okShare=0.998, p50Ms=1.6, p95Ms=5.2, p99Ms=14.1, inFlight=25, retriesPerS=0.4,
             targets=[{"target": "dns:///stock.shop.svc:50051", "endpoints": 6, "ok": True, "error": "", "answerAgeMs": 17600, "ttlLeftMs": 12400}])]
    s["routes"] = [
        {"listener": "inbound", "name": "app", "match": "any call", "hits": 18211201, "hitsPerS": 1409.8,
         "to": [{"pool": "app", "subset": "", "setShare": 1.0, "realShare": 1.0}]},
        {"listener": "outbound", "name": "stock-canary", "match": "service shop.v1.Stock", "hits": 9120377, "hitsPerS": 729.8,
         "to": [{"pool": "stock", "subset": "version=v1", "setShare": 0.95, "realShare": 0.9463},
                {"pool": "stock", "subset": "version=v2", "setShare": 0.05, "realShare": 0.0537}]}]
    s["listeners"] = [
        {"name": "inbound", "address": "0.0.0.0:8443", "direction": "inbound", "connections": 37, "ready": True},
        {"name": "outbound", "address": "127.0.0.1:15001", "direction": "outbound", "connections": 4, "ready": True}]
    s["codes"] = [{"code": "OK", "lastMinute": 128290, "last5Minutes": 641882},
                  {"code": "Unavailable", "lastMinute": 71, "last5Minutes": 402},
                  {"code": "DeadlineExceeded", "lastMinute": 12, "last5Minutes": 38}]
    s["methods"] = [
        {"method": "/shop.v1.Orders/Place", "callsPerS": 902.1, "okShare": 1.0, "p50Ms": 1.2, "p99Ms": 8.8},
        {"method": "/shop.v1.Stock/Reserve", "callsPerS": 512.4, "okShare": 0.997, "p50Ms": 1.7, "p99Ms": 15.0},
        {"method": "/shop.v1.Orders/Get", "callsPerS": 507.7, "okShare": 1.0, "p50Ms": 0.42, "p99Ms": 1.9},
        {"method": "/shop.v1.Stock/Watch", "callsPerS": 0.06, "okShare": 1.0, "p50Ms": 61234.0, "p99Ms": 301000.0}]
    s["failed"] = [
        failed(2300, "/shop.v1.Stock/Reserve", "Unavailable", "CONNECT_REFUSED",
               "No connection to 10.2.0.14:50051: it refuses connections (3 tries, 2 other endpoints tried).", count=1200, firstAgeMs=44400),
        failed(14100, "/shop.v1.Stock/Reserve", "DeadlineExceeded", "DEADLINE",
               "The client gave 250 ms; the backend had the call for 248 ms and had not answered.", ms=250.2, endpoint="10.2.0.12:50051"),
        failed(61000, "/shop.v1.Orders/Place", "NotFound", "", "The backend said: no such customer", pool="app", endpoint="127.0.0.1:50051", ms=3.1, traceId="")]
    s["certificates"] = [
        {"file": "/etc/outrigger/tls/server.pem", "name": "orders.shop.svc", "notAfter": "2027-02-20T00:00:00Z", "daysLeft": 82, "usedBy": ["listener inbound"]},
        {"file": "/etc/outrigger/tls/client.pem", "name": "orders-client", "notAfter": "2026-12-08T00:00:00Z", "daysLeft": 9, "usedBy": ["pool stock"]}]
    return s


def down():
    """One endpoint of six is gone, and the calls that met it are the last that failed."""
    s = calm()
    p = s["pools"][1]
    p.update(usable=5, state="5 of 6 endpoints are usable", callsPerS=729.8)
    p["endpoints"][3].update(state="unhealthy", usable=False, sinceMs=42000, why="connection refused (3 of 3)", connections=0, inFlight=0, callsPerS=0.0,
                             check={"done": True, "good": False, "by": "grpc", "text": "connection refused", "ageMs": 900, "goodInRow": 0, "badInRow": 14})
    for e, rate in zip(p["endpoints"], (146.1, 145.8, 146.0, 0.0, 145.9, 146.0)):
        e["callsPerS"] = rate
    return s


def busy():
    """The same on a bad day: everything that can need a look does, and names are as hostile as peers make them."""
    s = calm()
    s["process"].update(state="draining", stateWhy="the process was told to end: clients are told to go, 7 connections and 37 calls left")
    s["process"]["reload"] = {"ok": False, "error": "outrigger.json:14:9: error: unknown key \"rouets\"; did you mean \"routes\"? [E0103]", "ageMs": 95000}
    s["process"]["drain"] = {"phase": "goaway", "leftMs": 21400, "connections": 7, "calls": 37}
    s["now"].update(okShare=0.871, retriesPerS=96.2, limitedPerS=3.1, deniedPerS=0.4, loopLagMs=131.0, cpuShare=1.42)
    stock = s["pools"][1]
    stock.update(usable=3, state="3 of 6 endpoints are usable", ejected=1, okShare=0.81, pending=14)
    e = stock["endpoints"]
    e[1].update(state="unhealthy", usable=False, sinceMs=42000, why="connection refused (3 of 3)", connections=0, inFlight=0, callsPerS=0.0,
                check={"done": True, "good": False, "by": "grpc", "text": "connection refused", "ageMs": 900, "goodInRow": 0, "badInRow": 14})
    e[2].update(state="ejected", usable=False, sinceMs=18000, why="5 failures in a row", failuresPerS=11.2,
                outlier={"ejected": True, "ejections": 1, "leftMs": 12000})
    e[3].update(state="unchecked", usable=False, check={"done": False})
    e[4].update(state="on trial", why="the breaker lets one call through", outlier={"ejected": False, "ejections": 2, "breaker": "probing"})
    s["pools"].append(pool("<script>alert(1)</script>", [], 0.0, state="no endpoints are known: NXDOMAIN", okShare=None, p50Ms=None, p95Ms=None,
                           p99Ms=None, inFlight=0, inFlightLimit=None, line=[], policy="ring_hash",
                           targets=[{"target": "dns:///nowhere.example:50051", "endpoints": 0, "ok": False, "error": "the name does not exist (NXDOMAIN)",
                                     "answerAgeMs": None, "ttlLeftMs": None}]))
    s["failed"].insert(0, failed(300, "/shop.v1.Stock/<img src=x onerror=alert(1)>", "Unauthenticated", "TOKEN_EXPIRED",
                                 "The token expired 4 min ago.", pool="", endpoint=""))
    s["certificates"][1]["daysLeft"] = -2
    s["listeners"][0]["ready"] = False
    return s


def dead():
    """A pool without a usable endpoint, so that probes say no; and an endpoint that an operator took out."""
    s = calm()
    s["process"]["stateWhy"] = "calls are served, but /readyz says no: the pool stock has no usable endpoint"
    s["now"]["okShare"] = 0.66
    app, stock = s["pools"]
    app["endpoints"].append(endpoint("127.0.0.1:50052", state="disabled", sinceMs=600000, why="an operator disabled it", callsPerS=0.0, connections=0, inFlight=0))
    app.update(total=2, state="1 of 2 endpoints are usable, 1 disabled by an operator")
    stock.update(usable=0, state="0 of 6 endpoints are usable", okShare=0.0, callsPerS=0.0, inFlight=0, line=line(730, 90, 5)[:40] + [0.0] * 20)
    for e in stock["endpoints"]:
        e.update(state="unhealthy", usable=False, sinceMs=21000, why="connection refused (3 of 3)", connections=0, inFlight=0, callsPerS=0.0,
                 check={"done": True, "good": False, "by": "grpc", "text": "connection refused", "ageMs": 900, "goodInRow": 0, "badInRow": 3})
    return s


def crowd():
    """30 pools of 50 endpoints: two have trouble, and one gets bad answers from endpoints that look good."""
    s = calm()
    s["pools"] = [pool("pool-%d" % i, [endpoint("10.%d.0.%d:50051" % (i, j), target="dns:///svc-%d:50051" % i) for j in range(50)], 100.0 * i)
                  for i in range(30)]
    for i in (3, 17):
        s["pools"][i].update(usable=20, state="20 of 50 endpoints are usable")
        for e in s["pools"][i]["endpoints"][5:35]:
            e.update(state="unhealthy", usable=False, why="connection refused", sinceMs=42000, callsPerS=0.0)
    s["pools"][29]["okShare"] = 0.1234
    return s


def wordy():
    """Names and figures that are as long as they get."""
    s = calm()
    name = "name-of-a-thing-that-somebody-generated-with-a-hash-0123456789abcdef0123456789abcdef"
    s["process"].update(node="orders-" + name, service=name)
    s["process"]["reload"] = {"ok": False, "error": "/etc/%s.json:1:2: error: %s" % (name, name * 2), "ageMs": 95000}
    s["now"].update(callsPerS=1234567.0, inFlight=123456, connectionsIn=123456, connectionsOut=65432, rssBytes=12345678901, p99Ms=123456.7,
                    loopLagMs=12345.6, retriesPerS=123456.7)
    stock = s["pools"][1]
    stock.update(name=name, usable=5, state="5 of 6 endpoints are usable", inFlight=123456, inFlightLimit=1000000, p99Ms=123456.7)
    for i, e in enumerate(stock["endpoints"]):
        e.update(address="[2001:db8:1234:5678:9abc:def0:1234:5678]:5005%d" % i, target="dns:///%s.svc.cluster.local:50051" % name,
                 labels={name[:40]: name[:60], "version": "v1"})
    stock["endpoints"][2].update(state="unhealthy", usable=False, why="the certificate is not good: " + name * 2, sinceMs=42000)
    stock["targets"] = []
    s["routes"][1].update(name=name, match="path starts with /%s and header x-%s is \"%s\"" % (name, name, name))
    for t in s["routes"][1]["to"]:
        t.update(pool=name, subset="version=" + name[:40])
    s["methods"][0]["method"] = "/%s.Service/%s" % (name.replace("-", "."), name.replace("-", ""))
    s["failed"][0].update(method=s["methods"][0]["method"], endpoint=stock["endpoints"][2]["address"], pool=name, why="No connection: " + name * 3)
    s["certificates"][0].update(file="/etc/%s/%s.pem" % (name, name), name="spiffe://%s/ns/x/sa/%s" % (name, name), usedBy=["listener " + name, "pool " + name])
    s["listeners"][0].update(name=name, address="unix:/run/%s/%s.sock" % (name, name))
    return s


SCENES = {"empty": empty, "calm": calm, "down": down, "busy": busy, "dead": dead, "crowd": crowd, "wordy": wordy}


class Fixture:
    """A server with the page of a real admin port, and /events and /stats.json of our own. stats may be changed at any time; streams: False makes
    it refuse /events as a proxy with too many viewers does."""

    def __init__(self, admin, stats, address=("127.0.0.1", 0)):
        self.stats, self.streams, self.silent = stats, True, False
        self.asked, self.open_streams = [], 0
        with urllib.request.urlopen("http://%s/" % admin, timeout=10) as answer:
            self.page = answer.read()
            self.headers = {k: v for k, v in answer.headers.items() if k in ("Content-Type", "Content-Security-Policy")}
        fixture = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def reply(self, status, headers, body):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                fixture.asked.append(self.path)
                if self.path == "/":
                    self.reply(200, fixture.headers, fixture.page)
                elif self.path == "/stats.json":
                    self.reply(200, {"Content-Type": "application/json"}, json.dumps(fixture.stats).encode())
                elif self.path == "/events" and fixture.streams:
                    self.stream()
                else:
                    self.reply(503 if self.path == "/events" else 404, {}, b"")

            def stream(self):
                self.reply(200, {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}, b"")
                fixture.open_streams += 1
                try:
                    while not fixture.closed.wait(0.2):
                        if fixture.silent:
                            continue
                        self.wfile.write(b"event: stats\ndata: " + json.dumps(fixture.stats).encode() + b"\n\n")
                except OSError:
                    pass
                fixture.open_streams -= 1

        self.closed = threading.Event()
        self.server = http.server.ThreadingHTTPServer(address, Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d/" % self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.closed.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


if __name__ == "__main__":
    with Fixture(sys.argv[1], SCENES[(sys.argv[2:] or ["busy"])[0]]()) as f:
        print(f.url, flush=True)
        while True:
            time.sleep(60)
