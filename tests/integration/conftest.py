# SPDX-License-Identifier: Apache-2.0
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# These hold tests' own comparisons: what differs is told as in a test.
pytest.register_assert_rewrite("examples", "examples_filters", "livepage")

import env      # noqa: E402
import protos   # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "proxy_only: makes no sense without the proxy")


def pytest_collection_modifyitems(items):
    if env.DIRECT:
        for item in items:
            if item.get_closest_marker("proxy_only"):
                item.add_marker(pytest.mark.skip(reason="needs the proxy"))


@pytest.fixture(scope="module")
def backend():
    with env.Backend() as b:
        yield b


@pytest.fixture(scope="module")
def proxy(backend):
    """A proxy in front of one TestService, shared by the tests of a module."""
    with env.Proxy([backend.address]) as p:
        yield p


@pytest.fixture
def stub(proxy):
    with proxy.open_channel() as channel:
        yield protos.Stub(channel)
