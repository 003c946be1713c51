/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal: what it is made of, and its step. A step looks at what came back, publishes it,
 * hands new requests over, and polls once without waiting: acknowledgements go out before the next
 * write is handed over, because handing over can take tens of microseconds.
 * Completions found by that poll are looked at by the next step, which follows at once since this
 * one says that it did something.
 *
 * Invariants: journal_internal.h. After FAILED nothing is published, started or tried again
 * (promise P4); the step only polls, so that what is in flight comes home.
 * Thread: create, start, close_clean and destroy on the thread that opens, while no step runs; the
 * step on one thread; stats on any.
 */
#include "core/journal/journal.h"

#include <errno.h>
#include <stdio.h>

#include "core/base/assert.h"
#include "core/journal/journal_internal.h"
#include "core/port/park.h"

static size_t assigned_count(const struct wr_journal_options *options)
{
	/* Those kept ready, and those that the writer is under way through. */
	return (size_t)wr_power_of_two_above((uint64_t)options->segments_ahead + 1 +
					     WR_JOURNAL_KEPT_MAX + WR_JOURNAL_COMMITS_MAX);
}

static size_t lanes_bytes(const struct wr_journal_options *options)
{
	return sizeof(struct wr_lane_durable) * wr_max_u64(options->lanes_max, 1);
}

/*
 * Marks of as many batches as can be without their acknowledgement: those in the commits ring, and,
 * when a later header has to attest them, once more as many (the writer reads medium_seq after it
 * has seen room in that ring, so a header attests at least what left it).
 */
static size_t marks_count(const struct wr_journal_options *options)
{
	uint64_t commits = WR_JOURNAL_COMMITS_MAX * (options->seal_before_ack ? 2u : 1u);
	return (size_t)wr_power_of_two_above(commits * wr_max_u64(options->lanes_max, 1));
}

static int options_check(const struct wr_journal_options *options,
			 const struct wr_segment_table *table)
{
	if (options->batches_in_flight_max == 0 ||
	    options->batches_in_flight_max > WR_BATCHES_IN_FLIGHT_MAX ||
	    options->segments_ahead >= table->capacity - WR_SEGMENTS_ROOM)
		return -EINVAL;
	if (table->chunk_bytes == 0 || table->chunk_bytes % WR_BLOCK_BYTES != 0 ||
	    table->segment_bytes < (uint64_t)WR_BLOCK_BYTES + table->chunk_bytes ||
	    (table->segment_bytes - WR_BLOCK_BYTES) % table->chunk_bytes != 0)
		return -EINVAL;
	return 0;
}

uint64_t wr_journal_tables_bytes(uint32_t segments_max)
{
	const uint32_t capacity = segments_max + WR_SEGMENTS_ROOM;

	return wr_segment_table_bytes(capacity) +
	       (uint64_t)capacity * (sizeof(uint64_t) + sizeof(uint32_t));
}

static void *take(struct wr_memory *memory, size_t bytes, size_t align)
{
	return memory->ops->alloc(memory, bytes, align);
}

static void give(struct wr_memory *memory, void *p, size_t bytes)
{
	if (p != NULL)
		memory->ops->free(memory, p, bytes);
}

static void link_free(struct wr_journal_link *link, const struct wr_journal_options *options,
		      struct wr_memory *memory)
{
	give(memory, link->extents, sizeof(struct wr_extent) * WR_JOURNAL_EXTENTS_AHEAD);
	give(memory, link->commits, sizeof(struct wr_commit) * WR_JOURNAL_COMMITS_MAX);
	give(memory, link->marks, sizeof(struct wr_lane_mark) * marks_count(options));
	give(memory, link->lanes, lanes_bytes(options));
	link->extents = NULL;
	link->commits = NULL;
	link->marks = NULL;
	link->lanes = NULL;
}

