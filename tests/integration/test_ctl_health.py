# SPDX-License-Identifier: Apache-2.0
"""outriggerctl health: the flags and the exit codes of grpc_health_probe, against grpcio and the probe port."""
import socket
import subprocess
import threading
import time
from concurrent import futures

import grpc
import pytest

import certs
import env
import protos
from test_probe import Probed

pytestmark = pytest.mark.proxy_only
SERVING, NOT_SERVING = 1, 2


def patient(args):
    """The tool waits for a second each, and a busy machine may need one."""
    if not any(a.lstrip("-").startswith("addr") for a in args):
        return args
    return args + tuple(flag + "=5s" for flag in ("-connect-timeout", "-rpc-timeout")
                        if not any(a.startswith(flag) for a in args))


def health(*args, timeout=60):
    done = subprocess.run([env.OUTRIGGER + "ctl", "health", *patient(args)], capture_output=True,
                          text=True, timeout=timeout, check=False)
    assert "Sanitizer" not in done.stderr
    return done


def code(*args):
    return health(*args).returncode


class Server:
    """A health service that notes what it was sent."""

    def __init__(self, credentials=None, statuses=None, sleep=0):
        self.statuses = statuses or {"": SERVING, "down": NOT_SERVING}
        self.seen, self._sleep = [], sleep
        self._server = grpc.server(futures.ThreadPoolExecutor(4),
                                   options=[("grpc.so_reuseport", 0)])
        handler = grpc.unary_unary_rpc_method_handler(
            self._check, request_deserializer=protos.HealthCheckRequest.FromString,
            response_serializer=protos.HealthCheckResponse.SerializeToString)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
            "grpc.health.v1.Health", {"Check": handler}),))
        self.address = env.free_address()
        if credentials:
            self._server.add_secure_port(self.address, credentials)
        else:
            self._server.add_insecure_port(self.address)
        self.port = self.address.rsplit(":", 1)[-1]

    def _check(self, request, context):
        self.seen.append(dict(context.invocation_metadata()))
        time.sleep(self._sleep)
        if request.service not in self.statuses:
            context.abort(grpc.StatusCode.NOT_FOUND, "no \x1b[31msuch\n service")
        return protos.HealthCheckResponse(status=self.statuses[request.service])

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *exc):
        self._server.stop(0)


def test_what_a_plain_server_says():
    with Server() as server:
        done = health("-addr=" + server.address)
        assert (done.returncode, done.stdout, done.stderr) == (0, "status: SERVING\n", "")
        assert code("--addr", server.address, "--service", "") == 0
        assert code("-addr", ":" + server.port) == 0
        assert code("-addr", "localhost:" + server.port) == 0
        assert code("-addr", "passthrough:///" + server.address) == 0
        done = health("-addr", server.address, "-service=down")
        assert done.returncode == 4 and "the answer is NOT_SERVING" in done.stderr
        done = health("-addr", server.address, "-service", "none")
        assert done.returncode == 3
        assert 'knows no service "none" (NOT_FOUND: no ?[31msuch? service)' in done.stderr


def test_what_goes_along():
    with Server() as server:
        done = health("-addr", server.address, "-rpc-header", "X-Tenant:  a b",
                      "-rpc-header=x-two:2", "-user-agent", "kubelet/7", "-v")
        assert done.returncode == 0 and "connecting to " + server.address in done.stderr
        seen = server.seen[-1]
        assert seen["x-tenant"] == "a b" and seen["x-two"] == "2"
        assert seen["user-agent"].startswith("kubelet/7")
        health("-addr", server.address)
        assert server.seen[-1]["user-agent"].startswith("outriggerctl")


def test_nobody_is_there():
    start = time.monotonic()
    done = health("-addr", env.free_address())
    assert done.returncode == 2 and "Connection refused" in done.stderr
    assert time.monotonic() - start < 10 * env.SLOW
    assert code("-addr", "name.invalid:1", "-connect-timeout", "300ms") == 2
    assert code("-addr", "unix:/nowhere/at/all") == 2
    # Someone is, who never says a word, and someone who speaks another protocol.
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        address = "127.0.0.1:%d" % s.getsockname()[1]
        done = health("-addr", address, "-connect-timeout=200ms")
        assert done.returncode == 2 and "within -connect-timeout (200 ms)" in done.stderr

        def http1():
            with s.accept()[0] as c:     # the one above waits in the queue
                c.recv(1000)
            with s.accept()[0] as c:
                c.recv(1000)
                c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        threading.Thread(target=http1, daemon=True).start()
        done = health("-addr", address, "-connect-timeout=5s")
        assert done.returncode == 2 and "does not speak HTTP/2" in done.stderr


