#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The part of docs/style.md that a script can see. One line a fault: file, line, rule.
# usage: style.sh [ROOT]
set -eu
root=${1:-$(dirname "$0")/../..}
cd "$root"

folders=
for folder in include core io tools bench tests docs/examples; do
	[ -d "$folder" ] && folders="$folders $folder"
done
files=$(find $folders -name '*.[ch]' | LC_ALL=C sort)
[ -n "$files" ] || { echo "style: no sources under $root"; exit 1; }

# mawk and gawk both run this. In the C locale a character is a byte, so columns count bytes that
# are not UTF-8 continuations.
LC_ALL=C awk '
function problem(line, text) {
	printf "%s:%d: %s\n", FILENAME, line, text
	bad++
}
function columns(s,    n, i, c, width) {
	gsub(/[\200-\277]/, "", s)
	if (index(s, "\t") == 0)
		return length(s)
	n = length(s)
	width = 0
	for (i = 1; i <= n; i++) {
		c = substr(s, i, 1)
		width = c == "\t" ? width + 8 - width % 8 : width + 1
	}
	return width
}
# The line without comments and without the insides of strings. in_comment lives across lines.
function code_of(s,    out, at) {
	out = ""
	while (s != "") {
		if (in_comment) {
			at = index(s, "*/")
			if (at == 0)
				return out
			s = substr(s, at + 2)
			in_comment = 0
			continue
		}
		if (!match(s, /\/\*|\/\/|"|\x27/))
			return out s
		out = out substr(s, 1, RSTART - 1)
		if (substr(s, RSTART, 2) == "/*") {
			in_comment = 1
			s = substr(s, RSTART + 2)
		} else if (substr(s, RSTART, 2) == "//") {
			return out
		} else {
			s = substr(s, RSTART)
			if (match(s, /^"(\\.|[^"\\])*"/) || match(s, /^\x27(\\.|[^\x27\\])*\x27/)) {
				out = out substr(s, 1, 1) substr(s, 1, 1)
				s = substr(s, RLENGTH + 1)
			} else {
				out = out substr(s, 1, 1)
				s = substr(s, 2)
			}
		}
	}
	return out
}
function word(code, w) {
	return code ~ ("(^|[^A-Za-z0-9_])" w "($|[^A-Za-z0-9_])")
}
function called(code, w) {
	return code ~ ("(^|[^A-Za-z0-9_])" w "[ \t]*\\(")
}
function end_of_file() {
	if (previous == "")
		return
	if (last_line > 600)
		printf "%s:%d: %d lines, at most 600\n", previous, last_line, last_line
	if (last_line > 600)
		bad++
}
FNR == 1 {
	end_of_file()
	previous = FILENAME
	in_comment = 0
	body_line = 0
	label_line = -100
	if ($0 != "/* SPDX-License-Identifier: Apache-2.0 */")
		problem(1, "the first line is not the SPDX line")
	labelled = FILENAME ~ /^(core|io|include)\// && FILENAME != "core/base/atomic.h" &&
		FILENAME != "include/weir/ring_atomic.h"
}
{
	last_line = FNR
	raw = $0
	if (columns(raw) > 100)
		problem(FNR, columns(raw) " columns, at most 100")
	if (raw ~ /[ \t]$/)
		problem(FNR, "white space at the end of the line")
	if (raw ~ /^ +[^ *]/ && !in_comment && !continued)
		problem(FNR, "indented with spaces, not tabs")
	continued = raw ~ /\\$/
	if (word(raw, "TODO") || word(raw, "FIXME") || word(raw, "XXX"))
		problem(FNR, "TODO, FIXME, XXX: do it, or write it down in docs/design")
	if (raw ~ /(\/\*|\/\/|^[ \t]*\*).*(^|[^A-Za-z0-9_])[A-KM-Z][A-Z]?[0-9]+[a-z]?($|[^A-Za-z0-9_])/)
		label_line = FNR

	code = code_of(raw)
	if (word(code, "volatile") ||
	    (word(code, "__volatile__") && FILENAME != "core/base/pause.h" &&
	     FILENAME != "core/base/probe.h"))
		problem(FNR, "volatile: atomics are in core/base/atomic.h")
	if (called(code, "assert"))
		problem(FNR, "assert(): use WR_ASSERT")
	if (called(code, "strcpy") || called(code, "strncpy") || called(code, "strcat"))
		problem(FNR, "strcpy and its kin: copy with a length")
	if (called(code, "sprintf") || called(code, "vsprintf"))
		problem(FNR, "sprintf(): use snprintf")
	if (called(code, "usleep"))
		problem(FNR, "usleep(): use the parker or nanosleep")
	if (called(code, "gets") || called(code, "strtok"))
		problem(FNR, "gets and strtok are banned")
	if (word(code, "atomic_thread_fence") || word(code, "__sync_synchronize") ||
	    word(code, "__atomic_thread_fence"))
		problem(FNR, "fences: ThreadSanitizer cannot see them")
	if (FILENAME ~ /^(core|io)\// &&
	    (called(code, "printf") || called(code, "puts") || called(code, "perror") ||
	     called(code, "exit") || called(code, "_exit")))
		problem(FNR, "the library never prints and never exits")
	if (labelled && FNR - label_line > 5 &&
	    code ~ /(wr|weir_ring)_(load_acquire|store_release|cas_release|(load|store|add|sub|or|and|cas)_seq|[a-z_]*acq_rel)[ \t]*\(/)
		problem(FNR, "an atomic without a label (A3: pairs with R3) on it or in the five lines above")

	# A function body stands between braces in the first column.
	if (raw ~ /^\{/)
		body_line = FNR
	if (raw ~ /^\}/ && body_line > 0) {
		if (FNR - body_line - 1 > 70)
			problem(body_line, "a function of " FNR - body_line - 1 " lines, at most 70")
		body_line = 0
	}
}
END {
	end_of_file()
	if (bad)
		printf "style: %d fault(s) (see docs/style.md)\n", bad
	exit bad != 0
}
' $files
