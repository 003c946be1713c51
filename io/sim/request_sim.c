/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the simulated storage: submit, poll, and what goes wrong in a transfer.
 *
 * A request touches the medium when it completes, not before. At a power cut all those in flight
 * are put on the medium un-synced, so that each of their sectors is kept, dropped or torn. Their
 * submission and their completion are operations of the disk: both can be the one at which the
 * power goes.
 *
 * Waiting moves the disk's clock, never a real one.
 */
#include "io/sim/storage_sim_inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/error.h>

#include "core/base/bits.h"
#include "core/base/deadline.h"
#include "io/posix/read_whole.h"
#include "io/posix/request.h"

static bool fault(struct wr_storage_sim *s, enum wr_fault kind)
{
	return wr_fault_take(&s->disk->plan, &s->disk->prng, kind);
}

/* What one read is of: see read_whole.h. */
struct medium_place {
	struct wr_storage_sim *s;
	int32_t inode;
};

static int64_t read_some(void *context, uint8_t *bytes, uint32_t length_bytes,
			 uint64_t offset_bytes)
{
	const struct medium_place *place = context;
	struct wr_sim_disk *disk = place->s->disk;
	const struct wr_sim_inode *inode = &disk->inodes[place->inode];
	uint64_t n = length_bytes;

	if (fault(place->s, WR_FAULT_SHORT_READ)) {
		uint64_t draw = wr_prng_below(&disk->prng, 4);
		if (draw < 2)
			return draw == 0 ? -EINTR : -EAGAIN;
		n = wr_prng_below(&disk->prng, n);
		if (draw == 2)
			n = wr_round_down(n, WR_SIM_SECTOR_BYTES);
	}
	if (offset_bytes >= inode->bytes)
		return 0;
	n = wr_min_u64(n, inode->bytes - offset_bytes);
	const uint64_t filled = inode->filled_bytes > offset_bytes
					? wr_min_u64(n, inode->filled_bytes - offset_bytes)
					: 0;
	memcpy(bytes, inode->cache + offset_bytes, filled);
	memset(bytes + filled, 0, n - filled);
	return (int64_t)n;
}

static int medium_size(void *context, uint64_t *ret_bytes)
{
	const struct medium_place *place = context;

	*ret_bytes = place->s->disk->inodes[place->inode].bytes;
	return 0;
}

int64_t wr_sim_read_medium(struct wr_storage_sim *s, int32_t inode, void *buffer,
			   uint32_t length_bytes, uint64_t offset_bytes)
{
	struct medium_place place = {s, inode};
	const struct wr_read_source source = {
		.some = read_some,
		.size = medium_size,
		.context = &place,
		.unit_bytes = WR_SIM_SECTOR_BYTES,
	};

	return wr_read_whole(&source, buffer, length_bytes, offset_bytes);
}

int wr_sim_write_medium(struct wr_storage_sim *s, int32_t inode, const void *buffer,
			uint32_t length_bytes, uint64_t offset_bytes)
{
	int code = wr_sim_inode_reserve(s->disk, inode, offset_bytes + length_bytes);

	if (code == 0)
		wr_sim_inode_write(s->disk, inode, buffer, length_bytes, offset_bytes);
	return code;
}

/* Each sector is written or not. */
static void write_some_sectors(struct wr_storage_sim *s, int32_t inode, const uint8_t *bytes,
			       uint32_t length_bytes, uint64_t offset_bytes)
{
	for (uint32_t at = 0; at < length_bytes; at += WR_SIM_SECTOR_BYTES) {
		const uint32_t n = (uint32_t)wr_min_u64(length_bytes - at, WR_SIM_SECTOR_BYTES);
		if (wr_prng_chance(&s->disk->prng, 500000))
			(void)wr_sim_write_medium(s, inode, bytes + at, n, offset_bytes + at);
	}
}

/* To another block of the same file, or of another one. */
static void write_elsewhere(struct wr_storage_sim *s, int32_t inode, const uint8_t *bytes,
			    uint32_t length_bytes)
{
	struct wr_sim_disk *disk = s->disk;
	const uint32_t pick = (uint32_t)wr_prng_below(&disk->prng, disk->entry_count + 1ull);

	if (pick < disk->entry_count && disk->entries[pick].now != WR_SIM_NONE)
		inode = disk->entries[pick].now;
	if (disk->inodes[inode].bytes < length_bytes)
		return;
	const uint64_t blocks =
		(disk->inodes[inode].bytes - length_bytes) / WR_STORAGE_BLOCK_BYTES + 1;
	(void)wr_sim_write_medium(s, inode, bytes, length_bytes,
				  wr_prng_below(&disk->prng, blocks) * WR_STORAGE_BLOCK_BYTES);
	/* It got there for good. */
	wr_sim_inode_sync(disk, inode, disk->inodes[inode].bytes, 0);
}