static int link_alloc(struct wr_journal_link *link, const struct wr_journal_options *options,
		      uint64_t last_seq, struct wr_memory *memory)
{
	link->extents = take(memory, sizeof(struct wr_extent) * WR_JOURNAL_EXTENTS_AHEAD, 64);
	link->commits = take(memory, sizeof(struct wr_commit) * WR_JOURNAL_COMMITS_MAX, 64);
	link->marks = take(memory, sizeof(struct wr_lane_mark) * marks_count(options), 64);
	link->lanes = take(memory, lanes_bytes(options), WR_LINE_BYTES);
	if (link->extents == NULL || link->commits == NULL || link->marks == NULL ||
	    link->lanes == NULL) {
		link_free(link, options, memory);
		return -ENOMEM;
	}
	link->lane_count = options->lanes_max;
	wr_spsc_init(&link->extents_ring, WR_JOURNAL_EXTENTS_AHEAD);
	wr_spsc_init(&link->commits_ring, WR_JOURNAL_COMMITS_MAX);
	wr_spsc_init(&link->marks_ring, marks_count(options));
	wr_store_relaxed(&link->checkpoint.state, (uint32_t)WR_CHECKPOINT_IDLE);
	wr_store_relaxed(&link->durable_seq, last_seq);
	wr_store_relaxed(&link->written_seq, last_seq);
	wr_store_relaxed(&link->medium_seq, last_seq);
	wr_store_relaxed(&link->commits_done, 0u);
	wr_store_relaxed(&link->failed, 0u);
	wr_store_relaxed(&link->starved, 0u);
	wr_store_relaxed(&link->full, 0u);
	wr_store_relaxed(&link->needed_seq, UINT64_MAX);
	wr_store_relaxed(&link->leaving_seq, 0u);
	wr_store_relaxed(&link->asking, 0u);
	wr_store_relaxed(&link->room_end, 0u);
	wr_store_relaxed(&link->kept_extents, 0u);
	wr_store_relaxed(&link->held, 0u);
	wr_store_relaxed(&link->erased_seq, 0u);
	wr_store_relaxed(&link->roll_past_id, 0u);
	wr_store_relaxed(&link->gate_seq, 0u);
	wr_store_relaxed(&link->wanted_seq, 0u);
	return 0;
}

static void files_init(struct wr_journal *j, const struct wr_recovered *recovered)
{
	struct wr_journal_files *f = &j->files;
	uint32_t count = wr_load_relaxed(&j->table->count);

	f->assigned_mask = assigned_count(&j->options) - 1;
	f->extent_count = wr_extent_count(j->table->segment_bytes, j->table->chunk_bytes);
	f->files_max = j->table->capacity - WR_SEGMENTS_ROOM;
	f->current = WR_JOURNAL_NONE;
	f->removal.index = f->going_index = WR_JOURNAL_NONE;
	f->newest_live_id = recovered->resume_segment_id;
	f->retention_changed = true;
	for (uint32_t i = 0; i < count; i++) {
		const struct wr_segment *segment = &j->table->segments[i];
		if (segment->file_number >= f->next_file_number)
			f->next_file_number = segment->file_number + 1;
		if (segment->state != WR_SEGMENT_LIVE)
			continue;
		if (recovered->resume_segment_id != 0 &&
		    wr_load_relaxed(&j->table->segments[i].segment_id) ==
			    recovered->resume_segment_id) {
			f->current = i;
			f->current_id = recovered->resume_segment_id;
			f->current_extent = recovered->resume_extent;
			f->current_used_bytes = recovered->resume_used_bytes;
		}
	}
}

static void tasks_init(struct wr_journal *j)
{
	for (uint32_t i = 0; i < WR_BATCHES_IN_FLIGHT_MAX; i++)
		j->writes[i].journal = j;
	j->files.header.journal = j;
	j->files.prepare.journal = j;
	j->files.removal.task.journal = j;
	j->files.going_task.journal = j;
	j->checkpoint.task.journal = j;
}

static int packer_make(struct wr_journal *j, struct wr_memory *memory)
{
	j->packer = take(memory, sizeof *j->packer, WR_LINE_BYTES);
	if (j->packer == NULL)
		return -ENOMEM;
	j->table->has_packed = true; /* there will be */
	j->packing.wanted = true;
	j->packing.failed_at = WR_JOURNAL_NONE_FAILED;
	return wr_packer_init(j->packer, j->storage, memory, j->clock, j->table,
			      &j->options.compress, &j->options.compact, &j->options.erase,
			      &j->options.retire);
}

uint64_t wr_journal_pack_bytes(uint32_t chunk_bytes, uint64_t segment_bytes, uint64_t compact_keys,
			       bool erases, uint32_t retiring_topics, uint32_t compression)
{
	bool rules = compact_keys != 0 || erases || retiring_topics != 0;

	return sizeof(struct wr_packer) +
	       wr_pack_bytes(chunk_bytes, segment_bytes, rules, compression) +
	       wr_retire_bytes(retiring_topics) +
	       (compact_keys != 0 ? wr_compact_bytes(compact_keys, chunk_bytes, segment_bytes) : 0);
}

