# SPDX-License-Identifier: Apache-2.0
"""`filters` of listeners and routes: which filters a call goes through, and what a reload does. The
filter "requestId" shows it: its id is seen by the backend and by the client."""
import re

import pytest

import env
import protos
from protos import Empty
from reloads import changed, reload

pytestmark = pytest.mark.proxy_only

UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
FILTERS = ["requestId",
           {"type": "requestId", "name": "client", "header": "x-client-id", "trustClient": True,
            "echo": False}]
# The first route has settings of its own, the second switches a filter off, the last changes nothing.
ROUTES = [{"match": {"method": "UnaryCall"}, "to": "app",
           "filters": [{"type": "requestId", "trustClient": True}]},
          {"match": {"method": "FullDuplexCall"}, "to": "app",
           "filters": [{"type": "requestId", "off": True}]},
          {"to": "app"}]


@pytest.fixture(scope="module")
def proxy(backend):
    with env.Proxy([backend.address], routes=ROUTES, listener={"filters": FILTERS}) as p:
        yield p


def call(stub, backend, test_id, method="EmptyCall", **sent):
    """(ids that the backend got, ids that the client got); both by header."""
    metadata = [("x-test-id", test_id)] + [(k.replace("_", "-"), v) for k, v in sent.items()]
    if method == "FullDuplexCall":
        done = stub.FullDuplexCall(iter(()), metadata=metadata, timeout=10)
        assert list(done) == []
    else:
        request = Empty() if method == "EmptyCall" else protos.SimpleRequest()
        _, done = getattr(stub, method).with_call(request, metadata=metadata, timeout=10)
    got = backend.wait_event(test_id, "start")["metadata"]
    return ({n: [v for m, v in got if m == n] for n in ("x-request-id", "x-client-id")},
            dict(done.initial_metadata()))


def test_each_call_has_one_id_at_both_ends(proxy, backend):
    with proxy.open_channel() as channel:
        stub, seen = protos.Stub(channel), set()
        for i in range(3):
            up, down = call(stub, backend, "own-%d" % i, x_request_id="mine")
            assert len(up["x-request-id"]) == 1 and UUID.match(up["x-request-id"][0])
            assert down["x-request-id"] == up["x-request-id"][0]
            seen.update(up["x-request-id"])
        assert len(seen) == 3
        up, down = call(stub, backend, "own-kept", x_client_id="a:b/c")
        assert up["x-client-id"] == ["a:b/c"] and "x-client-id" not in down


def test_routes_change_settings_and_switch_off(proxy, backend):
    with proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        up, down = call(stub, backend, "route-own", "UnaryCall", x_request_id="mine")
        assert up["x-request-id"] == ["mine"] and down["x-request-id"] == "mine"
        assert UUID.match(up["x-client-id"][0])
        up, down = call(stub, backend, "route-bad", "UnaryCall", x_request_id="not an id")
        assert UUID.match(up["x-request-id"][0])
        up, down = call(stub, backend, "route-off", "FullDuplexCall", x_request_id="mine")
        assert up["x-request-id"] == ["mine"] and "x-request-id" not in down
        assert UUID.match(up["x-client-id"][0])


def test_a_reload_of_filters_keeps_connections(backend):
    with env.Proxy([backend.address]) as proxy, proxy.open_channel() as channel:
        stub = protos.Stub(channel)
        up, down = call(stub, backend, "reload-0")
        assert up["x-request-id"] == [] and "x-request-id" not in down
        accepted = proxy.gauge("outrigger_connections_accepted_total")
        assert accepted > 0
        for i, filters in enumerate((["requestId"], [{"type": "requestId", "echo": False}], [])):
            config = changed(proxy)
            config["listeners"][0]["filters"] = filters
            reload(proxy, config)
            up, down = call(stub, backend, "reload-%d" % (i + 1))
            assert len(up["x-request-id"]) == (1 if filters else 0)
            assert ("x-request-id" in down) == (i == 0)
        assert proxy.gauge("outrigger_connections_accepted_total") == accepted
        # What cannot be changes nothing.
        config["listeners"][0]["filters"] = ["requestId", "requestId"]
        assert "E0301" in reload(proxy, config, expect=422)
        assert call(stub, backend, "reload-last")[0]["x-request-id"] == []
