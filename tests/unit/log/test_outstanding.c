/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what is outstanding of shared subscriptions is what was marked and not settled, each
 *         under its generation; what a refused run did is undone to the last count; and a
 *         checkpoint brings all of it back, also where it lies by now. Rules: L7, L15, L19, L20,
 *         L30, L32.
 * Method: drawn records, good and bad, through wr_decide() against a model that knows each
 *         sequence by itself; after each the table is walked and compared. Sections are saved,
 *         loaded, cut off and flipped.
 */
#include "tests/unit/log/outstanding_bed.h"
#include "tests/unit/log/outstanding_carry.h"
#include "tests/unit/log/outstanding_saved.h"

static struct model_counts counts;

/* ---- the table is the model ---- */

static void compare_queue(uint32_t queue)
{
	struct wr_outstanding *o = &tables.outstanding;
	const struct wr_outstanding_list *list = &o->lists[queue];
	const struct wr_subscription *s = subscription(queue);
	const struct model *m = &models[queue];
	uint64_t lowest = m->frontier;
	uint32_t at = list->first, before = WR_NO_ENTRY;
	for (uint64_t seq = 1; seq < m->frontier; seq++) {
		const struct model_event *e = &m->events[seq];
		if (!e->out)
			continue;
		lowest = wr_min_u64(lowest, e->place != 0 ? e->place : seq);
		CHECK(at != WR_NO_ENTRY);
		const struct wr_outstanding_entry *entry = &o->entries[at];
		CHECK(entry->seq == seq && entry->subscription == queue && entry->prev == before);
		CHECK(entry->row == e->row && entry->bytes == e->bytes && entry->key == e->key);
		CHECK(entry->generation == e->generation && entry->attempts == e->attempts);
		CHECK(entry->reason == e->reason && entry->dead == e->dead);
		CHECK(entry->first_failed_us == e->first_failed_us);
		CHECK(entry->last_failed_us == e->last_failed_us);
		CHECK(entry->not_before_us == e->not_before_us);
		CHECK(entry->expires_us == e->expires_us && entry->priority == e->priority);
		CHECK(entry->place == e->place && entry->said_seq == (e->said ? SEQS : 0));
		CHECK(wr_outstanding_find(o, queue, seq) == entry);
		before = at;
		at = entry->next;
	}
	CHECK(at == WR_NO_ENTRY && list->last == before);
	CHECK(list->first_generation == m->first_generation);
	CHECK(list->top_generation == m->top_generation);
	CHECK(list->frontier == m->frontier && wr_load_relaxed(&list->count) == m->out);
	CHECK(wr_load_relaxed(&tables.settle.rows[s->row_first].position) == lowest);
	for (uint32_t row = 0; row < s->row_count; row++) {
		struct wr_settle_row *r = &tables.settle.rows[s->row_first + row];
		CHECK(row == 0 || wr_load_relaxed(&r->position) == UINT64_MAX);
		CHECK(wr_load_relaxed(&r->events) == m->settled_events[row]);
		CHECK(wr_load_relaxed(&r->bytes) == m->settled_bytes[row]);
	}
}

static void compare(void)
{
	uint32_t out = 0, free_entries = 0;
	for (uint32_t queue = 0; queue < QUEUES; queue++) {
		compare_queue(queue);
		out += models[queue].out;
	}
	struct wr_outstanding *o = &tables.outstanding;
	for (uint32_t at = o->free; at != WR_NO_ENTRY; at = o->entries[at].chain)
		free_entries++;
	CHECK(free_entries == o->free_count && out + free_entries == ENTRIES);
	CHECK(o->pending == WR_NO_ENTRY);
}

/* ---- marks ---- */

