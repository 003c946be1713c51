/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving a subscription a filter: it is compiled with all others, the router takes that, and only
 * then its record goes to the log. So whoever sees the record finds what it says compiled, and
 * nothing waits for it. Thread: the caller's, under the control lock.
 */
#include "core/pipeline/subscription_filter.h"

#include <weir/transform.h>

#include <errno.h>
#include <stdio.h>

_Static_assert((uint32_t)WEIR_FILTER_TERMS_MAX == WR_FILTER_TERMS_MAX, "one number");
_Static_assert((uint32_t)WEIR_FILTER_EVENTBRIDGE_HEADERS == WR_FILTER_KIND_MAX, "the format's");

static int refuse(struct weir_problem *problem, int code, const char *text)
{
	return wr_problem_set(problem, code, "filter", text);
}

static int take_transform(const struct weir_subscription_filter *filter,
			  struct wr_filter_transform *ret, struct weir_problem *problem)
{
	if ((filter->transform == NULL) != (filter->transform_bytes == 0))
		return wr_problem_set(problem, -EINVAL, "transform",
				      "a text and its bytes, or neither");
	if (filter->transform_bytes > WEIR_TRANSFORM_BYTES_MAX)
		return wr_problem_set(problem, WEIR_E_TOO_BIG, "transform",
				      "a transformer has at most 48 KiB");
	*ret = (struct wr_filter_transform){
		.text = filter->transform,
		.text_bytes = (uint32_t)filter->transform_bytes,
		.dead_letters = WR_TARGET_NONE,
	};
	return 0;
}

int wr_filter_view_of(const struct weir_subscription_filter *filter, struct wr_filter_view *ret,
		      struct weir_problem *problem)
{
	uint32_t shares = 0;
	*ret = (struct wr_filter_view){0};
	if (filter == NULL)
		return 0;
	int rc = take_transform(filter, &ret->transform, problem);
	if (rc != 0)
		return rc;
	if (filter->term_count > WEIR_FILTER_TERMS_MAX ||
	    (filter->term_count == 0 ? filter->transform == NULL : filter->terms == NULL))
		return refuse(problem, -EINVAL, "a filter has 1 to 16 terms");
	if ((unsigned)filter->join > WEIR_FILTER_ANY)
		return refuse(problem, -EINVAL, "its join is not ALL or ANY");
	ret->join = filter->term_count > 0 ? (enum wr_filter_join)filter->join : WR_FILTER_JOIN_ALL;
	ret->term_count = filter->term_count;
	for (uint32_t i = 0; i < filter->term_count; i++) {
		const struct weir_filter_term *from = &filter->terms[i];
		struct wr_filter_term *to = &ret->terms[i];
		if ((unsigned)from->kind - WEIR_FILTER_FANOUT >
		    WEIR_FILTER_EVENTBRIDGE_HEADERS - WEIR_FILTER_FANOUT)
			return refuse(problem, -EINVAL,
				      "the kind of a term is none of enum weir_filter_kind");
		to->kind = (uint32_t)from->kind;
		to->negated = from->negated;
		shares += from->kind == WEIR_FILTER_HASH ? 1 : 0;
		if (shares > 1)
			return refuse(problem, -EINVAL, "a filter has one hash term at most");
		if (from->kind == WEIR_FILTER_HASH &&
		    (from->negated || (filter->join == WEIR_FILTER_ANY && filter->term_count > 1)))
			return refuse(
				problem, -EINVAL,
				"a hash term is not negated, and other terms choose among its "
				"share (ALL): what is not its own is another member's");
		if (from->kind == WEIR_FILTER_FANOUT)
			continue;
		if (from->pattern == NULL && from->pattern_bytes != 0)
			return refuse(problem, -EINVAL, "a term has no pattern");
		if (from->pattern_bytes > WR_FILTER_BYTES_MAX)
			return refuse(problem, WEIR_E_TOO_BIG, "a filter has at most 64 KiB");
		to->pattern = from->pattern;
		to->pattern_bytes = (uint32_t)from->pattern_bytes;
	}
	return 0;
}

int wr_filter_call_begin(struct weir_pipeline *p, const struct weir_subscription_filter *filter,
			 struct wr_filter_call *ret, struct weir_problem *problem)
{
	struct wr_filter_view view;
	*ret = (struct wr_filter_call){0};
	int rc = wr_filter_view_of(filter, &view, problem);
	return rc == 0 ? wr_filter_call_of(p, &view, ret, problem) : rc;
}

