/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal through many lives: mini writer, journal step, recovery and a faulty medium, all
 * drawn from a seed, against an oracle that knows what was appended and what was acknowledged.
 *
 *   sim_journal [--seed N] [--count N]     seeds N .. N + count - 1; a failing one says how to
 *                                          run it again, alone and with a trace
 *   ... --failures N                       ends after so many seeds have failed
 *
 * A life: open (the power may go in recovery), appends, seals, evidence, checkpoints in a drawn
 * order, then a power cut at a drawn I/O operation, the death of the process, a failed write or
 * sync, or a clean close. What must hold at the next open, whatever happened (I1, I2, I7, I8):
 *
 *   nothing acknowledged is lost, nor what an earlier recovery served; after the death of the
 *   process alone, nothing written is lost either; what is there is what was appended, in order,
 *   without a hole, packed (seed % 4 == 3) or not, compacted, or without what was erased
 *   (journal_leaves.h); of a seed with a chain that is one (journal_chain.h); checkpoint + tail =
 *   fold of the whole log (L30); nothing that a checkpoint says is needed was retired (L31); there
 *   is no false alarm: WEIR_E_CORRUPT never comes. By time no event goes before its log has run for
 *   half of that, whatever the wall clock does (L17).
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/journal/verify.h"
#include "core/record/section.h"
#include "io/sim/storage_sim.h"
#include "tests/sim/arguments.h"
#include "tests/sim/journal_age.h"
#include "tests/sim/journal_beyond.h"
#include "tests/sim/journal_chain.h"
#include "tests/sim/journal_leaves.h"
#include "tests/sim/journal_loss.h"
#include "tests/sim/journal_oracle.h"
#include "tests/sim/journal_situations.h"
#include "tests/support/journal_rig.h"

#define SEEDS_DEFAULT 1500u
#define FAILURES_MAX 5u
#define LIVES_MAX 8u
#define SEQ_MAX JOURNAL_AGE_SEQ_MAX
#define FINISH_ACTS 20000u
#define SOON_NS 50000u

static uint64_t sometimes[SOMETIMES_COUNT];

static struct journal_oracle oracle;
static struct wr_recovery_sink sink; /* the oracle's */
static struct wr_prng prng;
static struct wr_sim_disk *disk;
static struct journal_rig rig;
static uint64_t seed;
static bool tracing;
static bool failed_check;
static struct journal_age age;
static struct journal_leaves leaves;
static struct journal_chain chain;
static bool packs; /* of the seed; what it draws for that is of its own, as for the age */
static struct wr_prng pack_prng;
static bool quiet; /* this life has no faults but its end */

