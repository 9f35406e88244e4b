# SPDX-License-Identifier: Apache-2.0
"""Load for the tests that count lost calls."""
import asyncio
import collections
import contextlib
import json
import tempfile
import threading
import time

import grpc

import env
import h2raw
import protos

Result = collections.namedtuple("Result", "ok failed")
# (start, end, status, text) of a call that did not end well; times are time.monotonic()
Failure = collections.namedtuple("Failure", "start end status text")

ROUND_ROBIN = json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})


def run_calls(address, seconds, parallel, sleep_ms=0, during=None, **options):
    """grpcio unary calls, `parallel` at a time, each on one of a few channels, until the
    time is over. Client-side retries are off: a call that fails counts. during() runs in a
    thread meanwhile and may end the load early by returning."""
    options.setdefault("grpc__enable_retries", 0)
    ok, failed = [0], []
    stop = threading.Event()

    async def worker(stub, end):
        metadata = (("x-test-sleep-ms", str(sleep_ms)),) if sleep_ms else ()
        while time.monotonic() < end and not stop.is_set():
            start = time.monotonic()
            try:
                await stub.UnaryCall(protos.SimpleRequest(response_size=100), timeout=20 * env.SLOW,
                                     metadata=metadata)
                ok[0] += 1
            except grpc.aio.AioRpcError as e:
                failed.append(Failure(start, time.monotonic(), e.code(), e.details()))
                await asyncio.sleep(0.005)

    async def run():
        channels = [env.open_channel(address, aio=True, **options) for _ in range(4)]
        stubs = [protos.Stub(c) for c in channels]
        end = time.monotonic() + seconds
        await asyncio.gather(*[worker(stubs[i % 4], end) for i in range(parallel)])
        for channel in channels:
            await channel.close()

    fault = []

    def side():
        try:
            during()
        except BaseException as e:
            fault.append(e)
        finally:
            stop.set()
    thread = threading.Thread(target=side, daemon=True) if during else None
    if thread:
        thread.start()
    asyncio.run(run())
    if thread:
        thread.join(30 * env.SLOW)
    if fault:
        raise fault[0]
    return Result(ok[0], failed)


def time_calls(address, calls, parallel):
    """How long each of `calls` unary calls took, in ms; `parallel` at a time."""
    times = []

    async def worker(stub, numbers):
        for _ in numbers:
            start = time.monotonic()
            await stub.UnaryCall(protos.SimpleRequest(), timeout=30 * env.SLOW)
            times.append((time.monotonic() - start) * 1000)

    async def run():
        async with env.open_channel(address, aio=True) as channel:
            numbers = iter(range(calls))
            await asyncio.gather(*[worker(protos.Stub(channel), numbers)
                                   for _ in range(parallel)])
    asyncio.run(run())
    return times


@contextlib.contextmanager
def message_file(size=100):
    """A file with one gRPC message, as h2load -d wants it."""
    with tempfile.NamedTemporaryFile(prefix="outrigger-message-") as f:
        f.write(h2raw.make_message(b"x" * size))
        f.flush()
        yield f.name


def run_raw_calls(address, calls, parallel, path="/s/m"):
    """`calls` raw unary calls with x-n: 0, 1, …; `parallel` are always open, on one
    connection. A raw client repeats nothing by itself. The backend must echo the message."""
    ok, failed, open_calls = 0, [], {}
    numbers = iter(range(calls))
    with h2raw.Client(address) as client:
        def start():
            n = next(numbers, None)
            if n is not None:
                sid = client.start_call(path, extra=[("x-n", str(n))])
                client.send(h2raw.make_data(sid, h2raw.make_message(), end=True))
                open_calls[sid] = time.monotonic()
        for _ in range(parallel):
            start()
        while open_calls:
            def finished():
                return [s for s in open_calls if client.answers[s].ended
                        or client.answers[s].rst is not None]
            client.wait_for(finished, 15)
            done = finished()
            assert done, "the connection ended: %s" % (client.goaway,)
            for sid in done:
                got, began = client.answers.pop(sid), open_calls.pop(sid)
                if got.ended and got.status == 0:
                    ok += 1
                else:
                    failed.append(Failure(began, time.monotonic(), got.status,
                                          "%s rst=%s" % (got.get("grpc-message"), got.rst)))
                start()
    return Result(ok, failed)
