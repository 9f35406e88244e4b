# SPDX-License-Identifier: Apache-2.0
"""gRPC on the admin port, beside HTTP/1.1 on the same socket: who speaks what, and server reflection."""
import contextlib
import http.client
import json
import os
import resource
import socket
import struct
import subprocess
import tempfile
import time

import grpc
import pytest
from google.protobuf import descriptor_pb2

import env
import h2raw
import reflect
import reloads
from test_upgrade import Chain

pytestmark = pytest.mark.proxy_only
OWN = ["grpc.channelz.v1.Channelz", "grpc.reflection.v1.ServerReflection",
       "grpc.reflection.v1alpha.ServerReflection"]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SHOP = """syntax = "proto2"; package shop.v1;
import "money.proto";
message Item { optional string name = 1; optional shop.Money price = 2; extensions 100 to 199; }
extend Item { optional string note = 101; }
service Stock { rpc Get(Item) returns (Item); }
"""
MONEY = """syntax = "proto3"; package shop;
message Money { int64 cents = 1; }
"""
MORE = """syntax = "proto3"; package shop.v2; message Empty {}
service Cart { rpc Add(Empty) returns (Empty); }
"""


def make_set(folder, out, files, *options):
    for name, text in files.items():
        (folder / name).write_text(text)
    subprocess.run(["protoc", "-I" + str(folder), "--descriptor_set_out=" + str(out), *options,
                    *files], check=True)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A descriptor file with the service shop.v1.Stock."""
    folder = tmp_path_factory.mktemp("shop")
    make_set(folder, folder / "shop.bin", {"shop.proto": SHOP, "money.proto": MONEY})
    return folder / "shop.bin"


@contextlib.contextmanager
def open_proxy(backend, descriptors=None, listen=None):
    admin = {"listen": listen or env.free_address()}
    if descriptors:
        admin["descriptors"] = str(descriptors)
    with env.Proxy([backend.address], top={"admin": admin}) as p:
        p.admin = admin["listen"]
        yield p


@pytest.fixture(scope="module")
def proxy(backend, shop):
    with open_proxy(backend, shop) as p:
        yield p


def services(channel, version="v1"):
    answer, = reflect.ask(channel, version, {"list_services": "*"})
    return sorted(s.name for s in answer.list_services_response.service)


def listed(address, version="v1"):
    with env.open_channel(address) as channel:
        return services(channel, version)


def file_names(answer):
    return [descriptor_pb2.FileDescriptorProto.FromString(f).name
            for f in answer.file_descriptor_response.file_descriptor_proto]


def connect(proxy):
    host, port = proxy.admin.split(":")
    return socket.create_connection((host, int(port)), timeout=20 * env.SLOW)


def page(proxy, path="/livez", **headers):
    c = http.client.HTTPConnection(proxy.admin, timeout=10 * env.SLOW)
    with contextlib.closing(c):
        c.request("GET", path, headers=headers)
        answer = c.getresponse()
        return answer.status, answer.read()


def read_all(s):
    """What the peer sent until it closed."""
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while True:
            part = s.recv(65536)
            if not part:
                break
            got += part
    return got


def descriptors_open(proxy):
    return len(os.listdir("/proc/%d/fd" % proxy.proc.pid))


# ---- reflection

@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_services_of_the_port_and_of_the_file_are_listed(proxy, version):
    assert listed(proxy.admin, version) == OWN + ["shop.v1.Stock"]


def test_questions_about_the_file(proxy):
    with env.open_channel(proxy.admin) as channel:
        symbol, method, by_name, extension, numbers, own, unknown = reflect.ask(
            channel, "v1", {"file_containing_symbol": "shop.v1.Stock"},
            {"file_containing_symbol": "shop.v1.Stock.Get"}, {"file_by_filename": "money.proto"},
            {"file_containing_extension": {"containing_type": "shop.v1.Item",
                                           "extension_number": 101}},
            {"all_extension_numbers_of_type": "shop.v1.Item"},
            {"file_containing_symbol": OWN[1]}, {"file_containing_symbol": "shop.v1.Nope"})
    assert file_names(symbol) == ["shop.proto", "money.proto"]      # with what it imports
    assert file_names(method) == file_names(extension) == file_names(symbol)
    assert file_names(by_name) == ["money.proto"]
    assert list(numbers.all_extension_numbers_response.extension_number) == [101]
    assert file_names(own) == ["grpc/reflection/v1/reflection.proto"]
    assert unknown.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def test_what_is_not_served_is_unimplemented(proxy):
    with env.open_channel(proxy.admin) as channel:
        with pytest.raises(grpc.RpcError) as e:
            channel.unary_unary("/shop.v1.Stock/Get")(b"", timeout=10 * env.SLOW)
    assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_foreign_authority_is_refused_as_a_foreign_host_is(proxy):
    options = [("grpc.default_authority", "evil.example")]
    with grpc.insecure_channel(proxy.admin, options=options) as channel:
        with pytest.raises(grpc.RpcError) as e:
            services(channel)
    assert e.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert "admin port" in e.value.details()
    assert page(proxy, "/pools.json", Host="evil.example")[0] == 403


def test_over_a_unix_socket(backend, shop):
    with tempfile.TemporaryDirectory() as folder:
        path = "unix:" + folder + "/admin"
        with open_proxy(backend, shop, path) as p:
            assert listed(p.admin) == OWN + ["shop.v1.Stock"]
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(10 * env.SLOW)
                s.connect(folder + "/admin")
                s.sendall(b"GET /pools.json HTTP/1.1\r\nConnection: close\r\n\r\n")
                assert read_all(s).startswith(b"HTTP/1.1 200 ")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Three files of about 0.85 MiB: a.proto imports b.proto, which imports c.proto."""
    files = descriptor_pb2.FileDescriptorSet()
    for name, imports in (("c", []), ("b", ["c.proto"]), ("a", ["b.proto"])):
        f = files.file.add(name=name + ".proto", package=name, syntax="proto3", dependency=imports)
        f.service.add(name="S")
        for i in range(9000):
            f.message_type.add(name="M%d" % i).field.add(name="f" * 80, number=1, type=5, label=1)
    out = tmp_path_factory.mktemp("large") / "large.bin"
    out.write_bytes(files.SerializeToString())
    return out