/* What was written before happens again, wherever by now somebody else has written. */
static void write_again(struct wr_sim_disk *disk)
{
	const struct wr_sim_earlier *e = &disk->earlier;
	const uint64_t end_bytes = e->offset_bytes + e->length_bytes;

	if (e->length_bytes == 0 || !disk->inodes[e->inode].used ||
	    disk->inodes[e->inode].bytes < end_bytes)
		return;
	wr_sim_inode_write(disk, e->inode, e->bytes, e->length_bytes, e->offset_bytes);
	wr_sim_inode_sync(disk, e->inode, e->length_bytes, e->offset_bytes);
}

/* Now and then the one that may happen again is another one. */
static void keep_write(struct wr_storage_sim *s, int32_t inode, const void *buffer,
		       uint32_t length_bytes, uint64_t offset_bytes)
{
	struct wr_sim_earlier *e = &s->disk->earlier;

	if (s->disk->plan.chance_ppm[WR_FAULT_DUPLICATED_WRITE] == 0 ||
	    (e->length_bytes != 0 && !wr_prng_chance(&s->disk->prng, 50000)))
		return;
	if (e->capacity_bytes < length_bytes) {
		uint8_t *bytes = realloc(e->bytes, length_bytes);
		if (bytes == NULL)
			return;
		e->bytes = bytes;
		e->capacity_bytes = length_bytes;
	}
	memcpy(e->bytes, buffer, length_bytes);
	e->length_bytes = length_bytes;
	e->offset_bytes = offset_bytes;
	e->inode = inode;
}

int wr_sim_write_faulty(struct wr_storage_sim *s, const struct wr_sim_handle *handle,
			const void *buffer, uint32_t length_bytes, uint64_t offset_bytes)
{
	if (fault(s, WR_FAULT_WRITE_ERROR)) {
		write_some_sectors(s, handle->inode, buffer, length_bytes, offset_bytes);
		return -EIO;
	}
	if (fault(s, WR_FAULT_DUPLICATED_WRITE))
		write_again(s->disk);
	keep_write(s, handle->inode, buffer, length_bytes, offset_bytes);
	if (fault(s, WR_FAULT_LOST_WRITE))
		return 0;
	if (fault(s, WR_FAULT_MISDIRECTED_WRITE)) {
		write_elsewhere(s, handle->inode, buffer, length_bytes);
		return 0;
	}
	return wr_sim_write_medium(s, handle->inode, buffer, length_bytes, offset_bytes);
}

int wr_sim_sync_faulty(struct wr_storage_sim *s, const struct wr_sim_handle *handle)
{
	s->counts.syncs++;
	if (fault(s, WR_FAULT_SYNC_ERROR)) {
		wr_sim_inode_sync_failed(s->disk, handle->inode);
		return -EIO;
	}
	if (!fault(s, WR_FAULT_SYNC_LIE))
		wr_sim_inode_sync(s->disk, handle->inode, s->disk->inodes[handle->inode].bytes, 0);
	return 0;
}

/* With cut_off the power goes in the midst of it: made and filled, but nothing is synced. */
static int prepare(struct wr_storage_sim *s, struct wr_io *io, bool cut_off)
{
	struct wr_sim_disk *disk = s->disk;
	int32_t inode = wr_sim_disk_find(disk, io->name);
	int code;

	if (inode >= 0 && disk->inodes[inode].bytes != io->file_bytes)
		return -EEXIST;
	code = cut_off ? 0 : wr_sim_descriptor_room(s);
	if (code < 0)
		return code;
	if (inode < 0)
		inode = wr_sim_disk_make(disk, io->name);
	if (inode < 0)
		return inode;
	code = fault(s, WR_FAULT_PREPARE_FULL) ? -ENOSPC : 0;
	if (code == 0)
		code = wr_sim_inode_reserve(disk, inode, io->file_bytes);
	if (code == 0)
		wr_sim_inode_write(disk, inode, NULL, io->file_bytes, 0);
	if (cut_off)
		return code;
	if (code == 0 && fault(s, WR_FAULT_SYNC_ERROR))
		code = -EIO;
	if (code == 0)
		code = wr_sim_handle_open(s, inode, WR_FILE_KEEP, &io->file);
	if (code < 0)
		(void)wr_sim_disk_unlink(disk, io->name);
	else
		wr_sim_inode_sync(disk, inode, io->file_bytes, 0);
	s->counts.syncs += 2;
	wr_sim_disk_sync_dir(disk);
	return code;
}

