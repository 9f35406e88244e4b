#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: outrigger beside nghttpx, HAProxy and nginx, in turns, in one run.

BENCHMARKS.md says what the figures mean. This is never a pass/fail test: it ends with
status 0 when it could measure, and 1 only when a proxy did not work at all."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import lab  # noqa: E402
import memory  # noqa: E402

MAX_STEAL = 0.03
IDLE_CONNS = 1000
STREAM_CONNS = 100
STREAMS_PER_CONN = 100


class Shape:
    def __init__(self, name, title, conns, streams, method="Unary", request=100,
                 answer=100, rate=None, probe=4000):
        self.name, self.title = name, title
        self.conns, self.streams = conns, streams
        self.path = "/bench/" + method
        self.request, self.answer = request, answer
        self.rate, self.probe = rate, probe
        self.bulk = max(request, answer) >= lab.MIB


SHAPES = [
    Shape("10x10", "100-byte unary, 10 connections x 10 streams", 10, 10),
    Shape("1x100", "100-byte unary, 1 connection x 100 streams", 1, 100),
    Shape("100x10", "100-byte unary, 100 connections x 10 streams", 100, 10, probe=8000),
    Shape("paced", "100-byte unary at a fixed 1,000 calls/s, 10 connections", 10, 10,
          rate=1000),
    Shape("down", "1 MiB answers, 4 connections x 4 streams", 4, 4, "Stream",
          answer=lab.MIB, probe=64),
    Shape("up", "1 MiB requests, 4 connections x 4 streams", 4, 4, request=lab.MIB,
          probe=64),
]


# --- measuring -----------------------------------------------------------------

def try_cell(folder, shape, name, proxy, port, calls, tls):
    """measure_cell, or {"error": why}: one failing proxy must not hide the others."""
    try:
        return measure_cell(folder, shape, proxy, port, calls, tls)
    except (lab.LabError, OSError) as err:
        say("%s, %s: %s" % (name, shape.name, err))
        return {"error": str(err)}


def takes_part(shape, proxy):
    return shape.bulk or proxy is None or not proxy.bulk_only


