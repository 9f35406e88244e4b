# SPDX-License-Identifier: Apache-2.0
"""One resolver in a small program (tests/lib/resolve_probe.c), and what it tells as it comes."""
import json
import os
import subprocess
import tempfile
import time

import env

PROBE = os.path.join(os.path.dirname(env.OUTRIGGER), "tests", "lib", "resolve_probe")


class Probe(env.Process):
    """conf: what a pool has as "dns" and "k8s"."""

    def __init__(self, target, conf=None, resolv_conf=None, hosts=None, environment=None):
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as f:
            json.dump(conf or {}, f)
        self._conf = f.name
        args = [PROBE, "--conf", f.name]
        if resolv_conf:
            args += ["--resolv-conf", str(resolv_conf)]
        if hosts:
            args += ["--hosts", str(hosts)]
        self._events, self._at = [], 0
        super().__init__(args + [target], env=dict(os.environ, **(environment or {})))

    def events(self):
        lines = self.lines("out")
        self._events += [json.loads(line) for line in lines[len(self._events):]]
        return self._events

    def next_or_none(self, timeout):
        """The next event; None when there is none for so long."""
        end = time.monotonic() + timeout * env.SLOW
        while True:
            if self._at < len(self.events()):
                self._at += 1
                return self._events[self._at - 1]
            if time.monotonic() >= end:
                return None
            assert self.alive, self.lines("err")
            time.sleep(0.005)

    def next(self, timeout=5, what=None):
        """The next event; what: skip others ("list", "error")."""
        end = time.monotonic() + timeout * env.SLOW
        while True:
            event = self.next_or_none(max(end - time.monotonic(), 0) / env.SLOW)
            assert event, "nothing told; so far %s, log %s" % (
                self._events[-5:], self.lines("err")[-5:])
            if not what or what in event:
                return event

    def next_list(self, timeout=5):
        return self.next(timeout, "list")["list"]

    def next_error(self, timeout=5):
        return self.next(timeout, "error")["error"]

    def wait_list(self, want, timeout=5):
        """Until a list has just these addresses."""
        end = time.monotonic() + timeout * env.SLOW
        while True:
            got = self.next_list(max(end - time.monotonic(), 0.01) / env.SLOW)
            if sorted(e[0] for e in got) == sorted(want):
                return got

    def again(self):
        self.proc.stdin.write(b"again\n")
        self.proc.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.alive:
            self.proc.stdin.close()
            try:
                self.proc.wait(10 * env.SLOW)
            except subprocess.TimeoutExpired:
                self.proc.kill()
        code = self.wait_exit()
        os.unlink(self._conf)
        if kind is None:
            assert code == 0, "%s: %s" % (code, self.lines("err")[-30:])
