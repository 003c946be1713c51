/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock of a directory: who has it, who waits for it, and that no child of a fork() keeps it.
 *
 * The lock is a record lock of the open file description (OFD): it goes with the process however
 * that dies, and it also refuses a second pipeline of the same process, which a classic fcntl lock
 * would let in. Where the kernel or file system has none, flock() has the same two properties.
 * It lies on the file LOCK and on the directory itself, so that removing LOCK lets nobody in.
 *
 * All are held by whoever has the description open, a child of a fork() included. So every
 * descriptor that leads to it is entered in a list that the child's side of fork() closes, and no
 * fork() comes between the moment when such a descriptor is made or closed and the moment when the
 * list says so: makers hold fork() off for that long, which is a system call or two.
 *
 * Thread: any. Allocates nothing.
 */
#ifndef WR_POSIX_LOCK_H
#define WR_POSIX_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

enum { WR_HELD_FILE, WR_HELD_DIR, WR_HELD_LOCKS };

/* What a directory holds and a child must not. It stays where it is as long as it is added. */
struct wr_held {
	struct wr_held *next;
	int lock_fds[WR_HELD_LOCKS]; /* of LOCK and of the directory itself; -1: not locked */
	int ring_fd; /* of the io_uring, which can hold the locked files too; -1: none */
	pid_t owner; /* who locked */
};

/* With all descriptors -1. */
void wr_held_add(struct wr_held *held);
/*
 * Closes what is locked: who comes next finds nothing of this owner open. `idle`: nothing can be
 * written for this owner any more, so that the lock is taken off even if there are copies of the
 * descriptors somewhere. Otherwise the kernel takes it off, when the last of them is closed.
 */
void wr_held_remove(struct wr_held *held, bool idle);

/* Around the making or closing of a descriptor that `held` names. Short: fork() waits for it. */
void wr_fork_hold(void);
void wr_fork_release(void);

/*
 * Takes the lock of the directory for `held`: 0, WEIR_E_LOCKED, or a negative errno. Waits for an
 * owner that is on its way out (lock.c says how long), not for one that lives.
 */
int wr_held_lock(struct wr_held *held, int dir_fd);

#endif
