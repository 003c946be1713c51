/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of the registry: each is one record, which the log's writer decides.
 *
 * Whether a schema may follow those that are there takes long, and is found out here, on the
 * caller's thread, against what the table holds. The record says what was looked at: the subject's
 * revision and level. Is the subject another one by then, the writer says WEIR_E_CONFLICT, and it
 * is looked at again. Each time somebody else got on.
 */
#include "core/pipeline/registry.h"

#include <errno.h>
#include <stdio.h>

#include "core/base/bits.h"
#include "core/json/json_read.h"
#include "core/schema/schema.h"

/* So that there is always a next one. */
#define VERSION_ASKED_MAX 0x7fffffffu

void weir_registration_init(struct weir_registration *registration)
{
	*registration = (struct weir_registration){.struct_bytes = sizeof *registration};
}

/* A registration on its way: the record as it is handed over, and the schema in it. */
struct change {
	struct weir_pipeline *pipeline;
	const struct weir_registration *asked;
	uint8_t *record; /* a lane record; in a block of block_bytes */
	size_t block_bytes;
	uint8_t *tail;
	uint32_t reference_bytes;
	uint32_t text_bytes;
	struct wr_known_schema *known;
};

static uint32_t format_of(const struct weir_registration *asked)
{
	return asked->format == WEIR_SCHEMA_FORMAT_JSON ? WR_SCHEMA_FORMAT_JSON
							: WR_SCHEMA_FORMAT_AVRO;
}

static int problem_of(struct weir_problem *problem, int code, const char *field)
{
	return wr_problem_set(problem, code, field, weir_strerror(code));
}

