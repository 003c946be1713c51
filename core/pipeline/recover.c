/* SPDX-License-Identifier: Apache-2.0 */
/* What recovery finds in a journal goes into the tables, and what does not fit them is told. */
#include <errno.h>
#include <stdio.h>

#include "core/pipeline/redrive.h"

struct feed {
	struct weir_pipeline *pipeline;
	const char *short_option; /* the table that is too small for this journal; NULL: none is */
	uint32_t lacking_jobs;    /* for so many there is no room; 0: it is something else */
};

/* The log is right and the tables are too small for it: that is no damage. */
static int table_is_short(struct feed *feed, const char *option)
{
	feed->short_option = option;
	return -EINVAL;
}

/* Which limit a definition does not fit into. */
static const char *short_catalog(struct weir_pipeline *p, bool subscription)
{
	if (subscription)
		return "subscriptions_max";
	return wr_catalog_topic_count(&p->tables.catalog) >= p->options.topics_max
		       ? "topics_max"
		       : "partitions_max";
}

/* Subscriptions on record, and those of jobs among them: whether the program has planned the others
 * and there is room for the jobs'. 0, or -EINVAL. */
static int check_room(struct feed *feed, uint32_t count, uint32_t jobs)
{
	const struct wr_redrive_room *room = &feed->pipeline->redrive_room;
	if (room->is_over)
		return 0;
	bool is_planned =
		count - jobs <= feed->pipeline->options.subscriptions_max - room->subscriptions;
	if (is_planned && jobs <= room->subscriptions)
		return 0;
	feed->lacking_jobs = is_planned ? jobs : 0;
	return table_is_short(feed, "subscriptions_max");
}

/* Of the record of a subscription, with the answer to it. */
static int check_subscription(struct feed *feed, const struct wr_record_view *view, int rc)
{
	struct wr_catalog *c = &feed->pipeline->tables.catalog;
	struct wr_control_subscription def;
	bool is_more = rc == WEIR_E_FULL && wr_control_subscription_read(view, &def);
	uint32_t jobs = wr_catalog_redrive_count(c);
	if (is_more &&
	    wr_catalog_is_redrive(c, view->key, view->head->key_bytes, def.topics, def.topic_count))
		jobs++;
	return check_room(feed, wr_catalog_subscription_count(c) + (is_more ? 1 : 0), jobs);
}

/* A subscription that is made with a filter for which there is no room. */
static bool lacks_filter_bytes(struct weir_pipeline *p, const struct wr_record_view *view)
{
	uint32_t id = wr_catalog_subscription_count(&p->tables.catalog);
	uint32_t bytes;
	return view->head->kind == WR_KIND_SUBSCRIPTION && id < p->options.subscriptions_max &&
	       wr_control_subscription_filter(view, &bytes) != NULL &&
	       wr_filters_fit(&p->tables.filters, id, bytes, 0) != 0;
}

static const char *short_table(struct weir_pipeline *p, const struct wr_record_view *view)
{
	struct wr_control_window window = {0};
	struct wr_control_versions versions = {0};
	if (view->head->kind == WR_KIND_TOPIC) {
		wr_control_window_read(view, &window);
		wr_control_versions_read(view, &versions);
	}
	if (window.keys > 0 && !wr_keys_fit(&p->tables.keys, window.keys))
		return "idempotency_keys_max";
	if (versions.keys > 0 && !wr_versions_fit(&p->tables.versions, versions.keys))
		return "versioned_keys_max";
	if (lacks_filter_bytes(p, view))
		return "filter_bytes_max";
	return short_catalog(p, view->head->kind == WR_KIND_SUBSCRIPTION);
}

/* Versions and subjects, or their texts: what is full. */
static const char *short_schemas(struct weir_pipeline *p)
{
	struct wr_schemas *s = &p->tables.schemas;
	return p->options.schemas_max == 0 || wr_schemas_type_count(s) >= p->options.schemas_max ||
			       wr_schemas_entry_count(s) >= p->options.schemas_max ||
			       wr_schemas_subject_count(s) >= p->options.schemas_max
		       ? "schemas_max"
		       : "schema_bytes_max";
}

