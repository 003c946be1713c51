#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Do the documents speak of what is there? One line a fault: file, line, what.
#   - links between documents, and to headings in them, resolve
#   - files that are named exist; functions and other names of weir that are named exist, and where a
#     line names source files too, a function stands in one of them
#   - a block marked as C is a verbatim part of a program in docs/examples, which the tests run
#   - a block marked as shell calls what is there, with options that it knows. Blocks marked "sh run"
#     are run by tests/api/test_docs.sh
#   - each document of docs/ is linked from docs/README.md or from a README.md beside it
#   - each public function is spoken of in a guide or a reference page, each example somewhere
# usage: docs.sh [ROOT]
set -eu
root=${1:-$(dirname "$0")/../..}
cd "$root"

places=
for place in README.md docs core io bench tools tests; do
	[ -e "$place" ] && places="$places $place"
done
documents=$(find $places -name '*.md' | LC_ALL=C sort)
[ -n "$documents" ] || { echo "docs: no documents under $root"; exit 1; }
folders=
for folder in include core io bench tools tests docs/examples; do
	[ -d "$folder" ] && folders="$folders $folder"
done
sources=$(find $folders -name '*.[ch]' | LC_ALL=C sort)
examples=$(find $folders -path 'docs/examples/*.c' | LC_ALL=C sort)
everything=$(find $places $folders -not -name '.*' | LC_ALL=C sort -u)
exported="tests/api/exported_symbols.txt tests/api/exported_symbols_config.txt
	tests/api/exported_symbols_serve.txt"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '%s\n' $everything .ci/run LICENSE meson.build meson_options.txt >"$work/paths"
cat $exported >"$work/exported" 2>/dev/null || :