def test_no_answer():
    with Server(sleep=2) as server:
        done = health("-addr", server.address, "-rpc-timeout", "300ms")
        assert done.returncode == 3 and "within -rpc-timeout (300 ms)" in done.stderr
    with env.Backend() as backend:    # a gRPC server without this service
        done = health("-addr", backend.address, "-connect-timeout", "10s", "-rpc-timeout", "10s")
        assert done.returncode == 3 and "has no grpc.health.v1.Health" in done.stderr


@pytest.mark.parametrize("args,words", [
    (["-tls-no-verify"], "need -tls"),
    (["-tls", "-tls-client-cert=a"], "need each other"),
    (["-tls", "-tls-no-verify", "-tls-ca-cert=a"], "leave it out"),
    (["-tls=maybe"], "is a switch"),
    (["-rpc-timeout=0s"], "more than 0"),
    (["-rpc-timeout=5"], 'did you mean 5s?'),
    (["-connect-timeout"], "needs a value"),
    (["-rpc-header=nothing"], "is no header"),
    (["-rpc-header=grpc-timeout: 1"], "belong to gRPC itself"),
    (["-alts"], 'cannot do what -alts of grpc_health_probe does'),
    (["127.0.0.1:1"], "is no flag"),
    (["-addr="], "is empty"),
    (["-addr=nonsense"], "-addr: "),
    (["-tls", "-tls-ca-cert=/nowhere.pem"], "/nowhere.pem"),
])
def test_wrong_use(args, words):
    done = health(*args)
    assert done.returncode == 1 and words in done.stderr and done.stdout == "", done.stderr


def test_help_and_version():
    done = health("-help")
    assert done.returncode == 0 and "-tls-server-name" in done.stdout
    assert health("--version").stdout.startswith("outriggerctl ")


def test_tls(tmp_path):
    ca = certs.Authority(str(tmp_path), "ca")
    server_pair = ca.issue("server.test", "127.0.0.1", name="server")
    client_pair = ca.issue("client.test", name="client")
    mutual = grpc.ssl_server_credentials([(server_pair.key_pem, server_pair.cert_pem)],
                                         ca.pem, True)
    tls = grpc.ssl_server_credentials([(server_pair.key_pem, server_pair.cert_pem)])
    with Server(tls) as server:
        base = ["-addr", server.address, "-tls", "-connect-timeout=10s"]
        assert code(*base, "-tls-ca-cert", ca.file) == 0
        assert code(*base, "-tls-ca-cert", ca.file, "-tls-server-name=server.test") == 0
        done = health(*base, "-tls-ca-cert", ca.file, "-tls-server-name", "other.test")
        assert done.returncode == 2 and "other.test" in done.stderr
        assert code(*base) == 2     # the system's CAs do not know it
        assert code(*base, "-tls-no-verify") == 0
        # Plain text against TLS: no connection, whatever the server does with it.
        assert code("-addr", server.address) in (2, 3)
    with Server(mutual) as server:
        base = ["-addr", server.address, "-tls", "-tls-ca-cert", ca.file, "-connect-timeout=10s"]
        assert code(*base, "-tls-client-cert", client_pair.cert, "-tls-client-key",
                    client_pair.key) == 0
        assert code(*base) in (2, 3)


def test_the_probe_port_of_outrigger(backend, tmp_path):
    with Probed([backend.address]) as proxy:
        for service in "", "liveness", "readiness", "startup", "pool/app":
            assert code("-addr", proxy.probe, "-service", service) == 0
        assert code("-addr", proxy.probe, "-service", "pool/none") == 3
    where = "unix:%s/probe.sock" % tmp_path
    with Probed([backend.address], probe={"listen": where}):
        assert code("-addr", where, "-service", "readiness") == 0
