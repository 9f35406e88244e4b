#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check-layers.py - a room includes only rooms above it, and a third-party library stays in its room."""
import re

import source

# Which rooms may include a library.  admin has libevent for its evhttp server only.
LIBRARIES = (
    (r"nghttp2/", ("h2",)),
    (r"event2/|event\.h", ("loop", "admin")),
    (r"jansson", ("conf",)),
    (r"yaml", ("conf",)),
    (r"protobuf-c/", ("grpc",)),
    (r"openssl/", ("net",)),
    (r"curl/", ("net",)),
    (r"hiredis", ("net",)),
    (r"ares", ("resolve",)),
    (r"xxhash", ("lb",)),
    (r"pcre2", ("proxy",)),
    (r"zlib", ("admin",)),
)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def main():
    faults = []
    paths = source.files(("src",))
    for path in paths:
        room = path.split("/")[1]
        if room not in source.ORDER:
            faults.append("%s: %s is not a room; see ARCHITECTURE.md" % (path, room))
            continue
        lines = source.read(path).split("\n")
        for number, line in enumerate(lines, 1):
            m = INCLUDE.match(line)
            if not m or source.allowed(lines, number, "include"):
                continue
            mark, name = m.groups()
            where = "%s:%d: " % (path, number)
            if mark == '"':
                other = name.split("/")[0]
                if other not in source.ORDER:
                    faults.append(where + 'write the room: #include "room/file.h", not "%s"' % name)
                elif source.ORDER.index(other) > source.ORDER.index(room):
                    faults.append(where + "%s may not include %s: %s ranks below it" % (room, name, other))
                continue
            for pattern, rooms in LIBRARIES:
                if re.match(pattern, name) and room not in rooms:
                    faults.append(where + "<%s> belongs to %s; ask that room" % (name, " and ".join(rooms)))
    source.finish("check-layers", len(paths), faults)


main()
