/* SPDX-License-Identifier: Apache-2.0 */
/* See plant.h. */
#include "tests/anomaly/plant.h"

#include <stdlib.h>

#include "tests/anomaly/plant_internal.h"

#define TRIES 400u

static int compare(const void *a, const void *b)
{
	const struct standing *x = a, *y = b;

	if (x->topic != y->topic)
		return x->topic < y->topic ? -1 : 1;
	if (x->partition != y->partition)
		return x->partition < y->partition ? -1 : 1;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

/* What was polled and not cut away later, each once. */
static void find_standing(struct plot *p)
{
	uint64_t cut = UINT64_MAX;
	uint32_t kept = 0;

	list_begin(&p->standing, sizeof(struct standing));
	for (uint32_t i = history_count(p->to); i-- > 0;) {
		const struct history_op *op = plot_op(p, i);
		if (op->f == HISTORY_RECOVER && op->offset < cut)
			cut = op->offset;
		if (op->f != HISTORY_POLL || op->type != HISTORY_OK || op->value == 0 ||
		    op->offset > cut)
			continue;
		*(struct standing *)list_add(&p->standing) = (struct standing){
			op->offset, op->value, op->key, op->topic, op->partition, i};
	}
	struct standing *all = p->standing.at;
	qsort(all, p->standing.count, sizeof *all, compare);
	for (uint32_t i = 0; i < p->standing.count; i++)
		if (kept == 0 || all[kept - 1].offset != all[i].offset ||
		    all[kept - 1].topic != all[i].topic ||
		    all[kept - 1].partition != all[i].partition)
			all[kept++] = all[i];
	p->standing.count = kept;
}

static bool has_later(const struct plot *p, const struct standing *s, uint64_t end)
{
	for (uint32_t i = 0; i < p->standing.count; i++) {
		const struct standing *later = plot_standing(p, i);
		if (later->topic == s->topic && later->key == s->key && later->offset > s->offset &&
		    later->offset < end)
			return true;
	}
	return false;
}

bool plot_may_be_gone(const struct plot *p, const struct standing *s)
{
	uint32_t topic = s->topic == DRAW_DEAD_TOPIC ? 2 : s->topic;

	for (uint32_t i = 0; i < history_count(p->to); i++) {
		const struct history_op *op = plot_op(p, i);
		if (op->topic != topic || op->offset <= s->offset)
			continue;
		if ((op->f == HISTORY_ERASE && op->key == s->key) ||
		    (op->f == HISTORY_COMPACT && has_later(p, s, op->offset)))
			return true;
	}
	return false;
}

bool plot_may_be_gone_anywhere(const struct plot *p, const struct standing *s)
{
	for (uint32_t i = 0; i < history_count(p->to); i++) {
		const struct history_op *op = plot_op(p, i);
		if (op->topic == s->topic &&
		    ((op->f == HISTORY_ERASE && op->key == s->key) || op->f == HISTORY_COMPACT))
			return true;
	}
	return false;
}

uint32_t plot_find(struct plot *p, enum history_f f, enum history_type type,
		   bool (*fits)(struct plot *p, uint32_t line))
{
	uint32_t count = history_count(p->to);

	for (uint32_t i = 0; i < TRIES; i++) {
		uint32_t line = (uint32_t)plot_below(p, count);
		/* The next one of its kind. */
		for (uint32_t k = 0; k < count; k++, line = (line + 1) % count)
			if (plot_op(p, line)->f == f && plot_op(p, line)->type == type)
				break;
		if (plot_op(p, line)->f == f && plot_op(p, line)->type == type &&
		    (fits == NULL || fits(p, line)))
			return line;
	}
	return TABLE_NONE;
}

void plot_put(struct plot *p, uint32_t *at, struct history_op op)
{
	if (op.time == 0)
		op.time = *at > 0 ? plot_op(p, *at - 1)->time : 0;
	history_insert(p->to, *at, &op);
	++*at;
}

bool plant(struct history *history, uint64_t seed, enum rule rule)
{
	struct plot p = {.to = history};

	wr_prng_init(&p.prng, seed ^ (uint64_t)rule << 40);
	for (uint32_t i = 0; i < history_count(history); i++) {
		const struct history_op *op = history_op(history, i);
		p.value = op->f != HISTORY_STATE && op->value > p.value ? op->value : p.value;
		p.offset = op->offset > p.offset ? op->offset : p.offset;
		p.process = op->process > p.process ? op->process : p.process;
		p.call = op->call > p.call ? op->call : p.call;
		p.time = op->time;
	}
	find_standing(&p);
	bool done = plant_edit(&p, rule) || plant_scene(&p, rule);
	list_fini(&p.standing);
	return done;
}

bool plant_and_check(struct checker *checker, struct history *history, uint64_t seed,
		     enum rule rule, struct verdict *ret_verdict, bool *ret_exact)
{
	const struct checker_options options = {.lag_max_ns = PLANT_LAG_MAX_NS};
	bool good = true;

	draw_history(history, seed);
	checker_run(checker, history, &options, ret_verdict);
	uint64_t before = ret_verdict->counts[rule];
	if (ret_verdict->anomalies > 0 || !plant(history, seed, rule))
		return false;
	checker_run(checker, history, &options, ret_verdict);
	for (uint32_t r = 0; r < RULE_COUNT; r++)
		good = good && (r == rule || rule_is_allowed(r) || ret_verdict->counts[r] == 0);
	*ret_exact = good && ret_verdict->counts[rule] > before;
	return true;
}