int wr_filter_call_of(struct weir_pipeline *p, const struct wr_filter_view *filter,
		      struct wr_filter_call *ret, struct weir_problem *problem)
{
	char text[sizeof problem->text];
	*ret = (struct wr_filter_call){0};
	/* Whatever stands before it in the record. */
	uint64_t before = WR_RECORD_HEAD_BYTES + 2 * WR_RECORD_ALIGN + WR_NAME_BYTES_MAX +
			  WR_CONTROL_SUBSCRIPTION_BYTES_MAX;
	uint64_t bytes = wr_filter_bytes(filter);
	uint64_t most = wr_min_u64(WR_FILTER_BYTES_MAX,
				   p->run_bytes_max > before ? p->run_bytes_max - before : 0);
	if (bytes > most) {
		(void)snprintf(text, sizeof text,
			       "it takes %llu bytes, and in this pipeline a filter has at most "
			       "%llu (a quarter of a chunk or lane, less its subscription's own)",
			       (unsigned long long)bytes, (unsigned long long)most);
		return refuse(problem, WEIR_E_TOO_BIG, text);
	}
	ret->record_bytes = before + bytes;
	ret->record = p->host.memory->ops->alloc(p->host.memory, ret->record_bytes + bytes, 64);
	if (ret->record == NULL)
		return refuse(problem, -ENOMEM, weir_strerror(-ENOMEM));
	ret->filter = ret->record + ret->record_bytes;
	ret->filter_bytes = wr_filter_write(filter, ret->filter);
	ret->copies = filter->join == WR_FILTER_JOIN_NOBODY;
	ret->binds = filter->binds;
	return 0;
}

void wr_filter_call_end(struct weir_pipeline *p, struct wr_filter_call *call)
{
	if (call->record != NULL)
		p->host.memory->ops->free(p->host.memory, call->record,
					  call->record_bytes + call->filter_bytes);
	call->record = NULL;
}

/* Whether the router's newest rules have it already, with others that were compiled with it. */
static bool is_ahead(const struct weir_pipeline *p, const struct wr_rules_pending *wanted)
{
	const struct wr_rules_pendings *ahead = p->router.ahead;
	for (uint32_t i = 0; ahead != NULL && i < ahead->count; i++) {
		const struct wr_rules_pending *a = &ahead->list[i];
		if (a->subscription == wanted->subscription)
			return a->length_bytes == wanted->length_bytes &&
			       a->topic_count == wanted->topic_count &&
			       memcmp(a->bytes, wanted->bytes, a->length_bytes) == 0 &&
			       memcmp(a->topics, wanted->topics,
				      a->topic_count * sizeof *a->topics) == 0;
	}
	return false;
}

int wr_filters_compile(struct weir_pipeline *p, const struct wr_rules_pendings *pendings,
		       struct weir_problem *problem)
{
	struct wr_rules *rules;
	int rc = wr_rules_create(p, pendings, p->router.newest, &rules, problem);
	if (rc != 0)
		return rc;
	p->router.ahead = NULL;
	rc = wr_router_use(p, rules);
	return rc == 0 ? 0 : refuse(problem, rc, weir_strerror(rc));
}

int wr_filter_call_compile(struct weir_pipeline *p, const struct wr_filter_call *call, uint32_t id,
			   const uint32_t *topics, uint32_t topic_count,
			   struct weir_problem *problem)
{
	const struct wr_rules_pending pending = {
		.subscription = id,
		.bytes = call->filter,
		.length_bytes = call->filter_bytes,
		.topics = topics,
		.topic_count = topic_count,
	};
	const struct wr_rules_pendings one = {.list = &pending, .count = 1};
	if (id >= p->options.subscriptions_max)
		return 0; /* that is refused by the writer */
	return is_ahead(p, &pending) ? 0 : wr_filters_compile(p, &one, problem);
}

bool wr_filter_call_is_the_same(const struct weir_pipeline *p, const struct wr_filter_call *call,
				uint32_t id)
{
	const struct wr_filters *f = &p->tables.filters;
	const struct wr_filter_version *v = wr_filters_version(f, id, wr_filters_count(f, id));
	if (v == NULL)
		return call->filter_bytes == WR_FILTER_HEAD_BYTES;
	return v->bytes == call->filter_bytes &&
	       memcmp(f->text + v->place, call->filter, v->bytes) == 0;
}

int wr_filter_call_change(struct weir_pipeline *p, const struct wr_filter_call *call, uint32_t id,
			  uint64_t *ret_sequence, struct weir_problem *problem)
{
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[id];
	struct wr_reply reply = {0};
	*ret_sequence = 0;
	if (wr_filter_call_is_the_same(p, call, id))
		return 0;
	int rc = wr_filter_call_compile(p, call, id, s->topics, s->topic_count, problem);
	if (rc != 0)
		return rc;
	/* The router's rules say by now that it wants everything: else it would get nothing. */
	rc = wr_route_attach(p, &p->subscriptions[id]);
	if (rc != 0)
		return refuse(problem, rc, weir_strerror(rc));
	wr_control_write(call->record, WR_KIND_FILTER, id, 0, NULL, 0, call->filter,
			 call->filter_bytes);
	rc = wr_control_call(p, call->record, ((struct wr_record *)call->record)->bytes, &reply);
	if (rc == WEIR_E_FULL)
		return refuse(problem, rc,
			      "no room in filter_bytes_max of the pipeline, or four filters of the "
			      "subscription are needed for events that are not settled");
	if (rc == 0) {
		*ret_sequence = reply.sequence;
		rc = wr_router_wait_seen(p);
	}
	return rc == 0 ? 0 : refuse(problem, rc, weir_strerror(rc));
}

