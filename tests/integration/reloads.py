# SPDX-License-Identifier: Apache-2.0
"""Words of the reload tests: write a config, have it loaded, ask what came of it."""
import contextlib
import copy
import json
import os
import queue
import subprocess
import threading
import time
import urllib.error
import urllib.request

import env
import protos
from protos import ResponseParameters, StreamingOutputCallRequest


def write(path, config):
    """As a good writer does: the file is always whole. config: a dict, or text, or bytes."""
    if isinstance(config, dict):
        config = json.dumps(config)
    with open(path + ".new", "wb") as f:
        f.write(config if isinstance(config, bytes) else config.encode())
    os.rename(path + ".new", path)


def ask(proxy, method="POST", path="/reload", **headers):
    """(status, text) of a request to the admin port; again while large pages are refused, as a busy machine has it."""
    def done():
        got = ask_once(proxy, method, path, headers)
        return None if got[0] == 503 and "too many large pages" in got[1] else got
    return env.wait_until(done, what="a page that is not refused")


def ask_once(proxy, method, path, headers):
    request = urllib.request.Request("http://%s%s" % (proxy.admin, path), method=method,
                                     headers={k.replace("_", "-"): v
                                              for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode(errors="replace")


def post(proxy):
    """POST /reload; again while the workers still apply the one before."""
    def done():
        got = ask(proxy)
        return got if got[0] != 503 else None
    return env.wait_until(done, 10, "an answer that is not busy")


def reload(proxy, config, expect=200):
    """Load this config; returns the text of the answer."""
    write(proxy._path, config)
    status, text = post(proxy)
    assert status == expect, (status, text)
    return text


def changed(proxy, **top):
    """The config of the proxy with other top-level keys, as a copy."""
    config = copy.deepcopy(proxy.config)
    config.update(copy.deepcopy(top))
    return config


def status(proxy):
    return json.loads(env.ask_patiently("http://%s/config/status.json" % proxy.admin))


def ctl(proxy, *words):
    path = os.path.join(os.path.dirname(env.OUTRIGGER), "outriggerctl")
    return subprocess.run([path, *words, "-a", proxy.admin], capture_output=True, text=True,
                          timeout=60)


class Talk:
    """A bidi stream that stays open: each say() is a message there and one back."""

    def __init__(self, channel):
        self._out = queue.Queue()
        self.call = protos.Stub(channel).FullDuplexCall(iter(self._out.get, None),
                                                        timeout=600)
        self.said = 0

    def say(self):
        size = 1 + self.said % 50
        self._out.put(StreamingOutputCallRequest(
            response_parameters=[ResponseParameters(size=size)]))
        assert len(next(self.call).payload.body) == size
        self.said += 1

    def end(self):
        """All that was said was answered; the rest is the status."""
        self._out.put(None)
        assert list(self.call) == []
        return self.call.code()


@contextlib.contextmanager
def talks(address, n):
    with contextlib.ExitStack() as stack:
        made = [Talk(stack.enter_context(env.open_channel(address))) for _ in range(n)]
        for talk in made:
            talk.say()
        yield made


class Repeat(threading.Thread):
    """fn() again and again until the with block ends; what it raises comes out there."""

    def __init__(self, fn, pause=0.02):
        super().__init__(daemon=True)
        self._fn, self._pause, self._stopped = fn, pause, threading.Event()
        self.count, self.fault = 0, None

    def run(self):
        try:
            while not self._stopped.is_set():
                self._fn()
                self.count += 1
                time.sleep(self._pause)
        except BaseException as e:
            self.fault = e

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self._stopped.set()
        self.join(30)
        if self.fault and exc[0] is None:
            raise self.fault
