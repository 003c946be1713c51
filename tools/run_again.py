#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs again what failed for want of time, perhaps: programs of the suites unit, contract and api
with a case whose expectation was not met, or that was not done in time.

  run_again.py BUILD [ARGUMENT OF meson test]... >UNSTEADY

reads what meson test left in BUILD, and runs each such program twice more, alone. If all of it
passes both times, its failed cases are printed with what was said of them, in the lines of
count_results.py, which counts them as passed. Who calls sees to it that nothing else runs.

Run again is only what luck can explain: machines are shared, and a case that waits for a disk or
for a thread can be held up for longer than it waits. A crash, a failed assertion, a sanitizer's
report, a program that hangs and every other suite's failure are faults at the first time, and so
are more than PROGRAMS_MAX programs that fail in one stage: one machine is not so unlucky.
"""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True  # the tree stays as it is
from count_results import BAD, cases, count, entries, result_of

SUITES = ("unit", "contract", "api")
PROGRAMS_MAX = 3
TIMES = 2
TEST_NAME = re.compile(r"^(?:[^:]*:)?(\S+) / (.*)$")
SANITIZER = re.compile(r"Sanitizer\b|runtime error: ")
# Of a case that is a process of its own: the words of mini_criterion.c and of Criterion.
CASE_LATE = re.compile(r"\(signal 14\)$|timed out \(")
CASE_FAILED = re.compile(r"\(exit status 101\)$")
CASE_CRITERION = re.compile(r"\(\d+\.\d+s\)$")
# Of what a script has run.
CRASH = re.compile(r"SIG(ABRT|BUS|FPE|ILL|SEGV)|\bsignal -?\d|core dumped|Segmentation fault|Aborted",
                   re.I)


def is_case_of_luck(name, said):
    """Can a case have failed because it was held up?"""
    if "::" not in name:
        return not any(CRASH.search(line) for line in [name] + said)
    if CASE_LATE.search(name) or CASE_FAILED.search(name):
        return True
    # Criterion says what was not met; a case that left by a status of its own has nothing to say.
    return bool(CASE_CRITERION.search(name)) and any("failed" in line for line in said)


def is_luck(test):
    """Can a program that failed pass the next time, though nothing is wrong with weir?"""
    match = TEST_NAME.match(test["name"])
    if not match or match.group(1) not in SUITES:
        return False
    status = test.get("returncode", -1)
    if result_of(test) not in ("FAIL", "ERROR") or not 0 < status < 128:
        return False
    if SANITIZER.search(test.get("stdout", "")) or SANITIZER.search(test.get("stderr", "")):
        return False
    reported, _ = cases(test)
    if not reported:
        return status == 1  # an example, which is one case
    failed = [(name, said) for how, name, said in reported if how == "not ok"]
    return bool(failed) and all(is_case_of_luck(*case) for case in failed)


def passes(test, build, arguments):
    """Runs a program again: does every case of it pass, as often as it is run?"""
    suite, name = TEST_NAME.match(test["name"]).groups()
    log = os.path.join(build, "meson-logs", "again.json")
    if os.path.exists(log):
        os.remove(log)
    # Its output is the caller's: what is printed here are the cases.
    subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "--num-processes", "1",
                    "--print-errorlogs", "--logbase", "again", "--repeat", str(TIMES), *arguments,
                    "--suite", suite, name], stdout=sys.stderr, check=False)
    if not os.path.exists(log):
        return False
    passed, failed, _ = count(test)
    again = entries(log)
    return len(again) == TIMES and all(
        each["name"] == test["name"] and result_of(each) not in BAD and not count(each)[1] and
        count(each)[0] >= passed + len(failed) for each in again)


def main():
    build, arguments = sys.argv[1], sys.argv[2:]
    failed = [test for test in entries(os.path.join(build, "meson-logs", "testlog.json"))
              if count(test)[1]]
    if len(failed) > PROGRAMS_MAX:
        print(f"{len(failed)} programs failed: none is run again", file=sys.stderr)
        return
    for test in failed:
        if is_luck(test) and passes(test, build, arguments):
            print("\n".join(count(test)[1]), flush=True)


main()
