/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See lock.h.
 *
 * Who removes the file LOCK while its owner lives makes room for another file of that name, which
 * nobody holds. So the directory itself is locked, too: it cannot be removed or replaced as long as
 * it has files. For that there is only flock(), and a network file system may not have it for a
 * directory; the owner is then alone with LOCK.
 *
 * A lock outlives the process that was killed with it: the kernel takes a large address space
 * apart first, and a ring lets go of the lock's file only when its last write has ended, in a
 * worker of the kernel's and after the process has been reaped. On a busy machine that is seconds.
 * So the owner writes into the file who it is, and who is refused looks at it: for an owner that is
 * dying or gone it waits, for one that lives it does not. An owner that gives the lock back says
 * so, too: a child that was forked a moment before may not have run yet, and still hold a copy.
 *
 * The record is for nothing else. What it says can be old for a moment (the next owner has the lock
 * and has not written yet), of another PID namespace, or missing: then the wait is a short one.
 */
#include "io/posix/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <weir/error.h>

#include "core/base/bits.h"
#include "io/posix/request.h"

#define NS_PER_MS 1000000ull
#define LOOK_MS 10u
/* One that was killed a moment ago need not show it yet. */
#define WAIT_LIVE_MS 200u
#define WAIT_UNKNOWN_MS 1000u
#define WAIT_GOING_MS 30000u
/* For the directory, with LOCK in hand: whoever had both lets go of both, or it is no owner. */
#define WAIT_DIR_MS 5000u

/* Of one size always, so that it is written over in place, on a full disk, too. */
#define RECORD_BYTES 64
#define STAT_BYTES 1024
#define NOBODY 0 /* as a pid: given back */

/* Flags of a task in /proc/PID/stat (include/linux/sched.h): on its way out. */
#define TASK_EXITING 0x00000004u
#define TASK_DUMPING 0x00000200u
#define TASK_KILLED 0x00000400u

enum owner { OWNER_UNKNOWN, OWNER_LIVES, OWNER_GOES };

struct process {
	long pid;
	unsigned long long started;   /* in ticks since boot; 0: unknown */
	unsigned long long pid_space; /* the namespace in which pid is its number */
};

/* --- fork() ----------------------------------------------------------------------------------- */

static pthread_mutex_t held_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct wr_held *all_held;

void wr_fork_hold(void)
{
	(void)pthread_mutex_lock(&held_lock);
}

void wr_fork_release(void)
{
	(void)pthread_mutex_unlock(&held_lock);
}

static void close_locks(struct wr_held *held)
{
	for (uint32_t i = 0; i < WR_HELD_LOCKS; i++) {
		if (held->lock_fds[i] >= 0)
			(void)close(held->lock_fds[i]);
		held->lock_fds[i] = -1;
	}
}

/* Async-signal-safe but for the unlock of what this thread locked before the fork. */
static void after_fork_child(void)
{
	for (struct wr_held *held = all_held; held != NULL; held = held->next) {
		close_locks(held);
		if (held->ring_fd >= 0)
			(void)close(held->ring_fd);
		held->ring_fd = -1;
	}
	all_held = NULL;
	wr_fork_release();
}

static void install(void)
{
	(void)pthread_atfork(wr_fork_hold, wr_fork_release, after_fork_child);
}

void wr_held_add(struct wr_held *held)
{
	(void)pthread_once(&once, install);
	wr_fork_hold();
	*held = (struct wr_held){.next = all_held, .lock_fds = {-1, -1}, .ring_fd = -1};
	all_held = held;
	wr_fork_release();
}

/*
 * With `unlock` the locks are off although somebody else has a copy of the descriptors: a child
 * that no handler of fork() has seen. Such a child must not take its parent's off.
 */
