/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control calls: topics, subscriptions, names. Each is a record that the writer decides; the caller
 * waits until it is ordered and, with a journal, durable (L18). They share one lane, one call at a
 * time.
 */
#include <errno.h>
#include <stdio.h>

#include "core/pipeline/pipeline.h"
#include "core/pipeline/topic_retention.h"

#define NS_PER_S 1000000000ull
/* What a duration of a topic's may be: 60 years. */
#define WR_TOPIC_SECONDS_MAX (60ull * 365 * 24 * 3600)

static bool control_is_free(void *context)
{
	struct weir_pipeline *p = context;
	uint32_t free = 0;
	return wr_cas_seq(&p->control_held, &free, 1u); /* O1: who announced sees the release */
}

void wr_control_lock(struct weir_pipeline *p)
{
	wr_pipeline_stay(p); /* until the lock is given back: the call waits under it */
	while (!control_is_free(p)) {
		uint32_t word = wr_park_announce(&p->control_parker);
		if (control_is_free(p)) {
			wr_park_cancel(&p->control_parker);
			return;
		}
		wr_park_sleep(&p->control_parker, word, 10000000u);
	}
}

int wr_control_lock_for(struct weir_pipeline *p, uint64_t timeout_ns)
{
	wr_pipeline_stay(p);
	if (control_is_free(p))
		return 0;
	int rc = wr_pipeline_wait(p, &p->control_parker, control_is_free, p, timeout_ns);
	if (rc != 0)
		wr_pipeline_go(p);
	return rc;
}

void wr_control_unlock(struct weir_pipeline *p)
{
	wr_store_seq(&p->control_held, 0u); /* O1: seen by who announced before */
	wr_park_notify(&p->control_parker);
	wr_pipeline_go(p);
}

struct call {
	struct weir_pipeline *pipeline;
	const void *record;
	uint32_t bytes;
	uint64_t ticket; /* 0: not handed over yet */
	struct wr_reply reply;
};

static bool handed_over(void *context)
{
	struct call *c = context;
	struct wr_lane *lane = &c->pipeline->lanes[WR_CONTROL_LANE];
	/* Answers that callers before did not wait for would keep their places. */
	while (wr_lane_reply_peek(lane) != NULL)
		wr_lane_reply_take(lane);
	void *to = wr_lane_claim(lane, wr_record_stride(c->bytes));
	if (to == NULL)
		return false;
	memcpy(to, c->record, wr_record_stride(c->bytes));
	((struct wr_record *)to)->flags |= WR_RECORD_WANTS_REPLY;
	c->ticket = wr_lane_append(lane, wr_record_stride(c->bytes));
	wr_lane_publish(lane);
	return true;
}

static bool answered(void *context)
{
	struct call *c = context;
	struct wr_lane *lane = &c->pipeline->lanes[WR_CONTROL_LANE];
	if (wr_park_look_u64(&lane->ordered) < c->ticket) /* A3 */
		return false;
	const struct wr_reply *reply;
	/* An answer that an earlier caller did not wait for is passed over. */
	while ((reply = wr_lane_reply_peek(lane)) != NULL && reply->ticket <= c->ticket) {
		c->reply = *reply;
		wr_lane_reply_take(lane);
	}
	return true;
}

/* Everything that the answer depends on is durable (L9). */
static bool may_be_told(void *context)
{
	struct call *c = context;
	uint64_t needs = wr_max_u64(c->reply.sequence, c->reply.after_seq);
	return c->pipeline->journal == NULL ||
	       wr_park_look_u64(&c->pipeline->link.durable_seq) >= needs; /* D1 */
}

/* What of the time is left, and a look in any case. */
static uint64_t left_ns(struct weir_pipeline *p, uint64_t deadline_ns)
{
	return wr_max_u64(wr_pipeline_left_ns(p, deadline_ns), 1);
}

int wr_control_call(struct weir_pipeline *p, const void *record, uint32_t bytes,
		    struct wr_reply *ret_reply)
{
	return wr_control_call_for(p, record, bytes, WEIR_FOREVER, ret_reply);
}

int wr_control_call_for(struct weir_pipeline *p, const void *record, uint32_t bytes,
			uint64_t timeout_ns, struct wr_reply *ret_reply)
{
	struct call call = {.pipeline = p, .record = record, .bytes = bytes};
	struct wr_parker *parker = &p->lanes[WR_CONTROL_LANE].parker;
	int rc = wr_pipeline_refused(p);
	if (rc != 0)
		return rc;
	if (p->host.inside_step(p->host.context))
		return WEIR_E_AGAIN;
	uint64_t deadline = wr_pipeline_deadline_ns(p, timeout_ns);
	if (!handed_over(&call)) {
		rc = wr_pipeline_wait(p, parker, handed_over, &call, left_ns(p, deadline));
		if (rc != 0)
			return rc;
	}
	rc = wr_pipeline_wait(p, parker, answered, &call, left_ns(p, deadline));
	if (rc == 0) {
		*ret_reply = call.reply;
		rc = wr_pipeline_wait(p, parker, may_be_told, &call, left_ns(p, deadline));
	}
	return rc != 0 ? rc : call.reply.code;
}

