/* SPDX-License-Identifier: Apache-2.0 */
/* See disk.h. */
#define FUSE_USE_VERSION 34

#include "tests/powercut/disk.h"

#include <errno.h>
#include <fuse_log.h>
#include <fuse_lowlevel.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DISK_INODE 2u
#define ARENA_BYTES (UINT64_C(1) << 30) /* of addresses; what is used is little */
#define PAGE_BYTES 65536u               /* no page is larger */
#define MARK_BYTES_MAX (256u << 10)

/* Of the serving process. */
static struct {
	struct disk_log *log;
	struct image image;
	struct disk_hooks hooks;
	const uint8_t *last_mark;
	size_t last_mark_bytes;
	uint32_t asked; /* of what the fault is about, since it was armed */
} self;

struct disk_log *disk_log_map(void)
{
	size_t head_bytes = (sizeof(struct disk_log) + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
	struct disk_log *log = mmap(NULL, head_bytes + ARENA_BYTES, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (log == MAP_FAILED)
		return NULL;
	log->arena = (uint8_t *)log + head_bytes;
	log->arena_bytes = ARENA_BYTES;
	return log;
}

/* --- the log -------------------------------------------------------------------------------- */

static uint8_t *take_room(size_t bytes)
{
	struct disk_log *log = self.log;
	uint64_t at = (log->used_bytes + 15) & ~UINT64_C(15);

	if (bytes > log->arena_bytes - at)
		return NULL;
	log->used_bytes = at + bytes;
	return log->arena + at;
}

/* Kept once while it does not change. */
static const void *take_mark(void)
{
	static uint8_t now[MARK_BYTES_MAX];
	size_t bytes = self.hooks.mark(self.hooks.context, now, sizeof now);

	if (self.last_mark != NULL && bytes == self.last_mark_bytes &&
	    memcmp(now, self.last_mark, bytes) == 0)
		return self.last_mark;
	uint8_t *to = take_room(bytes);
	if (to == NULL)
		return NULL;
	memcpy(to, now, bytes);
	self.last_mark = to;
	self.last_mark_bytes = bytes;
	return to;
}

static bool note(enum disk_event kind, uint64_t offset_bytes, const void *from, size_t bytes)
{
	struct disk_log *log = self.log;
	uint64_t count = wr_load_relaxed(&log->count);
	const void *mark = take_mark();
	uint8_t *data = bytes > 0 ? take_room(bytes) : log->arena;

	if (count == DISK_ENTRIES_MAX || mark == NULL || data == NULL) {
		wr_store_release(&log->has_room, 0u);
		return false;
	}
	if (bytes > 0)
		memcpy(data, from, bytes);
	log->entries[count] = (struct disk_entry){.kind = kind,
						  .bytes = (uint32_t)bytes,
						  .offset_bytes = offset_bytes,
						  .data = data,
						  .mark = mark};
	/* Pairs with the acquire of whoever plays the log. */
	wr_store_release(&log->count, count + 1);
	return true;
}

static bool fails_now(enum disk_fault fault)
{
	struct disk_log *log = self.log;

	if (wr_load_acquire(&log->fault) != (uint32_t)fault)
		return false;
	uint32_t asked = self.asked++;
	uint32_t pass_by = wr_load_relaxed(&log->pass_by);
	if (asked < pass_by || asked - pass_by >= wr_load_relaxed(&log->how_many))
		return false;
	if (wr_load_relaxed(&log->fault_count) == 0)
		self.hooks.failing(self.hooks.context);
	wr_add_relaxed(&log->fault_count, 1u);
	return true;
}

/* --- what the kernel asks ------------------------------------------------------------------- */

static bool fill_stat(fuse_ino_t inode, struct stat *st)
{
	*st = (struct stat){.st_ino = inode};
	if (inode == FUSE_ROOT_ID) {
		st->st_mode = S_IFDIR | 0700;
		st->st_nlink = 2;
	} else if (inode == DISK_INODE) {
		st->st_mode = S_IFREG | 0600;
		st->st_nlink = 1;
		st->st_size = (off_t)((uint64_t)self.image.blocks * IMAGE_BLOCK_BYTES);
		st->st_blocks = st->st_size / 512;
	}
	return st->st_mode != 0;
}

static void serve_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = {
		.ino = DISK_INODE, .attr_timeout = 1e9, .entry_timeout = 1e9};

	if (parent != FUSE_ROOT_ID || strcmp(name, DISK_FILE) != 0 ||
	    !fill_stat(DISK_INODE, &entry.attr)) {
		(void)fuse_reply_err(request, ENOENT);
		return;
	}
	(void)fuse_reply_entry(request, &entry);
}

static void serve_getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
	struct stat st;

	(void)info;
	if (fill_stat(inode, &st))
		(void)fuse_reply_attr(request, &st, 1e9);
	else
		(void)fuse_reply_err(request, ENOENT);
}

static void serve_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
	(void)inode;
	info->keep_cache = 1;
	(void)fuse_reply_open(request, info);
}

