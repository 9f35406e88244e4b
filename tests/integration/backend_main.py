# SPDX-License-Identifier: Apache-2.0
"""A grpc.testing.TestService server in a process of its own, so that it can be killed.

It prints one JSON object per line on stdout: {"ev": "listening", "address": …} first, then
what a call asked to have reported. Request metadata steers a call:
  x-test-id NAME           report start, end, cancel and progress of this call under NAME
  x-test-sleep-ms N        wait before the answer
  x-test-gate NAME         wait (before reading the request stream) until the gate is opened,
                           by a call of /outrigger.test.Control/Open with NAME as the message
  x-test-flood SIZE,COUNT  StreamingOutputCall sends COUNT messages of SIZE bytes
  x-test-early N           StreamingInputCall answers after N messages
  x-test-linger-ms N       wait after the end of the request stream
  x-test-fail CODE         end with this status; details from x-test-details-bin
  x-echo-i-…, x-echo-t-…   come back in the headers, or in the trailers
"""
import argparse
import asyncio
import contextlib
import json
import sys

import grpc
import grpc.aio

import protos
import servicers

CODES = {c.value[0]: c for c in grpc.StatusCode}
STATUS_TEXT = "test status message"


def report(**fields):
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def text(value):
    return value.decode("latin-1") if isinstance(value, bytes) else value


class Call:
    """What the metadata of one call asks for."""

    def __init__(self, service, context):
        self.service, self.context = service, context
        self.metadata = [(k, v) for k, v in context.invocation_metadata()]
        self.first = {}
        for key, value in self.metadata:
            self.first.setdefault(key, value)
        self.id = self.first.get("x-test-id")

    def report(self, ev, **fields):
        if self.id:
            report(ev=ev, id=self.id, **fields)

    async def begin(self):
        self.report("start", metadata=[[k, text(v)] for k, v in self.metadata],
                    left=self.context.time_remaining())
        first = [(k, v) for k, v in self.metadata
                 if k.startswith("x-echo-i-") or k == "x-grpc-test-echo-initial"]
        last = [(k, v) for k, v in self.metadata
                if k.startswith("x-echo-t-") or k == "x-grpc-test-echo-trailing-bin"]
        if "x-test-load-bin" in self.first:
            last.append(("endpoint-load-metrics-bin", self.first["x-test-load-bin"]))
        if last:
            self.context.set_trailing_metadata(tuple(last))
        if first or "x-test-flush" in self.first:
            await self.context.send_initial_metadata(tuple(first))
        if "x-test-sleep-ms" in self.first:
            await asyncio.sleep(int(self.first["x-test-sleep-ms"]) / 1000)
        await self.service.behave(self.context)
        if "x-test-gate" in self.first:
            await self.service.gate(self.first["x-test-gate"]).wait()
        if "x-test-fail" in self.first:
            trailing = [(k, v) for k, v in last]
            if "x-test-details-bin" in self.first:
                trailing.append(("grpc-status-details-bin", self.first["x-test-details-bin"]))
            await self.context.abort(CODES[int(self.first["x-test-fail"])],
                                     self.first.get("x-test-text", STATUS_TEXT),
                                     tuple(trailing))

    async def linger(self):
        """grpcio ends the request stream of a cancelled call a moment before it cancels the
        handler; a handler that ends in between would look as if nobody had cancelled."""
        await asyncio.sleep(int(self.first.get("x-test-linger-ms", 0)) / 1000)

    async def end_with(self, status):
        """abort() when the request asked for a status other than OK."""
        if status.code:
            await self.context.abort(CODES.get(status.code, grpc.StatusCode.UNKNOWN),
                                     status.message)


