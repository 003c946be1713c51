/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions of keys: each event of a key makes the next one, from 1, and anew behind an event that
 * ends its key. Who sent an event for one version got that or nothing, so that of several who want
 * the same one wins.
 */
#include "tests/anomaly/checker_internal.h"

static struct versioned *versioned_of(struct checker *c, uint32_t topic, uint64_t key)
{
	bool made;
	struct versioned *of = checker_at(&c->versioned_at, &c->versioned, topic, key, &made);

	if (made)
		*of = (struct versioned){.last = TABLE_NONE};
	return of;
}

static bool ends(const struct checker *c, const struct attempt *a)
{
	return (checker_op(c, a->line)->flags & HISTORY_ENDS) != 0;
}

/* Where a key was ended by what nobody has seen its versions may begin anew anywhere: also if it
 * was sent again, and is seen where that has put it. */
static void find_unclear(struct checker *c)
{
	for (uint32_t i = 0; i < c->attempts.count; i++) {
		const struct attempt *a = list_get(&c->attempts, i);
		const struct value *v = list_get(&c->values, a->value);
		const struct history_op *op = checker_op(c, a->line);
		bool is_seen = checker_is_placed(c, v) && v->attempt_count == 1;
		if (ends(c, a) && !is_seen && a->type != HISTORY_FAIL)
			versioned_of(c, op->topic, op->key)->unclear = true;
	}
}

/* By every attempt: one that was sent anew may have been for another version. */
static bool is_sent_for(const struct checker *c, const struct value *v, uint64_t version)
{
	for (uint32_t i = v->first_attempt; i != TABLE_NONE;) {
		const struct attempt *a = list_get(&c->attempts, i);
		uint64_t wanted = checker_op(c, a->line)->version;
		if (wanted == 0 || wanted == version)
			return true;
		i = a->next;
	}
	return false;
}

static void check(struct checker *c, struct versioned *of, const struct value *v, uint32_t at)
{
	const struct entry *e = checker_entry(c, at);
	const struct entry *last = of->last != TABLE_NONE ? checker_entry(c, of->last) : NULL;

	if (!is_sent_for(c, v, e->version))
		checker_found(c, RULE_VERSION_TAKEN, e->line,
			      ((struct attempt *)list_get(&c->attempts, v->first_attempt))->line);
	else if (last != NULL && !of->unclear && checker_together(last, e) &&
		 e->version <= last->version)
		checker_found(c, RULE_VERSION_TAKEN, e->line, last->line);
	of->last = at;
}

void checker_versions(struct checker *c)
{
	find_unclear(c);
	for (uint32_t i = 0; i < c->in_topic.count; i++) {
		uint32_t at = *(uint32_t *)list_get(&c->in_topic, i);
		const struct entry *e = checker_entry(c, at);
		const struct place *p = list_get(&c->places, e->place);
		const struct value *v = checker_find(&c->value_at, &c->values, e->value, 0);
		if (v->first_attempt == TABLE_NONE || p->topic != v->topic)
			continue;
		const struct attempt *sent = list_get(&c->attempts, v->first_attempt);
		struct versioned *of = versioned_of(c, p->topic, checker_op(c, sent->line)->key);
		if (e->version != 0)
			check(c, of, v, at);
		if (ends(c, sent))
			of->last = TABLE_NONE;
	}
}
