/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches: from the commits ring to the storage, and their positions back. Completions come in any
 * order; what is published follows the log, because an acknowledged batch behind a hole would be
 * trimmed by the next recovery (promise P1, R3).
 *
 * Batches that are neighbours in memory and on the medium go out as one write of at most a chunk:
 * a write costs much the same whatever its size, and so fewer of them is faster.
 *
 * seal_before_ack: a batch is on the medium when its write is done (medium_seq), and acknowledged
 * when a later header that says so is on the medium too: only then can no damage to the batch pass
 * for a torn tail (L29).
 *
 * Invariants I1, I2. Thread: the step's.
 */
#include "core/journal/journal_internal.h"

#include <errno.h>

#include "core/base/assert.h"
#include "core/base/bug.h"
#include "core/base/probe.h"
#include "core/port/park.h"

static struct wr_commit *commit_at(struct wr_journal *j, uint64_t position)
{
	return &j->link->commits[position & j->link->commits_ring.mask];
}

static struct wr_journal_write *write_at(struct wr_journal *j, uint64_t position)
{
	return &j->writes[position % WR_BATCHES_IN_FLIGHT_MAX];
}

static void write_written(struct wr_io *io)
{
	struct wr_journal_write *w = (struct wr_journal_write *)io;

	w->written = true;
	/* Where one call does both there is nothing between them. */
	if (w->journal->options.syncs_apart)
		w->written_ns = wr_clock_mono_ns(w->journal->clock);
}

static void write_done(struct wr_io *io)
{
	struct wr_journal_write *w = (struct wr_journal_write *)io;

	w->journal->in_flight--;
	if (io->result != 0 && !WR_BUG(ACK_OF_FAILED_SYNC)) {
		wr_journal_note_failure(w->journal, io->result, "the write of a batch", io);
		return; /* never done: nothing behind it is published any more */
	}
	for (uint64_t at = w->journal->writes_done;
	     WR_BUG(ACK_UP_TO_NEWEST) && write_at(w->journal, at) != w; at++)
		write_at(w->journal, at)->written = write_at(w->journal, at)->done = true;
	w->written = true;
	w->done = true;
	if (w->journal->options.tally != NULL)
		w->ended_ns = wr_clock_mono_ns(w->journal->clock);
}

/* Whether `next` goes on where `last` ends, in memory and on the medium. */
static bool is_adjacent(const struct wr_commit *last, const struct wr_commit *next)
{
	return next->segment_id == last->segment_id && /* and so in one file */
	       next->segment_offset == last->segment_offset + last->batch_bytes &&
	       next->bytes == last->bytes + last->batch_bytes;
}

/* Fills `w` with the batch at `first` and its neighbours below `end`. */
static void write_gather(struct wr_journal *j, struct wr_journal_write *w, uint64_t first,
			 uint64_t end)
{
	const struct wr_commit *last = commit_at(j, first);

	WR_ASSERT(last->batch_bytes <= j->table->chunk_bytes);
	w->written = false;
	w->done = false;
	w->written_ns = 0;
	w->commit_count = 1;
	w->io = (struct wr_io){
		.kind = WR_IO_WRITE,
		.flags = WR_IO_DURABLE,
		.file = last->file,
		.length_bytes = last->batch_bytes,
		.offset_bytes = last->segment_offset,
		/* Only a READ's buffer is written to. */
		.buffer = (void *)(uintptr_t)last->bytes,
		.written = write_written,
		.done = write_done,
	};
	for (uint64_t at = first + 1; at < end; at++) {
		const struct wr_commit *next = commit_at(j, at);
		if (!is_adjacent(last, next) ||
		    w->io.length_bytes + next->batch_bytes > j->table->chunk_bytes)
			break;
		w->io.length_bytes += next->batch_bytes;
		w->commit_count++;
		last = next;
	}
}

/*
 * A commit without bytes: marks of lanes that had nothing but refusals since the last batch. It
 * takes its place in the order like a write, and is done as soon as those before it are.
 */
static void push_marks_only(struct wr_journal *j)
{
	struct wr_journal_write *w = write_at(j, j->writes_pushed);

	w->io.length_bytes = 0;
	w->commit_count = 1;
	w->written = true;
	w->done = true;
	j->writes_pushed++;
	j->commits_submitted++;
}