@pytest.fixture(scope="module")
def large_proxy(backend, large):
    with open_proxy(backend, large) as p:
        yield p


def test_large_files_come_one_by_one(large_proxy):
    with env.open_channel(large_proxy.admin) as channel:
        for name in "abc":
            answer, = reflect.ask(channel, "v1", {"file_containing_symbol": name + ".M8999.f" + "f" * 79})
            assert file_names(answer) == [name + ".proto"]
            assert answer.ByteSize() > 850000


def test_answers_that_nobody_reads_are_bounded(large_proxy):
    """Eight calls that ask for megabytes, again and again, with windows for little of it."""
    question = reflect.load_public("v1")[0](file_by_filename="a.proto").SerializeToString()
    with h2raw.Client(large_proxy.admin, rcvbuf=4096) as client:
        client.ping()
        before = large_proxy.memory()
        for _ in range(8):
            sid = client.start_call("/%s/ServerReflectionInfo" % OWN[1], authority=large_proxy.admin)
            for _ in range(50):
                client.send(h2raw.make_data(sid, h2raw.make_message(question)))
        client.credit = False
        client.ping()
        client.wait_for(lambda: client.answers[1].data)     # they are on their way; acks of PINGs overtake them
        large_proxy.check_growth(before, 48)        # of 340 MiB
    assert listed(large_proxy.admin) == ["a.S", "b.S", "c.S"] + OWN


# ---- the file and reloads