# mawk and gawk both run this. First the sources are read, then the documents.
LC_ALL=C awk -v paths="$work/paths" -v exported="$work/exported" -v examples="$examples" '
function problem(line, text) {
	printf "%s:%d: %s\n", FILENAME, line, text
	bad++
}
function dir_of(path,    p) {
	p = path
	return sub(/\/[^\/]*$/, "", p) ? p "/" : ""
}
# a/b/../c and ./c become a/c and c.
function plain(path) {
	sub(/^\.\//, "", path)
	while (sub(/\/\.\//, "/", path)) {}
	while (sub(/[^\/.]+\/\.\.\//, "", path)) {}
	sub(/\/$/, "", path)
	return path
}
# The name that a heading has in a link.
function anchor(text) {
	text = tolower(text)
	gsub(/`|\*|\[|\]|\([^)]*\)/, "", text)
	gsub(/[^a-z0-9 _\200-\377-]/, "", text)
	gsub(/ /, "-", text)
	return text
}
function read_headings(path,    line, in_block, key) {
	if (path in headings_read)
		return
	headings_read[path] = 1
	while ((getline line < path) > 0) {
		if (line ~ /^```/)
			in_block = !in_block
		if (!in_block && line ~ /^#+ /) {
			sub(/^#+ /, "", line)
			headings[path, anchor(line)] = 1
		}
	}
	close(path)
}
function check_link(target,    place, hash) {
	if (target ~ /^[a-z]+:/)
		return
	hash = ""
	if (match(target, /#/)) {
		hash = substr(target, RSTART + 1)
		target = substr(target, 1, RSTART - 1)
	}
	place = target == "" ? FILENAME : plain(dir_of(FILENAME) target)
	if (!(place in exists)) {
		problem(FNR, "the link to " target " leads nowhere")
		return
	}
	linked[place] = linked[place] " " FILENAME
	if (hash == "")
		return
	read_headings(place)
	if (!((place, hash) in headings))
		problem(FNR, place " has no heading #" hash)
}
function check_links(line,    target) {
	while (match(line, /\]\([^) ]+\)/)) {
		target = substr(line, RSTART + 2, RLENGTH - 3)
		line = substr(line, RSTART + RLENGTH)
		check_link(target)
	}
}
# Does some path match? A star stands for anything but a slash.
function some_path(pattern,    expression, p) {
	expression = pattern
	gsub(/[.+?()|^$]/, "\\\\&", expression)
	gsub(/\*\*/, "\001", expression)
	gsub(/\*/, "[^/]*", expression)
	gsub(/\001/, ".*", expression)
	for (p in exists)
		if (p ~ ("^" expression "$"))
			return 1
	return 0
}
function check_path(path,    list, n, i, before, behind) {
	if (match(path, /\{[^}]*\}/)) {
		before = substr(path, 1, RSTART - 1)
		behind = substr(path, RSTART + RLENGTH)
		n = split(substr(path, RSTART + 1, RLENGTH - 2), list, ",")
		for (i = 1; i <= n; i++)
			check_path(before list[i] behind)
		return
	}
	path = plain(path)
	if (path in exists) {
		named[path] = 1
		if (path ~ /\.[ch]$/)
			named_sources[++named_count] = path
		return
	}
	if (index(path, "*") == 0 || !some_path(path))
		problem(FNR, "there is no " path)
}
function check_name(name, is_call,    i, known) {
	if (!(name in words)) {
		problem(FNR, "nothing is called " name)
		return
	}
	if (!is_call || named_count == 0)
		return
	for (i = 1; i <= named_count; i++)
		if ((named_sources[i], name) in word_of)
			known = 1
	if (!known)
		problem(FNR, name "() stands in none of the files that this line names")
}
function check_names(span,    rest, name, is_call, next_char) {
	rest = span
	while (match(rest, /[A-Za-z_][A-Za-z0-9_]*/)) {
		name = substr(rest, RSTART, RLENGTH)
		next_char = substr(rest, RSTART + RLENGTH, 1)
		is_call = substr(rest, RSTART + RLENGTH, 2) == "()"
		rest = substr(rest, RSTART + RLENGTH)
		if (is_call || (name ~ /^(weir|wr|WEIR|WR)_[A-Za-z0-9_]*[A-Za-z0-9]$/ &&
		    next_char != "*" && span !~ /[\/]/))
			check_name(name, is_call)
		mentioned[name] = mentioned[name] " " FILENAME
	}
}
function check_spans(line,    rest, span, spans, n, i) {
	named_count = 0
	n = 0
	rest = line
	while (match(rest, /`[^`]+`/)) {
		span = substr(rest, RSTART + 1, RLENGTH - 2)
		rest = substr(rest, RSTART + RLENGTH)
		if (span ~ /^(core|io|include|tools|tests|docs|bench)\/[A-Za-z0-9_.\/*{},-]*$/)
			check_path(span)
		spans[++n] = span
	}
	for (i = 1; i <= n; i++)
		check_names(spans[i])
}
function trimmed(line) {
	gsub(/^[ \t]+|[ \t]+$/, "", line)
	return line
}
function check_c_block(    e, n, list, at, i, same) {
	n = split(examples, list, " ")
	for (e = 1; e <= n; e++)
		for (at = 1; at + block_count - 1 <= example_count[list[e]]; at++) {
			same = 1
			for (i = 1; i <= block_count && same; i++)
				same = example[list[e], at + i - 1] == block[i]
			if (same)
				return
		}
	problem(block_line, "a block of C that is no verbatim part of a program in docs/examples")
}
function text_has(file, option,    line) {
	if (!(file in text_of)) {
		text_of[file] = ""
		while ((getline line < file) > 0)
			text_of[file] = text_of[file] "\n" line
		close(file)
	}
	return index(text_of[file], option) > 0
}
function check_shell(line,    w, n, i, command, option) {
	# The lines of a here-document are no commands.
	if (here_end != "") {
		if (line == here_end)
			here_end = ""
		return
	}
	if (match(line, /<<\x27[A-Z]+\x27$/))
		here_end = substr(line, RSTART + 3, RLENGTH - 4)
	sub(/(^|[ \t])#.*/, "", line)
	n = split(line, w, " ")
	if (n == 0)
		return
	command = w[1]
	if (command ~ /\//) {
		if (!(command in exists))
			problem(FNR, "there is no command " command)
		else if (command ~ /^tools\//)
			for (i = 2; i <= n; i++) {
				option = w[i]
				sub(/=.*/, "", option)
				if (option ~ /^--/ && !text_has(command, option) &&
				    !(command == "tools/demo" && ("--" substr(option, 3)) in demo_options))
					problem(FNR, command " does not know " option)
			}
	} else if (command !~ /^(meson|ninja|git|cc|weir|printf|cd|export|CC=[a-z]+|taskset|sysctl)$/ &&
		   command !~ /^(cat|chmod|echo|grep|mkdir|sed|sort|tail|\[)$/)
		problem(FNR, "a shell block calls " command ": neither weir nor known to this check")
}
BEGIN {
	while ((getline line < paths) > 0)
		exists[line] = 1
	exists["."] = 1
	split("--seconds --rate --input --dir --io --partitions --seed --json", list, " ")
	for (i in list)
		demo_options[list[i]] = 1
}
FNR == 1 {
	in_block = 0
	reading_sources = FILENAME ~ /\.[ch]$/
}
reading_sources {
	rest = $0
	while (match(rest, /[A-Za-z_][A-Za-z0-9_]*/)) {
		name = substr(rest, RSTART, RLENGTH)
		words[name] = 1
		word_of[FILENAME, name] = 1
		rest = substr(rest, RSTART + RLENGTH)
	}
	if (FILENAME ~ /^docs\/examples\//) {
		example[FILENAME, FNR] = trimmed($0)
		example_count[FILENAME] = FNR
	}
	next
}
/^```/ {
	if (in_block) {
		if (language == "c")
			check_c_block()
		in_block = 0
	} else {
		in_block = 1
		language = trimmed(substr($0, 4))
		block_count = 0
		block_line = FNR
		here_end = ""
	}
	next
}
in_block {
	block[++block_count] = trimmed($0)
	if (language == "sh" || language == "sh run")
		check_shell($0)
	next
}
{
	check_links($0)
	check_spans($0)
	documents[FILENAME] = 1
}
END {
	for (d in documents) {
		if (d !~ /^docs\// || d == "docs/README.md")
			continue
		if (linked[d] !~ /README\.md/) {
			printf "%s: no README.md of docs/ leads to it\n", d
			bad++
		}
	}
	n = split(examples, list, " ")
	for (i = 1; i <= n; i++)
		if (!(list[i] in named)) {
			printf "%s: no document speaks of it\n", list[i]
			bad++
		}
	while ((getline name < exported) > 0)
		if (mentioned[name] !~ /docs\/(guide|reference)\//) {
			printf "%s(): no guide and no reference page speaks of it\n", name
			bad++
		}
	if (bad)
		printf "docs: %d fault(s) (see docs/style.md)\n", bad
	exit bad != 0
}
' $sources $documents
