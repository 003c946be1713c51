/* SPDX-License-Identifier: Apache-2.0 */
/* See journal_rig.h. */
#include "tests/support/journal_rig.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "io/sim/storage_sim.h"

#define STEPS_MAX 100000u

struct journal_rig_options journal_rig_defaults(struct wr_sim_disk *disk)
{
	return (struct journal_rig_options){
		.disk = disk,
		.chunk_bytes = 4 * WR_BLOCK_BYTES,
		.extents = 4,
		.journal = {.segments_ahead = 2, .batches_in_flight_max = 4, .lanes_max = 2},
	};
}

static void moved(void *context)
{
	((struct journal_rig *)context)->moved_count++;
}

static int ignore_section(void *context, uint32_t module, uint32_t version, uint32_t part,
			  const uint8_t *bytes, uint32_t length_bytes)
{
	(void)context, (void)module, (void)version, (void)part, (void)bytes, (void)length_bytes;
	return 0;
}

static void ignore_reset(void *context)
{
	(void)context;
}

static int ignore_record(void *context, uint64_t seq, uint32_t epoch, uint64_t time_us,
			 const struct wr_record_view *view)
{
	(void)context, (void)seq, (void)epoch, (void)time_us, (void)view;
	return 0;
}

static int recover(struct journal_rig *rig)
{
	static const struct wr_recovery_sink ignore = {ignore_section, ignore_reset, ignore_record,
						       NULL};
	struct wr_recovery_options options = {
		.log_id = rig->o.journal.log_id,
		.chunk_bytes = rig->o.chunk_bytes,
		.segment_bytes = (uint64_t)rig->o.chunk_bytes * rig->o.extents,
		.segments_max = rig->o.segments_max,
		.chain_secret = rig->o.chain_secret,
	};
	memset(options.new_uuid, 0x5a, sizeof options.new_uuid);
	return wr_recovery_run(rig->storage, &rig->memory.base, &rig->o.disk->clock->base, &options,
			       rig->o.sink != NULL ? rig->o.sink : &ignore, &rig->table,
			       &rig->recovered, &rig->report, &rig->problem);
}

void journal_rig_stamp(struct journal_rig *rig)
{
	/* Each record takes a µs of its own. */
	rig->writer.time_us = wr_max_u64(rig->writer.time_us, wr_append_clock_now_us(&rig->append));
}

static int begin_epoch(struct journal_rig *rig)
{
	const struct mini_writer_options options = {
		.link = &rig->link,
		.uuid = rig->table.uuid,
		.log_id = rig->table.log_id,
		.epoch = rig->recovered.epoch,
		.chunk_bytes = rig->table.chunk_bytes,
		.next_seq = rig->recovered.next_seq,
		.chain = rig->recovered.chain,
		.chain_key = rig->recovered.is_chained ? &rig->recovered.chain_key : NULL,
		.chain_link = rig->recovered.has_link ? rig->recovered.link : NULL,
	};
	const struct wr_epoch_start predecessor = {
		.end_segment_id = rig->recovered.end_segment_id,
		.end_offset = rig->recovered.end_offset,
		.last_seq = rig->recovered.next_seq - 1,
		.header_crc = rig->recovered.chain,
		.epoch = rig->report.last_epoch,
		.wall_us = wr_clock_wall_ns(&rig->o.disk->clock->base) / 1000,
	};
	mini_writer_init(&rig->writer, &options);
	rig->has_writer = true;
	if (rig->o.stamped) {
		wr_append_clock_init(&rig->append, &rig->o.disk->clock->base,
				     rig->report.last_time_us);
		rig->writer.time_us = 0;
		journal_rig_stamp(rig);
	}
	return mini_writer_epoch_start(&rig->writer, &predecessor) == MINI_WRITER_DONE ? 0 : -1;
}

int journal_rig_open(struct journal_rig *rig, const struct journal_rig_options *options)
{
	memset(rig, 0, sizeof *rig);
	rig->o = *options;
	wr_memory_sim_init(&rig->memory, NULL);
	const struct wr_storage_options storage = {.sim_disk = options->disk,
						   .depth_max = options->depth_max};
	int r = wr_storage_sim_open(&storage, &rig->storage);
	if (r == 0)
		r = rig->storage->ops->lock(rig->storage);
	if (r == 0)
		r = recover(rig);
	if (r == 0) {
		rig->link.moved = moved;
		rig->link.moved_context = rig;
		if (options->checkpoint_bytes > 0) {
			rig->checkpoint_buffer =
				aligned_alloc(WR_BLOCK_BYTES, options->checkpoint_bytes);
			WR_ASSERT(rig->checkpoint_buffer != NULL);
			rig->link.checkpoint.buffer = rig->checkpoint_buffer;
			rig->link.checkpoint.buffer_bytes = options->checkpoint_bytes;
			rig->link.checkpoint.more_bytes_max = options->checkpoint_more_bytes;
		}
		r = wr_journal_create(rig->storage, &rig->memory.base, &options->disk->clock->base,
				      &options->journal, &rig->table, &rig->recovered, &rig->link,
				      &rig->journal);
	}
	if (r == 0)
		r = wr_journal_start(rig->journal, options->has_no_problem ? NULL : &rig->problem);
	if (r == 0)
		r = rig->storage->ops->enter(rig->storage);
	if (r == 0)
		r = begin_epoch(rig);
	if (r < 0)
		journal_rig_close(rig);
	return r;
}

