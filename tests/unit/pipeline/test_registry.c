/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: subjects, versions and ids are what the log says: the same schema has one id for ever, what
 * the level forbids is not registered, and after a restart, from a checkpoint and from the records
 * alone, everything is as it was; a topic that follows a subject takes nothing else. Rules: L2,
 * L15, L18.
 *
 * Method: single cases on a pipeline with a journal; every case of STRICT; threads that register
 * beside one another; restarts that drop what was not told.
 */
#include <pthread.h>

#include "core/pipeline/pipeline.h"
#include "tests/unit/pipeline/registry_bed.h"

static void setup(void)
{
	bed_begin(FIXTURE_DURABLE, 1u << 30);
}

TestSuite(registry, .init = setup, .fini = bed_end, .timeout = 60);

Test(registry, a_schema_has_one_id_in_all_subjects_and_its_own_version_in_each)
{
	struct weir_schema_version a = bed_register("orders", ORDER_1);
	struct weir_schema_version b = bed_register("orders", ORDER_2);
	struct weir_schema_version c = bed_register("copies", ORDER_2);
	struct weir_schema_version again = bed_register("orders", ORDER_1);
	cr_expect_eq(a.id, 1);
	cr_expect_eq(a.version, 1);
	cr_expect_eq(b.id, 2);
	cr_expect_eq(b.version, 2);
	cr_expect_eq(c.id, b.id);
	cr_expect_eq(c.version, 1);
	cr_expect_eq(again.id, a.id, "the same schema again");
	cr_expect_eq(again.version, 1);
	cr_expect_eq(weir_registry_at(bed.pipeline, 3, &again), WEIR_E_UNKNOWN_NAME);
	cr_assert_eq(weir_registry_version(bed.pipeline, "orders", 0, &again), 0);
	cr_expect_eq(again.version, 2, "the newest");
	cr_assert_eq(weir_registry_id(bed.pipeline, 2, &again), 0);
	cr_expect_null(memchr(again.text, ' ', again.text_bytes), "without its blanks");
	cr_expect_eq(weir_registry_id(bed.pipeline, 3, &again), WEIR_E_UNKNOWN_SCHEMA);
	cr_expect_eq(weir_registry_version(bed.pipeline, "orders", 3, &again), WEIR_E_UNKNOWN_NAME);
	cr_expect_not_null(weir_registry_schema(bed.pipeline, a.type));
}

/* Everything there is, as one text. */
static void tell_all(char *to, size_t to_bytes)
{
	struct weir_schema_version v;
	struct weir_schema_reference r;
	size_t n = 0, name_bytes;
	for (uint32_t i = 0; weir_registry_at(bed.pipeline, i, &v) == 0; i++) {
		n += (size_t)snprintf(to + n, to_bytes - n, "%s %u id %u type %u state %d %.*s ",
				      v.subject, v.version, v.id, v.type, (int)v.state,
				      (int)v.text_bytes, v.text);
		for (uint32_t k = 0;
		     weir_registry_reference(bed.pipeline, &v, k, &r, &name_bytes) == 0; k++)
			n += (size_t)snprintf(to + n, to_bytes - n, "%.*s = %s %u ",
					      (int)name_bytes, r.name, r.subject, r.version);
		n += (size_t)snprintf(to + n, to_bytes - n, "level %d\n",
				      weir_registry_level(bed.pipeline, v.subject, NULL));
	}
	cr_assert_lt(n, to_bytes);
}

static void reopen(enum weir_close_mode mode)
{
	(void)weir_close(bed.pipeline, mode, FIXTURE_LONG_NS, NULL);
	fixture_open(&bed);
}

