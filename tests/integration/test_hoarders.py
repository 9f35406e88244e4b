# SPDX-License-Identifier: Apache-2.0
"""A client that reads nothing shares a backend connection with others: they must not wait for it for long."""
import time

import pytest

import env
import h2raw
import protos

pytestmark = pytest.mark.proxy_only
CALLS, BIG = 40, "16384,64"     # each answer is 1 MiB, of which the proxy takes 64 KiB
CAP = "1MiB"                    # on the backend connection: 16 such calls fill it
OPEN = 0x7fffffff


def unread_calls(address):
    """A client with open windows that asks for much and does not read its socket."""
    client = h2raw.Client(address, {4: OPEN}, OPEN - 65535, rcvbuf=4096)
    for _ in range(CALLS):
        sid = client.start_call("/grpc.testing.TestService/StreamingOutputCall",
                                extra=[("x-test-flood", BIG)])
        client.send(h2raw.make_data(sid, h2raw.make_message(b""), end=True))
    return client


def test_a_call_behind_a_client_that_does_not_read_ends_soon():
    with env.Backend() as backend, \
            env.Proxy([backend.address], workers=1,
                      pool={"connections": {"maxConnectionBuffer": CAP}}) as proxy, \
            env.open_channel(proxy.address) as channel:
        stub = protos.Stub(channel)
        stub.UnaryCall(protos.SimpleRequest(response_size=10), timeout=10 * env.SLOW)
        began = time.monotonic()
        waiting = stub.UnaryCall.future(protos.SimpleRequest(response_size=10), timeout=20 * env.SLOW,
                                        metadata=[("x-test-id", "waiting"), ("x-test-gate", "hoard")])
        backend.wait_event("waiting", "start")
        with unread_calls(proxy.address):
            env.wait_until(lambda: proxy.metrics()["outrigger_windows_held_back_total"] > 0, what="windows that are held back")
            backend.open_gate("hoard")
            assert len(waiting.result().payload.body) == 10
        assert time.monotonic() - began < 5 * env.SLOW
