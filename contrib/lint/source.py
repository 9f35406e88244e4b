# SPDX-License-Identifier: Apache-2.0
"""source.py - what the lint scripts share: which files to look at, and C text without comments."""
import os
import re
import sys

# The rooms of src/ in rank order: a room may use only itself and rooms before it.
ORDER = ("base", "conf", "obs", "loop", "net", "h2", "grpc", "resolve", "lb",
         "upstream", "filter", "proxy", "admin", "main")

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))

_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def files(folders=("src", "tests"), ends=(".c", ".h")):
    """Paths relative to the source tree, sorted; files that the build makes are left out."""
    found = []
    for folder in folders:
        for base, dirs, names in os.walk(os.path.join(ROOT, folder)):
            # A folder "proto" holds generated code; so does NAME.made.c.
            dirs[:] = sorted(d for d in dirs if not d.startswith((".", "__")) and d != "proto")
            for name in sorted(names):
                if name.endswith(ends) and ".pb-c." not in name and ".made." not in name:
                    found.append(os.path.relpath(os.path.join(base, name), ROOT))
    return found


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def code(text, keep_strings=False):
    """The text with comments (and what stands in strings) replaced by blanks; lines keep their numbers."""
    def blank(m):
        s = m.group(0)
        if s[0] in "\"'":
            return s if keep_strings else s[0] + " " * (len(s) - 2) + s[0]
        return re.sub(r"[^\n]", " ", s)
    return _TOKEN.sub(blank, text)


def allowed(lines, number, rule):
    """A rule may be broken with a comment that says why: "lint: allow RULE - reason", on the line or the one above."""
    mark = "lint: allow " + rule
    return any(mark in lines[i] for i in (number - 1, number - 2) if 0 <= i < len(lines))


def finish(name, checked, faults, warnings=()):
    for line in warnings:
        print("warning: " + line)
    for line in faults:
        print(line)
    print("%s: %d files, %d faults%s" % (name, checked, len(faults),
                                         ", %d warnings" % len(warnings) if warnings else ""))
    if not checked:
        print(name + ": no file was found, so nothing was proven")
    sys.exit(1 if faults or not checked else 0)