static void fill(void)
{
	struct weir_schema_reference of = {"Address", "addresses", 1};
	struct weir_registration r;
	struct weir_schema_version v;
	cr_assert_eq(weir_registry_level_set(bed.pipeline, NULL, WEIR_SCHEMA_FULL, NULL), 0);
	cr_assert_eq(weir_registry_level_set(bed.pipeline, "orders", WEIR_SCHEMA_STRICT, NULL), 0);
	bed_register("orders", ORDER_1);
	bed_register("orders", ORDER_2);
	bed_register("addresses", "{\"type\":\"record\",\"name\":\"Address\",\"fields\":[{\"name\":"
				  "\"town\",\"type\":\"string\"}]}");
	r = bed_asks("people", "{\"type\":\"record\",\"name\":\"Person\",\"fields\":[{\"name\":"
			       "\"home\",\"type\":\"Address\"}]}");
	r.references = &of;
	r.reference_count = 1;
	cr_assert_eq(weir_registry_register(bed.pipeline, &r, &v, NULL, NULL, NULL), 0);
	r = bed_asks("imported", "\"long\"");
	r.id = 100001;
	r.version = 7;
	cr_assert_eq(weir_registry_register(bed.pipeline, &r, &v, NULL, NULL, NULL), 0);
	cr_expect_eq(v.id, 100001);
	cr_expect_eq(v.version, 7);
	cr_assert_eq(weir_registry_delete(bed.pipeline, "orders", 1, false, NULL), 0);
}

/* What an open finds is what was there, whichever way it came by it. */
static void outlives(enum weir_close_mode mode, bool with_checkpoint)
{
	static char before[8192], after[8192];
	struct weir_schema_version v;
	fill();
	tell_all(before, sizeof before);
	if (with_checkpoint) {
		uint32_t topic = fixture_topic(&bed, "filler", 1);
		struct weir_producer *producer = fixture_producer(&bed, NULL);
		fixture_wait(producer, fixture_publish(producer, topic, 1, 20000));
	}
	reopen(mode);
	if (with_checkpoint)
		cr_expect_gt(bed.pipeline->recovery.checkpoint_seq, 1);
	tell_all(after, sizeof after);
	cr_expect_str_eq(before, after);
	v = bed_register("orders", ORDER_3);
	cr_expect_eq(v.version, 3, "versions go on");
	cr_expect_eq(v.id, 100002, "and ids");
	cr_expect_eq(weir_registry_level(bed.pipeline, NULL, NULL), WEIR_SCHEMA_FULL);
	cr_expect_not_null(weir_registry_schema(bed.pipeline, v.type));
}

Test(registry, all_of_it_outlives_a_restart)
{
	outlives(WEIR_CLOSE_DRAIN, false);
}

Test(registry, all_of_it_outlives_a_crash)
{
	outlives(WEIR_CLOSE_ABORT, false);
}

Test(registry, all_of_it_stands_in_a_checkpoint)
{
	bed_end();
	bed_begin(FIXTURE_DURABLE, 1);
	outlives(WEIR_CLOSE_ABORT, true);
}

/* --- levels ----------------------------------------------------------------------------------- */

struct told {
	uint32_t count;
	enum weir_schema_issue_kind kind;
	bool has_fix;
};

static void tell(void *context, const struct weir_schema_issue *issue)
{
	struct told *told = context;
	told->kind = issue->kind;
	told->has_fix = issue->path[0] == '/' && issue->fix[0] != '\0';
	told->count++;
}

static const struct {
	const char *what;
	const char *next;
	enum weir_schema_issue_kind kind;
} forbidden[] = {
	{"a changed type, int to long too",
	 "{\"type\":\"record\",\"name\":\"T\",\"fields\":[{\"name\":\"n\",\"type\":\"long\"}]}",
	 WEIR_SCHEMA_TYPE_CHANGED},
	{"a required field taken away", "{\"type\":\"record\",\"name\":\"T\",\"fields\":[]}",
	 WEIR_SCHEMA_REQUIRED_FIELD_REMOVED},
	{"a new required field",
	 "{\"type\":\"record\",\"name\":\"T\",\"fields\":[{\"name\":\"n\",\"type\":\"int\"},"
	 "{\"name\":\"m\",\"type\":\"int\"}]}",
	 WEIR_SCHEMA_REQUIRED_FIELD_ADDED},
};

