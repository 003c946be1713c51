/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a window of idempotency keys refuses a key that is in it, and no other; by number and by
 *         time; a run that is taken back leaves nothing; a checkpoint, also one that is written out
 *         while the window goes on, is the window as it was.
 *         Rules: L7, L15, L16, L30.
 * Method: single cases; long random lives of several windows against a list that is searched from
 *         its end, with runs that are undone, times that leap, checkpoints copied in pieces between
 *         the keys, and loaded into a second table that must go on as the first; every prefix of a
 *         section.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>

#include <weir/error.h>

#include "core/log/keys.h"
#include "io/sim/memory_sim.h"
#include "io/sim/prng.h"
#include "tests/support/case.h"

#define TOPICS 4u
#define KEYS_MAX 600u
#define SAVED_MAX 65536u

static const struct wr_keys_limits limits = {
	.keys_max = KEYS_MAX, .windows_max = TOPICS, .topics_max = TOPICS, .run_records_max = 64};

static struct wr_memory_sim memory;
static struct wr_keys keys, other;

static void set_up(void)
{
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_keys_init(&keys, &memory.base, &limits), 0);
	cr_assert_eq(wr_keys_init(&other, &memory.base, &limits), 0);
}

static void tear_down(void)
{
	wr_keys_fini(&keys, &memory.base);
	wr_keys_fini(&other, &memory.base);
	cr_expect_eq(memory.live_count, 0);
}

TestSuite(keys, .init = set_up);

static void define(struct wr_keys *k, uint32_t topic, uint32_t count, uint64_t span_us)
{
	struct wr_control_window def = {
		.keys = count, .span_us = span_us, .secret = {7, (uint8_t)topic}};
	cr_assert(wr_keys_fit(k, count));
	wr_keys_define(k, topic, &def, 0);
}

/* 0: taken in as `seq`; else what the table said. */
static int put(struct wr_keys *k, uint32_t topic, uint64_t key, uint64_t time_us, uint64_t seq,
	       bool undoable, uint64_t *ret_first)
{
	struct wr_keys_candidate c = {0};
	int rc = wr_keys_check(k, topic, &key, sizeof key, time_us, true, &c);
	if (rc == 0)
		wr_keys_take(k, &c, seq, undoable);
	*ret_first = c.found_seq;
	return rc;
}

static int put_one(uint64_t key, uint64_t time_us, uint64_t seq)
{
	uint64_t first;
	return put(&keys, 0, key, time_us, seq, false, &first);
}

static uint64_t first_of(uint64_t key, uint64_t time_us)
{
	uint64_t first;
	return put(&keys, 0, key, time_us, 0, false, &first) == WEIR_E_DUPLICATE ? first : 0;
}

/* ---- single cases ---- */

CASE(keys, a_second_one_is_told_where_the_first_stands)
{
	define(&keys, 0, 10, 0);
	cr_expect_eq(put_one(1, 5, (1ull << 40) + 3), 0);
	cr_expect_eq(put_one(2, 5, 101), 0);
	cr_expect_eq(first_of(1, 6), (1ull << 40) + 3);
	cr_expect_eq(first_of(2, UINT32_MAX), 101, "no limit by time");
	cr_expect_eq(wr_load_relaxed(&keys.windows[0].duplicates), 2);
	cr_expect_eq(wr_load_relaxed(&keys.windows[0].held), 2);
}

CASE(keys, topics_are_scopes_of_their_own)
{
	uint64_t first;
	define(&keys, 0, 10, 0);
	define(&keys, 3, 10, 0);
	cr_expect_eq(put(&keys, 0, 1, 5, 100, false, &first), 0);
	cr_expect_eq(put(&keys, 3, 1, 5, 101, false, &first), 0);
	cr_expect_eq(put(&keys, 3, 1, 5, 102, false, &first), WEIR_E_DUPLICATE);
	cr_expect_eq(first, 101);
	cr_expect_eq(put(&keys, 1, 1, 5, 102, false, &first), -EINVAL, "it has no window");
	cr_expect_eq(put(&keys, TOPICS, 1, 5, 102, false, &first), -EINVAL);
}

