/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry in a checkpoint. A log that has none writes no section: what was before there were
 * schemas stays readable for a weir that does not know them; so is one with Avro's alone for a weir
 * that knows no others.
 */
#include "core/log/schemas.h"

#include <weir/error.h>

#include "core/base/bug.h"
#include "core/record/section.h"

#define SCHEMAS_VERSION 1u
#define SCHEMAS_VERSION_FORMATS 2u /* each type says its format */
#define LEVEL_AT_FIRST 1u

size_t wr_schemas_save_bytes_max(const struct wr_schemas_limits *l)
{
	if (l->schemas_max == 0)
		return 0;
	return 64 + l->schemas_max * (size_t)(16 + 16 + WR_NAME_BYTES_MAX + 16) + l->bytes_max +
	       l->topics_max * (size_t)8;
}

static uint32_t topics_said(struct wr_schemas *s)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < s->limits.topics_max; i++)
		count += wr_load_relaxed(&s->of_topic[i]) != 0; /* own */
	return count;
}

static bool has_json(struct wr_schemas *s)
{
	for (uint32_t i = wr_schemas_type_count(s); i > 0; i--)
		if (s->types[i].format != WR_SCHEMA_FORMAT_AVRO)
			return true;
	return false;
}

void wr_schemas_save(struct wr_schemas *s, struct wr_sink *sink)
{
	if (s->limits.schemas_max == 0)
		return;
	uint32_t types = wr_schemas_type_count(s), entries = wr_schemas_entry_count(s);
	uint32_t subjects = wr_schemas_subject_count(s), topics = topics_said(s);
	uint32_t level = wr_load_relaxed(&s->level); /* own */
	if (types + entries + subjects + topics == 0 && level == LEVEL_AT_FIRST)
		return;
	bool formats = has_json(s);
	size_t place = wr_section_begin(sink, WR_SECTION_SCHEMAS,
					formats ? SCHEMAS_VERSION_FORMATS : SCHEMAS_VERSION, 0);
	wr_sink_u32(sink, types);
	wr_sink_u32(sink, subjects);
	wr_sink_u32(sink, entries);
	wr_sink_u32(sink, topics);
	wr_sink_u32(sink, level);
	wr_sink_u32(sink, 0);
	for (uint32_t i = 1; i <= types; i++) {
		const struct wr_schema_type *t = &s->types[i];
		wr_sink_u32(sink, t->id);
		if (formats)
			wr_sink_u32(sink, t->format);
		wr_sink_u32(sink, t->reference_bytes);
		wr_sink_u32(sink, t->text_bytes);
		wr_sink_bytes(sink, s->arena + t->at, (size_t)t->reference_bytes + t->text_bytes);
	}
	for (uint32_t i = 0; i < subjects; i++) {
		struct wr_schema_subject *u = &s->subjects[i];
		wr_sink_u32(sink, wr_load_relaxed(&u->level));
		wr_sink_u32(sink, wr_load_relaxed(&u->revision));
		wr_sink_u32(sink, wr_load_relaxed(&u->version));
		wr_sink_u32(sink, u->name_bytes);
		wr_sink_bytes(sink, u->name, u->name_bytes);
	}
	for (uint32_t i = 0; i < entries; i++) {
		struct wr_schema_entry *e = &s->entries[i];
		wr_sink_u32(sink, e->subject);
		wr_sink_u32(sink, e->version);
		wr_sink_u32(sink, e->type);
		uint32_t state = wr_load_relaxed(&e->state);
		wr_sink_u32(sink, WR_BUG(DELETED_SCHEMA_LIVES) ? WR_SCHEMA_LIVE : state);
	}
	for (uint32_t i = 0; i < s->limits.topics_max; i++) {
		uint32_t word = wr_load_relaxed(&s->of_topic[i]);
		if (word == 0)
			continue;
		wr_sink_u32(sink, i);
		wr_sink_u32(sink, word);
	}
	wr_section_end(sink, place);
}

static int load_type(struct wr_schemas *s, struct wr_cursor *in, bool formats)
{
	uint32_t id = wr_take_u32(in);
	uint32_t format = formats ? wr_take_u32(in) : WR_SCHEMA_FORMAT_AVRO;
	uint32_t reference_bytes = wr_take_u32(in);
	uint32_t text_bytes = wr_take_u32(in);
	uint64_t bytes = (uint64_t)reference_bytes + text_bytes;
	const uint8_t *tail = wr_take(in, bytes);
	if (tail == NULL || id == 0 || id > WR_SCHEMA_ID_MAX || wr_schemas_type_of_id(s, id) != 0)
		return WEIR_E_CORRUPT;
	if (!wr_schema_format_is_known(format))
		return WEIR_E_FORMAT;
	if (wr_schemas_type_count(s) == s->limits.schemas_max ||
	    bytes > s->limits.bytes_max - s->used_bytes)
		return WEIR_E_FULL;
	wr_schemas_add_type(s, id, format, tail, reference_bytes, text_bytes);
	return 0;
}

