/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One filter, one event: the plain way, which says what patterns mean. Values of the fields first,
 * then each alternative by itself.
 */
#include <errno.h>
#include <string.h>

#include "core/route/fields.h"

#define SETS_MAX (1u << 20)

/* One alternative while it is looked at. */
struct look {
	struct wr_fields *fields;
	struct wr_join join;
	bool has_join;
	struct wr_hit *hits;
	size_t hit_room;
	size_t hit_count;
	wr_leaf_fn *tell;
	void *context;
	const struct weir_filter *filter;
};

struct seen {
	const struct wr_found *decided; /* the first that matched, else the first */
	bool is_hit;
	bool is_contested; /* no value matched, but all may be in elements that are not chosen */
};

static int add_hit(struct look *l, uint32_t slot, uint32_t context)
{
	void *list = l->hits;
	if (!wr_arena_grow(&l->fields->arena, &list, &l->hit_room, l->hit_count, sizeof *l->hits))
		return -ENOMEM;
	l->hits = list;
	l->hits[l->hit_count++] = (struct wr_hit){slot, context};
	return 0;
}

/* Which values of the leaf's path match? They become hits of the slot. */
static int look_at_leaf(struct look *l, const struct wr_leaf *leaf, uint32_t slot,
			struct seen *ret_seen)
{
	struct wr_fields *f = l->fields;
	bool may_be_absent = leaf->wants_absent;
	int rc = 0;
	*ret_seen = (struct seen){0};
	for (size_t i = 0; i < f->found_count && rc == 0; i++) {
		const struct wr_found *found = &f->found[i];
		if (found->leaf != f->first_of_path[leaf->id])
			continue;
		may_be_absent = may_be_absent && found->context != 0;
		if (ret_seen->decided == NULL)
			ret_seen->decided = found;
		if (!wr_leaf_holds(leaf, &found->value))
			continue;
		if (!ret_seen->is_hit)
			ret_seen->decided = found;
		ret_seen->is_hit = true;
		rc = add_hit(l, slot, found->context);
	}
	if (!may_be_absent || rc < 0)
		return rc;
	if (ret_seen->decided == NULL) {
		ret_seen->is_hit = true;
		return add_hit(l, slot, 0);
	}
	ret_seen->is_contested = !ret_seen->is_hit;
	for (size_t i = 0; i < f->found_count && rc == 0; i++)
		if (f->found[i].leaf == f->first_of_path[leaf->id])
			rc = add_hit(l, slot | WR_HIT_IN_THE_WAY, f->found[i].context);
	return rc;
}

static bool only_absent(const struct wr_leaf *leaf)
{
	for (size_t i = 0; i < leaf->condition_count; i++)
		if (leaf->conditions[i].kind != WR_CONDITION_ABSENT)
			return false;
	return true;
}

static void tell_leaf(const struct look *l, uint32_t alternative, const struct wr_leaf *leaf,
		      const struct seen *seen, bool apart)
{
	const struct wr_found *found = seen->decided;
	struct weir_leaf told = {
		.alternative = alternative,
		.path = leaf->path,
		.path_bytes = leaf->path_bytes,
		.condition = l->filter->pattern + leaf->at,
		.condition_bytes = leaf->bytes,
		.condition_at = leaf->at,
		.verdict = WEIR_LEAF_MATCHED,
	};
	if (apart && !seen->is_contested)
		told.verdict = WEIR_LEAF_APART;
	else if (!seen->is_hit)
		told.verdict = found == NULL       ? WEIR_LEAF_NO_VALUE
			       : only_absent(leaf) ? WEIR_LEAF_PRESENT
						   : WEIR_LEAF_DIFFERENT;
	if (found != NULL && found->raw != NULL) {
		told.value = found->raw;
		told.value_bytes = found->raw_bytes;
		told.value_at = found->raw_at;
	}
	l->tell(l->context, &told);
}

