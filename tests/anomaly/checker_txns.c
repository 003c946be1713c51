/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Circles of transactions that took effect: of writes alone (G0: who stands before whom in each
 * partition) and of reads of others' writes alone (G1c). Tarjan's components, without recursion.
 */
#include "tests/anomaly/checker_internal.h"

static struct node *node_of(struct checker *c, struct call *call)
{
	if (call->node == TABLE_NONE) {
		call->node = c->nodes.count;
		struct node *n = list_add(&c->nodes);
		*n = (struct node){.line = call->txn, .first_edge = TABLE_NONE};
	}
	return list_get(&c->nodes, call->node);
}

static void add_edge(struct checker *c, struct call *from, struct call *to)
{
	(void)node_of(c, to);
	struct node *n = node_of(c, from);
	struct edge *e = list_add(&c->edges);

	*e = (struct edge){to->node, n->first_edge};
	n->first_edge = checker_index(&c->edges, e);
}

/* The transaction of an operation, if it took effect as far as anybody can say. */
static struct call *txn_of(const struct checker *c, uint32_t number)
{
	struct call *call = number == 0 ? NULL : checker_find(&c->call_at, &c->calls, number, 0);

	return call != NULL && call->txn != TABLE_NONE && call->type != HISTORY_FAIL ? call : NULL;
}

static struct call *writer_of(const struct checker *c, uint64_t value)
{
	const struct value *v = checker_find(&c->value_at, &c->values, value, 0);

	if (v == NULL || v->last_attempt == TABLE_NONE)
		return NULL;
	const struct attempt *a = list_get(&c->attempts, v->last_attempt);
	return txn_of(c, checker_op(c, a->line)->call);
}

/* A node whose edges are all followed: the top of a component is told once. */
static void leave_node(struct checker *c, uint32_t at, uint32_t *stack, enum rule rule)
{
	struct node *n = list_get(&c->nodes, at);
	uint32_t members = 0, popped;

	if (n->parent != TABLE_NONE) {
		struct node *parent = list_get(&c->nodes, n->parent);
		parent->low = n->low < parent->low ? n->low : parent->low;
	}
	if (n->low != n->index)
		return;
	do {
		popped = *stack;
		struct node *m = list_get(&c->nodes, popped);
		*stack = m->stack;
		m->on_stack = false;
		members++;
	} while (popped != at);
	if (members > 1)
		checker_found(c, rule, n->line, ((struct node *)list_get(&c->nodes, popped))->line);
}

static void enter_node(struct checker *c, uint32_t at, uint32_t parent, uint32_t *stack,
		       uint32_t *count)
{
	struct node *n = list_get(&c->nodes, at);

	n->index = n->low = ++*count;
	n->parent = parent;
	n->next_edge = n->first_edge;
	n->stack = *stack;
	n->on_stack = true;
	*stack = at;
}

static void find_circles(struct checker *c, enum rule rule)
{
	uint32_t stack = TABLE_NONE, count = 0;

	for (uint32_t root = 0; root < c->nodes.count; root++) {
		if (((struct node *)list_get(&c->nodes, root))->index != 0)
			continue;
		enter_node(c, root, TABLE_NONE, &stack, &count);
		for (uint32_t at = root; at != TABLE_NONE;) {
			struct node *n = list_get(&c->nodes, at);
			if (n->next_edge == TABLE_NONE) {
				leave_node(c, at, &stack, rule);
				at = n->parent;
				continue;
			}
			const struct edge *e = list_get(&c->edges, n->next_edge);
			const struct node *to = list_get(&c->nodes, e->to);
			n->next_edge = e->next;
			if (to->index == 0) {
				enter_node(c, e->to, at, &stack, &count);
				at = e->to;
			} else if (to->on_stack && to->index < n->low) {
				n->low = to->index;
			}
		}
	}
}

static void forget_graph(struct checker *c)
{
	c->nodes.count = c->edges.count = 0;
	for (uint32_t i = 0; i < c->calls.count; i++)
		((struct call *)list_get(&c->calls, i))->node = TABLE_NONE;
}

static void find_write_circles(struct checker *c)
{
	struct call *before = NULL;
	uint32_t place = TABLE_NONE;

	for (uint32_t rank = 0; rank < c->order.count; rank++) {
		const struct entry *e = checker_ranked(c, rank);
		struct call *call = writer_of(c, e->value);
		if (e->place != place)
			before = NULL;
		place = e->place;
		if (call == NULL || e->end_life != LIFE_END)
			continue;
		if (before != NULL && before != call)
			add_edge(c, before, call);
		before = call;
	}
	find_circles(c, RULE_G0);
}

static void find_read_circles(struct checker *c)
{
	for (uint32_t i = 0; i < history_count(c->history); i++) {
		const struct history_op *op = checker_op(c, i);
		if ((op->f != HISTORY_POLL && op->f != HISTORY_SCAN) || op->type != HISTORY_OK)
			continue;
		struct call *reader = txn_of(c, op->call), *writer = writer_of(c, op->value);
		if (reader != NULL && writer == reader)
			checker_found(c, RULE_PRECOMMITTED_READ, i, reader->txn);
		else if (reader != NULL && writer != NULL)
			add_edge(c, writer, reader);
	}
	find_circles(c, RULE_G1C);
}

void checker_txns(struct checker *c)
{
	find_write_circles(c);
	forget_graph(c);
	find_read_circles(c);
}
