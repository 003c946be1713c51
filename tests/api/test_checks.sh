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
with_rings() {
	for name in base error options ring ring_atomic ring_copy ring_engine ring_stamp; do
		cp "$root/include/weir/$name.h" "$tree/include/weir/"
	done
}
with_rings
plant include/weir/ring.h 'WEIR_RING_INLINE int weir_ring_peep(void) { return 0; }'
catches headers 'weir_ring_peep() of a ring is not among' 'a call of rings that is not tried in a program'
if command -v gcc >/dev/null 2>&1; then
	with_rings
	sed 's/uint64_t first = 0;/uint64_t first;/' "$root/include/weir/ring.h" >"$tree/include/weir/ring.h"
	catches headers 'warn in a program, with gcc' 'a warning of an inlined call'
fi

for folder in core io tests; do
	(cd "$tree/$folder" && find . -name '*.c' | sed "s,^\./\(.*\),'\1'\,,") >"$tree/$folder/meson.build"
done
echo "'weir/a.h'" >"$tree/include/meson.build"
passes sources "passes a clean tree"
cp "$tree/include/weir/a.h" "$tree/include/weir/b.h"
catches sources 'include/weir/b.h: not listed' 'a public header that is never installed'
cp "$tree/core/log/a.c" "$tree/core/log/b.c"
catches sources 'core/log/b.c: not listed' 'a source that is never built'
echo 'Its files are `b*.c`.' >"$tree/core/log/README.md"
catches sources 'core/log/a.c: core/log/README.md does not' 'a file that its folder does not speak of'
echo dumped >"$tree/some.dump"
catches sources 'some.dump: stands in the root' 'a file that came into the root by chance'
mkdir "$tree/left.X1"
catches sources 'left.X1/: stands in the root' 'a folder that came into the root by chance'

# --- documents, labels, reference pages: on a tree that has some ----------------------------------
document_tree() {
	clean_tree
	mkdir -p "$tree/docs/guide" "$tree/docs/reference" "$tree/docs/examples" "$tree/tests/api" \
		"$tree/tools"
	printf '#!/bin/sh\n# --fast\n' >"$tree/tools/run"
	printf 'all_stages=(gcc clang)\n' >"$tree/tools/test"
	printf "x_tests = [\n]\ny_tests = [\n  1\n]\n  'x': x_tests,\n  'y': y_tests,\n  suite: 'z',\n" \
		>"$tree/tests/meson.build"
	printf '# T\n\n| `gcc` | g |\n| `clang` | c |\n\n| y | y |\n| z | z |\n' \
		>"$tree/docs/internals/testing.md"
	echo weir_do >"$tree/tests/api/exported_symbols.txt"
	sed 's,@,\t,g' >"$tree/docs/examples/e.c" <<-'EOF'
		/* SPDX-License-Identifier: Apache-2.0 */
		int main(void)
		{
		@int a = weir_do(1, 2);
		@return a;
		}
	EOF
	sed 's,@,\t,g' >>"$tree/core/log/a.c" <<-'EOF'
		static int drain(void)
		{
		@return wr_load_acquire(&tail); /* A1: pairs with the owner */
		}
	EOF
	printf '# A tree\n\n[docs](docs/README.md), `core/log/a.c`: `drain()`.\n' >"$tree/README.md"
	printf '# Docs\n\n[g](guide/g.md) [r](reference/errors.md) [o](reference/options.md) [m](internals/memory-model.md) [t](internals/testing.md)\n' \
		>"$tree/docs/README.md"
	printf '# G\n\n## A part\n\n`weir_do()` does it, see [part](#a-part) and `docs/examples/e.c`.\n\n```c\n\tint a = weir_do(1, 2);\n```\n\n```sh\ntools/run --fast\n```\n' \
		>"$tree/docs/guide/g.md"
	printf '# M\n\n| A1 | core/log | owner | why |\n' >"$tree/docs/internals/memory-model.md"
	sed 's,@,\t,g' >"$tree/include/weir/error.h" <<-'EOF'
		/* SPDX-License-Identifier: Apache-2.0 */
		/* WEIR_E_AGAIN, WEIR_E_CLOSED */
		#define WEIR_ERROR_MAP(X) \
		@X(AGAIN, -4096, "not now") \
		@X(CLOSED, -4097, "it is closed")
	EOF
	sed 's,@,\t,g' >"$tree/include/weir/options.h" <<-'EOF'
		/* SPDX-License-Identifier: Apache-2.0 */
		struct weir_topic_options {
		@const char *name; /* its name; of bytes */
		@int cpus[4];
		@/** Called
		@ *  seldom; never twice. */
		@void (*log_fn)(void *context,
		@@       int code);
		};
	EOF
	sed 's,^|,| ,' >"$tree/docs/reference/errors.md" <<-'EOF'
		# Errors

		|`WEIR_E_AGAIN` | -4096 | not now |
		|`WEIR_E_CLOSED` | -4097 | it is closed |

		### WEIR_E_AGAIN

		### WEIR_E_CLOSED
	EOF
	printf '# Options\n\n## struct weir_topic_options\n\n| `name` | x |\n| `cpus` | x |\n| `log_fn` | x |\n' \
		>"$tree/docs/reference/options.md"
}

