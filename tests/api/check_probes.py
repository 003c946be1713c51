#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Goal:   the probes of docs/guide/probes.md are there as it says, and cost one nop.
Method: the notes of the shared library, as readelf shows them, against the table of that page: names,
        numbers of arguments, no semaphore. At the address of each stands a nop. And what an event
        passes through is compiled with and without probes: it reads memory no more often with them
        (gcc; clang keeps values elsewhere, and is not judged). Prints TAP.
usage:  check_probes.py ROOT LIBRARY READELF OBJDUMP COMPILER...
"""
import os
import re
import subprocess
import sys
import tempfile

ROOT, LIBRARY, READELF, OBJDUMP = sys.argv[1:5]
COMPILER = sys.argv[5:]
# Of an event; what comes once a batch or once a turn may look at what it tells.
HOT = {
    "core/pipeline/publish.c": ["weir_publish", "weir_publish_many", "weir_commit"],
    "core/pipeline/ack.c": ["weir_ack"],
    "core/pipeline/share_poll.c": ["wr_sharing_poll"],
}
NOPS = re.compile(r"^(nop|nopw|nopl|cs|data16|xchg\s+%ax,%ax|hint)")


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True,
                          env=dict(os.environ, LC_ALL="C")).stdout


def documented():
    rows = {}
    with open(os.path.join(ROOT, "docs/guide/probes.md"), encoding="utf-8") as page:
        for line in page:
            row = re.match(r"\| `(\w+)` \| (.*?) \| (.*?) \|$", line)
            if row:
                rows[row[1]] = len(row[2].split(","))
    return rows


def notes():
    """(name, address, semaphore, arguments) of each probe of the library."""
    text = output(READELF, "-n", "--wide", LIBRARY)
    found = re.findall(r"Provider: weir\s+Name: (\w+)\s+Location: 0x([0-9a-f]+), Base: 0x([0-9a-f]+), "
                       r"Semaphore: 0x([0-9a-f]+)\s+Arguments: (.*)", text)
    return [(name, int(at, 16), int(base, 16), int(semaphore, 16), arguments.split(" 8@"))
            for name, at, base, semaphore, arguments in found]


def code_at(address):
    text = output(OBJDUMP, "-d", "--no-show-raw-insn", "--start-address=%d" % address,
                  "--stop-address=%d" % (address + 4), LIBRARY)
    for line in text.splitlines():
        code = re.match(r"\s+([0-9a-f]+):\s+(.*?)\s*$", line)
        if code and int(code[1], 16) == address:
            return code[2]
    return None


def functions(source, *flags):
    with tempfile.TemporaryDirectory() as place:
        into = os.path.join(place, "x.o")
        # Without alignment: what pads a loop is a nop, too.
        output(*COMPILER, "-std=c11", "-O2", "-fPIC", "-fvisibility=hidden", "-I" + ROOT,
               "-I" + ROOT + "/include", "-fno-align-functions", "-fno-align-loops",
               "-fno-align-jumps", "-fno-align-labels", *flags, "-c", os.path.join(ROOT, source), "-o", into)
        text = output(OBJDUMP, "-d", "--no-show-raw-insn", into)
    found, body = {}, []
    for line in text.splitlines():
        head = re.match(r"^[0-9a-f]+ <(.*)>:$", line)
        code = re.match(r"^\s+[0-9a-f]+:\s+(.*?)\s*$", line)
        if head:
            body = found.setdefault(head[1], [])
        elif code:
            body.append(code[1])
    return found


def reads(code):
    """Whether an instruction reads memory: roughly, and the same for both."""
    name, _, rest = code.partition(" ")
    if NOPS.match(code) or name.startswith(("lea", "prefetch", "call", "jmp", "st", "prfm")):
        return False
    if "[" in rest:
        return name.startswith("ld")
    operands = re.split(r",(?![^(]*\))", rest)
    return "(" in (operands[0] if name.startswith("mov") else rest)


def compare():
    worse = []
    for source, names in HOT.items():
        with_probes, without = functions(source), functions(source, "-DWR_NO_PROBES")
        for name in names:
            mine, other = with_probes[name], without[name]
            more = sum(map(reads, mine)) - sum(map(reads, other))
            nops = mine.count("nop") - other.count("nop")
            print("# %s: %+d reads of memory, %+d nops" % (name, more, nops))
            if more > 0 or nops < 1:
                worse.append(name)
    return worse


def main():
    table, there = documented(), notes()
    verdicts = []

    def check(good, what, why=""):
        verdicts.append(good)
        print("%s %d - %s" % ("ok" if good else "not ok", len(verdicts), what))
        if not good:
            print("# %s" % (why,))

    names = {note[0] for note in there}
    check(names == set(table), "the probes are those of the page", names ^ set(table))
    wrong = [note for note in there if len(note[4]) != table.get(note[0])]
    check(there and not wrong, "each has as many arguments as the page says", wrong)
    wrong = [note for note in there
             if note[2] == 0 or note[3] != 0 or not note[4][0].startswith("8@") or
             not all(note[4])]
    check(there and not wrong, "no semaphore, a base, 64 bits each", wrong)
    wrong = [(note[0], code_at(note[1])) for note in there if code_at(note[1]) != "nop"]
    check(there and not wrong, "each is a nop", wrong)
    macros = output(*COMPILER, "-dM", "-E", "-xc", "/dev/null")
    # Two loads may be one there, by what stands beside them: numbers say little.
    if "__clang__" in macros or "__aarch64__" in macros:
        print("# clang, or ARM64: what the code reads is not compared")
    else:
        worse = compare()
        check(not worse, "an event's way reads memory no more often", worse)
    print("1..%d" % len(verdicts))
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
