#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Is the catalogue of faults whole? One line a fault: what is missing.
#   - docs/internals/faults.md has each number from 1 to 35, once and in order
#   - a row names a test, or the issue of what does not exist yet
#   - each test that it names is in tests/meson.build, and the function in one of its sources; each
#     trouble of weir-sim in tests/sim/swarm.h
#   - so is each case (`unit_program::case`) that docs/reference/semantics.md names
# usage: faults.sh [ROOT]
set -eu
root=${1:-$(dirname "$0")/../..}
cd "$root"
page=docs/internals/faults.md
table=tests/meson.build
[ -f "$page" ] && [ -f "$table" ] || { echo "faults: no $page under $root"; exit 1; }

numbers_max=35
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# "suite_program source source ...": a line for each test, from the tables of meson.build.
LC_ALL=C awk '
/^[a-z]+_tests = \[/ { suite = $1; sub(/_tests$/, "", suite) }
suite == "" { next }
{
	line = line " " $0
	opened += gsub(/\{/, "{") - gsub(/\}/, "}")
	if (opened > 0)
		next
	if (match(line, /\047name\047: \047[a-z0-9_]+\047/)) {
		name = substr(line, RSTART + 9, RLENGTH - 10)
		files = ""
		while (match(line, /\047[^\047 ]+\.c\047/)) {
			files = files " tests/" substr(line, RSTART + 1, RLENGTH - 2)
			line = substr(line, RSTART + RLENGTH)
		}
		print suite "_" name files
	}
	line = ""
}
/^\]/ { suite = ""; line = "" }
' "$table" >"$work/programs"

# "number test": a line for each that is named; "number -" for each row.
LC_ALL=C awk -F'|' '
/^\| [0-9]+ \|/ {
	number = $2 + 0
	print number " -"
	text = $5
	while (match(text, /`weir-sim: [a-z-]+`/)) {
		print number " sim " substr(text, RSTART + 11, RLENGTH - 12)
		text = substr(text, 1, RSTART - 1) substr(text, RSTART + RLENGTH)
	}
	while (match(text, /`[a-z]+_[a-z0-9_]+(::[a-z0-9_]+)?`/)) {
		print number " " substr(text, RSTART + 1, RLENGTH - 2)
		text = substr(text, RSTART + RLENGTH)
	}
	if ($5 ~ /issue [0-9]+/)
		print number " issue"
}' "$page" >"$work/rows"

bad=0
say() {
	echo "$page: $*"
	bad=$((bad + 1))
}

expected=1
for number in $(sed -n 's/ -$//p' "$work/rows"); do
	[ "$number" = "$expected" ] || say "fault $number where $expected should be"
	expected=$((number + 1))
	grep -q "^$number [a-z]" "$work/rows" || say "fault $number: no test and no issue is named"
done
[ "$expected" = $((numbers_max + 1)) ] || say "ends with fault $((expected - 1)) of $numbers_max"

check_named() { # each line of its input is a program, or program::function
	while read -r test; do
		program=${test%%::*}
		files=$(sed -n "s/^$program //p" "$work/programs")
		if [ -z "$files" ]; then
			say "$test: $table has no such program"
			continue
		fi
		[ "$test" != "$program" ] || continue
		grep -qwF -- "${test##*::}" $files || say "$test: no such function in $files"
	done
}
sed -n 's/^[0-9]* \([a-z]*_[a-z0-9_:]*\)$/\1/p' "$work/rows" | sort -u >"$work/named"
check_named <"$work/named"

for trouble in $(sed -n 's/^[0-9]* sim //p' "$work/rows" | sort -u); do
	grep -qF "\"$trouble\"" tests/sim/swarm.h || say "weir-sim: $trouble is not in tests/sim/swarm.h"
done

page=docs/reference/semantics.md
if [ -f "$page" ]; then
	grep -oE '`[a-z]+_[a-z0-9_]+::[a-z0-9_]+`' "$page" | tr -d '`' | sort -u >"$work/named" || :
	check_named <"$work/named"
fi

[ "$bad" = 0 ] || { echo "faults: $bad fault(s)"; exit 1; }
