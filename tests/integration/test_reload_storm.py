# SPDX-License-Identifier: Apache-2.0
"""Reloads as fast as they are taken, each of which changes nearly everything, while calls of
all kinds run. What a sanitizer finds here, no other test may.

OUTRIGGER_LONG=1   a minute each instead of some seconds
"""
import collections
import os
import random
import time

import grpc
import pytest

import certs
import env
import h2raw
import load
import protos
import reloads
from protos import Empty

pytestmark = pytest.mark.proxy_only

LONG = os.environ.get("OUTRIGGER_LONG") == "1"
SECONDS = 60 if LONG else 4
SERVICE = "/grpc.testing.TestService/"


@pytest.fixture(scope="module")
def backends():
    made = [env.Backend(name=str(i)) for i in range(3)]
    yield made
    for b in made:
        b.kill()


class Storm:
    """Makes configs: the first listener always serves, the rest is chance."""

    def __init__(self, proxy, addresses, ca, seed):
        self.proxy, self.addresses, self.ca = proxy, addresses, ca
        self.rng = random.Random(seed)
        self.pairs = [ca.issue("localhost", "127.0.0.1") for _ in range(2)]
        self.more = [env.free_address() for _ in range(3)]

    def endpoints(self):
        some = self.rng.sample(self.addresses, self.rng.randint(1, len(self.addresses)))
        return [{"target": a, "weight": self.rng.randint(1, 5),
                 "labels": {"half": str(self.rng.randint(0, 1))}} for a in some]

    def pool(self, name):
        rng = self.rng
        out = {"name": name, "endpoints": self.endpoints(), "subsetFallback": "any",
               "backoff": {"baseInterval": "50ms", "maxInterval": "200ms"},
               "balance": rng.choice(["round_robin", "least_request", "pick_first"])}
        if rng.random() < 0.3:
            out["connections"] = {"connectTimeout": "%dms" % rng.randint(1000, 1002)}
        if rng.random() < 0.3:
            out["healthCheck"] = {"type": "tcp", "interval": "100ms"}
        if rng.random() < 0.2:
            out["endpoints"].append("dns:///localhost:" + self.addresses[0].rsplit(":", 1)[1])
        return out

    def to(self, names):
        if self.rng.random() < 0.5:
            return self.rng.choice(names)
        return [{"pool": self.rng.choice(names), "weight": self.rng.randint(1, 9),
                 "subset": {"half": str(self.rng.randint(0, 1))}} for _ in range(2)]

    def routes(self, names):
        out = [{"match": {"service": "nobody%d" % i, "headers": {"x-n": str(i)}},
                "to": self.to(names)} for i in range(self.rng.randint(0, 8))]
        out.append({"to": self.to(names)})
        if self.rng.random() < 0.4:
            out[-1]["mirror"] = {"pool": self.rng.choice(names), "share": "50%"}
        if self.rng.random() < 0.4:
            out[-1]["requestHeaders"] = {"set": {"x-a": "%{peer} %{route}"}}
            out[-1]["responseTrailers"] = {"add": {"x-b": "%{pool} %{header:x-n}"}}
        if self.rng.random() < 0.4:
            out[-1]["limits"] = {"maxRequestMessageBytes": "1MiB",
                                 "maxResponseMessageBytes": "1MiB"}
        return out

    def listener(self, name, address, names):
        out = {"name": name, "listen": address, "routes": self.routes(names)}
        if self.rng.random() < 0.3:
            out["limits"] = {"maxConcurrentStreams": self.rng.randint(1000, 1003)}
        return out

    def config(self):
        rng = self.rng
        names = ["p%d" % i for i in range(rng.randint(1, 5))]
        listeners = [self.listener("in", self.proxy.address, names)]
        for i, address in enumerate(self.more):
            if rng.random() < 0.5:
                listeners.append(self.listener("more%d" % i, address, names))
        if rng.random() < 0.7:
            tls = dict(rng.choice(self.pairs).conf(), sessionTickets=rng.random() < 0.5)
            listeners.append(dict(self.listener("tls", self.secure, names), tls=tls))
        return reloads.changed(self.proxy, listeners=listeners,
                               pools=[self.pool(name) for name in names],
                               reload={"guard": rng.random() < 0.3, "guardWindow": "1s"})

    secure = None


