/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filters of subscriptions, as the log has them: of each subscription the last few, and from
 * which sequence on each of them counts. What was appended before a filter was changed is looked at
 * with the one that was in force there, however late that is.
 *
 * One writer. Others read under the control lock, when every change was answered; the group step
 * reads too, when it has seen a change and before it says so (FT1, core/pipeline/router.h): the
 * control call that made it waits for that.
 */
#ifndef WR_LOG_FILTERS_H
#define WR_LOG_FILTERS_H

#include "core/base/atomic.h"
#include "core/port/memory.h"
#include "core/record/filter_record.h"
#include "core/record/section.h"

/* Of one subscription that are kept at once. */
#define WR_FILTER_VERSIONS 4u

struct wr_filter_version {
	uint64_t number;   /* from 1, of its subscription; 0: there is none */
	uint64_t from_seq; /* what is appended from here on; 0: all before the next one */
	uint32_t place;    /* of its bytes in `text` */
	uint32_t bytes;
};

struct wr_filter_list {
	uint64_t count;                                        /* given so far */
	struct wr_filter_version versions[WR_FILTER_VERSIONS]; /* number n at (n - 1) % VERSIONS */
};

struct wr_filters_limits {
	uint32_t subscriptions_max;
	uint32_t bytes_max; /* of all together */
};

struct wr_filters {
	struct wr_filters_limits limits;
	struct wr_filter_list *lists; /* by subscription */
	uint8_t *text;
	uint32_t used_bytes;
	uint64_t given;          /* of all subscriptions: whether there are any */
	uint64_t copying;        /* of them, of JOIN_NOBODY */
	uint64_t binding;        /* of them, of bindings */
	uint64_t transforming;   /* of them, of bindings that transform */
	uint64_t sharing;        /* of them, with a share of a ring */
	uint64_t telling;        /* of them, of subscriptions whose members transform */
	uint64_t asking_headers; /* of them, with an EventBridge pattern over headers */
	wr_atomic_u64 changed;   /* FT1: counts changes */
};

size_t wr_filters_table_bytes(const struct wr_filters_limits *limits);
int wr_filters_init(struct wr_filters *f, struct wr_memory *memory,
		    const struct wr_filters_limits *limits);
void wr_filters_fini(struct wr_filters *f, struct wr_memory *memory);
void wr_filters_reset(struct wr_filters *f);

/*
 * A filter of a subscription, made with it (from_seq 0) or given later. `position`: nothing of the
 * subscription that was appended below it is unsettled; filters that nothing above it needs may go.
 * 0; WEIR_E_FULL: there is no room for it, or as many are still needed as are kept. Nobody else is
 * told of it.
 */
int wr_filters_give(struct wr_filters *f, uint32_t id, const uint8_t *bytes, uint32_t length_bytes,
		    uint64_t from_seq, uint64_t position);
/* All that a record gave is there: others may look, until the control call is answered. */
void wr_filters_tell(struct wr_filters *f);
/* Whether that would be taken. */
int wr_filters_fit(const struct wr_filters *f, uint32_t id, uint32_t length_bytes,
		   uint64_t position);
/* Whether it has one, or ever had. */
static inline bool wr_filters_any(const struct wr_filters *f, uint32_t id)
{
	return f->lists != NULL && f->lists[id].count > 0;
}
/* Whether a subscription copies what nobody wants: that of its first filter says it for good. */
bool wr_filters_copy(const struct wr_filters *f, uint32_t id);
/* Whether it is a binding: copies what it wants to another topic. For good, too. */
bool wr_filters_bind(const struct wr_filters *f, uint32_t id);
/* Where its newest filter has copies go; WR_TARGET_NONE: nowhere, or it copies nothing. */
uint32_t wr_filters_target(const struct wr_filters *f, uint32_t id);
/* How its newest filter has copies transformed; the text is lent. False: not at all. */
bool wr_filters_transform(const struct wr_filters *f, uint32_t id,
			  struct wr_filter_transform *ret_transform);
/* Whether one of its filters that are kept has a share of a ring. */
bool wr_filters_share(const struct wr_filters *f, uint32_t id);
/* How many it was given: the number of the newest; 0: it has none. */
static inline uint64_t wr_filters_count(const struct wr_filters *f, uint32_t id)
{
	return f->lists != NULL ? f->lists[id].count : 0;
}
/* The version of that number; NULL: it is not kept. */
const struct wr_filter_version *wr_filters_version(const struct wr_filters *f, uint32_t id,
						   uint64_t number);

size_t wr_filters_save_bytes_max(const struct wr_filters_limits *limits);
/* Nothing, if no subscription has one. */
void wr_filters_save(const struct wr_filters *f, struct wr_sink *sink);
/* Behind the catalog. */
int wr_filters_load(struct wr_filters *f, uint32_t subscription_count, uint32_t version,
		    const uint8_t *bytes, uint32_t length_bytes);

#endif
