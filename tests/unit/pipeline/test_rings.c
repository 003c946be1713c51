/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   of a ring's members each event goes to exactly one, by weight; who comes, goes or changes
 *         its weight moves only its own share; who reads late, or from disk after an open, finds
 *         the members of then.
 * Method: shares of 40,000 keys, counted, and compared key by key with a model in floating point;
 *         then pipelines whose events have been given their owner by that model.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/route/hash_term.h"
#include "tests/support/pipeline_fixture.h"

#define KEYS 40000u
#define EVENTS 300u
#define MEMBERS_MAX 8u
#define NOBODY UINT32_MAX

/* ---- shares ---- */

/* Members of one ring: of each its id, and its weight; 0: it is none. */
struct ring {
	uint32_t weights[MEMBERS_MAX];
};

static uint64_t logs[WR_LOG_STEPS + 1];

static uint64_t member_hash(uint32_t id)
{
	static const struct wr_hash_term term = {.ring = "r", .ring_bytes = 1};
	return wr_hash_of_member(&term, id);
}

/* By the library, in integers. */
static uint32_t owner_of(const struct ring *ring, const void *key, size_t bytes)
{
	uint32_t best = NOBODY;
	uint64_t nearest = 0, event = wr_hash_of_event(key, bytes);
	for (uint32_t id = 0; id < MEMBERS_MAX; id++) {
		if (ring->weights[id] == 0)
			continue;
		uint64_t distance = wr_hash_distance(logs, event, member_hash(id));
		if (best != NOBODY && distance * ring->weights[best] >= nearest * ring->weights[id])
			continue;
		best = id;
		nearest = distance;
	}
	return best;
}

/* The model: splitmix64 of the sum of both hashes is the draw; the rest is the C library's. */
static uint32_t owner_by_model(const struct ring *ring, const void *key, size_t bytes,
			       double *ret_margin)
{
	double nearest = INFINITY, second = INFINITY;
	uint32_t best = NOBODY;
	for (uint32_t id = 0; id < MEMBERS_MAX; id++) {
		if (ring->weights[id] == 0)
			continue;
		uint64_t z = wr_hash_of_event(key, bytes) + member_hash(id);
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		z = (z ^ (z >> 31)) | 1;
		double distance = -log2((double)z / 18446744073709551616.0) / ring->weights[id];
		if (distance < nearest) {
			second = nearest;
			nearest = distance;
			best = id;
		} else if (distance < second) {
			second = distance;
		}
	}
	*ret_margin = (second - nearest) / second;
	return best;
}

static void count_shares(const struct ring *ring, uint32_t counts[MEMBERS_MAX])
{
	memset(counts, 0, MEMBERS_MAX * sizeof *counts);
	for (uint64_t key = 0; key < KEYS; key++) {
		double margin;
		uint32_t owner = owner_of(ring, &key, sizeof key);
		uint32_t wanted = owner_by_model(ring, &key, sizeof key, &margin);
		cr_assert_lt(owner, MEMBERS_MAX);
		/* Two of about one place may be either's. */
		cr_assert(owner == wanted || margin < 0.01, "%u, not %u", owner, wanted);
		counts[owner]++;
	}
}

/* Within five standard deviations of a draw. */
static void check_shares(const struct ring *ring)
{
	uint32_t counts[MEMBERS_MAX];
	double all = 0;
	count_shares(ring, counts);
	for (uint32_t id = 0; id < MEMBERS_MAX; id++)
		all += ring->weights[id];
	for (uint32_t id = 0; id < MEMBERS_MAX; id++) {
		double share = ring->weights[id] / all;
		double wanted = share * KEYS, most = 5 * sqrt(KEYS * share * (1 - share));
		cr_expect(fabs(counts[id] - wanted) <= most, "member %u: %u, not %.0f", id,
			  counts[id], wanted);
	}
}

