/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libfyaml's events into the tree. Events, and not its documents: what is refused is refused before
 * anything is resolved or expanded, and depth and size are counted while it reads. Of a scalar only
 * the marks are libfyaml's; the text between them is read from the source (unquote.h).
 *
 * Of a list or map that is open, the stack has the node, its last child, and the key that waits for
 * its value. What is refused leaves a scalar behind, so that the rest keeps its shape.
 */
#include "io/config/yaml.h"

#include <string.h>

#include <libfyaml.h>

#include "core/base/assert.h"
#include "io/config/unquote.h"

struct level {
	struct wr_config_node *node;
	struct wr_config_node *last; /* child */
	struct wr_config_node *key;  /* read, and its value is not */
};

struct reading {
	struct wr_config_findings *findings;
	struct fy_parser *parser;
	struct wr_config_node *root;
	struct level levels[WR_CONFIG_DEPTH_MAX];
	uint32_t depth;
	uint32_t node_count;
	bool stop; /* it was said why */
};

/* ---- nodes ---- */

static void out_of_memory(struct reading *r)
{
	r->findings->out_of_memory = true;
	r->stop = true;
}

/* What has no place of its own, a value that is left out, stands where its key does, or what it is
 * in. */
static void set_place(struct reading *r, struct wr_config_node *node, struct fy_event *event)
{
	const struct level *level = r->depth > 0 ? &r->levels[r->depth - 1] : NULL;
	const struct fy_mark *start = fy_event_start_mark(event);
	const struct fy_mark *end = fy_event_end_mark(event);
	size_t source_bytes = r->findings->source->bytes;
	node->span_bytes = 1;
	if (start != NULL && end != NULL) {
		size_t to = end->input_pos < source_bytes ? end->input_pos : source_bytes;
		node->at = start->input_pos < source_bytes ? start->input_pos : source_bytes;
		if (node->kind == WR_NODE_SCALAR)
			node->span_bytes = to > node->at ? to - node->at : 0;
	} else if (level != NULL) {
		const struct wr_config_node *near = level->key != NULL ? level->key : level->node;
		node->at = near->at;
		node->span_bytes = near->span_bytes;
	}
}

static struct wr_config_node *new_node(struct reading *r, enum wr_config_kind kind,
				       struct fy_event *event)
{
	struct wr_config_findings *findings = r->findings;
	struct wr_config_node *node = wr_config_alloc(findings->arena, sizeof *node);
	if (node == NULL) {
		out_of_memory(r);
		return NULL;
	}
	node->kind = kind;
	node->text = "";
	set_place(r, node, event);
	if (r->node_count == WR_CONFIG_NODES_MAX) {
		wr_config_error(findings, wr_config_node_place(findings, node),
				"more than %u keys and values", WR_CONFIG_NODES_MAX);
		r->stop = true;
		return NULL;
	}
	r->node_count++;
	return node;
}

static void check_key(struct reading *r, const struct level *level, struct wr_config_node *key)
{
	struct wr_config_findings *findings = r->findings;
	char quoted[WR_CONFIG_QUOTE_BYTES];
	if (key->kind != WR_NODE_SCALAR) {
		wr_config_error(findings, wr_config_node_place(findings, key),
				"a list or a map cannot be a key");
		key->refused = true;
	} else if (key->plain && strcmp(key->text, "<<") == 0) {
		wr_config_error(findings, wr_config_node_place(findings, key),
				"merge keys are not for config files: write the keys out");
		key->refused = true;
	}
	if (key->refused)
		return;
	const struct wr_config_node *first = wr_config_child(level->node, key->text);
	if (first == NULL)
		return;
	struct weir_config_diagnostic *d = wr_config_error(
		findings, wr_config_node_place(findings, key), "the key %s is there twice",
		wr_config_quote(quoted, key->text, key->bytes));
	wr_config_note(findings, d, "the first is in line %u",
		       wr_config_key_place(findings, first).line);
	key->refused = true;
}

