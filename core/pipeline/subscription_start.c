/* SPDX-License-Identifier: Apache-2.0 */
/* A subscription's group, and its counts of lag, made from what the log holds of it. */
#include <errno.h>

#include "core/pipeline/copier.h"
#include "core/pipeline/group_step.h"
#include "core/pipeline/retry.h"
#include "core/pipeline/router.h"
#include "core/pipeline/sharing.h"

/*
 * At open: what is unsettled is counted anew, up to the log's end, for rows that a seek left
 * incomparable.
 */
static void count_at_open(struct weir_pipeline *p, struct wr_lag_count *anew,
			  struct wr_settle_row *row, struct wr_partition_cells *cell)
{
	anew->from_seq = wr_load_relaxed(&row->position);
	anew->end_seq = wr_max_u64(anew->from_seq, p->writer.next_seq);
	/* All that came to it, as wr_lag_of_row() has it: what was addressed to it, too. */
	uint64_t events = wr_load_relaxed(&cell->events) + wr_load_relaxed(&row->to_events);
	uint64_t bytes = wr_load_relaxed(&cell->bytes) + wr_load_relaxed(&row->to_bytes);
	anew->events = -(int64_t)(events - wr_load_relaxed(&row->events));
	anew->bytes = -(int64_t)(bytes - wr_load_relaxed(&row->bytes));
	wr_store_relaxed(&anew->complete_for, UINT64_MAX); /* of none */
	wr_lag_tell(anew, wr_load_relaxed(&row->seen_seq));
}

/*
 * The same of a shared subscription, whose rows have no position of their own: what is outstanding
 * is known, and what lies behind the frontier is counted.
 */
static void count_outstanding(struct weir_pipeline *p, struct wr_subscription_live *live,
			      const struct wr_subscription *s)
{
	struct wr_outstanding *o = &p->tables.outstanding;
	const struct wr_outstanding_list *list = &o->lists[live->id];
	for (uint32_t r = 0; r < s->row_count; r++) {
		live->anew[r].from_seq = list->frontier;
		live->anew[r].end_seq = wr_max_u64(list->frontier, p->writer.next_seq);
	}
	for (uint32_t at = list->first; at != WR_NO_ENTRY; at = o->entries[at].next) {
		live->anew[o->entries[at].row].events++;
		live->anew[o->entries[at].row].bytes += o->entries[at].bytes;
	}
	for (uint32_t r = 0; r < s->row_count; r++)
		wr_lag_tell(&live->anew[r],
			    wr_load_relaxed(&p->tables.settle.rows[s->row_first + r].seen_seq));
}

/*
 * The same of a filtered one: what it wants from its position on is counted, whatever was settled
 * before.
 */
static void count_filtered(struct weir_pipeline *p, struct wr_subscription_live *live,
			   const struct wr_subscription *s)
{
	struct wr_outstanding *o = &p->tables.outstanding;
	struct wr_settle_row *rows = &p->tables.settle.rows[s->row_first];
	bool shared = s->order != WR_ORDER_PARTITION;
	for (uint32_t r = 0; r < s->row_count; r++) {
		live->anew[r].from_seq =
			shared ? o->lists[live->id].frontier : wr_load_relaxed(&rows[r].position);
		live->anew[r].end_seq = live->anew[r].from_seq;
		wr_store_relaxed(&live->anew[r].routed, 1u);
		wr_store_relaxed(&rows[r].base_events, wr_load_relaxed(&rows[r].events));
		wr_store_relaxed(&rows[r].base_bytes, wr_load_relaxed(&rows[r].bytes));
	}
	for (uint32_t at = shared ? o->lists[live->id].first : WR_NO_ENTRY; at != WR_NO_ENTRY;
	     at = o->entries[at].next) {
		live->anew[o->entries[at].row].events++;
		live->anew[o->entries[at].row].bytes += o->entries[at].bytes;
	}
	for (uint32_t r = 0; r < s->row_count; r++) {
		uint64_t anew_seq = wr_load_relaxed(&rows[r].anew_seq);
		wr_store_relaxed(&rows[r].seen_seq, anew_seq); /* H3 */
		wr_lag_tell(&live->anew[r], anew_seq);
	}
	wr_lag_hold(live);
}

