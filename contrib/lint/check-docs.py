#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check-docs.py - what the documents say is what the program does.
Every config in README.md and conf/ loads; every option of --help and every key of --print-schema is in the
man page, and the page names no key that the program does not have."""
import glob
import json
import os
import re
import subprocess
import sys

import source

OUTRIGGER = os.environ.get("OUTRIGGER", os.path.join(source.ROOT, "outrigger"))


def run(*args, text=None):
    return subprocess.run([OUTRIGGER] + list(args), input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True, timeout=30)


def configs():
    for name in ("README.md",):
        for i, block in enumerate(re.findall(r"```jsonc\n(.*?)```", source.read(name), re.S), 1):
            yield "%s, config %d" % (name, i), block
    for path in sorted(glob.glob(os.path.join(source.ROOT, "conf", "*.json*"))):
        name = os.path.relpath(path, source.ROOT)
        yield name, source.read(name)


def schema_keys(node, defs, seen):
    """All property names below a JSON schema node."""
    if isinstance(node, list):
        for item in node:
            schema_keys(item, defs, seen)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "properties":
                seen.update(value)
            schema_keys(value, defs, seen)
    return seen


def main():
    if not os.path.exists(OUTRIGGER):
        print("check-docs: skipped, %s is not built" % OUTRIGGER)
        sys.exit(77)
    faults = []
    checked = 0
    for name, text in configs():
        checked += 1
        done = run("-t", "-c", "-", text=text)
        if done.returncode != 0:
            faults.append("%s does not load:\n%s" % (name, done.stdout))

    page = source.read("man/outrigger.8")
    options = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", run("--help").stdout))
    if "--help" not in options:
        faults.append("outrigger --help does not name --help")
    for option in sorted(options):
        # mdoc writes -c as "Fl c" and --listen as "Fl -listen".
        if not re.search(r"Fl %s(?![\w-])" % re.escape(option[1:]), page):
            faults.append("man/outrigger.8 does not tell of %s" % option)

    keys = schema_keys(json.loads(run("--print-schema").stdout), {}, set())
    keys.discard("$schema")
    told = set()
    for line in re.findall(r"^\.It Cm (.*)$", page, re.M):
        for word in line.split():
            told.update(word.split("."))
    told |= set(re.findall(r"^\.Cm (listeners|pools|target|policy)\b", page, re.M)) - {","}
    told.discard("")
    told.discard(",")
    for key in sorted(keys - told):
        faults.append("man/outrigger.8 does not tell of the key %s" % key)
    for key in sorted(told - keys):
        faults.append("man/outrigger.8 tells of the key %s, which does not exist" % key)
    source.finish("check-docs", checked, faults)


main()
