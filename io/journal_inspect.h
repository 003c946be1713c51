/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the walks of <weir/journal.h> and <weir/spans.h> share: an opened directory, the names of
 * topics, producers and subscriptions, schemas, and how a verified batch becomes events. Private to
 * the io/journal_*.c.
 *
 * Thread: one at a time for each struct.
 */
#ifndef WR_IO_JOURNAL_INSPECT_H
#define WR_IO_JOURNAL_INSPECT_H

#include <weir/journal.h>

#include "core/journal/verify.h"
#include "core/log/catalog.h"
#include "core/record/control.h"
#include "io/posix/memory_posix.h"

struct wr_inspect_topic {
	char name[WR_NAME_BYTES_MAX + 1]; /* "": not known */
	uint32_t partitions;              /* that it was made with */
	uint32_t partitions_max;          /* rows that a subscription has of it */
	uint32_t map_count;
	struct wr_topic_map maps[WR_TOPIC_MAPS_MAX];
};

struct wr_inspect_subscription {
	char name[WR_NAME_BYTES_MAX + 1]; /* "": not known */
	uint32_t topic_count;             /* 0: not known */
	uint32_t topics[WR_SUBSCRIPTION_TOPICS_MAX];
	bool is_filtered; /* it has a filter, or had one */
};

struct wr_inspect_schemas;

struct wr_inspect {
	struct weir_journal_visitor visitor; /* a copy: what is shown moves on while following */
	struct wr_storage *storage;
	struct wr_memory_posix memory;
	struct wr_inspect_topic *topics;
	uint32_t topic_count;
	char **producers; /* names by id; NULL: not known */
	uint32_t producer_count;
	struct wr_inspect_subscription *subscriptions; /* by id; NULL: nobody asked for them */
	uint32_t subscription_count;
	bool with_subscriptions;
	struct wr_inspect_schemas *schemas; /* NULL: not asked for */
	struct weir_item *items;            /* what is handed out; NULL: nobody asks for events */
	char detail[160];
};

/* Opens the directory read-only and reads topic names from the checkpoints. */
int wr_inspect_open(struct wr_inspect *in, const char *dir,
		    const struct weir_journal_visitor *visitor,
		    struct weir_problem *reterr_problem);
/* The same, and what there is of subscriptions. */
int wr_inspect_open_with(struct wr_inspect *in, const char *dir,
			 const struct weir_journal_visitor *visitor, bool subscriptions,
			 struct weir_problem *reterr_problem);
void wr_inspect_close(struct wr_inspect *in);

/*
 * journal_events.c: shows the records of a verified data batch: 0, or what the visitor returned;
 * takes in the topics and producers that such a batch defines, and shows nothing.
 */
int wr_inspect_batch(struct wr_inspect *in, const struct wr_batch_header *batch);
void wr_inspect_names(struct wr_inspect *in, const struct wr_batch_header *batch);
/* Memory for it, by the visitor. 0, -ENOMEM, or -EINVAL. */
int wr_inspect_events_open(struct wr_inspect *in);
void wr_inspect_events_close(struct wr_inspect *in);

/* journal_describe.c: what a record of weir's own is called; and what it says, until the next. */
const char *wr_inspect_kind_name(uint8_t kind);
const char *wr_inspect_describe(struct wr_inspect *in, const struct wr_record_view *view);

/* Whether somebody asks for events: they come in order, on one thread. */
static inline bool wr_inspect_shows(const struct weir_journal_visitor *visitor)
{
	return visitor->event != NULL || visitor->events != NULL;
}

/* journal_topics.c: what a checkpoint's copy has of topics and producers, and a record of those or
 * of others that define what later ones name. */
void wr_inspect_checkpoint(struct wr_inspect *in, uint32_t copy);
bool wr_inspect_has_names(const struct wr_record *head);
void wr_inspect_take_names(struct wr_inspect *in, const struct wr_record *head, uint64_t seq);
/* The partition of an event at seq. */
static inline uint32_t wr_inspect_partition(const struct wr_inspect_topic *topic,
					    const struct wr_record *head, uint64_t seq)
{
	uint32_t count = topic->map_count;
	while (WR_UNLIKELY(count > 0) && topic->maps[count - 1].seq >= seq)
		count--;
	return wr_record_partition(head, count > 0 ? topic->maps[count - 1].partitions
						   : topic->partitions);
}

/* journal_subscriptions.c: where wr_inspect_open_with() asked for them. Of a checkpoint's catalog,
 * behind its topics, and of its filters; and of a record, SUBSCRIPTION or FILTER. */
void wr_inspect_subscriptions_section(struct wr_inspect *in, struct wr_cursor *c, uint32_t count);
void wr_inspect_filters_section(struct wr_inspect *in, const uint8_t *bytes, uint32_t length_bytes);
void wr_inspect_take_subscription(struct wr_inspect *in, const struct wr_record_view *view);
/* Which partition a row of a subscription that follows partitions is; false: not known. */
bool wr_inspect_row(const struct wr_inspect *in, uint32_t subscription, uint32_t row,
		    uint32_t *ret_topic, uint32_t *ret_partition);

/* journal_producers.c: names of a checkpoint's section, and of a record of that kind. */
void wr_inspect_producers_section(struct wr_inspect *in, uint32_t version, const uint8_t *bytes,
				  uint32_t length_bytes);
void wr_inspect_take_producer(struct wr_inspect *in, const struct wr_record *head);
/* Who published an event: its fields of the public struct. */
void wr_inspect_fill_producer(const struct wr_inspect *in, const struct wr_record *head,
			      struct weir_journal_event *event);
void wr_inspect_forget_producers(struct wr_inspect *in);

/*
 * journal_schemas.c: the registry, where the visitor asks for it. 0 or -ENOMEM; a checkpoint that
 * holds all up to a sequence begins it anew, unless a newer one did (false), with its section, if
 * it has one; a record of it; the fields of the public struct.
 */
int wr_inspect_schemas_open(struct wr_inspect *in);
void wr_inspect_schemas_close(struct wr_inspect *in);
bool wr_inspect_schemas_begin(struct wr_inspect *in, uint64_t checkpoint_seq);
void wr_inspect_schemas_section(struct wr_inspect *in, uint32_t version, const uint8_t *bytes,
				uint32_t length_bytes);
void wr_inspect_take_schema(struct wr_inspect *in, const struct wr_record *head, uint64_t seq);
void wr_inspect_fill_schema(struct wr_inspect *in, struct weir_journal_event *event);

/* Damage in public terms; and tells the visitor of it. */
void wr_inspect_fill_damage(const struct wr_damage *damage, struct weir_journal_damage *ret_damage);
int wr_inspect_damage(struct wr_inspect *in, const struct wr_damage *damage);
/* The same for who holds no walk: 0, or what the visitor returned. */
int wr_inspect_show_damage(const struct weir_journal_visitor *visitor,
			   const struct wr_damage *damage);
int wr_inspect_show_segment(const struct weir_journal_visitor *visitor,
			    const struct wr_segment_summary *summary);

/* Reads whole blocks; -EIO when the file ends before. */
int wr_inspect_read(struct wr_inspect *in, uint32_t file, void *buffer, uint32_t length_bytes,
		    uint64_t offset_bytes);

#endif
