/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of demo/repair.h: one with a fault, one that redrives, one that is mended. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/bytes.h"
#include "tools/weir/args.h"
#include "tools/weir/demo/repair_shared.h"
#include "tools/weir/dlq_job.h"
#include "tools/weir/owned.h"

#define SECOND_NS UINT64_C(1000000000)
#define LIMIT_NS (60 * SECOND_NS)
#define LOOK_NS 1000000u
#define MEMBERS 2u

struct child {
	struct repair_work *work;
	bool mended;
	struct weir_pipeline *pipeline;
	uint32_t topic, subscription;
	struct weir_member *members[MEMBERS];
};

static int give_up(struct child *c, const char *what, int code)
{
	struct repair_shared *shared = c->work->shared;
	if (shared->failure == 0) {
		shared->failure = code;
		snprintf(shared->what, sizeof shared->what, "%s", what);
	}
	return code;
}

/* ---- the consumer ---- */

static enum weir_handled handle(void *context, struct weir_member *member,
				const struct weir_item *item)
{
	static const struct weir_rejection why = {
		.reason = 22, .text = "division by zero", .delay_ns = WEIR_DELAY_DEFAULT};
	struct child *c = context;
	struct repair_shared *shared = c->work->shared;
	struct weir_ids ids;

	weir_item_ids(item, &ids);
	if (item->kind != WEIR_ITEM_EVENT || ids.event_id_bytes != 8)
		return WEIR_HANDLED_OK; /* not processed: the parent sees that */
	uint32_t ordinal = (uint32_t)wr_get_u64(ids.event_id);
	if (!c->mended && repair_is_poisoned(ordinal))
		return weir_reject(member, item, &why) == 0 ? WEIR_HANDLED_LATER
							    : WEIR_HANDLED_RETRY;
	/* What it had acknowledged and was not durable when it was killed comes again (its id is
	 * what it is known by), and is not processed again. */
	if (ordinal >= c->work->count || wr_add_relaxed(&shared->seen[ordinal], 1u) != 0)
		return WEIR_HANDLED_OK;
	uint32_t place = wr_add_relaxed(&shared->applied_count, 1u);
	shared->applied[place] = ordinal;
	return WEIR_HANDLED_OK;
}

static int make_topics(struct child *c, struct weir_problem *problem)
{
	struct weir_topic_options topic;
	uint32_t dead;
	weir_topic_options_init(&topic);
	topic.name = REPAIR_DEAD;
	int rc = weir_topic_create(c->pipeline, &topic, &dead, problem);
	topic.name = REPAIR_TOPIC;
	topic.partitions = 4;
	return rc != 0 ? rc : weir_topic_create(c->pipeline, &topic, &c->topic, problem);
}

static int start(struct child *c)
{
	static const char *const topics[] = {REPAIR_TOPIC};
	struct repair_shared *shared = c->work->shared;
	struct weir_subscription_options queue;
	int rc = weir_open(&c->work->plan->options, &c->pipeline, &shared->problem);
	if (rc != 0)
		return give_up(c, "opening the pipeline", rc);
	rc = make_topics(c, &shared->problem);
	weir_subscription_options_init(&queue);
	queue.name = REPAIR_TOPIC;
	queue.topics = topics;
	queue.topic_count = 1;
	queue.order = WEIR_ORDER_KEY;
	queue.attempts_max = 3;
	queue.retry_delay_min_ns = queue.retry_delay_max_ns = 1000000;
	queue.dead_letters = REPAIR_DEAD;
	queue.when_dead = WEIR_DEAD_PARK;
	if (rc == 0)
		rc = weir_subscription_create(c->pipeline, &queue, &c->subscription,
					      &shared->problem);
	for (uint32_t i = 0; rc == 0 && i < MEMBERS; i++) {
		struct weir_member_options options;
		weir_member_options_init(&options);
		options.handler = handle;
		options.handler_context = c;
		rc = weir_member_join(c->pipeline, c->subscription, &options, &c->members[i],
				      &shared->problem);
	}
	return rc != 0 ? give_up(c, "starting the queue", rc) : 0;
}

/* ---- the events ---- */

