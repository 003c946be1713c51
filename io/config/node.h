/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of a config file: maps, lists and scalars, each with its place. Made by yaml.c, walked
 * by who reads values, checks them and explains them.
 *
 * Scalars are text: that `yes`, `08` or `1e3` mean something is never YAML's to decide, but the
 * table's (keys.h).
 */
#ifndef WR_CONFIG_NODE_H
#define WR_CONFIG_NODE_H

#include <stdbool.h>

#include "io/config/diagnostic.h"

enum wr_config_kind { WR_NODE_SCALAR = 0, WR_NODE_MAP, WR_NODE_LIST };

struct wr_config_node {
	enum wr_config_kind kind;
	bool plain;        /* a scalar without quotes */
	bool empty;        /* a plain scalar with nothing in it, or ~ or null */
	bool refused;      /* it was said why: nothing more is to be said of it */
	uint32_t count;    /* of children */
	size_t at;         /* where it starts in the source */
	size_t span_bytes; /* there, quotes included; of a map or list: its first character */
	const char *text;  /* of a scalar: one line of UTF-8, no control characters but tabs; ends
	                      in NUL */
	size_t bytes;      /* of the text */
	const struct wr_config_node *key; /* of an entry of a map: a scalar */
	struct wr_config_node *first;     /* child */
	struct wr_config_node *next;      /* brother */
};

/* "sources[NAME].rate" of what stands at a byte of the source; what has no name has its number from
 * 0 instead. "" where it stands before all keys. */
void wr_config_path_at(const struct wr_config_node *root, size_t at, char *to, size_t to_bytes);

/* The entry of a map, or NULL. `map` may be NULL, or no map. */
const struct wr_config_node *wr_config_child(const struct wr_config_node *map, const char *key);

struct wr_config_place wr_config_node_place(const struct wr_config_findings *findings,
					    const struct wr_config_node *node);

/* Of the key of an entry; of the node where it has none. */
struct wr_config_place wr_config_key_place(const struct wr_config_findings *findings,
					   const struct wr_config_node *node);

/* Of a part of a scalar's text, where it stands in the source as it is; else of all of it. */
struct wr_config_place wr_config_part_place(const struct wr_config_findings *findings,
					    const struct wr_config_node *node, size_t at,
					    size_t bytes);

#endif