def come_and_go(address, credentials=None):
    """A client of a listener that may go, or not be there at all."""
    def once():
        with env.open_channel(address, credentials=credentials) as channel:
            stub = protos.Stub(channel)
            for _ in range(10):
                try:
                    stub.EmptyCall(Empty(), timeout=2)
                except grpc.RpcError as e:
                    assert e.code() in (grpc.StatusCode.UNAVAILABLE,
                                        grpc.StatusCode.DEADLINE_EXCEEDED), e
    return once


@pytest.mark.parametrize("workers", [1, 2])
def test_a_storm_of_reloads_loses_no_call(backends, tmp_path, workers):
    ca = certs.Authority(tmp_path)
    refused = [0]
    with env.Proxy([b.address for b in backends], workers=workers,
                   top={"drain": {"delay": "0s", "timeout": "100ms"}}) as proxy:
        storm = Storm(proxy, [b.address for b in backends], ca, 20261122)
        storm.secure = env.free_address()

        def change():
            end, count, early = time.monotonic() + SECONDS * min(env.SLOW, 2), 0, None
            while time.monotonic() < end:
                reloads.write(proxy._path, storm.config())
                status, told = reloads.ask(proxy)
                assert status in (200, 422, 503), told
                # An address may be held by a connection of who looked for its listener.
                assert status != 422 or "in use" in told, told
                refused[0] += status == 422
                count += 1
                if count == 100:
                    early = proxy.memory()
            reloads.reload(proxy, proxy.config)
            env.wait_until(lambda: proxy.gauge("outrigger_route_tables_alive") == 1, 20,
                           "the end of old tables")
            if early and LONG:
                proxy.check_growth(early, 8)
            print("%d reloads, %d refused" % (count, refused[0]))

        with reloads.Repeat(come_and_go(storm.more[0])), \
                reloads.Repeat(come_and_go(storm.more[1])), \
                reloads.Repeat(come_and_go(storm.secure, ca.credentials())):
            result = load.run_calls(proxy.address, seconds=600, parallel=10, sleep_ms=5,
                                    during=change)
        print(result.ok, collections.Counter(f.text for f in result.failed))
        assert result.failed == [] and result.ok > 50
        env.wait_until(lambda: proxy.gauge("outrigger_mirrors_in_flight") == 0, 40, "the last mirrors")
        env.wait_until(lambda: proxy.metrics()["outrigger_configs_alive"] == 1, 10)


def test_the_end_meets_calls_of_a_pool_that_was_removed(backends):
    """They have their answers, which their clients do not take: they hold the old table."""
    with env.Proxy({"old": [backends[0].address], "new": [backends[1].address]}, workers=2,
                   top={"drain": {"delay": "0s", "timeout": "200ms"}}) as proxy:
        clients = [h2raw.Client(proxy.address, settings={4: 100}) for _ in range(4)]
        for i, client in enumerate(clients):
            call = client.start_call(SERVICE + "StreamingOutputCall", extra=[
                ("x-test-flood", "1000,20"), ("x-test-id", "flood%d" % i)])
            client.send(h2raw.make_data(call, h2raw.make_message(), end=True))
        for i in range(4):
            backends[0].wait_event("flood%d" % i, "end")
        config = reloads.changed(proxy)
        config["listeners"][0]["routes"] = [{"to": "new"}]
        del config["pools"][0]
        reloads.reload(proxy, config)
        proxy.stop()
        assert proxy.proc.returncode == 0
        for client in clients:
            client.__exit__(None, None, None)
