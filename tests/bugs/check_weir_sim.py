#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a seed that fails in weir-sim prints one line that replays it, and a smaller one that still
fails; what --json prints is what is documented.

Method: weir-sim with a seeded bug in it (tests/bugs/), and without. TAP.

  check_weir_sim.py WEIR-SIM
"""
import json
import os
import re
import shlex
import subprocess
import sys

BUG = "ACK_BEFORE_SYNC"
count = 0
good = True


def check(ok, what):
    global count, good
    count += 1
    good = good and ok
    print(f"{'ok' if ok else 'not ok'} {count} - {what}", flush=True)


def run(arguments, bug=None):
    environment = dict(os.environ)
    environment.pop("WEIR_TEST_BUG", None)
    if bug is not None:
        environment["WEIR_TEST_BUG"] = bug
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=170,
                          check=False)


def failures(text):
    """What failed in which seed: [(seed, message)]."""
    return re.findall(r"^# FAILED seed (\d+) life \d+: (.*?) \(", text, re.M)


def main():
    program = sys.argv[1]

    whole = run([program, "--cycles", "2000", "--seed", "7", "--json"])
    said = json.loads(whole.stdout)
    check(whole.returncode == 0 and said["violations"] == 0 and said["failed_seed"] is None,
          "without a bug nothing fails")
    check(said["cycles"] >= 2000 and said["seed"] == 7 and said["cycles_per_s"] > 0 and
          said["seeds"] > 0 and isinstance(said["situations"], dict), "the members are there")
    again = json.loads(run([program, "--cycles", "2000", "--seed", "7", "--json"]).stdout)
    check(again["situations"] == said["situations"] and again["cycles"] == said["cycles"],
          "the same seeds are in the same situations")

    broken = run([program, "--cycles", "200000"], BUG)
    found = failures(broken.stdout)
    check(broken.returncode == 1 and len(found) == 1, "with a bug a seed fails, and one is enough")
    line = re.search(r"replay with: (.*)$", broken.stdout, re.M)
    check(line is not None, "it says how to replay it")
    replayed = run(shlex.split(line.group(1)), BUG) if line else None
    check(replayed is not None and replayed.returncode == 1 and
          failures(replayed.stdout)[:1] == found[:1], "that command fails with the same words")
    smaller = re.search(r"^# the smallest .*? tries: (.*)$", broken.stdout, re.M)
    check(smaller is not None and "--without" in smaller.group(1), "it gives a smaller one")
    replayed = run(shlex.split(smaller.group(1)), BUG) if smaller else None
    check(replayed is not None and replayed.returncode == 1, "that one fails, too")
    replayed = run(shlex.split(smaller.group(1))) if smaller else None
    check(replayed is not None and replayed.returncode == 0, "and passes without the bug")
    told = run([program, "--cycles", "200000", "--json"], BUG)
    said = json.loads(told.stdout)
    check(told.returncode == 1 and said["violations"] == 1 and found and
          said["failed_seed"] == int(found[0][0]), "as JSON it counts it, and names the seed")
    check(run([program, "--without", "rust"]).returncode == 2, "no such class")
    check(run([program, "--cycles", "many"]).returncode == 2, "no number")

    print(f"1..{count}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
