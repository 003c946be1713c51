#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal:   what `meson install` puts into a prefix is enough to build and run programs, by Meson,
#         CMake and make, shared and static, C11 and C++17; it is the files of
#         installed_files.txt and no others; and weir can be a Meson subproject.
# Method: twice installed: this build by DESTDIR, and one of its own for a prefix, whose build folder
#         is removed before anything is built against it. That one is a user's project with weir as
#         its subproject, a copy without tests and without the command, which has been built, and
#         is installed by the former: built once, it shows both. The other projects are
#         copied away; no command that compiles or links them names a folder of the source tree or
#         of this build, and no program looks for its libraries there. Prints TAP.
# usage: test_install.sh ROOT BUILD VERSION
set -eu
root=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
version=$3
work=$(mktemp -d "${TMPDIR:-/tmp}/weir-install-XXXXXX")
trap 'rm -rf "$work"' EXIT
# Nothing of who runs this may lead to another weir.
unset PKG_CONFIG_PATH PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR CMAKE_PREFIX_PATH weir_DIR \
	LD_LIBRARY_PATH CPATH C_INCLUDE_PATH LIBRARY_PATH DESTDIR CFLAGS CXXFLAGS LDFLAGS \
	MAKEFLAGS MAKELEVEL || :
number=0
failed=0

say() { # say STATUS TEXT
	number=$((number + 1))
	echo "$1 $number - $2"
	[ "$1" = ok ] || failed=$((failed + 1))
}

# step TEXT COMMAND...: one test; its output is shown when it fails.
step() {
	text=$1
	shift
	if "$@" >"$work/out" 2>&1; then
		say ok "$text"
	else
		say "not ok" "$text"
		tail -n 40 "$work/out" | sed 's/^/# /'
	fi
}

have() { # have TOOL WHAT: or the test is skipped
	command -v "$1" >/dev/null && return 0
	say ok "$2 # SKIP no $1"
	return 1
}

# find_more FOLDER: which of the other libraries are there, and how many programs use them.
find_more() {
	jemalloc=$(find "$1" -name weir-jemalloc.pc)
	config=$(find "$1" -name weir-config.pc)
	kafka=$(find "$1" -name weir-kafka.pc)
	serve=$(find "$1" -name weir-serve.pc)
	rabbitmq=$(find "$1" -name weir-rabbitmq.pc)
	more_programs=0
	[ -z "$jemalloc" ] || more_programs=$((more_programs + 2))
	[ -z "$config" ] || more_programs=$((more_programs + 2))
	[ -z "$serve" ] || more_programs=$((more_programs + 2))
}

# installed_list FOLDER: its files, the library's folder and the version by their names.
installed_list() {
	(cd "$1" && find . \( -type f -o -type l \) | sed -e 's,^\./,,' -e "s,^$libdir/,LIBDIR/," \
		-e "s,^lib/cmake/,LIBDIR/cmake/," -e "s,^lib/systemd/,LIBDIR/systemd/," \
		-e "s,\.so\.$version\$,.so.VERSION,") | LC_ALL=C sort
}

wanted_list() { # wanted_list WITH_COMMAND: yes or no
	# The headers say what they need; they are there with or without their libraries.
	sed -e '/^#/d' "$root/tests/install/installed_files.txt" |
		{ [ -n "$jemalloc" ] && cat || grep -v 'weir-jemalloc'; } |
		{ [ -n "$config" ] && cat || grep -v -e 'weir-config' -e 'weir-run@'; } |
		{ [ -n "$kafka" ] && cat || grep -v 'weir-kafka'; } |
		{ [ -n "$serve" ] && cat || grep -v 'weir-serve'; } |
		{ [ -n "$rabbitmq" ] && cat || grep -v 'weir-rabbitmq'; } |
		{ [ "$1" = yes ] && cat || grep -v -e '^bin/weir$' -e 'weir-run@'; }
}

same_files() { # same_files FOLDER WITH_COMMAND
	installed_list "$1" >"$work/is"
	wanted_list "$2" | LC_ALL=C sort >"$work/wanted"
	diff -u "$work/wanted" "$work/is"
}

# The programs of a folder run, from a folder that is not theirs; at least $2 of them.
all_run() { # all_run FOLDER COUNT_MIN
	count=0
	for program in "$1"/app_*; do
		[ -f "$program" ] && [ -x "$program" ] || continue
		rm -rf "$work/journal"
		echo "$program"
		(cd "$work/empty" && LD_LIBRARY_PATH=$library_path "$program" "$work/journal") || return 1
		case $program in
		*_static) if ldd "$program" 2>/dev/null | grep 'libweir'; then return 1; fi ;;
		*_shared) ldd "$program" | grep -q 'libweir' || return 1 ;;
		esac
		if readelf -d "$program" | grep -F -e "$root/" -e "$build/"; then
			echo "$program looks for libraries in the tree"
			return 1
		fi
		count=$((count + 1))
	done
	echo "$count programs"
	[ "$count" -ge "$2" ]
}

# No line of what was compiled names a folder of the tree.
apart() { # apart LOG
	if grep -nF -e "$root/" -e "$build/" "$1"; then
		echo "the tree is used"
		return 1
	fi
	grep -q 'app_cpp\.cpp' "$1" # it is a log of commands
}

