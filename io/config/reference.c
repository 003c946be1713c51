/* SPDX-License-Identifier: Apache-2.0 */
/* The table as docs/reference/config.md; tests/api/test_docs.sh compares the two. */
#include "io/config/schema.h"

#include <stdio.h>
#include <string.h>

#include "io/config/value.h"

static const char introduction[] =
	"# Configuration file\n"
	"\n"
	"Every key of a config file; `weir config schema --format markdown` writes this.\n"
	"How a file is written and checked is in [the guide](../guide/configuration.md).\n"
	"\n"
	"| value | is written |\n"
	"| --- | --- |\n"
	"| size | bytes: `4096`, `64KiB`, `1.5 GiB`; `K`, `KB` and `KiB` all count in 1024 |\n"
	"| duration | one number with its unit: `250us`, `250µs`, `1.5 s`, `90m`, `1h`; a bare "
	"number is refused |\n"
	"| number | `42`, `1_000_000`, `5M`; `K`, `M`, `G` count in 1000 |\n"
	"| rate | `500/s`, `10k/s` |\n"
	"| yes or no | `yes`, `no`, `true` or `false` |\n"
	"| name | letters, digits, `.`, `_` and `-`, not beginning with `.` |\n"
	"| text | anything on one line; in quotes where YAML needs them |\n"
	"| CPUs | `auto`, `none`, `4`, `2-5,8` (in braces in quotes: `{cpus: \"2-5,8\"}`), "
	"`[2, 3]`, `0-14:2` (every second), `+0-7` (the n-th of those that the process may use), "
	"`node:0`, `core:2-3`, `l3:0`; one kind in a list |\n"
	"| place to start | `oldest`, `newest`, `sequence 4711`, `time 2026-01-31T12:00:00Z` |\n";

static const char *type_name(const struct wr_config_key *key, enum wr_config_type type)
{
	switch (type) {
	case WR_CONFIG_BOOL:
		return "yes or no";
	case WR_CONFIG_COUNT:
		return "number";
	case WR_CONFIG_SIZE:
		return "size";
	case WR_CONFIG_DURATION:
		return "duration";
	case WR_CONFIG_NAME:
		return "name";
	case WR_CONFIG_POINT:
		return "place to start";
	case WR_CONFIG_CPUS:
		return "CPUs";
	case WR_CONFIG_NUMA:
		return "`auto`, `off`, `interleave`, `node:0`";
	case WR_CONFIG_LIST:
		return wr_config_key_lists_maps(key) ? "list of maps"
		       : key->item == WR_CONFIG_NAME ? "list of names"
						     : "list of texts";
	case WR_CONFIG_MAP:
		return "map";
	case WR_CONFIG_ONE_OF:
		return "one of";
	case WR_CONFIG_PAIRS:
		return "map of names";
	case WR_CONFIG_RATE:
		return "rate";
	default:
		return "text";
	}
}

static void put_cell_of_value(struct wr_config_text *text, const struct wr_config_key *key)
{
	if (key->shorthand != NULL) {
		const struct wr_config_key *inner =
			wr_config_key_find(key->section, key->shorthand, strlen(key->shorthand));
		put_cell_of_value(text, inner);
		wr_config_put(text, ", or a map");
		return;
	}
	if (key->choices == NULL) {
		wr_config_put(text, "%s", type_name(key, key->type));
		return;
	}
	for (const struct wr_config_choice *choice = key->choices; choice->name != NULL; choice++)
		wr_config_put(text, "%s`%s`", choice != key->choices ? ", " : "", choice->name);
}

static void put_cell_of_default(struct wr_config_text *text, const struct wr_config_key *key)
{
	if (key->fallback != NULL)
		wr_config_put(text, "`%s`", key->fallback);
	else if (key->required)
		wr_config_put(text, "must be given");
	else if (key->absent != NULL)
		wr_config_put(text, "%s", key->absent);
}

static void put_row(struct wr_config_text *text, const struct wr_config_key *key,
		    const char *anchor)
{
	wr_config_put(text, wr_config_key_nests(key) ? "| [`%s`](#%s) | " : "| `%s` | ", key->name,
		      anchor);
	put_cell_of_value(text, key);
	wr_config_put(text, " | ");
	put_cell_of_default(text, key);
	wr_config_put(text, " | ");
	if (key->type == WR_CONFIG_SIZE || key->type == WR_CONFIG_COUNT ||
	    key->type == WR_CONFIG_DURATION || key->type == WR_CONFIG_RATE)
		(void)wr_config_range_format(key, text);
	else if (key->type == WR_CONFIG_WORD)
		wr_config_put(text, "up to %u bytes", key->bytes - 1);
	else if (key->type == WR_CONFIG_NAME)
		wr_config_put(text, "up to %u bytes", (unsigned)key->max);
	wr_config_put(text, " | %s |\n", key->doc);
}

static void put_choices(struct wr_config_text *text, const struct wr_config_section *section)
{
	for (const struct wr_config_key *key = section->keys; key->name != NULL; key++) {
		if (key->choices == NULL)
			continue;
		wr_config_put(text, "\n`%s`:\n\n", key->name);
		for (const struct wr_config_choice *choice = key->choices; choice->name != NULL;
		     choice++)
			wr_config_put(text, "- `%s`: %s\n", choice->name, choice->doc);
	}
}

/* The heading's name in a link: without dots. */
static void put_anchor(char *to, size_t to_bytes, const char *path)
{
	size_t used = 0;
	for (; *path != '\0' && used + 1 < to_bytes; path++)
		if (*path != '.')
			to[used++] = *path;
	to[used] = '\0';
}

static const char *item_is(const struct wr_config_key *key)
{
	return key->type != WR_CONFIG_LIST     ? ""
	       : key->item == WR_CONFIG_ONE_OF ? "Each item: a map with one of these keys. "
					       : "Each item: a map. ";
}

static void put_section(struct wr_config_text *text, const struct wr_config_section *section,
			const char *path)
{
	char inner[WR_CONFIG_PATH_BYTES];
	char anchor[WR_CONFIG_PATH_BYTES];
	wr_config_put(text, "\n| key | value | default | range | what it does |\n"
			    "| --- | --- | --- | --- | --- |\n");
	for (const struct wr_config_key *key = section->keys; key->name != NULL; key++) {
		(void)snprintf(inner, sizeof inner, "%s%s%s", path, path[0] != '\0' ? "." : "",
			       key->name);
		put_anchor(anchor, sizeof anchor, inner);
		put_row(text, key, anchor);
	}
	put_choices(text, section);
	for (const struct wr_config_key *key = section->keys; key->name != NULL; key++) {
		if (!wr_config_key_nests(key))
			continue;
		(void)snprintf(inner, sizeof inner, "%s%s%s", path, path[0] != '\0' ? "." : "",
			       key->name);
		wr_config_put(text, "\n## %s\n\n%s%s.\n", inner, item_is(key), key->doc);
		put_section(text, key->section, inner);
	}
}

void wr_config_reference_put(struct wr_config_text *text)
{
	wr_config_put_n(text, introduction, sizeof introduction - 1);
	wr_config_put(text, "\n## The file\n");
	put_section(text, &wr_config_file, "");
}
