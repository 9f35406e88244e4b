# SPDX-License-Identifier: Apache-2.0
"""maxBufferedBytes is a limit, also for windows that were given before it was reached."""
import contextlib
import time

import pytest

import env
import h2raw
import named

pytestmark = pytest.mark.proxy_only
MIB = 1024 * 1024
LIMIT, CLIENTS, CALLS = 4 * MIB, 30, 16    # each client may send 1 MiB at once: 16 windows
ONE_READ = 2 * 16 * 1024     # what a client may add that the worker reads once more


def stuck(conn):
    """A backend that lets nobody send a byte of a message."""
    h2raw.serve(conn, settings={4: 0})


def fill(address):
    """A client that sends all that it may, without waiting for anybody."""
    client = h2raw.Client(address, timeout=30)
    client.conn.sock.settimeout(0.3 * env.SLOW)
    try:
        for _ in range(CALLS):
            sid = client.start_call("/stuck.S/Put")
            client.conn.sock.sendall(h2raw.make_data(sid, h2raw.make_message(bytes(65000))))
    except TimeoutError:
        pass     # TCP stops it
    return client


def stays_empty(proxy):
    """No byte is held, for half a second: calls that end together make room for what TCP still has, so one 0 may be
    between two fillings."""
    end = time.monotonic() + 0.5 * env.SLOW
    while not proxy.metrics()["outrigger_buffered_bytes"]:
        if time.monotonic() > end:
            return True
        time.sleep(0.02)
    return False


def test_uploads_that_nobody_takes():
    routes = [{"match": {"service": "stuck.S"}, "to": "stuck"}, {"to": "app"}]
    with named.Named("app") as app, h2raw.RawBackend(stuck) as dead, contextlib.ExitStack() as all_, \
            env.Proxy({"app": [app.address], "stuck": [dead.address]}, routes, workers=1,
                      top={"limits": {"maxBufferedBytes": "4MiB"}}) as proxy:
        most = 0
        for _ in range(CLIENTS):
            all_.enter_context(fill(proxy.address))
            most = max(most, proxy.metrics()["outrigger_buffered_bytes"])
            assert named.ask(proxy.address, "/shop.Cart/Get", (), timeout=5).name == "app"
        assert LIMIT / 2 < most <= LIMIT + CLIENTS * ONE_READ
        assert proxy.metrics()["outrigger_reads_paused_total"] > 0
        # Nobody takes them: the calls end by themselves, and all is as before.
        env.wait_until(lambda: stays_empty(proxy), 40, "an empty proxy")
