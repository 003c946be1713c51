/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/metrics.h"

#include <errno.h>
#include <stdio.h>

#include "core/pipeline/member_times.h"
#include "core/pipeline/sharing.h"

/* Between two looks at how much is free: they go to the file system. */
#define FREE_LOOK_NS 5000000000u

void wr_metrics_plan(const struct weir_options *o, struct wr_metrics_layout *ret_layout)
{
	const struct wr_metrics_limits limits = {
		.slots = {
			[WR_SCOPE_PIPELINE] = 1,
			[WR_SCOPE_ACK] = WEIR_LEVEL_DURABLE,
			[WR_SCOPE_THREAD] = WEIR_THREADS_MAX,
			[WR_SCOPE_PRODUCER] = o->producers_max,
			[WR_SCOPE_TOPIC] = o->topics_max,
			[WR_SCOPE_PARTITION] = o->partitions_max,
			[WR_SCOPE_SUBSCRIPTION] = o->subscriptions_max,
			[WR_SCOPE_ROW] = (uint64_t)o->subscriptions_max * o->partitions_max,
			[WR_SCOPE_MEMBER] = o->members_max,
			[WR_SCOPE_ALERT] = wr_alerts_count(o),
			[WR_SCOPE_ALERT_EVENTS] = wr_alerts_count(o),
			[WR_SCOPE_ALERT_BYTES] = wr_alerts_count(o),
			[WR_SCOPE_ALERT_AGE] = wr_alerts_count(o),
			[WR_SCOPE_BRIDGE] = WR_BRIDGE_PLACES,
			[WR_SCOPE_BRIDGE_ERROR] = WR_BRIDGE_PLACES,
			[WR_SCOPE_BRIDGE_FILES] = WR_BRIDGE_PLACES,
			[WR_SCOPE_STAGE] = WEIR_STAGES_SHOWN_MAX,
		}};
	wr_metrics_lay_out(&limits, ret_layout);
}

struct layout {
	size_t info, times, producers, members, alerts, bridges, stages, total;
};

static struct layout layout_of(const struct weir_options *o)
{
	struct layout l = {.total = sizeof(struct wr_pipeline_metrics)};
	l.info = wr_add_part(&l.total, sizeof(struct weir_info));
	l.times = wr_add_part(&l.total, o->members_max * sizeof(struct wr_member_times));
	l.producers = wr_add_part(&l.total, o->producers_max * sizeof(uint64_t));
	l.members = wr_add_part(&l.total, o->members_max * sizeof(uint64_t));
	l.alerts = wr_add_part(&l.total, wr_alerts_bytes(o));
	l.bridges = wr_add_part(&l.total, sizeof(struct wr_bridge_places));
	l.stages = wr_add_part(&l.total, sizeof(struct wr_stage_cells));
	return l;
}

static size_t block_bytes(const struct weir_options *o)
{
	return layout_of(o).total;
}

uint64_t wr_metrics_table_bytes(const struct weir_options *o)
{
	return block_bytes(o) + sizeof(struct wr_tallies);
}

/* ---- one of each ---- */

