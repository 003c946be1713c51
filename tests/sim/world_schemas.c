/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry, in one seed of eleven: schemas of both formats are registered, versions deleted and
 * levels set, through the public calls. What each has to answer, and what is there afterwards, says
 * a model that shares nothing with the library but the comparison of two schemas. A call that came
 * back is durable: a recovery finds what the model says, and of a change that was under way when
 * the life ended all or nothing.
 *
 * Drawn by a generator of its own, so that other seeds stay as they are.
 */
#include <errno.h>
#include <string.h>

#include <weir/registry.h>

#include "tests/sim/world.h"

#define SEED_ONE_IN 11u
#define ACT_ONE_IN 20u
#define SUBJECTS 2u
#define TEXTS 6u
#define NO_LEVEL WEIR_SCHEMA_LEVEL_OF_ALL

static const char *const subject_names[SUBJECTS] = {"one", "two"};

/* Without blanks, as the registry keeps them. */
static const struct {
	enum weir_schema_format format;
	const char *text;
} texts[TEXTS] = {
	{WEIR_SCHEMA_FORMAT_AVRO, "\"int\""},
	{WEIR_SCHEMA_FORMAT_AVRO, "\"long\""},
	{WEIR_SCHEMA_FORMAT_AVRO, "{\"type\":\"string\"}"},
	{WEIR_SCHEMA_FORMAT_JSON, "{\"type\":\"string\"}"},
	{WEIR_SCHEMA_FORMAT_JSON, "{\"type\":\"integer\"}"},
	{WEIR_SCHEMA_FORMAT_JSON, "{\"type\":\"number\"}"},
};

struct entry {
	uint32_t subject, version, text;
	enum weir_schema_state state;
};

struct model {
	uint32_t count;
	struct entry entries[WORLD_SCHEMAS];
	uint32_t ids[TEXTS]; /* 0: none yet */
	uint32_t id_last;
	uint32_t versions[SUBJECTS]; /* the last one given */
	bool exists[SUBJECTS];
	int levels[SUBJECTS];
	int level;
};

static struct weir_schema *schemas[TEXTS];
static struct model now, after; /* after: what is under way */
static bool is_under_way;

static void parse_all(void)
{
	for (uint32_t i = 0; i < TEXTS && schemas[i] == NULL; i++) {
		uint32_t flags = texts[i].format == WEIR_SCHEMA_FORMAT_JSON ? WEIR_SCHEMA_JSON : 0;
		int rc = weir_schema_parse(texts[i].text, strlen(texts[i].text), flags, NULL,
					   &schemas[i], NULL);
		world_check(rc == 0, "a schema of the world's", (uint64_t)-rc, i);
	}
}

void world_schemas_begin(void)
{
	wr_prng_init(&world.schemas_prng, world.seed ^ 0x5c4e);
	/* A history says nothing of it. */
	world.has_schemas = world.seed % SEED_ONE_IN == 2 && world.history == NULL;
	is_under_way = false;
	now = (struct model){.level = WEIR_SCHEMA_BACKWARD};
	for (uint32_t i = 0; i < SUBJECTS; i++)
		now.levels[i] = NO_LEVEL;
	parse_all();
}

void world_schemas_options(struct weir_options *o)
{
	o->schemas_max = world.has_schemas ? WORLD_SCHEMAS : 0;
	o->schema_bytes_max = WORLD_SCHEMA_BYTES;
}

/* --- the model -------------------------------------------------------------------------------- */

static uint32_t find_live(const struct model *m, uint32_t subject, uint32_t text)
{
	uint32_t found = UINT32_MAX;
	for (uint32_t i = 0; i < m->count; i++)
		if (m->entries[i].subject == subject && m->entries[i].text == text &&
		    m->entries[i].state == WEIR_SCHEMA_LIVE)
			found = i;
	return found;
}

