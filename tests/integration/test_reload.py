# SPDX-License-Identifier: Apache-2.0
"""Configs that change while calls run: nothing is lost, what stays the same stays where it is.

OUTRIGGER_LONG=1   1,000 reloads and 200 broken configs instead of some
"""
import copy
import glob
import os
import socket
import time

import grpc
import pytest

import env
import h2raw
import load
import protos
import reloads
from protos import Empty, SimpleRequest
from reloads import changed, reload

pytestmark = pytest.mark.proxy_only

LONG = os.environ.get("OUTRIGGER_LONG") == "1"
GOLDEN = os.path.join(env.HERE, "..", "unit", "conf", "golden")


@pytest.fixture(scope="module")
def backends():
    made = [env.Backend(name=str(i)) for i in range(3)]
    yield made
    for b in made:
        b.kill()


def served_by(stub, **kw):
    return stub.UnaryCall(SimpleRequest(fill_server_id=True), timeout=5, **kw).server_id


def pool(proxy, name, targets, **keys):
    return dict(copy.deepcopy(proxy.config["pools"][0]), name=name,
                endpoints=list(targets), **keys)


def connects(proxy):
    return proxy.gauge("outrigger_upstream_connects_total")


# --- under load -----------------------------------------------------------------------

def variant(proxy, addresses, i):
    """The i-th of many configs that all serve the same: each reload changes something else."""
    config = changed(proxy)
    app, listener = config["pools"][0], config["listeners"][0]
    app["subsetFallback"] = "any"
    if i % 5 == 0:      # endpoints and weights: the same pool
        app["endpoints"] = [{"target": a, "weight": 1 + i % 5,
                             "labels": {"build": str(i)}} for a in addresses[i % 2:]]
    elif i % 5 == 1:    # routes to labels that were never there before
        listener["routes"] = [
            {"match": {"service": "grpc.testing.TestService", "method": "UnaryCall"},
             "to": {"pool": "app", "subset": {"build": str(i)}}}, {"to": "app"}]
    elif i % 5 == 2:    # another pool of the same name, and one more
        app["connections"] = {"connectTimeout": "%dms" % (1000 + i)}
        port = addresses[0].rsplit(":", 1)[1]
        config["pools"].append(pool(
            proxy, "more%d" % i, [addresses[1], "dns:///localhost:" + port],
            healthCheck={"type": "tcp" if i % 2 else "grpc", "interval": "100ms"},
            outlierDetection={"consecutiveErrors": 5}))
        listener["routes"] = [{"match": {"service": "nobody"}, "to": "more%d" % i},
                              {"to": "app"}]
    elif i % 5 == 3:    # a weighted split, header edits and a mirror
        config["pools"].append(pool(proxy, "mirror", addresses[2:]))
        listener["routes"] = [{
            "to": [{"pool": "app", "weight": 1 + i % 7},
                   {"pool": "app", "subset": {"half": str(i)}, "weight": 3}],
            "requestHeaders": {"set": {"x-reload": str(i)}},
            "mirror": {"pool": "mirror", "share": "20%"}}]
    else:               # what later connections may do
        listener["limits"] = {"maxConcurrentStreams": 1000 + i}
    return config