# wrong CHECK PATTERN TEXT: as catches, on a tree with documents
wrong() {
	catches "$@"
	document_tree
}

# without FILE TEXT: takes the lines with TEXT out of a file of the tree
without() { sed -i "/$2/d" "$tree/$1"; }

document_tree
passes docs "passes a clean tree"
plant README.md '[gone](docs/gone.md)'
wrong docs 'docs/gone.md leads nowhere' 'a link to a document that is not there'
plant README.md '[part](docs/guide/g.md#no-part)'
wrong docs 'no heading #no-part' 'a link to a heading that is not there'
plant README.md 'See `core/log/b.c`.'
wrong docs 'there is no core/log/b.c' 'a file that is not there'
plant README.md 'See `core/none/*.c`.'
wrong docs 'there is no core/none/\*.c' 'a pattern that no file matches'
plant README.md 'It is `wr_gone` that counts.'
wrong docs 'nothing is called wr_gone' 'a name that is not in the sources'
plant README.md '`core/journal/a.c`: `drain()`'
wrong docs 'drain() stands in none' 'a function that stands in another file'
plant docs/guide/g.md '```c
	int a = weir_do(2, 2);
```'
wrong docs 'no verbatim part' 'C that is not part of an example'
plant docs/guide/g.md '```sh
tools/gone --fast
```'
wrong docs 'no command tools/gone' 'a command that is not there'
plant docs/guide/g.md '```sh
cat >x <<'"'END'"'
tools/x
END
tools/gone
```'
wrong docs 'no command tools/gone' 'a command behind a here-document'
plant docs/guide/g.md '```sh
tools/run --slow
```'
wrong docs 'does not know --slow' 'an option that a script does not know'
cp "$tree/docs/examples/e.c" "$tree/docs/examples/f.c"
wrong docs 'docs/examples/f.c: no document' 'an example that no document speaks of'
plant docs/guide/h.md '# H'
wrong docs 'no README.md of docs/ leads to it' 'a document that nothing leads to'
without docs/guide/g.md 'weir_do()'
wrong docs 'weir_do(): no guide' 'a public function that no page speaks of'

passes labels "passes a clean tree"
plant core/log/a.c '	wr_store_release(&x, 1); /* A2: pairs with nobody */'
wrong labels 'label A2 has no row for core/log' 'a label that is not explained'
plant core/journal/a.c '	wr_store_release(&x, 1); /* A1 */'
wrong labels 'label A1 has no row for core/journal' 'a label in a folder where it is not explained'
plant docs/internals/memory-model.md '| B7 | core/log | x | y |'
wrong labels 'label B7 is not used' 'an explained label that nothing uses'
plant docs/internals/memory-model.md '| A1 | core/journal, core/log | another | thing |'
wrong labels 'label A1 of core/log has a row already, in line 3' 'a label with two meanings in one folder'
rm "$tree/docs/internals/memory-model.md"
wrong labels 'is missing' 'a memory model that is missing'

passes reference "passes a clean tree"
without docs/reference/errors.md '| `WEIR_E_CLOSED`'
wrong reference 'missing, or not as in the header: | `WEIR_E_CLOSED`' 'an error without a row'
sed -i 's/-4097/-4098/' "$tree/docs/reference/errors.md"
wrong reference 'no code is like this row' 'an error with another number'
without docs/reference/errors.md '### WEIR_E_AGAIN'
wrong reference 'no section ### WEIR_E_AGAIN' 'an error that nothing is said of'
without docs/reference/options.md '`log_fn`'
wrong reference 'no row for `log_fn`' 'an option without a row'
plant docs/reference/options.md '| `color` | x |'
wrong reference 'has no field color' 'a row without an option'
without docs/internals/testing.md '`clang`'
wrong reference 'no row for the stage clang' 'a stage that no page speaks of'
without docs/internals/testing.md '^| z'
wrong reference 'no row for the suite z' 'a suite that no page speaks of'
clean_tree

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
	library "$public int weir_a(void) { return 1; } int wr_bug_active;"
	symbols 1 'built with -Dseeded_bugs=true: wr_bug_active' "catches a build with seeded bugs"
	library "$public int weir_a(void) { return 1; } $public int weir_b(void) { return 1; }"
	symbols 1 'not in the list: weir_b' "catches a name that is exported by accident"
	library "int weir_a(void) { return 1; }"
	symbols 1 'not exported: weir_a' "catches a promised name that is not exported"
fi

# --- the catalogue of faults ------------------------------------------------------------------------
catalogue() { # catalogue SED-COMMAND: a whole one, with that done to it
	mkdir -p "$tree/tests/unit"
	printf 'Test(a, works)\n' >"$tree/tests/unit/test_a.c"
	printf "unit_tests = [\n  {'name': 'a', 'sources': files('unit/test_a.c')},\n]\n" \
		>"$tree/tests/meson.build"
	i=0
	while [ $((i += 1)) -le 35 ]; do
		echo "| $i | a fault | told | \`unit_a::works\`, \`unit_a\` |"
	done | sed "$1" >"$tree/docs/internals/faults.md"
}
catalogue ''
passes faults "passes a whole catalogue"
catalogue '/^| 12 /d'
catches faults 'fault 13 where 12 should be' "a number that is missing"
catalogue '/^| 35 /d'
catches faults 'ends with fault 34 of 35' "an end that is missing"
catalogue 's/^| 7 .*/| 7 | a fault | told | later |/'
catches faults 'fault 7: no test and no issue' "a fault that nothing shows"
catalogue 's/^| 7 .*/| 7 | a fault | not yet | issue 7 |/'
passes faults "lets pass what an issue is to bring"
clean_tree
catalogue 's/unit_a::works/unit_a::worked/'
catches faults 'unit_a::worked: no such function' "a test that is not there"
catalogue 's/`unit_a`/`unit_b`/'
catches faults 'unit_b: .* no such program' "a program that is not there"
catalogue ''
mkdir -p "$tree/docs/reference"
echo '| keyed placement | `unit_a::works` |' >"$tree/docs/reference/semantics.md"
passes faults "passes a page of semantics whose cases are there"
echo '| keyed placement | `unit_a::worked` |' >"$tree/docs/reference/semantics.md"
catches faults 'semantics.md: unit_a::worked: no such function' "a row whose case is not there"
mkdir -p "$tree/tests/sim"
echo 'X(ROT, "rot")' >"$tree/tests/sim/swarm.h"
catalogue 's/`unit_a`/`weir-sim: rot`, `unit_a`/'
passes faults "passes what the simulator shows"
catalogue 's/`unit_a`/`weir-sim: rust`/'
catches faults 'weir-sim: rust is not in' "a trouble that is not there"

# --- code for ARM64: a disassembler that prints what it is given -----------------------------------
printf '#!/bin/sh\nshift 2\nexec cat "$1"\n' >"$work/objdump"
chmod +x "$work/objdump"
printf 'hot acquire release # the way\nwarm rmw\n' >"$work/hot"
function_of() { # function_of NAME INSTRUCTION...: as objdump prints it
	printf '\n0000000000001000 <%s>:\n' "$1"
	shift
	for instruction; do
		printf '    1000:\t%s\tx0, [x1]\n' "$instruction"
	done
}
arm64_code() { # arm64_code WANTED(0|1) PATTERN TEXT [FLAG...]
	wanted=$1 pattern=$2 text=$3
	shift 3
	status=0
	"$check/arm64_code.sh" "$@" "$work/objdump" "$work/hot" "$work/code" >"$work/out" 2>&1 ||
		status=1
	if [ "$status" = "$wanted" ] && grep -q -e "$pattern" "$work/out"; then
		say ok "arm64_code $text"
	else
		say "not ok" "arm64_code $text"
		sed 's/^/# /' "$work/out"
	fi
}
hot=$(function_of hot ldar stlr)
warm=$(function_of warm casal)
code() { printf '%s\n' "$@" >"$work/code"; }
code "$hot" "$warm" "$(function_of cold add)"
arm64_code 0 '^7\|2 functions in the list' "passes clean code" --lse
code "$(function_of hot ldapr stlr)" "$(function_of warm.part.0 swpal)"
arm64_code 0 '' "knows ldapr, and a part of a function"
code "$(function_of hot ldr stlr)" "$warm"
arm64_code 1 'hot: no acquire load' "catches a load that lost its order"
code "$(function_of hot ldar str)" "$warm"
arm64_code 1 'hot: no release store' "catches a store that lost its order"
code "$hot" "$(function_of warm ldar)"
arm64_code 1 'warm: no read-modify-write' "catches a read-modify-write that is none"
code "$(function_of hot ldar dmb stlr)" "$warm"
arm64_code 1 'hot: a memory barrier' "catches a barrier on the way" --locks
code "$hot" "$(function_of warm ldaxr stlxr casal)"
arm64_code 1 'warm: exclusive loads' "catches a loop of exclusive loads and stores"
code "$hot" "$(printf '%s\n    1004:\tbl\t3000 <__aarch64_cas8_acq>' "$(function_of warm add)")"
arm64_code 0 '' "lets pass a helper of the compiler's"
arm64_code 1 'warm: calls for' "catches it where the instruction has to be there" --lse
code "$hot" "$warm" "$(function_of cold dmb)"
arm64_code 1 'cold: a memory barrier' "catches a barrier elsewhere"
arm64_code 0 '1 cold functions' "lets it pass where locks have some" --locks
code "$warm"
arm64_code 1 'hot: is not there' "catches a list that is old"
code
arm64_code 1 'no instructions' "catches an empty file"

echo "1..$number"
[ "$failed" -eq 0 ]