int wr_journal_commits_submit(struct wr_journal *j)
{
	struct wr_spsc *ring = &j->link->commits_ring;
	uint64_t end = ring->head_own + wr_spsc_ready_for(ring, ring->mask + 1);
	int work = 0;

	while (j->commits_submitted < end &&
	       j->writes_pushed - j->writes_done < j->options.batches_in_flight_max) {
		struct wr_journal_write *w = write_at(j, j->writes_pushed);
		const struct wr_commit *first = commit_at(j, j->commits_submitted);

		if (first->batch_bytes == 0) {
			push_marks_only(j);
			work++;
			continue;
		}
		write_gather(j, w, j->commits_submitted, end);
		wr_journal_age_batch(j, first->time_us);
		if (first->segment_id != j->files.newest_live_id)
			wr_journal_segment_goes_live(j, first);
		if (j->options.tally != NULL)
			w->begun_ns = wr_clock_mono_ns(j->clock);
		int r = j->storage->ops->submit(j->storage, &w->io);
		if (r == -EAGAIN)
			break; /* the storage is full: its next completion makes room */
		if (r < 0) {
			wr_journal_note_failure(j, r, "handing over a batch", &w->io);
			break;
		}
		WR_PROBE4(batch_submitted, first->first_seq, w->commit_count, w->io.length_bytes,
			  w->io.offset_bytes);
		j->in_flight++;
		j->writes_pushed++;
		j->commits_submitted += w->commit_count;
		wr_journal_cell_add(&j->cells.writes, 1);
		work++;
	}
	return work;
}

/* The marks [from, from + count) of the ring, to the lanes. */
static void publish_marks(struct wr_journal *j, uint64_t from, uint64_t count, bool durable)
{
	struct wr_journal_link *link = j->link;

	for (uint64_t at = from; at < from + count; at++) {
		const struct wr_lane_mark *mark = &link->marks[at & link->marks_ring.mask];
		WR_ASSERT(mark->lane < link->lane_count);
		struct wr_lane_durable *lane = &link->lanes[mark->lane];
		wr_publish_round_u64(durable ? &lane->durable_ticket : &lane->written_ticket,
				     mark->ticket); /* D1 */
	}
}

/* Of runs that were timed: those that have come to a level, all up to `seq`. */
static void tally_samples(struct wr_journal *j, uint64_t seq, bool durable)
{
	struct wr_spsc *ring = &j->link->samples_ring;
	struct wr_journal_tally *t = j->options.tally;
	uint64_t now_ns = 0;

	if (t == NULL)
		return;
	uint64_t end = ring->head_own + wr_spsc_ready_for(ring, ring->mask + 1);
	uint64_t at = durable ? ring->head_own : j->samples_written;
	for (; at < end; at++) {
		const struct wr_ack_sample *s = &j->link->samples[at & ring->mask];
		if (s->seq > seq)
			break;
		if (now_ns == 0)
			now_ns = wr_clock_mono_ns(j->clock);
		wr_tally_record_many(durable ? &t->ack_durable_ns : &t->ack_written_ns,
				     now_ns - wr_min_u64(s->at_ns, now_ns), s->weight);
	}
	if (!durable)
		j->samples_written = at;
	else if (at > ring->head_own)
		wr_spsc_pop(ring, at - ring->head_own);
	j->samples_written = wr_max_u64(j->samples_written, ring->head_own);
}

/* What the kernel has, in order. */
static int complete_written(struct wr_journal *j)
{
	struct wr_spsc *marks = &j->link->marks_ring;
	uint64_t written_seq = 0;
	int count = 0;

	while (j->writes_written < j->writes_pushed && write_at(j, j->writes_written)->written) {
		const struct wr_journal_write *w = write_at(j, j->writes_written);
		for (uint32_t i = 0; i < w->commit_count; i++) {
			const struct wr_commit *c = commit_at(j, j->commits_written);
			/* The writer pushes a batch's marks before the batch. */
			uint64_t marks_end = j->marks_written + c->mark_count - marks->head_own;
			WR_ASSERT(wr_spsc_ready_for(marks, marks_end) >= marks_end);
			publish_marks(j, j->marks_written, c->mark_count, false);
			if (WR_BUG(TICKET_BEFORE_SYNC))
				publish_marks(j, j->marks_written, c->mark_count, true);
			j->marks_written += c->mark_count;
			j->commits_written++;
			written_seq = c->end_seq - 1;
		}
		j->writes_written++;
		count++;
	}
	if (count > 0) {
		wr_publish_round_u64(&j->link->written_seq, written_seq); /* D1 */
		tally_samples(j, written_seq, false);
	}
	if (WR_BUG(ACK_BEFORE_SYNC) && count > 0) {
		j->durable_seq = written_seq;
		wr_publish_round_u64(&j->link->durable_seq, written_seq); /* D1 */
	}
	return count;
}

/* Acknowledges the oldest unacknowledged batches: `mark_count` marks, everything up to `seq`. */
static void acknowledge(struct wr_journal *j, uint32_t mark_count, uint64_t seq)
{
	publish_marks(j, j->link->marks_ring.head_own, mark_count, true);
	if (mark_count > 0)
		wr_spsc_pop(&j->link->marks_ring, mark_count);
	j->durable_seq = wr_max_u64(j->durable_seq, seq);
}

