# SPDX-License-Identifier: Apache-2.0
"""A client of grpc.channelz.v1, made from Debian's public channelz.proto: nothing of ours is in it."""
import contextlib
import os
import subprocess
import tempfile
import time

import grpc
from google.protobuf import (any_pb2, descriptor_pb2, descriptor_pool, duration_pb2,
                             message_factory, timestamp_pb2, wrappers_pb2)

import env
import protos

STATES = ["UNKNOWN", "IDLE", "CONNECTING", "READY", "TRANSIENT_FAILURE", "SHUTDOWN"]
SERVICE = "grpc.channelz.v1.Channelz"


def _load():
    """protoc does not come with its well-known types in Debian; python's protobuf has them."""
    known = descriptor_pb2.FileDescriptorSet()
    for module in (any_pb2, duration_pb2, timestamp_pb2, wrappers_pb2):
        module.DESCRIPTOR.CopyToProto(known.file.add())
    with tempfile.TemporaryDirectory() as work:
        types, out = os.path.join(work, "known.pb"), os.path.join(work, "set.pb")
        with open(types, "wb") as f:
            f.write(known.SerializeToString())
        subprocess.run(["protoc", "-I" + protos.PROTO_ROOT, "--descriptor_set_in=" + types,
                        "--include_imports", "--descriptor_set_out=" + out,
                        "grpc/channelz/v1/channelz.proto"], check=True)
        with open(out, "rb") as f:
            return descriptor_pb2.FileDescriptorSet.FromString(f.read())


_pool = descriptor_pool.DescriptorPool()
for _file in _load().file:
    _pool.Add(_file)
_factory = message_factory.MessageFactory(_pool)


def message(name):
    return _factory.GetPrototype(_pool.FindMessageTypeByName("grpc.channelz.v1." + name))


class Client:
    """ask("GetChannel", channel_id=3), and walks over all pages."""

    def __init__(self, channel):
        self._channel = channel

    def ask(self, method, timeout=10, patient=True, **fields):
        """patient: a worker that has no time on a busy machine is asked again, and so is an admin port that was asked for too much."""
        request = message(method + "Request")
        call = self._channel.unary_unary(
            "/%s/%s" % (SERVICE, method), request_serializer=request.SerializeToString,
            response_deserializer=message(method + "Response").FromString)
        for left in range(20 if patient else 0, -1, -1):
            try:
                return call(request(**fields), timeout=timeout)
            except grpc.RpcError as e:
                if left and e.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and "asked for too much" in e.details():
                    time.sleep(0.2)
                elif left == 0 or e.code() != grpc.StatusCode.UNAVAILABLE or \
                        "did not answer" not in e.details():
                    raise

    def _pages(self, method, items, start, id_of, page, **fields):
        out = []
        while True:
            answer = self.ask(method, max_results=page, **fields,
                              **{start: id_of(out[-1]) + 1 if out else 0})
            got = list(getattr(answer, items))
            assert len(got) <= (page or 100)
            out += got
            if answer.end:
                return out
            assert got, "a page without anything, and not the last"

    def channels(self, page=0):
        return self._pages("GetTopChannels", "channel", "start_channel_id",
                           lambda c: c.ref.channel_id, page)

    def servers(self, page=0):
        return self._pages("GetServers", "server", "start_server_id",
                           lambda s: s.ref.server_id, page)

    def server_sockets(self, server_id, page=0):
        return self._pages("GetServerSockets", "socket_ref", "start_socket_id",
                           lambda r: r.socket_id, page, server_id=server_id)

    def channel(self, name="app"):
        return next(c for c in self.channels() if c.ref.name == name)

    def subchannel(self, ref):
        return self.ask("GetSubchannel", subchannel_id=ref.subchannel_id).subchannel

    def subchannels(self, channel):
        return {s.ref.name: s for s in map(self.subchannel, channel.subchannel_ref)}

    def socket(self, ref, **fields):
        return self.ask("GetSocket", socket_id=ref.socket_id, **fields).socket


@contextlib.contextmanager
def client(address):
    with env.open_channel(address) as channel:
        yield Client(channel)


def state(thing):
    return STATES[thing.data.state.state]