/* ---- topics ---- */

void weir_topic_options_init(struct weir_topic_options *options)
{
	*options = (struct weir_topic_options){
		.struct_bytes = sizeof *options,
		.partitions = 1,
		.tombstone_ns = 24 * 3600 * NS_PER_S,
	};
}

static int name_problem(struct weir_problem *problem, int code)
{
	return wr_problem_set(problem, code, "name",
			      "a name is 1 to 200 of letters, digits, '.', '_' and '-', and does "
			      "not begin with '.'");
}

static const char *exists_text(struct weir_pipeline *p, uint32_t found, char *to, size_t to_bytes)
{
	const struct wr_keys_window *w = wr_keys_window(&p->tables.keys, found);
	const struct wr_topic *topic = &p->tables.catalog.topics[found];
	int n = snprintf(to, to_bytes, "the topic exists already, with %u partitions",
			 wr_topic_in_force(topic));
	if (topic->partitions != topic->made_with)
		n += snprintf(to + n, to_bytes - (size_t)n, " of %u", topic->partitions);
	if (w != NULL)
		n += snprintf(to + n, to_bytes - (size_t)n,
			      ", a window of %u idempotency keys, %llu us", w->def.keys,
			      (unsigned long long)w->def.span_us);
	const struct wr_version_topic *v = wr_versions_topic(&p->tables.versions, found);
	if (v != NULL)
		(void)snprintf(to + n, to_bytes - (size_t)n, ", versions of %u keys", v->def.keys);
	return to;
}

/* Of the limits that it may be, the one that this topic alone is beyond; NULL: none is known. */
static const char *beyond(const struct weir_pipeline *p, const struct weir_topic_options *o)
{
	if (o->idempotency_keys > p->options.idempotency_keys_max)
		return "idempotency_keys";
	return o->versioned_keys > p->options.versioned_keys_max ? "versioned_keys" : NULL;
}

static int topic_problem(struct weir_pipeline *p, const struct weir_topic_options *o,
			 struct weir_problem *problem, int code, uint32_t found)
{
	const char *field = code == WEIR_E_FULL ? beyond(p, o) : NULL;
	char text[sizeof problem->text];
	switch (code) {
	case WEIR_E_EXISTS:
		return wr_problem_set(problem, code, "", exists_text(p, found, text, sizeof text));
	case WEIR_E_FULL:
		(void)snprintf(text, sizeof text,
			       "topics_max (%u), partitions_max (%u), idempotency_keys_max (%u) or "
			       "versioned_keys_max (%u) of the pipeline is reached: open it with "
			       "more",
			       p->options.topics_max, p->options.partitions_max,
			       p->options.idempotency_keys_max, p->options.versioned_keys_max);
		break;
	default:
		(void)snprintf(text, sizeof text, "%s", weir_strerror(code));
	}
	return wr_problem_set(problem, code, field != NULL ? field : "", text);
}

/*
 * The topic's window. Its secret is drawn from what was random at this open: nobody who only
 * publishes can know it, and the record carries it on.
 */
static int window_of(struct weir_pipeline *p, const struct weir_topic_options *o,
		     struct wr_control_window *ret, struct weir_problem *problem)
{
	uint64_t secret[2];
	*ret = (struct wr_control_window){.keys = o->idempotency_keys,
					  .span_us = o->idempotency_span_ns / 1000};
	if (o->idempotency_keys == 0 && o->idempotency_span_ns == 0)
		return 0;
	if (o->idempotency_keys == 0 || o->idempotency_keys > WR_IDEMPOTENCY_KEYS_MAX)
		return wr_problem_set(problem, -EINVAL, "idempotency_keys",
				      "a window has 1 to 100,000,000 keys");
	if (o->idempotency_span_ns % 1000 != 0 || ret->span_us > WR_IDEMPOTENCY_SPAN_US_MAX)
		return wr_problem_set(problem, -EINVAL, "idempotency_span_ns",
				      "a span is of whole microseconds, ten years at most; 0: "
				      "no limit by time");
	wr_siphash128(p->host.secret, o->name, strlen(o->name), secret);
	memcpy(ret->secret, secret, sizeof ret->secret);
	return 0;
}