int wr_journal_create(struct wr_storage *storage, struct wr_memory *memory, struct wr_clock *clock,
		      const struct wr_journal_options *options, struct wr_segment_table *table,
		      const struct wr_recovered *recovered, struct wr_journal_link *link,
		      struct wr_journal **ret_journal)
{
	int r = options_check(options, table);
	if (r < 0)
		return r;
	struct wr_journal *j = take(memory, sizeof *j, WR_LINE_BYTES);
	if (j == NULL)
		return -ENOMEM;
	j->storage = storage;
	j->memory = memory;
	j->clock = clock;
	j->table = table;
	j->link = link;
	j->options = *options;
	if (j->options.segments_ahead == 0)
		j->options.segments_ahead = 1;
	j->superblock = recovered->superblock;
	j->superblock_file = recovered->superblock_file;
	j->epoch = recovered->epoch;
	j->durable_seq = recovered->next_seq - 1;
	j->attested_seq = j->durable_seq;
	j->medium_segment_id = recovered->end_segment_id;
	j->medium_offset = recovered->end_offset;
	j->checkpoint.copy = recovered->checkpoint_copy;
	for (uint32_t i = 0; i < WR_CHECKPOINT_COPIES; i++) {
		j->checkpoint.needed_seq[i] = recovered->checkpoint_needed_seq[i];
		j->checkpoint.last_seq[i] = recovered->checkpoint_last_seq[i];
		if (recovered->checkpoint_last_seq[i] > wr_load_relaxed(&j->cells.checkpoint_seq))
			wr_journal_cell_set(&j->cells.checkpoint_seq,
					    recovered->checkpoint_last_seq[i]);
	}
	wr_journal_age_start(j, recovered);
	files_init(j, recovered);
	tasks_init(j);
	j->blocks = take(memory, WR_JOURNAL_BLOCKS_BYTES, WR_BLOCK_BYTES);
	j->superblock_blocks = take(memory, WR_JOURNAL_SUPERBLOCK_BYTES, WR_BLOCK_BYTES);
	j->files.assigned =
		take(memory, sizeof(struct wr_journal_assigned) * assigned_count(&j->options), 64);
	j->files.retired_id = take(memory, sizeof(uint64_t) * table->capacity, 64);
	j->files.spare_next = take(memory, sizeof(uint32_t) * table->capacity, 64);
	r = link_alloc(link, &j->options, j->durable_seq, memory);
	if (link->checkpoint.more_bytes_max > 0) {
		j->checkpoint.piece = take(memory, table->chunk_bytes, WR_BLOCK_BYTES);
		r = j->checkpoint.piece == NULL ? -ENOMEM : r;
	}
	if (r < 0 || j->blocks == NULL || j->superblock_blocks == NULL ||
	    j->files.assigned == NULL || j->files.retired_id == NULL ||
	    j->files.spare_next == NULL) {
		wr_journal_destroy(j, memory);
		return -ENOMEM;
	}
	if (options->pack)
		r = packer_make(j, memory);
	if (r < 0) {
		wr_journal_destroy(j, memory);
		return r;
	}
	wr_store_relaxed(&link->erased_seq, j->superblock.erased_seq);
	wr_journal_count_segments(j);
	*ret_journal = j;
	return 0;
}

void wr_journal_destroy(struct wr_journal *journal, struct wr_memory *memory)
{
	struct wr_journal *j = journal;

	if (j == NULL)
		return;
	link_free(j->link, &j->options, memory);
	if (j->packer != NULL)
		wr_packer_fini(j->packer);
	give(memory, j->packer, sizeof *j->packer);
	give(memory, j->files.retired_id, sizeof(uint64_t) * j->table->capacity);
	give(memory, j->files.spare_next, sizeof(uint32_t) * j->table->capacity);
	give(memory, j->files.assigned,
	     sizeof(struct wr_journal_assigned) * assigned_count(&j->options));
	give(memory, j->checkpoint.piece, j->table->chunk_bytes);
	give(memory, j->superblock_blocks, WR_JOURNAL_SUPERBLOCK_BYTES);
	give(memory, j->blocks, WR_JOURNAL_BLOCKS_BYTES);
	give(memory, j, sizeof *j);
}

void wr_journal_note_failure(struct wr_journal *j, int code, const char *doing,
			     const struct wr_io *io)
{
	if (j->failure.code != 0)
		return;
	j->failure.code = code;
	j->failure.doing = doing;
	j->failure.file = io != NULL ? io->file : WR_JOURNAL_NONE;
	j->failure.offset_bytes = io != NULL ? io->offset_bytes : 0;
	j->failure.length_bytes = io != NULL ? io->length_bytes : 0;
}

