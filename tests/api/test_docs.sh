#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal:   what the documents show is what happens.
# Method: the packages of getting-started.md are those of tools/lib.sh; the help texts of
#         docs/reference/cli.md are compared with what the command prints, and no command is without
#         one; each block marked "sh run" is run, the blocks of one document in one folder, in
#         order; the program of docs/guide/getting-started.md is built with the line that stands
#         there, through the .pc file that the build makes for itself. Prints TAP.
# usage: test_docs.sh ROOT WEIR BUILD
set -eu
root=$(cd "$1" && pwd)
weir=$2
build=$(cd "$3" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/weir-docs-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
ln -s "$(cd "$(dirname "$weir")" && pwd)/$(basename "$weir")" "$work/bin/weir"
PATH=$work/bin:$PATH
weir=$work/bin/weir # the path that was given may be relative
number=0
failed=0

say() { # say STATUS TEXT
	number=$((number + 1))
	echo "$1 $number - $2"
	[ "$1" = ok ] || failed=$((failed + 1))
}

# --- packages -----------------------------------------------------------------------------------

# What tools/lib.sh asks pkg-config for is what the build can use: all of it can be installed so.
lacking=
for package in $(sed -n 's/^\t\(lib[a-z0-9]*-dev\)) pkg-config .*/\1/p' "$root/tools/lib.sh"); do
	grep -q "^apt-get install .* $package\( \|\$\)" "$root/docs/guide/getting-started.md" ||
		lacking="$lacking $package"
done
if [ -z "$lacking" ]; then
	say ok "getting-started.md installs all optional libraries"
else
	say "not ok" "getting-started.md installs all optional libraries: it lacks$lacking"
fi

# --- help texts ---------------------------------------------------------------------------------

cli=$root/docs/reference/cli.md
# "## weir journal ls" and the block that follows become the file "weir journal ls".
mkdir "$work/help"
awk -v to="$work/help" '
/^## weir/ { name = substr($0, 4); next }
/^```text$/ && name != "" { inside = 1; file = to "/" name; printf "" >file; next }
/^```$/ { if (inside) close(file); inside = 0; name = ""; next }
inside { print >file }
' "$cli"

# Without libweir-config some commands are left out, and so is what is said of them.
if ! "$weir" --help | grep -q '^  topology '; then
	for name in config topology run; do
		rm -f "$work/help/weir $name"*
		[ ! -f "$work/help/weir" ] || sed -i "/^  $name  /d" "$work/help/weir"
	done
fi

if ! "$weir" --help | grep -q '^  serve '; then
	rm -f "$work/help/weir serve"
	[ ! -f "$work/help/weir" ] || sed -i "/^  serve  /d" "$work/help/weir"
fi

commands() { # every command that the command itself names
	echo weir
	"$weir" --help | sed -n 's/^  \([a-z]*\)  *.*/\1/p' | grep -v '^help$' | while read -r name; do
		case $name in
		bench) echo weir bench all; echo weir bench everything; echo weir bench journal; echo weir bench pipeline; echo weir bench replay; echo weir bench ring; echo weir bench stall ;;
		*) echo weir "$name" ;;
		esac
		"$weir" "$name" --help 2>/dev/null |
			sed -n 's/^usage: weir [a-z]* \([a-z]*|[a-z|]*\) .*/\1/p' | tr '|' '\n' |
			while read -r sub; do echo weir "$name" "$sub"; done
	done
}

for name in $(commands | tr ' ' ':'); do
	name=$(echo "$name" | tr ':' ' ')
	if [ ! -f "$work/help/$name" ]; then
		say "not ok" "$name has a section in docs/reference/cli.md"
		continue
	fi
	# shellcheck disable=SC2086
	COLUMNS=100 $name --help >"$work/out" 2>&1 || true
	if diff -u "$work/help/$name" "$work/out" >"$work/diff"; then
		say ok "docs/reference/cli.md shows what $name --help prints"
	else
		say "not ok" "docs/reference/cli.md shows what $name --help prints"
		sed 's/^/# /' "$work/diff"
	fi
	rm -f "$work/help/$name"
done
for left in "$work/help"/*; do
	[ -e "$left" ] || continue
	say "not ok" "docs/reference/cli.md speaks of $(basename "$left"), which is not there"
done

# --- blocks that are run ------------------------------------------------------------------------

# The config files that are shipped lie beside: a page may begin with one of them.
for document in $(cd "$root" && grep -l '^```sh run$' README.md $(find docs -name '*.md')); do
	mkdir -p "$work/run/$document"
	cp "$root"/docs/examples/*.yaml "$work/run/$document/"
	awk -v to="$work/run/$document" '
	/^```sh run$/ { inside = 1; count++; file = to "/" count ".sh"; printf "" >file; next }
	/^```$/ { if (inside) close(file); inside = 0; next }
	inside { print >file }
	' "$root/$document"
	count=1
	while [ -f "$work/run/$document/$count.sh" ]; do
		if (cd "$work/run/$document" && sh -eu "$count.sh") >"$work/out" 2>&1; then
			say ok "$document, block $count runs"
		else
			say "not ok" "$document, block $count runs"
			sed 's/^/# /' "$work/out"
		fi
		count=$((count + 1))
	done
done

# --- fields of JSON -----------------------------------------------------------------------------

fields() { # fields SECTION COMMAND...: every field that the command prints is named in the section
	section=$1
	shift
	"$@" >"$work/json" 2>"$work/out" || true
	if ! grep -q '"[a-z_0-9]*":' "$work/json"; then
		say "not ok" "$* prints JSON"
		sed 's/^/# /' "$work/out"
		return
	fi
	sed -n "/^## $section\$/,/^## /p" "$cli" >"$work/section"
	missing=
	for field in $(grep -o '"[a-z_0-9]*":' "$work/json" | tr -d '":' | LC_ALL=C sort -u); do
		grep -q "\`$field\`" "$work/section" || missing="$missing $field"
	done
	if [ -z "$missing" ]; then
		say ok "docs/reference/cli.md names every field of $section --json"
	else
		say "not ok" "docs/reference/cli.md names every field of $section --json:$missing"
	fi
}

cd "$work"
configs=0
if "$weir" --help | grep -q '^  topology '; then
	configs=1
fi
config() { # config FILE: the option, where it is understood
	[ $configs = 0 ] || echo "--config $root/docs/examples/$1"
}
# The examples that are shipped are what is run here.
# shellcheck disable=SC2046
fields "weir demo" weir demo $(config demo.yaml) --seconds 0.5 --rate 5000 --dir fields.journal --json
fields "weir journal ls" weir journal ls fields.journal --json
fields "weir journal dump" weir journal dump fields.journal --count 200 --control --json
event=$(weir journal dump fields.journal --count 1 --json)
fields "weir journal audit" weir journal audit fields.journal \
	"$(echo "$event" | sed 's/.*"key":"\([^"]*\)".*/\1/')" --json
