/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retention by topic: which events are beyond what their topic keeps. It is decided for whole
 * segments of the log, as the log's own retention is: of a topic all events of a segment go once
 * the next segment begins with a time that is older than the topic keeps, or once so many bytes of
 * its events as it keeps stand behind the segment. So each segment is written anew once for each
 * moment in which some topic is past it, and a rule is one look into `passed`.
 *
 *   bytes   are counted: the packer goes through each sealed segment once, in log order, and the
 *           sums are noted at the beginning of segments, by a sixteenth of what the topic keeps
 *           (marks). What stands behind a mark is the sum by now less the sum there; what leaves
 *           before it changes nothing of that. So nobody has to know what the log's own retention
 *           took. What compaction or an erasure takes from behind a mark is counted again, from the
 *           last mark before it on
 *
 * Times are held against retention's clock (journal_age.c), which never jumps.
 *
 * Memory: some 400 bytes a topic, taken at init. `passed` and `counts` are the packer's while it is
 * asked (PA1), all else is the journal step's, but for what topics ask for and are told: relaxed.
 * What was seen of that stays as it is while the packer is asked.
 */
#ifndef WR_JOURNAL_RETIRE_H
#define WR_JOURNAL_RETIRE_H

#include "core/base/atomic.h"
#include "core/journal/pack.h"

/* What a topic asks for, and what became of it. Each is read and written by itself, relaxed. */
struct wr_retire_topic {
	wr_atomic_u64 time_us; /* its events stay so long; 0: whatever their age */
	wr_atomic_u64 bytes;   /* so many of them stay; 0: however many there are */
	/* The step's: below passed_seq they are beyond that, and below left_seq they have left. */
	wr_atomic_u64 passed_seq;
	wr_atomic_u64 left_seq;
};

/* What a journal is told of it. */
struct wr_retire_options {
	struct wr_retire_topic
		*topics; /* [topic_count]; NULL: none can ask. It outlives the journal */
	uint32_t topic_count;
	const wr_atomic_u64 *defined; /* so many of them there are; relaxed */
};

/* More than the 17 that lie within what a topic keeps, at most. */
#define WR_RETIRE_MARKS 20u
#define WR_RETIRE_STEPS 16u

struct wr_retire_mark {
	uint64_t at;          /* position in the log (segment.h) */
	uint64_t count_bytes; /* counted before it */
};

/* Of one topic. Positions are those of segments in the log. */
struct wr_retire_state {
	uint64_t floor_at; /* all segments below are past what it keeps */
	uint64_t seen_us;  /* and that is what it asked for when floor_at was found */
	uint64_t seen_bytes;
	uint64_t done_at; /* and of those below this one its events have left */
	bool counts;      /* it asks for bytes */
	uint64_t counted_at;
	uint64_t counted_bytes;
	uint32_t mark_first;
	uint32_t mark_count;
	struct wr_retire_mark marks[WR_RETIRE_MARKS];
};

struct wr_retire {
	struct wr_memory *memory; /* NULL: no topic can ask */
	struct wr_retire_options options;
	struct wr_retire_state *states; /* [topic_count] */
	uint8_t *passed;                /* [topic_count]: its events leave the segment of the job */
	uint64_t *counts;               /* [topic_count]: bytes of its events there */
	struct wr_pack_rule rule;       /* leaves out what is passed */
	struct wr_pack_rule count_rule; /* leaves out nothing */
};

/* 0 or -ENOMEM: then nothing was left. */
int wr_retire_init(struct wr_retire *r, struct wr_memory *memory,
		   const struct wr_retire_options *options);
void wr_retire_fini(struct wr_retire *r);
uint64_t wr_retire_bytes(uint32_t topic_count);

/* Where topics is not NULL: how many there are, and whether any of them asks. Any thread. */
uint32_t wr_retire_defined(const struct wr_retire_options *options);
bool wr_retire_is_wanted(const struct wr_retire_options *options);

/*
 * Whether topics still ask for what their floors were found by; where one asks for something else
 * nothing leaves by its floor any more, so that what had not left when it was told so stays. All of
 * them, for the step; those that are passed, for the packer, too, while it is asked.
 */
bool wr_retire_all_ask_as_seen(const struct wr_retire *r);
bool wr_retire_passed_ask_as_seen(const struct wr_retire *r);

/* The topic asks for bytes from now on: all of the log is to be counted, from here. */
void wr_retire_count_anew(struct wr_retire_state *s, uint64_t from_at);
/* The segment at `at`, which is next, has so many bytes of it; it keeps `keeps_bytes`. */
void wr_retire_count(struct wr_retire_state *s, uint64_t at, uint64_t bytes, uint64_t keeps_bytes);
/* The segment at `at` has less of it now: what stands there and behind is to be counted again. */
void wr_retire_count_again(struct wr_retire_state *s, uint64_t at, uint64_t oldest_at);
/* The highest position that is known to have so many bytes of it behind; 0: there is none. */
uint64_t wr_retire_bytes_floor(const struct wr_retire_state *s, uint64_t keeps_bytes);

#endif
