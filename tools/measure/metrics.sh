#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What metrics cost at saturation: a build without them, one with them, and one with them while a
# reader polls 1,000 times a second, in turn; medians, and ratios to the first. Alone on the machine.
# usage: tools/measure/metrics.sh WITHOUT WITH [ROUNDS [SECONDS [OPTIONS OF weir bench pipeline]]]
#   of those, --memory measures a log in memory only
#   WITHOUT, WITH   release builds, with -Dmetrics=false and with -Dmetrics=true; of the second also
#                   bench/bench_metrics_poll
set -euo pipefail
[ $# -ge 2 ] || { sed -n '5,8s/^# //p' "$0" >&2; exit 2; }
without=$1 with=$2 rounds=${3:-7} seconds=${4:-2}
shift $(($# < 4 ? $# : 4))
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

run() { # ARM BUILD OPTIONS...
	local arm=$1 build=$2
	shift 2
	"$build/tools/weir" bench pipeline --seconds "${seconds}s" --warmup 0.3s --json "$@" >"$results/json"
	awk -F'[:,]' '/"events_per_s"/ { print $2 + 0 }' "$results/json" >>"$results/$arm.rate"
	awk -F'[:,]' '/"ack_us"/ { inside = 1 } inside && /"p99"/ { print $2 + 0; exit }' \
		"$results/json" >>"$results/$arm.p99"
}

median() {
	sort -g "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

for _ in $(seq "$rounds"); do
	run without "$without" "$@"
	run with "$with" "$@"
	"$with/bench/bench_metrics_poll" 1000 "$(awk "BEGIN { print $seconds + 0.2 }")" >/dev/null &
	reader=$!
	run read "$with" "$@"
	wait "$reader"
done
base_rate=$(median "$results/without.rate") base_p99=$(median "$results/without.p99")
for arm in without with read; do
	awk -v arm="$arm" -v r="$(median "$results/$arm.rate")" -v p="$(median "$results/$arm.p99")" \
		-v br="$base_rate" -v bp="$base_p99" 'BEGIN {
		printf "%-8s %12.0f events/s (%.3f)   p99 of the acknowledgement %10.1f us (%.3f)\n",
			arm, r, r / br, p, p / bp }'
done