/* ---- the public door ---- */

/* Whether a control call may be made for it: 0, or why not. */
static int may_call(struct weir_pipeline *p, uint32_t id)
{
	if (id >= wr_catalog_subscription_count(&p->tables.catalog) ||
	    wr_load_acquire(&p->subscriptions[id].started) == 0) /* X1 */
		return WEIR_E_UNKNOWN_NAME;
	int rc = wr_pipeline_refused(p);
	/* Before the lock: its holder may wait for this thread. */
	return rc == 0 && p->host.inside_step(p->host.context) ? WEIR_E_AGAIN : rc;
}

int weir_subscription_set_filter(struct weir_pipeline *p, uint32_t subscription,
				 const struct weir_subscription_filter *filter,
				 uint64_t *ret_sequence, struct weir_problem *reterr_problem)
{
	struct wr_filter_call call;
	uint64_t sequence;
	int rc = may_call(p, subscription);
	if (rc != 0)
		return wr_problem_set(reterr_problem, rc,
				      rc == WEIR_E_UNKNOWN_NAME ? "subscription" : "",
				      weir_strerror(rc));
	rc = wr_filter_call_begin(p, filter, &call, reterr_problem);
	if (rc != 0)
		return rc;
	wr_control_lock(p);
	if (wr_filters_copy(&p->tables.filters, subscription))
		rc = wr_problem_set(reterr_problem, -EINVAL, "subscription",
				    "it copies what nobody wants: weir_topic_set_unrouted()");
	else if (wr_filters_bind(&p->tables.filters, subscription))
		rc = wr_problem_set(reterr_problem, -EINVAL, "subscription",
				    "it is a binding: weir_binding_create()");
	else if (wr_lengths_refuses(&p->tables.lengths, subscription))
		rc = wr_problem_set(reterr_problem, -EINVAL, "subscription", WR_REFUSES_WITHOUT);
	else
		rc = wr_filter_call_change(p, &call, subscription, &sequence, reterr_problem);
	wr_filter_call_end(p, &call);
	wr_control_unlock(p);
	if (rc == 0 && ret_sequence != NULL)
		*ret_sequence = sequence;
	return rc;
}

/* Bytes for the terms and patterns of a filter, and for what members transform by. */
static size_t copy_bytes(const struct wr_filter_view *view)
{
	size_t bytes = view->term_count * sizeof(struct weir_filter_term);
	for (uint32_t i = 0; i < view->term_count; i++)
		bytes += view->terms[i].pattern_bytes;
	if (wr_filter_transforms_for_members(view))
		bytes += view->transform.text_bytes;
	return bytes;
}

static void copy_terms(const struct wr_filter_view *view, void *to,
		       struct weir_subscription_filter *ret)
{
	struct weir_filter_term *terms = to;
	uint8_t *at = (uint8_t *)(terms + view->term_count);
	for (uint32_t i = 0; i < view->term_count; i++) {
		const struct wr_filter_term *from = &view->terms[i];
		memcpy(at, from->pattern, from->pattern_bytes);
		terms[i] = (struct weir_filter_term){
			.kind = (enum weir_filter_kind)from->kind,
			.pattern = at,
			.pattern_bytes = from->pattern_bytes,
			.negated = from->negated,
		};
		at += from->pattern_bytes;
	}
	*ret = (struct weir_subscription_filter){
		.join = (enum weir_filter_join)view->join,
		.term_count = view->term_count,
		.terms = terms,
	};
	if (!wr_filter_transforms_for_members(view))
		return;
	memcpy(at, view->transform.text, view->transform.text_bytes);
	ret->transform = at;
	ret->transform_bytes = view->transform.text_bytes;
}

int weir_subscription_filter(struct weir_pipeline *p, uint32_t subscription, void *to,
			     size_t to_bytes, struct weir_subscription_filter *ret_filter)
{
	struct wr_filter_view view = {0};
	int rc = may_call(p, subscription);
	if (rc != 0)
		return rc;
	wr_control_lock(p);
	const struct wr_filters *f = &p->tables.filters;
	const struct wr_filter_version *v =
		wr_filters_version(f, subscription, wr_filters_count(f, subscription));
	if (v != NULL)
		(void)wr_filter_read(f->text + v->place, v->bytes, &view);
	size_t bytes = copy_bytes(&view);
	if (bytes == 0)
		*ret_filter = (struct weir_subscription_filter){0};
	else if (to != NULL && bytes <= to_bytes)
		copy_terms(&view, to, ret_filter);
	wr_control_unlock(p);
	return (int)bytes;
}
