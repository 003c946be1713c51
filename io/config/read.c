/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over tree and table. Where it is stands in a chain of frames on the stack, one for each
 * level, so that a message can say "threads.log" or "topics[2]"; it is as deep as the table.
 */
#include "io/config/read.h"

#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/text/nearest.h"
#include "io/config/value.h"
#include "io/config/values.h"

#define KEYS_MAX 32u

struct frame {
	const struct frame *up;
	const char *name; /* NULL: an item */
	uint32_t index;
};

/* ---- where ---- */

static void put_path(const struct frame *frame, struct wr_config_text *text)
{
	if (frame->up == NULL)
		return;
	put_path(frame->up, text);
	if (frame->name == NULL)
		wr_config_put(text, "[%u]", frame->index);
	else
		wr_config_put(text, "%s%s", frame->up->up != NULL ? "." : "", frame->name);
}

static const char *path_of(const struct frame *frame, char to[WR_CONFIG_PATH_BYTES])
{
	struct wr_config_text text = {.to = to, .room_bytes = WR_CONFIG_PATH_BYTES};
	to[0] = '\0';
	put_path(frame, &text);
	return to;
}

/* ---- defaults ---- */

void wr_config_defaults(const struct wr_config_section *section, void *target)
{
	struct wr_config_fault fault;
	for (const struct wr_config_key *key = section->keys; key->name != NULL; key++) {
		uint8_t *to = (uint8_t *)target + key->offset;
		if (key->type == WR_CONFIG_MAP)
			wr_config_defaults(key->section, to);
		if (key->fallback == NULL)
			continue;
		int rc = wr_config_value_parse(key, key->type, key->fallback, to, &fault);
		WR_ASSERT(rc == 0); // the table is wrong: every test would notice
	}
}

/* ---- keys that are not known ---- */

/* How many maps of the table have this key; the path of the last one. */
static uint32_t find_elsewhere(const struct wr_config_section *section, const char *name,
			       const struct frame *at, char to[WR_CONFIG_PATH_BYTES])
{
	uint32_t count = 0;
	for (const struct wr_config_key *key = section->keys; key->name != NULL; key++) {
		struct frame frame = {.up = at, .name = key->name};
		if (!wr_config_key_nests(key))
			continue;
		count += find_elsewhere(key->section, name, &frame, to);
		if (wr_config_key_find(key->section, name, strlen(name)) == NULL)
			continue;
		count++;
		(void)path_of(&frame, to);
	}
	return count;
}

