# SPDX-License-Identifier: Apache-2.0
"""What the tests of the live page share: a browser, a page with made-up figures or a real proxy's, and what is shown beside what /stats.json says."""
import json
import re
import threading

import grpc
import pytest

import browser
import env
import page_stats
import protos

needs_browser = pytest.mark.skipif(bool(browser.WHY_NOT), reason=browser.WHY_NOT)

SHOWN = "!!document.querySelector('main:not([hidden])')"
CHECK = {"type": "grpc", "interval": "100ms", "timeout": "%ds" % (2 * env.SLOW), "unhealthyAfter": 1}


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
