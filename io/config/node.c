/* SPDX-License-Identifier: Apache-2.0 */
/* Finding in the tree, and the places of what was found. */
#include "io/config/node.h"

#include <stdio.h>
#include <string.h>

const struct wr_config_node *wr_config_child(const struct wr_config_node *map, const char *key)
{
	size_t bytes = strlen(key);
	if (map == NULL || map->kind != WR_NODE_MAP)
		return NULL;
	for (const struct wr_config_node *child = map->first; child != NULL; child = child->next)
		if (child->key->bytes == bytes && memcmp(child->key->text, key, bytes) == 0)
			return child;
	return NULL;
}

struct wr_config_place wr_config_node_place(const struct wr_config_findings *findings,
					    const struct wr_config_node *node)
{
	return wr_config_place_of(findings->source, node->at, node->span_bytes);
}

struct wr_config_place wr_config_key_place(const struct wr_config_findings *findings,
					   const struct wr_config_node *node)
{
	return wr_config_node_place(findings, node->key != NULL ? node->key : node);
}

struct wr_config_place wr_config_part_place(const struct wr_config_findings *findings,
					    const struct wr_config_node *node, size_t at,
					    size_t bytes)
{
	size_t quote = node->plain ? 0 : 1;
	const char *source = findings->source->text + node->at;
	/* Where nothing is escaped, the text is as long as what stands there. */
	if (node->kind != WR_NODE_SCALAR || node->span_bytes != node->bytes + 2 * quote ||
	    memcmp(source + quote, node->text, node->bytes) != 0)
		return wr_config_node_place(findings, node);
	return wr_config_place_of(findings->source, node->at + quote + at, bytes);
}

static size_t start_of(const struct wr_config_node *node)
{
	return node->key != NULL ? node->key->at : node->at;
}

void wr_config_path_at(const struct wr_config_node *root, size_t at, char *to, size_t to_bytes)
{
	const struct wr_config_node *in = root;
	size_t used = 0;
	to[0] = '\0';
	while (in != NULL && used < to_bytes) {
		const struct wr_config_node *found = NULL;
		uint32_t index = 0, found_index = 0;
		for (const struct wr_config_node *c = in->first; c != NULL; c = c->next, index++)
			if (start_of(c) <= at) {
				found = c;
				found_index = index;
			}
		if (found == NULL)
			return;
		const struct wr_config_node *name = wr_config_child(found, "name");
		size_t room = to_bytes - used;
		int bytes;
		if (in->kind == WR_NODE_MAP)
			bytes = snprintf(to + used, room, "%s%s", used > 0 ? "." : "",
					 found->key->text);
		else if (name != NULL && name->kind == WR_NODE_SCALAR)
			bytes = snprintf(to + used, room, "[%s]", name->text);
		else
			bytes = snprintf(to + used, room, "[%u]", found_index);
		used += (size_t)bytes;
		in = found;
	}
}