/* Keys that move between the two: to `id` or from it only; how many. */
static uint32_t check_moves(const struct ring *from, const struct ring *to, uint32_t id)
{
	uint32_t moved = 0;
	for (uint64_t key = 0; key < KEYS; key++) {
		uint32_t was = owner_of(from, &key, sizeof key);
		uint32_t is = owner_of(to, &key, sizeof key);
		moved += was != is ? 1 : 0;
		cr_expect(was == is || was == id || is == id);
	}
	return moved;
}

Test(rings, shares_are_by_weight_and_only_one_share_moves)
{
	wr_hash_logs(logs);
	const struct ring even = {{1, 1, 1, 1}};
	const struct ring more = {{1, 1, 1, 1, 1}};
	const struct ring heavy = {{1, 1, 5, 1}};
	const struct ring uneven = {{1000, 1, 10, 100, 0, 7}};
	check_shares(&even);
	check_shares(&more);
	check_shares(&heavy);
	check_shares(&uneven);
	/* A fifth of the keys for who comes, and back when it goes. */
	cr_expect_lt(abs((int)check_moves(&even, &more, 4) - (int)KEYS / 5), (int)KEYS / 50);
	cr_expect_eq(check_moves(&more, &even, 4), check_moves(&even, &more, 4));
	/* From a quarter to five eighths. */
	cr_expect_lt(abs((int)check_moves(&even, &heavy, 2) - (int)KEYS * 3 / 8), (int)KEYS / 50);
}

Test(rings, logarithms_are_logarithms)
{
	wr_hash_logs(logs);
	for (uint32_t i = 0; i <= WR_LOG_STEPS; i++)
		cr_expect(fabs((double)logs[i] / 4294967296.0 - log2(1 + i / 256.0)) < 1e-7, "%u",
			  i);
}

static const struct {
	const char *pattern;
	const char *field;
} refused[] = {
	{"", ""},
	{"[]", ""},
	{"{}", "ring"},
	{"{\"ring\":\"\"}", "ring"},
	{"{\"ring\":1}", "ring"},
	{"{\"ring\":\"r\",\"weight\":0}", "weight"},
	{"{\"ring\":\"r\",\"weight\":1001}", "weight"},
	{"{\"ring\":\"r\",\"weight\":1.5}", "weight"},
	{"{\"ring\":\"r\",\"weight\":\"1\"}", "weight"},
	{"{\"ring\":\"r\",\"hash-header\":\"\"}", "hash-header"},
	{"{\"ring\":\"r\",\"hash-property\":\"timestamp\"}", "hash-property"},
	{"{\"ring\":\"r\",\"hash-header\":\"a\",\"hash-property\":\"message_id\"}", ""},
	{"{\"ring\":\"r\",\"more\":1}", ""},
	{"{\"ring\":\"r\"", ""},
	{"{\"ring\":\"r\"} x", ""},
};

Test(rings, a_wrong_term_is_refused_with_its_place)
{
	static char longest[300] = "{\"ring\":\"";
	struct wr_hash_term term;
	struct weir_filter *filter = NULL;
	for (size_t i = 0; i < WR_ARRAY_COUNT(refused); i++) {
		struct weir_problem problem = {0};
		const char *text = refused[i].pattern;
		cr_expect_eq(weir_filter_create(WEIR_FILTER_HASH, text, strlen(text), NULL, &filter,
						&problem),
			     -EINVAL, "%s", text);
		cr_expect_str_eq(problem.field, refused[i].field, "%s", text);
		cr_expect_neq(problem.text[0], '\0');
	}
	memset(longest + 9, 'n', 200);
	memcpy(longest + 209, "\"}", 3);
	cr_expect_eq(wr_hash_term_read(longest, strlen(longest), &term, NULL), 0);
	memcpy(longest + 209, "n\"}", 4);
	cr_expect_eq(wr_hash_term_read(longest, strlen(longest), &term, NULL), -EINVAL);
	/* Alone in its ring it gets all of it. */
	cr_assert_eq(
		weir_filter_create(WEIR_FILTER_HASH, "{\"ring\":\"r\"}", 12, NULL, &filter, NULL),
		0);
	cr_expect_eq(weir_filter_match(filter, &(struct weir_routed){0}, NULL), 1);
	weir_filter_destroy(filter);
}

