/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a key's next event is taken when it expects the version that the key has, and refused
 *         with that version otherwise; a repeat of its last one is known; none is forgotten but at
 *         its end; a refused run leaves nothing; a checkpoint, also one that is copied while the
 *         table goes on, is the table as it was.
 *         Rules: L7, L15, L16, L30.
 * Method: single cases; long random lives of two topics against a plain array, with runs that are
 *         undone, ends, captures copied in pieces between the events, and loaded into a second
 *         table that must know the same; every prefix and many changes of a section.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/error.h>

#include "core/log/versions.h"
#include "core/record/encode.h"
#include "io/sim/memory_sim.h"
#include "io/sim/prng.h"
#include "tests/support/case.h"

#define KEYS_MAX 96u
#define SAVED_MAX 65536u
#define RECORD_MAX 256u

static const struct wr_versions_limits limits = {
	.keys_max = KEYS_MAX, .topics_max = 4, .run_records_max = 8};

static struct wr_memory_sim memory;
static struct wr_versions table, other;

static void set_up(void)
{
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_versions_init(&table, &memory.base, &limits), 0);
	cr_assert_eq(wr_versions_init(&other, &memory.base, &limits), 0);
}

static void tear_down(void)
{
	wr_versions_fini(&table, &memory.base);
	wr_versions_fini(&other, &memory.base);
	cr_expect_eq(memory.live_count, 0);
}

TestSuite(versions, .init = set_up);

static void define(struct wr_versions *v, uint32_t topic, uint32_t count)
{
	struct wr_control_versions def = {.keys = count, .secret = {7, (uint8_t)topic}};
	cr_assert(wr_versions_fit(v, count));
	wr_versions_define(v, topic, &def);
}

/* An event of a key, as it stands in a log. */
struct made {
	_Alignas(8) uint8_t bytes[RECORD_MAX];
	struct wr_record_view view;
};

static void make(struct made *m, uint32_t topic, uint64_t key, uint64_t expected, uint64_t id,
		 bool ends)
{
	const struct weir_ids ids = {.event_id = &id, .event_id_bytes = sizeof id};
	const struct weir_event event = {.topic = topic,
					 .key = &key,
					 .key_bytes = sizeof key,
					 .ids = id != 0 ? &ids : NULL,
					 .expected_version = expected,
					 .ends_key = ends};
	const struct wr_encode_topic as = {.partition_count = 1, .versioned = true};
	struct wr_encoding encoding;
	cr_assert_eq(wr_encode_measure(&event, as, false, 0, &encoding), 0);
	cr_assert_leq(encoding.stride, RECORD_MAX);
	memset(m->bytes, 0, sizeof m->bytes);
	(void)wr_encode_head(&event, &encoding, NULL, m->bytes);
	cr_assert(wr_record_view(m->bytes, encoding.head.bytes, &m->view));
	cr_assert(wr_options_valid(&m->view));
}

/* 0: taken in as `seq`; else what the table said. *ret: what the key had. */
static int put(struct wr_versions *v, const struct made *m, uint64_t seq, bool undoable,
	       struct wr_version_candidate *ret)
{
	int rc = wr_versions_check(v, &m->view, false, ret);
	if (rc == 0)
		wr_versions_take(v, ret, seq, undoable);
	return rc;
}

static int put_one(uint64_t key, uint64_t expected, uint64_t id, uint64_t seq)
{
	struct wr_version_candidate c;
	struct made m;
	make(&m, 0, key, expected, id, false);
	return put(&table, &m, seq, false, &c);
}

/* What the table says of a key, by an event that expects what cannot be. */
static struct wr_version_state known(struct wr_versions *v, uint32_t topic, uint64_t key)
{
	struct wr_version_candidate c;
	struct made m;
	make(&m, topic, key, UINT64_MAX / 2, 0, false);
	cr_assert_eq(wr_versions_check(v, &m.view, false, &c), WEIR_E_CONFLICT);
	return c.now;
}

/* ---- single cases ---- */

CASE(versions, an_event_is_taken_when_its_key_has_what_it_expects)
{
	define(&table, 0, 10);
	cr_expect_eq(put_one(1, WEIR_VERSION_SOME, 0, 5), WEIR_E_CONFLICT);
	cr_expect_eq(put_one(1, 1, 0, 5), WEIR_E_CONFLICT);
	cr_expect_eq(put_one(1, WEIR_VERSION_NONE, 0, 5), 0);
	cr_expect_eq(put_one(1, WEIR_VERSION_NONE, 0, 6), WEIR_E_CONFLICT);
	cr_expect_eq(put_one(1, 1, 0, 6), 0);
	cr_expect_eq(put_one(1, 1, 0, 7), WEIR_E_CONFLICT);
	cr_expect_eq(put_one(1, WEIR_VERSION_ANY, 0, 7), 0);
	cr_expect_eq(put_one(1, WEIR_VERSION_SOME, 0, 8), 0);
	cr_expect_eq(put_one(1, 4, 0, 9), 0);
	cr_expect_eq(known(&table, 0, 1).version, 5);
	cr_expect_eq(known(&table, 0, 1).last_seq, 9);
	cr_expect_eq(known(&table, 0, 2).version, 0);
	cr_expect_eq(wr_load_relaxed(&table.topics[0].held), 1);
	cr_expect_eq(wr_load_relaxed(&table.topics[0].conflicts), 7);
}