/* More than are remembered, some of them twice, and a window that goes in between. */
CASE(keys, what_is_looked_for_ahead_changes_no_answer)
{
	define(&keys, 0, 500, 0);
	for (uint64_t key = 0; key < 500; key++)
		cr_assert_eq(put_one(key, 5, 100 + key), 0);
	for (uint64_t from = 0; from < 1000; from += 20) {
		define(&keys, 3, 10, 0);
		for (uint64_t key = from; key < from + 50; key++) {
			wr_keys_ahead(&keys, key % 7 == 0 ? 3 : 0, &key, sizeof key);
			if (key % 16 == 0)
				wr_keys_ahead_end(&keys);
		}
		if (from % 40 == 0)
			wr_keys_undefine(&keys);
		wr_keys_ahead_end(&keys);
		wr_keys_ahead_end(&keys);
		for (uint64_t key = from; key < from + 20; key++) {
			struct wr_keys_candidate c = {0};
			int rc = wr_keys_check(&keys, 0, &key, sizeof key, 6, true, &c);
			cr_expect_eq(rc, key < 500 ? WEIR_E_DUPLICATE : 0);
			cr_expect_eq(c.found_seq, key < 500 ? 100 + key : 0);
		}
		if (from % 40 != 0)
			wr_keys_undefine(&keys);
	}
}

CASE(keys, keys_leave_by_number_the_oldest_first)
{
	define(&keys, 0, 3, 0);
	for (uint64_t key = 1; key <= 4; key++)
		cr_expect_eq(put_one(key, 5, 100 + key), 0);
	for (uint64_t key = 2; key <= 4; key++)
		cr_expect_eq(first_of(key, 5), 100 + key);
	cr_expect_eq(put_one(1, 5, 105), 0, "it was the oldest of four");
	cr_expect_eq(first_of(3, 5), 103);
	cr_expect_eq(put_one(2, 5, 106), 0);
}

CASE(keys, keys_leave_by_the_times_in_the_log)
{
	define(&keys, 0, 100, 1000);
	cr_expect_eq(put_one(1, 5000, 1), 0);
	cr_expect_eq(put_one(2, 5500, 2), 0);
	cr_expect_eq(first_of(1, 6000), 1, "a thousand microseconds are not over");
	cr_expect_eq(put_one(1, 6003, 3), 0);
	cr_expect_eq(first_of(2, 6003), 2);
	cr_expect_eq(first_of(1, 7003), 3, "by its second time");
	cr_expect_eq(put_one(3, 1ull << 50, 4), 0, "years later");
	cr_expect_eq(wr_load_relaxed(&keys.windows[0].held), 1);
	cr_expect_eq(put_one(1, 1ull << 50, 5), 0);
}

CASE(keys, a_long_span_has_ticks_and_is_not_shorter_for_it)
{
	const uint64_t day = 24ull * 3600 * 1000000, tick = 30 * day >> 20;
	define(&keys, 0, 100, 30 * day);
	for (uint64_t t = 0; t < 3 * tick; t += tick / 7) {
		uint64_t key = 1000 + t;
		cr_expect_eq(put_one(key, day + t, 1 + t), 0);
		cr_expect_eq(first_of(key, day + t + 30 * day), 1 + t);
		cr_expect_eq(first_of(key, day + t + 30 * day + 2 * tick + 1), 0);
		wr_keys_reset(&keys);
		define(&keys, 0, 100, 30 * day);
	}
}

