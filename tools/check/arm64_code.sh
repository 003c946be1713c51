#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What did the compiler make of the atomics for ARM64? An event's way must cost acquire loads
# (ldar, ldapr) and release stores (stlr) and read-modify-writes of one instruction, and no memory
# barrier: somebody's fence, or a library's lock, would put one there.
#
# Of each function in the list: it is there, it has no barrier (dmb, dsb) and no loop of exclusive
# loads and stores, and what the list says it needs. Of all other functions: no barrier either,
# unless --locks, for builds whose cold locks are concurrencykit's, which has barriers. Compilers
# that may not count on LSE call a function of theirs that looks for it (__aarch64_cas8_acq and
# so on): that is well, but for --lse, where the instruction itself has to be there.
#
# usage: arm64_code.sh [--lse] [--locks] OBJDUMP LIST FILE...
# LIST: lines "FUNCTION [acquire] [release] [rmw]"; a # begins a comment.
set -eu
lse=0 locks=0
while :; do
	case ${1:-} in
	--lse) lse=1 ;;
	--locks) locks=1 ;;
	*) break ;;
	esac
	shift
done
[ $# -ge 3 ] || { echo "usage: arm64_code.sh [--lse] [--locks] OBJDUMP LIST FILE..."; exit 2; }
objdump=$1 list=$2
shift 2
code=$(mktemp)
trap 'rm -f "$code"' EXIT

for file; do
	"$objdump" -d --no-show-raw-insn "$file" >>"$code" || exit 1
done
awk -v lse="$lse" -v locks="$locks" '
	FNR == NR {
		sub(/#.*/, "")
		if (NF > 0) {
			name = $1
			$1 = ""
			needs[name] = $0 " "
			order[++listed] = name
		}
		next
	}
	/^[0-9a-f]+ <.*>:$/ {
		f = substr($2, 2, length($2) - 3)
		sub(/\.(part|constprop|isra|cold|lto_priv)\..*/, "", f)
		seen[f] = 1
		next
	}
	NF >= 2 {
		op = $2
		instructions++
		if (op ~ /^(dmb|dsb)$/) barriers[f]++
		else if (op ~ /^ldap?r[bh]?$/) acquires[f]++
		else if (op ~ /^stlr[bh]?$/) releases[f]++
		else if (op ~ /^(cas|ldadd|ldset|ldclr|ldeor|swp|stadd|stset|stclr)/) rmws[f]++
		else if (op ~ /^(ldx|ldax|stx|stlx)[rp][bh]?$/) exclusives[f]++
		else if (op == "bl" && $0 ~ /<__aarch64_(cas|ld|swp)/) helpers[f]++
	}
	END {
		if (instructions == 0) { print "arm64_code: no instructions at all"; exit 1 }
		printf "%-32s %8s %8s %5s\n", "", "acquire", "release", "rmw"
		for (i = 1; i <= listed; i++) {
			f = order[i]
			hot[f] = 1
			if (!(f in seen)) { print f ": is not there"; bad = 1; continue }
			printf "%-32s %8d %8d %5d\n", f, acquires[f], releases[f], rmws[f] + helpers[f]
			if (barriers[f]) { print f ": a memory barrier"; bad = 1 }
			if (exclusives[f]) { print f ": exclusive loads and stores"; bad = 1 }
			if (lse && helpers[f]) { print f ": calls for an atomic instruction"; bad = 1 }
			if (needs[f] ~ / acquire / && !acquires[f]) { print f ": no acquire load"; bad = 1 }
			if (needs[f] ~ / release / && !releases[f]) { print f ": no release store"; bad = 1 }
			if (needs[f] ~ / rmw / && !rmws[f] && !helpers[f]) { print f ": no read-modify-write"; bad = 1 }
		}
		for (f in barriers)
			if (!(f in hot)) {
				cold++
				if (!locks) { print f ": a memory barrier"; bad = 1 }
			}
		printf "%d instructions, %d functions in the list, %d cold functions with a barrier\n", instructions, listed, cold
		exit bad
	}' "$list" "$code"