static void drop_locks(struct wr_held *held, bool unlock)
{
	struct flock range = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

	wr_fork_hold();
	for (uint32_t i = 0; unlock && held->owner == getpid() && i < WR_HELD_LOCKS; i++) {
		if (held->lock_fds[i] < 0)
			continue;
		(void)flock(held->lock_fds[i], LOCK_UN);
		(void)fcntl(held->lock_fds[i], F_OFD_SETLK, &range);
	}
	close_locks(held);
	wr_fork_release();
}

/* --- who has it ------------------------------------------------------------------------------- */

static bool read_text(const char *path, char *to, size_t to_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	ssize_t n = read(fd, to, to_bytes - 1);
	(void)close(fd);
	to[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/*
 * State, flags and start of a process, by its first thread, which says the same; false: /proc does
 * not show it. An emulator makes /proc/PID/stat up for its own process, with another start than
 * others see: then owners that live would count as gone, and be waited for.
 */
static bool read_stat(long pid, char *ret_state, unsigned *ret_flags, unsigned long long *ret_start)
{
	char path[64];
	char text[STAT_BYTES];

	(void)snprintf(path, sizeof path, "/proc/%ld/task/%ld/stat", pid, pid);
	if (!read_text(path, text, sizeof text))
		return false;
	/* The name comes before, in brackets, and may hold anything. */
	const char *at = strrchr(text, ')');
	return at != NULL &&
	       sscanf(at + 1,
		      " %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
		      "%llu",
		      ret_state, ret_flags, ret_start) == 3;
}

static bool is_killed(long pid)
{
	static const char *const sets[] = {"SigPnd:", "ShdPnd:"};
	char path[64];
	char text[4 * STAT_BYTES];
	bool killed = false;

	(void)snprintf(path, sizeof path, "/proc/%ld/status", pid);
	if (!read_text(path, text, sizeof text))
		return false;
	for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
		const char *at = strstr(text, sets[i]);
		unsigned long long pending = 0;
		if (at != NULL)
			pending = strtoull(at + strlen(sets[i]), NULL, 16);
		killed = killed || (pending & (1ull << (SIGKILL - 1))) != 0;
	}
	return killed;
}

static unsigned long long own_pid_space(void)
{
	struct stat st;
	return stat("/proc/self/ns/pid", &st) == 0 ? (unsigned long long)st.st_ino : 0;
}

static void write_record(int fd, const struct process *owner)
{
	char record[RECORD_BYTES + 1];

	int n = snprintf(record, sizeof record, "%ld %llu %llu", owner->pid, owner->started,
			 owner->pid_space);
	memset(record + n, ' ', (size_t)(RECORD_BYTES - n));
	record[RECORD_BYTES - 1] = '\n';
	/* Or it would still name the owner before. */
	if (pwrite(fd, record, RECORD_BYTES, 0) != RECORD_BYTES && ftruncate(fd, 0) != 0)
		return;
}

static void record_owner(int fd)
{
	struct process self = {.pid = (long)getpid(), .pid_space = own_pid_space()};
	char state;
	unsigned flags;

	if (!read_stat(self.pid, &state, &flags, &self.started))
		self.started = 0;
	write_record(fd, &self);
}

/* Before it is unlocked: nobody else has written yet. */
static void record_nobody(int fd)
{
	const struct process nobody = {.pid = NOBODY, .pid_space = own_pid_space()};

	write_record(fd, &nobody);
}

static bool read_record(int fd, struct process *ret)
{
	char record[RECORD_BYTES + 1];
	ssize_t n = pread(fd, record, RECORD_BYTES, 0);

	record[n > 0 ? n : 0] = '\0';
	return n == RECORD_BYTES &&
	       sscanf(record, "%ld %llu %llu", &ret->pid, &ret->started, &ret->pid_space) == 3 &&
	       ret->pid >= NOBODY;
}

static enum owner look_at_owner(int fd)
{
	struct process p;
	char state;
	unsigned flags;
	unsigned long long started;

	if (!read_record(fd, &p) || p.pid_space != own_pid_space())
		return OWNER_UNKNOWN;
	if (p.pid == NOBODY)
		return OWNER_GOES;
	if (kill((pid_t)p.pid, 0) != 0 && errno == ESRCH)
		return OWNER_GOES;
	if (!read_stat(p.pid, &state, &flags, &started))
		return OWNER_UNKNOWN;
	if (p.started != 0 && started != p.started)
		return OWNER_GOES; /* its number is somebody else's by now */
	if (state == 'Z' || state == 'X' ||
	    (flags & (TASK_EXITING | TASK_DUMPING | TASK_KILLED)) != 0 || is_killed(p.pid))
		return OWNER_GOES;
	return OWNER_LIVES;
}

/* --- taking it -------------------------------------------------------------------------------- */

static int try_flock(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? WEIR_E_LOCKED : -errno;
}

static int try_file(int fd)
{
	struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &range) == 0)
		return 0;
	if (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)
		return try_flock(fd);
	return errno == EAGAIN || errno == EACCES ? WEIR_E_LOCKED : -errno;
}

