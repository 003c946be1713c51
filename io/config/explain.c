/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir_config_explain(): the table, the values and the tree walked together. What is printed for a
 * whole config is YAML again, and reads as the same config: keys without a value, and maps that are
 * not there, stand as comments.
 */
#include <string.h>

#include "io/config/config.h"
#include "io/config/explain.h"
#include "io/config/read.h"
#include "io/config/value.h"

/* Where the origin of a value begins, if the value is short. */
#define ORIGIN_COLUMN 40u
#define INDENT_MAX 40

struct explaining {
	const struct wr_config_source *source; /* NULL: defaults only */
	const struct wr_config_findings *findings;
	struct wr_config_text *text;
};

struct level {
	char indent[INDENT_MAX + 1];
	bool is_comment; /* the map is not there: nothing of it may be read */
	bool with_docs;
};

static void put_origin(struct explaining *e, const struct wr_config_key *key,
		       const struct wr_config_node *node, size_t line_start, bool has_value)
{
	size_t used = e->text->bytes - line_start;
	wr_config_put_repeat(e->text, ' ', used < ORIGIN_COLUMN ? ORIGIN_COLUMN - used : 1);
	if (node != NULL && e->source != NULL)
		wr_config_put(e->text, "# line %u\n", wr_config_key_place(e->findings, node).line);
	else if (!has_value && key->required)
		wr_config_put(e->text, "# must be given\n");
	else if (!has_value && key->absent != NULL)
		wr_config_put(e->text, "# default: %s\n", key->absent);
	else
		wr_config_put(e->text, "# default\n");
}

/* Indentation, and what makes a comment of the line. Returns where the line begins. */
static size_t start_line(struct explaining *e, const struct level *level, bool is_comment)
{
	size_t line_start = e->text->bytes;
	wr_config_put(e->text, "%s%s", level->indent, level->is_comment || is_comment ? "# " : "");
	return line_start;
}

static void put_doc(struct explaining *e, const struct level *level,
		    const struct wr_config_key *key)
{
	if (level->with_docs)
		wr_config_put(e->text, "%s# %s\n", level->indent, key->doc);
}

static struct level deeper(const struct level *level, const char *by)
{
	struct level inner = *level;
	size_t used = strlen(inner.indent);
	size_t bytes = strlen(by);
	if (used + bytes <= INDENT_MAX)
		memcpy(inner.indent + used, by, bytes + 1);
	return inner;
}

static void put_section(struct explaining *e, const struct wr_config_section *section,
			const struct wr_config_node *map, const void *values,
			const struct level *level);

static void put_one_of(struct explaining *e, const struct wr_config_key *key,
		       const struct wr_config_node *node, const void *values,
		       const struct level *level);
static void put_chosen(struct explaining *e, const struct wr_config_section *section,
		       uint32_t offset, const struct wr_config_node *node, const void *values,
		       const struct level *level);

static bool has_required(const struct wr_config_section *section)
{
	for (const struct wr_config_key *key = section->keys; key->name != NULL; key++)
		if (key->required)
			return true;
	return false;
}

static void put_map(struct explaining *e, const struct wr_config_key *key,
		    const struct wr_config_node *node, const void *values,
		    const struct level *level)
{
	struct level inner = deeper(level, "  ");
	/* A map that is not there cannot be shown as one that is, if it must have something. */
	inner.is_comment = level->is_comment ||
			   (node == NULL && (key->absent != NULL || has_required(key->section)));
	size_t line_start = start_line(e, level, inner.is_comment && !level->is_comment);
	wr_config_put(e->text, "%s:", key->name);
	put_origin(e, key, node, line_start, !inner.is_comment);
	put_section(e, key->section, node, values, &inner);
}

/* "[a, b]" */
static void put_scalars(struct explaining *e, const struct wr_config_key *key,
			const struct wr_config_list *list)
{
	wr_config_put(e->text, " [");
	for (uint32_t i = 0; i < list->count; i++) {
		wr_config_put(e->text, "%s", i > 0 ? ", " : "");
		(void)wr_config_value_format(key, key->item, (const char *const *)list->items + i,
					     e->text);
	}
	wr_config_put(e->text, "]");
}

