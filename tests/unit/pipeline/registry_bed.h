/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline with a registry, schemas of an order, and data of theirs. */
#ifndef WR_TESTS_REGISTRY_BED_H
#define WR_TESTS_REGISTRY_BED_H

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weir/registry.h>

#include "tests/support/pipeline_fixture.h"

#define ORDER(fields)                                                                              \
	"{\"type\": \"record\", \"name\": \"OrderPlaced\", \"fields\": [\n"                        \
	"{\"name\": \"id\", \"type\": \"long\"}, "                                                 \
	"{\"name\": \"item\", \"type\": \"string\"}" fields "]}"
#define NOTE ", {\"name\": \"note\", \"type\": [\"null\", \"string\"], \"default\": null}"
#define ORDER_1 ORDER("")
#define ORDER_2 ORDER(NOTE)
#define ORDER_3 ORDER(NOTE ", {\"name\": \"rush\", \"type\": \"boolean\", \"default\": false}")

static struct fixture bed;

static inline void bed_begin(int kind, uint64_t checkpoint_bytes)
{
	fixture_init(&bed, kind);
	bed.options.schemas_max = 16;
	bed.options.schema_bytes_max = 4096;
	bed.options.checkpoint_bytes = checkpoint_bytes;
	fixture_open(&bed);
}

static inline void bed_end(void)
{
	fixture_end(&bed);
}

static inline struct weir_registration bed_asks(const char *subject, const char *text)
{
	struct weir_registration r;
	weir_registration_init(&r);
	r.subject = subject;
	r.text = text;
	r.text_bytes = strlen(text);
	return r;
}

static inline struct weir_registration bed_asks_json(const char *subject, const char *text)
{
	struct weir_registration r = bed_asks(subject, text);
	r.format = WEIR_SCHEMA_FORMAT_JSON;
	return r;
}

static inline int bed_try(const char *subject, const char *text, struct weir_schema_version *ret)
{
	struct weir_registration r = bed_asks(subject, text);
	return weir_registry_register(bed.pipeline, &r, ret, NULL, NULL, NULL);
}

static inline struct weir_schema_version bed_register(const char *subject, const char *text)
{
	struct weir_schema_version version = {0};
	struct weir_registration r = bed_asks(subject, text);
	struct weir_problem why = {0};
	cr_assert_eq(weir_registry_register(bed.pipeline, &r, &version, NULL, NULL, &why), 0,
		     "%s: %s", why.field, why.text);
	return version;
}

static inline uint32_t bed_topic(const char *name, const char *subject, bool prefix, bool validate)
{
	struct weir_topic_schema follows = {
		.subject = subject, .prefix = prefix, .validate = validate};
	struct weir_topic_options o;
	uint32_t topic = 99;
	weir_topic_options_init(&o);
	o.name = name;
	o.partitions = 1;
	o.schema = &follows;
	cr_assert_eq(weir_topic_create(bed.pipeline, &o, &topic, NULL), 0);
	return topic;
}

/* A queue of the topic "orders", with dead letters. */
static inline uint32_t bed_queue(void)
{
	static const char *const topics[] = {"orders"};
	struct weir_subscription_options o;
	uint32_t queue = 99;
	(void)fixture_topic(&bed, "dead", 1);
	weir_subscription_options_init(&o);
	o.name = "queue";
	o.topics = topics;
	o.topic_count = 1;
	o.order = WEIR_ORDER_NONE;
	o.dead_letters = "dead";
	cr_assert_eq(weir_subscription_create(bed.pipeline, &o, &queue, NULL), 0);
	return queue;
}

/* An order's datum: id < 64, an item and, from version 2 on, a note (NULL: null). Its bytes. */
static inline size_t bed_order(uint8_t *to, uint32_t id, const char *item, bool noted,
			       const char *note)
{
	size_t n = 0;
	to[n++] = (uint8_t)(2 * id);
	to[n++] = (uint8_t)(2 * strlen(item));
	memcpy(to + n, item, strlen(item));
	n += strlen(item);
	if (noted)
		to[n++] = note != NULL ? 2 : 0;
	if (noted && note != NULL) {
		to[n++] = (uint8_t)(2 * strlen(note));
		memcpy(to + n, note, strlen(note));
		n += strlen(note);
	}
	return n;
}

static inline int bed_publish(uint32_t topic, uint16_t type, const void *payload, size_t bytes)
{
	struct weir_event event = {
		.topic = topic, .type = type, .payload = payload, .payload_bytes = bytes};
	return weir_publish_once(bed.pipeline, &event, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS, NULL);
}

#endif
