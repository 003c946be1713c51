/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log as it was seen: every record is copied when it becomes visible. After a crash the log
 * that came back is a prefix of that copy, at least as long as what was promised; the tables that
 * recovery made of a checkpoint and a tail are the fold of all of it. What the medium holds of it:
 * oracle_medium.c.
 */
#include <string.h>

#include "io/sim/memory_sim.h"
#include "tests/sim/oracle.h"

#define TABLES_BYTES_MAX (64u * 1024)

struct oracle oracle;
static struct wr_tables shadow;
static struct wr_memory_sim shadow_memory;
static bool shadow_ready;

void oracle_reset(void)
{
	struct wr_tables_limits limits;

	memset(&oracle, 0, offsetof(struct oracle, records));
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++)
		memset(&oracle.subscriptions[s], 0, sizeof oracle.subscriptions[s]);
	oracle_fold_reset();
	oracle_queues_fold_anew(0);
	oracle.kept_seq = 0;
	if (!shadow_ready) {
		wr_memory_sim_init(&shadow_memory, NULL);
		/* For any seed. */
		struct weir_options most = world.options;
		most.topics_max = WORLD_TOPICS_MAX;
		most.partitions_max = WORLD_TOPICS_MAX * ORACLE_PARTITIONS_MAX;
		most.outstanding_max = WORLD_OUTSTANDING;
		most.filter_bytes_max = world_filter_bytes_max();
		most.schemas_max = WORLD_SCHEMAS;
		most.schema_bytes_max = WORLD_SCHEMA_BYTES;
		wr_tables_limits_of(&most, &limits);
		limits.named_producers_max = WORLD_NAMES + WORLD_REPLAYS;
		limits.erasures_max = ORACLE_ERASURES_MAX; /* also where this one has no journal */
		world_check(wr_tables_init(&shadow, &shadow_memory.base, &limits) == 0,
			    "no memory for the oracle", 0, 0);
		shadow_ready = true;
	}
	wr_tables_reset(&shadow);
	shadow.may_lack_events = world.compacts || world.erases || world.retires;
}

uint32_t oracle_source_new(bool named)
{
	world_check(oracle.source_count < ORACLE_SOURCES_MAX, "too many sources", 0, 0);
	struct oracle_source *s = &oracle.sources[oracle.source_count];
	s->named = named;
	s->closed = false;
	s->last_k = s->durable_k = s->written_k = 0;
	s->has_runs = false;
	memset(s->seq_of, 0, sizeof s->seq_of);
	memset(s->made_at, 0, sizeof s->made_at);
	return oracle.source_count++;
}

/* --- taking records in ------------------------------------------------------------------------ */

static uint64_t time_of(struct wr_chunk *chunk, uint64_t seq, const struct wr_record *r)
{
	uint32_t index = (uint32_t)(seq - chunk->first_seq);
	uint32_t b = wr_load_relaxed(&chunk->batch_count) - 1;

	while (b > 0 && chunk->batches[b].first_index > index)
		b--;
	const struct wr_batch_header *header =
		(const struct wr_batch_header *)(chunk->readable + chunk->batches[b].place_bytes);
	return header->time_base_us + r->time_delta_us;
}

static const struct wr_record *record_at(uint64_t seq, uint64_t *ret_time_us)
{
	struct wr_chunks *c = &world.pipeline->chunks;

	for (;; oracle.tap_ordinal++) {
		struct wr_chunk *chunk = wr_chunks_by_ordinal(c, oracle.tap_ordinal);
		world_check(oracle.tap_ordinal < wr_load_acquire(&c->head),
			    "a visible record is in no chunk", seq, oracle.tap_ordinal);
		if (chunk == NULL)
			continue;
		uint64_t end = wr_load_relaxed(&chunk->end_seq);
		if (end != 0 && seq >= end)
			continue;
		uint32_t entry = chunk->column[seq - chunk->first_seq];
		const struct wr_record *r =
			(const struct wr_record *)(chunk->readable + wr_column_place(c, entry));
		*ret_time_us = time_of(chunk, seq, r);
		return r;
	}
}

