/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A replay, from inside: a reader that is in no group. It has the slot of a member, for its pin and
 * for what a close does about who still looks at chunks, and reads from disk by itself, on its own
 * thread, into a catch-up pool of one chunk that nobody else knows. So it costs no step anything.
 *
 *   replay_open.c    options, the range, memory; and back
 *   replay_select.c  which records are wanted
 *   replay.c         going on: where it reads, how fast, until when
 *
 * Everything is the reading thread's. What it lends lies in a chunk that is pinned, in the log's
 * pool or in its own, until the next call.
 */
#ifndef WR_PIPELINE_REPLAY_H
#define WR_PIPELINE_REPLAY_H

#include "core/pipeline/catchup.h"
#include "core/pipeline/pipeline.h"

#include <weir/replay.h>

/* Headers of an event that a filter is tried on; one with more is WEIR_E_TOO_BIG. */
#define WR_REPLAY_HEADERS_MAX 256u

struct weir_replay {
	struct weir_member *slot;
	struct weir_replay_options options; /* topics and key point into the block */
	uint64_t *tags;                     /* bitmap: which entries of a column are looked at */
	struct weir_typed_header *headers;  /* [WR_REPLAY_HEADERS_MAX], with a filter */
	char *json; /* [json_bytes] a payload as JSON (event_json.h), with a filter over payloads */
	size_t json_bytes;
	uint32_t key_hash;
	bool with_event_time; /* asked of event times */
	uint64_t end_seq;     /* UINT64_MAX: none */
	uint64_t replay_end;  /* what lies below was there when it was opened */
	uint64_t gap_end;     /* != 0: to be told of, from scan_seq on */
	/* Pace, from the first item on. */
	uint64_t began_ns;
	uint64_t first_time_us;
	uint64_t due_ns; /* when the next item may be handed out; 0: it was not held back */
	bool asks_kind;  /* what is passed over leaves its kind */
	uint8_t kind;    /* of the last that was; 0: none was */
	struct weir_replay_progress progress;
	struct weir_problem problem;
	/* With a journal. */
	struct wr_catchup catchup;
	struct wr_reader reader;
};

/*
 * Whether a record is one of those; the item is filled in then. 1; 0; WR_REPLAY_BEHIND: it was
 * appended at the end of the range or later, and so were all that follow; or a negative code of
 * the filter.
 */
enum { WR_REPLAY_BEHIND = 2 };
int wr_replay_wants(struct weir_replay *r, uint32_t index, struct weir_item *item);
/* Whether a topic is in its range. */
bool wr_replay_reads(const struct weir_replay *r, uint32_t topic);
/* The columns' tags of topics, partition and key, into r->tags. 0 or a refusal. */
int wr_replay_set_tags(struct weir_replay *r, struct weir_problem *problem);

/*
 * Just opened: an end that is a time becomes the sequence that has that time now; and with gate
 * MEMORY, or in a log in memory, it is met by reading. 0 and where the range ends, or why what is
 * on disk cannot be searched.
 */
int wr_replay_fix_end(struct weir_replay *r, uint64_t *ret_end_seq, struct weir_problem *problem);

/* Gives back what it allocated, but the slot's block. Nobody is inside it. */
void wr_replay_fini(struct weir_replay *r);

#endif