fields "weir trace" weir trace fields.journal --json \
	--sequence "$(echo "$event" | sed 's/.*"sequence":\([0-9]*\).*/\1/')"
fields "weir journal verify" weir journal verify fields.journal --json
fields "weir journal backup" weir journal backup fields.journal fields.backup --json
fields "weir doctor" weir doctor --sync-time 20ms --json .
fields "weir torture" weir torture --seconds 0.3 --json .
fields "weir bench journal" weir bench journal --rates 2000 --rounds 1 --time 50ms --warmup 0 \
	--bare-time 10ms --segment-bytes 4MiB --retention-bytes 8MiB --no-limit --json
fields "weir bench replay" weir bench replay --events 20000 --segment-bytes 1MiB --rounds 1 --no-limit --json
fields "weir bench ring" weir bench ring --shape spsc --payload 8 --batch 32 --rounds 1 --time 2ms --json
cp "$work/json" old.json
fields "weir bench ring" weir bench ring --shape spsc --payload 8 --batch 32 --rounds 1 --time 2ms --json \
	--compare old.json --fail-if other_machine
fields "weir bench stall" weir bench stall --shape mpsc --for 1ms --before 10ms --after 10ms --json
fields "weir bench pipeline" weir bench pipeline --seconds 0.2 --warmup 0 --rate 2000 --dir "$work" \
	--segment-bytes 4MiB --bare-syncs 10 --json
if [ $configs = 1 ]; then
	fields "weir bench pipeline" weir bench pipeline --config "$root/docs/examples/bench.yaml" \
		--seconds 0.2 --warmup 0 --dir "$work" --bare-syncs 10 --json
	fields "weir topology" weir topology --json
	fields "weir config check" weir config check "$root/tests/data/config/twelve.yaml" --json
	fields "weir run" weir run "$root/docs/examples/generate.yaml" --json
	fields "weir config plan" weir config plan "$root/docs/examples/orders.yaml" --json
fi
# --- the configs of docs/examples, run -----------------------------------------------------------

run_copy() {
	printf '{"customer":{"id":%d},"kind":"a","at":%d}\n' 1 1769860800 2 1769860801 1 1769860802 \
		>orders.jsonl
	weir run "$root/docs/examples/copy.yaml" && sort orders.jsonl >expected &&
		sort archive.jsonl | cmp - expected
}

# The program of notify.yaml is a stand-in that writes down what it gets.
run_notify() {
	printf '#!/bin/sh\ncat >>notified\n' >notify
	chmod +x notify
	printf 'one\ntwo\n' >app.log
	weir run "$root/docs/examples/notify.yaml" &
	process=$!
	tries=0
	until [ "$(cat notified 2>/dev/null)" = onetwo ] || [ $tries -ge 600 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	kill "$process"
	wait "$process" && [ "$(cat notified)" = onetwo ]
}

if "$weir" --version | grep -q ' jansson'; then
	for name in copy notify; do
		mkdir "$work/example-$name"
		if (cd "$work/example-$name" && "run_$name") >"$work/out" 2>&1; then
			say ok "docs/examples/$name.yaml runs"
		else
			say "not ok" "docs/examples/$name.yaml runs"
			sed 's/^/# /' "$work/out"
		fi
	done
fi
cd "$root"

# --- the first program --------------------------------------------------------------------------

line=$(sed -n '/^cc hello\.c /p' "$root/docs/guide/getting-started.md")
title="hello.c is built against an installed weir by the line of getting-started.md, and runs"
if [ -z "$line" ]; then
	say "not ok" "docs/guide/getting-started.md says how to build hello.c"
elif ! command -v pkg-config >/dev/null; then
	say ok "$title # SKIP no pkg-config"
else
	mkdir "$work/hello"
	cp "$root/docs/examples/hello.c" "$work/hello/"
	if (
		cd "$work/hello"
		DESTDIR=$work/installed meson install -C "$build" --no-rebuild --quiet
		pc=$(find "$work/installed" -name weir.pc)
		PKG_CONFIG_PATH=$(dirname "$pc")
		PKG_CONFIG_SYSROOT_DIR=$work/installed
		export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
		eval "$line"
		LD_LIBRARY_PATH=$(dirname "$(dirname "$pc")") ./hello
	) >"$work/out" 2>&1; then
		say ok "$title"
	else
		say "not ok" "$title"
		sed 's/^/# /' "$work/out"
	fi
fi

echo "1..$number"
[ "$failed" -eq 0 ]
