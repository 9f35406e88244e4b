#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Attack rows A1, A2, A4, A6, A9 and A15 beside an honest gRPC client on the same listener.

For each row: a fresh backend, a fresh proxy with one worker, an honest client with 500 calls/s,
some quiet time, the attack, some time after it.  One line of figures per row, exit code 0 when
all rows pass the gate, 1 when one fails, 2 when the run itself broke.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import gate
import proxies
from proxies import RunError

# What a row needs beside its name: limits of the listener, of the process, and its own gates.
SPECIAL = {
    "A6-thousand": {"rss_gate": 1000 * (100 * 4 + 16) / 1024},  # 4 KiB a stream pair, 16 a client
    "A6-stall": {"limits": {"writeStallTimeout": "1s"}, "must_free": True},
    "A9-ping": {"must_close": True},
    "A9-ping-call": {"must_close": True},
    "A9-ping-50": {"must_close": True},
    "A6-capped": {"attack": "A6-zero-big", "limits": {"maxConnectionBuffer": "512KiB"},
                  "process": {"maxBufferedBytes": "8MiB"}},
}
SHORT = ["A1-now-1", "A1-now-50-noread", "A1-late-1", "A1-late-50", "A2-wuzero-585",
         "A2-wuover-50", "A2-priolen-585", "A2-prioself-50", "A2-hdrhalf-585", "A2-datahalf-50",
         "A2-lenshort-585", "A2-lenover-50", "A2-lenover-585", "A2-badhdr-50", "A4-bomb",
         "A4-bomb-cont", "A6-zero", "A6-capped", "A6-stall", "A9-ping",
         "A9-ping-call", "A15-read", "A15-noack-noread"]
WARM, QUIET, QUIET_SHORT, AFTER = 0.5, 1.5, 1.0, 0.3
PAUSE = 10  # before rows are measured again: time for the machine to calm down


def parse_args():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--outrigger", default="./outrigger", help="the proxy (default %(default)s)")
    p.add_argument("--nghttpx", metavar="PATH", help="attack this nghttpx instead, to compare")
    p.add_argument("--tools", default=None, help="folder of h2attack, backend and honest")
    p.add_argument("--rows", default="", help="A1,A6-zero: groups or names (default: all)")
    p.add_argument("--seconds", type=int, help="longest time of one attack (default: 5, or what the gate needs)")
    p.add_argument("--short", action="store_true",
                   help="fewer rows, and 4 s to be closed or held in: for make check, wherever it runs")
    p.add_argument("--edge", action="store_true", help="reset limits of a listener at the edge")
    p.add_argument("--reconnect", type=int, default=0, metavar="N",
                   help="the attacker comes back N times; the gate is not meant for this")
    p.add_argument("--retries", type=int, default=4,
                   help="measure again, after all rows, when only times miss "
                        "(default %(default)s)")
    p.add_argument("--no-pin", action="store_true", help="leave the CPUs to the scheduler")
    p.add_argument("--sanitized", action="store_true",
                   help="the proxy runs under a sanitizer: its size and speed are not judged")
    p.add_argument("--json", metavar="FILE", help="all figures as JSON")
    p.add_argument("--keep", metavar="FOLDER", help="keep config, logs and call lists here")
    args = p.parse_args()
    args.patience = 3 if args.sanitized else 2 if args.short else 1
    least = args.patience * gate.HOLD_MS // 1000 + 1
    args.seconds = least if args.short else args.seconds or max(5, least)
    if args.seconds < least:
        p.error(f"--seconds must be {least} or more: the gate looks {least - 1} s into the attack")
    return args


def choose_rows(args, tools):
    out = subprocess.run([os.path.join(tools, "h2attack"), "--list"], check=True, text=True,
                         capture_output=True).stdout
    listed = [line.split() for line in out.splitlines()]
    names = [r[0] for r in listed] + [n for n in SPECIAL if n not in {r[0] for r in listed}]
    extra = {r[0] for r in listed if len(r) > 1}
    wanted = [w for w in args.rows.split(",") if w]
    for w in wanted:
        if not any(n == w or n.startswith(w + "-") for n in names):
            raise RunError(f"There is no row {w}. Rows: {' '.join(names)}.")
    base = [n for n in (SHORT if args.short else names) if n not in extra]
    if not wanted:
        return base
    groups = [w + "-" for w in wanted if w not in names]
    return [n for n in names if n in wanted or (n in base and n.startswith(tuple(groups)))]


