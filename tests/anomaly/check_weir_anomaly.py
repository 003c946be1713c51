#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: weir-anomaly says what is wrong with a history in a file, with the lines at fault, and its
exit status says the same.

Method: histories that it draws itself, right and wrong ones, and some of the simulation, go through
files; what --json prints is what is documented. TAP.

  check_weir_anomaly.py WEIR-ANOMALY
"""
import json
import re
import subprocess
import sys

count = 0
good = True


def check(ok, what):
    global count, good
    count += 1
    good = good and ok
    print(f"{'ok' if ok else 'not ok'} {count} - {what}", flush=True)


def run(*arguments, stdin=None):
    return subprocess.run(arguments, input=stdin, capture_output=True, text=True, timeout=170,
                          check=False)


def main():
    program = sys.argv[1]

    rules = re.findall(r"^([A-Za-z0-9-]+)(?: \(allowed\))?: \w", run(program, "--rules").stdout, re.M)
    check(len(rules) == len(set(rules)) and "G1a" in rules and "fenced-ack" in rules,
          f"it lists {len(rules)} rules")
    right = run(program, "--drawn", "--seed", "5").stdout
    said = run(program, "--check", "-", stdin=right)
    check(said.returncode == 0 and re.search(r"^\d+ operations, 0 anomalies", said.stdout, re.M),
          "a right history: status 0")
    wrong = run(program, "--drawn", "--seed", "5", "--plant", "G1a").stdout
    said = run(program, "--check", "-", stdin=wrong)
    lines = re.findall(r"^#   line (\d+): (.*)$", said.stdout, re.M)
    check(said.returncode == 1 and said.stdout.startswith("# G1a: ") and len(lines) >= 1,
          "a wrong one: its rule, and status 1")
    text = wrong.splitlines()
    check(all(text[int(number) - 1] == line for number, line in lines), "the lines are the file's")
    told = run(program, "--histories", "60", "--seed", "7", "--json")
    members = json.loads(told.stdout)
    check(told.returncode == 0 and members["anomalies"] == 0 and members["failed_seed"] is None and
          members["histories"] == 60 and members["seed"] == 7 and members["histories_per_s"] > 0,
          "60 simulated histories have no anomaly")
    check(members["rules"] == len(rules) == members["rules_fired_when_seeded"] and
          members["not_fired"] == [], "every rule fires when it is planted")
    # Of a call that waited for room, of drains, of events that fail, of parked keys, of a length.
    full = [run(program, "--histories", "1", "--seed", seed).returncode
            for seed in ("1092093", "5028420", "5012384", "4074192", "4077900")]
    check(full == [0] * 5, "logs that came to their limit of files go on when it is raised")
    read = run(program, "--histories", "1", "--seed", "4019352").returncode
    check(read == 0, "of a copy further on that cannot be read lag does not tell the age")
    one = [run(program, "--one", "--seed", "9", "--print").stdout for _ in range(2)]
    check(one[0] == one[1] and len(one[0].splitlines()) > 10, "a seed is one history")
    said = run(program, "--check", "-", stdin=one[0])
    check(said.returncode == 0, "and right after it was written down, too")
    check(run(program, "--check", "-", stdin="1 2 ok jump\n").returncode == 2, "no history: status 2")
    check(run(program, "--check", "/nonexistent").returncode == 2, "no file")
    check(run(program, "--drawn", "--plant", "G3").returncode == 2, "no such rule")
    check(run(program, "--lives", "many").returncode == 2, "no number")

    print(f"1..{count}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
