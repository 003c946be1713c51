/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the pipeline benchmark notices what a broken weir would do: lose, damage, reorder or
 *         repeat an event, leave a gap, refuse or never answer a ticket, stand still.
 * Method: the bench on a small fake of the API (one producer, one member, a ring under a mutex)
 *         that commits one fault at a time. libweir is not linked for what the fake defines.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/harness.h"
#include "bench/pipeline.h"

#define RING_EVENTS 4096u
#define PAYLOAD_BYTES 64u
#define VICTIM 1000u /* the ordinal that a fault befalls */

enum fault {
	NO_FAULT,
	LOSE,
	DAMAGE,
	REORDER,
	REPEAT,
	REPEAT_MARKED,
	GAP,
	REFUSE,
	NO_ANSWER,
	STALL,
	FAIL_POLL,
};

struct fake_event {
	uint8_t payload[PAYLOAD_BYTES];
	uint32_t partition;
	uint32_t flags;
	bool gap;
};

static enum fault fault;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct fake_event ring[RING_EVENTS];
static uint64_t head; /* taken */
static uint64_t tail;
static uint64_t lent; /* of the last poll: free at the next */
static uint64_t tickets;
static uint64_t answered;
static uint32_t partition_count;
static struct weir_producer_options producer_options;

/* --- the fake -------------------------------------------------------------------------------- */

void weir_options_init(struct weir_options *options)
{
	*options = (struct weir_options){.struct_bytes = sizeof *options};
}

int weir_open(const struct weir_options *options, struct weir_pipeline **ret_pipeline,
	      struct weir_problem *reterr_problem)
{
	(void)options;
	(void)reterr_problem;
	*ret_pipeline = (struct weir_pipeline *)&lock;
	return 0;
}

int weir_close(struct weir_pipeline *pipeline, enum weir_close_mode mode, uint64_t timeout_ns,
	       struct weir_close_report *ret_report)
{
	(void)pipeline;
	(void)mode;
	(void)timeout_ns;
	(void)ret_report;
	return 0;
}

int weir_pipeline_info(struct weir_pipeline *pipeline, struct weir_info *ret_info)
{
	(void)pipeline;
	memcpy(ret_info->backend, "fake", 5);
	return 0;
}

void weir_topic_options_init(struct weir_topic_options *options)
{
	*options = (struct weir_topic_options){.struct_bytes = sizeof *options, .partitions = 1};
}

int weir_topic_create(struct weir_pipeline *pipeline, const struct weir_topic_options *options,
		      uint32_t *ret_topic, struct weir_problem *reterr_problem)
{
	(void)pipeline;
	(void)reterr_problem;
	partition_count = options->partitions;
	*ret_topic = 3;
	return 0;
}

void weir_subscription_options_init(struct weir_subscription_options *options)
{
	*options = (struct weir_subscription_options){.struct_bytes = sizeof *options};
}

int weir_subscription_create(struct weir_pipeline *pipeline,
			     const struct weir_subscription_options *options,
			     uint32_t *ret_subscription, struct weir_problem *reterr_problem)
{
	(void)pipeline;
	(void)options;
	(void)reterr_problem;
	*ret_subscription = 0;
	return 0;
}

void weir_producer_options_init(struct weir_producer_options *options)
{
	*options = (struct weir_producer_options){.struct_bytes = sizeof *options};
}

int weir_producer_open(struct weir_pipeline *pipeline, const struct weir_producer_options *options,
		       struct weir_producer **ret_producer, struct weir_problem *reterr_problem)
{
	(void)pipeline;
	(void)reterr_problem;
	producer_options = *options;
	*ret_producer = (struct weir_producer *)&tickets;
	return 0;
}

int weir_producer_close(struct weir_producer *producer, uint64_t timeout_ns)
{
	(void)producer;
	(void)timeout_ns;
	return 0;
}

static void push(const struct weir_event *event, uint64_t ordinal)
{
	struct fake_event *slot = &ring[tail % RING_EVENTS];

	memcpy(slot->payload, event->payload, PAYLOAD_BYTES);
	slot->partition = (uint32_t)(ordinal % partition_count);
	slot->flags = 0;
	slot->gap = fault == GAP && ordinal == VICTIM;
	if (fault == LOSE && ordinal == VICTIM)
		return;
	if (fault == DAMAGE && ordinal == VICTIM)
		slot->payload[40] ^= 1;
	/* Behind the next event of its partition. */
	if (fault == REORDER && ordinal == VICTIM + partition_count && tail >= partition_count) {
		struct fake_event *before = &ring[(tail - partition_count) % RING_EVENTS];
		struct fake_event swap = *before;
		*before = *slot;
		*slot = swap;
	}
	tail++;
	if ((fault == REPEAT || fault == REPEAT_MARKED) && ordinal == VICTIM) {
		ring[tail % RING_EVENTS] = *slot;
		ring[tail % RING_EVENTS].flags = fault == REPEAT ? 0 : WEIR_ITEM_REDELIVERED;
		tail++;
	}
}

