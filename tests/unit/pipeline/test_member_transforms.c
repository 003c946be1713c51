/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what members make of their events is what the transformer of their subscription says that
 *         was in force at the event, over changes, opens and ways to read; events themselves stay
 *         as they are; what cannot be transformed is told; and nothing is kept without end.
 * Method: as test_filtering.c; what is made is compared with texts made from numbers by snprintf.
 */
#include <errno.h>
#include <weir/binding.h>
#include <weir/bridge.h>
#include <weir/transform.h>

#include "core/pipeline/member_transform.h"
#include "core/pipeline/route_rules.h"
#include "tests/unit/pipeline/filtering_bed.h"

#define FIRST "{\"InputPathsMap\":{\"n\":\"$.n\"},\"InputTemplate\":\"{\\\"first\\\": <n>}\"}"
#define SECOND "{\"InputPathsMap\":{\"t\":\"$.t\"},\"InputTemplate\":\"\\\"<t> of <weir.key>\\\"\"}"
#define NAMES "{\"InputTemplate\":\"\\\"<weir.topic> <weir.subscription>\\\"\"}"

TestSuite(member_transforms, .fini = end, .timeout = 60);

enum made { AS_IT_IS, BY_FIRST, BY_SECOND };

static struct weir_subscription_filter with(const struct filter_case *c, const char *transform)
{
	struct weir_subscription_filter filter = {0};
	if (c != NULL)
		filter = filter_of(c);
	filter.transform = transform;
	filter.transform_bytes = transform != NULL ? strlen(transform) : 0;
	return filter;
}

static uint32_t make_with(const char *name, enum weir_order order, const struct filter_case *c,
			  const char *transform)
{
	struct weir_subscription_filter filter = with(c, transform);
	uint32_t id;
	cr_assert_eq(make(name, order, &filter, &id), 0, "%s %s", problem.field, problem.text);
	return id;
}

static int try_change(uint32_t id, const struct filter_case *c, const char *transform)
{
	struct weir_subscription_filter filter = with(c, transform);
	problem.field[0] = '\0';
	return weir_subscription_set_filter(f.pipeline, id, &filter, NULL, &problem);
}

static void expect_made(struct weir_member *member, const struct weir_item *item, enum made made)
{
	char room[128], wanted[128];
	const void *payload = NULL;
	uint64_t n = number_of(item);
	int64_t bytes = weir_member_transform(member, item, room, sizeof room, &payload, &problem);
	if (made == AS_IT_IS) {
		cr_expect(payload == item->payload && bytes == (int64_t)item->payload_bytes);
		return;
	}
	if (made == BY_FIRST)
		(void)snprintf(wanted, sizeof wanted, "{\"first\":%llu}",
			       (unsigned long long)(100000 + n));
	else
		(void)snprintf(wanted, sizeof wanted, "\"%u of order.c%u\"", (unsigned)(n % 100),
			       (unsigned)(n % 10));
	cr_assert_gt(bytes, 0, "%s", problem.text);
	cr_expect(payload == room && (size_t)bytes == strlen(wanted) &&
			  memcmp(room, wanted, strlen(wanted)) == 0,
		  "%llu: %.*s, not %s", (unsigned long long)n, (int)bytes, room, wanted);
}

static enum made by_number(uint64_t n)
{
	return n < 100 ? BY_FIRST : n < 200 ? BY_SECOND : n < 300 ? AS_IT_IS : BY_FIRST;
}

/* All that is there, from the beginning, by a new member: how many. */
static uint32_t expect_all(uint32_t id, enum made (*made_of)(uint64_t))
{
	struct weir_item items[32];
	uint32_t count = 0;
	int n;
	cr_assert_eq(
		weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0, FIXTURE_LONG_NS, NULL),
		0);
	struct weir_member *member = fixture_member(&f, id, NULL);
	do {
		(void)exact_lag(id, NULL);
		n = weir_poll(member, items, 32, 50000000u);
		for (int i = 0; i < n; i++)
			expect_made(member, &items[i], made_of(number_of(&items[i])));
		count += n > 0 ? (uint32_t)n : 0;
		cr_assert_eq(weir_ack_all(member), 0);
		cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS), 0);
	} while (n > 0 || exact_lag(id, NULL) > 0);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	return count;
}

