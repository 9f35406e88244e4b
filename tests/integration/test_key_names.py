# SPDX-License-Identifier: Apache-2.0
"""The names of config keys that people rely on: a file with all of them passes the check and starts."""
import json
import os

import pytest

import certs
import env
import jwts
import test_command

pytestmark = pytest.mark.proxy_only


def listeners(pair, ca, keys):
    inbound = {
        "name": "inbound", "listen": env.free_address(), "direction": "inbound",
        "tls": {"cert": pair.cert, "key": pair.key, "clientCa": ca.file, "clientCert": "require",
                "allowSan": ["spiffe://corp.example/ns/shop/sa/web"]},
        "limits": {"maxConnections": 4096, "maxConcurrentStreams": 256, "maxHeaderBytes": "64KiB",
                   "maxMessageBytes": "4MiB", "maxConnectionAge": "30m"},
        "keepalive": {"time": "1m", "timeout": "10s", "minClientInterval": "10s"},
        "filters": [{"type": "jwt", "issuer": jwts.ISSUER, "audiences": ["orders"],
                     "jwks": "file:" + keys, "exceptMethods": ["grpc.health.v1.Health/*"]},
                    {"type": "rateLimit", "key": ["header:x-tenant"], "rate": "100/s",
                     "burst": 200}],
        "routes": [{"to": "app"}]}
    stock = {"service": "shop.v1.Stock"}
    outbound = {
        "name": "outbound", "listen": env.free_address(), "direction": "outbound", "routes": [
            {"name": "stock-beta", "match": dict(stock, headers={"x-version": "v2"}),
             "to": {"pool": "stock", "subset": {"version": "v2"}}},
            {"name": "stock-canary", "match": stock,
             "to": [{"pool": "stock", "subset": {"version": "v1"}, "weight": 95},
                    {"pool": "stock", "subset": {"version": "v2"}, "weight": 5}],
             "timeout": "2s",
             "retryPolicy": {"maxAttempts": 3, "initialBackoff": "50ms", "maxBackoff": "1s",
                             "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}
    return [inbound, outbound]


def pools(pair, ca):
    return [
        {"name": "app", "endpoints": ["127.0.0.1:50051"],
         "healthCheck": {"type": "grpc", "service": "readiness", "interval": "2s"}},
        {"name": "stock",
         "endpoints": [{"target": "dns:///stock-%s.invalid:50051" % v, "labels": {"version": v}}
                       for v in ("v1", "v2")],
         "dns": {"minTtl": "2s", "maxTtl": "30s", "onFailure": "keepLast"},
         "balance": {"policy": "leastRequest", "choices": 2},
         "tls": {"ca": ca.file, "cert": pair.cert, "key": pair.key, "serverName": "stock.shop",
                 "matchSan": ["spiffe://corp.example/ns/shop/sa/stock"]},
         "connections": {"perEndpoint": 2, "connectTimeout": "500ms", "idleTimeout": "5m",
                         "maxRequestsPerConnection": 100000},
         "limits": {"maxConcurrentRequests": 1000, "maxPendingRequests": 200,
                    "retryBudget": "20%"},
         "keepalive": {"time": "5m", "timeout": "10s"},
         "healthCheck": {"type": "grpc", "service": "shop.v1.Stock", "interval": "5s",
                         "timeout": "1s", "healthyAfter": 2, "unhealthyAfter": 3,
                         "panicThreshold": "50%"},
         "outlierDetection": {"consecutiveErrors": 5, "baseEjectionTime": "30s",
                              "maxEjected": "50%"}}]


def test_all_of_them(tmp_path):
    ca = certs.Authority(tmp_path)
    pair = ca.issue("localhost")
    keys = os.path.join(tmp_path, "jwks.json")
    with open(keys, "w") as f:
        f.write(jwts.key_set(jwts.Key("k1")))
    config = {
        "$schema": "./outrigger.schema.json", "version": 1,
        "node": {"id": "${POD_NAME:-local}", "service": "orders"},
        "admin": {"listen": env.free_address()},
        "probe": {"listen": env.free_address(), "readyWhen": {"pools": ["app"]}},
        "log": {"level": "info", "access": {"sample": "1%", "always": ["error", "slow:500ms"]}},
        "tracing": {"otlp": "dns:///collector.invalid:4317", "sampleRatio": 0.05},
        "drain": {"delay": "0s", "timeout": "20s"},
        "listeners": listeners(pair, ca, keys), "pools": pools(pair, ca)}
    path = test_command.write_config(tmp_path, json.dumps(config))
    checked = test_command.run("--check=strict", "-c", path)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stderr
    with test_command.Command("-c", path):
        shown = test_command.ctl("pools", "-a", config["admin"]["listen"], "--json")
        assert [p["name"] for p in json.loads(shown.stdout)["pools"]] == ["app", "stock"]
