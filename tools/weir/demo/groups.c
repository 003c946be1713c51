/* SPDX-License-Identifier: Apache-2.0 */
/* The groups and their handlers; see groups.h for what each keeps, and where. */
#include "tools/weir/demo/groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"

/* Every item is answered with OK, also one that could not be used: the audit tells of it. */

static bool usable(struct demo_shared *shared, const struct weir_item *item,
		   uint32_t partition_count)
{
	if (item->kind != WEIR_ITEM_EVENT) {
		wr_add_relaxed(&shared->gap_count, 1);
		return false;
	}
	if (item->partition >= partition_count) {
		wr_add_relaxed(&shared->handler_errors, 1);
		return false;
	}
	return true;
}

/* The producer's own number of an event travels as its event id. 0: there is none. */
static uint64_t index_of(const struct weir_item *item)
{
	struct weir_ids ids;
	weir_item_ids(item, &ids);
	return ids.event_id_bytes == 8 ? wr_get_u64(ids.event_id) : 0;
}

static enum weir_handled books_handle(void *context, struct weir_member *member,
				      const struct weir_item *item)
{
	struct demo_groups *groups = context;
	struct demo_shared *shared = groups->shared;
	struct demo_text key = {.at = item->key, .bytes = item->key_bytes};
	struct demo_event event;

	(void)member;
	if (!usable(shared, item, groups->partition_count))
		return WEIR_HANDLED_OK;
	struct demo_partition *partition = &groups->partitions[item->partition];
	/* Handed out before, to this member or to the partition's last owner. */
	if (item->sequence <= partition->sequence)
		return WEIR_HANDLED_OK;
	partition->sequence = item->sequence;

	if (item->key != NULL) {
		int seen = demo_key_order_see(&partition->keys, key, index_of(item));
		if (seen > 0)
			wr_add_relaxed(&shared->order_violations, 1);
		else if (seen < 0)
			wr_add_relaxed(&shared->handler_errors, 1);
	}
	demo_event_decode(item->payload, item->payload_bytes, &event);
	if (demo_books_apply(&partition->books, &event) < 0)
		wr_add_relaxed(&shared->handler_errors, 1);
	wr_add_relaxed(&shared->book_events, 1);
	return WEIR_HANDLED_OK;
}

static uint64_t hash_of(const struct weir_item *item)
{
	return demo_event_hash(index_of(item), item->payload, item->payload_bytes);
}

static enum weir_handled tape_handle(void *context, struct weir_member *member,
				     const struct weir_item *item)
{
	struct demo_groups *groups = context;
	struct demo_event event;

	(void)member;
	if (!usable(groups->shared, item, groups->partition_count))
		return WEIR_HANDLED_OK;
	demo_event_decode(item->payload, item->payload_bytes, &event);
	bool trade = event.kind == DEMO_TRADE;
	(void)demo_cell_add(&groups->shared->tape[item->partition], item->sequence, trade,
			    trade ? hash_of(item) : 0);
	return WEIR_HANDLED_OK;
}

static enum weir_handled count_handle(void *context, struct weir_member *member,
				      const struct weir_item *item)
{
	struct demo_groups *groups = context;

	(void)member;
	if (!usable(groups->shared, item, groups->partition_count))
		return WEIR_HANDLED_OK;
	(void)demo_cell_add(&groups->shared->count[item->partition], item->sequence, true,
			    hash_of(item));
	return WEIR_HANDLED_OK;
}

static const char *const group_names[DEMO_GROUPS] = {"books", "tape", "count"};

static const struct {
	enum demo_group group;
	const char *name;
	enum weir_handled (*handler)(void *context, struct weir_member *member,
				     const struct weir_item *item);
} member_plan[DEMO_MEMBERS] = {
	{DEMO_BOOKS, "books-0", books_handle},
	{DEMO_BOOKS, "books-1", books_handle},
	{DEMO_TAPE, "tape", tape_handle},
	{DEMO_COUNT, "count", count_handle},
};

