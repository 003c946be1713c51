/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions of keys: "is this the event that the key's next one has to be?" (L15, L16).
 *
 * A topic may count the events of each of its keys, for so many keys at most. A key has version 0
 * until its first event, and n after its n-th. An event may say which version it expects; where the
 * key has another one, it is refused, and nothing is written. None is forgotten but by an event
 * that ends its key; a key beyond the most is refused.
 *
 *   entry   a key: 128 bits of its hash under the topic's secret, version, sequence of its last
 *           event, 64 bits of that one's id. A line of memory each; free ones in a list
 *   index   one for all topics (key_index.h)
 *
 * An event whose version is not the one expected, and which is the key's last one by its event id,
 * is a repeat: it is in the log, and its publisher may be told so.
 *
 * In a run entries change when all of it is accepted: until then what it changes stands in a list
 * of its own, which later records of the run look at first. Only a key that is new has its (empty)
 * entry at once, and wr_versions_undo() takes it back.
 *
 * A checkpoint is copied out of the entries by the journal's thread, piece by piece, while the
 * writer goes on (version_entry.h); when there is no place left to save an entry in, the writer
 * waits with such keys until the copy has passed them.
 *
 * Thread: the writer's, but for wr_versions_copy().
 * Which atomics, and why that is enough: version_entry.h.
 */
#ifndef WR_LOG_VERSIONS_H
#define WR_LOG_VERSIONS_H

#include "core/log/key_index.h"
#include "core/log/undo.h"
#include "core/log/version_entry.h"
#include "core/port/memory.h"
#include "core/record/control.h"
#include "core/record/section.h"
#include "core/record/version.h"

struct wr_version_topic {
	struct wr_control_versions def;
	uint32_t topic;
	wr_atomic_u64 held;      /* keys with a version; anybody may look */
	wr_atomic_u64 conflicts; /* refused since the open; anybody may look */
};

/* What a run changes of one key. */
struct wr_version_pending {
	uint32_t entry;
	bool is_new; /* it has its entry since this run */
	struct wr_version_state state;
};

struct wr_versions_limits {
	uint32_t keys_max; /* of all topics; 0: none has versions, and nothing is allocated */
	uint32_t topics_max;
	uint32_t run_records_max;
};

struct wr_versions {
	struct wr_versions_limits limits;
	struct wr_version_topic *topics; /* those with versions */
	uint32_t *of_topic;              /* number of a topic among them + 1; 0: it has none */
	struct wr_version_entries of;    /* keys */
	struct wr_key_index index;
	struct wr_version_pending *pending;
	uint32_t topic_count;
	uint32_t keys_given;  /* by definitions */
	uint32_t entry_count; /* that were ever used: all behind are free, and in no list */
	uint32_t free;        /* the first of those that are free again + 1; 0: none */
	uint32_t pending_count;
	uint32_t captured_topics;
};

/* A key that is being decided. */
struct wr_version_candidate {
	struct wr_version_topic *topic; /* NULL: nothing is counted */
	uint32_t entry;                 /* UINT32_MAX: it has none yet */
	uint64_t hash[2];
	uint64_t id_print;
	bool ends;
	bool asked;                  /* it expects what cannot be: the refusal is the answer */
	struct wr_version_state now; /* as found */
};

size_t wr_versions_bytes(const struct wr_versions_limits *limits);
int wr_versions_init(struct wr_versions *v, struct wr_memory *memory,
		     const struct wr_versions_limits *limits);
void wr_versions_fini(struct wr_versions *v, struct wr_memory *memory);
void wr_versions_reset(struct wr_versions *v);

/* Whether another topic with so many keys fits. */
static inline bool wr_versions_fit(const struct wr_versions *v, uint32_t keys)
{
	return keys <= v->limits.keys_max - v->keys_given;
}
/* Counts the keys of `topic` from here on; it fits. */
void wr_versions_define(struct wr_versions *v, uint32_t topic,
			const struct wr_control_versions *def);
/* Takes the last definition back, before anybody has seen it. */
void wr_versions_undefine(struct wr_versions *v);
/* Any thread, for a topic that it has seen (B1). NULL: its keys have no versions. */
static inline struct wr_version_topic *wr_versions_topic(const struct wr_versions *v,
							 uint32_t topic)
{
	if (v->of_topic == NULL || topic >= v->limits.topics_max || v->of_topic[topic] == 0)
		return NULL;
	return &v->topics[v->of_topic[topic] - 1];
}

/*
 * Decides an event, whose options are well formed. 0, also where it has no version; then
 * wr_versions_take() follows, or nothing. The candidate says what the key has in any case but
 * -EINVAL.
 *   WEIR_E_CONFLICT   the key has another version
 *   WEIR_E_DUPLICATE  it is the key's last event itself
 *   WEIR_E_FULL       a key beyond the most
 *   WEIR_E_AGAIN      a checkpoint is in the way; never on replay
 *   -EINVAL           an expectation where nothing is counted; on replay: the version in the record
 *                     is not the next one, or it is of a key beyond the most
 */
int wr_versions_check(struct wr_versions *v, const struct wr_record_view *view, bool replay,
		      struct wr_version_candidate *ret_candidate);
/* Counts it, at a sequence. `undoable`: in a run, which may still be refused. */
void wr_versions_take(struct wr_versions *v, const struct wr_version_candidate *candidate,
		      uint64_t seq, bool undoable);
/* The version that a candidate's event has in its key. */
static inline uint64_t wr_version_given(const struct wr_version_candidate *candidate)
{
	return candidate->topic == NULL ? 0 : candidate->now.version + 1;
}
void wr_versions_undo(struct wr_versions *v);
void wr_versions_keep(struct wr_versions *v);

/* Its entry, or UINT32_MAX; by topic and hash of the candidate. */
uint32_t wr_versions_find(const struct wr_versions *v,
			  const struct wr_version_candidate *candidate);
/* A key that has none gets one with this state. There is room. */
void wr_versions_restore(struct wr_versions *v, const struct wr_version_candidate *candidate,
			 const struct wr_version_state *state);

/* ---- versions_save.c ---- */

uint64_t wr_versions_save_bytes_max(const struct wr_versions_limits *limits);
/* What a capture takes now. */
uint64_t wr_versions_save_bytes(const struct wr_versions *v);
/* The keys alone, in an order of their own: tables that know the same give the same bytes. Slow. */
void wr_versions_save(struct wr_versions *v, struct wr_sink *sink);
int wr_versions_load(struct wr_versions *v, uint32_t topic_count, uint32_t version,
		     const uint8_t *bytes, uint32_t length_bytes);
/* As wr_keys_capture() and what follows it there. */
uint64_t wr_versions_capture(struct wr_versions *v);
static inline void wr_versions_release(struct wr_versions *v)
{
	v->of.captured = false;
}
void wr_versions_copy(struct wr_versions *v, uint64_t at, uint8_t *to, uint32_t bytes);

#endif