static bool may_follow(const struct model *m, uint32_t subject, uint32_t text)
{
	const struct weir_schema *old[WORLD_SCHEMAS];
	uint32_t count = 0;
	int level = m->levels[subject] != NO_LEVEL ? m->levels[subject] : m->level;
	for (uint32_t i = 0; i < m->count; i++)
		if (m->entries[i].subject == subject && m->entries[i].state == WEIR_SCHEMA_LIVE)
			old[count++] = schemas[m->entries[i].text];
	return weir_schema_may_follow(schemas[text], old, count, (enum weir_schema_level)level,
				      NULL, NULL) == 1;
}

/* What the call has to say, and the model as it is then; *ret_entry: the version it is about. */
static int model_register(struct model *m, uint32_t subject, uint32_t text, uint32_t *ret_entry)
{
	*ret_entry = find_live(m, subject, text);
	if (*ret_entry != UINT32_MAX)
		return 0;
	if (!may_follow(m, subject, text))
		return WEIR_E_INCOMPATIBLE;
	if (m->count == WORLD_SCHEMAS)
		return WEIR_E_FULL;
	m->exists[subject] = true;
	if (m->ids[text] == 0)
		m->ids[text] = ++m->id_last;
	*ret_entry = m->count;
	m->entries[m->count++] = (struct entry){.subject = subject,
						.version = ++m->versions[subject],
						.text = text,
						.state = WEIR_SCHEMA_LIVE};
	return 0;
}

static int model_delete(struct model *m, uint32_t subject, uint32_t version, bool for_good)
{
	enum weir_schema_state from = for_good ? WEIR_SCHEMA_DELETED : WEIR_SCHEMA_LIVE;
	enum weir_schema_state to = for_good ? WEIR_SCHEMA_GONE : WEIR_SCHEMA_DELETED;
	uint32_t found = 0;
	for (uint32_t i = 0; i < m->count; i++) {
		struct entry *e = &m->entries[i];
		if (e->subject != subject || (version != 0 && e->version != version))
			continue;
		if (for_good && e->state == WEIR_SCHEMA_LIVE)
			return -EBUSY;
		found += e->state == from;
	}
	for (uint32_t i = 0; found > 0 && i < m->count; i++) {
		struct entry *e = &m->entries[i];
		if (e->subject == subject && (version == 0 || e->version == version) &&
		    e->state == from)
			e->state = to;
	}
	return found > 0 ? 0 : WEIR_E_UNKNOWN_NAME;
}

static bool levels_are(const struct model *m)
{
	for (uint32_t i = 0; i < SUBJECTS; i++) {
		bool own = false;
		int level = weir_registry_level(world.pipeline, subject_names[i], &own);
		int wanted = m->levels[i] != NO_LEVEL ? m->levels[i] : m->level;
		if (m->exists[i] ? level != wanted || own != (m->levels[i] != NO_LEVEL)
				 : level != WEIR_E_UNKNOWN_NAME)
			return false;
	}
	return weir_registry_level(world.pipeline, NULL, NULL) == m->level;
}

/* Whether the registry is what the model says, to the last word. */
static bool is_what(const struct model *m)
{
	struct weir_schema_version v;
	for (uint32_t i = 0; i < m->count; i++) {
		const struct entry *e = &m->entries[i];
		if (weir_registry_at(world.pipeline, i, &v) != 0 ||
		    strcmp(v.subject, subject_names[e->subject]) != 0 || v.version != e->version ||
		    v.id != m->ids[e->text] || v.state != e->state ||
		    v.format != texts[e->text].format ||
		    v.text_bytes != strlen(texts[e->text].text) ||
		    memcmp(v.text, texts[e->text].text, v.text_bytes) != 0 ||
		    weir_registry_schema(world.pipeline, v.type) == NULL)
			return false;
	}
	return weir_registry_at(world.pipeline, m->count, &v) != 0 && levels_are(m);
}

/* --- what is done ----------------------------------------------------------------------------- */