@pytest.mark.parametrize("workers", [1, 2])
def test_reloads_under_load_lose_nothing(backends, workers):
    """500 calls a second and streams that are open from the first reload to the last."""
    count = 1000 if LONG else 100
    addresses = [b.address for b in backends]
    figures = []

    def watch(proxy):
        m = proxy.metrics()
        figures.append((m["outrigger_configs_alive"], m["outrigger_route_tables_alive"]))

    with env.Proxy(addresses, workers=workers) as proxy, \
            reloads.talks(proxy.address, 6) as talks:
        def change():
            early = None
            for i in range(count):
                reload(proxy, variant(proxy, addresses, i))
                if i % 10 == 0:
                    watch(proxy)
                    for talk in talks:
                        talk.say()
                if i == count // 2:
                    early = proxy.memory()
                time.sleep(0.02)
            reload(proxy, changed(proxy))
            # Only tables of open streams and the one in force are left.
            env.wait_until(lambda: proxy.gauge("outrigger_route_tables_alive") <= 2, 10,
                           "the end of old tables")
            proxy.check_growth(early, 3)
        result = load.run_calls(proxy.address, seconds=600, parallel=20, sleep_ms=35,
                                during=change)
        for talk in talks:
            talk.say()
        assert [t.end() for t in talks] == [grpc.StatusCode.OK] * 6
        m = proxy.metrics()
        env.wait_until(lambda: proxy.gauge("outrigger_route_tables_alive") == 1, 10,
                       "the end of the streams' table")
    print("%d reloads, %d calls, alive: %s" % (count, result.ok, sorted(set(figures))))
    assert result.failed == []
    assert result.ok > count * 0.02 * 200 / env.SLOW
    assert max(configs for configs, _ in figures) <= 2
    # One for each reload during the longest open call, which takes seconds on a busy machine; not all of them.
    assert max(tables for _, tables in figures) <= count / 4
    assert m['outrigger_config_reloads_total{result="ok"}'] == count + 1
    assert m['outrigger_config_reloads_total{result="refused"}'] == 0


def broken_files():
    """The broken configs of the unit tests, those that are refused."""
    for path in sorted(glob.glob(os.path.join(GOLDEN, "*.json"))):
        with open(path[:-4] + "txt", "rb") as f:
            told = f.read()
        if b" error: " in told:
            with open(path, "rb") as f:
                yield f.read()


def test_broken_configs_under_load_change_nothing(backends):
    broken = list(broken_files())
    assert len(broken) > 50
    count = 200 if LONG else len(broken)
    with env.Proxy([backends[0].address]) as proxy:
        before = reloads.status(proxy)["config"]

        def change():
            for i in range(count):
                told = reload(proxy, broken[i % len(broken)], expect=422)
                assert "error" in told, told
                time.sleep(0.005)
        result = load.run_calls(proxy.address, seconds=600, parallel=20, sleep_ms=35,
                                during=change)
        m = proxy.metrics()
        now = reloads.status(proxy)
        reload(proxy, proxy.config)
        assert proxy.metrics()["outrigger_config_last_reload_successful"] == 1
    assert result.failed == [] and result.ok > 50
    assert now["config"] == before and now["lastReload"]["result"] == "refused"
    assert m['outrigger_config_reloads_total{result="refused"}'] == count
    assert m["outrigger_config_last_reload_successful"] == 0
    assert m["outrigger_configs_alive"] == 1


# --- listeners ------------------------------------------------------------------------

@pytest.mark.parametrize("workers", [1, 2])
def test_listeners_come_and_go(backends, workers):
    more = env.free_address()
    with env.Proxy([backends[0].address], workers=workers) as proxy:
        both = changed(proxy)
        both["listeners"].append({"name": "more", "listen": more, "routes": [{"to": "app"}]})
        for _ in range(3):      # the same address comes back each time
            with proxy.open_channel() as stays:
                protos.Stub(stays).EmptyCall(Empty(), timeout=5)
                assert "listeners +1 -0 ~0" in reload(proxy, both)
                with reloads.talks(more, 1) as (talk,):
                    assert "listeners +0 -1 ~0" in reload(proxy, proxy.config)
                    talk.say()      # its clients may end what they have
                    env.wait_until(lambda: not accepts(more), 5, "the end of the socket")
                    assert talk.end() == grpc.StatusCode.OK
                protos.Stub(stays).EmptyCall(Empty(), timeout=5)
        env.wait_until(lambda: proxy.gauge("outrigger_route_tables_alive") == 1, 10,
                       "the end of the listener")
        opened = proxy.metrics()["outrigger_connections_accepted_total"]
        assert opened <= 1 + 3 * 3, opened


def accepts(address):
    host, port = address.rsplit(":", 1)
    with socket.socket() as s:
        return s.connect_ex((host, int(port))) == 0


