# SPDX-License-Identifier: Apache-2.0
"""contrib/systemd, as systemd itself judges it, and as the program sees it."""
import configparser
import os
import re
import shutil
import subprocess

import pytest

import env

FOLDER = os.path.abspath(os.path.join(env.HERE, "..", "..", "contrib", "systemd"))
MOST_EXPOSED = 2.0      # of 10
pytestmark = [pytest.mark.proxy_only, pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="needs systemd-analyze: apt-get install systemd")]


def analyze(*args, **environ):
    return subprocess.run(["systemd-analyze", *args], env=dict(os.environ, SYSTEMD_COLORS="0", **environ),
                          capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def units(tmp_path):
    """The units with the program where it is now, since nothing is installed."""
    for name in os.listdir(FOLDER):
        with open(os.path.join(FOLDER, name), encoding="utf-8") as f:
            text = f.read()
        (tmp_path / name).write_text(text.replace("/usr/sbin/outrigger", env.OUTRIGGER))
    return tmp_path


def service():
    unit = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    unit.optionxform = str
    unit.read(os.path.join(FOLDER, "outrigger.service"))
    return unit["Service"]


def seconds(text):
    return float(re.fullmatch(r"([\d.]+)s", text).group(1))


def test_systemd_has_nothing_to_say_about_them(units):
    done = analyze("verify", "--man=no", str(units / "outrigger.service"), str(units / "outrigger.socket"))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    # What it would say about a slip of the pen.
    bad = units / "outrigger.service"
    bad.write_text(bad.read_text().replace("ProtectHome=yes", "ProtectHom=yes"))
    assert "ProtectHom" in analyze("verify", "--man=no", str(bad)).stderr


def test_a_hole_in_the_program_opens_little(units):
    done = analyze("security", "--offline=yes", str(units / "outrigger.service"))
    assert done.returncode == 0, done.stderr
    score = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout).group(1))
    assert score <= MOST_EXPOSED, done.stdout


def test_systemd_waits_as_long_as_a_drain_may_take(tmp_path):
    printed = subprocess.run([env.OUTRIGGER, "--print-config", "--listen", "127.0.0.1:1", "--backend", "127.0.0.1:2"],
                             capture_output=True, text=True, check=True).stdout
    drain = re.search(r'"drain": \{(.*?)\n  \}', printed, re.S).group(1)
    delay, timeout = (seconds(re.search(r'"%s": "(.*?)"' % key, drain).group(1)) for key in ("delay", "timeout"))
    assert seconds(service()["TimeoutStopSec"]) > delay + timeout


def test_what_the_unit_starts_is_what_the_program_understands(tmp_path):
    unit = service()
    assert unit["Type"] == "notify" and unit["NotifyAccess"] == "all"
    conf = tmp_path / "outrigger.json"
    conf.write_text('{"version": 1, "listeners": [{"listen": "fd:grpc", "routes": [{"to": "a"}]}],'
                    '"pools": [{"name": "a", "endpoints": ["127.0.0.1:1"]}]}')
    before = unit["ExecStartPre"].replace("/usr/sbin/outrigger", env.OUTRIGGER)
    before = before.replace("/etc/outrigger/outrigger.json", str(conf)).split()
    assert subprocess.run(before, capture_output=True, check=False).returncode == 0
    conf.write_text("{")
    assert subprocess.run(before, capture_output=True, check=False).returncode == 1
    with open(os.path.join(FOLDER, "outrigger.socket"), encoding="utf-8") as f:
        assert "\nFileDescriptorName=grpc\n" in f.read()
