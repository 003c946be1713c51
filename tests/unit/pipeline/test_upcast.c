/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   an old event comes out in its newest form, through all steps in order, wherever it is
 *         read: by a queue's member, as a dead letter, as a copy that was redriven, by a replay;
 *         steps that make no sense are refused; a buffer that is too small loses nothing.
 * Method: events of three types, whose payload says which steps it went through.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include <weir/upcast.h>

#include "tests/support/queue_bed.h"

static uint32_t queue;
static struct weir_member *worker;

static void setup(void)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	queue_bed.options.order = WEIR_ORDER_KEY;
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.attempts_max = 1;
	queue = queue_make();
	worker = queue_join(queue, 4);
}

static void teardown(void)
{
	queue_end();
}

TestSuite(upcast, .init = setup, .fini = teardown, .timeout = 60);

/* Adds the letter of the step behind what there is. */
static int64_t add_letter(void *context, const struct weir_item *item, void *to, size_t to_bytes)
{
	if (item->payload_bytes + 1 <= to_bytes) {
		memcpy(to, item->payload, item->payload_bytes);
		memcpy((char *)to + item->payload_bytes, context, 1);
	}
	return (int64_t)item->payload_bytes + 1;
}

static int64_t fail(void *context, const struct weir_item *item, void *to, size_t to_bytes)
{
	(void)context;
	(void)item;
	(void)to;
	(void)to_bytes;
	return -EBADMSG;
}

static char letters[] = "abcdefgh";

static struct weir_upcaster step(uint32_t topic, uint16_t from, uint16_t to, size_t letter)
{
	return (struct weir_upcaster){.topic = topic,
				      .from_type = from,
				      .to_type = to,
				      .cast = add_letter,
				      .context = &letters[letter]};
}

static void publish(uint16_t type, const char *payload)
{
	struct weir_event event = {.topic = queue_bed.topic,
				   .type = type,
				   .key = "k",
				   .key_bytes = 1,
				   .payload = payload,
				   .payload_bytes = strlen(payload)};
	cr_assert_eq(weir_publish_once(queue_bed.f.pipeline, &event, WEIR_LEVEL_DURABLE,
				       FIXTURE_LONG_NS, NULL),
		     0);
}

/* Through all steps: the payload, and how many there were. */
static void expect_cast(const struct weir_item *item, const struct weir_upcaster *steps,
			size_t count, const char *payload, int taken)
{
	char buffer[64];
	struct weir_item cast;
	cr_assert_eq(weir_upcast(steps, count, item, buffer, sizeof buffer, &cast), taken);
	cr_expect_eq(cast.payload_bytes, strlen(payload));
	cr_expect(memcmp(cast.payload, payload, strlen(payload)) == 0, "%.*s",
		  (int)cast.payload_bytes, (const char *)cast.payload);
	cr_expect_eq(cast.type, taken > 0 ? 9 : item->type);
	cr_expect_eq(cast.sequence, item->sequence);
	cr_expect_eq(cast.record, item->record);
}

/* All letters are redriven: how many by a copy. */
static uint64_t redrive(void)
{
	struct weir_redrive_options o;
	struct weir_redrive_progress progress;
	struct weir_redrive *job;
	weir_redrive_options_init(&o);
	o.dead_letters = queue_bed.dead_topic;
	cr_assert_eq(weir_redrive_open(queue_bed.f.pipeline, &o, &job, NULL), 0);
	do {
		cr_assert_geq(weir_redrive_step(job, FIXTURE_LONG_NS), 0);
		weir_redrive_progress(job, &progress);
	} while (!progress.done);
	cr_assert_eq(weir_redrive_close(job, FIXTURE_LONG_NS), 0);
	return progress.copied;
}

/* The next item of a replay of a topic. */
static struct weir_replay *replay_of(uint32_t topic, struct weir_item *ret_item)
{
	struct weir_replay_options o;
	struct weir_replay *replay;
	weir_replay_options_init(&o);
	o.topics = &topic;
	o.topic_count = 1;
	cr_assert_eq(weir_replay_open(queue_bed.f.pipeline, &o, &replay, NULL), 0);
	cr_assert_eq(weir_replay_next(replay, ret_item, 1, FIXTURE_LONG_NS), 1);
	return replay;
}