Test(member_transforms, the_one_that_was_in_force_counts)
{
	begin(FIXTURE_DURABLE);
	uint32_t id = make_with("first", WEIR_ORDER_PARTITION, &cases[RED], FIRST);
	/* It had no filter: its first one wants everything, and transforms. */
	uint32_t later = made("later", WEIR_ORDER_PARTITION, NULL);
	publish(0, 100);
	cr_assert_eq(try_change(id, &cases[RED], SECOND), 0, "%s", problem.text);
	cr_assert_eq(try_change(later, NULL, FIRST), 0, "%s", problem.text);
	publish(100, 200);
	cr_assert_eq(try_change(id, &cases[RED], NULL), 0);
	publish(200, 300);
	cr_assert_eq(try_change(id, NULL, FIRST), 0);
	publish(300, 400);
	uint32_t wanted = wanted_of(0, 300, is_red) + wanted_of(300, 400, is_any);
	cr_expect_eq(expect_all(id, by_number), wanted);
	reopen();
	cr_expect_eq(expect_all(id, by_number), wanted);
	struct weir_member *member = fixture_member(&f, later, NULL);
	struct weir_item item;
	uint32_t count = 0;
	for (; exact_lag(later, NULL) > 0 && fixture_poll(member, &item, 1, 1, false) == 1;
	     count++) {
		expect_made(member, &item, number_of(&item) < 100 ? AS_IT_IS : BY_FIRST);
		cr_assert_eq(weir_ack(member, &item), 0);
		cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS), 0);
	}
	cr_expect_eq(count, wanted_of(0, 400, is_any));
}

static enum made always_first(uint64_t n)
{
	(void)n;
	return BY_FIRST;
}

/* Of a queue, of what is read from disk, and where only the filter changes. */
Test(member_transforms, however_it_is_read)
{
	begin(FIXTURE_DURABLE);
	uint32_t queue = make_with("queue", WEIR_ORDER_NONE, NULL, FIRST);
	uint32_t old = make_with("old", WEIR_ORDER_PARTITION, &cases[LATE], FIRST);
	publish(0, 200);
	cr_assert_eq(try_change(old, &cases[NOTHING], FIRST), 0);
	publish(200, OLD);
	cr_assert_eq(try_change(old, &cases[DIRECT], FIRST), 0);
	publish(OLD, OLD + 100);
	cr_expect_eq(expect_all(old, always_first),
		     wanted_of(0, 200, is_late) + wanted_of(OLD, OLD + 100, is_c3));
	struct weir_member *member = fixture_member(&f, queue, NULL);
	struct weir_item items[16];
	uint32_t n = fixture_poll(member, items, 16, 16, true);
	cr_assert_gt(n, 0);
	for (uint32_t i = 0; i < n; i++)
		expect_made(member, &items[i], BY_FIRST);
	const struct wr_member_transform *newest =
		wr_load_acquire(&f.pipeline->subscriptions[old].transforms);
	cr_expect(newest != NULL && newest->before == NULL, "one text is one transformer");
}

/* ---- told ---- */

