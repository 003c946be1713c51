/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the log itself defines: topics and subscriptions, each by a record, in order, for ever
 * (L18). Ids are indexes, given in order of definition. The writer adds; every thread may read an
 * entry whose id is below the count.
 *
 *   B1  count (writer, release) pairs with the acquire of every reader: an entry below it is
 *       complete and does not change any more, but for the event and byte counts of partitions,
 *       which are relaxed single-writer cells, and for what growing changes:
 *   B2  map_count of a topic (writer, release) pairs with the acquire of who asks for the
 *       partition of a record: the maps below it are complete and do not change. A record that
 *       somebody sees lies behind its map, which was there before the gate passed it.
 *
 * A topic that can grow is laid out for as many partitions as it may ever have: cells, tags, and
 * rows of subscriptions. What changes is how many of them are in force.
 */
#ifndef WR_LOG_CATALOG_H
#define WR_LOG_CATALOG_H

#include "core/log/undo.h"
#include "core/port/memory.h"
#include "core/record/control.h"
#include "core/record/section.h"

/* Each is a multiple of the one before, and the pipeline's limit is 1 << 20. */
#define WR_TOPIC_MAPS_MAX 20u

/* How many partitions are in force for what stands behind seq, the PARTITION_MAP record's. */
struct wr_topic_map {
	uint64_t seq;
	uint32_t partitions;
};

struct wr_topic {
	uint32_t partitions; /* laid out: the most that it can have */
	uint32_t made_with;  /* in force from the beginning */
	wr_atomic_u32 in_force;
	wr_atomic_u32 map_count; /* B2 */
	struct wr_topic_map maps[WR_TOPIC_MAPS_MAX];
	uint32_t first_cell; /* of its partitions in `cells` */
	uint32_t tag_base;   /* tag of partition p is tag_base + p, cut to the tag's bits */
	uint32_t name_bytes;
	char name[WR_NAME_BYTES_MAX + 1];
};

/* What was ever appended to a partition: one side of lag. */
struct wr_partition_cells {
	wr_atomic_u64 events;
	wr_atomic_u64 bytes;
};

struct wr_subscription {
	uint32_t topic_count;
	uint32_t row_first; /* of its rows in the settle table */
	uint32_t row_count;
	uint32_t tag; /* of its control records in the column */
	uint32_t name_bytes;
	uint32_t order;           /* enum wr_control_order */
	uint32_t outstanding_max; /* of a shared one: events taken and not settled */
	uint64_t start_seq;
	uint64_t made_seq; /* its record's; 0: before anybody asked for what nobody wants */
	uint32_t topics[WR_SUBSCRIPTION_TOPICS_MAX];
	char name[WR_NAME_BYTES_MAX + 1];
};

struct wr_catalog_limits {
	uint32_t topics_max;
	uint32_t partitions_max;
	uint32_t subscriptions_max;
	uint32_t rows_max;
};

struct wr_catalog {
	struct wr_topic *topics;
	struct wr_partition_cells *cells;
	struct wr_subscription *subscriptions;
	wr_atomic_u64 topic_count;        /* B1 */
	wr_atomic_u64 subscription_count; /* B1 */
	/* The writer's own; cells, so that a run can be undone. */
	wr_atomic_u64 partition_count;
	wr_atomic_u64 row_count;
	wr_atomic_u64 next_tag;
	wr_atomic_u64 growths; /* B2: of all topics: who follows them looks at this one */
	/* Of the checkpoint that was loaded last, also where it did not fit: subscriptions, and
	 * those of them that are of jobs over dead letters. */
	uint32_t loaded_count, loaded_jobs;
	struct wr_catalog_limits limits;
};

/* What a job over the dead letters of a topic calls its subscription: this, and the topic. */
#define WR_REDRIVE_PREFIX "dlq."

/* Tag 0 marks control records that belong to no subscription. */
#define WR_TAG_CONTROL 0u

size_t wr_catalog_bytes(const struct wr_catalog_limits *limits);
int wr_catalog_init(struct wr_catalog *c, struct wr_memory *memory,
		    const struct wr_catalog_limits *limits);
void wr_catalog_fini(struct wr_catalog *c, struct wr_memory *memory);
void wr_catalog_reset(struct wr_catalog *c);

/*
 * Decides a TOPIC or SUBSCRIPTION record and takes it in. 0 and the id; WEIR_E_EXISTS with the id
 * of the one that is there (the same name; *ret_same says whether everything else is the same);
 * WEIR_E_FULL, WEIR_E_UNKNOWN_NAME, -EINVAL. `seq` is the record's own, for a start at NEWEST.
 */