static void refuse_unknown(struct wr_config_findings *findings,
			   const struct wr_config_section *section,
			   const struct wr_config_node *entry, const struct frame *in)
{
	const struct frame top = {0};
	const char *names[KEYS_MAX + 1] = {NULL};
	char quoted[WR_CONFIG_QUOTE_BYTES];
	char path[WR_CONFIG_PATH_BYTES];
	char known[256] = "";
	struct wr_config_text list = {.to = known, .room_bytes = sizeof known};
	const char *name = entry->key->text;
	uint32_t count = 0;
	bool has_cpus = false;

	for (const struct wr_config_key *key = section->keys; key->name != NULL; key++) {
		WR_ASSERT(count < KEYS_MAX);
		names[count++] = key->name;
		has_cpus = has_cpus || key->type == WR_CONFIG_CPUS;
		wr_config_put(&list, "%s%s", count > 1 ? ", " : "", key->name);
	}
	bool is_cpus = has_cpus && entry->empty && name[strspn(name, "0123456789-: ")] == '\0';
	const char *nearest = is_cpus ? NULL : wr_nearest(name, names);
	struct weir_config_diagnostic *d = wr_config_error(
		findings, wr_config_node_place(findings, entry->key), "unknown key %s%s%s%s%s%s",
		wr_config_quote(quoted, name, entry->key->bytes), in->up != NULL ? " in " : "",
		path_of(in, path), nearest != NULL ? "; did you mean \"" : "",
		nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
	if (nearest != NULL)
		return;
	/* {cpus: 2-5,8}: to YAML the comma ends the value. */
	if (is_cpus)
		wr_config_help(findings, d,
			       "in braces a list of CPUs is quoted: \"2-5,8\", or in brackets");
	else if (find_elsewhere(&wr_config_file, name, &top, path) == 1)
		wr_config_help(findings, d, "%s has such a key", path);
	else
		wr_config_help(findings, d, "known here: %s", known);
}

/* ---- values ---- */

static void read_map(struct wr_config_findings *findings, const struct wr_config_section *section,
		     const struct wr_config_node *map, void *target, const struct frame *frame);
static void read_one_of(struct wr_config_findings *findings, const struct wr_config_key *key,
			const struct wr_config_node *node, void *base, const struct frame *frame);

/* The article's phrase of a kind of node, for messages. */
static const char *kind_of(const struct wr_config_node *node)
{
	return node->kind == WR_NODE_MAP    ? "a map"
	       : node->kind == WR_NODE_LIST ? "a list"
	       : node->empty                ? "nothing"
					    : "a single value";
}

/* "journal.segment is a size, and this is a list". */
static void refuse_kind(struct wr_config_findings *findings, enum wr_config_type type,
			const struct wr_config_node *node, const struct frame *frame,
			const char *help)
{
	char path[WR_CONFIG_PATH_BYTES];
	const char *shape = wr_config_type_shape(type);
	struct weir_config_diagnostic *d = wr_config_error(
		findings, wr_config_node_place(findings, node), "%s is %.*s, and this is %s",
		path_of(frame, path), (int)strcspn(shape, ":"), shape, kind_of(node));
	if (help != NULL)
		wr_config_help(findings, d, "%s", help);
}

static void refuse_value(struct wr_config_findings *findings, const struct wr_config_node *node,
			 const struct frame *frame, const struct wr_config_fault *fault)
{
	char path[WR_CONFIG_PATH_BYTES];
	struct weir_config_diagnostic *d = wr_config_error(
		findings, wr_config_part_place(findings, node, fault->at, fault->bytes), "%s: %s",
		path_of(frame, path), fault->why);
	if (fault->help[0] != '\0')
		wr_config_help(findings, d, "%s", fault->help);
}

/* Is YAML's nothing one of the choices? */
static bool means_null(const struct wr_config_key *key, const struct wr_config_node *node)
{
	if (key->type != WR_CONFIG_CHOICE || !node->empty || node->bytes == 0)
		return false;
	for (const struct wr_config_choice *choice = key->choices; choice->name != NULL; choice++)
		if (strcmp(choice->name, node->text) == 0)
			return true;
	return false;
}

static void read_scalar(struct wr_config_findings *findings, const struct wr_config_key *key,
			enum wr_config_type type, const struct wr_config_node *node, void *target,
			const struct frame *frame)
{
	struct wr_config_fault fault;
	char help[96];
	if (node->kind != WR_NODE_SCALAR) {
		refuse_kind(findings, type, node, frame, NULL);
	} else if (node->empty && !means_null(key, node)) {
		(void)snprintf(help, sizeof help, "leave the key out for its default%s%s",
			       key->fallback != NULL ? ": " : "",
			       key->fallback != NULL ? key->fallback : "");
		refuse_kind(findings, type, node, frame, key->required ? NULL : help);
	} else if (wr_config_value_parse(key, type, node->text, target, &fault) < 0) {
		refuse_value(findings, node, frame, &fault);
	}
}

/* [4, 5, "8-9"]: the union of its items. */
static void read_cpu_list(struct wr_config_findings *findings, const struct wr_config_node *list,
			  struct wr_cpu_request *target, const struct frame *frame)
{
	struct wr_cpu_request all = {.kind = WR_CPUS_LIST};
	struct wr_config_fault fault;
	uint32_t errors_before = findings->error_count;
	char path[WR_CONFIG_PATH_BYTES];
	if (list->count == 0) {
		struct weir_config_diagnostic *d =
			wr_config_error(findings, wr_config_node_place(findings, list),
					"%s: no CPU is in this list", path_of(frame, path));
		wr_config_help(findings, d, "none: not pinned; auto: placed by weir");
	}
	for (const struct wr_config_node *item = list->first; item != NULL; item = item->next) {
		struct wr_cpu_request one;
		if (item->refused)
			continue;
		if (item->kind != WR_NODE_SCALAR || item->empty) {
			refuse_kind(findings, WR_CONFIG_CPUS, item, frame, NULL);
		} else if (wr_cpu_request_parse(item->text, item->bytes, &one, &fault) < 0) {
			refuse_value(findings, item, frame, &fault);
		} else if (one.kind != WR_CPUS_LIST) {
			fault = (struct wr_config_fault){
				.bytes = item->bytes,
				.why = "in brackets are numbers and ranges of CPUs only",
				.help = "of another kind as one text: \"l3:0,1\"; one kind in a "
					"list"};
			refuse_value(findings, item, frame, &fault);
		} else {
			for (size_t i = 0; i < sizeof all.set.words / sizeof all.set.words[0]; i++)
				all.set.words[i] |= one.set.words[i];
		}
	}
	if (findings->error_count == errors_before)
		*target = all;
}

static size_t item_bytes_of(const struct wr_config_key *key)
{
	return wr_config_key_lists_maps(key) ? key->section->struct_bytes : sizeof(const char *);
}

static void check_count(struct wr_config_findings *findings, const struct wr_config_key *key,
			const struct wr_config_node *list, const struct frame *frame)
{
	char path[WR_CONFIG_PATH_BYTES];
	if (list->count < key->min)
		wr_config_error(findings, wr_config_node_place(findings, list),
				"%s is empty: at least %u", path_of(frame, path),
				(unsigned)key->min);
	if (key->max != 0 && list->count > key->max)
		wr_config_error(findings, wr_config_node_place(findings, list),
				"%s has %u items: at most %u", path_of(frame, path), list->count,
				(unsigned)key->max);
}

static void read_list(struct wr_config_findings *findings, const struct wr_config_key *key,
		      const struct wr_config_node *node, struct wr_config_list *target,
		      const struct frame *frame)
{
	size_t item_bytes = item_bytes_of(key);
	struct frame item_frame = {.up = frame};
	const struct wr_config_key one_of = {.type = WR_CONFIG_ONE_OF, .section = key->section};
	uint32_t count = node->count;

	if (node->empty) // "topics:" with its items commented out
		count = 0;
	else if (node->kind != WR_NODE_LIST) {
		refuse_kind(findings, WR_CONFIG_LIST, node, frame,
			    node->kind == WR_NODE_SCALAR ? "write it in brackets: [...]" : NULL);
		return;
	}
	check_count(findings, key, node, frame);
	target->items = wr_config_alloc(findings->arena, item_bytes * count);
	if (target->items == NULL) {
		findings->out_of_memory = true;
		return;
	}
	target->count = count;
	for (const struct wr_config_node *item = node->first; item != NULL; item = item->next) {
		void *to = (uint8_t *)target->items + item_bytes * item_frame.index;
		if (key->item == WR_CONFIG_ONE_OF) {
			if (!item->refused)
				read_one_of(findings, &one_of, item, to, &item_frame);
		} else if (key->item != WR_CONFIG_MAP) {
			if (!item->refused)
				read_scalar(findings, key, key->item, item, to, &item_frame);
		} else {
			wr_config_defaults(key->section, to);
			read_map(findings, key->section, item, to, &item_frame);
		}
		item_frame.index++;
	}
}

/* A map whose keys are the user's. */
static void read_pairs(struct wr_config_findings *findings, const struct wr_config_key *key,
		       const struct wr_config_node *node, struct wr_config_list *target,
		       const struct frame *frame)
{
	static const struct wr_config_key name_key = {.type = WR_CONFIG_NAME, .max = 200};
	static const struct wr_config_key text_key = {.type = WR_CONFIG_TEXT, .required = true};
	struct wr_config_fault fault;
	if (node->kind != WR_NODE_MAP && !node->empty) {
		refuse_kind(findings, WR_CONFIG_PAIRS, node, frame, NULL);
		return;
	}
	check_count(findings, key, node, frame);
	struct wr_config_pair *pairs =
		wr_config_alloc(findings->arena, sizeof *pairs * node->count);
	if (pairs == NULL) {
		findings->out_of_memory = true;
		return;
	}
	target->items = pairs;
	for (const struct wr_config_node *entry = node->first; entry != NULL; entry = entry->next) {
		struct frame inner = {.up = frame, .name = entry->key->text};
		struct wr_config_pair *pair = &pairs[target->count++];
		if (entry->key->refused || entry->refused)
			continue;
		if (wr_config_value_parse(&name_key, WR_CONFIG_NAME, entry->key->text, &pair->name,
					  &fault) < 0)
			refuse_value(findings, entry->key, frame, &fault);
		else
			read_scalar(findings, &text_key, WR_CONFIG_TEXT, entry, &pair->text,
				    &inner);
	}
}

/* A single value in the place of a map: that of one of its keys. False: there is none such. */
static bool read_shorthand(struct wr_config_findings *findings, const struct wr_config_key *key,
			   const struct wr_config_node *node, void *base, const struct frame *frame)
{
	if (key->shorthand == NULL || node->kind != WR_NODE_SCALAR)
		return false;
	const struct wr_config_key *inner =
		wr_config_key_find(key->section, key->shorthand, strlen(key->shorthand));
	if (node->empty && !means_null(inner, node))
		return false;
	read_scalar(findings, inner, inner->type, node, (uint8_t *)base + inner->offset, frame);
	return true;
}

/* A map with exactly one of several keys. */
static void read_one_of(struct wr_config_findings *findings, const struct wr_config_key *key,
			const struct wr_config_node *node, void *base, const struct frame *frame)
{
	char path[WR_CONFIG_PATH_BYTES];
	char names[160] = "";
	struct wr_config_text list = {.to = names, .room_bytes = sizeof names};
	unsigned which = 0;
	if (read_shorthand(findings, key, node, base, frame)) {
		which = (unsigned)(wr_config_key_find(key->section, key->shorthand,
						      strlen(key->shorthand)) -
				   key->section->keys) +
			1;
		memcpy((uint8_t *)base + key->offset, &which, sizeof which);
		return;
	}
	for (const struct wr_config_key *one = key->section->keys; one->name != NULL; one++)
		wr_config_put(&list, "%s%s", one != key->section->keys ? ", " : "", one->name);
	if (node->kind != WR_NODE_MAP || node->count != 1) {
		wr_config_error(findings, wr_config_key_place(findings, node), "%s needs one of %s",
				path_of(frame, path), names);
		return;
	}
	const struct wr_config_key *chosen =
		wr_config_key_find(key->section, node->first->key->text, node->first->key->bytes);
	if (chosen != NULL)
		which = (unsigned)(chosen - key->section->keys) + 1;
	memcpy((uint8_t *)base + key->offset, &which, sizeof which);
	if (chosen != NULL && chosen->type == WR_CONFIG_MAP)
		wr_config_defaults(chosen->section, (uint8_t *)base + chosen->offset);
	read_map(findings, key->section, node, base, frame);
}

static void read_entry(struct wr_config_findings *findings, const struct wr_config_key *key,
		       const struct wr_config_node *node, void *base, const struct frame *frame)
{
	uint8_t *target = (uint8_t *)base + key->offset;
	if (node->refused)
		return;
	switch (key->type) {
	case WR_CONFIG_MAP:
		if (!read_shorthand(findings, key, node, target, frame))
			read_map(findings, key->section, node, target, frame);
		break;
	case WR_CONFIG_PAIRS:
		read_pairs(findings, key, node, (struct wr_config_list *)(void *)target, frame);
		break;
	case WR_CONFIG_LIST:
		read_list(findings, key, node, (struct wr_config_list *)(void *)target, frame);
		break;
	case WR_CONFIG_ONE_OF:
		read_one_of(findings, key, node, base, frame);
		break;
	case WR_CONFIG_CPUS:
		if (node->kind == WR_NODE_LIST) {
			read_cpu_list(findings, node, (struct wr_cpu_request *)(void *)target,
				      frame);
			break;
		}
		read_scalar(findings, key, key->type, node, target, frame);
		break;
	default:
		read_scalar(findings, key, key->type, node, target, frame);
		break;
	}
}

/* ---- maps ---- */

static void check_required(struct wr_config_findings *findings,
			   const struct wr_config_section *section,
			   const struct wr_config_node *map, const struct frame *frame)
{
	char path[WR_CONFIG_PATH_BYTES];
	for (const struct wr_config_key *key = section->keys; key->name != NULL; key++) {
		if (!key->required || wr_config_child(map, key->name) != NULL)
			continue;
		struct weir_config_diagnostic *d =
			wr_config_error(findings, wr_config_key_place(findings, map),
					"%s has no %s", path_of(frame, path), key->name);
		wr_config_help(findings, d, "%s: %s%s", key->name, key->doc,
			       key->type == WR_CONFIG_NAME
				       ? " (letters, digits, \".\", \"_\", \"-\")"
				       : "");
	}
}

/* An empty value is an empty map: its keys may all be commented out. */
static void read_map(struct wr_config_findings *findings, const struct wr_config_section *section,
		     const struct wr_config_node *map, void *target, const struct frame *frame)
{
	if (map->refused)
		return;
	if (map->kind != WR_NODE_MAP && !map->empty) {
		refuse_kind(findings, WR_CONFIG_MAP, map, frame, NULL);
		return;
	}
	for (const struct wr_config_node *entry = map->first; entry != NULL; entry = entry->next) {
		if (entry->key->refused)
			continue;
		const struct wr_config_key *key =
			wr_config_key_find(section, entry->key->text, entry->key->bytes);
		struct frame inner = {.up = frame, .name = key != NULL ? key->name : NULL};
		if (key == NULL)
			refuse_unknown(findings, section, entry, frame);
		else
			read_entry(findings, key, entry, target, &inner);
	}
	check_required(findings, section, map, frame);
}

void wr_config_read(struct wr_config_findings *findings, const struct wr_config_section *section,
		    const struct wr_config_node *map, void *target)
{
	const struct frame top = {0};
	if (map != NULL)
		read_map(findings, section, map, target, &top);
}