static int take_away(struct wr_storage_sim *s, struct wr_io *io, bool cut_off)
{
	struct wr_sim_disk *disk = s->disk;
	const struct wr_sim_handle *handle = wr_sim_handle(s, io->file);

	if (handle == NULL)
		return -EBADF;
	if (!cut_off && fault(s, WR_FAULT_REMOVE_ERROR))
		return -EPERM;
	wr_sim_disk_unlink_inode(disk, handle->inode);
	if (cut_off)
		return 0;
	wr_sim_handle_close(s, io->file);
	io->file = WR_STORAGE_NO_FILE;
	s->counts.syncs++;
	if (fault(s, WR_FAULT_SYNC_ERROR))
		return -EIO;
	wr_sim_disk_sync_dir(disk);
	return 0;
}

void wr_sim_requests_drop(struct wr_storage_sim *s, bool power)
{
	/* In order of submission would be one order; this is another, as good as any. */
	for (uint32_t i = 0; i < s->slot_count; i++) {
		struct wr_io *io = s->slots[i].io;
		if (!power && wr_prng_chance(&s->disk->prng, 500000))
			continue;
		if (io->kind == WR_IO_PREPARE)
			(void)prepare(s, io, true);
		if (io->kind == WR_IO_REMOVE)
			(void)take_away(s, io, true);
		if (io->kind != WR_IO_WRITE || s->slots[i].written)
			continue;
		const struct wr_sim_handle *handle = wr_sim_handle(s, io->file);
		if (handle != NULL && handle->failed == 0)
			(void)wr_sim_write_medium(s, handle->inode, io->buffer, io->length_bytes,
						  io->offset_bytes);
	}
	s->slot_count = 0;
	s->in_flight = 0;
}

int wr_sim_enter(struct wr_storage *base)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;

	if (s->dead)
		return WEIR_E_FAILED;
	if (s->entered)
		return -EBUSY;
	s->entered = true;
	s->leaving = false;
	return 0;
}

int wr_sim_leave(struct wr_storage *base)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;

	if (s->dead)
		return WEIR_E_FAILED;
	if (!s->entered)
		return -EINVAL;
	s->leaving = true;
	while (s->slot_count > 0 && !s->dead)
		(void)wr_sim_poll(base, UINT64_MAX);
	s->entered = false;
	return s->dead ? WEIR_E_FAILED : 0;
}

void wr_sim_wake(struct wr_storage *base)
{
	((struct wr_storage_sim *)base)->woken = true;
}

static int check(struct wr_storage_sim *s, const struct wr_io *io)
{
	int code = wr_io_check(io);

	if (code < 0)
		return code;
	if (!s->entered)
		return -EINVAL;
	if (s->leaving)
		return WEIR_E_CLOSED;
	if (wr_io_is_for_helper(io)) {
		if (s->read_only)
			return -EROFS;
		if (io->kind == WR_IO_REMOVE && wr_sim_handle(s, io->file) == NULL)
			return -EBADF;
		return s->slot_count - s->in_flight == WR_SIM_PREPARES_MAX ? -EAGAIN : 0;
	}
	const struct wr_sim_handle *handle = wr_sim_handle(s, io->file);
	if (handle == NULL)
		return -EBADF;
	if (io->kind == WR_IO_WRITE && !handle->writable)
		return -EROFS;
	return s->in_flight == s->base.depth_max ? -EAGAIN : 0;
}

static uint64_t draw_latency_ns(struct wr_storage_sim *s)
{
	const struct wr_fault_plan *plan = &s->disk->plan;

	if (fault(s, WR_FAULT_SLOW) && plan->latency_slow_ns > plan->latency_max_ns)
		return wr_prng_between(&s->disk->prng, plan->latency_max_ns, plan->latency_slow_ns);
	return wr_prng_between(&s->disk->prng, plan->latency_min_ns,
			       wr_max_u64(plan->latency_min_ns, plan->latency_max_ns));
}

