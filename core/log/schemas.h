/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema registry as the log defines it: schemas (the type table of L2), subjects, versions of
 * subjects, and which subject a topic's events have to follow. All of it comes from records of kind
 * TYPE, in order (L15, L18). The writer adds; every thread may read.
 *
 *   type     a schema: format, text, references, id. Number 1 and up: what an event's head says
 *   subject  a name with a level and a row of versions
 *   entry    a version of a subject: {subject, version, type, state}, numbered from 0
 *
 * Numbers, ids and versions are never given again; the text of what was deleted stays, since events
 * in the log were written with it.
 *
 *   SC1  counts of types, subjects and entries (writer, release; readers acquire): below them all
 *        is complete and does not change, but for the relaxed cells `level` and `state`; a
 *        subject's `revision`: who sees it sees all that was done to the subject up to it
 *   SC2  a slot of the index of ids, and a type's newest entry: who sees it sees what it names
 *   SC3  what a topic's events have to follow: one word, so that it is never seen by halves
 */
#ifndef WR_LOG_SCHEMAS_H
#define WR_LOG_SCHEMAS_H

#include "core/base/atomic.h"
#include "core/port/memory.h"
#include "core/record/control.h"
#include "core/record/schema_record.h"

struct wr_schema_type {
	uint32_t id;
	uint32_t format; /* WR_SCHEMA_FORMAT_ */
	uint32_t at;     /* of its references in the arena; the text stands behind them */
	uint32_t reference_bytes;
	uint32_t text_bytes;
	uint32_t crc;        /* of both */
	wr_atomic_u32 entry; /* SC2: its newest, + 1; 0: none yet */
};

enum wr_schema_state { WR_SCHEMA_LIVE = 0, WR_SCHEMA_DELETED = 1, WR_SCHEMA_GONE = 2 };

struct wr_schema_entry {
	uint32_t subject;
	uint32_t version;
	uint32_t type;
	uint32_t older_of_type; /* the entry of its type before it, + 1 */
	wr_atomic_u32 state;    /* enum wr_schema_state */
};

struct wr_schema_subject {
	wr_atomic_u32 level;    /* WR_SCHEMA_LEVEL_NONE_OWN, or its own */
	wr_atomic_u32 revision; /* counts what happened to it */
	wr_atomic_u32 version;  /* the last one given */
	uint32_t name_bytes;
	char name[WR_NAME_BYTES_MAX + 1];
};

struct wr_schemas_limits {
	uint32_t schemas_max; /* entries, and so types, and subjects */
	uint32_t bytes_max;   /* of all references and texts together */
	uint32_t topics_max;
};

/* The word of a topic: {subject + 1 in 24 bits, 8 bits of flags}; 0: it follows none. */
#define WR_SCHEMA_TOPIC_SHIFT 8u
#define WR_SCHEMA_TOPIC_SAID 128u

struct wr_schemas {
	struct wr_schema_type *types; /* [schemas_max + 1]; 0 is none */
	struct wr_schema_entry *entries;
	struct wr_schema_subject *subjects;
	wr_atomic_u32 *slots;    /* id to type: open addressing, SC2 */
	wr_atomic_u32 *of_topic; /* [topics_max], SC3 */
	uint8_t *arena;
	wr_atomic_u32 type_count; /* SC1 */
	wr_atomic_u32 entry_count;
	wr_atomic_u32 subject_count;
	wr_atomic_u32 level; /* of subjects without one of their own */
	/* The writer's own. */
	uint32_t used_bytes;
	uint32_t id_last; /* the highest */
	bool follows;     /* some topic follows a subject, or did */
	struct wr_schemas_limits limits;
};

size_t wr_schemas_bytes(const struct wr_schemas_limits *limits);
int wr_schemas_init(struct wr_schemas *s, struct wr_memory *memory,
		    const struct wr_schemas_limits *limits);
void wr_schemas_fini(struct wr_schemas *s, struct wr_memory *memory);
void wr_schemas_reset(struct wr_schemas *s);

