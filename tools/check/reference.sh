#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Are the reference pages whole? Every code of include/weir/error.h is a row of
# docs/reference/errors.md, with its number and text, and has a section; every field of a public
# struct weir_*_options (and of struct weir_options) is a row in the section of its struct in
# docs/reference/options.md; and neither page has a row too many. What defaults and ranges they give
# is compared with the library by tests/api/test_options_reference.c.
# The stages of tools/test and the suites of tests/meson.build have their rows in
# docs/internals/testing.md.
# usage: reference.sh [ROOT]
set -eu
root=${1:-$(dirname "$0")/../..}
cd "$root"

errors=docs/reference/errors.md
options=docs/reference/options.md
header=include/weir/error.h
for file in "$errors" "$options" "$header"; do
	[ -f "$file" ] || { echo "reference: $file is missing"; exit 1; }
done

bad=0
testing=docs/internals/testing.md
if [ -f tools/test ]; then
	for stage in $(sed -n 's/^all_stages=(\(.*\))$/\1/p' tools/test); do
		grep -q "^| \`$stage\` |" "$testing" && continue
		echo "$testing: no row for the stage $stage of tools/test"
		bad=$((bad + 1))
	done
	for suite in $(sed -n "s/.*suite: '\([a-z]*\)'.*/\1/p; s/^  '\([a-z]*\)': [a-z]*_tests,$/\1/p" \
		tests/meson.build | sort -u); do
		grep -q "^| $suite |" "$testing" && continue
		# A suite that is empty has nothing to say yet.
		grep -A1 "^${suite}_tests = \[" tests/meson.build | grep -q '^\]' && continue
		echo "$testing: no row for the suite $suite of tests/meson.build"
		bad=$((bad + 1))
	done
fi

LC_ALL=C awk -v errors="$errors" -v options="$options" '
function problem(file, text) {
	printf "%s: %s\n", file, text
	bad++
}
# X(NAME, -4096, "text") of the error map.
FILENAME == "include/weir/error.h" && /^[ \t]*X\([A-Z_]+, -[0-9]+, "/ {
	line = $0
	sub(/^[ \t]*X\(/, "", line)
	name = line
	sub(/,.*/, "", name)
	number = line
	sub(/^[A-Z_]+, /, "", number)
	sub(/,.*/, "", number)
	text = line
	sub(/^[^"]*"/, "", text)
	sub(/".*/, "", text)
	wanted_error["| `WEIR_E_" name "` | " number " | " text " |"] = "WEIR_E_" name
	codes++
	next
}
# Fields of option structs: the last name before a semicolon, an array or a parameter list.
/^struct weir_([a-z]+_)*options \{/ {
	struct_name = $2
	fields_seen = 0
	next
}
struct_name != "" && /^\};/ {
	struct_name = ""
	next
}
struct_name != "" {
	line = $0
	if (in_comment) {
		if (!index(line, "*/"))
			next
		sub(/^.*\*\//, "", line)
		in_comment = 0
	}
	while (match(line, /\/\*[^*]*\*+([^\/*][^*]*\*+)*\//))
		line = substr(line, 1, RSTART - 1) " " substr(line, RSTART + RLENGTH)
	if (match(line, /\/\*/)) {
		line = substr(line, 1, RSTART - 1)
		in_comment = 1
	}
	sub(/\/\/.*/, "", line)
	declaration = declaration " " line
	if (declaration !~ /;/)
		next
	if (match(declaration, /\(\*[a-z_]+\)/))
		field = substr(declaration, RSTART + 2, RLENGTH - 3)
	else {
		sub(/[ \t]*(\[[^]]*\])?[ \t]*;.*/, "", declaration)
		field = declaration
		sub(/.*[ \t*]/, "", field)
	}
	wanted_field[struct_name, field] = 1
	fields++
	declaration = ""
}
END {
	if (codes == 0)
		problem("include/weir/error.h", "no code was found")
	if (fields == 0)
		problem("include/weir", "no option struct was found")
	while ((getline line < errors) > 0) {
		if (line ~ /^\| `WEIR_E_/) {
			if (line in wanted_error)
				found_error[wanted_error[line]] = 1
			else
				problem(errors, "no code is like this row: " line)
		}
		if (line ~ /^### WEIR_E_/)
			section[substr(line, 5)] = 1
	}
	for (row in wanted_error) {
		if (!(wanted_error[row] in found_error))
			problem(errors, "missing, or not as in the header: " row)
		if (!(wanted_error[row] in section))
			problem(errors, "no section ### " wanted_error[row])
	}
	now = ""
	while ((getline line < options) > 0) {
		if (line ~ /^## /) {
			now = line
			sub(/^## struct /, "", now)
		}
		if (line !~ /^\| `/)
			continue
		field = line
		sub(/^\| `/, "", field)
		sub(/`.*/, "", field)
		if ((now, field) in wanted_field)
			found_field[now, field] = 1
		else
			problem(options, "struct " now " has no field " field)
	}
	for (key in wanted_field)
		if (!(key in found_field)) {
			split(key, part, SUBSEP)
			problem(options, "struct " part[1] ": no row for `" part[2] "`")
		}
	exit bad != 0
}
' "$header" include/weir/*.h || bad=$((bad + 1))

[ "$bad" -eq 0 ] || { echo "reference: faults in the pages (see docs/style.md)"; exit 1; }