/* A file system that cannot is no reason to refuse: LOCK is held. */
static int try_dir(int fd)
{
	return try_flock(fd) == WEIR_E_LOCKED ? WEIR_E_LOCKED : 0;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / NS_PER_MS;
}

static uint64_t patience_ms(enum owner owner)
{
	switch (owner) {
	case OWNER_GOES:
		return WAIT_GOING_MS;
	case OWNER_LIVES:
		return WAIT_LIVE_MS;
	default:
		return WAIT_UNKNOWN_MS;
	}
}

/* The owner is named in LOCK; in one that was removed and made again, nobody is. */
static int wait_for(int (*try)(int fd), int fd, int record_fd, uint64_t most_ms)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * (long)NS_PER_MS};
	const uint64_t began = now_ms();

	for (;;) {
		int code = try(fd);
		if (code != WEIR_E_LOCKED ||
		    now_ms() - began >= wr_min_u64(patience_ms(look_at_owner(record_fd)), most_ms))
			return code;
		(void)nanosleep(&pause, NULL);
	}
}

static int open_held(int *fd, int dir_fd, const char *name, int flags)
{
	wr_fork_hold();
	*fd = openat(dir_fd, name, flags | O_CLOEXEC, 0600);
	int code = *fd < 0 ? -errno : 0;
	wr_fork_release();
	return code;
}

int wr_held_lock(struct wr_held *held, int dir_fd)
{
	int *file_fd = &held->lock_fds[WR_HELD_FILE];
	int *own_dir_fd = &held->lock_fds[WR_HELD_DIR];

	if (*file_fd >= 0)
		return WEIR_E_LOCKED;
	held->owner = getpid();
	int code = open_held(file_fd, dir_fd, WR_STORAGE_LOCK_NAME,
			     O_RDWR | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (code == 0)
		code = wait_for(try_file, *file_fd, *file_fd, WAIT_GOING_MS);
	/* A description of its own: `dir_fd` is not closed in a child. */
	if (code == 0)
		code = open_held(own_dir_fd, dir_fd, ".", O_RDONLY | O_DIRECTORY);
	if (code == 0)
		code = wait_for(try_dir, *own_dir_fd, *file_fd, WAIT_DIR_MS);
	if (code == 0)
		record_owner(*file_fd);
	else
		drop_locks(held, true);
	return code;
}

void wr_held_remove(struct wr_held *held, bool idle)
{
	if (held->lock_fds[WR_HELD_FILE] >= 0 && held->owner == getpid())
		record_nobody(held->lock_fds[WR_HELD_FILE]);
	drop_locks(held, idle);
	wr_fork_hold();
	struct wr_held **at = &all_held;
	while (*at != NULL && *at != held)
		at = &(*at)->next;
	if (*at != NULL)
		*at = held->next;
	wr_fork_release();
}
