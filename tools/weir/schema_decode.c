/* SPDX-License-Identifier: Apache-2.0 */
/* A datum in a file: resolved from the writer's schema to the reader's, printed as JSON. */
#include "tools/weir/schema_decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <weir/resolver.h>

#include "tools/weir/args.h"
#include "tools/weir/schema_file.h"

struct block {
	char *bytes;
	size_t count;
};

/* `data` said why not. */
static int refused(const char *path, int code, const struct weir_problem *problem)
{
	fprintf(stderr, "weir: %s: %s\n", path, problem->text);
	return code == -ENOMEM ? CLI_EXIT_FAILED : CLI_EXIT_USAGE;
}

/* What comes out of the resolver, in a block of its own. */
static int resolve(const struct weir_schema *writer, const struct weir_schema *reader,
		   const struct block *in, struct block *out, struct weir_problem *problem)
{
	struct weir_resolver *resolver = NULL;
	int code = weir_resolver_create(writer, reader, &resolver, problem);

	if (code == 0)
		code = weir_resolve(resolver, in->bytes, in->count, NULL, 0, &out->count, problem);
	if (code == 0 || code == -ENOBUFS) {
		out->bytes = malloc(out->count + 1);
		code = out->bytes == NULL ? -ENOMEM
					  : weir_resolve(resolver, in->bytes, in->count, out->bytes,
							 out->count, &out->count, problem);
	}
	weir_resolver_free(resolver);
	return code;
}

static int print_json(const struct weir_schema *schema, const struct block *data, bool avros,
		      struct weir_problem *problem)
{
	uint32_t flags = avros ? WEIR_SCHEMA_JSON_AVRO : 0;
	size_t bytes = 0;
	int code = weir_schema_to_json(schema, data->bytes, data->count, flags, NULL, 0, &bytes,
				       problem);

	if (code != 0 && code != -ENOBUFS)
		return code;
	char *text = malloc(bytes + 1);
	if (text == NULL)
		return -ENOMEM;
	code = weir_schema_to_json(schema, data->bytes, data->count, flags, text, bytes, &bytes,
				   problem);
	if (code == 0) {
		fwrite(text, 1, bytes, stdout);
		putchar('\n');
	}
	free(text);
	return code;
}

/* Behind the prefix, if there is to be one. */
static int print_datum(const struct schema_decode *how, const struct weir_schema *writer,
		       const struct weir_schema *reader, struct block in, const char *path)
{
	struct weir_problem problem = {.text = "there is no memory"};
	struct block out = {NULL, 0};
	uint32_t id;
	int code;

	if (how->prefix) {
		if (weir_schema_prefix_get(in.bytes, in.count, &id) != 0) {
			fprintf(stderr,
				"weir: %s: it does not begin with a byte 0 and an id of 4 "
				"bytes\n",
				path);
			return CLI_EXIT_USAGE;
		}
		in.bytes += WEIR_SCHEMA_PREFIX_BYTES;
		in.count -= WEIR_SCHEMA_PREFIX_BYTES;
	}
	code = resolve(writer, reader, &in, &out, &problem);
	if (code == 0)
		code = print_json(reader, &out, how->avros_json, &problem);
	free(out.bytes);
	return code == 0 ? CLI_EXIT_OK : refused(path, code, &problem);
}

int schema_decode_print(const struct schema_decode *how, const char *data_path)
{
	int exit_code = CLI_EXIT_OK;
	struct block in = {NULL, 0};
	struct weir_schema *reader = NULL;
	struct weir_schema *writer = schema_file_read(how->writer, 0, &exit_code);

	if (writer != NULL && how->reader != NULL)
		reader = schema_file_read(how->reader, 0, &exit_code);
	if (exit_code == CLI_EXIT_OK)
		in.bytes = schema_file_text(data_path, &in.count, &exit_code);
	if (exit_code == CLI_EXIT_OK && in.count > WEIR_SCHEMA_TEXT_BYTES_MAX)
		exit_code = cli_fail(data_path, -EFBIG, NULL);
	if (exit_code == CLI_EXIT_OK)
		exit_code =
			print_datum(how, writer, reader != NULL ? reader : writer, in, data_path);
	free(in.bytes);
	weir_schema_free(reader);
	weir_schema_free(writer);
	return exit_code;
}