/* In the low bits of ticks one that is 2^32 of them old looks new. */
CASE(keys, a_window_that_was_idle_for_ages_is_empty)
{
	define(&keys, 0, 100, 1000);
	cr_expect_eq(put_one(1, 5000, 1), 0);
	cr_expect_eq(put_one(2, 5000 + (1ull << 32), 2), 0);
	cr_expect_eq(put_one(1, 5000 + (1ull << 32), 3), 0);
	/* A few at a time, each within the span of the one before it, round and round. */
	for (uint64_t i = 1; i <= 20; i++)
		cr_expect_eq(put_one(100 + i, (6ull << 32) + i * 900, 10 + i), 0);
	cr_expect_eq(put_one(101, (6ull << 32) + 20 * 900, 40), 0);
	cr_expect_eq(first_of(120, (6ull << 32) + 20 * 900), 30);
}

CASE(keys, a_jump_at_an_open_takes_no_key)
{
	const uint64_t hour = 3600u * 1000000u, day = 24 * hour;
	define(&keys, 0, 100, hour);
	keys.last_us = day;
	wr_keys_epoch(&keys, day);
	cr_expect_eq(put_one(1, day, 1), 0);
	keys.last_us = day + hour / 2;
	wr_keys_epoch(&keys, 10 * day); /* nobody was there */
	cr_expect_eq(first_of(1, 10 * day), 1);
	cr_expect_eq(first_of(1, 10 * day + hour / 4), 1, "at twice the speed");
	cr_expect_eq(first_of(1, 10 * day + hour / 4 + 1000000), 0, "and is over then");
	/* Once it has caught up it goes as append time does. */
	cr_expect_eq(put_one(2, 30 * day, 2), 0);
	cr_expect_eq(first_of(2, 30 * day + hour), 2);
	cr_expect_eq(first_of(2, 30 * day + hour + 1000000), 0);
	/* And again: behind by what it was behind before, too. */
	keys.last_us = 30 * day + 2 * hour;
	wr_keys_epoch(&keys, 40 * day);
	keys.last_us = 40 * day + 60;
	wr_keys_epoch(&keys, 50 * day);
	cr_expect_eq(put_one(3, 50 * day, 3), 0);
	cr_expect_eq(first_of(3, 50 * day + hour / 2), 3);
	cr_expect_eq(first_of(3, 50 * day + hour / 2 + 1000000), 0);
}

CASE(keys, what_is_no_key_is_refused)
{
	struct wr_keys_candidate c;
	static const uint8_t bytes[WR_IDEMPOTENCY_KEY_BYTES_MAX + 1];
	define(&keys, 0, 10, 0);
	cr_expect_eq(wr_keys_check(&keys, 0, bytes, 0, 1, true, &c), -EINVAL);
	cr_expect_eq(wr_keys_check(&keys, 0, bytes, sizeof bytes, 1, true, &c), -EINVAL);
	cr_expect_eq(wr_keys_check(&keys, 0, bytes, sizeof bytes - 1, 1, true, &c), 0);
}

CASE(keys, windows_fit_or_do_not)
{
	define(&keys, 0, KEYS_MAX - 1, 0);
	cr_expect_not(wr_keys_fit(&keys, 2));
	cr_expect(wr_keys_fit(&keys, 1));
	define(&keys, 1, 1, 0);
	cr_expect_not(wr_keys_fit(&keys, 1));
	wr_keys_undefine(&keys);
	cr_expect_null(wr_keys_window(&keys, 1));
	cr_expect(wr_keys_fit(&keys, 1));
	define(&keys, 2, 1, 0);
	cr_expect_not_null(wr_keys_window(&keys, 2));
}

