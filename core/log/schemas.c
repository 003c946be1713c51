/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/schemas.h"

#include <errno.h>

#include <weir/error.h>

#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/base/crc32c.h"

static uint32_t slots_of(const struct wr_schemas_limits *l)
{
	return (uint32_t)wr_power_of_two_above(2ull * l->schemas_max + 1);
}

size_t wr_schemas_bytes(const struct wr_schemas_limits *l)
{
	if (l->schemas_max == 0)
		return 0;
	return (l->schemas_max + 1) * sizeof(struct wr_schema_type) +
	       l->schemas_max * sizeof(struct wr_schema_entry) +
	       l->schemas_max * sizeof(struct wr_schema_subject) + slots_of(l) * sizeof(uint32_t) +
	       l->topics_max * sizeof(uint32_t) + l->bytes_max;
}

int wr_schemas_init(struct wr_schemas *s, struct wr_memory *memory,
		    const struct wr_schemas_limits *l)
{
	*s = (struct wr_schemas){.limits = *l};
	if (l->schemas_max == 0)
		return 0;
	const struct wr_memory_ops *ops = memory->ops;
	s->types = ops->alloc(memory, (l->schemas_max + 1) * sizeof *s->types, 64);
	s->entries = ops->alloc(memory, l->schemas_max * sizeof *s->entries, 64);
	s->subjects = ops->alloc(memory, l->schemas_max * sizeof *s->subjects, 64);
	s->slots = ops->alloc(memory, slots_of(l) * sizeof *s->slots, 64);
	s->of_topic = ops->alloc(memory, l->topics_max * sizeof *s->of_topic, 64);
	s->arena = ops->alloc(memory, l->bytes_max, 64);
	if (s->types == NULL || s->entries == NULL || s->subjects == NULL || s->slots == NULL ||
	    s->of_topic == NULL || s->arena == NULL) {
		wr_schemas_fini(s, memory);
		return -ENOMEM;
	}
	wr_schemas_reset(s);
	return 0;
}

static void free_part(struct wr_memory *memory, void *p, size_t bytes)
{
	if (p != NULL)
		memory->ops->free(memory, p, bytes);
}

void wr_schemas_fini(struct wr_schemas *s, struct wr_memory *memory)
{
	const struct wr_schemas_limits *l = &s->limits;
	free_part(memory, s->types, (l->schemas_max + 1) * sizeof *s->types);
	free_part(memory, s->entries, l->schemas_max * sizeof *s->entries);
	free_part(memory, s->subjects, l->schemas_max * sizeof *s->subjects);
	free_part(memory, s->slots, slots_of(l) * sizeof *s->slots);
	free_part(memory, s->of_topic, l->topics_max * sizeof *s->of_topic);
	free_part(memory, s->arena, l->bytes_max);
	*s = (struct wr_schemas){.limits = *l};
}

void wr_schemas_reset(struct wr_schemas *s)
{
	const struct wr_schemas_limits *l = &s->limits;
	wr_store_relaxed(&s->type_count, 0u);
	wr_store_relaxed(&s->entry_count, 0u);
	wr_store_relaxed(&s->subject_count, 0u);
	wr_store_relaxed(&s->level, 1u); /* BACKWARD, as everywhere */
	s->used_bytes = 0;
	s->id_last = 0;
	s->follows = false;
	for (uint32_t i = 0; l->schemas_max > 0 && i < slots_of(l); i++)
		wr_store_relaxed(&s->slots[i], 0u);
	for (uint32_t i = 0; l->schemas_max > 0 && i < l->topics_max; i++)
		wr_store_relaxed(&s->of_topic[i], 0u);
}

/* --- looking ---------------------------------------------------------------------------------- */

static uint32_t home_of(const struct wr_schemas *s, uint32_t id)
{
	return (id * 2654435761u >> 7) & (slots_of(&s->limits) - 1);
}