def test_the_file_is_read_again_with_each_reload(backend, tmp_path):
    out = tmp_path / "set.bin"
    make_set(tmp_path, out, {"money.proto": MONEY, "shop.proto": SHOP})
    with open_proxy(backend, out) as p:
        with env.open_channel(p.admin) as channel:
            assert services(channel) == OWN + ["shop.v1.Stock"]
            make_set(tmp_path, out, {"more.proto": MORE})
            assert services(channel) == OWN + ["shop.v1.Stock"]
            reloads.reload(p, p.config)             # the config is the same
            assert services(channel) == OWN + ["shop.v2.Cart"]
            out.write_bytes(b"no descriptors")
            text = reloads.reload(p, p.config, expect=422)
            assert "no descriptor set" in text and "--include_imports" in text
            assert services(channel) == OWN + ["shop.v2.Cart"]
            reloads.reload(p, dict(p.config, admin={"listen": p.admin}))
            assert services(channel) == OWN


def check_config(tmp_path, content):
    """What --check says of a config that names a file with this content (None: of no file)."""
    target = tmp_path / "file.bin"
    if content is not None:
        target.write_bytes(content)
    config = {"version": 1, "admin": {"listen": "off", "descriptors": str(target)},
              "listeners": [{"listen": "127.0.0.1:1", "routes": [{"to": "a"}]}],
              "pools": [{"name": "a", "endpoints": ["127.0.0.1:2"]}]}
    (tmp_path / "c.json").write_text(json.dumps(config))
    got = subprocess.run([env.OUTRIGGER, "--check", "-c", str(tmp_path / "c.json")],
                         capture_output=True, text=True, timeout=30 * env.SLOW)
    return got.returncode, got.stdout + got.stderr


def test_bad_files_are_named_with_a_reason(tmp_path):
    make_set(tmp_path, tmp_path / "alone.bin", {"shop.proto": SHOP, "money.proto": MONEY})
    both = descriptor_pb2.FileDescriptorSet.FromString((tmp_path / "alone.bin").read_bytes())
    shop = next(f for f in both.file if f.name == "shop.proto")
    alone = descriptor_pb2.FileDescriptorSet(file=[shop]).SerializeToString()
    twice = descriptor_pb2.FileDescriptorSet(file=list(both.file) * 2).SerializeToString()
    cases = [(None, "No such file"), (b"", "no file in it"), (b"{}", "no descriptor set"),
             (alone, "money.proto is imported and not in it"), (twice, "two files named"),
             (b"\x0a" * ((16 << 20) + 1), "at most 16 MiB")]
    for content, words in cases:
        code, text = check_config(tmp_path, content)
        assert code != 0 and words in text and "E0211" in text and "file.bin" in text, text
    assert check_config(tmp_path, both.SerializeToString())[0] == 0


# ---- two protocols on one port

def test_both_protocols_side_by_side(proxy):
    keep = http.client.HTTPConnection(proxy.admin, timeout=10 * env.SLOW)
    with env.open_channel(proxy.admin) as channel, contextlib.closing(keep):
        for _ in range(5):
            assert services(channel) == OWN + ["shop.v1.Stock"]
            keep.request("GET", "/pools.json")
            assert json.loads(keep.getresponse().read())["version"] == 1
    assert "outrigger" in page(proxy, "/help")[1].decode()


def test_first_bytes_may_come_one_by_one(proxy):
    for whole, answer in ((b"POST /nothing HTTP/1.1\r\nHost: localhost\r\n"
                           b"Content-Length: 0\r\nConnection: close\r\n\r\n", b"HTTP/1.1 4"),
                          (PREFACE + b"\0\0\0\4\0\0\0\0\0", b"\0\0")):
        with connect(proxy) as s:
            for i in range(4):
                s.sendall(whole[i:i + 1])
                time.sleep(0.02)
            s.sendall(whole[4:])
            assert s.recv(64).startswith(answer)


def test_what_is_neither_protocol_is_refused(proxy):
    for first in (b"\x16\x03\x01\0\xa5\1\0\0\xa1\3\3" + b"x" * 160, b"PROBE \r\n\r\n", b"PRINT\r\n\r\n",
                  b"\0" * 64, PREFACE[:-2] + b"xx" + b"\0" * 64):
        with connect(proxy) as s:
            s.sendall(first)
            s.shutdown(socket.SHUT_WR)
            assert b"200 OK" not in read_all(s)
    assert page(proxy, "/pools.json")[0] == 200


