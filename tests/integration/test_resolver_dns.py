# SPDX-License-Identifier: Apache-2.0
"""The resolver dns against honest name servers, those that fail, and a real one."""
import os
import random
import shutil
import subprocess
import time

import pytest

import env

pytest.importorskip("dnslib", reason="install python3-dnslib to run these tests")

from dnszone import NAME, TARGET, V4, V6, a, aaaa, addresses, pytestmark  # noqa: E402,F401
from nameserver import (A, AAAA, CNAME, NXDOMAIN, REFUSED, SERVFAIL,  # noqa: E402
                        NameServer, Probe, reply, rr)


# --- honest servers -------------------------------------------------------------------

def test_both_families_are_one_list():
    zone = {(NAME, A): a("10.0.0.1", "10.0.0.2", ttl=20), (NAME, AAAA): aaaa("fd00::1", ttl=50)}
    with NameServer(zone) as ns, Probe(TARGET, ns) as p:
        got = p.next()
        while len(got["list"]) < 3:     # one family is told when the other one is late
            got = p.next()
        assert sorted(got["list"]) == [["10.0.0.1:80", 1, 0], ["10.0.0.2:80", 1, 0], [V6, 1, 0]]
        assert got["valid_ms"] == 20000
        assert got["ms"] < 1000 * env.SLOW


@pytest.mark.parametrize("family,want,types", [("v4", [V4], {A}), ("v6", [V6], {AAAA})])
def test_only_the_wanted_family_is_asked(family, want, types):
    zone = {(NAME, A): a("10.0.0.1"), (NAME, AAAA): aaaa("fd00::1")}
    with NameServer(zone) as ns, Probe(TARGET, ns, family=family) as p:
        assert addresses(p.next_list()) == want
        assert {t for _, _, t, _ in ns.seen} == types


def test_smallest_ttl_of_the_chain():
    chain = [rr(NAME, CNAME, "b.test", 300), rr("b.test", CNAME, "c.test", 7)]
    zone = {(NAME, A): chain + a("10.0.0.1", ttl=100, name="c.test")}
    with NameServer(zone) as ns, Probe(TARGET, ns) as p:
        got = p.next()
        assert addresses(got["list"]) == [V4]
        assert got["valid_ms"] == 7000


def test_ttl_zero_is_no_loop():
    zone = {(NAME, A): a("10.0.0.1", ttl=0)}
    with NameServer(zone) as ns, Probe(TARGET, ns, family="v4") as p:
        p.next_list()
        for _ in range(30):
            p.again()
            time.sleep(0.1)
        times = [t for t, _, _, _ in ns.seen]
        # Once a second. The sleeps are longer on a busy machine, and one question may be seen late there: what counts is the whole time.
        assert len(times) >= 3 and times[-1] - times[0] > 0.95 * (len(times) - 1) - 0.3, times
        assert all(y - x > 0.5 for x, y in zip(times, times[1:])), times


def test_again_brings_a_new_address_soon():
    zone = {(NAME, A): a("10.0.0.1", ttl=3000)}
    with NameServer(zone) as ns, Probe(TARGET, ns) as p:
        assert addresses(p.next_list()) == [V4]
        zone[(NAME, A)] = a("10.0.0.2", ttl=3000)
        start = time.monotonic()
        p.again()
        p.wait_list(["10.0.0.2:80"])
        assert time.monotonic() - start < 4 * env.SLOW     # once a second; its TTL is 3,000


def test_own_refresh_without_ttl():
    zone = {(NAME, A): a("10.0.0.1", ttl=3000)}
    with NameServer(zone) as ns, \
            Probe(TARGET, ns, respectTtl=False, refresh="1s") as p:
        p.next_list()
        p.next_list(5)


def test_server_of_the_target():
    with NameServer({(NAME, A): a("10.0.0.1")}) as ns:
        with Probe("dns://%s/app.test.:80" % ns.address, "127.0.0.1:1") as p:
            assert addresses(p.next_list()) == [V4]


def test_literals_ask_nobody():
    with Probe("dns:///10.1.2.3:80") as p:
        assert p.next() == {"ms": p.events()[0]["ms"], "list": [["10.1.2.3:80", 1, 0]],
                            "valid_ms": -1}


