/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the log itself defines: topics and subscriptions, each by a record, in order, for ever
 * (L18). Ids are indexes, given in order of definition. The writer adds; every thread may read an
 * entry whose id is below the count.
 *
 *   B1  count (writer, release) pairs with the acquire of every reader: an entry below it is
 *       complete and does not change any more, but for the event and byte counts of partitions,
 *       which are relaxed single-writer cells.
 */
#ifndef WR_LOG_CATALOG_H
#define WR_LOG_CATALOG_H

#include "core/log/undo.h"
#include "core/port/memory.h"
#include "core/record/control.h"
#include "core/record/section.h"

struct wr_topic {
	uint32_t partitions;
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
	struct wr_catalog_limits limits;
};

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
/* And back. */
void wr_catalog_row_partition(struct wr_catalog *c, const struct wr_subscription *s, uint32_t row,
			      uint32_t *ret_topic, uint32_t *ret_partition);

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
