# SPDX-License-Identifier: Apache-2.0
"""Certificates that change under load: no call is lost, halves never take effect."""
import asyncio
import datetime
import json
import os
import subprocess
import threading
import time

import grpc
import pytest

import certs
import env
import load
import protos

pytestmark = pytest.mark.proxy_only
RELOADS = 'outrigger_tls_reloads_total{result="%s"}'
LONG = os.environ.get("OUTRIGGER_LONG") == "1"


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return certs.Authority(tmp_path_factory.mktemp("ca"))


def serial(address, ca):
    """Of the certificate that the listener shows to a new client."""
    got = certs.try_handshake(address, certs.client_context(ca))
    assert isinstance(got, dict), got
    return int(got["serialNumber"], 16)


def reloads(proxy, result):
    return proxy.metrics()[RELOADS % result]


class NewConnections:
    """Calls one after the other, each on a connection of its own, until the end."""

    def __init__(self, address, credentials):
        self.address, self.credentials = address, credentials
        self.count, self.failures = 0, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    async def _run(self):
        while not self._stop.is_set():
            async with env.open_channel(self.address, aio=True, credentials=self.credentials,
                                        grpc__enable_retries=0) as channel:
                try:
                    await protos.Stub(channel).UnaryCall(protos.SimpleRequest(), timeout=20)
                except grpc.RpcError as e:
                    self.failures.append(str(e))
                self.count += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._stop.set()
        self._thread.join(30)


def rotate(ca, proxy, cert, key, times, wait_each):
    """Replaces the pair `times` times; each tenth time only a half, then rubbish, then nothing,
    before it becomes whole. Waits at the end, and at each `wait_each`, for it to be used."""
    for i in range(1, times + 1):
        pair = ca.issue("localhost")
        if i % 10 == 0:
            # the pair of the turn before must not come into use between two looks
            env.wait_until(lambda: serial(proxy.address, ca) == old, 30, "the pair before the half")
            failed = reloads(proxy, "failed")
            certs.write(cert, pair.cert_pem)
            env.wait_until(lambda: reloads(proxy, "failed") > failed)
            assert serial(proxy.address, ca) == old
            certs.write(key, b"rubbish\n")
            env.wait_until(lambda: reloads(proxy, "failed") > failed + 1)
            os.unlink(cert)
            env.wait_until(lambda: reloads(proxy, "failed") > failed + 2)
            assert serial(proxy.address, ca) == old
        pair.save(cert, key)
        old = pair.x509.serial_number
        if i % wait_each == 0 or i == times:
            env.wait_until(lambda: serial(proxy.address, ca) == old, 30)
        else:
            time.sleep(0.05)


def test_rotations_under_load_lose_nothing(ca, backend, tmp_path):
    cert, key = str(tmp_path / "tls.crt"), str(tmp_path / "tls.key")
    ca.issue("localhost").save(cert, key)
    credentials = ca.credentials()
    with env.Proxy([backend.address], listener={"tls": {"cert": cert, "key": key}}) as p:
        address = "localhost:" + p.address.rsplit(":", 1)[1]
        # Before the count: what the first handshakes and reloads allocate stays.
        rotate(ca, p, cert, key, 20, 5)
        before, files = p.memory(), len(os.listdir("/proc/%d/fd" % p.proc.pid))
        with NewConnections(address, credentials) as new:
            result = load.run_calls(
                address, 3000, 8, credentials=credentials,
                during=lambda: rotate(ca, p, cert, key, 1000 if LONG else 50,
                                      1 if LONG else 5))
        assert not result.failed and not new.failures, (result.failed[:3], new.failures[:3])
        assert result.ok > 300 and new.count > 30
        p.check_growth(before, 6)
        env.wait_until(lambda: len(os.listdir("/proc/%d/fd" % p.proc.pid)) <= files + 2)


def test_half_a_pair_never_takes_effect_and_says_so(ca, backend, tmp_path):
    cert, key = str(tmp_path / "tls.crt"), str(tmp_path / "tls.key")
    first, second = ca.issue("localhost"), ca.issue("localhost")
    first.save(cert, key)
    with env.Proxy([backend.address], listener={"tls": {"cert": cert, "key": key}}) as p:
        certs.write(cert, second.cert_pem)
        line = p.wait_line(lambda t: "the old ones are kept" in t and t, "err")
        assert "listener in" in line and key in line, line
        assert serial(p.address, ca) == first.x509.serial_number
        failures = get_certs(p)["failures"]
        assert len(failures) == 1 and failures[0]["oldOnesUsed"]
        assert failures[0]["usedBy"] == ["listener in"]
        certs.write(key, second.key_pem)
        p.wait_line(lambda t: "new certificate files are used" in t, "err")
        assert serial(p.address, ca) == second.x509.serial_number
        assert get_certs(p)["failures"] == []
        assert reloads(p, "ok") == 1


def get_certs(proxy):
    return json.loads(env.ask_patiently("http://%s/certs.json" % proxy.admin))


