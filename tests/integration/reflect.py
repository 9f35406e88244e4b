# SPDX-License-Identifier: Apache-2.0
"""Questions to server reflection, with the public messages of Debian's grpc-proto: nothing of ours."""
import os
import subprocess
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import env
import protos


def load_public(name):
    """[request, response] of grpc.reflection.NAME."""
    pool = descriptor_pool.DescriptorPool()
    path = "grpc/reflection/%s/reflection.proto" % name
    with tempfile.TemporaryDirectory() as work:
        out = os.path.join(work, "set.pb")
        subprocess.run(["protoc", "-I" + protos.PROTO_ROOT, "--descriptor_set_out=" + out, path],
                       check=True)
        with open(out, "rb") as f:
            files = descriptor_pb2.FileDescriptorSet.FromString(f.read())
    for fd in files.file:
        pool.Add(fd)
    factory = message_factory.MessageFactory(pool)
    return [factory.GetPrototype(pool.FindMessageTypeByName("grpc.reflection.%s.%s" % (name, m)))
            for m in ("ServerReflectionRequest", "ServerReflectionResponse")]


def ask(channel, version, *questions):
    request, response = load_public(version)
    stub = channel.stream_stream(
        "/grpc.reflection.%s.ServerReflection/ServerReflectionInfo" % version,
        request_serializer=request.SerializeToString, response_deserializer=response.FromString)
    return list(stub(iter([request(**q) for q in questions]), timeout=10 * env.SLOW))