class TestService:
    def __init__(self, name, delay=0):
        self._name = name
        self._delay = delay
        self._gates = {}
        self.mode = ""    # of all calls: "", "fail CODE" or "stall"; see /Control/Behave

    async def behave(self, context):
        if self.mode == "stall":
            await asyncio.Event().wait()
        elif self.mode:
            await context.abort(CODES[int(self.mode.split()[1])], STATUS_TEXT)

    def gate(self, name):
        return self._gates.setdefault(name, asyncio.Event())

    @contextlib.asynccontextmanager
    async def call(self, context):
        call = Call(self, context)
        try:
            await asyncio.sleep(self._delay)
            await call.begin()
            yield call
        except asyncio.CancelledError:
            call.report("cancelled")
            raise
        except grpc.aio.AbortError:
            call.report("end")
            raise
        except BaseException as e:
            call.report("error", text=repr(e))
            raise
        else:
            call.report("end")

    async def EmptyCall(self, request, context):
        async with self.call(context):
            return protos.Empty()

    async def UnaryCall(self, request, context):
        async with self.call(context) as call:
            await call.end_with(request.response_status)
            return protos.SimpleResponse(
                payload=protos.payload_of(request.response_size),
                server_id=self._name if request.fill_server_id else "")

    async def StreamingOutputCall(self, request, context):
        async with self.call(context) as call:
            if "x-test-flood" in call.first:
                size, count = map(int, call.first["x-test-flood"].split(","))
                answer = protos.StreamingOutputCallResponse(payload=protos.payload_of(size))
                for n in range(count):
                    await context.write(answer)
                    call.report("progress", count=n + 1)
            for p in request.response_parameters:
                await asyncio.sleep(p.interval_us / 1e6)
                await context.write(protos.StreamingOutputCallResponse(
                    payload=protos.payload_of(p.size)))
            await call.end_with(request.response_status)

    async def StreamingInputCall(self, requests, context):
        async with self.call(context) as call:
            total, count, early = 0, 0, int(call.first.get("x-test-early", -1))
            if early != 0:
                async for request in requests:
                    total += len(request.payload.body)
                    count += 1
                    if count == early:
                        break
            await call.linger()
            return protos.StreamingInputCallResponse(aggregated_payload_size=total)

    async def FullDuplexCall(self, requests, context):
        async with self.call(context) as call:
            async for request in requests:
                await call.end_with(request.response_status)
                for p in request.response_parameters:
                    await asyncio.sleep(p.interval_us / 1e6)
                    await context.write(protos.StreamingOutputCallResponse(
                        payload=protos.payload_of(p.size)))
            await call.linger()


def control_handler(service):
    async def open_gate(request, context):
        service.gate(request.decode()).set()
        return b""

    async def behave(request, context):
        service.mode = request.decode()
        return b""
    return grpc.method_handlers_generic_handler("outrigger.test.Control", {
        "Open": grpc.unary_unary_rpc_method_handler(open_gate),
        "Behave": grpc.unary_unary_rpc_method_handler(behave)})


def load_handler():
    """The out-of-band load reports of the orca_oob case: one report a time, then wait."""
    async def stream(request, context):
        await context.write(request)
        await asyncio.sleep(0.05)
        await context.write(request + request)
    return grpc.method_handlers_generic_handler("xds.service.orca.v3.OpenRcaService", {
        "StreamCoreMetrics": grpc.unary_stream_rpc_method_handler(stream)})


def read(path):
    with open(path, "rb") as f:
        return f.read()


def add_port(server, address, tls):
    if not tls:
        return server.add_insecure_port(address)
    cert, key, *ca = tls.split(",")
    return server.add_secure_port(address, grpc.ssl_server_credentials(
        [(read(key), read(cert))], read(ca[0]) if ca else None, bool(ca)))


async def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--listen", required=True, action="append",
                    help="127.0.0.1:PORT or unix:PATH; several: one server each, named by it")
    ap.add_argument("--name")
    ap.add_argument("--delay-ms", type=float, default=0, help="of the first server's calls")
    ap.add_argument("--others-ms", type=float, default=0, help="of all other servers' calls")
    ap.add_argument("--health", default="", help="methods of the health service: watch,check")
    ap.add_argument("--tls", default="", help="CERT,KEY or CERT,KEY,CA (then clients need one)")
    ap.add_argument("--option", action="append", default=[], help="grpc option NAME=NUMBER")
    args = ap.parse_args()
    options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1),
               ("grpc.so_reuseport", 0)]
    for option in args.option:
        name, value = option.split("=")
        options.append((name, int(value)))
    servers = []
    for i, address in enumerate(args.listen):
        server = grpc.aio.server(options=options)
        service = TestService(args.name or address,
                              (args.others_ms if i else args.delay_ms) / 1000)
        server.add_generic_rpc_handlers((protos.service_handler(protos.TEST_SERVICE, service),
                                         control_handler(service), load_handler()))
        if args.health:
            server.add_generic_rpc_handlers(servicers.health_handlers(args.health.split(",")))
        if not add_port(server, address, args.tls):
            sys.exit("cannot listen on " + address)
        await server.start()
        servers.append(server)
    report(ev="listening", address=args.listen[0])
    # The parent keeps our stdin open: when it dies, however that happens, so do we.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
