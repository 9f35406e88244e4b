#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check-banned.py - functions that we do not call, and small marks of our style.
A call through a pointer (ops->connect()) is not the C library's function and passes."""
import re

import source

# name -> (rooms that may call it, what to use instead)
SRC = {}
for names, rooms, instead in (
        ("malloc calloc realloc free strdup strndup asprintf vasprintf", ("base",), "base/xalloc, arena or slab"),
        ("time gettimeofday clock_gettime", ("base", "loop"), "base/clock or loop_now_us"),
        # admin makes the one socket that evhttp accepts from.
        ("socket bind listen", ("net", "admin"), "net/listener"),
        ("accept accept4 connect socketpair", ("net",), "net/transport or net/listener"),
        ("epoll_wait epoll_ctl select poll", ("loop",), "loop/fdwatch"),
        ("getaddrinfo gethostbyname sleep usleep nanosleep", (), "something that does not block: a timer, a resolver")):
    for name in names.split():
        SRC[name] = (rooms, instead)
EVERYWHERE = {
    "strcpy": "memcpy with a length", "strcat": "base/strbuf", "sprintf": "snprintf or base/strbuf",
    "vsprintf": "vsnprintf", "strtok": "strcspn", "atoi": "strtol with checks", "atol": "strtol with checks",
    "gets": "fgets", "alloca": "an arena", "system": "fork and exec", "popen": "fork and exec",
}
CALL = re.compile(r"(?<![\w.>])([A-Za-z_]\w*)\s*\(")
SPDX = "SPDX-License-Identifier: Apache-2.0"


def check_calls(path, room, text, lines, faults):
    for number, line in enumerate(source.code(text).split("\n"), 1):
        for m in CALL.finditer(line):
            name = m.group(1)
            instead = EVERYWHERE.get(name)
            if not instead and room and name in SRC:
                rooms, other = SRC[name]
                instead = None if room in rooms else other
            if instead and not source.allowed(lines, number, name):
                faults.append("%s:%d: %s() is banned here; use %s" % (path, number, name, instead))


def check_style(path, text, lines, faults):
    if SPDX not in lines[0]:
        faults.append("%s:1: the first line is /* %s */" % (path, SPDX))
    strings_kept = source.code(text, keep_strings=True).split("\n")
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            faults.append("%s:%d: blanks at the end of the line" % (path, number))
        if "\t" in line:
            faults.append("%s:%d: a tab; we indent with 4 spaces" % (path, number))
        if path.endswith(".h") and "//" in line and "//" not in strings_kept[number - 1] and "/*" not in line \
                and not line.lstrip().startswith("*") and re.search(r"(^|[;{}\s])//", line) \
                and not inside_block(lines, number):
            faults.append("%s:%d: headers have /* */ comments only" % (path, number))


def inside_block(lines, number):
    before = "\n".join(lines[:number - 1])
    return before.rfind("/*") > before.rfind("*/")


def main():
    faults = []
    paths = source.files()
    for path in paths:
        text = source.read(path)
        lines = text.split("\n")
        parts = path.split("/")
        check_calls(path, parts[1] if parts[0] == "src" else None, text, lines, faults)
        check_style(path, text, lines, faults)
        if parts[:2] == ["tests", "unit"]:
            for number, line in enumerate(source.code(text).split("\n"), 1):
                if re.search(r"\b(u|nano)?sleep\s*\(", line) and not source.allowed(lines, number, "sleep"):
                    faults.append("%s:%d: unit tests do not sleep; turn the virtual clock" % (path, number))
    source.finish("check-banned", len(paths), faults)


main()
