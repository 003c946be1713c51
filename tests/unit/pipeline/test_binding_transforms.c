/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   copies of a binding that transforms are what its transformer makes of their events, each
 *         once, over opens and changes; what cannot be transformed waits, passes or goes to dead
 *         letters as it was told, and says so; nothing is lost.
 * Method: numbered events of JSON, every seventh of which is not; a manual pipeline; copies are
 *         read and compared with texts made from the numbers by snprintf.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pipeline/copier.h"
#include "core/pipeline/route_rules.h"
#include "core/record/filter_record.h"
#include "tests/support/pipeline_fixture.h"

#define EVENTS 200u
#define TYPE 3u

static struct fixture f;
static uint32_t work, made, dead;
static struct weir_producer *producer;
static struct weir_problem problem;

static const char by_template[] =
	"{\"InputPathsMap\":{\"n\":\"$.n\",\"t\":\"$.list[1]\"},\"InputTemplate\":"
	"\"{ \\\"number\\\": <n>, \\\"text\\\": \\\"<t> of <weir.key> from <weir.topic> by "
	"<weir.subscription>\\\", \\\"at\\\": <weir.sequence> }\"}";

static void begin(int kind)
{
	fixture_init(&f, kind | FIXTURE_MANUAL);
	f.options.subscriptions_max = 12;
	f.options.topics_max = 8;
	fixture_open(&f);
	work = fixture_topic(&f, "work", 2);
	made = fixture_topic(&f, "made", 1);
	dead = fixture_topic(&f, "dead", 1);
	producer = fixture_producer(&f, NULL);
}

static void end(void)
{
	fixture_end(&f);
}

TestSuite(binding_transforms, .fini = end, .timeout = 60);

static void reopen(enum weir_close_mode how)
{
	cr_assert_eq(weir_close(f.pipeline, how, FIXTURE_LONG_NS, NULL), 0);
	fixture_open(&f);
	producer = fixture_producer(&f, NULL);
}

static int bind_with(const char *transform, enum weir_transform_failure on_failure,
		     uint32_t dead_letters, uint32_t *ret)
{
	struct weir_binding_options o;
	weir_binding_options_init(&o);
	o.name = "way";
	o.source = work;
	o.target = made;
	o.transform = transform;
	o.transform_bytes = transform != NULL ? strlen(transform) : 0;
	o.on_failure = on_failure;
	o.dead_letters = dead_letters;
	problem.field[0] = '\0';
	return weir_binding_create(f.pipeline, &o, ret, &problem);
}

static uint32_t must_bind(const char *transform, enum weir_transform_failure on_failure,
			  uint32_t dead_letters)
{
	uint32_t id = UINT32_MAX;
	int rc = bind_with(transform, on_failure, dead_letters, &id);
	cr_assert_eq(rc, 0, "%s: %s", problem.field, problem.text);
	return id;
}

static bool is_bad(uint64_t n)
{
	return n % 7 == 3;
}

static void payload_of(uint64_t n, bool bad, char to[64])
{
	(void)snprintf(to, 64, bad ? "event %llu" : "{\"n\": %llu, \"list\": [0, \"te\\\"xt\"]}",
		       (unsigned long long)n);
}

static void publish(uint64_t first, uint64_t end_number, bool some_are_bad)
{
	uint64_t ticket = 0;
	for (uint64_t n = first; n < end_number; n++) {
		char payload[64];
		const struct weir_header header = {
			.name = "n", .name_bytes = 1, .value = &n, .value_bytes = sizeof n};
		payload_of(n, some_are_bad && is_bad(n), payload);
		struct weir_event event = {.topic = work,
					   .type = TYPE,
					   .key = "k",
					   .key_bytes = 1,
					   .payload = payload,
					   .payload_bytes = strlen(payload),
					   .headers = &header,
					   .header_count = 1};
		fixture_need(weir_publish(producer, &event, &ticket) == 0, "publishing");
		(void)weir_producer_poll_acks(producer);
	}
	fixture_wait(producer, ticket);
}

/* Runs the steps until the binding has nothing to copy, or waits. */
static void settle(uint32_t id)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS / 4;
	struct weir_lag lag = {.exact = false};
	while ((!lag.exact || lag.events > 0) && fixture_now_ns() < until &&
	       !f.pipeline->subscriptions[id].copier->told) {
		(void)weir_step(f.pipeline, 0);
		cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	}
}

static struct weir_member *reader_of(const char *topic)
{
	static uint32_t readers;
	struct weir_subscription_options o;
	char name[24];
	uint32_t id;
	(void)snprintf(name, sizeof name, "reader-%u", readers++);
	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = &topic;
	o.topic_count = 1;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, &problem), 0, "%s",
		     problem.text);
	return fixture_member(&f, id, NULL);
}

