/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THE table: one row for each key of a config file. From it come reading (read.h), the values in
 * force with their origin (explain.h), the JSON Schema (schema.h) and the reference page
 * (reference.h); so a key is said once. A new key is a row and a place for its value; a new kind of
 * map is a section.
 *
 * A section describes one struct: the keys of a map, each with the offset of its value. Rows nest:
 *
 *   MAP     the keys of `section`, in the struct at `offset` (0: the same struct)
 *   LIST    of scalars (`item`), of maps (item MAP, `section`) or of maps with one key (item
 *           ONE_OF: its unsigned is the first of the item's struct): a struct wr_config_list
 *   ONE_OF  a map with exactly one of the keys of `section`: which one, from 1 on, is an unsigned
 *           at `offset`; its value goes where its own row says, in the same struct
 *   PAIRS   a map whose keys are the user's: a struct wr_config_list of struct wr_config_pair
 *
 * MAP and ONE_OF may have a `shorthand`: a single value in their place is that of this inner key.
 */
#ifndef WR_CONFIG_KEYS_H
#define WR_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wr_config_type {
	WR_CONFIG_BOOL = 1, /* bool; yes, no, true, false */
	WR_CONFIG_COUNT,    /* unsigned of `bytes`: 42, 1_000_000, 5M */
	WR_CONFIG_SIZE,     /* unsigned of `bytes`: 4096, 64KiB, 1.5GiB */
	WR_CONFIG_DURATION, /* uint64_t ns: 250us, 1.5s, 2m; never without a unit */
	WR_CONFIG_CHOICE,   /* unsigned of `bytes`: the value of one of `choices` */
	WR_CONFIG_NAME,     /* const char *: up to `max` of [A-Za-z0-9._-] */
	WR_CONFIG_TEXT,     /* const char *: not empty */
	WR_CONFIG_WORD,     /* char[bytes]: what fits, not empty */
	WR_CONFIG_POINT,    /* struct wr_config_point: where a subscription starts */
	WR_CONFIG_CPUS,     /* struct wr_cpu_request */
	WR_CONFIG_RATE,     /* uint64_t a second: 500/s, 10k/s; never without its unit */
	WR_CONFIG_NUMA,     /* struct wr_config_numa: auto, off, interleave, node:0 */
	WR_CONFIG_MAP,
	WR_CONFIG_LIST,
	WR_CONFIG_ONE_OF,
	WR_CONFIG_PAIRS,
};

struct wr_config_choice {
	const char *name; /* NULL ends */
	unsigned value;
	const char *doc;
};

struct wr_config_section;

struct wr_config_key {
	const char *name;
	const char *doc; /* one sentence, or a few words */
	enum wr_config_type type;
	enum wr_config_type item; /* of a LIST */
	uint32_t offset;
	uint32_t bytes;
	const char *option;   /* the field of weir_options that it sets, or NULL */
	const char *fallback; /* the default, as it would stand in the file; NULL: none */
	const char *absent;   /* what it means to leave out a key that has no default */
	bool required;
	bool power_of_two;
	bool live;    /* a reload of `weir run` takes it (diff.c); a LIST: items come and go */
	uint64_t min; /* of numbers; of a LIST's items */
	uint64_t max; /* 0: no end */
	const struct wr_config_choice *choices;
	const struct wr_config_section *section;
	const char *shorthand; /* of a MAP or ONE_OF, or NULL */
	const char *since;
};

struct wr_config_section {
	const struct wr_config_key *keys; /* a NULL name ends */
	size_t struct_bytes;
};

struct wr_config_list {
	void *items;
	uint32_t count;
};

struct wr_config_pair {
	const char *name; /* as a NAME, up to 200 bytes */
	const char *text;
};

/* The whole file: describes struct wr_config_values (values.h). */
extern const struct wr_config_section wr_config_file;

const struct wr_config_key *wr_config_key_find(const struct wr_config_section *section,
					       const char *name, size_t bytes);

/* The path of the key that sets a field of weir_options ("journal.segment" for "segment_bytes"), in
 * `to`; false: there is none. */
#define WR_CONFIG_PATH_BYTES 96
bool wr_config_key_of_option(const char *option, char to[WR_CONFIG_PATH_BYTES]);

/* Are the items of a LIST maps? */
static inline bool wr_config_key_lists_maps(const struct wr_config_key *key)
{
	return key->item == WR_CONFIG_MAP || key->item == WR_CONFIG_ONE_OF;
}

/* Has the key other keys in it? */
bool wr_config_key_nests(const struct wr_config_key *key);

#endif