static void put_journal(struct weir_pipeline *p, wr_atomic_u64 *slot, uint64_t now_ns)
{
	struct wr_pipeline_metrics *pm = p->metrics;
	struct wr_metrics *m = &pm->cells;
	struct wr_storage_counts counts = {0};
	struct wr_journal_stats stats = {0};
	uint64_t free_bytes = 0;

	p->host.storage->ops->counts(p->host.storage, &counts);
	wr_journal_stats(p->journal, &stats);
	uint64_t durable = wr_load_acquire(&p->link.durable_seq); /* D1 */
	uint64_t visible = wr_writer_visible_seq(&p->writer);     /* later: never less */
	if (now_ns >= pm->free_look_ns) {
		pm->free_look_ns = now_ns + FREE_LOOK_NS;
		pm->free_is_known =
			p->host.storage->ops->free_bytes(p->host.storage, &free_bytes) == 0;
		if (pm->free_is_known)
			pm->free_bytes = free_bytes;
	}
	wr_metrics_put(m, slot, WR_METRIC_WRITTEN, wr_load_acquire(&p->link.written_seq)); /* D1 */
	wr_metrics_put(m, slot, WR_METRIC_DURABLE, durable);
	wr_metrics_put(m, slot, WR_METRIC_BACKLOG, visible - wr_min_u64(durable, visible));
	wr_metrics_put(m, slot, WR_METRIC_BATCHES, stats.batches);
	wr_metrics_put(m, slot, WR_METRIC_BATCH_BYTES, stats.batch_bytes);
	wr_metrics_put(m, slot, WR_METRIC_WRITES, stats.writes);
	wr_metrics_put(m, slot, WR_METRIC_SYNCS, counts.syncs);
	wr_metrics_put(m, slot, WR_METRIC_SUBMISSIONS, counts.submissions);
	wr_metrics_put(m, slot, WR_METRIC_LOG_BYTES, stats.log_bytes);
	wr_metrics_put(m, slot, WR_METRIC_PACKED_BYTES, stats.packed_bytes);
	wr_metrics_put(m, slot, WR_METRIC_SEGMENTS_LIVE, stats.segments_live);
	wr_metrics_put(m, slot, WR_METRIC_SEGMENTS_SPARE, stats.segments_spare);
	wr_metrics_put(m, slot, WR_METRIC_SEGMENTS_RECYCLED, stats.segments_recycled);
	wr_metrics_put(m, slot, WR_METRIC_SEGMENTS_DROPPED, stats.segments_dropped);
	wr_metrics_put(m, slot, WR_METRIC_SEGMENTS_REMOVED, stats.segments_removed);
	wr_metrics_put(m, slot, WR_METRIC_CHECKPOINTS, stats.checkpoints);
	wr_metrics_put(m, slot, WR_METRIC_PACK_FAILURES, stats.pack_failures);
	wr_metrics_put(m, slot, WR_METRIC_COMPACTIONS, stats.compactions);
	wr_metrics_put(m, slot, WR_METRIC_LEFT_OUT, stats.left_out);
	wr_metrics_put(m, slot, WR_METRIC_STARVED, stats.no_room_code < 0);
	wr_metrics_put(m, slot, WR_METRIC_LOW_SPACE, stats.low_space);
	wr_metrics_put(m, slot, WR_METRIC_FREE_BYTES, pm->free_bytes);
	const struct wr_journal_tally *t = &p->tallies->journal;
	wr_metrics_put_histogram(m, slot, WR_METRIC_WRITE_TIME, &t->write_ns);
	wr_metrics_put_histogram(m, slot, WR_METRIC_SYNC_TIME, &t->sync_ns);
	wr_metrics_put_histogram(m, slot, WR_METRIC_WRITE_BYTES, &t->write_bytes);
	wr_metrics_put_histogram(m, slot, WR_METRIC_DURABLE_TIME, &t->durable_ns);
	wr_metrics_put(m, slot, WR_METRIC_RECOVERY, p->recovery_ns);
	wr_metrics_put(m, slot, WR_METRIC_TRIMMED_BYTES, p->recovery.trimmed_bytes);
}

static bool is_failed(struct weir_pipeline *p)
{
	return p->journal != NULL && wr_load_acquire(&p->link.failed) != 0; /* D1 */
}