static uint64_t number_of(const struct weir_item *item)
{
	struct weir_header header;
	uint64_t n = UINT64_MAX;
	cr_assert_neq(weir_item_header(item, 0, &header), 0);
	cr_assert_eq(header.value_bytes, sizeof n);
	memcpy(&n, header.value, sizeof n);
	return n;
}

static void check_text(const struct weir_item *item, const char *wanted)
{
	cr_expect(item->payload_bytes == strlen(wanted) &&
			  memcmp(item->payload, wanted, strlen(wanted)) == 0,
		  "%.*s, not %s", (int)item->payload_bytes, (const char *)item->payload, wanted);
}

/* The next one is this number's: transformed, or as it was. */
static void check_next(struct weir_member *m, uint64_t n, bool is_transformed)
{
	struct weir_item item;
	struct weir_origin origin;
	char wanted[200];
	cr_assert_eq(fixture_poll(m, &item, 1, 1, true), 1, "of %llu", (unsigned long long)n);
	cr_assert_eq(number_of(&item), n);
	cr_assert(weir_item_origin(&item, &origin));
	cr_expect(origin.bound && origin.topic == work);
	cr_expect_eq(origin.untransformed, !is_transformed);
	cr_expect_eq(item.type, is_transformed ? 0 : TYPE);
	cr_expect(item.key_bytes == 1 && memcmp(item.key, "k", 1) == 0);
	if (!is_transformed) {
		payload_of(n, true, wanted);
		check_text(&item, wanted);
		cr_expect(origin.text_bytes > 20 && origin.reason == EINVAL);
		return;
	}
	(void)snprintf(wanted, sizeof wanted,
		       "{\"number\":%llu,\"text\":\"te\\\"xt of k from work by way\",\"at\":%llu}",
		       (unsigned long long)n, (unsigned long long)origin.sequence);
	check_text(&item, wanted);
}

static void end_of(struct weir_member *m)
{
	cr_expect_eq(fixture_poll_rest(m), 0, "more than is wanted");
	cr_assert_eq(weir_member_leave(m, FIXTURE_LONG_NS), 0);
}

Test(binding_transforms, each_copy_once_over_opens_and_aborts)
{
	char text[sizeof by_template];
	struct weir_binding binding;
	begin(FIXTURE_DURABLE);
	uint32_t id = must_bind(by_template, WEIR_TRANSFORM_WAIT, WEIR_BINDING_NONE);
	for (uint64_t life = 0; life < 8; life++) {
		publish(life * EVENTS / 8, (life + 1) * EVENTS / 8, false);
		for (uint64_t i = 0; i < life; i++)
			(void)weir_step(f.pipeline, 0);
		reopen(life % 3 == 1 ? WEIR_CLOSE_DRAIN : WEIR_CLOSE_ABORT);
	}
	settle(id);
	struct weir_member *m = reader_of("made");
	for (uint64_t n = 0; n < EVENTS; n++)
		check_next(m, n, true);
	end_of(m);
	cr_assert_eq(weir_binding_info(f.pipeline, id, &binding), 0);
	cr_expect_eq(binding.transform_bytes, sizeof by_template - 1);
	cr_expect(binding.on_failure == WEIR_TRANSFORM_WAIT &&
		  binding.dead_letters == WEIR_BINDING_NONE);
	cr_expect_eq(weir_binding_transform(f.pipeline, id, NULL, 0), sizeof by_template - 1);
	text[0] = '#';
	cr_expect_eq(weir_binding_transform(f.pipeline, id, text, sizeof by_template - 2),
		     sizeof by_template - 1);
	cr_expect_eq(text[0], '#');
	cr_expect_eq(weir_binding_transform(f.pipeline, id, text, sizeof text),
		     sizeof by_template - 1);
	cr_expect_eq(memcmp(text, by_template, sizeof by_template - 1), 0);
	cr_expect_eq(weir_binding_transform(f.pipeline, 99, text, sizeof text),
		     WEIR_E_UNKNOWN_NAME);
}

Test(binding_transforms, the_same_of_a_log_in_memory)
{
	begin(FIXTURE_MEMORY);
	uint32_t id = must_bind(by_template, WEIR_TRANSFORM_PASS, WEIR_BINDING_NONE);
	publish(0, EVENTS, true);
	settle(id);
	struct weir_member *m = reader_of("made");
	for (uint64_t n = 0; n < EVENTS; n++)
		check_next(m, n, !is_bad(n));
	end_of(m);
}