static int ask_register(struct model *m, int *ret_wanted)
{
	uint32_t subject = (uint32_t)wr_prng_below(&world.schemas_prng, SUBJECTS);
	uint32_t text = (uint32_t)wr_prng_below(&world.schemas_prng, TEXTS), entry;
	struct weir_registration asks;
	struct weir_schema_version version = {0};
	weir_registration_init(&asks);
	asks.subject = subject_names[subject];
	asks.text = texts[text].text;
	asks.text_bytes = strlen(texts[text].text);
	asks.format = texts[text].format;
	*ret_wanted = model_register(m, subject, text, &entry);
	int rc =
		weir_registry_register(world.pipeline, &asks, &version, NULL, NULL, &world.problem);
	world_note("register", subject * TEXTS + text, (uint64_t)(uint32_t)rc);
	if (rc == 0 && *ret_wanted == 0)
		world_check(version.version == m->entries[entry].version &&
				    version.id == m->ids[text],
			    "a schema got another version or id", version.version, version.id);
	if (rc == 0)
		world_sometimes(SOMETIMES_SCHEMA_REGISTERED);
	if (rc == WEIR_E_INCOMPATIBLE)
		world_sometimes(SOMETIMES_SCHEMA_REFUSED);
	return rc;
}

static int ask_delete(struct model *m, int *ret_wanted)
{
	uint32_t subject = (uint32_t)wr_prng_below(&world.schemas_prng, SUBJECTS);
	uint32_t version = (uint32_t)wr_prng_below(&world.schemas_prng, m->versions[subject] + 2);
	bool for_good = wr_prng_below(&world.schemas_prng, 2) == 0;
	*ret_wanted = model_delete(m, subject, version, for_good);
	int rc = weir_registry_delete(world.pipeline, subject_names[subject], version, for_good,
				      &world.problem);
	world_note("delete", subject * 64 + version * 2 + for_good, (uint64_t)(uint32_t)rc);
	return rc;
}

static int ask_level(struct model *m, int *ret_wanted)
{
	static const int levels[] = {WEIR_SCHEMA_LEVEL_NONE, WEIR_SCHEMA_BACKWARD,
				     WEIR_SCHEMA_FORWARD_TRANSITIVE, NO_LEVEL};
	uint32_t subject = (uint32_t)wr_prng_below(&world.schemas_prng, SUBJECTS + 1);
	int level = levels[wr_prng_below(&world.schemas_prng, subject < SUBJECTS ? 4 : 3)];
	*ret_wanted = 0;
	if (subject < SUBJECTS) {
		m->exists[subject] = true;
		m->levels[subject] = level;
	} else {
		m->level = level;
	}
	int rc = weir_registry_level_set(world.pipeline,
					 subject < SUBJECTS ? subject_names[subject] : NULL, level,
					 &world.problem);
	world_note("level", subject, (uint64_t)(uint32_t)rc);
	return rc;
}

void world_schemas_act(void)
{
	int wanted;

	if (!world.has_schemas || is_under_way || world_is_dead() || world_has_failed() ||
	    wr_prng_below(&world.schemas_prng, ACT_ONE_IN) != 0)
		return;
	after = now;
	is_under_way = true;
	uint64_t what = wr_prng_below(&world.schemas_prng, 8);
	int rc = what < 5   ? ask_register(&after, &wanted)
		 : what < 7 ? ask_delete(&after, &wanted)
			    : ask_level(&after, &wanted);
	/* The life is over: the next one finds out. */
	if (world_is_dead() || world_has_failed())
		return;
	is_under_way = false;
	world_check(rc == wanted, "a change of the registry has another answer",
		    (uint64_t)(uint32_t)rc, (uint64_t)(uint32_t)wanted);
	if (rc == 0)
		now = after;
	world_check(is_what(&now), "the registry is not what was made of it", now.count,
		    (uint64_t)what);
}

void world_schemas_recovered(void)
{
	if (!world.has_schemas)
		return;
	if (is_under_way && !is_what(&now)) {
		world_sometimes(SOMETIMES_SCHEMA_KEPT);
		now = after;
	} else if (is_under_way) {
		world_sometimes(SOMETIMES_SCHEMA_LOST);
	}
	is_under_way = false;
	world_check(is_what(&now), "a recovery finds another registry", now.count, now.id_last);
}
