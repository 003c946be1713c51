/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/route/explain.h"

#include <stdlib.h>

#include "core/base/bits.h"

#define SHOWN_BYTES 120u

static const char *const verdict_names[] = {
	[WEIR_LEAF_MATCHED] = "matched",     [WEIR_LEAF_NO_VALUE] = "no value",
	[WEIR_LEAF_DIFFERENT] = "different", [WEIR_LEAF_PRESENT] = "present",
	[WEIR_LEAF_APART] = "apart",
};

static const char *const verdict_texts[] = {
	[WEIR_LEAF_MATCHED] = "matches",
	[WEIR_LEAF_NO_VALUE] = "the event has no such field",
	[WEIR_LEAF_DIFFERENT] = "no value is wanted",
	[WEIR_LEAF_PRESENT] = "the event has it, and must not",
	[WEIR_LEAF_APART] = "matches, but in another array element than other fields",
};

void route_explain_begin(struct route_explain *explain)
{
	*explain = (struct route_explain){0};
}

void route_explain_end(struct route_explain *explain)
{
	free(explain->leaves);
	*explain = (struct route_explain){0};
}

void route_explain_leaf(void *context, const struct weir_leaf *leaf)
{
	struct route_explain *x = context;
	if (x->count == x->room) {
		size_t room = x->room == 0 ? 16 : x->room * 2;
		struct weir_leaf *more = realloc(x->leaves, room * sizeof *more);
		if (more == NULL) {
			x->failed = true;
			return;
		}
		x->leaves = more;
		x->room = room;
	}
	x->leaves[x->count++] = *leaf;
}

/* Pieces of patterns and events: what a terminal would act upon is shown as a dot. */
static void print_piece(FILE *to, const char *text, size_t bytes)
{
	size_t shown = bytes < SHOWN_BYTES ? bytes : SHOWN_BYTES;
	for (size_t i = 0; i < shown; i++) {
		unsigned char c = (unsigned char)text[i];
		fputc(c < 0x20 || c == 0x7f ? '.' : c, to);
	}
	if (shown < bytes)
		fputs("...", to);
}

void route_explain_print(const struct route_explain *explain, FILE *to)
{
	for (size_t i = 0; i < explain->count; i++) {
		const struct weir_leaf *leaf = &explain->leaves[i];
		if (i == 0 || leaf->alternative != explain->leaves[i - 1].alternative)
			if (explain->leaves[explain->count - 1].alternative > 0)
				fprintf(to, "alternative %u\n", leaf->alternative + 1);
		fputs(leaf->verdict == WEIR_LEAF_MATCHED ? "  yes  " : "  no   ", to);
		print_piece(to, leaf->path, leaf->path_bytes);
		if (leaf->condition != NULL) {
			fputs(": wants ", to);
			print_piece(to, leaf->condition, leaf->condition_bytes);
		}
		fprintf(to, "; %s", verdict_texts[leaf->verdict]);
		if (leaf->value != NULL) {
			fputs(": ", to);
			print_piece(to, leaf->value, leaf->value_bytes);
			fprintf(to, " (byte %zu)", leaf->value_at + 1);
		}
		fputc('\n', to);
	}
	if (explain->failed)
		fputs("  some are missing: there is no memory\n", to);
}

void route_explain_json(const struct route_explain *explain, struct json_out *j)
{
	json_array(j, "fields");
	for (size_t i = 0; i < explain->count; i++) {
		const struct weir_leaf *leaf = &explain->leaves[i];
		json_object(j, NULL);
		json_u64(j, "alternative", leaf->alternative + 1u);
		json_text_n(j, "path", leaf->path, leaf->path_bytes);
		json_text(j, "verdict", verdict_names[leaf->verdict]);
		if (leaf->condition != NULL) {
			json_text_n(j, "wanted", leaf->condition, leaf->condition_bytes);
			json_u64(j, "wanted_at", leaf->condition_at);
		}
		if (leaf->value != NULL) {
			json_text_n(j, "value", leaf->value, leaf->value_bytes);
			json_u64(j, "value_at", leaf->value_at);
		}
		json_close(j);
	}
	json_close(j);
}