CASE(versions, a_repeat_of_the_last_event_is_told_where_it_stands)
{
	struct wr_version_candidate c;
	struct made m;
	define(&table, 0, 10);
	cr_expect_eq(put_one(1, WEIR_VERSION_NONE, 77, 5), 0);
	cr_expect_eq(put_one(1, WEIR_VERSION_NONE, 78, 6), WEIR_E_CONFLICT, "another one");
	cr_expect_eq(put_one(1, WEIR_VERSION_NONE, 0, 6), WEIR_E_CONFLICT, "nobody knows");
	make(&m, 0, 1, WEIR_VERSION_NONE, 77, false);
	cr_expect_eq(put(&table, &m, 6, false, &c), WEIR_E_DUPLICATE);
	cr_expect_eq(c.now.last_seq, 5);
	cr_expect_eq(put_one(1, 1, 79, 6), 0);
	cr_expect_eq(put_one(1, 1, 79, 7), WEIR_E_DUPLICATE);
	cr_expect_eq(put_one(1, WEIR_VERSION_NONE, 77, 7), WEIR_E_CONFLICT, "others came since");
	cr_expect_eq(put_one(1, WEIR_VERSION_ANY, 79, 7), 0, "it expects nothing");
}

CASE(versions, a_key_that_ends_is_forgotten_and_makes_room)
{
	struct wr_version_candidate c;
	struct made m;
	define(&table, 0, 2);
	define(&table, 1, 1);
	cr_expect_eq(put_one(1, 0, 0, 5), 0);
	cr_expect_eq(put_one(2, 0, 0, 6), 0);
	cr_expect_eq(put_one(3, 0, 0, 7), WEIR_E_FULL);
	make(&m, 0, 3, 0, 0, true);
	cr_expect_eq(put(&table, &m, 7, false, &c), 0, "its first event is its last");
	cr_expect_eq(wr_version_given(&c), 1);
	make(&m, 0, 1, 1, 0, true);
	cr_expect_eq(put(&table, &m, 8, false, &c), 0);
	cr_expect_eq(wr_version_given(&c), 2, "the event itself has one");
	cr_expect_eq(known(&table, 0, 1).version, 0);
	cr_expect_eq(put_one(3, WEIR_VERSION_NONE, 0, 9), 0);
	cr_expect_eq(put_one(1, 0, 0, 10), WEIR_E_FULL);
	cr_expect_eq(wr_load_relaxed(&table.topics[0].held), 2);
}

CASE(versions, events_without_an_expectation_are_no_part_of_it)
{
	struct wr_version_candidate c;
	struct made m;
	define(&table, 0, 2);
	make(&m, 3, 1, 0, 0, false);
	cr_expect_eq(wr_versions_check(&table, &m.view, false, &c), -EINVAL, "no such topic here");
	((struct wr_record *)m.bytes)->topic = 0;
	m.bytes[WR_RECORD_HEAD_BYTES] = 0;
	cr_expect_eq(wr_versions_check(&table, &m.view, false, &c), 0, "a copy of weir's");
	cr_expect_null(c.topic);
	((struct wr_record *)m.bytes)->flags |= WR_RECORD_KEY_ENDS;
	cr_expect_eq(wr_versions_check(&table, &m.view, false, &c), 0, "a flag alone says nothing");
	cr_expect_null(c.topic);
}