static void mark(uint32_t queue)
{
	struct model *m = &models[queue];
	struct wr_mark_event events[16];
	uint64_t from = m->frontier + (below(20) == 0 ? 1 : 0), next = from;
	bool wrong_row = below(30) == 0, keyed = below(2) == 0, terms = below(2) == 0;
	struct wr_mark_head head = {
		.from = from, .count = below(16), .keyed = keyed ? 1 : 0, .terms = terms ? 1 : 0};
	for (uint32_t i = 0; i < head.count; i++) {
		events[i] = (struct wr_mark_event){
			.seq = next + below(3),
			.key = keyed ? 1 + below(9) : 0,
			.not_before_us = terms && below(2) == 0 ? 1 + below(900) : 0,
			.expires_us = terms && below(2) == 0 ? 1 + below(900) : 0,
			.priority = terms ? below(WR_PRIORITY_MAX + 1) : 0,
			.row = below(subscription(queue)->row_count),
			.bytes = below(1000),
		};
		next = events[i].seq + 1;
	}
	if (wrong_row && head.count > 0)
		events[below(head.count)].row = subscription(queue)->row_count + below(2);
	head.to = next + below(3);
	if (head.to > SEQS)
		return;
	(void)share_write_mark(record, queue, &head, events);
	struct wr_undo none = {0};
	struct wr_decision d;
	int rc = decide(record, &none, &d);
	if (from != m->frontier) {
		CHECK(rc == WEIR_E_OUT_OF_SEQUENCE);
	} else if (models[0].out + models[1].out + head.count > ENTRIES ||
		   m->out + head.count > OF_ONE) {
		CHECK(rc == WEIR_E_FULL);
		counts.full++;
	} else if (wrong_row && head.count > 0) {
		CHECK(rc == -EINVAL);
	} else {
		CHECK(rc == 0);
		m->frontier = head.to;
		m->out += head.count;
		for (uint32_t i = 0; i < head.count; i++)
			m->events[events[i].seq] =
				(struct model_event){.out = true,
						     .row = events[i].row,
						     .bytes = events[i].bytes,
						     .key = events[i].key,
						     .not_before_us = events[i].not_before_us,
						     .expires_us = events[i].expires_us,
						     .priority = events[i].priority,
						     .generation = m->first_generation};
		counts.marks++;
	}
}

/* ---- settles ---- */

/* Drawn runs, some of them wrong: how many. */
static uint32_t draw_runs(uint32_t queue, struct wr_settle_run *runs)
{
	const struct model *m = &models[queue];
	uint32_t count = 0, most = 1 + below(RUNS_MAX);
	for (uint64_t seq = 1 + below((uint32_t)m->frontier); seq < m->frontier; seq++) {
		if (!m->events[seq].out || below(3) == 0)
			continue;
		struct wr_settle_run *run = &runs[count];
		*run = (struct wr_settle_run){.first = seq,
					      .last = seq,
					      .count = 1,
					      .generation = m->events[seq].generation};
		while (seq + 1 < m->frontier && below(4) > 0) {
			seq++; /* over what is settled or of another generation, too */
			if (m->events[seq].out) {
				run->last = seq;
				run->count++;
			}
		}
		if (below(8) == 0)
			run->generation += below(3) - 1;
		if (++count == most)
			break;
	}
	return count;
}

static void check_settled(int rc, const struct wr_decision *d, uint32_t n, uint32_t named, bool all)
{
	CHECK(rc == ((all ? n == named : n > 0) ? 0 : WEIR_E_FENCED));
	CHECK(d->id == named - n && d->tell == (n < named));
	counts.settles += n > 0;
	counts.partly += n > 0 && n < named;
	counts.fenced += n == 0;
}

/* A SETTLE of drawn runs. False: it was refused. */
static bool settle(uint32_t queue, struct wr_undo *undo)
{
	struct wr_settle_run runs[RUNS_MAX];
	struct wr_decision d;
	uint32_t count = draw_runs(queue, runs), named;
	if (count == 0)
		return true;
	(void)share_write_settle(record, queue, runs, count);
	int rc = decide(record, undo, &d);
	uint32_t settled = settle_model(&models[queue], runs, count, &named);
	check_settled(rc, &d, settled, named, undo->entries != NULL);
	return rc == 0;
}

/* ---- rejects ---- */

/* Whatever the generation that it names. */
static void end_parked(struct model *m, struct model_event *e, uint32_t verdict, int rc,
		       uint32_t told)
{
	if (!e->out || e->dead <= WR_ENTRY_DEAD) {
		CHECK(rc == WEIR_E_OUT_OF_SEQUENCE && told == (e->out ? e->generation : 0));
		return;
	}
	CHECK(rc == 0);
	counts.ended++;
	if (verdict == WR_VERDICT_REDRIVEN)
		model_raise(m, e);
	e->attempts = e->reason = e->dead = 0;
	e->first_failed_us = e->last_failed_us = e->not_before_us = e->expires_us = 0;
	e->said = false;
	CHECK(told == (verdict == WR_VERDICT_REDRIVEN ? e->generation : 0));
	if (verdict == WR_VERDICT_REDRIVEN)
		return;
	e->out = false;
	m->out--;
	m->settled_events[e->row]++;
	m->settled_bytes[e->row] += e->bytes;
}

