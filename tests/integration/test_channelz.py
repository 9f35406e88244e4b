# SPDX-License-Identifier: Apache-2.0
"""channelz over the admin port, read with the public messages: pools as channels, endpoints as subchannels, listeners as servers, connections as sockets."""
import contextlib
import copy
import json
import os
import socket
import threading

import grpc
import pytest
from cryptography import x509

import certs
import channelz
import env
import protos
import reloads
from test_service_manager import StuckThread, last_thread

pytestmark = pytest.mark.proxy_only
EMPTY = protos.SimpleRequest()


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return certs.Authority(str(tmp_path_factory.mktemp("channelz")))


def call(address, n=1, fail=0, credentials=None):
    """n calls that end with OK and `fail` that do not, on one connection that is closed again."""
    with env.open_channel(address, credentials=credentials) as ch:
        talk(ch, n, fail)


def talk(ch, n=1, fail=0):
    stub = protos.Stub(ch)
    for _ in range(n):
        stub.UnaryCall(EMPTY, timeout=10)
    for _ in range(fail):
        with pytest.raises(grpc.RpcError) as e:
            stub.UnaryCall(protos.SimpleRequest(response_status=protos.EchoStatus(
                code=grpc.StatusCode.UNAVAILABLE.value[0], message="no")), timeout=10)
        assert e.value.code() == grpc.StatusCode.UNAVAILABLE


def code_of(z, method, patient=True, **fields):
    with pytest.raises(grpc.RpcError) as e:
        z.ask(method, patient=patient, **fields)
    return e.value.code(), e.value.details()


def adds_up(data):
    return data.calls_started, data.calls_succeeded, data.calls_failed


def test_from_channels_to_sockets():
    with env.Backend(name="a") as a, env.Backend(name="b") as b, \
            env.Proxy([a.address, b.address], pool={"balance": "round_robin"},
                      workers=2) as p, channelz.client(p.admin) as z, p.open_channel() as ch:
        idle = z.channel()
        assert channelz.state(idle) == "IDLE" and adds_up(idle.data) == (0, 0, 0)
        talk(ch, 1)
        env.wait_until(lambda: all(channelz.state(s) == "READY" for s in z.subchannels(z.channel()).values()),
                       what="both connections")
        talk(ch, 19, 4)
        channel = env.wait_until(lambda: [c for c in [z.channel()]
                                          if adds_up(c.data) == (24, 20, 4)], 10, "24 calls")[0]
        assert channelz.state(channel) == "READY"
        assert channel.ref.channel_id == idle.ref.channel_id
        assert channel.data.target == a.address + "," + b.address
        assert channel.data.trace.creation_timestamp.seconds <= \
            channel.data.last_call_started_timestamp.seconds
        subs = z.subchannels(channel)
        assert set(subs) == {a.address, b.address}
        assert tuple(map(sum, zip(*(adds_up(s.data) for s in subs.values())))) == (24, 20, 4)
        for name, sub in subs.items():
            assert channelz.state(sub) == "READY" and sub.data.target == name
            assert len(sub.socket_ref) == 1
            s = z.socket(sub.socket_ref[0])
            # Each call was one stream here; who said UNAVAILABLE ended it properly.
            assert (s.data.streams_started, s.data.streams_failed) == (
                sub.data.calls_started, 0)
            assert s.remote.tcpip_address.port == int(name.rsplit(":")[1])
            assert s.remote.tcpip_address.ip_address == bytes([127, 0, 0, 1])
            assert 0 < s.data.remote_flow_control_window.value < 2 ** 31
            assert s.data.option[0].name == "TCP_INFO"
            info = channelz.message("SocketOptionTcpInfo")()
            assert s.data.option[0].additional.Unpack(info)
            assert info.tcpi_state == 1 and info.tcpi_snd_cwnd > 0     # ESTABLISHED
            assert not s.HasField("security")
            # What grpcdebug takes for granted; empty where nothing is known.
            for field in ("local_stream_created", "remote_stream_created", "message_sent",
                          "message_received"):
                assert s.data.HasField("last_%s_timestamp" % field)
            assert s.data.HasField("local_flow_control_window") and s.HasField("local")
            assert sub.data.trace.HasField("creation_timestamp")
            assert not z.socket(sub.socket_ref[0], summary=True).data.option


