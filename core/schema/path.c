/* SPDX-License-Identifier: Apache-2.0 */
/* Where in the schema something is, for a person: "/fields/2/type/items". */
#include "core/schema/parse.h"

struct search {
	struct wr_schema_parser *p;
	uint32_t field;
	uint32_t seen; /* nodes below this one have been looked at: a named type is entered once */
};

static bool search_node(struct search *f, uint32_t node);

static bool search_step(struct search *f, const char *word, uint32_t index, uint32_t node)
{
	wr_schema_step_in(f->p, word, index);
	if (search_node(f, node))
		return true;
	wr_schema_step_out(f->p);
	return false;
}

static bool search_fields(struct search *f, const struct wr_schema_node *n)
{
	for (uint32_t i = 0; i < n->count; i++) {
		wr_schema_step_in(f->p, "fields", i);
		if (n->first + i == f->field ||
		    search_step(f, "type", WR_SCHEMA_NONE, f->p->s->fields[n->first + i].node))
			return true;
		wr_schema_step_out(f->p);
	}
	return false;
}

static bool search_node(struct search *f, uint32_t node)
{
	const struct wr_schema_node *n = &f->p->s->nodes[node];

	if (node < f->seen)
		return false;
	f->seen = node + 1;
	if (n->type == WEIR_SCHEMA_RECORD)
		return search_fields(f, n);
	if (n->type == WEIR_SCHEMA_ARRAY)
		return search_step(f, "items", WR_SCHEMA_NONE, n->first);
	if (n->type == WEIR_SCHEMA_MAP)
		return search_step(f, "values", WR_SCHEMA_NONE, n->first);
	if (n->type == WEIR_SCHEMA_UNION)
		for (uint32_t i = 0; i < n->count; i++)
			if (search_step(f, NULL, i, f->p->s->lists[n->first + i]))
				return true;
	return false;
}

void wr_schema_path_to_field(struct wr_schema_parser *p, uint32_t field)
{
	struct search f = {.p = p, .field = field};

	p->step_count = 0;
	search_node(&f, p->s->root);
}
