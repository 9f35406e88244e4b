# SPDX-License-Identifier: Apache-2.0
"""Figures, states and sentences of the live page in a real browser, from made-up answers (page_stats.py) for what a real proxy shows once in a month."""
import pytest

import page_stats
from livepage import READ, compare, compare_now, failed_kinds, look, needs_browser, real, window  # noqa: F401

pytestmark = pytest.mark.proxy_only


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
