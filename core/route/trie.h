/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of many texts does a text begin with? A tree whose edges are labels of as many bytes as all
 * below them share; a text is walked down once, and every node on the way at which one of the texts
 * ends has it. For ends of texts both are walked backwards.
 *
 * Thread: any, once it is made.
 */
#ifndef WR_ROUTE_TRIE_H
#define WR_ROUTE_TRIE_H

#include "core/route/table.h"

struct wr_trie_text {
	const uint8_t *bytes;
	uint32_t count;
	uint32_t entry; /* of the table: whose list it is */
};

struct wr_trie_node {
	uint32_t label; /* where in `labels`; its first byte is heads[node] */
	uint32_t label_bytes;
	uint32_t list;  /* of what ends here; 0: nothing */
	uint32_t first; /* of its children, side by side */
	uint32_t child_count;
};

struct wr_trie {
	struct wr_trie_text *texts; /* while they are gathered */
	size_t count, room;
	struct wr_trie_node *nodes; /* 0: the root */
	uint8_t *heads;
	uint8_t *labels;
};

bool wr_trie_add(struct wr_trie *trie, struct wr_arena *arena, const struct wr_trie_text *text);

/* No more are added, each was added once. `backwards`: the texts are ends. false: no memory. */
bool wr_trie_finish(struct wr_trie *trie, struct wr_arena *arena, const struct wr_table *table,
		    bool backwards);

/*
 * Calls `take` with the list of each text that the given one begins (ends) with. `step` is 1 and
 * `text` its first byte, or -1 and its last.
 */
static inline void wr_trie_walk(const struct wr_trie *trie, const uint8_t *text, ptrdiff_t step,
				size_t bytes, void (*take)(void *context, uint32_t list),
				void *context)
{
	const struct wr_trie_node *node = &trie->nodes[0];
	for (;;) {
		if (node->list != 0)
			take(context, node->list);
		if (bytes == 0 || node->child_count == 0)
			return;
		const uint8_t *heads = trie->heads + node->first;
		size_t child = 0;
		while (child < node->child_count && heads[child] != *text)
			child++;
		if (child == node->child_count)
			return;
		node = &trie->nodes[node->first + child];
		if (node->label_bytes > bytes)
			return;
		const uint8_t *label = trie->labels + node->label;
		/* The first byte is the head, which fits. */
		if (step == 1) {
			if (node->label_bytes > 1 &&
			    memcmp(label + 1, text + 1, node->label_bytes - 1) != 0)
				return;
		} else {
			for (uint32_t i = 1; i < node->label_bytes; i++)
				if (label[i] != text[-(ptrdiff_t)i])
					return;
		}
		text += step * (ptrdiff_t)node->label_bytes;
		bytes -= node->label_bytes;
	}
}

#endif