static void serve_read(fuse_req_t request, fuse_ino_t inode, size_t bytes, off_t offset_bytes,
		       struct fuse_file_info *info)
{
	uint64_t size_bytes = (uint64_t)self.image.blocks * IMAGE_BLOCK_BYTES;
	uint64_t at = (uint64_t)offset_bytes;

	(void)inode;
	(void)info;
	uint64_t rest = at < size_bytes ? size_bytes - at : 0;
	uint32_t n = (uint32_t)(bytes < rest ? bytes : rest);
	uint8_t *to = malloc(n > 0 ? n : 1);
	if (to == NULL) {
		(void)fuse_reply_err(request, ENOMEM);
		return;
	}
	image_read(&self.image, at, to, n);
	(void)fuse_reply_buf(request, (const char *)to, n);
	free(to);
}

static void serve_write(fuse_req_t request, fuse_ino_t inode, const char *from, size_t bytes,
			off_t offset_bytes, struct fuse_file_info *info)
{
	uint64_t at = (uint64_t)offset_bytes;

	(void)inode;
	(void)info;
	if (at + bytes > (uint64_t)self.image.blocks * IMAGE_BLOCK_BYTES) {
		(void)fuse_reply_err(request, EFBIG);
		return;
	}
	bool fails = fails_now(DISK_FAILS_WRITES);
	if (!note(fails ? DISK_WRITE_FAILED : DISK_WRITE, at, from, bytes) || fails) {
		(void)fuse_reply_err(request, EIO);
		return;
	}
	image_write(&self.image, at, (const uint8_t *)from, (uint32_t)bytes);
	(void)fuse_reply_write(request, bytes);
}

static void nap_us(uint32_t us)
{
	const struct timespec t = {.tv_nsec = (long)us * 1000};
	nanosleep(&t, NULL);
}

static void serve_fsync(fuse_req_t request, fuse_ino_t inode, int datasync,
			struct fuse_file_info *info)
{
	enum disk_event kind = fails_now(DISK_FAILS_FLUSHES)   ? DISK_FLUSH_FAILED
			       : fails_now(DISK_LOSES_FLUSHES) ? DISK_FLUSH_LOST
							       : DISK_FLUSH;

	(void)inode;
	(void)datasync;
	(void)info;
	uint32_t us = wr_load_acquire(&self.log->flush_us);
	if (us > 0)
		nap_us(us);
	bool is_noted = note(kind, 0, NULL, 0);
	(void)fuse_reply_err(request, is_noted && kind != DISK_FLUSH_FAILED ? 0 : EIO);
}

static const struct fuse_lowlevel_ops operations = {
	.lookup = serve_lookup,
	.getattr = serve_getattr,
	.open = serve_open,
	.read = serve_read,
	.write = serve_write,
	.fsync = serve_fsync,
};

/* That the connection ends under it is how it ends. */
static void say_nothing(enum fuse_log_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
}

/* --- its process ---------------------------------------------------------------------------- */

int disk_start(struct disk *disk, const struct image *image, const char *folder,
	       const struct disk_hooks *hooks)
{
	static char name[] = "powercut";
	char *argv[] = {name, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct disk_log *log = disk->log;

	wr_store_relaxed(&log->count, 0u);
	wr_store_relaxed(&log->has_room, 1u);
	wr_store_relaxed(&log->fault, (uint32_t)DISK_SOUND);
	wr_store_relaxed(&log->fault_count, 0u);
	log->used_bytes = 0;
	/* Pages of the life before. */
	(void)madvise(log->arena, log->arena_bytes, MADV_REMOVE);
	(void)snprintf(disk->folder, sizeof disk->folder, "%s", folder);
	fuse_set_log_func(say_nothing);
	struct fuse_session *session =
		fuse_session_new(&args, &operations, sizeof operations, NULL);
	if (session == NULL)
		return -EINVAL;
	if (fuse_session_mount(session, folder) != 0) {
		fuse_session_destroy(session);
		return -ENODEV;
	}
	fflush(NULL);
	disk->server = fork();
	if (disk->server == 0) {
		self.log = log;
		self.hooks = *hooks;
		image_copy(&self.image, image);
		_exit(fuse_session_loop(session) < 0);
	}
	int code = disk->server < 0 ? -errno : 0;
	/* When the server dies nobody holds the connection, and who waits for it gets an error. */
	fuse_session_destroy(session);
	return code;
}

void disk_arm(struct disk *disk, enum disk_fault fault, uint32_t pass_by, uint32_t how_many)
{
	wr_store_relaxed(&disk->log->pass_by, pass_by);
	wr_store_relaxed(&disk->log->how_many, how_many);
	/* Pairs with the acquire in fails_now(). */
	wr_store_release(&disk->log->fault, (uint32_t)fault);
}

void disk_stop(struct disk *disk)
{
	(void)umount2(disk->folder, MNT_DETACH);
	(void)waitpid(disk->server, NULL, 0);
}