uint32_t wr_schemas_type_of_id(struct wr_schemas *s, uint32_t id)
{
	if (s->limits.schemas_max == 0 || id == 0)
		return 0;
	uint32_t mask = slots_of(&s->limits) - 1;
	for (uint32_t i = home_of(s, id);; i = (i + 1) & mask) {
		uint32_t type = wr_load_acquire(&s->slots[i]); /* SC2 */
		if (type == 0 || s->types[type].id == id)
			return type;
	}
}

uint32_t wr_schemas_subject(struct wr_schemas *s, const char *name, size_t name_bytes)
{
	uint32_t count = wr_schemas_subject_count(s);
	for (uint32_t i = 0; i < count; i++)
		if (s->subjects[i].name_bytes == name_bytes &&
		    memcmp(s->subjects[i].name, name, name_bytes) == 0)
			return i;
	return UINT32_MAX;
}

uint32_t wr_schemas_version(struct wr_schemas *s, uint32_t subject, uint32_t version)
{
	for (uint32_t i = wr_schemas_entry_count(s); i-- > 0;) {
		struct wr_schema_entry *e = &s->entries[i];
		if (e->subject == subject &&
		    (version == 0 ? wr_load_relaxed(&e->state) == WR_SCHEMA_LIVE
				  : e->version == version))
			return i;
	}
	return UINT32_MAX;
}

uint32_t wr_schemas_level(struct wr_schemas *s, uint32_t subject)
{
	uint32_t own = subject == UINT32_MAX ? WR_SCHEMA_LEVEL_NONE_OWN
					     : wr_load_relaxed(&s->subjects[subject].level);
	return own != WR_SCHEMA_LEVEL_NONE_OWN ? own : wr_load_relaxed(&s->level);
}

bool wr_schemas_is_of(struct wr_schemas *s, uint32_t type, uint32_t subject)
{
	if (type == 0 || type > wr_schemas_type_count(s))
		return false;
	uint32_t next = wr_load_acquire(&s->types[type].entry); /* SC2 */
	for (; next != 0; next = s->entries[next - 1].older_of_type) {
		struct wr_schema_entry *e = &s->entries[next - 1];
		if (e->subject == subject)
			return wr_load_relaxed(&e->state) != WR_SCHEMA_GONE;
	}
	return false;
}

/* --- adding ----------------------------------------------------------------------------------- */

uint32_t wr_schemas_add_subject(struct wr_schemas *s, const void *name, uint32_t name_bytes)
{
	uint32_t i = wr_load_relaxed(&s->subject_count); /* own */
	struct wr_schema_subject *subject = &s->subjects[i];
	wr_store_relaxed(&subject->level, WR_SCHEMA_LEVEL_NONE_OWN);
	wr_store_relaxed(&subject->revision, 0u);
	wr_store_relaxed(&subject->version, 0u);
	subject->name_bytes = name_bytes;
	memcpy(subject->name, name, name_bytes);
	subject->name[name_bytes] = '\0';
	wr_store_release(&s->subject_count, i + 1); /* SC1 */
	return i;
}

uint32_t wr_schemas_add_type(struct wr_schemas *s, uint32_t id, uint32_t format,
			     const uint8_t *tail, uint32_t reference_bytes, uint32_t text_bytes)
{
	uint32_t number = wr_load_relaxed(&s->type_count) + 1; /* own */
	struct wr_schema_type *type = &s->types[number];
	uint32_t bytes = reference_bytes + text_bytes;
	type->id = id;
	type->format = format;
	type->at = s->used_bytes;
	type->reference_bytes = reference_bytes;
	type->text_bytes = text_bytes;
	type->crc = wr_crc32c(0, tail, bytes);
	wr_store_relaxed(&type->entry, 0u);
	memcpy(s->arena + type->at, tail, bytes);
	s->used_bytes += bytes;
	s->id_last = id > s->id_last ? id : s->id_last;
	wr_store_release(&s->type_count, number); /* SC1 */
	uint32_t mask = slots_of(&s->limits) - 1;
	uint32_t i = home_of(s, id);
	while (wr_load_relaxed(&s->slots[i]) != 0) /* own */
		i = (i + 1) & mask;
	wr_store_release(&s->slots[i], number); /* SC2 */
	return number;
}

