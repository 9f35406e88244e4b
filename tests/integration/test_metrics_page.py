# SPDX-License-Identifier: Apache-2.0
"""GET /metrics as scrapers see it: both formats, judged by Prometheus' own tools, and gzip."""
import datetime
import gzip
import os
import time
import urllib.request

import pytest

import certs
import env
import promtool
import protos
from protos import Empty

pytestmark = pytest.mark.proxy_only

PROMETHEUS = ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
              "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")


@pytest.fixture(scope="module")
def proxy():
    with env.Backend() as backend, env.Proxy([backend.address]) as p:
        with p.open_channel() as channel:
            for _ in range(3):
                protos.Stub(channel).EmptyCall(Empty(), timeout=10)
        yield p


def ask(proxy, **headers):
    request = urllib.request.Request("http://%s/metrics" % proxy.admin,
                                     headers={k.replace("_", "-"): v for k, v in headers.items()})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers, answer.read()


def test_promtool_has_nothing_to_say(proxy):
    headers, body = ask(proxy)
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert promtool.check_metrics(body.decode()) == ""


def test_openmetrics_is_right_and_says_the_same(proxy):
    headers, body = ask(proxy, Accept=PROMETHEUS)
    assert headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    text = body.decode()
    assert text.endswith("# EOF\n") and text.count("# EOF") == 1
    families = promtool.open_families(text)
    assert families["grpc_server_handling_seconds"].unit == "seconds"
    assert families["grpc_server_started"].type == "counter"
    assert families["outrigger_build"].type == "info"
    # the same series as in the other format, but for the spelling of buckets
    plain = {line.rsplit(" ", 1)[0] for line in ask(proxy)[1].decode().splitlines() if not line.startswith("#")}
    opened = {line.split(" # ")[0].rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")}
    assert {s for s in plain if ",le=" not in s} == {s for s in opened if ",le=" not in s}
    assert len(plain) == len(opened)


def test_gzip_when_it_is_accepted(proxy):
    headers, packed = ask(proxy, Accept=PROMETHEUS, Accept_Encoding="gzip")
    assert headers["Content-Encoding"] == "gzip" and "Accept-Encoding" in headers["Vary"]
    text = gzip.decompress(packed)
    assert text.endswith(b"# EOF\n") and len(packed) < len(text) / 4
    headers, _ = ask(proxy, Accept_Encoding="gzip;q=0, br")
    assert headers["Content-Encoding"] is None


def test_the_process_tells_about_itself(proxy):
    metrics = proxy.metrics()
    assert abs(metrics["process_start_time_seconds"] - time.time()) < 3600
    assert metrics["process_cpu_seconds_total"] > 0
    assert abs(metrics["process_resident_memory_bytes"] / proxy.rss() - 1) < 0.5
    fds = len(os.listdir("/proc/%d/fd" % proxy.proc.pid))
    assert abs(metrics["process_open_fds"] - fds) <= 3
    assert metrics["process_max_fds"] >= fds
    names = [k for k in metrics if k.startswith("outrigger_library_info")]
    assert any('library="nghttp2",running="1.' in name for name in names)
    assert all('running=""' not in name and 'built=""' not in name for name in names)


def test_names_of_files_are_escaped(tmp_path):
    """The path of a certificate is a label, whatever is in it."""
    folder = tmp_path / 'a"b\\c \u00e9'
    folder.mkdir()
    pair = certs.Authority(folder).issue("127.0.0.1")
    with env.Backend() as backend, \
            env.Proxy([backend.address], listener={"tls": {"cert": pair.cert, "key": pair.key}}) as p:
        assert promtool.check_metrics(ask(p)[1].decode()) == ""
        samples = promtool.open_families(ask(p, Accept=PROMETHEUS)[1].decode())[
            "outrigger_tls_certificate_not_after_timestamp_seconds"].samples
    assert [s.labels["file"] for s in samples] == [pair.cert]
    assert samples[0].value == pair.x509.not_valid_after.replace(tzinfo=datetime.timezone.utc).timestamp()