Test(registry, what_strict_forbids_is_refused_with_its_reason)
{
	bed_register("t", "{\"type\":\"record\",\"name\":\"T\",\"fields\":[{\"name\":\"n\","
			  "\"type\":\"int\"}]}");
	cr_assert_eq(weir_registry_level_set(bed.pipeline, "t", WEIR_SCHEMA_STRICT, NULL), 0);
	for (size_t i = 0; i < WR_ARRAY_COUNT(forbidden); i++) {
		struct weir_registration r = bed_asks("t", forbidden[i].next);
		struct weir_schema_version v;
		struct told told = {0}, at_check = {0};
		cr_expect_eq(weir_registry_check(bed.pipeline, &r, tell, &at_check, NULL), 0, "%s",
			     forbidden[i].what);
		cr_expect_eq(weir_registry_register(bed.pipeline, &r, &v, tell, &told, NULL),
			     WEIR_E_INCOMPATIBLE, "%s", forbidden[i].what);
		cr_expect_geq(told.count, 1, "%s", forbidden[i].what);
		cr_expect_eq(told.count, at_check.count);
		cr_expect_eq(told.kind, forbidden[i].kind, "%s: %s", forbidden[i].what,
			     weir_schema_issue_name(told.kind));
		cr_expect(told.has_fix, "%s", forbidden[i].what);
	}
	struct weir_schema_version v;
	cr_expect_eq(weir_registry_at(bed.pipeline, 1, &v), WEIR_E_UNKNOWN_NAME, "nothing came");
}

Test(registry, a_level_counts_from_when_it_is_set_and_that_of_all_is_backward)
{
	struct weir_schema_version v;
	const char *wide = "{\"type\":\"record\",\"name\":\"OrderPlaced\",\"fields\":[{\"name\":"
			   "\"id\",\"type\":\"long\"}]}";
	bool own = true;
	cr_expect_eq(weir_registry_level(bed.pipeline, NULL, NULL), WEIR_SCHEMA_BACKWARD);
	bed_register("orders", wide);
	cr_expect_eq(bed_try("orders", ORDER_1, &v), WEIR_E_INCOMPATIBLE, "item has no default");
	cr_expect_eq(weir_registry_level(bed.pipeline, "orders", &own), WEIR_SCHEMA_BACKWARD);
	cr_expect_not(own);
	cr_assert_eq(weir_registry_level_set(bed.pipeline, "orders", WEIR_SCHEMA_FORWARD, NULL), 0);
	cr_expect_eq(bed_try("orders", ORDER_1, &v), 0, "who reads the old one skips it");
	cr_assert_eq(
		weir_registry_level_set(bed.pipeline, "orders", WEIR_SCHEMA_LEVEL_OF_ALL, NULL), 0);
	cr_expect_eq(weir_registry_level(bed.pipeline, "orders", &own), WEIR_SCHEMA_BACKWARD);
	cr_expect_not(own);
	cr_expect_eq(weir_registry_level_set(bed.pipeline, NULL, 8, NULL), -EINVAL);
	cr_expect_eq(weir_registry_level_set(bed.pipeline, NULL, -1, NULL), -EINVAL);
	cr_expect_eq(weir_registry_level(bed.pipeline, "nobody", NULL), WEIR_E_UNKNOWN_NAME);
	/* What was accepted elsewhere is not held against the level. */
	struct weir_registration r = bed_asks("orders", "\"int\"");
	cr_expect_eq(weir_registry_register(bed.pipeline, &r, &v, NULL, NULL, NULL),
		     WEIR_E_INCOMPATIBLE);
	r.unchecked = true;
	cr_expect_eq(weir_registry_register(bed.pipeline, &r, &v, NULL, NULL, NULL), 0);
}

