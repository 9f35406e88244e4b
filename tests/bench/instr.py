#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make bench-instr: instructions per call, counted by callgrind.

Two fresh processes of the same proxy serve N1 and N2 calls; the difference of their
totals divided by N2 - N1 is the cost of one call, and start-up falls out. Instructions
repeat to about 1 % on any machine, however busy; they leave out the kernel and caches.
The load has 8 constant headers (h2load's own plus content-type and te)."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import lab  # noqa: E402

SHAPES = {"10x10": (10, 10), "1x100": (1, 100), "1x1": (1, 1)}


def count_run(folder, proxy, backend, calls, conns, streams, headers=()):
    """Instructions of one whole process that served `calls` calls; and its profile."""
    profile = os.path.join(folder, "callgrind.%s.%d" % (proxy.name, calls))
    wrapper = ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + profile,
               "--quiet"]
    proxy.start(folder, backend.port, wrapper=wrapper)
    try:
        lab.run_h2load(folder, proxy.port, "/bench/Unary", lab.message_file(folder, 100),
                       calls, conns, streams, 100, timeout=300, tls=proxy.tls,
                       headers=headers)
        end_process(proxy.process)
    finally:
        log = proxy.process.log_tail()
        proxy.stop()
    try:
        with open(profile) as f:
            totals = re.findall(r"^(?:summary|totals): (\d+)", f.read(), re.M)
    except OSError:
        totals = []
    if not totals:
        raise lab.LabError("callgrind wrote no profile for %s. The end of the log:\n%s" %
                           (proxy.name, log))
    return int(totals[-1]), profile


def end_process(process):
    """TERM lets the proxy drain; valgrind is slow, so it gets time."""
    for _ in range(3):
        process.popen.terminate()
        try:
            process.popen.wait(20)
            return
        except subprocess.TimeoutExpired:
            pass


def parse_profile(text):
    """{function: instructions} of callgrind_annotate's list, and the total."""
    out = {}
    for line in text.splitlines():
        m = re.match(r"\s*([\d,]+) \(\s*[\d.]+%\)\s+(.*)", line)
        if not m or m.group(2).startswith("PROGRAM TOTALS"):
            continue
        name = re.sub(r"^[^:]*:", "", m.group(2)) if ":" in m.group(2) else m.group(2)
        name = re.sub(r" \[.*/", " [", name)
        out[name] = out.get(name, 0) + int(m.group(1).replace(",", ""))
    return out


def annotate(profile, inclusive):
    argv = ["callgrind_annotate", "--auto=no", "--threshold=99.9"]
    if inclusive:
        argv.append("--inclusive=yes")
    got = subprocess.run(argv + [profile], capture_output=True, text=True)
    if got.returncode != 0:
        raise lab.LabError("callgrind_annotate failed: " + got.stderr.strip())
    return parse_profile(got.stdout)


def print_top(small, big, calls, count, inclusive):
    """The top functions by the difference of both runs, so that start-up is not there."""
    before, after = annotate(small, inclusive), annotate(big, inclusive)
    rows = [((n - before.get(name, 0)) / calls, name) for name, n in after.items()]
    rows.sort(reverse=True)
    print("\n%12s %8s  function (%s)" %
          ("instr/call", "share", "with callees" if inclusive else "itself"))
    total = max(r[0] for r in rows) if inclusive else sum(r[0] for r in rows)
    for cost, name in rows[:count]:
        print("%12.1f %7.1f%%  %s" % (cost, 100 * cost / total, name))


def parse_args():
    p = argparse.ArgumentParser(description="Instructions per call under callgrind.")
    p.add_argument("--outrigger", default="./outrigger", metavar="PATH")
    p.add_argument("--also", action="append", default=[], metavar="NAME=PATH",
                   help="one more outrigger binary as its own row")
    p.add_argument("--backend", default="tests/bench/bench_backend", metavar="PATH")
    p.add_argument("--proxies", default="outrigger", metavar="LIST",
                   help="outrigger (default), nghttpx, haproxy, names given by --also")
    p.add_argument("--shape", default="10x10", choices=sorted(SHAPES))
    p.add_argument("--tls", action="store_true", help="TLS 1.3 on both sides")
    p.add_argument("--calls", default="2000,12000", metavar="N1,N2")
    p.add_argument("--top", type=int, default=0, metavar="N",
                   help="also print the N functions that cost most")
    p.add_argument("--inclusive", action="store_true", help="--top counts callees too")
    p.add_argument("--keep", metavar="PATH",
                   help="keep the bigger profile there, for kcachegrind and the like")
    p.add_argument("--json", metavar="PATH", help="write the figures there")
    return p.parse_args()


def measure(args, folder, proxy, backend):
    low, high = (int(x) for x in args.calls.split(","))
    conns, streams = SHAPES[args.shape]
    first, small = count_run(folder, proxy, backend, low, conns, streams)
    second, big = count_run(folder, proxy, backend, high, conns, streams)
    per_call = (second - first) / (high - low)
    print("%-12s %10.0f instructions per call   (%s, %d and %d calls)" %
          (proxy.name, per_call, args.shape, low, high), flush=True)
    if args.top:
        print_top(small, big, high - low, args.top, args.inclusive)
    if args.keep:
        shutil.copy(big, args.keep)
    return per_call


def main():
    args = parse_args()
    lab.stop_on_signal()
    lab.raise_file_limit()
    for tool in ("valgrind", "callgrind_annotate"):
        if lab.find_program(tool) is None:
            raise lab.LabError("%s is missing; install the package valgrind." % tool)
    wanted = args.proxies.split(",") + [a.partition("=")[0] for a in args.also]
    proxies = [p for p in lab.find_proxies(args.outrigger, args.also) if p.name in wanted]
    if not proxies:
        raise lab.LabError("There is no %s; build it, or give --outrigger." %
                           args.outrigger)
    result = {}
    with lab.temp_folder() as folder:
        tls = lab.Tls(folder) if args.tls else None
        backend = lab.Backend(args.backend, folder, tls=tls)
        try:
            for proxy in proxies:
                proxy.tls = tls
                result[proxy.name] = measure(args, folder, proxy, backend)
        finally:
            backend.stop()
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"shape": args.shape, "instructions_per_call": result}, f, indent=1)
            f.write("\n")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except lab.LabError as err:
        sys.exit("bench-instr: %s" % err)
