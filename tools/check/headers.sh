#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Is each public header whole? It compiles alone, as C11 and as C++17, with every compiler that is
# here; each WEIR_API function's comment says which thread may call it and what it returns; and the
# calls of rings, whose code becomes the program's, warn of nothing there either.
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

# With -O1 -fsanitize=thread, or -Og, a compiler follows values less far than with other options, and
# warns of more: what is passed by reference there has a value from its first line on.
ring_calls() { # ring_calls COMPILER
	command -v "$1" >/dev/null 2>&1 || return 0
	cat >"$work/ring.c" <<-'EOF'
		#include <weir/ring.h>
		struct item { unsigned long a; unsigned b; };
		int probe(struct weir_ring_producer *p, struct weir_ring_consumer *c, weir_ring_visit_fn visit);
		int probe(struct weir_ring_producer *p, struct weir_ring_consumer *c, weir_ring_visit_fn visit)
		{
			struct item one = {1, 2};
			struct item many[8] = {{0, 0}};
			void *place;
			const void *seen;
			bool lost = false;
			int rc = weir_ring_push(p, &one, sizeof one);
			rc += weir_ring_push_among(p, &one, sizeof one, &lost);
			rc += weir_ring_push_many(p, many, 8, sizeof one);
			rc += weir_ring_stage(p, &one, sizeof one);
			rc += weir_ring_flush(p);
			if (weir_ring_claim(p, 1, sizeof one, &place) == 1)
				rc += weir_ring_commit(p, 1);
			rc += weir_ring_push_wait(p, &one, sizeof one, 5);
			rc += (int)weir_ring_push_many_wait(p, many, 8, sizeof one, 5);
			rc += weir_ring_pop(c, &one, sizeof one);
			rc += weir_ring_pop_among(c, &one, sizeof one, &lost);
			rc += weir_ring_pop_many(c, many, 8, sizeof one);
			if (weir_ring_take(c, 8, sizeof one, &seen) > 0)
				weir_ring_release(c);
			rc += (int)weir_ring_drain(c, 100, sizeof one, visit, 0);
			rc += weir_ring_pop_wait(c, &one, sizeof one, 5);
			rc += weir_ring_pop_many_wait(c, many, 8, sizeof one, 5);
			return rc + (int)one.a;
		}
	EOF
	[ ! -f include/weir/ring_fan.h ] || cat >>"$work/ring.c" <<-'EOF'
		#include <weir/ring_fan.h>
		int fan(struct weir_ring_fan_consumer *c, weir_ring_visit_fn visit);
		int fan(struct weir_ring_fan_consumer *c, weir_ring_visit_fn visit)
		{
			struct item one = {1, 2};
			struct item many[8] = {{0, 0}};
			const void *seen;
			int rc = weir_ring_fan_pop(c, &one, sizeof one);
			rc += weir_ring_fan_pop_many(c, many, 8, sizeof one);
			if (weir_ring_fan_take(c, 8, sizeof one, &seen) > 0)
				weir_ring_fan_release(c);
			weir_ring_fan_spend(c, 1);
			rc += (int)weir_ring_fan_drain(c, 100, sizeof one, visit, 0);
			rc += weir_ring_fan_pop_wait(c, &one, sizeof one, 5);
			rc += weir_ring_fan_pop_many_wait(c, many, 8, sizeof one, 5);
			return rc + (int)one.a;
		}
	EOF
	for call in $(sed -n 's/^WEIR_RING_INLINE .*\(weir_ring_[a-z_]*\)(.*/\1/p' $rings); do
		grep -qE "(^|[^a-z_])$call\\(" "$work/ring.c" && continue
		echo "$call() of a ring is not among the calls that headers.sh compiles"
		bad=$((bad + 1))
	done
	ring_calls_with "$1" "-Og"
	# Without the sanitizer's own parts a compiler has none.
	printf 'int probe;\n' >"$work/probe.c"
	"$1" -fsanitize=thread -c -o "$work/probe.o" "$work/probe.c" >/dev/null 2>&1 || return 0
	ring_calls_with "$1" "-O1 -fsanitize=thread"
}

ring_calls_with() { # ring_calls_with COMPILER OPTIONS
	# shellcheck disable=SC2086 # several options
	if ! "$1" -std=c11 -Iinclude -Wall -Wextra -Wpedantic -Wconversion -Werror $2 \
		-c -o "$work/probe.o" "$work/ring.c" >"$work/log" 2>&1; then
		echo "the calls of rings warn in a program, with $1 $2"
		sed 's/^/    /' "$work/log" | head -n 20
		bad=$((bad + 1))
	fi
}
# The inside of the engine is reached through these.
rings=$(find include -name ring.h -o -name ring_fan.h)
if [ -n "$rings" ]; then
	ring_calls gcc
	ring_calls clang
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
