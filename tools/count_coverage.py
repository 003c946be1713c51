#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts branches that tests took, from what a build with -Db_coverage=true has left.

usage: count_coverage.py BUILD EXCLUDED [--missed] [--fail-under PERCENT] FOLDER...

Prints a line for each file of the folders, "TAKEN of BRANCHES FILE", and the sum. --missed prints
each line that has a branch which nothing took. A branch is one way out of one condition: `a && b`
has four. Not counted: assertions, whose second way ends the process, and the lines that EXCLUDED
names, each with its reason. A line of EXCLUDED that excludes nothing is an error, and so are fewer
branches than --fail-under says.
"""

import argparse
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ASSERTION = re.compile(r"\bWR_(ASSERT|DEBUG)\(|\b_Static_assert\(")


def assertion_lines(text):
    """Numbers of the lines that an assertion stands on."""
    lines, depth = set(), 0
    for number, line in enumerate(text, 1):
        if depth == 0 and not ASSERTION.search(line):
            continue
        lines.add(number)
        depth += line.count("(") - line.count(")")
        depth = max(depth, 0)
    return lines


def read_excluded(path):
    """{(file, text of the line): reason}"""
    excluded = {}
    for line in pathlib.Path(path).read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        where, _, reason = line.partition(" # ")
        name, _, text = where.partition(": ")
        if not reason.strip() or not text.strip():
            sys.exit(f"{path}: {line!r} is not FILE: TEXT # REASON")
        excluded[(name, text.strip())] = reason.strip()
    return excluded


def branches_of(build, root, folders):
    """{file: {line: [times each branch was taken]}}: an inline function is in many objects."""
    taken = {}
    with tempfile.TemporaryDirectory() as work:
        for data in sorted(build.rglob("*.gcda")):
            subprocess.run(["gcov", "-b", "-c", "--json-format", data.resolve()], cwd=work,
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for report in pathlib.Path(work).glob("*.gcov.json.gz"):
                for file in json.loads(gzip.open(report).read())["files"]:
                    path = (build / file["file"]).resolve()
                    if root not in path.parents:
                        continue
                    name = str(path.relative_to(root))
                    if any(name.startswith(folder) for folder in folders):
                        add(taken.setdefault(name, {}), file["lines"])
                report.unlink()
    return taken


def add(lines, more):
    for line in more:
        counts = [branch["count"] for branch in line["branches"]]
        have = lines.setdefault(line["line_number"], [])
        if len(have) == len(counts):
            lines[line["line_number"]] = [a + b for a, b in zip(have, counts)]
        elif not have:
            lines[line["line_number"]] = counts


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build")
    parser.add_argument("excluded")
    parser.add_argument("--missed", action="store_true")
    parser.add_argument("--fail-under", type=float, default=0)
    parser.add_argument("folders", nargs="+")
    arguments = parser.parse_args()
    build, folders = pathlib.Path(arguments.build).resolve(), arguments.folders
    root = pathlib.Path(__file__).resolve().parent.parent
    excluded = read_excluded(arguments.excluded)
    used, sums, missed = set(), [0, 0], []
    for name, lines in sorted(branches_of(build, root, folders).items()):
        text = (root / name).read_text().splitlines()
        skipped = assertion_lines(text)
        counts = [0, 0]
        for number, branches in sorted(lines.items()):
            key = (name, text[number - 1].strip())
            if number in skipped or not branches:
                continue
            if 0 in branches and key in excluded:
                used.add(key)
                continue
            counts[0] += sum(1 for count in branches if count > 0)
            counts[1] += len(branches)
            if 0 in branches:
                missed.append(f"{name}:{number}: {branches.count(0)} of {len(branches)}: {key[1]}")
        sums = [a + b for a, b in zip(sums, counts)]
        print(f"{counts[0]:5} of {counts[1]:5}  {name}")
    if arguments.missed:
        print("\n".join(missed))
    percent = 100 * sums[0] / max(sums[1], 1)
    print(f"{sums[0]} of {sums[1]} branches taken, {percent:.2f} %; {len(used)} lines excluded")
    idle = [f"{name}: {text}" for name, text in excluded if (name, text) not in used
            and any(name.startswith(folder) for folder in folders)]
    if idle:
        print("excluded and not needed:\n" + "\n".join(idle))
    return 1 if idle or percent < arguments.fail_under else 0


if __name__ == "__main__":
    sys.exit(main())