Test(member_transforms, what_a_subscription_has_is_told)
{
	struct weir_subscription_filter filter;
	char room[1024];
	_Alignas(16) uint8_t small[16];
	begin(FIXTURE_DURABLE);
	uint32_t id = make_with("one", WEIR_ORDER_PARTITION, &cases[DIRECT], FIRST);
	uint32_t all = make_with("all", WEIR_ORDER_PARTITION, NULL, NAMES);
	reopen();
	int bytes = weir_subscription_filter(f.pipeline, id, NULL, 0, &filter);
	cr_assert_gt(bytes, (int)sizeof FIRST - 1);
	cr_assert_eq(weir_subscription_filter(f.pipeline, id, small, sizeof small, &filter), bytes);
	cr_assert_eq(weir_subscription_filter(f.pipeline, id, room, sizeof room, &filter), bytes);
	cr_expect(filter.term_count == 1 && filter.transform_bytes == sizeof FIRST - 1 &&
		  memcmp(filter.transform, FIRST, sizeof FIRST - 1) == 0);
	cr_assert_eq(weir_subscription_filter(f.pipeline, all, room, sizeof room, &filter),
		     (int)sizeof NAMES - 1);
	cr_expect(filter.term_count == 0 && filter.transform_bytes == sizeof NAMES - 1);
	/* The same again is no change. */
	uint64_t sequence = 1;
	cr_assert_eq(weir_subscription_set_filter(f.pipeline, all, &filter, &sequence, &problem),
		     0);
	cr_expect_eq(sequence, 0);
	publish(0, 4);
	struct weir_member *member = fixture_member(&f, all, NULL);
	struct weir_item item;
	const void *payload;
	cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
	cr_expect_eq(weir_member_transform(member, &item, room, sizeof room, &payload, &problem),
		     10);
	cr_expect_eq(memcmp(room, "\"work all\"", 10), 0);
	cr_expect_eq(weir_member_transform(member, &item, room, 9, &payload, &problem),
		     WEIR_E_TOO_BIG);
	item.kind = WEIR_ITEM_GAP;
	cr_expect_eq(weir_member_transform(member, &item, room, 9, &payload, NULL), -EINVAL);
}

Test(member_transforms, what_cannot_be_made_is_told)
{
	struct weir_event event = {.key = "k", .key_bytes = 1};
	const void *payload;
	char room[64];
	uint64_t ticket;
	begin(FIXTURE_DURABLE);
	uint32_t id = make_with("one", WEIR_ORDER_PARTITION, NULL, "{\"InputPath\":\"$.a.b\"}");
	const char *payloads[] = {"no JSON", "{\"a\":1}", "{\"a\":{\"b\":[ 2 ]}}", NULL};
	const int64_t wanted[] = {-EINVAL, -ENOENT, 3, 0};
	event.topic = topic;
	for (uint32_t i = 0; i < 4; i++) {
		event.payload = payloads[i];
		event.payload_bytes = payloads[i] != NULL ? strlen(payloads[i]) : 0;
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	}
	fixture_wait(producer, ticket);
	struct weir_member *member = fixture_member(&f, id, NULL);
	for (uint32_t i = 0; i < 4; i++) {
		struct weir_item item;
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		cr_expect_eq(
			weir_member_transform(member, &item, room, sizeof room, &payload, &problem),
			wanted[i], "%u", i);
		cr_expect(i != 3 || payload == NULL, "a tombstone stays one");
		cr_assert_eq(weir_ack(member, &item), 0);
	}
}

/* ---- refused ---- */