int wr_sim_submit(struct wr_storage *base, struct wr_io *io)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;

	if (s->dead)
		return WEIR_E_FAILED;
	int code = check(s, io);
	if (code < 0)
		return code;
	struct wr_sim_handle *handle = NULL;
	if (!wr_io_is_for_helper(io)) {
		handle = wr_sim_handle(s, io->file);
		code = wr_sim_use(s, handle);
		if (code < 0)
			return code;
		handle->users++;
		wr_sim_idle_look(s, handle);
	}
	s->counts.submissions++;
	const uint64_t now_ns = s->disk->clock->mono_ns;
	io->moved_bytes = 0;
	io->retry_count = 0;
	s->slots[s->slot_count++] = (struct wr_sim_slot){
		.io = io,
		.ready_ns = now_ns + draw_latency_ns(s),
		.serial = ++s->serial,
		.tie = (uint32_t)wr_prng_next(&s->disk->prng),
	};
	if (handle != NULL)
		s->in_flight++;
	code = wr_sim_disk_operation(s->disk, WR_SIM_OP_SUBMIT, io->offset_bytes);
	if (code == WEIR_E_FAILED)
		wr_sim_disk_power_cut(s->disk);
	else if (code < 0)
		io->result = code; /* told when it completes, without touching the medium */
	else
		io->result = 0;
	return code == WEIR_E_FAILED ? code : 0;
}

static int run_read(struct wr_storage_sim *s, const struct wr_sim_handle *handle,
		    const struct wr_io *io)
{
	if (fault(s, WR_FAULT_READ_ERROR))
		return -EIO;
	int64_t n = wr_sim_read_medium(s, handle->inode, io->buffer, io->length_bytes,
				       io->offset_bytes);
	if (n < 0)
		return (int)n;
	return n < (int64_t)io->length_bytes ? -ENODATA : 0;
}

/* The write itself. With its sync, unless that comes apart. */
static int run_write(struct wr_storage_sim *s, const struct wr_sim_handle *handle,
		     const struct wr_io *io)
{
	int code = wr_sim_write_faulty(s, handle, io->buffer, io->length_bytes, io->offset_bytes);

	if (code < 0 || (io->flags & WR_IO_DURABLE) == 0 || s->disk->plan.sync_apart)
		return code;
	s->counts.syncs++;
	if (fault(s, WR_FAULT_SYNC_ERROR)) {
		wr_sim_inode_sync_failed(s->disk, handle->inode);
		return -EIO;
	}
	if (!fault(s, WR_FAULT_SYNC_LIE))
		wr_sim_inode_sync(s->disk, handle->inode, io->length_bytes, io->offset_bytes);
	return 0;
}

static int run(struct wr_storage_sim *s, struct wr_sim_slot *slot)
{
	struct wr_io *io = slot->io;
	int code = io->result;

	if (io->kind == WR_IO_PREPARE)
		return code < 0 ? code : prepare(s, io, false);
	if (io->kind == WR_IO_REMOVE)
		return code < 0 ? code : take_away(s, io, false);
	/* A file that was closed with a request in flight: the caller's bug, not a crash. */
	struct wr_sim_handle *handle = wr_sim_handle(s, io->file);
	if (handle == NULL)
		return -EBADF;
	if (io->kind == WR_IO_READ)
		return code < 0 ? code : run_read(s, handle, io);
	if (handle->failed < 0)
		return handle->failed;
	if (code == 0 && io->kind == WR_IO_WRITE && !slot->written)
		code = run_write(s, handle, io);
	else if (code == 0)
		code = wr_sim_sync_faulty(s, handle);
	if (code < 0)
		handle->failed = code;
	return code;
}

/* The earliest of those submitted before `serial_end`, or NULL. */
static struct wr_sim_slot *next_slot(struct wr_storage_sim *s, uint64_t serial_end)
{
	struct wr_sim_slot *best = NULL;

	for (uint32_t i = 0; i < s->slot_count; i++) {
		struct wr_sim_slot *slot = &s->slots[i];
		if (slot->serial >= serial_end)
			continue;
		if (best == NULL || slot->ready_ns < best->ready_ns ||
		    (slot->ready_ns == best->ready_ns && slot->tie < best->tie))
			best = slot;
	}
	return best;
}

