/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bindings of topics: each is a subscription of weir's own whose filter says what is copied, and
 * where to (copier.h). Thread: the caller's, under the control lock.
 */
#include <weir/binding.h>
#include <weir/transform.h>

#include <errno.h>

#include "core/pipeline/copier.h"
#include "core/pipeline/subscription_filter.h"
#include "core/pipeline/topic_ways.h"

_Static_assert((unsigned)WEIR_TRANSFORM_DEAD_LETTER == WR_TRANSFORM_DEAD_LETTER, "one number");

void weir_binding_options_init(struct weir_binding_options *options)
{
	*options = (struct weir_binding_options){
		.struct_bytes = sizeof *options,
		.source = WEIR_BINDING_NONE,
		.target = WEIR_BINDING_NONE,
		.dead_letters = WEIR_BINDING_NONE,
		.start = WEIR_START_NEWEST,
	};
}

static int check(struct weir_pipeline *p, const struct weir_binding_options *o,
		 struct weir_problem *problem)
{
	uint32_t count = wr_catalog_topic_count(&p->tables.catalog);
	uint32_t found = UINT32_MAX;
	if (o->source >= count || o->target >= count)
		return wr_problem_set(problem, WEIR_E_UNKNOWN_NAME,
				      o->source >= count ? "source" : "target",
				      "there is no topic of this id");
	if (p->options.run_records_max < 2)
		return wr_problem_set(problem, -EINVAL, "run_records_max",
				      "a copy and its progress are two records");
	(void)wr_catalog_find_subscription(&p->tables.catalog, o->name, (uint32_t)strlen(o->name),
					   &found);
	if (wr_ways_lead(p, o->target, &o->source, 1))
		return wr_problem_set(problem, -EINVAL, "target",
				      "its events come back to the source: by bindings, as what "
				      "nobody wants, or as dead letters");
	if (wr_ways_meet(p, o->source, o->target, found))
		return wr_problem_set(problem, -EINVAL, "target",
				      "by other bindings events come there already that would come "
				      "by this one, too, and be there twice: make its patterns "
				      "terms of the binding that is there");
	return 0;
}

/* The options alone. */
static int check_transform(const struct weir_binding_options *o, struct wr_filter_view *view,
			   struct weir_problem *problem)
{
	bool dies = o->on_failure == WEIR_TRANSFORM_DEAD_LETTER;
	if (view->transform.text != NULL)
		return wr_problem_set(problem, -EINVAL, "filter",
				      "its transform is for members: a binding's own is the option "
				      "`transform`");
	if (o->transform != NULL && o->transform_bytes == 0)
		return wr_problem_set(problem, -EINVAL, "transform_bytes", "it has no text");
	if (o->transform_bytes > WEIR_TRANSFORM_BYTES_MAX)
		return wr_problem_set(problem, WEIR_E_TOO_BIG, "transform_bytes",
				      "a transformer has at most 48 KiB");
	if ((unsigned)o->on_failure > WEIR_TRANSFORM_DEAD_LETTER)
		return wr_problem_set(problem, -EINVAL, "on_failure", "not one of its values");
	if (o->transform == NULL && (o->transform_bytes > 0 || o->on_failure != 0))
		return wr_problem_set(problem, -EINVAL, "transform", "there is none");
	if (dies != (o->dead_letters != WEIR_BINDING_NONE))
		return wr_problem_set(problem, -EINVAL, "dead_letters",
				      dies ? "a topic for what cannot be transformed"
					   : "only with WEIR_TRANSFORM_DEAD_LETTER");
	view->transform = (struct wr_filter_transform){
		.text = o->transform,
		.text_bytes = (uint32_t)o->transform_bytes,
		.on_failure = (enum wr_transform_failure)o->on_failure,
		.dead_letters = o->dead_letters,
	};
	return 0;
}

