# SPDX-License-Identifier: Apache-2.0
"""Outside services that filters ask: an authorization service and a rate limit service, with answers of the test's choice, also such that no good service gives.

Messages are made from the proxy's own .proto files, which have the public field numbers."""
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import env

PROTO_FOLDER = os.path.abspath(os.path.join(env.HERE, "..", "..", "src", "grpc", "proto"))
FILES = ["details_part.proto", "authz_part.proto", "rls_part.proto"]


def _load():
    pool = descriptor_pool.DescriptorPool()
    with tempfile.TemporaryDirectory() as work:
        out = os.path.join(work, "set.pb")
        protoc = shutil.which("protoc")
        cmd = [protoc] if protoc else [sys.executable, "-m", "grpc_tools.protoc"]
        subprocess.run(cmd + ["-I" + PROTO_FOLDER, "--descriptor_set_out=" + out] + FILES, check=True)
        with open(out, "rb") as f:
            found = descriptor_pb2.FileDescriptorSet.FromString(f.read())
    for file in found.file:
        pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return lambda name: factory.GetPrototype(pool.FindMessageTypeByName("outrigger." + name))


message = _load()
CheckRequest = message("authz_part.Request")
CheckResponse = message("authz_part.Response")
RateLimitRequest = message("rls_part.Request")
RateLimitResponse = message("rls_part.Response")
Status = message("details_part.Status")
Any = message("details_part.Any")
ErrorInfo = message("details_part.ErrorInfo")


class Service(grpc.GenericRpcHandler):
    """One method. answer(request message, context) gives a message or bytes; it can be replaced at any time."""

    def __init__(self, path, request, answer, listen=None):
        self.path, self.request, self.answer = path, request, answer
        self.asked = []             # all requests, in order
        self.address = listen or env.free_address()
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
        self._server.add_generic_rpc_handlers((self,))
        assert self._server.add_insecure_port(self.address)
        self._server.start()

    def service(self, details):
        if details.method != self.path:
            return None
        return grpc.unary_unary_rpc_method_handler(
            self._serve, request_deserializer=self.request.FromString,
            response_serializer=lambda m: m if isinstance(m, bytes) else m.SerializeToString())

    def _serve(self, request, context):
        self.asked.append(request)
        return self.answer(request, context)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._server.stop(0).wait()


def authz(answer=None, **keys):
    return Service("/envoy.service.auth.v3.Authorization/Check", CheckRequest,
                   answer or (lambda request, context: allowed()), **keys)


def rls(answer, **keys):
    return Service("/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit", RateLimitRequest,
                   answer, **keys)


def headers_of(request):
    """The headers in a CheckRequest; each name comes once."""
    pairs = [(p.key, p.value) for p in request.attributes.request.http.headers]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def _add(options, headers):
    for name, value in (headers or {}).items():
        option = options.add()
        option.header.key, option.header.value = name, value


def allowed(headers=None, remove=(), response=None):
    m = CheckResponse()
    m.status.code = 0
    _add(m.ok_response.headers, headers)
    m.ok_response.headers_to_remove.extend(remove)
    _add(m.ok_response.response_headers_to_add, response)
    return m


def denied(code=7, http=0, body="", headers=None, details=()):
    m = CheckResponse()
    m.status.code = code
    m.status.details.extend(details)
    if http:
        m.denied_response.status.code = http
    m.denied_response.body = body
    _add(m.denied_response.headers, headers)
    return m


def error_info(reason):
    info = ErrorInfo(reason=reason).SerializeToString()
    return Any(type_url="type.googleapis.com/google.rpc.ErrorInfo",
               value=info).SerializeToString()


def status_of(error):
    """The google.rpc.Status in the trailers of an RpcError; None: there is none."""
    for name, value in error.trailing_metadata():
        if name == "grpc-status-details-bin":
            return Status.FromString(value)
    return None


def reasons(status):
    """ErrorInfo.reason of all its details."""
    out = []
    for raw in status.details:
        any_ = Any.FromString(raw)
        if any_.type_url.endswith("/google.rpc.ErrorInfo"):
            out.append(ErrorInfo.FromString(any_.value).reason)
    return out
