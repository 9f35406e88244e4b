#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make bench-observe: what watching costs a call.

outrigger with metrics, access log and tracing switched off; with all three (1 % of the calls in the
log, and errors; 1 % traced, to a collector that takes the spans); and with each alone. In turns in one
run: CPU time of the proxy per call with 10 connections x 10 calls of 100 bytes. One run differs from
the next by some 10 %, whatever runs, so there are many short ones, and their mean counts. --instr
counts instructions under callgrind instead, which any machine can do, however busy."""

import math
import os
import statistics
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import filters  # noqa: E402

GOAL = 0.08
ROUNDS, SECONDS = 100, 0.3
WATCH = filters.Chain.WATCH


class Watched(filters.Chain):
    """The filters of the benchmark of chains, but for the log: errors get their lines too."""

    def _accessLog(self, folder):
        return dict(super()._accessLog(folder), always=["error"])


def mean_share(kept, name):
    """How much more than nothing a call costs: the mean of the rounds (of the logarithms of the ratios, to which 2 and 1/2
    are as far from 1), and its standard error."""
    logs = [math.log(r[name]["cpu_us"] / r["nothing"]["cpu_us"]) for r in kept]
    error = statistics.stdev(logs) / math.sqrt(len(logs)) if len(logs) > 1 else math.inf
    return math.expm1(statistics.mean(logs)), error


def report(kept, thrown, names):
    rows = {}
    print("\n%-14s %12s %26s %26s" % ("", "us CPU/call", "more than nothing, us",
                                     "mean share, percent"))
    for name in names:
        row, text = filters.compare(kept, name)
        rows[name] = row
        share = row["more_share"] = mean_share(kept, name)
        print("%s %26s" % (text, "" if name == "nothing"
                           else "%.1f +- %.1f" % tuple(100 * s for s in share)))
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


def main():
    args = filters.parse(filters.options("What metrics, access log and traces cost a call.",
                                         "bench-observe", ROUNDS, SECONDS))
    program = filters.prepare(args)

    def measure(folder, backend, port):
        rows = [("nothing", ()), ("all", WATCH)] + [(name, (name,)) for name in WATCH]
        proxies = [filters.Variant(name, program, Watched(parts, WATCH, port))
                   for name, parts in rows]
        return (measure_instr if args.instr else measure_cpu)(folder, args, proxies, backend)
    filters.run_with(args, True, measure)


if __name__ == "__main__":
    filters.run_main("bench-observe", main)
