#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Is every source built? Sources are listed one a line in the meson.build of their top folder, so a
# file that nobody listed would never be compiled and its tests never run; a header that nobody
# listed would not be installed. And is it told where it stands? usage: sources.sh [ROOT]
set -eu
root=${1:-$(dirname "$0")/../..}
cd "$root"

bad=0
for folder in core io tools bench tests; do
	[ -d "$folder" ] || continue
	for file in $(find "$folder" \( -name '*.c' -o -name '*.cpp' \) | LC_ALL=C sort); do
		# The name in quotes: no other file's name ends in it by chance.
		if ! grep -q "'${file#"$folder"/}'" "$folder/meson.build"; then
			echo "$file: not listed in $folder/meson.build"
			bad=$((bad + 1))
		fi
	done
done
for file in $(find include -name '*.h' 2>/dev/null | LC_ALL=C sort); do
	if ! grep -q "'${file#include/}'" include/meson.build; then
		echo "$file: not listed in include/meson.build"
		bad=$((bad + 1))
	fi
done
for file in $(find docs/examples -name '*.c' 2>/dev/null | LC_ALL=C sort); do
	if ! grep -q "'../$file'" tests/meson.build; then
		echo "$file: not listed in tests/meson.build"
		bad=$((bad + 1))
	fi
done
# A folder whose README.md says what is where says it of each file: x.c or x.h, or a name with a *.
for readme in $(find core io -name README.md 2>/dev/null | LC_ALL=C sort); do
	folder=${readme%/README.md}
	told=$(grep -o '`[A-Za-z0-9_*/]*\.[ch]`' "$readme" | tr -d '`' |
		sed 's/\.[ch]$//; s/.*\///' | LC_ALL=C sort -u)
	for file in "$folder"/*.[ch]; do
		[ -f "$file" ] || continue
		stem=${file##*/}
		stem=${stem%.?}
		for name in $told; do
			# shellcheck disable=SC2254 # a * in the table stands for any letters
			case $stem in $name) continue 2 ;; esac
		done
		echo "$file: $readme does not say what it does"
		bad=$((bad + 1))
	done
done
# And what has no place: the root is for these, and for what .gitignore names.
for file in *; do
	[ -f "$file" ] || continue
	case $file in
	LICENSE | README.md | meson.build | meson_options.txt) ;;
	compile_commands.json | core.[0-9]* | *.o | *.swp | *~) ;;
	*)
		echo "$file: stands in the root, where no file of its kind belongs"
		bad=$((bad + 1))
		;;
	esac
done
for folder in */; do
	case $folder in
	bench/ | core/ | docs/ | include/ | io/ | tests/ | tools/) ;;
	build*/ | shared/ | '*/') ;;
	*)
		echo "$folder: stands in the root, where no folder of its kind belongs"
		bad=$((bad + 1))
		;;
	esac
done
[ "$bad" -eq 0 ] || { echo "sources: $bad file(s) are never built, told nowhere, or out of place"; exit 1; }
