#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check-docs.py - what the documents say is what the program does.
Every config in README.md and conf/ loads (a pool alone: inside a small config); every option of --help is in outrigger(8); outrigger.json(5) is what
--print-man prints; README.md has each key of the top level."""
import glob
import json
import os
import re
import subprocess
import sys

import source

OUTRIGGER = os.environ.get("OUTRIGGER", os.path.join(source.ROOT, "outrigger"))


# Around an example that shows a pool alone.
POOL = """{ "version": 1, "listeners": [{ "listen": ":8080", "routes": [{ "to": "shop" }] }], "pools": [
%s ] }"""
# No config; tests/unit/main/test_config.c reads it.
ENDPOINTS_FILE = "conf/endpoints.json"


def run(*args, text=None):
    return subprocess.run([OUTRIGGER] + list(args), input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True, timeout=30)


def configs():
    for name in ("README.md",):
        for i, block in enumerate(re.findall(r"```jsonc\n(.*?)```", source.read(name), re.S), 1):
            yield "%s, config %d" % (name, i), block if '"version"' in block else POOL % block
        if "libyaml none" not in run("-VV").stdout:
            for i, block in enumerate(re.findall(r"```yaml\n(.*?)```", source.read(name), re.S), 1):
                yield "%s, YAML config %d" % (name, i), block
    for path in sorted(glob.glob(os.path.join(source.ROOT, "conf", "*.json*"))):
        name = os.path.relpath(path, source.ROOT)
        if name != ENDPOINTS_FILE:
            yield name, source.read(name)


def main():
    if not os.path.exists(OUTRIGGER):
        print("check-docs: skipped, %s is not built" % OUTRIGGER)
        sys.exit(77)
    faults = []
    checked = 0
    for name, text in configs():
        checked += 1
        done = run("-t", "-c", "-", text=text)
        # Certificates and keys that an example names are not here; a unit test loads it with some.
        others = set(re.findall(r" error: .*\[(E\d+)\]", done.stdout)) - {"E0250", "E0347"}
        if done.returncode not in (0, 1) or others:
            faults.append("%s does not load:\n%s" % (name, done.stdout))

    page = source.read("man/outrigger.8")
    options = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", run("--help").stdout))
    if "--help" not in options:
        faults.append("outrigger --help does not name --help")
    for option in sorted(options):
        # mdoc writes -c as "Fl c" and --listen as "Fl -listen".
        if not re.search(r"Fl %s(?![\w-])" % re.escape(option[1:]), page):
            faults.append("man/outrigger.8 does not tell of %s" % option)

    if run("--print-man").stdout != source.read("man/outrigger.json.5"):
        faults.append("man/outrigger.json.5 is old; run: ./outrigger --print-man >man/outrigger.json.5")

    readme = source.read("README.md")
    for key in json.loads(run("--print-schema").stdout)["properties"]:
        if key != "$schema" and "| `%s` |" % key not in readme:
            faults.append("the table of README.md lacks the key %s" % key)
    source.finish("check-docs", checked, faults)


main()