/* --- references, deleting --------------------------------------------------------------------- */

Test(registry, what_is_referred_to_stays_and_deleting_is_a_mark_first)
{
	struct weir_schema_reference of = {"Address", "addresses", 1};
	struct weir_registration r;
	struct weir_schema_version v;
	fill();
	cr_expect_eq(weir_registry_delete(bed.pipeline, "addresses", 1, false, NULL), -EBUSY);
	cr_expect_eq(weir_registry_delete(bed.pipeline, "people", 0, true, NULL), -EBUSY,
		     "not marked yet");
	cr_assert_eq(weir_registry_delete(bed.pipeline, "people", 0, false, NULL), 0);
	cr_expect_eq(weir_registry_delete(bed.pipeline, "people", 0, false, NULL),
		     WEIR_E_UNKNOWN_NAME);
	cr_assert_eq(weir_registry_delete(bed.pipeline, "people", 0, true, NULL), 0);
	cr_assert_eq(weir_registry_delete(bed.pipeline, "addresses", 1, false, NULL), 0);
	cr_assert_eq(weir_registry_version(bed.pipeline, "people", 1, &v), 0);
	cr_expect_eq(v.state, WEIR_SCHEMA_GONE);
	cr_expect_gt(v.text_bytes, 0, "who reads old events has it");
	cr_expect_eq(weir_registry_version(bed.pipeline, "people", 0, &v), WEIR_E_UNKNOWN_NAME);
	r = bed_asks("people", "{\"type\":\"record\",\"name\":\"Person2\",\"fields\":[{\"name\":"
			       "\"home\",\"type\":\"Address\"}]}");
	r.references = &of;
	r.reference_count = 1;
	cr_expect_eq(weir_registry_register(bed.pipeline, &r, &v, NULL, NULL, NULL),
		     WEIR_E_UNKNOWN_NAME, "what it refers to is deleted");
	/* Registered again it is a new version, with the id that it had. */
	uint32_t id;
	cr_assert_eq(weir_registry_version(bed.pipeline, "orders", 1, &v), 0);
	id = v.id;
	v = bed_register("orders", ORDER_1);
	cr_expect_eq(v.version, 3);
	cr_expect_eq(v.id, id);
}

Test(registry, what_is_no_schema_or_too_much_is_told)
{
	static char large[40000];
	struct weir_schema_version v;
	struct weir_registration r = bed_asks("s", "{\"type\":\"record\",\n \"name\":1}");
	struct weir_problem why = {0};
	cr_expect_eq(weir_registry_register(bed.pipeline, &r, &v, NULL, NULL, &why), -EINVAL);
	cr_expect_not_null(strstr(why.text, "line 2"), "%s", why.text);
	cr_expect_eq(bed_try("no/name", "\"int\"", &v), -EINVAL);
	cr_expect_eq(bed_try("s", "", &v), -EINVAL);
	memset(large, 'x', sizeof large - 1);
	memcpy(large, "{\"type\":\"int\",\"doc\":\"", 21);
	memcpy(large + sizeof large - 3, "\"}", 2);
	cr_expect_eq(bed_try("s", large, &v), WEIR_E_TOO_BIG);
	memcpy(large + 6000, "\"}", 3);
	r = bed_asks("s", large);
	cr_expect_eq(weir_registry_register(bed.pipeline, &r, &v, NULL, NULL, &why), WEIR_E_FULL,
		     "%s: %s", why.field, why.text);
	r = bed_asks("s", "\"int\"");
	r.id = 5;
	cr_assert_eq(weir_registry_register(bed.pipeline, &r, &v, NULL, NULL, NULL), 0);
	r = bed_asks("s", "\"long\"");
	r.id = 5;
	cr_expect_eq(weir_registry_register(bed.pipeline, &r, &v, NULL, NULL, NULL), WEIR_E_EXISTS);
	for (uint32_t i = 0; i < 15; i++) {
		char name[8];
		(void)snprintf(name, sizeof name, "s%u", i);
		bed_register(name, "\"int\"");
	}
	cr_expect_eq(bed_try("more", "\"int\"", &v), WEIR_E_FULL, "schemas_max");
	/* A pipeline with smaller tables says which. */
	(void)weir_close(bed.pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL);
	bed.options.schemas_max = 8;
	bed.pipeline = NULL;
	cr_expect_eq(weir_open(&bed.options, &bed.pipeline, &why), -EINVAL);
	cr_expect_str_eq(why.field, "schemas_max");
}