class Row:
    """One attack: everything it starts ends with it."""

    def __init__(self, name, args, tools, folder):
        self.name, self.args, self.tools, self.folder = name, args, tools, folder
        self.special = SPECIAL.get(name, {})
        two = not args.no_pin and len(os.sched_getaffinity(0)) >= 2
        cpus = sorted(os.sched_getaffinity(0))
        self.tool_cpu, self.proxy_cpu = (cpus[0], cpus[1]) if two else (None, None)
        self.processes = []

    def start_tool(self, name, *argv, nice=0, cpu=None):
        p = proxies.start([os.path.join(self.tools, name), *argv],
                          self.tool_cpu if cpu is None else cpu, nice,
                          stdout=subprocess.PIPE, text=True)
        self.processes.append(p)
        return p

    def start_backend(self, cpu=None):
        p = self.start_tool("backend", cpu=cpu)
        return p, int(p.stdout.readline().split()[1])

    def start_honest(self, name, port, rate):
        file = os.path.join(self.folder, name)
        p = self.start_tool("honest", "--port", str(port), "--log", file, "--rate", str(rate),
                            "--seconds", str(self.args.seconds + 60))
        return p, file

    def start_proxy(self, backend_port):
        a = self.args
        proxy = (proxies.Nghttpx if a.nghttpx else proxies.Outrigger)(self.folder, self.proxy_cpu)
        limits = dict(self.special.get("limits", {}))
        if a.edge:
            limits |= {"resetBurst": 1000, "resetRate": 100}
        try:
            proxy.start(proxies.find_program(a.nghttpx or a.outrigger), backend_port, limits,
                        self.special.get("process", {}))
        finally:
            if proxy.process:
                self.processes.append(proxy.process)
        return proxy

    def run(self):
        try:
            return self.measure()
        finally:
            for p in reversed(self.processes):
                if p.poll() is None:
                    p.kill()
                p.wait()
                if p.stdout:
                    p.stdout.close()

    def attack(self, port):
        """Runs the attacker to its own end; nice, so that it takes what honest calls leave."""
        a = self.args
        tool = self.start_tool("h2attack", "--port", str(port), "--json", "--seconds",
                               str(a.seconds), "--reconnect", str(a.reconnect), "--row",
                               self.special.get("attack", self.name), nice=19)
        out, _ = tool.communicate(timeout=a.seconds + 20)
        if tool.returncode != 0:
            raise RunError(f"The attack {self.name} never got a frame through: {out.strip()}")
        return json.loads(out)

    def measure(self):
        backend, backend_port = self.start_backend()
        # The control: the same calls with no proxy between, one end on each CPU.  What it feels
        # during the attack is the machine, not the proxy.
        _, control_port = self.start_backend(self.proxy_cpu)
        proxy = self.start_proxy(backend_port)
        pid = proxy.process.pid
        honest, calls_file = self.start_honest("calls.txt", proxy.port, 500)
        control, control_file = self.start_honest("control.txt", control_port, 250)
        time.sleep(WARM)
        quiet_from_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        time.sleep(QUIET_SHORT if self.args.short else QUIET)
        log_from, cpu_from = proxy.log_size(), proxies.cpu_seconds(pid)
        watch = proxies.Watch(pid)
        before = watch.rss_mib()
        watch.start()
        attack = self.attack(proxy.port)
        cpu = proxies.cpu_seconds(pid) - cpu_from
        rest = gate.WINDOW_MS / 1000 - (attack["stop_us"] - attack["first_us"]) / 1e6
        time.sleep(max(rest, 0) + AFTER)
        after, most = watch.rss_mib(), watch.finish()
        alive = proxy.process.poll() is None
        for client in (honest, control):
            client.terminate()
            client.communicate(timeout=20)
        log_to = proxy.log_lines(log_from)
        code = proxies.stop(proxy.process, 10)
        backend.terminate()
        counts = json.loads(backend.communicate(timeout=20)[0])
        row = {"name": self.name, "attack": attack, "backend": counts, "rss_before": before,
               "rss_max": most, "rss_after": after, "cpu_seconds": cpu, "alive": alive,
               "exit_code": code, "exit_good": proxy.exit_good,
               "rss_gate": self.special.get("rss_gate", 16),
               "must_free": self.special.get("must_free", False) and proxy.checks_log,
               "must_close": self.special.get("must_close", False),
               "edge": self.args.edge and self.name.startswith("A1-"),
               "max_streams": proxies.MAX_STREAMS,
               "sanitized": self.args.sanitized, "patience": self.args.patience,
               "log": gate.log_figures(log_to, attack["closed_ports"]) if proxy.checks_log
               else None}
        row |= gate.latency_figures(gate.read_calls(calls_file), quiet_from_us, attack)
        noise = gate.latency_figures(gate.read_calls(control_file), quiet_from_us, attack)
        row["p99_control_ms"] = noise["p99_attack_ms"]
        row["problems"] = gate.judge(row)
        return row


def run_row(name, args, tools, folder, tries):
    folder = os.path.join(folder, name)
    os.makedirs(folder, exist_ok=True)
    row = Row(name, args, tools, folder).run()
    row["tries"] = tries
    print(gate.line(row), flush=True)
    return row


def run_rows(names, args, tools, folder):
    """A row in which only times miss is measured again: these figures are the noisy ones, and who lets an attacker go on does so
    each time. Not at once but after the others, since what disturbs a machine often does so for some seconds."""
    rows = {name: run_row(name, args, tools, folder, 1) for name in names}
    for tries in range(2, args.retries + 2):
        again = [name for name, row in rows.items() if gate.only_late(row)]
        for name in again:
            rows[name] = run_row(name, args, tools, folder, tries)
        if tries <= args.retries and any(gate.only_late(row) for row in rows.values()):
            time.sleep(PAUSE)
    return list(rows.values())


def run_all(args):
    tools = args.tools or os.path.join(os.path.dirname(args.outrigger) or ".", "tests/attack")
    with tempfile.TemporaryDirectory(prefix="attack-") as temporary:
        names = choose_rows(args, tools)
        print(gate.explain(proxies.MAX_STREAMS, args.patience), flush=True)
        rows = run_rows(names, args, tools, args.keep or temporary)
    failed = [r["name"] for r in rows if r["problems"]]
    print(f"# {len(rows) - len(failed)} of {len(rows)} attack rows pass"
          + (f"; failed: {' '.join(failed)}" if failed else ""))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump({"rows": rows, "failed": failed}, f, indent=1)
    return 1 if failed else 0


def main():
    try:
        return run_all(parse_args())
    except (RunError, subprocess.SubprocessError, OSError) as e:
        print(f"attack: {e}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
