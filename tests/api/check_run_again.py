#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Goal:   tools/run_again.py forgives a case that was held up, and nothing else: no crash, no report of
        a sanitizer, no program that hangs, no suite in which each failure is a fault, none of many;
        tools/count_results.py counts and tells the same.
Method: logs as meson writes them, with what weir's runner, Criterion, scripts and examples print; a
        meson of the test's own, which says what happened the next time. Prints TAP.
usage:  check_run_again.py ROOT
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

MESON = """#!/bin/sh
echo "$@" >>"$AGAIN.calls"
cp "$AGAIN" "$3/meson-logs/again.json"
"""
EXPECTED = "# tests/a.c:3: cr_assert(done): it is not done\n"
LATE = EXPECTED + "not ok 1 - a::waits (exit status 101)\nok 2 - a::other\n1..2\n"
WELL = "ok 1 - a::waits\nok 2 - a::other\n1..2\n"
CRITERION = "not ok - a::waits  (0.10s)\n  ---\n  assertions: 1\n  failures:\n"
CRITERION_WHY = "  - tests/a.c:3: |+\n      Assertion failed: it is not done\n"
CRITERION_END = "  ...\nok - a::other  (0.00s)\n"

root = pathlib.Path(sys.argv[1])
work = tempfile.TemporaryDirectory()
build = pathlib.Path(work.name)
held = []  # for each case, whether it did


def say(good, text, why=""):
    held.append(good)
    if not good:
        print(f"# {why}")
    print(f"{'ok' if good else 'not ok'} {len(held)} - {text}", flush=True)


def program(stdout, result="ERROR", status=1, name="weir:unit / a", stderr=""):
    return {"name": name, "stdout": stdout, "stderr": stderr, "result": result,
            "returncode": status}


def well(name="weir:unit / a", stdout=WELL):
    return program(stdout, "OK", 0, name)


def write(path, programs):
    path.write_text("".join(json.dumps(each) + "\n" for each in programs))


def run(first, again):
    """What is counted: the four figures, the names that failed, and how often meson ran."""
    log, unsteady, calls = build / "meson-logs/testlog.json", build / "unsteady", build / "again.calls"
    calls.write_text("")
    write(log, first)
    write(build / "again", again)
    environment = dict(os.environ, PATH=f"{build}:{os.environ['PATH']}", AGAIN=str(build / "again"))
    with open(unsteady, "w", encoding="utf-8") as file:
        subprocess.run([sys.executable, root / "tools/run_again.py", build, "-t", "3"], stdout=file,
                       stderr=subprocess.DEVNULL, env=environment, check=True)
    counted = subprocess.run([sys.executable, root / "tools/count_results.py", log, unsteady],
                             capture_output=True, text=True, check=True).stdout.splitlines()
    names = [line for line in counted[1:] if not line.startswith("\t")]
    return tuple(map(int, counted[0].split())), names, len(calls.read_text().splitlines())


def forgiven(first, again, text):
    got = run([first, well("weir:unit / b")], again)
    told = (build / "unsteady").read_text()
    say(got == ((4, 0, 0, 1), [], 1) and "a::waits" in told and "\t" in told, text, f"{got} {told}")


def still_failed(first, text, again=None, calls=0):
    got = run([first, well("weir:unit / b")], [well(first["name"])] * 2 if again is None else again)
    say(got[0][1] == 1 and got[0][3] == 0 and len(got[1]) == 1 and got[2] == calls and
        (build / "unsteady").read_text() == "", text, f"{got}")


