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

import grpc
import pytest

import browser
import env
import page_stats
import protos

pytestmark = pytest.mark.proxy_only
needs_browser = pytest.mark.skipif(bool(browser.WHY_NOT), reason=browser.WHY_NOT)

PAGE_MAX = 60 * 1024
SHOWN = "!!document.querySelector('main:not([hidden])')"
CHECK = {"type": "grpc", "interval": "100ms", "timeout": "100ms", "unhealthyAfter": 1}


@pytest.fixture(scope="module")
def real():
    """A proxy with two backends that are checked, and a client that calls without end."""
    with env.Backend(name="b1", health="check") as one, env.Backend(name="b2", health="check") as two, \
            env.Proxy([one.address, two.address], pool={"healthCheck": CHECK}) as proxy:
        proxy.backends = [one, two]
        done = threading.Event()

        def call():
            with proxy.open_channel() as channel:
                stub = protos.Stub(channel)
                while not done.wait(0.01):
                    try:
                        stub.EmptyCall(protos.Empty(), timeout=5)
                    except grpc.RpcError:
                        pass    # a killed backend fails some; the page tells
        caller = threading.Thread(target=call, daemon=True)
        caller.start()
        env.wait_until(lambda: json.loads(get(proxy.admin, "/stats.json")[0])["now"]["callsPerS"], what="a second with calls")
        yield proxy
        done.set()
        caller.join(5)


@pytest.fixture(scope="module")
def window():
    with browser.Browser() as b:
        yield b


@pytest.fixture
def look(window, real):
    """look(stats, ...): the page with made-up answers; it may complain of nothing and ask nobody else."""
    made = []

    def open_page(stats, streams=True, **how):
        fixture = page_stats.Fixture(real.admin, stats)
        made.append(fixture)
        fixture.streams = streams
        window.open(fixture.url, **how)
        window.wait(SHOWN)
        return fixture

    yield open_page
    complaints, asked = list(window.complaints), list(window.requests)
    window.ask("Page.navigate", url="about:blank")
    for fixture in made:
        fixture.__exit__()
    allowed = {f.url + path for f in made for path in ("", "events", "stats.json")}
    assert set(asked) <= allowed
    # A test that takes the stream away may hear of that.
    assert all("503" in c for c in complaints) and (not complaints or not made[-1].streams), complaints


def get(admin, path):
    headers, body = env.open_patiently("http://%s%s" % (admin, path))
    return body.decode(), headers


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


# --- figures ------------------------------------------------------------------------------------

# What a figure in the page stands for: its number, and how far rounding may have moved it.
SCALE = {"%": 0.01, "s": 1000.0, "MiB": 1048576.0, "GiB": 1048576.0 * 1024}


def same(shown, value, scale=None):
    shown = shown.replace("\u00a0", " ").strip()
    if value is None:
        assert shown == "\u2013"
        return
    found = re.fullmatch(r"(<?)([\d,]+(?:\.\d+)?)(?: ?(%|ms|s|MiB|GiB))?(?: / [\d,]+)?", shown)
    assert found, shown
    digits = found.group(2).replace(",", "")
    unit = SCALE.get(found.group(3), 1.0) if scale is None else scale
    step = 10.0 ** -len(digits.partition(".")[2]) * unit
    if found.group(1):
        assert 0 < value < float(digits) * unit
    else:
        assert abs(float(digits) * unit - value) < step * 1.001, (shown, value)


# All that is shown, as the page has it now, and the second that it belongs to.
READ = """(() => {
  const text = (at) => at.textContent.trim(), all = (css, at = document) => [...at.querySelectorAll(css)];
  const cells = (tr) => all(":scope > td", tr).map(text);
  const three = (id) => all("#" + id + " dd").map(text);
  return { time: document.getElementById("asof").getAttribute("datetime"), state: text(document.getElementById("state")),
    calls: text(document.getElementById("calls")), ok: text(document.getElementById("ok")),
    latency: three("t-latency"), open: three("t-open"), refused: three("t-refused"), process: three("t-process"),
    pools: all("#s-pools > .card > table > tbody > tr.row").map(cells),
    endpoints: all("tr.more tr.row").map(cells), addresses: all("tr.more .addr").map(text),
    words: all("tr.more tr.row .state").map(text), routes: all(".routes tbody tr").map(cells),
    shares: all(".to .shares b").map(text), codes: all(".codes tbody tr").map(cells), methods: all(".methods tbody tr").map(cells),
    failed: all(".failed .sentence").map(text), listeners: all(".listeners tbody tr").map(cells), certs: all(".certs tbody tr").map(cells),
    notes: all("#notes li").map(text), strips: all("#strips .strip").map(text) };
})()"""


def compare_now(page, now):
    same(page["calls"], now["callsPerS"])
    same(page["ok"], now["okShare"], scale=0.01)
    for shown, keys in ((page["latency"], ("p50Ms", "p95Ms", "p99Ms")), (page["open"], ("inFlight", "connectionsIn", "connectionsOut")),
                        (page["refused"], ("retriesPerS", "limitedPerS", "deniedPerS")), (page["process"], ("cpuShare", "rssBytes", "loopLagMs"))):
        for text, key in zip(shown, keys):
            same(text, now[key])


