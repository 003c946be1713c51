/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See storage_sim.h: the blocking calls here, requests in request_sim.c.
 *
 * Each call that touches the medium first asks wr_sim_disk_operation(): the disk counts it, and may
 * answer with an error or with a power cut. A cut comes after what the call could have done, as
 * un-synced data: the drawing of sectors then decides how much of it really happened.
 */
#include "io/sim/storage_sim_inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/error.h>

#include "core/base/bits.h"
#include "io/codec/codecs.h"
#include "io/posix/request.h"

#define HANDLES_FIRST 16u

static void power_cut(struct wr_sim_attached *attached)
{
	struct wr_storage_sim *s =
		(struct wr_storage_sim *)((char *)attached -
					  offsetof(struct wr_storage_sim, attached));

	s->dead = true;
	wr_sim_requests_drop(s, true);
}

struct wr_sim_handle *wr_sim_handle(struct wr_storage_sim *s, uint32_t file)
{
	if (file >= s->handle_count || !s->handles[file].used)
		return NULL;
	return &s->handles[file];
}

/* Counts the operation. 0, an error to return, or WEIR_E_FAILED: then the caller cuts the power. */
static int begin(struct wr_storage_sim *s, enum wr_sim_operation what, uint64_t where)
{
	wr_sim_disk_thaw(s->disk);
	return wr_sim_disk_operation(s->disk, what, where);
}

static int cut(struct wr_storage_sim *s)
{
	wr_sim_disk_power_cut(s->disk);
	return WEIR_E_FAILED;
}

static int take_handle(struct wr_storage_sim *s, uint32_t *ret_file)
{
	for (uint32_t i = s->free_from; i < s->handle_count; i++) {
		if (!s->handles[i].used) {
			*ret_file = s->free_from = i;
			return 0;
		}
	}
	s->free_from = s->handle_count;
	if (s->handle_count == s->files_max)
		return -ENFILE;
	const uint32_t count = s->handle_count == 0
				       ? (uint32_t)wr_min_u64(HANDLES_FIRST, s->files_max)
				       : (uint32_t)wr_min_u64(s->handle_count * 2, s->files_max);
	struct wr_sim_handle *handles = realloc(s->handles, count * sizeof *handles);
	if (handles == NULL)
		return -ENOMEM;
	memset(handles + s->handle_count, 0, (count - s->handle_count) * sizeof *handles);
	*ret_file = s->handle_count;
	s->handles = handles;
	s->handle_count = count;
	return 0;
}

int wr_sim_handle_open(struct wr_storage_sim *s, int32_t inode, uint32_t flags, uint32_t *ret_file)
{
	int code = take_handle(s, ret_file);

	if (code < 0)
		return code;
	struct wr_sim_handle *handle = &s->handles[*ret_file];
	*handle = (struct wr_sim_handle){
		.inode = inode,
		.used = true,
		.writable = (flags & WR_FILE_READ_ONLY) == 0,
		.kept = (flags & WR_FILE_KEEP) != 0,
	};
	code = wr_sim_use(s, handle);
	if (code < 0)
		handle->used = false;
	else
		s->disk->inodes[inode].handle_count++;
	return code;
}

static int sim_file_open(struct wr_storage *base, const char *name, uint32_t flags,
			 uint32_t *ret_file)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;
	const bool writable = (flags & WR_FILE_READ_ONLY) == 0;
	const bool create = (flags & WR_FILE_CREATE) != 0;

	if (s->dead)
		return WEIR_E_FAILED;
	int code = wr_name_check(name);
	if (code < 0)
		return code;
	if (create && !writable)
		return -EINVAL;
	if (s->read_only && writable)
		return -EROFS;
	int32_t inode = wr_sim_disk_find(s->disk, name);
	if (inode >= 0 && create && (flags & WR_FILE_EXCLUSIVE) != 0)
		return -EEXIST;
	if (inode < 0 && !create)
		return -ENOENT;
	uint32_t number;
	code = take_handle(s, &number);
	if (code == 0)
		code = wr_sim_descriptor_room(s);
	if (code < 0)
		return code; /* before anything is made */
	code = begin(s, WR_SIM_OP_OPEN, flags);
	if (code < 0 && code != WEIR_E_FAILED)
		return code;
	if (inode < 0)
		inode = wr_sim_disk_make(s->disk, name);
	if (inode < 0)
		return inode;
	if (code < 0)
		return cut(s);
	return wr_sim_handle_open(s, inode, flags, ret_file);
}

void wr_sim_handle_close(struct wr_storage_sim *s, uint32_t file)
{
	struct wr_sim_handle *handle = &s->handles[file];

	wr_sim_handle_end(s, handle);
	wr_sim_disk_handle_closed(s->disk, handle->inode);
}

static int sim_file_close(struct wr_storage *base, uint32_t file)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;

	if (s->dead)
		return WEIR_E_FAILED;
	if (wr_sim_handle(s, file) == NULL)
		return -EBADF;
	wr_sim_handle_close(s, file);
	return 0;
}