/* A batch that has to wait for its evidence. */
static void unattested_push(struct wr_journal *j, uint64_t last_seq, uint32_t mark_count)
{
	if (j->unattested_tail - j->unattested_head == WR_JOURNAL_COMMITS_MAX) {
		/* Only a writer that attests less than it could gets here: acknowledged later. */
		struct wr_journal_unattested *last =
			&j->unattested[(j->unattested_tail - 1) % WR_JOURNAL_COMMITS_MAX];
		last->last_seq = last_seq;
		last->mark_count += mark_count;
		return;
	}
	j->unattested[j->unattested_tail % WR_JOURNAL_COMMITS_MAX] =
		(struct wr_journal_unattested){.last_seq = last_seq, .mark_count = mark_count};
	j->unattested_tail++;
}

static void acknowledge_attested(struct wr_journal *j)
{
	while (j->unattested_head < j->unattested_tail) {
		const struct wr_journal_unattested *u =
			&j->unattested[j->unattested_head % WR_JOURNAL_COMMITS_MAX];
		if (u->last_seq > j->attested_seq)
			break;
		acknowledge(j, u->mark_count, u->last_seq);
		j->unattested_head++;
	}
}

/* Counts a write that is done, and the age of what each of its batches begins with. */
static void tally(struct wr_journal *j, const struct wr_journal_write *w, uint64_t first_commit)
{
	struct wr_journal_tally *t = j->options.tally;

	if (t == NULL || w->io.length_bytes == 0)
		return;
	uint64_t now_us = wr_clock_boot_ns(j->clock) / 1000 +
			  wr_load_relaxed(j->options.append_minus_boot_us);
	wr_tally_record(&t->write_ns, w->ended_ns - wr_min_u64(w->begun_ns, w->ended_ns));
	if (w->written_ns != 0)
		wr_tally_record(&t->sync_ns, w->ended_ns - wr_min_u64(w->written_ns, w->ended_ns));
	wr_tally_record(&t->write_bytes, w->io.length_bytes);
	for (uint32_t i = 0; i < w->commit_count; i++) {
		const struct wr_commit *c = commit_at(j, first_commit + i);
		if (c->end_seq > c->first_seq)
			wr_tally_record(&t->durable_ns,
					(now_us - wr_min_u64(c->time_us, now_us)) * 1000);
	}
}

/* What the medium has, in order. */
static int complete_done(struct wr_journal *j)
{
	struct wr_spsc *ring = &j->link->commits_ring;
	uint64_t medium_seq = 0;
	uint32_t commits = 0;
	int count = 0;

	while (j->writes_done < j->writes_pushed && write_at(j, j->writes_done)->done) {
		const struct wr_journal_write *w = write_at(j, j->writes_done);
		tally(j, w, ring->head_own + commits);
		for (uint32_t i = 0; i < w->commit_count; i++, commits++) {
			const struct wr_commit *c = commit_at(j, ring->head_own + commits);
			medium_seq = c->end_seq - 1;
			j->medium_segment_id = c->segment_id;
			j->medium_offset = c->segment_offset;
			if (c->durable_ns != NULL)
				wr_store_relaxed(c->durable_ns, w->ended_ns);
			if (j->options.seal_before_ack && !WR_BUG(ACK_WITHOUT_EVIDENCE)) {
				unattested_push(j, medium_seq, c->mark_count);
				j->attested_seq = wr_max_u64(j->attested_seq, c->durable_seq);
			} else {
				acknowledge(j, c->mark_count, medium_seq);
			}
		}
		WR_PROBE4(batch_synced, medium_seq, w->commit_count, w->io.length_bytes,
			  w->io.offset_bytes);
		if (w->io.length_bytes > 0)
			wr_journal_cell_add(&j->cells.batches, w->commit_count);
		wr_journal_cell_add(&j->cells.batch_bytes, w->io.length_bytes);
		j->writes_done++;
		count++;
	}
	if (count == 0)
		return 0;
	if (j->options.seal_before_ack)
		acknowledge_attested(j);
	/*
	 * D1. The writer frees chunks by commits_done and seals by medium_seq, so both are there
	 * before the ring has room for the next commit.
	 */
	wr_publish_round_u64(&j->link->medium_seq, medium_seq);
	wr_publish_round_u64(&j->link->durable_seq, j->durable_seq);
	WR_PROBE2(durable, j->durable_seq, commits);
	wr_publish_round_u64(&j->link->commits_done, ring->head_own + commits);
	wr_spsc_pop(ring, commits);
	tally_samples(j, j->durable_seq, true);
	return count;
}

int wr_journal_commits_complete(struct wr_journal *j)
{
	int count = complete_written(j);
	count += complete_done(j);
	if (count > 0)
		j->moved = true;
	return count;
}