Test(registry, a_schema_with_references_is_one_value_and_what_is_too_much_is_told)
{
	static const char *const no_value[] = {"\"F\",\"F\"",
					       "{\"type\":\"fixed\",\"name\":\"G\",\"size\":1 6}",
					       "\"F\"],[\"F\"",
					       "\"F\"]",
					       "\"F\",",
					       ",\"F\"",
					       " "};
	struct weir_schema_reference of = {"F", "s0", 1};
	struct weir_schema_version v;
	struct weir_registration r;
	struct weir_problem why = {0};
	bed_end();
	fixture_init(&bed, FIXTURE_MEMORY);
	bed.options.schemas_max = 100;
	fixture_open(&bed);
	bed_register("s0", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}");
	for (size_t i = 0; i < WR_ARRAY_COUNT(no_value); i++) {
		r = bed_asks("t", no_value[i]);
		r.references = &of;
		r.reference_count = 1;
		cr_expect_eq(weir_registry_register(bed.pipeline, &r, &v, NULL, NULL, &why),
			     -EINVAL, "%s", no_value[i]);
		cr_expect_neq(why.text[0], '\0');
	}
	/* One refers to the other, until it is too many for one. */
	int rc = 0;
	for (uint32_t i = 1; i < 80 && rc == 0; i++) {
		char name[8], before[8], text[64];
		(void)snprintf(name, sizeof name, "s%u", i);
		(void)snprintf(before, sizeof before, "s%u", i - 1);
		(void)snprintf(text, sizeof text,
			       "{\"type\":\"enum\",\"name\":\"E%u\","
			       "\"symbols\":[]}",
			       i);
		of.subject = before;
		r = bed_asks(name, text);
		r.references = &of;
		r.reference_count = 1;
		why = (struct weir_problem){0};
		rc = weir_registry_register(bed.pipeline, &r, &v, NULL, NULL, &why);
	}
	cr_expect_eq(rc, WEIR_E_TOO_BIG);
	cr_expect_eq(why.code, WEIR_E_TOO_BIG);
	cr_expect_not_null(strstr(why.text, "64"), "%s", why.text);
	r = bed_asks("s0", "\"int\"");
	r.version = UINT32_MAX;
	cr_expect_eq(weir_registry_register(bed.pipeline, &r, &v, NULL, NULL, &why), -EINVAL,
		     "there would be no next one");
	cr_expect_str_eq(why.field, "version");
}

/* --- beside one another ----------------------------------------------------------------------- */

#define THREADS 3u

static void *register_some(void *context)
{
	uint64_t thread = (uint64_t)(uintptr_t)context;
	for (uint32_t i = 0; i < 4; i++) {
		char text[128];
		struct weir_schema_version v;
		/* Two of four are what the others register, too. */
		(void)snprintf(text, sizeof text, "{\"type\":\"long\",\"doc\":\"%u\"}",
			       i % 2 == 0 ? i : (uint32_t)thread * 10 + i);
		fixture_need(bed_try("shared", text, &v) == 0, "to register");
	}
	return NULL;
}

