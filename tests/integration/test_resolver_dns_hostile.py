# SPDX-License-Identifier: Apache-2.0
"""The resolver dns against name servers with answers that are too big, forged or broken."""
import os
import random
import struct
import time

import pytest

import env

dnslib = pytest.importorskip("dnslib", reason="install python3-dnslib to run these tests")

from dnszone import NAME, TARGET, V4, V6, a, aaaa, addresses, pytestmark  # noqa: E402,F401
from nameserver import A, AAAA, CNAME, NameServer, Probe, reply, rr  # noqa: E402


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
        p.wait_line(lambda line: "more addresses than one target" in line, "err")
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
        p.wait_list([V4, V6])
        p.wait_line(lambda line: "outside allowedCidrs" in line, "err")
        zone[(NAME, A)] = a("127.0.0.1")
        zone[(NAME, AAAA)] = aaaa("::1")
        assert p.next_error() == "all addresses are outside allowedCidrs for app.test"