/* Versions of the topic's keys: their secret is another one than the window's. */
static int versions_of(struct weir_pipeline *p, const struct weir_topic_options *o,
		       struct wr_control_versions *ret, struct weir_problem *problem)
{
	uint64_t secret[2];
	*ret = (struct wr_control_versions){.keys = o->versioned_keys};
	if (o->versioned_keys > WR_VERSIONED_KEYS_MAX)
		return wr_problem_set(problem, -EINVAL, "versioned_keys",
				      "at most 50,000,000 keys of a topic have versions");
	wr_siphash128(p->host.secret, o->name, strlen(o->name) + 1, secret);
	memcpy(ret->secret, secret, sizeof ret->secret);
	return 0;
}

/* Who creates a topic again, after a crash between the two records, says it again. */
static int follow(struct weir_pipeline *p, uint32_t topic, const struct weir_topic_schema *schema,
		  struct weir_problem *problem)
{
	struct weir_topic_schema now;
	if (schema == NULL || schema->subject == NULL)
		return 0;
	int rc = weir_topic_schema(p, topic, &now);
	if (rc == 0 && now.subject != NULL && strcmp(now.subject, schema->subject) == 0 &&
	    now.prefix == schema->prefix && now.validate == schema->validate)
		return 0;
	return weir_topic_schema_set(p, topic, schema, problem);
}

static uint64_t seconds_of(uint64_t ns)
{
	return ns / NS_PER_S + (ns % NS_PER_S != 0);
}

/* What it asks for, in one word (compact.h); 0: nothing. */
static int policy_of(const struct weir_pipeline *p, const struct weir_topic_options *o,
		     uint64_t *ret_policy, struct weir_problem *problem)
{
	uint64_t lag_s = seconds_of(o->compact_lag_ns), tombstone_s = seconds_of(o->tombstone_ns);

	*ret_policy = 0;
	if (!o->compact)
		return 0;
	if (p->policies == NULL)
		return wr_problem_set(problem, -EINVAL, "compact",
				      "a topic is compacted in a journal, by a pipeline that was "
				      "opened with compaction_keys");
	if (lag_s > WR_TOPIC_SECONDS_MAX)
		return wr_problem_set(problem, -EINVAL, "compact_lag_ns", "60 years at most");
	if (tombstone_s > WR_TOPIC_SECONDS_MAX)
		return wr_problem_set(problem, -EINVAL, "tombstone_ns", "60 years at most");
	*ret_policy = wr_compact_policy(lag_s, tombstone_s);
	return 0;
}

int weir_topic_create(struct weir_pipeline *p, const struct weir_topic_options *options,
		      uint32_t *ret_topic, struct weir_problem *reterr_problem)
{
	if (wr_null_check(options, ret_topic, reterr_problem) != 0 ||
	    wr_init_check(options->struct_bytes, sizeof *options, "weir_topic_options_init",
			  reterr_problem) != 0)
		return -EINVAL;
	size_t name_bytes = options->name != NULL ? strlen(options->name) : 0;
	if (!wr_name_valid(options->name, name_bytes))
		return name_problem(reterr_problem, -EINVAL);
	int rc = wr_pipeline_refused_call(p);
	if (rc != 0)
		return wr_problem_in_words(reterr_problem, rc);
	if (options->partitions == 0 || options->partitions > p->options.partitions_max)
		return wr_problem_set(reterr_problem, -EINVAL, "partitions",
				      "a topic has 1 to partitions_max partitions");
	if (options->partitions_max != 0 && (options->partitions_max < options->partitions ||
					     options->partitions_max > p->options.partitions_max))
		return wr_problem_set(reterr_problem, -EINVAL, "partitions_max",
				      "a topic can grow to as many as it is made with, or more, up "
				      "to partitions_max of the pipeline");
	struct wr_control_window window;
	struct wr_control_versions versions;
	uint64_t policy;
	rc = policy_of(p, options, &policy, reterr_problem);
	if (rc == 0)
		rc = wr_topic_retention_check(p, options->retention_time_ns,
					      options->retention_bytes, reterr_problem);
	if (rc == 0)
		rc = window_of(p, options, &window, reterr_problem);
	if (rc == 0)
		rc = versions_of(p, options, &versions, reterr_problem);
	if (rc != 0)
		return rc;
	_Alignas(8) uint8_t record[WR_RECORD_HEAD_BYTES + WR_NAME_BYTES_MAX + 80];
	uint8_t topic[WR_TOPIC_BYTES_MAX];
	const struct wr_control_topic control = {
		.partitions = options->partitions,
		/* Who cannot grow is as it was before topics could. */
		.partitions_max =
			options->partitions_max > options->partitions ? options->partitions_max : 0,
	};
	uint32_t topic_bytes = wr_control_topic_write(&control, &window, &versions, topic);
	wr_control_write(record, WR_KIND_TOPIC, 0, 0, options->name, (uint32_t)name_bytes, topic,
			 topic_bytes);
	struct wr_reply reply = {0};
	wr_control_lock(p);
	rc = wr_control_call(p, record, ((struct wr_record *)record)->bytes, &reply);
	wr_control_unlock(p);
	if (rc != 0)
		return topic_problem(p, options, reterr_problem, rc, reply.detail);
	*ret_topic = reply.detail;
	if (policy != 0)
		wr_store_relaxed(&p->policies[reply.detail], policy);
	if (options->retention_time_ns != 0 || options->retention_bytes != 0)
		wr_topic_retention_put(p, reply.detail, options->retention_time_ns,
				       options->retention_bytes);
	return follow(p, reply.detail, options->schema, reterr_problem);
}