int wr_catalog_topic(struct wr_catalog *c, struct wr_undo *undo, const struct wr_record_view *view,
		     uint32_t *ret_id, bool *ret_same);
int wr_catalog_subscription(struct wr_catalog *c, struct wr_undo *undo,
			    const struct wr_record_view *view, uint64_t seq, uint32_t *ret_id,
			    bool *ret_same);

/*
 * Decides a PARTITION_MAP record, and takes it in. 0; WEIR_E_EXISTS: so many are in force;
 * WEIR_E_UNKNOWN_NAME, WEIR_E_FULL (more than it was made for), -EINVAL (fewer, or no multiple).
 */
int wr_catalog_grow(struct wr_catalog *c, uint32_t topic, uint32_t partitions, uint64_t seq);

/* Whether a subscription of that name over these topics, which exist, is of a job over dead
 * letters; and how many there are. */
bool wr_catalog_is_redrive(struct wr_catalog *c, const void *name, size_t name_bytes,
			   const uint32_t *topics, uint32_t topic_count);
uint32_t wr_catalog_redrive_count(struct wr_catalog *c);

/* How many partitions are in force now: the writer's own number, a moment old for others. */
static inline uint32_t wr_topic_in_force(const struct wr_topic *t)
{
	return wr_load_relaxed(&t->in_force);
}

/* How many are in force for a record at seq. Any thread that sees the record. */
static inline uint32_t wr_topic_partitions_at(const struct wr_topic *t, uint64_t seq)
{
	uint32_t count = wr_load_acquire(&t->map_count); /* B2 */
	while (WR_UNLIKELY(count > 0) && t->maps[count - 1].seq >= seq)
		count--;
	return count > 0 ? t->maps[count - 1].partitions : t->made_with;
}

/* The partition of a record at seq. */
static inline uint32_t wr_topic_partition(const struct wr_topic *t, const struct wr_record *r,
					  uint64_t seq)
{
	return wr_record_partition(r, wr_topic_partitions_at(t, seq));
}

/*
 * The partition that had the keys of one before it was in force, and the sequence of the map that
 * put it in force; false: it is one of those that the topic was made with.
 */
bool wr_topic_parent(const struct wr_topic *t, uint32_t partition, uint32_t *ret_parent,
		     uint64_t *ret_seq);

/* Any thread. */
static inline uint32_t wr_catalog_topic_count(struct wr_catalog *c)
{
	return (uint32_t)wr_load_acquire(&c->topic_count); /* B1 */
}

static inline uint32_t wr_catalog_subscription_count(struct wr_catalog *c)
{
	return (uint32_t)wr_load_acquire(&c->subscription_count); /* B1 */
}

bool wr_catalog_find_topic(struct wr_catalog *c, const char *name, size_t name_bytes,
			   uint32_t *ret_id);
bool wr_catalog_find_subscription(struct wr_catalog *c, const char *name, size_t name_bytes,
				  uint32_t *ret_id);
/* The row of a partition of a topic in a subscription, counted from its first; UINT32_MAX: none. */
uint32_t wr_catalog_row(struct wr_catalog *c, const struct wr_subscription *s, uint32_t topic,
			uint32_t partition);
/* Whether a row's partition is in force. */
bool wr_catalog_row_in_force(struct wr_catalog *c, const struct wr_subscription *s, uint32_t row);
/* And back. */
void wr_catalog_row_partition(struct wr_catalog *c, const struct wr_subscription *s, uint32_t row,
			      uint32_t *ret_topic, uint32_t *ret_partition);
/* What was appended to a row's partition. */
struct wr_partition_cells *wr_catalog_row_cells(struct wr_catalog *c,
						const struct wr_subscription *s, uint32_t row);

void wr_catalog_save(struct wr_catalog *c, struct wr_sink *sink);
int wr_catalog_load(struct wr_catalog *c, uint32_t version, const uint8_t *bytes,
		    uint32_t length_bytes);
/*
 * When subscriptions were made, which counts for events that nobody wants: the first time that it
 * does all that are there were made before. A section of its own, for logs where it does.
 */
void wr_catalog_forget_made(struct wr_catalog *c);
void wr_catalog_save_made(struct wr_catalog *c, struct wr_sink *sink);
int wr_catalog_load_made(struct wr_catalog *c, uint32_t version, const uint8_t *bytes,
			 uint32_t length_bytes);
/* What save writes at most, both of them. */
size_t wr_catalog_save_bytes_max(const struct wr_catalog_limits *limits);

#endif
