# SPDX-License-Identifier: Apache-2.0
"""The live page in a real browser: what it shows is what /stats.json says, on a phone and on a wide screen, and it asks nobody else. Made-up answers
(page_stats.py) for what a real proxy shows once in a month, a real proxy for the rest."""
import base64
import hashlib
import html.parser
import json
import re
import threading
import time
import urllib.error
import urllib.request

import pytest

import env
import page_stats
from livepage import READ, SHOWN, compare, get, look, needs_browser, real, window  # noqa: F401
from test_health import Lag

pytestmark = pytest.mark.proxy_only
PAGE_MAX = 60 * 1024


# --- one file ---------------------------------------------------------------------------------


def between(text, tag):
    return re.search("<%s>(.*?)</%s>" % (tag, tag), text, re.S).group(1)


def csp_hash(text):
    return "'sha256-%s'" % base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_the_page_is_one_small_file_that_may_ask_only_its_own_port(real):
    text, headers = get(real.admin, "/")
    policy = dict(rule.strip().split(" ", 1) for rule in headers["Content-Security-Policy"].split(";"))
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert len(text.encode()) < PAGE_MAX
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == csp_hash(between(text, "script"))
    assert policy["style-src"] == csp_hash(between(text, "style"))
    assert policy["connect-src"] == "'self'" and policy["img-src"] == "data:"
    assert policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert not re.search(r"\bsrc=|https?://(?!www\.w3\.org/2000/svg)|url\(|@import", text)


def test_text_gets_into_the_page_only_as_text(real):
    script = between(get(real.admin, "/")[0], "script")
    assert "textContent" in script
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser", script)


def test_what_is_not_a_get_of_the_page_is_told(real):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request("http://%s/" % real.admin, data=b"x"), timeout=10)
    assert refused.value.code == 405
    assert "/stats.json" in get(real.admin, "/help")[0]


# --- without a script ---------------------------------------------------------------------------


class Tables(html.parser.HTMLParser):
    """[rows of texts] by the heading above; the rows of several tables under one heading follow each other."""

    def __init__(self, text):
        super().__init__()
        self.found, self.tags, self._row, self._text = {}, set(), None, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "tr":
            self._row = []
        if tag in ("h2", "th", "td"):
            self._text = ""

    def handle_data(self, data):
        if self._text is not None:
            self._text += data

    def handle_endtag(self, tag):
        if tag == "h2":
            self._rows = self.found.setdefault(self._text, [])
        elif tag in ("th", "td"):
            self._row.append(self._text)
        elif tag == "tr":
            self._rows.append(self._row)
        if tag in ("h2", "th", "td"):
            self._text = None


def test_the_plain_page_says_the_same_without_a_script(real):
    text, headers = get(real.admin, "/?plain")
    stats = json.loads(get(real.admin, "/stats.json")[0])
    policy = headers["Content-Security-Policy"]
    tables = Tables(text)
    assert "script" not in tables.tags and "script-src" not in policy
    assert "default-src 'none'" in policy and csp_hash(between(text, "style")) in policy
    process = dict(zip(*tables.found["This process"][:2]))
    assert (process["State"], process["Version"]) == ("ready", stats["process"]["version"])
    assert process["Process"] == str(stats["process"]["pid"])
    pools = [dict(zip(tables.found["Pools"][0], row)) for row in tables.found["Pools"][1:]]
    assert [(p["Pool"], p["Usable"], p["Of"]) for p in pools] == [("app", "2", "2")]
    ends = [dict(zip(tables.found["Endpoints"][0], row)) for row in tables.found["Endpoints"][1:]]
    assert [e["Endpoint"] for e in ends] == [e["address"] for e in stats["pools"][0]["endpoints"]]
    assert {e["State"] for e in ends} == {"ready"}
    codes = dict(row[:2] for row in tables.found["Calls by code"][1:])
    assert 0 < int(codes["OK"]) <= [c for c in stats["codes"] if c["code"] == "OK"][0]["last5Minutes"]


# --- how it is looked at --------------------------------------------------------------------------