uint32_t wr_schemas_add_entry(struct wr_schemas *s, uint32_t subject, uint32_t version,
			      uint32_t type)
{
	uint32_t i = wr_load_relaxed(&s->entry_count); /* own */
	s->entries[i].subject = subject;
	s->entries[i].version = version;
	s->entries[i].type = type;
	s->entries[i].older_of_type = wr_load_relaxed(&s->types[type].entry); /* own */
	wr_store_relaxed(&s->entries[i].state, (uint32_t)WR_SCHEMA_LIVE);
	wr_store_release(&s->types[type].entry, i + 1); /* SC2 */
	wr_store_relaxed(&s->subjects[subject].version, version);
	wr_store_release(&s->entry_count, i + 1); /* SC1 */
	return i;
}

/* --- deciding --------------------------------------------------------------------------------- */

static void revise(struct wr_schemas *s, uint32_t subject)
{
	wr_atomic_u32 *revision = &s->subjects[subject].revision;
	wr_store_release(revision, wr_load_relaxed(revision) + 1); /* SC1 */
}

/* The subject of the record, made if it is not there; UINT32_MAX: there is no room for it. */
static uint32_t subject_of(struct wr_schemas *s, const struct wr_record_view *view)
{
	uint32_t name_bytes = view->head->key_bytes;
	uint32_t found = wr_schemas_subject(s, (const char *)view->key, name_bytes);
	if (found != UINT32_MAX || wr_schemas_subject_count(s) == s->limits.schemas_max)
		return found;
	return wr_schemas_add_subject(s, view->key, name_bytes);
}

static uint32_t find_content(struct wr_schemas *s, const uint8_t *tail,
			     const struct wr_schema_record *r)
{
	uint32_t bytes = r->reference_bytes + r->text_bytes;
	uint32_t crc = wr_crc32c(0, tail, bytes);
	for (uint32_t i = wr_schemas_type_count(s); i > 0; i--) {
		const struct wr_schema_type *type = &s->types[i];
		if (type->crc == crc && type->format == r->format &&
		    type->reference_bytes == r->reference_bytes &&
		    type->text_bytes == r->text_bytes &&
		    memcmp(s->arena + type->at, tail, bytes) == 0)
			return i;
	}
	return 0;
}

/* The live version of a subject that has this type; UINT32_MAX. */
static uint32_t live_entry(struct wr_schemas *s, uint32_t subject, uint32_t type)
{
	for (uint32_t next = wr_load_relaxed(&s->types[type].entry); next != 0;) { /* own */
		struct wr_schema_entry *e = &s->entries[next - 1];
		if (e->subject == subject && wr_load_relaxed(&e->state) == WR_SCHEMA_LIVE)
			return next - 1;
		next = e->older_of_type;
	}
	return UINT32_MAX;
}

bool wr_schemas_references_of_format(struct wr_schemas *s, uint32_t format,
				     const uint8_t *references, uint32_t reference_bytes)
{
	struct wr_schema_reference reference;
	uint32_t at = 0;
	while (wr_schema_reference_next(references, reference_bytes, &at, &reference))
		if (reference.entry >= wr_schemas_entry_count(s) ||
		    s->types[s->entries[reference.entry].type].format != format)
			return false;
	return at == reference_bytes;
}

static bool references_live(struct wr_schemas *s, const uint8_t *tail, uint32_t reference_bytes)
{
	struct wr_schema_reference reference;
	uint32_t at = 0;
	while (wr_schema_reference_next(tail, reference_bytes, &at, &reference))
		if (reference.entry >= wr_schemas_entry_count(s) ||
		    wr_load_relaxed(&s->entries[reference.entry].state) != WR_SCHEMA_LIVE)
			return false;
	return true;
}

