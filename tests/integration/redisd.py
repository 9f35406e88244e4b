# SPDX-License-Identifier: Apache-2.0
"""A Redis of a test: its own process, a free port of loopback, nothing on disk.

Debian's package redis-tools has the server too, under another name, and starts no service."""
import os
import shutil
import socket
import subprocess
import tempfile

import pytest

import env


def binary(folder):
    """Something that is a redis-server; skips the test when there is none."""
    found = shutil.which("redis-server")
    other = shutil.which("redis-check-rdb")
    if not found and other:
        found = os.path.join(folder, "redis-server")
        os.symlink(os.path.realpath(other), found)
    if not found:
        pytest.skip("install redis-tools to run this test")
    return found


class Redis(env.Process):
    def __init__(self, listen=None, password=None):
        self.address = listen or env.free_address()
        self.folder = tempfile.mkdtemp(prefix="outrigger-redis-")
        host, port = self.address.split(":")
        args = [binary(self.folder), "--bind", host, "--port", port, "--save", "", "--appendonly", "no",
                "--dir", self.folder, "--daemonize", "no"]
        super().__init__(args + (["--requirepass", password] if password else []))
        env.wait_until(self._accepts)

    def _accepts(self):
        assert self.alive, self.lines("out")
        with socket.socket() as s:
            return s.connect_ex(tuple(self.address.split(":")[:1]) + (int(self.address.split(":")[1]),)) == 0

    def cli(self, *words):
        return subprocess.run(["redis-cli", "-h", self.address.split(":")[0], "-p", self.address.split(":")[1], *words],
                              capture_output=True, text=True, timeout=10, check=True).stdout.strip()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.kill()
        shutil.rmtree(self.folder)