Test(registry, versions_are_given_once_whoever_registers_beside)
{
	pthread_t threads[THREADS];
	struct weir_schema_version v, other;
	uint32_t count = 0;
	for (uint64_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, register_some, (void *)(uintptr_t)i),
			     0);
	for (uint64_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (; weir_registry_at(bed.pipeline, count, &v) == 0; count++) {
		cr_expect_eq(v.version, count + 1);
		for (uint32_t k = 0; k < count; k++)
			cr_expect(weir_registry_at(bed.pipeline, k, &other) == 0 &&
				  other.id != v.id);
	}
	cr_expect_eq(count, 2 + 2 * THREADS);
}

/* --- at publish ------------------------------------------------------------------------------- */

Test(registry, a_topic_takes_only_what_its_subject_has)
{
	uint8_t order[64];
	struct weir_schema_version v = bed_register("orders", ORDER_1);
	struct weir_schema_version other = bed_register("other", "\"long\"");
	uint32_t topic = bed_topic("orders", "orders", false, false);
	struct weir_event bare = {.topic = topic, .key = "k", .key_bytes = 1};
	size_t bytes = bed_order(order, 7, "nut", false, NULL);
	cr_expect_eq(bed_publish(topic, v.type, order, bytes), 0);
	cr_expect_eq(bed_publish(topic, 0, order, bytes), WEIR_E_UNKNOWN_SCHEMA, "none");
	cr_expect_eq(bed_publish(topic, other.type, order, bytes), WEIR_E_UNKNOWN_SCHEMA,
		     "not of its subject");
	cr_expect_eq(bed_publish(topic, 9, order, bytes), WEIR_E_UNKNOWN_SCHEMA, "not there");
	cr_expect_eq(bed_publish(topic, v.type, "?", 1), 0, "it is not read");
	cr_expect_eq(
		weir_publish_once(bed.pipeline, &bare, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS, NULL),
		0, "a tombstone needs none");
	/* Marked it may still be used, gone it may not. */
	cr_assert_eq(weir_registry_delete(bed.pipeline, "orders", 1, false, NULL), 0);
	cr_expect_eq(bed_publish(topic, v.type, order, bytes), 0);
	cr_assert_eq(weir_registry_delete(bed.pipeline, "orders", 1, true, NULL), 0);
	cr_expect_eq(bed_publish(topic, v.type, order, bytes), WEIR_E_UNKNOWN_SCHEMA);
	struct weir_topic_schema follows;
	reopen(WEIR_CLOSE_ABORT);
	cr_assert_eq(weir_topic_schema(bed.pipeline, topic, &follows), 0);
	cr_expect_str_eq(follows.subject, "orders");
	cr_expect_eq(bed_publish(topic, v.type, order, bytes), WEIR_E_UNKNOWN_SCHEMA);
	follows.subject = NULL;
	cr_assert_eq(weir_topic_schema_set(bed.pipeline, topic, &follows, NULL), 0);
	cr_expect_eq(bed_publish(topic, 0, order, bytes), 0, "it follows none any more");
}

Test(registry, the_writer_refuses_what_was_in_a_lane_when_the_topic_began_to_follow)
{
	struct weir_topic_schema follows = {.subject = "orders"};
	uint64_t number = 1;
	bed_end();
	bed_begin(FIXTURE_DURABLE | FIXTURE_MANUAL, 1u << 30);
	uint32_t topic = fixture_topic(&bed, "orders", 1);
	struct weir_producer *producer = fixture_producer(&bed, NULL);
	/* As the control call goes first (L11), this is decided behind it. */
	struct weir_event event = fixture_event(topic, NULL, &number);
	uint64_t ticket;
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	cr_assert_eq(weir_topic_schema_set(bed.pipeline, topic, &follows, NULL), 0);
	cr_expect_eq(weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS),
		     WEIR_E_UNKNOWN_SCHEMA);
	cr_expect_eq(weir_publish(producer, &event, &ticket), WEIR_E_UNKNOWN_SCHEMA);
}

