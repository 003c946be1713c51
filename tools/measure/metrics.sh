#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What metrics cost at saturation: a build without them (A), one with them (B), and that one while a
# reader polls 1,000 times a second (C). Alone on the machine.
# usage: tools/measure/metrics.sh [--cpu N] WITHOUT WITH [BLOCKS [SECONDS [OPTIONS OF weir bench pipeline]]]
#        tools/measure/metrics.sh --instructions WITHOUT WITH [RUNS]
#   of those, --memory measures a log in memory only, and --wait park has threads sleep that wait
#   --cpu N         all of weir's threads on this CPU, the reader and all else on the others: what then
#                   differs from run to run is a tenth of what two CPUs and their wake-ups make of it
#   WITHOUT, WITH   release builds, with -Dmetrics=false and with -Dmetrics=true; of the second also
#                   bench/bench_metrics_poll
#   --instructions  counts them, by valgrind's cachegrind, in place of time: also where others use the
#                   machine. A log in memory, threads that park; of A, B and C, in turn, RUNS runs each
#                   of 1 to 5 s (9), and of an event the slope of a line through them
#   BLOCKS, SECONDS 30 of six runs each, of 0.5 s: some five minutes
#
# A block is A B C C B A: what drifts evenly meanwhile (a clock, a cache, a neighbour that comes) is in
# each of the three alike, and a block's ratios are of runs that are seconds apart. Of the blocks'
# ratios the median is told, with an interval in which 95 % of medians lie when blocks are drawn again
# (bootstrap), and the odds that a coin falls as one-sidedly (sign test). "A to A" is the second A of
# each block to its first: what the machine does to one and the same program.
#
# CPU time of an event is steadier than throughput: it counts no moment in which somebody else ran.
# Both builds have their code in other places, which may be worth a percent either way, however
# often they run; links of the same objects in another order would show it.
#
# Exit code: 0: metrics cost less than 1 % of throughput and CPU time, by the whole interval; 1: more;
# 3: the interval has 1 % in it, or others had more than 2 % of the CPUs: more blocks, a quieter machine.
# Of --instructions 0 and 1 by what is counted.
set -euo pipefail
case ${1:-} in
-h | --help) set -- ;;
esac
[ $# -ge 2 ] || { sed -n '5,15s/^# //p' "$0" >&2; exit 2; }
exec python3 - "$@" <<'PY'
import json, math, os, random, statistics, subprocess, sys, time

arguments = sys.argv[1:]
counts = arguments[0] == '--instructions'
if counts:
    arguments = arguments[1:]
    if len(arguments) < 2:
        sys.exit('--instructions: builds are missing')
cpu = None
if arguments[0] == '--cpu':
    cpu = int(arguments[1])
    arguments = arguments[2:]
    others = os.sched_getaffinity(0) - {cpu}
    if cpu not in os.sched_getaffinity(0) or not others or len(arguments) < 2:
        sys.exit(f'--cpu {cpu}: not a CPU that this process may use, or there is no other, or builds are missing')
    os.sched_setaffinity(0, others)
without, with_, arguments = arguments[0], arguments[1], arguments[2:]
blocks = int(arguments[0]) if arguments else 30
seconds = float(arguments[1]) if len(arguments) > 1 else 0.5
options = arguments[2:]
LIMIT = math.log(1.01)
MEASURES = [('events_per_s', 'throughput', +1), ('cpu_ns_per_event', 'CPU time of an event', -1),
            ('p99', 'p99 of the acknowledgement', 0)]


def busy():
    """CPU time of all processes on the CPUs of the runs, and what a hypervisor took, in seconds."""
    with open('/proc/stat') as f:
        line = next(line for line in f if line.startswith('cpu ' if cpu is None else f'cpu{cpu} '))
    n = [int(word) for word in line.split()[1:9]]
    tick = os.sysconf('SC_CLK_TCK')
    return (n[0] + n[1] + n[2] + n[5] + n[6]) / tick, n[7] / tick


def own():
    """CPU time of the runs and readers that have ended."""
    t = os.times()
    return t.children_user + t.children_system


def run(build, reader):
    command = [build + '/tools/weir', 'bench', 'pipeline', '--seconds', f'{seconds}s', '--warmup', '0.2s',
               '--json', *options]
    poll = None
    if reader:
        # Beside the run from before its beginning to behind its end.
        poll = subprocess.Popen([with_ + '/bench/bench_metrics_poll', '1000', str(seconds + 30)],
                                stdout=subprocess.DEVNULL)
    try:
        before = own()
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False,
                              preexec_fn=None if cpu is None else lambda: os.sched_setaffinity(0, {cpu}))
        used[0] += own() - before
    finally:
        if poll is not None:
            poll.terminate()
            before = own()
            poll.wait()
            if cpu is None:
                used[0] += own() - before
    if done.returncode != 0:
        sys.exit(f'{" ".join(command)}: exit code {done.returncode}')
    told = json.loads(done.stdout)
    return {'events_per_s': told['events_per_s'], 'cpu_ns_per_event': told['cpu_ns_per_event'],
            'p99': told['ack_us']['p99']}


