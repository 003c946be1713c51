#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Is each public header whole? It compiles alone, as C11 and as C++17, with every compiler that is
# here; and each WEIR_API function's comment says which thread may call it and what it returns.
# usage: headers.sh [ROOT]      CC, CXX: tried besides gcc, g++, clang, clang++
set -eu
root=${1:-$(dirname "$0")/../..}
cd "$root"

headers=$(find include -name '*.h' | LC_ALL=C sort)
[ -n "$headers" ] || { echo "headers: none under $root/include"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
tried=0

# compile COMPILER STANDARD EXTENSION
compile() {
	command -v "${1%% *}" >/dev/null 2>&1 || return 0
	# A C++ front end without its standard library's headers is not a compiler of C++.
	printf '#include <stddef.h>\nint main(void) { return 0; }\n' >"$work/probe.$3"
	$1 "-std=$2" -fsyntax-only "$work/probe.$3" >/dev/null 2>&1 || return 0
	for header in $headers; do
		# Twice: the guard holds. A function besides, since an empty unit is not ISO C.
		printf '#include <%s>\n#include <%s>\nint weir_header_probe(void);\n' \
			"${header#include/}" "${header#include/}" >"$work/probe.$3"
		tried=$((tried + 1))
		if ! $1 "-std=$2" -Iinclude -Wall -Wextra -Wpedantic -Wconversion -Werror \
			-fsyntax-only "$work/probe.$3" >"$work/log" 2>&1; then
			echo "$header: does not compile alone with $1 -std=$2"
			sed 's/^/    /' "$work/log" | head -n 20
			bad=$((bad + 1))
		fi
	done
}

compile gcc c11 c
compile g++ c++17 cc
compile clang c11 c
compile clang++ c++17 cc
case "${CC:-gcc}" in gcc | clang) ;; *) compile "$CC" c11 c ;; esac
case "${CXX:-g++}" in g++ | clang++) ;; *) compile "$CXX" c++17 cc ;; esac
if [ "$tried" -eq 0 ]; then
	echo "headers: no compiler works here"
	exit 1
fi

LC_ALL=C awk '
function problem(line, text) {
	printf "%s:%d: %s\n", FILENAME, line, text
	bad++
}
FNR == 1 { in_comment = 0; comment = ""; declaration = "" }
/^[ \t]*#/ { comment = ""; next }
declaration != "" {
	declaration = declaration " " $0
}
declaration == "" && !in_comment && /^[ \t]*\/\*/ {
	in_comment = 1
	comment = ""
}
in_comment {
	comment = comment "\n" $0
	if (index($0, "*/"))
		in_comment = 0
	next
}
declaration == "" && /(^|[^A-Za-z0-9_])WEIR_API($|[^A-Za-z0-9_])/ {
	declaration = $0
	first_line = FNR
}
declaration != "" && /;/ {
	gsub(/WEIR_API|WEIR_MUST_CHECK|extern/, "", declaration)
	gsub(/[ \t]+/, " ", declaration)
	sub(/^ /, "", declaration)
	name = declaration
	sub(/ ?\(.*/, "", name)
	sub(/.*[ *]/, "", name)
	if (declaration ~ /\(/) {
		if (comment !~ /\/\*\*/)
			problem(first_line, name " has no /** comment")
		else {
			if (comment !~ /Thread:/)
				problem(first_line, name ": its comment says no Thread:")
			if (declaration !~ /^void [a-z]/ && comment !~ /@return/)
				problem(first_line, name ": its comment says no @return")
		}
	}
	declaration = ""
	comment = ""
	next
}
declaration == "" && /[^ \t]/ { comment = "" }
END { exit bad != 0 }
' $headers || bad=$((bad + 1))

[ "$bad" -eq 0 ] || { echo "headers: $bad fault(s) (see docs/style.md)"; exit 1; }