CASE(keys, without_any_nothing_is_allocated)
{
	struct wr_keys none;
	uint64_t live = memory.live_count, first;
	const struct wr_keys_limits nothing = {
		.windows_max = 4, .topics_max = 4, .run_records_max = 4};
	cr_assert_eq(wr_keys_init(&none, &memory.base, &nothing), 0);
	cr_expect_eq(memory.live_count, live);
	cr_expect_eq(wr_keys_bytes(&nothing), 0);
	cr_expect_eq(wr_keys_save_bytes_max(&nothing), 0);
	cr_expect_not(wr_keys_fit(&none, 1));
	cr_expect_eq(put(&none, 0, 1, 1, 1, false, &first), -EINVAL);
	wr_keys_reset(&none);
	cr_expect_eq(wr_keys_capture(&none), 0);
	wr_keys_fini(&none, &memory.base);
}

/* The goal of a window of ten million keys. */
CASE(keys, a_key_costs_forty_bytes)
{
	const struct wr_keys_limits many = {
		.keys_max = 10000000, .windows_max = 64, .topics_max = 64, .run_records_max = 4096};
	cr_expect_leq(wr_keys_bytes(&many), 400000000u);
	uint64_t before = memory.base.alloc_bytes;
	struct wr_keys some;
	cr_assert_eq(wr_keys_init(&some, &memory.base, &limits), 0);
	cr_expect_leq(memory.base.alloc_bytes - before, wr_keys_bytes(&limits));
	wr_keys_fini(&some, &memory.base);
}

CASE(keys, every_failed_allocation_is_returned)
{
	struct wr_keys some;
	for (uint64_t i = 1; i <= 5; i++) {
		uint64_t live = memory.live_count;
		wr_memory_sim_fail(&memory, i, false);
		cr_expect_eq(wr_keys_init(&some, &memory.base, &limits), -ENOMEM);
		cr_expect_eq(memory.live_count, live, "allocation %llu", (unsigned long long)i);
	}
}

/* ---- random lives ---- */

#define LIFE_KEYS 4000u
#define UNIVERSE 90u

struct shape {
	uint32_t count;
	uint64_t span_us;
};
static const struct shape shapes[TOPICS] = {{40, 0}, {300, 5000}, {1, 900}, {100, 40000000}};

/* What was taken in, in order; searched from the end. */
struct model {
	uint64_t key[LIFE_KEYS], time_us[LIFE_KEYS], seq[LIFE_KEYS];
	uint32_t count;
};

static struct model models[TOPICS];
static struct wr_prng prng;

static uint32_t below(uint32_t n)
{
	return (uint32_t)wr_prng_below(&prng, n);
}

/* A duplicate for sure, new for sure, or between the two (by time, within two ticks). */
enum verdict { NEW, DUPLICATE, EITHER };

static enum verdict judge(uint32_t topic, uint64_t key, uint64_t time_us, uint64_t *ret_first)
{
	const struct model *m = &models[topic];
	const struct shape *s = &shapes[topic];
	uint64_t tick = s->span_us >> 20 > 0 ? s->span_us >> 20 : 1;
	*ret_first = 0;
	for (uint32_t i = m->count; i > 0 && m->count - i < s->count; i--) {
		if (m->key[i - 1] != key)
			continue;
		uint64_t age = time_us - m->time_us[i - 1];
		*ret_first = m->seq[i - 1];
		if (s->span_us == 0 || age <= s->span_us)
			return DUPLICATE;
		return age > s->span_us + 2 * tick ? NEW : EITHER;
	}
	return NEW;
}

static void remember(uint32_t topic, uint64_t key, uint64_t time_us, uint64_t seq)
{
	struct model *m = &models[topic];
	cr_assert_lt(m->count, LIFE_KEYS);
	m->key[m->count] = key;
	m->time_us[m->count] = time_us;
	m->seq[m->count++] = seq;
}

static size_t save(struct wr_keys *k, uint8_t *to)
{
	struct wr_sink sink = {.bytes = to, .capacity_bytes = SAVED_MAX};
	wr_keys_save(k, &sink);
	cr_assert_not(sink.failed);
	cr_assert_eq(sink.used_bytes, wr_keys_save_bytes(k));
	cr_assert_leq(sink.used_bytes, wr_keys_save_bytes_max(&limits));
	return sink.used_bytes;
}

