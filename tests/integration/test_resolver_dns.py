# SPDX-License-Identifier: Apache-2.0
"""The resolvers dns and srv against honest, broken and hostile name servers."""
import os
import random
import shutil
import struct
import subprocess
import time

import pytest

import env
import resolve_probe

dnslib = pytest.importorskip("dnslib", reason="install python3-dnslib to run these tests")

from nameserver import (A, AAAA, CNAME, NXDOMAIN, REFUSED, SERVFAIL, SRV,  # noqa: E402
                        NameServer, Probe, reply, rr)

NAME = "app.test"
TARGET = "dns:///app.test.:80"
V4, V6 = "10.0.0.1:80", "[fd00::1]:80"

pytestmark = pytest.mark.skipif(
    env.DIRECT or not os.path.exists(resolve_probe.PROBE), reason="make check builds tests/lib/resolve_probe")


def a(*ips, ttl=60, name=NAME):
    return [rr(name, A, ip, ttl) for ip in ips]


def aaaa(*ips, ttl=60, name=NAME):
    return [rr(name, AAAA, ip, ttl) for ip in ips]


def addresses(got):
    return [entry[0] for entry in got]


# --- honest servers -------------------------------------------------------------------

def test_both_families_are_one_list():
    zone = {(NAME, A): a("10.0.0.1", "10.0.0.2", ttl=20), (NAME, AAAA): aaaa("fd00::1", ttl=50)}
    with NameServer(zone) as ns, Probe(TARGET, ns) as p:
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
        assert [n for _, n, t, _ in ns.seen if t == A] == ["app.one.test", "app.two.test"]
        resolv_conf(conf, "search three.test\noptions ndots:5\n")
        p.wait_list(["10.0.0.3:80"], 3)
        assert any("resolv.conf changed" in line for line in p.lines())


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
    timeout = 4000 if want else 400
    with NameServer(zone) as ns, Probe(TARGET, ns, timeout="%dms" % timeout, tries=1) as p:
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
            assert time.monotonic() - start < 2 * env.SLOW
    ns.close()


def test_new_channel_after_three_failures():
    with NameServer(answer=lambda r, tcp: None) as ns, \
            Probe(TARGET, ns, timeout="50ms", tries=1) as p:
        for _ in range(3):
            p.next_error()
        p.wait_line(lambda line: "with a new channel" in line, "err")


# --- big answers ---------------------------------------------------------------------------

def many(n):
    return a(*("10.1.%d.%d" % (i >> 8, i & 255) for i in range(n)), ttl=1)


def test_truncated_goes_over_tcp_and_is_capped():
    zone = {(NAME, A): many(4000), (NAME, AAAA): []}
    with NameServer(zone) as ns, Probe(TARGET, ns) as p:
        first = p.next_list(15)
        assert len(first) == 1024
        assert any(tcp for _, _, _, tcp in ns.seen)
        random.shuffle(zone[(NAME, A)])
        assert p.next_list(15) == first, "the part that is used must not change"
        p.next_list(15)
        if not env.SANITIZED:
            with open("/proc/%d/status" % p.proc.pid) as f:
                top = [int(line.split()[1]) for line in f if line.startswith("VmHWM:")][0]
            assert top < 12 * 1024, "%d KiB" % top      # an idle probe has about 3 MiB
        warned = [line for line in p.lines() if "more addresses than one target" in line]
        assert len(warned) == 1


def test_truncated_and_tcp_says_nothing():
    def answer(request, tcp):
        return None if tcp else reply(request, tc=True)
    with NameServer(answer=answer) as ns, \
            Probe(TARGET, ns, timeout="200ms", tries=1) as p:
        assert "for app.test" in p.next_error()


def test_64k_over_tcp():
    """A legal answer of almost 64 KiB, then one that is all garbage behind the question."""
    state = {"garbage": False}

    def answer(request, tcp):
        if not tcp:
            return reply(request, tc=True)
        if not state["garbage"] or request.q.qtype != A:
            return reply(request, many(4090) if request.q.qtype == A else [])
        head = bytearray(reply(request))
        head[6:8] = struct.pack("!H", 65535)
        return bytes(head) + os.urandom(65535 - len(head))
    with NameServer(answer=answer) as ns, Probe(TARGET, ns) as p:
        assert len(p.next_list(15)) == 1024
        state["garbage"] = True
        assert p.next_error(15) == "the answer is malformed for app.test"


