#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What 40 lives that end by SIGKILL leave of a journal with default options: each opens it, publishes
# 2000 events of 1000 bytes, and is killed when they are durable. Alone on the machine.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib.sh
. tools/measure/lib.sh

usage() {
	cat <<'EOT'
usage: tools/measure/kill_lives.sh [--quick] [--dir DIR]

  --quick    few lives and small segments: that the script works
  --dir DIR  where the journal is made (default: TMPDIR, else /var/tmp); it needs 500 MB

BUILD=FOLDER measures that build instead of a release build in build/measure. Prints a table with
target and verdict; exit status 1 if a target was missed (not with --quick).
EOT
}

measure_options "$@"
[ $quick = 1 ] && form= || form="--long 40 2000"

measured_build tests/crash_kill_lives
out=$(mktemp)
trap 'rm -f "$out"' EXIT
print_machine "$dir"
TMPDIR=$dir "$build/tests/crash_kill_lives" $form >"$out" || true
line=$(grep '^# .* segment files' "$out") || { cat "$out"; echo "the lives did not end"; exit 1; }

figure() { # figure UNIT: the number before it
	printf '%s\n' "$line" | sed -n "s/.* \([0-9.]*\) $1.*/\1/p"
}
printf '%s\n' "${line#\# }"
printf '%-52s %16s\n' "open, median" "$(figure ms) ms"
row "segment files that are left" "$(figure 'segment files')" le 6 files
row "  bytes of the journal" "$(figure MB)" le 400 MB
finish_table