static int sim_file_bytes(struct wr_storage *base, uint32_t file, uint64_t *ret_bytes)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;

	if (s->dead)
		return WEIR_E_FAILED;
	struct wr_sim_handle *handle = wr_sim_handle(s, file);
	if (handle == NULL)
		return -EBADF;
	int code = wr_sim_use(s, handle);
	if (code < 0)
		return code;
	*ret_bytes = s->disk->inodes[handle->inode].bytes;
	return 0;
}

static int sim_file_remove(struct wr_storage *base, const char *name)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;

	if (s->dead)
		return WEIR_E_FAILED;
	int code = wr_name_check(name);
	if (code < 0)
		return code;
	if (s->read_only)
		return -EROFS;
	code = begin(s, WR_SIM_OP_REMOVE, 0);
	if (code < 0 && code != WEIR_E_FAILED)
		return code;
	int unlinked = wr_sim_disk_unlink(s->disk, name);
	return code < 0 ? cut(s) : unlinked;
}

static int sim_file_each(struct wr_storage *base, int (*visit)(void *context, const char *name),
			 void *context)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;
	int result = 0;

	/* By place, from behind: the visitor may remove the file that it is shown. */
	for (uint32_t i = s->dead ? 0 : s->disk->entry_count; i > 0 && result == 0; i--) {
		char name[WR_STORAGE_NAME_MAX + 1];
		if (i > s->disk->entry_count || s->disk->entries[i - 1].now == WR_SIM_NONE)
			continue;
		memcpy(name, s->disk->entries[i - 1].name, sizeof name);
		result = visit(context, name);
	}
	return s->dead ? WEIR_E_FAILED : result;
}

static int64_t sim_read(struct wr_storage *base, uint32_t file, void *buffer, uint32_t length_bytes,
			uint64_t offset_bytes)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;

	if (s->dead)
		return WEIR_E_FAILED;
	struct wr_sim_handle *handle = wr_sim_handle(s, file);
	if (handle == NULL)
		return -EBADF;
	if (offset_bytes > (uint64_t)INT64_MAX >> 1)
		return -EINVAL;
	int code = wr_sim_use(s, handle);
	if (code < 0)
		return code;
	code = begin(s, WR_SIM_OP_READ, offset_bytes);
	if (code == WEIR_E_FAILED)
		return cut(s);
	if (code == 0 && wr_fault_take(&s->disk->plan, &s->disk->prng, WR_FAULT_READ_ERROR))
		code = -EIO;
	if (code < 0)
		return code;
	return wr_sim_read_medium(s, handle->inode, buffer, length_bytes, offset_bytes);
}

static int sim_write(struct wr_storage *base, uint32_t file, const void *buffer,
		     uint32_t length_bytes, uint64_t offset_bytes)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;

	if (s->dead)
		return WEIR_E_FAILED;
	struct wr_sim_handle *handle = wr_sim_handle(s, file);
	if (handle == NULL)
		return -EBADF;
	if (!handle->writable)
		return -EROFS;
	if (offset_bytes > (uint64_t)INT64_MAX >> 1)
		return -EINVAL;
	if (handle->failed < 0)
		return handle->failed;
	int code = wr_sim_use(s, handle);
	if (code < 0)
		return code;
	code = begin(s, WR_SIM_OP_WRITE, offset_bytes);
	if (code == WEIR_E_FAILED) {
		(void)wr_sim_write_medium(s, handle->inode, buffer, length_bytes, offset_bytes);
		return cut(s);
	}
	if (code == 0)
		code = wr_sim_write_faulty(s, handle, buffer, length_bytes, offset_bytes);
	if (code == 0)
		code = wr_sim_sync_faulty(s, handle);
	if (code == 0) {
		s->counts.writes++;
		s->counts.written_bytes += length_bytes;
	}
	if (code < 0)
		handle->failed = code;
	return code;
}

static int sim_sync_file(struct wr_storage *base, uint32_t file)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;

	if (s->dead)
		return WEIR_E_FAILED;
	struct wr_sim_handle *handle = wr_sim_handle(s, file);
	if (handle == NULL)
		return -EBADF;
	if (handle->failed < 0)
		return handle->failed;
	int code = wr_sim_use(s, handle);
	if (code < 0)
		return code;
	code = begin(s, WR_SIM_OP_SYNC, file);
	if (code == WEIR_E_FAILED)
		return cut(s);
	if (code < 0)
		wr_sim_inode_sync_failed(s->disk, handle->inode);
	else
		code = wr_sim_sync_faulty(s, handle);
	if (code < 0)
		handle->failed = code;
	return code;
}

static int sim_sync_dir(struct wr_storage *base)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;

	if (s->dead)
		return WEIR_E_FAILED;
	if (s->read_only)
		return -EROFS;
	int code = begin(s, WR_SIM_OP_SYNC_DIR, 0);
	if (code == WEIR_E_FAILED)
		return cut(s);
	s->counts.syncs++;
	if (code == 0 && wr_fault_take(&s->disk->plan, &s->disk->prng, WR_FAULT_SYNC_ERROR))
		code = -EIO;
	if (code < 0)
		return code;
	if (!wr_fault_take(&s->disk->plan, &s->disk->prng, WR_FAULT_SYNC_LIE))
		wr_sim_disk_sync_dir(s->disk);
	return 0;
}

