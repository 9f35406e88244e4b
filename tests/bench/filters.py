#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make bench-filters: what a chain of filters costs a call.

outrigger without any filter, outrigger with the whole chain, and nghttpx, in turns in one run: CPU
time of the proxy per call with 10 connections x 10 calls of 100 bytes. All get the same requests,
with the token and the tenant that the chain wants. --only adds a row for single filters;
--instr counts instructions under callgrind instead. BENCHMARKS.md says how to read it."""

import argparse
import base64
import hashlib
import hmac
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import instr  # noqa: E402
import lab  # noqa: E402
import run  # noqa: E402

CONNS, STREAMS, SIZE, PROBE = 10, 10, 100, 4000
PATH = "/bench/Unary"
GOAL_US = 2.5
ISSUER, AUDIENCE, TENANT = "https://id.bench.example", "bench", "blue"
SECRET = hashlib.sha256(b"not a secret: for the benchmark only").digest()


# --- the token -----------------------------------------------------------------

def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_token():
    """A JWT signed with HS256, as an identity provider writes them: about 400 bytes."""
    head = {"alg": "HS256", "typ": "JWT", "kid": "bench"}
    now = int(time.time())
    body = {"iss": ISSUER, "aud": AUDIENCE, "sub": "client-4711", "iat": now,
            "nbf": now, "exp": now + 24 * 3600, "role": "reader",
            "scope": "bench.read bench.write", "email": "client@bench.example"}
    text = ".".join(base64url(json.dumps(part).encode()) for part in (head, body))
    signature = hmac.new(SECRET, text.encode(), hashlib.sha256).digest()
    return text + "." + base64url(signature)


def write_jwks(folder):
    key = {"kty": "oct", "kid": "bench", "alg": "HS256", "k": base64url(SECRET)}
    return lab.write(os.path.join(folder, "jwks.json"), json.dumps({"keys": [key]}))


# --- the chain -----------------------------------------------------------------

class Chain:
    """Parts of a chain by their names, and what each adds to the config."""

    # In the order of requests. Those that watch are on unless they are switched off.
    PARTS = ("metrics", "accessLog", "tracing", "jwt", "rbac", "rateLimit", "retryPolicy")
    WATCH = ("metrics", "accessLog", "tracing")

    def __init__(self, parts, known, collector_port):
        self.parts, self.known, self.collector = parts, known, collector_port

    def filters(self, folder):
        out = []
        for name in self.PARTS:
            make = getattr(self, "_" + name, None)
            if name in self.parts and make:
                out.append(make(folder))
            elif name in self.WATCH and name in self.known:
                out.append({"type": name, "off": True})
        return out

    def route(self):
        route = {"name": "all", "to": "app", "timeout": "10m"}
        if "retryPolicy" in self.parts:
            route["retryPolicy"] = {"maxAttempts": 3, "initialBackoff": "50ms",
                                    "maxBackoff": "1s", "backoffMultiplier": 2,
                                    "retryableStatusCodes": ["UNAVAILABLE"]}
        return route

    def top(self):
        if "tracing" not in self.parts:
            return {}
        return {"tracing": {"otlp": "127.0.0.1:%d" % self.collector, "service": "bench",
                            "sampleRatio": 0.01}}

    def _metrics(self, folder):
        return {"type": "metrics"}

    def _accessLog(self, folder):
        return {"type": "accessLog", "to": os.path.join(folder, "access.log"), "sample": "1%"}

    def _tracing(self, folder):
        return {"type": "tracing"}

    def _jwt(self, folder):
        """Forwards the token: without it each call would be cheaper by a header."""
        return {"type": "jwt", "providers": [
            {"issuer": ISSUER, "audiences": [AUDIENCE], "algorithms": ["HS256"],
             "jwks": "file:" + write_jwks(folder), "forward": True}]}

    def _rbac(self, folder):
        """A rule that looks at the address, one for other paths, one that lets the calls pass."""
        readers = {"name": "readers", "action": "allow", "paths": ["bench/*"],
                   "headers": {"x-tenant": {"oneOf": [TENANT, "green"]}}}
        if "jwt" in self.parts:
            readers["claims"] = {"role": {"oneOf": ["reader", "writer"]}}
        return {"type": "rbac", "default": "deny", "rules": [
            {"name": "strangers", "action": "deny", "source": ["192.0.2.0/24"]},
            {"name": "admins", "action": "allow", "paths": ["shop.Admin/*"]}, readers]}

    def _rateLimit(self, folder):
        return {"type": "rateLimit", "key": "header:x-tenant", "rate": "1000000/s",
                "burst": 1000000}


class Variant(lab.Proxy):
    """outrigger with one chain."""

    def __init__(self, name, program, chain):
        super().__init__(name, "outrigger", program)
        self.chain = chain

    def command(self, folder, backend_port, wide):
        self.admin = "127.0.0.1:%d" % lab.free_port()
        config = {"version": 1, "workers": 1, "log": {"level": "warn"},
                  "admin": {"listen": self.admin},
                  "listeners": [{"name": "in", "listen": "127.0.0.1:%d" % self.port,
                                 "filters": self.chain.filters(folder),
                                 "routes": [self.chain.route()]}],
                  "pools": [{"name": "app", "endpoints": ["127.0.0.1:%d" % backend_port]}]}
        config.update(self.chain.top())
        return [self.program, "-c",
                lab.write(os.path.join(folder, "outrigger.json"), json.dumps(config))]

    def check_filters(self):
        """Exactly the filters of the chain are at work: none is off, idle, or on by itself."""
        with urllib.request.urlopen("http://%s/routes.json" % self.admin, timeout=10) as answer:
            told = json.load(answer)["listeners"][0]["routes"][0]["filters"]
        works = {f["type"] for f in told if not f["off"] and not f["idle"]}
        wanted = set(self.chain.parts) - {"retryPolicy"}     # which is no filter
        if works != wanted:
            raise lab.LabError("%s has the filters %s, not %s." % (
                self.name, ", ".join(sorted(works)), ", ".join(sorted(wanted))))


def find_parts(program):
    """Those that this build has. The schema has each type of a filter, and each key."""
    got = subprocess.run([program, "--print-schema"], capture_output=True, text=True)
    if got.returncode != 0:
        raise lab.LabError("%s --print-schema failed: %s" % (program, got.stderr.strip()))
    return [p for p in Chain.PARTS if '"%s"' % p in got.stdout]


COLLECTOR = """
import concurrent.futures, sys, grpc
class All(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: b"")
server = grpc.server(concurrent.futures.ThreadPoolExecutor(2), handlers=(All(),))
assert server.add_insecure_port("127.0.0.1:" + sys.argv[1])
server.start()
server.wait_for_termination()
"""


def start_collector(folder):
    """Takes spans and says yes: a proxy whose spans are refused would do less. (process, port)"""
    port = lab.free_port()
    process = lab.Process(["/usr/bin/python3", "-c", COLLECTOR, str(port)], lab.LOAD_CORES,
                          os.path.join(folder, "collector.log"))
    time.sleep(0.5)
    if process.popen.poll() is not None:
        raise lab.LabError("The collector for spans did not start; it needs python3-grpcio:\n" +
                           process.log_tail())
    return process, port


# --- measuring -----------------------------------------------------------------

def load(folder, port, calls, headers, **kw):
    return lab.run_h2load(folder, port, PATH, lab.message_file(folder, SIZE), calls, CONNS,
                          STREAMS, SIZE, headers=headers, **kw)


def check_refuses(folder, proxy):
    """A chain that lets everybody through would measure something else."""
    if not {"jwt", "rbac"} & set(proxy.chain.parts):
        return
    try:
        load(folder, proxy.port, CONNS, ())
    except lab.LabError as err:
        if "without their message" in str(err):
            return
        raise
    raise lab.LabError("%s let calls without token and tenant pass." % proxy.name)


def measure_once(folder, proxy, calls, headers):
    ticks = lab.cpu_ticks(lab.PROXY_CORES)
    before = proxy.process.cpu_ns()
    done = load(folder, proxy.port, calls, headers)
    used = proxy.process.cpu_ns() - before
    return {"cpu_us": used / 1000 / calls, "rate": calls / done.seconds,
            "foreign": run.foreign_share(ticks, lab.cpu_ticks(lab.PROXY_CORES), used)}


def measure_rounds(folder, proxies, args, headers):
    """Round after round, each with another first proxy. Rounds with much steal time do not count."""
    plan, kept, thrown = {}, [], 0
    for proxy in proxies:
        rate = measure_once(folder, proxy, PROBE, headers)["rate"]
        step = CONNS * STREAMS
        plan[proxy.name] = max(step, int(rate * args.seconds) // step * step)
    run.say("warm-up done")
    for number in range(args.rounds):
        cores = lab.LOAD_CORES | lab.PROXY_CORES
        before, turn, cells = lab.cpu_ticks(cores), number % len(proxies), {}
        for proxy in proxies[turn:] + proxies[:turn]:
            cells[proxy.name] = measure_once(folder, proxy, plan[proxy.name], headers)
        after = lab.cpu_ticks(cores)
        steal = (after["steal"] - before["steal"]) / max(1, after["all"] - before["all"])
        if steal > run.MAX_STEAL:
            thrown += 1
        else:
            kept.append(cells)
        run.say("round %d of %d%s" % (number + 1, args.rounds,
                                      ": thrown away, steal time" if steal > run.MAX_STEAL
                                      else ""))
    if not kept:
        raise lab.LabError("Every round had more than %.0f %% steal time: this machine is too "
                           "busy for CPU times; --instr works all the same." %
                           (100 * run.MAX_STEAL))
    return kept, thrown


def median_of(rounds, figure):
    values = sorted(figure(r) for r in rounds)
    return statistics.median(values), values[0], values[-1]


def compare(kept, name):
    """A row of a table: CPU time, and how much more it is than nothing; as (median, least, most) with the text. Differences
    and ratios are taken round by round: both sides see the same machine."""
    cpu = median_of(kept, lambda r: r[name]["cpu_us"])
    more = median_of(kept, lambda r: r[name]["cpu_us"] - r["nothing"]["cpu_us"])
    return {"cpu_us": cpu, "more_us": more}, "%-14s %12.2f %26s" % (
        name, cpu[0], "" if name in ("nothing", "nghttpx") else "%.2f  (%.2f .. %.2f)" % more)


def report_cpu(kept, thrown, names):
    rows = {}
    print("\n%-14s %12s %26s %28s" % ("", "us CPU/call", "more than nothing, us",
                                      "share of nghttpx"))
    for name in names:
        row, text = compare(kept, name)
        rows[name] = row
        share = ""
        if "nghttpx" in names:
            row["of_nghttpx"] = median_of(
                kept, lambda r: r[name]["cpu_us"] / r["nghttpx"]["cpu_us"])
            share = "%.2f  (%.2f .. %.2f)" % row["of_nghttpx"]
        print("%s %28s" % (text, share))
    foreign = [c["foreign"] for r in kept for c in r.values()]
    print("\n%d rounds counted, %d thrown away. Other work on the proxy's core: median %.0f %%, "
          "worst %.0f %% of a run." % (len(kept), thrown, 100 * statistics.median(foreign),
                                       100 * max(foreign)))
    return rows


def measure_cpu(folder, args, proxies, backend, headers):
    try:
        for proxy in proxies:
            proxy.start(folder, backend.port)
            if isinstance(proxy, Variant):
                proxy.check_filters()
                check_refuses(folder, proxy)
        kept, thrown = measure_rounds(folder, proxies, args, headers)
    finally:
        for proxy in proxies:
            proxy.stop()
    rows = report_cpu(kept, thrown, [p.name for p in proxies])
    if "all" in rows:
        print("The chain costs %.2f us; the goal is at most %.1f." %
              (rows["all"]["more_us"][0], GOAL_US))
    return {"rounds": kept, "summary": rows}


def measure_instr(folder, args, proxies, backend, headers):
    if lab.find_program("valgrind") is None:
        raise lab.LabError("valgrind is missing; install the package valgrind.")
    low, high = (int(x) for x in args.calls.split(","))
    rows = {}
    print("\n%-14s %18s %22s" % ("", "instructions/call", "more than nothing"))
    for proxy in proxies:
        first, _ = instr.count_run(folder, proxy, backend, low, CONNS, STREAMS, headers)
        second, _ = instr.count_run(folder, proxy, backend, high, CONNS, STREAMS, headers)
        rows[proxy.name] = (second - first) / (high - low)
        print("%-14s %18.0f %22s" % (
            proxy.name, rows[proxy.name], "" if proxy.name in ("nothing", "nghttpx")
            else "%.0f" % (rows[proxy.name] - rows["nothing"])), flush=True)
    return {"instructions_per_call": rows}


# --- main ------------------------------------------------------------------------

def options(what, name, rounds=15, seconds=1.0):
    """The parser of a benchmark of chains: what it measures, the name of the benchmark."""
    p = argparse.ArgumentParser(description=what + " See BENCHMARKS.md.")
    p.add_argument("--outrigger", default="./outrigger", metavar="PATH")
    p.add_argument("--backend", default="tests/bench/bench_backend", metavar="PATH")
    p.add_argument("--rounds", type=int, default=rounds, help="rounds (%d)" % rounds)
    p.add_argument("--seconds", type=float, default=seconds,
                   help="length of one run (%.1f)" % seconds)
    p.add_argument("--instr", action="store_true", help="instructions, by callgrind")
    p.add_argument("--calls", default="2000,12000", metavar="N1,N2", help="with --instr")
    p.add_argument("--quick", action="store_true", help="5 rounds of 0.3 s: a first look")
    p.add_argument("--json", default=name + ".json", metavar="PATH",
                   help="where the raw figures go (%s.json); - = nowhere" % name)
    return p


def parse(p):
    args = p.parse_args()
    if args.quick:
        args.rounds, args.seconds = min(args.rounds, 5), min(args.seconds, 0.3)
    if args.rounds < 1:
        p.error("--rounds is at least 1")
    return args


def prepare(args):
    """This process as the one that makes load; returns the program that is measured."""
    lab.stop_on_signal()
    lab.raise_file_limit()
    os.sched_setaffinity(0, lab.LOAD_CORES)
    if not os.access(args.outrigger, os.X_OK):
        raise lab.LabError("There is no %s; build it, or give --outrigger." % args.outrigger)
    return os.path.abspath(args.outrigger)


def run_with(args, collects, measure, **more):
    """measure(folder, backend, port of the collector), then what it found, and more, as JSON."""
    with lab.temp_folder() as folder:
        backend, collector = lab.Backend(args.backend, folder), None
        try:
            collector, port = start_collector(folder) if collects else (None, 0)
            result = measure(folder, backend, port)
        finally:
            for process in (collector, backend):
                if process:
                    process.stop()
    result.update(more, machine=run.describe_machine())
    if args.json != "-":
        lab.write(args.json, json.dumps(result, indent=1) + "\n")


def run_main(name, main):
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except lab.LabError as err:
        sys.exit("%s: %s" % (name, err))


def parse_args():
    p = options("What a chain of filters costs a call.", "bench-filters")
    p.add_argument("--only", metavar="LIST", help="rows for single filters too, some of %s; "
                   "each: all of them" % ",".join(Chain.PARTS))
    p.add_argument("--without-nghttpx", action="store_true")
    args = parse(p)
    args.only = (list(Chain.PARTS) if args.only == "each" else
                 args.only.split(",") if args.only else [])
    if set(args.only) - set(Chain.PARTS):
        p.error("--only knows each or %s" % ",".join(Chain.PARTS))
    return args


def make_proxies(args, program, known, collector_port):
    def variant(name, parts):
        return Variant(name, program, Chain(parts, known, collector_port))
    proxies = [variant("nothing", []), variant("all", known)]
    proxies += [variant("+" + p, [p]) for p in args.only if p in known]
    path = lab.find_program("nghttpx")
    if path and not args.without_nghttpx:
        proxies.append(lab.Proxy("nghttpx", "nghttpx", path))
    return proxies


def main():
    args = parse_args()
    program = prepare(args)
    known = find_parts(program)
    missing = [p for p in Chain.PARTS if p not in known]
    print("all = %s%s" % (", ".join(known), "; not in this build: " + ", ".join(missing)
                          if missing else ""))
    headers = ["authorization: Bearer " + make_token(), "x-tenant: " + TENANT]

    def measure(folder, backend, port):
        proxies = make_proxies(args, program, known, port)
        return (measure_instr if args.instr else measure_cpu)(folder, args, proxies, backend,
                                                              headers)
    run_with(args, "tracing" in known, measure, chain=known, missing=missing)


if __name__ == "__main__":
    run_main("bench-filters", main)