static void init_anew(struct weir_pipeline *p, struct wr_subscription_live *live,
		      const struct wr_subscription *s)
{
	for (uint32_t r = 0; r < s->row_count; r++) {
		struct wr_settle_row *row = &p->tables.settle.rows[s->row_first + r];
		/* What the records read at open began anew is counted here. */
		uint64_t anew_seq = wr_load_relaxed(&row->anew_seq);
		wr_store_relaxed(&row->seen_seq, anew_seq); /* H3 */
		if (wr_load_relaxed(&row->moved) == 0) {
			wr_lag_tell(&live->anew[r], anew_seq);
			continue;
		}
		count_at_open(p, &live->anew[r], row,
			      wr_catalog_row_cells(&p->tables.catalog, s, r));
	}
	if (s->order != WR_ORDER_PARTITION && s->row_count > 0 &&
	    wr_load_relaxed(&p->tables.settle.rows[s->row_first].moved) != 0)
		count_outstanding(p, live, s);
	wr_lag_hold(live);
}

/* Before its options are said. */
static void init_failures(struct wr_failures *failures)
{
	wr_store_relaxed(&failures->dead_letters, UINT32_MAX);
	wr_store_relaxed(&failures->retry_delay_min_ns, 1000000000u);
	wr_store_relaxed(&failures->retry_delay_max_ns, 60000000000u);
}

int wr_subscription_start(struct weir_pipeline *p, uint32_t id, bool made)
{
	struct wr_subscription_live *live = &p->subscriptions[id];
	if (wr_load_acquire(&live->started) != 0) /* X1 */
		return 0;
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[id];
	struct wr_memory *memory = p->host.memory;
	live->pipeline = p;
	live->id = id;
	wr_group_ports_init(live);
	for (uint32_t t = 0; t < s->topic_count; t++) {
		const struct wr_topic *topic = &p->tables.catalog.topics[s->topics[t]];
		live->topic_partitions[t] = topic->partitions;
		live->topic_made_with[t] = topic->made_with;
		live->can_grow = live->can_grow || topic->partitions != topic->made_with;
	}
	live->row_of_topic =
		memory->ops->alloc(memory, p->options.topics_max * sizeof(uint32_t), 8);
	live->anew_bytes = s->row_count * sizeof *live->anew;
	live->anew = memory->ops->alloc(memory, live->anew_bytes, 8);
	live->told_from = memory->ops->alloc(memory, s->row_count * sizeof *live->told_from, 8);
	bool filtered = wr_filters_any(&p->tables.filters, id);
	int rc = live->row_of_topic == NULL || live->anew == NULL || live->told_from == NULL
			 ? -ENOMEM
			 : wr_group_init(&live->group, memory, &live->ports, live->topic_partitions,
					 s->topic_count, p->options.members_max);
	init_failures(&live->failures);
	if (rc == 0)
		rc = wr_row_letters_start(live, made);
	if (rc == 0 && s->order != WR_ORDER_PARTITION && live->sharing == NULL)
		rc = wr_sharing_start(p, live, made);
	if (rc == 0 && filtered)
		rc = wr_route_attach(p, live);
	if (rc == 0)
		rc = wr_copier_start(p, live);
	if (rc != 0)
		return rc;
	for (uint32_t t = 0; t < p->options.topics_max; t++)
		live->row_of_topic[t] = UINT32_MAX;
	live->growths_seen = UINT64_MAX; /* none like it: it follows now */
	wr_group_follow_growth(live);
	uint32_t row = 0;
	for (uint32_t t = 0; t < s->topic_count; t++) {
		live->row_of_topic[s->topics[t]] = row;
		row += live->topic_partitions[t];
	}
	for (uint32_t r = 0; r < s->row_count; r++)
		wr_group_set_generation(
			&live->group, r,
			(uint32_t)wr_load_relaxed(
				&p->tables.settle.rows[s->row_first + r].generation));
	if (made)
		wr_lag_begin(p, live); /* nobody has settled anything of it */
	else if (filtered)
		count_filtered(p, live, s);
	else
		init_anew(p, live, s);
	wr_store_relaxed(&live->gate, p->journal != NULL ? WEIR_LEVEL_DURABLE : WEIR_LEVEL_MEMORY);
	wr_store_relaxed(&live->session_timeout_ns, 45000000000u);
	if (live->sharing != NULL)
		(void)wr_add_seq(&p->sharing_count, 1u); /* X2 */
	wr_store_release(&live->started, 1u);            /* X1: the group step may look at it now */
	return 0;
}
