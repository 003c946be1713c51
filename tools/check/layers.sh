#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Does every include point the right way? Reads docs/internals/layers.txt, which explains the rules.
# usage: layers.sh [ROOT]
set -eu
root=${1:-$(dirname "$0")/../..}
cd "$root"

rules=docs/internals/layers.txt
[ -f "$rules" ] || { echo "layers: $rules is missing"; exit 1; }

folders=
for folder in include core io tools bench tests; do
	[ -d "$folder" ] && folders="$folders $folder"
done
# Sorted, so that two runs report alike.
files=$(find $folders -name '*.[ch]' | LC_ALL=C sort)
[ -n "$files" ] || { echo "layers: no sources under $root"; exit 1; }

# mawk and gawk both run this.
LC_ALL=C awk -v rules="$rules" '
function problem(text) {
	printf "%s:%d: %s\n", FILENAME, FNR, text
	bad++
}
# The longest listed folder that path lies in: its layer.
function layer_of(path,    p) {
	p = path
	while (sub(/\/[^\/]*$/, "", p))
		if (p in allowed)
			return p
	return ""
}
function dir_of(path,    p) {
	p = path
	return sub(/\/[^\/]*$/, "", p) ? p : "."
}
function inside(path, place) {
	return path == place || index(path, place "/") == 1
}
function may(from, to,    n, i, list, entry) {
	if (from == to)
		return 1
	n = split(allowed[from], list, " ")
	for (i = 1; i <= n; i++) {
		entry = list[i]
		if (entry == "*" || entry == to)
			return 1
		if (entry ~ /\/\*$/ && index(to, substr(entry, 1, length(entry) - 1)) == 1)
			return 1
	}
	return 0
}
function may_system(path, header,    place) {
	for (place in system_of)
		if (inside(path, place) && index(" " system_of[place] " ", " " header " "))
			return 1
	return 0
}
BEGIN {
	c11 = " assert.h complex.h ctype.h errno.h fenv.h float.h inttypes.h iso646.h limits.h" \
	      " locale.h math.h setjmp.h signal.h stdalign.h stdarg.h stdbool.h stddef.h" \
	      " stdint.h stdio.h stdlib.h stdnoreturn.h string.h tgmath.h uchar.h wchar.h wctype.h "
	while ((getline line < rules) > 0) {
		sub(/#.*/, "", line)
		n = split(line, w, " ")
		if (n == 0)
			continue
		rest = ""
		for (i = (w[1] == "system" || w[1] == "only" || w[1] == "except") ? 3 : 2; i <= n; i++)
			rest = rest " " w[i]
		if (w[1] == "system")
			system_of[w[2]] = system_of[w[2]] rest
		else if (w[1] == "only")
			only[w[2]] = rest
		else if (w[1] == "except")
			except[w[2]] = rest
		else
			allowed[w[1]] = rest
	}
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
	target = $0
	sub(/^[^"]*"/, "", target)
	sub(/".*/, "", target)
	if (FILENAME in except && index(except[FILENAME] " ", " " target " "))
		next
	if (target !~ /\//) {
		problem("\"" target "\": include paths are relative to the root")
		next
	}
	if (target ~ /^include\// || target ~ /^weir\//) {
		problem("\"" target "\": public headers are included as <weir/...>")
		next
	}
	from = layer_of(FILENAME)
	if (from == "")
		from = dir_of(FILENAME)
	to = layer_of(target)
	if (to == "")
		to = dir_of(target)
	if (!may(from, to))
		problem(from " must not include " to " (" target ")")
	next
}
/^[ \t]*#[ \t]*include[ \t]*</ {
	header = $0
	sub(/^[^<]*</, "", header)
	sub(/>.*/, "", header)
	if (header in only) {
		fine = 0
		n = split(only[header], list, " ")
		for (i = 1; i <= n; i++)
			fine = fine || inside(FILENAME, list[i])
		if (!fine) {
			problem("<" header "> is for" only[header] " only")
			next
		}
	}
	if (FILENAME !~ /^(core|include)\//)
		next
	if (header ~ /^weir\// || header == "weir.h" || index(c11, " " header " "))
		next
	if (!may_system(FILENAME, header))
		problem("<" header "> is not C11: " (FILENAME ~ /^core/ ? "core" : "a public header") \
			" includes no header of the operating system")
	next
}
/^[ \t]*#[ \t]*include/ {
	problem("an include that is neither \"...\" nor <...>: its layer cannot be seen")
}
END {
	if (bad)
		printf "layers: %d include(s) point the wrong way (see %s)\n", bad, rules
	exit bad != 0
}
' $files