def compare_pools(page, pools, opened):
    assert len(page["pools"]) == len(pools)
    for cells, p in zip(page["pools"], pools):
        assert cells[0].startswith(p["name"])
        for text, key in zip(cells[2:10], ("callsPerS", "okShare", "p50Ms", "p95Ms", "p99Ms", "inFlight", "pending", "retriesPerS")):
            same(text, p[key])
    ends = [e for p in pools if p["name"] in opened for e in p["endpoints"]]
    assert page["addresses"] == [e["address"] for e in ends]
    for cells, word, e in zip(page["endpoints"], page["words"], ends):
        assert word.startswith(e["state"])
        for text, key in zip(cells[3:], ("connections", "inFlight", "callsPerS", "failuresPerS")):
            same(text, e[key])


def failed_kinds(failed):
    """Calls of one method that failed in one way are told once."""
    kinds = {(f["method"], f["code"], f["reason"], f["why"], f["pool"], f["endpoint"]): f["why"] for f in failed}
    return [why[0].upper() + why[1:] + ("" if why.endswith(".") else ".") for why in kinds.values()]


def compare(page, s, opened):
    assert page["state"] == s["process"]["state"]
    compare_now(page, s["now"])
    compare_pools(page, s["pools"], opened)
    assert len(page["routes"]) == len(s["routes"])
    for cells, r in zip(page["routes"], s["routes"]):
        same(cells[2], r["hitsPerS"])
        same(cells[3], r["hits"])
    for text, t in zip(page["shares"], [t for r in s["routes"] if len(r["to"]) > 1 for t in r["to"]]):
        same(text, t["realShare"])
    shown = {cells[0]: cells[2:] for cells in page["codes"]}
    assert set(shown) == {c["code"] for c in s["codes"]}
    for c in s["codes"]:
        same(shown[c["code"]][0], c["lastMinute"])
        same(shown[c["code"]][1], c["last5Minutes"])
    for cells, m in zip(page["methods"], s["methods"]):
        assert cells[0].startswith(m["method"].rsplit("/", 1)[1])
        for text, key in zip(cells[1:], ("callsPerS", "okShare", "p50Ms", "p99Ms")):
            same(text, m[key])
    assert page["failed"] == failed_kinds(s["failed"])
    for cells, one in zip(page["listeners"], s["listeners"]):
        same(cells[3], one["connections"])
    assert sorted(int(cells[2]) for cells in page["certs"]) == sorted(c["daysLeft"] for c in s["certificates"])


@needs_browser
def test_figures_are_those_of_a_good_day(window, look):
    stats = page_stats.calm()
    look(stats)
    page = window.run(READ)
    compare(page, stats, opened=())
    assert page["strips"] == []
    assert page["notes"] == ["Certificate of orders-client expires in 9 days"]


@needs_browser
def test_calls_that_fail_in_one_way_are_told_once(window, look):
    stats = page_stats.calm()
    first = stats["failed"][0]
    stats["failed"][1:1] = [dict(first, ageMs=3000, ms=9.0), dict(first, ageMs=4000, method="/shop.v1.Stock/Watch"), dict(first, ageMs=5000, count=1)]
    look(stats)
    assert window.run("[...document.querySelectorAll('.failed .age')].map((a) => a.textContent)") == [
        "2 s ago\u00d7 2,401", "4 s ago\u00d7 1,200", "14 s ago", "1 min ago"]
    page = window.run(READ)
    assert page["failed"] == failed_kinds(stats["failed"]) and len(page["failed"]) == 4


@needs_browser
def test_a_bad_day_is_told_in_words(window, look):
    stats = page_stats.busy()
    look(stats)
    page = window.run(READ)
    compare(page, stats, opened=("stock", "<script>alert(1)</script>"))
    assert page["strips"][0].startswith("The last reload was refused 1 min ago.")
    assert stats["process"]["reload"]["error"] in page["strips"][0]
    assert page["strips"][1] == "Draining, 22 s left. The process was told to end: clients are told to go, 7 connections and 37 calls left."
    for words in ("Pool stock: 3 of 6 usable", "12.9 % of calls fail", "Certificate of orders-client has expired",
                  "Pool <script>alert(1)</script>: no endpoints"):
        assert words in page["notes"]
    assert page["words"] == ["ready", "unhealthy for 42 s", "ejected for 18 s", "unchecked", "on trial", "ready"]
    assert window.run("[...document.querySelectorAll('tr.more .why')].map((w) => w.textContent)") == [
        "", "connection refused (3 of 3)", "5 failures in a row; back in 12 s", "", "the breaker lets one call through", ""]
    # Each state has a shape beside its colour, and a word.
    assert window.run("[...document.querySelectorAll('.state, .pill')].every((s) => s.querySelector('svg path') && s.textContent.trim())")
    shapes = window.run("Object.values(SHAPES)")
    assert len(set(shapes)) == len(shapes) == 5


