/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entries of the keys that have versions (versions.h): the writer changes them, and the
 * journal's thread copies a checkpoint out of them meanwhile.
 *
 * What is copied is the table as of one moment, the capture: an entry that the writer changes
 * before it was copied is saved first, in one of a bounded set of places, and who copies takes it
 * from there.
 *
 *   KV1  `change` of an entry is odd while the writer changes it: stored relaxed before, release
 *        behind the fields, which are release stores, too. Who copies loads it acquire, then the
 *        fields, acquire each, then `change` again: the same even number on both sides is one
 *        state, since a field of a later change has made that change's odd number visible. What
 *        stands in a place is complete before the entry says that it is there.
 *   KV2  `copied` (release, by who copies) pairs with the acquire of the writer: entries below it
 *        are in the checkpoint. It saves places only: what is saved in vain is not looked at.
 *
 * Explored: tests/explorer/scenario_version.c. Progress: the writer never waits; who copies looks
 * again at an entry that is being changed, which takes the writer some stores.
 */
#ifndef WR_LOG_VERSION_ENTRY_H
#define WR_LOG_VERSION_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/atomic.h"

/* What is known of a key. */
struct wr_version_state {
	uint64_t version; /* 0: no event, or it has ended */
	uint64_t last_seq;
	uint64_t id_print; /* of the last event's id; 0: it had none */
};

struct wr_version_entry {
	wr_atomic_u32 change; /* KV1 */
	wr_atomic_u32 saved;  /* KV1: number of its place, from 1, in the capture `saved_in` */
	wr_atomic_u32 saved_in;
	wr_atomic_u32 topic; /* KV1: number of its topic here + 1; 0: free */
	wr_atomic_u64 hash[2];
	wr_atomic_u64 version;
	wr_atomic_u64 last_seq;
	wr_atomic_u64 id_print;
	uint32_t pending; /* number of what the run changes + 1; 0: nothing */
	uint32_t next_free;
};
_Static_assert(sizeof(struct wr_version_entry) == 64, "a line of memory");

/* An entry as a checkpoint holds it: 48 bytes. */
struct wr_version_copy {
	uint32_t topic; /* as in the entry; 0: free */
	uint32_t zero;
	uint64_t hash[2];
	struct wr_version_state state;
};
_Static_assert(sizeof(struct wr_version_copy) == 48, "what a key costs in a checkpoint");

struct wr_version_entries {
	struct wr_version_entry *all;
	struct wr_version_copy *saved; /* place 0 is nobody's */
	uint32_t saved_max;
	uint32_t saved_count;
	/* The capture that is being copied, or was last. */
	bool captured;
	uint32_t capture;
	uint32_t captured_count; /* entries 0 .. are in it */
	wr_atomic_u32 copied;    /* KV2 */
};

/* ---- the writer's ---- */

struct wr_version_state wr_version_state_now(struct wr_version_entry *entry);
struct wr_version_copy wr_version_copy_now(struct wr_version_entry *entry);
/* Whether what stands there has to be saved before it is changed: there is a place then. */
bool wr_version_is_held(struct wr_version_entries *of, uint32_t entry);
void wr_version_set_state(struct wr_version_entries *of, uint32_t entry,
			  const struct wr_version_state *state);
void wr_version_set_topic(struct wr_version_entries *of, uint32_t entry, uint32_t topic,
			  const uint64_t hash[2]);
/* What is copied from here on is what entries 0 .. count - 1 are now. */
void wr_version_capture(struct wr_version_entries *of, uint32_t count);

/* ---- who copies ---- */

/* One look at an entry as of the capture. False: it is being changed, look again. */
bool wr_version_try_copy(const struct wr_version_entries *of, uint32_t entry,
			 struct wr_version_copy *ret_copy);
static inline void wr_version_copied(struct wr_version_entries *of, uint32_t count)
{
	wr_store_release(&of->copied, count); /* KV2 */
}

#endif
