# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts of tools/measure (bash): the build that is measured, the machine it ran on,
# and a table of figures with targets. Sourced, with the repository's root as working directory.

# An optimised build with everything on; the one that BUILD names is taken as it is.
measured_build() { # measured_build NINJA_TARGET...
	build=${BUILD:-build/measure}
	[ -z "${BUILD:-}" ] || return 0
	mkdir -p build
	if ! configure_build "$build" -Dbuildtype=release >build/measure.log 2>&1 ||
		! ninja -C "$build" "$@" >>build/measure.log 2>&1; then
		tail -n 20 build/measure.log
		return 1
	fi
}

# Sets quick and dir. The caller's usage() says what they are.
measure_options() { # measure_options "$@"
	quick=0
	dir=${TMPDIR:-/var/tmp}
	while [ $# -gt 0 ]; do
		case $1 in
		--quick) quick=1 ;;
		--dir) dir=${2:?}; shift ;;
		-h | --help) usage; exit 0 ;;
		*) usage >&2; exit 2 ;;
		esac
		shift
	done
}

print_machine() { # print_machine DIRECTORY
	local cpu memory
	cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
	memory=$(awk '/^MemTotal/ { printf "%.1f GiB", $2 / 1048576 }' /proc/meminfo)
	echo "machine: $(nproc) CPUs (${cpu:-$(uname -m)}), $memory, Linux $(uname -r)"
	echo "journal: $1 on $(stat -f -c %T "$1"), $(df -h --output=avail "$1" | tail -n 1 | tr -d ' ') free"
	echo "load before: $(cut -d ' ' -f 1 /proc/loadavg); anything but 0 is in the figures"
	echo
	printf '%-52s %16s %16s  %s\n' what figure target verdict
}

# A figure of a JSON report: value FILE key key...
value() {
	python3 - "$@" <<'PY'
import json, sys
at = json.load(open(sys.argv[1]))
for key in sys.argv[2:]:
    at = at[key]
print(at)
PY
}

# One line of the table. OPERATOR is ge or le. Counts what misses its target.
missed=0
row() { # row WHAT FIGURE OPERATOR TARGET UNIT
	local verdict
	# A figure that is none (a division by nothing) meets no target.
	if [[ $2 =~ ^[0-9]+(\.[0-9]+)?$ ]] && awk -v a="$2" -v op="$3" -v b="$4" \
		'BEGIN { exit !(op == "ge" ? a + 0 >= b + 0 : a + 0 <= b + 0) }'; then
		verdict=met
	else
		verdict=MISSED
		missed=$((missed + 1))
	fi
	[ "$3" = ge ] && sign='>=' || sign='<='
	printf '%-52s %16s %16s  %s\n' "$1" "$2 $5" "$sign $4" "$verdict"
}

finish_table() {
	echo
	if [ "$missed" -eq 0 ]; then
		echo "all targets met"
	elif [ "${quick:-0}" = 1 ]; then
		echo "$missed missed; runs as short as these say little"
	else
		echo "$missed missed"
	fi
	# A short run shows that the script works; only a whole one judges the build.
	[ "$missed" -eq 0 ] || [ "${quick:-0}" = 1 ]
}
