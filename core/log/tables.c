/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's tables as a whole: made, taken apart, saved in a checkpoint and loaded from one. */
#include <weir/error.h>

#include "core/base/bits.h"
#include "core/log/addressed.h"
#include "core/log/carried.h"

/* One window a topic at most. */
static struct wr_keys_limits keys_limits(const struct wr_tables_limits *l)
{
	return (struct wr_keys_limits){
		.keys_max = l->idempotency_keys_max,
		.windows_max = l->catalog.topics_max,
		.topics_max = l->catalog.topics_max,
		.run_records_max = l->run_records_max,
	};
}

static struct wr_versions_limits versions_of(const struct wr_tables_limits *l)
{
	return (struct wr_versions_limits){
		.keys_max = l->versioned_keys_max,
		.topics_max = l->catalog.topics_max,
		.run_records_max = l->run_records_max,
	};
}

static struct wr_outstanding_limits outstanding_of(const struct wr_tables_limits *limits)
{
	return (struct wr_outstanding_limits){
		.entries_max = limits->outstanding_max,
		.subscriptions_max = limits->catalog.subscriptions_max,
	};
}

static struct wr_schemas_limits schemas_of(const struct wr_tables_limits *limits)
{
	return (struct wr_schemas_limits){
		.schemas_max = limits->schemas_max,
		.bytes_max = limits->schema_bytes_max,
		.topics_max = limits->catalog.topics_max,
	};
}

static struct wr_filters_limits filters_of(const struct wr_tables_limits *limits)
{
	return (struct wr_filters_limits){
		.subscriptions_max = limits->catalog.subscriptions_max,
		.bytes_max = limits->filter_bytes_max,
	};
}

int wr_tables_init(struct wr_tables *t, struct wr_memory *memory,
		   const struct wr_tables_limits *limits)
{
	int rc = wr_catalog_init(&t->catalog, memory, &limits->catalog);
	if (rc != 0)
		return rc;
	rc = wr_producers_init(&t->producers, memory, limits->named_producers_max);
	if (rc != 0)
		goto fail_catalog;
	rc = wr_settle_init(&t->settle, memory, limits->catalog.rows_max);
	if (rc != 0)
		goto fail_producers;
	rc = wr_attempts_init(&t->attempts, memory, limits->catalog.rows_max);
	if (rc != 0)
		goto fail_settle;
	struct wr_keys_limits keys = keys_limits(limits);
	rc = wr_keys_init(&t->keys, memory, &keys);
	if (rc != 0)
		goto fail_attempts;
	struct wr_versions_limits versions = versions_of(limits);
	rc = wr_versions_init(&t->versions, memory, &versions);
	if (rc != 0)
		goto fail_keys;
	struct wr_outstanding_limits outstanding = outstanding_of(limits);
	rc = wr_outstanding_init(&t->outstanding, memory, &outstanding);
	if (rc != 0)
		goto fail_versions;
	struct wr_schemas_limits schemas = schemas_of(limits);
	rc = wr_schemas_init(&t->schemas, memory, &schemas);
	if (rc != 0)
		goto fail_outstanding;
	struct wr_filters_limits filters = filters_of(limits);
	rc = wr_filters_init(&t->filters, memory, &filters);
	if (rc != 0)
		goto fail_schemas;
	rc = wr_erasures_init(&t->erasures, memory, limits->erasures_max);
	if (rc != 0)
		goto fail_filters;
	rc = wr_lengths_init(&t->lengths, memory, limits->catalog.subscriptions_max,
			     limits->catalog.topics_max);
	if (rc != 0)
		goto fail_erasures;
	return 0;

fail_erasures:
	wr_erasures_fini(&t->erasures, memory);
fail_filters:
	wr_filters_fini(&t->filters, memory);
fail_schemas:
	wr_schemas_fini(&t->schemas, memory);
fail_outstanding:
	wr_outstanding_fini(&t->outstanding, memory);
fail_versions:
	wr_versions_fini(&t->versions, memory);
fail_keys:
	wr_keys_fini(&t->keys, memory);
fail_attempts:
	wr_attempts_fini(&t->attempts, memory);
fail_settle:
	wr_settle_fini(&t->settle, memory);
fail_producers:
	wr_producers_fini(&t->producers, memory);
fail_catalog:
	wr_catalog_fini(&t->catalog, memory);
	return rc;
}