static int prepare_partitions(struct demo_groups *groups, const struct demo_source *source)
{
	groups->partitions = calloc(groups->partition_count, sizeof *groups->partitions);
	if (groups->partitions == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < groups->partition_count; i++) {
		struct demo_partition *partition = &groups->partitions[i];
		if (demo_books_init(&partition->books, groups->instrument_count,
				    demo_source_dead_ids(source)) < 0 ||
		    demo_key_order_init(&partition->keys) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int make_subscriptions(struct demo_groups *groups, bool rebuild,
			      struct weir_problem *problem)
{
	static const char *const topics[] = {DEMO_TOPIC};

	for (unsigned i = 0; i < DEMO_GROUPS; i++) {
		struct weir_subscription_options options;
		weir_subscription_options_init(&options);
		options.name = group_names[i];
		options.topics = topics;
		options.topic_count = 1;
		options.start = WEIR_START_OLDEST;
		int error = weir_subscription_create(groups->pipeline, &options,
						     &groups->subscriptions[i], problem);
		if (error < 0)
			return error;
	}
	if (!rebuild)
		return 0;
	/* Nobody has joined yet, so nothing is in anybody's hands. */
	return weir_subscription_seek(groups->pipeline, groups->subscriptions[DEMO_BOOKS],
				      WEIR_SEEK_OLDEST, 0, WEIR_FOREVER, problem);
}

int demo_groups_start(struct demo_groups *groups, struct weir_pipeline *pipeline,
		      struct demo_shared *shared, const struct demo_source *source,
		      uint32_t partition_count, bool rebuild, struct weir_problem *problem)
{
	*groups = (struct demo_groups){.pipeline = pipeline,
				       .shared = shared,
				       .partition_count = partition_count,
				       .instrument_count = demo_source_instruments(source)};
	int error = prepare_partitions(groups, source);
	if (error == 0)
		error = make_subscriptions(groups, rebuild, problem);
	for (unsigned i = 0; error == 0 && i < DEMO_MEMBERS; i++) {
		struct weir_member_options options;
		weir_member_options_init(&options);
		options.name = member_plan[i].name;
		options.handler = member_plan[i].handler;
		options.handler_context = groups;
		error = weir_member_join(pipeline, groups->subscriptions[member_plan[i].group],
					 &options, &groups->members[i], problem);
	}
	return error;
}

int demo_groups_lag(struct demo_groups *groups, uint64_t *ret_events)
{
	uint64_t events = 0;

	for (unsigned i = 0; i < DEMO_GROUPS; i++) {
		struct weir_lag lag;
		int error = weir_lag(groups->pipeline, groups->subscriptions[i], &lag);
		if (error < 0)
			return error;
		/* Not exact: being counted anew after the seek, so nothing is known to be done. */
		events += lag.exact ? lag.events : lag.events + 1;
	}
	*ret_events = events;
	return 0;
}

int demo_groups_stop(struct demo_groups *groups)
{
	int first_error = 0;

	for (unsigned i = 0; i < DEMO_MEMBERS; i++) {
		int error = weir_member_leave(groups->members[i], UINT64_C(10000000000));
		groups->members[i] = NULL;
		if (error < 0 && first_error == 0)
			first_error = error;
	}
	return first_error;
}

int demo_groups_digest(const struct demo_groups *groups, struct demo_digest *ret_digests)
{
	struct demo_digest *part = calloc(groups->instrument_count, sizeof *part);
	if (part == NULL)
		return -ENOMEM;
	memset(ret_digests, 0, groups->instrument_count * sizeof *ret_digests);
	for (uint32_t i = 0; i < groups->partition_count; i++) {
		demo_books_digest(&groups->partitions[i].books, part);
		for (uint32_t n = 0; n < groups->instrument_count; n++)
			demo_digest_add(&ret_digests[n], &part[n]);
	}
	free(part);
	return 0;
}

void demo_groups_free(struct demo_groups *groups)
{
	for (uint32_t i = 0; groups->partitions != NULL && i < groups->partition_count; i++) {
		demo_books_fini(&groups->partitions[i].books);
		demo_key_order_fini(&groups->partitions[i].keys);
	}
	free(groups->partitions);
	groups->partitions = NULL;
}
