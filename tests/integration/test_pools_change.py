# SPDX-License-Identifier: Apache-2.0
"""Pools that change while calls run, routes to labels, limits: through the whole program."""
import json
import os
import random
import re
import signal
import threading
import time

import grpc
import pytest

import env
import h2raw
import load
import protos
from protos import ResponseParameters, SimpleRequest, StreamingOutputCallRequest

pytestmark = pytest.mark.proxy_only

FLIPS = 1000


@pytest.fixture
def backends():
    made = [env.Backend(name=str(i)) for i in range(3)]
    yield made
    for b in made:
        b.kill()


def write_endpoints(path, endpoints):
    """As a good writer does: the file is always whole."""
    with open(path + ".new", "w") as f:
        json.dump({"endpoints": endpoints}, f)
    os.rename(path + ".new", path)


def served_by(stub, **kw):
    request = SimpleRequest(fill_server_id=True)
    return stub.UnaryCall(request, timeout=5 * env.SLOW, **kw).server_id


def list_versions(proxy):
    return [int(m.group(1)) for m in
            (re.search(r"endpoints of a pool .*version=(\d+)", line) for line in proxy.lines())
            if m]


def test_a_list_that_comes_with_the_end_is_nobodys(tmp_path):
    """The drain is over in the same turn of the main thread in which it reads the file again: the workers have ended when the list is made."""
    path = str(tmp_path / "endpoints.json")

    def write(weight):
        write_endpoints(path, [{"target": raw.address, "weight": weight}])
    with h2raw.RawBackend(h2raw.serve) as raw:
        write(1)
        with env.Proxy(["file://" + path], workers=2, top={"drain": {"delay": "0s", "timeout": "2s"}}) as proxy, \
                h2raw.Client(proxy.address) as client:
            client.start_call("/s/m")
            client.ping()
            proxy.terminate()
            proxy.wait_line(lambda line: "draining: GOAWAY" in line, "err")
            begun, known = time.monotonic(), len(list_versions(proxy))
            write(2)
            env.wait_until(lambda: len(list_versions(proxy)) > known, what="the first change")
            write(3)    # used half a second after the first
            time.sleep(0.1)
            proxy.proc.send_signal(signal.SIGSTOP)
            time.sleep(max(begun + 2.5 - time.monotonic(), 0.6))    # both times pass
            proxy.proc.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("workers,seconds", [(1, 4), (2, 14)])
def test_a_file_that_flips_loses_no_call(backends, tmp_path, workers, seconds):
    """1,000 different lists in a row under 500 calls a second, on two workers; fewer on one."""
    path = str(tmp_path / "endpoints.json")
    addresses = [b.address for b in backends]
    write_endpoints(path, [{"target": a} for a in addresses])
    stop = threading.Event()
    flips = [0]

    def flip():
        rng = random.Random(7)
        while not stop.is_set() and flips[0] < FLIPS:
            chosen = rng.sample(addresses, rng.randint(1, 3))
            write_endpoints(path, [{"target": a, "weight": 1 + flips[0] % 5} for a in chosen])
            flips[0] += 1
            time.sleep(0.01)

    with env.Proxy(["file://" + path], workers=workers) as proxy:
        thread = threading.Thread(target=flip)
        thread.start()
        try:
            result = load.run_calls(proxy.address, seconds=seconds, parallel=20, sleep_ms=35)
        finally:
            stop.set()
            thread.join()
        versions = list_versions(proxy)
    print("%d flips, %d lists applied, %d calls" % (flips[0], len(versions), result.ok))
    assert result.failed == []
    # Enough of all to say something; how much of it a machine does is not the proxy's. Two lists a second are usual.
    assert result.ok > 80 * seconds / env.SLOW
    assert flips[0] > FLIPS / 100 * seconds / env.SLOW
    assert len(versions) > 0.5 * seconds


def test_a_stream_outlives_its_endpoint_in_the_list(backends, tmp_path):
    path = str(tmp_path / "endpoints.json")
    write_endpoints(path, [{"target": backends[0].address}])
    with env.Proxy(["file://" + path]) as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        ask = StreamingOutputCallRequest(response_parameters=[ResponseParameters(size=10)])
        go = threading.Semaphore(0)

        def requests():
            for _ in range(3):
                go.acquire()
                yield ask
        call = stub.FullDuplexCall(requests(), timeout=20 * env.SLOW)
        go.release()
        assert len(next(call).payload.body) == 10
        write_endpoints(path, [{"target": backends[1].address}])
        env.wait_until(lambda: served_by(stub) == "1", what="the new endpoint")
        for _ in range(2):
            go.release()
            assert len(next(call).payload.body) == 10
        assert list(call) == []
        assert call.code() == grpc.StatusCode.OK