/* Which id and version it gets; or why it gets none. */
static int give(struct wr_schemas *s, const struct wr_schema_record *r, uint32_t subject,
		uint32_t type, struct wr_schemas_given *g)
{
	uint32_t last = subject == UINT32_MAX ? 0 : wr_load_relaxed(&s->subjects[subject].version);
	if (WR_BUG(SCHEMA_VERSION_AGAIN) && last > 0) {
		uint32_t live = wr_schemas_version(s, subject, 0);
		last = live != UINT32_MAX ? s->entries[live].version : 0;
	}
	g->id = type != 0 ? s->types[type].id : r->id != 0 ? r->id : s->id_last + 1;
	g->version = r->version != 0 ? r->version : last + 1;
	if (g->version <= last || (r->id != 0 && r->id != g->id) ||
	    (type == 0 && wr_schemas_type_of_id(s, g->id) != 0))
		return WEIR_E_EXISTS;
	if (g->id > WR_SCHEMA_ID_MAX || wr_schemas_entry_count(s) == s->limits.schemas_max ||
	    (subject == UINT32_MAX && wr_schemas_subject_count(s) == s->limits.schemas_max) ||
	    (type == 0 &&
	     (uint64_t)r->reference_bytes + r->text_bytes > s->limits.bytes_max - s->used_bytes))
		return WEIR_E_FULL;
	return 0;
}

static int decide_register(struct wr_schemas *s, const struct wr_record_view *view,
			   const struct wr_schema_record *r, struct wr_schemas_given *g)
{
	const uint8_t *tail = view->payload + WR_SCHEMA_HEAD_BYTES;
	uint32_t subject = wr_schemas_subject(s, (const char *)view->key, view->head->key_bytes);
	uint32_t type = find_content(s, tail, r);
	uint32_t entry =
		subject != UINT32_MAX && type != 0 ? live_entry(s, subject, type) : UINT32_MAX;
	if (entry != UINT32_MAX) {
		g->entry = entry;
		g->same = (r->id == 0 || r->id == s->types[type].id) &&
			  (r->version == 0 || r->version == s->entries[entry].version);
		return WEIR_E_EXISTS;
	}
	uint32_t revision =
		subject == UINT32_MAX ? 0 : wr_load_relaxed(&s->subjects[subject].revision);
	if (r->revision != revision || r->level != wr_schemas_level(s, subject))
		return WEIR_E_CONFLICT;
	if (!references_live(s, tail, r->reference_bytes))
		return WEIR_E_UNKNOWN_NAME;
	if (!wr_schemas_references_of_format(s, r->format, tail, r->reference_bytes))
		return -EINVAL;
	int rc = give(s, r, subject, type, g);
	if (rc != 0)
		return rc;
	if (subject == UINT32_MAX)
		subject = wr_schemas_add_subject(s, view->key, view->head->key_bytes);
	if (type == 0)
		type = wr_schemas_add_type(s, g->id, r->format, tail, r->reference_bytes,
					   r->text_bytes);
	g->type = type;
	g->entry = wr_schemas_add_entry(s, subject, g->version, type);
	revise(s, subject);
	return 0;
}

/* Whether a schema of a version that is not deleted refers to this entry. */
static bool is_referred_to(struct wr_schemas *s, uint32_t entry)
{
	for (uint32_t i = 0; i < wr_schemas_entry_count(s); i++) {
		const struct wr_schema_type *type = &s->types[s->entries[i].type];
		struct wr_schema_reference reference;
		uint32_t at = 0;
		if (wr_load_relaxed(&s->entries[i].state) != WR_SCHEMA_LIVE)
			continue;
		while (wr_schema_reference_next(s->arena + type->at, type->reference_bytes, &at,
						&reference))
			if (reference.entry == entry)
				return true;
	}
	return false;
}

