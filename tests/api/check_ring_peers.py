#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Goal:   `weir bench ring --peers` runs every contender of the build, a user's own among them, in each
        cell that it is made for, checked as weir is; its report is whole and agrees with itself; and
        it fails where one that it should have measured is not in the build.
Method: short runs of the command. The build says which contenders there are. Figures are judged by
        nothing but each other: the machine is shared. Prints TAP.
usage:  check_ring_peers.py WEIR --built NAME... --absent NAME...
"""
import argparse
import json
import math
import subprocess
import sys

SHAPES = ["spsc", "mpsc", "spmc", "mpmc", "multicast"]
PAYLOADS = [8, 64, 256]
BATCHES = [1, 32, 256]
# Shapes, payloads and batches of each; deaod's has one capacity, and that is not the one of here.
CELLS = {
    "ck_ring": 36, "rte_ring": 36, "rte_ring (RTS)": 27, "rte_ring (HTS)": 27,
    "ReaderWriterQueue": 9, "ConcurrentQueue": 36, "boost::lockfree::spsc_queue": 9,
    "boost::lockfree::queue": 36, "tbb::concurrent_bounded_queue": 36, "atomic_queue": 18,
    "deaod::spsc_queue": 0, "rigtorp::MPMCQueue": 36, "rigtorp::SPSCQueue": 9, "spscq": 3,
    "mailbox": 9, "other_process": 5, "LMAX Disruptor": 27, "JCTools": 36, "Agrona queues": 36,
    "Agrona ring buffers": 18,
}

number = 0
failed = 0


def say(good, text, why=""):
    global number, failed
    number += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {number} - {text}{': ' + why if why and not good else ''}")


def run(weir, *arguments):
    return subprocess.run([weir, "bench", "ring", *arguments], capture_output=True, text=True)


def verdict_of(cell):
    if cell["best_peer"] is None:
        return None
    # Rounded to three places in the report.
    if cell["ratio_low"] > 1.0005:
        return "win"
    if cell["ratio_high"] < 0.9995:
        return "loss"
    return cell["verdict"]


def whole(weir, built, absent):
    ran = run(weir, "--peers", "--missing-ok", "--rounds", "3", "--time", "1ms", "--capacity", "1024",
              "--no-rtt", "--json")
    say(ran.returncode == 0, "every contender in every cell, checked", ran.stderr)
    if ran.returncode != 0:
        return
    report = json.loads(ran.stdout)
    cells = report["cells"]
    named = {(c["shape"], c["payload_bytes"], c["batch"]) for c in cells}
    wanted = {(s, p, b) for s in SHAPES for p in PAYLOADS for b in BATCHES}
    say(named == wanted and len(cells) == len(wanted), "each cell once", str(wanted ^ named))
    say(all(len(c["weir_mops_rounds"]) == 3 for c in cells), "weir ran in each, each round")
    wrong = [c for c in cells if c["verdict"] != verdict_of(c)]
    say(not wrong, "verdicts follow from the intervals", str(wrong))
    say(report["cells_lost"] == sum(c["verdict"] == "loss" for c in cells), "lost cells are counted")
    ratios = [c["ratio"] for c in cells if c["best_peer"] is not None]
    say(bool(ratios), "some cells have a peer")
    # Each is rounded to three places, and on a loaded machine some are close to nothing.
    low, high = (math.exp(sum(math.log(max(r + off, 1e-12)) for r in ratios) / max(len(ratios), 1))
                 for off in (-0.0006, 0.0006))
    say(low - 0.001 <= report["geomean_ratio"] <= high + 0.001, "the mean is that of the ratios",
        f"{report['geomean_ratio']}: {low} .. {high}")

    peers = {p["name"]: p for p in report["peers"]}
    say(sorted(peers) == sorted(built + absent), "each peer that weir knows is listed",
        str(sorted(peers)))
    for name in built:
        peer = peers.get(name, {})
        say(peer.get("cells") == CELLS[name] and bool(peer.get("version")) and bool(peer.get("flags")),
            f"{name} ran in the cells that it is made for", str(peer))
    for name in absent:
        peer = peers.get(name, {})
        say(peer.get("cells") == 0 and peer.get("version", "") is None and bool(peer.get("package")),
            f"{name} is known to be missing", str(peer))


def completeness(weir, absent):
    ran = run(weir, "--peers", "--quick", "--shape", "spsc", "--payload", "8", "--batch", "1", "--json")
    say(ran.returncode == (1 if absent else 0), "a peer that is missing fails the run",
        f"{ran.returncode}: {ran.stderr}")
    say(all(name in ran.stderr for name in absent), "and is named", ran.stderr)
    rtt = json.loads(ran.stdout)["rtt_ns"]
    say(min(rtt["weir_p50"], rtt["floor_p50"], rtt["pair_p50"]) > 0,
        "round trips stand beside those of one line, and of two")


def text(weir, built):
    ran = run(weir, "--peers", "--missing-ok", "--shape", "spsc", "--payload", "64", "--batch", "32",
              "--rounds", "1", "--time", "1ms", "--no-rtt")
    say(ran.returncode == 0 and all(name in ran.stdout for name in built),
        "the table of contenders names each", ran.stdout + ran.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weir")
    parser.add_argument("--built", nargs="*", default=[])
    parser.add_argument("--absent", nargs="*", default=[])
    arguments = parser.parse_args()
    whole(arguments.weir, arguments.built, arguments.absent)
    completeness(arguments.weir, arguments.absent)
    text(arguments.weir, arguments.built)
    print(f"1..{number}")
    return 1 if failed else 0


sys.exit(main())