/* Without the blanks between tokens. What is no JSON is found out by who reads it. */
static uint32_t squeeze(const uint8_t *from, size_t bytes, uint8_t *to)
{
	uint32_t at = 0;
	bool in_string = false;
	for (size_t i = 0; i < bytes; i++) {
		uint8_t c = from[i];
		if (!in_string && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
			continue;
		if (in_string && c == '\\' && i + 1 < bytes)
			to[at++] = from[i++];
		else if (c == '"')
			in_string = !in_string;
		to[at++] = from[i];
	}
	return at;
}

static size_t references_size(const struct weir_registration *asked)
{
	size_t bytes = 0;
	for (uint32_t i = 0; i < asked->reference_count; i++)
		bytes +=
			WR_SCHEMA_REFERENCE_BYTES +
			(asked->references[i].name != NULL ? strlen(asked->references[i].name) : 0);
	return bytes;
}

static int put_references(struct change *c, struct weir_problem *problem)
{
	struct wr_schemas *s = &c->pipeline->tables.schemas;
	for (uint32_t i = 0; i < c->asked->reference_count; i++) {
		const struct weir_schema_reference *r = &c->asked->references[i];
		size_t bytes = r->name != NULL ? strlen(r->name) : 0;
		if (bytes == 0 || bytes > WR_NAME_BYTES_MAX || r->subject == NULL)
			return wr_problem_set(problem, -EINVAL, "references",
					      "a reference has a name of 1 to 200 bytes, a "
					      "subject and a version");
		uint32_t subject = wr_schemas_subject(s, r->subject, strlen(r->subject));
		uint32_t entry = subject != UINT32_MAX && r->version != 0
					 ? wr_schemas_version(s, subject, r->version)
					 : UINT32_MAX;
		char text[sizeof problem->text];
		(void)snprintf(text, sizeof text, "there is no version %u of subject \"%.80s\"",
			       r->version, r->subject);
		if (entry == UINT32_MAX ||
		    wr_load_relaxed(&s->entries[entry].state) != WR_SCHEMA_LIVE)
			return wr_problem_set(problem, WEIR_E_UNKNOWN_NAME, "references", text);
		if (s->types[s->entries[entry].type].format != format_of(c->asked))
			return wr_problem_set(problem, -EINVAL, "references",
					      "an Avro schema refers to Avro schemas, a JSON "
					      "Schema to JSON Schemas");
		c->reference_bytes += wr_schema_reference_put(c->tail + c->reference_bytes, entry,
							      r->name, (uint16_t)bytes);
	}
	return 0;
}

/* The most that a record in the lane of control calls may have. */
static uint32_t record_bytes_max(const struct weir_pipeline *p)
{
	uint32_t lane = p->options.member_lane_bytes / 4;
	return lane < p->run_bytes_max ? lane : p->run_bytes_max;
}

static int check_asked(struct weir_pipeline *p, const struct weir_registration *asked,
		       struct weir_problem *problem)
{
	if (asked == NULL)
		return wr_problem_set(problem, -EINVAL, "registration", "NULL");
	if (wr_init_check(asked->struct_bytes, sizeof *asked, "weir_registration_init", problem) !=
	    0)
		return -EINVAL;
	if (asked->subject == NULL || !wr_name_valid(asked->subject, strlen(asked->subject)))
		return wr_problem_set(problem, -EINVAL, "subject",
				      "a subject's name is 1 to 200 of letters, digits, '.', '_' "
				      "and '-', and does not begin with '.'");
	if (weir_schema_format_name(asked->format)[0] == '\0')
		return wr_problem_set(problem, -EINVAL, "format", "there is no such format");
	if (asked->text == NULL || asked->text_bytes == 0)
		return wr_problem_set(problem, -EINVAL, "text", "there is no schema");
	if (asked->reference_count > WEIR_SCHEMA_REFERENCES_MAX || asked->id > WR_SCHEMA_ID_MAX)
		return wr_problem_set(problem, -EINVAL,
				      asked->id > WR_SCHEMA_ID_MAX ? "id" : "reference_count",
				      "at most 32 references; an id is below 2^31");
	if (asked->version > VERSION_ASKED_MAX)
		return wr_problem_set(problem, -EINVAL, "version", "a version is below 2^31");
	if (p->options.schemas_max == 0)
		return wr_problem_set(problem, WEIR_E_FULL, "schemas_max",
				      "the pipeline has no registry: set schemas_max");
	return 0;
}

/*
 * One value and nothing behind it: behind what it refers to, two values would be two schemas, and
 * without the blanks between them two numbers one.
 */
static int check_is_one_value(const struct weir_registration *asked, struct weir_problem *problem)
{
	char text[sizeof problem->text];
	struct wr_json j;
	wr_json_init(&j, asked->text, asked->text_bytes, WR_JSON_DEPTH_MAX);
	while (wr_json_next(&j) != WR_JSON_END)
		if (j.token == WR_JSON_BAD)
			return wr_problem_set(problem, -EINVAL, "/",
					      wr_json_explain(&j, text, sizeof text));
	return 0;
}

static void change_free(struct change *c)
{
	wr_registry_forget(c->pipeline, c->known);
	if (c->record != NULL)
		wr_schema_free(&c->pipeline->options.allocator, c->record, c->block_bytes);
}

/* The record but for its head, and the schema read. */
static int change_make(struct change *c, struct weir_problem *problem)
{
	const struct weir_registration *asked = c->asked;
	struct weir_pipeline *p = c->pipeline;
	uint32_t name_bytes = (uint32_t)strlen(asked->subject);
	size_t references = references_size(asked);
	uint32_t before = WR_RECORD_HEAD_BYTES + wr_record_option_area(0, name_bytes) + name_bytes;
	char text[sizeof problem->text];
	if (asked->text_bytes > WEIR_SCHEMA_TEXT_BYTES_MAX)
		return wr_problem_set(problem, WEIR_E_TOO_BIG, "text",
				      "the text of a schema is at most 1 MiB long");
	c->block_bytes = before + WR_SCHEMA_HEAD_BYTES + references + asked->text_bytes + 8;
	c->record = wr_schema_alloc(&p->options.allocator, c->block_bytes);
	if (c->record == NULL)
		return problem_of(problem, -ENOMEM, "");
	c->tail = c->record + before + WR_SCHEMA_HEAD_BYTES;
	int rc = put_references(c, problem);
	if (rc != 0)
		return rc;
	c->text_bytes = squeeze(asked->text, asked->text_bytes, c->tail + c->reference_bytes);
	uint64_t bytes =
		(uint64_t)before + WR_SCHEMA_HEAD_BYTES + c->reference_bytes + c->text_bytes;
	if (bytes > record_bytes_max(p)) {
		(void)snprintf(text, sizeof text,
			       "the schema and its references make a record of %llu bytes, and "
			       "the largest has %u: a quarter of a chunk, of lane_bytes and of "
			       "member_lane_bytes",
			       (unsigned long long)bytes, record_bytes_max(p));
		return wr_problem_set(problem, WEIR_E_TOO_BIG, "text", text);
	}
	/* Read as it was written, so that a place in it is a place in the caller's text. */
	if (c->reference_bytes == 0) {
		struct weir_schema *schema;
		rc = weir_schema_parse(asked->text, asked->text_bytes,
				       asked->format == WEIR_SCHEMA_FORMAT_JSON ? WEIR_SCHEMA_JSON
										: 0,
				       &p->options.allocator, &schema, problem);
		if (rc != 0)
			return rc;
		weir_schema_free(schema);
	} else if ((rc = check_is_one_value(asked, problem)) != 0) {
		return rc;
	}
	struct wr_schema_text whole = {.format = format_of(asked),
				       .tail = c->tail,
				       .reference_bytes = c->reference_bytes,
				       .text_bytes = c->text_bytes};
	return wr_registry_read(p, &whole, &c->known, problem);
}

/* --- may it follow? --------------------------------------------------------------------------- */

/* What was read of every live version of a subject, from the oldest on, in a block. */
struct versions {
	const struct weir_schema **schemas;
	uint32_t count;
	size_t block_bytes;
};

/* A version whose caller is just about to say what it has read is waited for; one whose caller has
 * given up is read here. */
static int schema_of(struct weir_pipeline *p, uint32_t type, const struct weir_schema **ret)
{
	*ret = NULL;
	if (wr_registry_known(p, type) == NULL) {
		int rc = wr_registry_lock(p);
		if (rc != 0)
			return rc;
		wr_registry_know(p, type);
		wr_control_unlock(p);
	}
	*ret = weir_registry_schema(p, (uint16_t)type);
	return 0;
}

static int gather(struct weir_pipeline *p, uint32_t subject, struct versions *ret,
		  struct weir_problem *problem)
{
	struct wr_schemas *s = &p->tables.schemas;
	uint32_t count = wr_schemas_entry_count(s);
	*ret = (struct versions){.block_bytes = (count + 1) * sizeof *ret->schemas};
	ret->schemas = wr_schema_alloc(&p->options.allocator, ret->block_bytes);
	if (ret->schemas == NULL)
		return problem_of(problem, -ENOMEM, "");
	for (uint32_t i = 0; i < count; i++) {
		if (s->entries[i].subject != subject ||
		    wr_load_relaxed(&s->entries[i].state) != WR_SCHEMA_LIVE)
			continue;
		const struct weir_schema *schema;
		int rc = schema_of(p, s->entries[i].type, &schema);
		if (rc != 0)
			return problem_of(problem, rc, "");
		if (schema == NULL)
			return wr_problem_set(problem, WEIR_E_INCOMPATIBLE, "",
					      "a version of the subject cannot be read here, so "
					      "that nothing can be compared with it");
		ret->schemas[ret->count++] = schema;
	}
	return 0;
}

/* What a comparison said, and why it said nothing. */
static int judged(struct weir_problem *problem, int code)
{
	if (code == WEIR_E_TOO_BIG)
		return wr_problem_set(problem, code, "text",
				      "there is more to compare with earlier versions than the "
				      "limits allow: fewer values and branches, or the level NONE");
	return code < 0 ? problem_of(problem, code, "") : code;
}

/* 1, 0 or negative. The record's head says what it was held against. */
static int may_follow(struct change *c, struct wr_schema_record *head,
		      weir_schema_issue_fn *on_issue, void *context, struct weir_problem *problem)
{
	struct weir_pipeline *p = c->pipeline;
	struct wr_schemas *s = &p->tables.schemas;
	struct versions old = {0};
	uint32_t subject = wr_schemas_subject(s, c->asked->subject, strlen(c->asked->subject));
	if (subject != UINT32_MAX)
		head->revision = wr_load_acquire(&s->subjects[subject].revision); /* SC1 */
	else
		head->revision = 0;
	head->level = (uint8_t)wr_schemas_level(s, subject);
	if (c->asked->unchecked || subject == UINT32_MAX)
		return 1;
	int rc = gather(p, subject, &old, problem);
	if (rc == 0)
		rc = judged(problem,
			    weir_schema_may_follow(c->known->schema, old.schemas, old.count,
						   (enum weir_schema_level)head->level, on_issue,
						   context));
	if (old.schemas != NULL)
		wr_schema_free(&p->options.allocator, (void *)old.schemas, old.block_bytes);
	return rc;
}

/* The version of the subject that has this very schema: its entry, or UINT32_MAX. */
static uint32_t find_same(struct change *c, bool deleted_too)
{
	struct wr_schemas *s = &c->pipeline->tables.schemas;
	uint32_t subject = wr_schemas_subject(s, c->asked->subject, strlen(c->asked->subject));
	uint32_t found = UINT32_MAX;
	for (uint32_t i = 0; subject != UINT32_MAX && i < wr_schemas_entry_count(s); i++) {
		const struct wr_schema_type *t = &s->types[s->entries[i].type];
		uint32_t state = wr_load_relaxed(&s->entries[i].state);
		if (s->entries[i].subject == subject &&
		    (state == WR_SCHEMA_LIVE || (deleted_too && state == WR_SCHEMA_DELETED)) &&
		    t->format == format_of(c->asked) && t->reference_bytes == c->reference_bytes &&
		    t->text_bytes == c->text_bytes &&
		    memcmp(s->arena + t->at, c->tail, c->reference_bytes + c->text_bytes) == 0)
			found = i;
	}
	return found;
}

/* The same schema is there already: what was registered before is held against nothing. */
static bool is_there(struct change *c)
{
	return find_same(c, false) != UINT32_MAX;
}

int weir_registry_check(struct weir_pipeline *p, const struct weir_registration *registration,
			weir_schema_issue_fn *on_issue, void *context,
			struct weir_problem *reterr_problem)
{
	struct change change = {.pipeline = p, .asked = registration};
	struct wr_schema_record head = {0};
	int rc = check_asked(p, registration, reterr_problem);
	if (rc != 0)
		return rc;
	rc = change_make(&change, reterr_problem);
	if (rc == 0)
		rc = is_there(&change)
			     ? 1
			     : may_follow(&change, &head, on_issue, context, reterr_problem);
	change_free(&change);
	return rc;
}

/* Against one version, with the subject's level: a transitive one has nothing more to look at. */
static int may_follow_one(struct change *c, uint32_t version, weir_schema_issue_fn *on_issue,
			  void *context, struct weir_problem *problem)
{
	struct weir_pipeline *p = c->pipeline;
	struct wr_schemas *s = &p->tables.schemas;
	uint32_t subject = wr_schemas_subject(s, c->asked->subject, strlen(c->asked->subject));
	uint32_t entry =
		subject != UINT32_MAX ? wr_schemas_version(s, subject, version) : UINT32_MAX;
	if (entry == UINT32_MAX || wr_load_relaxed(&s->entries[entry].state) != WR_SCHEMA_LIVE)
		return version == 0 ? 1 : problem_of(problem, WEIR_E_UNKNOWN_NAME, "version");
	const struct weir_schema *old;
	int rc = schema_of(p, s->entries[entry].type, &old);
	if (rc != 0)
		return problem_of(problem, rc, "version");
	if (old == NULL)
		return wr_problem_set(problem, WEIR_E_INCOMPATIBLE, "version",
				      "that version cannot be read here, so that nothing can be "
				      "compared with it");
	return judged(problem,
		      weir_schema_may_follow(c->known->schema, &old, 1,
					     (enum weir_schema_level)wr_schemas_level(s, subject),
					     on_issue, context));
}

int weir_registry_check_version(struct weir_pipeline *p,
				const struct weir_registration *registration, uint32_t version,
				weir_schema_issue_fn *on_issue, void *context,
				struct weir_problem *reterr_problem)
{
	struct change change = {.pipeline = p, .asked = registration};
	int rc = check_asked(p, registration, reterr_problem);
	if (rc != 0)
		return rc;
	rc = change_make(&change, reterr_problem);
	if (rc == 0)
		rc = may_follow_one(&change, version, on_issue, context, reterr_problem);
	change_free(&change);
	return rc;
}

int weir_registry_find(struct weir_pipeline *p, const struct weir_registration *registration,
		       bool deleted_too, struct weir_schema_version *ret_version,
		       struct weir_problem *reterr_problem)
{
	struct change change = {.pipeline = p, .asked = registration};
	int rc = wr_null_check(registration, ret_version, reterr_problem);
	if (rc == 0)
		rc = check_asked(p, registration, reterr_problem);
	if (rc != 0)
		return rc;
	rc = change_make(&change, reterr_problem);
	uint32_t entry = rc == 0 ? find_same(&change, deleted_too) : UINT32_MAX;
	if (rc == 0 && entry == UINT32_MAX)
		rc = problem_of(reterr_problem, WEIR_E_UNKNOWN_SCHEMA, "text");
	if (rc == 0)
		wr_registry_tell(p, entry, ret_version);
	change_free(&change);
	return rc;
}

/* --- to the writer ---------------------------------------------------------------------------- */

static void write_head(struct change *c, const struct wr_schema_record *head)
{
	const char *name = c->asked->subject;
	uint32_t name_bytes = (uint32_t)strlen(name);
	uint32_t payload_bytes = WR_SCHEMA_HEAD_BYTES + c->reference_bytes + c->text_bytes;
	wr_control_write(c->record, WR_KIND_TYPE, 0, 0, name, name_bytes, head,
			 WR_SCHEMA_HEAD_BYTES);
	struct wr_record *r = (struct wr_record *)c->record;
	r->bytes = wr_control_bytes(name_bytes, payload_bytes);
	memset(c->tail + c->reference_bytes + c->text_bytes, 0,
	       wr_record_stride(r->bytes) - r->bytes);
}

static int hand_over(struct change *c, struct weir_schema_version *ret_version)
{
	struct weir_pipeline *p = c->pipeline;
	struct wr_reply reply = {0};
	int rc = wr_registry_lock(p);
	if (rc != 0)
		return rc;
	rc = wr_registry_call(p, c->record, &reply);
	if (reply.ticket != 0 && reply.code == 0) { /* it has its place, durable yet or not */
		wr_registry_keep(p, p->tables.schemas.entries[reply.detail].type, c->known);
		c->known = NULL;
	}
	wr_control_unlock(p);
	if (rc == 0)
		wr_registry_tell(p, reply.detail, ret_version);
	return rc;
}

static int register_problem(struct weir_pipeline *p, struct weir_problem *problem, int code)
{
	char text[sizeof problem->text];
	switch (code) {
	case WEIR_E_EXISTS:
		return wr_problem_set(problem, code, "id",
				      "the id or version that was asked for is taken by another "
				      "schema, or lies below the subject's last one");
	case WEIR_E_FULL:
		(void)snprintf(text, sizeof text,
			       "schemas_max (%u) or schema_bytes_max (%u) of the pipeline is "
			       "reached, or ids have come to 2^31 - 1",
			       p->options.schemas_max, p->options.schema_bytes_max);
		return wr_problem_set(problem, code, "schemas_max", text);
	case WEIR_E_UNKNOWN_NAME:
		return wr_problem_set(problem, code, "references",
				      "what it refers to was deleted meanwhile");
	default:
		return problem_of(problem, code, "");
	}
}

int weir_registry_register(struct weir_pipeline *p, const struct weir_registration *registration,
			   struct weir_schema_version *ret_version, weir_schema_issue_fn *on_issue,
			   void *context, struct weir_problem *reterr_problem)
{
	struct change change = {.pipeline = p, .asked = registration};
	int rc = wr_null_check(registration, ret_version, reterr_problem);
	if (rc == 0)
		rc = check_asked(p, registration, reterr_problem);
	if (rc != 0)
		return rc;
	rc = wr_pipeline_refused_call(p);
	if (rc != 0)
		return problem_of(reterr_problem, rc, "");
	struct wr_schema_record head = {.op = WR_SCHEMA_REGISTER,
					.format = (uint8_t)format_of(registration),
					.version = registration->version,
					.id = registration->id};
	rc = change_make(&change, reterr_problem);
	head.reference_bytes = change.reference_bytes;
	head.text_bytes = change.text_bytes;
	while (rc == 0) {
		int may = may_follow(&change, &head, NULL, NULL, reterr_problem);
		if (may == 0 && !is_there(&change)) {
			may = may_follow(&change, &head, on_issue, context, reterr_problem);
			if (may == 0)
				rc = wr_problem_set(reterr_problem, WEIR_E_INCOMPATIBLE, "text",
						    "by its level this schema must not follow "
						    "the versions of the subject");
		}
		if (may < 0)
			rc = may;
		if (rc != 0)
			break;
		write_head(&change, &head);
		rc = hand_over(&change, ret_version);
		if (rc != WEIR_E_CONFLICT) {
			rc = rc != 0 ? register_problem(p, reterr_problem, rc) : 0;
			break;
		}
		rc = 0; // the subject is another one by now
	}
	change_free(&change);
	return rc;
}

/* --- the small ones --------------------------------------------------------------------------- */

/* A record of a head alone. */
static int change_head(struct weir_pipeline *p, const char *subject, uint32_t topic,
		       const struct wr_schema_record *head, struct weir_problem *problem)
{
	_Alignas(8) uint8_t
		record[WR_RECORD_HEAD_BYTES + WR_NAME_BYTES_MAX + WR_SCHEMA_HEAD_BYTES + 16];
	struct wr_reply reply = {0};
	size_t name_bytes = subject != NULL ? strlen(subject) : 0;
	if (subject != NULL && !wr_name_valid(subject, name_bytes))
		return wr_problem_set(problem, -EINVAL, "subject",
				      "a subject's name is 1 to 200 of letters, digits, '.', '_' "
				      "and '-', and does not begin with '.'");
	int rc = wr_pipeline_refused_call(p);
	if (rc != 0)
		return problem_of(problem, rc, "");
	wr_control_write(record, WR_KIND_TYPE, topic, 0, subject, (uint32_t)name_bytes, head,
			 sizeof *head);
	rc = wr_registry_lock(p);
	if (rc == 0) {
		rc = wr_registry_call(p, record, &reply);
		wr_control_unlock(p);
	}
	return rc == -ETIMEDOUT ? problem_of(problem, rc, "") : rc;
}

int weir_registry_level_set(struct weir_pipeline *p, const char *subject, int level,
			    struct weir_problem *reterr_problem)
{
	struct wr_schema_record head = {
		.op = WR_SCHEMA_LEVEL,
		.level = level == WEIR_SCHEMA_LEVEL_OF_ALL ? WR_SCHEMA_LEVEL_NONE_OWN
							   : (uint8_t)level,
	};
	if (level > WEIR_SCHEMA_STRICT || level < WEIR_SCHEMA_LEVEL_OF_ALL ||
	    (level == WEIR_SCHEMA_LEVEL_OF_ALL && subject == NULL))
		return wr_problem_set(reterr_problem, -EINVAL, "level", "there is no such level");
	int rc = change_head(p, subject, 0, &head, reterr_problem);
	return rc == WEIR_E_FULL ? register_problem(p, reterr_problem, rc) : rc;
}

int weir_registry_delete(struct weir_pipeline *p, const char *subject, uint32_t version,
			 bool for_good, struct weir_problem *reterr_problem)
{
	struct wr_schema_record head = {.op = WR_SCHEMA_DELETE,
					.flags = for_good ? WR_SCHEMA_FOR_GOOD : 0,
					.version = version};
	if (subject == NULL)
		return wr_problem_set(reterr_problem, -EINVAL, "subject", "NULL: which one?");
	int rc = change_head(p, subject, 0, &head, reterr_problem);
	switch (rc) {
	case WEIR_E_UNKNOWN_NAME:
	case WEIR_E_FULL:
		return wr_problem_set(reterr_problem, WEIR_E_UNKNOWN_NAME, "version",
				      for_good ? "there is nothing that was deleted and is still "
						 "listed"
					       : "there is no such version that is not deleted");
	case -EBUSY:
		return wr_problem_set(reterr_problem, rc, "version",
				      for_good ? "it is not deleted yet: delete it, then delete "
						 "it for good"
					       : "a version that is not deleted refers to it");
	default:
		return rc;
	}
}

int weir_topic_schema_set(struct weir_pipeline *p, uint32_t topic,
			  const struct weir_topic_schema *schema,
			  struct weir_problem *reterr_problem)
{
	struct wr_schema_record head = {.op = WR_SCHEMA_TOPIC};
	if (schema == NULL)
		return wr_problem_set(reterr_problem, -EINVAL, "schema", "NULL");
	head.flags = (uint8_t)((schema->prefix ? WR_SCHEMA_PREFIX : 0) |
			       (schema->validate ? WR_SCHEMA_VALIDATED : 0));
	int rc = change_head(p, schema->subject, topic, &head, reterr_problem);
	switch (rc) {
	case WEIR_E_FULL:
		return register_problem(p, reterr_problem, rc);
	case WEIR_E_EXISTS:
		return wr_problem_set(reterr_problem, rc, "prefix",
				      "whether payloads have a prefix was said of this topic, and "
				      "events in the log are read by it");
	case WEIR_E_UNKNOWN_NAME:
		return wr_problem_set(reterr_problem, rc, "topic", "there is no such topic");
	default:
		return rc;
	}
}
