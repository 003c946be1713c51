/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the journal asks of a medium: one directory with files of fixed size in it.
 *
 * Three implementations mean the same (tests/contract proves it): io/uring, io/posix, io/sim.
 * There are two sets of calls:
 *
 *   Blocking calls (open, close, each, read, write, resize, remove, sync_dir, lock): for opening,
 *   recovery and readers of cold data. Any thread may call them; read() may run in many threads at
 *   once, also beside submit/poll of the owner. No request of theirs overlaps one in flight.
 *
 *   Requests (submit, poll): for the step that owns the storage. Between enter() and leave() one
 *   thread submits and polls.
 *
 * Rules, each a case of the contract suite:
 *   S1  submit() never runs written() or done(). They run only inside poll(), on poll()'s thread.
 *   S2  Completions come in any order. Overlapping requests in flight are the caller's bug.
 *   S3  Short transfers, EINTR and EAGAIN are finished inside (with a cap): done() sees all bytes
 *       or an error. A READ beyond the end of the file is -ENODATA.
 *   S4  A WRITE with WR_IO_DURABLE: done() with 0 means that its bytes survive power loss.
 *       written() is called once before done() if the engine learns earlier that the bytes reached
 *       the kernel (they survive the death of the process); where the engine syncs in the write it
 *       is called right before done().
 *   S5  A failed write or sync is final for the file: every later WRITE or SYNC on it fails with
 *       the same code, without touching the medium. Reads go on.
 *   S6  offset, length and buffer are multiples of block_bytes (4096), or submit() returns -EINVAL.
 *   S7  A PREPARE makes the file `name` exist with `file_bytes` written zeros, its size and its
 *       directory entry durable, and gives io->file. It never runs on poll()'s thread. A file that
 *       exists already with that size is written over, one with another size is an error -EEXIST.
 *       On failure (-ENOSPC ...) the file is gone again.
 *   S8  wake() may be called by any thread; a poll() that waits, or the next one that would, then
 *       returns without waiting. Wakes are not counted.
 *   S9  fini() and leave() wait until nothing is in flight (done() is called for all of it). Who
 *       entered leaves; fini() without leave() is for that thread too.
 *   S10 An engine that broke stays so: poll(), submit() and enter() return its code. leave() then
 *       waits for PREPAREs and REMOVEs only, and ends everything else with that code: whether it
 *       happened is not known, and the directory's lock is held until the kernel is through.
 *   S11 An open file is a number, and need not be a descriptor. What is kept (WR_FILE_KEEP, a
 *       PREPARE, file_keep) has one; of the others, the backend has a few open, and opens any again
 *       by its name when it is used. So a call or a submit() on one that is not kept can also
 *       return -EMFILE or -ENFILE: nothing has happened, and it may be tried again.
 *   S12 A REMOVE takes the name of an open file away, closes it and syncs the directory: then its
 *       room is free. It never runs on poll()'s thread. Who is reading it at that moment ends that
 *       in peace; the number is -EBADF from then on, until it is given to another file. On failure
 *       the file is as it was, and open; or it is gone all the same, which io->file says by being
 *       WR_STORAGE_NO_FILE, and only that this outlasts a power cut is not known.
 */
#ifndef WR_PORT_STORAGE_H
#define WR_PORT_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#define WR_STORAGE_BLOCK_BYTES 4096u
#define WR_STORAGE_NAME_MAX 63u
/* What a backend keeps for a file, at most: for the memory plan. */
#define WR_STORAGE_FILE_BYTES 160u

enum wr_io_kind { WR_IO_READ = 1, WR_IO_WRITE, WR_IO_SYNC, WR_IO_PREPARE, WR_IO_REMOVE };

#define WR_STORAGE_NO_FILE UINT32_MAX

#define WR_IO_DURABLE 1u /* on WRITE: S4 */

/* One request: borrowed from submit() until done(). The caller embeds it. */
struct wr_io {
	uint32_t kind;
	uint32_t flags;
	uint32_t file; /* PREPARE, REMOVE: set before done() */
	uint32_t length_bytes;
	uint64_t offset_bytes;
	uint64_t file_bytes; /* PREPARE: the size */
	void *buffer;
	const char *name;                  /* PREPARE: borrowed too */
	int32_t result;                    /* in done(): 0 or a negative code */
	void (*written)(struct wr_io *io); /* may be NULL */
	void (*done)(struct wr_io *io);
	/* The backend's own, while the request is borrowed. */
	struct wr_io *next;
	uint32_t moved_bytes;
	uint32_t retry_count;
	uint32_t slot;
};