static void name_of_file(const struct wr_journal *j, uint32_t file, char *to, size_t to_bytes)
{
	char name[WR_STORAGE_NAME_MAX + 1] = "";
	uint32_t count = wr_load_relaxed(&j->table->count);

	if (file == j->superblock_file)
		(void)snprintf(name, sizeof name, "%s", WR_SUPERBLOCK_NAME);
	for (uint32_t i = 0; i < count; i++)
		if (wr_segment_file(&j->table->segments[i]) == file &&
		    j->table->segments[i].state != WR_SEGMENT_NONE)
			wr_segment_name(name, j->table->log_id, j->table->segments[i].file_number);
	(void)snprintf(to, to_bytes, "%.47s", name);
}

/* For good: says what failed, then that it failed. */
static void raise_failure(struct wr_journal *j)
{
	const struct wr_journal_failure *f = &j->failure;
	struct weir_problem *p = &j->problem;

	p->code = f->code;
	if (f->file == WR_JOURNAL_NONE) {
		(void)snprintf(p->text, sizeof p->text,
			       "%s failed: %.80s; close and open again to go on", f->doing,
			       weir_strerror(f->code));
	} else {
		name_of_file(j, f->file, p->field, sizeof p->field);
		(void)snprintf(
			p->text, sizeof p->text,
			"%s (%u bytes at offset %llu) failed: %.80s; close and open again to "
			"go on",
			f->doing, f->length_bytes, (unsigned long long)f->offset_bytes,
			weir_strerror(f->code));
	}
	j->failed = true;
	j->moved = true;
	/* PK1: a waiter looks at it once it has announced itself; the release shows the problem. */
	wr_publish_round_u32(&j->link->failed, 1u);
}

static void task_done(struct wr_io *io)
{
	struct wr_journal_task *task = (struct wr_journal_task *)io;
	task->busy = false;
	task->done = true;
	task->journal->in_flight--;
}

int wr_journal_task_submit(struct wr_journal *j, struct wr_journal_task *task)
{
	WR_ASSERT(!task->busy && !task->done);
	task->io.written = NULL;
	task->io.done = task_done;
	int r = j->storage->ops->submit(j->storage, &task->io);
	if (r == 0) {
		task->busy = true;
		j->in_flight++;
	}
	return r;
}

int wr_journal_step(void *journal, uint32_t budget)
{
	struct wr_journal *j = journal;
	int work = 0;

	(void)budget; /* bounded by the rings: at most sixteen writes are handed over */
	if (!j->failed && j->failure.code == 0)
		work += wr_journal_commits_complete(j);
	if (!j->failed && j->failure.code == 0) {
		/*
		 * Before the batches: with two requests in flight at most, a header that a roll
		 * waits for would never find a place under full load.
		 */
		work += wr_journal_segments_step(j);
		work += wr_journal_checkpoint_step(j);
		work += wr_journal_commits_submit(j);
	}
	if (!j->failed && j->failure.code != 0) {
		raise_failure(j);
		work++;
	}
	if (j->moved) {
		j->moved = false;
		if (j->link->moved != NULL)
			j->link->moved(j->link->moved_context);
	}
	int polled = j->storage->ops->poll(j->storage, 0);
	if (j->failed)
		return work; /* 0 but for the round that failed */
	if (polled < 0)
		wr_journal_note_failure(j, polled, "the storage engine", NULL);
	return work + (polled != 0 ? 1 : 0);
}

int wr_journal_pack_step(void *journal, uint32_t budget)
{
	struct wr_journal *j = journal;

	(void)budget;
	return j->packer != NULL ? wr_packer_step(j->packer) : 0;
}

void wr_journal_pack_end(struct wr_journal *journal)
{
	if (journal != NULL && journal->packer != NULL)
		wr_packer_end(journal->packer);
}

uint64_t wr_journal_pack_idle_ns(void *journal)
{
	struct wr_journal *j = journal;

	return j->packer != NULL ? wr_packer_idle_ns(j->packer) : UINT64_MAX;
}

uint64_t wr_journal_pack_inside_ns(const struct wr_journal *j, uint64_t now_ns)
{
	uint64_t since_ns = j->packer != NULL ? wr_load_relaxed(&j->packer->inside_ns) : 0;

	return since_ns != 0 && now_ns > since_ns ? now_ns - since_ns : 0;
}