static void reject(uint32_t queue)
{
	struct model *m = &models[queue];
	uint64_t back = below(60), seq = m->frontier > back ? m->frontier - back : 1;
	uint32_t turn = below(8);
	while (seq < m->frontier && !m->events[seq].out && below(10) > 0)
		seq++;
	/* Sometimes one that is parked, if there is any. */
	for (uint64_t at = 1; turn == 0 && at < m->frontier; at++)
		if (m->events[at].out && m->events[at].dead > WR_ENTRY_DEAD)
			seq = at;
	struct model_event *e = &m->events[seq];
	struct wr_reject r = {
		.seq = seq,
		.generation = e->generation + (below(6) == 0 ? below(3) - 1 : 0),
		.verdict = WR_VERDICT_RETRY + below(WR_VERDICT_GIVEN_UP),
		.failed_us = 1 + below(1000),
		.not_before_us = below(1000),
		.reason = below(9),
	};
	if (e->dead > WR_ENTRY_DEAD && below(2) == 0)
		r.verdict = WR_VERDICT_REDRIVEN + below(2);
	struct wr_undo none = {0};
	struct wr_decision d;
	(void)share_write_reject(record, queue, &r);
	int rc = decide(record, &none, &d);
	if (r.verdict == WR_VERDICT_REDRIVEN || r.verdict == WR_VERDICT_GIVEN_UP) {
		end_parked(m, e, r.verdict, rc, d.id);
		return;
	}
	if (!e->out || e->generation != r.generation || e->dead > WR_ENTRY_DEAD) {
		CHECK(rc == WEIR_E_FENCED);
		CHECK(d.id == (e->out ? e->generation : 0));
		return;
	}
	CHECK(rc == 0);
	model_raise(m, e);
	CHECK(d.id == e->generation);
	counts.rejects++;
	if (r.verdict == WR_VERDICT_RELEASED)
		return;
	if (r.verdict == WR_VERDICT_PARKED) {
		e->dead |= WR_ENTRY_PARKED;
		counts.parked++;
		return;
	}
	e->attempts++;
	e->first_failed_us = e->first_failed_us != 0 ? e->first_failed_us : r.failed_us;
	e->last_failed_us = r.failed_us;
	e->not_before_us = r.not_before_us;
	e->reason = r.reason;
	e->said = true;
	e->dead = r.verdict == WR_VERDICT_DEAD;
}

/* ---- moves ---- */

/* What is settled of a row is counted from what was ever appended to its partition, or from 0. */
static void count_anew(uint32_t queue, uint32_t row, bool all)
{
	struct wr_catalog *c = &tables.catalog;
	uint32_t topic, partition;
	wr_catalog_row_partition(c, subscription(queue), row, &topic, &partition);
	struct wr_partition_cells *cell = &c->cells[c->topics[topic].first_cell + partition];
	models[queue].settled_events[row] = all ? 0 : wr_load_relaxed(&cell->events);
	models[queue].settled_bytes[row] = all ? 0 : wr_load_relaxed(&cell->bytes);
}

/* A seek, good or bad; back to what was settled, too. `undo`: it stands in a run. */
static int move(uint32_t queue, struct wr_undo *undo)
{
	struct model *m = &models[queue];
	struct wr_decision d;
	uint32_t back = below(100);
	bool carried_stay = m->moves % 2 != 0;
	struct wr_control_generation g = {
		.generation = (uint32_t)m->moves + 1 + (below(8) == 0),
		.owner = carried_stay ? WR_OWNER_CARRIED_STAY : WR_OWNER_NONE,
		.position = m->frontier > back ? m->frontier + below(5) - back / 2 : 1,
	};
	uint32_t row = below(15) == 0 ? 1 : 0;
	if (carried_stay && back % 2 == 0)
		g.position = m->frontier; /* all that is there is below it */
	if (below(15) == 0)
		g.position = below(2) == 0 ? WR_POSITION_KEEP : SEQS + 1;
	wr_control_write(record, WR_KIND_GENERATION, queue, row, NULL, 0, &g, sizeof g);
	int rc = decide(record, undo, &d);
	if (row != 0 || g.position == WR_POSITION_KEEP || undo->entries != NULL) {
		CHECK(rc == -EINVAL);
		return rc;
	}
	if (g.position > SEQS || g.generation != m->moves + 1) {
		CHECK(rc == (g.position > SEQS ? WEIR_E_TRUNCATED : WEIR_E_FENCED));
		return rc;
	}
	CHECK(rc == 0);
	for (uint32_t i = 0; i < subscription(queue)->row_count; i++)
		count_anew(queue, i, g.position <= 1);
	m->moves++;
	m->out = 0;
	m->first_generation = ++m->top_generation;
	uint64_t lowest = g.position;
	for (uint64_t seq = 1; seq < m->frontier; seq++) {
		struct model_event *e = &m->events[seq];
		e->out = e->out && carried_stay && e->place != 0 && seq < g.position;
		if (!e->out)
			continue;
		lowest = wr_min_u64(lowest, e->place);
		model_begin_anew(m, e);
		counts.stayed++;
	}
	m->frontier = g.position;
	CHECK(d.id == m->first_generation && d.moved_to == lowest);
	CHECK(d.features == (carried_stay ? WR_BATCH_CARRIED_STAY : 0));
	counts.moved++;
	return rc;
}