def test_same_address_many_times():
    zone = {(NAME, A): a(*["10.0.0.1"] * 50)}
    with NameServer(zone) as ns, Probe(TARGET, ns) as p:
        assert p.next_list() == [[V4, 1, 0]]


# --- hostile answers --------------------------------------------------------------------------

def hostile(kind, request):
    good = reply(request, a("6.6.6.6") if request.q.qtype == A else aaaa("6::6"))
    if kind == "wrong id":
        return bytes([good[0] ^ 1]) + good[1:]
    if kind == "wrong name":
        other = dnslib.DNSRecord.question("evil.test", dnslib.QTYPE[request.q.qtype])
        other.header.id = request.header.id
        return reply(other, a("6.6.6.6", name="evil.test"))
    if kind == "wrong owner":
        return reply(request, [rr("evil.test", A, "6.6.6.6"), rr("evil.test", AAAA, "6::6")])
    if kind == "pointer loop":
        head = bytearray(reply(request))
        head[6:8] = b"\0\1"
        at = len(head)
        return bytes(head) + struct.pack("!H", 0xC000 | at) + b"\0\1\0\1\0\0\0\1\0\4\6\6\6\6"
    if kind == "cname loop":
        return reply(request, [rr(NAME, CNAME, "b.test"), rr("b.test", CNAME, NAME)])
    if kind == "short address":
        return good[:-1]
    if kind == "counts lie":
        return good[:6] + b"\xff\xff" + good[8:]
    if kind == "zero bytes":
        return b""
    if kind == "header only":
        return good[:12]
    assert kind == "question"
    return request.pack()


# Packets that c-ares itself must drop: an honest answer behind them is used.
@pytest.mark.parametrize("kind", ["wrong id", "wrong name"])
def test_forged_packets_before_the_answer(kind):
    def answer(request, tcp):
        records = a("10.0.0.1") if request.q.qtype == A else []
        return [hostile(kind, request)] * 20 + [reply(request, records)]
    with NameServer(answer=answer) as ns, Probe(TARGET, ns, timeout="500ms") as p:
        assert addresses(p.next_list()) == [V4]


@pytest.mark.parametrize("kind", ["wrong id", "wrong name", "wrong owner", "pointer loop",
                                  "cname loop", "short address", "counts lie", "zero bytes",
                                  "header only", "question"])
def test_hostile_answers_give_no_address(kind):
    state = {"hostile": True}

    def answer(request, tcp):
        if state["hostile"]:
            return hostile(kind, request)
        return reply(request, a("10.0.0.1") if request.q.qtype == A else [])
    with NameServer(answer=answer) as ns, \
            Probe(TARGET, ns, timeout="150ms", tries=1) as p:
        assert "app.test" in p.next()["error"]
        state["hostile"] = False
        p.again()
        assert addresses(p.next_list()) == [V4]


def test_random_changes_of_good_answers():
    rng = random.Random(7)

    def answer(request, tcp):
        good = bytearray(reply(request, [rr(NAME, CNAME, "b.test")] +
                               a("10.0.0.1", "10.0.0.2", name="b.test")))
        for _ in range(rng.randint(1, 8)):
            good[rng.randrange(2, len(good))] = rng.randrange(256)
        return [bytes(good[:rng.randint(0, len(good))]) for _ in range(50)]
    with NameServer(answer=answer) as ns, \
            Probe(TARGET, ns, timeout="50ms", tries=3) as p:
        for _ in range(4):
            p.again()
            time.sleep(0.5)
        assert p.alive
        assert ns.count() > 4


def test_allowed_cidrs():
    zone = {(NAME, A): a("10.0.0.1", "127.0.0.1", "169.254.169.254", "0.0.0.0", ttl=1),
            (NAME, AAAA): aaaa("fd00::1", "::1", "::ffff:7f00:1", "ff02::1", "::", ttl=1)}
    with NameServer(zone) as ns, \
            Probe(TARGET, ns, allowedCidrs=["10.0.0.0/8", "fd00::/8"]) as p:
        assert sorted(addresses(p.next_list())) == [V4, V6]
        assert any("outside allowedCidrs" in line for line in p.lines())
        zone[(NAME, A)] = a("127.0.0.1")
        zone[(NAME, AAAA)] = aaaa("::1")
        assert p.next_error() == "all addresses are outside allowedCidrs for app.test"


# --- services --------------------------------------------------------------------------------

SERVICE = "_grpc._tcp.app.test"


def srv(*rows, ttl=60):
    return [rr(SERVICE, SRV, row, ttl) for row in rows]


