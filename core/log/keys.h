/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows of idempotency keys: one question, "was this key in this topic lately?" (L15, L16).
 *
 * A topic may have a window: so many keys at most, and none for longer than a span of append time.
 * An event whose key is in it is a duplicate: refused, and told where the first one stands. Oldest
 * first, keys leave by their number and by the times that stand in the log, never by a clock: the
 * window is a pure function of the records. What a checkpoint holds of it outlives the segments
 * that held the events.
 *
 *   window   a ring of entries in log order: 128 bits of a keyed hash, sequence, time in ticks
 *   index    one for all windows (key_index.h)
 *
 * Two keys count as the same when 128 bits of SipHash-2-4 under the topic's secret are: the odds
 * are 2^-128 for each pair, 3 * 10^-32 for a new key against ten million. The secret is drawn when
 * the topic is made and stands in its record.
 *
 * Append time jumps at an open, by the time that nobody ran the log or by as much as the wall clock
 * was wrong, and keys must not leave at once for it (L17). So windows have a clock of their own:
 * the jump of an epoch's first record does not count; while the clock is behind append time it runs
 * at twice its speed. It is made of the times of records and of nothing else.
 *
 * A tick is a millionth of the span (2^-20), 1 us at least: a key stays for the span and at most
 * two ticks more. All keys of a window are within 2^32 ticks of each other by construction.
 *
 * A run is taken back by wr_keys_undo(): the ring keeps what a run overwrites until it ends.
 *
 * Thread: the writer's. A checkpoint is read out of the rings by the journal's thread, piece by
 * piece, while the writer goes on: it overwrites nothing of it that has not been copied (K2).
 *
 *   K2  copied (release, by who writes the checkpoint out) pairs with the acquire of the writer:
 *       entries of the capture below it have been read.
 */
#ifndef WR_LOG_KEYS_H
#define WR_LOG_KEYS_H

#include "core/base/siphash.h"
#include "core/log/key_index.h"
#include "core/log/undo.h"
#include "core/port/memory.h"
#include "core/record/control.h"
#include "core/record/section.h"

/* 28 bytes, as in a checkpoint. */
struct wr_keys_entry {
	uint32_t hash[4];
	uint32_t seq[2]; /* low, high */
	uint32_t tick;   /* cut to 32 bits */
};
_Static_assert(sizeof(struct wr_keys_entry) == 28, "what a key costs");

/* Some entries of a ring, oldest first. */
struct wr_keys_snap {
	uint32_t place; /* in the window */
	uint32_t count;
	uint64_t newest_tick;
};

struct wr_keys_window {
	struct wr_control_window def;
	uint32_t topic;
	uint32_t first;    /* of its entries */
	uint32_t capacity; /* more than def.keys: room while a checkpoint is written out */
	uint32_t place;    /* of the next key, in the window */
	uint64_t tick_us;
	uint64_t span_ticks; /* UINT64_MAX: no limit by time */
	uint64_t next;       /* ordinal of the next key */
	uint64_t live_from;  /* those below are out of the window */
	uint64_t newest_tick;
	wr_atomic_u64 held;       /* anybody may look */
	wr_atomic_u64 duplicates; /* refused since the open; anybody may look */
	struct wr_keys_snap captured;
	wr_atomic_u64 copied; /* K2 */
};

/* What one key of a run changed. */
struct wr_keys_undo {
	uint32_t window;
	struct wr_keys_entry before;
	uint64_t live_from;
	uint64_t newest_tick;
};

/* Keys up to this are not hashed twice when they were looked for ahead. */
#define WR_KEYS_HASHED 32u
#define WR_KEYS_HASHED_BYTES 56u

/* What a key came to when its slot was fetched: a function of its bytes, as the second time. */
struct wr_keys_hashed {
	uint32_t topic;
	uint32_t key_bytes;
	uint8_t key[WR_KEYS_HASHED_BYTES];
	uint64_t hash[2];
};

struct wr_keys_limits {
	uint32_t
		keys_max; /* of all windows together; 0: there are none, and nothing is allocated */
	uint32_t windows_max;
	uint32_t topics_max;
	uint32_t run_records_max;
};

struct wr_keys {
	struct wr_keys_limits limits;
	struct wr_keys_window *windows;
	uint32_t *of_topic; /* number of its window + 1; 0: none */
	struct wr_keys_entry *entries;
	struct wr_key_index index;
	struct wr_keys_undo *undo;
	uint32_t window_count;
	uint32_t entry_count;
	uint32_t undo_count;
	uint32_t keys_used; /* by definitions */
	uint32_t entries_used;
	uint32_t captured_windows;
	uint64_t last_us;  /* append time of the last record */
	uint64_t begin_us; /* of the epoch's first record; the clock stood at clock_us then */
	uint64_t clock_us;
	bool captured; /* a checkpoint is being written out: K2 counts */
	struct wr_keys_hashed hashed[WR_KEYS_HASHED]; /* a ring, in the order of wr_keys_ahead() */
	uint32_t hashed_begin, hashed_end;
	uint32_t hashed_met; /* the entries of those before it are fetched */
};

