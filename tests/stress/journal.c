/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal step in a thread of its own, its writer in another and readers of the segment table
 * in a third, for ThreadSanitizer and for real interleavings: the rings, the positions (D1), the
 * checkpoint's slot (K1) and the table (T1). The medium is simulated and belongs to the step.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/base/pause.h"
#include "tests/support/journal_rig.h"

#define RECORDS 300000u
#define CHECKPOINT_RECORDS 500u

static struct journal_rig rig;
static wr_atomic_u32 stop;
static wr_atomic_u32 faults;

static void fault(const char *what)
{
	if (wr_add_relaxed(&faults, 1u) < 10)
		printf("# %s\n", what);
}

static void *step_for_ever(void *unused)
{
	(void)unused;
	while (!wr_load_acquire(&stop))
		if (journal_rig_step(&rig) == 0)
			(void)rig.storage->ops->poll(rig.storage, 100000);
	return NULL;
}

/* A lookup gives an entry that belongs together, and the oldest only moves up. */
static void *look_for_ever(void *unused)
{
	uint64_t oldest_before = 0;
	struct wr_segment_found found;

	(void)unused;
	while (!wr_load_acquire(&stop)) {
		uint64_t durable = wr_load_acquire(&rig.link.durable_seq);
		if (durable == 0)
			continue;
		bool is_found = wr_segment_find(&rig.table, durable, &found);
		uint64_t oldest = wr_segment_oldest_seq(&rig.table);
		/* Everything is recycled here: what was durable may have left since it was read. */
		if (is_found ? found.first_seq > durable : oldest <= durable)
			fault("a durable record is in no segment");
		if (oldest < oldest_before)
			fault("the oldest sequence moved back");
		oldest_before = oldest;
		if (wr_load_acquire(&rig.link.written_seq) < durable)
			fault("durable before written");
	}
	return NULL;
}

static void write_all(void)
{
	struct mini_writer *w = &rig.writer;
	uint64_t durable_before = 0;

	for (uint32_t i = 0; i < RECORDS && wr_load_relaxed(&faults) == 0;) {
		enum mini_writer_result r = mini_writer_append(w, i & 1, i, 64 + i % 200);
		if (r == MINI_WRITER_DONE)
			i++;
		else
			wr_pause();
		if (i % 7 == 0)
			(void)mini_writer_seal(w);
		if (i % CHECKPOINT_RECORDS == 0 && !w->is_open &&
		    mini_writer_checkpoint_is_free(w)) {
			memset(rig.checkpoint_buffer, (int)i, WR_BLOCK_BYTES);
			(void)mini_writer_checkpoint(w, WR_BLOCK_BYTES, w->next_seq);
			(void)mini_writer_append(w, 0, i, 64);
		}
		uint64_t durable = journal_rig_durable(&rig);
		if (durable < durable_before || durable >= w->next_seq)
			fault("the durable sequence is wrong");
		durable_before = durable;
		for (uint32_t lane = 0; lane < 2; lane++)
			if (wr_load_acquire(&rig.link.lanes[lane].durable_ticket) > w->ticket[lane])
				fault("a ticket that was not given out");
	}
	while (mini_writer_seal(w) != MINI_WRITER_DONE || !mini_writer_is_drained(w))
		wr_pause();
	if (journal_rig_durable(&rig) != w->next_seq - 1)
		fault("the end is not durable");
	for (uint32_t lane = 0; lane < 2; lane++)
		if (wr_load_acquire(&rig.link.lanes[lane].durable_ticket) != w->ticket[lane])
			fault("a lane's last ticket is not durable");
}

int main(void)
{
	struct wr_sim_disk *disk = wr_sim_disk_create(3, NULL);
	struct journal_rig_options options = journal_rig_defaults(disk);
	struct wr_journal_stats stats;
	pthread_t stepper, looker;

	options.checkpoint_bytes = WR_BLOCK_BYTES;
	options.journal.retention_bytes = 1;
	printf("1..2\n");
	if (journal_rig_open(&rig, &options) != 0 ||
	    pthread_create(&stepper, NULL, step_for_ever, NULL) != 0 ||
	    pthread_create(&looker, NULL, look_for_ever, NULL) != 0) {
		printf("Bail out! cannot start: %s\n", rig.problem.text);
		return 1;
	}
	write_all();
	wr_store_release(&stop, 1u);
	pthread_join(stepper, NULL);
	pthread_join(looker, NULL);
	wr_journal_stats(rig.journal, &stats);
	bool good = wr_load_relaxed(&faults) == 0;
	bool recycled = stats.segments_recycled > 10 && stats.checkpoints > 10;
	journal_rig_close(&rig);
	wr_sim_disk_destroy(disk);
	printf("%s 1 - positions, tickets and lookups are right beside the step\n",
	       good ? "ok" : "not ok");
	printf("%s 2 - segments were recycled meanwhile\n", recycled ? "ok" : "not ok");
	return good && recycled ? 0 : 1;
}