@needs_browser
def test_what_probes_refuse_and_what_an_operator_took_out_is_told(window, look):
    stats = page_stats.dead()
    look(stats)
    page = window.run(READ)
    compare(page, stats, opened=("app", "stock"))
    assert page["strips"] == ["New clients are kept away. Calls are served, but /readyz says no: the pool stock has no usable endpoint."]
    assert page["notes"][0] == "Pool stock: none of 6 usable" and page["notes"][-1] == "Pool app: 1 usable, 1 disabled"
    assert page["words"][:2] == ["ready", "disabled for 10 min"]
    # It is not good, and not broken either.
    assert window.run("[...document.querySelectorAll('tr.more .state')][1].className") == "state k-idle"
    assert window.run("document.querySelector('.pill').className") == "pill k-warn"
    assert window.run("[...document.querySelectorAll('.worst')].map((e) => e.firstChild.data)") == ["66.0", "0"]


@needs_browser
def test_of_many_endpoints_those_with_trouble_are_shown_and_the_rest_on_demand(window, look):
    stats = page_stats.crowd()
    fixture = look(stats)
    assert window.run(READ)["notes"][:3] == ["Pool pool-29: 87.6 % of its calls fail", "Pool pool-3: 20 of 50 usable", "Pool pool-17: 20 of 50 usable"]
    shown = "[...document.getElementById('pool-pool-3').querySelectorAll('tr.more tr.row .addr')].map((a) => a.textContent)"
    assert window.run(shown) == ["10.3.0.%d:50051" % i for i in range(5, 17)]
    window.run("document.querySelector('#pool-pool-3 .link').focus()")
    window.press("Enter", 13, "\r")
    assert sorted(window.run(shown)) == sorted(e["address"] for e in stats["pools"][3]["endpoints"])
    fixture.stats = dict(stats, time="2026-11-29T21:40:01.123Z")
    window.wait("document.getElementById('asof').getAttribute('datetime') === '2026-11-29T21:40:01.123Z'")
    assert window.run("document.activeElement.textContent") == "Show fewer" and len(window.run(shown)) == 50
    # What a note points to is where it says, and not below the bar.
    window.run("document.querySelectorAll('#notes a')[2].click()")
    assert window.run("document.getElementById('pool-pool-17').getBoundingClientRect().top >= document.querySelector('.bar').offsetHeight")


@needs_browser
def test_seconds_that_run_down_are_not_read_out(window, look):
    stats = page_stats.busy()
    fixture = look(stats)
    for left in (20400, 19400):
        fixture.stats = dict(stats, time="2026-11-29T21:40:%05.2fZ" % (left / 1000), process=dict(stats["process"], drain=dict(stats["process"]["drain"], leftMs=left)))
        window.wait("document.querySelector('#strips').textContent.includes('%d s left')" % (left // 1000 + 1))
    assert window.run("document.getElementById('said').textContent") == ""
    assert window.run("document.querySelectorAll('[role=status], [aria-live]').length") == 1
    fixture.stats = page_stats.calm()
    window.wait("document.getElementById('said').textContent.includes('outrigger is ready')")


@needs_browser
def test_a_proxy_without_anything_has_a_sentence_for_each_part(window, look):
    look(page_stats.empty())
    page = window.run(READ)
    compare_now(page, page_stats.empty()["now"])
    assert page["state"] == "starting"
    assert window.run("[...document.querySelectorAll('section .empty')].filter((e) => !e.hidden).length") == 7
    assert window.run("document.querySelector('.more-link').hidden")
    assert window.run("document.querySelector('.chart .none').hidden") is False


@needs_browser
def test_shares_are_never_rounded_up_to_all(window, look):
    look(page_stats.calm())
    assert window.run("[0.999999, 1, 0.5, 0.0001, 0, null].map((v) => percent(v)[0])") == ["99.99", "100", "50.0", "0.0", "0", "\u2013"]
    assert window.run("[0.3, 99.96, 0.001, 12345].map((v) => millis(v).join(' '))") == ["0.30 ms", "100 ms", "<0.01 ms", "12.3 s"]
    assert window.run("[0, 0.05, 99.94, 99.96, 1234567].map((v) => rate(v)[0])") == ["0", "0.05", "99.9", "100", "1,234,567"]


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
    victim.kill()
    killed = time.monotonic()
    env.wait_until(lambda: (window.run(word % victim.address) or "").startswith("unhealthy"), 10, "the word of a killed backend")
    assert time.monotonic() - killed < 2 * env.SLOW
    assert window.run("document.querySelector('.pools .row .state').textContent") == "1 of 2 usable"
    env.wait_until(lambda: "is unhealthy" in window.run("document.getElementById('said').textContent"), what="the word for screen readers")
    assert window.complaints == []