def test_clients_of_a_removed_listener_get_two_goaways_and_an_end(backends):
    more = env.free_address()
    with env.Proxy([backends[0].address],
                   top={"drain": {"delay": "0s", "timeout": "%ds" % (1 + env.SLOW)}}) as proxy:
        both = changed(proxy)
        both["listeners"].append({"name": "more", "listen": more, "routes": [{"to": "app"}]})
        reload(proxy, both)
        with h2raw.Client(more) as client:
            held = client.start_call("/grpc.testing.TestService/FullDuplexCall")
            client.ping()
            reload(proxy, proxy.config)
            client.wait_for(lambda: client.goaway, 10)
            assert client.goaway[:2] == (h2raw.MAX_WINDOW, h2raw.NO_ERROR)
            late = client.start_call("/grpc.testing.TestService/EmptyCall")
            client.send(h2raw.make_data(late, h2raw.make_message(), end=True))
            assert client.wait_end(late).status == 0, "a call before the second GOAWAY"
            got = client.wait_end(held, 10)     # drain.timeout is over
            assert got.status == 14 and "taken out of the config" in got.get("grpc-message")
            client.wait_for(lambda: client.closed, 10)
        env.wait_until(lambda: proxy.gauge("outrigger_route_tables_alive") == 1, 10)


def test_limits_of_a_listener_are_for_later_connections(backends):
    with env.Proxy([backends[0].address]) as proxy, h2raw.Client(proxy.address) as old:
        assert old.call("/grpc.testing.TestService/EmptyCall").status == 0
        config = changed(proxy)
        config["listeners"][0]["limits"] = {"maxHeaderBytes": "1KiB"}
        assert "listeners +0 -0 ~1" in reload(proxy, config)
        long = [("x-long", "a" * 3000)]
        assert old.call("/grpc.testing.TestService/EmptyCall", extra=long).status == 0
        with h2raw.Client(proxy.address) as new:
            assert new.call("/grpc.testing.TestService/EmptyCall", extra=long).status == 8


def test_an_address_that_is_taken_refuses_the_whole_reload(backends):
    with socket.socket() as holder, env.Proxy([backends[0].address]) as proxy:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        config = changed(proxy)
        config["listeners"][0]["routes"] = []
        config["listeners"] = [
            {"name": "free", "listen": env.free_address(), "routes": [{"to": "app"}]},
            {"name": "taken", "listen": "127.0.0.1:%d" % holder.getsockname()[1],
             "routes": [{"to": "app"}]}]
        told = reload(proxy, config, expect=422)
        assert "listener taken cannot listen on" in told and "in use" in told
        assert served_by_empty(proxy)
        assert not accepts(config["listeners"][0]["listen"]), "half of it came into force"
        assert reloads.status(proxy)["config"]["version"] == 1


def test_an_address_that_overlaps_one_given_up_needs_two_steps(backends):
    with env.Proxy([backends[0].address]) as proxy:
        port = env.free_address().rsplit(":", 1)[1]
        config = changed(proxy)
        routes = config["listeners"][0]["routes"]
        config["listeners"].append(
            {"name": "narrow", "listen": "127.0.0.1:" + port, "routes": routes})
        reload(proxy, config)
        config["listeners"][1] = {"name": "wide", "listen": ":" + port, "routes": routes}
        told = reload(proxy, config, expect=422)
        assert ("listener wide cannot listen on :%s: listener narrow holds 127.0.0.1:%s until "
                "this reload is done; do it in two steps" % (port, port)) in told
        assert accepts("127.0.0.1:" + port)
        wide = config["listeners"].pop()
        reload(proxy, config)
        config["listeners"].append(wide)
        reload(proxy, config)
        assert accepts("127.0.0.1:" + port)


def served_by_empty(proxy):
    with proxy.open_channel() as channel:
        protos.Stub(channel).EmptyCall(Empty(), timeout=5)
    return True


# --- pools ------------------------------------------------------------------------------

