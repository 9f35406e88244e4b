# SPDX-License-Identifier: Apache-2.0
"""What the tests of the resolvers dns and srv share: a name, its records, and when they are left out."""
import os

import pytest

import env
import resolve_probe
from nameserver import A, AAAA, rr

NAME = "app.test"
TARGET = "dns:///app.test.:80"
V4, V6 = "10.0.0.1:80", "[fd00::1]:80"

pytestmark = pytest.mark.skipif(
    env.DIRECT or not os.path.exists(resolve_probe.PROBE), reason="make check builds tests/lib/resolve_probe")


def a(*ips, ttl=60, name=NAME):
    return [rr(name, A, ip, ttl) for ip in ips]


def aaaa(*ips, ttl=60, name=NAME):
    return [rr(name, AAAA, ip, ttl) for ip in ips]


def addresses(got):
    return [entry[0] for entry in got]