Test(upcast, takes_an_event_through_all_steps_wherever_it_is_read)
{
	const uint32_t topic = queue_bed.topic;
	const struct weir_upcaster steps[] = {
		/* In no order; the topic's own go before those of any; and of another topic. */
		step(topic, 7, 9, 2),     step(WEIR_UPCAST_ANY_TOPIC, 1, 2, 0),
		step(topic, 2, 7, 1),     step(WEIR_UPCAST_ANY_TOPIC, 7, 2, 5),
		step(topic + 1, 1, 9, 6),
	};
	struct weir_rejection dead = {.verdict = WEIR_VERDICT_DEAD};
	struct weir_item item;
	publish(1, "x");
	item = queue_next(worker);
	expect_cast(&item, steps, 5, "xabc", 3);
	cr_assert_eq(weir_reject(worker, &item, &dead), 0);
	queue_commit(worker);
	(void)queue_lag(queue);
	/* The letter lies in a topic that no step is for. */
	struct weir_replay *replay = replay_of(queue_bed.dead_topic, &item);
	cr_expect_neq(item.topic, topic);
	expect_cast(&item, steps, 5, "xabc", 3);
	weir_replay_close(replay);
	/* And its copy, back where it came from. */
	cr_expect_eq(redrive(), 1);
	item = queue_next(worker);
	expect_cast(&item, steps, 5, "xabc", 3);
	cr_expect_eq(weir_ack(worker, &item), 0);
	/* Newer ones begin later; the newest is as it is. */
	publish(7, "y");
	item = queue_next(worker);
	expect_cast(&item, steps, 5, "yc", 1);
	cr_expect_eq(weir_ack(worker, &item), 0);
	publish(9, "z");
	item = queue_next(worker);
	expect_cast(&item, steps, 5, "z", 0);
	cr_expect_eq(weir_upcast(steps, 5, &item, NULL, 0, &item), 0);
	cr_expect_eq(weir_ack(worker, &item), 0);
}

Test(upcast, says_what_does_not_work_and_changes_nothing_then)
{
	struct weir_upcaster steps[] = {step(WEIR_UPCAST_ANY_TOPIC, 1, 2, 0),
					step(WEIR_UPCAST_ANY_TOPIC, 2, 9, 1)};
	struct weir_item item = {
		.kind = WEIR_ITEM_EVENT, .type = 1, .payload = "12345678", .payload_bytes = 8};
	struct weir_item cast = {.type = 77};
	char buffer[20];
	cr_expect_eq(weir_upcast(steps, 2, &item, buffer, 20, &cast), 2);
	cast.type = 77;
	cr_expect_eq(weir_upcast(steps, 2, &item, buffer, 19, &cast), WEIR_E_TOO_BIG);
	cr_expect_eq(weir_upcast(steps, 2, &item, buffer, 0, &cast), WEIR_E_TOO_BIG);
	steps[1].cast = fail;
	cr_expect_eq(weir_upcast(steps, 2, &item, buffer, 20, &cast), -EBADMSG);
	steps[1] = step(WEIR_UPCAST_ANY_TOPIC, 2, 1, 1);
	cr_expect_eq(weir_upcast(steps, 2, &item, buffer, 20, &cast), -ELOOP);
	cr_expect_eq(cast.type, 77);
	/* A tombstone has no form, nor has a gap. */
	item.payload = NULL;
	item.payload_bytes = 0;
	cr_expect_eq(weir_upcast(steps, 2, &item, buffer, 20, &cast), 0);
	cr_expect_eq(cast.type, 1);
	item.kind = WEIR_ITEM_GAP;
	cr_expect_eq(weir_upcast(steps, 2, &item, buffer, 20, &item), 0);
}

static void expect_check(const struct weir_upcaster *steps, size_t count, const char *says)
{
	struct weir_problem why = {0};
	cr_expect_eq(weir_upcasters_check(steps, count, &why), says == NULL ? 0 : -EINVAL);
	if (says != NULL)
		cr_expect(strstr(why.text, says) != NULL, "%s", why.text);
}

Test(upcast, steps_that_make_no_sense_are_refused)
{
	const uint32_t any = WEIR_UPCAST_ANY_TOPIC;
	struct weir_upcaster none = {.from_type = 1, .to_type = 2};
	expect_check(&none, 1, "step 0: it has no function");
	expect_check(&none, 0, NULL);
	expect_check((struct weir_upcaster[]){step(any, 1, 1, 0)}, 1,
		     "step 0: it leads to the type");
	expect_check((struct weir_upcaster[]){step(any, 1, 2, 0), step(3, 1, 2, 0)}, 2, NULL);
	expect_check((struct weir_upcaster[]){step(3, 1, 2, 0), step(3, 1, 4, 0)}, 2,
		     "step 1: another one");
	expect_check((struct weir_upcaster[]){step(any, 1, 2, 0), step(any, 2, 3, 0),
					      step(any, 3, 2, 0)},
		     3, "circle");
	expect_check((struct weir_upcaster[]){step(any, 1, 2, 0), step(5, 2, 1, 0)}, 2, "circle");
	expect_check(
		(struct weir_upcaster[]){step(any, 1, 2, 0), step(5, 2, 3, 0), step(6, 3, 1, 0)}, 3,
		NULL);
}
