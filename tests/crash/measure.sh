#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal:   the scripts of tools/measure work: they run to their end, print every line of their table
#         with a figure, and say what they ran on.
# Method: their short forms on the build that is tested; figures are looked at for being there, not
#         for being good, since a test run is no measurement.
# usage: measure.sh ROOT BUILD
set -u
root=$1
export BUILD=$2
cd "$root" || exit 1
cases=0
failed=0

check() { # check TEXT CONDITION...
	text=$1
	shift
	cases=$((cases + 1))
	if "$@"; then
		echo "ok $cases - $text"
	else
		failed=$((failed + 1))
		echo "not ok $cases - $text"
	fi
}

has() { # has TEXT: in the output
	printf '%s\n' "$out" | grep -q "$1"
}

# Every line with a target has a number and a verdict.
table_is_whole() { # table_is_whole LINES
	lines=$(printf '%s\n' "$out" | grep -cE ' [0-9]+(\.[0-9]+)? *[a-zA-Z/]* +(<=|>=) [0-9.]+ +(met|MISSED)$')
	[ "$lines" -eq "$1" ] || { printf '%s\n' "$out" | sed 's/^/# /'; false; }
}

for script in throughput:5 recovery_time:2 memory_bound:5 kill_lives:2; do
	name=${script%:*}
	out=$(tools/measure/"$name".sh --quick 2>&1)
	check "$name.sh --quick: exit status 0" [ $? -eq 0 ]
	check "$name.sh: says what it ran on" has '^machine: .*CPUs'
	check "$name.sh: a table of ${script#*:} targets, each with a figure" table_is_whole "${script#*:}"
done

# Two rows of four quantiles for each of memory and durable, four figures in each row.
pairs_are_whole() {
	lines=$(printf '%s\n' "$out" |
		grep -cE '^(memory|durable): (ack|handle) p[0-9]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$')
	[ "$lines" -eq 16 ] || { printf '%s\n' "$out" | sed 's/^/# /'; false; }
}
out=$(tools/measure/pinning.sh --quick 2>&1)
check "pinning.sh --quick: exit status 0" [ $? -eq 0 ]
check "pinning.sh: says what it ran on" has '^machine: .*CPUs'
check "pinning.sh: each quantile pinned and unpinned" pairs_are_whole
# Figures of two files: medians and ratios, the first file's own being 1.
files_are_compared() {
	lines=$(printf '%s\n' "$out" |
		grep -cE '^(publish|ack|handle|settle)-p[0-9]+ +[0-9.]+ +1\.00 +[0-9.]+ +[0-9.]+$')
	[ "$lines" -eq 12 ] || { printf '%s\n' "$out" | sed 's/^/# /'; false; }
}
if "$BUILD"/tools/weir --version | grep -q '^features:.* config '; then
	out=$(tools/measure/tuning.sh --quick docs/examples/bench.yaml docs/examples/bench.yaml 2>&1)
	check "tuning.sh --quick: exit status 0" [ $? -eq 0 ]
	check "tuning.sh: says what it ran on" has '^machine: .*CPUs'
	check "tuning.sh: each quantile of both files" files_are_compared
fi
tools/measure/throughput.sh --nonsense >/dev/null 2>&1
check "wrong options are refused with exit status 2" [ $? -eq 2 ]
echo "1..$cases"
[ "$failed" -eq 0 ]
