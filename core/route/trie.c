/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts are sorted; a node is a range of them that share their first `depth` bytes. Children
 * of the node with the most texts come next to it in memory, so that the way that most texts go is
 * walked from line to line.
 */
#include "core/route/trie.h"

bool wr_trie_add(struct wr_trie *trie, struct wr_arena *arena, const struct wr_trie_text *text)
{
	void *list = trie->texts;
	if (!wr_arena_grow(arena, &list, &trie->room, trie->count, sizeof *trie->texts))
		return false;
	trie->texts = list;
	trie->texts[trie->count++] = *text;
	return true;
}

static int compare(const struct wr_trie_text *a, const struct wr_trie_text *b)
{
	uint32_t shorter = a->count < b->count ? a->count : b->count;
	int order = shorter > 0 ? memcmp(a->bytes, b->bytes, shorter) : 0;
	return order != 0 ? order : (a->count > b->count) - (a->count < b->count);
}

static void sift(struct wr_trie_text *heap, size_t at, size_t count)
{
	struct wr_trie_text moved = heap[at];
	for (size_t child; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count && compare(&heap[child + 1], &heap[child]) > 0)
			child++;
		if (compare(&heap[child], &moved) <= 0)
			break;
		heap[at] = heap[child];
	}
	heap[at] = moved;
}

static void sort(struct wr_trie_text *list, size_t count)
{
	for (size_t i = count / 2; i-- > 0;)
		sift(list, i, count);
	for (size_t left = count; left > 1; left--) {
		struct wr_trie_text greatest = list[0];
		list[0] = list[left - 1];
		list[left - 1] = greatest;
		sift(list, 0, left - 1);
	}
}

static bool turn(struct wr_trie *trie, struct wr_arena *arena)
{
	for (size_t i = 0; i < trie->count; i++) {
		struct wr_trie_text *t = &trie->texts[i];
		uint8_t *turned = wr_arena_take(arena, t->count, 1);
		if (turned == NULL)
			return false;
		for (uint32_t k = 0; k < t->count; k++)
			turned[k] = t->bytes[t->count - 1 - k];
		t->bytes = turned;
	}
	return true;
}

/* While it is built: which texts a node stands for, and how many bytes lie above it. */
struct span {
	size_t from;
	size_t end;
	uint32_t depth;
};

static uint32_t shared(const struct wr_trie_text *a, const struct wr_trie_text *b, uint32_t from)
{
	while (from < a->count && from < b->count && a->bytes[from] == b->bytes[from])
		from++;
	return from;
}

/* The node's label, what ends at it, and its children behind all other nodes. */
static void open_node(struct wr_trie *trie, const struct wr_table *table, struct span *spans,
		      size_t number, size_t *node_count, size_t *label_bytes)
{
	struct wr_trie_node *node = &trie->nodes[number];
	const struct span s = spans[number];
	const struct wr_trie_text *first = &trie->texts[s.from];
	uint32_t depth = number == 0 ? 0 : shared(first, &trie->texts[s.end - 1], s.depth);
	size_t at = s.from;
	node->label = (uint32_t)*label_bytes;
	node->label_bytes = depth - s.depth;
	if (node->label_bytes > 0)
		memcpy(trie->labels + *label_bytes, first->bytes + s.depth, node->label_bytes);
	*label_bytes += node->label_bytes;
	if (first->count == depth)
		node->list = table->entries[trie->texts[at++].entry].list;
	node->first = (uint32_t)*node_count;
	while (at < s.end) {
		uint8_t head = trie->texts[at].bytes[depth];
		size_t from = at;
		while (at < s.end && trie->texts[at].bytes[depth] == head)
			at++;
		trie->heads[*node_count] = head;
		spans[(*node_count)++] = (struct span){from, at, depth};
		node->child_count++;
	}
}

bool wr_trie_finish(struct wr_trie *trie, struct wr_arena *arena, const struct wr_table *table,
		    bool backwards)
{
	size_t label_room = 0, label_bytes = 0, node_count = 1;
	if (trie->count == 0)
		return true;
	if (backwards && !turn(trie, arena))
		return false;
	sort(trie->texts, trie->count);
	for (size_t i = 0; i < trie->count; i++)
		label_room += trie->texts[i].count;
	/* Each text adds a node where it ends, and one where it parts from the one before. */
	size_t room = trie->count * 2 + 1;
	trie->nodes = wr_arena_take(arena, room, sizeof *trie->nodes);
	trie->heads = wr_arena_take(arena, room, 1);
	trie->labels = wr_arena_take(arena, label_room, 1);
	struct span *spans = wr_arena_take(arena, room, sizeof *spans);
	if (trie->nodes == NULL || trie->heads == NULL || trie->labels == NULL || spans == NULL)
		return false;
	uint32_t *pending = wr_arena_take(arena, room, sizeof *pending);
	size_t pending_count = 1;
	if (pending == NULL)
		return false;
	spans[0] = (struct span){0, trie->count, 0};
	while (pending_count > 0) {
		size_t number = pending[--pending_count], first = node_count, heaviest = first;
		open_node(trie, table, spans, number, &node_count, &label_bytes);
		for (size_t i = first; i < node_count; i++)
			if (spans[i].end - spans[i].from >
			    spans[heaviest].end - spans[heaviest].from)
				heaviest = i;
		for (size_t i = first; i < node_count; i++)
			if (i != heaviest)
				pending[pending_count++] = (uint32_t)i;
		if (first < node_count)
			pending[pending_count++] = (uint32_t)heaviest;
	}
	return true;
}