static int check_dead_letters(struct weir_pipeline *p, const struct weir_binding_options *o,
			      struct weir_problem *problem)
{
	if (o->on_failure != WEIR_TRANSFORM_DEAD_LETTER)
		return 0;
	if (o->dead_letters >= wr_catalog_topic_count(&p->tables.catalog))
		return wr_problem_set(problem, WEIR_E_UNKNOWN_NAME, "dead_letters",
				      "there is no topic of this id");
	if (wr_ways_lead(p, o->dead_letters, &o->source, 1))
		return wr_problem_set(problem, -EINVAL, "dead_letters",
				      "its events come back to the source: by bindings, as what "
				      "nobody wants, or as dead letters");
	return 0;
}

/* With the call that read_options() has made. Under the control lock. */
static int bind(struct weir_pipeline *p, const struct weir_binding_options *o,
		const struct wr_filter_call *call, uint32_t *ret_id, struct weir_problem *problem)
{
	struct weir_subscription_options s;
	int rc = check(p, o, problem);
	if (rc == 0)
		rc = check_dead_letters(p, o, problem);
	if (rc != 0)
		return rc;
	const char *source = p->tables.catalog.topics[o->source].name;
	weir_subscription_options_init(&s);
	s.name = o->name;
	s.topics = &source;
	s.topic_count = 1;
	s.start = o->start;
	s.start_at = o->start_at;
	return wr_subscription_make(p, &s, call, true, ret_id, problem);
}

/* What the options say of themselves, and as a record. The call is to be ended in any case. */
static int read_options(struct weir_pipeline *p, const struct weir_binding_options *o,
			struct wr_filter_call *ret_call, struct weir_problem *problem)
{
	struct wr_filter_view view;
	*ret_call = (struct wr_filter_call){0};
	int rc = wr_init_check(o->struct_bytes, sizeof *o, "weir_binding_options_init", problem);
	if (rc == 0 && (o->name == NULL || !wr_name_valid(o->name, strlen(o->name))))
		rc = wr_problem_set(problem, -EINVAL, "name",
				    "a name is 1 to 200 of letters, digits, '.', '_' and '-', "
				    "and does not begin with '.'");
	if (rc == 0 && (unsigned)o->start > WEIR_START_TIME)
		rc = wr_problem_set(problem, -EINVAL, "start", "not one of its values");
	if (rc == 0)
		rc = wr_filter_view_of(o->filter, &view, problem);
	if (rc == 0)
		rc = check_transform(o, &view, problem);
	if (rc != 0)
		return rc;
	view.binds = true;
	view.target = o->target;
	return wr_filter_call_of(p, &view, ret_call, problem);
}

int weir_binding_create(struct weir_pipeline *p, const struct weir_binding_options *o,
			uint32_t *ret_subscription, struct weir_problem *reterr_problem)
{
	struct wr_filter_call call = {0};
	uint32_t id = UINT32_MAX;
	int rc = wr_null_check(o, &id, reterr_problem);
	if (rc == 0)
		rc = wr_problem_in_words(reterr_problem, wr_pipeline_refused_call(p));
	if (rc == 0)
		rc = read_options(p, o, &call, reterr_problem);
	if (rc == 0) {
		wr_control_lock(p);
		rc = bind(p, o, &call, &id, reterr_problem);
		wr_control_unlock(p);
	}
	wr_filter_call_end(p, &call);
	if (rc == 0 && ret_subscription != NULL)
		*ret_subscription = id;
	return rc;
}

/* ---- several ---- */

struct several {
	const struct weir_binding_options *list;
	uint32_t *ret_ids; /* may be NULL */
};

static int read_one(struct weir_pipeline *p, void *context, uint32_t index,
		    struct wr_filter_wish *w, struct weir_problem *problem)
{
	const struct several *s = context;
	return read_options(p, &s->list[index], &w->call, problem);
}

static void wish_one(struct weir_pipeline *p, void *context, uint32_t index,
		     struct wr_filter_wish *w)
{
	const struct weir_binding_options *o = &((const struct several *)context)->list[index];
	if (o->source >= wr_catalog_topic_count(&p->tables.catalog))
		return;
	w->name = o->name;
	w->has_filter = true;
	w->topic_count = 1;
	w->topics[0] = o->source;
}

