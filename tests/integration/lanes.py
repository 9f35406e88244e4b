#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""lanes.py [pytest arguments] - the whole folder in less time.

Most files spend their time waiting: for a TTL, a backoff, a drain. Those of WAITING run first, a few
side by side, each in a pytest of its own with ports of its own. All others measure (latencies, shares,
rates, memory) or make load; they run after that, one after the other and alone. A new file is
alone until it is named here; name it when two thirds of its time is sleep and nothing in it would
fail on a machine that is busy for a second.

Under a sanitizer limits of time are stretched (OUTRIGGER_TEST_SLOWDOWN) and memory is not measured, so the
others run in pairs there, but for COMPARING: these set times or rates beside each other.

OUTRIGGER_TEST_LANES: how many side by side (default 3; 1: all in one pytest).
OUTRIGGER_TEST_LATE: the proxies are made late (tests/late), so only those that measure nothing.
Status 0 when each pytest passed, else the first other one."""
import glob
import os
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
# The longest first, so that no lane is left with one at the end.
WAITING = """test_resolver_dns test_resolver_file_k8s test_drain_phases test_keepalive test_tls
    test_resolver_dns_hostile test_resolver_srv
    test_upgrade test_command test_demo test_bad_input test_broken_backend test_tls_interop
    test_stats test_tracing_http test_tracing test_metrics_push test_metrics_page test_ctl_live test_tail
    test_reload_ask test_tls_pools test_interop test_service_manager test_access_log test_actions
    test_access test_control_pages test_failures test_failures_heard
    test_failures_causes test_jwt test_filters test_compression
    test_broken_streams test_explain test_completion test_examples test_routing test_tls_xfcc
    test_ext_authz test_key_names test_filter_lists test_monitoring test_units test_kubernetes
    test_ctl_health test_readme test_secrets test_buffers test_admin_grpc""".split()
# The longest of those that are no longer alone under a sanitizer.
LONG = "test_pools_change test_pools_dns test_tls_rotate test_drain test_pools_kill".split()
COMPARING = "test_admin_load test_balance test_limits test_log_pipe test_page test_page_figures".split()
STRETCHED = 4    # from here on they run in pairs
NO_TESTS = 5    # pytest: -k left nothing over in this file


def ports(lane, lanes):
    """This lane's share of the ports that we may use ourselves; see env.free_port."""
    low, high = map(int, os.environ.get("OUTRIGGER_TEST_PORTS", "10240-32000").split("-"))
    part = (high - low) // lanes
    return "%d-%d" % (low + lane * part, low + (lane + 1) * part - 1)


def pytest_run(files, args, lane=0, lanes=1, **more):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *args, *files],
        env=dict(os.environ, OUTRIGGER_TEST_PORTS=ports(lane, lanes)), check=False, **more)


class Lanes:
    """Threads that take the next file until none is left."""

    def __init__(self, files, args, count):
        self.files, self.args, self.count = list(files), args, count
        self.lock = threading.Lock()
        self.status = 0

    def run(self):
        threads = [threading.Thread(target=self.lane, args=(i,)) for i in range(self.count)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return self.status

    def lane(self, number):
        while True:
            with self.lock:
                if not self.files:
                    return
                name = self.files.pop(0)
            with tempfile.TemporaryFile("w+") as said:
                status = pytest_run([name], self.args, number, self.count, stdout=said,
                                    stderr=subprocess.STDOUT).returncode
                said.seek(0)
                with self.lock:
                    print("== %s" % os.path.basename(name))
                    print(said.read(), flush=True)
                    if status != NO_TESTS:
                        self.status = self.status or status


def paths(names, files):
    found = [os.path.join(HERE, name + ".py") for name in names]
    missing = [f for f in found if f not in files]
    if missing:
        sys.exit("lanes.py names files that are not there: %s" % " ".join(missing))
    return found


def main():
    args = sys.argv[1:]
    count = int(os.environ.get("OUTRIGGER_TEST_LANES", "3"))
    files = sorted(glob.glob(os.path.join(HERE, "test_*.py")))
    waiting, comparing = paths(WAITING, files), paths(COMPARING, files)
    long = paths(LONG, files)
    pairs = long + [f for f in files if f not in waiting + comparing + long]
    status = 0
    if count == 1:
        waiting = []
    if count == 1 or float(os.environ.get("OUTRIGGER_TEST_SLOWDOWN", "1")) < STRETCHED:
        pairs = []
    for side_by_side, lanes in (waiting, count), (pairs, min(count, 2)):
        if side_by_side:
            status = Lanes(side_by_side, args, lanes).run() or status
    if os.environ.get("OUTRIGGER_TEST_LATE"):
        return status
    print("== the others, alone", flush=True)
    alone = pytest_run([f for f in files if f not in waiting + pairs], args).returncode
    return status or (0 if alone == NO_TESTS else alone)


if __name__ == "__main__":
    sys.exit(main())
