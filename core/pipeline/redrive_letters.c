/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subscription of jobs over the letters of a topic, which says what is handled; and of a letter
 * what a job would do with it.
 *
 * It lasts, and holds what it reads from retention: one over a topic of other events would hold
 * those for ever. Which topics have letters is not on record: subscriptions are given their dead
 * letters by each process anew. So it is made for a topic that this process names, or has named to
 * the call.
 */
#include <errno.h>
#include <stdio.h>

#include <weir/binding.h>

#include "core/pipeline/redrive.h"

/* Of the topic's subscription. False: it is too long. */
static bool name_of(struct weir_pipeline *p, uint32_t topic, char name[WR_NAME_BYTES_MAX + 1])
{
	int bytes = snprintf(name, WR_NAME_BYTES_MAX + 1, WR_REDRIVE_PREFIX "%s",
			     p->tables.catalog.topics[topic].name);
	return bytes > 0 && bytes <= (int)WR_NAME_BYTES_MAX;
}

/* A subscription of this process puts its dead letters there, or what nobody wants goes there. */
static bool is_named(struct weir_pipeline *p, uint32_t topic)
{
	struct weir_binding binding;
	uint32_t count = wr_catalog_subscription_count(&p->tables.catalog);
	for (uint32_t id = 0; id < count; id++) {
		struct wr_subscription_live *live = &p->subscriptions[id];
		if (wr_load_acquire(&live->started) == 0) /* X1 */
			continue;
		if (wr_load_relaxed(&live->failures.dead_letters) == topic ||
		    (weir_binding_info(p, id, &binding) == 0 && binding.unrouted &&
		     binding.target == topic))
			return true;
	}
	return false;
}

/* Made by the first job. It leaves most places to those whose events are worked on. */
int wr_redrive_subscription(struct weir_pipeline *p, uint32_t topic, bool adopt, uint32_t *ret_id,
			    struct weir_problem *problem)
{
	struct weir_subscription_options o;
	uint32_t planned = wr_planned_outstanding(p);
	const char *topic_name = p->tables.catalog.topics[topic].name;
	char name[WR_NAME_BYTES_MAX + 1];
	if (!name_of(p, topic, name))
		return wr_problem_set(problem, -EINVAL, "dead_letters",
				      "the topic's name is too long: 196 bytes at most");
	if (!adopt && weir_subscription_find(p, name, ret_id) != 0 && !is_named(p, topic))
		return wr_problem_set(problem, WEIR_E_UNKNOWN_NAME, "dead_letters",
				      "no subscription here has this topic for its dead letters, "
				      "and no job was over it: `adopt` it, if they are such");
	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = &topic_name;
	o.topic_count = 1;
	o.order = WEIR_ORDER_NONE;
	o.single_active = true;
	o.outstanding_max =
		(uint32_t)wr_min_u64(WR_REDRIVE_OUTSTANDING_MAX, wr_max_u64(planned / 4, 1));
	o.lease_ns = WR_LEASE_NS_MAX;
	o.retry_delay_min_ns = o.retry_delay_max_ns = 0;
	return weir_subscription_create(p, &o, ret_id, problem);
}

/* ---- what is with a letter ---- */

int weir_letter_waits(struct weir_pipeline *p, uint32_t dead_letters, uint64_t sequence,
		      bool *ret_waits)
{
	char name[WR_NAME_BYTES_MAX + 1];
	struct wr_outstanding *o = &p->tables.outstanding;
	uint32_t id;
	if (!p->options.manual) /* the tables are the writer's, which is the caller's thread then */
		return -EINVAL;
	if (dead_letters >= wr_catalog_topic_count(&p->tables.catalog))
		return WEIR_E_UNKNOWN_NAME;
	*ret_waits = !name_of(p, dead_letters, name) || weir_subscription_find(p, name, &id) != 0 ||
		     sequence >= o->lists[id].frontier ||
		     wr_outstanding_find(o, id, sequence) != NULL;
	return 0;
}

int weir_letter_state(struct weir_pipeline *p, uint32_t dead_letters, uint64_t sequence,
		      const struct weir_origin *origin, enum weir_letter_state *ret_state)
{
	struct wr_tables *t = &p->tables;
	const struct wr_outstanding_entry *e = NULL;
	bool waits;
	int rc = weir_letter_waits(p, dead_letters, sequence, &waits);
	if (rc != 0)
		return rc;
	/* As the writer decides it when a job's run comes (wr_outstanding_reject()). */
	if (waits && origin->parked &&
	    origin->subscription < wr_catalog_subscription_count(&t->catalog))
		e = wr_outstanding_find(&t->outstanding, origin->subscription, origin->sequence);
	*ret_state = !waits                                          ? WEIR_LETTER_HANDLED
		     : e != NULL && (e->dead & WR_ENTRY_PARKED) != 0 ? WEIR_LETTER_PARKED
								     : WEIR_LETTER_WAITS;
	return 0;
}