static void take_in(uint64_t seq, const struct wr_record *r, uint64_t time_us)
{
	struct oracle_record *o = &oracle.records[seq];

	world_check(seq < ORACLE_RECORDS_MAX && oracle.bytes_used + r->bytes < ORACLE_BYTES_MAX,
		    "more records than the oracle has room for", seq, r->bytes);
	*o = (struct oracle_record){
		.at = oracle.bytes_used,
		.bytes = r->bytes,
		.epoch = world.pipeline->writer.options.epoch,
		.time_us = time_us,
		.kind = r->kind,
	};
	world_check(seq == 1 || time_us >= oracle.records[seq - 1].time_us, "append time went back",
		    seq, time_us);
	memcpy(oracle.bytes + o->at, r, r->bytes);
	oracle.bytes_used += (uint32_t)wr_round_up(r->bytes, 8);
	oracle.end_seq = seq;
	for (uint32_t s = 0; world.has_queues && s < WORLD_SUBSCRIPTIONS; s++)
		oracle.queues[s].touched_end = seq + 1;
	oracle_fold(seq, true);
}

void oracle_tap(void)
{
	uint64_t visible = wr_writer_visible_seq(&world.pipeline->writer);

	while (oracle.end_seq < visible) {
		uint64_t time_us, seq = oracle.end_seq + 1;
		const struct wr_record *r = record_at(seq, &time_us);
		take_in(seq, r, time_us);
	}
	world_check(oracle.letter_seq == 0, "a dead letter without the settle of its event",
		    oracle.letter_seq, oracle.end_seq);
	world_check(oracle.run_left == 0, "a part of a transaction is visible", oracle.end_seq,
		    oracle.run_left);
}

/* What any thread could see promised now. */
void oracle_look(void)
{
	struct wr_journal_link *link = &world.pipeline->link;
	uint64_t durable = wr_load_acquire(&link->durable_seq);
	uint64_t written = wr_load_acquire(&link->written_seq);

	world_check(durable <= written && written <= oracle.end_seq, "positions out of order",
		    durable, written);
	world_check(durable >= oracle.kept_seq, "the durable sequence went back", durable,
		    oracle.kept_seq);
	oracle.kept_seq = durable;
}

uint64_t oracle_find_time(uint64_t time_us)
{
	uint64_t seq = world_oldest();
	uint64_t end_seq = world.memory_only ? oracle.end_seq : oracle.kept_seq;

	while (seq <= end_seq && oracle.records[seq].time_us < time_us)
		seq++;
	return seq;
}

/* --- the tables ------------------------------------------------------------------------------- */

static void shadow_apply(uint64_t up_to)
{
	struct wr_undo none = {0};
	struct wr_decision decision;
	struct wr_record_view view;

	for (uint64_t seq = oracle.shadow_seq + 1; seq <= up_to; seq++) {
		const struct oracle_record *o = &oracle.records[seq];
		world_check(wr_record_view(oracle.bytes + o->at, o->bytes, &view),
			    "a record in the log is malformed", seq, 0);
		shadow.now_us = o->time_us;
		int rc = wr_decide(&shadow, &none, &view, seq, true, &decision);
		world_check(rc == 0, "a record in the log would be refused on replay", seq,
			    (uint64_t)-rc);
		oracle.shadow_seq = seq;
	}
}

/* The shadow tables decide as the library does; the rows here were folded without it. */
static void compare_positions(void)
{
	struct wr_tables *t = &world.pipeline->tables;

	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++) {
		const struct oracle_subscription *sub = &oracle.subscriptions[s];
		for (uint32_t r = 0; sub->exists && r < sub->row_count; r++) {
			uint32_t first = t->catalog.subscriptions[s].row_first;
			struct wr_settle_row *row = &t->settle.rows[first + r];
			world_check(wr_load_relaxed(&row->position) == sub->rows[r].position,
				    "a position is not what the log says",
				    wr_load_relaxed(&row->position), sub->rows[r].position);
			world_check(wr_load_relaxed(&row->generation) == sub->rows[r].generation,
				    "a generation is not what the log says",
				    wr_load_relaxed(&row->generation), sub->rows[r].generation);
		}
	}
}