def what_is_luck():
    forgiven(program(LATE), [well()] * 2, "a case that failed, and passes twice alone, is unsteady")
    called = (build / "again.calls").read_text()
    say("--repeat 2" in called and "-t 3" in called and called.endswith(" --suite unit a\n") and
        "--num-processes 1" in called, "it is run by its name, alone, for as long as its stage may",
        called)
    say((build / "unsteady").read_text() == "weir:unit / a: a::waits (exit status 101)\n\t" + EXPECTED,
        "what was said of it is kept", (build / "unsteady").read_text())
    forgiven(program(EXPECTED + "ok 1 - a::other\nnot ok 2 - a::waits (exit status 101)\n"), [well()] * 2,
             "what is said before another case ends is told, too")
    forgiven(program(LATE.replace("exit status 101", "signal 14")), [well()] * 2,
             "a case that was not done in time is one, too")
    forgiven(program(CRITERION + CRITERION_WHY + CRITERION_END), [well()] * 2,
             "Criterion says behind a case why it failed")
    forgiven(program(EXPECTED + "not ok - a::waits timed out (0.50s)\nok - a::other\n"), [well()] * 2,
             "and which was not done in time")
    got = run([program("it waited\n", "FAIL", 1, "weir:api / example_a")],
              [program("", "OK", 0, "weir:api / example_a")] * 2)
    say(got == ((1, 0, 0, 1), [], 1), "an example is one case", got)
    name = "weir:api / serve_a"
    got = run([program("ok 1 - x\nnot ok 2 - y\n", name=name)], [well(name)] * 2)
    say(got == ((2, 0, 0, 1), [], 1), "a script has cases, too", got)
    name = "weir:contract / c"
    got = run([program(LATE, name=name)] + [program(LATE)], [well(name)] * 2)
    say(got[0] == (3, 1, 0, 1) and got[2] == 2, "each is judged by its own next times", got)


def what_happens_again():
    still_failed(program(LATE), "a case that fails again has failed", [program(LATE)] * 2, 1)
    still_failed(program(LATE), "also if it passes once", [well(), program(LATE)], 1)
    still_failed(program(LATE), "or is run only once", [well()], 1)
    still_failed(program(LATE), "or not at all", [], 1)
    still_failed(program(LATE), "or is skipped, the next time",
                 [well(stdout="ok 1 - a::waits # SKIP\nok 2 - a::other\n")] * 2, 1)
    still_failed(program(LATE), "or the program ends badly", [program(WELL, status=-6)] * 2, 1)


def what_is_a_fault():
    crash = LATE.replace("exit status 101", "signal 11")
    still_failed(program(crash), "a case that crashes is not run again")
    still_failed(program(LATE.replace("exit status 101", "signal 6")), "nor a failed assertion")
    still_failed(program(LATE.replace("status 101", "status 1")), "nor what ends a case otherwise")
    still_failed(program(CRITERION + CRITERION_END), "nor under Criterion")
    still_failed(program("not ok - a::waits unexpected signal after a.c:7\n"), "nor its crashes")
    still_failed(program(LATE, stderr="==1==ERROR: LeakSanitizer: detected memory leaks\n"),
                 "nor where a sanitizer has something to say")
    still_failed(program(LATE, stderr="a.c:3:5: runtime error: shift exponent\n"), "of any kind")
    still_failed(program("ok 1 - x\n", "TIMEOUT", -15), "nor a program that hangs")
    still_failed(program("ok 1 - x\n", status=-11), "or crashes")
    still_failed(program("ok 1 - x\n", status=3), "or ends badly, with every case passed")
    still_failed(program("# the server ended by SIGSEGV\nnot ok 1 - y\n", name="weir:api / s"),
                 "nor what crashed under a script")
    got = run([program(LATE + "not ok 3 - a::crashes (signal 11)\n")], [well()] * 2)
    say(got[0] == (1, 2, 0, 0) and got[2] == 0, "nor a program one of whose cases is a fault", got)
    for suite in "stress", "explorer", "sim", "million", "crash", "bugs", "fuzz", "style", "host":
        still_failed(program(LATE, name=f"weir:{suite} / a"), f"nor what suite {suite} found")
    many = [program(LATE, name=f"weir:unit / {each}") for each in "abcd"]
    got = run(many, [well()] * 2)
    say(got[0] == (4, 4, 0, 0) and got[2] == 0, "nor four programs of a stage", got)


def main():
    os.mkdir(build / "meson-logs")
    (build / "meson").write_text(MESON)
    (build / "meson").chmod(0o755)
    what_is_luck()
    what_happens_again()
    what_is_a_fault()
    print(f"1..{len(held)}")
    return not all(held)


sys.exit(main())