static void load(struct wr_keys *k, const uint8_t *body, size_t body_bytes)
{
	struct wr_section_header header;
	const uint8_t *bytes;
	uint32_t at = 0;
	wr_keys_reset(k);
	while (wr_section_next(body, (uint32_t)body_bytes, &at, &header, &bytes) == 1) {
		cr_assert_eq(header.module, WR_SECTION_KEYS);
		cr_assert_eq(wr_keys_load(k, TOPICS, header.version, bytes, header.bytes), 0);
	}
	cr_assert_eq(at, body_bytes);
}

struct life {
	uint64_t time_us;
	uint64_t seq;
	/* A checkpoint that is being copied. */
	uint8_t wanted[SAVED_MAX], copied[SAVED_MAX];
	uint64_t copy_bytes, copy_at;
	bool copying;
	uint32_t duplicates, blocked, undone, checkpoints;
};
static struct life life;

static void copy_piece(void)
{
	uint32_t bytes = 1 + below(3000);
	if (bytes > life.copy_bytes - life.copy_at)
		bytes = (uint32_t)(life.copy_bytes - life.copy_at);
	if (bytes > 0)
		wr_keys_copy(&keys, life.copy_at, life.copied + life.copy_at, bytes);
	life.copy_at += bytes;
	if (life.copy_at < life.copy_bytes)
		return;
	cr_assert_arr_eq(life.copied, life.wanted, life.copy_bytes);
	wr_keys_release(&keys);
	life.copying = false;
	life.checkpoints++;
}

static void begin_copy(void)
{
	size_t bytes = save(&keys, life.wanted);
	life.copy_bytes = wr_keys_capture(&keys);
	cr_assert_eq(life.copy_bytes, bytes);
	life.copy_at = 0;
	life.copying = true;
}

/* One key into both; false: it has to wait for the checkpoint. */
static bool try_key(uint32_t topic, uint64_t key, bool undoable)
{
	uint64_t first, wanted;
	enum verdict verdict = judge(topic, key, life.time_us, &wanted);
	int rc = put(&keys, topic, key, life.time_us, life.seq, undoable, &first);
	if (rc == WEIR_E_AGAIN) {
		cr_assert(life.copying && verdict != DUPLICATE);
		life.blocked++;
		return false;
	}
	if (verdict != EITHER)
		cr_assert_eq(rc, verdict == DUPLICATE ? WEIR_E_DUPLICATE : 0,
			     "key %llu of topic %u at %llu", (unsigned long long)key, topic,
			     (unsigned long long)life.time_us);
	if (rc != 0) {
		cr_assert_eq(first, wanted);
		life.duplicates++;
		return true;
	}
	remember(topic, key, life.time_us, life.seq++);
	return true;
}

/* A run: kept, or refused at its end, and then nothing of it ever was. */
static void run_of_keys(void)
{
	static uint8_t before[SAVED_MAX], after[SAVED_MAX];
	uint32_t counts[TOPICS], length = 1 + below(60);
	bool kept = below(2) == 0;
	uint64_t seq = life.seq;
	for (uint32_t t = 0; t < TOPICS; t++)
		counts[t] = models[t].count;
	size_t bytes = save(&keys, before);
	wr_keys_begin(&keys);
	for (uint32_t i = 0; i < length; i++)
		if (!try_key(below(TOPICS), below(UNIVERSE), true))
			kept = false;
	if (kept)
		return;
	wr_keys_undo(&keys);
	for (uint32_t t = 0; t < TOPICS; t++)
		models[t].count = counts[t];
	life.seq = seq;
	life.undone++;
	cr_assert_eq(save(&keys, after), bytes);
	cr_assert_arr_eq(before, after, bytes);
}

