/* SPDX-License-Identifier: Apache-2.0 */
/* Files with schemas: read, parsed, complained of. */
#include "tools/weir/schema_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/args.h"

char *schema_file_text(const char *path, size_t *ret_bytes, int *ret_exit_code)
{
	size_t capacity = WEIR_SCHEMA_TEXT_BYTES_MAX + 1;
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
	char *text = file != NULL ? malloc(capacity) : NULL;
	int code = file == NULL ? -errno : text == NULL ? -ENOMEM : 0;

	if (code == 0) {
		errno = 0;
		*ret_bytes = fread(text, 1, capacity, file);
		if (ferror(file) != 0)
			code = errno != 0 ? -errno : -EIO;
	}
	if (file != NULL && file != stdin)
		fclose(file);
	if (code == 0)
		return text;
	free(text);
	*ret_exit_code = cli_fail(path, code, NULL);
	return NULL;
}

const char *const schema_file_formats[] = {"avro", "json", NULL};

uint32_t schema_file_flags(unsigned format)
{
	return format == 1 ? WEIR_SCHEMA_JSON : 0;
}

struct weir_schema *schema_file_read(const char *path, uint32_t flags, int *ret_exit_code)
{
	struct weir_problem problem = {0};
	struct weir_schema *schema = NULL;
	size_t bytes = 0;
	char *text = schema_file_text(path, &bytes, ret_exit_code);

	if (text == NULL)
		return NULL;
	int code = weir_schema_parse(text, bytes, flags, NULL, &schema, &problem);
	free(text);
	if (code == 0)
		return schema;
	fprintf(stderr, "weir: %s: %s: %s\n", path, problem.field, problem.text);
	*ret_exit_code = code == -ENOMEM ? CLI_EXIT_FAILED : CLI_EXIT_USAGE;
	return NULL;
}