def test_from_servers_to_sockets():
    with env.Backend() as a, env.Proxy([a.address], workers=2) as p, \
            channelz.client(p.admin) as z, contextlib.ExitStack() as stack:
        call(p.address, 5, 2)      # of a connection that is gone
        for i in range(6):
            talk(stack.enter_context(p.open_channel()), i + 1)
        server = env.wait_until(lambda: [s for s in z.servers()
                                         if adds_up(s.data) == (28, 26, 2)], 10, "28 calls")[0]
        assert server.ref.name == "in"
        assert adds_up(z.ask("GetServer", server_id=server.ref.server_id).server.data) == (
            28, 26, 2)
        refs = env.wait_until(lambda: [r for r in [z.server_sockets(server.ref.server_id)]
                                       if len(r) == 6], 10, "six connections")[0]
        sockets = [z.socket(r) for r in refs]
        assert sorted(s.data.streams_succeeded for s in sockets) == [1, 2, 3, 4, 5, 6]
        for s, r in zip(sockets, refs):
            assert s.local.tcpip_address.port == int(p.address.rsplit(":")[1])
            assert r.name == "127.0.0.1:%d" % s.remote.tcpip_address.port
        # All pages together are the whole list, in order, and the same each time.
        for page in (1, 2, 5, 6, 1000):
            assert z.server_sockets(server.ref.server_id, page) == refs
        ids = [r.socket_id for r in refs]
        assert ids == sorted(set(ids))
        listen = z.socket(server.listen_socket[0])
        assert listen.local.tcpip_address.port == int(p.address.rsplit(":")[1])


def test_a_killed_backend():
    with env.Backend() as a, env.Backend() as b, \
            env.Proxy([a.address, b.address]) as p, channelz.client(p.admin) as z, \
            p.open_channel() as ch:
        talk(ch, 4)
        ids = {r.name: r.subchannel_id for r in z.channel().subchannel_ref}
        b.kill()

        def failed():
            with contextlib.suppress(grpc.RpcError):
                talk(ch)
            sub = z.subchannels(z.channel())[b.address]
            return sub if channelz.state(sub) == "TRANSIENT_FAILURE" and any(
                "refused" in e.description for e in sub.data.trace.events) else None
        sub = env.wait_until(failed, 10, "TRANSIENT_FAILURE, since it refuses")
        assert not sub.socket_ref and sub.data.trace.events[0].timestamp.seconds > 0
        channel = z.channel()
        assert channelz.state(channel) == "READY"      # the other one serves
        assert {r.name: r.subchannel_id for r in channel.subchannel_ref} == ids
        with env.Backend(listen=b.address):
            env.wait_until(lambda: talk(ch) or channelz.state(
                z.subchannels(z.channel())[b.address]) == "READY", 15, "READY again")


def test_an_endpoint_that_an_operator_took_out():
    with env.Backend() as a, env.Proxy([a.address]) as p, channelz.client(p.admin) as z:
        call(p.address)
        reloads.ask(p, path="/endpoint?do=disable&pool=app&address=" + a.address)
        sub = z.subchannels(z.channel())[a.address]
        assert channelz.state(sub) == "TRANSIENT_FAILURE"
        assert "operator" in sub.data.trace.events[0].description


def test_ids_stay_through_a_reload_and_never_come_again():
    with env.Backend() as a, env.Backend() as b, \
            env.Proxy({"one": [a.address], "two": [b.address]}) as p, \
            channelz.client(p.admin) as z:
        before = {c.ref.name: c for c in z.channels()}
        call(p.address, 3)
        # The process looks once a second what endpoints did; it remembers that of those that go.
        env.wait_until(lambda: sum(json.loads(reloads.ask(p, "GET", "/stats.json")[1])["pools"][0]["line"]) >= 3,
                       10, "all calls in /stats.json")
        config = copy.deepcopy(p.config)
        config["pools"][0]["endpoints"] = [b.address]
        config["pools"][1]["name"] = "three"
        reloads.reload(p, config)
        after = {c.ref.name: c for c in z.channels()}
        assert set(after) == {"one", "three"}
        assert after["one"].ref == before["one"].ref
        # What the endpoint that went had done is not forgotten.
        env.wait_until(lambda: z.channel("one").data.calls_started == 3, 5, "the old calls")
        gone = [before["two"].ref.channel_id, before["one"].subchannel_ref[0].subchannel_id]
        new = [after["three"].ref.channel_id, after["one"].subchannel_ref[0].subchannel_id]
        assert min(new) > min(gone) and not set(new) & set(gone)
        code, text = code_of(z, "GetChannel", channel_id=gone[0])
        assert code == grpc.StatusCode.NOT_FOUND and "never used again" in text
        assert code_of(z, "GetSubchannel", subchannel_id=gone[1])[0] == grpc.StatusCode.NOT_FOUND
        ids = [c.ref.channel_id for c in z.channels(page=1)]
        assert ids == sorted(ids) and len(ids) == 2


