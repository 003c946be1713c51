/* SPDX-License-Identifier: Apache-2.0 */
/* Making filters of all kinds, and asking one of them. */
#include "core/route/filter.h"

#include <errno.h>
#include <string.h>

#include "core/route/hash_term.h"
#include "core/route/topic_key.h"

static struct weir_filter *filter_new(enum weir_filter_kind kind,
				      const struct weir_allocator *allocator)
{
	struct weir_filter *filter =
		allocator->alloc(allocator->context, sizeof *filter, _Alignof(max_align_t));
	if (filter == NULL)
		return NULL;
	*filter = (struct weir_filter){.kind = kind};
	wr_arena_init(&filter->arena, allocator);
	return filter;
}

static int finish(struct weir_filter *filter, int rc, struct weir_filter **ret_filter,
		  struct weir_problem *problem)
{
	if (rc == 0) {
		*ret_filter = filter;
		return 0;
	}
	weir_filter_destroy(filter);
	return rc == -ENOMEM ? wr_route_refuse(problem, rc, "", 0, "there is no memory") : rc;
}

static int compile(struct weir_filter *filter, struct weir_problem *problem)
{
	switch (filter->kind) {
	case WEIR_FILTER_FANOUT:
	case WEIR_FILTER_DIRECT:
		return 0;
	case WEIR_FILTER_TOPIC:
		if (filter->pattern_bytes <= WR_TOPIC_KEY_BYTES_MAX)
			return 0;
		return wr_route_refuse(problem, -EINVAL, "binding key", 11,
				       "a binding key has at most %u bytes; this one has %zu",
				       WR_TOPIC_KEY_BYTES_MAX, filter->pattern_bytes);
	case WEIR_FILTER_HEADERS:
		return wr_route_compile_headers(filter, problem);
	default:
		return wr_route_compile_json(filter, problem);
	}
}

int wr_filter_create(enum weir_filter_kind kind, const void *pattern, size_t pattern_bytes,
		     const struct weir_allocator *allocator, struct weir_filter **ret_filter,
		     struct weir_problem *problem)
{
	struct wr_hash_term term;
	if (kind == WEIR_FILTER_HASH) {
		int bad = wr_hash_term_read(pattern, pattern_bytes, &term, problem);
		/* Alone in its ring it has all of it. */
		return bad != 0 ? bad
				: wr_filter_create(WEIR_FILTER_FANOUT, NULL, 0, allocator,
						   ret_filter, problem);
	}
	if (kind < WEIR_FILTER_FANOUT || kind > WEIR_FILTER_EVENTBRIDGE_HEADERS)
		return wr_route_refuse(problem, -EINVAL, "kind", 4,
				       "%d is none of enum weir_filter_kind", (int)kind);
	if (pattern_bytes > WEIR_PATTERN_BYTES_MAX)
		return wr_route_refuse(problem, WEIR_E_TOO_BIG, "", 0,
				       "a pattern has at most %u bytes; this one has %zu",
				       WEIR_PATTERN_BYTES_MAX, pattern_bytes);
	struct weir_filter *filter = filter_new(kind, allocator);
	if (filter == NULL)
		return wr_route_refuse(problem, -ENOMEM, "", 0, "there is no memory");
	filter->pattern_bytes = kind == WEIR_FILTER_FANOUT ? 0 : pattern_bytes;
	filter->pattern = wr_arena_copy(&filter->arena, pattern, filter->pattern_bytes);
	return finish(filter, filter->pattern == NULL ? -ENOMEM : compile(filter, problem),
		      ret_filter, problem);
}

int wr_filter_create_headers(const struct weir_typed_header *arguments, size_t count,
			     const struct weir_allocator *allocator,
			     struct weir_filter **ret_filter, struct weir_problem *problem)
{
	struct weir_filter *filter = filter_new(WEIR_FILTER_HEADERS, allocator);
	if (filter == NULL)
		return wr_route_refuse(problem, -ENOMEM, "", 0, "there is no memory");
	return finish(filter, wr_route_take_arguments(filter, arguments, count, problem),
		      ret_filter, problem);
}

void weir_filter_destroy(struct weir_filter *filter)
{
	if (filter == NULL)
		return;
	struct weir_allocator allocator = filter->arena.allocator;
	wr_arena_fini(&filter->arena);
	allocator.free(allocator.context, filter, sizeof *filter);
}

enum weir_filter_kind weir_filter_kind_of(const struct weir_filter *filter)
{
	return filter->kind;
}

static int match_key(const struct weir_filter *filter, const struct weir_routed *event,
		     wr_leaf_fn *tell, void *context)
{
	const char *key = event->key != NULL ? event->key : "";
	bool is_match = true;
	if (filter->kind == WEIR_FILTER_TOPIC)
		is_match = wr_topic_key_matches(filter->pattern, filter->pattern_bytes, key,
						event->key_bytes);
	else if (filter->kind == WEIR_FILTER_DIRECT)
		is_match = filter->pattern_bytes == event->key_bytes &&
			   memcmp(filter->pattern, key, event->key_bytes) == 0;
	if (tell != NULL && filter->kind != WEIR_FILTER_FANOUT)
		tell(context, &(struct weir_leaf){.verdict = is_match ? WEIR_LEAF_MATCHED
								      : WEIR_LEAF_DIFFERENT,
						  .path = "routing key",
						  .path_bytes = 11,
						  .condition = filter->pattern,
						  .condition_bytes = filter->pattern_bytes,
						  .value = key,
						  .value_bytes = event->key_bytes});
	return is_match;
}

static int match(const struct weir_filter *filter, const struct weir_routed *event,
		 wr_leaf_fn *tell, void *context, struct weir_problem *problem)
{
	int rc;
	switch (filter->kind) {
	case WEIR_FILTER_FANOUT:
	case WEIR_FILTER_DIRECT:
	case WEIR_FILTER_TOPIC:
		return match_key(filter, event, tell, context);
	case WEIR_FILTER_HEADERS:
		return wr_route_match_headers(filter, event, tell, context);
	default:
		rc = wr_route_match_json(filter, event, tell, context, problem);
		return rc == -ENOMEM ? wr_route_refuse(problem, rc, "", 0, "there is no memory")
				     : rc;
	}
}

int weir_filter_match(const struct weir_filter *filter, const struct weir_routed *event,
		      struct weir_problem *problem)
{
	return match(filter, event, NULL, NULL, problem);
}

int weir_filter_explain(const struct weir_filter *filter, const struct weir_routed *event,
			void (*leaf)(void *context, const struct weir_leaf *leaf), void *context,
			struct weir_problem *problem)
{
	return match(filter, event, leaf, context, problem);
}
