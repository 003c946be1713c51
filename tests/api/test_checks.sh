#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal:   a check that cannot fail checks nothing: each one catches each kind of fault.
# Method: a small tree that passes all of them; then one fault is planted, the check must fail and
#         name it, and the fault is taken out again. Prints TAP.
# usage: test_checks.sh ROOT
set -eu
root=$(cd "${1:-$(dirname "$0")/../..}" && pwd)
check=$root/tools/check
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
number=0
failed=0

say() { # say STATUS TEXT
	number=$((number + 1))
	echo "$1 $number - $2"
	[ "$1" = ok ] || failed=$((failed + 1))
}

clean_tree() {
	rm -rf "$tree"
	mkdir -p "$tree/core/base" "$tree/core/ring" "$tree/core/log" "$tree/core/journal" \
		"$tree/core/pipeline" "$tree/io/posix" "$tree/include/weir" "$tree/tests" \
		"$tree/docs/internals"
	cp "$root/docs/internals/layers.txt" "$tree/docs/internals/"
	for file in core/base/a core/ring/a core/log/a core/journal/a core/pipeline/a io/posix/a \
		tests/a; do
		printf '/* SPDX-License-Identifier: Apache-2.0 */\n/* A unit. */\n' >"$tree/$file.h"
		printf '/* SPDX-License-Identifier: Apache-2.0 */\n#include "%s.h"\n' "$file" \
			>"$tree/$file.c"
	done
	# The here-document loses its tabs: @ stands for one that stays.
	sed "s,@,\t,g; s,RETURN,@return," >"$tree/include/weir/a.h" <<-'EOF'
		/* SPDX-License-Identifier: Apache-2.0 */
		#ifndef WEIR_A_H
		#define WEIR_A_H
		#define WEIR_API
		/**
		 * Does it.
		 *
		 * Thread: any.
		 * RETURN 0
		 */
		WEIR_API int weir_do(int how,
		@@@int often);

		/**
		 * Ends it.
		 *
		 * Thread: any.
		 */
		WEIR_API void weir_end(void);
		#endif
	EOF
}

# passes CHECK TEXT: on the tree as it is
passes() {
	if "$check/$1.sh" "$tree" >"$work/out" 2>&1; then
		say ok "$1 $2"
	else
		say "not ok" "$1 $2"
		sed 's/^/# /' "$work/out"
	fi
}

# catches CHECK PATTERN TEXT: fails on the tree as it is, and says PATTERN
catches() {
	if "$check/$1.sh" "$tree" >"$work/out" 2>&1; then
		say "not ok" "$1 catches $3 (it passed)"
	elif grep -q -e "$2" "$work/out"; then
		say ok "$1 catches $3"
	else
		say "not ok" "$1 catches $3 (it failed for another reason)"
		sed 's/^/# /' "$work/out"
	fi
	clean_tree
}

# plant FILE LINE: adds a line to a file of the tree
plant() { printf '%s\n' "$2" >>"$tree/$1"; }

clean_tree
passes layers "passes a clean tree"
plant core/journal/a.c '#include "core/ring/a.h"'
catches layers 'core/journal must not include core/ring' 'a module that includes its neighbour'
plant core/base/a.h '#include "core/log/a.h"'
catches layers 'core/base must not include core/log' 'base that includes what stands on it'
plant core/log/a.c '#include "io/posix/a.h"'
catches layers 'core/log must not include io/posix' 'core that includes io'
plant io/posix/a.c '#include "core/pipeline/a.h"'
catches layers 'io/posix must not include core/pipeline' 'a backend that includes the pipeline'
plant core/pipeline/a.c '#include "tests/a.h"'
catches layers 'core/pipeline must not include tests' 'core that includes tests'
plant core/base/a.c '#include <unistd.h>'
catches layers '<unistd.h> is not C11' 'a header of the operating system in core'
plant core/log/a.c '#include <pthread.h>'
catches layers '<pthread.h> is not C11' 'threads in core'
plant core/ring/a.c '#  include <stdatomic.h>'
catches layers '<stdatomic.h> is for' 'atomics outside core/base/atomic.h'
plant core/log/a.c '#include <ck_pr.h>'
catches layers '<ck_pr.h> is not C11' 'concurrencykit outside core/base/pause.h'
plant io/posix/a.c '#include <liburing.h>'
catches layers '<liburing.h> is for' 'liburing outside io/uring'
plant include/weir/a.h '#include <sys/uio.h>'
catches layers '<sys/uio.h> is not C11' 'a public header that includes the operating system'
plant core/ring/a.c '#include "a.h"'
catches layers 'relative to the root' 'an include that does not show its layer'
plant tests/a.c '#include "io/posix/a.h"'
plant core/pipeline/a.c '#include "core/journal/a.h"'
plant core/log/a.c '#include <string.h>'
passes layers "lets pass what the rules allow"
clean_tree