/* A part of a write, and the rest later: as the backends go on after a short one. */
static bool moves_a_part(struct wr_storage_sim *s, struct wr_sim_slot *slot)
{
	struct wr_io *io = slot->io;
	const struct wr_sim_handle *handle = NULL;

	if (io->kind != WR_IO_WRITE || slot->written || io->moved_bytes > 0 || io->result < 0)
		return false;
	handle = wr_sim_handle(s, io->file);
	if (handle == NULL || handle->failed < 0 || !fault(s, WR_FAULT_SHORT_WRITE))
		return false;
	io->moved_bytes = (uint32_t)wr_round_down(wr_prng_below(&s->disk->prng, io->length_bytes),
						  WR_SIM_SECTOR_BYTES);
	if (io->moved_bytes > 0)
		(void)wr_sim_write_medium(s, handle->inode, io->buffer, io->moved_bytes,
					  io->offset_bytes);
	slot->ready_ns += draw_latency_ns(s);
	return true;
}

/* 1: done() ran. 0: written() ran or nothing did. Or WEIR_E_FAILED. */
static int complete(struct wr_storage_sim *s, struct wr_sim_slot *slot)
{
	struct wr_io *io = slot->io;
	const bool two_steps = s->disk->plan.sync_apart && io->kind == WR_IO_WRITE &&
			       (io->flags & WR_IO_DURABLE) != 0 && !slot->written;

	int code = wr_sim_disk_operation(s->disk, two_steps ? WR_SIM_OP_WRITTEN : WR_SIM_OP_DONE,
					 io->offset_bytes);
	if (code == WEIR_E_FAILED) {
		wr_sim_disk_power_cut(s->disk);
		return WEIR_E_FAILED;
	}
	if (code < 0)
		io->result = code;
	if (moves_a_part(s, slot))
		return 0;
	code = run(s, slot);
	if (code == 0 && two_steps) {
		slot->written = true;
		slot->ready_ns += draw_latency_ns(s);
		if (io->written != NULL)
			io->written(io);
		return 0;
	}
	const bool told = slot->written;
	*slot = s->slots[--s->slot_count];
	struct wr_sim_handle *handle = !wr_io_is_for_helper(io) ? wr_sim_handle(s, io->file) : NULL;
	if (!wr_io_is_for_helper(io))
		s->in_flight--;
	if (handle != NULL && handle->users > 0) {
		handle->users--;
		wr_sim_idle_look(s, handle);
	}
	wr_sim_disk_trace(s->disk, (uint64_t)io->kind, (uint64_t)(int64_t)code);
	io->result = code;
	if (io->kind == WR_IO_WRITE && code == 0) {
		s->counts.writes++;
		s->counts.written_bytes += io->length_bytes;
		if (io->written != NULL && !told)
			io->written(io);
	}
	io->done(io);
	return 1;
}

static uint64_t is_ready_at(const struct wr_storage_sim *s, const struct wr_sim_slot *slot)
{
	return wr_max_u64(slot->ready_ns, s->disk->frozen_until_ns);
}

/* Moves the clock to the next completion, or to the end of the wait. False: the wait is over. */
static bool pass_time(struct wr_storage_sim *s, const struct wr_sim_slot *next, uint64_t until_ns)
{
	const uint64_t now_ns = s->disk->clock->mono_ns;

	const uint64_t ready_ns = next != NULL ? is_ready_at(s, next) : UINT64_MAX;

	if (next != NULL && ready_ns <= until_ns) {
		wr_clock_sim_advance(s->disk->clock, ready_ns - now_ns);
		return true;
	}
	if (until_ns == UINT64_MAX)
		s->disk->stall_count++; /* a real thread would sleep for ever */
	else
		wr_clock_sim_advance(s->disk->clock, until_ns - now_ns);
	return false;
}

int wr_sim_poll(struct wr_storage *base, uint64_t wait_ns)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;

	if (s->dead)
		return WEIR_E_FAILED;
	if (!s->entered)
		return -EINVAL;
	const uint64_t serial_end = s->serial + 1;
	bool progress = false;
	int done_count = 0;
	wr_clock_sim_advance(s->disk->clock, s->disk->plan.poll_ns);
	const uint64_t until_ns = wr_deadline_ns(s->disk->clock->mono_ns, wait_ns);

	for (;;) {
		struct wr_sim_slot *slot = next_slot(s, serial_end);
		if (slot != NULL && is_ready_at(s, slot) <= s->disk->clock->mono_ns) {
			int result = complete(s, slot);
			/* A callback can have cut the power, or killed this storage. */
			if (result < 0 || s->dead)
				return WEIR_E_FAILED;
			done_count += result;
			progress = true;
			continue;
		}
		if (progress || wait_ns == 0 || s->woken || !pass_time(s, slot, until_ns))
			break;
	}
	if (wait_ns > 0)
		s->woken = false;
	return done_count;
}
