#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""try-routing.py - backends and calls to try routes with; needs python3-grpcio.

  contrib/try-routing.py serve 127.0.0.1:50051 v1     a backend that answers every call with "v1"
  contrib/try-routing.py ask 127.0.0.1:8080 shop.v1.Cart/Get -n 100 -H x-user=ann --host beta.example
                                                      who answered how many of the calls
"""
import argparse
import collections
import concurrent.futures
import sys

import grpc


class Echo(grpc.GenericRpcHandler):
    """Any method: one message in, the name of this backend out."""

    def __init__(self, name):
        self._handler = grpc.unary_unary_rpc_method_handler(
            lambda request, context: name.encode())

    def service(self, details):
        return self._handler


def serve(args):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((Echo(args.name),))
    if not server.add_insecure_port(args.address):
        sys.exit("cannot listen on %s" % args.address)
    server.start()
    print("%s answers on %s; Ctrl-C ends it" % (args.name, args.address), flush=True)
    try:
        server.wait_for_termination()
    except KeyboardInterrupt:
        server.stop(None)


def ask(args):
    options = [("grpc.default_authority", args.host)] if args.host else []
    metadata = []
    for header in args.header:
        name, _, value = header.partition("=")
        metadata.append((name, bytes.fromhex(value) if name.endswith("-bin") else value))
    answers = collections.Counter()
    with grpc.insecure_channel(args.address, options=options) as channel:
        call = channel.unary_unary("/" + args.method)
        for i in range(args.calls):
            numbered = [(k, v.replace("%i", str(i)) if isinstance(v, str) else v)
                        for k, v in metadata]
            try:
                answers[call(b"", metadata=numbered, timeout=10).decode()] += 1
            except grpc.RpcError as e:
                answers["%s: %s" % (e.code().name, e.details())] += 1
    for name, n in sorted(answers.items()):
        print("%6d  %s" % (n, name))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    p = commands.add_parser("serve", help="a backend that answers with its name")
    p.add_argument("address")
    p.add_argument("name")
    p.set_defaults(run=serve)
    p = commands.add_parser("ask", help="calls, and who answered")
    p.add_argument("address")
    p.add_argument("method", help="shop.v1.Cart/Get")
    p.add_argument("-n", dest="calls", type=int, default=1, help="how many calls")
    p.add_argument("-H", dest="header", action="append", default=[],
                   help="NAME=VALUE; %%i is the number of the call; -bin: the bytes as hex")
    p.add_argument("--host", help="the host that the client believes to call")
    p.set_defaults(run=ask)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