/* ---- runs ---- */

/* Events and settles of both, and in the end one that is refused: then nothing of it happened. */
static void run(bool refused)
{
	static uint8_t before[BODY_MAX], after[BODY_MAX];
	static struct model kept[QUEUES];
	struct wr_undo_entry entries[64];
	struct wr_undo undo = {.entries = entries, .capacity = 64};
	struct wr_decision d;
	size_t bytes = save_all(before);
	memcpy(kept, models, sizeof kept);
	bool fenced = false;
	for (uint32_t i = 0; i < 1 + below(4) && !fenced; i++) {
		struct wr_record event = {.bytes = WR_RECORD_HEAD_BYTES,
					  .topic = below(2),
					  .key_hash = below(9),
					  .kind = WR_KIND_EVENT,
					  .flags = WR_RECORD_KEYLESS};
		memcpy(record, &event, sizeof event);
		CHECK(decide(record, &undo, &d) == 0);
		fenced = !settle(below(QUEUES), &undo);
	}
	if (refused || fenced) {
		wr_tables_run_undo(&tables, &undo);
		memcpy(models, kept, sizeof kept);
		CHECK(save_all(after) == bytes);
		CHECK(memcmp(before, after, bytes) == 0);
		counts.undone++;
	} else {
		wr_tables_run_keep(&tables, &undo);
		counts.kept++;
	}
}

/* ---- cases ---- */

static void carry_and_move(uint32_t queue)
{
	struct wr_undo none = {0};
	for (uint32_t i = 0; i < 8; i++)
		counts.carried += carry(queue);
	(void)move(queue, &none);
}

static void live(uint64_t of_seed)
{
	seed = of_seed;
	wr_tables_reset(&tables);
	for (uint32_t i = 0; i < QUEUES; i++)
		models[i] = model_of_none();
	wr_prng_init(&prng, seed);
	define_all();
	memset(carried_at, 0, sizeof carried_at);
	for (uint32_t i = 0; i < 600; i++) {
		struct wr_undo none = {0};
		uint32_t queue = below(QUEUES), what = below(100);
		if (what < 25)
			mark(queue);
		else if (what < 50)
			(void)settle(queue, &none);
		else if (what < 70)
			reject(queue);
		else if (what < 78)
			counts.carried += carry(queue);
		else if (what < 97)
			run(below(2) == 0);
		else if (what < 98)
			carry_and_move(queue);
		else
			through_a_checkpoint();
		compare();
	}
}

CASE(outstanding, it_is_what_was_marked_and_not_settled)
{
	memset(&counts, 0, sizeof counts);
	for (uint64_t s = 1; s <= 30; s++)
		live(s);
	/* The lives were worth it. */
	cr_expect_gt(counts.marks, 500);
	cr_expect_gt(counts.settles, 1000);
	cr_expect_gt(counts.partly, 200);
	cr_expect_gt(counts.fenced, 50);
	cr_expect_gt(counts.rejects, 500);
	cr_expect_gt(counts.full, 100);
	cr_expect_gt(counts.undone, 500);
	cr_expect_gt(counts.kept, 500);
	cr_expect_gt(counts.parked, 100);
	cr_expect_gt(counts.moved, 60);
	cr_expect_gt(counts.stayed, 20, "%llu", (unsigned long long)counts.stayed);
	cr_expect_gt(counts.carried, 500);
	cr_expect_gt(counts.ended, 20, "%llu", (unsigned long long)counts.ended);
}

