/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that are to be erased, as the log defines them: of each, from records of kind ERASE, its
 * keyed hash, the topic (or all), and the record's sequence: what stands below that is not seen any
 * more, and leaves the medium (core/journal/journal_erase.c). The writer adds; any thread may ask.
 *
 * Nothing is taken out while the log is open, so that who asks needs no lock: what is done with is
 * left out of the next checkpoint, as a later record says (done_seq), and so is gone at the next
 * open. A table that is full of both refuses.
 *
 *   ER1  a slot of the index: who sees it sees the entry that it names; end_seq: who sees it sees
 *        every slot of what was erased by records below it
 */
#ifndef WR_LOG_ERASURES_H
#define WR_LOG_ERASURES_H

#include "core/base/atomic.h"
#include "core/log/undo.h"
#include "core/port/memory.h"
#include "core/record/erase.h"
#include "core/record/section.h"

/* What is pending is known to those, too, who erase nothing themselves. */
#define WR_ERASURES_LEAST 1024u
#define WR_ERASURES_MAX 1000000u

/* Where the value of WR_OPTION_ORIGIN has the sequence and the topic of what was copied. */
#define WR_ORIGIN_SEQ_AT 0u
#define WR_ORIGIN_TOPIC_AT 16u

struct wr_erasure {
	uint64_t hash[2];
	uint64_t seq;
	uint32_t topic;
	bool is_over; /* a later one of the same key and topic stands for it. The writer's own */
};

struct wr_erasures {
	struct wr_erasure *entries; /* [max] */
	wr_atomic_u32 *slots;       /* [mask + 1], ER1: index + 1; 0: none */
	uint32_t max;
	uint32_t mask;
	uint32_t count;  /* the writer's own */
	bool has_secret; /* before the first answer: who asks after one may read both */
	uint8_t secret[WR_ERASE_SECRET_BYTES];
	uint64_t done_seq;
	wr_atomic_u64 end_seq; /* ER1: one beyond the last erased sequence; 0: nothing was erased */
};

size_t wr_erasures_bytes(uint32_t max);
int wr_erasures_init(struct wr_erasures *e, struct wr_memory *memory, uint32_t max);
void wr_erasures_fini(struct wr_erasures *e, struct wr_memory *memory);
void wr_erasures_reset(struct wr_erasures *e);

/* Decides an ERASE record and takes it in. 0; WEIR_E_UNKNOWN_NAME; WEIR_E_FULL; -EINVAL. */
int wr_erasures_decide(struct wr_erasures *e, const struct wr_record_view *view, uint64_t seq,
		       uint32_t topic_count);

/* Any thread: what stands at or above it was not erased; 0: nothing was. */
static inline uint64_t wr_erasures_end_seq(struct wr_erasures *e)
{
	return wr_load_acquire(&e->end_seq); /* ER1 */
}

/*
 * Any thread, of an event below that: a record behind it that erased its key in `topic`, or in all;
 * 0: none did. It may be one that a crash still takes. Hashes the key, and looks once or twice.
 */
uint64_t wr_erasures_by(struct wr_erasures *e, const void *key, uint32_t key_bytes, uint32_t topic,
			uint64_t seq);

static inline bool wr_erasures_has(struct wr_erasures *e, const void *key, uint32_t key_bytes,
				   uint32_t topic, uint64_t seq)
{
	return wr_erasures_by(e, key, key_bytes, topic, seq) != 0;
}

/*
 * Of a copy that weir made (WR_OPTION_ORIGIN): whether what it is a copy of was erased, perhaps
 * after it was read for that. A record of another kind is none.
 */
bool wr_erasures_has_copied(struct wr_erasures *e, const struct wr_record_view *copy);

/* The section of a checkpoint: none, where nothing was ever erased. */
size_t wr_erasures_save_bytes_max(uint32_t max);
void wr_erasures_save(struct wr_erasures *e, struct wr_sink *sink);
int wr_erasures_load(struct wr_erasures *e, uint32_t version, uint32_t topic_count,
		     const uint8_t *bytes, uint32_t length_bytes);

#endif