static int run_join(struct look *l, size_t slot_count)
{
	struct wr_fields *f = l->fields;
	if (!l->has_join) {
		size_t contexts = f->context_count + f->array_count + 1;
		size_t sets = contexts * 16 + 1024;
		uint32_t set_max = (uint32_t)(sets < SETS_MAX ? sets : SETS_MAX);
		if (contexts > UINT32_MAX / 8)
			return WEIR_E_TOO_BIG;
		void *memory =
			wr_arena_take(&f->arena, wr_join_bytes((uint32_t)contexts, set_max), 1);
		if (memory == NULL)
			return -ENOMEM;
		wr_join_place(&l->join, memory, (uint32_t)contexts, set_max);
		l->has_join = true;
	}
	int rc = wr_join_run(&l->join, f->contexts, l->hits, l->hit_count, slot_count);
	if (rc == WEIR_E_TOO_BIG)
		return wr_route_refuse(f->problem, rc, "payload", 7,
				       "too many array elements of the event matter to this "
				       "pattern at once");
	return rc;
}

/* The join failed. Would it have, without the values that are in the way of absences? */
static int are_apart(struct look *l, size_t slot_count)
{
	for (size_t i = 0; i < l->hit_count; i++)
		if ((l->hits[i].slot & WR_HIT_IN_THE_WAY) != 0)
			l->hits[i] = (struct wr_hit){l->hits[i].slot & ~WR_HIT_IN_THE_WAY, 0};
	int rc = run_join(l, slot_count);
	return rc < 0 ? rc : rc == 0;
}

static int look_at_alternative(struct look *l, uint32_t number)
{
	const struct wr_alternative *a = &l->filter->alternatives[number];
	struct seen seen[WEIR_PATTERN_FIELDS_MAX];
	bool all = true, contested = false;
	int rc = 0, apart = 0;
	l->hit_count = 0;
	for (size_t i = 0; i < a->leaf_count && (all || l->tell != NULL); i++) {
		uint32_t slot = a->ranks != NULL ? a->ranks[i] : (uint32_t)i;
		rc = look_at_leaf(l, a->leaves[i], slot, &seen[i]);
		if (rc < 0)
			return rc;
		all = all && (seen[i].is_hit || seen[i].is_contested);
		contested = contested || seen[i].is_contested;
	}
	rc = all ? run_join(l, a->leaf_count) : 0;
	if (l->tell == NULL || rc < 0)
		return rc;
	if (all && rc == 0)
		apart = contested ? are_apart(l, a->leaf_count) : 1;
	for (size_t i = 0; i < a->leaf_count && apart >= 0; i++) {
		if (seen[i].is_contested && rc == 1)
			seen[i] = (struct seen){.is_hit = true};
		tell_leaf(l, number, a->leaves[i], &seen[i], apart == 1);
	}
	return apart < 0 ? apart : rc;
}

int wr_route_match_json(const struct weir_filter *filter, const struct weir_routed *event,
			wr_leaf_fn *tell, void *context, struct weir_problem *problem)
{
	struct wr_fields fields;
	struct look l = {.fields = &fields, .tell = tell, .context = context, .filter = filter};
	int result = 0;
	int rc = wr_fields_init(&fields, filter, problem);
	if (rc == 0)
		rc = wr_filter_asks_headers(filter) ? wr_fields_read_attributes(&fields, event)
						    : wr_fields_read_payload(&fields, event);
	if (rc == -EINVAL && filter->kind == WEIR_FILTER_SNS_BODY) {
		if (problem != NULL)
			*problem = (struct weir_problem){0};
		wr_fields_fini(&fields);
		return 0;
	}
	for (uint32_t i = 0; rc > 0 && i < filter->alternative_count; i++) {
		int one = look_at_alternative(&l, i);
		if (one < 0)
			rc = one;
		else if (one > 0)
			result = 1;
		if (result > 0 && tell == NULL)
			break;
	}
	wr_fields_fini(&fields);
	return rc < 0 ? rc : result;
}