Test(registry, a_prefix_names_the_schema_and_a_payload_is_validated)
{
	uint8_t payload[64], *datum = payload + WEIR_SCHEMA_PREFIX_BYTES;
	struct weir_schema_version v = bed_register("orders", ORDER_1);
	struct weir_problem why = {0};
	void *to;
	uint32_t topic = bed_topic("orders", "orders", true, true);
	size_t bytes = WEIR_SCHEMA_PREFIX_BYTES + bed_order(datum, 7, "nut", false, NULL);
	weir_schema_prefix_put(payload, v.id);
	cr_expect_eq(bed_publish(topic, 0, payload, bytes), 0);
	cr_expect_eq(bed_publish(topic, v.type, payload, bytes), 0);
	cr_expect_eq(bed_publish(topic, 0, payload, bytes - 1), WEIR_E_NOT_A_DATUM, "cut");
	cr_expect_eq(bed_publish(topic, 0, payload, 3), WEIR_E_NOT_A_DATUM, "no prefix");
	struct weir_event event = {.topic = topic, .payload = payload, .payload_bytes = bytes - 1};
	cr_expect_eq(weir_event_schema_check(bed.pipeline, &event, &why), WEIR_E_NOT_A_DATUM);
	cr_expect_neq(why.text[0], '\0');
	cr_expect_eq(why.code, WEIR_E_NOT_A_DATUM);
	/* A claim is looked at when it is committed, and can be made good. */
	struct weir_producer *producer = fixture_producer(&bed, NULL);
	event = (struct weir_event){.topic = topic};
	cr_assert_eq(weir_claim(producer, &event, bytes, &to), 0);
	memcpy(to, payload, bytes);
	uint64_t ticket;
	cr_expect_eq(weir_commit(producer, bytes - 1, NULL), WEIR_E_NOT_A_DATUM);
	cr_assert_eq(weir_commit(producer, bytes, &ticket), 0);
	fixture_wait(producer, ticket);
	weir_schema_prefix_put(payload, 77);
	cr_expect_eq(bed_publish(topic, 0, payload, bytes), WEIR_E_UNKNOWN_SCHEMA);
	struct weir_topic_schema follows = {.subject = "orders"};
	cr_expect_eq(weir_topic_schema_set(bed.pipeline, topic, &follows, NULL), WEIR_E_EXISTS,
		     "what is in the log has a prefix");
	struct weir_item items[3];
	struct weir_member *member =
		fixture_member(&bed, fixture_subscription(&bed, "reader", "orders"), NULL);
	cr_assert_eq(fixture_poll(member, items, 3, 3, true), 3);
	for (uint32_t i = 0; i < 3; i++)
		cr_expect_eq(items[i].type, v.type);
}

/* --- a checkpoint that no writer wrote -------------------------------------------------------- */

/* The registry's section, with `entry` as what the second schema refers to; as it is loaded. */
static int load_reference_to(uint32_t entry)
{
	static uint8_t section[8192];
	struct wr_sink sink = {.bytes = section, .capacity_bytes = sizeof section};
	struct wr_schemas *s = &bed.pipeline->tables.schemas;
	const struct wr_schema_type *type = &s->types[2];
	wr_put_u32(s->arena + type->at, entry);
	wr_schemas_save(s, &sink);
	wr_schemas_reset(s);
	return wr_schemas_load(s, 1, 0, section + 16, wr_get_u32(section + 8));
}

Test(registry, references_of_a_checkpoint_lead_back_or_it_is_damaged)
{
	struct weir_schema_reference of = {"F", "a", 1};
	struct weir_registration r;
	struct weir_schema_version v;
	bed_end();
	bed_begin(FIXTURE_MEMORY | FIXTURE_MANUAL, 1u << 30); // nobody looks while it is changed
	bed_register("a", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}");
	r = bed_asks("b", "{\"type\":\"array\",\"items\":\"F\"}");
	r.references = &of;
	r.reference_count = 1;
	cr_assert_eq(weir_registry_register(bed.pipeline, &r, &v, NULL, NULL, NULL), 0);
	cr_expect_eq(load_reference_to(0), 0, "as it was");
	cr_expect_eq(load_reference_to(1), WEIR_E_CORRUPT, "to itself");
	cr_expect_eq(load_reference_to(2), WEIR_E_CORRUPT, "beyond");
}