passes style "passes a clean tree"
plant core/log/a.c "$(printf '\tint x; /* %090d */' 0)"
catches style 'columns, at most 100' 'a line of more than 100 columns'
plant core/log/a.c '    int x;'
catches style 'indented with spaces' 'spaces for tabs'
plant core/log/a.c 'int x; '
catches style 'white space at the end' 'white space at the end of a line'
{
	printf 'int f(void)\n{\n'
	i=0; while [ $i -lt 71 ]; do echo '	x();'; i=$((i + 1)); done
	printf '}\n'
} >>"$tree/core/log/a.c"
catches style 'a function of 71 lines' 'a function of 71 lines'
{
	printf 'int f(void)\n{\n'
	i=0; while [ $i -lt 70 ]; do echo '	x();'; i=$((i + 1)); done
	printf '}\n'
} >>"$tree/core/log/a.c"
passes style "lets pass a function of 70 lines"
i=0; while [ $i -lt 600 ]; do echo 'x();'; i=$((i + 1)); done >>"$tree/tests/a.c"
catches style 'at most 600' 'a file of more than 600 lines'
printf '/* A file. */\n' >"$tree/core/ring/a.h"
catches style 'not the SPDX line' 'a file without the SPDX line'
for word in 'volatile int x;|volatile' '	assert(x);|assert()' '	strcpy(a, b);|strcpy' \
	'	strncpy(a, b, 3);|strcpy' '	sprintf(a, "b");|sprintf' '	usleep(3);|usleep' \
	'/* TODO: more */|TODO' '// FIXME|FIXME' '	atomic_thread_fence(x);|fences' \
	'	printf("x");|never prints' '	__asm__ __volatile__("");|volatile' \
	'	exit(1);|never exits'; do
	plant core/ring/a.c "${word%|*}"
	catches style "${word##*|}" "$(echo "${word%|*}" | tr -d '\t')"
done
plant core/log/a.c '	v = wr_load_acquire(&x);'
catches style 'without a label' 'an acquire load without a label'
plant core/pipeline/a.c '	wr_store_seq(&x, 1);'
catches style 'without a label' 'a seq_cst store without a label'
plant core/log/a.c '	/* A3: pairs with R3. */'
plant core/log/a.c '	v = wr_load_acquire(&x);'
plant core/log/a.c '	wr_store_release(&y, v); // R4'
plant core/ring/a.c '/* volatile, assert(x), sprintf(y): words of a comment */'
plant core/ring/a.c '	say("volatile assert(x) // no comment");'
plant core/ring/a.c '	snprintf(a, 3, "x"); _Static_assert(1, "y"); wr_assert(x); my_volatile = 1;'
passes style "lets pass labels, comments, strings and longer names"
clean_tree

passes headers "passes a clean tree"
plant include/weir/a.h 'weir_unknown_t weir_x(void);'
catches headers 'does not compile alone' 'a header that needs another'
plant include/weir/a.h 'static inline int weir_x(int a) { int class = a; return class; }'
catches headers 'g++' 'a header that is not C++'
plant include/weir/a.h 'static inline char weir_y(int a) { return a; }'
catches headers 'does not compile alone' 'a header that warns'
plant include/weir/a.h '/** Does it.  @return 0 */
WEIR_API int weir_z(void);'
catches headers 'weir_z: its comment says no Thread:' 'a function without Thread:'
plant include/weir/a.h '/** Does it.  Thread: any. */
WEIR_API void *weir_z(void);'
catches headers 'weir_z: its comment says no @return' 'a function without @return'
plant include/weir/a.h 'WEIR_API void weir_z(void);'
catches headers 'weir_z has no' 'a function without a comment'

for folder in core io tests; do
	(cd "$tree/$folder" && find . -name '*.c' | sed "s,^\./\(.*\),'\1'\,,") >"$tree/$folder/meson.build"
done
echo "'weir/a.h'" >"$tree/include/meson.build"
passes sources "passes a clean tree"
cp "$tree/include/weir/a.h" "$tree/include/weir/b.h"
catches sources 'include/weir/b.h: not listed' 'a public header that is never installed'
cp "$tree/core/log/a.c" "$tree/core/log/b.c"
catches sources 'core/log/b.c: not listed' 'a source that is never built'

# --- symbols: a library of its own --------------------------------------------------------------
if command -v gcc >/dev/null 2>&1 && command -v ar >/dev/null 2>&1; then
	library() { # library SOURCE
		printf '%s\n' "$1" >"$work/s.c"
		gcc -fPIC -fvisibility=hidden -c "$work/s.c" -o "$work/s.o"
		rm -f "$work/s.a"
		ar rcs "$work/s.a" "$work/s.o"
		gcc -shared "$work/s.o" -o "$work/s.so"
	}
	symbols() { # symbols WANTED(0|1) PATTERN TEXT
		status=0
		"$check/symbols.sh" "$work/s.a" "$work/s.so" "$work/list" >"$work/out" 2>&1 ||
			status=1
		if [ "$status" = "$1" ] && grep -q -e "$2" "$work/out" || [ "$status$1" = 00 ]; then
			say ok "symbols $3"
		else
			say "not ok" "symbols $3"
			sed 's/^/# /' "$work/out"
		fi
	}
	public='__attribute__((visibility("default")))'
	echo weir_a >"$work/list"
	library "$public int weir_a(void) { return 1; } int wr_b(void) { return 1; }"
	symbols 0 '' "passes a clean library"
	library "$public int weir_a(void) { return 1; } int stray(void) { return 1; }"
	symbols 1 'without weir_ or wr_: stray' "catches a stray global name"
	library "$public int weir_a(void) { return 1; } $public int weir_b(void) { return 1; }"
	symbols 1 'not in the list: weir_b' "catches a name that is exported by accident"
	library "int weir_a(void) { return 1; }"
	symbols 1 'not exported: weir_a' "catches a promised name that is not exported"
fi

echo "1..$number"
[ "$failed" -eq 0 ]