static void pass_time(void)
{
	switch (below(20)) {
	case 0:
		life.time_us += below(60000000);
		break;
	case 1:
		life.time_us += 1ull << below(45);
		break;
	case 2:
	case 3:
		life.time_us += below(4000);
		break;
	default:
		life.time_us += below(60);
	}
}

static void live(uint64_t seed)
{
	static uint8_t saved[SAVED_MAX], again[SAVED_MAX];
	memset(models, 0, sizeof models);
	memset(&life, 0, sizeof life);
	wr_prng_init(&prng, seed);
	wr_keys_reset(&keys);
	life.seq = 1;
	life.time_us = 1ull << 50;
	for (uint32_t t = 0; t < TOPICS; t++)
		define(&keys, t, shapes[t].count, shapes[t].span_us);
	for (uint32_t step = 0; step < 3000 && life.seq < LIFE_KEYS - 100; step++) {
		uint32_t what = below(100);
		pass_time();
		if (what < 70)
			(void)try_key(below(TOPICS), below(UNIVERSE), false);
		else if (what < 74)
			run_of_keys();
		else if (what < 76 && !life.copying)
			begin_copy();
		else if (life.copying)
			copy_piece();
		if (what == 99 && !life.copying) {
			/* Go on with what was loaded: nobody can tell. */
			size_t bytes = save(&keys, saved);
			load(&other, saved, bytes);
			cr_assert_eq(save(&other, again), bytes);
			cr_assert_arr_eq(saved, again, bytes);
			struct wr_keys swap = keys;
			keys = other;
			other = swap;
		}
	}
	cr_expect_gt(life.duplicates, 100);
	cr_expect_gt(life.undone, 10);
	cr_expect_gt(life.checkpoints, 3);
	cr_expect_gt(life.blocked, 0);
}

CASE(keys, random_lives_are_those_of_a_plain_list)
{
	for (uint64_t seed = 1; seed <= 30; seed++)
		live(seed);
}

/* ---- hostile sections ---- */

CASE(keys, a_section_that_is_cut_or_bent_is_refused)
{
	static uint8_t saved[SAVED_MAX], bent[SAVED_MAX];
	define(&keys, 1, 20, 1000);
	for (uint64_t key = 0; key < 9; key++) {
		uint64_t first;
		cr_assert_eq(put(&keys, 1, key, 5000 + key, 1 + key, false, &first), 0);
	}
	size_t bytes = save(&keys, saved) - sizeof(struct wr_section_header);
	const uint8_t *body = saved + sizeof(struct wr_section_header);
	bytes = 48 + 9 * 28; /* without the padding */
	for (uint32_t cut = 0; cut < bytes; cut++) {
		wr_keys_reset(&other);
		cr_expect_eq(wr_keys_load(&other, TOPICS, 1, body, cut), WEIR_E_CORRUPT, "%u", cut);
	}
	for (uint32_t at = 0; at < bytes * 8; at++) {
		memcpy(bent, body, bytes);
		bent[at / 8] ^= (uint8_t)(1u << at % 8);
		wr_keys_reset(&other);
		int rc = wr_keys_load(&other, TOPICS, 1, bent, (uint32_t)bytes);
		cr_expect(rc == 0 || rc == WEIR_E_CORRUPT || rc == WEIR_E_FULL, "bit %u: %d", at,
			  rc);
	}
	wr_keys_reset(&other);
	cr_expect_eq(wr_keys_load(&other, TOPICS, 2, body, (uint32_t)bytes), WEIR_E_FORMAT);
	cr_expect_eq(wr_keys_load(&other, 1, 1, body, (uint32_t)bytes), WEIR_E_CORRUPT,
		     "there is no such topic");
	cr_expect_eq(wr_keys_load(&other, TOPICS, 1, body, (uint32_t)bytes), 0);
	cr_expect_eq(wr_keys_load(&other, TOPICS, 1, body, (uint32_t)bytes), WEIR_E_CORRUPT,
		     "twice");
}