def test_tls_on_both_sides(ca):
    server, client = ca.issue("localhost"), ca.issue("client.test", purposes=("client",))
    behind = ca.issue("localhost", name="behind")
    with env.Backend(more=["--tls", behind.cert + "," + behind.key]) as b, \
            env.Proxy(["localhost:" + b.address.rsplit(":")[1]], pool={"tls": {
                "ca": ca.file, "serverName": "localhost"}}, listener={"tls": dict(
                    server.conf(), clientCa=ca.file)}) as p, channelz.client(p.admin) as z, \
            env.open_channel("localhost:" + p.address.rsplit(":")[1],
                             credentials=ca.credentials(client)) as ch:
        talk(ch)
        server_id = z.servers()[0].ref.server_id
        down = z.socket(z.server_sockets(server_id)[0])
        sub = next(iter(z.subchannels(z.channel()).values()))
        up = z.socket(sub.socket_ref[0])
        for s, ours, theirs in ((down, server, client), (up, None, behind)):
            assert s.security.tls.standard_name.startswith("TLS_")
            assert not s.security.tls.other_name
            shown = s.security.tls.local_certificate
            assert (x509.load_der_x509_certificate(shown) == ours.x509) if ours else not shown
            assert x509.load_der_x509_certificate(
                s.security.tls.remote_certificate) == theirs.x509
        assert down.remote_name == "client.test"
        assert b"PRIVATE" not in down.SerializeToString()
        assert not z.socket(z.server_sockets(server_id)[0],
                            summary=True).security.tls.remote_certificate


def test_resets_are_failed_streams():
    with env.Backend() as a, env.Proxy([a.address]) as p, channelz.client(p.admin) as z, \
            p.open_channel() as ch:
        talk(ch, 2)
        stream = protos.Stub(ch).FullDuplexCall(iter(lambda: None, 1), timeout=10)
        server = z.servers()[0].ref.server_id
        ref = z.server_sockets(server)[0]
        stream.cancel()
        env.wait_until(lambda: z.socket(ref).data.streams_failed == 1, 10, "a failed stream")
        d = z.socket(ref).data
        assert (d.streams_started, d.streams_succeeded) == (3, 2)
        env.wait_until(lambda: adds_up(z.servers()[0].data) == (3, 2, 1), 10, "a failed call")


def test_what_cannot_be_answered():
    with env.Backend() as a, env.Proxy([a.address]) as p, channelz.client(p.admin) as z:
        channel, server = z.channel(), z.servers()[0]
        bad, missing = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
        for method, fields in (("GetTopChannels", {"start_channel_id": -1}),
                               ("GetTopChannels", {"max_results": -1}),
                               ("GetServers", {"start_server_id": -(2 ** 63)}),
                               ("GetServerSockets", {"server_id": server.ref.server_id,
                                                     "start_socket_id": -5}),
                               ("GetServer", {}), ("GetChannel", {"channel_id": -7}),
                               ("GetSubchannel", {}), ("GetSocket", {"socket_id": 0})):
            code, text = code_of(z, method, **fields)
            assert code == bad and len(text) > 20, (method, fields, text)
        for method, fields in (("GetChannel", {"channel_id": 2 ** 62}),
                               ("GetServer", {"server_id": 2 ** 63 - 2}),
                               ("GetServerSockets", {"server_id": 2 ** 62 + 2}),
                               ("GetSubchannel", {"subchannel_id": 2 ** 62 + 1}),
                               ("GetSocket", {"socket_id": 2 ** 63 - 1}),
                               ("GetSocket", {"socket_id": 3})):
            assert code_of(z, method, **fields)[0] == missing, (method, fields)
        code, text = code_of(z, "GetSocket", socket_id=channel.ref.channel_id)
        assert code == missing and "can only be the id of a channel, not of a socket" in text
        # Behind the last one there is nothing, and that is no error.
        answer = z.ask("GetTopChannels", start_channel_id=2 ** 62)
        assert answer.end and not answer.channel
        answer = z.ask("GetServerSockets", server_id=server.ref.server_id, start_socket_id=2 ** 62)
        assert answer.end and not answer.socket_ref


def test_a_worker_that_hangs():
    """The thread of the worker stops; the admin port answers all the same."""
    with env.Backend() as a, env.Proxy([a.address]) as p, channelz.client(p.admin) as z:
        call(p.address)
        ref = z.channel().subchannel_ref[0]
        stuck = StuckThread(last_thread(p.proc.pid))
        try:
            code, text = code_of(z, "GetServers", patient=False)
            assert code == grpc.StatusCode.UNAVAILABLE and "did not answer within a second" in text
            assert z.channel().data.calls_started == 1     # the main thread knows that
        finally:
            stuck.release()
        assert channelz.state(env.wait_until(lambda: z.subchannel(ref), 5)) == "READY"