@needs_browser
@pytest.mark.parametrize("width", (360, 800, 1400))
def test_it_fits_and_has_two_looks(window, look, width):
    grounds = []
    for scene, dark in ((page_stats.busy, False), (page_stats.wordy, True)):
        look(scene(), width=width, dark=dark)
        assert window.run("document.documentElement.scrollWidth") <= width
        # Nothing is cut off at the side of its card.
        assert window.run("[...document.querySelectorAll('.card, .tile, .bar-in, .strip')].filter((c) => c.scrollWidth > c.clientWidth).length") == 0
        grounds.append(window.run("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] != grounds[1]


@needs_browser
def test_keys_open_a_pool_and_what_one_chose_stays(window, look):
    fixture = look(page_stats.calm())
    window.run("document.querySelector('.opener').focus()")
    assert window.run("document.activeElement.getAttribute('aria-expanded')") == "false"
    window.press("Enter", 13, "\r")
    window.wait("document.activeElement.getAttribute('aria-expanded') === 'true'")
    assert window.run(READ)["addresses"] == ["127.0.0.1:50051"]
    fixture.stats = dict(page_stats.calm(), time="2026-11-29T21:40:01.123Z")
    window.wait("document.getElementById('asof').getAttribute('datetime') === '2026-11-29T21:40:01.123Z'")
    assert window.run("document.activeElement.className") == "opener"
    assert window.run(READ)["addresses"] == ["127.0.0.1:50051"]
    window.press("Tab", 9)
    assert window.run("document.activeElement.textContent") == "stock"


# --- where the figures come from --------------------------------------------------------------------


@needs_browser
def test_it_asks_for_stats_when_there_is_no_stream(window, look):
    fixture = look(page_stats.calm(), streams=False)
    assert window.run("document.getElementById('feed').textContent") == "every 2 s"
    fixture.stats = page_stats.busy()
    window.wait("document.getElementById('state').textContent === 'draining'")


@needs_browser
def test_it_asks_nothing_while_nobody_looks(window, look):
    fixture = look(page_stats.calm())
    hide = """Object.defineProperty(document, 'hidden', { value: %s, configurable: true });
              document.dispatchEvent(new Event('visibilitychange')); 1"""
    env.wait_until(lambda: fixture.open_streams == 1, what="the stream")
    window.run(hide % "true")
    env.wait_until(lambda: fixture.open_streams == 0, what="the end of the stream")
    assert window.run("document.getElementById('feed').textContent") == "paused"
    asked = len(fixture.asked)
    window.run(hide % "false")
    env.wait_until(lambda: fixture.open_streams == 1, what="the next stream")
    assert fixture.asked[asked:] == ["/events"]


@needs_browser
def test_it_says_so_when_the_proxy_is_silent(window, look):
    fixture = look(page_stats.calm())
    fixture.silent = True
    time.sleep(0.5)
    window.run("lastAt -= 4500")    # most of the five seconds
    window.wait("(document.querySelector('.strip') || document.body).textContent.startsWith('No answer from the proxy for')", 15)
    assert window.run("document.body.classList.contains('old')")
    fixture.silent = False
    window.wait("!document.querySelector('.strip') && !document.body.classList.contains('old')")


# --- a real proxy -----------------------------------------------------------------------------------


class Viewer(threading.Thread):
    """Reads /events beside the browser: each event by its time."""

    def __init__(self, admin):
        super().__init__(daemon=True)
        self.seen = {}
        self.answer = urllib.request.urlopen("http://%s/events" % admin, timeout=30)
        self.start()

    def run(self):
        try:
            for line in self.answer:
                if line.startswith(b"data: "):
                    stats = json.loads(line[6:])
                    self.seen[stats["time"]] = stats
        except (OSError, ValueError, AttributeError):
            pass    # closed


@needs_browser
def test_figures_of_a_real_proxy_are_those_of_the_same_second(window, real):
    viewer = Viewer(real.admin)
    window.open("http://%s/" % real.admin)
    window.wait(SHOWN)
    for _ in range(2):
        # The first event of a viewer is its own, all later ones are shared.
        page = env.wait_until(lambda: (lambda p: p if p["time"] in viewer.seen else None)(window.run(READ)), 10, "an event that both saw")
        stats = viewer.seen.pop(page["time"])
        compare(page, stats, opened=("app",))
        assert stats["now"]["callsPerS"] > 0
    viewer.answer.close()
    address = "http://%s/" % real.admin
    assert set(window.requests) <= {address, address + "events"}
    assert window.complaints == []


@needs_browser
def test_a_killed_backend_changes_its_word_within_two_seconds(window, real):
    window.open("http://%s/" % real.admin)
    word = "[...document.querySelectorAll('tr.more tr.row')].filter((r) => r.textContent.includes('%s')).map((r) => r.querySelector('.state').textContent)[0]"
    window.wait(SHOWN)
    victim = real.backends[1]
    env.wait_until(lambda: window.run(word % victim.address) == "ready", what="a ready backend")
    with Lag() as lag:
        victim.kill()
        killed = time.monotonic()
        env.wait_until(lambda: (window.run(word % victim.address) or "").startswith("unhealthy"), 10, "the word of a killed backend")
    assert time.monotonic() - killed < 2 * env.SLOW + 3 * lag.worst
    assert window.run("document.querySelector('.pools .row .state').textContent") == "1 of 2 usable"
    env.wait_until(lambda: "is unhealthy" in window.run("document.getElementById('said').textContent"), what="the word for screen readers")
    assert window.complaints == []
