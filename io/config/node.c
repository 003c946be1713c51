/* SPDX-License-Identifier: Apache-2.0 */
/* Finding in the tree, and the places of what was found. */
#include "io/config/node.h"

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
