# SPDX-License-Identifier: Apache-2.0
# ARM64 packages of Debian, unpacked beside each other and never installed: this machine's own
# packages, architectures and lists are left as they are. Sourced by tools/arm64 (bash).

# apt-get or apt-cache for ARM64, with lists and archives of their own in FOLDER.
arm64_apt() { # arm64_apt FOLDER PROGRAM ARGUMENT...
	local folder=$1 program=$2
	shift 2
	mkdir -p "$folder/lists/partial" "$folder/archives/partial"
	[ -e "$folder/status" ] || : >"$folder/status" # nothing is installed: take what it needs
	"$program" -q -o APT::Architecture=arm64 -o APT::Architectures::=arm64 \
		-o "Dir::State=$folder" -o "Dir::State::lists=$folder/lists" \
		-o "Dir::State::status=$folder/status" -o "Dir::Cache=$folder" \
		-o "Dir::Cache::archives=$folder/archives" -o APT::Sandbox::User=root \
		-o APT::Install-Recommends=false "$@"
}

# Packages and all that they need, unpacked below SYSROOT.
unpack_sysroot() { # unpack_sysroot APT_FOLDER SYSROOT PACKAGE...
	local apt=$1 sysroot=$2 stamp=$2/unpacked archive
	shift 2
	[ "$(cat "$stamp" 2>/dev/null)" = "$*" ] && return 0
	rm -rf "$sysroot"
	mkdir -p "$sysroot"
	arm64_apt "$apt" apt-get update || return 1
	arm64_apt "$apt" apt-get install -y --download-only "$@" || return 1
	for archive in "$apt"/archives/*.deb; do
		dpkg-deb -x "$archive" "$sysroot" || return 1
	done
	echo "$*" >"$stamp"
}

# Debian's kernel for ARM64 and its modules, below FOLDER.
unpack_kernel() { # unpack_kernel APT_FOLDER FOLDER
	local apt=$1 folder=$2 package
	[ -e "$folder/unpacked" ] && return 0
	rm -rf "$folder"
	mkdir -p "$folder"
	package=$(arm64_apt "$apt" apt-cache depends linux-image-arm64 |
		awk '$1 == "Depends:" { print $2; exit }')
	[ -n "$package" ] || { echo "no kernel for ARM64 in the package lists"; return 1; }
	(cd "$folder" && arm64_apt "$apt" apt-get download "$package") || return 1
	dpkg-deb -x "$folder"/linux-image-*.deb "$folder" || return 1
	rm -f "$folder"/*.deb
	echo "$package" >"$folder/unpacked"
}

# Puts into LIB what PROGRAM is linked with and is not there yet; looks in the folders FROM.
copy_libraries() { # copy_libraries LIB PROGRAM FROM...
	local lib=$1 program=$2 name found folder
	shift 2
	for name in $(aarch64-linux-gnu-readelf -d "$program" |
		sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
		[ -e "$lib/$name" ] && continue
		found=
		for folder in "$@"; do
			[ -e "$folder/$name" ] && found=$folder/$name && break
		done
		[ -n "$found" ] || { echo "$program needs $name, which is nowhere"; return 1; }
		cp -L "$found" "$lib/$name"
		copy_libraries "$lib" "$found" "$@" || return 1
	done
}