/* What the backend found and chose, for people: weir_info, benchmark reports. */
struct wr_storage_report {
	char backend[16]; /* "io_uring", "posix", "sim" */
	char engine[48];  /* "O_DIRECT + RWF_DSYNC", "buffered + fdatasync" ... */
	char reason[160]; /* why this backend and this engine */
	char file_system[16];
	bool written_equals_durable; /* L35 */
	bool copies_on_write;        /* overwriting takes new room, whatever was written before */
};

/* Counters since init; read by any thread (relaxed). */
struct wr_storage_counts {
	uint64_t writes;        /* WRITE requests completed */
	uint64_t written_bytes; /* by them */
	uint64_t syncs;         /* flushes asked of the medium, in a write or apart */
	uint64_t submissions;   /* io_uring_enter calls, or jobs handed to helper threads */
};

struct wr_storage;

struct wr_storage_ops {
	/*
	 * Open or create a file of the directory. flags: see below. Sets *ret_file.
	 * 0, -ENOENT, -EEXIST, -EACCES, -EROFS, -EMFILE, -ENFILE (the system's, or more files than
	 * this storage was opened for) ... On failure nothing was made.
	 */
	int (*file_open)(struct wr_storage *s, const char *name, uint32_t flags,
			 uint32_t *ret_file);
	int (*file_close)(struct wr_storage *s, uint32_t file);
	/* S11. true: opens it if it has no descriptor, and keeps that. 0, -EMFILE, -ENFILE ... */
	int (*file_keep)(struct wr_storage *s, uint32_t file, bool keep);
	int (*file_bytes)(struct wr_storage *s, uint32_t file, uint64_t *ret_bytes);
	int (*file_remove)(struct wr_storage *s, const char *name);
	/* Calls visit for every regular file, in no order, until it returns non-zero. */
	int (*file_each)(struct wr_storage *s, int (*visit)(void *context, const char *name),
			 void *context);
	/* Reads up to `length` bytes: the count, less only at the end of the file. */
	int64_t (*read)(struct wr_storage *s, uint32_t file, void *buffer, uint32_t length_bytes,
			uint64_t offset_bytes);
	/* Writes all and makes it durable, the file's size included. May extend the file. */
	int (*write)(struct wr_storage *s, uint32_t file, const void *buffer, uint32_t length_bytes,
		     uint64_t offset_bytes);
	/* fsync of a file and of the directory. */
	int (*sync_file)(struct wr_storage *s, uint32_t file);
	int (*sync_dir)(struct wr_storage *s);
	/* Exclusive, by process and by pipeline: 0 or WEIR_E_LOCKED. Released by fini(). */
	int (*lock)(struct wr_storage *s);
	int (*free_bytes)(struct wr_storage *s, uint64_t *ret_bytes);

	/* The calling thread submits and polls from now on; leave() ends that. */
	int (*enter)(struct wr_storage *s);
	int (*leave)(struct wr_storage *s);
	/* 0; -EINVAL (S6); -EAGAIN when depth_max are in flight: nothing happened. */
	int (*submit)(struct wr_storage *s, struct wr_io *io);
	/*
	 * Hands over what was submitted, waits up to wait_ns for a completion or a wake (0: not at
	 * all), and runs written() and done() of what completed. The number of done() calls, or a
	 * negative code if the engine itself broke (then nothing more will complete).
	 */
	int (*poll)(struct wr_storage *s, uint64_t wait_ns);
	void (*wake)(struct wr_storage *s);

	/*
	 * NULL, or a hint for who reads ahead: whoever reads `file` to its end will go on in
	 * `next_file`, from that offset.
	 */
	void (*follows)(struct wr_storage *s, uint32_t file, uint32_t next_file,
			uint64_t offset_bytes);

	void (*report)(const struct wr_storage *s, struct wr_storage_report *ret_report);
	void (*counts)(const struct wr_storage *s, struct wr_storage_counts *ret_counts);
	void (*fini)(struct wr_storage *s);
};

#define WR_FILE_CREATE 1u    /* make it if it is not there; the caller syncs the directory */
#define WR_FILE_EXCLUSIVE 2u /* with CREATE: -EEXIST if it is there */
#define WR_FILE_READ_ONLY 4u
#define WR_FILE_KEEP 8u /* as with file_keep() */

struct wr_codec;

/* Backends embed this as their first member. */
struct wr_storage {
	const struct wr_storage_ops *ops;
	/* By number (codec.h), with NULL for what this build lacks; or NULL: none. */
	const struct wr_codec *const *codecs;
	uint32_t depth_max; /* requests in flight at most; PREPARE and REMOVE are not counted */
	/*
	 * Larger files this process may not write (RLIMIT_FSIZE, as it was when the storage was
	 * opened): the kernel answers with a signal that ends a process which is not prepared for
	 * it. So a user asks first. 0: no limit.
	 */
	uint64_t file_bytes_max;
};

#endif