/* Whether one entry is to be deleted now; -EBUSY: it may not. */
static int may_delete(struct wr_schemas *s, uint32_t entry, bool for_good)
{
	uint32_t state = wr_load_relaxed(&s->entries[entry].state);
	if (for_good) {
		if (state == WR_SCHEMA_LIVE)
			return -EBUSY;
		return state == WR_SCHEMA_DELETED;
	}
	if (state != WR_SCHEMA_LIVE)
		return 0;
	return is_referred_to(s, entry) ? -EBUSY : 1;
}

static int decide_delete(struct wr_schemas *s, const struct wr_record_view *view,
			 const struct wr_schema_record *r)
{
	uint32_t subject = wr_schemas_subject(s, (const char *)view->key, view->head->key_bytes);
	bool for_good = (r->flags & WR_SCHEMA_FOR_GOOD) != 0;
	uint32_t count = wr_schemas_entry_count(s), found = 0;
	if (subject == UINT32_MAX)
		return WEIR_E_UNKNOWN_NAME;
	for (uint32_t pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < count; i++) {
			struct wr_schema_entry *e = &s->entries[i];
			if (e->subject != subject || (r->version != 0 && e->version != r->version))
				continue;
			int may = may_delete(s, i, for_good);
			if (pass == 0 && may < 0)
				return may;
			found += may > 0;
			if (pass == 1 && may > 0)
				wr_store_relaxed(
					&e->state,
					(uint32_t)(for_good ? WR_SCHEMA_GONE : WR_SCHEMA_DELETED));
		}
		if (found == 0)
			return WEIR_E_UNKNOWN_NAME;
	}
	revise(s, subject);
	return 0;
}

static int decide_level(struct wr_schemas *s, const struct wr_record_view *view,
			const struct wr_schema_record *r)
{
	if (view->head->key_bytes == 0) {
		wr_store_relaxed(&s->level, (uint32_t)r->level);
		return 0;
	}
	uint32_t subject = subject_of(s, view);
	if (subject == UINT32_MAX)
		return WEIR_E_FULL;
	wr_store_relaxed(&s->subjects[subject].level, (uint32_t)r->level);
	revise(s, subject);
	return 0;
}

static int decide_topic(struct wr_schemas *s, const struct wr_record_view *view,
			const struct wr_schema_record *r, uint32_t topic_count)
{
	uint32_t topic = view->head->topic;
	if (topic >= topic_count)
		return WEIR_E_UNKNOWN_NAME;
	uint32_t before = wr_load_relaxed(&s->of_topic[topic]); /* own */
	uint32_t word = 0;
	/* What is in the log is read by it: once said, it stays. */
	if ((before & WR_SCHEMA_PREFIX) != (r->flags & WR_SCHEMA_PREFIX) && before != 0)
		return WEIR_E_EXISTS;
	if (view->head->key_bytes > 0) {
		uint32_t subject = subject_of(s, view);
		if (subject == UINT32_MAX)
			return WEIR_E_FULL;
		word = (subject + 1) << WR_SCHEMA_TOPIC_SHIFT;
	}
	/* The highest bit of the flags: it was said once, so that the word is never 0 again. */
	word |= r->flags | WR_SCHEMA_TOPIC_SAID;
	s->follows = true;
	wr_store_release(&s->of_topic[topic], word); /* SC3 */
	return 0;
}

int wr_schemas_decide(struct wr_schemas *s, const struct wr_record_view *view, uint32_t topic_count,
		      struct wr_schemas_given *ret_given)
{
	struct wr_schema_record r;
	*ret_given = (struct wr_schemas_given){0};
	if (!wr_schema_record_read(view, &r))
		return -EINVAL;
	if (s->limits.schemas_max == 0)
		return WEIR_E_FULL;
	switch (r.op) {
	case WR_SCHEMA_REGISTER:
		ret_given->is_json = r.format == WR_SCHEMA_FORMAT_JSON;
		return decide_register(s, view, &r, ret_given);
	case WR_SCHEMA_DELETE:
		return decide_delete(s, view, &r);
	case WR_SCHEMA_LEVEL:
		return decide_level(s, view, &r);
	default:
		return decide_topic(s, view, &r, topic_count);
	}
}