project() { # project KIND NAME: a copy
	mkdir -p "$work/$2"
	cp "$root/tests/install/$1"/* "$root"/tests/install/app* "$work/$2/"
}

by_make() { # by_make NAME
	(cd "$work/$1" && make -B WANTED_VERSION="$version" JEMALLOC="${jemalloc:+1}" \
		CONFIG="${config:+1}" SERVE="${serve:+1}") \
		>"$work/$1.log" 2>&1 || { cat "$work/$1.log"; return 1; }
	apart "$work/$1.log" && all_run "$work/$1" $((5 + more_programs))
}

by_make_shared() { # by_make_shared NAME
	(cd "$work/$1" && make -B app_shared app_cpp_shared ${config:+app_config_shared} \
		WANTED_VERSION="$version") \
		>"$work/$1.log" 2>&1 || { cat "$work/$1.log"; return 1; }
	apart "$work/$1.log" && all_run "$work/$1" $((${config:+1 +} 2))
}

by_cmake() { # by_cmake NAME PREFIX
	(cd "$work/$1" && cmake -S . -B b -DCMAKE_PREFIX_PATH="$2" -DWANTED_VERSION="$version" &&
		cmake --build b --verbose) >"$work/$1.log" 2>&1 || { cat "$work/$1.log"; return 1; }
	apart "$work/$1.log" && all_run "$work/$1/b" $((4 + more_programs))
}

cmake_takes() { # cmake_takes VERSION: does find_package(weir VERSION) find it?
	rm -rf "$work/versions"
	mkdir "$work/versions"
	cat >"$work/versions/CMakeLists.txt" <<-EOF
		cmake_minimum_required(VERSION 3.13)
		project(versions C)
		find_package(weir $1 REQUIRED)
	EOF
	cmake -S "$work/versions" -B "$work/versions/b" -DCMAKE_PREFIX_PATH="$prefix"
}

cmake_refuses() { # cmake_refuses VERSION: and says which there is
	! cmake_takes "$1" >"$work/refused" 2>&1 && cat "$work/refused" &&
		grep -q "version: $version" "$work/refused"
}

by_meson() { # by_meson NAME MESON_OPTION...
	name=$1
	shift
	(cd "$work/$name" && meson setup b -Dwanted_version="$version" ${jemalloc:+-Djemalloc=true} \
		${config:+-Dconfig=true} ${serve:+-Dserve=true} "$@" && ninja -C b -v) >"$work/$name.log" 2>&1 || { cat "$work/$name.log"; return 1; }
	apart "$work/$name.log" && all_run "$work/$name/b" $((4 + more_programs))
}

# What a subproject needs, and no more: no tests, no tools of the tree; the command is not built.
subproject() {
	mkdir -p "$work/sub/subprojects/weir/tools"
	for part in meson.build meson_options.txt include core io bench; do
		cp -R "$root/$part" "$work/sub/subprojects/weir/"
	done
	cp "$root/tools/meson.build" "$work/sub/subprojects/weir/tools/"
	cp -R "$root/tools/weir" "$root/tools/systemd" "$work/sub/subprojects/weir/tools/"
	library_path=
	by_meson sub -Dsubproject=true -Dbuildtype=plain --prefix="$prefix" \
		--libdir="$libdir" || return 1
	# Its tests are not the program's.
	meson introspect --tests "$work/sub/b" | grep . | grep -vx '\[\]' && return 1
	! grep -rn 'add_global' "$root/meson.build" "$root"/*/meson.build
}

mkdir "$work/empty"

# --- by DESTDIR ---------------------------------------------------------------------------------

staged=$work/staged
if ! DESTDIR=$staged meson install -C "$build" --no-rebuild --quiet >"$work/out" 2>&1; then
	say "not ok" "meson install with DESTDIR"
	sed 's/^/# /' "$work/out"
	echo "1..$number"
	exit 1
fi
say ok "meson install with DESTDIR"
pc=$(find "$staged" -name weir.pc)
prefix=$staged$(sed -n 's/^prefix=//p' "$pc")
libdir=$(dirname "$(dirname "$pc")")
libdir=${libdir#"$prefix/"}
find_more "$staged"
library_path=$prefix/$libdir

step "what is installed is the files of tests/install/installed_files.txt" same_files "$prefix" yes
step "the installed command runs" "$prefix/bin/weir" --version
if have make "a make project against DESTDIR"; then
	project make make_staged
	export PKG_CONFIG_PATH="$prefix/$libdir/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$staged"
	step "a make project against DESTDIR, by pkg-config with a sysroot" by_make_shared make_staged
	unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
fi
if have cmake "a CMake project against DESTDIR"; then
	project cmake cmake_staged
	step "a CMake project against DESTDIR, moved from where it was configured for" \
		by_cmake cmake_staged "$prefix"
fi
rm -rf "$staged"

# --- as a subproject, and into a prefix -----------------------------------------------------------

prefix=$work/prefix
project meson sub
step "a Meson project with weir as its subproject" subproject
if ! meson install -C "$work/sub/b" --no-rebuild >"$work/out" 2>&1; then
	say "not ok" "meson install into a prefix"
	tail -n 40 "$work/out" | sed 's/^/# /'
	echo "1..$number"
	exit 1
fi
rm -rf "$work/sub"
say ok "meson install into a prefix"
find_more "$prefix"
library_path=$prefix/$libdir
export PKG_CONFIG_PATH="$prefix/$libdir/pkgconfig"

step "the prefix has the same files, but for the command" same_files "$prefix" no
if have make "a make project"; then
	project make make
	step "a make project: C11 and C++17, shared, static, all static" by_make make
fi
if have cmake "a CMake project"; then
	project cmake cmake
	step "a CMake project: C11 and C++17, shared and static" by_cmake cmake "$prefix"
	step "CMake takes its version" cmake_takes "$version EXACT"
	step "CMake refuses a newer minor version, and says which there is" cmake_refuses 0.999
	step "CMake refuses another major version" cmake_refuses 99
fi
project meson meson
step "a Meson project: C11 and C++17, shared and static" by_meson meson

echo "1..$number"
[ "$failed" -eq 0 ]
