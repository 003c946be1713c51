/* SPDX-License-Identifier: Apache-2.0 */
/* What the log has of its subscriptions, for reports: from cells that anybody may read. */
#include <errno.h>
#include <string.h>

#include "core/pipeline/sharing.h"

int weir_subscription_find(struct weir_pipeline *p, const char *name, uint32_t *ret_subscription)
{
	return wr_catalog_find_subscription(&p->tables.catalog, name, (uint32_t)strlen(name),
					    ret_subscription)
		       ? 0
		       : WEIR_E_UNKNOWN_NAME;
}

/* NULL: there is none, or it is being made. */
static const struct wr_subscription *subscription_of(struct weir_pipeline *p, uint32_t id)
{
	if (id >= wr_catalog_subscription_count(&p->tables.catalog) ||
	    wr_load_acquire(&p->subscriptions[id].started) == 0) /* X1 */
		return NULL;
	return &p->tables.catalog.subscriptions[id];
}

static uint32_t members_of(struct weir_pipeline *p, uint32_t id)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < p->options.members_max; i++) {
		uint32_t state = wr_load_acquire(&p->members[i].state); /* M1 */
		count += (state == WR_MEMBER_JOINING || state == WR_MEMBER_JOINED) &&
			 p->members[i].subscription == id;
	}
	return count;
}

int weir_subscription_info(struct weir_pipeline *p, uint32_t id,
			   struct weir_subscription_info *ret_info)
{
	const struct wr_subscription *s = subscription_of(p, id);
	if (ret_info->struct_bytes != sizeof *ret_info)
		return -EINVAL;
	if (s == NULL)
		return WEIR_E_UNKNOWN_NAME;
	bool shared = s->order != WR_ORDER_PARTITION;
	uint64_t position = UINT64_MAX;
	uint32_t partition_count = 0;
	bool detached = false;
	/* Rows that are not in force have no position. */
	for (uint32_t row = 0; row < s->row_count; row++) {
		uint64_t of_row = wr_load_relaxed(&wr_position_row(p, s, row)->position);
		detached = detached || wr_position_is_detached(of_row);
		position = wr_min_u64(position, wr_position_stood(of_row));
	}
	for (uint32_t i = 0; i < s->topic_count; i++)
		partition_count += wr_topic_in_force(&p->tables.catalog.topics[s->topics[i]]);
	*ret_info = (struct weir_subscription_info){
		.struct_bytes = sizeof *ret_info,
		.name = s->name,
		.order = (enum weir_order)s->order, /* the two enums have the same numbers */
		.topics = s->topics,
		.topic_count = s->topic_count,
		.partition_count = partition_count,
		.member_count = members_of(p, id),
		.outstanding_max = shared ? s->outstanding_max : 0,
		.outstanding = shared ? wr_load_relaxed(&p->tables.outstanding.lists[id].count) : 0,
		.position = position,
		.detached = detached,
	};
	return 0;
}

/* The row of the index-th partition that is in force; UINT32_MAX: there are not so many. */
static uint32_t row_at(struct weir_pipeline *p, const struct wr_subscription *s, uint32_t index)
{
	uint32_t row = 0;
	for (uint32_t i = 0; i < s->topic_count; i++) {
		const struct wr_topic *topic = &p->tables.catalog.topics[s->topics[i]];
		uint32_t in_force = wr_topic_in_force(topic);
		if (index < in_force)
			return row + index;
		index -= in_force;
		row += topic->partitions;
	}
	return UINT32_MAX;
}

int weir_subscription_partition(struct weir_pipeline *p, uint32_t id, uint32_t index,
				struct weir_subscription_partition *ret_partition)
{
	const struct wr_subscription *s = subscription_of(p, id);
	uint32_t row_index = s != NULL ? row_at(p, s, index) : UINT32_MAX;
	if (row_index == UINT32_MAX)
		return WEIR_E_UNKNOWN_NAME;
	struct weir_subscription_partition of = {.topic = 0};
	int64_t bytes;
	uint64_t visible = wr_writer_visible_seq(&p->writer);
	wr_catalog_row_partition(&p->tables.catalog, s, row_index, &of.topic, &of.partition);
	int64_t events =
		wr_lag_of_row(p, &p->subscriptions[id], row_index, visible, &bytes, &of.exact);
	struct wr_settle_row *row = wr_position_row(p, s, row_index);
	of.position = wr_position_stood(wr_load_relaxed(&row->position));
	of.generation = wr_load_relaxed(&row->generation);
	struct wr_attempts_entry tried = {0};
	if (s->order == WR_ORDER_PARTITION)
		wr_attempts_read(&p->tables.attempts, &p->tables.settle, s->row_first + row_index,
				 &tried);
	of.failed_sequence = tried.attempts > 0 ? tried.seq : 0;
	of.attempts = tried.attempts;
	if (wr_load_relaxed(&p->subscriptions[id].holds) != 0) {
		of.exact = true; /* what it keeps waits for nobody */
		events = 0;
	}
	of.lag_events = events > 0 ? (uint64_t)events : 0;
	of.lag_bytes = events > 0 && bytes > 0 ? (uint64_t)bytes : 0;
	*ret_partition = of;
	return 0;
}