static void put_pipeline(struct weir_pipeline *p, uint64_t now_ns)
{
	struct wr_metrics *m = &p->metrics->cells;
	struct wr_writer_stats *stats = &p->writer.stats;
	wr_atomic_u64 *slot = wr_metrics_begin(m, WR_SCOPE_PIPELINE, 0, NULL, false);

	wr_metrics_put(m, slot, WR_METRIC_EPOCH, p->writer.options.epoch);
	wr_metrics_put(m, slot, WR_METRIC_FAILED, is_failed(p));
	wr_metrics_put(m, slot, WR_METRIC_RECORDS, wr_load_relaxed(&stats->records));
	wr_metrics_put(m, slot, WR_METRIC_REFUSED, wr_load_relaxed(&stats->refused));
	wr_metrics_put(m, slot, WR_METRIC_ROUNDS, wr_load_relaxed(&stats->rounds));
	wr_metrics_put(m, slot, WR_METRIC_HELD, wr_load_relaxed(&stats->held_rounds));
	wr_metrics_put(m, slot, WR_METRIC_POISONED, wr_load_relaxed(&stats->poisoned));
	wr_metrics_put(m, slot, WR_METRIC_UNROUTED, wr_load_relaxed(&p->router.unknown));
	wr_metrics_put(m, slot, WR_METRIC_MEMORY_BYTES,
		       wr_load_relaxed(&p->host.memory->alloc_bytes) +
			       wr_load_relaxed(&p->host.memory->map_bytes));
	wr_metrics_put_histogram(m, slot, WR_METRIC_LANE_WAIT, &p->tallies->writer.wait_ns);
	if (p->journal != NULL)
		put_journal(p, slot, now_ns);
	/* Behind the durable one: the backlog that a reader computes is not negative either. */
	wr_metrics_put(m, slot, WR_METRIC_VISIBLE, wr_writer_visible_seq(&p->writer));
	wr_metrics_end(slot);
}

/* Of each level that there is. */
static void put_acks(struct weir_pipeline *p)
{
	struct wr_metrics *m = &p->metrics->cells;
	const struct wr_tally *const tallies[] = {
		&p->tallies->writer.ordered_ns,
		&p->tallies->journal.ack_written_ns,
		&p->tallies->journal.ack_durable_ns,
	};
	static const char *const names[] = {"memory", "written", "durable"};

	for (uint32_t i = 0; i < (p->journal != NULL ? WR_ARRAY_COUNT(names) : 1); i++) {
		wr_atomic_u64 *slot = wr_metrics_begin(m, WR_SCOPE_ACK, i, &names[i], false);
		wr_metrics_put_histogram(m, slot, WR_METRIC_ACK_TIME, tallies[i]);
		wr_metrics_end(slot);
	}
}

static void put_threads(struct weir_pipeline *p)
{
	struct wr_pipeline_metrics *pm = p->metrics;
	struct wr_metrics *m = &pm->cells;
	struct weir_info *info = pm->info;

	if (p->host.threads == NULL || wr_load_acquire(&pm->threads_there) == 0) /* ME2 */
		return;
	info->thread_count = 0;
	p->host.threads(p->host.context, info);
	for (uint32_t i = 0; i < info->thread_count; i++) {
		const struct weir_thread_info *t = &info->threads[i];
		const char *labels[] = {t->name};
		wr_atomic_u64 *slot = wr_metrics_begin(m, WR_SCOPE_THREAD, i, labels, false);
		if (slot == NULL)
			break;
		wr_metrics_put(m, slot, WR_METRIC_THREAD_LOOPS, t->loops);
		wr_metrics_put(m, slot, WR_METRIC_THREAD_PARKS, t->parks);
		wr_metrics_put(m, slot, WR_METRIC_THREAD_CPU, t->cpu_ns);
		wr_metrics_put(m, slot, WR_METRIC_THREAD_LAST_CPU, (uint64_t)(t->last_cpu + 1));
		wr_metrics_end(slot);
	}
	for (uint32_t i = info->thread_count; i < WEIR_THREADS_MAX; i++)
		wr_metrics_drop(m, WR_SCOPE_THREAD, i);
}

