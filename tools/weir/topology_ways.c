/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/topology_ways.h"

#include <string.h>

#define DEPTH_MAX 16 /* a circle, which is refused when it is made, ends here */
#define PREFIX_BYTES (DEPTH_MAX * 8)

/* One way; its names are the file's. */
struct way {
	const char *from, *to;
	const char *binding; /* NULL: what nobody wants */
	bool is_filtered, is_transformed;
	bool is_failure; /* of what the binding cannot transform */
};

/* Calls `take` for each; it says whether to go on. */
static void each_way(const struct wr_config_values *values,
		     bool (*take)(void *context, const struct way *way), void *context)
{
	const struct wr_config_binding *bindings = values->bindings.items;
	const struct wr_config_topic *topics = values->topics.items;
	bool more = true;
	for (uint32_t i = 0; i < values->bindings.count && more; i++) {
		const struct wr_config_binding *b = &bindings[i];
		struct way way = {.from = b->source,
				  .to = b->target,
				  .binding = b->name,
				  .is_filtered = b->filter.join != 0,
				  .is_transformed = b->transform != NULL};
		more = take(context, &way);
		way.to = b->dead_letters;
		way.is_failure = true;
		if (more && way.to != NULL)
			more = take(context, &way);
	}
	for (uint32_t i = 0; i < values->topics.count && more; i++)
		if (topics[i].unrouted != NULL)
			more = take(context, &(struct way){.from = topics[i].name,
							   .to = topics[i].unrouted});
}

/* ---- the tree ---- */

struct count {
	const char *topic;
	uint32_t begin, lead; /* ways from it, and to it */
};

static bool count_one(void *context, const struct way *way)
{
	struct count *c = context;
	c->begin += strcmp(way->from, c->topic) == 0;
	c->lead += strcmp(way->to, c->topic) == 0;
	return true;
}

static struct count count_of(const struct wr_config_values *values, const char *topic)
{
	struct count c = {.topic = topic};
	each_way(values, count_one, &c);
	return c;
}

struct branch {
	FILE *to;
	const struct wr_config_values *values;
	const char *topic;
	char prefix[PREFIX_BYTES];
	uint32_t depth, left; /* ways that are still to come */
	bool utf8;
};

static bool draw_one(void *context, const struct way *way)
{
	struct branch *b = context;
	if (strcmp(way->from, b->topic) != 0)
		return true;
	bool is_last = --b->left == 0;
	fprintf(b->to, "%s%s%s%s%s%s %s %s\n", b->prefix,
		b->utf8 ? (is_last ? "└─ " : "├─ ") : (is_last ? "`- " : "|- "),
		way->binding != NULL ? way->binding : "unrouted",
		way->is_filtered && !way->is_failure ? ", filtered" : "",
		way->is_transformed && !way->is_failure ? ", transformed" : "",
		way->is_failure ? ", not transformed" : "", b->utf8 ? "→" : "->", way->to);
	struct branch next = {.to = b->to,
			      .values = b->values,
			      .topic = way->to,
			      .depth = b->depth + 1,
			      .left = count_of(b->values, way->to).begin,
			      .utf8 = b->utf8};
	(void)snprintf(next.prefix, sizeof next.prefix, "%.*s%s", (int)(sizeof next.prefix - 8),
		       b->prefix,
		       is_last   ? "   "
		       : b->utf8 ? "│  "
				 : "|  ");
	if (next.depth < DEPTH_MAX && next.left > 0)
		each_way(b->values, draw_one, &next);
	return true;
}

void topology_draw_ways(FILE *to, const struct wr_config_values *values, bool utf8)
{
	const struct wr_config_topic *topics = values->topics.items;
	bool any = false;
	for (uint32_t i = 0; i < values->topics.count; i++) {
		struct count count = count_of(values, topics[i].name);
		if (count.begin == 0 || count.lead > 0)
			continue;
		struct branch b = {.to = to,
				   .values = values,
				   .topic = topics[i].name,
				   .prefix = "  ",
				   .left = count.begin,
				   .utf8 = utf8};
		fprintf(to, "%s  %s\n", any ? "" : "\nways of events\n", topics[i].name);
		any = true;
		each_way(values, draw_one, &b);
	}
}

/* ---- JSON ---- */

static bool json_one(void *context, const struct way *way)
{
	struct json_out *j = context;
	json_object(j, NULL);
	json_text(j, "what",
		  way->binding == NULL ? "unrouted"
		  : way->is_failure    ? "not transformed"
				       : "binding");
	if (way->binding != NULL)
		json_text(j, "name", way->binding);
	json_text(j, "from", way->from);
	json_text(j, "to", way->to);
	json_bool(j, "filtered", way->is_filtered);
	json_bool(j, "transformed", way->is_transformed && !way->is_failure);
	json_close(j);
	return true;
}

void topology_json_ways(struct json_out *j, const struct wr_config_values *values)
{
	json_array(j, "ways");
	each_way(values, json_one, j);
	json_close(j);
}
