#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts test cases in meson's testlog.json: "PASSED FAILED SKIPPED UNSTEADY" on one line, then a
line for each case that failed, with what was said of it behind (each line of that begins with a tab).

  count_results.py TESTLOG [UNSTEADY]

A program that prints TAP counts as many as it reports; any other counts as one. A program that
ended badly without reporting a failed case (a crash, a timeout, a sanitizer's report at the end)
counts as one failure more, so that nothing fails unseen.

UNSTEADY is what run_again.py has left: cases that failed, and then passed alone. They count as
passed, and as unsteady.
"""

import collections
import json
import re
import sys

TAP_LINE = re.compile(r"^(not )?ok\b[ \t]*\d*[ \t]*-?[ \t]*([^#]*)(?:#[ \t]*(SKIP|TODO)\b.*)?$", re.I)
SAID_LINES_MAX = 12
# Of two cases at a time one may end between what the other says and its line.
CASES_BETWEEN_MAX = 2
BAD = ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS")


def told(name, said):
    """A case that failed, and the end of what was said of it, with lines of before that say so."""
    before = [line for line in said[:-SAID_LINES_MAX] if "FAILED" in line][:SAID_LINES_MAX]
    return "\n\t".join([name] + before + said[-SAID_LINES_MAX:])


def result_of(test):
    """How a program ended, as meson has it."""
    return test["result"].upper().replace(" ", "")


def details_after(lines, at):
    """The lines of YAML with which Criterion says behind a case why it failed: ([lines], next)."""
    if at == len(lines) or lines[at].strip() != "---":
        return [], at
    end = at + 1
    while end < len(lines) and lines[end].strip() != "...":
        end += 1
    return lines[at + 1:end], end + 1


def cases(test):
    """What a program reported, [("ok", "skip" or "not ok", name, what was said)], and what it said
    behind the last."""
    reported, said, at = [], [], 0
    between = collections.deque(maxlen=CASES_BETWEEN_MAX)
    lines = test.get("stdout", "").splitlines()
    while at < len(lines):
        match = TAP_LINE.match(lines[at])
        at += 1
        if not match:
            said.append(lines[at - 1])
            continue
        if (match.group(3) or "").upper() == "SKIP":
            how = "skip"
        else:
            how = "not ok" if match.group(1) else "ok"
        details, at = details_after(lines, at)
        if how == "not ok":
            reported.append((how, match.group(2).strip(), sum(between, []) + said + details))
            between.clear()
        else:
            reported.append((how, match.group(2).strip(), said))
            between.append(said)
        said = []
    return reported, said


def count(test):
    """(passed, failed names, skipped) of one entry of the log."""
    name, result = test["name"], result_of(test)
    reported, said = cases(test)
    passed = sum(how == "ok" for how, _, _ in reported)
    skipped = sum(how == "skip" for how, _, _ in reported)
    failed = [told(f"{name}: {case}", why) for how, case, why in reported if how == "not ok"]
    if result in BAD:
        if not failed:
            said += test.get("stderr", "").splitlines()
            failed.append(told(f"{name}: {result.lower()}", said))
    elif result == "SKIP":
        skipped = max(skipped, 1)
    elif passed + skipped == 0:
        passed = 1
    return passed, failed, skipped


def entries(path):
    """The log's programs."""
    with open(path, encoding="utf-8", errors="replace") as log:
        return [json.loads(line) for line in log if line.strip()]


def unsteady_cases(path):
    """The first lines of what run_again.py has left."""
    with open(path, encoding="utf-8") as file:
        return {line.rstrip("\n") for line in file if not line.startswith("\t")}


def main():
    passed, failed, skipped, unsteady = 0, [], 0, 0
    forgiven = unsteady_cases(sys.argv[2]) if len(sys.argv) > 2 else set()
    for test in entries(sys.argv[1]):
        result = count(test)
        still = [case for case in result[1] if case.split("\n")[0] not in forgiven]
        unsteady += len(result[1]) - len(still)
        passed += result[0] + len(result[1]) - len(still)
        failed += still
        skipped += result[2]
    print(passed, len(failed), skipped, unsteady)
    for name in failed:
        print(name)


if __name__ == "__main__":
    main()