static void put_producer(struct weir_pipeline *p, uint32_t index)
{
	struct wr_pipeline_metrics *pm = p->metrics;
	struct wr_metrics *m = &pm->cells;
	struct wr_lane *lane = &p->lanes[WR_LANES_RESERVED + index];
	char number[16];

	wr_spinlock_lock(&p->registry);
	const struct weir_producer *pr = &p->producers[index];
	uint64_t occupant = pr->in_use ? pr->number : 0;
	uint32_t row = pr->told_row;
	wr_spinlock_unlock(&p->registry);
	bool fresh = occupant != pm->producers[index];
	pm->producers[index] = occupant;
	if (occupant == 0) {
		wr_metrics_drop(m, WR_SCOPE_PRODUCER, index);
		return;
	}
	(void)snprintf(number, sizeof number, "%u", index);
	const char *name = row != 0 ? p->tables.producers.rows[row - 1].name : "";
	const char *labels[] = {number, name};
	wr_atomic_u64 *slot = wr_metrics_begin(m, WR_SCOPE_PRODUCER, index, labels, fresh);
	m->left_out += slot == NULL;
	if (slot == NULL)
		return;
	/* What was done of it first: it never exceeds what was handed over. */
	uint64_t head = wr_load_acquire(&lane->head); /* A2 */
	uint64_t tail = wr_load_acquire(&lane->tail); /* A1 */
	wr_metrics_put(m, slot, WR_METRIC_HANDED_BYTES, tail);
	wr_metrics_put(m, slot, WR_METRIC_WAITING_BYTES, tail - wr_min_u64(head, tail));
	if (p->journal != NULL)
		wr_metrics_put(
			m, slot, WR_METRIC_TICKETS_DURABLE,
			wr_load_acquire(&p->link.lanes[lane->index].durable_ticket)); /* D1 */
	wr_metrics_put(m, slot, WR_METRIC_ORDERED, wr_load_acquire(&lane->ordered));  /* A3 */
	wr_metrics_put(m, slot, WR_METRIC_PRODUCER_REFUSED, wr_load_relaxed(&lane->refused));
	wr_metrics_end(slot);
}

static void put_topic(struct weir_pipeline *p, uint32_t id)
{
	struct wr_metrics *m = &p->metrics->cells;
	const struct wr_topic *topic = &p->tables.catalog.topics[id];
	struct weir_topic_keys keys = {0};
	struct weir_topic_versions versions = {0};
	uint64_t events = 0, bytes = 0;
	char number[16];

	for (uint32_t i = 0; i < wr_topic_in_force(topic); i++) {
		struct wr_partition_cells *cell = &p->tables.catalog.cells[topic->first_cell + i];
		uint64_t in_events = wr_load_relaxed(&cell->events);
		uint64_t in_bytes = wr_load_relaxed(&cell->bytes);
		events += in_events;
		bytes += in_bytes;
		(void)snprintf(number, sizeof number, "%u", i);
		const char *labels[] = {topic->name, number};
		wr_atomic_u64 *slot = wr_metrics_begin(m, WR_SCOPE_PARTITION, topic->first_cell + i,
						       labels, false);
		m->left_out += slot == NULL;
		if (slot == NULL)
			continue;
		wr_metrics_put(m, slot, WR_METRIC_PARTITION_EVENTS, in_events);
		wr_metrics_put(m, slot, WR_METRIC_PARTITION_BYTES, in_bytes);
		wr_metrics_end(slot);
	}
	const char *labels[] = {topic->name};
	wr_atomic_u64 *slot = wr_metrics_begin(m, WR_SCOPE_TOPIC, id, labels, false);
	m->left_out += slot == NULL;
	if (slot == NULL)
		return;
	if (weir_topic_keys(p, id, &keys) != 0 || weir_topic_versions(p, id, &versions) != 0)
		WR_DEBUG(false); /* it is there */
	wr_metrics_put(m, slot, WR_METRIC_TOPIC_PARTITIONS, wr_topic_in_force(topic));
	wr_metrics_put(m, slot, WR_METRIC_TOPIC_EVENTS, events);
	wr_metrics_put(m, slot, WR_METRIC_TOPIC_BYTES, bytes);
	wr_metrics_put(m, slot, WR_METRIC_TOPIC_KEYS, keys.keys);
	wr_metrics_put(m, slot, WR_METRIC_TOPIC_DUPLICATES, keys.duplicates);
	wr_metrics_put(m, slot, WR_METRIC_TOPIC_VERSIONED, versions.keys);
	wr_metrics_put(m, slot, WR_METRIC_TOPIC_CONFLICTS, versions.conflicts);
	wr_metrics_end(slot);
}

