# SPDX-License-Identifier: Apache-2.0
"""Prometheus' own judges of our metrics: promtool (Debian package prometheus, which contrib/test unpacks without installing it) and the OpenMetrics parser of
python3-prometheus-client."""
import os
import shutil
import subprocess

import pytest


def binary():
    """Skips the test when there is no promtool."""
    found = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if not found:
        pytest.skip("no promtool: unpack the Debian package prometheus and set PROMTOOL to its usr/bin/promtool")
    return found


def check_metrics(text):
    """What `promtool check metrics` has to say about a page in text 0.0.4; "": nothing."""
    done = subprocess.run([binary(), "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    return (done.stdout + done.stderr).strip() or ("exit code %d" % done.returncode if done.returncode else "")


def open_families(text):
    """{name: family} of a page in OpenMetrics, which must be right in all that the specification asks for."""
    parser = pytest.importorskip("prometheus_client.openmetrics.parser", reason="install python3-prometheus-client")
    return {family.name: family for family in parser.text_string_to_metric_families(text)}