int weir_topic_find(struct weir_pipeline *p, const char *name, uint32_t *ret_topic)
{
	return wr_catalog_find_topic(&p->tables.catalog, name, strlen(name), ret_topic)
		       ? 0
		       : WEIR_E_UNKNOWN_NAME;
}

int weir_topic_info(struct weir_pipeline *p, uint32_t topic, const char **ret_name,
		    uint32_t *ret_partitions)
{
	if (topic >= wr_catalog_topic_count(&p->tables.catalog))
		return WEIR_E_UNKNOWN_NAME;
	if (ret_name != NULL)
		*ret_name = p->tables.catalog.topics[topic].name;
	if (ret_partitions != NULL)
		*ret_partitions = wr_topic_in_force(&p->tables.catalog.topics[topic]);
	return 0;
}

int weir_topic_versions(struct weir_pipeline *p, uint32_t topic,
			struct weir_topic_versions *ret_versions)
{
	if (topic >= wr_catalog_topic_count(&p->tables.catalog))
		return WEIR_E_UNKNOWN_NAME;
	struct wr_version_topic *v = wr_versions_topic(&p->tables.versions, topic);
	*ret_versions = (struct weir_topic_versions){0};
	if (v != NULL)
		*ret_versions = (struct weir_topic_versions){
			.keys_max = v->def.keys,
			.keys = wr_load_relaxed(&v->held),
			.conflicts = wr_load_relaxed(&v->conflicts),
		};
	return 0;
}

/* An event that expects what cannot be: the answer is what the key has. Its key is the hash. */
int weir_key_version(struct weir_pipeline *p, uint32_t topic, const void *key, size_t key_bytes,
		     uint32_t *ret_version, uint64_t *ret_sequence)
{
	const struct wr_version_option asked = {.expected = WR_VERSION_ASKED};
	_Alignas(8) uint8_t record[WR_RECORD_HEAD_BYTES + WR_OPTION_HEAD_BYTES + sizeof asked + 24];
	uint64_t hash[2];
	if (topic >= wr_catalog_topic_count(&p->tables.catalog))
		return WEIR_E_UNKNOWN_NAME;
	const struct wr_version_topic *v = wr_versions_topic(&p->tables.versions, topic);
	if (v == NULL || key == NULL || key_bytes == 0 || key_bytes > WR_KEY_BYTES_MAX)
		return -EINVAL;
	wr_siphash128(v->def.secret, key, key_bytes, hash);
	memset(record, 0, sizeof record);
	uint32_t option_bytes = wr_option_size(sizeof asked);
	uint32_t area = wr_record_option_area(option_bytes, sizeof hash);
	struct wr_record head = {
		.bytes = WR_RECORD_HEAD_BYTES + area + sizeof hash,
		.key_bytes = sizeof hash,
		.option_bytes = (uint16_t)area,
		.topic = topic,
		.kind = WR_KIND_EVENT,
		.flags = WR_RECORD_DECIDE | WR_RECORD_NULL_PAYLOAD,
	};
	memcpy(record, &head, sizeof head);
	(void)wr_option_put(record + sizeof head, WR_OPTION_EXPECTED_VERSION, &asked, sizeof asked);
	memcpy(record + sizeof head + area, hash, sizeof hash);
	struct wr_reply reply = {0};
	wr_control_lock(p);
	int rc = wr_control_call(p, record, head.bytes, &reply);
	wr_control_unlock(p);
	if (rc != WEIR_E_CONFLICT)
		return rc;
	*ret_version = reply.detail;
	if (ret_sequence != NULL)
		*ret_sequence = reply.sequence;
	return 0;
}

int weir_topic_keys(struct weir_pipeline *p, uint32_t topic, struct weir_topic_keys *ret_keys)
{
	if (topic >= wr_catalog_topic_count(&p->tables.catalog))
		return WEIR_E_UNKNOWN_NAME;
	struct wr_keys_window *w = wr_keys_window(&p->tables.keys, topic);
	*ret_keys = (struct weir_topic_keys){0};
	if (w != NULL)
		*ret_keys = (struct weir_topic_keys){
			.keys_max = w->def.keys,
			.span_ns = w->def.span_us * 1000,
			.keys = wr_load_relaxed(&w->held),
			.duplicates = wr_load_relaxed(&w->duplicates),
		};
	return 0;
}