def count_instructions(runs):
    """Of an event; what an open and a close have is in each run alike."""
    seen = {arm: [] for arm in 'ABC'}
    for number in range(runs):
        for arm in 'ABC':
            poll = None
            if arm == 'C':
                poll = subprocess.Popen([with_ + '/bench/bench_metrics_poll', '1000', '600'],
                                        stdout=subprocess.DEVNULL)
            done = subprocess.run(
                ['valgrind', '--tool=cachegrind', '--cache-sim=no', '--cachegrind-out-file=/dev/null',
                 (without if arm == 'A' else with_) + '/tools/weir', 'bench', 'pipeline', '--memory',
                 '--wait', 'park', '--warmup', '0', '--seconds', f'{1 + 2 * (number % 3)}s', '--json'],
                capture_output=True, text=True)
            if poll is not None:
                poll.terminate()
                poll.wait()
            if done.returncode != 0:
                sys.exit(done.stderr)
            told = next(line for line in done.stderr.split('\n') if 'I ' in line and 'refs:' in line)
            seen[arm].append((json.loads(done.stdout)['events'], int(told.split()[-1].replace(',', ''))))
    of_event = {arm: statistics.linear_regression(*zip(*seen[arm])).slope for arm in seen}
    print(f'instructions of an event: A {of_event["A"]:.1f}, B {of_event["B"]:.1f}, C {of_event["C"]:.1f}; '
          f'B to A {of_event["B"] / of_event["A"]:.4f}, C to B {of_event["C"] / of_event["B"]:.4f}')
    return 0 if of_event['B'] < 1.01 * of_event['A'] else 1


if counts:
    sys.exit(count_instructions(max(3, blocks if len(sys.argv) > 4 else 9)))


def interval(values):
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(4000))
    return medians[int(0.025 * len(medians))], medians[int(0.975 * len(medians)) - 1]


def sign_test(values):
    n = sum(v != 0 for v in values)
    k = max(sum(v > 0 for v in values), sum(v < 0 for v in values))
    return min(1.0, 2 * sum(math.comb(n, i) for i in range(k, n + 1)) / 2 ** n) if n else 1.0


runs = {arm: [] for arm in 'ABC'}
used = [0.0]
begun, (busy_before, stolen_before) = time.time(), busy()
for block in range(blocks):
    for arm in 'ABCCBA':
        runs[arm].append(run(without if arm == 'A' else with_, arm == 'C'))
    if sys.stderr.isatty():
        print(f'\rblock {block + 1} of {blocks} ', end='', file=sys.stderr, flush=True)
if sys.stderr.isatty():
    print('\r' + ' ' * 30 + '\r', end='', file=sys.stderr)
elapsed, (busy_after, stolen_after) = time.time() - begun, busy()
capacity = elapsed * (os.cpu_count() if cpu is None else 1)
if cpu is None:
    used[0] += sum(os.times()[:2])
others = max(0.0, busy_after - busy_before - used[0]) / capacity
stolen = (stolen_after - stolen_before) / capacity

is_quiet = others <= 0.02 and stolen <= 0.01
print(f'{blocks} blocks of A B C C B A, {seconds} s each{"" if cpu is None else f" on CPU {cpu}"}, options: {" ".join(options) or "none"}')
print(f'other processes had {100 * others:.1f} % of the CPUs, a hypervisor took {100 * stolen:.1f} %'
      + ('' if is_quiet else ': these figures say little, and decide nothing')
      + ('' if blocks >= 10 else '; ten blocks at least decide'))
verdict = 0 if is_quiet and blocks >= 10 else 1
for name, title, good in MEASURES:
    logs = {arm: [math.log(r[name]) for r in runs[arm]] for arm in runs}
    pairs = {arm: [(logs[arm][2 * i] + logs[arm][2 * i + 1]) / 2 for i in range(blocks)] for arm in runs}
    print(f'\n{title}: A {math.exp(statistics.median(logs["A"])):,.1f}, '
          f'B {math.exp(statistics.median(logs["B"])):,.1f}, C {math.exp(statistics.median(logs["C"])):,.1f}'
          ' (medians)')
    rows = [('A to A', [logs['A'][2 * i + 1] - logs['A'][2 * i] for i in range(blocks)]),
            ('B to A', [b - a for a, b in zip(pairs['A'], pairs['B'])]),
            ('C to B', [c - b for b, c in zip(pairs['B'], pairs['C'])])]
    for row, values in rows:
        low, high = interval(values)
        print(f'  {row}  {math.exp(statistics.median(values)):.4f}  ({math.exp(low):.4f} to {math.exp(high):.4f})'
              f'  sign test {sign_test(values):.3f}')
        if row != 'B to A' or good == 0:
            continue
        # What is lost: less throughput, or more CPU time.
        worst, best = (-low, -high) if good > 0 else (high, low)
        told = 'less than 1 % lost' if worst < LIMIT else 'MORE THAN 1 % LOST' if best > LIMIT else 'not decided'
        if is_quiet:
            verdict = max(verdict, 0 if worst < LIMIT else 2 if best > LIMIT else 1)
        print(f'          {told}')
sys.exit({0: 0, 1: 3, 2: 1}[verdict])
PY
