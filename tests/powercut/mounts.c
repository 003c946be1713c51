/* SPDX-License-Identifier: Apache-2.0 */
/* See mounts.h. */
#include "tests/powercut/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/real_data.h"

#define MIB (UINT64_C(1) << 20)
#define LOOP_MAJOR 7u
#define TRIES 3000 /* of 10 ms: what is waited for takes some of them */

/* One block size, so that whatever belongs to a file system is written in whole blocks. */
const struct mounts_kind mounts_kinds[MOUNTS_KINDS] = {
	{"ext4", {"mkfs.ext4", "-q", "-F", "-b", "4096", NULL}, "", 64 * MIB},
	{"xfs", {"mkfs.xfs", "-q", "-f", "-s", "size=4096", NULL}, "", 320 * MIB},
	{"btrfs", {"mkfs.btrfs", "-q", "-f", NULL}, "", 160 * MIB},
};

static void nap(void)
{
	const struct timespec length = {.tv_nsec = 10000000};
	nanosleep(&length, NULL);
}

void mounts_path(const char *folder, const char *name, char to[MOUNTS_PATH_BYTES])
{
	(void)snprintf(to, MOUNTS_PATH_BYTES, "%.600s/%.160s", folder, name);
}

/* --- loop devices --------------------------------------------------------------------------- */

/* A name of our own, since not every /dev has all of them. */
static int open_loop(const char *folder, long number, char ret_device[MOUNTS_PATH_BYTES])
{
	(void)snprintf(ret_device, MOUNTS_PATH_BYTES, "%.600s/loop%ld", folder, number);
	if (mknod(ret_device, S_IFBLK | 0600, makedev(LOOP_MAJOR, (unsigned)number)) != 0 &&
	    errno != EEXIST)
		return -errno;
	int fd = open(ret_device, O_RDWR | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

int mounts_attach(int file_fd, const char *folder, bool read_only,
		  char ret_device[MOUNTS_PATH_BYTES])
{
	struct loop_config config = {
		.fd = (uint32_t)file_fd,
		.info = {.lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0u)}};
	int code = -EBUSY;
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (control < 0)
		return -errno;
	/* Others look for a free one at the same time. */
	for (int i = 0; i < TRIES && code == -EBUSY; i++) {
		long number = ioctl(control, LOOP_CTL_GET_FREE);
		int fd = number < 0 ? -errno : open_loop(folder, number, ret_device);
		if (fd < 0) {
			code = fd;
			break;
		}
		if (ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
			code = fd;
			break;
		}
		code = -errno;
		(void)close(fd);
		if (code == -EBUSY)
			nap();
	}
	(void)close(control);
	return code;
}

/* --- file systems --------------------------------------------------------------------------- */

static void find_in_sbin(void)
{
	char path[2048];
	const char *given = getenv("PATH");

	(void)snprintf(path, sizeof path, "%.1900s:/usr/local/sbin:/usr/sbin:/sbin",
		       given != NULL ? given : "/usr/bin:/bin");
	(void)setenv("PATH", path, 1);
}

int mounts_make(const struct mounts_kind *kind, const char *device)
{
	int status = -1;

	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		const char *argv[10] = {NULL};
		size_t count = 0;
		for (; kind->mkfs[count] != NULL; count++)
			argv[count] = kind->mkfs[count];
		argv[count] = device;
		find_in_sbin();
		if (dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
			execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

const char *mounts_missing(const struct mounts_kind *kind)
{
	static const char *const folders[] = {"/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin"};
	char path[256];

	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", folders[i], kind->mkfs[0]);
		if (access(path, X_OK) == 0)
			return NULL;
	}
	return strcmp(kind->name, "ext4") == 0  ? "e2fsprogs"
	       : strcmp(kind->name, "xfs") == 0 ? "xfsprogs"
						: "btrfs-progs";
}

int mounts_mount(const struct mounts_kind *kind, int file_fd, const char *folder, const char *at,
		 bool read_only, const char **ret_what)
{
	char device[MOUNTS_PATH_BYTES];

	*ret_what = "attaching a loop device";
	int fd = mounts_attach(file_fd, folder, read_only, device);
	if (fd < 0)
		return fd;
	*ret_what = "mounting it";
	int code = 0;
	unsigned long flags = MS_NODEV | MS_NOSUID | (read_only ? (unsigned long)MS_RDONLY : 0ul);
	if (mount(device, at, kind->name, flags, kind->options) != 0)
		code = -errno;
	(void)close(fd); /* a mount has it open itself */
	return code;
}

int mounts_unmount(const char *at)
{
	for (int i = 0; i < TRIES; i++) {
		if (umount2(at, 0) == 0)
			return 0;
		if (errno != EBUSY)
			return -errno;
		nap(); /* a process that was killed may still be on its way out */
	}
	return -EBUSY;
}

/* --- the place ------------------------------------------------------------------------------ */

#define EXIT_SKIPPED 77

static const char *why_not(const char *folder, bool needs_fuse)
{
	char device[MOUNTS_PATH_BYTES];

	if (getenv("WEIR_TEST_EMULATED") != NULL)
		return "the kernel's file systems are not there under emulation";
	if (geteuid() != 0)
		return "not root: loop devices and mounts are refused";
	if (needs_fuse && access("/dev/fuse", R_OK | W_OK) != 0)
		return "no /dev/fuse here";
	if (access("/dev/loop-control", R_OK | W_OK) != 0)
		return "no /dev/loop-control here";
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", folder, "tmpfs", MS_NOSUID, "mode=0700") != 0)
		return "mounts are refused here";
	char path[MOUNTS_PATH_BYTES];
	mounts_path(folder, "try", path);
	int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int fd = -1;
	if (file >= 0 && ftruncate(file, (off_t)MIB) == 0)
		fd = mounts_attach(file, folder, false, device);
	if (file >= 0)
		(void)close(file);
	if (fd < 0)
		return "loop devices are refused here";
	(void)close(fd);
	(void)unlink(path);
	return NULL;
}

static int run_inside(const char *folder, bool needs_fuse, int (*body)(const char *folder))
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	const char *why = why_not(folder, needs_fuse);
	if (why != NULL) {
		tap_skip(why);
		(void)tap_end();
		return EXIT_SKIPPED;
	}
	return body(folder);
}

/* The child is the root of a new process tree: with it the rest dies. */
static int run_tree(const char *folder, bool needs_fuse, int (*body)(const char *folder))
{
	int status = 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWPID) != 0) {
		tap_skip("namespaces are refused here (root is needed)");
		(void)tap_end();
		return EXIT_SKIPPED;
	}
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		int code = run_inside(folder, needs_fuse, body);
		fflush(NULL);
		_exit(code);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
									       : 1;
}

int mounts_run(const char *folder, bool needs_fuse, int (*body)(const char *folder))
{
	int status = 0;

	/* Who has named a new tree for its children cannot start threads any more. */
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		int code = run_tree(folder, needs_fuse, body);
		fflush(NULL);
		_exit(code);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status) == EXIT_SKIPPED ? 0 : WEXITSTATUS(status);
}
