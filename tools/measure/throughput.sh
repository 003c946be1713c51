#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What weir has to reach on two cores: durable events a second, the acknowledgement against a bare
# sync, a log in memory, and what more members of one group cost. Alone on the machine.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib.sh
. tools/measure/lib.sh

usage() {
	cat <<'EOT'
usage: tools/measure/throughput.sh [--quick] [--dir DIR]

  --quick    runs of half a second: that the script works, not what the machine can do
  --dir DIR  where journals are made (default: TMPDIR, else /var/tmp)

BUILD=FOLDER measures that build instead of a release build in build/measure. Prints a table with
target and verdict; exit status 1 if a target was missed (not with --quick).
EOT
}

measure_options "$@"

measured_build tools/weir
weir=$build/tools/weir
report=$(mktemp)
figures=$(mktemp)
trap 'rm -f "$report" "$figures"' EXIT

if [ $quick = 1 ]; then
	long=0.5 short=0.5 rounds=1 bare=20 warmup=0.1
else
	long=30 short=10 rounds=5 bare=1000 warmup=1
fi

bench() { # bench OPTION...: a report in $report; events that were lost or changed end it all
	"$weir" bench pipeline --json --dir "$dir" --warmup $warmup "$@" >"$report"
}

whole() { printf '%.0f' "$1"; }

print_machine "$dir"

# 64 MiB segments, two of them ahead and the reserve: what is prepared when the clock starts.
segment_bytes=$((64 << 20))
bench --payload 128 --seconds $long --segment-bytes $segment_bytes --bare-syncs 0
row "durable, 128 bytes, $long s" "$(whole "$(value "$report" events_per_s)")" ge 5000000 "/s"
row "  written, in prepared segments (3 of 64 MiB)" \
	"$(awk -v b="$(value "$report" batch_bytes)" -v p=$((3 * segment_bytes)) \
		'BEGIN { printf "%.1f", b / p }')" ge 4 x

# The generator gives the CPU away between due times and is on time; one that sleeps is late by as
# much as the kernel takes to wake it, and that counts: it is shown, without a target.
ack_against_bare() {
	awk -v a="$(value "$report" ack_us p50)" -v b="$(value "$report" bare_sync_us p50)" \
		'BEGIN { printf "%.2f", a / b }'
}
bench --payload 128 --rate 100K --seconds $short --bare-syncs $bare --pace sleep
asleep=$(ack_against_bare)
bench --payload 128 --rate 100K --seconds $short --bare-syncs $bare
row "durable, 100 K/s: ack p50 against a bare sync" "$(ack_against_bare)" le 2 x
printf '%-52s %16s\n' "  ack p50" "$(value "$report" ack_us p50) us"
printf '%-52s %16s\n' "  bare sync p50" "$(value "$report" bare_sync_us p50) us"
printf '%-52s %16s\n' "  with a producer that sleeps: ack p50" "$asleep x"

bench --memory --payload 64 --seconds $short --bare-syncs 0
row "in memory, 64 bytes, one producer and one reader" \
	"$(whole "$(value "$report" events_per_s)")" ge 20000000 "/s"

# In turn, so that what changes on the machine changes all of them; medians of the rounds.
for _ in $(seq $rounds); do
	for members in 1 2 4 8; do
		bench --memory --payload 64 --partitions 64 --members $members \
			--seconds $(awk -v s=$short 'BEGIN { print s / 2 }') --bare-syncs 0
		echo "$members $(value "$report" cpu_ns_per_event)" >>"$figures"
	done
done
median() { # median MEMBERS
	awk -v m="$1" '$1 == m { print $2 }' "$figures" | sort -n |
		awk '{ a[NR] = $1 } END { printf "%.1f", a[int((NR + 1) / 2)] }'
}
one=$(median 1)
for members in 1 2 4; do
	printf '%-52s %16s\n' "64 partitions, $members members: CPU for an event" "$(median $members) ns"
done
row "64 partitions, 8 members: CPU against 1 member" \
	"$(awk -v a="$(median 8)" -v b="$one" 'BEGIN { printf "%.2f", a / b }')" le 1.15 x
finish_table