Test(binding_transforms, what_cannot_be_goes_to_dead_letters)
{
	begin(FIXTURE_DURABLE);
	uint32_t id = must_bind(by_template, WEIR_TRANSFORM_DEAD_LETTER, dead);
	publish(0, EVENTS, true);
	settle(id);
	struct weir_member *good = reader_of("made");
	struct weir_member *bad = reader_of("dead");
	for (uint64_t n = 0; n < EVENTS; n++)
		check_next(is_bad(n) ? bad : good, n, !is_bad(n));
	end_of(good);
	end_of(bad);
}

/* Four before it come; it waits, over an open too, until another rule lets it go. */
Test(binding_transforms, what_cannot_be_waits_until_it_may_go)
{
	begin(FIXTURE_DURABLE);
	uint32_t id = must_bind(by_template, WEIR_TRANSFORM_WAIT, WEIR_BINDING_NONE);
	publish(0, 10, true);
	settle(id);
	cr_expect(f.pipeline->subscriptions[id].copier->told);
	reopen(WEIR_CLOSE_ABORT);
	settle(id);
	cr_expect(f.pipeline->subscriptions[id].copier->told);
	struct weir_member *m = reader_of("made");
	for (uint64_t n = 0; n < 3; n++)
		check_next(m, n, true);
	cr_expect_eq(fixture_poll_rest(m), 0, "it waits");
	/* As it was given, this one could not be transformed either. */
	cr_expect_eq(must_bind("{\"Input\":\"1\"}", WEIR_TRANSFORM_PASS, WEIR_BINDING_NONE), id);
	for (uint64_t n = 3; n < 10; n++)
		check_next(m, n, n != 3);
	publish(10, 11, true);
	struct weir_item item;
	cr_assert_eq(fixture_poll(m, &item, 1, 1, true), 1);
	check_text(&item, "1");
	end_of(m);
}

Test(binding_transforms, changes_count_from_where_they_stand)
{
	struct weir_item item;
	begin(FIXTURE_DURABLE);
	uint32_t id = must_bind(by_template, WEIR_TRANSFORM_WAIT, WEIR_BINDING_NONE);
	f.pipeline->subscriptions[id].copier->after_ns = UINT64_MAX; /* it looks late */
	publish(0, 3, false);
	cr_expect_eq(
		must_bind("{\"InputPath\":\"$.list\"}", WEIR_TRANSFORM_WAIT, WEIR_BINDING_NONE),
		id);
	publish(3, 4, false);
	cr_expect_eq(must_bind(NULL, WEIR_TRANSFORM_WAIT, WEIR_BINDING_NONE), id);
	publish(4, 5, false);
	reopen(WEIR_CLOSE_ABORT);
	settle(id);
	struct weir_member *m = reader_of("made");
	for (uint64_t n = 0; n < 3; n++)
		check_next(m, n, true);
	cr_assert_eq(fixture_poll(m, &item, 1, 1, true), 1);
	check_text(&item, "[0,\"te\\\"xt\"]");
	cr_assert_eq(fixture_poll(m, &item, 1, 1, true), 1);
	check_text(&item, "{\"n\": 4, \"list\": [0, \"te\\\"xt\"]}");
	cr_expect_eq(item.type, TYPE);
	end_of(m);
}

Test(binding_transforms, a_tombstone_stays_one)
{
	struct weir_item item;
	uint64_t ticket;
	begin(FIXTURE_DURABLE);
	uint32_t id = must_bind("{\"Input\":\"1\"}", WEIR_TRANSFORM_WAIT, WEIR_BINDING_NONE);
	const struct weir_event gone = {.topic = work, .key = "k", .key_bytes = 1};
	cr_assert_eq(weir_publish(producer, &gone, &ticket), 0);
	fixture_wait(producer, ticket);
	settle(id);
	struct weir_member *m = reader_of("made");
	cr_assert_eq(fixture_poll(m, &item, 1, 1, true), 1);
	cr_expect_null(item.payload);
	end_of(m);
}

