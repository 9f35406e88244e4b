# SPDX-License-Identifier: Apache-2.0
"""The resolver srv: services and their hosts."""
import pytest

import env

pytest.importorskip("dnslib", reason="install python3-dnslib to run these tests")

from dnszone import a, aaaa, addresses, pytestmark  # noqa: E402,F401
from nameserver import A, AAAA, CNAME, SERVFAIL, SRV, NameServer, Probe, reply, rr  # noqa: E402


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
        while len(got["list"]) < 4:     # a part, told after a second
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
        while len(got) < 128:   # a part is told after a second
            got = p.next_list(20)
        assert len(got) == 128
        assert ns.count(A) == 128