/* ---- pipelines ---- */

static struct fixture f;
static uint32_t work;
static struct weir_producer *producer;
static struct weir_problem problem;
static uint32_t owners[4 * EVENTS]; /* by number: id of who is to have it */
static uint32_t published;
static uint32_t read_to[MEMBERS_MAX]; /* by id: what is below it has */

static void begin(int kind)
{
	wr_hash_logs(logs);
	fixture_init(&f, kind | FIXTURE_MANUAL);
	f.options.subscriptions_max = MEMBERS_MAX;
	f.options.topics_max = 8;
	fixture_open(&f);
	work = fixture_topic(&f, "work", 3);
	producer = fixture_producer(&f, NULL);
	published = 0;
	memset(read_to, 0, sizeof read_to);
}

static void end(void)
{
	fixture_end(&f);
}

TestSuite(rings, .fini = end, .timeout = 60);

static void reopen(enum weir_close_mode how)
{
	cr_assert_eq(weir_close(f.pipeline, how, FIXTURE_LONG_NS, NULL), 0);
	fixture_open(&f);
	producer = fixture_producer(&f, NULL);
}

/* With a share of ring r; NULL: with the pattern `other`. */
static int subscribe(const char *name, const char *share, const char *other, uint32_t *ret_id)
{
	static const char *const topics[] = {"work"};
	const char *pattern = share != NULL ? share : other;
	const struct weir_filter_term term = {.kind = share != NULL ? WEIR_FILTER_HASH
								    : WEIR_FILTER_DIRECT,
					      .pattern = pattern,
					      .pattern_bytes = strlen(pattern)};
	const struct weir_subscription_filter filter = {.term_count = 1, .terms = &term};
	struct weir_subscription_options o;
	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = topics;
	o.topic_count = 1;
	o.filter = &filter;
	return weir_subscription_create(f.pipeline, &o, ret_id, &problem);
}

static uint32_t must_subscribe(const char *name, uint32_t weight)
{
	char share[64];
	uint32_t id = NOBODY;
	(void)snprintf(share, sizeof share, "{\"ring\":\"r\",\"weight\":%u}", weight);
	int rc = subscribe(name, weight > 0 ? share : NULL, "nothing", &id);
	cr_assert_eq(rc, 0, "%s: %s", problem.field, problem.text);
	return id;
}

static void publish(uint32_t count, const struct ring *ring)
{
	uint64_t ticket = 0;
	for (uint32_t i = 0; i < count; i++, published++) {
		uint64_t number = published, key = number % 97;
		struct weir_event event = fixture_event(work, &key, &number);
		owners[number] = owner_of(ring, &key, sizeof key);
		fixture_need(weir_publish(producer, &event, &ticket) == 0, "publishing");
		(void)weir_producer_poll_acks(producer);
	}
	fixture_wait(producer, ticket);
}