static void put_rows(struct weir_pipeline *p, uint32_t id, uint32_t count)
{
	struct wr_metrics *m = &p->metrics->cells;
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[id];
	struct weir_subscription_partition part;
	char number[16];

	for (uint32_t i = 0; weir_subscription_partition(p, id, i, &part) == 0; i++) {
		uint32_t row = wr_catalog_row(&p->tables.catalog, s, part.topic, part.partition);
		if (s->row_first + (uint64_t)row >= m->layout.scopes[WR_SCOPE_ROW].slots) {
			m->left_out += count > i ? count - i : 0; /* it may be growing */
			break;
		}
		(void)snprintf(number, sizeof number, "%u", part.partition);
		const char *labels[] = {s->name, p->tables.catalog.topics[part.topic].name, number};
		wr_atomic_u64 *slot =
			wr_metrics_begin(m, WR_SCOPE_ROW, s->row_first + row, labels, false);
		wr_metrics_put(m, slot, WR_METRIC_ROW_LAG_EVENTS, part.lag_events);
		wr_metrics_put(m, slot, WR_METRIC_ROW_LAG_BYTES, part.lag_bytes);
		wr_metrics_put(m, slot, WR_METRIC_ROW_POSITION, part.position);
		wr_metrics_put(m, slot, WR_METRIC_ROW_GENERATION, part.generation);
		wr_metrics_end(slot);
	}
}

static uint64_t settled_of(struct weir_pipeline *p, const struct wr_subscription *s)
{
	uint64_t events = 0;
	for (uint32_t row = 0; row < s->row_count; row++)
		events += wr_load_relaxed(&p->tables.settle.rows[s->row_first + row].events);
	return events;
}

