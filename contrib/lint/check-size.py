#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check-size.py - files: 600 lines warn, 1,000 fail; functions: 60 warn, 100 fail.
A function is what starts with "{" in the first column and ends with "}" there, as our style has it."""
import re

import source

FILE_WARN, FILE_FAIL = 600, 1000
FUNC_WARN, FUNC_FAIL = 60, 100
NAME = re.compile(r"([A-Za-z_]\w*)\s*\(")


def functions(lines):
    """(name, line of the name, lines in the body) of each function definition."""
    start = None
    for i, line in enumerate(lines):
        if line.rstrip() == "{":
            start = i
        elif line.startswith("}") and start is not None:
            head = start
            while head > 0 and start - head < 12 and not NAME.match(lines[head]):
                head -= 1
            m = NAME.match(lines[head])
            yield (m.group(1) if m else "?"), head + 1, i - start - 1
            start = None


def main():
    faults, warnings = [], []
    paths = source.files()
    for path in paths:
        text = source.read(path)
        lines = source.code(text).split("\n")
        total = text.count("\n")
        if total > FILE_FAIL:
            faults.append("%s: %d lines; split it (limit %d)" % (path, total, FILE_FAIL))
        elif total > FILE_WARN:
            warnings.append("%s: %d lines (%d is the aim)" % (path, total, FILE_WARN))
        for name, number, size in functions(lines):
            if size > FUNC_FAIL:
                faults.append("%s:%d: %s has %d lines; split it (limit %d)" % (path, number, name, size, FUNC_FAIL))
            elif size > FUNC_WARN:
                warnings.append("%s:%d: %s has %d lines (%d is the aim)" % (path, number, name, size, FUNC_WARN))
    source.finish("check-size", len(paths), faults, warnings)


main()