def hosts_zone(**hosts):
    zone = {}
    for name, ip in hosts.items():
        zone[(name + ".test", A)] = a(ip, name=name + ".test", ttl=30)
    return zone


def test_service():
    zone = hosts_zone(one="10.0.0.1", two="10.0.0.2", three="10.0.0.3")
    zone[("two.test", AAAA)] = aaaa("fd00::2", name="two.test", ttl=9)
    zone[(SERVICE, SRV)] = srv((20, 5, 5001, "one.test"), (10, 0, 5002, "two.test"),
                               (10, 7, 0, "three.test"), (10, 65535, 5003, "three.test"))
    with NameServer(zone) as ns, Probe("srv:///" + SERVICE, ns) as p:
        got = p.next()
        assert sorted(got["list"]) == [["10.0.0.1:5001", 5, 1], ["10.0.0.2:5002", 1, 0],
                                       ["10.0.0.3:5003", 65535, 0], ["[fd00::2]:5002", 1, 0]]
        assert [e[2] for e in got["list"]] == [0, 0, 0, 1], "first levels first"
        assert got["valid_ms"] == 9000


@pytest.mark.parametrize("rows,want", [
    ([(0, 0, 0, ".")], "the service is not offered"),
    ([(0, 0, 0, "one.test")], "no SRV record that can be used"),
    ([], "no SRV record (NODATA)"),
    ([(0, 0, 80, "nobody.test")], "none of its hosts has an address"),
    ([(0, 0, 80, SERVICE)], "none of its hosts has an address"),
    ([(0, 0, 80, "broken.test")], "SERVFAIL"),
    ([(0, 0, 80, "circle.test")], "circle"),
])
def test_service_without_hosts(rows, want):
    zone = hosts_zone(one="10.0.0.1")
    zone[("broken.test", A)] = zone[("broken.test", AAAA)] = SERVFAIL
    circle = [rr("circle.test", CNAME, "b.test"), rr("b.test", CNAME, "circle.test")]
    zone[("circle.test", A)] = zone[("circle.test", AAAA)] = circle
    zone[(SERVICE, SRV)] = srv(*rows)
    with NameServer(zone) as ns, Probe("srv:///" + SERVICE, ns) as p:
        error = p.next()["error"]
        assert want in error and SERVICE in error
        assert ns.count() < 20


def test_service_keeps_a_host_that_fails():
    zone = hosts_zone(one="10.0.0.1", two="10.0.0.2")
    for key in list(zone):
        zone[key] = [rr(key[0], A, str(zone[key][0].rdata), 1)]
    zone[(SERVICE, SRV)] = srv((0, 1, 80, "one.test"), (0, 1, 80, "two.test"))
    with NameServer(zone) as ns, Probe("srv:///" + SERVICE, ns) as p:
        p.wait_list(["10.0.0.1:80", "10.0.0.2:80"])
        zone[("two.test", A)] = SERVFAIL
        asked = ns.count(name="two.test")
        env.wait_until(lambda: ns.count(name="two.test") > asked)
        assert sorted(addresses(p.next_list())) == ["10.0.0.1:80", "10.0.0.2:80"]
        del zone[("two.test", A)]
        p.wait_list(["10.0.0.1:80"])


def test_service_tells_a_part_when_a_host_is_silent():
    zone = hosts_zone(one="10.0.0.1")
    zone[("two.test", A)] = zone[("two.test", AAAA)] = None
    zone[(SERVICE, SRV)] = srv((0, 1, 80, "one.test"), (0, 1, 80, "two.test"))
    with NameServer(zone) as ns, Probe("srv:///" + SERVICE, ns) as p:
        got = p.next(4)
        assert addresses(got["list"]) == ["10.0.0.1:80"]
        assert got["ms"] < 3000 * env.SLOW


def test_service_with_hundreds_of_hosts():
    def answer(request, tcp):
        name = str(request.q.qname).rstrip(".")
        if request.q.qtype == SRV:
            full = reply(request, srv(*((0, 1, 80, "h%d.test" % i) for i in range(500))))
            return full if tcp else reply(request, tc=True)
        i = int(name[1:].split(".")[0])
        return reply(request, a("10.2.%d.%d" % (i >> 8, i & 255), name=name)
                     if request.q.qtype == A else [])
    with NameServer(answer=answer) as ns, Probe("srv:///" + SERVICE, ns) as p:
        got = p.next_list(20)
        assert len(got) == 128
        assert ns.count(A) == 128


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
