#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What does the library put into its host's name space? Every global symbol of the static archive
# begins with weir_ or wr_; the shared object exports exactly what the list says, no name more
# (it would be ABI by accident) and none less (it would break programs). No seeded bug
# (core/base/bug.h) is in it.
# usage: symbols.sh ARCHIVE SHARED_OBJECT LIST
#        symbols.sh --update SHARED_OBJECT LIST       writes the list anew: then read the diff
set -eu
NM=${NM:-nm}

exported() { # but for the ends of sections, which gold exports of every library
	"$NM" -D --defined-only "$1" | awk '$2 ~ /^[A-Z]$/ { sub(/@.*/, "", $3); print $3 }' |
		grep -vx -e __bss_start -e _edata -e _end | LC_ALL=C sort -u
}

if [ "${1:-}" = --update ]; then
	exported "$2" >"$3"
	exit 0
fi
[ $# -eq 3 ] || { echo "usage: symbols.sh ARCHIVE SHARED_OBJECT LIST"; exit 2; }
archive=$1 shared=$2 list=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

"$NM" -g --defined-only "$archive" >"$work/archive" 2>"$work/nm.err" ||
	{ cat "$work/nm.err"; exit 1; }
awk 'NF == 3 && $2 ~ /^[A-Z]$/ { print $3 }' "$work/archive" | LC_ALL=C sort -u >"$work/global"
[ -s "$work/global" ] || { echo "symbols: $archive defines nothing"; exit 1; }
# _.stapsdt.base: that of the probes, whose name is SystemTap's (core/base/probe.h).
if grep -Ev '^(weir_|wr_|_\.stapsdt\.base$)' "$work/global" >"$work/stray"; then
	sed 's/^/global symbol without weir_ or wr_: /' "$work/stray"
	bad=1
fi

if grep '^wr_bug_' "$work/global" >"$work/bugs"; then
	sed 's/^/built with -Dseeded_bugs=true: /' "$work/bugs"
	bad=1
fi

exported "$shared" >"$work/exported"
LC_ALL=C sort -u "$list" | sed '/^#/d; /^$/d' >"$work/listed"
if ! diff "$work/listed" "$work/exported" >"$work/diff"; then
	sed -n 's/^> /exported, but not in the list: /p; s/^< /in the list, but not exported: /p' \
		"$work/diff"
	echo "if this is meant: tools/check/symbols.sh --update $shared $list"
	bad=1
fi
exit $bad
