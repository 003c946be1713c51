# SPDX-License-Identifier: Apache-2.0
# Shared by tools/test, tools/demo and tools/soak (bash): packages, builds, counting. Sourced, with
# the repository's root as the working directory.

# Asks the machine, not the package manager: a tool that came another way counts too.
package_present() { # package_present DEBIAN_PACKAGE
	case $1 in
	meson) command -v meson ;;
	ninja-build) command -v ninja ;;
	pkg-config) command -v pkg-config ;;
	gcc | clang | python3 | make | cmake) command -v "$1" ;;
	g++) command -v g++ ;;
	libc6-dev) test -e /usr/include/stdio.h ;;
	libclang-rt-14-dev) compiles clang -fsanitize=thread ;;
	liburing-dev) pkg-config --atleast-version=2.3 liburing ;;
	libck-dev) pkg-config --exists ck ;;
	liblz4-dev) pkg-config --atleast-version=1.9.0 liblz4 ;;
	libzstd-dev) pkg-config --atleast-version=1.4.0 libzstd ;;
	libjemalloc-dev) pkg-config --exists jemalloc ;;
	libfyaml-dev) pkg-config --atleast-version=0.7.12 libfyaml ;;
	libhwloc-dev) pkg-config --atleast-version=2.4 hwloc ;;
	librdkafka-dev) pkg-config --atleast-version=2.0.2 rdkafka ;;
	libmicrohttpd-dev) pkg-config --atleast-version=0.9.75 libmicrohttpd ;;
	libncurses-dev) pkg-config --atleast-version=6.1 ncursesw ;;
	libjansson-dev) pkg-config --atleast-version=2.14 jansson ;;
	librabbitmq-dev) pkg-config --atleast-version=0.11 librabbitmq ;;
	libcriterion-dev) pkg-config --atleast-version=2.4 criterion ;;
	gcc-aarch64-linux-gnu) command -v aarch64-linux-gnu-gcc ;;
	libc6-dev-arm64-cross) test -e /usr/aarch64-linux-gnu/include/stdio.h ;;
	qemu-user-static) command -v qemu-aarch64-static ;;
	*) dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed' ;;
	esac >/dev/null 2>&1
}

compiles() { # compiles COMPILER FLAG...: can it make a program with these flags?
	local program result
	command -v "$1" >/dev/null || return 1
	program=$(mktemp)
	echo 'int main(void) { return 0; }' | "$@" -x c - -o "$program" >/dev/null 2>&1
	result=$?
	rm -f "$program"
	return $result
}

# Installs what is missing, or says what it is and fails. install: 1 or 0 (--no-install).
require_packages() { # require_packages INSTALL PACKAGE...
	local install=$1 package log
	local missing=()
	shift
	for package in "$@"; do
		package_present "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -eq 0 ] && return 0

	if [ "$install" = 0 ] || ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
		echo "missing packages (names of Debian 12): ${missing[*]}"
		if ! command -v apt-get >/dev/null; then
			echo "apt-get is not here: install them your system's way"
		else
			echo "install them with: apt-get install --no-install-recommends ${missing[*]}"
			echo "or run this as root, without --no-install"
		fi
		return 1
	fi
	echo "installing: ${missing[*]}"
	log=$(mktemp)
	# The lists may be there and fresh enough: the update is asked for only if they are not.
	if ! DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
		"${missing[@]}" >"$log" 2>&1 &&
		! { apt-get update -q >"$log" 2>&1 &&
			DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
				--no-install-recommends "${missing[@]}" >>"$log" 2>&1; }; then
		tail -n 20 "$log"
		rm -f "$log"
		echo "missing packages, and apt-get could not install them: ${missing[*]}"
		return 1
	fi
	rm -f "$log"
}

# Configures a build folder, anew or again with other options.
configure_build() { # configure_build FOLDER MESON_OPTION...
	local folder=$1
	shift
	if [ -f "$folder/build.ninja" ]; then
		meson setup --reconfigure "$folder" . "$@" && return 0
		# Options or compilers that do not go together with what is there: begin again.
		rm -rf "$folder"
	fi
	meson setup "$folder" . "$@"
}

# Is there room for what a build and its tests write? What lies in the folder already is a part of it.
require_space() { # require_space MIB FOLDER
	local mib=$1 folder=$2 free there
	mkdir -p "$folder"
	free=$(df --output=avail -BM "$folder" | tail -n 1 | tr -dc 0-9)
	there=$(du -sm "$folder" | cut -f1)
	[ $((free + there)) -lt "$mib" ] || return 0
	echo "missing room on the disk: $folder needs $mib MiB, has $there, and $free more are free"
	return 1
}

seconds_since() { # seconds_since EPOCH_SECONDS
	echo $(($(date +%s) - $1))
}
