# SPDX-License-Identifier: Apache-2.0
"""Backends in this process that answer every method with their name and what they were sent;
grpc.health.v1 too. A call knows who served it."""
import concurrent.futures
import json
import urllib.parse

import grpc

import env
from protos import HealthCheckRequest, HealthCheckResponse


class Named(grpc.GenericRpcHandler):
    """answer(address, path, ...) below gives what it says. serving: its health; fails: so
    many of the next calls end with UNAVAILABLE."""

    def __init__(self, name, address=None, credentials=None):
        self.name, self.serving, self.calls, self.fails = name, True, 0, 0
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        self.server.add_generic_rpc_handlers((self,))
        self.address = address or env.free_address()
        port = (self.server.add_secure_port(self.address, credentials) if credentials
                else self.server.add_insecure_port(self.address))
        assert port, self.address
        self.server.start()

    def service(self, details):
        if details.method == "/grpc.health.v1.Health/Check":
            return grpc.unary_unary_rpc_method_handler(
                self._check, HealthCheckRequest.FromString,
                HealthCheckResponse.SerializeToString)
        if details.method.startswith("/grpc.health.v1."):
            return None      # no Watch: the proxy goes on with Check
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _check(self, request, context):
        return HealthCheckResponse(status=1 if self.serving else 2)

    def _answer(self, request, context):
        self.calls += 1
        if self.fails > 0:
            self.fails -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        context.set_trailing_metadata((("x-internal-cost", "7"),))
        return json.dumps({"name": self.name,
                           "left": context.time_remaining(),
                           "metadata": [[k, v if isinstance(v, str) else v.hex()] for k, v in
                                        context.invocation_metadata()]}).encode()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.server.stop(None).wait(5)


class Answer:
    """name: who answered, or None; code: of the status; sent: what the backend was sent."""

    def __init__(self, channel, method, metadata=(), timeout=10, body=b""):
        self.name, self.sent, self.code, self.text, self.left = None, {}, "OK", "", None
        try:
            raw, call = channel.unary_unary(method).with_call(body, metadata=metadata,
                                                              timeout=timeout)
        except grpc.RpcError as e:
            self.code, self.text = e.code().name, e.details()
            self.trailers = dict(e.trailing_metadata() or ())
            return
        told = json.loads(raw)
        self.name, self.left = told["name"], told["left"]
        self.trailers = dict(call.trailing_metadata() or ())
        for key, value in told["metadata"]:
            self.sent.setdefault(key, []).append(value)


def ask(address, method, metadata=(), host=None, credentials=None, **options):
    """One call on a connection of its own."""
    more = dict(env.CHANNEL_OPTIONS)
    if host:
        more["grpc.default_authority"] = host
    make = (lambda: grpc.secure_channel(address, credentials, list(more.items()))
            if credentials else grpc.insecure_channel(address, list(more.items())))
    with make() as channel:
        return Answer(channel, method, metadata, **options)


# --- explain-call ----------------------------------------------------------------------------


def explain(admin, method, metadata=(), host=None, **words):
    """What /explain-call.json says of such a call."""
    query = [("method", method)] + [("header", "%s=%s" % pair) for pair in metadata]
    query += [("authority", host)] if host else []
    query += list(words.items())
    url = "http://%s/explain-call.json?%s" % (admin, urllib.parse.urlencode(query))
    return json.loads(env.ask_patiently(url))


def check_agrees(told, answer, names):
    """What happened is what was told. names: {address: name of the backend}."""
    if not told["route"]:
        assert answer.code == "UNIMPLEMENTED" and "no route" in answer.text, (told, answer.text)
    elif told["answer"]:
        assert answer.code == told["answer"], (told, answer.code)
    else:
        may = {names[e["address"]] for p in told["pools"] for e in p["endpoints"] if e["mayGet"]}
        if may:
            assert answer.name in may, (told, answer.name, answer.code, answer.text)
        else:
            assert answer.code == "UNAVAILABLE", (told, answer.name, answer.code, answer.text)
