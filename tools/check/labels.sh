#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Is every label of an atomic explained, and is every explained one in use? A label is explained by a
# row of a table in docs/internals/memory-model.md: | LABEL | folders | ... |, and belongs to the
# folders that the row names, for instance "core/log, core/pipeline": in a folder it has one meaning,
# and one row. In the sources a label stands in a comment on the line of an acquire, release, seq_cst
# or read-modify-write, or above it.
# usage: labels.sh [ROOT]
set -eu
root=${1:-$(dirname "$0")/../..}
cd "$root"

document=docs/internals/memory-model.md
[ -f "$document" ] || { echo "labels: $document is missing"; exit 1; }
files=$(find core io include -name '*.[ch]' -not -path core/base/atomic.h -not -name ring_atomic.h |
	LC_ALL=C sort)
[ -n "$files" ] || { echo "labels: no sources under $root"; exit 1; }

LC_ALL=C awk -v document="$document" '
function folder_of(path) {
	sub(/\/[^\/]*$/, "", path)
	return path
}
function problem(file, line, text) {
	printf "%s:%d: %s\n", file, line, text
	bad++
}
# The labels of a line of comment, one behind the other.
function labels_of(line,    found, word) {
	found = ""
	if (line !~ /\/\*|\/\/|^[ \t]*\*/)
		return found
	sub(/^.*\/\*/, "", line)
	while (match(line, /[A-Za-z0-9_]+/)) {
		word = substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
		if (word ~ /^[A-KM-Z][A-Z]?[0-9]+$/)
			found = found " " word
	}
	return found
}
function use(label, file, line) {
	used[label, folder_of(file)] = file ":" line
	if (!((label, folder_of(file)) in explained))
		problem(file, line, "label " label " has no row for " folder_of(file) \
			" in " document)
}
BEGIN {
	while ((getline line < document) > 0) {
		number++
		if (line !~ /^\| [A-KM-Z][A-Z]?[0-9]+ \|/)
			continue
		split(line, cell, /[ ]*\|[ ]*/)
		n = split(cell[3], folder, /,[ ]*/)
		for (i = 1; i <= n; i++) {
			if ((cell[2], folder[i]) in explained)
				problem(document, number, "label " cell[2] " of " folder[i] \
					" has a row already, in line " \
					explained[cell[2], folder[i]])
			explained[cell[2], folder[i]] = number
			rows++
		}
	}
	if (rows == 0)
		problem(document, 1, "explains no label")
}
FNR == 1 { near = ""; near_line = -100 }
{
	here = labels_of($0)
	if (here != "") {
		near = here
		near_line = FNR
	}
}
/(wr|weir_ring)_(load_acquire|store_release|cas_release|cas_relaxed|(load|store|add|sub|or|and|cas)_seq|[a-z_]*acq_rel|publish_(round_)?u(32|64)|park_look_u64)[ \t]*\(|WEIR_RING_PUBLISH\(/ &&
!/static inline/ && !/#define/ {
	if (FNR - near_line > 5)
		next
	n = split(near, list, " ")
	for (i = 1; i <= n; i++)
		use(list[i], FILENAME, FNR)
}
END {
	for (key in explained)
		if (!(key in used)) {
			split(key, part, SUBSEP)
			problem(document, explained[key], "label " part[1] \
				" is not used by any atomic in " part[2])
		}
	if (bad)
		printf "labels: %d fault(s) (see docs/style.md)\n", bad
	exit bad != 0
}
' $files
