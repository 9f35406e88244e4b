# SPDX-License-Identifier: Apache-2.0
"""Messages, stubs and service handlers made from the public .proto files at run time.

The files come from Debian's grpc-proto package. Generated modules would land in a package
called grpc.testing, which cannot live beside the grpc library, so everything is built from
descriptors instead.
"""
import os
import shutil
import subprocess
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTO_ROOT = os.environ.get("GRPC_PROTO_ROOT", "/usr/share/grpc-proto")
FILES = ["grpc/testing/test.proto", "grpc/testing/messages.proto",
         "grpc/testing/empty.proto", "grpc/health/v1/health.proto"]
TEST_SERVICE = "grpc.testing.TestService"

_pool = descriptor_pool.DescriptorPool()
_factory = message_factory.MessageFactory(_pool)
_services = {}


def _load_files():
    with tempfile.TemporaryDirectory() as work:
        out = os.path.join(work, "set.pb")
        protoc = shutil.which("protoc")
        cmd = [protoc] if protoc else [sys.executable, "-m", "grpc_tools.protoc"]
        subprocess.run(cmd + ["-I" + PROTO_ROOT, "--include_imports",
                              "--descriptor_set_out=" + out] + FILES, check=True)
        with open(out, "rb") as f:
            fds = descriptor_pb2.FileDescriptorSet.FromString(f.read())
    for fd in fds.file:
        _pool.Add(fd)
        for service in fd.service:
            _services[fd.package + "." + service.name] = list(service.method)


_load_files()


def message(name):
    """The class of one message, by its full name."""
    return _factory.GetPrototype(_pool.FindMessageTypeByName(name))


Empty = message("grpc.testing.Empty")
Payload = message("grpc.testing.Payload")
EchoStatus = message("grpc.testing.EchoStatus")
BoolValue = message("grpc.testing.BoolValue")
SimpleRequest = message("grpc.testing.SimpleRequest")
SimpleResponse = message("grpc.testing.SimpleResponse")
ResponseParameters = message("grpc.testing.ResponseParameters")
StreamingInputCallRequest = message("grpc.testing.StreamingInputCallRequest")
StreamingInputCallResponse = message("grpc.testing.StreamingInputCallResponse")
StreamingOutputCallRequest = message("grpc.testing.StreamingOutputCallRequest")
StreamingOutputCallResponse = message("grpc.testing.StreamingOutputCallResponse")
HealthCheckRequest = message("grpc.health.v1.HealthCheckRequest")
HealthCheckResponse = message("grpc.health.v1.HealthCheckResponse")

_KINDS = {(False, False): "unary_unary", (False, True): "unary_stream",
          (True, False): "stream_unary", (True, True): "stream_stream"}


def _methods(service):
    for m in _services[service]:
        yield (m.name, _KINDS[(m.client_streaming, m.server_streaming)],
               message(m.input_type.lstrip(".")), message(m.output_type.lstrip(".")))


class Stub:
    """One attribute per method of `service`, on a sync or an asyncio channel."""

    def __init__(self, channel, service=TEST_SERVICE):
        for name, kind, request, response in _methods(service):
            make = getattr(channel, kind)
            setattr(self, name, make("/%s/%s" % (service, name),
                                     request_serializer=request.SerializeToString,
                                     response_deserializer=response.FromString))


def service_handler(service, servicer):
    """A generic handler for the methods that `servicer` has; the rest is UNIMPLEMENTED."""
    handlers = {}
    for name, kind, request, response in _methods(service):
        if hasattr(servicer, name):
            make = getattr(grpc, kind + "_rpc_method_handler")
            handlers[name] = make(getattr(servicer, name),
                                  request_deserializer=request.FromString,
                                  response_serializer=response.SerializeToString)
    return grpc.method_handlers_generic_handler(service, handlers)


def payload_of(size):
    """A payload of `size` zero bytes, as the interop cases use it."""
    return Payload(body=bytes(size))