#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
static void
trace(const char *format, ...)
{
	va_list args;

	if (!tracing)
		return;
	va_start(args, format);
	printf("# ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

static void check(bool good, const char *what)
{
	if (good || failed_check)
		return;
	failed_check = true;
	printf("# seed %" PRIu64 ": %s (kept %" PRIu64 ", appended %" PRIu64 ", fed %" PRIu64 ")\n",
	       seed, what, oracle.kept_seq, oracle.appended_seq, oracle.fed_seq);
}

static void note_appended(uint32_t kind, uint64_t first)
{
	uint64_t seq = journal_oracle_appended(&oracle, kind, first);

	journal_age_appended(&age, disk, seq);
	journal_leaves_appended(&leaves, &rig, seq, kind == WR_KIND_EVENT);
}

/* --- a life ----------------------------------------------------------------------------------- */

static struct journal_rig_options draw_options(void)
{
	struct journal_rig_options o = journal_rig_defaults(disk);

	o.chunk_bytes = (uint32_t)wr_prng_between(&prng, 2, 4) * WR_BLOCK_BYTES;
	o.extents = (uint32_t)wr_prng_between(&prng, 1, 5);
	o.checkpoint_bytes = (uint32_t)wr_prng_between(&prng, 1, 3) * WR_BLOCK_BYTES;
	o.sink = &sink;
	o.stamped = age.limit_ns != 0;
	return o;
}

/* What may be another at each open. */
static void draw_life(struct journal_rig_options *o)
{
	o->depth_max = (uint32_t)wr_prng_between(&prng, 1, 8);
	o->journal.segments_ahead = (uint32_t)wr_prng_between(&prng, 1, 3);
	o->journal.batches_in_flight_max = (uint32_t)wr_prng_between(&prng, 1, 8);
	o->journal.seal_before_ack = wr_prng_chance(&prng, 250000);
	o->journal.retention_bytes = 0;
	if (wr_prng_chance(&prng, 750000))
		o->journal.retention_bytes =
			(uint64_t)o->extents * o->chunk_bytes * wr_prng_between(&prng, 1, 4);
	/* From the seed alone: what other seeds do stays as it was. */
	o->journal.drop_oldest = seed % 4 == 1;
	if (age.limit_ns != 0)
		o->journal.retention_bytes = 0;
	o->journal.retention_time_ns = age.limit_ns;
	o->journal.pack = packs;
	journal_leaves_options(&leaves, &o->journal);
	journal_chain_options(&chain, o);
	disk->plan.sync_apart = wr_prng_chance(&prng, 500000);
	disk->plan.latency_max_ns = wr_prng_chance(&prng, 300000) ? 3000000 : 300000;
	wr_fault_plan_heal(&disk->plan);
	quiet = !wr_prng_chance(&prng, 250000);
	if (!quiet)
		wr_fault_plan_swarm(&disk->plan, &prng,
				    1u << WR_FAULT_WRITE_ERROR | 1u << WR_FAULT_SYNC_ERROR |
					    1u << WR_FAULT_READ_ERROR | 1u << WR_FAULT_PREPARE_FULL,
				    2);
	disk->plan.chance_ppm[WR_FAULT_REMOVE_ERROR] = !quiet && seed % 8 == 3 ? 300000 : 0;
	disk->plan.chance_ppm[WR_FAULT_SHORT_READ] = wr_prng_chance(&prng, 500000) ? 100000 : 0;
}

static void check_recovered(void)
{
	uint64_t last_seq = rig.recovered.next_seq - 1;

	check(last_seq >= oracle.kept_seq, "an acknowledged record is gone");
	check(last_seq >= oracle.cached_seq, "a written record is gone though the power stayed on");
	check(last_seq <= oracle.appended_seq, "the log is longer than what was appended");
	check(!oracle.fed_any || oracle.fed_seq == last_seq, "not all of the log was fed");
	check(oracle.fed_first_seq <= 1, "the log begins after its beginning, with no checkpoint");
	check(oracle.fed_any || last_seq == 0, "nothing was fed");
	check(rig.report.oldest_seq <= 1 || rig.report.oldest_seq <= oracle.needed_seq,
	      "what a checkpoint says is needed was retired");
	check(rig.report.oldest_seq <= last_seq + 1, "the oldest record lies behind the last");
	sometimes[SOMETIMES_TRIMMED] += rig.report.trimmed_bytes > 0;
	sometimes[SOMETIMES_TRIMMED_HOLE] += rig.report.valid_batch_followed;
	sometimes[SOMETIMES_UNACKED_FOUND] += last_seq > oracle.kept_seq;
	sometimes[SOMETIMES_CHECKPOINT_USED] += oracle.fed_checkpoint;
	sometimes[SOMETIMES_RETIRED] += rig.report.oldest_seq > 1;
	for (uint32_t n = 0; n < wr_segment_live_count(&rig.table); n++)
		sometimes[SOMETIMES_PACKED_FOUND] +=
			wr_segment_is_packed(wr_segment_live(&rig.table, n));
	sometimes[SOMETIMES_RESUMED] += rig.recovered.resume_segment_id != 0;
	/* What is not there now never comes back; what is there is served, and stays. */
	oracle.appended_seq = last_seq;
	oracle.kept_seq = last_seq;
	oracle.cached_seq = 0;
	journal_leaves_recovered(&leaves, &rig, last_seq);
}

static int trace_damage(void *context, const struct wr_damage *d)
{
	(void)context;
	trace("%s%s segment %" PRIu64 " offset %" PRIu64 ", %" PRIu64 " to %" PRIu64 ": %s",
	      d->corrupt ? "corrupt " : "", d->file, d->segment_id, d->offset, d->first_seq,
	      d->end_seq, d->text);
	return 0;
}

static int visit_events(void *context, const struct wr_batch_header *batch)
{
	(void)context;
	return journal_leaves_batch(&leaves, batch);
}

static int visit_any(void *context, const struct wr_batch_header *batch)
{
	(void)context;
	journal_chain_batch(&chain, batch);
	return 0;
}

/* All that is retained, also below the checkpoint where recovery does not look. */
static void verify_whole_log(void)
{
	static const struct wr_verify_visitor visitor = {
		.batch = visit_events, .any_batch = visit_any, .damage = trace_damage};
	const struct wr_storage_options options = {.sim_disk = disk, .read_only = true};
	struct wr_storage *storage = NULL;
	struct wr_verify_report report;
	struct weir_problem problem;

	if (wr_storage_sim_open(&options, &storage) != 0)
		return;
	journal_chain_begin(&chain, &rig);
	int r = wr_verify_run(storage, &rig.memory.base, 0, UINT64_MAX, &visitor, &report,
			      &problem);
	storage->ops->fini(storage);
	check(r == 0, "the log cannot be verified");
	check(chain.wrong == NULL, chain.wrong);
	check(r != 0 || report.corrupt_count == 0, "the retained log has a hole");
	check(r != 0 || report.last_seq == rig.report.last_seq, "verify ends elsewhere");
	trace("verified from %" PRIu64 ": %" PRIu64 " records", report.oldest_seq,
	      report.record_count);
	/* The start of the journal may have retired some that recovery still saw. */
	check(r != 0 || report.oldest_seq <= 1 || report.oldest_seq <= oracle.needed_seq,
	      "verify misses what a checkpoint says is needed");
	check(r != 0 || rig.report.last_seq == 0 ||
		      report.record_count == report.last_seq - report.oldest_seq + 1,
	      "verify finds fewer records than are retained");
	sometimes[SOMETIMES_VERIFIED]++;
}

static void capture_checkpoint(void)
{
	struct mini_writer *w = &rig.writer;
	struct wr_sink to = {.bytes = rig.checkpoint_buffer,
			     .capacity_bytes = rig.o.checkpoint_bytes};

	if (w->is_open || w->commits_pushed == 0 ||
	    wr_load_acquire(&rig.link.checkpoint.state) != WR_CHECKPOINT_IDLE)
		return;
	size_t place = wr_section_begin(&to, WR_SECTION_CATALOG, 1, 0);
	wr_sink_u64(&to, w->next_seq - 1);
	wr_sink_u64(&to, oracle.fold[w->next_seq - 1]);
	uint64_t more = wr_prng_below(&prng, rig.o.checkpoint_bytes - 64);
	uint8_t *p = wr_put(&to, more);
	if (p != NULL)
		memset(p, 0xee, more);
	wr_section_end(&to, place);
	/* Consumers move on, never back. */
	uint64_t behind = wr_prng_below(&prng, 200);
	uint64_t needed = w->next_seq > behind ? w->next_seq - behind : 1;
	oracle.needed_seq = wr_max_u64(oracle.needed_seq, needed);
	check(mini_writer_checkpoint(w, (uint32_t)to.used_bytes, oracle.needed_seq),
	      "the checkpoint's slot is not free");
}

static void append_some(void)
{
	uint64_t count = wr_prng_between(&prng, 1, 12);

	for (uint64_t i = 0; i < count && oracle.appended_seq < SEQ_MAX - 2; i++) {
		uint64_t id = journal_leaves_id(&leaves, &rig, wr_prng_next(&prng));
		uint32_t bytes =
			(rig.writer.key != 0 ? 40 : 32) + (uint32_t)wr_prng_below(&prng, 400);
		enum mini_writer_result r = mini_writer_append(&rig.writer, 0, id, bytes);
		if (r == MINI_WRITER_DONE)
			note_appended(WR_KIND_EVENT, id);
		if (r == MINI_WRITER_NO_EXTENT && wr_load_acquire(&rig.link.starved)) {
			sometimes[SOMETIMES_STARVED]++;
			if (mini_writer_settle(&rig.writer, 1) == MINI_WRITER_DONE)
				note_appended(WR_KIND_SETTLE, 0);
			return;
		}
	}
}

/* What any thread could see acknowledged now. */
static void look_at_positions(void)
{
	uint64_t durable = journal_rig_durable(&rig), written = journal_rig_written(&rig);

	check(durable <= written && written < rig.writer.next_seq, "positions out of order");
	oracle.kept_seq = wr_max_u64(oracle.kept_seq, durable);
}

static void act(void)
{
	uint64_t what = wr_prng_below(&prng, 100);
	enum journal_wish wish = journal_leaves_wish(&leaves, &rig);

	if (what < 30)
		append_some();
	else if (what < 45)
		(void)mini_writer_seal(&rig.writer);
	else if (what < 47)
		(void)mini_writer_evidence(&rig.writer);
	else if (what < 50)
		(void)mini_writer_close_extent(&rig.writer);
	else if (what < 54)
		capture_checkpoint();
	else if (what < 90)
		(void)journal_rig_step(&rig);
	else
		(void)rig.storage->ops->poll(rig.storage, wr_prng_below(&prng, 500000));
	while (packs && wr_prng_chance(&pack_prng, 500000))
		(void)wr_journal_pack_step(rig.journal, 0);
	if (wish == JOURNAL_WISHES_A_SEGMENT)
		(void)mini_writer_close_extent(&rig.writer);
	else if (wish == JOURNAL_WISHES_A_CHECKPOINT)
		capture_checkpoint();
	look_at_positions();
	journal_leaves_pass(&leaves, &rig);
	check(leaves.wrong == NULL, leaves.wrong);
	check(journal_age_pass(&age, &rig), "an event went before its time");
}

static void end_life(uint64_t cuts_before)
{
	bool is_dark = disk->power_cut_count > cuts_before;
	uint64_t how = wr_prng_below(&prng, 10);

	journal_situations_of_life(sometimes, rig.journal);
	journal_leaves_end(&leaves, &rig);
	check(leaves.wrong == NULL, leaves.wrong);
	disk->plan.capacity_bytes = 0;
	wr_sim_disk_trip_at(disk, 0, 0);
	for (uint32_t fault = 0; fault < WR_FAULT_COUNT; fault++)
		if (disk->plan.taken[fault] > 0)
			trace("faults so far: %" PRIu64 " %s", disk->plan.taken[fault],
			      wr_fault_text(fault));
	if (is_dark) {
		/* The power is gone already. */
	} else if (journal_rig_failed(&rig)) {
		sometimes[SOMETIMES_FAILED]++;
	} else if (how < 3 && journal_rig_close_clean(&rig) == 0) {
		trace("closed at %" PRIu64, oracle.appended_seq);
		sometimes[SOMETIMES_CLEAN]++;
		oracle.kept_seq = oracle.appended_seq;
		return;
	} else if (how < 6) {
		/* The kernel lives on: what reached it is there. */
		oracle.cached_seq = journal_rig_written(&rig);
		trace("killed, written %" PRIu64 ", medium %" PRIu64 ", durable %" PRIu64,
		      oracle.cached_seq, wr_load_acquire(&rig.link.medium_seq),
		      journal_rig_durable(&rig));
		sometimes[SOMETIMES_KILL]++;
		wr_storage_sim_kill(rig.storage);
		journal_rig_close(&rig);
		return;
	}
	trace("power cut, durable %" PRIu64, oracle.kept_seq);
	sometimes[SOMETIMES_POWER_CUT]++;
	journal_rig_crash(&rig);
	journal_rig_close(&rig);
}

/* What a failed sync left behind is gone, and so is the promise for what was written. */
static void drop_clean_pages(void)
{
	if (journal_loss_of_clean_pages(disk))
		oracle.cached_seq = 0;
}

/* On a copy: a segment file goes too. Nobody may open that and find less of what was kept. */
static void lose_a_segment(void)
{
	drop_clean_pages();
	enum journal_loss loss =
		journal_loss_try(disk, &prng, oracle.kept_seq, journal_chain_is_there(&chain));

	check(loss != JOURNAL_LOSS_UNNOTICED, "a segment file is lost and nobody says so");
	check(loss != JOURNAL_LOSS_OTHER, "a lost segment file is taken for something else");
	sometimes[SOMETIMES_LOSS_REFUSED] += loss == JOURNAL_LOSS_REFUSED;
	sometimes[SOMETIMES_LOSS_OF_SPARE] += loss == JOURNAL_LOSS_SPARE;
}

/* True: it is open. A power cut or an I/O error may end the open; then it is opened again. */
static bool open_life(struct journal_rig_options *o)
{
	for (uint32_t tries = 0; tries < 10 && !failed_check; tries++) {
		draw_life(o);
		if (tries > 3)
			wr_fault_plan_heal(&disk->plan);
		wr_sim_disk_trip_at(disk, 0, 0);
		if (tries < 4 && wr_prng_chance(&prng, 300000))
			wr_sim_disk_trip_at(disk, wr_prng_between(&prng, 1, 80), WEIR_E_FAILED);
		journal_oracle_reset(&oracle);
		drop_clean_pages();
		uint64_t cuts = disk->power_cut_count;
		int r = journal_rig_open(&rig, o);
		check(oracle.wrong == NULL, oracle.wrong);
		trace("open: %d %s, next %" PRIu64 ", epoch %u, oldest %" PRIu64, r,
		      rig.problem.text, rig.recovered.next_seq, rig.recovered.epoch,
		      rig.report.oldest_seq);
		if (rig.report.trimmed_bytes > 0)
			trace("trimmed from %" PRIu64 ": segment %" PRIu64 " offset %" PRIu64
			      ", %" PRIu64 " bytes%s",
			      rig.report.trimmed_from_seq, rig.report.trimmed_segment_id,
			      rig.report.trimmed_offset, rig.report.trimmed_bytes,
			      rig.report.valid_batch_followed ? ", a hole" : "");
		if (r == 0) {
			chain.life++;
			check_recovered();
			if (quiet && wr_prng_chance(&prng, 300000)) {
				wr_sim_disk_trip_at(disk, 0, 0);
				verify_whole_log();
			}
			note_appended(WR_KIND_EPOCH_START, rig.recovered.end_segment_id);
			/* Room for one more file, or none. */
			if (o->journal.drop_oldest)
				disk->plan.capacity_bytes =
					wr_sim_disk_used_bytes(disk) +
					(seed / 4 % 2) * rig.table.segment_bytes;
			return true;
		}
		check(r != WEIR_E_CORRUPT, "a false alarm: corruption");
		check(r != WEIR_E_FORMAT, "a false alarm: format");
		if (disk->power_cut_count > cuts) {
			sometimes[SOMETIMES_POWER_CUT_IN_OPEN]++;
			oracle.cached_seq = 0;
		} else {
			sometimes[SOMETIMES_OPEN_ERROR]++;
		}
	}
	check(false, "it does not open any more");
	return false;
}

/* A life in which nothing goes wrong but what was under way at its open. */
static bool live_well(struct journal_rig_options *o)
{
	if (failed_check || !open_life(o))
		return false;
	wr_fault_plan_heal(&disk->plan);
	disk->plan.latency_max_ns = SOON_NS;
	wr_sim_disk_trip_at(disk, 0, 0);
	return true;
}

/* What is to be erased goes in the end, and all else is there. */
static void finish(struct journal_rig_options *o)
{
	bool waits = leaves.erases;

	for (uint32_t tries = 0; tries < 3 && waits && live_well(o); tries++) {
		for (uint32_t i = 0; i < FINISH_ACTS && !journal_rig_failed(&rig) &&
				     journal_leaves_waits(&leaves, &rig);
		     i++)
			act();
		waits = journal_leaves_waits(&leaves, &rig);
		check(!waits || journal_rig_failed(&rig), "what is to be erased never goes");
		end_life(disk->power_cut_count);
	}
	if (!leaves.erases || !live_well(o))
		return;
	verify_whole_log();
	end_life(disk->power_cut_count);
}

/* One fault beyond the promise, in a last life: noticed, or no harm done. */
static void live_beyond(struct journal_rig_options *o)
{
	uint64_t cuts, kept_uuid[2];

	if (seed % 3 != 2 || failed_check || !open_life(o))
		return;
	uint32_t which = journal_beyond_arm(disk, seed / 3);
	uint64_t taken = journal_beyond_taken(disk, which);
	memcpy(kept_uuid, rig.table.uuid, sizeof kept_uuid);
	cuts = disk->power_cut_count;
	for (uint32_t i = 0; i < 200 && !failed_check && !journal_rig_failed(&rig); i++)
		act();
	end_life(cuts);
	wr_fault_plan_heal(&disk->plan);
	drop_clean_pages();
	if (failed_check || journal_beyond_taken(disk, which) == taken)
		return;
	sometimes[SOMETIMES_BEYOND + which]++;
	uint64_t attested = journal_beyond_attested(disk, (const uint8_t *)kept_uuid, 0);
	journal_oracle_reset(&oracle);
	int r = journal_rig_open(&rig, o);
	check(oracle.wrong == NULL, oracle.wrong);
	check(r == 0 || r == WEIR_E_CORRUPT, "damage is taken for something else");
	sometimes[SOMETIMES_BEYOND_REFUSED] += r != 0;
	if (r != 0)
		return;
	uint64_t last_seq = rig.recovered.next_seq - 1;
	check(!oracle.fed_any || oracle.fed_seq == last_seq, "not all of the log was fed");
	check(oracle.fed_first_seq <= 1, "the log begins after its beginning, with no checkpoint");
	check(last_seq >= oracle.kept_seq || journal_beyond_is_lie(which) || attested <= last_seq,
	      "a loss that is attested is not reported");
	sometimes[last_seq >= oracle.kept_seq ? SOMETIMES_BEYOND_WHOLE
					      : SOMETIMES_BEYOND_UNKNOWABLE]++;
}

static void run_seed(void)
{
	struct wr_fault_plan plan;

	memset(&oracle, 0, sizeof oracle);
	sink = journal_oracle_sink(&oracle);
	wr_fault_plan_init(&plan);
	wr_prng_init(&prng, seed);
	journal_age_init(&age, seed);
	journal_leaves_init(&leaves, seed);
	journal_chain_init(&chain, seed);
	packs = seed % 4 == 3;
	wr_prng_init(&pack_prng, seed ^ 0x9ac);
	disk = wr_sim_disk_create(seed ^ 0x5eed, &plan);
	if (disk == NULL) {
		check(false, "no memory");
		return;
	}
	struct journal_rig_options o = draw_options();
	uint64_t lives = wr_prng_between(&prng, 2, LIVES_MAX);
	for (uint64_t life = 0; life < lives && !failed_check && open_life(&o); life++) {
		uint64_t acts = wr_prng_between(&prng, 1, 300), cuts = disk->power_cut_count;
		if (wr_prng_chance(&prng, 500000))
			wr_sim_disk_trip_at(disk, wr_prng_between(&prng, 1, 150), WEIR_E_FAILED);
		for (uint64_t i = 0; i < acts && !failed_check && !journal_rig_failed(&rig); i++)
			act();
		end_life(cuts);
		journal_age_pause(&age, disk);
		if (!failed_check && wr_prng_chance(&prng, 200000))
			lose_a_segment();
	}
	finish(&o);
	live_beyond(&o);
	/* Everything comes to an end when nothing goes wrong any more. */
	wr_sim_disk_trip_at(disk, 0, 0);
	journal_rig_close(&rig);
	wr_sim_disk_destroy(disk);
	check(rig.memory.live_count == 0, "memory was not given back");
	sometimes[SOMETIMES_AGED] += age.gone_count;
	sometimes[SOMETIMES_CLOCK_SET] += age.set_count;
	journal_leaves_count(&leaves, sometimes);
	sometimes[SOMETIMES_CHAINED] += chain.proven_count;
	sometimes[SOMETIMES_CHAINED_LATE] += chain.begun_late_count;
}

int main(int argc, char **argv)
{
	uint64_t first = sim_argument(argc, argv, "--seed", 1);
	bool whole = sim_argument(argc, argv, "--seed", 0) == 0;
	uint64_t count = sim_argument(argc, argv, "--count", whole ? SEEDS_DEFAULT : 1);
	uint64_t failures_max = sim_argument(argc, argv, "--failures", FAILURES_MAX);
	uint64_t failures = 0;

	tracing = !whole && count == 1;
	printf("1..2\n");
	for (seed = first; seed < first + count && failures < failures_max; seed++) {
		failed_check = false;
		run_seed();
		if (failed_check) {
			printf("# run it again: sim_journal --seed %" PRIu64 "\n", seed);
			failures++;
		}
	}
	return journal_situations_say(sometimes, failures, whole) ? 0 : 1;
}