/* Hangs a node in: as root, as item, as key or as value. */
static void place_node(struct reading *r, struct wr_config_node *node)
{
	if (r->depth == 0) {
		if (r->root == NULL)
			r->root = node;
		return;
	}
	struct level *level = &r->levels[r->depth - 1];
	if (level->node->kind == WR_NODE_MAP && level->key == NULL) {
		check_key(r, level, node);
		level->key = node;
		return;
	}
	node->key = level->key;
	level->key = NULL;
	if (level->last != NULL)
		level->last->next = node;
	else
		level->node->first = node;
	level->last = node;
	level->node->count++;
}

static void open_level(struct reading *r, struct fy_event *event, enum wr_config_kind kind)
{
	struct wr_config_node *node = new_node(r, kind, event);
	if (node == NULL)
		return;
	if (r->depth == WR_CONFIG_DEPTH_MAX) {
		wr_config_error(r->findings, wr_config_node_place(r->findings, node),
				"more than %u levels", WR_CONFIG_DEPTH_MAX);
		r->stop = true;
		return;
	}
	place_node(r, node);
	r->levels[r->depth++] = (struct level){.node = node};
}

/* ---- scalars ---- */

/* The text between the quotes, which stand one byte outside of libfyaml's marks. That its escapes
 * are known was seen before (subset.h): only if the two should ever disagree are they refused
 * here. */
static void take_quoted(struct reading *r, struct wr_config_node *node, bool single)
{
	const char *inside = r->findings->source->text + node->at;
	char *text = wr_config_alloc(r->findings->arena, node->span_bytes + 1);
	struct wr_config_fault fault;
	if (text == NULL) {
		out_of_memory(r);
		return;
	}
	if (single) {
		node->bytes = wr_config_unquote_single(inside, node->span_bytes, text);
	} else if (wr_config_unquote_double(inside, node->span_bytes, text, &node->bytes, &fault) <
		   0) {
		wr_config_error(r->findings, wr_config_node_place(r->findings, node), "%s",
				fault.why);
		node->refused = true;
		node->bytes = 0;
	}
	text[node->bytes] = '\0';
	node->text = text;
	node->at -= node->at > 0 ? 1 : 0;
	node->span_bytes += 2;
}

static void take_plain(struct reading *r, struct wr_config_node *node)
{
	node->text = wr_config_copy(r->findings->arena, r->findings->source->text + node->at,
				    node->span_bytes);
	node->bytes = node->span_bytes;
	if (node->text == NULL)
		out_of_memory(r);
	else
		node->empty = strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0;
}

static bool is_one_line(const struct wr_config_source *source, const struct wr_config_node *node)
{
	for (size_t i = 0; i < node->span_bytes; i++)
		if (source->text[node->at + i] == '\n' || source->text[node->at + i] == '\r')
			return false;
	return true;
}

static void take_scalar(struct reading *r, struct fy_event *event)
{
	struct fy_token *token = event->scalar.value;
	struct wr_config_findings *findings = r->findings;
	struct wr_config_node *node = new_node(r, WR_NODE_SCALAR, event);
	if (node == NULL)
		return;
	enum fy_scalar_style style = token != NULL ? fy_token_scalar_style(token) : FYSS_PLAIN;
	node->plain = style != FYSS_SINGLE_QUOTED && style != FYSS_DOUBLE_QUOTED;
	if (token == NULL || fy_event_start_mark(event) == NULL) {
		node->empty = true;
	} else if (style == FYSS_LITERAL || style == FYSS_FOLDED ||
		   !is_one_line(findings->source, node)) {
		wr_config_error(findings, wr_config_node_place(findings, node),
				"a text of more than one line: no key takes one");
		node->refused = true;
	} else if (node->plain) {
		take_plain(r, node);
	} else {
		take_quoted(r, node, style == FYSS_SINGLE_QUOTED);
	}
	if (!r->stop)
		place_node(r, node);
}

/* ---- events ---- */

static struct wr_config_place token_place(const struct reading *r, struct fy_token *token)
{
	const struct fy_mark *start = token != NULL ? fy_token_start_mark(token) : NULL;
	const struct fy_mark *end = token != NULL ? fy_token_end_mark(token) : NULL;
	size_t at = start != NULL ? start->input_pos : 0;
	size_t to = end != NULL ? end->input_pos : at;
	return wr_config_place_of(r->findings->source, at, to > at ? to - at : 1);
}

