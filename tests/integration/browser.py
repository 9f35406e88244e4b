# SPDX-License-Identifier: Apache-2.0
"""A real browser for the tests of the live page: Debian's chromium without a window, told what to do over the pipe that
it has for this (--remote-debugging-pipe: JSON with a NUL behind each message), so nothing but Python is needed.

Everything that the page asked for, wrote to the console or broke is kept; see Page.requests and Page.complaints."""
import base64
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import env

PROGRAM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
WHY_NOT = "" if PROGRAM else "chromium is not installed (apt-get install chromium), so nobody can look at the page"
ANSWER_S = 30
# The browser wants its ends of the pipes as descriptors 3 and 4. (Not by a shell: dash knows descriptors of one digit only.)
DESCRIPTORS = """import fcntl, os, sys
ends = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3]]
os.dup2(ends[0], 3), os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])"""


class Browser:
    """One process with one page."""

    def __init__(self):
        self.home = tempfile.TemporaryDirectory(prefix="outrigger-browser-")
        ours, theirs = os.pipe(), os.pipe()     # what it reads, what it writes
        self.proc = subprocess.Popen(
            [sys.executable, "-c", DESCRIPTORS, str(ours[0]), str(theirs[1]), PROGRAM, "--headless=new", "--no-sandbox",
             "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--disable-extensions",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
             "--user-data-dir=" + self.home.name, "--remote-debugging-pipe", "about:blank"],
            pass_fds=(ours[0], theirs[1]), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=dict(os.environ, HOME=self.home.name), start_new_session=True)
        os.close(ours[0])
        os.close(theirs[1])
        self._to, self._from = os.fdopen(ours[1], "wb", 0), os.fdopen(theirs[0], "rb")
        self._changed = threading.Condition()
        self._answers, self._next, self._gone = {}, 0, False
        self.requests, self.complaints = collections.deque(maxlen=1000), []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.session = None
        target = [t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page"][0]
        self.session = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(domain + ".enable")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        try:
            self.session = None
            self.ask("Browser.close")
            self.proc.wait(10)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            self.proc.kill()
            self.proc.wait()
        self._to.close()
        self._reader.join(5)
        self._from.close()
        self._remove_home()

    def _remove_home(self):
        for _ in range(50):     # its children write a moment longer
            try:
                self.home.cleanup()
                return
            except OSError:
                time.sleep(0.1)

    # --- messages ---------------------------------------------------------------------

    def _read(self):
        rest = b""
        while True:
            part = os.read(self._from.fileno(), 1 << 16)
            if not part:
                break
            *whole, rest = (rest + part).split(b"\0")
            for text in whole:
                with self._changed:
                    self._note(json.loads(text))
                    self._changed.notify_all()
        with self._changed:
            self._gone = True
            self._changed.notify_all()

    def _note(self, said):
        what, data = said.get("method"), said.get("params", {})
        if "id" in said:
            self._answers[said["id"]] = said
        elif what == "Network.requestWillBeSent":
            self.requests.append(data["request"]["url"])
        elif what == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(data["exceptionDetails"])[:1000])
        elif what == "Runtime.consoleAPICalled":
            self.complaints.append("console.%s %s" % (data["type"], [a.get("value") for a in data["args"]]))
        elif what == "Log.entryAdded":
            self.complaints.append("%(level)s: %(text)s" % data["entry"] + " " + data["entry"].get("url", ""))

    def ask(self, method, **params):
        message = {"method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        with self._changed:
            self._next += 1
            number = message["id"] = self._next
            self._to.write(json.dumps(message).encode() + b"\0")
            end = time.monotonic() + ANSWER_S * env.SLOW
            while number not in self._answers:
                assert not self._gone, "the browser ended"
                assert time.monotonic() < end, "the browser does not answer to %s" % method
                self._changed.wait(0.5)
            said = self._answers.pop(number)
        assert "error" not in said, (method, said)
        return said["result"]

    # --- the page -----------------------------------------------------------------------

    def open(self, url, width=1400, height=900, dark=False, still=True):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.ask("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}])
        self.requests.clear()
        del self.complaints[:]
        self.ask("Page.navigate", url=url)

    def run(self, script):
        """The value of an expression in the page."""
        said = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in said, (script, said)
        return said["result"].get("value")

    def wait(self, script, timeout=30):
        return env.wait_until(lambda: self.run(script), timeout, script)

    def press(self, key, code=0, text=""):
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                     **({"text": text} if text and kind == "keyDown" else {}))

    def picture(self, path, whole=True):
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as f:
            f.write(base64.b64decode(shot["data"]))
