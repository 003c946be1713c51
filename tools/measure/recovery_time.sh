#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Recovery of a log of 10 GB against one of 100 MB, with the same checkpoint interval: at most twice
# the time. Each log's process dies half an interval behind a checkpoint. Alone on the machine.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib.sh
. tools/measure/lib.sh

usage() {
	cat <<'EOT'
usage: tools/measure/recovery_time.sh [--quick] [--dir DIR]

  --quick    small logs and intervals: that the script works
  --dir DIR  where journals are made (default: TMPDIR, else /var/tmp); they need 11 GB

BUILD=FOLDER measures that build instead of a release build in build/measure. Prints a table with
target and verdict; exit status 1 if a target was missed (not with --quick).
EOT
}

measure_options "$@"
[ $quick = 1 ] && small=4 large=40 || small=100 large=10000
[ $quick = 1 ] && form= || form="--long $small $large"

measured_build tests/crash_recovery_time
out=$(mktemp)
trap 'rm -f "$out"' EXIT
print_machine "$dir"
TMPDIR=$dir "$build/tests/crash_recovery_time" $form >"$out" || true
grep -q '^ok 1 ' "$out" || { cat "$out"; echo "the logs could not be written and recovered"; exit 1; }

figure() { # figure NAME UNIT: the number before the unit in the line of one log
	sed -n "s/^# $1: .* \([0-9.]*\) $2.*/\1/p" "$out"
}
for log in small large; do
	[ $log = small ] && megabytes=$small || megabytes=$large
	printf '%-52s %16s\n' "$megabytes MB: recovery" "$(figure $log ms) ms"
	printf '%-52s %16s\n' "  bytes read" "$(figure $log 'bytes read')"
done
row "$large MB against $small MB: time" \
	"$(awk -v a="$(figure large ms)" -v b="$(figure small ms)" 'BEGIN { printf "%.2f", a / b }')" \
	le 2 x
row "  bytes read" \
	"$(awk -v a="$(figure large 'bytes read')" -v b="$(figure small 'bytes read')" \
		'BEGIN { printf "%.2f", a / b }')" le 2 x
finish_table
