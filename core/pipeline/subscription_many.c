/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several subscriptions, or bindings, made one after the other: their filters are compiled at once,
 * before the first of them. One by one each would have those before it compiled anew.
 *
 * Which ids they will get is known, as long as nothing else is made: so this is one stay under the
 * control lock. What was compiled for a subscription that is not made after all counts for no
 * event, since no record gives it, and is taken out of the router's rules.
 *
 * Thread: the caller's.
 */
#include <errno.h>

#include "core/pipeline/subscription_filter.h"

int wr_filter_wishes_begin(struct weir_pipeline *p, struct wr_filter_wishes *wishes, uint32_t count,
			   struct weir_problem *problem)
{
	struct wr_memory *memory = p->host.memory;
	*wishes = (struct wr_filter_wishes){.count = count};
	wishes->list = memory->ops->alloc(memory, (count + 1) * sizeof *wishes->list, 64);
	wishes->pending = memory->ops->alloc(memory, (count + 1) * sizeof *wishes->pending, 64);
	if (wishes->list == NULL || wishes->pending == NULL)
		return wr_problem_set(problem, -ENOMEM, "", weir_strerror(-ENOMEM));
	return 0;
}

void wr_filter_wishes_end(struct weir_pipeline *p, struct wr_filter_wishes *wishes)
{
	struct wr_memory *memory = p->host.memory;
	size_t count = wishes->count + 1;
	for (uint32_t i = 0; wishes->list != NULL && i < wishes->count; i++)
		wr_filter_call_end(p, &wishes->list[i].call);
	if (wishes->pending != NULL)
		memory->ops->free(memory, wishes->pending, count * sizeof *wishes->pending);
	if (wishes->list != NULL)
		memory->ops->free(memory, wishes->list, count * sizeof *wishes->list);
}

/* Without a name or with one twice: which ids those behind it get is not known beforehand. */
static bool are_told_apart(const struct wr_filter_wishes *wishes)
{
	for (uint32_t i = 0; i < wishes->count; i++) {
		if (wishes->list[i].name == NULL)
			return false;
		for (uint32_t k = 0; k < i; k++)
			if (strcmp(wishes->list[i].name, wishes->list[k].name) == 0)
				return false;
	}
	return true;
}

static void list_pendings(struct weir_pipeline *p, struct wr_filter_wishes *wishes)
{
	struct wr_catalog *catalog = &p->tables.catalog;
	struct wr_rules_pendings *to = &wishes->pendings;
	uint32_t next = wr_catalog_subscription_count(catalog);
	to->list = wishes->pending;
	for (uint32_t i = 0; i < wishes->count; i++) {
		const struct wr_filter_wish *w = &wishes->list[i];
		uint32_t id = next;
		bool exists = wr_catalog_find_subscription(catalog, w->name, strlen(w->name), &id);
		next += exists ? 0 : 1;
		if (id >= p->options.subscriptions_max)
			return; /* it will be refused */
		const struct wr_subscription *s = &catalog->subscriptions[id];
		if (!w->has_filter || (exists && wr_filter_call_is_the_same(p, &w->call, id)))
			continue;
		wishes->pending[to->count++] = (struct wr_rules_pending){
			.subscription = id,
			.bytes = w->call.filter,
			.length_bytes = w->call.filter_bytes,
			.topics = exists ? s->topics : w->topics,
			.topic_count = exists ? s->topic_count : w->topic_count,
		};
	}
}

int wr_filter_wishes_compile(struct weir_pipeline *p, struct wr_filter_wishes *wishes,
			     struct weir_problem *problem)
{
	if (!are_told_apart(wishes))
		return 0;
	list_pendings(p, wishes);
	if (wishes->pendings.count < 2)
		return 0;
	if (wr_filters_compile(p, &wishes->pendings, NULL) == 0)
		p->router.ahead = &wishes->pendings;
	int rc = wr_pipeline_refused(p);
	return rc == 0 ? 0 : wr_problem_set(problem, rc, "", weir_strerror(rc));
}

void wr_filter_wishes_settle(struct weir_pipeline *p, bool all)
{
	const struct wr_rules_pendings nothing = {0};
	bool has = p->router.ahead != NULL;
	p->router.ahead = NULL;
	/* Where there is no memory for that they stay, and count for nothing. */
	if (has && !all && wr_pipeline_refused(p) == 0)
		(void)wr_filters_compile(p, &nothing, NULL);
}

/* ---- subscriptions ---- */

/* What can be said of it before it is made. A topic that is not there it says itself. */
static void wish(struct weir_pipeline *p, const struct weir_subscription_options *o,
		 struct wr_filter_wish *w)
{
	w->has_filter = o->filter != NULL;
	w->topic_count = o->topic_count;
	for (uint32_t i = 0; i < o->topic_count; i++)
		if (weir_topic_find(p, o->topics[i], &w->topics[i]) != 0)
			return;
	w->name = o->name;
}

static int make_all(struct weir_pipeline *p, const struct weir_subscription_options *list,
		    struct wr_filter_wishes *wishes, uint32_t *ret_ids, uint32_t *ret_index,
		    struct weir_problem *problem)
{
	uint32_t i;
	wr_control_lock(p);
	for (i = 0; i < wishes->count; i++)
		wish(p, &list[i], &wishes->list[i]);
	int rc = wr_filter_wishes_compile(p, wishes, problem);
	for (i = 0; rc == 0 && i < wishes->count; i += rc == 0 ? 1 : 0)
		rc = wr_subscription_make(p, &list[i], &wishes->list[i].call,
					  list[i].filter != NULL, &ret_ids[i], problem);
	wr_filter_wishes_settle(p, rc == 0);
	wr_control_unlock(p);
	*ret_index = i;
	return rc;
}

int weir_subscriptions_create(struct weir_pipeline *p, const struct weir_subscription_options *list,
			      uint32_t count, uint32_t *ret_ids, uint32_t *ret_index,
			      struct weir_problem *reterr_problem)
{
	struct wr_filter_wishes wishes;
	uint32_t i = 0;
	if (count == 0)
		return 0;
	int rc = wr_null_check(list, ret_ids, reterr_problem);
	if (rc != 0)
		return rc;
	rc = wr_pipeline_refused_call(p);
	if (rc != 0)
		return wr_problem_set(reterr_problem, rc, "", weir_strerror(rc));
	rc = wr_filter_wishes_begin(p, &wishes, count, reterr_problem);
	for (; rc == 0 && i < count; i += rc == 0 ? 1 : 0) {
		rc = wr_subscription_check(p, &list[i], reterr_problem);
		if (rc == 0)
			rc = wr_filter_call_begin(p, list[i].filter, &wishes.list[i].call,
						  reterr_problem);
	}
	if (rc == 0)
		rc = make_all(p, list, &wishes, ret_ids, &i, reterr_problem);
	wr_filter_wishes_end(p, &wishes);
	if (ret_index != NULL)
		*ret_index = i;
	return rc;
}
