#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts test cases in meson's testlog.json: "PASSED FAILED SKIPPED" on one line, then a line for
each case that failed, with what was said of it behind (each line of that begins with a tab).

A program that prints TAP counts as many as it reports; any other counts as one. A program that
ended badly without reporting a failed case (a crash, a timeout, a sanitizer's report at the end)
counts as one failure more, so that nothing fails unseen.
"""

import json
import re
import sys

TAP_LINE = re.compile(r"^(not )?ok\b[ \t]*\d*[ \t]*-?[ \t]*([^#]*)(?:#[ \t]*(SKIP|TODO)\b.*)?$", re.I)
SAID_LINES_MAX = 12
BAD = ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS")


def told(name, said):
    """A case that failed, and the end of what was said of it, with lines of before that say so."""
    before = [line for line in said[:-SAID_LINES_MAX] if "FAILED" in line][:SAID_LINES_MAX]
    return "\n\t".join([name] + before + said[-SAID_LINES_MAX:])


def count(test):
    """(passed, failed names, skipped) of one entry of the log."""
    passed, failed, skipped = 0, [], 0
    name, result = test["name"], test["result"].upper().replace(" ", "")
    said = []
    for line in test.get("stdout", "").splitlines():
        match = TAP_LINE.match(line)
        if not match:
            said.append(line)
            continue
        if (match.group(3) or "").upper() == "SKIP":
            skipped += 1
        elif match.group(1):
            failed.append(told(f"{name}: {match.group(2).strip()}", said))
        else:
            passed += 1
        said = []
    if result in BAD:
        if not failed:
            said += test.get("stderr", "").splitlines()
            failed.append(told(f"{name}: {result.lower()}", said))
    elif result == "SKIP":
        skipped = max(skipped, 1)
    elif passed + skipped == 0:
        passed = 1
    return passed, failed, skipped


def main():
    passed, failed, skipped = 0, [], 0
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        for line in log:
            if line.strip():
                result = count(json.loads(line))
                passed += result[0]
                failed += result[1]
                skipped += result[2]
    print(passed, len(failed), skipped)
    for name in failed:
        print(name)


main()