int weir_publish_many(struct weir_producer *producer, const struct weir_event *events,
		      size_t event_count, uint64_t *ret_last_ticket)
{
	size_t n = 0;

	(void)producer;
	pthread_mutex_lock(&lock);
	while (n < event_count && tail - head < RING_EVENTS - 2) {
		push(&events[n], tickets + 1);
		tickets++;
		n++;
	}
	*ret_last_ticket = tickets;
	pthread_mutex_unlock(&lock);
	return n > 0 ? (int)n : -ETIMEDOUT;
}

int weir_producer_poll_acks(struct weir_producer *producer)
{
	struct weir_ack_range range = {.first_ticket = answered + 1, .last_ticket = tickets};

	(void)producer;
	if (tickets == answered || (fault == NO_ANSWER && tickets > VICTIM))
		return 0;
	answered = tickets;
	if (fault == REFUSE && range.first_ticket <= VICTIM && range.last_ticket >= VICTIM)
		range.code = WEIR_E_TOO_BIG;
	producer_options.ack_fn(producer_options.ack_context, &range);
	return (int)(range.last_ticket - range.first_ticket + 1);
}

int weir_wait(struct weir_producer *producer, uint64_t ticket, enum weir_level level,
	      uint64_t timeout_ns)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	(void)producer;
	(void)ticket;
	(void)level;
	(void)timeout_ns;
	nanosleep(&pause, NULL);
	return fault == NO_ANSWER ? -ETIMEDOUT : 0;
}

void weir_member_options_init(struct weir_member_options *options)
{
	*options = (struct weir_member_options){.struct_bytes = sizeof *options};
}

int weir_member_join(struct weir_pipeline *pipeline, uint32_t subscription,
		     const struct weir_member_options *options, struct weir_member **ret_member,
		     struct weir_problem *reterr_problem)
{
	(void)pipeline;
	(void)subscription;
	(void)options;
	(void)reterr_problem;
	*ret_member = (struct weir_member *)&head;
	return 0;
}

int weir_member_leave(struct weir_member *member, uint64_t timeout_ns)
{
	(void)member;
	(void)timeout_ns;
	return 0;
}

int weir_member_assignments(struct weir_member *member, struct weir_assignment *assignments,
			    size_t assignments_max)
{
	(void)member;
	(void)assignments;
	(void)assignments_max;
	return (int)partition_count;
}

int weir_poll(struct weir_member *member, struct weir_item *items, size_t items_max,
	      uint64_t timeout_ns)
{
	const struct timespec pause = {.tv_nsec = 200000};
	uint64_t n = 0;

	(void)member;
	(void)timeout_ns;
	pthread_mutex_lock(&lock);
	head += lent;
	if (fault == FAIL_POLL && head > VICTIM) {
		pthread_mutex_unlock(&lock);
		return WEIR_E_CORRUPT;
	}
	while (n < items_max && head + n < tail && !(fault == STALL && head + n >= VICTIM)) {
		struct fake_event *event = &ring[(head + n) % RING_EVENTS];
		items[n] = (struct weir_item){.kind = event->gap ? WEIR_ITEM_GAP : WEIR_ITEM_EVENT,
					      .flags = event->flags,
					      .topic = 3,
					      .partition = event->partition,
					      .sequence = head + n,
					      .end_sequence = head + n + 1,
					      .payload = event->payload,
					      .payload_bytes = PAYLOAD_BYTES};
		n++;
	}
	lent = n;
	pthread_mutex_unlock(&lock);
	if (n == 0)
		nanosleep(&pause, NULL);
	return (int)n;
}

int weir_ack(struct weir_member *member, const struct weir_item *item)
{
	(void)member;
	(void)item;
	return 0;
}

int weir_ack_all(struct weir_member *member)
{
	(void)member;
	return 0;
}

int weir_member_commit(struct weir_member *member, enum weir_level level, uint64_t timeout_ns)
{
	(void)member;
	(void)level;
	(void)timeout_ns;
	return 0;
}

void weir_member_problem(const struct weir_member *member, struct weir_problem *ret_problem)
{
	(void)member;
	*ret_problem = (struct weir_problem){.code = WEIR_E_CORRUPT, .text = "a fake's problem"};
}

/* --- the tests ------------------------------------------------------------------------------- */

static struct pipeline_result result;

/* Of these a run ends by the stall limit, and only when nothing has moved for as long. */
static bool stands_still(enum fault which)
{
	return which == LOSE || which == STALL || which == NO_ANSWER;
}

/* The fake as it was at first: each run has its victim. */
static void begin(enum fault which)
{
	fault = which;
	head = tail = lent = 0;
	tickets = answered = 0;
}

static int run_for(enum fault which, uint64_t rate, uint64_t length_ns)
{
	static const char *const names[] = {"t"};
	const struct weir_topic_options topic = {.name = "t", .partitions = 8};
	const struct weir_subscription_options subscription = {
		.name = "s", .topics = names, .topic_count = 1};
	struct pipeline_settings settings = {
		.topics = &topic,
		.topic_count = 1,
		.subscriptions = &subscription,
		.subscription_count = 1,
		.streams = {{.producer_count = 1, .payload_bytes = PAYLOAD_BYTES, .rate = rate}},
		.stream_count = 1,
		.readers = {{.member_count = 1}},
		.warmup_ns = 5000000,
		.length_ns = length_ns,
		.stall_ns = stands_still(which) ? 10 * length_ns : 60000000000,
		.level = WEIR_LEVEL_MEMORY};

	begin(which);
	int code = pipeline_run(&settings, &result);
	pipeline_result_fini(&result);
	return code;
}

