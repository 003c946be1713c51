#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts test cases in meson's testlog.json: "PASSED FAILED SKIPPED" on one line, then a line for
each case that failed.

A program that prints TAP counts as many as it reports; any other counts as one. A program that
ended badly without reporting a failed case (a crash, a timeout, a sanitizer's report at the end)
counts as one failure more, so that nothing fails unseen.
"""

import json
import re
import sys

TAP_LINE = re.compile(r"^(not )?ok\b[ \t]*\d*[ \t]*-?[ \t]*([^#]*)(?:#[ \t]*(SKIP|TODO)\b.*)?$", re.I)
BAD = ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS")


def count(test):
    """(passed, failed names, skipped) of one entry of the log."""
    passed, failed, skipped = 0, [], 0
    name, result = test["name"], test["result"].upper().replace(" ", "")
    for line in test.get("stdout", "").splitlines():
        match = TAP_LINE.match(line)
        if not match:
            continue
        if (match.group(3) or "").upper() == "SKIP":
            skipped += 1
        elif match.group(1):
            failed.append(f"{name}: {match.group(2).strip()}")
        else:
            passed += 1
    if result in BAD:
        if not failed:
            failed.append(f"{name}: {result.lower()}")
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
