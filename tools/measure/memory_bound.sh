#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One consumer stands still while ten times the memory that was said at open is published, then it
# catches up from disk: memory stays within what was said and 16 MiB, and nothing is missed or
# repeated. With weir's default sizes.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib.sh
. tools/measure/lib.sh

usage() {
	cat <<'EOT'
usage: tools/measure/memory_bound.sh [--quick] [--dir DIR]

  --quick    small sizes: that the script works
  --dir DIR  where the journal is made (default: TMPDIR, else /var/tmp); it needs some GB

BUILD=FOLDER measures that build instead of a release build in build/measure. Prints a table with
target and verdict; exit status 1 if a target was missed.
EOT
}

measure_options "$@"
[ $quick = 1 ] && form= || form=--long

measured_build tests/crash_memory_bound
out=$(mktemp)
trap 'rm -f "$out"' EXIT
print_machine "$dir"
TMPDIR=$dir "$build/tests/crash_memory_bound" $form >"$out" || true
grep -q '^1\.\.' "$out" || { cat "$out"; echo "it did not come to its end"; exit 1; }

numbers() { # numbers PATTERN: the first numbers of the line that matches
	sed -n "s/^[a-z ]*[0-9]* - .*$1.*/\1 \2/p" "$out" | head -n 1
}
read -r said plan <<<"$(numbers 'reserved: \([0-9]*\) KiB of the plan.s \([0-9]*\) KiB')"
read -r highest _ <<<"$(numbers 'at its highest \([0-9]*\) KiB of the \([0-9]*\)')"
read -r events megabytes <<<"$(numbers 'went by: \([0-9]*\) events, \([0-9]*\) MiB')"
read -r caught wrong <<<"$(numbers 'catches up: \([0-9]*\) events, \([0-9]*\) missed')"
printf '%-52s %16s\n' "the plan, printed at open" "$plan KiB"
printf '%-52s %16s\n' "  reserved of it" "$said KiB"
if [ -n "${highest:-}" ]; then
	row "physical memory at its highest" "$highest" le $((plan + 16384)) KiB
else
	printf '%-52s %16s\n' "physical memory at its highest" "not told here"
fi
row "published meanwhile" "$megabytes" ge $((plan * 10 / 1024 - 1)) MiB
row "events caught up with" "$caught" ge "$events" ""
row "  missed, repeated or damaged" "$wrong" le 0 ""
row "cases of the program that failed" "$(grep -c '^not ok' "$out" || true)" le 0 ""
quick=0 # none of this depends on how long it ran
finish_table