def test_a_secret_that_is_swapped_as_kubernetes_does(ca, backend, tmp_path):
    """tls.crt -> ..data/tls.crt, ..data -> a folder: one rename changes all files at once."""
    def folder(name, pair):
        (tmp_path / name).mkdir()
        pair.save(str(tmp_path / name / "tls.crt"), str(tmp_path / name / "tls.key"))
        os.symlink(name, tmp_path / "..data_tmp")
        os.rename(tmp_path / "..data_tmp", tmp_path / "..data")
    pairs = [ca.issue("localhost") for _ in range(4)]
    folder("..1", pairs[0])
    for name in ("tls.crt", "tls.key"):
        os.symlink("..data/" + name, tmp_path / name)
    tls = {"cert": str(tmp_path / "tls.crt"), "key": str(tmp_path / "tls.key")}
    with env.Proxy([backend.address], listener={"tls": tls}) as p:
        for i, pair in enumerate(pairs[1:], 2):
            folder("..%d" % i, pair)
            env.wait_until(lambda: serial(p.address, ca) == pair.x509.serial_number, 5)
        assert reloads(p, "failed") == 0


def test_open_connections_outlive_a_rotation(ca, backend, tmp_path):
    cert, key = str(tmp_path / "tls.crt"), str(tmp_path / "tls.key")
    ca.issue("localhost").save(cert, key)
    with env.Proxy([backend.address], listener={"tls": {"cert": cert, "key": key}}) as p, \
            p.open_channel(credentials=ca.credentials(),
                           grpc__ssl_target_name_override="localhost") as channel:
        stub, states = protos.Stub(channel), []
        stub.UnaryCall(protos.SimpleRequest(), timeout=5)
        channel.subscribe(states.append)
        rotate(ca, p, cert, key, 1, 1)
        stub.UnaryCall(protos.SimpleRequest(), timeout=5)
        assert set(states) <= {grpc.ChannelConnectivity.READY}, states


def test_the_trust_of_a_pool_changes_with_its_file(ca, tmp_path):
    """Our certificate and the CA of the backends: new connections follow the files."""
    other = certs.Authority(tmp_path, "other-ca")
    pair = other.issue("127.0.0.1", name="backend")
    trusted = str(tmp_path / "trusted.pem")
    certs.write(trusted, ca.pem)
    ours, wrong = other.issue("spiffe://shop.test/proxy"), ca.issue("spiffe://shop.test/proxy")
    cert, key = str(tmp_path / "our.crt"), str(tmp_path / "our.key")
    wrong.save(cert, key)
    with env.Backend(more=["--tls", ",".join((pair.cert, pair.key, other.file))]) as backend:
        with env.Proxy([backend.address],
                       pool={"tls": {"ca": trusted, "cert": cert, "key": key}}) as p, \
                p.open_channel() as channel:
            stub = protos.Stub(channel)

            def call():
                try:
                    stub.UnaryCall(protos.SimpleRequest(), timeout=5)
                    return "ok"
                except grpc.RpcError as e:
                    return e.details()
            assert "not signed by a CA" in call()
            certs.write(trusted, other.pem)
            env.wait_until(lambda: "client certificate" in call(), 10)
            ours.save(cert, key)
            env.wait_until(lambda: call() == "ok", 10)
            # And a file that is bad now changes nothing for who is connected or comes.
            certs.write(trusted, b"")
            p.wait_line(lambda t: "the old ones are kept" in t, "err")
            assert call() == "ok"


def test_a_crl_that_is_replaced_takes_effect(ca, backend, tmp_path):
    pair = ca.issue("localhost")
    good, bad = ca.issue("good.test"), ca.issue("bad.test")
    crl = ca.revoke()
    tls = dict(pair.conf(), clientCa=ca.file, clientCert="require", crl=crl)
    with env.Proxy([backend.address], listener={"tls": tls}) as p:
        assert isinstance(certs.try_handshake(p.address, certs.client_context(ca, bad)), dict)
        ca.revoke(bad)
        env.wait_until(lambda: isinstance(
            certs.try_handshake(p.address, certs.client_context(ca, bad)), str))
        assert isinstance(certs.try_handshake(p.address, certs.client_context(ca, good)), dict)


def test_certificates_are_shown_with_their_days(ca, backend, tmp_path):
    soon, late = ca.issue("soon.test", days=5.5), ca.issue("late.test", days=90.5)
    tls = dict(late.conf(), certificates=[soon.conf()])
    with env.Proxy([backend.address], listener={"tls": tls},
                   pool={"tls": dict(late.conf(), ca=ca.file)}) as p:
        rows = {r["name"]: r for r in get_certs(p)["certificates"]}
        assert rows["soon.test"]["daysLeft"] == 4 and rows["late.test"]["daysLeft"] == 89
        assert rows["late.test"]["usedBy"] == ["pool app", "listener in"]
        series = 'outrigger_tls_certificate_not_after_timestamp_seconds{file="%s",name="%s"}'
        value = p.metrics()[series % (soon.cert, "soon.test")]
        assert abs(value - soon.x509.not_valid_after.replace(
            tzinfo=datetime.timezone.utc).timestamp()) < 1
        line = p.wait_line(lambda t: "expires soon" in t and t, "err")
        assert soon.cert in line and "days_left=4" in line
        ctl = os.path.join(os.path.dirname(env.OUTRIGGER), "outriggerctl")
        text = subprocess.run([ctl, "certs", "-a", p.admin], stdout=subprocess.PIPE,
                              check=True).stdout.decode()
        assert "soon.test" in text and "used by pool app, listener in" in text