/* Eight of the first queue: 1, 3, 5 ...; two of the second. */
static void take_some(void)
{
	for (uint32_t queue = 0; queue < QUEUES; queue++) {
		struct wr_undo none = {0};
		struct wr_decision d;
		struct wr_mark_event events[8];
		struct wr_mark_head head = {
			.from = 1, .to = 17, .count = queue == 0 ? 8 : 2, .keyed = 1};
		for (uint32_t i = 0; i < 8; i++)
			events[i] = (struct wr_mark_event){
				.seq = 1 + 2 * i, .key = i / 2 + 1, .row = i % 3, .bytes = 10};
		(void)share_write_mark(record, queue, &head, events);
		cr_assert_eq(decide(record, &none, &d), 0);
	}
}

static int settle_all(uint64_t first, uint64_t last, uint32_t count)
{
	struct wr_undo none = {0};
	struct wr_decision d;
	struct wr_settle_run run = {.first = first, .last = last, .count = count, .generation = 1};
	(void)share_write_settle(record, 0, &run, 1);
	return decide(record, &none, &d);
}

CASE(outstanding, an_event_that_stays_holds_the_position_and_no_other)
{
	struct wr_settle_row *row = &tables.settle.rows[subscription(0)->row_first];
	take_some();
	cr_assert_eq(settle_all(3, 15, 7), 0);
	cr_expect_eq(wr_load_relaxed(&row->position), 1);
	cr_expect_eq(wr_settle_needed_seq(&tables.settle), 1);
	cr_assert_eq(settle_all(1, 1, 1), 0);
	cr_expect_eq(wr_load_relaxed(&row->position), 17, "and then it is the frontier");
	cr_expect_eq(settle_all(1, 1, 1), WEIR_E_FENCED, "once");
}

CASE(outstanding, records_of_the_other_kind_of_subscription_are_refused)
{
	struct wr_undo none = {0};
	struct wr_decision d;
	struct wr_mark_head head = {.from = 1, .to = 1};
	(void)share_write_mark(record, 2, &head, NULL);
	cr_expect_eq(decide(record, &none, &d), -EINVAL, "a mark of one that is not shared");
	(void)share_write_mark(record, 3, &head, NULL);
	cr_expect_eq(decide(record, &none, &d), WEIR_E_UNKNOWN_NAME);
	head.to = SEQS + 1;
	(void)share_write_mark(record, 0, &head, NULL);
	cr_expect_eq(decide(record, &none, &d), -EINVAL, "beyond itself");
	struct wr_control_progress progress = {.from = 1, .to = 1};
	wr_control_write(record, WR_KIND_PROGRESS, 0, 0, NULL, 0, &progress, sizeof progress);
	cr_expect_eq(decide(record, &none, &d), -EINVAL, "progress of a shared one");
	struct wr_control_generation generation = {.generation = 1, .position = WR_POSITION_KEEP};
	wr_control_write(record, WR_KIND_GENERATION, 0, 0, NULL, 0, &generation, sizeof generation);
	cr_expect_eq(decide(record, &none, &d), -EINVAL, "a generation without a place");
	struct wr_undo_entry entries[16];
	struct wr_undo undo = {.entries = entries, .capacity = 16};
	cr_expect_eq(move(0, &undo), -EINVAL, "a run cannot take a seek back");
	compare();
}

/* The outstanding section of a saved body: where it begins, and its header. */
static uint32_t find_section(const uint8_t *bytes, size_t length, struct wr_section_header *ret)
{
	const uint8_t *body;
	uint32_t at = 0;
	while (wr_section_next(bytes, (uint32_t)length, &at, ret, &body) == 1 &&
	       ret->module != WR_SECTION_OUTSTANDING)
		;
	cr_assert_eq(ret->module, WR_SECTION_OUTSTANDING);
	return (uint32_t)(body - bytes);
}

/* With everything before it loaded, and nothing of it. */
static int load_section(const uint8_t *bytes, uint32_t place, const uint8_t *body, uint32_t length)
{
	cr_assert_eq(load_all(bytes, place - sizeof(struct wr_section_header)), 0);
	return wr_tables_load(&tables, WR_SECTION_OUTSTANDING, 4, 0, body, length);
}