static void put_subscription(struct weir_pipeline *p, uint32_t id, uint64_t now_ns)
{
	struct wr_metrics *m = &p->metrics->cells;
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[id];
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	struct weir_queue_counts counts = {0};
	struct weir_lag lag = {0};
	const char *labels[] = {s->name};

	if (weir_subscription_info(p, id, &info) != 0 ||
	    (info.order != WEIR_ORDER_PARTITION && weir_queue_counts(p, id, &counts) != 0))
		return; /* it is being made */
	put_rows(p, id, info.partition_count);
	wr_atomic_u64 *slot = wr_metrics_begin(m, WR_SCOPE_SUBSCRIPTION, id, labels, false);
	m->left_out += slot == NULL;
	if (slot == NULL)
		return;
	wr_lag_of_look(p, id, &lag);
	wr_metrics_put(m, slot, WR_METRIC_LAG_EVENTS, lag.events);
	wr_metrics_put(m, slot, WR_METRIC_LAG_BYTES, lag.bytes);
	wr_metrics_put(m, slot, WR_METRIC_LAG_AGE, lag.time_ns);
	wr_metrics_put(m, slot, WR_METRIC_LAG_EXACT, lag.exact);
	wr_metrics_put(m, slot, WR_METRIC_LAG_TIME_EXACT, lag.time_exact);
	wr_metrics_put(m, slot, WR_METRIC_POSITION, info.position);
	wr_metrics_put(m, slot, WR_METRIC_MEMBERS, info.member_count);
	wr_metrics_put(m, slot, WR_METRIC_SETTLED_EVENTS, settled_of(p, s));
	wr_metrics_put(m, slot, WR_METRIC_DETACHED, info.detached);
	wr_metrics_put(m, slot, WR_METRIC_OUTSTANDING, info.outstanding);
	wr_metrics_put(m, slot, WR_METRIC_LEASED, counts.leased);
	wr_metrics_put(m, slot, WR_METRIC_DELAYED, counts.delayed);
	wr_metrics_put(m, slot, WR_METRIC_PARKED, lag.parked);
	struct wr_subscription_live *live = &p->subscriptions[id];
	wr_metrics_put(m, slot, WR_METRIC_DETACHMENTS, live->detachments);
	wr_metrics_put(m, slot, WR_METRIC_DEAD_LETTERS, wr_load_relaxed(&live->failures.buried));
	wr_metrics_put(m, slot, WR_METRIC_REDELIVERIES,
		       wr_load_relaxed(&live->failures.redelivered));
	if (live->sharing != NULL) {
		wr_metrics_put(m, slot, WR_METRIC_LEASE_AGE,
			       wr_share_lease_age_ns(&live->sharing->share, now_ns));
		wr_metrics_put(m, slot, WR_METRIC_CARRIED,
			       wr_load_relaxed(&live->sharing->carried));
	}
	wr_metrics_put(m, slot, WR_METRIC_EXPIRED, counts.expired);
	wr_metrics_put(m, slot, WR_METRIC_OVERFLOWED, counts.overflowed);
	wr_metrics_put(m, slot, WR_METRIC_DROPPED, counts.dropped);
	wr_metrics_put(m, slot, WR_METRIC_QUEUE_REFUSED, counts.refused);
	wr_metrics_end(slot);
}

/* Who is in a member's slot; 0: nobody. Only the group step lets go of one that has joined: its
 * name stays until then. */
static uint64_t occupant_of(struct weir_pipeline *p, uint32_t index)
{
	struct weir_member *member = &p->members[index];
	uint32_t state = wr_load_acquire(&member->state); /* M1 */
	bool is_there = state == WR_MEMBER_JOINED || state == WR_MEMBER_LEAVING ||
			state == WR_MEMBER_ABANDONED;
	return is_there ? member->joined_number : 0;
}

/* Whether another member of the subscription is told of by its name. */
static bool has_twin(struct weir_pipeline *p, uint32_t index)
{
	const struct weir_member *member = &p->members[index];
	for (uint32_t i = 0; i < p->options.members_max; i++) {
		uint64_t told = p->metrics->members[i];
		const struct weir_member *other = &p->members[i];
		if (i != index && told != 0 && told % 2 == 0 && occupant_of(p, i) == told / 2 &&
		    other->subscription == member->subscription &&
		    strcmp(other->name, member->name) == 0)
			return true;
	}
	return false;
}