Test(member_transforms, what_is_wrong_is_refused)
{
	struct weir_binding_options binding;
	struct weir_subscription_filter filter = with(&cases[DIRECT], FIRST);
	begin(FIXTURE_DURABLE);
	uint32_t id = made("one", WEIR_ORDER_PARTITION, &cases[DIRECT]);
	cr_expect_eq(try_change(id, NULL, "{\"InputTemplate\":\"<x>\"}"), -EINVAL);
	cr_expect_str_eq(problem.field, "InputTemplate");
	cr_expect_eq(try_change(id, NULL, NULL), -EINVAL, "neither terms nor a transformer");
	filter.transform_bytes = WEIR_TRANSFORM_BYTES_MAX + 1;
	cr_expect_eq(weir_subscription_set_filter(f.pipeline, id, &filter, NULL, &problem),
		     WEIR_E_TOO_BIG);
	filter.transform_bytes = 0;
	cr_expect_eq(weir_subscription_set_filter(f.pipeline, id, &filter, NULL, &problem),
		     -EINVAL);
	filter = with(&cases[DIRECT], FIRST);
	weir_binding_options_init(&binding);
	binding.name = "way";
	binding.source = topic;
	binding.target = other;
	binding.filter = &filter;
	cr_expect_eq(weir_binding_create(f.pipeline, &binding, NULL, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "filter");
	/* What was refused leaves nothing behind: events are as they are. */
	publish(0, 40);
	struct weir_member *member = fixture_member(&f, id, NULL);
	struct weir_item item;
	cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
	expect_made(member, &item, AS_IT_IS);
}

/*
 * Each is kept until the close, since a member may be about to use it: so there is an end. As the
 * control call and the group step do it: four filters that are not settled are an end before it.
 */
Test(member_transforms, there_is_a_bound_for_changes)
{
	char text[64];
	struct wr_filter_transform from = {.text = (const uint8_t *)text};
	struct wr_member_transform *t;
	uint32_t i = 0;
	begin(FIXTURE_MEMORY);
	uint32_t id = make_with("one", WEIR_ORDER_PARTITION, NULL, FIRST);
	struct wr_subscription_live *live = &f.pipeline->subscriptions[id];
	const struct weir_allocator *allocator = &f.pipeline->router.rules->allocator;
	int rc = 0;
	for (; i <= WR_MEMBER_TRANSFORMS_MAX && rc == 0; i += rc == 0 ? 1 : 0) {
		from.text_bytes =
			(uint32_t)snprintf(text, sizeof text, "{\"Input\":\"%u\"}", i / 2);
		rc = wr_member_transform_create(allocator, live, 2 + i, &from, &t, &problem);
		cr_assert(rc != 0 || (t == NULL) == (i % 2 == 1), "the same again is no other");
		if (rc == 0)
			wr_member_transform_use(live, &t, 1000 + i);
	}
	cr_expect_eq(rc, 0, "half as many");
	for (; i <= 2 * WR_MEMBER_TRANSFORMS_MAX && rc == 0; i += rc == 0 ? 1 : 0) {
		from.text_bytes = (uint32_t)snprintf(text, sizeof text, "{\"Input\":\"%u\"}", i);
		rc = wr_member_transform_create(allocator, live, 2 + i, &from, &t, &problem);
		if (rc == 0)
			wr_member_transform_use(live, &t, 1000 + i);
	}
	cr_expect_eq(rc, WEIR_E_FULL);
	cr_expect_str_eq(problem.field, "transform");
	i = 0;
	for (t = wr_load_acquire(&live->transforms); t != NULL; t = t->before)
		i++;
	cr_expect_eq(i, WR_MEMBER_TRANSFORMS_MAX);
}

static int nothing(void *self, struct weir_bridge *bridge)
{
	(void)self;
	(void)bridge;
	return 0;
}

static int no_step(void *self, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	(void)self;
	(void)bridge;
	(void)timeout_ns;
	return 0;
}

static void no_close(void *self, struct weir_bridge *bridge)
{
	(void)self;
	(void)bridge;
}

/* Payloads would go out as they are, and nobody would know. */
Test(member_transforms, a_bridge_refuses_them)
{
	const struct weir_bridge_ops ops = {.struct_bytes = sizeof ops,
					    .system = "nothing",
					    .open = nothing,
					    .step = no_step,
					    .close = no_close};
	struct weir_bridge_options o;
	struct weir_bridge *bridge = NULL;
	begin(FIXTURE_MEMORY);
	weir_bridge_options_init(&o);
	o.name = "out";
	o.direction = WEIR_BRIDGE_SINK;
	o.ops = &ops;
	o.manual = true;
	o.subscription = make_with("one", WEIR_ORDER_PARTITION, NULL, FIRST);
	problem = (struct weir_problem){0};
	cr_expect_eq(weir_bridge_start(f.pipeline, &o, &bridge, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "subscription");
	cr_expect_str_eq(problem.text, "it has a transformer, which a bridge does not apply: "
				       "transform by a binding, and bridge its target");
	o.subscription = fixture_subscription(&f, "two", "work");
	cr_assert_eq(weir_bridge_start(f.pipeline, &o, &bridge, &problem), 0, "%s", problem.text);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
}
