/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compaction by key: which events of a topic are not needed any more, since a later one of their
 * key is there. A pass goes in two halves. First the log is read from where the last pass ended,
 * and the newest sequence of each key noted in a table of a fixed size; where that is full, or an
 * event is younger than its topic's lag, the pass ends, and the next one goes on from there. Then
 * each segment below the pass's end is packed by the rule (pack.h): an event goes if its key has a
 * newer one in the table.
 *
 *   stays      what has no key; the newest of a key; what stands behind the pass's end
 *   a newest   that has no payload (a tombstone) goes when it is as old as the topic says, unless
 *   one        a segment failed in a pass (keeps_tombstones): so nothing that it hides comes back
 *
 * A key is the 128 bits of its keyed hash, with the topic and, where that was asked for, the
 * partition: who does not know the secret cannot make two of them meet.
 *
 * Memory: the table, a reader's, and one chunk, all taken at init. Thread: one; blocks on the
 * medium.
 */
#ifndef WR_JOURNAL_COMPACT_H
#define WR_JOURNAL_COMPACT_H

#include "core/base/atomic.h"
#include "core/base/siphash.h"
#include "core/journal/pack.h"
#include "core/journal/reader.h"

/*
 * What a topic asks for, in one word that is read and written relaxed: 0: its events all stay; else
 * bit 63, the lag and the time that tombstones stay, in seconds.
 */
#define WR_COMPACT_SECONDS_MAX 0x7fffffffull
#define WR_COMPACT_KEYS_MIN 1024u
#define WR_COMPACT_KEYS_MAX 100000000u

static inline uint64_t wr_compact_policy(uint64_t lag_s, uint64_t tombstone_s)
{
	return 1ull << 63 | lag_s << 32 | tombstone_s;
}

/* What a pass is about. */
struct wr_compact_pass {
	uint64_t from_seq; /* the table begins here; below, the last passes were */
	uint64_t end_seq;  /* all below is sealed, durable, and nobody's gate */
	uint64_t now_us;   /* append times are held against it */
};

struct wr_compact_key {
	uint64_t hash[2]; /* both 0: none */
	uint64_t seq;
};

struct wr_compact {
	struct wr_memory *memory;
	struct wr_reader reader;
	struct wr_compact_key *keys; /* [mask + 1] */
	uint64_t mask;
	uint64_t keys_max;
	uint64_t key_count;
	uint8_t secret[WR_SIPHASH_SECRET_BYTES];
	wr_atomic_u64 *topics; /* [topic_count], the policies: the pipeline's */
	uint64_t *asked;       /* [topic_count], those of this pass */
	uint32_t topic_count;
	uint32_t chunk_bytes;
	uint8_t *buffer;
	struct wr_extent_batch *batches;
	struct wr_compact_pass pass;
	uint64_t at_seq;          /* the table knows everything from from_seq to here */
	bool keeps_tombstones;    /* whatever their age */
	struct wr_pack_rule rule; /* of this pass */
};

/* What a journal is told of it. */
struct wr_compact_options {
	uint64_t keys_max;     /* 0: nothing is compacted */
	wr_atomic_u64 *topics; /* outlives the journal */
	uint32_t topic_count;
	uint32_t chunks_in_memory; /* of so many extents, the newest, nothing leaves */
	uint8_t secret[WR_SIPHASH_SECRET_BYTES];
};

/* 0 or -ENOMEM: then nothing was left. */
int wr_compact_init(struct wr_compact *c, struct wr_segment_table *table,
		    struct wr_storage *storage, struct wr_memory *memory,
		    const struct wr_compact_options *options);
void wr_compact_fini(struct wr_compact *c);
uint64_t wr_compact_bytes(uint64_t keys_max, uint32_t chunk_bytes, uint64_t segment_bytes);

/* Whether any topic asks for it. Any thread. */
bool wr_compact_is_wanted(const struct wr_compact_options *options);

/*
 * Takes what the topics ask for, for the passes that begin from now on; while none is under way.
 * True: one asks that did not before. What earlier passes saw of that topic they did not note, and
 * its tombstones may hide what is there: all of the log has to be looked at once more.
 */
bool wr_compact_look(struct wr_compact *c);

void wr_compact_begin(struct wr_compact *c, const struct wr_compact_pass *pass);
/*
 * One extent of the first half. 1: there is more; 0: the table is done, up to c->at_seq; else what
 * the reader said, and the pass is over.
 */
int wr_compact_step(struct wr_compact *c);

#endif
