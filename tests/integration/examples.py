# SPDX-License-Identifier: Apache-2.0
"""One run of a file of conf/: test_examples.py has a class for each."""
import json
import os
import re

import env
import named

TOP = os.path.abspath(os.path.join(env.HERE, "..", ".."))
CONF = os.path.join(TOP, "conf")


def read(name):
    with open(os.path.join(CONF, name), encoding="utf-8") as f:
        return f.read()


def plain_json(text):
    """JSON with comments and commas before brackets as Python reads it."""
    text = re.sub(r'("(?:[^"\\]|\\.)*")|//[^\n]*', lambda m: m.group(1) or "", text)
    return json.loads(re.sub(r'("(?:[^"\\]|\\.)*")|,(?=\s*[\]}])', lambda m: m.group(1) or "", text))


class Example:
    """One run of a file. replace: {text of the file: what stands there in the test}; each must
    be in it. environment: variables. Then calls; at the end each route had one."""
    file = None
    listens = '"127.0.0.1:8080"'      # the listener in the file; None: prepare says more
    environment = {}
    credentials = None

    def __init__(self, tmp_path):
        self.tmp, self.backends, self.names, self.taken = tmp_path, {}, {}, set()
        self.listen, self.admin = env.free_address(), env.free_address()
        self.replace, self.closers = {}, []

    def named(self, name, **keys):
        """A backend that says its name."""
        b = self.backends[name] = named.Named(name, **keys)
        self.names[b.address] = name
        return b

    def prepare(self):
        """Sets replace and environment, opens backends."""

    def check(self):
        """Calls."""

    def text(self):
        text = read(self.file)
        if self.listens:
            self.replace[self.listens] = '"%s"' % self.listen
        for old, new in self.replace.items():
            assert old in text, "%s has no %s any more" % (self.file, old)
            text = text.replace(old, new)
        if self.admin not in text:
            text = (text.replace("version: 1", "version: 1\nadmin: { listen: '%s' }" % self.admin, 1)
                    if self.file.endswith(".yaml") else
                    text.replace('"version": 1,', '"version": 1, "admin": { "listen": "%s" },'
                                 % self.admin, 1))
        assert self.admin in text
        return text

    def run(self):
        path = str(self.tmp / self.file)
        with open(path, "w") as f:
            f.write(self.text())
        self.proxy = env.Process([env.OUTRIGGER, "-c", path],
                                 env=dict(os.environ, **self.environment))
        self.closers.append(self.proxy.kill)
        self.proxy.wait_line(lambda line: " ready" in line or '"ready"' in line, "err")
        self.check()
        routes = json.loads(env.ask_patiently("http://%s/routes.json" % self.admin))["listeners"][0]["routes"]
        assert self.taken == set(range(len(routes))), "no call for some route"

    def close(self):
        for close in self.closers:
            close()
        for b in self.backends.values():
            b.server.stop(None).wait(5)

    def call(self, method, *metadata, host=None, timeout=10, **words):
        """One call; explain-call says the same, and its route is noted."""
        told = named.explain(self.admin, method, metadata, host or "a.example", **words)
        answer = named.ask(self.listen, method, metadata, host or "a.example",
                           credentials=self.credentials, timeout=timeout)
        named.check_agrees(told, answer, self.names)
        if told["route"]:
            self.taken.add(told["route"]["index"])
        return answer

    def wait_usable(self, pool, n):
        def usable():
            pools = json.loads(env.ask_patiently("http://%s/pools.json" % self.admin))["pools"]
            return {p["name"]: p["usable"] for p in pools}[pool] == n
        try:
            env.wait_until(usable, 10, "%d usable endpoints of %s" % (n, pool))
        except AssertionError:
            print("\n".join(self.proxy.lines()[-20:]))
            raise
