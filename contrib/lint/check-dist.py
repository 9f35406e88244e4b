#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check-dist.py - each file of the repository is named by a Makefile, so that it is in the tarball, too.
A file that is missing there breaks the build or the tests of whoever has no git clone. Skipped (77) without git."""
import os
import re
import shutil
import subprocess
import sys

import source

LEFT_OUT = {".gitignore"}


def named_files():
    """What the Makefiles name, from the top of the tree."""
    names = set()
    for at, folders, files in os.walk(source.ROOT):
        folders[:] = [f for f in folders if not f.startswith((".", "build"))]
        here = os.path.relpath(at, source.ROOT)
        for name in files:
            if name in ("Makefile.am", "Makefile.inc"):
                names.add(os.path.normpath(os.path.join(here, name)))
                text = source.read(os.path.join(here, name)).replace("%D%", here)
                names.update(os.path.normpath(word) for word in re.findall(r"[^\s='\"]+", text) if "$" not in word)
    return names


def places(path):
    """The file, and the folders that it is in, since EXTRA_DIST may name one as a whole; not those that have a Makefile."""
    yield path
    while not os.path.exists(os.path.join(source.ROOT, os.path.dirname(path), "Makefile.inc")) and "/" in path:
        path = os.path.dirname(path)
        yield path


def main():
    done = shutil.which("git") and subprocess.run(
        ["git", "-C", source.ROOT, "ls-files"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        universal_newlines=True, check=False)
    if not done or done.returncode or not done.stdout:
        print("check-dist: skipped, this is no git clone")
        sys.exit(77)
    known, files = named_files(), done.stdout.split("\n")[:-1]
    # automake takes these by itself.
    known.add("configure.ac")
    faults = [f for f in files if not known.intersection(places(f)) and os.path.basename(f) not in LEFT_OUT
              and os.path.exists(os.path.join(source.ROOT, f))]
    for f in faults:
        print("%s is in no Makefile: add it to the sources or to EXTRA_DIST in the Makefile.inc beside it" % f)
    print("check-dist: %d files, %d faults" % (len(files), len(faults)))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