/* It gets what is its own of what was published meanwhile, each once, and nothing else. */
static void expect(uint32_t id)
{
	static bool seen[4 * EVENTS];
	struct weir_member *m = fixture_member(&f, id, NULL);
	struct weir_item item;
	uint32_t mine = 0;
	memset(seen, 0, sizeof seen);
	for (uint32_t n = read_to[id]; n < published; n++)
		mine += owners[n] == id ? 1 : 0;
	for (uint32_t i = 0; i < mine; i++) {
		cr_assert_eq(fixture_poll(m, &item, 1, 1, true), 1, "%u: only %u of %u", id, i,
			     mine);
		uint64_t n = fixture_number(&item);
		cr_assert_lt(n, published);
		cr_expect(owners[n] == id && n >= read_to[id] && !seen[n], "%llu is %u's, not %u's",
			  (unsigned long long)n, owners[n], id);
		seen[n] = true;
	}
	read_to[id] = published;
	cr_expect_eq(fixture_poll_rest(m), 0, "%u gets more than its own", id);
	cr_assert_eq(weir_member_commit(m, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_assert_eq(weir_member_leave(m, FIXTURE_LONG_NS), 0);
}

Test(rings, each_event_has_one_owner)
{
	begin(FIXTURE_DURABLE);
	uint32_t a = must_subscribe("a", 1), b = must_subscribe("b", 2);
	struct ring ring = {{0}};
	ring.weights[a] = 1;
	ring.weights[b] = 2;
	publish(EVENTS, &ring);
	expect(a);
	expect(b);
	/* One that starts from the oldest has nothing of what was shared before it was there. */
	uint32_t c = must_subscribe("c", 4);
	ring.weights[c] = 4;
	publish(EVENTS, &ring);
	reopen(WEIR_CLOSE_ABORT);
	ring.weights[a] = 0;
	cr_expect_eq(must_subscribe("a", 0), a);
	publish(EVENTS, &ring);
	reopen(WEIR_CLOSE_DRAIN);
	ring.weights[b] = 9;
	cr_expect_eq(must_subscribe("b", 9), b);
	publish(EVENTS, &ring);
	/* As members they were, from disk. */
	reopen(WEIR_CLOSE_ABORT);
	expect(b);
	expect(c);
	expect(a);
}

Test(rings, the_same_of_a_log_in_memory)
{
	begin(FIXTURE_MEMORY);
	uint32_t a = must_subscribe("a", 3), b = must_subscribe("b", 1);
	struct ring ring = {{0}};
	ring.weights[a] = 3;
	ring.weights[b] = 1;
	publish(EVENTS, &ring);
	expect(b);
	expect(a);
}

/*
 * One has settled all and changes its share again and again: as long as another has not read, what
 * it had then is needed.
 */
Test(rings, members_count_as_they_were)
{
	begin(FIXTURE_DURABLE);
	uint32_t a = must_subscribe("a", 1), b = must_subscribe("b", 1), id;
	struct ring ring = {{0}};
	ring.weights[a] = ring.weights[b] = 1;
	publish(EVENTS, &ring);
	expect(a);
	for (uint32_t weight = 2; weight < 5; weight++) {
		cr_expect_eq(must_subscribe("a", weight), a);
		ring.weights[a] = weight;
		publish(EVENTS / 3, &ring);
		expect(a);
	}
	cr_assert_eq(subscribe("a", NULL, "x", &id), WEIR_E_FULL, "four are kept, for b");
	reopen(WEIR_CLOSE_ABORT);
	expect(b);
	/* Both are past those changes with what came behind them. */
	publish(EVENTS, &ring);
	expect(a);
	expect(b);
	cr_expect_eq(must_subscribe("a", 0), a);
}

Test(rings, a_ring_hashes_one_thing)
{
	uint32_t id;
	begin(FIXTURE_DURABLE);
	must_subscribe("a", 1);
	cr_expect_eq(subscribe("b", "{\"ring\":\"r\",\"hash-header\":\"h\"}", NULL, &id), -EINVAL);
	cr_expect_str_eq(problem.field, "ring");
	cr_expect_eq(subscribe("b", "{\"ring\":\"s\",\"hash-header\":\"h\"}", NULL, &id), 0);
	/* By itself it may. */
	cr_expect_eq(subscribe("b", "{\"ring\":\"s\",\"hash-property\":\"message_id\"}", NULL, &id),
		     0, "%s", problem.text);
	cr_expect_eq(subscribe("b", "{\"ring\":\"r\",\"hash-property\":\"message_id\"}", NULL, &id),
		     -EINVAL);
	/* What b hashed before, and is kept of it, does not hide what it hashes now. */
	cr_expect_eq(subscribe("c", "{\"ring\":\"s\"}", NULL, &id), -EINVAL);
	cr_expect_eq(subscribe("c", "{\"ring\":\"s\",\"hash-header\":\"h\"}", NULL, &id), -EINVAL);
	cr_expect_str_eq(problem.field, "ring");
	const struct weir_filter_term two[] = {
		{.kind = WEIR_FILTER_HASH, .pattern = "{\"ring\":\"q\"}", .pattern_bytes = 12},
		{.kind = WEIR_FILTER_HASH, .pattern = "{\"ring\":\"t\"}", .pattern_bytes = 12}};
	const struct weir_subscription_filter filter = {.term_count = 2, .terms = two};
	cr_expect_eq(weir_subscription_set_filter(f.pipeline, id, &filter, NULL, &problem),
		     -EINVAL);
	cr_expect_str_eq(problem.field, "filter");
	/* What is not its own is another's. */
	struct weir_filter_term others[] = {
		{.kind = WEIR_FILTER_HASH, .pattern = "{\"ring\":\"q\"}", .pattern_bytes = 12},
		{.kind = WEIR_FILTER_DIRECT, .pattern = "a", .pattern_bytes = 1}};
	const struct weir_subscription_filter any = {
		.join = WEIR_FILTER_ANY, .term_count = 2, .terms = others};
	const struct weir_subscription_filter alone = {.term_count = 1, .terms = others};
	cr_expect_eq(weir_subscription_set_filter(f.pipeline, id, &any, NULL, &problem), -EINVAL);
	others[0].negated = true;
	cr_expect_eq(weir_subscription_set_filter(f.pipeline, id, &alone, NULL, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "filter");
}

/* Both members of a ring have all of it, and none has a tenant of the other's. */
static void count_both(const uint32_t ids[2], uint32_t counts[2])
{
	uint32_t of[40] = {0};
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	struct weir_member *m[2] = {fixture_member(&f, ids[0], NULL),
				    fixture_member(&f, ids[1], NULL)};
	while (counts[0] + counts[1] < 200 && fixture_now_ns() < until) {
		for (uint32_t i = 0; i < 2; i++) {
			struct weir_item item;
			if (weir_poll(m[i], &item, 1, 1000000u) != 1)
				continue;
			uint32_t tenant = (uint32_t)(fixture_number(&item) % 40);
			tenant = tenant < 30 ? tenant : 39;
			cr_expect(of[tenant] == 0 || of[tenant] == i + 1, "of tenant %u", tenant);
			of[tenant] = i + 1;
			counts[i]++;
			cr_assert_eq(weir_ack(m[i], &item), 0);
		}
	}
	cr_expect_eq(counts[0] + counts[1], 200);
	for (uint32_t i = 0; i < 2; i++) {
		cr_expect_eq(fixture_poll_rest(m[i]), 0);
		cr_assert_eq(weir_member_leave(m[i], FIXTURE_LONG_NS), 0);
	}
}

/* By a header and by an id; what has neither goes to one of them. */
Test(rings, headers_and_ids_are_hashed)
{
	static const char *const shares[][2] = {
		{"a", "{\"ring\":\"r\",\"hash-header\":\"tenant\"}"},
		{"b", "{\"ring\":\"r\",\"hash-header\":\"tenant\"}"},
		{"c", "{\"ring\":\"s\",\"hash-property\":\"message_id\"}"},
		{"d", "{\"ring\":\"s\",\"hash-property\":\"message_id\"}"},
	};
	uint32_t ids[4], counts[4] = {0};
	uint64_t ticket = 0;
	begin(FIXTURE_DURABLE);
	for (uint32_t i = 0; i < 4; i++)
		cr_assert_eq(subscribe(shares[i][0], shares[i][1], NULL, &ids[i]), 0, "%s",
			     problem.text);
	for (uint64_t n = 0; n < 200; n++) {
		char text[16];
		struct weir_ids event_ids = {.event_id = text};
		const struct weir_header header = {
			.name = "tenant", .name_bytes = 6, .value = text, .value_bytes = 2};
		struct weir_event event = fixture_event(work, NULL, &n);
		(void)snprintf(text, sizeof text, "%02u", (unsigned)(n % 40));
		if (n % 40 < 30) {
			event_ids.event_id_bytes = 2;
			event.ids = &event_ids;
			event.headers = &header;
			event.header_count = 1;
		}
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
		fixture_wait(producer, ticket);
	}
	for (uint32_t ring = 0; ring < 2; ring++)
		count_both(ids + 2 * ring, counts + 2 * ring);
	for (uint32_t i = 0; i < 4; i++)
		cr_expect_gt(counts[i], 10);
}
