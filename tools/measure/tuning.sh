#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What one config buys against another: `weir bench pipeline --config` on each of them in turn, so
# that what changes on the machine changes all. Alone on the machine.
set -euo pipefail
from=$PWD
cd "$(dirname "$0")/../.."
. tools/lib.sh
. tools/measure/lib.sh

usage() {
	cat <<'EOT'
usage: tools/measure/tuning.sh [--quick] [--dir DIR] FILE...

  FILE       config files; the first is what the others are compared with
             (default: docs/examples/bench.yaml)
  --quick    one run of a fifth of a second each: that it works, not what it buys
  --dir DIR  where journals are made (default: TMPDIR, else /var/tmp)

ROUNDS=N, SECONDS_EACH=T: how often and how long (7, 5). BUILD=FOLDER measures that build instead of a release
build in build/measure. Prints, of each file, the median of the rounds and its ratio to that of the
first file: latency from the time that an event was due, CPU time of an event. Exit status 1 when a
run failed. There is no target.
EOT
}

options=()
files=()
while [ $# -gt 0 ]; do
	case $1 in
	--dir) options+=("$1" "${2:?}"); shift ;;
	-*) options+=("$1") ;;
	/*) files+=("$1") ;;
	*) files+=("$from/$1") ;;
	esac
	shift
done
measure_options ${options[@]+"${options[@]}"}
[ ${#files[@]} -gt 0 ] || files=("$PWD/docs/examples/bench.yaml")

measured_build tools/weir
weir=$build/tools/weir
report=$(mktemp)
figures=$(mktemp)
trap 'rm -f "$report" "$figures"' EXIT

if [ $quick = 1 ]; then
	seconds=0.2 rounds=1 warmup=0.05
else
	seconds=${SECONDS_EACH:-5} rounds=${ROUNDS:-7} warmup=1
fi

note() { # note FILE: figures of the report, a line each; what was not measured is left out
	python3 - "$report" "$1" >>"$figures" <<'PY'
import json, sys
report = json.load(open(sys.argv[1]))
for stage in "publish", "ack", "handle", "settle":
    latency = report[stage + "_us"]
    for quantile in "p50", "p99", "p999":
        if latency is not None:
            print(sys.argv[2], f"{stage}-{quantile}", latency[quantile])
print(sys.argv[2], "cpu-an-event", report["cpu_ns_per_event"] / 1000)
PY
}

median() { # median FILE FIGURE
	awk -v a="$1" -v b="$2" '$1 == a && $2 == b { print $3 }' "$figures" | sort -n |
		awk '{ a[NR] = $1 } END { if (NR) printf "%.1f", a[int((NR + 1) / 2)] }'
}

print_machine "$dir" | sed '$d'
echo "$rounds rounds of $seconds s of each file in turn; the median, and its ratio to the first"
echo
for _ in $(seq "$rounds"); do
	for i in "${!files[@]}"; do
		"$weir" bench pipeline --json --config "${files[i]}" --seconds "$seconds" \
			--warmup "$warmup" --dir "$dir" --bare-syncs 0 >"$report"
		note "$i"
	done
done

printf '%-16s' us
for file in "${files[@]}"; do
	printf ' %18.18s' "$(basename "$file" .yaml)"
done
echo
for figure in $(awk '!seen[$2]++ { print $2 }' "$figures"); do
	first=$(median 0 "$figure")
	printf '%-16s' "$figure"
	for i in "${!files[@]}"; do
		own=$(median "$i" "$figure")
		ratio=$(awk -v a="${own:-0}" -v b="${first:-0}" \
			'BEGIN { if (a > 0 && b > 0) printf "%.2f", a / b; else print "-" }')
		printf ' %10s %7s' "${own:--}" "$ratio"
	done
	echo
done