static int load_subject(struct wr_schemas *s, struct wr_cursor *in)
{
	uint32_t level = wr_take_u32(in);
	uint32_t revision = wr_take_u32(in);
	uint32_t version = wr_take_u32(in);
	uint32_t name_bytes = wr_take_u32(in);
	const uint8_t *name = wr_take(in, name_bytes);
	if (name == NULL || !wr_name_valid(name, name_bytes) ||
	    (level >= WR_SCHEMA_LEVELS && level != WR_SCHEMA_LEVEL_NONE_OWN))
		return WEIR_E_CORRUPT;
	if (wr_schemas_subject_count(s) == s->limits.schemas_max)
		return WEIR_E_FULL;
	struct wr_schema_subject *u = &s->subjects[wr_schemas_add_subject(s, name, name_bytes)];
	wr_store_relaxed(&u->level, level);
	wr_store_relaxed(&u->revision, revision);
	wr_store_relaxed(&u->version, version);
	return 0;
}

static int load_entry(struct wr_schemas *s, struct wr_cursor *in)
{
	uint32_t subject = wr_take_u32(in);
	uint32_t version = wr_take_u32(in);
	uint32_t type = wr_take_u32(in);
	uint32_t state = wr_take_u32(in);
	if (in->failed || subject >= wr_schemas_subject_count(s) || type == 0 ||
	    type > wr_schemas_type_count(s) || version == 0 || state > WR_SCHEMA_GONE)
		return WEIR_E_CORRUPT;
	if (wr_schemas_entry_count(s) == s->limits.schemas_max)
		return WEIR_E_FULL;
	/* Versions of a subject rise, up to the last one that the subject says. */
	uint32_t last = wr_load_relaxed(&s->subjects[subject].version); /* own */
	uint32_t entry = wr_schemas_add_entry(s, subject, version, type);
	wr_store_relaxed(&s->entries[entry].state, state);
	wr_store_relaxed(&s->subjects[subject].version, last);
	return version <= last ? 0 : WEIR_E_CORRUPT;
}

static int load_topic(struct wr_schemas *s, struct wr_cursor *in, uint32_t topic_count)
{
	uint32_t topic = wr_take_u32(in);
	uint32_t word = wr_take_u32(in);
	if (in->failed || topic >= topic_count || topic >= s->limits.topics_max || word == 0 ||
	    word >> WR_SCHEMA_TOPIC_SHIFT > wr_schemas_subject_count(s))
		return WEIR_E_CORRUPT;
	s->follows = true;
	wr_store_release(&s->of_topic[topic], word); /* SC3 */
	return 0;
}

/* References fill their bytes, and lead to what was there before: no circle, none beyond. */
static bool references_lead_back(struct wr_schemas *s, uint32_t type)
{
	const struct wr_schema_type *t = &s->types[type];
	struct wr_schema_reference r;
	uint32_t at = 0;
	while (wr_schema_reference_next(s->arena + t->at, t->reference_bytes, &at, &r))
		if (r.entry >= wr_schemas_entry_count(s) || s->entries[r.entry].type >= type)
			return false;
	return wr_schemas_references_of_format(s, t->format, s->arena + t->at, t->reference_bytes);
}

static int load_parts(struct wr_schemas *s, struct wr_cursor *in, const uint32_t counts[4],
		      bool formats, uint32_t topic_count)
{
	int rc = 0;
	for (uint32_t i = 0; rc == 0 && i < counts[0]; i++)
		rc = load_type(s, in, formats);
	for (uint32_t i = 0; rc == 0 && i < counts[1]; i++)
		rc = load_subject(s, in);
	for (uint32_t i = 0; rc == 0 && i < counts[2]; i++)
		rc = load_entry(s, in);
	for (uint32_t i = 0; rc == 0 && i < counts[3]; i++)
		rc = load_topic(s, in, topic_count);
	for (uint32_t i = 1; rc == 0 && i <= counts[0]; i++)
		rc = references_lead_back(s, i) ? 0 : WEIR_E_CORRUPT;
	return rc;
}

int wr_schemas_load(struct wr_schemas *s, uint32_t version, uint32_t topic_count,
		    const uint8_t *bytes, uint32_t length_bytes)
{
	struct wr_cursor in = wr_cursor_over(bytes, length_bytes);
	uint32_t counts[4];
	if (version != SCHEMAS_VERSION && version != SCHEMAS_VERSION_FORMATS)
		return WEIR_E_FORMAT;
	for (uint32_t i = 0; i < 4; i++)
		counts[i] = wr_take_u32(&in);
	uint32_t level = wr_take_u32(&in);
	uint32_t zero = wr_take_u32(&in);
	if (in.failed || level >= WR_SCHEMA_LEVELS || zero != 0)
		return WEIR_E_CORRUPT;
	if (s->limits.schemas_max == 0)
		return counts[0] + counts[1] + counts[2] + counts[3] != 0 || level != LEVEL_AT_FIRST
			       ? WEIR_E_FULL
			       : WEIR_E_CORRUPT;
	wr_store_relaxed(&s->level, level);
	int rc = load_parts(s, &in, counts, version == SCHEMAS_VERSION_FORMATS, topic_count);
	if (rc != 0)
		return rc;
	return in.failed || in.left_bytes != 0 ? WEIR_E_CORRUPT : 0;
}