CASE(versions, a_replay_takes_what_the_log_says_and_nothing_else)
{
	struct wr_version_candidate c;
	struct made m;
	define(&table, 0, 2);
	make(&m, 0, 1, WEIR_VERSION_NONE, 0, false);
	cr_expect_eq(wr_versions_check(&table, &m.view, true, &c), -EINVAL, "it says 0");
	wr_version_fill(&m.view, 1);
	cr_expect_eq(wr_versions_check(&table, &m.view, true, &c), 0);
	wr_versions_take(&table, &c, 5, false);
	cr_expect_eq(wr_versions_check(&table, &m.view, true, &c), WEIR_E_CONFLICT);
	make(&m, 0, 1, WEIR_VERSION_ANY, 0, false);
	wr_version_fill(&m.view, 3);
	cr_expect_eq(wr_versions_check(&table, &m.view, true, &c), -EINVAL, "one is missing");
	for (uint64_t key = 2; key < 5; key++) {
		make(&m, 0, key, WEIR_VERSION_NONE, 0, key == 4);
		wr_version_fill(&m.view, 1);
		cr_expect_eq(wr_versions_check(&table, &m.view, true, &c), key == 3 ? -EINVAL : 0,
			     "no writer has taken more keys than two");
		if (key != 3)
			wr_versions_take(&table, &c, 5 + key, false);
	}
	cr_expect_eq(wr_load_relaxed(&table.topics[0].held), 2);
}

/* ---- lives ---- */

#define KEYS 40u
#define TOPICS 2u

struct model {
	struct wr_version_state of[TOPICS][KEYS];
	uint64_t ids[TOPICS][KEYS]; /* of the last event; 0: none */
};

static struct {
	struct wr_prng prng;
	struct model now, before, captured;
	uint32_t held[TOPICS], held_before[TOPICS], held_captured[TOPICS];
	uint64_t seq;
	uint8_t copied[SAVED_MAX];
	uint64_t copy_bytes, copy_at;
	uint32_t refusals, blocked, loads, runs_undone;
} life;

static const uint32_t held_max[TOPICS] = {30, 12};

static int expect_of(uint32_t topic, uint32_t key, uint64_t expected, uint64_t id, bool ends)
{
	const struct wr_version_state *s = &life.now.of[topic][key];
	uint64_t wants = expected == WEIR_VERSION_NONE ? 0 : expected;
	bool is_met = expected == WEIR_VERSION_ANY ||
		      (expected == WEIR_VERSION_SOME ? s->version > 0 : s->version == wants);
	if (!is_met && id != 0 && life.now.ids[topic][key] == id && expected != WEIR_VERSION_SOME &&
	    s->version == wants + 1)
		return WEIR_E_DUPLICATE;
	if (!is_met)
		return WEIR_E_CONFLICT;
	return s->version == 0 && !ends && life.held[topic] == held_max[topic] ? WEIR_E_FULL : 0;
}

/* One drawn event. What the table said; the model follows. */
static int live_one(bool undoable)
{
	static const uint64_t others[] = {WEIR_VERSION_ANY, WEIR_VERSION_ANY, WEIR_VERSION_NONE,
					  WEIR_VERSION_SOME};
	struct wr_version_candidate c;
	struct made m;
	uint32_t topic = (uint32_t)wr_prng_below(&life.prng, TOPICS);
	uint32_t key = (uint32_t)wr_prng_below(&life.prng, KEYS);
	struct wr_version_state *s = &life.now.of[topic][key];
	uint64_t id = wr_prng_below(&life.prng, 4);
	bool ends = wr_prng_below(&life.prng, 9) == 0;
	uint64_t draw = wr_prng_below(&life.prng, 8);
	uint64_t expected = draw < 4                      ? others[draw]
			    : draw == 4 && s->version > 0 ? s->version - 1
							  : s->version;
	make(&m, topic, key, expected, id, ends);
	int wants = expect_of(topic, key, expected, id, ends);
	int rc = put(&table, &m, life.seq, undoable, &c);
	if (rc == WEIR_E_AGAIN) {
		cr_assert(table.of.captured && wants == 0);
		life.blocked++;
		return rc;
	}
	cr_assert_eq(rc, wants, "%d, and not %d", rc, wants);
	cr_assert_eq(c.now.version, s->version);
	cr_assert_eq(c.now.last_seq, s->last_seq);
	if (rc != 0) {
		life.refusals++;
		return rc;
	}
	cr_assert_eq(wr_version_given(&c), s->version + 1);
	life.held[topic] += (uint32_t)(!ends) - (uint32_t)(s->version != 0);
	s->version = ends ? 0 : s->version + 1;
	s->last_seq = ends ? 0 : life.seq;
	life.now.ids[topic][key] = ends ? 0 : id;
	life.seq++;
	return 0;
}

static void live_run(void)
{
	uint64_t seq = life.seq;
	life.before = life.now;
	memcpy(life.held_before, life.held, sizeof life.held);
	int rc = 0;
	for (uint64_t n = 1 + wr_prng_below(&life.prng, limits.run_records_max); n > 0 && rc == 0;
	     n--)
		rc = live_one(true);
	if (rc == 0) {
		wr_versions_keep(&table);
		return;
	}
	wr_versions_undo(&table);
	life.now = life.before;
	memcpy(life.held, life.held_before, sizeof life.held);
	life.seq = seq;
	life.runs_undone++;
}