static int sim_lock(struct wr_storage *base)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;

	if (s->dead)
		return WEIR_E_FAILED;
	if (s->read_only)
		return -EROFS;
	if (s->disk->lock_owner != NULL)
		return WEIR_E_LOCKED;
	s->disk->lock_owner = s;
	return 0;
}

static int sim_free_bytes(struct wr_storage *base, uint64_t *ret_bytes)
{
	const struct wr_storage_sim *s = (struct wr_storage_sim *)base;

	if (s->dead)
		return WEIR_E_FAILED;
	const uint64_t capacity = s->disk->plan.capacity_bytes;
	const uint64_t used = wr_sim_disk_used_bytes(s->disk);
	*ret_bytes = capacity == 0 ? UINT64_MAX >> 1 : capacity - wr_min_u64(capacity, used);
	return 0;
}

static void sim_report(const struct wr_storage *base, struct wr_storage_report *ret_report)
{
	const struct wr_storage_sim *s = (const struct wr_storage_sim *)base;
	const bool apart = s->disk->plan.sync_apart;

	*ret_report = (struct wr_storage_report){.written_equals_durable = !apart};
	(void)snprintf(ret_report->backend, sizeof ret_report->backend, "sim");
	(void)snprintf(ret_report->engine, sizeof ret_report->engine, "memory + %s",
		       apart ? "sync apart" : "sync in the write");
	(void)snprintf(ret_report->reason, sizeof ret_report->reason, "simulated");
	(void)snprintf(ret_report->file_system, sizeof ret_report->file_system, "sim");
}

static void sim_counts(const struct wr_storage *base, struct wr_storage_counts *ret_counts)
{
	*ret_counts = ((const struct wr_storage_sim *)base)->counts;
}

static void detach(struct wr_storage_sim *s)
{
	struct wr_sim_attached **at = &s->disk->attached;

	while (*at != NULL && *at != &s->attached)
		at = &(*at)->next;
	if (*at != NULL)
		*at = s->attached.next;
	for (uint32_t i = 0; i < s->handle_count; i++)
		if (s->handles[i].used)
			wr_sim_handle_close(s, i);
	if (s->disk->lock_owner == s)
		s->disk->lock_owner = NULL;
}

static void sim_fini(struct wr_storage *base)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;

	if (!s->dead && s->entered)
		(void)base->ops->leave(base);
	/* leave() may have met a power cut. */
	if (!s->dead)
		detach(s);
	free(s->handles);
	free(s->slots);
	free(s);
}

void wr_storage_sim_crash(struct wr_storage *base)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;

	if (!s->dead)
		wr_sim_disk_power_cut(s->disk);
}

void wr_storage_sim_kill(struct wr_storage *base)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;

	if (s->dead)
		return;
	wr_sim_requests_drop(s, false);
	detach(s);
	s->dead = true;
}

uint32_t wr_storage_sim_in_flight(const struct wr_storage *base)
{
	return ((const struct wr_storage_sim *)base)->slot_count;
}

static const struct wr_storage_ops sim_ops = {
	.file_open = sim_file_open,
	.file_close = sim_file_close,
	.file_keep = wr_sim_file_keep,
	.file_bytes = sim_file_bytes,
	.file_remove = sim_file_remove,
	.file_each = sim_file_each,
	.read = sim_read,
	.write = sim_write,
	.sync_file = sim_sync_file,
	.sync_dir = sim_sync_dir,
	.lock = sim_lock,
	.free_bytes = sim_free_bytes,
	.enter = wr_sim_enter,
	.leave = wr_sim_leave,
	.submit = wr_sim_submit,
	.poll = wr_sim_poll,
	.wake = wr_sim_wake,
	.report = sim_report,
	.counts = sim_counts,
	.fini = sim_fini,
};

int wr_storage_sim_open(const struct wr_storage_options *options, struct wr_storage **ret)
{
	const uint32_t depth = options->depth_max != 0 ? options->depth_max : WR_STORAGE_SIM_DEPTH;

	if (options->sim_disk == NULL)
		return -EINVAL;
	struct wr_storage_sim *s = calloc(1, sizeof *s);
	if (s == NULL)
		return -ENOMEM;
	s->base.ops = &sim_ops;
	s->base.codecs = wr_codecs();
	s->base.depth_max = (uint32_t)wr_min_u64(depth, WR_STORAGE_DEPTH_MAX);
	s->disk = options->sim_disk;
	s->files_max = (uint32_t)wr_max_u64(options->files_max,
					    s->disk->entry_count + WR_STORAGE_FILES_ROOM);
	s->read_only = options->read_only;
	s->slot_capacity = s->base.depth_max + WR_SIM_PREPARES_MAX;
	s->slots = calloc(s->slot_capacity, sizeof *s->slots);
	if (s->slots == NULL) {
		free(s);
		return -ENOMEM;
	}
	s->attached.power_cut = power_cut;
	s->attached.next = s->disk->attached;
	s->disk->attached = &s->attached;
	*ret = &s->base;
	return 0;
}