static void put_member(struct weir_pipeline *p, uint32_t index, uint64_t now_ns)
{
	struct wr_pipeline_metrics *pm = p->metrics;
	struct wr_metrics *m = &pm->cells;
	struct weir_member *member = &p->members[index];
	uint64_t occupant = occupant_of(p, index);
	bool fresh = occupant != pm->members[index] / 2;
	char name[sizeof member->name];

	if (occupant == 0) {
		pm->members[index] = 0;
		wr_metrics_drop(m, WR_SCOPE_MEMBER, index);
		return;
	}
	if (fresh)
		pm->members[index] = occupant * 2 + has_twin(p, index);
	/* Two of one name would be two series with the same labels, which no scraper takes. */
	if (pm->members[index] % 2 != 0)
		(void)snprintf(name, sizeof name, "%.*s#%u", (int)sizeof name - 12, member->name,
			       index);
	else
		(void)snprintf(name, sizeof name, "%s", member->name);
	const char *labels[] = {p->tables.catalog.subscriptions[member->subscription].name, name};
	wr_atomic_u64 *slot = wr_metrics_begin(m, WR_SCOPE_MEMBER, index, labels, fresh);
	m->left_out += slot == NULL;
	if (slot == NULL)
		return;
	uint64_t polled_ns = wr_load_relaxed(&member->polled_ns);
	wr_metrics_put(m, slot, WR_METRIC_MEMBER_IDLE, now_ns > polled_ns ? now_ns - polled_ns : 0);
	wr_metrics_put(m, slot, WR_METRIC_MEMBER_DELIVERED,
		       wr_load_relaxed(&member->delivered_told));
	wr_metrics_put(m, slot, WR_METRIC_MEMBER_SETTLED, wr_load_relaxed(&member->settled_told));
	wr_metrics_put(m, slot, WR_METRIC_MEMBER_EXPIRED, member->expired);
	wr_metrics_put(m, slot, WR_METRIC_MEMBER_BEHIND, wr_load_relaxed(&member->wanted_seq) != 0);
	wr_metrics_put(m, slot, WR_METRIC_MEMBER_PINNED,
		       wr_load_relaxed(&member->pin->value) != WR_PIN_NONE);
	wr_metrics_end(slot);
}

/* What members told of since the last round, in the histograms of their subscriptions. */
static void put_times(struct weir_pipeline *p, struct wr_member_times *times)
{
	static const enum wr_metric_id metrics[WR_TIME_KINDS] = {
		[WR_TIME_DELIVERY] = WR_METRIC_DELIVERY_TIME,
		[WR_TIME_HANDLER] = WR_METRIC_HANDLER_TIME,
		[WR_TIME_SOJOURN] = WR_METRIC_SOJOURN_TIME,
	};
	struct wr_metrics *m = &p->metrics->cells;
	struct wr_time_sample s;
	wr_atomic_u64 *slot = NULL;
	uint32_t open = UINT32_MAX;

	while (wr_member_times_take(times, &s)) {
		if (s.subscription != open) {
			const char *labels[] = {
				p->tables.catalog.subscriptions[s.subscription].name};
			if (slot != NULL)
				wr_metrics_end(slot);
			open = s.subscription;
			slot = wr_metrics_begin(m, WR_SCOPE_SUBSCRIPTION, open, labels, false);
		}
		if (slot != NULL)
			wr_metrics_add_time(m, slot, metrics[s.kind], s.ns, s.weight);
	}
	if (slot != NULL)
		wr_metrics_end(slot);
}

/* ---- a round ---- */

static void put_all(struct weir_pipeline *p, uint64_t now_ns)
{
	struct wr_pipeline_metrics *pm = p->metrics;
	uint32_t topics = wr_catalog_topic_count(&p->tables.catalog);
	uint32_t subscriptions = wr_catalog_subscription_count(&p->tables.catalog);

	put_pipeline(p, now_ns);
	put_acks(p);
	put_threads(p);
	for (uint32_t i = 0; i < p->options.producers_max; i++)
		put_producer(p, i);
	for (uint32_t i = 0; i < topics; i++)
		put_topic(p, i);
	for (uint32_t i = 0; i < subscriptions; i++)
		put_subscription(p, i, now_ns);
	for (uint32_t i = 0; i < p->options.members_max; i++) {
		put_times(p, &pm->times[i]);
		put_member(p, i, now_ns);
	}
	wr_bridges_put(p, now_ns);
	wr_stages_put(p);
	/* Who counts begins anew with what is timed: sampler.h. */
	wr_store_relaxed(&p->round, (uint32_t)(pm->cells.rounds + 1));
	if (!pm->closed)
		wr_alerts_step(p, now_ns);
	uint64_t state = pm->closed     ? WR_METRICS_CLOSED
			 : is_failed(p) ? WR_METRICS_FAILED
					: WR_METRICS_OPEN;
	wr_spinlock_lock(&pm->lock);
	wr_metrics_round(&pm->cells, state, wr_clock_boot_ns(p->host.clock),
			 wr_clock_wall_ns(p->host.clock));
	wr_spinlock_unlock(&pm->lock);
}