static void expect_knows(struct wr_versions *v, const struct model *m, const uint32_t *held)
{
	for (uint32_t topic = 0; topic < TOPICS; topic++) {
		cr_assert_eq(wr_load_relaxed(&v->topics[topic].held), held[topic]);
		for (uint32_t key = 0; key < KEYS; key++) {
			struct wr_version_state s = known(v, topic, key);
			cr_assert_eq(s.version, m->of[topic][key].version);
			cr_assert_eq(s.last_seq, m->of[topic][key].last_seq);
			cr_assert_eq(s.id_print == 0, m->ids[topic][key] == 0);
		}
	}
}

static void load_other(const uint8_t *bytes, uint64_t count)
{
	struct wr_section_header header;
	const uint8_t *section;
	uint32_t at = 0;
	wr_versions_reset(&other);
	cr_assert_eq(wr_section_next(bytes, (uint32_t)count, &at, &header, &section), 1);
	cr_assert_eq(header.module, WR_SECTION_VERSIONS);
	cr_assert_eq(wr_versions_load(&other, 4, header.version, section, header.bytes), 0);
	life.loads++;
}

/* A piece of the capture is copied; at its end it is loaded, and is what it was then. */
static void copy_piece(void)
{
	if (!table.of.captured) {
		life.copy_bytes = wr_versions_capture(&table);
		life.copy_at = 0;
		life.captured = life.now;
		memcpy(life.held_captured, life.held, sizeof life.held);
		cr_assert_leq(life.copy_bytes, wr_versions_save_bytes_max(&limits));
		cr_assert_leq(life.copy_bytes, SAVED_MAX);
		return;
	}
	uint32_t bytes = (uint32_t)wr_prng_below(&life.prng, 300);
	bytes = bytes < life.copy_bytes - life.copy_at ? bytes
						       : (uint32_t)(life.copy_bytes - life.copy_at);
	wr_versions_copy(&table, life.copy_at, life.copied + life.copy_at, bytes);
	life.copy_at += bytes;
	if (life.copy_at < life.copy_bytes)
		return;
	wr_versions_release(&table);
	load_other(life.copied, life.copy_bytes);
	expect_knows(&other, &life.captured, life.held_captured);
}

static void live(uint64_t seed)
{
	memset(&life, 0, sizeof life);
	wr_prng_init(&life.prng, seed);
	life.seq = 1;
	wr_versions_reset(&table);
	define(&table, 0, held_max[0]);
	define(&table, 1, held_max[1]);
	for (uint32_t i = 0; i < 1500; i++) {
		uint64_t draw = wr_prng_below(&life.prng, 10);
		if (draw < 5)
			(void)live_one(false);
		else if (draw < 7)
			live_run();
		else
			copy_piece();
	}
	expect_knows(&table, &life.now, life.held);
	cr_assert(life.refusals > 100 && life.runs_undone > 10 && life.loads > 5);
}

CASE(versions, random_lives_are_those_of_a_plain_array)
{
	uint32_t blocked = 0;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		live(seed);
		blocked += life.blocked;
	}
	cr_expect_gt(blocked, 0, "a checkpoint was never in the way");
}

CASE(versions, a_section_that_is_not_whole_is_refused)
{
	struct wr_sink sink = {.bytes = life.copied, .capacity_bytes = SAVED_MAX};
	struct wr_section_header header;
	const uint8_t *section;
	uint32_t at = 0;
	live(99);
	wr_versions_release(&table);
	wr_versions_save(&table, &sink);
	cr_assert_not(sink.failed);
	cr_assert_leq(sink.used_bytes, wr_versions_save_bytes(&table));
	load_other(life.copied, sink.used_bytes);
	expect_knows(&other, &life.now, life.held);
	cr_assert_eq(
		wr_section_next(life.copied, (uint32_t)sink.used_bytes, &at, &header, &section), 1);
	for (uint32_t length = 0; length < header.bytes; length++) {
		uint8_t *exact = malloc(length > 0 ? length : 1);
		memcpy(exact, section, length);
		wr_versions_reset(&other);
		cr_assert_eq(wr_versions_load(&other, 4, 1, exact, length), WEIR_E_CORRUPT);
		free(exact);
	}
	wr_versions_reset(&other);
	cr_assert_eq(wr_versions_load(&other, 4, 2, section, header.bytes), WEIR_E_FORMAT);
	for (uint32_t i = 0; i < header.bytes; i++) {
		life.copied[sizeof header + i] ^= 0x80;
		wr_versions_reset(&other);
		(void)wr_versions_load(&other, 4, 1, section, header.bytes);
		life.copied[sizeof header + i] ^= 0x80;
	}
}