static void put_list(struct explaining *e, const struct wr_config_key *key,
		     const struct wr_config_node *node, const struct wr_config_list *list,
		     const struct level *level)
{
	bool is_empty = list->count == 0;
	size_t line_start = start_line(e, level, is_empty);
	const struct wr_config_node *item = node != NULL ? node->first : NULL;
	wr_config_put(e->text, "%s:", key->name);
	if (!is_empty && !wr_config_key_lists_maps(key))
		put_scalars(e, key, list);
	put_origin(e, key, node, line_start, !is_empty);
	for (uint32_t i = 0; i < list->count && wr_config_key_lists_maps(key); i++) {
		const uint8_t *values =
			(const uint8_t *)list->items + i * key->section->struct_bytes;
		struct level inner = deeper(level, "    ");
		inner.with_docs = level->with_docs && i == 0;
		/* The dash stands alone, so that each key of the item is a line like others. */
		wr_config_put(e->text, "%s  -\n", level->indent);
		if (key->item == WR_CONFIG_ONE_OF)
			put_chosen(e, key->section, 0, item, values, &inner);
		else
			put_section(e, key->section, item, values, &inner);
		item = item != NULL ? item->next : NULL;
	}
}

static void put_entry(struct explaining *e, const struct wr_config_key *key,
		      const struct wr_config_node *node, const void *values,
		      const struct level *level)
{
	char room[64];
	struct wr_config_text probe = {.to = room, .room_bytes = sizeof room};
	bool has_value = wr_config_value_format(key, key->type, values, &probe);
	size_t line_start = start_line(e, level, !has_value);
	wr_config_put(e->text, "%s:", key->name);
	if (has_value) {
		wr_config_put(e->text, " ");
		(void)wr_config_value_format(key, key->type, values, e->text);
	}
	put_origin(e, key, node, line_start, has_value);
}

/* `values`: the struct that has the value. */
static void put_key(struct explaining *e, const struct wr_config_key *key,
		    const struct wr_config_node *map, const void *values, const struct level *level)
{
	const struct wr_config_node *node = wr_config_child(map, key->name);
	const void *value = (const uint8_t *)values + key->offset;
	put_doc(e, level, key);
	if (key->type == WR_CONFIG_MAP)
		put_map(e, key, node, value, level);
	else if (key->type == WR_CONFIG_ONE_OF)
		put_one_of(e, key, node, values, level);
	else if (key->type == WR_CONFIG_LIST)
		put_list(e, key, node, value, level);
	else
		put_entry(e, key, node, value, level);
}

/* The one that was chosen: its number is at `offset`. */
static void put_chosen(struct explaining *e, const struct wr_config_section *section,
		       uint32_t offset, const struct wr_config_node *node, const void *values,
		       const struct level *level)
{
	unsigned which;
	memcpy(&which, (const uint8_t *)values + offset, sizeof which);
	if (which > 0)
		put_key(e, &section->keys[which - 1], node, values, level);
}

static void put_one_of(struct explaining *e, const struct wr_config_key *key,
		       const struct wr_config_node *node, const void *values,
		       const struct level *level)
{
	struct level inner = deeper(level, "  ");
	unsigned which;
	memcpy(&which, (const uint8_t *)values + key->offset, sizeof which);
	size_t line_start = start_line(e, level, which == 0);
	wr_config_put(e->text, "%s:", key->name);
	put_origin(e, key, node, line_start, which > 0);
	put_chosen(e, key->section, key->offset, node, values, &inner);
}

static void put_section(struct explaining *e, const struct wr_config_section *section,
			const struct wr_config_node *map, const void *values,
			const struct level *level)
{
	for (const struct wr_config_key *key = section->keys; key->name != NULL; key++)
		put_key(e, key, map, values, level);
}

size_t weir_config_explain(const struct weir_config *config, const char *key, char *to,
			   size_t to_bytes)
{
	struct wr_config_text text = {.to = to, .room_bytes = to_bytes};
	const struct level top = {.with_docs = true};
	struct explaining e = {.text = &text};
	struct wr_config_values defaults = {0};

	if (to_bytes > 0)
		to[0] = '\0';
	if (config != NULL && config->findings.error_count > 0)
		return 0;
	if (key != NULL)
		return wr_config_explain_key(config, key, &text);
	if (config != NULL) {
		e.source = &config->source;
		e.findings = &config->findings;
		wr_config_put(&text, "# %s: the values in force, and where they come from\n\n",
			      config->source.name);
		put_section(&e, &wr_config_file, config->root, &config->values, &top);
	} else {
		weir_options_init(&defaults.options);
		wr_config_defaults(&wr_config_file, &defaults);
		put_section(&e, &wr_config_file, NULL, &defaults, &top);
	}
	return text.bytes;
}