void journal_rig_close(struct journal_rig *rig)
{
	if (rig->storage == NULL)
		return;
	wr_journal_pack_end(rig->journal);
	(void)rig->storage->ops->leave(rig->storage);
	if (rig->has_writer)
		mini_writer_fini(&rig->writer);
	wr_journal_destroy(rig->journal, &rig->memory.base);
	wr_segment_table_fini(&rig->table, &rig->memory.base);
	rig->storage->ops->fini(rig->storage);
	free(rig->checkpoint_buffer);
	rig->storage = NULL;
	rig->journal = NULL;
}

int journal_rig_close_clean(struct journal_rig *rig)
{
	struct mini_writer *w = &rig->writer;

	if (!journal_rig_drain(rig))
		return WEIR_E_FAILED;
	/* Evidence, and what is left of the extent closed: the next epoch begins in another. */
	if (mini_writer_seal(w) != MINI_WRITER_DONE || !journal_rig_drain(rig) ||
	    mini_writer_evidence(w) != MINI_WRITER_DONE ||
	    mini_writer_close_extent(w) != MINI_WRITER_DONE || !journal_rig_settle(rig))
		return WEIR_E_FAILED;
	int r = rig->storage->ops->leave(rig->storage);
	if (r == 0)
		r = wr_journal_close_clean(rig->journal, w->next_seq - 1, w->last_segment_id,
					   w->end_offset, w->last_header_crc);
	if (r == 0)
		journal_rig_close(rig);
	return r;
}

void journal_rig_crash(struct journal_rig *rig)
{
	wr_storage_sim_crash(rig->storage);
}

int journal_rig_step(struct journal_rig *rig)
{
	return wr_journal_step(rig->journal, 1024);
}

static void wait(struct journal_rig *rig)
{
	uint64_t idle_ns = wr_journal_idle_ns(rig->journal);
	/* Never for ever: a test that waits for what does not come shall end. */
	(void)rig->storage->ops->poll(rig->storage, idle_ns < 1000000000u ? idle_ns : 1000000000u);
}

bool journal_rig_failed(struct journal_rig *rig)
{
	return wr_load_acquire(&rig->link.failed) != 0;
}

bool journal_rig_drain(struct journal_rig *rig)
{
	for (uint32_t i = 0; i < STEPS_MAX && !journal_rig_failed(rig); i++) {
		if (mini_writer_is_drained(&rig->writer))
			return true;
		if (journal_rig_step(rig) == 0)
			wait(rig);
	}
	return false;
}

bool journal_rig_settle(struct journal_rig *rig)
{
	for (uint32_t i = 0; i < STEPS_MAX && !journal_rig_failed(rig); i++) {
		if (journal_rig_step(rig) != 0)
			continue;
		if (mini_writer_is_drained(&rig->writer) && wr_journal_is_idle(rig->journal))
			return true;
		wait(rig);
	}
	return false;
}

bool journal_rig_append(struct journal_rig *rig, uint32_t batch_count)
{
	for (uint32_t i = 0; i < batch_count; i++) {
		while (mini_writer_append(&rig->writer, 0, i, 60) != MINI_WRITER_DONE)
			if (journal_rig_step(rig) < 0)
				return false;
		if (mini_writer_seal(&rig->writer) != MINI_WRITER_DONE || !journal_rig_drain(rig))
			return false;
	}
	return true;
}

bool journal_rig_pack(struct journal_rig *rig)
{
	for (uint32_t idle = 0; idle < 5; idle++) {
		int work = wr_journal_pack_step(rig->journal, 0);
		if (!journal_rig_settle(rig))
			return false;
		wr_clock_sim_advance(rig->o.disk->clock, 50000000);
		if (work != 0)
			idle = 0;
	}
	return true;
}

uint64_t journal_rig_durable(struct journal_rig *rig)
{
	return wr_load_acquire(&rig->link.durable_seq);
}

uint64_t journal_rig_written(struct journal_rig *rig)
{
	return wr_load_acquire(&rig->link.written_seq);
}