uint64_t wr_journal_idle_ns(void *journal)
{
	struct wr_journal *j = journal;

	if (j->failed)
		return UINT64_MAX;
	uint64_t idle_ns = wr_min_u64(wr_journal_age_idle_ns(j), wr_journal_removal_idle_ns(j));
	idle_ns = wr_min_u64(idle_ns, wr_journal_packing_idle_ns(j));
	idle_ns = wr_min_u64(idle_ns, wr_journal_packed_idle_ns(j));
	idle_ns = wr_min_u64(idle_ns, wr_journal_ahead_idle_ns(j));
	if (j->files.retry_at_ns == 0 && !j->room.has_room)
		return idle_ns;
	uint64_t now_ns = wr_clock_mono_ns(j->clock);
	idle_ns = wr_min_u64(idle_ns, wr_journal_room_idle_ns(j, now_ns));
	if (j->files.retry_at_ns == 0)
		return idle_ns;
	uint64_t retry_ns = j->files.retry_at_ns > now_ns ? j->files.retry_at_ns - now_ns : 0;
	return wr_min_u64(retry_ns, idle_ns);
}

bool wr_journal_is_idle(const struct wr_journal *journal)
{
	const struct wr_journal *j = journal;
	if (j->in_flight != 0)
		return false;
	return j->failed ||
	       (j->failure.code == 0 && j->writes_done == j->writes_pushed &&
		j->files.header_phase == WR_JOURNAL_READY_NONE && !j->files.prepare.done &&
		!j->files.removal.task.done && !j->files.going_task.done &&
		j->checkpoint.phase == WR_JOURNAL_CHECKPOINT_NONE);
}

void wr_journal_closing(struct wr_journal *journal)
{
	journal->closing = true;
}

int wr_journal_close_clean(struct wr_journal *journal, uint64_t last_seq, uint64_t segment_id,
			   uint64_t end_offset, uint32_t header_crc)
{
	struct wr_journal *j = journal;

	if (j->failed || j->failure.code != 0)
		return WEIR_E_FAILED;
	if (!wr_journal_is_idle(j))
		return WEIR_E_AGAIN;
	j->superblock.clean_segment_id = segment_id;
	j->superblock.clean_offset = end_offset;
	j->superblock.clean_last_seq = last_seq;
	j->superblock.clean_header_crc = header_crc;
	j->superblock.clean = 1;
	wr_journal_range_fill(j, &j->superblock);
	return wr_superblock_write(j->storage, j->memory, j->superblock_file, 0, &j->superblock);
}

void wr_journal_stats(const struct wr_journal *journal, struct wr_journal_stats *ret_stats)
{
	/* An atomic load from a const object is not C11; nothing is written through this. */
	struct wr_journal_cells *c = &((struct wr_journal *)(uintptr_t)journal)->cells;

	*ret_stats = (struct wr_journal_stats){
		.batches = wr_load_relaxed(&c->batches),
		.batch_bytes = wr_load_relaxed(&c->batch_bytes),
		.writes = wr_load_relaxed(&c->writes),
		.segments_live = wr_load_relaxed(&c->segments_live),
		.segments_spare = wr_load_relaxed(&c->segments_spare),
		.segments_recycled = wr_load_relaxed(&c->segments_recycled),
		.checkpoints = wr_load_relaxed(&c->checkpoints),
		.checkpoint_seq = wr_load_relaxed(&c->checkpoint_seq),
		.checkpoint_failures = wr_load_relaxed(&c->checkpoint_failures),
		.prepare_failures = wr_load_relaxed(&c->prepare_failures),
		.segments_dropped = wr_load_relaxed(&c->segments_dropped),
		.segments_removed = wr_load_relaxed(&c->segments_removed),
		.segments_packed = wr_load_relaxed(&c->segments_packed),
		.pack_failures = wr_load_relaxed(&c->pack_failures),
		.compactions = wr_load_relaxed(&c->compactions),
		.left_out = wr_load_relaxed(&c->left_out),
		.erased_seq = wr_load_relaxed(&journal->link->erased_seq),
		.erasing_seq = wr_load_relaxed(&c->erasing_seq),
		.erase_waits_for = wr_load_relaxed(&c->erase_waits_for),
		.packed_live = wr_load_relaxed(&c->packed_live),
		.packed_bytes = wr_load_relaxed(&c->packed_bytes),
		.log_bytes = wr_load_relaxed(&c->log_bytes),
		.free_bytes = wr_load_relaxed(&c->free_bytes),
		.low_space = wr_load_relaxed(&c->low_space) != 0,
		.no_room_code = -(int)wr_load_relaxed(&c->no_room_code),
		.no_room_told = -(int)wr_load_relaxed(&c->no_room_told),
	};
}

const struct weir_problem *wr_journal_problem(const struct wr_journal *journal)
{
	return &journal->problem;
}
