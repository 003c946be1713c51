/* SPDX-License-Identifier: Apache-2.0 */
/* What changed between two schemas, as lines with + - ~, or as JSON. */
#include "tools/weir/schema_diff.h"

#include <stdio.h>

#include "tools/weir/args.h"
#include "tools/weir/json_out.h"

struct report {
	struct json_out json;
	bool as_json;
};

static const struct {
	const char *word;
	char sign;
	const char *thing;
} words[] = {
	[WEIR_SCHEMA_CHANGE_TYPE] = {"type", '~', "type"},
	[WEIR_SCHEMA_CHANGE_NAME] = {"name", '~', "name"},
	[WEIR_SCHEMA_CHANGE_DEFAULT] = {"default", '~', "default"},
	[WEIR_SCHEMA_CHANGE_FIELD_ADDED] = {"field_added", '+', "field"},
	[WEIR_SCHEMA_CHANGE_FIELD_REMOVED] = {"field_removed", '-', "field"},
	[WEIR_SCHEMA_CHANGE_BRANCH_ADDED] = {"branch_added", '+', "branch"},
	[WEIR_SCHEMA_CHANGE_BRANCH_REMOVED] = {"branch_removed", '-', "branch"},
	[WEIR_SCHEMA_CHANGE_SYMBOL_ADDED] = {"symbol_added", '+', "symbol"},
	[WEIR_SCHEMA_CHANGE_SYMBOL_REMOVED] = {"symbol_removed", '-', "symbol"},
	[WEIR_SCHEMA_CHANGE_KEYWORD] = {"keyword", '~', "keyword"},
};

static void tell(void *context, const struct weir_schema_difference *d)
{
	struct report *r = context;
	char sign = words[d->change].sign;

	if (r->as_json) {
		json_object(&r->json, NULL);
		json_text(&r->json, "change", words[d->change].word);
		json_text(&r->json, "path", d->path);
		json_text(&r->json, "before", sign == '+' ? NULL : d->before);
		json_text(&r->json, "after", sign == '-' ? NULL : d->after);
		json_close(&r->json);
		return;
	}
	printf("%c %s %s ", sign, d->path, words[d->change].thing);
	if (sign == '~')
		printf("%s -> %s\n", d->before, d->after);
	else
		printf("%s\n", sign == '+' ? d->after : d->before);
}

int schema_diff_print(const struct weir_schema *old, const struct weir_schema *next,
		      const char *old_path, const char *next_path, bool json)
{
	struct report r = {.as_json = json};

	if (json) {
		json_begin(&r.json, stdout, JSON_PRETTY);
		json_object(&r.json, NULL);
		json_text(&r.json, "old", old_path);
		json_text(&r.json, "new", next_path);
		json_array(&r.json, "differences");
	}
	int count = weir_schema_diff(old, next, tell, &r);
	int backward = count < 0 ? count : weir_schema_can_read(next, old, NULL, NULL);
	int forward = backward < 0 ? backward : weir_schema_can_read(old, next, NULL, NULL);
	if (json && forward >= 0) {
		json_close(&r.json);
		json_bool(&r.json, "new_reads_old", backward == 1);
		json_bool(&r.json, "old_reads_new", forward == 1);
	}
	if (json && json_end(&r.json) < 0)
		return CLI_EXIT_IO;
	if (forward < 0)
		return cli_fail("schema diff", forward, NULL);
	if (json)
		return CLI_EXIT_OK;
	if (count == 0)
		printf("no difference\n");
	printf("%s %s what %s wrote; %s %s what %s writes\n", next_path,
	       backward == 1 ? "reads" : "cannot read", old_path, old_path,
	       forward == 1 ? "reads" : "cannot read", next_path);
	return CLI_EXIT_OK;
}
