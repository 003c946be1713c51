/* SPDX-License-Identifier: Apache-2.0 */
/* One key: its value in force, and its row of the table in words. */
#include "io/config/explain.h"

#include <string.h>

#include "core/text/nearest.h"
#include "io/config/config.h"
#include "io/config/value.h"

struct path {
	const struct wr_config_key *keys[8];
	uint32_t count;
};

/* "topics.partitions" leads through the list. */
static bool find_path(const char *text, struct path *ret_path)
{
	const struct wr_config_section *section = &wr_config_file;
	*ret_path = (struct path){0};
	for (;;) {
		size_t bytes = strcspn(text, ".");
		const struct wr_config_key *key =
			section != NULL ? wr_config_key_find(section, text, bytes) : NULL;
		if (key == NULL || ret_path->count == 8)
			return false;
		ret_path->keys[ret_path->count++] = key;
		section = key->section;
		if (text[bytes] == '\0')
			return true;
		text += bytes + 1;
	}
}

#define SECTION_KEYS_MAX 64

/* A part of a path: the key itself, or the one that it is a slip of. */
static const struct wr_config_key *near_key(const struct wr_config_section *section,
					    const char *part, size_t bytes)
{
	const char *names[SECTION_KEYS_MAX + 1] = {NULL};
	char word[WR_CONFIG_PATH_BYTES];
	size_t count = 0;
	if (bytes >= sizeof word)
		return NULL;
	memcpy(word, part, bytes);
	word[bytes] = '\0';
	for (const struct wr_config_key *key = section->keys;
	     key->name != NULL && count < SECTION_KEYS_MAX; key++)
		names[count++] = key->name;
	const char *nearest = wr_nearest(word, names);
	return nearest != NULL ? wr_config_key_find(section, nearest, strlen(nearest)) : NULL;
}

bool wr_config_nearest_key(const char *path, char *ret_path, size_t path_bytes)
{
	struct wr_config_text text = {.to = ret_path, .room_bytes = path_bytes};
	const struct wr_config_section *section = &wr_config_file;
	for (;;) {
		size_t bytes = strcspn(path, ".");
		const struct wr_config_key *key =
			section != NULL ? near_key(section, path, bytes) : NULL;
		if (key == NULL)
			return false;
		wr_config_put(&text, "%s%s", text.bytes > 0 ? "." : "", key->name);
		section = key->section;
		if (path[bytes] == '\0')
			return text.bytes < path_bytes;
		path += bytes + 1;
	}
}

static void put_value(const struct weir_config *config, const struct wr_config_key *key,
		      const char *name, const struct wr_config_node *node, const void *value,
		      struct wr_config_text *text)
{
	wr_config_put(text, "%s = ", name);
	if (!wr_config_value_format(key, key->type, value, text))
		wr_config_put(text, "%s", key->absent != NULL ? key->absent : "?");
	if (node != NULL)
		wr_config_put(text, "    (%s:%u)\n", config->source.name,
			      wr_config_key_place(&config->findings, node).line);
	else
		wr_config_put(text, "    (default)\n");
}

/* The value of the path, or of each item of the list that it leads through. */
static void put_values(const struct weir_config *config, const struct path *path, uint32_t index,
		       const char *name, const struct wr_config_node *map, const void *values,
		       struct wr_config_text *text)
{
	char full[WR_CONFIG_PATH_BYTES + 24];
	struct wr_config_text room = {.to = full, .room_bytes = sizeof full};
	const struct wr_config_key *key = path->keys[index];
	const struct wr_config_node *node = wr_config_child(map, key->name);
	const uint8_t *value = (const uint8_t *)values + key->offset;

	wr_config_put(&room, "%s%s%s", name, name[0] != '\0' ? "." : "", key->name);
	if (index + 1 == path->count) {
		if (!wr_config_key_nests(key) && key->type != WR_CONFIG_LIST)
			put_value(config, key, full, node, value, text);
		return;
	}
	if (key->type != WR_CONFIG_LIST) {
		/* The keys of a ONE_OF are in the same struct. */
		put_values(config, path, index + 1, full, node,
			   key->type == WR_CONFIG_ONE_OF ? values : value, text);
		return;
	}
	const struct wr_config_list *list = (const struct wr_config_list *)(const void *)value;
	const struct wr_config_node *item = node != NULL ? node->first : NULL;
	size_t bytes = room.bytes;
	for (uint32_t i = 0; i < list->count; i++, item = item->next) {
		room.bytes = bytes;
		wr_config_put(&room, "[%u]", i);
		put_values(config, path, index + 1, full, item,
			   (const uint8_t *)list->items + i * key->section->struct_bytes, text);
	}
}

static void put_choices(const struct wr_config_key *key, struct wr_config_text *text)
{
	for (const struct wr_config_choice *choice = key->choices; choice->name != NULL; choice++)
		wr_config_put(text, "    %-14s %s\n", choice->name, choice->doc);
}

static void put_row(const struct wr_config_key *key, struct wr_config_text *text)
{
	wr_config_put(text, "  %s\n", key->doc);
	if (key->choices != NULL)
		put_choices(key, text);
	else
		wr_config_put(text, "  value:   %s\n", wr_config_type_shape(key->type));
	if (key->type == WR_CONFIG_SIZE || key->type == WR_CONFIG_COUNT ||
	    key->type == WR_CONFIG_DURATION || key->type == WR_CONFIG_RATE) {
		size_t before = text->bytes;
		wr_config_put(text, "  range:   ");
		if (wr_config_range_format(key, text))
			wr_config_put(text, "\n");
		else
			text->bytes = before;
	}
	if (key->fallback != NULL)
		wr_config_put(text, "  default: %s\n", key->fallback);
	else if (key->absent != NULL)
		wr_config_put(text, "  default: %s\n", key->absent);
	else if (key->required)
		wr_config_put(text, "  must be given\n");
	if (key->option != NULL)
		wr_config_put(text, "  sets:    %s of struct weir_options\n", key->option);
	wr_config_put(text, "  since:   %s\n", key->since);
	if (!wr_config_key_nests(key))
		return;
	wr_config_put(text, "  keys:\n");
	for (const struct wr_config_key *inner = key->section->keys; inner->name != NULL; inner++)
		wr_config_put(text, "    %-18s %s\n", inner->name, inner->doc);
}

size_t wr_config_explain_key(const struct weir_config *config, const char *path_text,
			     struct wr_config_text *text)
{
	struct path path;
	if (!find_path(path_text, &path))
		return 0;
	if (config != NULL)
		put_values(config, &path, 0, "", config->root, &config->values, text);
	wr_config_put(text, "%s\n", path_text);
	put_row(path.keys[path.count - 1], text);
	return text->bytes;
}