void wr_tables_fini(struct wr_tables *t, struct wr_memory *memory)
{
	wr_keys_fini(&t->keys, memory);
	wr_versions_fini(&t->versions, memory);
	wr_schemas_fini(&t->schemas, memory);
	wr_filters_fini(&t->filters, memory);
	wr_erasures_fini(&t->erasures, memory);
	wr_lengths_fini(&t->lengths, memory);
	wr_outstanding_fini(&t->outstanding, memory);
	wr_attempts_fini(&t->attempts, memory);
	wr_settle_fini(&t->settle, memory);
	wr_producers_fini(&t->producers, memory);
	wr_catalog_fini(&t->catalog, memory);
}

void wr_tables_reset(struct wr_tables *t)
{
	wr_catalog_reset(&t->catalog);
	wr_producers_reset(&t->producers);
	wr_settle_reset(&t->settle);
	wr_attempts_reset(&t->attempts);
	wr_keys_reset(&t->keys);
	wr_versions_reset(&t->versions);
	wr_outstanding_reset(&t->outstanding);
	wr_schemas_reset(&t->schemas);
	wr_filters_reset(&t->filters);
	wr_erasures_reset(&t->erasures);
}

size_t wr_tables_bytes(const struct wr_tables_limits *limits)
{
	struct wr_keys_limits keys = keys_limits(limits);
	struct wr_versions_limits versions = versions_of(limits);
	struct wr_outstanding_limits outstanding = outstanding_of(limits);
	struct wr_schemas_limits schemas = schemas_of(limits);
	struct wr_filters_limits filters = filters_of(limits);
	return wr_schemas_bytes(&schemas) + wr_filters_table_bytes(&filters) +
	       wr_erasures_bytes(limits->erasures_max) + wr_keys_bytes(&keys) +
	       wr_lengths_bytes(limits->catalog.subscriptions_max, limits->catalog.topics_max) +
	       wr_versions_bytes(&versions) + wr_outstanding_bytes(&outstanding) +
	       wr_catalog_bytes(&limits->catalog) +
	       limits->named_producers_max * sizeof(struct wr_producer_row) +
	       wr_attempts_bytes(limits->catalog.rows_max) +
	       limits->catalog.rows_max * sizeof(struct wr_settle_row);
}

uint64_t wr_tables_keys_bytes_max(const struct wr_tables_limits *limits)
{
	struct wr_keys_limits keys = keys_limits(limits);
	struct wr_versions_limits versions = versions_of(limits);
	return wr_keys_save_bytes_max(&keys) + wr_versions_save_bytes_max(&versions);
}

uint64_t wr_tables_capture(struct wr_tables *t)
{
	t->captured_keys_bytes = wr_keys_capture(&t->keys);
	return t->captured_keys_bytes + wr_versions_capture(&t->versions);
}

void wr_tables_copy(void *context, uint64_t at, uint8_t *to, uint32_t bytes)
{
	struct wr_tables *t = context;
	uint64_t keys_end = t->captured_keys_bytes;
	uint32_t piece = at < keys_end ? (uint32_t)wr_min_u64(bytes, keys_end - at) : 0;
	if (piece > 0)
		wr_keys_copy(&t->keys, at, to, piece);
	if (piece < bytes)
		wr_versions_copy(&t->versions, at + piece - keys_end, to + piece, bytes - piece);
}

size_t wr_tables_save_rare_bytes_max(const struct wr_tables_limits *limits)
{
	struct wr_outstanding_limits outstanding = outstanding_of(limits);
	return wr_attempts_save_bytes_max(limits->catalog.rows_max) +
	       wr_addressed_save_bytes_max(limits->catalog.rows_max) +
	       wr_carried_save_bytes_max(&outstanding);
}