def measure_cell(folder, shape, proxy, port, calls, tls):
    """One proxy, one shape, once. proxy is None for the direct row."""
    body = lab.message_file(folder, shape.request)
    load = dict(folder=folder, port=port, path=shape.path, body=body, conns=shape.conns,
                streams=shape.streams, answer_size=shape.answer,
                tls=tls)
    ticks = lab.cpu_ticks(lab.PROXY_CORES)
    cpu = proxy.process.cpu_ns() if proxy else 0
    run = lab.run_h2load(calls=calls, rate=shape.rate, log=bool(shape.rate), **load)
    cell = {"calls": run.calls, "seconds": run.seconds, "rate": run.calls / run.seconds}
    if proxy:
        used = proxy.process.cpu_ns() - cpu
        cell["cpu_us"] = used / 1000 / run.calls
        cell["foreign"] = foreign_share(ticks, lab.cpu_ticks(lab.PROXY_CORES), used)
        cell["rss"], _ = proxy.process.memory()
        if shape.bulk:
            cell["mib_per_cpu_s"] = 1e6 / cell["cpu_us"]
    # Writing the log costs h2load time on the load core, so the percentiles of a flat-out
    # shape come from a run of their own.
    if not shape.rate:
        run = lab.run_h2load(calls=max(calls // 5, shape.conns * shape.streams), log=True,
                             **load)
    cell["p50_us"] = lab.percentile(run.latencies_us, 0.50)
    cell["p99_us"] = lab.percentile(run.latencies_us, 0.99)
    return cell


def foreign_share(before, after, used_ns):
    """Share of the proxy's core that somebody else used. With one core it is the load."""
    hz = os.sysconf("SC_CLK_TCK")
    all_ticks = max(1, after["all"] - before["all"])
    busy = after["busy"] - before["busy"] - used_ns * hz / 1e9
    return max(0.0, busy / all_ticks)


def measure_memory(folder, proxies, backend, quick):
    out = {}
    conns = IDLE_CONNS // (5 if quick else 1)
    stream_conns = STREAM_CONNS // (5 if quick else 1)
    for proxy in proxies:
        row = out[proxy.name] = {}
        try:
            proxy.start(folder, backend.port)
            idle, each = memory.measure_idle(proxy, conns)
            row["idle_rss"], row["per_idle_connection"] = idle, each
            proxy.stop()
            proxy.start(folder, backend.port, wide=True)
            row["per_quiet_stream"] = memory.measure_streams(proxy, stream_conns,
                                                             STREAMS_PER_CONN)
        except (lab.LabError, OSError) as err:
            row["error"] = str(err)
            say("%s, memory: %s" % (proxy.name, err))
        finally:
            proxy.stop()
    return out


def calibrate(folder, shapes, targets, seconds, tls):
    """How many calls last about `seconds`, for each shape and target. It is the warm-up
    round too: its figures are thrown away."""
    plan = {}
    for shape in shapes:
        for name, proxy, port in targets:
            if not takes_part(shape, proxy):
                continue
            if shape.rate:
                plan[shape.name, name] = int(shape.rate * seconds)
                continue
            cell = try_cell(folder, shape, name, proxy, port, shape.probe, tls)
            step = shape.conns * shape.streams
            calls = int(cell.get("rate", shape.probe) * seconds) // step * step
            plan[shape.name, name] = max(calls, step)
    return plan


def measure_rounds(folder, shapes, targets, plan, rounds, tls):
    """A B C A B C: neighbours in time see the same machine. Each round starts with
    another proxy, so that no place in the order is a fixed advantage."""
    kept, discarded = [], []
    for number in range(rounds):
        before = lab.cpu_ticks(lab.LOAD_CORES | lab.PROXY_CORES)
        cells = {}
        turn = number % len(targets)
        for shape in shapes:
            for name, proxy, port in targets[turn:] + targets[:turn]:
                if takes_part(shape, proxy):
                    cells.setdefault(shape.name, {})[name] = try_cell(
                        folder, shape, name, proxy, port, plan[shape.name, name], tls)
        after = lab.cpu_ticks(lab.LOAD_CORES | lab.PROXY_CORES)
        steal = (after["steal"] - before["steal"]) / max(1, after["all"] - before["all"])
        result = {"round": number + 1, "steal": steal, "cells": cells}
        (discarded if steal > MAX_STEAL else kept).append(result)
        say("round %d of %d%s" % (number + 1, rounds,
                                  ": thrown away, %.1f %% steal time" % (steal * 100)
                                  if steal > MAX_STEAL else ""))
    return kept, discarded


# --- reporting -----------------------------------------------------------------

def say(text):
    print(text, file=sys.stderr, flush=True)


def summarize(kept, shapes, names, base):
    """Medians per shape and proxy, and base's cost as a share of each other's, round by
    round: a slow minute of the machine then hits both sides of the ratio."""
    out = {}
    for shape in shapes:
        out[shape.name] = {}
        for name in names:
            cells = [r["cells"][shape.name][name] for r in kept
                     if name in r["cells"][shape.name]]
            if cells:
                out[shape.name][name] = summarize_cells(cells)
        ours = out[shape.name].get(base, {})
        for name, row in out[shape.name].items():
            if name != base and "cpu_us" in row and "cpu_us" in ours:
                add_ratio(row, [r["cells"][shape.name] for r in kept], base, name)
    return out


def summarize_cells(cells):
    good = [c for c in cells if "error" not in c]
    row = {key: statistics.median(c[key] for c in good) for key in (good or [{}])[0]}
    row["failed"] = len(cells) - len(good)
    if "cpu_us" in row:
        row["cpu_us_min"] = min(c["cpu_us"] for c in good)
    return row


def add_ratio(row, rounds, base, name):
    ratios = sorted(cells[base]["cpu_us"] / cells[name]["cpu_us"] for cells in rounds
                    if "cpu_us" in cells[base] and "cpu_us" in cells[name])
    if ratios:
        row["ratio"] = statistics.median(ratios)
        row["ratio_low"], row["ratio_high"] = ratios[0], ratios[-1]


def print_shape(shape, rows, base):
    unit = "us CPU/MiB" if shape.bulk else "us CPU/call"
    print("\n%s   %s" % (shape.name, shape.title))
    print("  %-12s %12s %8s %11s %9s %9s %13s   %s" %
          ("", unit, "(min)", "calls/s", "p50 us", "p99 us",
           "MiB/CPU s" if shape.bulk else "", "%s / this (low .. high)" % base))
    for name, row in rows.items():
        cpu = low = bulk = ratio = ""
        if row["failed"]:
            ratio = "%d runs failed; see above  " % row["failed"]
        if "rate" not in row:
            print("  %-12s %s" % (name, ratio))
            continue
        if "cpu_us" in row:
            cpu, low = "%.2f" % row["cpu_us"], "%.2f" % row["cpu_us_min"]
        if "mib_per_cpu_s" in row:
            bulk = "%.0f" % row["mib_per_cpu_s"]
        if "ratio" in row:
            ratio += "%.2f  (%.2f .. %.2f)" % (row["ratio"], row["ratio_low"],
                                              row["ratio_high"])
        print("  %-12s %12s %8s %11.0f %9.0f %9.0f %13s   %s" %
              (name, cpu, low, row["rate"], row["p50_us"], row["p99_us"], bulk, ratio))


def print_memory(rows, loaded):
    print("\nmemory   resident; each column from a fresh process but the last two")
    print("  %-12s %10s %22s %20s %13s %10s" %
          ("", "idle MiB", "KiB/idle connection", "KiB/quiet stream", "loaded MiB",
           "peak MiB"))

    def cell(value, unit):
        return "-" if value is None else "%.1f" % (value / unit)

    for name in dict.fromkeys(list(rows) + list(loaded)):
        row, load = rows.get(name, {}), loaded.get(name, {})
        print("  %-12s %10s %22s %20s %13s %10s" %
              (name, cell(row.get("idle_rss"), lab.MIB),
               cell(row.get("per_idle_connection"), 1024),
               cell(row.get("per_quiet_stream"), 1024),
               cell(load.get("rss"), lab.MIB), cell(load.get("peak"), lab.MIB)))


def print_noise(kept, discarded):
    cells = [c for r in kept for shape in r["cells"].values() for c in shape.values()
             if "foreign" in c]
    print("\n%d rounds counted, %d thrown away for more than %.0f %% steal time." %
          (len(kept), len(discarded), MAX_STEAL * 100))
    if cells and lab.PROXY_CORES != lab.LOAD_CORES:
        shares = [c["foreign"] * 100 for c in cells]
        print("Other work on the proxy's core: median %.0f %%, worst %.0f %% of a run." %
              (statistics.median(shares), max(shares)))
    if lab.PROXY_CORES == lab.LOAD_CORES:
        print("Only one core: proxy and load share it. Compare CPU figures only.")


def describe_machine():
    model = "?"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    try:
        commit = subprocess.run(["git", "describe", "--always", "--dirty"],
                                capture_output=True, text=True).stdout.strip()
    except OSError:
        commit = ""
    return {"cpu": model, "cores": len(lab.CORES), "kernel": platform.release(),
            "commit": commit, "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


# --- main ------------------------------------------------------------------------

def parse_args():
    names = [s.name for s in SHAPES] + ["memory"]
    p = argparse.ArgumentParser(description="Compare outrigger with other proxies. "
                                "See BENCHMARKS.md.")
    p.add_argument("--outrigger", default="./outrigger", metavar="PATH",
                   help="the binary under test (./outrigger)")
    p.add_argument("--also", action="append", default=[], metavar="NAME=PATH",
                   help="one more outrigger binary as its own row")
    p.add_argument("--backend", default="tests/bench/bench_backend", metavar="PATH",
                   help="the benchmark backend (tests/bench/bench_backend)")
    p.add_argument("--rounds", type=int, default=7, help="rounds that count (7)")
    p.add_argument("--seconds", type=float, default=1.0,
                   help="length of one run of one shape (1.0)")
    p.add_argument("--only", metavar="LIST", help="some of: " + ",".join(names))
    p.add_argument("--proxies", metavar="LIST",
                   help="some of: outrigger," + ",".join(lab.PEERS) + ",direct")
    p.add_argument("--tls", action="store_true",
                   help="TLS 1.3 on both sides of the proxies")
    p.add_argument("--base", help="the proxy that ratios are about (outrigger if there)")
    p.add_argument("--quick", action="store_true", help="3 rounds of 0.4 s, less memory")
    p.add_argument("--json", default="bench.json", metavar="PATH",
                   help="where the raw figures go (bench.json); - = nowhere")
    args = p.parse_args()
    if args.quick:
        args.rounds, args.seconds = min(args.rounds, 3), min(args.seconds, 0.4)
    chosen = args.only.split(",") if args.only else names
    unknown = [n for n in chosen if n not in names]
    if unknown or args.rounds < 1:
        p.error("--only knows %s; --rounds is at least 1" % ",".join(names))
    args.shapes = [s for s in SHAPES if s.name in chosen]
    args.memory = "memory" in chosen
    return args


def choose_proxies(args):
    found = lab.find_proxies(args.outrigger, args.also)
    wanted = args.proxies.split(",") if args.proxies else None
    if wanted:
        known = [p.name for p in found] + ["direct"]
        missing = [n for n in wanted if n not in known]
        if missing:
            raise lab.LabError("Not found here: %s. Found: %s." %
                               (", ".join(missing), ", ".join(known)))
        found = [p for p in found if p.name in wanted]
    elif not any(p.kind == "outrigger" for p in found):
        say("There is no %s yet: only the others are measured." % args.outrigger)
    direct = not wanted or "direct" in wanted
    return found, direct


def measure_load(folder, args, proxies, direct, backend, tls):
    """Starts every proxy, checks it with real calls, then the rounds."""
    checked, loaded, targets = {}, {}, []
    if not any(s.bulk for s in args.shapes):
        proxies = [p for p in proxies if not p.bulk_only]
    try:
        for proxy in proxies:
            try:
                proxy.start(folder, backend.port)
                checked[proxy.name] = lab.check_grpc(proxy.port, folder, tls)
                targets.append((proxy.name, proxy, proxy.port))
            except (lab.LabError, OSError) as err:
                say("%s is left out of the load shapes: %s" % (proxy.name, err))
                proxy.stop()
        if not targets:
            raise lab.LabError("No proxy works here, so there is nothing to measure.")
        if direct:
            targets.append(("direct", None, backend.port))
        plan = calibrate(folder, args.shapes, targets, args.seconds, tls)
        say("warm-up done")
        kept, discarded = measure_rounds(folder, args.shapes, targets, plan, args.rounds,
                                         tls)
        for name in checked:
            proxy = next(p for p in proxies if p.name == name)
            rss, peak = proxy.process.memory()
            loaded[name] = {"rss": rss, "peak": peak}
    finally:
        for proxy in proxies:
            proxy.stop()
    return {"grpc_checked_with": checked, "rounds": kept, "discarded": discarded,
            "after_load": loaded}


def report(args, result, names, base):
    kept = result.get("rounds") or result.get("discarded") or []
    if args.tls:
        print("TLS 1.3 on both sides, %s." % lab.Tls.CIPHER)
    if args.shapes and not result.get("rounds"):
        print("Every round had too much steal time; all of them are shown. Do not quote.")
    result["summary"] = summarize(kept, args.shapes, names, base) if kept else {}
    for shape in args.shapes:
        print_shape(shape, result["summary"][shape.name], base)
    if result.get("memory") or result.get("after_load"):
        print_memory(result.get("memory", {}), result.get("after_load", {}))
    if args.shapes:
        print_noise(result["rounds"], result["discarded"])


def main():
    args = parse_args()
    lab.stop_on_signal()
    lab.raise_file_limit()
    os.sched_setaffinity(0, lab.LOAD_CORES)
    started = time.monotonic()
    proxies, direct = choose_proxies(args)
    names = [p.name for p in proxies] + (["direct"] if direct else [])
    base = args.base or next((p.name for p in proxies), None)
    if args.base and args.base not in names:
        raise lab.LabError("--base %s is not among: %s." % (args.base, ", ".join(names)))
    result = {"machine": describe_machine(), "rounds": [], "discarded": [],
              "versions": {p.name: p.version() for p in proxies},
              "tls": args.tls, "options": {"rounds": args.rounds, "seconds": args.seconds,
                          "quick": args.quick}, "base": base}
    with lab.temp_folder() as folder:
        tls = lab.Tls(folder) if args.tls else None
        backend = lab.Backend(args.backend, folder, tls=tls)
        for proxy in proxies:
            proxy.tls = tls
        try:
            if args.memory:
                result["memory"] = measure_memory(folder, proxies, backend, args.quick)
                say("memory done")
            if args.shapes:
                result.update(measure_load(folder, args, proxies, direct, backend,
                                           tls))
        finally:
            backend.stop()
    report(args, result, names, base)
    result["took_seconds"] = time.monotonic() - started
    print("Took %.0f s." % result["took_seconds"])
    if args.json != "-":
        with open(args.json, "w") as f:
            json.dump(result, f, indent=1)
            f.write("\n")
        print("Raw figures: %s" % args.json)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except lab.LabError as err:
        sys.exit("bench: %s" % err)
