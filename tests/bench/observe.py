#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make bench-observe: what watching costs a call.

outrigger with metrics, access log and tracing switched off; with all three (1 % of the calls in the
log, and errors; 1 % traced, to a collector that takes the spans); and with each alone. In turns in one
run: CPU time of the proxy per call with 10 connections x 10 calls of 100 bytes. --instr counts
instructions under callgrind instead, which any machine can do, however busy."""

import argparse
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import filters  # noqa: E402
import lab  # noqa: E402
import run  # noqa: E402

GOAL = 0.08
WATCH = filters.Chain.WATCH


class Watched(filters.Chain):
    """The filters of the benchmark of chains, but for the log: errors get their lines too."""

    def _accessLog(self, folder):
        return dict(super()._accessLog(folder), always=["error"])


def report(kept, thrown, names):
    """Ratios are taken round by round: both sides see the same machine."""
    rows = {}
    print("\n%-12s %12s %26s %28s" % ("", "us CPU/call", "more than nothing, us", "in percent"))
    for name in names:
        cpu = filters.median_of(kept, lambda r: r[name]["cpu_us"])
        more = filters.median_of(kept, lambda r: r[name]["cpu_us"] - r["nothing"]["cpu_us"])
        share = filters.median_of(kept, lambda r: r[name]["cpu_us"] / r["nothing"]["cpu_us"] - 1)
        rows[name] = {"cpu_us": cpu, "more_us": more, "more_share": share}
        print("%-12s %12.2f %26s %28s" % (
            name, cpu[0], "" if name == "nothing" else "%.2f  (%.2f .. %.2f)" % more,
            "" if name == "nothing" else "%.1f  (%.1f .. %.1f)" % tuple(100 * s for s in share)))
    print("\n%d rounds counted, %d thrown away. The goal for all is at most %.0f %%: %s." % (
        len(kept), thrown, 100 * GOAL,
        "met" if rows["all"]["more_share"][0] <= GOAL else "missed"))
    return rows


def measure_cpu(folder, args, proxies, backend):
    try:
        for proxy in proxies:
            proxy.start(folder, backend.port)
            proxy.check_filters()
        kept, thrown = filters.measure_rounds(folder, proxies, args, ())
    finally:
        for proxy in proxies:
            proxy.stop()
    return {"rounds": kept, "summary": report(kept, thrown, [p.name for p in proxies])}


def measure_instr(folder, args, proxies, backend):
    result = filters.measure_instr(folder, args, proxies, backend, ())
    counts = result["instructions_per_call"]
    for name, count in counts.items():
        if name != "nothing":
            print("%s: %.1f %% more than nothing." % (name, 100 * (count / counts["nothing"] - 1)))
    return result


def parse_args():
    p = argparse.ArgumentParser(description="What metrics, access log and traces cost a call. "
                                "See BENCHMARKS.md.")
    p.add_argument("--outrigger", default="./outrigger", metavar="PATH")
    p.add_argument("--backend", default="tests/bench/bench_backend", metavar="PATH")
    p.add_argument("--rounds", type=int, default=15, help="rounds (15)")
    p.add_argument("--seconds", type=float, default=1.0, help="length of one run (1.0)")
    p.add_argument("--instr", action="store_true", help="instructions, by callgrind")
    p.add_argument("--calls", default="2000,12000", metavar="N1,N2", help="with --instr")
    p.add_argument("--quick", action="store_true", help="5 rounds of 0.3 s: a first look")
    p.add_argument("--json", default="bench-observe.json", metavar="PATH",
                   help="where the raw figures go (bench-observe.json); - = nowhere")
    args = p.parse_args()
    if args.quick:
        args.rounds, args.seconds = min(args.rounds, 5), min(args.seconds, 0.3)
    if args.rounds < 1:
        p.error("--rounds is at least 1")
    return args


def main():
    args = parse_args()
    lab.stop_on_signal()
    lab.raise_file_limit()
    os.sched_setaffinity(0, lab.LOAD_CORES)
    if not os.access(args.outrigger, os.X_OK):
        raise lab.LabError("There is no %s; build it, or give --outrigger." % args.outrigger)
    program = os.path.abspath(args.outrigger)
    with lab.temp_folder() as folder:
        backend, collector = lab.Backend(args.backend, folder), None
        try:
            collector, port = filters.start_collector(folder)
            rows = [("nothing", ()), ("all", WATCH)] + [(name, (name,)) for name in WATCH]
            proxies = [filters.Variant(name, program, Watched(parts, WATCH, port))
                       for name, parts in rows]
            measure = measure_instr if args.instr else measure_cpu
            result = measure(folder, args, proxies, backend)
        finally:
            for process in (collector, backend):
                if process:
                    process.stop()
    result.update(machine=run.describe_machine())
    if args.json != "-":
        lab.write(args.json, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except lab.LabError as err:
        sys.exit("bench-observe: %s" % err)