/* What the writer fills in and answers: the entry, type, id and version of a registration. */
struct wr_schemas_given {
	uint32_t entry;
	uint32_t type;
	uint32_t id;
	uint32_t version;
	bool same;    /* with WEIR_E_EXISTS: it is there, as asked for */
	bool is_json; /* a registration of a JSON Schema */
};

/*
 * Decides a TYPE record and takes it in. 0; WEIR_E_EXISTS (REGISTER: ret_given->same, or an id or
 * version that is taken); WEIR_E_CONFLICT: the subject is not what was checked any more;
 * WEIR_E_UNKNOWN_NAME: no such subject, version, topic or reference; -EBUSY: referred to by another
 * one, or not deleted before it is deleted for good; WEIR_E_FULL; -EINVAL.
 */
int wr_schemas_decide(struct wr_schemas *s, const struct wr_record_view *view, uint32_t topic_count,
		      struct wr_schemas_given *ret_given);

/* Any thread. */
static inline uint32_t wr_schemas_type_count(struct wr_schemas *s)
{
	return wr_load_acquire(&s->type_count); /* SC1 */
}
static inline uint32_t wr_schemas_entry_count(struct wr_schemas *s)
{
	return wr_load_acquire(&s->entry_count); /* SC1 */
}
static inline uint32_t wr_schemas_subject_count(struct wr_schemas *s)
{
	return wr_load_acquire(&s->subject_count); /* SC1 */
}
/* UINT32_MAX: there is none. */
uint32_t wr_schemas_subject(struct wr_schemas *s, const char *name, size_t name_bytes);
/* The entry of a version; 0: of the newest that is live. UINT32_MAX: there is none. */
uint32_t wr_schemas_version(struct wr_schemas *s, uint32_t subject, uint32_t version);
/* The type with an id; 0: none. */
uint32_t wr_schemas_type_of_id(struct wr_schemas *s, uint32_t id);
/* The level that counts for a subject; UINT32_MAX: for one that is not there yet. */
uint32_t wr_schemas_level(struct wr_schemas *s, uint32_t subject);
/* Whether a type is a version of the subject, deleted or not, but not deleted for good. */
bool wr_schemas_is_of(struct wr_schemas *s, uint32_t type, uint32_t subject);

/* What a topic's events have to follow. */
static inline uint32_t wr_schemas_topic(struct wr_schemas *s, uint32_t topic)
{
	return s->limits.schemas_max == 0 ? 0 : wr_load_acquire(&s->of_topic[topic]); /* SC3 */
}

static inline uint32_t wr_schemas_topic_subject(uint32_t word)
{
	return (word >> WR_SCHEMA_TOPIC_SHIFT) - 1;
}

/* Whether an event of this type may be in a topic that follows `word`. No payload needs none. */
static inline bool wr_schemas_admit(struct wr_schemas *s, uint32_t word, const struct wr_record *r)
{
	if (word >> WR_SCHEMA_TOPIC_SHIFT == 0 ||
	    ((r->flags & WR_RECORD_NULL_PAYLOAD) != 0 && r->type == 0))
		return true;
	return wr_schemas_is_of(s, r->type, wr_schemas_topic_subject(word));
}

size_t wr_schemas_save_bytes_max(const struct wr_schemas_limits *limits);
void wr_schemas_save(struct wr_schemas *s, struct wr_sink *sink);
int wr_schemas_load(struct wr_schemas *s, uint32_t version, uint32_t topic_count,
		    const uint8_t *bytes, uint32_t length_bytes);
/* Appends, for decide and load; the limits were checked. */
uint32_t wr_schemas_add_subject(struct wr_schemas *s, const void *name, uint32_t name_bytes);
uint32_t wr_schemas_add_type(struct wr_schemas *s, uint32_t id, uint32_t format,
			     const uint8_t *tail, uint32_t reference_bytes, uint32_t text_bytes);
/* Whether references fill their bytes and lead to schemas of this format. */
bool wr_schemas_references_of_format(struct wr_schemas *s, uint32_t format,
				     const uint8_t *references, uint32_t reference_bytes);
uint32_t wr_schemas_add_entry(struct wr_schemas *s, uint32_t subject, uint32_t version,
			      uint32_t type);

#endif