/* A key that is being decided. */
struct wr_keys_candidate {
	struct wr_keys_window *window; /* NULL: the event has no key */
	uint32_t hash[4];
	uint64_t tick;
	uint64_t found_seq; /* duplicate: where the first one stands */
};

size_t wr_keys_bytes(const struct wr_keys_limits *limits);
int wr_keys_init(struct wr_keys *k, struct wr_memory *memory, const struct wr_keys_limits *limits);
void wr_keys_fini(struct wr_keys *k, struct wr_memory *memory);
void wr_keys_reset(struct wr_keys *k);

/* Whether another window of so many keys fits. */
bool wr_keys_fit(const struct wr_keys *k, uint32_t keys);
/* Gives `topic` a window, which fits; at an append time. */
void wr_keys_define(struct wr_keys *k, uint32_t topic, const struct wr_control_window *def,
		    uint64_t time_us);
/* An epoch begins, with a record of this append time. */
void wr_keys_epoch(struct wr_keys *k, uint64_t time_us);
/* Takes the last definition back, before anybody has seen it. */
void wr_keys_undefine(struct wr_keys *k);
/* Any thread, for a topic that it has seen (B1). NULL: it has no window. */
static inline struct wr_keys_window *wr_keys_window(const struct wr_keys *k, uint32_t topic)
{
	if (k->of_topic == NULL || topic >= k->limits.topics_max || k->of_topic[topic] == 0)
		return NULL;
	return &k->windows[k->of_topic[topic] - 1];
}

/*
 * Looks a key up, at an append time. 0: it is new, and wr_keys_take() may follow.
 * WEIR_E_DUPLICATE and found_seq; -EINVAL: no window, or no key. WEIR_E_AGAIN, when `blocks`: its
 * place in the ring is still to be copied into a checkpoint.
 */
int wr_keys_check(struct wr_keys *k, uint32_t topic, const void *key, uint32_t key_bytes,
		  uint64_t time_us, bool blocks, struct wr_keys_candidate *ret_candidate);
/*
 * A key that is looked up soon, as it stands now: the memory that that takes is on its way then,
 * and its hash is known where the same bytes come. A hint, and nothing else follows from it.
 */
void wr_keys_ahead(struct wr_keys *k, uint32_t topic, const void *key, uint32_t key_bytes);
/* Behind some of those: what their slots lead to is fetched, too. */
void wr_keys_ahead_end(struct wr_keys *k);
/* Takes it in. `undoable`: wr_keys_undo() may follow. */
void wr_keys_take(struct wr_keys *k, const struct wr_keys_candidate *candidate, uint64_t seq,
		  bool undoable);
/* Takes back what was taken since wr_keys_begin(). */
static inline void wr_keys_begin(struct wr_keys *k)
{
	k->undo_count = 0;
}
void wr_keys_undo(struct wr_keys *k);

/* ---- keys_save.c ---- */

/* What all windows of these limits take in a checkpoint at most; and what they take now. */
uint64_t wr_keys_save_bytes_max(const struct wr_keys_limits *limits);
uint64_t wr_keys_save_bytes(const struct wr_keys *k);
void wr_keys_save(struct wr_keys *k, struct wr_sink *sink);
int wr_keys_load(struct wr_keys *k, uint32_t topic_count, uint32_t version, const uint8_t *bytes,
		 uint32_t length_bytes);
/* The clock, of a table with windows: small, and saved apart from them. */
void wr_keys_clock_save(const struct wr_keys *k, struct wr_sink *sink);
int wr_keys_clock_load(struct wr_keys *k, uint32_t version, const uint8_t *bytes,
		       uint32_t length_bytes);
#define WR_KEYS_CLOCK_BYTES 40u

/* Fixes what a checkpoint holds; the bytes that wr_keys_copy() will give. The writer's. */
uint64_t wr_keys_capture(struct wr_keys *k);
/* It is written out, or given up. The writer's. */
static inline void wr_keys_release(struct wr_keys *k)
{
	k->captured = false;
}
/*
 * Bytes [at, at + bytes) of the capture; from its beginning to its end, in order. By one thread,
 * between capture and release.
 */
void wr_keys_copy(void *keys, uint64_t at, uint8_t *to, uint32_t bytes);

#endif