@pytest.mark.parametrize("first", ["dead", SERVFAIL, REFUSED])
def test_next_server_is_asked(first):
    with NameServer({(NAME, A): a("10.0.0.1"), (NAME, AAAA): []}) as good:
        bad = NameServer({(NAME, A): first, (NAME, AAAA): first}) if first != "dead" else None
        server = bad or "127.0.0.1:%d" % env.free_port()
        with Probe(TARGET, [server, good], timeout="300ms") as p:
            assert addresses(p.next_list()) == [V4]
        if bad:
            bad.close()


def resolv_conf(path, text):
    new = str(path) + ".new"
    with open(new, "w") as f:
        f.write(text)
    os.replace(new, str(path))


def test_search_list_and_its_change(tmp_path):
    conf = tmp_path / "resolv.conf"
    resolv_conf(conf, "search one.test two.test\noptions ndots:5\n")
    zone = {("app.two.test", A): a("10.0.0.2", name="app.two.test", ttl=0),
            ("app.three.test", A): a("10.0.0.3", name="app.three.test", ttl=0)}
    with NameServer(zone) as ns, Probe("app:80", ns, resolv_conf=conf) as p:
        assert addresses(p.next_list()) == ["10.0.0.2:80"]
        assert [n for _, n, t, _ in ns.seen if t == A][:2] == ["app.one.test", "app.two.test"]
        resolv_conf(conf, "search three.test\noptions ndots:5\n")
        p.wait_list(["10.0.0.3:80"], 3)
        p.wait_line(lambda line: "resolv.conf changed" in line, "err")


def test_failure_of_the_right_name_does_not_try_others(tmp_path):
    conf = tmp_path / "resolv.conf"
    resolv_conf(conf, "search one.test two.test\n")
    zone = {("app.one.test", A): a("10.0.0.1", name="app.one.test", ttl=0),
            ("app.two.test", A): a("10.0.0.2", name="app.two.test", ttl=0)}
    with NameServer(zone) as ns, Probe("app:80", ns, resolv_conf=conf) as p:
        assert addresses(p.next_list()) == [V4]
        zone[("app.one.test", A)] = zone[("app.one.test", AAAA)] = SERVFAIL
        assert p.next(3, "error")["error"] == "SERVFAIL for app"
        assert ns.count(name="app.two.test") == 0


