/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages and rings as a graph: names that are there, one ring into each stage that is no source, no
 * way round, and shapes that fit the workers on both sides.
 */
#include <stdio.h>
#include <string.h>

#include "core/text/nearest.h"
#include "io/config/check.h"
#include "io/config/rings.h"
#include "io/config/value.h"

#define NOBODY UINT32_MAX

struct graph {
	struct wr_config_findings *findings;
	const struct wr_config_node *root;
	const struct wr_config_values *values;
	const struct wr_config_stage *stages;
	const struct wr_config_ring *rings;
	uint32_t stage_count;
	uint32_t into[WR_CONFIG_STAGES_MAX]; /* stage: the first ring into it, or NOBODY */
	uint32_t
		state[WR_CONFIG_STAGES_MAX]; /* of the search for a way round: 0, 1 on it, 2 done */
	uint32_t path[WR_CONFIG_STAGES_MAX];
	uint32_t path_count;
};

static const struct wr_config_node *ring_node(const struct graph *g, uint32_t ring)
{
	return wr_config_item_at(g->root, "rings", ring);
}

static const struct wr_config_node *stage_node(const struct graph *g, uint32_t stage)
{
	return wr_config_item_at(g->root, "stages", stage);
}

/* ---- names ---- */

static void check_name(struct graph *g, const struct wr_config_node *node, const char *name)
{
	const char *names[WR_CONFIG_STAGES_MAX + 1] = {NULL};
	uint32_t count = 0;
	if (node == NULL || name == NULL || wr_config_find_stage(g->values, name) < g->stage_count)
		return;
	for (uint32_t i = 0; i < g->stage_count; i++)
		if (g->stages[i].name != NULL)
			names[count++] = g->stages[i].name;
	const char *nearest = wr_config_is_full(g->findings) ? NULL : wr_nearest(name, names);
	struct weir_config_diagnostic *d = wr_config_error(
		g->findings, wr_config_node_place(g->findings, node),
		"there is no stage \"%s\"%s%s%s", name, nearest != NULL ? "; did you mean \"" : "",
		nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
	if (nearest == NULL)
		wr_config_help(g->findings, d, "stages: [{name: %s}]", name);
}

static void check_stage_names(struct graph *g)
{
	for (uint32_t i = 0; i < g->stage_count; i++) {
		uint32_t first = wr_config_find_stage(g->values, g->stages[i].name);
		if (g->stages[i].name == NULL || first == i)
			continue;
		wr_config_refuse_second(
			g->findings, "stage", g->stages[i].name,
			wr_config_item_place(g->findings, stage_node(g, i), "name"),
			wr_config_item_place(g->findings, stage_node(g, first), "name"));
	}
}

static void check_from(struct graph *g, uint32_t ring)
{
	const struct wr_config_node *list = wr_config_child(ring_node(g, ring), "from");
	const char *const *from = g->rings[ring].from.items;
	const struct wr_config_node *node = list != NULL ? list->first : NULL;
	for (uint32_t i = 0; i < g->rings[ring].from.count && node != NULL;
	     i++, node = node->next) {
		const struct wr_config_node *other = list->first;
		check_name(g, node, from[i]);
		for (uint32_t j = 0; j < i; j++, other = other->next) {
			if (from[i] == NULL || from[j] == NULL || strcmp(from[i], from[j]) != 0)
				continue;
			wr_config_refuse_second(g->findings, "stage", from[i],
						wr_config_node_place(g->findings, node),
						wr_config_node_place(g->findings, other));
			break;
		}
	}
}

/* ---- one ring into each ---- */

/* A stage that feeds both rings, or NULL. */
static const char *common_feeder(const struct wr_config_ring *a, const struct wr_config_ring *b)
{
	const char *const *of_a = a->from.items;
	const char *const *of_b = b->from.items;
	for (uint32_t i = 0; i < a->from.count; i++)
		for (uint32_t k = 0; k < b->from.count; k++)
			if (of_a[i] != NULL && of_b[k] != NULL && strcmp(of_a[i], of_b[k]) == 0)
				return of_a[i];
	return NULL;
}

static void refuse_second_ring(struct graph *g, uint32_t ring, uint32_t first)
{
	const char *to = g->rings[ring].to;
	const char *common = common_feeder(&g->rings[ring], &g->rings[first]);
	struct wr_config_place place = wr_config_item_place(g->findings, ring_node(g, ring), "to");
	struct wr_config_place before =
		wr_config_item_place(g->findings, ring_node(g, first), "to");
	struct weir_config_diagnostic *d =
		common != NULL
			? wr_config_error(g->findings, place, "a second ring from \"%s\" to \"%s\"",
					  common, to)
			: wr_config_error(g->findings, place, "a second ring into \"%s\"", to);
	wr_config_note(g->findings, d, "the first is in line %u, column %u", before.line,
		       before.column);
	if (common == NULL)
		wr_config_help(g->findings, d,
			       "one ring for all who feed it: their names in its from");
	else
		wr_config_help(g->findings, d,
			       "one is enough: kinds of items are told apart in the slot");
}

static void check_into(struct graph *g, uint32_t ring)
{
	const struct wr_config_node *node = wr_config_child(ring_node(g, ring), "to");
	uint32_t stage = wr_config_find_stage(g->values, g->rings[ring].to);
	check_name(g, node, g->rings[ring].to);
	if (node == NULL || stage == g->stage_count)
		return;
	if (g->stages[stage].is_source) {
		struct weir_config_diagnostic *d = wr_config_error(
			g->findings, wr_config_node_place(g->findings, node),
			"a ring into \"%s\", which is a source", g->stages[stage].name);
		wr_config_help(g->findings, d, "source: no for it, or no ring");
	}
	if (g->into[stage] != NOBODY)
		refuse_second_ring(g, ring, g->into[stage]);
	else
		g->into[stage] = ring;
}

/* Where a ring could not be read nobody knows what it would have fed. */
static void check_fed(struct graph *g)
{
	for (uint32_t i = 0; i < g->values->rings.count; i++)
		if (wr_config_find_stage(g->values, g->rings[i].to) == g->stage_count)
			return;
	for (uint32_t i = 0; i < g->stage_count; i++) {
		if (g->stages[i].is_source || g->into[i] != NOBODY || g->stages[i].name == NULL ||
		    wr_config_find_stage(g->values, g->stages[i].name) != i)
			continue;
		struct weir_config_diagnostic *d = wr_config_error(
			g->findings, wr_config_item_place(g->findings, stage_node(g, i), "name"),
			"nothing feeds the stage \"%s\"", g->stages[i].name);
		wr_config_help(g->findings, d,
			       "a ring to it, or source: yes if it makes its items itself");
	}
}

/* ---- ways round ---- */

/* "a -> b -> a", told at the feeder of a ring that closes it. */
static void refuse_circle(struct graph *g, uint32_t stage, uint32_t ring, uint32_t index)
{
	char text[200] = "";
	uint32_t begin = g->path_count;
	while (begin > 0 && g->path[begin - 1] != stage)
		begin--;
	/* The path goes against the flow. */
	size_t used = (size_t)snprintf(text, sizeof text, "%s", g->stages[stage].name);
	for (uint32_t i = g->path_count; i >= begin && i > 0 && used < sizeof text; i--)
		used += (size_t)snprintf(text + used, sizeof text - used, " -> %s",
					 g->stages[g->path[i - 1]].name);
	const struct wr_config_node *from = wr_config_child(ring_node(g, ring), "from")->first;
	for (; from != NULL && index > 0; index--)
		from = from->next;
	struct weir_config_diagnostic *d = wr_config_error(
		g->findings,
		wr_config_node_place(g->findings, from != NULL ? from : ring_node(g, ring)),
		"a way round: %s", text);
	wr_config_note(g->findings, d,
		       "when all of these rings are full, each stage waits for the next, for ever");
}

/* Up the stream from a stage. Depth: WR_CONFIG_STAGES_MAX. */
static void search(struct graph *g, uint32_t stage)
{
	uint32_t ring = g->into[stage];
	g->state[stage] = 1;
	g->path[g->path_count++] = stage;
	const char *const *from = ring != NOBODY ? g->rings[ring].from.items : NULL;
	for (uint32_t i = 0; from != NULL && i < g->rings[ring].from.count; i++) {
		uint32_t feeder = wr_config_find_stage(g->values, from[i]);
		if (feeder == g->stage_count)
			continue;
		if (g->state[feeder] == 1)
			refuse_circle(g, feeder, ring, i);
		else if (g->state[feeder] == 0)
			search(g, feeder);
	}
	g->path_count--;
	g->state[stage] = 2;
}

/* ---- shapes ---- */

static void check_shape(struct graph *g, uint32_t ring)
{
	static const char *const names[] = {"auto", "spsc", "mpsc", "spmc", "mpmc", "broadcast"};
	struct wr_config_ring fitting = g->rings[ring];
	unsigned shape = fitting.shape;
	uint32_t push = wr_config_feeders(g->values, &fitting);
	uint32_t pop = wr_config_workers(g->values, fitting.to);
	bool one_pushes = shape == WR_CONFIG_SHAPE_SPSC || shape == WR_CONFIG_SHAPE_SPMC;
	bool one_pops = shape == WR_CONFIG_SHAPE_SPSC || shape == WR_CONFIG_SHAPE_MPSC;
	if (!(one_pushes && push > 1) && !(one_pops && pop > 1))
		return;
	fitting.shape = WR_CONFIG_SHAPE_AUTO;
	struct weir_config_diagnostic *d = wr_config_error(
		g->findings, wr_config_item_place(g->findings, ring_node(g, ring), "shape"),
		"shape: %s, but %u worker%s push%s and %u pop%s", names[shape], push,
		push == 1 ? "" : "s", push == 1 ? "es" : "", pop, pop == 1 ? "s" : "");
	wr_config_help(g->findings, d, "shape: auto, which is %s here, or fewer workers",
		       names[wr_config_shape(g->values, &fitting)]);
}

/* ---- all of it ---- */

/* A slot and a capacity that are good by themselves may be too much together. */
static void check_size(struct graph *g, uint32_t ring)
{
	struct weir_ring_options options;
	struct weir_problem problem = {0};
	uint64_t bytes;
	wr_config_ring_options(g->values, &g->rings[ring], &options);
	if (options.producers_max == 0 || options.consumers_max == 0 || options.slot_bytes == 0 ||
	    weir_ring_memory_bytes(&options, &bytes, &problem) == 0)
		return;
	wr_config_error(g->findings,
			wr_config_item_place(g->findings, ring_node(g, ring), "capacity"),
			"the ring is refused: %s %s", problem.field, problem.text);
}

void wr_config_check_stages(struct wr_config_findings *findings, const struct wr_config_node *root,
			    const struct wr_config_values *values)
{
	struct graph g = {.findings = findings,
			  .root = root,
			  .values = values,
			  .stages = values->stages.items,
			  .rings = values->rings.items,
			  .stage_count = values->stages.count};
	if (g.stage_count > WR_CONFIG_STAGES_MAX)
		return; // it was told that they are too many
	memset(g.into, 0xff, sizeof g.into);
	check_stage_names(&g);
	for (uint32_t i = 0; i < values->rings.count && !wr_config_is_full(findings); i++) {
		check_from(&g, i);
		check_into(&g, i);
		check_shape(&g, i);
		check_size(&g, i);
	}
	check_fed(&g);
	for (uint32_t i = 0; i < g.stage_count; i++)
		if (g.state[i] == 0)
			search(&g, i);
}
