#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What pinning does to latency here: the same runs with every thread on one CPU and with none, in
# turn, so that what changes on the machine changes both. Alone on the machine.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib.sh
. tools/measure/lib.sh

usage() {
	cat <<'EOT'
usage: tools/measure/pinning.sh [--quick] [--dir DIR]

  --quick    runs of half a second: that the script works, not what the machine can do
  --dir DIR  where journals are made (default: TMPDIR, else /var/tmp)

RATE=R: events a second, open loop (100K). CPUS="LISTS": who is pinned where, as `weir bench pipeline
--cpus` takes it, instead of --pin. BUILD=FOLDER measures that build instead of a release build in
build/measure. Prints latencies from the time an event was due, the median of the rounds and the worst
of them; exit status 1 when a run failed. There is no target: on few CPUs pinning costs, on many it
should not.
EOT
}

measure_options "$@"
rate=${RATE:-100K}
pinned=(--pin)
[ -z "${CPUS:-}" ] || pinned=(--cpus "$CPUS")

measured_build tools/weir
weir=$build/tools/weir
report=$(mktemp)
figures=$(mktemp)
trap 'rm -f "$report" "$figures"' EXIT

if [ $quick = 1 ]; then
	seconds=0.5 rounds=1 warmup=0.1
else
	seconds=10 rounds=7 warmup=1
fi

# Quantiles with too few samples behind them would be those of one event.
quantiles="p50 p99 p999 p9999"

note() { # note WHERE HOW: figures of the report, a line each
	local kind q
	for kind in ack_us handle_us; do
		for q in $quantiles; do
			echo "$1 $kind $q $2 $(value "$report" $kind $q)" >>"$figures"
		done
	done
}

run() { # run WHERE OPTION...: unpinned, then pinned
	local where=$1
	shift
	"$weir" bench pipeline --json --rate "$rate" --seconds $seconds --warmup $warmup \
		--bare-syncs 0 "$@" >"$report"
	note "$where" unpinned
	"$weir" bench pipeline --json --rate "$rate" --seconds $seconds --warmup $warmup \
		--bare-syncs 0 "${pinned[@]}" "$@" >"$report"
	note "$where" pinned
}

summary() { # summary WHERE KIND QUANTILE HOW: median and worst of the rounds
	awk -v a="$1" -v b="$2" -v c="$3" -v d="$4" \
		'$1 == a && $2 == b && $3 == c && $4 == d { print $5 }' "$figures" | sort -n |
		awk '{ a[NR] = $1 } END { printf "%.1f %.1f", a[int((NR + 1) / 2)], a[NR] }'
}

print_machine "$dir" | sed '$d'
echo "rate: $rate/s, open loop; $rounds rounds of $seconds s each way; pinned: ${pinned[*]}"
echo
for _ in $(seq $rounds); do
	run memory --memory
	run durable --dir "$dir"
done

printf '%-34s %12s %12s %12s %12s\n' "us" unpinned "worst round" pinned "worst round"
for where in memory durable; do
	for kind in ack_us handle_us; do
		for q in $quantiles; do
			read -r free free_worst <<<"$(summary $where $kind $q unpinned)"
			read -r fixed fixed_worst <<<"$(summary $where $kind $q pinned)"
			printf '%-34s %12s %12s %12s %12s\n' "$where: ${kind%_us} $q" \
				"$free" "$free_worst" "$fixed" "$fixed_worst"
		done
	done
done