static int bind_one(struct weir_pipeline *p, void *context, uint32_t index,
		    const struct wr_filter_wish *w, struct weir_problem *problem)
{
	const struct several *s = context;
	uint32_t id;
	int rc = bind(p, &s->list[index], &w->call, &id, problem);
	if (rc == 0 && s->ret_ids != NULL)
		s->ret_ids[index] = id;
	return rc;
}

int weir_bindings_create(struct weir_pipeline *p, const struct weir_binding_options *list,
			 uint32_t count, uint32_t *ret_ids, uint32_t *ret_index,
			 struct weir_problem *reterr_problem)
{
	struct several s = {.list = list, .ret_ids = ret_ids};
	const struct wr_filter_many many = {
		.read = read_one, .wish = wish_one, .make = bind_one, .context = &s};
	uint32_t index = 0;
	int rc = count > 0 ? wr_null_check(list, &s, reterr_problem) : 0;
	if (rc == 0)
		rc = wr_filters_make_many(p, &many, count, &index, reterr_problem);
	if (ret_index != NULL)
		*ret_index = index;
	return rc;
}

static bool is_there(struct weir_pipeline *p, uint32_t id)
{
	return id < wr_catalog_subscription_count(&p->tables.catalog) &&
	       wr_load_acquire(&p->subscriptions[id].started) != 0; /* X1 */
}

int weir_binding_remove(struct weir_pipeline *p, uint32_t subscription,
			struct weir_problem *reterr_problem)
{
	const struct wr_filter_view nothing = {.binds = true, .target = WR_TARGET_NONE};
	struct wr_filter_call call;
	uint64_t sequence;
	int rc = wr_pipeline_refused_call(p);
	if (rc != 0)
		return wr_problem_in_words(reterr_problem, rc);
	wr_control_lock(p);
	if (is_there(p, subscription) && wr_filters_bind(&p->tables.filters, subscription)) {
		rc = wr_filter_call_of(p, &nothing, &call, reterr_problem);
		if (rc == 0)
			rc = wr_filter_call_change(p, &call, subscription, &sequence,
						   reterr_problem);
		wr_filter_call_end(p, &call);
	} else {
		rc = wr_problem_set(reterr_problem, WEIR_E_UNKNOWN_NAME, "subscription",
				    "no binding has this id");
	}
	wr_control_unlock(p);
	return rc;
}

int weir_binding_info(struct weir_pipeline *p, uint32_t subscription, struct weir_binding *ret)
{
	const struct wr_filters *f = &p->tables.filters;
	int rc = wr_pipeline_refused_call(p);
	if (rc != 0)
		return rc;
	wr_control_lock(p);
	bool there = is_there(p, subscription);
	bool binds = there && wr_filters_bind(f, subscription);
	bool copies = binds || (there && wr_filters_copy(f, subscription));
	struct wr_filter_transform transform = {.dead_letters = WEIR_BINDING_NONE};
	(void)(binds && wr_filters_transform(f, subscription, &transform));
	if (copies)
		*ret = (struct weir_binding){
			.source = p->tables.catalog.subscriptions[subscription].topics[0],
			.target = wr_filters_target(f, subscription),
			.unrouted = !binds,
			.transform_bytes = transform.text_bytes,
			.on_failure = (enum weir_transform_failure)transform.on_failure,
			.dead_letters = transform.dead_letters,
		};
	wr_control_unlock(p);
	return copies ? 0 : WEIR_E_UNKNOWN_NAME;
}

int weir_binding_transform(struct weir_pipeline *p, uint32_t subscription, void *to,
			   size_t to_bytes)
{
	const struct wr_filters *f = &p->tables.filters;
	struct wr_filter_transform transform = {0};
	int rc = wr_pipeline_refused_call(p);
	if (rc != 0)
		return rc;
	wr_control_lock(p);
	bool binds = is_there(p, subscription) && wr_filters_bind(f, subscription);
	if (binds && wr_filters_transform(f, subscription, &transform) && to != NULL &&
	    transform.text_bytes <= to_bytes)
		memcpy(to, transform.text, transform.text_bytes);
	wr_control_unlock(p);
	return binds ? (int)transform.text_bytes : WEIR_E_UNKNOWN_NAME;
}
