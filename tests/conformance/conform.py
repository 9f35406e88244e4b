# SPDX-License-Identifier: Apache-2.0
"""Runs a suite of another project against the proxy: conform.py h2spec|interop [case …].

Starts the proxy and what stands behind it, runs the suite, and exits 0 only when every case
passed and the proxy ended well.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))

import env  # noqa: E402

# The cases of grpc-go that need no cloud account. pick_first_unary is not among them: the
# Go server sends no server id, so it fails without a proxy as well (test_interop.py has it).
CASES = ["empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong",
         "empty_stream", "timeout_on_sleeping_server", "cancel_after_begin",
         "cancel_after_first_response", "status_code_and_message", "special_status_message",
         "custom_metadata", "unimplemented_method", "unimplemented_service",
         "orca_per_rpc", "orca_oob", "rpc_soak", "channel_soak"]
H2SPEC_CASES = (145, 146)   # release 2.2.1, and the pinned later commit
# The client reads load reports only through a balancer that it has for this test.
ORCA_BALANCER = '{"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}'


def run_h2spec(args):
    with env.Backend() as backend, env.Proxy([backend.address]) as proxy:
        host, port = proxy.address.rsplit(":", 1)
        cmd = [os.environ["H2SPEC"], "-h", host, "-p", port, "-o", "2"] + args
        done = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(done.stdout)
        # Its exit code alone is not enough: a run of no case at all would pass as well.
        whole = args or any("%d tests, %d passed" % (n, n) in done.stdout for n in H2SPEC_CASES)
        return done.returncode == 0 and bool(whole)


def run_case(address, case):
    host, port = address.rsplit(":", 1)
    cmd = [os.environ["GRPC_INTEROP_CLIENT"], "-server_host", host, "-server_port", port,
           "-test_case", case]
    if case.endswith("_soak"):
        cmd += ["-soak_iterations", "200", "-soak_overall_timeout_seconds", "30"]
    if case.startswith("orca_"):
        cmd += ["-service_config_json", ORCA_BALANCER]
    try:
        done = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=60)
    except subprocess.TimeoutExpired as e:
        return "no end within 60 s: %s" % (e.stdout or b"")[-500:]
    return None if done.returncode == 0 else done.stdout[-1000:]


def run_interop(cases):
    port = env.free_port()
    server = env.Process([os.environ["GRPC_INTEROP_SERVER"], "-port", str(port)])
    try:
        address = "127.0.0.1:%d" % port

        def answers():
            return server.alive and run_case(address, "empty_unary") is None
        env.wait_until(answers, 20, "the interop server's first answer")
        bad = 0
        with env.Proxy([address]) as proxy:
            for case in cases or CASES:
                fault = run_case(proxy.address, case)
                print("%-32s %s" % (case, "ok" if fault is None else "FAILED\n" + fault))
                bad += fault is not None
        print("%d of %d cases passed" % (len(cases or CASES) - bad, len(cases or CASES)))
        return bad == 0
    finally:
        server.kill()


if __name__ == "__main__":
    runner = {"h2spec": run_h2spec, "interop": run_interop}[sys.argv[1]]
    sys.exit(0 if runner(sys.argv[2:]) else 1)