/* ---- who does not wait for ever ---- */

static wr_atomic_u32 is_stuck, may_go;

static enum weir_handled stick(void *context, struct weir_member *member,
			       const struct weir_item *item)
{
	(void)context;
	(void)member;
	(void)item;
	wr_store_seq(&is_stuck, 1u);
	while (wr_load_seq(&may_go) == 0)
		fixture_sleep_ns(1000000);
	return WEIR_HANDLED_OK;
}

static void *step_until_stuck(void *unused)
{
	(void)unused;
	while (wr_load_seq(&may_go) == 0)
		(void)weir_step(bed.pipeline, 1000000);
	return NULL;
}

/* One thread steps all of it, the writer too, and sits in a handler. */
Test(registry, a_call_that_the_log_does_not_answer_ends_in_time_and_may_still_be_done)
{
	struct weir_member_options o;
	struct weir_member *member;
	struct weir_schema_version v;
	pthread_t thread;
	bed_end();
	bed_begin(FIXTURE_DURABLE | FIXTURE_MANUAL, 1u << 30);
	bed_register("orders", ORDER_1);
	uint32_t topic = fixture_topic(&bed, "work", 1);
	weir_member_options_init(&o);
	o.handler = stick;
	cr_assert_eq(weir_member_join(bed.pipeline, fixture_subscription(&bed, "hands", "work"), &o,
				      &member, NULL),
		     0);
	(void)fixture_publish(fixture_producer(&bed, NULL), topic, 0, 1);
	cr_assert_eq(pthread_create(&thread, NULL, step_until_stuck, NULL), 0);
	while (wr_load_seq(&is_stuck) == 0)
		fixture_sleep_ns(1000000);
	weir_registry_timeout_set(20000000);
	for (int i = 0; i < 20; i++) /* more than have room for their answers */
		cr_assert_eq(bed_try("orders", ORDER_2, &v), -ETIMEDOUT, "%d", i);
	cr_expect_eq(weir_registry_level_set(bed.pipeline, "orders", WEIR_SCHEMA_FULL, NULL),
		     -ETIMEDOUT);
	cr_expect_eq(weir_registry_delete(bed.pipeline, "orders", 9, false, NULL), -ETIMEDOUT);
	wr_store_seq(&may_go, 1u);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	/* All of it was done meanwhile; the schema is one that nobody has kept. */
	weir_registry_timeout_set(0);
	cr_assert_eq(bed_try("orders", ORDER_3, &v), 0);
	cr_expect_eq(v.version, 3);
	cr_assert_eq(weir_registry_version(bed.pipeline, "orders", 2, &v), 0);
	cr_expect_not_null(weir_registry_schema(bed.pipeline, v.type));
	cr_expect_eq(weir_registry_level(bed.pipeline, "orders", NULL), WEIR_SCHEMA_FULL);
}

Test(registry, a_checkpoint_with_more_versions_than_there_may_be_is_said_to_be_that)
{
	struct weir_problem why = {0};
	bed_end();
	bed_begin(FIXTURE_DURABLE, 1);
	fill();
	uint32_t topic = fixture_topic(&bed, "filler", 1);
	struct weir_producer *producer = fixture_producer(&bed, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 1, 20000));
	(void)weir_close(bed.pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL);
	bed.pipeline = NULL;
	bed.options.schemas_max = 2;
	cr_expect_eq(weir_open(&bed.options, &bed.pipeline, &why), -EINVAL);
	cr_expect_str_eq(why.field, "schemas_max");
}