def test_hosts_file_comes_first(tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("10.9.9.9 other APP\nfd00::9 app\n")
    with Probe("app:80", hosts=hosts) as p:
        got = p.next()
        assert sorted(addresses(got["list"])) == ["10.9.9.9:80", "[fd00::9]:80"]
        assert got["valid_ms"] == -1


# --- failures ----------------------------------------------------------------------------

@pytest.mark.parametrize("v4", ["good", "none", "silent"])
@pytest.mark.parametrize("v6", ["good", "none", "silent"])
def test_families_are_independent(v4, v6):
    zone = {(NAME, A): {"good": a("10.0.0.1"), "none": [], "silent": None}[v4],
            (NAME, AAAA): {"good": aaaa("fd00::1"), "none": [], "silent": None}[v6]}
    want = [V4] * (v4 == "good") + [V6] * (v6 == "good")
    # Long where nobody has to wait for it, so that a busy machine is not taken for one that waits.
    timeout = 400 if not want and "silent" in (v4, v6) else 4000
    with NameServer(zone) as ns, Probe(TARGET, ns, timeout="%dms" % timeout, tries=1) as p:
        got = p.next()
        while len(got.get("list", want)) < len(want):
            got = p.next()
        if want:
            assert sorted(addresses(got["list"])) == want
            assert got["ms"] < timeout - 10 or env.SLOW > 1, "it waited for the silent family"
        elif "silent" in (v4, v6):
            assert got["error"] == "no name server answered in time for app.test"
        else:
            assert got["error"] == "no address (NODATA) for app.test"
            assert ns.count(A) == 2, "once is not enough to be told"


@pytest.mark.parametrize("kind", ["SERVFAIL", "silent", "empty", "garbage"])
def test_failure_never_removes_the_list(kind):
    zone = {(NAME, A): a("10.0.0.1", ttl=1), (NAME, AAAA): []}
    with NameServer(zone) as ns, Probe(TARGET, ns, timeout="200ms", tries=2) as p:
        assert addresses(p.next_list()) == [V4]
        honest = ns.answer
        ns.answer = {"SERVFAIL": lambda r, tcp: reply(r, rcode=SERVFAIL),
                     "silent": lambda r, tcp: None,
                     "empty": lambda r, tcp: b"",
                     "garbage": lambda r, tcp: os.urandom(random.randint(1, 500))}[kind]
        p.next_error(4)
        p.next_error(4)
        ns.answer = honest
        p.again()
        start = time.monotonic()
        assert addresses(p.next_list()) == [V4]
        assert time.monotonic() - start < 2 * env.SLOW
        told = [e for e in p.events() if "list" in e]
        assert all(e["list"] for e in told)


def test_a_failing_family_keeps_its_addresses():
    zone = {(NAME, A): a("10.0.0.1", ttl=1), (NAME, AAAA): aaaa("fd00::1", ttl=1)}
    with NameServer(zone) as ns, Probe(TARGET, ns) as p:
        p.wait_list([V4, V6])
        zone[(NAME, AAAA)] = SERVFAIL
        zone[(NAME, A)] = a("10.0.0.2", ttl=1)
        p.wait_list(["10.0.0.2:80", V6])
        zone[(NAME, AAAA)] = []
        p.wait_list(["10.0.0.2:80"])


def test_nxdomain_is_told_when_said_twice():
    zone = {(NAME, A): a("10.0.0.1", ttl=1)}
    with NameServer(zone) as ns, Probe(TARGET, ns, family="v4") as p:
        p.next_list()
        zone.clear()
        asked = ns.count()
        error = p.next(5, "error")
        assert error["error"] == "NXDOMAIN for app.test"
        assert ns.count() - asked == 2
        zone[(NAME, A)] = a("10.0.0.7", ttl=1)
        start = time.monotonic()
        p.again()
        p.wait_list(["10.0.0.7:80"])
        assert time.monotonic() - start < 2 * env.SLOW


def test_server_dies_and_comes_back():
    zone = {(NAME, A): a("10.0.0.1", ttl=1)}
    ns = NameServer(zone)
    with Probe(TARGET, ns, timeout="200ms", tries=1) as p:
        for i in range(2):
            p.wait_list(["10.0.0.%d:80" % (i + 1)])
            ns.close()
            p.next_error(4)
            zone[(NAME, A)] = a("10.0.0.%d" % (i + 2), ttl=1)
            ns = NameServer(zone, port=ns.port)
            start = time.monotonic()
            p.again()
            p.wait_list(["10.0.0.%d:80" % (i + 2)])
            assert time.monotonic() - start < 4 * env.SLOW
    ns.close()


def test_new_channel_after_three_failures():
    with NameServer(answer=lambda r, tcp: None) as ns, \
            Probe(TARGET, ns, timeout="50ms", tries=1) as p:
        for _ in range(3):
            p.next_error()
        p.wait_line(lambda line: "with a new channel" in line, "err")


# --- a real server ------------------------------------------------------------------------------

DNSMASQ = shutil.which("dnsmasq", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


@pytest.mark.skipif(not DNSMASQ, reason="install dnsmasq-base to run this test")
def test_dnsmasq():
    port = env.free_port()
    args = [DNSMASQ, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
            "--listen-address=127.0.0.1", "--bind-interfaces", "--port=%d" % port, "--pid-file",
            "--log-facility=-", "--local-ttl=3", "--local=/test/",
            "--host-record=app.test,10.3.0.1,fd00::3:1", "--cname=alias.test,app.test",
            "--srv-host=_grpc._tcp.app.test,app.test,5000,3,9"]
    args += ["--host-record=big.test,10.4.%d.%d" % (i >> 7, i & 127) for i in range(200)]
    if os.getuid() == 0:
        args.append("--user=root")
    server = subprocess.Popen(args, stderr=subprocess.DEVNULL)
    try:
        address = "127.0.0.1:%d" % port
        for name in ("app.test", "alias.test"):
            with Probe("dns:///%s.:80" % name, address, timeout="1s") as p:
                p.wait_list(["10.3.0.1:80", "[fd00::3:1]:80"], 10)
                assert p.events()[-1]["valid_ms"] == 3000
        with Probe("dns:///big.test.:80", address) as p:
            assert len(p.next_list()) == 200
        with Probe("srv:///_grpc._tcp.app.test", address) as p:
            assert sorted(p.next_list()) == [["10.3.0.1:5000", 9, 0], ["[fd00::3:1]:5000", 9, 0]]
        with Probe("dns:///nobody.test.:80", address) as p:
            assert p.next()["error"] == "NXDOMAIN for nobody.test"
    finally:
        server.terminate()
        server.wait(10)