def test_a_stream_on_a_removed_endpoint_ends_after_drain_on_remove(backends, tmp_path):
    path = str(tmp_path / "endpoints.json")
    write_endpoints(path, [{"target": backends[0].address}])
    with env.Proxy(["file://" + path], pool={"drainOnRemove": "500ms"}) as proxy, \
            proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        ask = StreamingOutputCallRequest(response_parameters=[ResponseParameters(size=10)])
        held = threading.Event()

        def requests():
            yield ask
            held.wait(20 * env.SLOW)
        call = stub.FullDuplexCall(requests(), timeout=20 * env.SLOW)
        next(call)
        write_endpoints(path, [{"target": backends[1].address}])
        with pytest.raises(grpc.RpcError) as e:
            next(call)
        held.set()
        assert e.value.code() == grpc.StatusCode.UNAVAILABLE
        assert "drainOnRemove" in e.value.details()


def test_a_broken_file_keeps_the_endpoints(backends, tmp_path):
    path = str(tmp_path / "endpoints.json")
    write_endpoints(path, [{"target": backends[0].address}])
    with env.Proxy(["file://" + path]) as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        assert served_by(stub) == "0"
        for text in ("{ \"endpoints\": [", "", "{ \"endpoints\": [] }"):
            with open(path, "w") as f:
                f.write(text)
            time.sleep(0.3)
            assert served_by(stub) == "0"
        os.unlink(path)
        time.sleep(0.3)
        assert served_by(stub) == "0"
        proxy.wait_line(lambda line: "known before are kept" in line, "err")


def labelled(backends):
    return [{"target": backends[0].address, "labels": {"version": "v1"}},
            {"target": backends[1].address, "labels": {"version": "v2"}},
            {"target": backends[2].address, "labels": {"version": "v1"}}]


def test_routes_choose_endpoints_by_label(backends):
    routes = [{"match": {"method": "UnaryCall"}, "to": {"pool": "app", "subset": {"version": "v2"}}},
              {"match": {"method": "EmptyCall"}, "to": {"pool": "app", "subset": {"version": "v3"}}},
              {"to": "app"}]
    with env.Proxy(labelled(backends), routes=routes) as proxy, \
            proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        assert {served_by(stub) for _ in range(30)} == {"1"}
        with pytest.raises(grpc.RpcError) as e:
            stub.EmptyCall(protos.Empty(), timeout=5 * env.SLOW)
    assert e.value.code() == grpc.StatusCode.UNAVAILABLE
    assert e.value.details() == \
        "pool app: no endpoint has version=v3; known: version=v1 (2), version=v2 (1)"


def test_priorities_fail_over(backends):
    ends = [{"target": backends[0].address},
            {"target": backends[1].address, "priority": 1}]
    with env.Proxy(ends) as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        assert {served_by(stub) for _ in range(20)} == {"0"}
        backends[0].kill()

        def moved():
            try:
                return served_by(stub) == "1"
            except grpc.RpcError:
                return False  # what was under way when it died
        env.wait_until(moved, what="the other priority")
        assert {served_by(stub) for _ in range(20)} == {"1"}


def test_the_limit_of_concurrent_requests_is_one_for_all_workers(backends):
    ask = StreamingOutputCallRequest(response_parameters=[ResponseParameters(size=10)])
    held = threading.Event()

    def requests():
        yield ask
        held.wait(30 * env.SLOW)
    with env.Proxy([b.address for b in backends], workers=2,
                   pool={"limits": {"maxConcurrentRequests": 7}}) as proxy:
        channels = [proxy.open_channel(**{"grpc.use_local_subchannel_pool": 1}) for _ in range(4)]
        try:
            calls = [protos.Stub(channels[i % 4]).FullDuplexCall(requests(), timeout=30 * env.SLOW)
                     for i in range(7)]
            for call in calls:
                next(call)
            for channel in channels:
                with pytest.raises(grpc.RpcError) as e:
                    served_by(protos.Stub(channel))
                assert e.value.code() == grpc.StatusCode.UNAVAILABLE
                assert e.value.details() == \
                    "pool app: limits.maxConcurrentRequests (7) reached"
            assert proxy.metrics()['outrigger_pool_limit_total{limit="maxConcurrentRequests"}'] == 4
            held.set()
            for call in calls:
                assert list(call) == []
            assert served_by(protos.Stub(channels[0]))
        finally:
            held.set()
            for channel in channels:
                channel.close()


def test_connections_with_a_request_limit_lose_no_call(backends):
    with env.Proxy([b.address for b in backends], workers=2,
                   pool={"connections": {"maxRequestsPerConnection": 50,
                                         "maxConnectionAge": "500ms"}}) as proxy:
        result = load.run_calls(proxy.address, seconds=4, parallel=20, sleep_ms=5)
        connects = proxy.gauge("outrigger_upstream_connects_total")
    assert result.failed == []
    assert result.ok > 300 / env.SLOW
    assert connects > result.ok / 100    # at most 50 each