/* Whether the stall limit came before the fake was through: the machine stood still, not it. */
static bool was_held_up(int code)
{
	return code == -ETIMEDOUT && fault != STALL && (head + lent != tail || fault == NO_ANSWER);
}

/*
 * Until the run has come past the victim: a busy machine may let neither thread run for as long as
 * the run is to take, or as a stall may last, so then it takes longer.
 */
static int run(enum fault which, uint64_t rate)
{
	uint64_t length_ns = 30000000;
	int code = run_for(which, rate, length_ns);

	for (uint32_t tries = 0;
	     tries < 7 && (result.total_events <= VICTIM * 2 || was_held_up(code)); tries++)
		code = run_for(which, rate, length_ns *= 2);
	return code;
}

Test(bench_faults, a_sound_run_has_none_and_counts_everything)
{
	cr_assert_eq(run(NO_FAULT, PIPELINE_RATE_MAX), 0, "%s", result.what);
	cr_assert_not(pipeline_has_faults(&result.faults));
	cr_assert_gt(result.total_events, VICTIM * 2);
	cr_assert_eq(result.total_events, tickets);
	cr_assert_leq(result.events, result.total_events);
	cr_assert_geq(result.elapsed_ns, result.publish_ns);
	cr_assert_geq(result.publish_ns, 30000000);
}

Test(bench_faults, a_rate_is_kept)
{
	bool kept = false;

	/* 35 ms at 100 000 a second. A busy machine may not let the producer run at the end. */
	for (uint32_t tries = 0; tries < 40 && !kept; tries++) {
		uint64_t from_ns = bench_now_ns();
		cr_assert_eq(run(NO_FAULT, 100000), 0, "%s", result.what);
		cr_assert_not(pipeline_has_faults(&result.faults));
		cr_assert_eq(result.sample_every, 1);
		/* Never before they are due: the first is due at once. */
		cr_assert_leq(result.total_events, (bench_now_ns() - from_ns) / 10000 + 1);
		kept = result.total_events >= 3400;
	}
	cr_assert(kept, "%lu events", (unsigned long)result.total_events);
}

Test(bench_faults, a_lost_event_is_noticed)
{
	/* The run cannot end by itself: it is told as a stall, with the count. */
	cr_assert_eq(run(LOSE, PIPELINE_RATE_MAX), -ETIMEDOUT);
	cr_assert_eq(result.faults.lost, 1);
	cr_assert_str_eq(result.what, "draining");
}

Test(bench_faults, one_wrong_byte_is_noticed)
{
	/* So few events that it is run again: with its victim, as the first time. */
	cr_assert_eq(run(DAMAGE, 40000), 0);
	cr_assert_eq(result.faults.damaged, 1);
}

Test(bench_faults, an_event_out_of_order_is_noticed)
{
	cr_assert_eq(run(REORDER, PIPELINE_RATE_MAX), 0);
	cr_assert_eq(result.faults.disordered, 1);
}

Test(bench_faults, a_repeated_event_is_a_fault_only_without_its_mark)
{
	cr_assert_eq(run(REPEAT, PIPELINE_RATE_MAX), 0);
	cr_assert_eq(result.faults.repeated, 1);
}

Test(bench_faults, a_marked_repeat_is_counted_apart)
{
	cr_assert_eq(run(REPEAT_MARKED, PIPELINE_RATE_MAX), 0);
	cr_assert_not(pipeline_has_faults(&result.faults));
	cr_assert_eq(result.redelivered, 1);
}

Test(bench_faults, a_gap_is_noticed)
{
	cr_assert_eq(run(GAP, PIPELINE_RATE_MAX), 0);
	cr_assert_eq(result.faults.missing, 1);
}

Test(bench_faults, a_refusal_is_noticed)
{
	cr_assert_eq(run(REFUSE, PIPELINE_RATE_MAX), 0);
	cr_assert_gt(result.faults.refused, 0);
}

Test(bench_faults, tickets_without_an_answer_are_noticed)
{
	cr_assert_eq(run(NO_ANSWER, PIPELINE_RATE_MAX), 0);
	cr_assert_gt(result.faults.unanswered, 0);
}

Test(bench_faults, a_stall_ends_the_run_with_an_error)
{
	cr_assert_eq(run(STALL, PIPELINE_RATE_MAX), -ETIMEDOUT);
	cr_assert_gt(result.faults.lost, 0);
}

Test(bench_faults, an_error_of_a_poll_ends_the_run_with_its_problem)
{
	cr_assert_eq(run(FAIL_POLL, PIPELINE_RATE_MAX), WEIR_E_CORRUPT);
	cr_assert_str_eq(result.what, "polling");
	cr_assert_str_eq(result.problem.text, "a fake's problem");
}