/* Many of a run's copies fill the block that they are made in; one is too large for any event. */
Test(binding_transforms, large_ones_take_more_runs_and_the_largest_does_not_go)
{
	struct weir_item item;
	struct weir_origin origin;
	uint64_t ticket = 0;
	begin(FIXTURE_DURABLE);
	uint32_t most = f.pipeline->run_bytes_max;
	uint32_t id = must_bind("{\"InputTemplate\":\"[<weir.payload>,<weir.payload>]\"}",
				WEIR_TRANSFORM_DEAD_LETTER, dead);
	char *payload = malloc(most);
	cr_assert_not_null(payload);
	memset(payload, ' ', most);
	payload[0] = payload[most / 5 - 1] = payload[most * 3 / 5 - 1] = '"';
	for (uint32_t i = 0; i < 8; i++) {
		struct weir_event event = {.topic = work,
					   .key = "k",
					   .key_bytes = 1,
					   .payload = payload,
					   .payload_bytes = most / 5};
		if (i == 4)
			payload[most / 5 - 1] = ' ', event.payload_bytes = most * 3 / 5;
		else
			payload[most / 5 - 1] = '"';
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
		fixture_wait(producer, ticket);
	}
	free(payload);
	settle(id);
	struct weir_member *good = reader_of("made");
	struct weir_member *bad = reader_of("dead");
	for (uint32_t i = 0; i < 7; i++) {
		cr_assert_eq(fixture_poll(good, &item, 1, 1, true), 1, "%u", i);
		cr_expect_eq(item.payload_bytes, 2 * (most / 5) + 3);
	}
	cr_assert_eq(fixture_poll(bad, &item, 1, 1, true), 1);
	cr_expect_eq(item.payload_bytes, most * 3 / 5);
	cr_expect(weir_item_origin(&item, &origin) && origin.untransformed);
	end_of(good);
	end_of(bad);
}

static void refuse(const char *transform, enum weir_transform_failure on_failure,
		   uint32_t dead_letters, int code, const char *field)
{
	uint32_t id;
	cr_expect_eq(bind_with(transform, on_failure, dead_letters, &id), code, "%s: %s", field,
		     problem.text);
	cr_expect_str_eq(problem.field, field);
}

Test(binding_transforms, what_is_wrong_is_refused_with_its_place)
{
	const uint32_t no = WEIR_BINDING_NONE;
	begin(FIXTURE_DURABLE);
	refuse("{\"InputTemplate\":\"<x>\"}", WEIR_TRANSFORM_WAIT, no, -EINVAL, "InputTemplate");
	refuse("", WEIR_TRANSFORM_WAIT, no, -EINVAL, "transform_bytes");
	refuse(NULL, WEIR_TRANSFORM_PASS, no, -EINVAL, "transform");
	refuse(by_template, (enum weir_transform_failure)3, no, -EINVAL, "on_failure");
	refuse(by_template, WEIR_TRANSFORM_DEAD_LETTER, no, -EINVAL, "dead_letters");
	refuse(by_template, WEIR_TRANSFORM_PASS, dead, -EINVAL, "dead_letters");
	refuse(by_template, WEIR_TRANSFORM_DEAD_LETTER, 99, WEIR_E_UNKNOWN_NAME, "dead_letters");
	refuse(by_template, WEIR_TRANSFORM_DEAD_LETTER, work, -EINVAL, "dead_letters");
	must_bind(by_template, WEIR_TRANSFORM_DEAD_LETTER, dead);
	/* What comes there does not come back. */
	struct weir_binding_options o;
	weir_binding_options_init(&o);
	o.name = "back";
	o.source = dead;
	o.target = work;
	cr_expect_eq(weir_binding_create(f.pipeline, &o, NULL, &problem), -EINVAL);
	cr_expect_eq(weir_topic_set_unrouted(f.pipeline, dead, work, NULL, &problem), -EINVAL);
}

Test(binding_transforms, records_are_read_to_the_last_byte)
{
	struct wr_filter_view view = {
		.binds = true,
		.target = 7,
		.term_count = 1,
		.terms = {{.kind = 2, .pattern = (const uint8_t *)"key", .pattern_bytes = 3}},
		.transform = {.text = (const uint8_t *)"{}",
			      .text_bytes = 2,
			      .on_failure = WR_TRANSFORM_DEAD_LETTER,
			      .dead_letters = 9},
	};
	struct wr_filter_view back;
	uint8_t bytes[64] = {0};
	uint32_t count = wr_filter_write(&view, bytes);
	begin(FIXTURE_MEMORY);
	cr_assert_eq(count, wr_filter_bytes(&view));
	cr_assert(wr_filter_read(bytes, count, &back));
	cr_expect(back.binds && back.target == 7 && back.term_count == 1);
	cr_expect(back.transform.text_bytes == 2 && memcmp(back.transform.text, "{}", 2) == 0);
	cr_expect(back.transform.on_failure == WR_TRANSFORM_DEAD_LETTER &&
		  back.transform.dead_letters == 9);
	for (uint32_t less = 0; less < count; less++)
		cr_expect(!wr_filter_read(bytes, less, &back), "%u", less);
	static const struct {
		uint32_t at;
		uint8_t value;
	} wrong[] = {{1, 2},  {1, 4},  {12, 3},  {12, 0}, {13, 1},
		     {14, 1}, {15, 1}, {16, 99}, {19, 1}};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		uint8_t was = bytes[wrong[i].at];
		bytes[wrong[i].at] = wrong[i].value;
		cr_expect(!wr_filter_read(bytes, count, &back), "%zu", i);
		bytes[wrong[i].at] = was;
	}
}
