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

struct wishes {
	struct wr_filter_wish *list;
	uint32_t count;
	struct wr_rules_pending *pending; /* [count] */
	struct wr_rules_pendings pendings;
};

/* Room for `count` of them, without a name. 0 or -ENOMEM; to be ended in any case. */
static int begin(struct weir_pipeline *p, struct wishes *wishes, uint32_t count,
		 struct weir_problem *problem)
{
	struct wr_memory *memory = p->host.memory;
	*wishes = (struct wishes){.count = count};
	wishes->list = memory->ops->alloc(memory, (count + 1) * sizeof *wishes->list, 64);
	wishes->pending = memory->ops->alloc(memory, (count + 1) * sizeof *wishes->pending, 64);
	if (wishes->list == NULL || wishes->pending == NULL)
		return wr_problem_in_words(problem, -ENOMEM);
	return 0;
}

static void end(struct weir_pipeline *p, struct wishes *wishes)
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
static bool are_told_apart(const struct wishes *wishes)
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

static void list_pendings(struct weir_pipeline *p, struct wishes *wishes)
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

/*
 * Those that are no filter of their subscription yet, all at once, so that wr_filter_call_compile()
 * of each finds it done: nothing but these, in this order, is made until settle(). Where one is
 * refused nothing is compiled: it will say for itself what is wrong with it. 0, or why the pipeline
 * refuses everything.
 */
static int compile(struct weir_pipeline *p, struct wishes *wishes, struct weir_problem *problem)
{
	if (!are_told_apart(wishes))
		return 0;
	list_pendings(p, wishes);
	if (wishes->pendings.count < 2)
		return 0;
	if (wr_filters_compile(p, &wishes->pendings, NULL) == 0)
		p->router.ahead = &wishes->pendings;
	return wr_problem_in_words(problem, wr_pipeline_refused(p));
}

/* `all`: each was made. Else the router forgets the others. */
static void settle(struct weir_pipeline *p, bool all)
{
	const struct wr_rules_pendings nothing = {0};
	bool has = p->router.ahead != NULL;
	p->router.ahead = NULL;
	/* Where there is no memory for that they stay, and count for nothing. */
	if (has && !all && wr_pipeline_refused(p) == 0)
		(void)wr_filters_compile(p, &nothing, NULL);
}

/* Under one stay of the control lock. */
static int make_all(struct weir_pipeline *p, const struct wr_filter_many *many,
		    struct wishes *wishes, uint32_t *ret_index, struct weir_problem *problem)
{
	uint32_t i;
	wr_control_lock(p);
	for (i = 0; i < wishes->count; i++)
		many->wish(p, many->context, i, &wishes->list[i]);
	int rc = compile(p, wishes, problem);
	for (i = 0; rc == 0 && i < wishes->count; i += rc == 0 ? 1 : 0)
		rc = many->make(p, many->context, i, &wishes->list[i], problem);
	settle(p, rc == 0);
	wr_control_unlock(p);
	*ret_index = i;
	return rc;
}

int wr_filters_make_many(struct weir_pipeline *p, const struct wr_filter_many *many, uint32_t count,
			 uint32_t *ret_index, struct weir_problem *problem)
{
	struct wishes wishes;
	uint32_t i = 0;
	if (count == 0)
		return 0;
	int rc = wr_problem_in_words(problem, wr_pipeline_refused_call(p));
	if (rc != 0)
		return rc;
	rc = begin(p, &wishes, count, problem);
	for (; rc == 0 && i < count; i += rc == 0 ? 1 : 0)
		rc = many->read(p, many->context, i, &wishes.list[i], problem);
	if (rc == 0)
		rc = make_all(p, many, &wishes, &i, problem);
	end(p, &wishes);
	*ret_index = i;
	return rc;
}

/* ---- subscriptions ---- */

struct several {
	const struct weir_subscription_options *list;
	uint32_t *ret_ids;
};

static int read_one(struct weir_pipeline *p, void *context, uint32_t index,
		    struct wr_filter_wish *w, struct weir_problem *problem)
{
	const struct weir_subscription_options *o = &((const struct several *)context)->list[index];
	int rc = wr_subscription_check(p, o, problem);
	return rc == 0 ? wr_filter_call_begin(p, o->filter, &w->call, problem) : rc;
}

/* A topic that is not there it says itself. */
static void wish_one(struct weir_pipeline *p, void *context, uint32_t index,
		     struct wr_filter_wish *w)
{
	const struct weir_subscription_options *o = &((const struct several *)context)->list[index];
	w->has_filter = o->filter != NULL;
	w->topic_count = o->topic_count;
	for (uint32_t i = 0; i < o->topic_count; i++)
		if (weir_topic_find(p, o->topics[i], &w->topics[i]) != 0)
			return;
	w->name = o->name;
}

static int make_one(struct weir_pipeline *p, void *context, uint32_t index,
		    const struct wr_filter_wish *w, struct weir_problem *problem)
{
	const struct several *s = context;
	return wr_subscription_make(p, &s->list[index], &w->call, w->has_filter, &s->ret_ids[index],
				    problem);
}

int weir_subscriptions_create(struct weir_pipeline *p, const struct weir_subscription_options *list,
			      uint32_t count, uint32_t *ret_ids, uint32_t *ret_index,
			      struct weir_problem *reterr_problem)
{
	struct several s = {.list = list, .ret_ids = ret_ids};
	const struct wr_filter_many many = {
		.read = read_one, .wish = wish_one, .make = make_one, .context = &s};
	uint32_t index = 0;
	int rc = count > 0 ? wr_null_check(list, ret_ids, reterr_problem) : 0;
	if (rc == 0)
		rc = wr_filters_make_many(p, &many, count, &index, reterr_problem);
	if (ret_index != NULL)
		*ret_index = index;
	return rc;
}