uint64_t wr_metrics_step(struct weir_pipeline *p, uint64_t now_ns)
{
	struct wr_pipeline_metrics *pm = p->metrics;

	if (pm == NULL)
		return UINT64_MAX;
	if (now_ns >= pm->due_ns) {
		put_all(p, now_ns);
		pm->due_ns = now_ns + WR_METRICS_INTERVAL_NS;
	}
	return pm->due_ns - now_ns;
}

void wr_metrics_threads_there(struct weir_pipeline *p)
{
	if (p->metrics != NULL)
		wr_store_release(&p->metrics->threads_there, 1u); /* ME2 */
}

int wr_metrics_open(struct weir_pipeline *p)
{
	const struct weir_options *o = &p->options;
	struct wr_memory *memory = p->host.memory;
	struct wr_metrics_layout layout;
	struct layout l = layout_of(o);

	if (p->host.metrics == NULL)
		return 0;
	uint8_t *at = memory->ops->alloc(memory, l.total, WR_LINE_BYTES);
	if (at == NULL)
		return -ENOMEM;
	p->metrics = (void *)at;
	p->metrics->info = (void *)(at + l.info);
	p->metrics->times = (void *)(at + l.times);
	p->metrics->producers = (void *)(at + l.producers);
	p->metrics->members = (void *)(at + l.members);
	p->metrics->bridges = (void *)(at + l.bridges);
	p->metrics->stages = (void *)(at + l.stages);
	wr_spinlock_init(&p->metrics->stages->lock);
	for (uint32_t i = 0; i < o->members_max; i++) {
		wr_spsc_init(&p->metrics->times[i].ring, WR_TIME_SAMPLES);
		p->members[i].times = &p->metrics->times[i];
	}
	(void)snprintf(p->metrics->alert_topic, sizeof p->metrics->alert_topic, "%s",
		       o->alert_topic != NULL ? o->alert_topic : "");
	wr_spinlock_init(&p->metrics->lock);
	wr_metrics_plan(o, &layout);
	const struct wr_metrics_identity identity = {
		.name = p->name,
		.dir = p->host.metrics_journal,
		.pid = p->host.pid,
		.pid_start = p->host.pid_start,
		.pid_space = p->host.pid_space,
		.opened_wall_ns = wr_clock_wall_ns(p->host.clock),
		.interval_ns = WR_METRICS_INTERVAL_NS,
	};
	wr_metrics_init(&p->metrics->cells, p->host.metrics, &layout, &identity);
	wr_alerts_init(&p->metrics->alerts, &p->metrics->cells, o, at + l.alerts);
	(void)wr_metrics_step(p, wr_clock_mono_ns(p->host.clock));
	return 0;
}

void wr_metrics_close(struct weir_pipeline *p)
{
	if (p->metrics == NULL)
		return;
	p->metrics->closed = true;
	wr_store_relaxed(&p->metrics->threads_there, 0u); /* they are joined */
	put_all(p, wr_clock_mono_ns(p->host.clock));
}

void wr_metrics_free(struct weir_pipeline *p)
{
	struct wr_memory *memory = p->host.memory;

	if (p->metrics != NULL)
		memory->ops->free(memory, p->metrics, block_bytes(&p->options));
	p->metrics = NULL;
}

void wr_metrics_say(struct weir_pipeline *p, int code, const char *text)
{
	struct wr_pipeline_metrics *pm = p->metrics;

	if (pm == NULL)
		return;
	uint64_t wall_ns = wr_clock_wall_ns(p->host.clock);
	wr_spinlock_lock(&pm->lock);
	wr_metrics_note(&pm->cells, code, text, wall_ns);
	wr_spinlock_unlock(&pm->lock);
}