def test_clients_that_leave_cost_no_descriptor(proxy):
    def rounds(n):
        for i in range(n):
            with connect(proxy) as s:
                if i % 2:
                    s.sendall(PREFACE[:i % len(PREFACE)])
                else:       # it aborts before anybody can know what it wants
                    s.sendall(PREFACE[:i % 3])
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if i % 8 == 0:
                listed(proxy.admin)
                page(proxy, "/pools.json")

    rounds(8)
    before = env.wait_steady(lambda: descriptors_open(proxy), quiet=1.2)
    rounds(72)
    env.wait_until(lambda: descriptors_open(proxy) <= before, timeout=5,
                   what="all descriptors are given back")


def test_silence_ends_and_keeps_nobody_out(proxy):
    """More than the port holds, all with half a preface: who asks is answered, and they are sent away."""
    begun = time.monotonic()
    silent = [connect(proxy) for _ in range(70)]
    try:
        for i, s in enumerate(silent):
            s.sendall(PREFACE[:i % 3])
        assert page(proxy, "/pools.json")[0] == 200
        assert listed(proxy.admin) == OWN + ["shop.v1.Stock"]
        assert silent[0].recv(10) == b""            # it made room
        assert silent[-1].recv(10) == b""           # its ten seconds are over
        assert time.monotonic() - begun < 40 * env.SLOW
    finally:
        for s in silent:
            s.close()


def test_more_clients_than_places_end_the_oldest(proxy):
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(connect(proxy))
        first.sendall(PREFACE + b"\0\0\0\4\0\0\0\0\0")
        assert first.recv(9)
        channels = [stack.enter_context(env.open_channel(proxy.admin)) for _ in range(12)]
        for c in channels:
            assert services(c) == OWN + ["shop.v1.Stock"]
        counts = proxy.metrics()
        assert 0 < counts["outrigger_admin_grpc_connections"] <= 9
        assert counts["outrigger_admin_connections_ended_total"] >= 5
        assert read_all(first)[-9:] == b"\0\0\0\0\0" + b"\0\0\0\x0b"    # GOAWAY, ENHANCE_YOUR_CALM
        for c in channels:                          # who was sent away comes again
            assert services(c) == OWN + ["shop.v1.Stock"]


def test_a_new_process_answers_after_an_upgrade(backend, shop, tmp_path):
    with Chain(tmp_path, [backend.address], started=False) as chain:
        chain.config["admin"] = {"listen": chain.admin, "descriptors": str(shop)}
        chain.write()
        chain.upgrade()
        with env.open_channel(chain.admin) as channel:
            assert services(channel) == OWN + ["shop.v1.Stock"]
            old = chain.upgrade()
            assert services(channel) == OWN + ["shop.v1.Stock"]     # the old one has let go of it
            assert old.wait_exit(20 * env.SLOW) == 0
            assert services(channel) == OWN + ["shop.v1.Stock"]


def test_without_descriptors_to_spare_a_client_is_sent_away(backend):
    """The second descriptor that HTTP/2 needs is not there: HTTP/1 goes on, nothing leaks, and later it works."""
    with open_proxy(backend) as p:
        assert listed(p.admin) == OWN
        env.wait_steady(lambda: descriptors_open(p), quiet=1.2)
        idle = descriptors_open(p)
        with connect(p) as s:
            env.wait_until(lambda: descriptors_open(p) > idle, what="the accept")
            before = resource.prlimit(p.proc.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(p.proc.pid, resource.RLIMIT_NOFILE, (0, before[1]))
            s.sendall(PREFACE)
            assert read_all(s) == b""
            resource.prlimit(p.proc.pid, resource.RLIMIT_NOFILE, before)
        p.wait_line(lambda line: "no descriptor for a gRPC client" in line, "err", 10)
        assert listed(p.admin) == OWN
        assert page(p, "/pools.json")[0] == 200


def test_metrics_count_http_as_before(proxy):
    assert "outrigger_admin_connections_ended_total" in page(proxy, "/metrics")[1].decode()
    assert json.loads(env.ask_patiently("http://%s/stats.json" % proxy.admin))["version"] == 1