def test_pools_come_change_and_go(backends):
    with env.Proxy([backends[0].address]) as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        assert served_by(stub) == "0"
        config = changed(proxy)
        config["pools"].append(pool(proxy, "other", [backends[1].address]))
        config["listeners"][0]["routes"] = [
            {"match": {"method": "UnaryCall"}, "to": "other"}, {"to": "app"}]
        assert "pools +1 -0 ~0" in reload(proxy, config)
        assert served_by(stub) == "1"
        with reloads.talks(proxy.address, 1) as (talk,):    # on pool app
            config["pools"][0]["connections"] = {"connectTimeout": "700ms"}
            assert "pools +0 -0 ~1" in reload(proxy, config)
            talk.say()
            del config["pools"][0]
            config["listeners"][0]["routes"] = [{"to": "other"}]
            assert "pools +0 -1 ~0" in reload(proxy, config)
            assert set(proxy.pools()) == {"other"}
            assert served_by(stub) == "1"
            talk.say()
            assert talk.end() == grpc.StatusCode.OK
        # When its last call has ended the pool closes its connections.
        env.wait_until(lambda: proxy.metrics()['outrigger_connections{side="up"}'] == 1, 10,
                       "the end of old pools")


@pytest.mark.parametrize("workers", [1, 2])
def test_other_endpoints_keep_the_connections_of_those_that_stay(backends, workers):
    addresses = [b.address for b in backends]
    with env.Proxy(addresses[:2], workers=workers,
                   pool={"balance": "round_robin"}) as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        env.wait_until(lambda: {served_by(stub) for _ in range(4)} == {"0", "1"})
        env.wait_steady(lambda: connects(proxy), 0.2)
        before = connects(proxy)
        config = changed(proxy)
        config["pools"][0]["endpoints"] = [
            {"target": addresses[1], "weight": 3, "labels": {"v": "2"}}, addresses[2]]
        reload(proxy, config)
        env.wait_until(lambda: {served_by(stub) for _ in range(4)} == {"1", "2"})
        assert proxy.endpoints()[addresses[1]]["labels"] == {"v": "2"}
        env.wait_steady(lambda: connects(proxy), 0.2)
        assert connects(proxy) - before <= workers, "only to the new one"
        told = reload(proxy, config)
        assert told.startswith("nothing changed")


def test_health_survives_other_endpoints(backends):
    check = {"healthCheck": {"type": "grpc", "interval": "60s"}}
    with env.Backend(name="sick", health="watch,check") as sick, \
            env.Backend(name="well", health="watch,check") as well, \
            env.Backend(name="well", health="watch,check") as more, \
            env.Proxy([sick.address, well.address], pool=check) as proxy, \
            proxy.open_channel() as channel:
        env.wait_until(lambda: proxy.endpoints()[sick.address]["usable"])
        with env.open_channel(sick.address) as direct:
            direct.unary_unary("/outrigger.test.Health/Set")(b"=NOT_SERVING", timeout=10)
        env.wait_until(lambda: proxy.endpoints()[sick.address]["state"] == "unhealthy")
        since = proxy.endpoints()[sick.address]["sinceMs"]
        config = changed(proxy)
        config["pools"][0]["endpoints"].append(more.address)
        reload(proxy, config)
        now = proxy.endpoints()[sick.address]
        assert now["state"] == "unhealthy" and now["sinceMs"] >= since
        # Until the new one is checked one of three is usable, which is panic: all get calls then.
        env.wait_until(lambda: proxy.endpoints()[well.address]["usable"] and proxy.endpoints()[more.address]["usable"])
        assert served_by(protos.Stub(channel)) == "well"
        marks = [line for line in proxy.lines() if sick.address in line and "no new" in line]
        assert len(marks) == 1, marks


# --- routes -----------------------------------------------------------------------------

def test_a_removed_route_ends_for_new_calls_only(backends):
    with env.Proxy([backends[0].address]) as proxy, proxy.open_channel() as channel, \
            reloads.talks(proxy.address, 1) as (talk,):
        stub = protos.Stub(channel)
        stub.EmptyCall(Empty(), timeout=5)
        config = changed(proxy)
        config["listeners"][0]["routes"] = [{"match": {"method": "EmptyCall"}, "to": "app"}]
        assert "routes of 1 listener" in reload(proxy, config)
        stub.EmptyCall(Empty(), timeout=5)
        with pytest.raises(grpc.RpcError) as e:
            served_by(stub)
        assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED
        talk.say()
        assert talk.end() == grpc.StatusCode.OK
