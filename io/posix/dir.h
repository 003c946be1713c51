/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One directory of files, held open: what io/posix and io/uring share. All blocking calls of
 * core/port/storage.h are here and in transfer.c; the backends add submit and poll.
 *
 * Why by hand-held descriptor: every open is openat() on dir_fd with O_NOFOLLOW | O_CLOEXEC and a
 * name without '/', so that renaming the directory, a symbolic link in it or a fork() with exec
 * never leads anywhere else.
 *
 * Engine (L35): O_DIRECT where the file system takes it. Sync in the write only with O_DIRECT and
 * only on the allow-list (ext4, XFS, Btrfs): elsewhere it may succeed without any sync; and
 * buffered, the kernel reports a lost page to one of several concurrent syncs only. All other
 * syncs of a file run one at a time for that second reason (wr_dir_sync).
 *
 * Threads: any, for the calls of a file that the caller owns. The table has a lock. A file that is
 * closed while somebody reads it goes when that ends; its descriptor goes whenever nobody uses it.
 */
#ifndef WR_POSIX_DIR_H
#define WR_POSIX_DIR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/atomic.h"
#include "core/port/storage.h"
#include "io/posix/lock.h"
#include "io/posix/storage_options.h"

/* A file of the directory, and its descriptor for now: files.c. */
struct wr_dir_file {
	char name[WR_STORAGE_NAME_MAX + 1];
	uint64_t inode; /* a descriptor opened again has to lead to it */
	bool used;
	bool writable;
	bool direct;
	bool kept;             /* under table_lock, as the five below */
	bool closing;          /* closed, and still in use: its number is nobody's else yet */
	int fd;                /* -1: not open now; stays as it is while the file is in use */
	uint32_t users;        /* calls and requests that need the descriptor */
	uint32_t next;         /* in the list of idle ones, or of free numbers */
	uint32_t previous;
	wr_atomic_u32 failed;  /* S5: 0, or the code without its sign; set once */
	bool syncing;          /* under sync_lock, as the two below */
	uint32_t sync_started; /* number of the last sync that began */
	uint32_t sync_ended;   /* and of the last that ended */
};

/* Backends embed this as their first member, so that a struct wr_storage * is all three. */
struct wr_dir {
	struct wr_storage base;
	int dir_fd;
	struct wr_held held; /* the backend adds it first and removes it last */
	bool read_only;
	const struct wr_cpu_set *helper_cpus; /* the options', for the backends */
	char helper_name[12];
	bool direct;
	bool cached;
	wr_atomic_u32 sync_in_write; /* cleared for good when the kernel refuses it */
	bool copies_on_write; /* as the file system is known for */
	char file_system[16];
	char reason[160];
	struct wr_dir_file *files; /* [file_max] */
	uint32_t file_max;
	uint32_t file_count; /* numbers ever given; under table_lock, as the four below */
	uint32_t free_first;
	uint32_t idle_first; /* used longest ago */
	uint32_t idle_last;
	uint32_t idle_count;
	pthread_mutex_t table_lock;
	pthread_mutex_t sync_lock;
	pthread_cond_t sync_ended;
	wr_atomic_u64 writes; /* counters, relaxed */
	wr_atomic_u64 written_bytes;
	wr_atomic_u64 syncs;
	wr_atomic_u64 submissions;
};

/* Opens the directory and chooses the engine. On failure the reason is in the options. */
int wr_dir_init(struct wr_dir *dir, const struct wr_storage_options *options);
/* Closes all files and the directory; the lock goes with `held`. */
void wr_dir_fini(struct wr_dir *dir);

/* engine.c: chooses O_DIRECT and the way of syncing, by trying them on a file that goes again. */
void wr_dir_choose_engine(struct wr_dir *dir, const struct wr_storage_options *options);
void wr_dir_report(const struct wr_dir *dir, const char *backend,
		   struct wr_storage_report *ret_report);
void wr_dir_reason(const struct wr_storage_options *options, const char *text, int code);

/* files.c: none yet; then a table for file_max of them. */
void wr_dir_files_init(struct wr_dir *dir);
int wr_dir_files_alloc(struct wr_dir *dir, uint32_t file_max);
void wr_dir_files_fini(struct wr_dir *dir);
/* openat() on the directory; gives idle descriptors up for it where there is none left. */
int wr_dir_openat(struct wr_dir *dir, const char *name, int flags);
/*
 * The file has its descriptor from here on until unuse(). 0, -EBADF, or why it cannot be opened
 * again (-EMFILE ...): then nothing has happened.
 */
int wr_dir_use(struct wr_dir *dir, uint32_t file, struct wr_dir_file **ret_file);
void wr_dir_unuse(struct wr_dir *dir, struct wr_dir_file *file);
/* NULL when the number is no file. */
struct wr_dir_file *wr_dir_file(struct wr_dir *dir, uint32_t file);
/* wr_io_check(), and whether the file is there and may be written: 0, -EINVAL, -EBADF, -EROFS. */
int wr_dir_check(struct wr_dir *dir, const struct wr_io *io);

/* S5. The first code stays. failed() gives it back, negative, or 0. */
void wr_dir_set_failed(struct wr_dir_file *file, int code);
int wr_dir_failed(struct wr_dir_file *file);

/* The blocking calls, as struct wr_storage_ops has them; `s` is the first member of a wr_dir. */
int wr_dir_file_open(struct wr_storage *s, const char *name, uint32_t flags, uint32_t *ret_file);
int wr_dir_file_close(struct wr_storage *s, uint32_t file);
int wr_dir_file_keep(struct wr_storage *s, uint32_t file, bool keep);
int wr_dir_file_bytes(struct wr_storage *s, uint32_t file, uint64_t *ret_bytes);
int wr_dir_file_remove(struct wr_storage *s, const char *name);
int wr_dir_file_each(struct wr_storage *s, int (*visit)(void *context, const char *name),
		     void *context);
int64_t wr_dir_read(struct wr_storage *s, uint32_t file, void *buffer, uint32_t length_bytes,
		    uint64_t offset_bytes);
int wr_dir_write(struct wr_storage *s, uint32_t file, const void *buffer, uint32_t length_bytes,
		 uint64_t offset_bytes);
int wr_dir_sync_file(struct wr_storage *s, uint32_t file);
int wr_dir_sync_dir(struct wr_storage *s);
int wr_dir_lock(struct wr_storage *s);
int wr_dir_free_bytes(struct wr_storage *s, uint64_t *ret_bytes);
void wr_dir_counts(const struct wr_storage *s, struct wr_storage_counts *ret_counts);

/* transfer.c: for the helper threads. Whole transfers of aligned requests, 0 or a code (S3, S5). */
int wr_dir_request_read(struct wr_dir_file *file, const struct wr_io *io);
/* Whether the file ends at this offset or before it, by its size: 1, 0 or a negative code. */
int wr_dir_is_end(struct wr_dir_file *file, uint64_t offset_bytes);
/* With sync_in_write the bytes are durable when it returns 0. */
int wr_dir_request_write(struct wr_dir *dir, struct wr_dir_file *file, const struct wr_io *io,
			 bool sync_in_write);
/* fdatasync, one at a time for each file; who waited for one that began late enough needs none. */
int wr_dir_sync(struct wr_dir *dir, struct wr_dir_file *file);
/* A name just made or renamed is there after power loss only once its directory is synced. */
int wr_dir_sync_parent(const char *path);
/* Runs fsync_call until it is not interrupted. */
int wr_dir_fsync(int fd, bool data_only);

#endif
