/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which way to the medium: O_DIRECT or the page cache, sync in the write or apart (L35). Decided
 * once, at open, by the type of the file system and by one block written to a file without a name.
 *
 * Why try, and not only ask: the same file system type takes O_DIRECT or refuses it depending on
 * mount options, encryption and kernel, and an emulator may lack pwritev2 altogether.
 */
#include "io/posix/dir.h"

#include <weir/error.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/base/bug.h"

#define PROBE_NAME ".weir-probe"

static const struct file_system {
	uint32_t magic;
	const char *name;
	bool syncs_in_write;  /* the allow-list of L35 */
	bool copies_on_write; /* a zero-written segment reserves no room for what comes */
} file_systems[] = {
	{0xEF53, "ext4", true, false},
	{0x58465342, "xfs", true, false},
	{0x9123683E, "btrfs", true, true},
	{0x01021994, "tmpfs", false, false},
	{0x794C7630, "overlay", false, false},
	{0x65735546, "fuse", false, false},
	{0x00006969, "nfs", false, false},
	{0xF2F52010, "f2fs", false, false},
	{0x2FC12FC1, "zfs", false, true},
	{0xFF534D42, "cifs", false, false},
	{0xFE534D42, "smb2", false, false},
	{0x01021997, "9p", false, false},
	{0xCA451A4E, "bcachefs", false, true},
};

void wr_dir_reason(const struct wr_storage_options *options, const char *text, int code)
{
	if (options->ret_reason == NULL || options->reason_bytes == 0)
		return;
	if (code == 0)
		(void)snprintf(options->ret_reason, options->reason_bytes, "%s", text);
	else
		(void)snprintf(options->ret_reason, options->reason_bytes, "%s: %s", text,
			       weir_strerror(code));
}

/* A file that is gone when it is closed, or -errno. */
static int open_probe(const struct wr_dir *dir, int flags)
{
	const int mode = 0600;

	flags |= O_RDWR | O_CLOEXEC;
	int fd = openat(dir->dir_fd, ".", flags | O_TMPFILE, mode);
	if (fd >= 0)
		return fd;
	/* Without O_TMPFILE (FUSE, NFS, old overlayfs): a name, taken away at once. EINVAL can mean
	 * either that or no O_DIRECT. */
	(void)unlinkat(dir->dir_fd, PROBE_NAME, 0);
	fd = openat(dir->dir_fd, PROBE_NAME, flags | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
	int code = fd >= 0 ? fd : -errno;
	(void)unlinkat(dir->dir_fd, PROBE_NAME, 0);
	return code;
}

static int write_probe(int fd, int write_flags)
{
	_Alignas(WR_STORAGE_BLOCK_BYTES) uint8_t block[WR_STORAGE_BLOCK_BYTES] = {0};
	struct iovec part = {.iov_base = block, .iov_len = sizeof block};

	ssize_t n = write_flags != 0 ? pwritev2(fd, &part, 1, 0, write_flags)
				     : pwrite(fd, block, sizeof block, 0);
	return n >= 0 ? 0 : -errno;
}

static bool try_direct(const struct wr_dir *dir, const char **ret_why)
{
	int fd = open_probe(dir, O_DIRECT);
	if (fd < 0) {
		*ret_why = fd == -EINVAL ? "O_DIRECT is refused" : "O_DIRECT cannot be tried";
		return false;
	}
	int code = write_probe(fd, 0);
	(void)close(fd);
	*ret_why = "O_DIRECT is refused for blocks of 4096 bytes";
	/* A full or failing disk says nothing against O_DIRECT. */
	return code != -EINVAL && code != -EOPNOTSUPP;
}

static bool try_sync_in_write(const struct wr_dir *dir, const char **ret_why)
{
	int fd = open_probe(dir, O_DIRECT);
	if (fd < 0) {
		*ret_why = "RWF_DSYNC cannot be tried";
		return false;
	}
	int code = write_probe(fd, RWF_DSYNC);
	(void)close(fd);
	*ret_why = "the kernel refuses RWF_DSYNC";
	return code != -ENOSYS && code != -EOPNOTSUPP && code != -EINVAL;
}

static bool name_file_system(struct wr_dir *dir)
{
	struct statfs st;

	if (fstatfs(dir->dir_fd, &st) != 0) {
		(void)snprintf(dir->file_system, sizeof dir->file_system, "unknown");
		return false;
	}
	uint32_t magic = (uint32_t)st.f_type;
	for (size_t i = 0; i < sizeof file_systems / sizeof file_systems[0]; i++) {
		if (file_systems[i].magic != magic)
			continue;
		(void)snprintf(dir->file_system, sizeof dir->file_system, "%s",
			       file_systems[i].name);
		dir->copies_on_write = file_systems[i].copies_on_write;
		return file_systems[i].syncs_in_write;
	}
	(void)snprintf(dir->file_system, sizeof dir->file_system, "0x%08x", magic);
	return false;
}

void wr_dir_choose_engine(struct wr_dir *dir, const struct wr_storage_options *options)
{
	const char *direct_why = "O_DIRECT is taken";
	const char *sync_why = "RWF_DSYNC is known to be honoured here";
	bool allowed = name_file_system(dir);
	bool in_write = false;

	dir->direct = !options->buffered;
	dir->cached = options->cached;
	if (options->buffered)
		direct_why = "buffered by option";
	else if (dir->read_only)
		direct_why = "opened for reading, O_DIRECT where a file takes it";
	else
		dir->direct = try_direct(dir, &direct_why);
	if (dir->direct)
		direct_why = dir->read_only ? direct_why : "O_DIRECT is taken";

	if (dir->read_only)
		sync_why = "nothing is written";
	else if (options->sync_apart)
		sync_why = "sync apart by option";
	else if (!allowed && !WR_BUG(SYNCS_IN_WRITE_ANYWHERE))
		sync_why = "file system not on the list that honours RWF_DSYNC (ext4, xfs, btrfs)";
	else if (!dir->direct)
		sync_why = "sync in the write only with O_DIRECT";
	else
		in_write = try_sync_in_write(dir, &sync_why);
	if (in_write)
		sync_why = "RWF_DSYNC is known to be honoured here";
	wr_store_relaxed(&dir->sync_in_write, in_write ? 1u : 0u);
	(void)snprintf(dir->reason, sizeof dir->reason, "%s: %s; %s", dir->file_system, direct_why,
		       sync_why);
}

void wr_dir_report(const struct wr_dir *dir, const char *backend,
		   struct wr_storage_report *ret_report)
{
	/* Loading an atomic changes nothing, but C11 loads want no const. */
	struct wr_dir *own = (struct wr_dir *)(uintptr_t)dir;
	bool in_write = wr_load_relaxed(&own->sync_in_write) != 0;

	*ret_report = (struct wr_storage_report){
		.written_equals_durable = in_write,
		.copies_on_write = dir->copies_on_write,
	};
	(void)snprintf(ret_report->backend, sizeof ret_report->backend, "%s", backend);
	(void)snprintf(ret_report->engine, sizeof ret_report->engine, "%s%s",
		       dir->direct ? "O_DIRECT" : "buffered",
		       dir->read_only ? ", reads only"
		       : in_write     ? " + RWF_DSYNC"
				      : " + fdatasync");
	(void)snprintf(ret_report->reason, sizeof ret_report->reason, "%s", dir->reason);
	(void)snprintf(ret_report->file_system, sizeof ret_report->file_system, "%s",
		       dir->file_system);
}