def test_many_connections_page_by_page():
    with env.Backend() as a, env.Proxy([a.address], workers=2) as p, \
            channelz.client(p.admin) as z, contextlib.ExitStack() as stack:
        host, port = p.address.split(":")
        for _ in range(250):
            s = stack.enter_context(socket.create_connection((host, int(port)), timeout=10))
            s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        server = z.servers()[0].ref.server_id
        env.wait_until(lambda: len(z.server_sockets(server)) == 250, 20, "250 connections")
        first = z.ask("GetServerSockets", server_id=server)
        assert len(first.socket_ref) == 100 and not first.end
        assert z.server_sockets(server, 37) == z.server_sockets(server, 1000)


def cpu_ms(pid):
    """CPU time of each thread, exact to the nanosecond on Linux."""
    out = {}
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, thread), encoding="ascii") as f:
            out[thread] = int(f.read().split()[0]) / 1e6
    return out


def test_no_walk_keeps_a_thread_busy_for_long(tmp_path):
    """Of 7,000 endpoints and 2,500 connections of one worker, 20 listeners: each question is one turn of a loop, so its CPU time is how long others wait. The cheapest
    of some askings counts, since the process has other things to do at times. Measured: 1.6 ms of the main thread for 7,000 endpoints, 0.2 ms of a worker for 10,000 connections."""
    many = ["127.1.%d.%d:9" % (i // 250, i % 250 + 1) for i in range(7000)]
    with env.Proxy({"many": many}, [{"to": "many"}], workers=1) as p, channelz.client(p.admin) as z, contextlib.ExitStack() as stack:
        listeners = p.config["listeners"] + [{"name": "more%d" % i, "listen": "unix:%s/%d" % (tmp_path, i), "routes": [{"to": "many"}]} for i in range(19)]
        reloads.reload(p, reloads.changed(p, listeners=listeners))
        host, port = p.address.split(":")
        for _ in range(2500):
            s = stack.enter_context(socket.create_connection((host, int(port)), timeout=10))
            s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        server = z.servers()[0].ref.server_id
        sockets = env.wait_until(lambda: (lambda v: v if len(v) == 2500 else None)(z.server_sockets(server, 1000)), 20, "2,500 connections")
        channel = z.channel("many")
        assert len(channel.subchannel_ref) == 7000
        last, endpoint = sockets[-1].socket_id, channel.subchannel_ref[-1].subchannel_id
        for method, fields in (("GetTopChannels", {}), ("GetChannel", {"channel_id": channel.ref.channel_id}),
                               ("GetSubchannel", {"subchannel_id": endpoint}), ("GetServers", {}), ("GetServer", {"server_id": server}),
                               ("GetServerSockets", {"server_id": server, "max_results": 1000}),
                               ("GetServerSockets", {"server_id": server, "start_socket_id": last}), ("GetSocket", {"socket_id": last})):
            costs = []
            for _ in range(5):
                before = cpu_ms(p.proc.pid)
                z.ask(method, **fields)
                after = cpu_ms(p.proc.pid)
                costs.append(max(after[t] - before[t] for t in after if t in before))
            assert min(costs) < 8 * env.SLOW, (method, costs)


def test_a_method_that_there_is_not():
    with env.Backend() as a, env.Proxy([a.address]) as p, env.open_channel(p.admin) as ch:
        with pytest.raises(grpc.RpcError) as e:
            ch.unary_unary("/%s/GetNothing" % channelz.SERVICE)(b"", timeout=5)
        assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED
        with pytest.raises(grpc.RpcError) as e:
            ch.unary_unary("/%s/GetChannel" % channelz.SERVICE)(b"\xff\xff", timeout=5)
        assert e.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_listeners_that_come_and_go_are_asked_about(backend):
    """Each answer is a good one or says that there is no such thing; a sanitizer sees what is read too late."""
    with env.Proxy([backend.address], workers=2) as p:
        more = copy.deepcopy(p.config["listeners"]) + [
            {"name": "more", "listen": env.free_address(), "routes": [{"to": "app"}]}]
        done, codes = threading.Event(), set()

        def ask():
            with channelz.client(p.admin) as z:
                while not done.is_set():
                    for s in z.ask("GetServers").server:
                        for method in ("GetServer", "GetServerSockets"):
                            try:
                                z.ask(method, server_id=s.ref.server_id)
                                codes.add(grpc.StatusCode.OK)
                            except grpc.RpcError as e:
                                codes.add(e.code())

        threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
        for t in threads:
            t.start()
        for i in range(150):
            reloads.reload(p, reloads.changed(p, listeners=more) if i % 2 == 0 else p.config)
        done.set()
        for t in threads:
            t.join(30 * env.SLOW)
            assert not t.is_alive()
        assert grpc.StatusCode.OK in codes and codes <= {grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND}
