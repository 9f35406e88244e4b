#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""summary.py [--broken TEXT] BUILD_DIR... - adds up what the test programs say, after make check.

Reads each .trs file (automake's result of a program) and the .log beside it, where cmocka, pytest, the
attack and our lint say how many single tests they ran. A program that tells no number counts as one test.
Of each failed log it shows what pytest says of failed tests, else the end. Their names come once more right
before the last line, because CI keeps no more than the end. The last line is "N passed, N failed"; status 1
unless all is well."""
import os
import re
import sys

CMOCKA = re.compile(r"^\[  (PASSED|FAILED)  \] (\d+) test\(s\)", re.M)
PYTEST = re.compile(r"^(?:=+ )?(\d+ (?:passed|failed|errors?|skipped|deselected)\b.*?) in [\d.:]+ ?s", re.M)
LINES = re.compile(r"^(ok|not ok)\b( - skip)?", re.M)
ATTACK = re.compile(r"^# (\d+) of (\d+) attack rows pass", re.M)
# From a file's failed tests to its line of numbers; other files' results may follow it (lanes.py).
FAILURES = re.compile(r"^=+ (?:FAILURES|ERRORS) =+$.*?^\d+ (?:failed|passed|error).*?$", re.M | re.S)
NAMES = re.compile(r"^(?:FAILED|ERROR|not ok|\[  FAILED  \]) (?!\d+ test)(.*)$", re.M)
TAIL = 40
REPORT = 120    # lines of one file's failed tests: the last ones hold the assertion and the names


def count(log, result):
    """(passed, failed, skipped) of one program."""
    passed = failed = skipped = 0
    for word, number in CMOCKA.findall(log):
        if word == "PASSED":
            passed += int(number)
        else:
            failed += int(number)
    for line in PYTEST.findall(log):
        for number, word in re.findall(r"(\d+) (passed|failed|errors?|skipped)", line):
            if word == "passed":
                passed += int(number)
            elif word == "skipped":
                skipped += int(number)
            else:
                failed += int(number)
    for word, skip in LINES.findall(log):
        if skip:
            skipped += 1
        elif word == "ok":
            passed += 1
        else:
            failed += 1
    for good, number in ATTACK.findall(log):
        passed += int(good)
        failed += int(number) - int(good)
    if result == "SKIP":
        return passed, failed, max(skipped, 1)
    if result in ("PASS", "XFAIL"):
        return (passed, failed, skipped) if passed + failed + skipped else (1, 0, 0)
    return passed, max(failed, 1), skipped


def what_failed(log):
    """The part of a failed program's log that says why, cut."""
    reports = [m.group(0).split("\n")[-REPORT:] for m in FAILURES.finditer(log)]
    lines = [line for report in reports for line in report] or log.rstrip().split("\n")[-TAIL:]
    return "\n".join("    " + line for line in lines)


def results(folder):
    """(name, result, text of the log) of each program that ran in the build tree."""
    for base, dirs, names in os.walk(folder):
        # Other build trees inside this one are counted by their own argument.
        dirs[:] = [d for d in sorted(dirs) if not d.startswith(("build-asan", "build-tsan", "."))
                   and not (base == folder and d.startswith("outrigger-"))]
        for name in sorted(names):
            if not name.endswith(".trs"):
                continue
            path = os.path.join(base, name)
            with open(path, encoding="utf-8", errors="replace") as f:
                m = re.search(r":global-test-result: (\w+)", f.read())
            log = path[:-4] + ".log"
            text = ""
            if os.path.exists(log):
                with open(log, encoding="utf-8", errors="replace") as f:
                    text = f.read()
            yield os.path.relpath(path[:-4], folder), (m.group(1) if m else "ERROR"), text


def main():
    args = sys.argv[1:]
    broken = ""
    if args[:1] == ["--broken"]:
        broken, args = args[1].strip(), args[2:]
    total_passed = total_failed = total_skipped = 0
    names = []
    for folder in args:
        programs = list(results(folder))
        passed = failed = skipped = 0
        for name, result, log in programs:
            p, f, s = count(log, result)
            passed, failed, skipped = passed + p, failed + f, skipped + s
            if f:
                print("---- %s: %s, %d failed; from its log:" % (name, result, f))
                print(what_failed(log))
                tree = os.path.basename(os.path.abspath(folder))
                names += ["failed: %s %s: %s" % (tree, name, each[:160])
                          for each in dict.fromkeys(NAMES.findall(log)) or [result]]
        if not programs:
            failed = 1
            print("---- %s: no test ran there" % folder)
        print("%-12s %3d programs: %d passed, %d failed, %d skipped"
              % (os.path.basename(os.path.abspath(folder)), len(programs), passed, failed, skipped))
        total_passed, total_failed = total_passed + passed, total_failed + failed
        total_skipped += skipped
    if broken and not total_failed:
        # make said no although no test did: a build error, or a run out of time.
        print("Not finished: " + broken)
        total_failed = 1
    print("".join(line + "\n" for line in names), end="")
    print("%d passed, %d failed" % (total_passed, total_failed))
    sys.exit(1 if total_failed or not total_passed else 0)


main()