static int feed_section(void *context, uint32_t module, uint32_t version, uint32_t part,
			const uint8_t *bytes, uint32_t length_bytes)
{
	struct feed *feed = context;
	struct weir_pipeline *p = feed->pipeline;
	int rc = wr_tables_load(&p->tables, module, version, part, bytes, length_bytes);
	/* Unless it is topics that are too many: those come first. */
	if (module == WR_SECTION_CATALOG && (rc == 0 || rc == WEIR_E_FULL)) {
		struct wr_catalog *c = &p->tables.catalog;
		int short_rc = check_room(feed, c->loaded_count, c->loaded_jobs);
		if (short_rc != 0)
			return short_rc;
	}
	if (rc != WEIR_E_FULL)
		return rc;
	if (module == WR_SECTION_PRODUCERS)
		return table_is_short(feed, "named_producers_max");
	if (module == WR_SECTION_KEYS)
		return table_is_short(feed, "idempotency_keys_max");
	if (module == WR_SECTION_VERSIONS)
		return table_is_short(feed, "versioned_keys_max");
	if (module == WR_SECTION_SCHEMAS)
		return table_is_short(feed, short_schemas(p));
	if (module == WR_SECTION_OUTSTANDING)
		return table_is_short(feed, "outstanding_max");
	if (module == WR_SECTION_FILTERS)
		return table_is_short(feed, "filter_bytes_max");
	/* Topics come before subscriptions, rows of subscriptions in a section behind both. */
	uint32_t subscription_count = wr_catalog_subscription_count(&p->tables.catalog);
	bool subscription =
		module == WR_SECTION_SETTLE || subscription_count >= p->options.subscriptions_max;
	return table_is_short(feed, short_catalog(p, subscription));
}

static void feed_reset(void *context)
{
	struct feed *feed = context;
	wr_tables_reset(&feed->pipeline->tables);
}

static int feed_record(void *context, uint64_t seq, uint32_t epoch, uint64_t time_us,
		       const struct wr_record_view *view)
{
	struct feed *feed = context;
	struct weir_pipeline *p = feed->pipeline;
	struct wr_undo none = {0};
	struct wr_decision decision;
	(void)epoch;
	p->tables.now_us = time_us;
	int rc = wr_decide(&p->tables, &none, view, seq, true, &decision);
	if (view->head->kind == WR_KIND_SUBSCRIPTION && (rc == 0 || rc == WEIR_E_FULL)) {
		int short_rc = check_subscription(feed, view, rc);
		if (short_rc != 0)
			return short_rc;
	}
	if (rc != WEIR_E_FULL)
		return rc;
	if (view->head->kind == WR_KIND_PRODUCER)
		return table_is_short(feed, "named_producers_max");
	if (view->head->kind == WR_KIND_HANDOUT_MARK)
		return table_is_short(feed, "outstanding_max");
	if (view->head->kind == WR_KIND_TYPE)
		return table_is_short(feed, short_schemas(p));
	if (view->head->kind == WR_KIND_FILTER)
		return table_is_short(feed, "filter_bytes_max");
	return table_is_short(feed, short_table(p, view));
}

/* *ret_jobs: 0, or it failed for lack of room for so many of them, and changed nothing. */
static int recover(struct weir_pipeline *p, uint32_t *ret_jobs, struct weir_problem *problem)
{
	const struct weir_options *o = &p->options;
	struct wr_recovery_options options = {
		.chunk_bytes = o->chunk_bytes,
		.segment_bytes = o->segment_bytes,
		.segments_max = o->segments_max,
		.chain_secret = p->host.chain_secret,
	};
	struct feed feed = {.pipeline = p};
	struct wr_recovery_sink sink = {
		.section = feed_section,
		.reset = feed_reset,
		.record = feed_record,
		.context = &feed,
	};
	char text[sizeof problem->text];
	memcpy(options.new_uuid, p->host.new_uuid, sizeof options.new_uuid);
	uint64_t began = wr_clock_mono_ns(p->host.clock);
	int rc = wr_recovery_run(p->host.storage, p->host.memory, p->host.clock, &options, &sink,
				 &p->segments, &p->recovered, &p->recovery, problem);
	*ret_jobs = feed.lacking_jobs;
	if (rc != 0 && feed.short_option != NULL) {
		(void)snprintf(text, sizeof text,
			       "this journal defines more than %s allows: nothing was changed, "
			       "open it with a larger one",
			       feed.short_option);
		return wr_problem_set(problem, rc, feed.short_option, text);
	}
	if (rc != 0)
		return rc;
	p->recovery_ns = wr_clock_mono_ns(p->host.clock) - began;
	if (p->recovered.superblock.chunk_bytes != o->chunk_bytes) {
		(void)snprintf(text, sizeof text,
			       "this journal has chunks of %u bytes, and keeps them: set "
			       "chunk_bytes to that",
			       p->recovered.superblock.chunk_bytes);
		return wr_problem_set(problem, -EINVAL, "chunk_bytes", text);
	}
	return 0;
}

int wr_pipeline_recover(struct weir_pipeline *p, struct weir_problem *problem)
{
	uint32_t jobs;
	int rc = recover(p, &jobs, problem);
	while (rc != 0 && jobs > 0) {
		*problem = (struct weir_problem){.code = 0};
		rc = wr_redrive_make_room(p, jobs);
		jobs = 0;
		if (rc == 0)
			rc = recover(p, &jobs, problem);
	}
	return rc;
}