static void take(struct reading *r, struct fy_event *event)
{
	switch (event->type) {
	case FYET_MAPPING_START:
		open_level(r, event, WR_NODE_MAP);
		break;
	case FYET_SEQUENCE_START:
		open_level(r, event, WR_NODE_LIST);
		break;
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END:
		WR_ASSERT(r->depth > 0);
		r->depth--;
		break;
	case FYET_SCALAR:
		take_scalar(r, event);
		break;
	case FYET_ALIAS:
	case FYET_NONE:
	case FYET_STREAM_START:
	case FYET_STREAM_END:
	case FYET_DOCUMENT_START:
	case FYET_DOCUMENT_END:
		break; // the subset has no aliases, and one document
	}
}

/* libfyaml's first complaint is the cause; what follows from it would only confuse. */
static void say_broken(struct reading *r, struct fy_diag *diag)
{
	struct wr_config_findings *findings = r->findings;
	void *before = NULL;
	struct fy_diag_error *error = fy_diag_errors_iterate(diag, &before);
	const struct wr_config_source *source = findings->source;
	struct wr_config_place place = wr_config_place_of(source, 0, 1);
	if (error != NULL && error->fyt != NULL)
		place = token_place(r, error->fyt);
	else if (error != NULL && error->line > 0 && (uint32_t)error->line <= source->line_count)
		place = wr_config_place_of(source, source->line_starts[error->line - 1], 1);
	wr_config_error(findings, place, "%s", error != NULL ? error->msg : "this is not YAML");
}

static void read_events(struct reading *r, struct fy_diag *diag)
{
	while (!r->stop) {
		struct fy_event *event = fy_parser_parse(r->parser);
		if (event == NULL)
			break;
		take(r, event);
		fy_parser_event_free(r->parser, event);
	}
	if (!r->stop && fy_parser_get_stream_error(r->parser)) {
		say_broken(r, diag);
		r->stop = true;
	}
}

static const struct wr_config_node *root_of(struct reading *r)
{
	static const struct wr_config_node nothing = {.kind = WR_NODE_MAP, .text = ""};
	if (r->stop)
		return NULL;
	if (r->root == NULL || r->root->empty)
		return &nothing;
	if (r->root->kind == WR_NODE_MAP)
		return r->root;
	struct weir_config_diagnostic *d =
		wr_config_error(r->findings, wr_config_node_place(r->findings, r->root),
				"a config file is a map of keys and values");
	wr_config_help(r->findings, d, "name: orders");
	return NULL;
}

static void swallow(struct fy_diag *diag, void *user, const char *text, size_t bytes)
{
	(void)diag;
	(void)user;
	(void)text;
	(void)bytes;
}

const struct wr_config_node *wr_config_yaml(struct wr_config_findings *findings)
{
	struct reading r = {.findings = findings};
	const struct fy_diag_cfg diag_config = {
		.output_fn = swallow, .level = FYET_ERROR, .module_mask = UINT32_MAX};
	const struct wr_config_source *source = findings->source;
	const struct wr_config_node *root = NULL;
	char *tame = wr_config_alloc(findings->arena, source->bytes + 1);

	if (tame == NULL)
		goto fail_memory;
	if (!wr_config_subset(findings, tame))
		return NULL;
	/* A backslash as the very last byte would run into an assertion of libfyaml. */
	tame[source->bytes] = '\n';
	struct fy_diag *diag = fy_diag_create(&diag_config);
	if (diag == NULL)
		goto fail_memory;
	fy_diag_set_collect_errors(diag, true);
	const struct fy_parse_cfg config = {
		.flags = FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE | FYPCF_DEFAULT_VERSION_1_2 |
			 FYPCF_DISABLE_MMAP_OPT | FYPCF_SLOPPY_FLOW_INDENTATION,
		.diag = diag};
	r.parser = fy_parser_create(&config);
	if (r.parser == NULL)
		goto fail_parser;
	if (fy_parser_set_string(r.parser, tame, source->bytes + 1) != 0)
		goto fail_string;
	read_events(&r, diag);
	root = root_of(&r);
	fy_parser_destroy(r.parser);
	fy_diag_destroy(diag);
	return root;

fail_string:
	fy_parser_destroy(r.parser);
fail_parser:
	fy_diag_destroy(diag);
fail_memory:
	findings->out_of_memory = true;
	return NULL;
}