/* L15, L30: tables are the fold of the log, wherever they came from. All records are kept. */
void oracle_compare_tables(void)
{
	static uint8_t here[TABLES_BYTES_MAX], there[TABLES_BYTES_MAX];
	struct wr_sink a = {.bytes = here, .capacity_bytes = sizeof here};
	struct wr_sink b = {.bytes = there, .capacity_bytes = sizeof there};

	shadow_apply(oracle.end_seq);
	wr_tables_save(&world.pipeline->tables, &a);
	wr_tables_save(&shadow, &b);
	world_check(!a.failed && !b.failed && a.used_bytes == b.used_bytes &&
			    memcmp(here, there, a.used_bytes) == 0,
		    "the tables are not the fold of the log", oracle.end_seq, a.used_bytes);
	compare_positions();
	oracle_queues_compare();
	oracle_tries_compare();
}

/* --- after a recovery ------------------------------------------------------------------------- */

static void fold_anew(uint64_t last_seq)
{
	for (uint64_t seq = last_seq + 1; seq <= oracle.end_seq; seq++)
		for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++)
			oracle.subscriptions[s].flags[seq] = 0;
	if (last_seq < oracle.end_seq) {
		world_sometimes(SOMETIMES_LOST_TAIL);
		oracle.bytes_used = oracle.records[last_seq + 1].at;
	}
	oracle.end_seq = last_seq;
	oracle_fold_reset();
	oracle_queues_fold_anew(last_seq);
	for (uint64_t seq = 1; seq <= last_seq; seq++)
		oracle_fold(seq, false);
	world_check(oracle.letter_seq == 0, "a dead letter without the settle of its event",
		    oracle.letter_seq, last_seq);
	world_check(oracle.run_left == 0, "a part of a transaction came back", last_seq,
		    oracle.run_left);
}

static void check_promises(void)
{
	for (uint32_t i = 0; i < oracle.source_count; i++) {
		const struct oracle_source *s = &oracle.sources[i];
		world_check(s->last_k >= s->durable_k,
			    "an event acknowledged as durable is gone (source, k)", i,
			    s->durable_k);
		world_check(oracle.power_went || s->last_k >= s->written_k,
			    "an event acknowledged as written is gone (source, k)", i,
			    s->written_k);
	}
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++) {
		struct oracle_subscription *sub = &oracle.subscriptions[s];
		for (uint32_t r = 0; r < sub->row_count; r++)
			world_check(sub->rows[r].position >= sub->rows[r].durable_position,
				    "progress committed as durable is gone", sub->rows[r].position,
				    sub->rows[r].durable_position);
	}
	oracle_queues_check_kept();
}

void oracle_recovered(void)
{
	const struct wr_recovery_report *report = &world.pipeline->recovery;
	uint64_t last_seq = report->last_seq;

	world_check(last_seq >= oracle.kept_seq, "durable records are gone", last_seq,
		    oracle.kept_seq);
	world_check(oracle.power_went || last_seq >= oracle.cached_seq,
		    "written records are gone though the power stayed on", last_seq,
		    oracle.cached_seq);
	world_check(last_seq <= oracle.end_seq, "the log is longer than what was ordered", last_seq,
		    oracle.end_seq);
	world_check(report->oldest_seq <= last_seq + 1, "the oldest record lies behind the last",
		    report->oldest_seq, last_seq);
	if (report->trimmed_bytes > 0)
		world_sometimes(SOMETIMES_TRIMMED);
	if (report->checkpoint_seq != 0)
		world_sometimes(SOMETIMES_CHECKPOINT_USED);
	if (report->oldest_seq > 1)
		world_sometimes(SOMETIMES_RETIRED);
	fold_anew(last_seq);
	check_promises();
	oracle_compare_tables();
	oracle.kept_seq = last_seq;
	oracle.cached_seq = 0;
	oracle.power_went = false;
	oracle.tap_ordinal = 0;
	for (uint32_t i = 0; i < oracle.source_count; i++)
		oracle.sources[i].written_k = oracle.sources[i].durable_k =
			oracle.sources[i].last_k;
}