static int publish(struct child *c, struct weir_producer *producer, struct demo_source *source)
{
	struct demo_record record;
	uint64_t ticket = 0;
	demo_source_init(source, c->work->plan->input, c->work->plan->seed);
	for (uint32_t i = 0; i < c->work->count; i++) {
		uint8_t ordinal[8];
		do {
			if (!demo_source_next(source, &record))
				return -EPROTO; /* it had them a moment ago */
		} while (record.index != c->work->indexes[i]);
		wr_put_u64(ordinal, i);
		struct weir_ids ids = {.event_id = ordinal, .event_id_bytes = sizeof ordinal};
		struct weir_event event = {
			.topic = c->topic,
			.key = record.key.at,
			.key_bytes = record.key.bytes,
			.payload = record.payload.at,
			.payload_bytes = record.payload.bytes,
			.ids = &ids,
		};
		int rc = weir_publish(producer, &event, &ticket);
		if (rc != 0)
			return rc;
	}
	return weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, LIMIT_NS);
}

static int publish_all(struct child *c)
{
	struct weir_producer *producer;
	struct demo_source *source = calloc(1, sizeof *source);
	int rc = source == NULL ? -ENOMEM
				: weir_producer_open(c->pipeline, NULL, &producer,
						     &c->work->shared->problem);
	if (rc == 0)
		rc = publish(c, producer, source);
	free(source);
	return rc != 0 ? give_up(c, "publishing to the queue", rc) : 0;
}

/* Until nothing is left but what is parked. */
static int await_rest(struct child *c, struct weir_lag *ret_lag)
{
	uint64_t limit_ns = demo_now_ns() + LIMIT_NS;
	for (;;) {
		int rc = weir_lag(c->pipeline, c->subscription, ret_lag);
		if (rc != 0)
			return give_up(c, "asking for the queue's lag", rc);
		if (ret_lag->exact && ret_lag->events == ret_lag->parked)
			return 0;
		if (demo_now_ns() > limit_ns)
			return give_up(c, "waiting for the queue", -ETIMEDOUT);
		demo_sleep_ns(LOOK_NS);
	}
}

/* ---- the three of them ---- */

int repair_child_faulty(struct repair_work *work)
{
	struct child c = {.work = work};
	struct weir_lag lag = {0};
	int rc = start(&c);
	if (rc == 0)
		rc = publish_all(&c);
	if (rc == 0)
		rc = await_rest(&c, &lag);
	/* An answer is told when all that it depends on is durable: so is what was parked. */
	if (rc == 0)
		rc = make_topics(&c, &work->shared->problem);
	if (rc == 0) {
		work->shared->parked_count = lag.parked;
		wr_store_release(&work->shared->phase, REPAIR_STUCK);
		for (;;) /* it is killed */
			demo_sleep_ns(SECOND_NS);
	}
	return CLI_EXIT_FAILED;
}

int repair_child_redrive(struct repair_work *work)
{
	struct child c = {.work = work};
	struct repair_shared *shared = work->shared;
	const struct owned_limits limits = {.outstanding_max = work->plan->options.outstanding_max};
	struct weir_redrive_options options;
	struct weir_redrive_progress progress;
	int code = owned_open(work->plan->options.dir, &limits, &c.pipeline);
	if (code != CLI_GO_ON)
		return give_up(&c, "opening the journal for a redrive", -EIO), code;
	weir_redrive_options_init(&options);
	options.adopt = true; // whose dead letters they are, the other process knows
	int rc = weir_topic_find(c.pipeline, REPAIR_DEAD, &options.dead_letters);
	if (rc == 0)
		rc = dlq_job_run(c.pipeline, &options, &progress, &shared->problem);
	if (rc != 0)
		give_up(&c, "redriving", rc);
	shared->letter_count = progress.matched;
	shared->redriven_count = progress.in_place + progress.copied;
	return owned_close(c.pipeline, work->plan->options.dir,
			   rc == 0 ? CLI_EXIT_OK : CLI_EXIT_FAILED);
}

int repair_child_mended(struct repair_work *work)
{
	struct child c = {.work = work, .mended = true};
	struct weir_lag lag = {0};
	int rc = start(&c);
	if (rc == 0)
		rc = await_rest(&c, &lag);
	for (uint32_t i = 0; rc == 0 && i < MEMBERS; i++)
		rc = weir_member_leave(c.members[i], LIMIT_NS);
	if (c.pipeline != NULL) {
		int closed = weir_close(c.pipeline, WEIR_CLOSE_DRAIN, LIMIT_NS, NULL);
		rc = rc != 0 ? rc : closed;
	}
	return rc == 0 ? CLI_EXIT_OK : (give_up(&c, "closing the queue", rc), CLI_EXIT_FAILED);
}