size_t wr_tables_save_bytes_max(const struct wr_tables_limits *limits)
{
	struct wr_filters_limits filters = filters_of(limits);
	struct wr_outstanding_limits outstanding = outstanding_of(limits);
	struct wr_schemas_limits schemas = schemas_of(limits);
	return wr_schemas_save_bytes_max(&schemas) + wr_filters_save_bytes_max(&filters) +
	       wr_tables_save_rare_bytes_max(limits) +
	       wr_erasures_save_bytes_max(limits->erasures_max) + WR_KEYS_CLOCK_BYTES +
	       wr_catalog_save_bytes_max(&limits->catalog) +
	       wr_outstanding_save_bytes_max(&outstanding) +
	       wr_producers_save_bytes_max(limits->named_producers_max) +
	       wr_settle_save_bytes_max(limits->catalog.rows_max);
}

void wr_tables_save(struct wr_tables *t, struct wr_sink *sink)
{
	wr_tables_save_small(t, sink);
	wr_keys_save(&t->keys, sink);
	wr_versions_save(&t->versions, sink);
}

void wr_tables_save_small(struct wr_tables *t, struct wr_sink *sink)
{
	wr_catalog_save(&t->catalog, sink);
	wr_producers_save(&t->producers, sink);
	wr_settle_save(&t->settle, sink);
	size_t before = sink->used_bytes;
	wr_addressed_save(&t->settle, sink);
	wr_attempts_save(&t->attempts, t->settle.rows_used, sink);
	t->saved_rare_bytes = sink->used_bytes - before;
	wr_keys_clock_save(&t->keys, sink);
	wr_outstanding_save(&t->outstanding, &t->catalog, sink);
	before = sink->used_bytes;
	wr_carried_save(&t->outstanding, &t->catalog, sink);
	t->saved_rare_bytes += sink->used_bytes - before;
	wr_schemas_save(&t->schemas, sink);
	wr_filters_save(&t->filters, sink);
	wr_erasures_save(&t->erasures, sink);
	if (t->filters.copying > 0)
		wr_catalog_save_made(&t->catalog, sink);
}

int wr_tables_load(struct wr_tables *t, uint32_t module, uint32_t version, uint32_t part,
		   const uint8_t *bytes, uint32_t length_bytes)
{
	(void)part;
	switch (module) {
	case WR_SECTION_CATALOG:
		return wr_catalog_load(&t->catalog, version, bytes, length_bytes);
	case WR_SECTION_PRODUCERS:
		return wr_producers_load(&t->producers, version, bytes, length_bytes);
	case WR_SECTION_SETTLE:
		return wr_settle_load(&t->settle, version, bytes, length_bytes);
	case WR_SECTION_ADDRESSED:
		return wr_addressed_load(&t->settle, version, bytes, length_bytes);
	case WR_SECTION_ATTEMPTS:
		return wr_attempts_load(&t->attempts, version, t->settle.rows_used, bytes,
					length_bytes);
	case WR_SECTION_APPEND_CLOCK:
		return wr_keys_clock_load(&t->keys, version, bytes, length_bytes);
	case WR_SECTION_KEYS:
		return wr_keys_load(&t->keys, wr_catalog_topic_count(&t->catalog), version, bytes,
				    length_bytes);
	case WR_SECTION_VERSIONS:
		return wr_versions_load(&t->versions, wr_catalog_topic_count(&t->catalog), version,
					bytes, length_bytes);
	case WR_SECTION_SCHEMAS:
		return wr_schemas_load(&t->schemas, version, wr_catalog_topic_count(&t->catalog),
				       bytes, length_bytes);
	case WR_SECTION_FILTERS:
		return wr_filters_load(&t->filters, wr_catalog_subscription_count(&t->catalog),
				       version, bytes, length_bytes);
	case WR_SECTION_ERASURES:
		return wr_erasures_load(&t->erasures, version, wr_catalog_topic_count(&t->catalog),
					bytes, length_bytes);
	case WR_SECTION_MADE:
		return wr_catalog_load_made(&t->catalog, version, bytes, length_bytes);
	case WR_SECTION_OUTSTANDING:
		return wr_outstanding_load(&t->outstanding, &t->catalog, version, bytes,
					   length_bytes);
	case WR_SECTION_CARRIED:
		return wr_carried_load(&t->outstanding, &t->catalog, version, bytes, length_bytes);
	default:
		return WEIR_E_FORMAT;
	}
}