CASE(outstanding, a_section_that_was_cut_or_flipped_is_refused_or_says_what_it_says)
{
	static uint8_t bytes[BODY_MAX], after[BODY_MAX];
	struct wr_section_header header;
	uint32_t taken = 0;
	take_some();
	size_t length = save_all(bytes);
	uint32_t place = find_section(bytes, length, &header);
	for (uint32_t cut = 0; cut <= header.bytes; cut++) {
		uint8_t *copy = malloc(cut > 0 ? cut : 1);
		cr_assert_not_null(copy);
		memcpy(copy, bytes + place, cut);
		int rc = load_section(bytes, place, copy, cut);
		cr_expect_eq(rc, cut == header.bytes ? 0 : WEIR_E_CORRUPT, "cut %u", cut);
		free(copy);
	}
	for (uint32_t bit = 0; bit < header.bytes * 8; bit++) {
		bytes[place + bit / 8] ^= (uint8_t)(1u << bit % 8);
		int rc = load_section(bytes, place, bytes + place, header.bytes);
		cr_assert(rc == 0 || rc == WEIR_E_CORRUPT || rc == WEIR_E_FULL, "bit %u", bit);
		if (rc == 0) {
			/* It is another table, and a whole one. */
			cr_assert_eq(save_all(after), length, "bit %u", bit);
			cr_assert_eq(memcmp(bytes, after, length), 0, "bit %u", bit);
			taken++;
		}
		bytes[place + bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	cr_expect_gt(taken, 100, "no checksum is looked at here");
	for (uint32_t version = 0; version <= 5; version += 5)
		cr_expect_eq(wr_tables_load(&tables, WR_SECTION_OUTSTANDING, version, 0,
					    bytes + place, 4),
			     WEIR_E_FORMAT);
}

/*
 * As it was before entries said where a rejection stands, before crashes made suspects, and before
 * events had a time to live.
 */
CASE(outstanding, a_section_of_an_older_version_is_read)
{
	static uint8_t bytes[BODY_MAX], old[BODY_MAX], after[BODY_MAX];
	struct wr_section_header header;
	take_some();
	size_t length = save_all(bytes);
	uint32_t place = find_section(bytes, length, &header);
	for (uint32_t version = 1; version <= 3; version++) {
		uint32_t entry_bytes = version == 1 ? 64 : 72;
		uint32_t list_bytes = version == 1 ? 24 : version == 2 ? 32 : 56;
		uint32_t at = place + 4, used = 4;
		memcpy(old, bytes + place, 4);
		for (uint32_t queue = 0; queue < QUEUES; queue++) {
			uint32_t entries = wr_get_u32(bytes + at + 12);
			memcpy(old + used, bytes + at, list_bytes);
			at += 56;
			used += list_bytes;
			for (; entries > 0; entries--, at += 80, used += entry_bytes)
				memcpy(old + used, bytes + at, entry_bytes);
		}
		cr_assert_eq(at, place + header.bytes);
		cr_assert_eq(load_all(bytes, place - sizeof header), 0);
		cr_assert_eq(wr_tables_load(&tables, WR_SECTION_OUTSTANDING, version, 0, old, used),
			     0);
		cr_assert_eq(save_all(after), length);
		cr_expect_eq(memcmp(bytes, after, length), 0, "no terms, no suspects");
	}
}

CASE(outstanding, more_than_a_smaller_table_holds_is_full)
{
	static uint8_t bytes[BODY_MAX];
	struct wr_tables_limits small = limits;
	struct wr_tables big;
	take_some();
	size_t length = save_all(bytes);
	big = tables;
	for (small.outstanding_max = 1; small.outstanding_max < 12; small.outstanding_max++) {
		cr_assert_eq(wr_tables_init(&tables, &memory.base, &small), 0);
		int rc = load_all(bytes, length);
		cr_expect_eq(rc, small.outstanding_max < 10 ? WEIR_E_FULL : 0);
		wr_tables_fini(&tables, &memory.base);
	}
	tables = big;
}

CASE(outstanding, a_failed_allocation_is_returned)
{
	struct wr_outstanding o;
	for (uint32_t n = 1; n <= 3; n++) {
		wr_memory_sim_fail(&memory, n, false);
		cr_expect_eq(wr_outstanding_init(&o, &memory.base, &tables.outstanding.limits),
			     -ENOMEM);
	}
}
